//! Programs are told by HTTP, in the form of Standard Webhooks (standardwebhooks.com): receivers in most languages
//! have a library that verifies it.
//!
//! ```text
//! POST /their/path
//! content-type: application/json
//! webhook-id: unseen-90a1b2c3d4e5-12-0     the same whenever this notice is sent again
//! webhook-timestamp: 1795932000            seconds since 1970
//! webhook-signature: v1,BASE64             HMAC-SHA256 of ID.TIMESTAMP.BODY
//! ```

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use ring::hmac;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use unseen_texts::Lang;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::config::{Hook, Url};
use crate::error::Failure;
use crate::letter::Letter;

/// How long a program may take to answer, altogether.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A program, and how it is told.
pub(crate) struct Webhook {
    url: Url,
    key: hmac::Key,
    agent: Agent,
}

impl Webhook {
    pub(crate) fn new(hook: &Hook, ca: Option<&[CertificateDer<'static>]>) -> Webhook {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &hook.secret);
        Webhook { url: hook.url.clone(), key, agent: agent(ca) }
    }

    /// Of the answer only the status is looked at.
    pub(crate) fn send(&self, letter: &Letter) -> Result<(), Failure> {
        let body = body(letter).to_string();
        let (id, time) = (letter.id(), Utc::now().timestamp());
        let signature = hmac::sign(&self.key, format!("{id}.{time}.{body}").as_bytes());
        let request = self
            .agent
            .post(self.url.as_str())
            .content_type("application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", time)
            .header("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(signature)));
        let host = self.url.host().to_owned();
        match request.send(&body) {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(Failure::Status { host, status: answer.status().as_u16() }),
            Err(ureq::Error::Io(source)) => Err(Failure::Unreachable { host, source }),
            Err(ureq::Error::Timeout(_)) => Err(Failure::Unreachable { host, source: io::ErrorKind::TimedOut.into() }),
            Err(error) => Err(Failure::Other { host, why: error.to_string() }),
        }
    }
}

fn body(letter: &Letter) -> Value {
    let notice = &letter.notice;
    let both = |say: &dyn Fn(Lang) -> String| json!({ "en": say(Lang::En), "zh": say(Lang::Zh) });
    json!({
        "type": notice.kind(),
        "data": {
            "lab": letter.lab.origin,
            "entry": letter.entry,
            "job": notice.job(),
            "subject": both(&|lang| notice.subject(lang)),
            "text": both(&|lang| notice.body(lang)),
            "link": both(&|lang| letter.link(lang)),
        },
    })
}

fn agent(ca: Option<&[CertificateDer<'static>]>) -> Agent {
    let roots = match ca {
        None => RootCerts::PlatformVerifier,
        Some(ca) => RootCerts::Specific(Arc::new(ca.iter().map(|der| Certificate::from_der(der).to_owned()).collect())),
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        // A signed notice goes where the configuration says, and nowhere else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("unseen-notices")
        .build();
    Agent::new_with_config(config)
}
