//! The pure half of Unseen's transparency log: hashing, proofs, tiles, signed notes, envelopes.
//!
//! An auditor's tool links this crate and nothing heavier. It does no I/O and reads no clock: bytes
//! come in through [`tree::Files`], verdicts go out. Read in this order:
//!
//! | module | what it is | specification |
//! |---|---|---|
//! | [`merkle`] | tree hashes, inclusion and consistency proofs | RFC 6962, section 2.1 |
//! | [`tile`] | names and contents of the files a log is made of | C2SP tlog-tiles 0.1.0 |
//! | [`tree`] | authenticated reading of those files; how they grow | C2SP tlog-tiles 0.1.0 |
//! | [`key`] | Ed25519 keys, PKCS#8 and PEM | RFC 8032, 8410, 7468 |
//! | [`note`] | signed notes and checkpoints | C2SP signed-note 1.0.0, tlog-checkpoint 1.0.0 |
//! | [`cosignature`] | what witnesses add to a checkpoint | C2SP tlog-cosignature 1.0.1, Ed25519 |
//! | [`proof`] | one entry's inclusion as a text file | C2SP tlog-proof |
//! | [`signature::sshsig`] | what `ssh-keygen -Y sign` writes | OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f |
//! | [`signature::webauthn`] | what a passkey signs | W3C Web Authentication, Level 3 |
//! | [`signature`] | a person's signature, in whichever form | RFC 8032, and these two |
//! | `sm2` | SM2 lines and envelopes, with the feature `sm2` | GB/T 32918.2, 32905 |
//! | [`dsse`] | one person's signature over one payload | DSSE 1.0.2 |
//! | [`statement`] | what such a payload says | in-toto Statement v1 |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod cosignature;
pub mod dsse;
mod error;
mod grow;
pub mod key;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod prove;
pub mod signature;
mod signing;
#[cfg(feature = "sm2")]
pub mod sm2;
pub mod statement;
pub mod tile;
pub mod tree;

pub use grow::Growth;
pub use key::{KeyError, VerifyingKey};
pub use signing::{Signer, SigningKey};

/// A decimal number in its one canonical spelling: digits only, no leading zero.
pub(crate) fn canonical_u64(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
