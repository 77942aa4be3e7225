//! The listener: sockets, and what is kept going beside them.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, Response, body::Bytes};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Semaphore, watch},
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tower_service::Service;

use crate::{
    body::Body,
    connection::{self, Arrival},
    door::House,
    error::ListenError,
    event::{Event, Tally, Turned},
    files::{Tls, TlsFiles, Watched},
    limits::Limits,
    peer::is_loopback,
    places::Places,
    shutdown::Shutdown,
    systemd::{self, Told},
};

/// What is spoken below HTTP.
#[derive(Clone, Debug)]
pub enum Wire {
    /// Nothing: anybody on this machine may listen in, and nobody else may connect. HTTP/1.1, or HTTP/2 for who
    /// begins with it.
    Plain,
    /// TLS 1.2 or 1.3; HTTP/1.1 or HTTP/2 as is agreed in it.
    Tls(TlsFiles),
}

/// Sockets that are listened to, and what is needed to serve who comes.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<(SocketAddr, TcpListener)>,
    tls: Option<(Watched, Tls)>,
    limits: Limits,
}

/// Tells the operator.
type Tell = Arc<dyn Fn(Event) + Send + Sync>;

impl Listener {
    /// Reads the files and checks the sockets, which come from [`crate::sockets`]. Nobody is served yet.
    pub fn new(sockets: Vec<TcpListener>, wire: Wire, limits: Limits) -> Result<Listener, ListenError> {
        let mut named = Vec::with_capacity(sockets.len());
        for socket in sockets {
            let address = socket.local_addr().map_err(ListenError::Socket)?;
            socket.set_nonblocking(true).map_err(ListenError::Socket)?;
            if matches!(wire, Wire::Plain) && !is_loopback(address.ip()) {
                return Err(ListenError::Open(address));
            }
            named.push((address, socket));
        }
        let tls = match wire {
            Wire::Plain => None,
            Wire::Tls(files) => Some(Watched::open(files)?),
        };
        if named.is_empty() { Err(ListenError::Nowhere) } else { Ok(Listener { sockets: named, tls, limits }) }
    }

    /// Where connections are taken: ports that were 0 are those that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address).collect()
    }

    /// Serves until `shutdown`, then waits for what is under way, at most [`Limits::farewell`]. It lets this process
    /// open as many files as it may, and tells systemd, if there is one, when it is ready, alive and ending. Errors
    /// are those of the system; none is of a single connection. Connections are taken, and said to be, from this call
    /// on, and not only once the future is waited for: several listeners say so in the order in which they are
    /// started. Panics outside a runtime.
    pub fn serve<S, B>(
        self,
        service: S,
        shutdown: Shutdown,
        tell: impl Fn(Event) + Send + Sync + 'static,
    ) -> io::Result<impl Future<Output = io::Result<()>> + Send>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + Unpin
            + 'static,
    {
        let Listener { sockets, tls, limits } = self;
        let tell: Tell = Arc::new(tell);
        if let Some((may, should)) = limits.make_room() {
            tell(Event::FewFiles { may, should });
        }
        let house = Arc::new(House {
            places: Places::new(limits.connections, limits.connections_per_address),
            requests: Arc::new(Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS))),
            tally: Arc::new(Tally::new()),
            limits,
        });
        let (ending, ended) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut current = None;
        if let Some((watched, tls)) = tls {
            let (sender, receiver) = watch::channel(Arc::new(tls));
            current = Some(receiver);
            // Heeded from here on: whoever has read that connections are taken may send one.
            let hangup = signal(SignalKind::hangup())?;
            tasks.spawn(watch_files(watched, sender, hangup, house.limits.look, tell.clone()));
        }
        for (address, socket) in sockets {
            let socket = tokio::net::TcpListener::from_std(socket)?;
            tasks.spawn(accept(socket, house.clone(), current.clone(), service.clone(), ended.clone()));
            tell(Event::Open(address));
        }
        tasks.spawn(tell_counts(house.clone(), tell.clone()));
        tasks.spawn(tell_systemd());
        Ok(Opened { house, tasks, ending, tell }.until(shutdown))
    }
}

/// A listener at work.
struct Opened {
    house: Arc<House>,
    tasks: JoinSet<io::Result<()>>,
    /// Dropped to let connections end.
    ending: watch::Sender<()>,
    tell: Tell,
}

impl Opened {
    async fn until(self, shutdown: Shutdown) -> io::Result<()> {
        let Opened { house, mut tasks, ending, tell } = self;
        // None of them ends by itself unless it fails.
        let over = tokio::select! {
            () = shutdown.wait() => Ok(()),
            Some(failed) = tasks.join_next() => failed.map_err(io::Error::other).flatten(),
        };
        systemd::tell(Told::Stopping);
        tasks.shutdown().await;
        drop(ending);
        let none_left = async {
            while house.places.taken(house.limits.connections) > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        // A little more than each connection takes for itself.
        let _all_or_late = timeout(house.limits.farewell + Duration::from_millis(500), none_left).await;
        house.tally.tell(&*tell);
        tell(Event::Ended);
        over
    }
}

async fn accept<S, B>(
    socket: tokio::net::TcpListener,
    house: Arc<House>,
    tls: Option<watch::Receiver<Arc<Tls>>>,
    service: S,
    ended: watch::Receiver<()>,
) -> io::Result<()>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
    B: hyper::body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    loop {
        let (waited, Some(permit)) = house.places.free().await else { return Ok(()) };
        if waited {
            house.tally.count(Turned::Waited);
        }
        let Ok((stream, address)) = socket.accept().await else {
            // A connection that broke at once, or no descriptor left for one: both pass.
            house.tally.count(Turned::NotAccepted);
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = house.places.take(permit, address.ip()) else {
            house.tally.count(Turned::Share);
            continue;
        };
        let arrival = Arrival { stream, address, tls: tls.clone(), service: service.clone(), ended: ended.clone() };
        let connection = connection::serve(house.clone(), arrival);
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
}

/// Reads the files again on SIGHUP and when they change.
async fn watch_files(
    mut watched: Watched,
    current: watch::Sender<Arc<Tls>>,
    mut hangup: Signal,
    every: Duration,
    tell: Tell,
) -> io::Result<()> {
    loop {
        let asked = tokio::select! {
            asked = hangup.recv() => asked.is_some(),
            () = sleep(every) => false,
        };
        let looked = spawn_blocking(move || {
            let found = watched.look(asked);
            (watched, found)
        });
        let (back, found) = looked.await.map_err(io::Error::other)?;
        watched = back;
        match found {
            None => {}
            Some(Err(why)) => tell(Event::NotReloaded(why)),
            Some(Ok(tls)) => {
                // Connections that begin when this is told go by the new files.
                current.send_replace(Arc::new(tls));
                tell(Event::Reloaded);
            }
        }
    }
}

async fn tell_counts(house: Arc<House>, tell: Tell) -> io::Result<()> {
    loop {
        sleep(house.limits.look).await;
        house.tally.tell(&*tell);
    }
}

async fn tell_systemd() -> io::Result<()> {
    systemd::tell(Told::Ready);
    let Some(every) = systemd::watchdog() else { return std::future::pending().await };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        systemd::tell(Told::Alive);
    }
}
