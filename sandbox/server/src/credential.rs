//! What a request shows of who asks: a certificate, a session, or nothing.

use std::net::IpAddr;

use axum::http::{Method, request::Parts};
use chrono::Utc;
use unseen_access::{Context, Principal, Session};
use unseen_ids::PublicKey;
use unseen_listener::{Peer, network};
use unseen_policies::ledger::Ledger;

use crate::caller::{COOKIE_NAME, Caller, address, bearer, cookie, somebody};
use crate::problem::RequestError;
use crate::service::Service;
use crate::sessions::By;

/// Who asks, as far as the connection says.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    shown: Shown,
    from: IpAddr,
}

#[derive(Clone, Debug)]
enum Shown {
    Nothing,
    Certificate(String),
    Session(PublicKey, By),
}

impl Credential {
    /// What a request brings. A session that is over is an error where there is no certificate, so that nobody is taken
    /// for a visitor unawares.
    pub fn of(service: &Service, parts: &Parts) -> Result<Credential, RequestError> {
        let from = address(parts);
        let credential = |shown| Ok(Credential { shown, from });
        let token = bearer(&parts.headers);
        if let Some(session) = token.and_then(|token| service.sessions.of(token, Utc::now())) {
            return credential(Shown::Session(session.key, session.by));
        }
        if let Some(certified) = parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.as_ref()) {
            return credential(Shown::Certificate(certified.person.clone()));
        }
        if token.is_some() {
            service.watch.strange(from, "session")?;
            return Err(RequestError::Unknown);
        }
        // A cookie is sent along whoever made the page that asks: it counts for reading, and for what a page of this
        // very service asks for, which the browser says and no page can (Fetch Metadata, `Sec-Fetch-Site`).
        let own = parts.headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
        let reads = own || matches!(parts.method, Method::GET | Method::HEAD);
        let session = cookie(&parts.headers, COOKIE_NAME)
            .filter(|_| reads)
            .and_then(|token| service.sessions.of(token, Utc::now()));
        credential(session.map_or(Shown::Nothing, |session| Shown::Session(session.key, session.by)))
    }

    /// Whose share of the service a request takes.
    pub fn caller(service: &Service, parts: &Parts) -> String {
        let token = bearer(&parts.headers).or_else(|| cookie(&parts.headers, COOKIE_NAME));
        if let Some(session) = token.and_then(|token| service.sessions.of(token, Utc::now())) {
            return format!("session {}", session.key);
        }
        match parts.extensions.get::<Peer>().and_then(|peer| peer.certificate.as_ref()) {
            Some(certified) => format!("certificate {}", certified.person),
            None => format!("network {}", network(address(parts))),
        }
    }

    /// What everybody may have, whoever they are.
    pub fn nobody(parts: &Parts) -> Credential {
        Credential { shown: Shown::Nothing, from: address(parts) }
    }

    /// Whom the lab knows by it now: nobody whose key was revoked, and nobody who asks too often.
    pub fn known(&self, service: &Service, ledger: &Ledger) -> Result<Caller, RequestError> {
        let mut given = None;
        let (key, session) = match &self.shown {
            Shown::Nothing => {
                let context = Context { session: Session::None, signed: false };
                let visitor = Caller { principal: Principal::Visitor, context, key: None, from: self.from };
                return service.watch.paced(&visitor).map(|()| visitor);
            }
            Shown::Session(key, By::Key) => (Some(*key), Session::Login),
            Shown::Session(key, By::Office(roles)) => {
                given = Some(roles);
                (Some(*key), Session::Oidc)
            }
            Shown::Certificate(name) => {
                let mut people = ledger.people().iter();
                let own = people.find(|(_, person)| person.name == *name && person.revoked.is_none());
                (own.map(|(key, _)| *key), Session::Certificate)
            }
        };
        let key = key.ok_or(RequestError::Unknown)?;
        let person = ledger.person(&key).map_err(|_| RequestError::Unknown)?;
        let mut person = somebody(&key, person);
        person.roles.retain(|role| given.is_none_or(|given| given.contains(role)));
        let context = Context { session, signed: false };
        let caller = Caller { principal: Principal::Person(person), context, key: Some(key), from: self.from };
        service.watch.paced(&caller).map(|()| caller)
    }
}
