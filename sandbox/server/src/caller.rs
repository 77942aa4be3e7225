//! Who asks, and what the headers of a request say of that.

use std::net::IpAddr;

use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, request::Parts};
use unseen_access::{Context, Person, Principal};
use unseen_ids::PublicKey;
use unseen_listener::Peer;
use unseen_policies::ledger::{self, Ledger};
use unseen_texts::Lang;
use unseen_usecases::UseCaseError;

use crate::problem::RequestError;

/// The cookie of a session.
pub(crate) const COOKIE_NAME: &str = "unseen-session";

/// Who asks, as the lab knows them.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub principal: Principal,
    pub context: Context,
    /// The key that stands for them.
    pub key: Option<PublicKey>,
    /// From where.
    pub from: IpAddr,
}

impl Caller {
    /// Whoever signed an envelope, however it came.
    pub fn signed(self, ledger: &Ledger, key: PublicKey) -> Result<Caller, RequestError> {
        let person = ledger.person(&key).map_err(UseCaseError::from)?;
        let person = somebody(&key, person);
        let context = Context { signed: true, ..self.context };
        Ok(Caller { principal: Principal::Person(person), context, key: Some(key), ..self })
    }
}

/// Somebody who is enrolled, as the rules of access see them.
pub(crate) fn somebody(key: &PublicKey, person: &ledger::Person) -> Person {
    let ledger::Person { name, roles, kept, .. } = person;
    Person { name: name.clone(), key: key.to_string(), roles: roles.clone(), kept: *kept }
}

/// From where a request comes; behind a proxy it is the proxy's address.
pub(crate) fn address(parts: &Parts) -> IpAddr {
    parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.address.ip())
}

/// The language that a reader asks for: the first of ours that is named.
pub(crate) fn language(headers: &HeaderMap) -> Lang {
    let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = asked.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
    let ours = named.filter_map(|name| match name.split('-').next().unwrap_or_default() {
        "zh" => Some(Lang::Zh),
        "en" => Some(Lang::En),
        _ => None,
    });
    ours.into_iter().next().unwrap_or(Lang::En)
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}
