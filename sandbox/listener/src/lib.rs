//! How connections come in: sockets, TLS, people's certificates, bounds, and the end of it all. What is asked for
//! on them is the business of the service behind, which this crate knows nothing of.
//!
//! ```no_run
//! # async fn serve<S>(service: S) -> Result<(), Box<dyn std::error::Error>>
//! # where
//! #     S: tower_service::Service<hyper::Request<unseen_listener::Body>,
//! #         Response = hyper::Response<http_body_util::Full<hyper::body::Bytes>>, Error = std::convert::Infallible,
//! #         Future: Send> + Clone + Send + Sync + 'static {
//! use unseen_listener::{Limits, Listener, Shutdown, TlsFiles, Wire, sockets};
//!
//! let tls = TlsFiles {
//!     certificate: "server.pem".into(),
//!     key: "server-key.pem".into(),
//!     client_ca: Some("people-ca.pem".into()),
//!     crl: Some("people-ca.crl".into()),
//! };
//! let listener = Listener::new(sockets(&["[::]:8443".parse()?])?, Wire::Tls(tls), Limits::default())?;
//! listener.serve(service, Shutdown::on_signals()?, |event| eprintln!("{}", event.line()))?.await?;
//! # Ok(()) }
//! ```
//!
//! Each request carries a [`Peer`] among its extensions: from where it comes, and whose certificate proved it.
//! Who holds a valid certificate is told by TLS; what they may do is told by others.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod answer;
mod body;
pub mod ca;
mod connection;
mod door;
mod error;
mod event;
mod files;
mod limits;
mod listener;
pub mod office;
mod patience;
mod peer;
mod places;
mod shown;
mod shutdown;
mod systemd;

pub use body::{Body, BodyError};
pub use error::ListenError;
pub use event::{Event, Turned};
pub use files::{FileError, Kind, TlsFiles};
pub use limits::Limits;
pub use listener::{Listener, Wire};
pub use peer::{Identity, NotAPerson, Peer, ends, network, person_uri};
pub use shutdown::{Shutdown, Stop};
pub use systemd::sockets;
