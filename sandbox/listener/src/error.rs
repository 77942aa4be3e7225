//! Why a listener cannot begin.

use std::{io, net::SocketAddr};

use unseen_texts::Say;

use crate::files::FileError;

/// Why a listener cannot begin.
#[derive(Debug, thiserror::Error, Say)]
#[code("listen")]
pub enum ListenError {
    /// An address that is another's, or another program's.
    #[error("cannot listen at {address}: {why}")]
    #[zh("无法在 {address} 上监听：{why}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// What systemd handed over is no TCP socket.
    #[error("a socket from systemd cannot be used ({0}): its unit needs ListenStream= with an address and a port")]
    #[zh("systemd 传入的套接字无法使用（{0}）：其单元须用 ListenStream= 指定地址和端口")]
    Handed(io::Error),
    /// Neither an address nor a socket.
    #[error("there is no address to listen at: name one")]
    #[zh("没有可监听的地址：请指定一个")]
    Nowhere,
    /// A socket that the system will not use.
    #[error("a socket cannot be used: {0}")]
    #[zh("套接字无法使用：{0}")]
    Socket(io::Error),
    /// What everybody between here and there could read and change.
    #[error("without TLS only this machine may be listened to, and {0} is open to others: use 127.0.0.1, or TLS")]
    #[zh("不使用 TLS 时只能在本机监听，而 {0} 对外可达：请改用 127.0.0.1，或启用 TLS")]
    Open(SocketAddr),
    /// TLS has not what it needs.
    #[error(transparent)]
    Files(#[from] FileError),
}
