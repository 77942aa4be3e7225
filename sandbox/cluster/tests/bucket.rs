//! A store in a bucket, at a server of S3 by others. Where the storage is stands in the environment, so each test looks at
//! it from a process of its own.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/moto.rs"]
mod moto;
#[path = "../../../tests/support/skip.rs"]
mod skip;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use moto::Moto;
use tempfile::TempDir;
use unseen_cluster::error::ClusterError;
use unseen_cluster::store::Store;
use unseen_ids::{Digest, digest_of};
use unseen_texts::{Lang, Say};

/// Long enough for three parts, the last one short.
const LONG: usize = 20_000_000;

#[test]
fn in_a_bucket_a_store_keeps_what_it_is_given() {
    let Some(moto) = Moto::open(skip::skipped) else { return };
    let [object, orders] = [Digest::of(&long()), Digest::of(b"orders")].map(|digest| digest.to_hex());
    play("puts", &moto.environment());
    let listed = moto.list();
    for key in [format!("lab/objects/{object}"), format!("lab/orders/{orders}")] {
        assert!(listed.contains(&format!("<Key>{key}</Key>")), "{listed}");
    }
    play("reads", &moto.environment());
    assert!(!moto.list().contains("orders/"), "{}", moto.list());
    // As long as before, and not the same.
    moto.put(&format!("unseen/lab/objects/{object}"), &vec![7; LONG]);
    moto.put(&format!("unseen/lab/orders/{orders}"), b"Orders");
    play("reads_what_was_altered", &moto.environment());
}

#[test]
fn in_a_bucket_that_cannot_be_used_a_store_says_why() {
    let said = |environment: &[(&str, String)], place: &str| {
        let environment = [environment, &[("PLACE", place.to_owned())]].concat();
        let said = play("is_refused", &environment);
        let lines: Vec<_> = said.lines().filter_map(|line| line.split_once("SAID ")).map(|(_, rest)| rest).collect();
        let [keep, read, zh] = lines[..] else { panic!("{said}") };
        assert!(zh.contains(place) && zh != read, "{zh}");
        (keep.to_owned(), read.to_owned())
    };
    let nowhere = moto::environment("http://127.0.0.1:1");
    let (keep, read) = said(&nowhere, "s3://unseen/lab");
    assert!(keep.starts_with("the storage of s3://unseen/lab is not reached: Connection refused (os error 111); see"));
    assert_eq!(keep, read);
    let (keep, _) = said(&nowhere, "s3://");
    assert_eq!(keep, "s3:// is not the address of a store: write s3://BUCKET or s3://BUCKET/PREFIX");
    let (keep, _) = said(&nowhere, "s3://unseen/a//b");
    assert!(keep.contains("s3://unseen/a//b is not the address of a store"), "{keep}");
    let plain: Vec<_> = nowhere.into_iter().filter(|(name, _)| *name != "AWS_ALLOW_HTTP").collect();
    let (keep, _) = said(&plain, "s3://unseen/lab");
    assert_eq!(keep, "s3://unseen/lab cannot be used: URL scheme is not allowed");

    let Some(moto) = Moto::closed(skip::skipped) else { return };
    let (keep, read) = said(&moto.environment(), "s3://unseen/lab");
    assert!(keep.starts_with("s3://unseen/lab is closed to this machine's credentials: see AWS_"), "{keep}");
    assert_eq!(keep, read);
    let Some(moto) = Moto::open(skip::skipped) else { return };
    let (keep, _) = said(&moto.environment(), "s3://another");
    assert_eq!(keep, "there is no bucket for s3://another: make it, or see the name and AWS_ENDPOINT");
}

