//! What an identity provider publishes and signs.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use unseen_ids::Role;
use unseen_signon::{ClaimRules, Expected, KeySet, LEEWAY, RoleRule, verify};
use unseen_tlog::{Signer, SigningKey};

use crate::text;

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://id.example",
    client: "lab",
    nonce: Some("n-0S6"),
    access_token: Some("token"),
    now: 1_800_000_000,
};

const CLAIMS: &str = r#"{"iss":"https://id.example","sub":"1","aud":["lab"],"nonce":"n-0S6","iat":1800000000,"exp":1800000300,"groups":["staff"],"name":"li"}"#;

/// A key set and a token, a line each; or claims, which are then signed, as no fuzzer can.
pub fn id_token(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let (keys, token) = match text.split_once('\n') {
        Some((keys, token)) => (keys.to_owned(), token.to_owned()),
        None => (key_set(), signed(text)),
    };
    let Ok(keys) = KeySet::parse(keys.as_bytes()) else { return false };
    let Ok(claims) = verify(&token, &keys, &EXPECTED) else { return false };
    assert_eq!(claims.issuer(), EXPECTED.issuer);
    assert!(!claims.subject().is_empty() && EXPECTED.now < claims.expires().saturating_add(LEEWAY));
    let fits = |claim: &str| RoleRule { claim: claim.into(), has: "staff".into(), role: Role::Analyst };
    let rules = ClaimRules { name_claim: "name".into(), roles: vec![fits("groups"), fits("/groups/0"), fits("/~1")] };
    if let Ok(person) = rules.read(&claims) {
        assert!(person.narrow([Role::Operator]).is_empty(), "a role that no rule gives");
    }
    true
}

pub fn id_tokens() -> Vec<Vec<u8>> {
    vec![format!("{}\n{}", key_set(), signed(CLAIMS)).into_bytes(), CLAIMS.as_bytes().to_vec()]
}

fn key() -> SigningKey {
    SigningKey::from_seed([9; 32]).unwrap()
}

fn key_set() -> String {
    let x = BASE64_URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","use":"sig","x":"{x}"}}]}}"#)
}

fn signed(claims: &str) -> String {
    let [header, claims] = [r#"{"alg":"EdDSA"}"#, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let signature = key().sign(format!("{header}.{claims}").as_bytes()).unwrap();
    format!("{header}.{claims}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}
