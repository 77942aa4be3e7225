//! More than fits, other than it says, and small things that want to be large.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use unseen_ids::Digest;

use crate::house::{House, Wire, answer};
use crate::shares::sum;
use crate::support::{component, job, tree};

const MIB: usize = 1 << 20;

/// An upload whose head is sent: `length` is what it says of its length, if it says one.
async fn begun(
    wire: &Wire,
    digest: &str,
    length: Option<u64>,
) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut stream = wire.connect("http/1.1").await.unwrap();
    let length = length.map_or("transfer-encoding: chunked".to_owned(), |length| format!("content-length: {length}"));
    let head = format!("PUT /v1/blobs/{digest} HTTP/1.1\r\nhost: localhost\r\n{length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Bytes of all files of uploads.
fn waiting(lab: &Path) -> usize {
    let place = lab.join("incoming");
    tree(&place)
        .iter()
        .filter_map(|name| place.join(name).metadata().ok())
        .filter(|it| it.is_file())
        .map(|it| it.len() as usize)
        .sum()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_takes_no_more_than_its_room() {
    let mut house = House::open();
    let (analyst, nobody) = (house.wire("analyst"), "0".repeat(64));
    // 10 GB by its own word: refused before a byte of it.
    let mut stream = begun(&analyst, &nobody, Some(10_000_000_000)).await;
    assert_eq!(answer(&mut stream).await.unwrap().0, 413);
    let mut stream = begun(&house.stranger(), &nobody, Some(1_000)).await;
    assert_eq!(answer(&mut stream).await.unwrap().0, 401);
    // Without a word: refused when it is too long.
    let stream = begun(&analyst, &nobody, None).await;
    let (mut from, mut to) = tokio::io::split(stream);
    let said = tokio::spawn(async move { answer(&mut from).await });
    let piece = [format!("{MIB:x}\r\n").as_bytes(), &vec![0; MIB], b"\r\n"].concat();
    let mut sent = 0;
    while !said.is_finished() && sent < 200 && to.write_all(&piece).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 100, "{sent} MiB were taken");
    // Closed while more was on its way, the answer may be lost.
    assert!(said.await.unwrap().is_none_or(|(status, _)| status == 413));
    until("what was not whole stays", || waiting(&house.lab.path("lab")) == 0).await;
    // Many at once that never end: as many as fit in one person's room, whatever they would fill.
    let mut held = Vec::new();
    for _ in 0..12 {
        let mut stream = begun(&analyst, &nobody, None).await;
        let _ = stream.write_all(&piece).await;
        held.push(stream);
    }
    let mut refused = 0;
    for stream in &mut held {
        if let Ok(said) = tokio::time::timeout(Duration::from_millis(500), answer(stream)).await {
            refused += usize::from(said.is_some_and(|(status, _)| status == 429));
        }
    }
    assert_eq!(refused, 8, "256 MiB are four of 64");
    assert!(waiting(&house.lab.path("lab")) <= 4 * MIB);
    // Another person has another room.
    let digest = Digest::of(b"mine").to_hex();
    let mut stream = begun(&house.wire("operator"), &digest, Some(4)).await;
    stream.write_all(b"mine").await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().0, 201);
    // Killed, it forgets what was half done and keeps what was whole.
    house.kill();
    assert!(waiting(&house.lab.path("lab")) > MIB);
    house.again();
    assert_eq!(waiting(&house.lab.path("lab")), 4);
    // What the analyst did not upload is not there for the analyst.
    let check =
        json!({ "name": "job.toml", "manifest": job("rho = 0.25"), "module": format!("sha256:{digest}") }).to_string();
    let (status, said) = house.wire("analyst").ask("POST", "/v1/checks", None, check.as_bytes()).await.unwrap();
    assert_eq!(status, 409, "{said}");
    drop(held);
}

/// What is small to send and large to look into.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let zstd = zstd::encode_all(std::io::repeat(0).take(256 << 20), 3).unwrap();
    let deep = format!("(module (func {} {}))", "block ".repeat(50_000), "end ".repeat(50_000));
    let many = format!("(module {})", "(func)".repeat(150_000));
    let locals = format!("(module (func (local {})))", "i64 ".repeat(60_000));
    let core = |text: &str| wat::parse_str(text).unwrap();
    let mut cut = component("(f64.const 1)");
    cut.truncate(cut.len() / 2);
    vec![
        ("zstd", zstd),
        ("a Parquet file", parquet_bomb()),
        ("components in components", nested(2_000)),
        ("deep blocks", core(&deep)),
        ("many functions", core(&many)),
        ("many locals", core(&locals)),
        ("a long function", component(&sum(60_000))),
        ("half a component", cut),
        ("no component", b"\0asm\x0d\0\x01\0\xff\xff\xff\xff\x0f".to_vec()),
    ]
}

/// A component in a component, so many times (the component model's binary format: section 4).
fn nested(times: usize) -> Vec<u8> {
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    (0..times).fold(empty.clone(), |inner, _| {
        let (mut length, mut rest) = (Vec::new(), inner.len());
        while rest >= 0x80 {
            length.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        length.push(rest as u8);
        [empty.as_slice(), &[4], &length, &inner].concat()
    })
}

/// Eight million equal values in some kilobytes.
fn parquet_bomb() -> Vec<u8> {
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
    let rows: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["f00001"; 64 << 10]));
    let batch = RecordBatch::try_from_iter([("code", rows.clone()), ("town", rows)]).unwrap();
    let kept = WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(kept)).unwrap();
    (0..64).for_each(|_| writer.write(&batch).unwrap());
    writer.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_do_not_go_off() {
    let house = House::open();
    let analyst = house.wire("analyst");
    for (name, bytes) in bombs() {
        let digest = Digest::of(&bytes).to_hex();
        assert_eq!(analyst.put(&format!("/v1/blobs/{digest}"), &bytes).await.unwrap().0, 201, "{name}");
        let check = json!({ "name": "job.toml", "manifest": job("rho = 0.25"), "module": format!("sha256:{digest}") });
        let begun = Instant::now();
        let (status, said) = analyst.ask("POST", "/v1/checks", None, check.to_string().as_bytes()).await.unwrap();
        let code = serde_json::from_str::<Value>(&said).unwrap()["code"].clone();
        println!("{name}: {} bytes, {code}, {:?}, {} MiB", bytes.len(), begun.elapsed(), house.peak());
        assert_eq!(status, 422, "{name}: {said}");
        assert!(said.len() < 4_000, "{name}: an answer of {} bytes", said.len());
    }
    assert!(house.peak() < 400, "{} MiB", house.peak());
    assert!(!house.told().iter().any(|line| line.contains("panicked")), "{:?}", house.told());
}
