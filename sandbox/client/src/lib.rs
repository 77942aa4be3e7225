//! A lab that is somewhere else: use-cases over HTTPS.
//!
//! ```text
//! client.ask(ShowJob { job })             GET  /v1/jobs/j12
//! client.make(Approve { job }, key)       POST /v1/jobs/j12/approvals/draft -> checked, signed here ->
//!                                         POST /v1/jobs/j12/approvals
//! ```
//! The server is not believed: what it gives to be signed is signed only if it says what was wished, for the log that
//! was met at this address before.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod audit;
mod error;
mod http;
mod rows;

use std::path::PathBuf;
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use unseen_api::address::{Addressed, Method, apart, to_query};
use unseen_api::login::{self, DeviceCode, LoggedIn, Login};
use unseen_api::{BLOBS, DRAFT};
use unseen_entries::sign::with_key;
use unseen_ids::{PublicKey, hex};
use unseen_texts::Lang;
use unseen_tlog::Signer;
use unseen_usecases::change::Unsigned;
use unseen_usecases::{Blob, Change, Query};

pub use error::{ClientError, Told};
use http::Http;
pub use rows::{is_sealed, seal};

/// How long one rests before a change is handed in again whose answer was lost.
const REST: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// How one gets to a lab.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The address, such as `https://lab.wujin.gov.cn:8443`.
    pub url: String,
    /// One's certificate, in PEM, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The authority that the server's certificate is from; those that this machine trusts when left out.
    pub authority: Option<PathBuf>,
    /// A session, from [`Client::log_in`].
    pub token: Option<String>,
    /// The log that was met at this address before.
    pub log: Option<String>,
}

/// A lab at an address.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    way: Way,
}

impl Client {
    /// Gets ready; nothing is sent yet. Texts of the lab will be in `lang`.
    pub fn new(way: Way, lang: Lang) -> Result<Client, ClientError> {
        Ok(Client { http: Http::new(&way, lang)?, way })
    }

    /// Asks.
    pub fn ask<Q: Query + Addressed>(&self, mut query: Q) -> Result<Q::Answer, ClientError> {
        self.upload(query.blobs())?;
        let (path, fields) = apart(&query)?;
        match Q::METHOD {
            Method::Get if fields.is_empty() => self.http.get(&path),
            Method::Get => self.http.get(&format!("{path}?{}", to_query(&fields))),
            Method::Post => self.http.post(&path, &Value::Object(fields)),
        }
    }

    /// Signs a change with one's own key, here, and hands it in.
    pub fn make<C: Change + Addressed>(&self, mut change: C, author: &dyn Signer) -> Result<C::Answer, ClientError> {
        self.upload(change.blobs())?;
        let signer = PublicKey::from(author.verifying_key());
        let to_sign = self.drafted(&change, &format!("?signer={signer}"))?;
        self.posted(&change, &with_key(&to_sign, author)?)
    }

    /// What is to be signed elsewhere for a change, with `ssh-keygen`.
    pub fn draft<C: Change + Addressed>(&self, change: &C) -> Result<Vec<u8>, ClientError> {
        self.drafted(change, "")
    }

    /// Hands in a change that was signed elsewhere.
    pub fn hand_in<C: Change + Addressed>(&self, mut change: C, entry: &[u8]) -> Result<C::Answer, ClientError> {
        self.upload(change.blobs())?;
        self.posted(&change, entry)
    }

    /// Logs in with a key that is enrolled.
    pub fn log_in(&self, key: &dyn Signer) -> Result<LoggedIn, ClientError> {
        let nonce: ring::rand::Random<[u8; 16]> =
            ring::rand::generate(&ring::rand::SystemRandom::new()).map_err(|_| ClientError::NoRandomness)?;
        let login = Login::sign(self.http.host(), hex::encode(&nonce.expose()), key)?;
        self.http.post(login::PATH, &serde_json::to_value(login)?)
    }

    /// Begins to sign on at the office's identity provider.
    pub fn sign_on(&self) -> Result<DeviceCode, ClientError> {
        self.http.post(login::OFFICE_DEVICE, &serde_json::json!({}))
    }

    /// The session, once somebody has typed the code there.
    pub fn signed_on(&self, code: &DeviceCode) -> Result<Option<LoggedIn>, ClientError> {
        let answer: Value = self.http.post(&format!("{}/{}", login::OFFICE_DEVICE, code.id), &serde_json::json!({}))?;
        match answer.get(login::WAITS) {
            Some(_) => Ok(None),
            None => Ok(Some(serde_json::from_value(answer)?)),
        }
    }

    /// Whether the lab knows who asks, as far as can be said from here.
    pub fn is_known(&self) -> bool {
        self.way.token.is_some() || self.way.certificate.is_some()
    }

    /// The same, with this session.
    pub fn with_session(mut self, session: &LoggedIn) -> Client {
        self.http.carry(&session.token);
        self.way.token = Some(session.token.clone());
        self.way.log.get_or_insert_with(|| session.log.clone());
        self
    }

    fn drafted<C: Change + Addressed>(&self, change: &C, query: &str) -> Result<Vec<u8>, ClientError> {
        let (path, fields) = apart(change)?;
        let draft: Unsigned = self.http.post(&format!("{path}{DRAFT}{query}"), &Value::Object(fields))?;
        Ok(draft.checked(change, self.way.log.as_deref())?)
    }

    fn posted<C: Change + Addressed>(&self, change: &C, entry: &[u8]) -> Result<C::Answer, ClientError> {
        let (path, fields) = apart(change)?;
        let body = serde_json::json!({ "change": fields, "entry": BASE64_STANDARD.encode(entry) });
        // The same entry counts once: where the line broke, it is asked for again whether it did.
        for rest in REST {
            match self.http.post(&path, &body) {
                Err(ClientError::Broken { .. }) => std::thread::sleep(rest),
                answered => return answered,
            }
        }
        self.http.post(&path, &body)
    }

    fn upload(&self, blobs: Vec<&mut Blob>) -> Result<(), ClientError> {
        blobs.iter().try_for_each(|blob| self.http.put(&format!("{BLOBS}{}", blob.digest().to_hex()), blob.bytes()))
    }
}