#[test]
#[ignore = "played by another"]
fn puts() {
    let (store, near) = store("s3://unseen/lab/");
    let (bytes, digest) = (long(), Digest::of(&long()));
    let path = near.path().join("long");
    std::fs::write(&path, &bytes).unwrap();
    let file = File::open(&path).unwrap();
    drop(bytes);
    let before = most_memory();
    store.keep(&digest, LONG as u64, &file).unwrap();
    // What is there is not sent again, and so not read.
    store.keep(&digest, LONG as u64, &File::open("/dev/null").unwrap()).unwrap();
    assert!(most_memory() < before + 32_000, "{} KiB after {before}", most_memory());
    let short = Digest::of(b"short");
    let cut = store.keep(&short, 6, &file_of(&near, b"short")).unwrap_err();
    assert!(cut.told(Lang::En).starts_with("s3://unseen/lab/ cannot be used: "), "{cut}");
    store.keep(&short, 5, &file_of(&near, b"short")).unwrap();
    assert_eq!(store.put_orders(b"orders").unwrap(), Digest::of(b"orders"));
}

#[test]
#[ignore = "played by another"]
fn reads() {
    let (store, near) = store("s3://unseen/lab");
    let digest = Digest::of(&long());
    let before = most_memory();
    let object = store.object(&digest, LONG as u64).unwrap();
    assert!(most_memory() < before + 32_000, "{} KiB after {before}", most_memory());
    assert_eq!(digest_of(&object).unwrap(), (digest, LONG as u64));
    assert!(std::fs::read_dir(near.path()).unwrap().next().is_none(), "it has no name");
    let mut short = String::new();
    store.object(&Digest::of(b"short"), 5).unwrap().read_to_string(&mut short).unwrap();
    assert_eq!(short, "short");
    for missing in [store.object(&digest, 5), store.object(&Digest::of(b"other"), 5)] {
        let missing = missing.unwrap_err();
        assert!(matches!(missing, ClusterError::NotInStore { .. }), "{missing}");
    }
    let orders = Digest::of(b"orders");
    assert_eq!(store.orders(&orders).unwrap(), b"orders");
    store.remove_orders(&orders);
    assert!(matches!(store.orders(&orders), Err(ClusterError::NotInStore { .. })));
    let nowhere = near.path().join("nowhere");
    let full = Store::open("s3://unseen/lab".as_ref(), &nowhere).unwrap().object(&Digest::of(b"short"), 5).unwrap_err();
    let full = full.told(Lang::En);
    let says = format!("what is read from the store cannot be kept in {} meanwhile: No such file", nowhere.display());
    assert!(full.starts_with(&says), "{full}");
}

#[test]
#[ignore = "played by another"]
fn reads_what_was_altered() {
    let (store, _near) = store("s3://unseen/lab");
    let digest = Digest::of(&long());
    // Whoever reads it looks at its bytes; a jailed worker does.
    assert_ne!(digest_of(store.object(&digest, LONG as u64).unwrap()).unwrap().0, digest);
    assert!(matches!(store.orders(&Digest::of(b"orders")), Err(ClusterError::NotInStore { .. })));
}

#[test]
#[ignore = "played by another"]
fn is_refused() {
    let (place, near) = (std::env::var("PLACE").unwrap(), TempDir::new().unwrap());
    let store = || Store::open(place.as_ref(), near.path());
    let digest = Digest::of(b"short");
    let kept = store().and_then(|store| store.keep(&digest, 5, &file_of(&near, b"short"))).unwrap_err();
    let read = store().and_then(|store| store.object(&digest, 5)).unwrap_err();
    println!("\nSAID {}", kept.told(Lang::En));
    println!("SAID {}", read.told(Lang::En));
    println!("SAID {}", read.told(Lang::Zh));
}

fn store(place: &str) -> (Store, TempDir) {
    let near = TempDir::new().unwrap();
    (Store::open(place.as_ref(), near.path()).unwrap(), near)
}

fn file_of(near: &TempDir, bytes: &[u8]) -> File {
    let path = near.path().join("file");
    File::create(&path).unwrap().write_all(bytes).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

fn long() -> Vec<u8> {
    (0..LONG as u32 / 4).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// The most memory that this process has had, in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Plays one of the tests above in a process of its own, with this environment; what it printed.
fn play(test: &str, environment: &[(&str, String)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).current_dir(Path::new("/"));
    std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")).for_each(|(name, _)| {
        command.env_remove(name);
    });
    let played = command.envs(environment.iter().map(|(name, value)| (name, value))).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success() && out.contains("1 passed"), "{test}: {out}{err}");
    out.into_owned()
}
