//! Signatures in the national cryptography of China: SM2 (GB/T 32918.2) over SM3 (GB/T 32905), with the
//! distinguishing identifier `1234567812345678` that GB/T 35276 gives where none is agreed upon.
//!
//! They stand beside Ed25519 and never in its place: on a checkpoint as one more line ([`Sm2NoteKey`]), and
//! over a payload as a second envelope ([`Sm2Envelope`]). OpenSSL 3 and gmssl make and check the same ones.
//!
//! **This is not a certified cryptographic module** (GM/T 0028), and neither are the crates it stands on, which
//! nobody has audited. Where one is required, sign there, and verify here or anywhere.

use crate::{
    dsse::{EnvelopeError, Parts, pre_authentication_encoding},
    key::{KeyError, unpem},
    note::{self, Countersigner, Note, NoteError},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom, SystemRandom};
use sm2::{
    PublicKey, SecretKey,
    dsa::{
        self,
        signature::{Signer, Verifier},
    },
    elliptic_curve::sec1::ToSec1Point,
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
};
use std::fmt;
use unseen_ids::{hex, pem, sha256};
use unseen_texts::say;

/// Who signs, in the sense of SM2: everybody who does not agree upon something else.
const DISTINGUISHING_ID: &str = "1234567812345678";

/// The signature type on notes: 0xff, since C2SP signed-note assigns none to SM2, and an identifier.
const KIND: &[u8] = b"\xffsm2-with-sm3";

/// SubjectPublicKeyInfo up to the key: id-ecPublicKey on the curve SM2.
const SPKI: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d\x03\x42\x00";

/// A private key in memory. It is printed nowhere: [`fmt::Debug`] shows the public half.
pub struct Sm2SigningKey(SecretKey);

impl Sm2SigningKey {
    /// A new key from the operating system's random numbers.
    pub fn generate() -> Result<Sm2SigningKey, KeyError> {
        loop {
            let mut bytes = [0; 32];
            SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Random)?;
            // One in 2^32 is not below the curve's order.
            if let Ok(key) = SecretKey::from_slice(&bytes) {
                return Ok(Sm2SigningKey(key));
            }
        }
    }

    /// Reads one `PRIVATE KEY` block, as `openssl genpkey -algorithm SM2` writes it (PKCS#8). A public key in
    /// it that is not the private one's is refused.
    pub fn from_pem(text: &str) -> Result<Sm2SigningKey, KeyError> {
        let der = unpem("PRIVATE KEY", text)?;
        SecretKey::from_pkcs8_der(&der).map(Sm2SigningKey).map_err(|_| KeyError::Sm2Private)
    }

    /// One `PRIVATE KEY` block: secret.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der = self.0.to_pkcs8_der().map_err(|_| KeyError::Sm2Private)?;
        Ok(pem::encode("PRIVATE KEY", der.as_bytes()))
    }

    /// The public half.
    pub fn verifying_key(&self) -> Sm2VerifyingKey {
        Sm2VerifyingKey(self.0.public_key())
    }

    /// The signature over `message`, in DER. The nonce is derived from key and message (as in RFC 6979, with
    /// SM3), so the same two always give the same one.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = dsa::SigningKey::new(DISTINGUISHING_ID, &self.0).map_err(|_| KeyError::Sm2Private)?;
        let signature: dsa::Signature = key
            .try_sign(message)
            .map_err(|error| KeyError::Signer(say!("SM2: {error}", "SM2：{error}", error = error.to_string())))?;
        Ok(signature.to_der().to_vec())
    }
}

impl fmt::Debug for Sm2SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sm2SigningKey(of {})", self.verifying_key())
    }
}

/// A public key: a point of the curve. [`fmt::Display`] gives the base64 of its 65 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sm2VerifyingKey(PublicKey);

impl Sm2VerifyingKey {
    /// Reads an uncompressed point (SEC 1, section 2.3.3): 0x04 and two numbers of 32 bytes. One that is not
    /// on the curve is refused.
    pub fn from_bytes(bytes: &[u8; 65]) -> Result<Sm2VerifyingKey, KeyError> {
        PublicKey::from_sec1_bytes(bytes).map(Sm2VerifyingKey).map_err(|_| KeyError::Sm2Public)
    }

    /// The 65 bytes.
    pub fn to_bytes(&self) -> [u8; 65] {
        let mut bytes = [0; 65];
        bytes.copy_from_slice(self.0.to_sec1_point(false).as_bytes());
        bytes
    }

    /// What an envelope calls this key: the SHA-256 of its 65 bytes, in lowercase hexadecimal.
    pub fn key_id(&self) -> String {
        hex::encode(&sha256(&[&self.to_bytes()]))
    }

    /// Whether `signature`, in DER, is this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = read_signature(signature)?;
        let key = dsa::VerifyingKey::new(DISTINGUISHING_ID, self.0).map_err(|_| KeyError::Sm2Public)?;
        key.verify(message, &signature).map_err(|_| KeyError::Signature)
    }

    /// Reads one `PUBLIC KEY` block (SubjectPublicKeyInfo).
    pub fn from_pem(text: &str) -> Result<Sm2VerifyingKey, KeyError> {
        let der = unpem("PUBLIC KEY", text)?;
        let key = der.strip_prefix(SPKI).and_then(|key| key.try_into().ok()).ok_or(KeyError::Sm2Public)?;
        Sm2VerifyingKey::from_bytes(key)
    }

    /// One `PUBLIC KEY` block.
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &[SPKI, &self.to_bytes()].concat())
    }
}

