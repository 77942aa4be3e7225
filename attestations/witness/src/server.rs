//! The witness on the network: HTTP/1.1 with keep-alive.
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | a cosignature, or why not, as C2SP tlog-witness says |
//! | `GET /<SHA-256 of origin, hexadecimal>/checkpoint` | the checkpoint cosigned last, as a note |
//!
//! Everything is bounded: connections, the time one may be silent and may live, the length of a
//! request, the threads that sign and write. There is no TLS, which cosignatures do not need: they
//! prove themselves. An operator who wants it, or a path before these, or a bound for each caller (all
//! connections may be one caller's), puts a proxy in front.

use crate::{
    decide::{MAX_REQUEST, Refused, Request},
    record::StateError,
    state::{Failure, Witness},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpStream,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, oneshot, watch},
    time::{sleep, timeout},
};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::{Signer, cosignature::WitnessKey};

/// The most connections at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: u32 = 256;
/// How long a connection may take for the head of a request, counted from the last answer on, and then
/// for its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may live; after its request of that moment it is closed.
const LIFE: Duration = Duration::from_secs(300);
/// How long a connection that is to close, or a server that is to end, may take to finish.
const FAREWELL: Duration = Duration::from_secs(3);
/// How many requests are checked, signed and written at a time.
const WORKERS: usize = 8;

/// A witness, ready to answer.
#[derive(Debug)]
pub struct Server {
    state: Arc<Witness>,
}

/// What a server tells its operator. It holds no address of who asked.
#[derive(Debug)]
pub enum Event {
    /// Requests are answered, and signals heeded, from now on.
    Open {
        /// The witness.
        name: String,
        /// Where: a port that was 0 is the one that the system chose.
        address: SocketAddr,
    },
    /// A checkpoint was cosigned.
    Cosigned {
        /// The log.
        origin: String,
        /// Its size.
        size: u64,
        /// The time stated, in seconds since 1970.
        time: u64,
    },
    /// A request was answered with a refusal.
    Refused {
        /// The log, if the request could be read.
        origin: Option<String>,
        /// The HTTP status.
        status: u16,
        /// Why.
        why: Sentence,
    },
    /// A log has signed what it should not have, or may have; the file is new.
    Evidence {
        /// The log.
        origin: String,
        /// The file, relative to the witness's folder.
        path: String,
    },
    /// The witness cannot do its work: its operator has to look.
    Failed {
        /// The log.
        origin: String,
        /// Why.
        why: Sentence,
    },
}

/// When a server ends: it takes no more connections, and answers what it has begun.
#[derive(Debug)]
pub struct Shutdown(When);

#[derive(Debug)]
enum When {
    Signals,
    Stopped(oneshot::Receiver<Infallible>),
}

/// Ends its server when it is dropped.
#[derive(Debug)]
pub struct Stop {
    _dropped: oneshot::Sender<Infallible>,
}

impl Shutdown {
    /// On SIGTERM or SIGINT.
    pub fn on_signals() -> Shutdown {
        Shutdown(When::Signals)
    }

    /// When the [`Stop`] is dropped.
    pub fn on_drop() -> (Stop, Shutdown) {
        let (sender, receiver) = oneshot::channel();
        (Stop { _dropped: sender }, Shutdown(When::Stopped(receiver)))
    }

    /// What is waited for; signals count from this call on.
    fn heeded(self) -> io::Result<Pin<Box<dyn Future<Output = ()>>>> {
        Ok(match self.0 {
            When::Stopped(receiver) => Box::pin(async { drop(receiver.await) }),
            When::Signals => {
                let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
                Box::pin(async move {
                    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
                })
            }
        })
    }
}

impl Server {
    /// Opens a witness's folder with the key it was made for. No other process may have it open.
    pub fn open(dir: &Path, key: Arc<dyn Signer>) -> Result<Server, StateError> {
        Ok(Server { state: Arc::new(Witness::open(dir, key)?) })
    }

    /// The witness's name and key.
    pub fn witness(&self) -> &WitnessKey {
        self.state.witness()
    }

    /// Answers until `shutdown`, in this thread and a few more. Errors are those of the listener and of
    /// the operating system; none is of a single connection.
    pub fn serve(
        self,
        listener: TcpListener,
        shutdown: Shutdown,
        tell: impl Fn(Event) + Send + Sync + 'static,
    ) -> io::Result<()> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(WORKERS).build()?;
        listener.set_nonblocking(true)?;
        let open = Event::Open { name: self.witness().name().to_owned(), address: listener.local_addr()? };
        let service = Arc::new(Service { state: self.state, tell: Box::new(tell) });
        runtime.block_on(async {
            let (listener, over) = (tokio::net::TcpListener::from_std(listener)?, shutdown.heeded()?);
            (service.tell)(open);
            accept(listener, service, over).await;
            Ok(())
        })
    }
}

impl Event {
    /// A line for the operator.
    pub fn line(&self) -> Sentence {
        match self {
            Event::Open { name, address } => {
                say!("The witness {name} answers at http://{address}", "见证方 {name} 的应答地址：http://{address}")
            }
            Event::Cosigned { origin, size, time } => {
                say!("cosigned {origin} at {size} entries, time {time}", "已联署 {origin}，共 {size} 条，时间 {time}")
            }
            Event::Refused { origin: Some(origin), status, why } => {
                say!("refused {origin:?}, {status}: {why}", "已拒绝 {origin:?}，{status}：{why}")
            }
            Event::Refused { origin: None, status, why } => {
                say!("refused, {status}: {why}", "已拒绝，{status}：{why}")
            }
            Event::Evidence { origin, path } => {
                say!("EVIDENCE against {origin} was kept: {path}", "不利于 {origin} 的证据已保存：{path}")
            }
            Event::Failed { origin, why } => say!("FAILED for {origin:?}: {why}", "处理 {origin:?} 时失败：{why}"),
        }
    }
}

