//! Texts that want to be something else: JSON without an end, lines that forge others.

use std::sync::Arc;

use serde_json::{Value, json};
use unseen_policies::text::hides;
use unseen_tlog::Signer;
use unseen_usecases::Blob;
use unseen_usecases::jobs::{Reject, Submit};

use crate::house::House;
use crate::support::{component, job};

/// The most memory in MiB that the service may ever have in these tests: a debug build with a lab open takes a
/// quarter of it.
const MEMORY: usize = 400;

/// Bodies that cost more to read than to send.
fn heavy() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let most = unseen_api::MAX_REQUEST;
    let fields = (0..200_000).map(|at| format!("\"f{at}\":0")).collect::<Vec<_>>().join(",");
    let entry = json!({ "change": {}, "entry": "A".repeat(most - 100) }).to_string();
    vec![
        ("deep arrays", vec![b'['; most], &[400]),
        ("deep objects", b"{\"a\":".repeat(most / 5), &[400]),
        ("many values", [b"[".as_slice(), &b"0,".repeat(most / 2 - 2), b"0]"].concat(), &[400]),
        ("many fields", format!("{{{fields}}}").into_bytes(), &[400]),
        ("a long number", [b"{\"change\":".as_slice(), &vec![b'9'; most - 20], b"}"].concat(), &[400]),
        ("a long text", format!("{{\"change\":\"{}\"}}", "\\u0041".repeat(most / 6 - 10)).into_bytes(), &[400]),
        ("a long entry", entry.into_bytes(), &[400, 422]),
        ("too long", vec![b' '; most + 1], &[413]),
        ("no text", vec![0xff; 1_000], &[400]),
        ("nothing", Vec::new(), &[400]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_heavy_to_read_are_refused_and_leave_room() {
    let house = House::open();
    let heavy = Arc::new(heavy());
    let mut all = tokio::task::JoinSet::new();
    // As a person and as nobody, many at once, at an address that takes a change and at one that logs in.
    for at in 0..12 {
        let (heavy, wire) = (heavy.clone(), [house.wire("analyst"), house.stranger()][at % 2].clone());
        all.spawn(async move {
            for (name, body, good) in &*heavy {
                for path in ["/v1/jobs", "/v1/login"] {
                    // Refused before it was read, the connection may end before the answer.
                    let Some((status, said)) = wire.ask("POST", path, None, body).await else { continue };
                    let good =
                        good.contains(&status) || (path == "/v1/login" && matches!(status, 400 | 413 | 401 | 429));
                    assert!(good, "{name} to {path}: {status} {said}");
                    assert!(said.len() < 2_000, "{name}: an answer of {} bytes", said.len());
                }
            }
        });
    }
    all.join_all().await;
    assert_eq!(house.wire("analyst").ask("GET", "/v1/jobs", None, b"").await.unwrap().0, 200);
    assert!(house.peak() < MEMORY, "{} MiB", house.peak());
    assert!(!house.told().iter().any(|line| line.contains("panicked")), "{:?}", house.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_makes_a_line_of_its_own() {
    const EVIL: &str = "x\n2026-01-01T00:00:00Z all is well\r\u{1b}[2J\u{202e}txt\u{0}\u{2028}";
    let house = House::open();
    let wasm = component("(f64.const 1)");
    let (analyst, operator) = (house.client("analyst"), house.client("operator"));
    let key = |who: &str| house.lab.signing_key(who);
    let (analyst_key, operator_key): (Box<dyn Signer>, Box<dyn Signer>) =
        (Box::new(key("analyst")), Box::new(key("operator")));
    let escaped = EVIL.chars().map(|c| format!("\\u{:04X}", c as u32)).collect::<String>();
    let manifest = job("rho = 0.001").replace("Rows of firms", &escaped);
    let evil = manifest.clone();
    let refused = tokio::task::spawn_blocking(move || {
        let submit =
            |name: &str, manifest: String| Submit { name: name.into(), manifest, module: Blob::new(wasm.clone()) };
        let mut refused = Vec::new();
        refused.extend(analyst.make(submit("job.toml", manifest), &*analyst_key).err().map(|error| error.to_string()));
        // What the manifest is called stands in errors about it.
        refused.extend(analyst.make(submit(EVIL, "what".into()), &*analyst_key).err().map(|error| error.to_string()));
        let good = analyst.make(submit("job.toml", job("rho = 0.001")), &*analyst_key).unwrap();
        let reject = Reject { job: good.job, reason: EVIL.to_owned() };
        refused.extend(operator.make(reject, &*operator_key).err().map(|error| error.to_string()));
        refused
    });
    let refused = refused.await.unwrap();
    assert!(!refused.is_empty(), "a title and a reason of several lines were taken: {evil}");
    let wire = house.wire("operator");
    let encoded = EVIL.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let token = "0".repeat(10);
    for path in [format!("/v1/datasets/{encoded}"), format!("/v1/people/{encoded}"), format!("/{encoded}?{encoded}")] {
        for token in [None, Some(token.as_str())] {
            let (status, said) = wire.ask("GET", &path, token, b"").await.unwrap();
            assert!((400..500).contains(&status), "{path}: {status}");
            assert!(!said.contains(|c: char| c.is_control()), "{said:?}");
        }
    }
    let bad = json!({ EVIL: EVIL, "change": { EVIL: 1 }, "entry": EVIL }).to_string();
    let (status, said) = wire.ask("POST", "/v1/jobs", None, bad.as_bytes()).await.unwrap();
    assert!(status == 400 && !said.contains(|c: char| c.is_control()), "{said:?}");
    // The lines for operators, and those of the second log, are one for each that was told, and hide nothing.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for line in house.told() {
        assert!(!line.contains(hides) && !line.contains("all is well\r"), "{line:?}");
        assert!(line.get(..20).is_some_and(|time| time.parse::<chrono::DateTime<chrono::Utc>>().is_ok()), "{line:?}");
        assert!(!line.starts_with("2026-01-01T00:00:00Z"), "{line:?}");
    }
    let days = std::fs::read_dir(house.lab.path("lab/access")).unwrap().map(|day| day.unwrap().path());
    let days: Vec<_> = days.filter(|day| day.extension().is_some_and(|end| end == "jsonl")).collect();
    let lines: String = days.iter().map(|day| std::fs::read_to_string(day).unwrap()).collect();
    assert!(lines.lines().count() > 5, "{lines}");
    for line in lines.lines() {
        assert!(!line.contains(hides) && serde_json::from_str::<Value>(line).is_ok(), "{line:?}");
    }
}
