//! An identity provider, and the authorisation code with PKCE.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use unseen_texts::{Text, text};

use crate::error::{SignOnError, words};
use crate::http::{Http, check_address, is_plain, parameter, percent};
use crate::jws::{Algorithm, KeySet};
use crate::token::{Claims, Expected, verify};

/// For how many seconds published keys are believed without asking again: a key that the provider takes back is
/// believed no longer than this.
const KEYS_LAST: u64 = 3600;

/// An identity provider that knows the lab as a client. Many threads may use one.
pub struct Provider {
    pub(crate) issuer: String,
    pub(crate) client: String,
    secret: Option<Secret>,
    pub(crate) metadata: Metadata,
    pub(crate) http: Http,
    /// When they were fetched, and they.
    keys: Mutex<(u64, Arc<KeySet>)>,
}

/// A sign-on that was begun, until its answer comes. Whoever begins it keeps it for the one browser that it was begun
/// in, for some minutes, and uses it once.
#[derive(Clone)]
pub struct Begun {
    /// Where to send the browser.
    pub url: String,
    /// Where the provider sends it back to.
    pub redirect_uri: String,
    /// What the answer must repeat: the key to look this up by.
    pub state: String,
    /// What the ID token must repeat.
    pub nonce: String,
    /// What PKCE shows only when the code is exchanged (RFC 7636).
    pub verifier: String,
}

impl Provider {
    /// Gets to know a provider (OpenID Connect Discovery 1.0, section 4) and its keys. The issuer is written exactly
    /// as the provider writes it; a client without a secret is a public one. `https://` only, except for a
    /// provider on this machine.
    pub fn discover(issuer: &str, client: &str, secret: Option<&str>, now: u64) -> Result<Provider, SignOnError> {
        check_address(text!("issuer", "签发者"), issuer, true)?;
        let http = Http::new(is_plain(issuer));
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = serde_json::from_slice(&http.get(&place)?).map_err(|why| {
            SignOnError::unreadable(text!("identity provider's description", "身份提供方的说明文档"), &why)
        })?;
        metadata.check(issuer)?;
        let secret = secret.map(|secret| metadata.secret(client, secret));
        let keys = (now, Arc::new(KeySet::parse(&http.get(&metadata.jwks_uri)?)?));
        Ok(Provider {
            issuer: issuer.to_owned(),
            client: client.to_owned(),
            secret,
            metadata,
            http,
            keys: Mutex::new(keys),
        })
    }

    /// The provider's name for itself.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Begins a sign-on in a browser. `redirect_uri` is one that the provider knows for this client: of the lab,
    /// or, for a program on somebody's own machine, on that machine (RFC 8252, section 7.3). `openid` need not be
    /// among the scopes.
    pub fn authorization_url(&self, redirect_uri: &str, scopes: &[&str]) -> Result<Begun, SignOnError> {
        check_address(text!("redirect address", "回调地址"), redirect_uri, true)?;
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let scope = scope(scopes);
        let query = [
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", redirect_uri),
            ("scope", &scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| format!("{name}={}", percent(value)))
        .join("&");
        let place = &self.metadata.authorization_endpoint;
        let mark = if place.contains('?') { '&' } else { '?' };
        Ok(Begun {
            url: format!("{place}{mark}{query}"),
            redirect_uri: redirect_uri.to_owned(),
            state,
            nonce,
            verifier,
        })
    }

    /// Ends a sign-on that was begun in a browser: `answer` is the query with which the browser came back to the
    /// `redirect_uri`. What is not the answer to this very sign-on is [`SignOnError::Strayed`], and nothing is asked.
    pub fn exchange(&self, answer: &str, begun: &Begun, now: u64) -> Result<Claims, SignOnError> {
        let of_answer = |name| parameter(answer, name);
        if of_answer("state").as_ref() != Some(&begun.state) {
            return Err(SignOnError::Strayed);
        }
        // Whether it comes from this provider and not from another (RFC 9207).
        match of_answer("iss") {
            Some(issuer) if issuer != self.issuer => return Err(SignOnError::Strayed),
            None if self.metadata.authorization_response_iss_parameter_supported => return Err(SignOnError::Strayed),
            _ => {}
        }
        if let Some(error) = of_answer("error") {
            let description = words(&of_answer("error_description").unwrap_or_default());
            return Err(SignOnError::Refused { error: words(&error), description });
        }
        let code = of_answer("code").ok_or(SignOnError::Strayed)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &begun.redirect_uri),
            ("code_verifier", &begun.verifier),
        ];
        self.claims(&form, Some(&begun.nonce), now)
    }

    /// Asks for tokens, and believes the ID token once it is verified.
    pub(crate) fn claims(&self, form: &[(&str, &str)], nonce: Option<&str>, now: u64) -> Result<Claims, SignOnError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
            access_token: Option<String>,
        }
        let answer = self.ask(&self.metadata.token_endpoint, form)?;
        let tokens: Tokens = serde_json::from_slice(&answer)
            .map_err(|why| SignOnError::unreadable(text!("answer with the tokens", "令牌应答"), &why))?;
        let expected = Expected {
            issuer: &self.issuer,
            client: &self.client,
            nonce,
            access_token: tokens.access_token.as_deref(),
            now,
        };
        let (fetched, keys) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let keys = if now.abs_diff(fetched) < KEYS_LAST { keys } else { self.fetch_keys(now)? };
        match verify(&tokens.id_token, &keys, &expected) {
            // It may have changed its keys meanwhile.
            Err(SignOnError::NoKey { .. }) => verify(&tokens.id_token, &*self.fetch_keys(now)?, &expected),
            verdict => verdict,
        }
    }

    /// Sends a form as this client (RFC 6749, section 2.3.1).
    pub(crate) fn ask(&self, place: &str, form: &[(&str, &str)]) -> Result<Vec<u8>, SignOnError> {
        let mut form = form.to_vec();
        let mut authorization = None;
        match &self.secret {
            Some(Secret::Header(header)) => authorization = Some(header.as_str()),
            Some(Secret::Form(secret)) => form.extend([("client_id", self.client.as_str()), ("client_secret", secret)]),
            None => form.push(("client_id", &self.client)),
        }
        self.http.post(place, authorization, &form)
    }

    fn fetch_keys(&self, now: u64) -> Result<Arc<KeySet>, SignOnError> {
        let keys = Arc::new(KeySet::parse(&self.http.get(&self.metadata.jwks_uri)?)?);
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = (now, Arc::clone(&keys));
        Ok(keys)
    }
}

