//! DSSE envelopes: one payload, signed by one key or by a few (secure-systems-lab/dsse, protocol 1.0.2).
//!
//! A signature is over the [`pre_authentication_encoding`], in any form of [`Signature`].

use crate::{
    canonical_u64,
    key::{KeyError, VerifyingKey},
    signature::{Signature, sshsig::SshSignature},
    signing::Signer,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeSet};
use unseen_ids::canonical;

pub use crate::error::EnvelopeError;

/// A payload with the signatures of one person or of a few, each by another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    /// Never empty.
    signatures: Vec<(String, Signature)>,
}

/// The most signatures that an envelope has.
pub const MOST_SIGNATURES: usize = 4;

impl Envelope {
    /// Signs `payload` as being of the type `payload_type`.
    pub fn sign(key: &dyn Signer, payload_type: &str, payload: Vec<u8>) -> Result<Envelope, KeyError> {
        let signature = Signature::Ed25519(key.sign(&pre_authentication_encoding(payload_type, &payload))?);
        let signatures = vec![(key.verifying_key().key_id(), signature)];
        Ok(Envelope { payload_type: payload_type.into(), payload, signatures })
    }

    /// The envelope for an SSH signature over the [`pre_authentication_encoding`] of this type and payload.
    /// Nothing is verified: see [`Envelope::verify`].
    pub fn from_ssh(payload_type: &str, payload: Vec<u8>, signature: SshSignature) -> Envelope {
        let signatures = vec![(signature.public_key().key_id(), Signature::Ssh(signature))];
        Envelope { payload_type: payload_type.into(), payload, signatures }
    }

    /// This envelope with the signatures of another one too, which others made of the same payload.
    pub fn join(mut self, other: Envelope) -> Result<Envelope, EnvelopeError> {
        if (&self.payload_type, &self.payload) != (&other.payload_type, &other.payload) {
            return Err(EnvelopeError::OtherPayload);
        }
        self.signatures.extend(other.signatures);
        self.check_signers()?;
        Ok(self)
    }

    /// The payload, if it was signed by `key` and by nobody else.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&[u8], EnvelopeError> {
        if self.signatures.len() > 1 {
            return Err(EnvelopeError::Signers);
        }
        self.verify_at(0, key)?;
        Ok(&self.payload)
    }

    /// Whether the signature at this place among [`Envelope::key_ids`] is a true one of `key`.
    pub fn verify_at(&self, at: usize, key: &VerifyingKey) -> Result<(), EnvelopeError> {
        let (key_id, signature) = self.signatures.get(at).ok_or(EnvelopeError::Signers)?;
        if *key_id != key.key_id() {
            return Err(EnvelopeError::OtherKey { found: key_id.clone(), expected: key.key_id() });
        }
        signature.verify(key, &pre_authentication_encoding(&self.payload_type, &self.payload))
    }

    /// What was signed and the bare Ed25519 signature at this place, for batch verification; `None` for another form.
    pub fn bare_signature(&self, at: usize) -> Option<(Vec<u8>, &[u8; 64])> {
        let Some((_, Signature::Ed25519(signature))) = self.signatures.get(at) else { return None };
        Some((pre_authentication_encoding(&self.payload_type, &self.payload), signature))
    }

    /// What the payload is said to be.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Which keys are said to have signed, at least one and each once: [`VerifyingKey::key_id`].
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|(key_id, _)| key_id.as_str())
    }

    /// Whether one of the signatures is of some form.
    pub fn has(&self, form: fn(&Signature) -> bool) -> bool {
        self.signatures.iter().any(|(_, signature)| form(signature))
    }

    /// The payload, whoever signed it. Trust nothing in it before [`Envelope::verify`].
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The envelope as JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|(key_id, one)| (key_id.clone(), one.to_bytes())).collect();
        Parts { payload_type: self.payload_type.clone(), payload: self.payload.clone(), signatures }.to_bytes()
    }

    /// Reads JSON with exactly these fields and one to [`MOST_SIGNATURES`] signatures, each by another key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        let Parts { payload_type, payload, signatures } = Parts::from_bytes(bytes)?;
        let read = |(key_id, one): (String, Vec<u8>)| Ok((key_id, Signature::from_bytes(&one)?));
        let signatures = signatures.into_iter().map(read).collect::<Result<_, EnvelopeError>>()?;
        let envelope = Envelope { payload_type, payload, signatures };
        envelope.check_signers()?;
        Ok(envelope)
    }

    fn check_signers(&self) -> Result<(), EnvelopeError> {
        let signers: BTreeSet<&str> = self.key_ids().collect();
        let each_once = signers.len() == self.signatures.len();
        let fine = each_once && (1..=MOST_SIGNATURES).contains(&signers.len());
        if fine { Ok(()) } else { Err(EnvelopeError::Signers) }
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

/// What the JSON of an envelope says, whatever that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub payload_type: String,
    pub payload: Vec<u8>,
    /// Key ids and signatures.
    pub signatures: Vec<(String, Vec<u8>)>,
}

