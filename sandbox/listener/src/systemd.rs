//! What systemd and a service say to each other: sockets handed over (sd_listen_fds(3)), and how it goes
//! (sd_notify(3)). Without systemd nothing is said.

use std::{
    env,
    ffi::OsStr,
    io,
    net::{SocketAddr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::{ffi::OsStrExt, net},
    },
    time::Duration,
};

use listenfd::ListenFd;

use crate::error::ListenError;

/// The sockets that systemd hands over, where it does (then `addresses` are its unit's business), or new ones at these
/// addresses. It changes the environment, so that children take no sockets for theirs: to be called before there are
/// threads.
pub fn sockets(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ListenError> {
    let mut handed = match env::var_os("LISTEN_PID") {
        None => ListenFd::empty(),
        Some(_) => ListenFd::from_env(),
    };
    let count = handed.len();
    if count == 0 {
        let bind = |at: &SocketAddr| TcpListener::bind(at).map_err(|why| ListenError::Bind { address: *at, why });
        return addresses.iter().map(bind).collect();
    }
    let take = |at| handed.take_tcp_listener(at).transpose().map(|taken| taken.map_err(ListenError::Handed));
    (0..count).filter_map(take).collect()
}

/// What is told to systemd.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    Ready,
    Alive,
    Stopping,
}

/// Tells systemd, if it asked to be told. That it cannot be told stops no service.
pub(crate) fn tell(told: Told) {
    let Some(to) = env::var_os("NOTIFY_SOCKET") else { return };
    let text = match told {
        Told::Ready => "READY=1",
        Told::Alive => "WATCHDOG=1",
        Told::Stopping => "STOPPING=1",
    };
    let _told_or_not = send(&to, text.as_bytes());
}

fn send(to: &OsStr, bytes: &[u8]) -> io::Result<usize> {
    let address = match to.as_bytes().strip_prefix(b"@") {
        Some(name) => net::SocketAddr::from_abstract_name(name)?,
        None => net::SocketAddr::from_pathname(to)?,
    };
    net::UnixDatagram::unbound()?.send_to_addr(bytes, &address)
}

/// How often systemd wants to hear that this process is alive: twice in the time after which it would kill it.
pub(crate) fn watchdog() -> Option<Duration> {
    let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let micros = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 0)?;
    Some(Duration::from_micros(micros / 2).max(Duration::from_millis(1)))
}
