//! What processes and machines tell each other: frames of pipes, workers, nodes, requests over the network.

use std::collections::BTreeMap;
use std::io::Cursor;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use unseen_age::Identity;
use unseen_api::address::{Addressed, Method, Visitor, apart, names, of_body, of_query, to_query, visit};
use unseen_cluster::answer::{Answer, Made, orders_of, read_task, write_task};
use unseen_cluster::letter;
use unseen_ids::{Digest, PublicKey};
use unseen_tlog::Signer;
use unseen_tlog::dsse::Envelope;
use unseen_usecases::{Change, Query};
use unseen_worker::frames::{read_frame, write_frame};
use unseen_worker::importing::ImportTask;
use unseen_worker::merging::{Merging, Step};
use unseen_worker::spread::{Place, Task};

use crate::attestations::signing_key;
use crate::sandbox::AGE_SECRET;
use crate::text;

/// Frames are written as they were read.
pub fn frame(bytes: &[u8]) -> bool {
    let (mut from, mut written) = (bytes, Vec::new());
    while let Ok(frame) = read_frame(&mut from) {
        write_frame(&mut written, &frame).unwrap();
    }
    assert!(bytes.starts_with(&written));
    !written.is_empty()
}

pub fn frames() -> Vec<Vec<u8>> {
    vec![framed(&[b"", b"a", &[7; 300]])]
}

fn framed(frames: &[&[u8]]) -> Vec<u8> {
    let mut written = Vec::new();
    frames.iter().for_each(|frame| write_frame(&mut written, frame).unwrap());
    written
}

/// A worker that may say anything, as the lab hears it.
pub fn worker(bytes: &[u8]) -> bool {
    let merging = || Merging::over(std::io::sink(), Cursor::new(bytes.to_vec()), [7; 32]);
    let (mut hearing, mut heard) = (merging(), merging().give(&place(), b"part").is_ok());
    while let Ok(step) = hearing.step() {
        assert!(matches!(step, Step::Round { .. }), "what is sealed is sealed with another key");
        heard = true;
    }
    heard
}