impl fmt::Display for Sm2VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.to_bytes()))
    }
}

impl fmt::Debug for Sm2VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sm2VerifyingKey({self})")
    }
}

/// A public key and the name it signs notes under. Its text form is a `vkey` of the type 0xff, followed by
/// `sm2-with-sm3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sm2NoteKey {
    name: String,
    key: Sm2VerifyingKey,
}

impl Sm2NoteKey {
    /// `key` under a name, which is not empty and has neither white space nor `+` in it.
    pub fn new(name: &str, key: Sm2VerifyingKey) -> Result<Sm2NoteKey, NoteError> {
        if note::is_name(name) {
            Ok(Sm2NoteKey { name: name.to_owned(), key })
        } else {
            Err(NoteError::Name(name.to_owned()))
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub fn key(&self) -> &Sm2VerifyingKey {
        &self.key
    }

    /// What tells this key's signature lines from others of the same name.
    pub fn key_id(&self) -> [u8; 4] {
        note::key_id(&self.name, KIND, &self.key.to_bytes())
    }

    /// Whether the note bears exactly one signature of this key, and a true one.
    pub fn verify(&self, note: &Note) -> Result<(), NoteError> {
        let signature = note.only(&self.name, self.key_id(), self)?;
        Ok(self.key.verify(note.text().as_bytes(), signature)?)
    }
}

impl fmt::Display for Sm2NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&note::vkey(&self.name, KIND, &self.key.to_bytes()))
    }
}

impl std::str::FromStr for Sm2NoteKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Sm2NoteKey, NoteError> {
        let refused = || NoteError::VerifierKey(text.to_owned());
        let (name, key) = note::unvkey(text, KIND).ok_or_else(refused)?;
        let key = key.as_slice().try_into().map_err(|_| refused())?;
        Sm2NoteKey::new(&name, Sm2VerifyingKey::from_bytes(key).map_err(|_| refused())?)
    }
}

/// Adds an SM2 line to every checkpoint of a log.
#[derive(Debug)]
pub struct Sm2NoteSigner {
    public: Sm2NoteKey,
    key: Sm2SigningKey,
}

impl Sm2NoteSigner {
    /// `key` under a name, as for [`Sm2NoteKey::new`].
    pub fn new(name: &str, key: Sm2SigningKey) -> Result<Sm2NoteSigner, NoteError> {
        Ok(Sm2NoteSigner { public: Sm2NoteKey::new(name, key.verifying_key())?, key })
    }

    /// What verifies its lines.
    pub fn note_key(&self) -> &Sm2NoteKey {
        &self.public
    }
}

impl Countersigner for Sm2NoteSigner {
    fn line(&self, text: &str) -> Result<note::Signature, NoteError> {
        let signature = self.key.sign(text.as_bytes())?;
        Ok(note::Signature::new(self.public.name(), self.public.key_id(), signature))
    }
}

/// A DSSE envelope that is signed in SM2: beside [`crate::dsse::Envelope`], over the same payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sm2Envelope {
    payload_type: String,
    payload: Vec<u8>,
    key_id: String,
    signature: Vec<u8>,
}

impl Sm2Envelope {
    /// Signs `payload` as being of the type `payload_type`.
    pub fn sign(key: &Sm2SigningKey, payload_type: &str, payload: Vec<u8>) -> Result<Sm2Envelope, KeyError> {
        let signature = key.sign(&pre_authentication_encoding(payload_type, &payload))?;
        let key_id = key.verifying_key().key_id();
        Ok(Sm2Envelope { payload_type: payload_type.into(), payload, key_id, signature })
    }

    /// The payload, if it was signed by `key` and by nobody else.
    pub fn verify(&self, key: &Sm2VerifyingKey) -> Result<&[u8], EnvelopeError> {
        let Sm2Envelope { payload_type, payload, key_id, signature } = self;
        if *key_id != key.key_id() {
            return Err(EnvelopeError::OtherKey { found: key_id.clone(), expected: key.key_id() });
        }
        key.verify(&pre_authentication_encoding(payload_type, payload), signature)?;
        Ok(payload)
    }

    /// What the payload is said to be.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Which key is said to have signed: [`Sm2VerifyingKey::key_id`].
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The payload, whoever signed it. Trust nothing in it before [`Sm2Envelope::verify`].
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The envelope as JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Sm2Envelope { payload_type, payload, key_id, signature } = self.clone();
        Parts { payload_type, payload, signatures: vec![(key_id, signature)] }.to_bytes()
    }

    /// Reads JSON with exactly these fields and exactly one signature, in DER.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sm2Envelope, EnvelopeError> {
        let Parts { payload_type, payload, signatures } = Parts::from_bytes(bytes)?;
        let [(key_id, signature)] = <[_; 1]>::try_from(signatures).map_err(|_| EnvelopeError::Signers)?;
        read_signature(&signature).map_err(|_| EnvelopeError::NotSm2)?;
        Ok(Sm2Envelope { payload_type, payload, key_id, signature })
    }
}

/// Reads a signature in the one DER that there is for its two numbers.
fn read_signature(der: &[u8]) -> Result<dsa::Signature, KeyError> {
    let signature = dsa::Signature::from_der(der).map_err(|_| KeyError::Signature)?;
    if signature.to_der().as_bytes() == der { Ok(signature) } else { Err(KeyError::Signature) }
}
