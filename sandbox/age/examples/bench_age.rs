//! How fast a file is encrypted and decrypted, beside the stock tool on the same file, in one run:
//!
//! `cargo run --release --package unseen-age --example bench_age [MiB]`
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use unseen_age::{Decrypter, Encrypter, Identity};

const ROUNDS: usize = 5;

fn main() {
    let mib: usize = std::env::args().nth(1).map_or(512, |mib| mib.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let block: Vec<u8> = (0..1 << 20).map(|at: u32| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let mut rows = File::create(path("rows")).unwrap();
    (0..mib).for_each(|_| rows.write_all(&block).unwrap());
    let us = Identity::generate().unwrap();
    std::fs::write(path("key"), us.to_secret().as_bytes()).unwrap();
    let recipient = us.recipient().to_string();
    let us = [us];

    let encrypt = || {
        let mut file = Encrypter::new(File::create(path("ours.age")).unwrap(), &[us[0].recipient()]).unwrap();
        let mut rows = BufReader::with_capacity(64 << 10, File::open(path("rows")).unwrap());
        io::copy(&mut rows, &mut file).unwrap();
        file.finish().unwrap();
    };
    let decrypt = |from: &str| {
        let mut file = Decrypter::new(File::open(path(from)).unwrap(), &us).unwrap();
        let mut out = BufWriter::with_capacity(64 << 10, File::create(path("back")).unwrap());
        io::copy(&mut file, &mut out).unwrap();
        out.flush().unwrap();
    };
    let age = |arguments: &[&str]| {
        let done = Command::new("age").args(arguments).current_dir(dir.path()).status();
        assert!(done.unwrap().success(), "age {arguments:?}");
    };

    let ours = best(&encrypt);
    let theirs = best(&|| age(&["-r", &recipient, "-o", "theirs.age", "rows"]));
    tell("encrypt", mib, ours, theirs);
    let ours = best(&|| decrypt("theirs.age"));
    assert!(same(&path("rows"), &path("back")));
    let theirs = best(&|| age(&["-d", "-i", "key", "-o", "back", "theirs.age"]));
    tell("decrypt", mib, ours, theirs);
    age(&["-a", "-r", &recipient, "-o", "armored.age", "rows"]);
    let ours = best(&|| decrypt("armored.age"));
    let theirs = best(&|| age(&["-d", "-i", "key", "-o", "back", "armored.age"]));
    tell("decrypt from armor", mib, ours, theirs);
}

/// Seconds of the fastest of some rounds.
fn best(work: &dyn Fn()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn tell(what: &str, mib: usize, ours: f64, theirs: f64) {
    let rate = |seconds: f64| mib as f64 * 1.048_576 / seconds;
    println!("{what}: {:.0} MB/s, age {:.0} MB/s: {:.2} times", rate(ours), rate(theirs), theirs / ours);
}

fn same(one: &Path, other: &Path) -> bool {
    std::fs::read(one).unwrap() == std::fs::read(other).unwrap()
}
