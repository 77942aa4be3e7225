//! Where private keys are kept: in a file of their owner, or on a token that never gives them away.
//!
//! [`open_key`] takes a name. A path names a PEM file that only its owner can read, as [`write_new_key`]
//! makes it. A PKCS#11 URI (RFC 7512) names an Ed25519 key on a token: an HSM, a smart card, or SoftHSM
//! for trying it out.
//!
//! ```text
//! pkcs11:token=lab;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/unseen/pin
//! ```
//!
//! | part | what it says |
//! |---|---|
//! | `token`, `serial`, `slot-id` | which token: its label, its serial number, the slot it is in |
//! | `object`, `id` | which key on it: its label, its identifier in percent-encoding, such as `%01` |
//! | `type` | `private`, if at all |
//! | `module-path` | the token maker's library; without it, the environment variable [`MODULE_VARIABLE`] |
//! | `pin-source` | the file that holds the PIN; without it, the token must have a PIN pad or need no PIN |
//!
//! Keys are made with the token's own tools. With SoftHSM and OpenSC:
//!
//! ```text
//! softhsm2-util --init-token --free --label lab
//! pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label lab --login \
//!     --keypairgen --key-type EC:edwards25519 --label log --id 01
//! ```
//!
//! A token signs with `CKM_EDDSA` (PKCS #11 3.0). What it returns is checked with the public key before
//! anybody sees it, so that a broken token cannot put a bad signature into a log.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod file;
#[cfg(feature = "pkcs11")]
mod token;
#[cfg(feature = "pkcs11")]
mod uri;

pub use file::{read_secret, read_signing_key, write_new_key, write_secret};

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use unseen_tlog::{KeyError, Signer};

/// Names the PKCS#11 library of URIs without `module-path`.
pub const MODULE_VARIABLE: &str = "UNSEEN_PKCS11_MODULE";

/// Opens the private key of this name: a PKCS#11 URI if it begins with `pkcs11:`, else a path.
pub fn open_key(name: &str) -> Result<Arc<dyn Signer>, KeyStoreError> {
    match name.starts_with("pkcs11:") {
        true => open_token(name),
        false => Ok(Arc::new(read_signing_key(Path::new(name))?)),
    }
}

#[cfg(feature = "pkcs11")]
fn open_token(name: &str) -> Result<Arc<dyn Signer>, KeyStoreError> {
    let uri = uri::KeyUri::parse(name, std::env::var_os(MODULE_VARIABLE).as_deref())?;
    Ok(Arc::new(token::TokenKey::open(uri)?))
}

#[cfg(not(feature = "pkcs11"))]
fn open_token(_name: &str) -> Result<Arc<dyn Signer>, KeyStoreError> {
    Err(KeyStoreError::NotBuilt)
}

/// Why a key cannot be had. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A new key never takes the place of another.
    #[error("{} exists already and is never overwritten: choose another name", .0.display())]
    Exists(PathBuf),
    /// A secret that is none.
    #[error("{} can be read by others (mode {mode:o}): run `chmod 600` on it, and make a new key if others may have read it", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file with something else in it.
    #[error("{} is not a private key made by `unseen key new`", .0.display())]
    NotAKey(PathBuf),
    /// A key that could not be made.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Not a URI, or one that names no key.
    #[error("the key's PKCS#11 URI cannot be used: {0}")]
    Uri(String),
    /// A program that was built to do without tokens.
    #[error("this program was built without keys on tokens: build it with the feature pkcs11, or use a key file")]
    NotBuilt,
    /// A library that is not there, or is not one.
    #[error("the PKCS#11 library {} cannot be used ({why}): check module-path", path.display())]
    Module {
        /// Where it should be.
        path: PathBuf,
        /// What the system or the library says.
        why: String,
    },
    /// No token answers to the URI.
    #[error("no token in any slot is the one that the key's URI names: insert it, or check token, serial and slot-id")]
    NoToken,
    /// The URI is not clear about the token.
    #[error("{0} tokens are as the key's URI says: add serial or slot-id to it")]
    ManyTokens(usize),
    /// No key on the token answers to the URI.
    #[error("the token holds no private key as the key's URI says: check object and id")]
    NoKey,
    /// The URI is not clear about the key.
    #[error("{0} private keys on the token are as the key's URI says: name one by both object and id")]
    ManyKeys(usize),
    /// A key that signs in another way.
    #[error("the key on the token is of the type {0}, not Ed25519: make one with --key-type EC:edwards25519")]
    OtherType(String),
    /// A token that does not say which key it signs with.
    #[error(
        "the token does not give the key's public half, one Ed25519 point: put the public key beside it, with the same id"
    )]
    NoPublicKey,
    /// A PIN is needed and not to be had.
    #[error("the token asks for a PIN: add pin-source=FILE to the key's URI, a file that only you can read")]
    NoPin,
    /// Another PIN is needed.
    #[error(
        "the token refused the PIN ({0}): correct the file that pin-source names before too many tries lock the token"
    )]
    PinRefused(String),
    /// Another key answers to the URI than when it was opened.
    #[error("the token came back with another key of the same name: insert the one that was there before")]
    OtherKey,
    /// Anything else that a token reports.
    #[error("the token failed ({0}): check it with pkcs11-tool --login --list-objects")]
    Token(String),
}
