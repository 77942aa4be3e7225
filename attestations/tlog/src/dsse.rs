//! DSSE envelopes: one payload, one signature (secure-systems-lab/dsse, protocol 1.0.2).
//!
//! The signature is Ed25519 over the [`pre_authentication_encoding`], or what `ssh-keygen -Y sign` makes of
//! a file with the same bytes.

use crate::{
    canonical_u64,
    key::{KeyError, VerifyingKey},
    signing::Signer,
    sshsig::{self, SshSignature},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use unseen_ids::canonical;

pub use crate::error::EnvelopeError;

/// A payload with the signature of one person. Several people sign several envelopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    key_id: String,
    signature: Signature,
}

/// How it was signed. The JSON has the bytes of either in the same field: the first are 64, the second more.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Signature {
    Ed25519([u8; 64]),
    Ssh(SshSignature),
}

impl Envelope {
    /// Signs `payload` as being of the type `payload_type`.
    pub fn sign(key: &dyn Signer, payload_type: &str, payload: Vec<u8>) -> Result<Envelope, KeyError> {
        let signature = Signature::Ed25519(key.sign(&pre_authentication_encoding(payload_type, &payload))?);
        Ok(Envelope { payload_type: payload_type.into(), payload, key_id: key.verifying_key().key_id(), signature })
    }

    /// The envelope for an SSH signature over the [`pre_authentication_encoding`] of this type and payload.
    /// Nothing is verified: see [`Envelope::verify`].
    pub fn from_ssh(payload_type: &str, payload: Vec<u8>, signature: SshSignature) -> Envelope {
        let key_id = signature.public_key().key_id();
        Envelope { payload_type: payload_type.into(), payload, key_id, signature: Signature::Ssh(signature) }
    }

    /// The payload, if it was signed by `key` and by nobody else.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&[u8], EnvelopeError> {
        if self.key_id != key.key_id() {
            return Err(EnvelopeError::OtherKey { found: self.key_id.clone(), expected: key.key_id() });
        }
        let message = pre_authentication_encoding(&self.payload_type, &self.payload);
        match &self.signature {
            Signature::Ed25519(signature) => key.verify(&message, signature)?,
            Signature::Ssh(signature) => signature.verify(key, &message)?,
        }
        Ok(&self.payload)
    }

    /// What was signed and the bare Ed25519 signature, for batch verification; `None` for SSH.
    pub fn bare_signature(&self) -> Option<(Vec<u8>, &[u8; 64])> {
        match &self.signature {
            Signature::Ed25519(signature) => {
                Some((pre_authentication_encoding(&self.payload_type, &self.payload), signature))
            }
            Signature::Ssh(_) => None,
        }
    }

    /// What the payload is said to be.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Which key is said to have signed: [`VerifyingKey::key_id`].
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether the signature is SSH's rather than bare Ed25519.
    pub fn is_ssh(&self) -> bool {
        matches!(self.signature, Signature::Ssh(_))
    }

    /// The payload, whoever signed it. Trust nothing in it before [`Envelope::verify`].
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The envelope as JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let signature = match &self.signature {
            Signature::Ed25519(signature) => signature.to_vec(),
            Signature::Ssh(signature) => signature.to_bytes(),
        };
        let Envelope { payload_type, payload, key_id, .. } = self.clone();
        Parts { payload_type, payload, key_id, signature }.to_bytes()
    }

    /// Reads JSON with exactly these fields and exactly one signature.
    pub fn from_bytes(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        let Parts { payload_type, payload, key_id, signature } = Parts::from_bytes(bytes)?;
        let signature = match <[u8; 64]>::try_from(signature.as_slice()) {
            Ok(signature) => Signature::Ed25519(signature),
            Err(_) if signature.starts_with(sshsig::MAGIC) => Signature::Ssh(SshSignature::from_bytes(&signature)?),
            Err(_) => return Err(EnvelopeError::Kind),
        };
        Ok(Envelope { payload_type, payload, key_id, signature })
    }
}

/// What is signed: type and payload, each behind its length, so that neither can pose as the other.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The type and the payload in bytes that [`pre_authentication_encoding`] gives, and in no others.
pub fn parse_pre_authentication_encoding(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (payload_type, rest) = take_field(bytes.strip_prefix(b"DSSEv1 ")?)?;
    let (payload, rest) = take_field(rest.strip_prefix(b" ")?)?;
    rest.is_empty().then_some((std::str::from_utf8(payload_type).ok()?, payload))
}

/// A length, a space, and as many bytes; and what is after them.
fn take_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at(bytes.iter().position(|byte| *byte == b' ')?);
    let length = canonical_u64(std::str::from_utf8(length).ok()?)?;
    rest[1..].split_at_checked(usize::try_from(length).ok()?)
}

/// What the JSON of an envelope with one signature says, whatever that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub payload_type: String,
    pub payload: Vec<u8>,
    pub key_id: String,
    pub signature: Vec<u8>,
}

