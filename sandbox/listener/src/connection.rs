//! One connection, from its first byte to its end.

use std::{convert::Infallible, future::pending, io, net::SocketAddr, pin::pin, sync::Arc};

use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls::{CertificateError, Error as TlsError, pki_types::CertificateDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower_service::Service;

use crate::{
    body::Body,
    door::{Door, House},
    event::Turned,
    files::Tls,
    limits::Limits,
    patience::{Patient, Pulse},
    peer::{Identity, Peer},
    shown::Shown,
};

/// What a connection begins with.
pub(crate) struct Arrival<S> {
    pub(crate) stream: TcpStream,
    pub(crate) address: SocketAddr,
    /// TLS, if it is spoken.
    pub(crate) tls: Option<watch::Receiver<Arc<Tls>>>,
    pub(crate) service: S,
    /// Changes, or is closed, when the listener ends.
    pub(crate) ended: watch::Receiver<()>,
}

/// Which HTTP a connection speaks, where that was agreed.
#[derive(Clone, Copy)]
enum Http {
    One,
    Two,
    Either,
}

/// Serves one connection to its end, whatever that is.
pub(crate) async fn serve<S, B>(house: Arc<House>, arrival: Arrival<S>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
    B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let Arrival { stream, address, tls, service, mut ended } = arrival;
    // Answers are written whole: there is nothing to wait for.
    let _faster_or_not = stream.set_nodelay(true);
    let pulse = Arc::new(Pulse::default());
    let Some(files) = tls else {
        let door = Door { peer: Peer::new(address, None), house: house.clone(), service, shown: None, pulse };
        return run(&house, stream, Http::Either, door, ended).await;
    };
    let now = files.borrow().clone();
    let stream = tokio::select! {
        stream = shake_hands(&house, &now, stream) => stream,
        _ = ended.changed() => None,
    };
    let Some(stream) = stream else { return };
    let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
    let http = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Http::Two,
        _ => Http::One,
    };
    let (peer, shown) = who(&house, address, chain, files, now.generation);
    let door = Door { house: house.clone(), service, peer, shown, pulse };
    run(&house, stream, http, door, ended).await;
}

async fn shake_hands(house: &House, tls: &Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    let turned = match timeout(house.limits.handshake, TlsAcceptor::from(tls.config.clone()).accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => why_not(&error),
        Err(_) => Turned::Slow,
    };
    house.tally.count(turned);
    None
}

fn why_not(error: &io::Error) -> Turned {
    let certificate = match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidCertificate(certificate)) => certificate,
        _ => return Turned::NotTls,
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Turned::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Turned::Early,
        CertificateError::Revoked => Turned::Revoked,
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => Turned::NoList,
        CertificateError::UnknownIssuer => Turned::Unknown,
        _ => Turned::Unusable,
    }
}

fn who(
    house: &House,
    address: SocketAddr,
    chain: Option<Vec<CertificateDer<'static>>>,
    files: watch::Receiver<Arc<Tls>>,
    generation: u64,
) -> (Peer, Option<Arc<Shown>>) {
    let read = chain.as_ref().and_then(|chain| chain.first()).map(|own| Identity::read(own).map(Arc::new));
    if let Some(Err(_)) = read {
        house.tally.count(Turned::Nobody);
    }
    let shown = match (&read, chain) {
        (Some(Ok(identity)), Some(chain)) => Some(Arc::new(Shown::new(chain, identity, files, generation))),
        _ => None,
    };
    (Peer::new(address, read), shown)
}

async fn run<T, S, B>(house: &House, stream: T, http: Http, door: Door<S>, mut ended: watch::Receiver<()>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
    B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let limits = &house.limits;
    if matches!(http, Http::Two) {
        door.pulse.speaks_frames();
    }
    let shown = door.shown.clone();
    let stream = TokioIo::new(Patient::new(stream, door.pulse.clone(), house.tally.clone(), limits));
    let door = Arc::new(door);
    let answer = service_fn(move |request: Request<Incoming>| door.clone().answer(request));
    let builder = builder(http, limits);
    let mut connection = pin!(builder.serve_connection(stream, answer));
    let mut leave = pin!(async {
        let lapse = async {
            match shown {
                Some(shown) => shown.lapse().await,
                None => pending().await,
            }
        };
        tokio::select! { _ = ended.changed() => {}, () = lapse => {} }
    });
    tokio::select! {
        _ = connection.as_mut() => return,
        () = leave.as_mut() => {}
        () = sleep(limits.life) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                _ = connection.as_mut() => return,
                () = sleep(limits.life) => return house.tally.count(Turned::Cut),
                () = leave => {}
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    if timeout(limits.farewell, connection).await.is_err() {
        house.tally.count(Turned::Cut);
    }
}

/// The least that hyper takes, in bytes.
const LEAST_HEAD: usize = 8_192;

fn builder(http: Http, limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // `Patient` tells waiting for a head from reading one, which this timeout does not.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    builder.http1().max_buf_size(limits.head_bytes.max(LEAST_HEAD)).max_headers(limits.head_fields);
    let head_bytes = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(head_bytes)
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(limits.resets)
        .max_local_error_reset_streams(limits.resets)
        .initial_connection_window_size(limits.window)
        .initial_stream_window_size(limits.window / 2)
        .max_send_buf_size(limits.send_buffer)
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping);
    match http {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_only(),
        Http::Either => builder,
    }
}
