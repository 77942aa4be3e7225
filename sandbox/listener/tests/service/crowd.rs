//! A city's worth of open connections, measured: `cargo test -p unseen-listener -- --ignored crowd --nocapture`.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::time::sleep;

use crate::outside::{alone, kill};
use crate::support::{Server, get, h2_client, h2_get, limits};

const MANY: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "10,000 connections take a minute"]
async fn a_crowd_is_held_and_others_are_served() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let mut server = Server::start(limits());
    // Those files, served by a process whose memory is its own.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env("SERVE_AT", address.to_string()).env("SERVE_FROM", server.dir.path());
    let mut child = alone(program);
    server.address = address;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    let resident = || {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", child.id())).unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let before = resident();

    let person = server.client_of("li.si");
    let (mut held, begun) = (Vec::new(), Instant::now());
    for _ in 0..MANY / 2 {
        let mut stream = person.connect().await.unwrap();
        assert!(get(&mut stream, "/who").await.is_some());
        held.push(stream);
    }
    let half = resident();
    let framed = server.client_of("li.si").by_h2();
    let mut h2_held = Vec::new();
    for _ in 0..MANY / 2 {
        let mut client = h2_client(framed.connect().await.unwrap()).await.unwrap();
        assert!(h2_get(&mut client, "/who").await.is_some());
        h2_held.push(client);
    }
    let each = |grown: usize| grown / (MANY / 2);
    println!("{MANY} connections in {:?}", begun.elapsed());
    println!("bytes for one by HTTP/1.1: {}, by HTTP/2: {}", each(half - before), each(resident() - half));
    let begun = Instant::now();
    assert!(person.get("/who").await.is_some());
    println!("one more connection and its answer: {:?}", begun.elapsed());
    for stream in held.iter_mut().rev().take(100) {
        assert!(get(stream, "/who").await.is_some());
    }
    assert!(resident() - before < MANY * (100 << 10), "{} bytes", resident() - before);
    kill(&child, Signal::TERM);
    assert!(child.wait().unwrap().success());
}
