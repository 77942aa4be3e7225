//! Orders as a node opens them: what the lab signed, in its time, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use unseen_age::Identity;
use unseen_cluster::error::NodeError;
use unseen_cluster::letter::read;
use unseen_cluster::orders::{Body, Orders, open};
use unseen_ids::{Digest, PublicKey};
use unseen_tlog::note::{Note, NoteKey};
use unseen_tlog::proof::EntryProof;
use unseen_tlog::{Signer, SigningKey};
use unseen_worker::spread::RunKey;

/// A log of one entry, which starts no run: so far orders come that are whole, for this lab and in time.
#[test]
fn clocks_that_are_an_hour_apart_are_said_to_be() {
    let (lab, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let identity = Identity::generate().unwrap();
    let node = PublicKey::from(other.verifying_key());
    let (entry, written_at) = (b"an entry", "2026-11-30T12:00:00Z".parse::<DateTime<Utc>>().unwrap());
    let body = Body {
        manifest: String::new(),
        memory: 0,
        swap: false,
        tick_seconds: 0,
        evidence: None,
        snapshots: vec![],
        references: vec![],
        module: vec![],
        manifests: vec![],
    };
    let checkpoint = Note::parse(b"lab.example/log\n1\nAAAA\n\n\xe2\x80\x94 lab.example/log AAAAAAA=\n").unwrap();
    let orders = Orders {
        entry,
        proof: &EntryProof { index: 0, path: vec![], extra: None, checkpoint },
        run_key: &RunKey::derive(&[1; 32], &Digest::of(entry)),
        nodes: &BTreeMap::from([(node, identity.recipient())]),
        data_keys: &[],
        block_key: [0; 16],
        body: &body,
        written_at,
        good_until: written_at + TimeDelta::minutes(30),
    };
    let bytes = orders.write(&lab).unwrap();
    let log = NoteKey::new("lab.example/log", lab.verifying_key()).unwrap();
    let opened = |by: &SigningKey, bytes: &[u8], minutes: i64| {
        let now = written_at + TimeDelta::minutes(minutes);
        let letter = read(bytes, &by.verifying_key(), (&node, &identity), now);
        letter.and_then(|letter| open(&letter, "lab.example/log", &log)).err().unwrap()
    };
    for (minutes, apart) in [(-60, 60), (-11, 11), (31, 1), (90, 60)] {
        let said = opened(&lab, &bytes, minutes);
        assert!(matches!(said, NodeError::Clock(by) if by == apart), "{minutes}: {said}");
    }
    // Some minutes are nothing.
    for minutes in [-9, 0, 29] {
        let said = opened(&lab, &bytes, minutes);
        assert!(matches!(said, NodeError::NotInLog(_)), "{minutes}: {said}");
    }
    assert!(matches!(opened(&other, &bytes, 0), NodeError::NotTheLab));
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(!matches!(opened(&lab, &bent, 0), NodeError::NotInLog(_)), "byte {at}");
    }
}