/// Without the secret.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).field("client", &self.client).finish_non_exhaustive()
    }
}

/// How the client shows its secret.
enum Secret {
    /// The value of `Authorization`.
    Header(String),
    /// The secret itself, for providers that take it in forms only.
    Form(String),
}

/// What is read of a provider's description (OpenID Connect Discovery 1.0, section 3; RFC 8414, 8628, 9207).
#[derive(Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    pub(crate) device_authorization_endpoint: Option<String>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    fn check(&self, issuer: &str) -> Result<(), SignOnError> {
        if self.issuer != issuer {
            return Err(SignOnError::OtherIssuer { issuer: issuer.to_owned(), said: words(&self.issuer) });
        }
        let mut places = vec![
            (text!("authorization endpoint", "授权端点"), &self.authorization_endpoint),
            (text!("token endpoint", "令牌端点"), &self.token_endpoint),
            (text!("address of the keys", "密钥集地址"), &self.jwks_uri),
        ];
        let device = self.device_authorization_endpoint.as_ref();
        places.extend(device.map(|place| (text!("device authorization endpoint", "设备授权端点"), place)));
        places.into_iter().try_for_each(|(what, place)| check_address(what, place, is_plain(issuer)))?;

        // What it does not say it may still do: some say nothing of PKCE.
        let lacks = |offered: &Option<Vec<String>>, fits: &dyn Fn(&str) -> bool| {
            offered.as_ref().is_some_and(|offered| !offered.iter().any(|name| fits(name)))
        };
        if lacks(&self.code_challenge_methods_supported, &|method| method == "S256") {
            return not_offered(text!("PKCE with S256", "PKCE（S256 方式）"));
        }
        if lacks(&self.id_token_signing_alg_values_supported, &|name| Algorithm::read(name).is_some()) {
            return not_offered(text!(
                "ID tokens signed with RS256, ES256 or EdDSA",
                "以 RS256、ES256 或 EdDSA 签名的 ID 令牌"
            ));
        }
        Ok(())
    }

    /// As the provider takes it: in a header, unless it says that it takes it in forms only.
    fn secret(&self, client: &str, secret: &str) -> Secret {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let takes = |method: &str| methods.iter().any(|name| name == method);
        if takes("client_secret_post") && !takes("client_secret_basic") {
            return Secret::Form(secret.to_owned());
        }
        let pair = format!("{}:{}", percent(client), percent(secret));
        Secret::Header(format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

pub(crate) fn not_offered<T>(what: Text) -> Result<T, SignOnError> {
    Err(SignOnError::NotOffered(what))
}

/// With `openid`, which makes it OpenID Connect.
pub(crate) fn scope(scopes: &[&str]) -> String {
    let others = scopes.iter().copied().filter(|scope| *scope != "openid");
    std::iter::once("openid").chain(others).collect::<Vec<_>>().join(" ")
}

/// 256 bits as 43 characters, as PKCE asks for.
fn random() -> Result<String, SignOnError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SignOnError::Random)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn metadata(change: Value) -> Result<Metadata, SignOnError> {
        let mut all = json!({
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/auth?tenant=1",
            "token_endpoint": "https://api.example/token",
            "jwks_uri": "https://keys.example/jwks",
        });
        all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let metadata: Metadata = serde_json::from_value(all).unwrap();
        metadata.check("https://id.example").map(|()| metadata)
    }

    fn provider(change: Value) -> Provider {
        Provider {
            issuer: "https://id.example".into(),
            client: "the lab".into(),
            secret: None,
            metadata: metadata(change).unwrap(),
            http: Http::new(false),
            keys: Mutex::new((0, Arc::new(KeySet::parse(br#"{"keys":[]}"#).unwrap()))),
        }
    }

    #[test]
    fn a_description_that_leads_elsewhere_is_refused() {
        assert!(metadata(json!({})).is_ok());
        for bad in [
            json!({ "issuer": "https://id.example/" }),
            json!({ "token_endpoint": "http://id.example/token" }),
            json!({ "jwks_uri": "http://127.0.0.1/jwks" }),
            json!({ "device_authorization_endpoint": "file:///etc/passwd" }),
            json!({ "code_challenge_methods_supported": ["plain"] }),
            json!({ "id_token_signing_alg_values_supported": ["HS256", "none", "PS256"] }),
        ] {
            assert!(metadata(bad.clone()).is_err(), "{bad}");
        }
        assert!(Provider::discover("http://id.example", "lab", None, 0).is_err());
    }

    #[test]
    fn secrets_are_shown_as_the_provider_takes_them() {
        let shown = |methods: Value| {
            metadata(json!({ "token_endpoint_auth_methods_supported": methods })).unwrap().secret("a:b", "c d")
        };
        let header = format!("Basic {}", BASE64_STANDARD.encode("a%3Ab:c%20d"));
        for methods in [json!(null), json!(["client_secret_post", "client_secret_basic"]), json!(["private_key_jwt"])] {
            assert!(matches!(shown(methods), Secret::Header(value) if value == header));
        }
        assert!(matches!(shown(json!(["client_secret_post"])), Secret::Form(value) if value == "c d"));
    }

    #[test]
    fn a_sign_on_begins_with_all_that_its_answer_is_held_to() {
        let provider = provider(json!({}));
        let begun = provider.authorization_url("https://lab.example/back?a=1", &["profile", "openid"]).unwrap();
        let (place, query) = begun.url.split_once('?').unwrap();
        assert_eq!((place, &query[..9]), ("https://id.example/auth", "tenant=1&"));
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, begun.verifier.as_bytes()));
        for (name, value) in [
            ("client_id", "the lab"),
            ("redirect_uri", "https://lab.example/back?a=1"),
            ("scope", "openid profile"),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &challenge),
        ] {
            assert_eq!(parameter(query, name).as_deref(), Some(value));
        }
        assert!((43..=128).contains(&begun.verifier.len()));
        assert!(!begun.url.contains(&begun.verifier));
        assert_ne!(provider.authorization_url("https://lab.example/", &[]).unwrap().state, begun.state);
        assert!(provider.authorization_url("http://lab.example/", &[]).is_err());
    }

    /// The token endpoint's name does not exist: were it asked, the error would be another.
    #[test]
    fn a_stray_answer_asks_nobody() {
        for (says_who, provider) in [
            (false, provider(json!({}))),
            (true, provider(json!({ "authorization_response_iss_parameter_supported": true }))),
        ] {
            let begun = provider.authorization_url("https://lab.example/", &[]).unwrap();
            let (state, other) = (&begun.state, &begun.nonce);
            let mut strays = vec![
                String::new(),
                "code=1".to_owned(),
                format!("code=1&state={other}"),
                format!("code=1&state={state}&state={state}"),
                format!("code=1&code=2&state={state}&iss=https://id.example"),
                format!("code=1&state={state}&iss=https://other.example"),
                format!("error=access_denied&state={other}"),
            ];
            strays.extend(says_who.then(|| format!("code=1&state={state}")));
            for stray in strays {
                assert!(matches!(provider.exchange(&stray, &begun, 0), Err(SignOnError::Strayed)), "{stray}");
            }
            let denied =
                format!("error=access_denied&error_description=no%0Aroot&state={state}&iss=https%3A%2F%2Fid.example");
            let Err(SignOnError::Refused { error, description }) = provider.exchange(&denied, &begun, 0) else {
                panic!()
            };
            assert_eq!((error.as_str(), description.as_str()), ("access_denied", "noroot"));
        }
    }
}
