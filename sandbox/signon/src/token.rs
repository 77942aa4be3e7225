//! What an ID token must say (OpenID Connect Core 1.0, section 3.1.3.7).

use serde::Deserialize;
use serde_json::{Map, Value};
use unseen_texts::{Text, text};

use crate::error::{SignOnError, hides};
use crate::jws::{KeySet, TOKEN};

/// How many seconds the provider's clock and the lab's may differ.
pub const LEEWAY: u64 = 60;

/// For whom a token must be, and when.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The provider's issuer, to the letter.
    pub issuer: &'a str,
    /// The lab's client id there.
    pub client: &'a str,
    /// The nonce that was sent. Where none was, a token must have none.
    pub nonce: Option<&'a str>,
    /// The access token that came with it, to which `at_hash` binds it.
    pub access_token: Option<&'a str>,
    /// Now, in seconds since 1970.
    pub now: u64,
}

/// What a true token says of a person. Made by [`verify`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) expires: u64,
    pub(crate) all: Map<String, Value>,
}

impl Claims {
    /// Who says so.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom it is about: a name of the provider's own, which never goes to another person.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Until when the token is good, in seconds since 1970. How long a session lasts is the lab's affair.
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// Everything that it says.
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}

/// The claims of an ID token, once its signature and every one of them that has a rule have been found right.
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, SignOnError> {
    let opened = keys.open(token)?;
    let read = |why| SignOnError::unreadable(TOKEN, &why);
    // The first reading also refuses a claim of these that is there twice.
    let said: Payload = serde_json::from_slice(&opened.payload).map_err(read)?;
    let all: Map<String, Value> = serde_json::from_slice(&opened.payload).map_err(read)?;

    if said.iss != expected.issuer {
        return refuse("iss", text!("it is of another identity provider", "它出自另一个身份提供方"));
    }
    let audience = said.aud.list();
    if !audience.iter().any(|client| client == expected.client) {
        return refuse("aud", text!("it is for another client", "它是给另一个客户端的"));
    }
    match said.azp {
        Some(party) if party != expected.client => {
            return refuse("azp", text!("it was given to another client", "它发给了另一个客户端"));
        }
        None if audience.len() > 1 => {
            return refuse(
                "azp",
                text!("of several clients it names none that it was given to", "有多个客户端，却没有写明发给了哪一个"),
            );
        }
        _ => {}
    }
    if expected.now >= said.exp.saturating_add(LEEWAY) {
        return refuse("exp", text!("its time is over", "它已过期"));
    }
    let to_come = expected.now.saturating_add(LEEWAY);
    if said.iat > to_come {
        return refuse(
            "iat",
            text!("it is from the future: one of the two clocks is wrong", "它来自未来：两个时钟必有一个不准"),
        );
    }
    if said.nbf.is_some_and(|begin| begin > to_come) {
        return refuse("nbf", text!("its time has not come", "它尚未生效"));
    }
    if said.nonce.as_deref() != expected.nonce {
        return refuse("nonce", text!("it answers another sign-on", "它应答的是另一次登录"));
    }
    if let Some(hash) = said.at_hash
        && expected.access_token.map(|token| opened.algorithm.left_half(token)) != Some(hash)
    {
        return refuse("at_hash", text!("it came with another access token", "随它而来的访问令牌不对"));
    }
    // Section 2 has at most 255 ASCII characters.
    if said.sub.is_empty() || said.sub.len() > 255 || said.sub.chars().any(hides) {
        return refuse("sub", text!("it is not 1 to 255 visible characters", "它不是 1 到 255 个可见字符"));
    }
    Ok(Claims { issuer: said.iss, subject: said.sub, expires: said.exp, all })
}

fn refuse(claim: &'static str, why: Text) -> Result<Claims, SignOnError> {
    Err(SignOnError::Claim { claim, why })
}

/// The claims that have a rule. Times are whole seconds since 1970.
#[derive(Deserialize)]
struct Payload {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: u64,
    iat: u64,
    nbf: Option<u64>,
    nonce: Option<String>,
    at_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn list(self) -> Vec<String> {
        match self {
            Audience::One(client) => vec![client],
            Audience::Many(clients) => clients,
        }
    }
}

#[cfg(test)]
mod tests;
