//! The forms in which a person may have signed, all of them by an Ed25519 key.

pub mod sshsig;
pub mod webauthn;

use crate::{error::EnvelopeError, key::VerifyingKey};
use sshsig::SshSignature;
use webauthn::Assertion;

/// One signature, however it was made. Their bytes tell them apart: plain ones are 64, the others are longer and begin
/// each in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Ed25519 over the message itself.
    Ed25519([u8; 64]),
    /// What `ssh-keygen -Y sign` makes of a file with the message.
    Ssh(SshSignature),
    /// What a passkey says of the message's digest.
    Passkey(Assertion),
}

impl Signature {
    /// Reads one. Only the bytes that [`Signature::to_bytes`] gives are read. Nothing is verified.
    pub fn from_bytes(bytes: &[u8]) -> Result<Signature, EnvelopeError> {
        match <[u8; 64]>::try_from(bytes) {
            Ok(plain) => Ok(Signature::Ed25519(plain)),
            Err(_) if bytes.starts_with(sshsig::MAGIC) => Ok(Signature::Ssh(SshSignature::from_bytes(bytes)?)),
            Err(_) if bytes.starts_with(webauthn::MAGIC) => Ok(Signature::Passkey(Assertion::from_bytes(bytes)?)),
            Err(_) => Err(EnvelopeError::Kind),
        }
    }

    /// The signature as it stands in envelopes, proofs and log-ins, there in base64.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Signature::Ed25519(plain) => plain.to_vec(),
            Signature::Ssh(signature) => signature.to_bytes(),
            Signature::Passkey(assertion) => assertion.to_bytes(),
        }
    }

    /// Whether it is `key`'s over `message`.
    pub fn verify(&self, key: &VerifyingKey, message: &[u8]) -> Result<(), EnvelopeError> {
        match self {
            Signature::Ed25519(plain) => Ok(key.verify(message, plain)?),
            Signature::Ssh(signature) => Ok(signature.verify(key, message)?),
            Signature::Passkey(assertion) => Ok(assertion.verify(key, message)?),
        }
    }
}
