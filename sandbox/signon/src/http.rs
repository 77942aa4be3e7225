//! Asking the identity provider, and addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use unseen_texts::{Sentence, Text, text};
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, Error};

use crate::error::{SignOnError, words};

/// How long the provider may take for one answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes. Providers with many keys publish some 20 kB of them.
const MAX_ANSWER: u64 = 256 << 10;

/// A client that waits no longer than [`TIMEOUT`] and follows nobody elsewhere.
pub(crate) struct Http(Agent);

impl Http {
    /// `plain` lets it speak HTTP too, which is for providers on this machine.
    pub(crate) fn new(plain: bool) -> Http {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            // The certificates that this machine trusts: an office may have its own authority.
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            .https_only(!plain)
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("unseen-signon")
            .accept("application/json");
        if plain {
            // What is said without TLS stays on this machine.
            config = config.proxy(None);
        }
        Http(config.build().into())
    }

    /// The answer to a GET.
    pub(crate) fn get(&self, url: &str) -> Result<Vec<u8>, SignOnError> {
        let (status, body) = read(url, self.0.get(url).call())?;
        if status == 200 { Ok(body) } else { Err(SignOnError::Status { url: url.to_owned(), status }) }
    }

    /// The answer to a form; [`SignOnError::Refused`] where it is an error of OAuth (RFC 6749, section 5.2).
    pub(crate) fn post(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &[(&str, &str)],
    ) -> Result<Vec<u8>, SignOnError> {
        let mut request = self.0.post(url);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let form = form.iter().map(|(name, value)| (name, value));
        let (status, body) = read(url, request.send_form(form))?;
        if status == 200 {
            return Ok(body);
        }
        Err(match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => refusal.into(),
            Err(_) => SignOnError::Status { url: url.to_owned(), status },
        })
    }
}

/// An error of OAuth.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl From<Refusal> for SignOnError {
    fn from(refusal: Refusal) -> SignOnError {
        SignOnError::Refused { error: words(&refusal.error), description: words(&refusal.error_description) }
    }
}

/// Status and the whole answer, if it is not too long.
fn read(url: &str, sent: Result<Response<Body>, Error>) -> Result<(u16, Vec<u8>), SignOnError> {
    let unreachable = |error: Error| {
        let why = match error {
            Error::Timeout(_) => text!("it did not answer in time", "它没有按时应答").into(),
            Error::HostNotFound => text!("there is no machine of this name", "没有这个名称的主机").into(),
            Error::BodyExceedsLimit(_) => text!("its answer is too long", "其应答过长").into(),
            Error::Io(error) => Sentence::of(&error),
            error => words(&error.to_string()).into(),
        };
        SignOnError::Unreachable { url: url.to_owned(), why }
    };
    let mut response = sent.map_err(unreachable)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unreachable)?;
    Ok((status, body))
}

/// Refuses an address that is not `https://`, or `http://` on this machine where that may be. One with a user, a
/// fragment or a character that is not printable ASCII is none that a provider or a lab has.
pub(crate) fn check_address(what: Text, url: &str, plain: bool) -> Result<(), SignOnError> {
    let fine = || {
        let uri: Uri = url.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let allowed = scheme == "https" || plain && scheme == "http" && on_this_machine(uri.host()?);
        let odd = authority.as_str().contains('@') || url.contains('#') || !url.bytes().all(|c| c.is_ascii_graphic());
        (allowed && !odd && !authority.host().is_empty()).then_some(())
    };
    fine().ok_or_else(|| SignOnError::Address { what, url: words(url) })
}

/// Whether an address is `http://`, which [`check_address`] has then found to be on this machine.
pub(crate) fn is_plain(url: &str) -> bool {
    url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

fn on_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A value as it stands in a query (RFC 3986, section 2.1).
pub(crate) fn percent(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The value of a parameter in a query; nothing if it is not there, there twice, or badly written.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digit = |at: usize| char::from(digits[at]).to_digit(16);
                u8::try_from(digit(0)? * 16 + digit(1)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        let what = text!("it", "它");
        for good in ["https://id.example", "https://id.example:8443/a?b=c", "https://[2001:db8::1]/"] {
            assert!(check_address(what, good, false).is_ok(), "{good}");
        }
        for local in ["http://localhost:8080/", "http://127.0.0.1:1", "http://[::1]:1/a"] {
            assert!(check_address(what, local, true).is_ok(), "{local}");
            assert!(check_address(what, local, false).is_err(), "{local}");
        }
        let bad = [
            "http://id.example",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "http://localhost@id.example/",
            "https://user@id.example/",
            "https://id.example/#a",
            "https://id.example/\u{202e}",
            "https://id.example/a b",
            "ftp://id.example/",
            "id.example",
            "/a",
            "",
        ];
        for bad in bad {
            assert!(check_address(what, bad, true).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_into_a_query_is_read_again(value: String, other: String) {
            let query = format!("a={}&b={}", percent(&other), percent(&value));
            prop_assert_eq!(parameter(&query, "b"), Some(value));
        }
    }

    #[test]
    fn a_parameter_is_there_once_and_well_written() {
        assert_eq!(parameter("a=x+y%2Bz", "a").as_deref(), Some("x y+z"));
        for bad in ["", "a", "b=a", "a=1&a=1", "a=%", "a=%2", "a=%+1", "a=%ff", "a=%€"] {
            assert_eq!(parameter(bad, "a"), None, "{bad}");
        }
    }
}
