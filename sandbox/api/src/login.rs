//! How a person shows that a key is theirs: by signing that they log in, here and now.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, PublicKey};
use unseen_tlog::signature::Signature;
use unseen_tlog::{KeyError, Signer, VerifyingKey};

/// Where it is posted.
pub const PATH: &str = "/v1/login";
/// Where a browser is sent to the office's identity provider.
pub const OFFICE: &str = "/v1/login/office";
/// Where a terminal begins to sign on there; `/ID` after it asks whether it is done.
pub const OFFICE_DEVICE: &str = "/v1/login/office/device";
/// In an answer: nobody has signed on yet.
pub const WAITS: &str = "waits";
/// How far the clocks of the two may be apart.
pub const LEEWAY: TimeDelta = TimeDelta::minutes(5);

/// A log-in that its key has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Login {
    /// The host and port of the service, as whoever logs in knows them: a signature is good for no other service.
    pub host: String,
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: DateTime<Utc>,
    /// 32 hex digits, used once.
    pub nonce: String,
    /// The key. Only a passkey may leave it open, for a browser that has forgotten which one it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::KEY))]
    pub key: Option<PublicKey>,
    /// Its signature over [`Login::to_sign`], in base64.
    pub signature: String,
}

/// Somebody is logged in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedIn {
    /// Who.
    pub name: String,
    /// Name of the lab's log.
    pub log: String,
    /// What goes into the header `authorization: Bearer ...` from now on. It lets read, and approves nothing.
    pub token: String,
    /// Until when, if it is used.
    #[schemars(with = "String")]
    pub until: DateTime<Utc>,
}

/// What to type at the office's identity provider, to sign on at a terminal.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceCode {
    /// By which to ask whether it is done.
    pub id: String,
    /// What to type.
    pub code: String,
    /// Where.
    pub at: String,
    /// How many seconds to wait between two questions.
    pub interval: u64,
}

impl Answer for DeviceCode {
    const NAME: &str = "device-code/v1";
}

impl Answer for LoggedIn {
    const NAME: &str = "logged-in/v1";
}

impl Login {
    /// Signs one.
    pub fn sign(host: &str, nonce: String, key: &dyn Signer) -> Result<Login, KeyError> {
        let (host, time) = (host.to_owned(), Utc::now());
        let of = Some(PublicKey::from(key.verifying_key()));
        let mut login = Login { host, time, nonce, key: of, signature: String::new() };
        login.signature = BASE64_STANDARD.encode(key.sign(&login.to_sign())?);
        Ok(login)
    }

    /// The bytes that are signed; an empty line stands for a key that is left open.
    pub fn to_sign(&self) -> Vec<u8> {
        let Login { host, time, nonce, key, .. } = self;
        let time = time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
        let key = key.as_ref().map(PublicKey::to_string).unwrap_or_default();
        format!("unseen login v1\n{host}\n{time}\n{nonce}\n{key}\n").into_bytes()
    }

    /// Which of the `enrolled` keys has signed it, for one of these hosts, at about this time.
    pub fn signer<'a>(
        &self,
        hosts: &[String],
        now: DateTime<Utc>,
        enrolled: impl IntoIterator<Item = &'a PublicKey>,
    ) -> Option<PublicKey> {
        let fresh = (now - self.time).abs() <= LEEWAY;
        let plain = self.nonce.len() == 32 && self.nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        let signature = Signature::from_bytes(&BASE64_STANDARD.decode(&self.signature).ok()?).ok()?;
        let named = self.key.is_some() || matches!(signature, Signature::Passkey(_));
        if !(fresh && plain && named && hosts.contains(&self.host)) {
            return None;
        }
        let message = self.to_sign();
        let signs = |key: &&PublicKey| signature.verify(&VerifyingKey::from(**key), &message).is_ok();
        enrolled.into_iter().filter(|key| self.key.is_none_or(|named| named == **key)).find(signs).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_tlog::SigningKey;

    #[test]
    fn a_login_is_for_one_host_and_one_moment() {
        let key = SigningKey::generate().unwrap();
        let login = Login::sign("lab:8443", "0".repeat(32), &key).unwrap();
        let now = Utc::now();
        let stranger = PublicKey::from(SigningKey::generate().unwrap().verifying_key());
        let people = [stranger, key.verifying_key().into()];
        let at = |login: &Login, host: &str, now| login.signer(&[host.to_owned()], now, &people);
        let is_good = |login: &Login| at(login, "lab:8443", now).is_some();
        assert_eq!(at(&login, "lab:8443", now), login.key);
        assert_eq!(at(&login, "other:8443", now), None);
        assert_eq!(at(&login, "lab:8443", now + LEEWAY + TimeDelta::seconds(1)), None);
        assert_eq!(at(&login, "lab:8443", now - LEEWAY - TimeDelta::seconds(1)), None);
        assert!(!is_good(&Login { key: Some(stranger), ..login.clone() }));
        assert!(!is_good(&Login { nonce: "1".repeat(32), ..login.clone() }));
        assert!(!is_good(&Login { nonce: "a\nb".into(), ..login.clone() }));
        // Only what a passkey has signed is searched for.
        let mut open = Login { key: None, ..login };
        open.signature = BASE64_STANDARD.encode(key.sign(&open.to_sign()).unwrap());
        assert!(!is_good(&open));
    }
}
