//! Both flows at a provider by others, oidc-provider, with a browser that knows forms, cookies and redirects.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/office.rs"]
mod office;
#[path = "../../../tests/support/skip.rs"]
mod skip;

use std::time::{SystemTime, UNIX_EPOCH};

use office::{Browser, Office};
use unseen_ids::Role;
use unseen_signon::{ClaimRules, Poll, Provider, SignOnError, SignedOn};

const BACK: &str = "https://lab.example/back";
const SECRET: &str = "se:cr%t and +";

#[test]
fn a_person_signs_on_in_a_browser() {
    let Some(office) = Office::open(skip::skipped) else { return };
    for client in ["RS256", "ES256"] {
        let provider = Provider::discover(&office.issuer, client, Some(SECRET), now()).unwrap();
        let begun = provider.authorization_url(BACK, &[]).unwrap();
        let answer = Browser::of("li").visit(&begun.url).strip_prefix(BACK).unwrap()[1..].to_owned();
        let claims = provider.exchange(&answer, &begun, now()).unwrap();
        is_li(&claims, &office);

        // A code is for one exchange, and for whoever began it.
        assert!(matches!(provider.exchange(&answer, &begun, now()), Err(SignOnError::Refused { .. })));
        let other = provider.authorization_url(BACK, &[]).unwrap();
        assert!(matches!(provider.exchange(&answer, &other, now()), Err(SignOnError::Strayed)));
        let mut thief = provider.authorization_url(BACK, &[]).unwrap();
        let answer = Browser::of("li").visit(&thief.url).strip_prefix(BACK).unwrap()[1..].to_owned();
        thief.verifier = other.verifier;
        assert!(matches!(provider.exchange(&answer, &thief, now()), Err(SignOnError::Refused { .. })));

        let late = provider.authorization_url(BACK, &[]).unwrap();
        let answer = Browser::of("li").visit(&late.url).strip_prefix(BACK).unwrap()[1..].to_owned();
        let tomorrow = provider.exchange(&answer, &late, now() + 86_400);
        assert!(matches!(tomorrow, Err(SignOnError::Claim { claim: "exp", .. })), "{tomorrow:?}");
    }
    let stranger = Provider::discover(&office.issuer, "RS256", Some("guess"), now()).unwrap();
    let begun = stranger.authorization_url(BACK, &[]).unwrap();
    let answer = Browser::of("li").visit(&begun.url).strip_prefix(BACK).unwrap()[1..].to_owned();
    let refused = stranger.exchange(&answer, &begun, now());
    assert!(matches!(refused, Err(SignOnError::Refused { error, .. }) if error == "invalid_client"));
}

#[test]
fn whoever_refuses_is_not_signed_on() {
    let Some(office) = Office::open(skip::skipped) else { return };
    let provider = Provider::discover(&office.issuer, "RS256", Some(SECRET), now()).unwrap();
    let begun = provider.authorization_url(BACK, &[]).unwrap();
    let answer = Browser { refuses: true, ..Browser::of("li") }.visit(&begun.url);
    let refused = provider.exchange(&answer[BACK.len() + 1..], &begun, now());
    assert!(matches!(refused, Err(SignOnError::Refused { error, .. }) if error == "access_denied"), "{answer}");

    let terminal = Provider::discover(&office.issuer, "EdDSA", None, now()).unwrap();
    let device = terminal.begin_device(&[], now()).unwrap();
    Browser { refuses: true, ..Browser::of("li") }.visit(device.verification_uri_complete.as_deref().unwrap());
    let refused = terminal.poll_device(&device, now());
    assert!(matches!(refused, Err(SignOnError::Refused { error, .. }) if error == "access_denied"));
    assert!(matches!(terminal.poll_device(&device, device.expires), Err(SignOnError::Late)));
}

#[test]
fn a_person_signs_on_from_a_terminal() {
    let Some(office) = Office::open(skip::skipped) else { return };
    let provider = Provider::discover(&office.issuer, "EdDSA", None, now()).unwrap();
    let device = provider.begin_device(&[], now()).unwrap();
    assert!(matches!(provider.poll_device(&device, now()), Ok(Poll::Pending)));
    let browser = Browser { code: device.user_code.clone(), ..Browser::of("li") };
    assert_eq!(browser.visit(&device.verification_uri), "", "there is nowhere to come back to");
    let Ok(Poll::Done(claims)) = provider.poll_device(&device, now()) else { panic!("not confirmed") };
    is_li(&claims, &office);
    assert!(matches!(provider.poll_device(&device, now()), Err(SignOnError::Refused { .. })), "a code is for one");
}

fn is_li(claims: &unseen_signon::Claims, office: &Office) {
    let rules =
        "name_claim = 'preferred_username'\n[[roles]]\nclaim = 'groups'\nhas = 'lab-operators'\nrole = 'operator'";
    let person = toml::from_str::<ClaimRules>(rules).unwrap().read(claims).unwrap();
    let expected = SignedOn {
        subject: "li".into(),
        issuer: office.issuer.clone(),
        name: "li".into(),
        roles: [Role::Operator].into(),
    };
    assert_eq!(person, expected);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
