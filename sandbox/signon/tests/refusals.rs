//! A provider that is not what it should be, or changes its keys: a few lines of HTTP on this machine.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use unseen_signon::{Poll, Provider, SignOnError};

const NOW: u64 = 1_800_000_000;

#[test]
fn changed_keys_are_fetched_once_and_old_ones_forgotten_in_time() {
    let office = Office::open();
    let provider = Provider::discover(&office.issuer, "lab", None, NOW).unwrap();
    assert_eq!(office.asked("/jwks"), 1);
    let signs_on = |now: u64| {
        office.now(now);
        let device = provider.begin_device(&[], now).unwrap();
        provider.poll_device(&device, now)
    };
    for _ in 0..2 {
        assert!(matches!(signs_on(NOW), Ok(Poll::Done(_))));
    }
    assert_eq!(office.asked("/jwks"), 1, "keys are kept");

    office.state.lock().unwrap().signs_with = 2;
    assert!(matches!(signs_on(NOW), Err(SignOnError::NoKey { .. })), "a key that is not published");
    assert_eq!(office.asked("/jwks"), 2, "asked once more, and not again and again");
    office.state.lock().unwrap().publishes = 2;
    assert!(matches!(signs_on(NOW), Ok(Poll::Done(_))));
    assert_eq!(office.asked("/jwks"), 3);

    // A false signature under a known name is no reason to ask.
    office.state.lock().unwrap().lies = true;
    assert!(matches!(signs_on(NOW), Err(SignOnError::Signature)));
    assert_eq!(office.asked("/jwks"), 3);
    office.state.lock().unwrap().lies = false;

    office.state.lock().unwrap().publishes = 3;
    assert!(matches!(signs_on(NOW + 3_599), Ok(Poll::Done(_))));
    assert!(matches!(signs_on(NOW + 3_600), Err(SignOnError::NoKey { .. })), "taken back an hour ago");
}

#[test]
fn answers_that_lead_elsewhere_or_never_end_are_refused() {
    let office = Office::open();
    let refused = |path: &'static str, answer: String| {
        office.state.lock().unwrap().instead = Some((path, answer));
        Provider::discover(&office.issuer, "lab", None, NOW).unwrap_err()
    };
    let place = "/.well-known/openid-configuration";
    let elsewhere = format!("HTTP/1.1 302 Found\r\nlocation: {}/jwks\r\ncontent-length: 0\r\n\r\n", office.issuer);
    assert!(matches!(refused(place, elsewhere), SignOnError::Status { status: 302, .. }));
    let other = office.metadata(json!({ "issuer": format!("{}/", office.issuer) }));
    assert!(matches!(refused(place, ok(&other)), SignOnError::OtherIssuer { .. }));
    let open = office.metadata(json!({ "token_endpoint": "http://id.example/token" }));
    assert!(matches!(refused(place, ok(&open)), SignOnError::Address { .. }));
    assert!(matches!(refused(place, ok(&json!({}))), SignOnError::Unreadable { .. }));
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"keys\":[{}]}}", " ".repeat(300 << 10));
    assert!(matches!(refused("/jwks", endless), SignOnError::Unreachable { .. }));
}

#[test]
fn a_terminal_is_told_to_slow_down() {
    let office = Office::open();
    let provider = Provider::discover(&office.issuer, "lab", None, NOW).unwrap();
    let device = provider.begin_device(&[], NOW).unwrap();
    let answers = |error: &str| {
        let body = json!({ "error": error, "error_description": "a\nb" }).to_string();
        let answer = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        office.state.lock().unwrap().instead = Some(("/token", answer));
        provider.poll_device(&device, NOW)
    };
    assert!(matches!(answers("slow_down"), Ok(Poll::SlowDown)));
    assert!(matches!(answers("authorization_pending"), Ok(Poll::Pending)));
    assert!(matches!(answers("expired_token"), Err(SignOnError::Late)));
    assert!(matches!(answers("server_error"), Err(SignOnError::Refused { description, .. }) if description == "ab"));
}

struct Office {
    issuer: String,
    state: Arc<Mutex<State>>,
}

/// Keys are numbers, from which they are made.
struct State {
    now: u64,
    signs_with: u8,
    publishes: u8,
    /// Whether a signature is of another key than it says.
    lies: bool,
    /// What is answered to a path instead.
    instead: Option<(&'static str, String)>,
    asked: Vec<String>,
}

impl Office {
    fn open() -> Office {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State { now: NOW, signs_with: 1, publishes: 1, lies: false, instead: None, asked: Vec::new() };
        let office = Office { issuer, state: Arc::new(Mutex::new(state)) };
        let (issuer, state) = (office.issuer.clone(), Arc::clone(&office.state));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let office = Office { issuer: issuer.clone(), state: Arc::clone(&state) };
                thread::spawn(move || office.answer(stream));
            }
        });
        office
    }

    fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    fn now(&self, now: u64) {
        self.state.lock().unwrap().now = now;
    }

    fn metadata(&self, change: Value) -> Value {
        let issuer = &self.issuer;
        let mut all = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "device_authorization_endpoint": format!("{issuer}/device"),
        });
        all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        all
    }

    /// Requests are small, so each comes in one piece, or its form in a second one that nobody needs.
    fn answer(&self, mut stream: TcpStream) {
        let mut request = [0; 4096];
        let Ok(length) = stream.read(&mut request) else { return };
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut state = self.state.lock().unwrap();
        state.asked.push(path.clone());
        let body = match path.as_str() {
            "/jwks" => {
                let x = base64(pair(state.publishes).public_key());
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": state.publishes.to_string(), "x": x }] })
            }
            "/device" => json!({
                "device_code": "d", "user_code": "U", "verification_uri": self.issuer, "expires_in": 600,
            }),
            "/token" => json!({ "id_token": self.token(&state), "token_type": "Bearer" }),
            _ => self.metadata(json!({})),
        };
        let answer = match &state.instead {
            Some((instead, answer)) if *instead == path => answer.clone(),
            _ => ok(&body),
        };
        drop(state);
        let _ = stream.write_all(answer.as_bytes());
    }

    fn token(&self, state: &State) -> String {
        let claims = json!({
            "iss": self.issuer, "sub": "1", "aud": "lab", "iat": state.now, "exp": state.now + 60,
        });
        let header = json!({ "alg": "EdDSA", "kid": state.signs_with.to_string() });
        let text = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = pair(state.signs_with + 100 * u8::from(state.lies)).sign(text.as_bytes());
        format!("{text}.{}", base64(signature))
    }
}

fn ok(body: &Value) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn pair(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