pub fn workers() -> Vec<Vec<u8>> {
    let round =
        framed(&[br#"{"Round":1}"#, &1.5_f64.to_le_bytes(), br#"{"Round":2}"#, b"", br#""Sealed""#, b"nothing"]);
    vec![round, framed(&[br#"{"Taken":"Same"}"#])]
}

/// What a node answers is written again as it was read.
pub fn node_answer(bytes: &[u8]) -> bool {
    let Some(answer) = Answer::parse(bytes) else { return false };
    let written = answer.to_bytes();
    assert_eq!(Answer::parse(&written).unwrap().to_bytes(), written);
    true
}

pub fn node_answers() -> Vec<Vec<u8>> {
    let made = Made {
        round: 1,
        place: place(),
        state: Digest::of(b"state"),
        signature: "c2lnbmF0dXJl".to_owned(),
        build: Digest::of(b"program"),
        walls: BTreeMap::from([("seccomp".to_owned(), "holds".to_owned())]),
        evidence: None,
        sealed: b"sealed".to_vec(),
    };
    let refused = Answer::Refused { node: "n1".to_owned(), why: "it has no room".to_owned().into() };
    [Answer::Made(made), refused].map(|answer| answer.to_bytes()).to_vec()
}

fn place() -> Place {
    Place { first: 0, last: 7, node: node(), name: "n1".to_owned(), attempt: 0 }
}

fn node() -> PublicKey {
    signing_key().verifying_key().into()
}

/// A task for a node, as whoever has the key could write it; numbers arrive as they were.
pub fn task(bytes: &[u8]) -> bool {
    const KEY: [u8; 32] = [3; 32];
    let (orders, _) = (Digest::of(b"orders"), orders_of(bytes));
    let carried = write_task(&orders, &KEY, bytes.to_vec()).unwrap();
    assert_eq!(orders_of(&carried), Some(orders));
    assert!(read_task::<Value>(&[4; 32], &carried).is_err(), "opened with another key");
    fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(carried: &[u8]) -> bool {
        let Ok(task) = read_task::<T>(&KEY, carried) else { return false };
        let written = write_task(&Digest::of(b"orders"), &KEY, serde_json::to_vec(&task).unwrap()).unwrap();
        assert_eq!(read_task::<T>(&KEY, &written).unwrap(), task);
        true
    }
    again::<Task>(&carried) | again::<ImportTask>(&carried)
}

pub fn tasks() -> Vec<Vec<u8>> {
    let task = Task { round: 1, first: 0, last: 7, attempt: 2, state: vec![0.1, -1e300, 5e-324] };
    vec![serde_json::to_vec(&task).unwrap()]
}

const BODY: &[u8] = b"the body of a letter";

/// What a lab has signed for its nodes, whatever it is.
pub fn signed_letter(bytes: &[u8]) -> bool {
    let (lab, us, now) = (signing_key(), Identity::from_secret(AGE_SECRET).unwrap(), chrono::DateTime::UNIX_EPOCH);
    let read = |letter: &[u8]| letter::read(letter, &lab.verifying_key(), (&node(), &us), now);
    assert!(read(bytes).is_err(), "the lab has not signed this");
    let envelope = Envelope::sign(&lab, "application/vnd.unseen.orders.v2+json", bytes.to_vec()).unwrap();
    let Ok(received) = read(&framed(&[&envelope.to_bytes(), BODY])) else { return false };
    assert!(received.body(&[0; 32], &Digest::of(b"else")).is_err());
    true
}

pub fn signed_letters() -> Vec<Vec<u8>> {
    let about = letter::About::Import { import: Digest::of(b"import"), build: Digest::of(b"program") };
    let us = Identity::from_secret(AGE_SECRET).unwrap();
    let letter = letter::Letter {
        about,
        nodes: &BTreeMap::from([(node(), us.recipient())]),
        keys: &|_| vec![5; 64].into(),
        bound_to: Digest::of(b"import"),
        body_key: [6; 32].into(),
        body: Vec::new(),
        written_at: chrono::DateTime::UNIX_EPOCH,
        good_until: chrono::DateTime::UNIX_EPOCH,
    };
    let letter = letter.write(&signing_key()).unwrap();
    let envelope = Envelope::from_bytes(&read_frame(&mut &letter[..]).unwrap()).unwrap();
    let mut signed: Value = serde_json::from_slice(envelope.verify(&signing_key().verifying_key()).unwrap()).unwrap();
    signed["body"] = json!(Digest::of(BODY));
    vec![serde_json::to_vec(&signed).unwrap()]
}

/// A request over the network, of the use-case that the first byte picks: the first line is what stands in its path,
/// the others its query or body. What is read is taken apart and put together again as it was.
pub fn request(bytes: &[u8]) -> bool {
    let Some((at, rest)) = bytes.split_first() else { return false };
    let Some((path, rest)) = text(rest).and_then(|text| text.split_once('\n')) else { return false };
    let mut reading = Reading { left: usize::from(*at), path, rest, read: false };
    visit(&mut reading);
    reading.read
}

pub fn requests() -> Vec<Vec<u8>> {
    let plain = (0..=u8::MAX).flat_map(|at| ["", "{}"].map(|rest| [&[at], "1\n".as_bytes(), rest.as_bytes()].concat()));
    let priority = "j1\n{\"priority\":1,\"reason\":\"because\"}";
    let given = (0..=u8::MAX).map(|at| [&[at], priority.as_bytes()].concat());
    plain.chain(given).filter(|seed| request(seed)).collect()
}

struct Reading<'a> {
    left: usize,
    path: &'a str,
    rest: &'a str,
    read: bool,
}

impl Reading<'_> {
    fn read<A: Addressed>(&mut self) {
        if self.left == 0 {
            let path: Vec<_> = names(A::PATH).map(|name| (name.to_owned(), self.path.to_owned())).collect();
            self.read = self.put_together::<A>(&path).is_some();
        }
        self.left = self.left.wrapping_sub(1);
    }

    fn put_together<A: Addressed>(&self, path: &[(String, String)]) -> Option<()> {
        let request: A = match A::METHOD {
            Method::Get => of_query(path, self.rest).ok()?,
            Method::Post => of_body(path, serde_json::from_str(self.rest).ok()?).ok()?,
        };
        let whole = serde_json::to_value(&request).unwrap();
        let in_path = |name: &str| match &whole[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let path: Vec<_> = names(A::PATH).map(|name| (name.to_owned(), in_path(name))).collect();
        let (_, fields): (String, Map<String, Value>) = apart(&request).unwrap();
        let again: A = match A::METHOD {
            Method::Get => of_query(&path, &to_query(&fields)),
            Method::Post => of_body(&path, Value::Object(fields)),
        }
        .unwrap_or_else(|error| panic!("{}: {error}: {whole}", A::PATH));
        assert_eq!(serde_json::to_value(&again).unwrap(), whole, "{}", A::PATH);
        Some(())
    }
}

impl Visitor for Reading<'_> {
    fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self) {
        self.read::<Q>();
    }

    fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self) {
        self.read::<C>();
    }
}
