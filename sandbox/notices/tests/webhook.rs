//! Webhooks as a receiver on this machine sees them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod place;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use place::{Place, SECRET, python, script, submitted, wait_until};
use ring::hmac;
use serde_json::{Value, json};
use unseen_notices::Notice;

#[test]
fn a_receiver_knows_that_it_is_the_lab() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    let sender = place.start(&hook(&listener, "/a?b=c"));
    sender.offer(12, vec![(submitted(12, "钢铁\r\nwebhook-id: x"), vec!["nobody".into()])]).unwrap();
    let got = receive(&listener, 204);
    assert_eq!(got.line, "POST /a?b=c HTTP/1.1");
    assert_eq!(got.headers["content-type"], "application/json");
    let signed = format!("{}.{}.{}", got.headers["webhook-id"], got.headers["webhook-timestamp"], got.body);
    let key = BASE64_STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
    let signature = BASE64_STANDARD.decode(&got.headers["webhook-signature"]["v1,".len()..]).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &signature).unwrap();

    let body: Value = serde_json::from_str(&got.body).unwrap();
    assert_eq!(body["type"], "job-submitted");
    let data = &body["data"];
    assert_eq!((&data["lab"], &data["entry"], &data["job"]), (&json!(place::ORIGIN), &json!(12), &json!(12)));
    assert_eq!(data["subject"]["zh"], r"作业 j12“钢铁\u{d}\u{a}webhook-id: x”等待批准");
    assert_eq!(
        data["link"],
        json!({ "en": "https://lab.example/en/jobs/j12", "zh": "https://lab.example/zh/jobs/j12" })
    );
    wait_until("it is told", || sender.told() == Some(12));

    let Some(python) = python("standardwebhooks") else { return };
    let mut verifier = Command::new(python)
        .args([script("webhook.py").as_os_str(), SECRET.as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sent = json!({ "headers": got.headers, "body": got.body });
    verifier.stdin.take().unwrap().write_all(sent.to_string().as_bytes()).unwrap();
    let done = verifier.wait_with_output().unwrap();
    assert!(done.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&done.stdout).unwrap(), body);
}

#[test]
fn what_did_not_arrive_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, place) = (listener.local_addr().unwrap(), Place::new());
    let sender = place.start(&hook(&listener, "/"));
    drop(listener);
    sender.offer(5, vec![(submitted(5, "a"), vec![])]).unwrap();
    sender.offer(6, vec![]).unwrap();
    wait_until("nobody listens", || sender.status().last_failure.is_some());
    assert_eq!((sender.told(), sender.status().waiting), (Some(4), 1));
    let listener = TcpListener::bind(address).unwrap();
    let (first, second) = (receive(&listener, 503), receive(&listener, 200));
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    wait_until("it is told", || sender.told() == Some(6));
    assert_eq!((sender.status().delivered, sender.status().given_up), (1, 0));
}

#[test]
fn what_is_refused_for_good_or_sent_elsewhere_is_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    let released = Notice::Released { job: unseen_ids::JobId(1), title: "a".into() };
    let sender = place.start(&format!("{}events = [\"released\"]\n", hook(&listener, "/")));
    sender.offer(1, vec![(submitted(1, "a"), vec![])]).unwrap();
    assert_eq!(sender.told(), Some(1), "nobody wants to know");
    sender.offer(2, vec![(released.clone(), vec![])]).unwrap();
    receive(&listener, 410);
    wait_until("it is given up", || sender.status().given_up == 1);
    sender.offer(3, vec![(released, vec![])]).unwrap();
    for _ in 0..2 {
        assert_eq!(receive(&listener, 307).line, "POST / HTTP/1.1");
    }
    receive(&listener, 200);
    wait_until("it is told", || sender.told() == Some(3));
}

fn hook(listener: &TcpListener, path: &str) -> String {
    let address = listener.local_addr().unwrap();
    format!("[[webhook]]\nurl = \"http://{address}{path}\"\nsecret_file = \"secret\"\n")
}

struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Takes one request and answers it. An answer of 307 points to `/elsewhere`.
fn receive(listener: &TcpListener, status: u16) -> Request {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let line = next_line(&mut reader);
    let mut headers = BTreeMap::new();
    loop {
        let header = next_line(&mut reader);
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer =
        format!("HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    Request { line, headers, body: String::from_utf8(body).unwrap() }
}

fn next_line(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
