//! How much and how long, for everything a stranger can make the service hold.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bounds of a [`crate::Listener`]; its `Default` is for a lab of a city.
///
/// Memory at worst, with these defaults. A connection that rests takes 35 KiB by HTTP/1.1 and 43 KiB by HTTP/2, with
/// TLS and a person's certificate (measured, `tests/service/crowd.rs`): 12,000 are 0.5 GB. A request under way adds
/// what of its head is kept, at most [`Limits::head_bytes`] and as much for parsing, and what of its answer waits to be
/// sent, [`Limits::send_buffer`] and one piece of the service's: 4,096 are 0.3 GB with pieces of 16 KiB. What was sent
/// to us and nobody has read is at most [`Limits::window`] for a connection by HTTP/2 with a request under way, 1 GB
/// for 4,096 of them. So less than 2 GB, which it takes 24 networks to fill. By HTTP/2 a peer may also leave answers
/// that the service has finished unread: one piece each for [`Limits::streams`] on a connection, until it is idle for
/// too long. A service that answers in small pieces bounds that too.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// Connections at a time from one network address, an IPv6 one being its first 64 bits; further ones are closed.
    /// Addresses of this machine are not counted: a proxy here brings everybody from one.
    pub connections_per_address: usize,
    /// Requests under way at a time, over all connections; further ones are answered with 503. A stream of
    /// events is under way as long as it lasts.
    pub requests: usize,
    /// How long TLS may take to begin.
    pub handshake: Duration,
    /// How long the head of an HTTP/1.1 request may take, from its first byte on. HTTP/2 sends heads whole or not
    /// at all; a connection that never finishes one is idle.
    pub head: Duration,
    /// How long a connection may be without a request under way.
    pub idle: Duration,
    /// How long a reader or a sender of a body may keep us waiting for the next piece.
    pub pause: Duration,
    /// How long a connection may live. Then it takes no more requests, and has as long again to finish those it has.
    pub life: Duration,
    /// How long requests under way may take when the service ends, or their certificate does.
    pub farewell: Duration,
    /// Bytes of a request's head. At least 8,192.
    pub head_bytes: usize,
    /// Fields in a request's head.
    pub head_fields: usize,
    /// HTTP/2: requests at a time on one connection.
    pub streams: u32,
    /// HTTP/2: streams that were reset before they were looked at, and such as we had to reset, before the
    /// connection is ended (rapid reset, CVE-2023-44487).
    pub resets: usize,
    /// HTTP/2: bytes of bodies that one connection may send before they are read.
    pub window: u32,
    /// HTTP/2: bytes that wait to be sent, for each request.
    pub send_buffer: usize,
    /// HTTP/2: how often a silent connection is asked whether it is still there, and how long it may take to say so.
    pub ping: Duration,
    /// How often files are looked at for changes, and what was turned away is told.
    pub look: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            connections: 12_000,
            connections_per_address: 512,
            requests: 4_096,
            handshake: seconds(10),
            head: seconds(10),
            idle: seconds(120),
            pause: seconds(30),
            life: seconds(3_600),
            farewell: seconds(10),
            head_bytes: 16 << 10,
            head_fields: 100,
            streams: 64,
            resets: 32,
            window: 256 << 10,
            send_buffer: 16 << 10,
            ping: seconds(30),
            look: seconds(10),
        }
    }
}

/// Descriptors that a process needs beside its connections: files, pipes, its log.
const BESIDE: u64 = 512;

impl Limits {
    /// Lets this process have as many open files as the system allows it. Where they are fewer than the connections
    /// need, says how many it may have and how many it should.
    pub(crate) fn make_room(&self) -> Option<(u64, u64)> {
        let found = getrlimit(Resource::Nofile);
        let most = found.maximum.unwrap_or(u64::MAX);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, maximum: found.maximum });
        let may = if raised.is_ok() { most } else { found.current.unwrap_or(u64::MAX) };
        let should = self.connections as u64 + BESIDE;
        (may < should).then_some((may, should))
    }
}