impl Parts {
    pub fn to_bytes(&self) -> Vec<u8> {
        let signature = JsonSignature { keyid: self.key_id.clone(), sig: STANDARD.encode(&self.signature) };
        let json = JsonEnvelope {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: [signature],
        };
        canonical::to_vec_as_declared(&json).expect("invariant: strings always make JSON")
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Parts, EnvelopeError> {
        let json: JsonEnvelope = serde_json::from_slice(bytes).map_err(EnvelopeError::Json)?;
        let [JsonSignature { keyid, sig }] = json.signatures;
        let payload = STANDARD.decode(json.payload).map_err(|_| EnvelopeError::Base64("payload"))?;
        let signature = STANDARD.decode(sig).map_err(|_| EnvelopeError::Base64("sig"))?;
        Ok(Parts { payload_type: json.payload_type, payload, key_id: keyid, signature })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonEnvelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: [JsonSignature; 1],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSignature {
    keyid: String,
    sig: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    fn raw(envelope: &Envelope) -> [u8; 64] {
        match envelope.signature {
            Signature::Ed25519(signature) => signature,
            Signature::Ssh(_) => panic!("signed by a bare key"),
        }
    }

    #[test]
    fn specifications_example_is_encoded_so() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn an_encoding_is_read_as_what_it_was_made_of() {
        for (payload_type, payload) in
            [("", b"".as_slice()), ("text/plain", b"yes"), ("a 1 b", b" 2 \xff\0"), ("\u{e9} 3", b"DSSEv1 0  0 ")]
        {
            let encoded = pre_authentication_encoding(payload_type, payload);
            assert_eq!(parse_pre_authentication_encoding(&encoded), Some((payload_type, payload)));
            for length in 0..encoded.len() {
                assert_eq!(parse_pre_authentication_encoding(&encoded[..length]), None);
            }
            assert_eq!(parse_pre_authentication_encoding(&[encoded, b"\n".to_vec()].concat()), None);
        }
        for wrong in [
            b"DSSEv1 01 a 1 b".as_slice(),
            b"DSSEv1 +1 a 1 b",
            b"DSSEv1  1 a 1 b",
            b"DSSEv1 1 a1 b",
            b"DSSEv1 1 a 1  ",
            b"DSSEv2 1 a 1 b",
            b"DSSEv1 1 \xff 1 b",
            b"DSSEv1 18446744073709551615 a 1 b",
            b"DSSEv1 1 a 99999999999999999999 b",
        ] {
            let read = parse_pre_authentication_encoding(wrong);
            assert!(
                read.is_none_or(|(kind, payload)| pre_authentication_encoding(kind, payload) == wrong),
                "{}",
                String::from_utf8_lossy(wrong)
            );
        }
        assert_eq!(parse_pre_authentication_encoding(b"DSSEv1 01 a 1 b"), None);
    }

    #[test]
    fn only_the_signers_unchanged_envelope_opens() {
        let [key, other] = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]).unwrap());
        let envelope = Envelope::sign(&key, "text/plain", b"yes".to_vec()).unwrap();
        let json = String::from_utf8(envelope.to_bytes()).unwrap();
        let (id, sig) = (key.verifying_key().key_id(), STANDARD.encode(raw(&envelope)));
        assert!(!envelope.is_ssh());
        assert_eq!(
            json,
            format!(
                r#"{{"payload":"eWVz","payloadType":"text/plain","signatures":[{{"keyid":"{id}","sig":"{sig}"}}]}}"#
            )
        );
        assert_eq!(Envelope::from_bytes(json.as_bytes()).unwrap(), envelope);
        assert_eq!(envelope.verify(&key.verifying_key()).unwrap(), b"yes");
        assert!(matches!(envelope.verify(&other.verifying_key()), Err(EnvelopeError::OtherKey { .. })));

        let signature = &json[json.find("[{").unwrap() + 1..json.len() - 2];
        for (wrong, why) in [
            (json.replace("eWVz", "bm8="), "another payload"),
            (json.replace("text/plain", "text/html"), "another type"),
            (json.replace(&id, &other.verifying_key().key_id()), "another key's name"),
            (json.replace(signature, ""), "no signature"),
            (json.replace(signature, &format!("{signature},{signature}")), "two signatures"),
            (json.replace("{\"payload\"", "{\"x\":1,\"payload\""), "an unknown field"),
            (json.replace("{\"payload\"", "{\"payload\":\"eWVz\",\"payload\""), "a field twice"),
            (json.replace("eWVz", "eWVz="), "bad base64"),
            (format!("{json}x"), "trailing bytes"),
            (json.replace(&sig, &sig[..84]), "a short signature"),
            (json.replace(&sig, &STANDARD.encode(b"SSHSIG")), "the beginning of an SSH signature"),
        ] {
            let read = Envelope::from_bytes(wrong.as_bytes());
            let verified = read.and_then(|envelope| {
                [&key, &other].iter().try_for_each(|key| envelope.verify(&key.verifying_key()).map(drop))
            });
            assert!(verified.is_err(), "{why}");
            let by_key = Envelope::from_bytes(wrong.as_bytes()).is_ok_and(|e| e.verify(&key.verifying_key()).is_ok());
            assert!(!by_key, "{why}");
        }
    }
}
