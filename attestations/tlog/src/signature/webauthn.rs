//! What a passkey signs (W3C Web Authentication, Level 3): an assertion by an Ed25519 credential (COSE algorithm -8),
//! whose challenge is the SHA-256 of the message. They are verified here, never made.
//!
//! Which site asked for it is not looked at: a passkey has a key of its own for each site, and what is signed names the
//! log that it is for. Other algorithms are not taken, so that there is one in all of the log.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use unseen_ids::sha256;
use unseen_texts::{Say, Text, text};

use super::sshsig::{encoded, string};
use crate::key::{KeyError, VerifyingKey};

/// How an assertion begins, here only: what follows is authenticator data, client data and signature, each a string of
/// RFC 4251, behind its length in 4 bytes, big-endian.
pub(crate) const MAGIC: &[u8] = b"WEBAUTHN";
/// The longest assertion read, in bytes: several times any honest one.
const MOST: usize = 2048;

/// How long authenticator data is that has neither a new credential nor extensions: 32 bytes of the site's digest, one
/// of flags, a counter in 4 (section 6.1).
const PLAIN: usize = 37;
/// Where the flags are.
const FLAGS: usize = 32;
/// Set when somebody touched it, and when it knew who that was, by a PIN or a finger (UP, UV).
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
/// Set when a new credential or extensions follow (AT, ED).
const MORE: u8 = 0x40 | 0x80;

/// One assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    authenticator: [u8; PLAIN],
    /// JSON as the browser wrote it, of which the authenticator signs the digest.
    client: Vec<u8>,
    signature: [u8; 64],
}

/// What the browser says that it was asked (section 5.8.1). It may say more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    #[serde(default)]
    cross_origin: bool,
}

impl Assertion {
    /// Reads one. Only the bytes that [`Assertion::to_bytes`] gives are read. Nothing is verified: see
    /// [`Assertion::verify`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Assertion, PasskeyError> {
        use PasskeyError::Malformed;
        if bytes.len() > MOST {
            return Err(Malformed(text!("it is longer than 2 KiB", "长度超过 2 KiB")));
        }
        let mut rest = bytes
            .strip_prefix(MAGIC)
            .ok_or(Malformed(text!("it does not begin with WEBAUTHN", "没有以 WEBAUTHN 开头")))?;
        let mut next = || string(&mut rest).ok_or(Malformed(text!("it is cut short", "内容不完整")));
        let (authenticator, client, signature) = (next()?, next()?.to_vec(), next()?);
        if !rest.is_empty() {
            return Err(Malformed(text!("something follows its signature", "签名之后还有内容")));
        }
        let authenticator: [u8; PLAIN] = authenticator.try_into().map_err(|_| PasskeyError::Extended)?;
        let signature = signature.try_into().map_err(|_| {
            Malformed(text!("its signature is not one of Ed25519, 64 bytes", "其签名不是 64 字节的 Ed25519 签名"))
        })?;
        Ok(Assertion { authenticator, client, signature })
    }

    /// The assertion as it stands in an envelope.
    pub fn to_bytes(&self) -> Vec<u8> {
        [MAGIC, &encoded(&[&self.authenticator, &self.client, &self.signature])].concat()
    }

    /// Whether `key` has signed `message` in this way, with its owner present and known to the authenticator.
    pub fn verify(&self, key: &VerifyingKey, message: &[u8]) -> Result<(), PasskeyError> {
        let said: ClientData = serde_json::from_slice(&self.client).map_err(|_| {
            PasskeyError::Malformed(text!(
                "its client data is not JSON as browsers write it",
                "其客户端数据不是浏览器所写的 JSON"
            ))
        })?;
        if said.r#type != "webauthn.get" || said.cross_origin {
            return Err(PasskeyError::Purpose);
        }
        if said.challenge != URL_SAFE_NO_PAD.encode(sha256(&[message])) {
            return Err(PasskeyError::Challenge);
        }
        let flags = self.authenticator[FLAGS];
        if flags & MORE != 0 {
            return Err(PasskeyError::Extended);
        }
        if flags & PRESENT == 0 || flags & VERIFIED == 0 {
            return Err(PasskeyError::NotVerified);
        }
        let signed = [self.authenticator.as_slice(), &sha256(&[&self.client])].concat();
        Ok(key.verify(&signed, &self.signature)?)
    }
}

/// Why an assertion is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Say)]
#[code("passkey")]
pub enum PasskeyError {
    /// Not the shape of an assertion.
    #[error("this is not what a passkey signs: {0}")]
    #[zh("这不是通行密钥的签名：{0}")]
    Malformed(Text),
    /// A new credential, or extensions that nobody asked for.
    #[error("the passkey says more than was asked of it: ask for no extensions")]
    #[zh("通行密钥给出了未要求的内容：请勿要求扩展")]
    Extended,
    /// Another kind of answer, or one that was given inside another site's page.
    #[error("the passkey was not asked to sign by a page of the lab itself")]
    #[zh("要求通行密钥签名的不是实验室自己的页面")]
    Purpose,
    /// Of other bytes.
    #[error("the passkey signed something else")]
    #[zh("通行密钥所签的是其他内容")]
    Challenge,
    /// Nobody touched it, or it did not know who did.
    #[error("the passkey did not ask its owner, by touch and by PIN, finger or face")]
    #[zh("通行密钥没有向主人确认（触碰，以及 PIN、指纹或面容）")]
    NotVerified,
    /// A signature that is not the key's.
    #[error("{0}")]
    Key(#[from] KeyError),
}