struct Service {
    state: Arc<Witness>,
    tell: Box<dyn Fn(Event) + Send + Sync>,
}

type Answer = Response<Full<Bytes>>;

async fn accept(listener: tokio::net::TcpListener, service: Arc<Service>, mut over: Pin<Box<dyn Future<Output = ()>>>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let (ending, ended) = watch::channel(());
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut over => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = serve_connection(stream, service.clone(), ended.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            // A connection that broke at once, or no descriptor left for one: both pass.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
    drop(ending);
    let _all_or_late = timeout(FAREWELL, places.acquire_many(MAX_CONNECTIONS)).await;
}

/// Serves one connection to its end, whatever that is.
async fn serve_connection(stream: TcpStream, service: Arc<Service>, mut ended: watch::Receiver<()>) {
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = sleep(LIFE) => {}
        _ = ended.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _done_or_late = timeout(FAREWELL, connection).await;
}

impl Service {
    async fn answer(self: Arc<Service>, request: hyper::Request<Incoming>) -> Answer {
        let path = request.uri().path();
        if path == "/add-checkpoint" {
            if request.method() != Method::POST {
                return text(405, "a checkpoint is added with POST\n");
            }
            let body = timeout(PATIENCE, Limited::new(request.into_body(), MAX_REQUEST).collect()).await;
            let body = match body {
                Err(_) => return self.refuse(None, 408, text!("the request came too slowly", "请求传送过慢")),
                Ok(Err(error)) if error.is::<LengthLimitError>() => {
                    return self.refuse(
                        None,
                        413,
                        say!("the request is longer than {MAX_REQUEST} bytes", "请求超过 {MAX_REQUEST} 字节"),
                    );
                }
                Ok(Err(_)) => return self.refuse(None, 400, text!("the request broke off", "请求中断")),
                Ok(Ok(body)) => body.to_bytes(),
            };
            return self.in_thread(move |service| service.add_checkpoint(&body)).await;
        }
        match path.strip_prefix('/').and_then(|path| path.strip_suffix("/checkpoint")).map(str::to_owned) {
            Some(_) if request.method() != Method::GET => text(405, "a checkpoint is read with GET\n"),
            Some(log) => self.in_thread(move |service| service.latest(&log)).await,
            None => text(404, "there is /add-checkpoint, and /<SHA-256 of origin>/checkpoint\n"),
        }
    }

    /// Runs what waits for keys and disks where it holds nobody up.
    async fn in_thread(self: Arc<Service>, work: impl FnOnce(&Service) -> Answer + Send + 'static) -> Answer {
        let done = tokio::task::spawn_blocking(move || work(&self)).await;
        done.unwrap_or_else(|_| text(500, "the witness failed\n"))
    }

    fn add_checkpoint(&self, body: &[u8]) -> Answer {
        let request = match Request::parse(body) {
            Ok(request) => request,
            Err(refused) => return self.refused(None, &refused),
        };
        let origin = request.checkpoint.origin.clone();
        // A clock before 1970 is before every cosignature.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let outcome = self.state.add_checkpoint(&request, now);
        match outcome.evidence {
            Some(Ok(path)) => (self.tell)(Event::Evidence { origin: origin.clone(), path }),
            Some(Err(error)) => (self.tell)(Event::Failed { origin: origin.clone(), why: Sentence::of(&error) }),
            None => {}
        }
        match outcome.verdict {
            Ok(cosigned) => {
                (self.tell)(Event::Cosigned { origin, size: cosigned.checkpoint.size, time: cosigned.time });
                text(200, cosigned.line.to_string())
            }
            Err(Failure::Refused(refused)) => self.refused(Some(origin), &refused),
            Err(Failure::State(error)) => self.failed(origin, error),
        }
    }

    fn latest(&self, log: &str) -> Answer {
        match self.state.latest(log) {
            Ok(Some(note)) => text(200, note.to_string()),
            Ok(None) => text(404, "nothing was cosigned for such a log\n"),
            Err(error) => self.failed(log.to_owned(), error),
        }
    }

    fn refused(&self, origin: Option<String>, refused: &Refused) -> Answer {
        let answer = self.refuse(origin, refused.status(), Sentence::of(refused));
        match refused.size() {
            None => answer,
            Some(size) => typed(409, "text/x.tlog.size", format!("{size}\n")),
        }
    }

    fn refuse(&self, origin: Option<String>, status: u16, why: impl Into<Sentence>) -> Answer {
        let why = why.into();
        let answer = text(status, format!("{why}\n"));
        (self.tell)(Event::Refused { origin, status, why });
        answer
    }

    /// What is wrong inside is for the operator alone.
    fn failed(&self, origin: String, error: StateError) -> Answer {
        (self.tell)(Event::Failed { origin, why: Sentence::of(&error) });
        text(500, "the witness cannot remember what it signs, so it signs nothing; its operator was told\n")
    }
}

fn text(status: u16, body: impl Into<Bytes>) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    answer
}
