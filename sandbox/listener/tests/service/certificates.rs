//! Whose certificate counts, and for how long.

use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use unseen_listener::ca::Ca;

use crate::support::{SOON, Server, answer, closes, get, h2_client, h2_get, limits};

const HOUR: Duration = Duration::from_secs(3_600);

fn said(text: &str) -> Option<(u16, String)> {
    Some((200, text.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reaches_the_service_by_every_protocol() {
    let server = Server::start(limits());
    for name in ["张三", "li.si"] {
        assert_eq!(server.client_of(name).get("/who").await, said(name));
        assert_eq!(server.client_of(name).by_h2().get("/who").await, said(name));
        assert_eq!(server.client_of(name).by_tls12().get("/who").await, said(name));
        assert_eq!(server.client_of(name).by_tls12().by_h2().get("/who").await, said(name));
    }
    let issued = server.ca.person("王五", 2).unwrap();
    let serial = issued.serial.clone();
    assert_eq!(server.client().with(issued).get("/serial").await, said(&serial));
    assert_eq!(server.client().get("/who").await, said("nobody"));
    assert_eq!(server.client().by_h2().get("/who").await, said("nobody"));
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_do_not_count() {
    let server = Server::start(limits());
    let now = SystemTime::now();
    let person = "urn:unseen:person:li.si";

    let odd = |uris: &[&str]| server.client().with(server.odd(uris, now - HOUR, now + HOUR));
    assert_eq!(odd(&[person, "https://example.org"]).get("/who").await, said("li.si"), "the only person in it");
    for (uris, why) in [
        (&[person, "urn:unseen:person:zhang.san"][..], "Several"),
        (&[person, person], "Several"),
        (&[person, "URN:Unseen:person:x"], "Several"),
        (&["https://example.org"], "Nobody"),
        (&[], "Nobody"),
        (&["urn:unseen:person:%C0%80"], "Name"),
    ] {
        assert_eq!(odd(uris).get("/who").await, said(&format!("nobody: {why}")), "{uris:?}");
        server.told("names no person").await;
    }

    let expired = server.odd(&[person], now - 2 * HOUR, now - HOUR);
    assert_eq!(server.client().with(expired).get("/who").await, None);
    server.told("has expired").await;
    let early = server.odd(&[person], now + HOUR, now + 2 * HOUR);
    assert_eq!(server.client().with(early).get("/who").await, None);
    server.told("not valid yet").await;
    let other = Ca::new("Another authority").unwrap();
    assert_eq!(server.client().with(other.person("li.si", 2).unwrap()).get("/who").await, None);
    server.told("unknown authority").await;
    // Of the same name, with another key.
    let false_one = Ca::new("Unseen test authority").unwrap();
    assert_eq!(server.client().with(false_one.person("li.si", 2).unwrap()).get("/who").await, None);
    let servers = server.ca.server(&[], 2).unwrap();
    assert_eq!(server.client().with(servers).get("/who").await, None, "a server's certificate is no person's");
    server.told("cannot be used").await;

    let issued = server.ca.person("li.si", 2).unwrap();
    let serial = issued.serial.clone();
    let revoked = server.client().with(issued);
    assert_eq!(revoked.get("/who").await, said("li.si"));
    server.put("ca.crl", server.ca.revoke(&[&serial], 2).unwrap());
    server.told("read again").await;
    assert_eq!(revoked.get("/who").await, None, "nor does a session of before bring it back");
    server.told("was revoked").await;
    assert_eq!(server.client_of("li.si").get("/who").await, said("li.si"), "a new one counts");
    // It is out of date at once.
    server.put("ca.crl", server.ca.revoke(&[], 0).unwrap());
    server.told("read again").await;
    assert_eq!(server.client_of("li.si").get("/who").await, None);
    server.told("no current revocation list").await;
    assert_eq!(server.client().get("/who").await, said("nobody"), "who shows none is served as nobody");
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_again_and_connections_stay() {
    let server = Server::start(limits());
    let mut before = server.client_of("张三").connect().await.unwrap();
    assert_eq!(get(&mut before, "/who").await, said("张三"));
    let mut h2_before = h2_client(server.client_of("li.si").by_h2().connect().await.unwrap()).await.unwrap();
    assert_eq!(h2_get(&mut h2_before, "/who").await, said("li.si"));

    // A second authority for people, and another certificate for the server.
    let second = Ca::new("Second").unwrap();
    server.put("ca.pem", server.ca.certificate().to_owned() + second.certificate());
    server.put("ca.crl", server.ca.revoke(&[], 2).unwrap() + &second.revoke(&[], 2).unwrap());
    server.told("read again").await;
    let renewed = server.ca.server(&[], 2).unwrap();
    server.put("server-key.pem", renewed.key.as_bytes());
    server.put("server.pem", &renewed.certificate);
    server.told("read again").await;
    let late = server.client().with(second.person("王五", 2).unwrap());
    let mut stream = loop {
        let stream = late.connect().await.unwrap();
        let shown = unseen_ids::pem::encode("CERTIFICATE", &stream.get_ref().1.peer_certificates().unwrap()[0]);
        // Between its two files being written the old pair was kept.
        if shown.split_whitespace().eq(renewed.certificate.split_whitespace()) {
            break stream;
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(get(&mut stream, "/who").await, said("王五"));
    assert_eq!(get(&mut before, "/who").await, said("张三"));
    assert_eq!(h2_get(&mut h2_before, "/who").await, said("li.si"));

    // What cannot be used changes nothing.
    server.put("server.pem", "gibberish");
    server.told("FAILED").await;
    server.put("server.pem", server.ca.server(&[], 2).unwrap().certificate);
    server.told("do not belong together").await;
    server.put("server.pem", &renewed.certificate);
    server.told("read again").await;
    std::fs::remove_file(server.dir.path().join("ca.crl")).unwrap();
    server.told("FAILED").await;
    assert_eq!(server.client_of("li.si").get("/who").await, said("li.si"));
    assert_eq!(get(&mut before, "/who").await, said("张三"));

    // An authority that is trusted no longer.
    server.put("ca.crl", second.revoke(&[], 2).unwrap());
    server.put("ca.pem", second.certificate());
    server.told("read again").await;
    assert!(closes(&mut before, SOON).await);
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_lapses_ends_its_connections() {
    let server = Server::start(limits());
    let issued = server.ca.person("li.si", 2).unwrap();
    let (serial, client) = (issued.serial.clone(), server.client().with(issued));
    let mut idle = client.connect().await.unwrap();
    assert_eq!(get(&mut idle, "/who").await, said("li.si"));
    let mut asking = client.connect().await.unwrap();
    asking.write_all(b"GET /who HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut other = server.client_of("张三").connect().await.unwrap();
    assert_eq!(get(&mut other, "/who").await, said("张三"));

    server.put("ca.crl", server.ca.revoke(&[&serial], 2).unwrap());
    server.told("read again").await;
    asking.write_all(b"alhost\r\n\r\n").await.ok();
    let (status, body) = answer(&mut asking).await.unwrap();
    assert!(status == 403 && body.contains("\"code\":\"door.certificate-lapsed\""), "{status} {body}");
    assert_eq!(get(&mut idle, "/who").await, None);
    assert_eq!(get(&mut other, "/who").await, said("张三"));

    // Certificates have whole seconds.
    let now = SystemTime::now();
    let short = server.odd(&["urn:unseen:person:li.si"], now - HOUR, now + Duration::from_millis(1_900));
    let mut short = server.client().with(short).connect().await.unwrap();
    assert_eq!(get(&mut short, "/who").await, said("li.si"));
    assert!(closes(&mut short, SOON).await);
    server.ended().await;
}
