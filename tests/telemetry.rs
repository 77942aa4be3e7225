//! Built with the feature `otel`, a served lab tells a collector of requests and of itself, and of nobody.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use served::{Served, agent, get_as, login};
use support::*;

#[test]
fn a_collector_hears_of_routes_and_counts_and_of_nobody() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    let (address, sent) = collector();
    let mut served = Served::begun(serving(&lab, &address));
    let token = login(&served, &lab, "analyst");
    for path in [&format!("/v1/jobs/{job}"), "/v1/datasets/firms", "/v1/people", "/nowhere/firms/analyst"] {
        get_as(&served, &token, path);
    }
    // An answer without an end is none of theirs.
    agent().get(format!("{}/v1/events", served.url)).header("authorization", format!("Bearer {token}")).call().unwrap();
    let mut odd = TcpStream::connect(served.url.strip_prefix("http://").unwrap()).unwrap();
    odd.write_all(b"ANALYST /v1/lab HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    odd.read_to_end(&mut Vec::new()).unwrap();
    // The turns of the exporter are longer than this test: what is left is sent at the end.
    end(&mut served.process);

    let sent = sent.lock().unwrap();
    let of = |path: &str| sent.iter().filter(|(to, _)| to == path).map(|(_, body)| body.as_slice()).collect::<Vec<_>>();
    // ResourceSpans, ScopeSpans, Span; ResourceMetrics, ScopeMetrics, Metric (opentelemetry-proto).
    let (spans, metrics) = (inside(&of("/v1/traces"), &[1, 2, 2]), inside(&of("/v1/metrics"), &[1, 2, 2]));
    assert_eq!(spans.len(), 7);
    let routes = ["/v1/login", "/v1/jobs/{job}", "/v1/datasets/{dataset}", "/v1/people", "/v1/lab"];
    let names = [
        "POST /v1/login",
        "GET /v1/jobs/{job}",
        "GET /v1/datasets/{dataset}",
        "GET /v1/people",
        "GET",
        "_OTHER /v1/lab",
    ];
    assert_eq!(texts(&spans, &[5]), BTreeSet::from(names));
    let attributes = ["http.request.method", "http.response.status_code", "http.route"];
    assert_eq!(texts(&spans, &[9, 1]), BTreeSet::from(attributes));
    let methods = ["GET", "POST", "_OTHER"];
    assert_eq!(texts(&spans, &[9, 2, 1]), routes.into_iter().chain(methods).collect());

    let answers = ["unseen_http_answers_total", "unseen_http_answer_seconds"];
    let lab = ["log_entries", "jobs", "oldest_wait_seconds", "sessions", "disk_free_bytes"];
    let lab = lab.map(|name| format!("unseen_{name}"));
    assert_eq!(texts(&metrics, &[1]), answers.into_iter().chain(lab.iter().map(String::as_str)).collect());
    // The attributes of a gauge's, a sum's and a histogram's points.
    let [gauge, sum, histogram] = [[5, 1, 7], [7, 1, 7], [9, 1, 9]].map(|points| inside(&metrics, &points));
    let states = ["submitted", "approved", "running", "released", "rejected", "failed", "withdrawn"];
    assert_eq!((texts(&gauge, &[1]), texts(&gauge, &[2, 1])), (["state"].into(), states.into()));
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    assert_eq!((texts(&sum, &[1]), texts(&sum, &[2, 1])), (["class"].into(), classes.into()));
    assert_eq!((histogram.len(), inside(&metrics, &[9, 1]).len()), (0, of("/v1/metrics").len()));

    for (path, body) in &*sent {
        for secret in ["analyst", "steward", "owner", "ANALYST", "firms", ORIGIN, &token] {
            assert!(!body.windows(secret.len()).any(|part| part == secret.as_bytes()), "{path} is told {secret}");
        }
    }
}

#[test]
fn a_collector_that_is_not_there_is_told_of_once_and_holds_nobody_up() {
    let lab = Lab::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = serving(&lab, &address);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "100").env("OTEL_METRIC_EXPORT_INTERVAL", "100");
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let taken = lines.find_map(|line| Some(line.split_once("connections are taken at ")?.1.to_owned())).unwrap();
    let well = format!("http://{taken}/healthz");
    let ask = || agent().get(&well).call().unwrap().status().as_u16();
    assert_eq!(ask(), 200);
    // The first batch fails, and the next ones do.
    let told = |line: &String| line.contains("telemetry does not reach its collector");
    assert!(lines.any(|line| told(&line)));
    assert_eq!((ask(), ask()), (200, 200));
    end(&mut process);
    assert_eq!(lines.filter(told).count(), 0);
}

/// A service that tells a collector.
fn serving(lab: &Lab, collector: &str) -> Command {
    let mut command = lab.command(&["serve", "--plain", "--listen", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
    command
}

/// Ends a service as systemd does.
fn end(process: &mut Child) {
    kill_process(Pid::from_child(process), Signal::TERM).unwrap();
    assert!(process.wait().unwrap().success());
}

/// The paths and bodies of what was sent.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Keeps what is sent to its address.
fn collector() -> (String, Sent) {
    let (listener, sent) = (TcpListener::bind("127.0.0.1:0").unwrap(), Sent::default());
    let (address, kept) = (listener.local_addr().unwrap().to_string(), sent.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let kept = kept.clone();
            std::thread::spawn(move || take(stream.unwrap(), &kept));
        }
    });
    (address, sent)
}

fn take(stream: TcpStream, kept: &Sent) {
    let mut reader = BufReader::new(&stream);
    loop {
        let head: Vec<_> = reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let Some(path) = head.first().and_then(|first| first.split(' ').nth(1)) else { return };
        let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap()];
        reader.read_exact(&mut body).unwrap();
        kept.lock().unwrap().push((path.to_owned(), body));
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

/// The texts that stand at a path of fields.
fn texts<'a>(messages: &[&'a [u8]], path: &[u64]) -> BTreeSet<&'a str> {
    inside(messages, path).into_iter().map(|text| std::str::from_utf8(text).unwrap()).collect()
}

/// What stands at a path of fields in messages of Protocol Buffers.
fn inside<'a>(messages: &[&'a [u8]], path: &[u64]) -> Vec<&'a [u8]> {
    path.iter().fold(messages.to_vec(), |messages, number| {
        messages
            .iter()
            .flat_map(|message| fields(message))
            .filter(|(at, _)| at == number)
            .map(|field| field.1)
            .collect()
    })
}

/// The fields of a message that have a length, by their numbers.
fn fields(mut rest: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest);
        let length = match tag & 7 {
            0 => {
                varint(&mut rest);
                continue;
            }
            1 => 8,
            5 => 4,
            _ => varint(&mut rest) as usize,
        };
        let (field, after) = rest.split_at(length);
        rest = after;
        if tag & 7 == 2 {
            found.push((tag >> 3, field));
        }
    }
    found
}

fn varint(rest: &mut &[u8]) -> u64 {
    let end = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (bytes, after) = rest.split_at(end);
    *rest = after;
    bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
}
