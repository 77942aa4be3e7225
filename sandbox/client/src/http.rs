//! Requests and answers, bounded in time and size.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use unseen_api::problem::Problem;
use unseen_api::{PROBLEM, UPLOAD_LENGTH, UPLOAD_OFFSET};
use unseen_texts::{Lang, Sentence, Text, text};
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::Way;
use crate::error::{ClientError, Told};

/// How long a request may take with its answer: opening a release may wait for witnesses.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 256 << 20;

/// What a line that breaks in the middle is called.
const BROKEN: [ErrorKind; 4] =
    [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::BrokenPipe];

#[derive(Clone, Debug)]
pub(crate) struct Http {
    agent: Agent,
    base: String,
    host: String,
    lang: &'static str,
    token: Option<String>,
}

impl Http {
    pub fn new(way: &Way, lang: Lang) -> Result<Http, ClientError> {
        let base = way.url.trim_end_matches('/').to_owned();
        let host = host(&base).ok_or_else(|| ClientError::Address { url: way.url.clone() })?.to_owned();
        let roots = match &way.authority {
            Some(file) => RootCerts::new_with_certs(&certificates(file)?),
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .client_cert(way.certificate.as_ref().map(|(file, key)| own(file, key)).transpose()?)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("unseen/", env!("CARGO_PKG_VERSION")))
            .build();
        let lang = match lang {
            Lang::En => "en",
            Lang::Zh => "zh",
        };
        Ok(Http { agent: Agent::new_with_config(config), base, host, lang, token: way.token.clone() })
    }

    /// The host and port, as in the address.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn carry(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    pub fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, ClientError> {
        let sent = self.with_headers(self.agent.get(format!("{}{path}", self.base))).call();
        self.answer(sent)
    }

    pub fn post<A: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<A, ClientError> {
        let request = self.with_headers(self.agent.post(format!("{}{path}", self.base)));
        let sent = request.header("content-type", "application/json").send(&serde_json::to_vec(body)?);
        self.answer(sent)
    }

    /// What is read as it comes, however long it takes.
    pub fn stream(&self, path: &str) -> Result<impl Read + use<>, ClientError> {
        let request = self.with_headers(self.agent.get(format!("{}{path}", self.base)));
        let request = request.config().timeout_global(None).timeout_recv_body(None).build();
        let sent = request.call().map_err(|error| self.unreachable(error))?;
        match sent.status().as_u16() {
            200 => Ok(sent.into_body().into_reader()),
            _ => Err(self.answer::<Value>(Ok(sent)).err().unwrap_or_else(|| self.strange())),
        }
    }

    /// The host answers as no lab does.
    pub fn strange(&self) -> ClientError {
        ClientError::Strange { host: self.host.clone(), status: 200 }
    }

    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<(), ClientError> {
        let request = self.with_headers(self.agent.put(format!("{}{path}", self.base)));
        self.answer::<Value>(request.header("content-type", "application/octet-stream").send(bytes)).map(drop)
    }

    pub fn delete(&self, path: &str) -> Result<(), ClientError> {
        let sent = self.with_headers(self.agent.delete(format!("{}{path}", self.base))).call();
        self.answer::<Value>(sent).map(drop)
    }

    pub fn patch<A: DeserializeOwned>(&self, path: &str, at: u64, of: u64, piece: &[u8]) -> Result<A, ClientError> {
        let request = self.with_headers(self.agent.patch(format!("{}{path}", self.base)));
        let request = request.header("content-type", "application/octet-stream");
        let request = request.header(UPLOAD_OFFSET, at.to_string()).header(UPLOAD_LENGTH, of.to_string());
        self.answer(request.send(piece))
    }

    fn with_headers<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let request = request.header("accept-language", self.lang);
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn answer<A: DeserializeOwned>(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<A, ClientError> {
        let mut response = sent.map_err(|error| self.unreachable(error))?;
        let status = response.status().as_u16();
        let strange = || ClientError::Strange { host: self.host.clone(), status };
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_problem = kind.starts_with(PROBLEM);
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let body = body.map_err(|error| self.unreachable(error))?;
        if is_problem {
            let problem: Problem = serde_json::from_slice(&body).map_err(|_| strange())?;
            return Err(ClientError::Told(Box::new(Told(problem))));
        }
        match status {
            200..=299 => serde_json::from_slice(&body).map_err(|_| strange()),
            _ => Err(strange()),
        }
    }

    fn unreachable(&self, error: ureq::Error) -> ClientError {
        let host = self.host.clone();
        let why = match error {
            ureq::Error::Timeout(_) => return ClientError::Late { host },
            ureq::Error::Io(error) if BROKEN.contains(&error.kind()) => return ClientError::Broken { host },
            ureq::Error::Io(error) => Sentence::of(&error),
            ureq::Error::HostNotFound => text!("there is no machine of this name", "没有这个名称的主机").into(),
            error => error.to_string().into(),
        };
        ClientError::Unreachable { host, why }
    }
}

/// Host and port of an address that has nothing else. What is not encrypted goes to this machine only.
fn host(base: &str) -> Option<&str> {
    let (host, local_only) = match base.strip_prefix("https://") {
        Some(host) => (host, false),
        None => (base.strip_prefix("http://")?, true),
    };
    let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    let name = host.strip_prefix("[::1]").map_or_else(|| host.split(':').next().unwrap_or_default(), |_| "::1");
    let local = matches!(name, "127.0.0.1" | "localhost" | "::1");
    (plain && (local || !local_only)).then_some(host)
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, ClientError> {
    let found = items(file)?.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    some(found.collect(), file, text!("certificate", "证书"))
}

fn own(file: &Path, key: &Path) -> Result<ClientCert, ClientError> {
    let keys = items(key)?.into_iter().filter_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    let keys: Vec<PrivateKey<'static>> = some(keys.collect(), key, text!("private key", "私钥"))?;
    let certificates = certificates(file)?;
    let key = keys.into_iter().next();
    let key = key.ok_or_else(|| ClientError::Pem { path: file.to_owned(), what: text!("private key", "私钥") })?;
    Ok(ClientCert::new_with_certs(&certificates, key))
}

fn items(file: &Path) -> Result<Vec<PemItem<'static>>, ClientError> {
    let bytes = std::fs::read(file).map_err(|source| ClientError::File { path: file.to_owned(), source })?;
    Ok(parse_pem(&bytes).filter_map(Result::ok).collect())
}

fn some<T>(found: Vec<T>, path: &Path, what: Text) -> Result<Vec<T>, ClientError> {
    if found.is_empty() { Err(ClientError::Pem { path: path.to_owned(), what }) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        assert_eq!(host("https://lab.example:8443"), Some("lab.example:8443"));
        assert_eq!(host("http://127.0.0.1:8080"), Some("127.0.0.1:8080"));
        assert_eq!(host("http://[::1]:8080"), Some("[::1]:8080"));
        for wrong in [
            "lab",
            "https://",
            "http://lab.example",
            "https://a/b",
            "https://me@lab",
            "ftp://lab",
            "http://127.0.0.1.evil",
        ] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }
}