impl Parts {
    pub fn to_bytes(&self) -> Vec<u8> {
        let signature =
            |(keyid, sig): &(String, Vec<u8>)| JsonSignature { keyid: keyid.clone(), sig: STANDARD.encode(sig).into() };
        let json = JsonEnvelope {
            payload: STANDARD.encode(&self.payload).into(),
            payload_type: self.payload_type.clone(),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        canonical::to_vec_as_declared(&json).expect("invariant: strings always make JSON")
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Parts, EnvelopeError> {
        let json: JsonEnvelope<'_> = serde_json::from_slice(bytes).map_err(EnvelopeError::Json)?;
        let payload = STANDARD.decode(&*json.payload).map_err(|_| EnvelopeError::Base64("payload"))?;
        let signatures = json.signatures.into_iter().map(|JsonSignature { keyid, sig }| {
            let signature = STANDARD.decode(&*sig).map_err(|_| EnvelopeError::Base64("sig"))?;
            Ok((keyid, signature))
        });
        let signatures = signatures.collect::<Result<_, EnvelopeError>>()?;
        Ok(Parts { payload_type: json.payload_type, payload, signatures })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonEnvelope<'j> {
    #[serde(borrow)]
    payload: Cow<'j, str>,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<JsonSignature<'j>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSignature<'j> {
    keyid: String,
    #[serde(borrow)]
    sig: Cow<'j, str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    fn raw(envelope: &Envelope) -> [u8; 64] {
        match envelope.signatures[0].1 {
            Signature::Ed25519(signature) => signature,
            _ => panic!("not signed by a bare key"),
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
        assert!(envelope.has(|form| matches!(form, Signature::Ed25519(_))));
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
            (json.replace(signature, &format!("{signature},{signature}")), "one signature twice"),
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

    #[test]
    fn several_sign_one_payload_and_each_of_them_counts() {
        let keys = [1, 2, 3, 4, 5].map(|seed| SigningKey::from_seed([seed; 32]).unwrap());
        let by = |at: usize, payload: &str| Envelope::sign(&keys[at], "text/plain", payload.into()).unwrap();
        let two = by(0, "yes").join(by(1, "yes")).unwrap();
        let bytes = two.to_bytes();
        assert_eq!(Envelope::from_bytes(&bytes).unwrap(), two);
        assert_eq!(two.key_ids().collect::<Vec<_>>(), [0, 1].map(|at| keys[at].verifying_key().key_id()));
        for (at, key) in [(0, 0), (1, 1), (0, 1), (1, 0), (2, 0)] {
            assert_eq!(two.verify_at(at, &keys[key].verifying_key()).is_ok(), at == key, "{at} {key}");
        }
        assert!(matches!(two.verify(&keys[0].verifying_key()), Err(EnvelopeError::Signers)), "somebody else did too");

        assert!(matches!(two.clone().join(by(2, "no")), Err(EnvelopeError::OtherPayload)));
        assert!(matches!(two.clone().join(by(1, "yes")), Err(EnvelopeError::Signers)), "one key twice");
        let four = two.join(by(2, "yes")).unwrap().join(by(3, "yes")).unwrap();
        assert!(matches!(four.clone().join(by(4, "yes")), Err(EnvelopeError::Signers)), "five");
        // What `join` would not make is not read either.
        let json = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
            let mut json: serde_json::Value = serde_json::from_slice(&four.to_bytes()).unwrap();
            change(json["signatures"].as_array_mut().unwrap());
            Envelope::from_bytes(json.to_string().as_bytes())
        };
        assert_eq!(json(&|_| ()).unwrap(), four);
        let fifth: serde_json::Value = serde_json::from_slice(&by(4, "yes").to_bytes()).unwrap();
        let fifth = &fifth["signatures"][0];
        for (wrong, why) in [
            (json(&|all| all.clear()), "none"),
            (json(&|all| all[1] = all[0].clone()), "one twice"),
            (json(&|all| all.push(fifth.clone())), "five"),
        ] {
            assert!(matches!(wrong, Err(EnvelopeError::Signers)), "{why}");
        }
        let swapped = json(&|all| {
            let (one, other) = (all[0]["sig"].clone(), all[1]["sig"].clone());
            (all[0]["sig"], all[1]["sig"]) = (other, one);
        });
        let swapped = swapped.unwrap();
        assert!(swapped.verify_at(0, &keys[0].verifying_key()).is_err(), "each is its own key's");
        assert!(swapped.verify_at(2, &keys[2].verifying_key()).is_ok());
    }
}
