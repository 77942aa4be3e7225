//! What takes too long, or is too much.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use unseen_listener::Limits;

use crate::support::{SOON, Server, closes, get, h2_client, h2_get, limits};

const SHORT: Duration = Duration::from_millis(300);
/// Long after `SHORT`, on a machine that is busy.
const LATER: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_cut_off_and_others_are_served() {
    let server = Server::start(Limits { head: SHORT, ..limits() });
    let mut idle = server.client().connect().await.unwrap();
    let mut slow = server.client().connect().await.unwrap();
    let begun = Instant::now();
    let (mut from, mut to) = tokio::io::split(&mut slow);
    let dribble = async {
        loop {
            if to.write_all(b"x").await.is_err() || to.flush().await.is_err() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    to_the_end(async {
        tokio::select! { () = dribble => {}, closed = closes(&mut from, LATER) => assert!(closed) }
    })
    .await;
    assert!(begun.elapsed() >= SHORT, "{:?}", begun.elapsed());
    server.told("too slow").await;
    sleep(SHORT).await;
    assert!(get(&mut idle, "/who").await.is_some(), "who has not begun may take longer");
    sleep(2 * SHORT).await;
    assert!(get(&mut idle, "/who").await.is_some(), "and between two requests too");
    // A second request on a connection that lives is a head too.
    idle.write_all(b"GET / HT").await.unwrap();
    assert!(closes(&mut idle, LATER).await);
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_connection_at_every_stage() {
    let server = Server::start(Limits { handshake: SHORT, idle: SHORT, ..limits() });
    let mut mute = TcpStream::connect(server.address).await.unwrap();
    assert!(closes(&mut mute, LATER).await, "no TLS");
    server.told("too slow").await;
    assert!(closes(&mut server.client().connect().await.unwrap(), LATER).await, "no request");
    let mut used = server.client().connect().await.unwrap();
    // Longer than the time for idling: it is not idle.
    assert_eq!(get(&mut used, "/slow").await, Some((200, "slow".to_owned())));
    let ended = timeout(LATER, used.read(&mut [0])).await.expect("no further request");
    assert_eq!(ended.unwrap(), 0, "an idle connection is ended as TLS wants it");
    let mut h2 = server.client().by_h2().connect().await.unwrap();
    let begun = Instant::now();
    assert!(closes(&mut h2, LATER).await, "nothing of HTTP/2");
    assert!(begun.elapsed() >= SHORT / 2);
    let mut h2 = h2_client(server.client().by_h2().connect().await.unwrap()).await.unwrap();
    assert!(h2_get(&mut h2, "/slow").await.is_some());
    to_the_end(async {
        while h2_get(&mut h2, "/who").await.is_some() {
            sleep(2 * SHORT).await;
        }
    })
    .await;
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_not_pause_for_long() {
    let server = Server::start(Limits { pause: SHORT, ..limits() });
    let mut stream = server.client().connect().await.unwrap();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab").await.unwrap();
    sleep(SHORT / 3).await;
    stream.write_all(b"cd").await.unwrap();
    assert_eq!(crate::support::answer(&mut stream).await, Some((200, "abcd".to_owned())));
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab").await.unwrap();
    let answer = crate::support::answer(&mut stream).await;
    assert_eq!(answer, Some((408, "the request came too slowly".to_owned())));

    // Who asks and does not read.
    let mut deaf = server.client().connect().await.unwrap();
    deaf.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    server.told("too slow").await;
    let begun = Instant::now();
    assert!(closes(&mut deaf, LATER).await, "what is on its way is all there is");
    assert!(begun.elapsed() < LATER);
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_and_requests_than_there_may_be() {
    let server = Server::start(Limits { connections: 2, requests: 1, ..limits() });
    let mut first = server.client().connect().await.unwrap();
    let mut second = server.client().connect().await.unwrap();
    let third = server.client();
    let mut waiting = Box::pin(third.connect());
    assert!(timeout(SHORT, waiting.as_mut()).await.is_err(), "there is no place");
    assert!(get(&mut first, "/who").await.is_some(), "those who are in are served");

    second.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    second.read_u8().await.unwrap();
    let (status, body) = get(&mut first, "/who").await.unwrap();
    assert_eq!(status, 503);
    assert!(body.contains("\"code\":\"door.busy\"") && body.contains("\"status\":503"), "{body}");
    drop(second);
    let mut third = timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(get(&mut third, "/who").await, Some((200, "nobody".to_owned())));
    server.told("all places were taken").await;
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_does_not_live_for_ever() {
    let server = Server::start(Limits { life: SHORT, ..limits() });
    let mut stream = server.client().connect().await.unwrap();
    assert_eq!(get(&mut stream, "/slow").await, Some((200, "slow".to_owned())), "what is under way is finished");
    assert_eq!(get(&mut stream, "/who").await, None);
    let mut endless = server.client().connect().await.unwrap();
    endless.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(closes(&mut endless, LATER).await);
    server.told("cut off").await;
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_bounded() {
    let server = Server::plain(limits());
    let fields = |count: usize| (0..count).map(|at| format!("a{at}: b\r\n")).collect::<String>();
    for (head, expected) in [
        (fields(90), Some(200)),
        (fields(101), Some(431)),
        (format!("a: {}\r\n", "x".repeat(8_000)), Some(200)),
        (format!("a: {}\r\n", "x".repeat(40_000)), Some(431)),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(format!("GET /who HTTP/1.1\r\nhost: a\r\n{head}\r\n").as_bytes()).await.unwrap();
        let status = crate::support::answer(&mut stream).await.map(|(status, _)| status);
        assert_eq!(status, expected, "{} bytes", head.len());
    }
    let h2 = TcpStream::connect(server.address).await.unwrap();
    let mut h2 = h2_client(h2).await.unwrap();
    assert_eq!(h2_get(&mut h2, "/who").await, Some((200, "nobody".to_owned())), "HTTP/2 without TLS, if it begins so");
    server.ended().await;
}

async fn to_the_end(work: impl Future<Output = ()>) {
    timeout(SOON, work).await.unwrap();
}
