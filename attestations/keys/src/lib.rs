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
use unseen_texts::{Say, Sentence, exists};
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
#[derive(Debug, thiserror::Error, Say)]
#[code("key-store")]
pub enum KeyStoreError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    #[zh("{path}：{source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A new key never takes the place of another.
    #[error("{}", exists(.0))]
    #[zh("{said}", said = exists(_0))]
    Exists(PathBuf),
    /// A secret that is none.
    #[error("{} can be read by others (mode {mode:o}): run `chmod 600` on it, and make a new key if others may have read it", path.display())]
    #[zh("{path} 可被他人读取（权限 {mode:o}）：请执行 `chmod 600`；若可能已被他人读取，请更换密钥")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file with something else in it.
    #[error("{} is not a private key of the kind that is made here", .0.display())]
    #[zh("{0} 不是此处生成的那种私钥")]
    NotAKey(PathBuf),
    /// A key that could not be made.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Not a URI, or one that names no key.
    #[error("the key's PKCS#11 URI cannot be used: {0}")]
    #[zh("密钥的 PKCS#11 URI 无法使用：{0}")]
    Uri(Sentence),
    /// A program that was built to do without tokens.
    #[error("this program was built without keys on tokens: build it with the feature pkcs11, or use a key file")]
    #[zh("本程序构建时未启用令牌密钥：请启用 pkcs11 功能重新构建，或使用密钥文件")]
    NotBuilt,
    /// A library that is not there, or is not one.
    #[error("the PKCS#11 library {} cannot be used ({why}): check module-path", path.display())]
    #[zh("PKCS#11 库 {path} 无法使用（{why}）：请检查 module-path")]
    Module {
        /// Where it should be.
        path: PathBuf,
        /// What the system or the library says.
        why: String,
    },
    /// No token answers to the URI.
    #[error("no token in any slot is the one that the key's URI names: insert it, or check token, serial and slot-id")]
    #[zh("各插槽中没有密钥 URI 所指的令牌：请插入令牌，或检查 token、serial 和 slot-id")]
    NoToken,
    /// The URI is not clear about the token.
    #[error("{0} tokens match the key's URI: add serial or slot-id to it")]
    #[zh("有 {0} 个令牌符合密钥 URI：请在 URI 中加上 serial 或 slot-id")]
    ManyTokens(usize),
    /// No key on the token answers to the URI.
    #[error("the token holds no private key as the key's URI says: check object and id")]
    #[zh("令牌中没有密钥 URI 所指的私钥：请检查 object 和 id")]
    NoKey,
    /// The URI is not clear about the key.
    #[error("{0} private keys on the token match the key's URI: name one by both object and id")]
    #[zh("令牌中有 {0} 个私钥符合密钥 URI：请同时用 object 和 id 指明一个")]
    ManyKeys(usize),
    /// A key that signs in another way.
    #[error("the key on the token has type {0}, not Ed25519: make one with --key-type EC:edwards25519")]
    #[zh("令牌中密钥的类型是 {0}，不是 Ed25519：请用 --key-type EC:edwards25519 生成")]
    OtherType(Sentence),
    /// A token that does not say which key it signs with.
    #[error(
        "the token does not give the key's public half, one Ed25519 point: put the public key beside it, with the same id"
    )]
    #[zh("令牌没有给出密钥的公钥部分（一个 Ed25519 点）：请把公钥以相同的 id 一并存入令牌")]
    NoPublicKey,
    /// A PIN is needed and not to be had.
    #[error("the token asks for a PIN: add pin-source=FILE to the key's URI, a file that only you can read")]
    #[zh("令牌要求 PIN：请在密钥 URI 中加上 pin-source=FILE，该文件只有您可读")]
    NoPin,
    /// Another PIN is needed.
    #[error(
        "the token refused the PIN ({0}): correct the file that pin-source names before too many tries lock the token"
    )]
    #[zh("令牌拒绝了 PIN（{0}）：请更正 pin-source 所指的文件，以免尝试次数过多锁住令牌")]
    PinRefused(Sentence),
    /// Another key answers to the URI than when it was opened.
    #[error("the token came back with another key of the same name: insert the one that was there before")]
    #[zh("令牌重新接入后同名密钥已不同：请插入原来的令牌")]
    OtherKey,
    /// Anything else that a token reports.
    #[error("the token failed ({0}): check it with pkcs11-tool --login --list-objects")]
    #[zh("令牌出错（{0}）：请用 pkcs11-tool --login --list-objects 检查")]
    Token(String),
}
