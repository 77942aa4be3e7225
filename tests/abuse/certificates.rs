//! Who is let in, and for whom they count.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use unseen_listener::ca::Ca;

use crate::house::{House, Wire, answer, send};
use crate::support::text;

/// What somebody is told who asks for the lab.
async fn asked(wire: &Wire) -> Option<u16> {
    let by_h1 = wire.ask("GET", "/v1/lab", None, b"").await.map(|(status, _)| status);
    let by_h2 = wire.ask_h2("GET", "/v1/lab", None, b"").await.map(|(status, _)| status);
    assert_eq!(by_h1, by_h2);
    by_h1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_hold_opens_nothing() {
    let house = House::open();
    assert_eq!(asked(&house.wire("analyst")).await, Some(200));
    assert_eq!(asked(&house.stranger()).await, Some(401));
    // Of another authority, of no more days, of a server: the door stays shut.
    let others = Ca::new("Unseen test authority").unwrap().person("analyst", 2).unwrap();
    assert_eq!(asked(&house.wire_with(Some(&others))).await, None);
    let expired = house.ca.person("analyst", 0).unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(asked(&house.wire_with(Some(&expired))).await, None);
    assert_eq!(asked(&house.wire_with(Some(&house.ca.server(&["analyst"], 2).unwrap()))).await, None);
    // Of somebody whom the lab does not know: nobody in particular would read more than they.
    assert_eq!(asked(&house.wire("nobody")).await, Some(401));
    // One that is revoked while its holder is inside counts no longer.
    let revoked = house.ca.person("analyst", 2).unwrap();
    let wire = house.wire_with(Some(&revoked));
    let mut inside = wire.connect("http/1.1").await.unwrap();
    send(&mut inside, "GET", "/v1/lab", None, b"").await.unwrap();
    assert_eq!(answer(&mut inside).await.unwrap().0, 200);
    house.lab.write("tls/ca.crl", house.ca.revoke(&[&revoked.serial], 2).unwrap());
    house.reload();
    assert_eq!(asked(&wire).await, None);
    let sent = send(&mut inside, "GET", "/v1/lab", None, b"").await;
    let still = if sent.is_some() { answer(&mut inside).await } else { None };
    assert!(still.as_ref().is_none_or(|(status, _)| *status == 401 || *status == 421), "{still:?}");
    assert_eq!(asked(&house.wire("analyst")).await, Some(200), "another certificate of theirs is good");
    // A key that is revoked makes its holder's certificate nobody's.
    house.lab.ok(&["person", "revoke", "analyst", "--reason", "left", "--key", "keys/owner.pem"]);
    assert_eq!(asked(&house.wire("analyst")).await, Some(401));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_many_times_at_once_happens_once() {
    let house = House::open();
    let job = house.lab.submit("job");
    let login = house.login("operator").to_string();
    let logins = (0..16).map(|_| {
        let (wire, login) = (house.stranger(), login.clone());
        tokio::spawn(async move { wire.ask("POST", "/v1/login", None, login.as_bytes()).await.unwrap().0 })
    });
    let mut statuses = Vec::new();
    for login in logins.collect::<Vec<_>>() {
        statuses.push(login.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 401 | 429)), "{statuses:?}");

    // An operator's envelope, carried by everybody: it counts once, for the operator.
    let operator = house.wire("operator");
    let path = format!("/v1/jobs/{job}/approvals");
    let (_, draft) = operator.ask("POST", &format!("{path}/draft"), None, b"{}").await.unwrap();
    let draft: Value = serde_json::from_str(&draft).unwrap();
    let to_sign = BASE64_STANDARD.decode(text(&draft["toSign"])).unwrap();
    let entry = unseen_entries::sign::with_key(&to_sign, &house.lab.signing_key("operator")).unwrap();
    let body = json!({ "change": {}, "entry": BASE64_STANDARD.encode(entry) }).to_string();
    let before = house.lab.entries();
    let carried = (0..16).map(|at| {
        let wire = [house.stranger(), house.wire("analyst"), operator.clone()][at % 3].clone();
        let (path, body) = (path.clone(), body.clone());
        let own = at % 3 == 2;
        tokio::spawn(async move { (own, wire.ask("POST", &path, None, body.as_bytes()).await.unwrap()) })
    });
    // Whoever brings it first is answered, and after that its signer alone: the log is public.
    for carried in carried.collect::<Vec<_>>() {
        let (own, (status, said)) = carried.await.unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        match status {
            409 => assert!(!own && said["code"] == "request.on-record", "{said}"),
            _ => assert_eq!((status, &said["approvals"]), (201, &json!(1)), "{said}"),
        }
    }
    assert_eq!(house.lab.entries(), before + 1);
    // Signed for one job, it approves no other.
    let other = house.lab.submit("job");
    let (status, said) =
        operator.ask("POST", &format!("/v1/jobs/{other}/approvals"), None, body.as_bytes()).await.unwrap();
    assert_eq!(status, 422, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_can_show_who_they_are_is_not_shut_out_by_others_at_the_same_address() {
    let house = House::open();
    let session = house.session("analyst").await;
    let (stranger, guess) = (house.stranger(), "0".repeat(64));
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(stranger.ask("GET", &format!("/v1/login/link?{guess}"), None, b"").await.unwrap().0);
    }
    assert_eq!((statuses[0], statuses[7]), (401, 429), "{statuses:?}");
    assert_eq!(stranger.ask("GET", "/v1/lab", Some(&session), b"").await.unwrap().0, 200);
    assert_eq!(asked(&house.wire("operator")).await, Some(200));
    house.session("operator").await;
    // A session that is over hides no certificate, and is no guess.
    assert_eq!(stranger.ask("GET", "/v1/lab", Some(&guess), b"").await.unwrap().0, 401);
    assert_eq!(house.wire("operator").ask("GET", "/v1/lab", Some(&guess), b"").await.unwrap().0, 200);
}
