use super::*;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::json;

const NOW: u64 = 1_800_000_000;

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://id.example",
    client: "lab",
    nonce: Some("n-0S6"),
    access_token: Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
    now: NOW,
};

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn keys() -> KeySet {
    let x = base64(ed25519().public_key().as_ref());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig", "x": x });
    KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with this header and payload, signed in truth.
fn signed(header: &Value, payload: &str) -> String {
    let text = format!("{}.{}", base64(header.to_string()), base64(payload));
    let signature = base64(ed25519().sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": "one", "typ": "JWT" })
}

/// The claims of a good token, with changes; `null` takes a claim away.
fn payload(changes: Value) -> String {
    let mut all = json!({
        "iss": "https://id.example", "sub": "248289", "aud": "lab", "nonce": "n-0S6",
        "exp": NOW + 300, "iat": NOW, "preferred_username": "li",
    });
    let all_of_it = all.as_object_mut().unwrap();
    all_of_it.extend(changes.as_object().unwrap().clone());
    all_of_it.retain(|_, value| !value.is_null());
    all.to_string()
}

fn judged(changes: Value) -> Result<Claims, SignOnError> {
    verify(&signed(&header(), &payload(changes)), &keys(), &EXPECTED)
}

#[test]
fn a_true_token_says_who_somebody_is() {
    let claims = judged(json!({})).unwrap();
    assert_eq!((claims.issuer(), claims.subject(), claims.expires()), ("https://id.example", "248289", NOW + 300));
    assert_eq!(claims.all()["preferred_username"], "li");
    for good in [
        json!({ "aud": ["lab"] }),
        json!({ "aud": ["lab", "other"], "azp": "lab" }),
        json!({ "exp": NOW - LEEWAY + 1 }),
        json!({ "iat": NOW + LEEWAY, "nbf": NOW + LEEWAY }),
        json!({ "at_hash": left_half() }),
        json!({ "sub": "x".repeat(255) }),
    ] {
        assert!(judged(good.clone()).is_ok(), "{good}");
    }
}

fn left_half() -> String {
    crate::jws::Algorithm::EdDsa.left_half(EXPECTED.access_token.unwrap())
}

/// OpenID Connect Core 1.0, appendix A.3, has an access token and the `at_hash` of a token beside it.
#[test]
fn the_half_digest_is_the_standards() {
    let hash = crate::jws::Algorithm::Rs256.left_half("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn each_wrong_claim_is_refused_by_its_name() {
    for (claim, wrong) in [
        ("iss", json!({ "iss": "https://id.example/" })),
        ("aud", json!({ "aud": "other" })),
        ("aud", json!({ "aud": [] })),
        ("azp", json!({ "azp": "other" })),
        ("azp", json!({ "aud": ["lab", "other"] })),
        ("azp", json!({ "aud": ["lab", "other"], "azp": "other" })),
        ("exp", json!({ "exp": NOW - LEEWAY })),
        ("exp", json!({ "exp": 0 })),
        ("iat", json!({ "iat": NOW + LEEWAY + 1 })),
        ("nbf", json!({ "nbf": NOW + LEEWAY + 1 })),
        ("nonce", json!({ "nonce": "n-0S7" })),
        ("nonce", json!({ "nonce": null })),
        ("at_hash", json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" })),
        ("sub", json!({ "sub": "" })),
        ("sub", json!({ "sub": "a\nb" })),
        ("sub", json!({ "sub": "x".repeat(256) })),
    ] {
        match judged(wrong.clone()) {
            Err(SignOnError::Claim { claim: named, .. }) => assert_eq!(named, claim, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
    // What was not asked for must not be there; what binds to nothing binds to nothing.
    let with = |expected: Expected<'_>, changes| verify(&signed(&header(), &payload(changes)), &keys(), &expected);
    assert!(with(Expected { nonce: None, ..EXPECTED }, json!({})).is_err());
    assert!(with(Expected { nonce: None, ..EXPECTED }, json!({ "nonce": null })).is_ok());
    assert!(with(Expected { access_token: None, ..EXPECTED }, json!({ "at_hash": left_half() })).is_err());
}

#[test]
fn what_is_missing_twice_or_of_another_type_is_refused() {
    for claim in ["iss", "sub", "aud", "exp", "iat"] {
        assert!(judged(json!({ claim: null })).is_err(), "{claim}");
        assert!(judged(json!({ claim: { "a": 1 } })).is_err(), "{claim}");
    }
    for odd in [json!({ "exp": "2000000000" }), json!({ "exp": 1e300 }), json!({ "exp": -1 }), json!({ "aud": [1] })] {
        assert!(judged(odd.clone()).is_err(), "{odd}");
    }
    let twice = payload(json!({})).replacen('{', r#"{"aud":"other","#, 1);
    assert!(verify(&signed(&header(), &twice), &keys(), &EXPECTED).is_err());
    assert!(verify(&signed(&header(), "[]"), &keys(), &EXPECTED).is_err());
}

#[test]
fn only_the_providers_key_and_its_own_algorithm_count() {
    let judged = |header: Value| verify(&signed(&header, &payload(json!({}))), &keys(), &EXPECTED);
    assert!(judged(json!({ "alg": "Ed25519" })).is_ok(), "the only key, by its newer name");
    for alg in ["none", "None", "HS256", "HS512", "RS384", "PS256", "eddsa", ""] {
        let refused = judged(json!({ "alg": alg, "kid": "one" }));
        assert!(matches!(refused, Err(SignOnError::Algorithm(_))), "{alg}");
    }
    for (header, unknown) in [
        (json!({ "alg": "EdDSA", "kid": "two" }), true),
        (json!({ "alg": "RS256", "kid": "one" }), true),
        (json!({ "alg": "ES256" }), true),
        (json!({ "alg": "EdDSA", "kid": "one", "crit": ["b64"], "b64": false }), false),
        (json!({ "alg": "EdDSA", "kid": "one", "typ": "at+jwt" }), false),
        (json!({ "kid": "one" }), false),
    ] {
        match judged(header.clone()) {
            Err(SignOnError::NoKey { .. }) => assert!(unknown, "{header}"),
            Err(SignOnError::Unreadable { .. }) => assert!(!unknown, "{header}"),
            other => panic!("{header}: {other:?}"),
        }
    }
    // HMAC with the public key as its secret, the classic confusion, and no signature at all.
    let text = format!("{}.{}", base64(r#"{"alg":"HS256","kid":"one"}"#), base64(payload(json!({}))));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, ed25519().public_key().as_ref());
    let confused = format!("{text}.{}", base64(ring::hmac::sign(&secret, text.as_bytes())));
    assert!(verify(&confused, &keys(), &EXPECTED).is_err());
    let unsigned = format!("{}.{}.", base64(header().to_string()), base64(payload(json!({}))));
    assert!(matches!(verify(&unsigned, &keys(), &EXPECTED), Err(SignOnError::Signature)));
}

#[test]
fn a_key_on_p256_signs_too() {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let key = json!({ "kty": "EC", "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..]) });
    let keys = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
    let text = format!("{}.{}", base64(r#"{"alg":"ES256"}"#), base64(payload(json!({}))));
    let sign = |text: &str| base64(pair.sign(&random, text.as_bytes()).unwrap());
    assert!(verify(&format!("{text}.{}", sign(&text)), &keys, &EXPECTED).is_ok());
    assert!(verify(&format!("{text}.{}", sign("else")), &keys, &EXPECTED).is_err());
}

proptest! {
    #[test]
    fn no_token_survives_an_alteration(at: prop::sample::Index, new in "[ -~]", kind in 0..3) {
        let token = signed(&header(), &payload(json!({})));
        let at = at.index(token.len());
        let altered = match kind {
            0 => [&token[..at], &new, &token[at + 1..]].concat(),
            1 => [&token[..at], &new, &token[at..]].concat(),
            _ => [&token[..at], &token[at + 1..]].concat(),
        };
        prop_assume!(altered != token);
        prop_assert!(verify(&altered, &keys(), &EXPECTED).is_err(), "{}", altered);
    }
}
