//! All of it at once, and then the power fails: nothing that was promised is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use unseen_tlog::Signer;
use unseen_usecases::Blob;
use unseen_usecases::jobs::{Approve, ListJobs, Submit};

use crate::house::{House, Wire};
use crate::support::{component, job};

/// How long it goes on.
const LASTS: Duration = Duration::from_secs(12);
/// The most memory in MiB that the service may have, whatever is sent to it.
const MEMORY: usize = 500;
/// How many times longer than alone, at most, all but one in a hundred answers may take to a client that behaves well;
/// and what is good enough in any case, for debug builds on busy machines.
const SLOWER: (u32, Duration) = (20, Duration::from_secs(2));

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `GET /` of `a` by https, from the static table of RFC 7541.
const GET: &[u8] = &[0x82, 0x84, 0x87, 0x41, 1, b'a'];

/// Heads that are never whole (CVE-2024-28182), or requests that are taken back at once (CVE-2023-44487).
async fn flood(wire: Wire, over: Arc<AtomicBool>, resets: bool) {
    while !over.load(Ordering::Relaxed) {
        let Some(mut stream) = wire.connect("h2").await else { continue };
        let mut begun = stream.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat()).await;
        if !resets && begun.is_ok() {
            begun = stream.write_all(&frame(1, 1, 1, GET)).await;
        }
        let mut number = 1;
        while begun.is_ok() && !over.load(Ordering::Relaxed) {
            let next = match resets {
                true => [frame(1, 5, number, GET), frame(3, 0, number, &8u32.to_be_bytes())].concat(),
                false => frame(9, 0, 1, &[b"\x00\x01a\x7f\x81\x00".as_slice(), &[b'x'; 250]].concat()),
            };
            number += 2;
            begun = match tokio::time::timeout(Duration::from_secs(2), stream.write_all(&next)).await {
                Ok(sent) => sent,
                Err(_) => break,
            };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Requests that cost more than they should, one after the other.
async fn pester(wire: Wire, over: Arc<AtomicBool>) {
    let most = unseen_api::MAX_REQUEST;
    let bodies =
        [vec![b'['; most], [b"[".as_slice(), &b"0,".repeat(most / 2 - 2), b"0]"].concat(), vec![b' '; most + 1]];
    let guess = "0".repeat(64);
    while !over.load(Ordering::Relaxed) {
        for body in &bodies {
            wire.ask("POST", "/v1/checks", None, body).await;
        }
        wire.ask("GET", "/openapi.json", None, b"").await;
        wire.ask("GET", "/readyz", None, b"").await;
        wire.ask("GET", "/v1/datasets/..%2f..%0a%1b", Some(&guess), b"").await;
        let head = format!("PUT /v1/blobs/{guess} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
        if let Some(mut stream) = wire.connect("http/1.1").await {
            let piece = [b"100000\r\n".as_slice(), &vec![0; 1 << 20], b"\r\n"].concat();
            let _ = stream.write_all(head.as_bytes()).await;
            for _ in 0..8 {
                let sent = tokio::time::timeout(Duration::from_secs(2), stream.write_all(&piece)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
        }
    }
}

/// How long each list of jobs took, asked ten times a second, until it is over.
fn well_behaved(house: &House, over: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<Duration>> {
    let client = house.client("operator");
    std::thread::spawn(move || {
        let mut took = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            client.ask(ListJobs::default()).unwrap();
            took.push(begun.elapsed());
            std::thread::sleep(Duration::from_millis(100));
        }
        took
    })
}

/// Of 100, all but so many are no greater.
fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// Submits and approves jobs until the service is gone: what it promised, with the digest of what was submitted.
fn busy(house: &House, promised: Arc<Mutex<BTreeMap<u64, String>>>) -> std::thread::JoinHandle<()> {
    let (analyst, operator) = (house.client("analyst"), house.client("operator"));
    let (author, approver) = (house.lab.signing_key("analyst"), house.lab.signing_key("operator"));
    std::thread::spawn(move || {
        let wasm = component("(f64.const 1)");
        for at in 0.. {
            let manifest = job("rho = 0.0001").replace("To count.", &format!("To count, {at}."));
            let submit = Submit { name: "job.toml".into(), manifest, module: Blob::new(wasm.clone()) };
            let Ok(done) = analyst.make(submit, &author as &dyn Signer) else { return };
            promised.lock().unwrap().insert(done.job.0, "job-submitted".to_owned());
            let Ok(done) = operator.make(Approve { job: done.job }, &approver as &dyn Signer) else { return };
            let done = serde_json::to_value(&done).unwrap();
            if let Some(entry) = done["entry"].as_u64() {
                promised.lock().unwrap().insert(entry, "job-approved".to_owned());
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_all_of_it_others_are_served_and_what_was_promised_survives_a_kill() {
    let mut house = House::open();
    let over = Arc::new(AtomicBool::new(false));
    let alone = well_behaved(&house, over.clone());
    tokio::time::sleep(Duration::from_secs(3)).await;
    over.store(true, Ordering::Relaxed);
    let alone = at(&mut tokio::task::spawn_blocking(|| alone.join().unwrap()).await.unwrap(), 99);

    let over = Arc::new(AtomicBool::new(false));
    let promised = Arc::new(Mutex::new(BTreeMap::new()));
    let mut bad = tokio::task::JoinSet::new();
    for resets in [true, false] {
        bad.spawn(flood(house.stranger(), over.clone(), resets));
    }
    for wire in [house.stranger(), house.wire("steward")] {
        bad.spawn(pester(wire, over.clone()));
    }
    let good = well_behaved(&house, over.clone());
    let busy = busy(&house, promised.clone());
    tokio::time::sleep(LASTS).await;
    over.store(true, Ordering::Relaxed);
    let with = at(&mut tokio::task::spawn_blocking(|| good.join().unwrap()).await.unwrap(), 99);
    let peak = house.peak();
    // Jobs still come in when the power fails.
    house.kill();
    bad.join_all().await;
    tokio::task::spawn_blocking(|| busy.join().unwrap()).await.unwrap();
    let promised = std::mem::take(&mut *promised.lock().unwrap());
    println!(
        "p99 of a list of jobs: alone {alone:?}, in bad company {with:?}; {peak} MiB; {} promises",
        promised.len()
    );
    assert!(with < SLOWER.1.max(alone * SLOWER.0), "{with:?}, alone {alone:?}");
    assert!(peak < MEMORY, "{peak} MiB");
    assert!(promised.len() > 3, "nothing went on: {promised:?}");
    assert!(!house.told().iter().any(|line| line.contains("panicked")), "{:?}", house.told());

    house.again();
    let client = house.client("operator");
    let jobs = tokio::task::spawn_blocking(move || client.ask(ListJobs::default()).unwrap()).await.unwrap();
    let jobs: Value = serde_json::to_value(jobs).unwrap();
    let known: Vec<&str> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    let kinds = house.lab.kinds();
    for (entry, kind) in &promised {
        assert_eq!(kinds.get(*entry as usize), Some(kind), "entry {entry} of {}", kinds.len());
        assert!(kind != "job-submitted" || known.contains(&format!("j{entry}").as_str()), "j{entry}");
    }
    house.lab.ok(&["log", "export", "bundle"]);
    assert_eq!(house.lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}
