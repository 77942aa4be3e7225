//! HTTP/2 as nobody's library would send it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{SOON, Server, get, limits};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// `GET /` of `a` by https, from the static table of RFC 7541.
const GET: &[u8] = &[0x82, 0x84, 0x87, 0x41, 1, b'a'];
const ENHANCE_YOUR_CALM: u32 = 0xb;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends until the other side has had enough: how much that was, and the error of its GOAWAY.
async fn flood(server: &Server, frames: impl Iterator<Item = Vec<u8>>) -> (usize, Option<u32>) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let heard = tokio::spawn(async move {
        let mut error = None;
        let mut head = [0; 9];
        while from.read_exact(&mut head).await.is_ok() {
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            if from.read_exact(&mut payload).await.is_err() {
                break;
            }
            if head[3] == GOAWAY {
                error = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        error
    });
    let mut sent = 0;
    let send = async {
        to.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await?;
        for frame in frames {
            to.write_all(&frame).await?;
            sent += frame.len();
        }
        std::future::pending::<std::io::Result<()>>().await
    };
    let error = tokio::select! {
        _ = send => None,
        error = heard => error.unwrap(),
    };
    (sent, error)
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_end_their_connection_and_nothing_else() {
    let server = Server::plain(limits());
    let mut other = TcpStream::connect(server.address).await.unwrap();
    assert!(get(&mut other, "/who").await.is_some());
    let before = resident();
    const MANY: u32 = 200_000;

    let resets = (0..MANY).map(|at| {
        let stream = 2 * at + 1;
        [frame(HEADERS, 0x5, stream, GET), frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    });
    let all = MANY as usize * 28;
    let (sent, error) = timeout(SOON, flood(&server, resets)).await.unwrap();
    println!("rapid reset: {sent} bytes, then {error:?}");
    assert!(sent < all, "CVE-2023-44487: all {MANY} were taken");
    assert!(error.is_none_or(|error| error == ENHANCE_YOUR_CALM), "{error:?}");
    assert!(get(&mut other, "/who").await.is_some());

    let head = std::iter::once(frame(HEADERS, 0x1, 1, GET));
    let more =
        (0..MANY).map(|_| frame(CONTINUATION, 0, 1, &[b"\x00\x01a\x7f\x81\x00".as_slice(), &[b'x'; 250]].concat()));
    let (sent, error) = timeout(SOON, flood(&server, head.chain(more))).await.unwrap();
    println!("continuation: {sent} bytes, then {error:?}");
    assert!(sent < MANY as usize * 200, "CVE-2024-28182: all {MANY} were taken");
    assert!(get(&mut other, "/who").await.is_some());

    let grown = resident().saturating_sub(before);
    println!("grown by {grown} bytes");
    assert!(grown < 32 << 20, "{grown} bytes");
    server.ended().await;
}
