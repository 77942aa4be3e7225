//! Those who take all there is, slowly: each gets their own share of it and no more.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use unseen_ids::Digest;

use crate::house::{House, Wire, h2_answer, h2_send};
use crate::support::{component, job, skipped};

/// How long anybody else may ever have to wait in these tests; alone it takes a hundredth of that. Debug builds on a
/// busy machine need such slack.
const SOON_ENOUGH: Duration = Duration::from_secs(3);

/// Somebody who behaves well is served now.
async fn served(wire: &Wire) {
    let begun = Instant::now();
    let (status, said) = wire.ask("GET", "/v1/jobs", None, b"").await.unwrap();
    assert_eq!(status, 200, "{said}");
    assert!(begun.elapsed() < SOON_ENOUGH, "after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_never_end_fill_one_share_only() {
    let house = House::open();
    let (operator, analyst, stranger) = (house.wire("operator"), house.wire("analyst"), house.stranger());
    // 320 requests that are never whole, then 320 streams of events that nobody reads.
    let (mut held, mut waiting, mut refused) = (Vec::new(), 0, 0);
    for (wire, method, path) in [(&stranger, "POST", "/v1/login"), (&analyst, "GET", "/v1/events")] {
        for _ in 0..5 {
            let mut client = wire.h2().await.unwrap();
            for _ in 0..64 {
                let body = (method == "GET").then_some(b"".as_slice());
                let Some((response, stream)) = h2_send(&mut client, method, path, None, body).await else { continue };
                match tokio::time::timeout(Duration::from_millis(30), response).await {
                    Ok(Ok(response)) if response.status() == 429 => refused += 1,
                    Ok(Ok(response)) => {
                        waiting += 1;
                        held.push((Some(response), None, stream));
                    }
                    Err(_) => {
                        waiting += 1;
                        held.push((None, None::<()>, stream));
                    }
                    Ok(Err(error)) => panic!("{path}: {error}"),
                }
            }
            held.push((None, None, h2_send(&mut client, "POST", "/v1/login", None, None).await.unwrap().1));
            served(&operator).await;
        }
    }
    assert!(refused >= 100, "{refused} were refused, {waiting} wait");
    assert_eq!(analyst.ask("GET", "/v1/jobs", None, b"").await.unwrap().0, 429, "its share is full");
    assert_eq!(stranger.ask("GET", "/healthz", None, b"").await.unwrap().0, 200);
    served(&operator).await;
    // Given back when it is over.
    drop(held);
    let begun = Instant::now();
    while analyst.ask("GET", "/v1/jobs", None, b"").await.unwrap().0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "its share is not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// WebAssembly text of a long sum, ten bytes for each number.
pub fn sum(numbers: usize) -> String {
    format!("(block (result f64) f64.const 0 {})", "f64.const 1 f64.add ".repeat(numbers))
}

#[tokio::test(flavor = "multi_thread")]
async fn components_that_take_long_to_compile_hold_nobody_up() {
    let house = House::open();
    let component = component(&sum(8_000));
    let digest = Digest::of(&component).to_hex();
    let mut checks = tokio::task::JoinSet::new();
    let begun = Instant::now();
    let wire = house.wire("analyst");
    let (status, said) = wire.put(&format!("/v1/blobs/{digest}"), &component).await.unwrap();
    assert_eq!(status, 201, "{said}");
    let module = format!("sha256:{digest}");
    let check = json!({ "name": "job.toml", "manifest": job("rho = 0.25"), "module": module }).to_string();
    for _ in 0..8 {
        let (wire, check) = (wire.clone(), check.clone());
        checks.spawn(async move { wire.ask("POST", "/v1/checks", None, check.as_bytes()).await });
    }
    let operator = house.wire("operator");
    let mut times = 0;
    while checks.len() > 4 {
        served(&operator).await;
        times += 1;
        while let Some(checked) = checks.try_join_next() {
            assert_eq!(checked.unwrap().map(|(status, _)| status), Some(200));
        }
    }
    println!("{times} lists while components were compiled, {:?}, {} MiB", begun.elapsed(), house.peak());
    assert!(times > 3, "they took no time");
    assert!(house.peak() < 400, "{} MiB", house.peak());
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_it_is_ready_is_the_same_for_all_who_ask() {
    let house = House::open();
    let mut client = house.stranger().h2().await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(h2_send(&mut client, "GET", "/readyz", None, Some(b"")).await.unwrap().0);
    }
    for response in answers {
        assert_eq!(h2_answer(response).await.unwrap(), (200, "ready\n".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slowhttptest_holds_nobody_up() {
    let present = Command::new("slowhttptest").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if present.is_err() {
        return skipped("slowhttptest is not installed");
    }
    let house = House::open();
    let operator = house.wire("operator");
    served(&operator).await;
    for (kind, path) in [("-H", "/v1/log"), ("-B", "/v1/login")] {
        let url = format!("https://127.0.0.1:{}{path}", house.address.port());
        let mut tool = Command::new("slowhttptest")
            .args([kind, "-c", "600", "-r", "200", "-i", "5", "-l", "12", "-p", "3", "-u", &url])
            .current_dir(house.lab.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut times = 0;
        while tool.try_wait().unwrap().is_none() {
            served(&operator).await;
            times += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(times > 20, "{kind} ended after {times}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_that_only_hold_the_line_leave_others_served() {
    const MANY: usize = 10_000;
    let house = House::open();
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    if most.is_some_and(|most| most < MANY as u64 + 600) {
        return skipped("this process may not have so many open files");
    }
    let all = rustix::process::Rlimit { current: most, maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all).unwrap();
    let (operator, analyst, before) = (house.wire("operator"), house.wire("analyst"), house.peak());
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let wire = analyst.clone();
        held.spawn(async move {
            let mut held = Vec::new();
            for _ in 0..MANY / 8 {
                held.push(wire.connect("http/1.1").await.unwrap());
            }
            held
        });
    }
    let mut held = held.join_all().await;
    served(&operator).await;
    let each = (house.peak() - before) * 1024 / MANY;
    println!("{MANY} connections, {each} KiB each");
    assert!(each < 100, "{each} KiB each");
    // They were not closed for it.
    for stream in held.iter_mut().filter_map(|held| held.last_mut()) {
        crate::house::send(stream, "GET", "/v1/jobs", None, b"").await.unwrap();
        assert_eq!(crate::house::answer(stream).await.unwrap().0, 200);
    }
}
