//! A listener of a small authority, a service behind it, and clients.

use std::convert::Infallible;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Bytes, Frame};
use hyper::{Request, Response};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use unseen_listener::ca::{Ca, Issued};
use unseen_listener::{Body, Limits, Listener, Peer, Shutdown, Stop, TlsFiles, Wire};

/// No test waits longer for anything.
pub const SOON: Duration = Duration::from_secs(20);

/// Defaults that look for changes often.
pub fn limits() -> Limits {
    Limits { look: Duration::from_millis(20), ..Limits::default() }
}

pub struct Server {
    pub address: SocketAddr,
    pub dir: TempDir,
    pub ca: Ca,
    told: Arc<Mutex<Vec<String>>>,
    stop: Option<Stop>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Over TLS, with an authority for people and its list of nobody.
    pub fn start(limits: Limits) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let ca = Ca::new("Unseen test authority").unwrap();
        ca.save(dir.path()).unwrap();
        ca.server(&[], 2).unwrap().save(&dir.path().join("server.pem"), &dir.path().join("server-key.pem")).unwrap();
        std::fs::write(dir.path().join("ca.crl"), ca.revoke(&[], 2).unwrap()).unwrap();
        let wire = Wire::Tls(files(dir.path()));
        Server::with(dir, ca, wire, limits)
    }

    pub fn plain(limits: Limits) -> Server {
        Server::with(tempfile::tempdir().unwrap(), Ca::new("nobody's").unwrap(), Wire::Plain, limits)
    }

    fn with(dir: TempDir, ca: Ca, wire: Wire, limits: Limits) -> Server {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Listener::new(vec![socket], wire, limits).unwrap();
        let address = listener.addresses()[0];
        let (stop, shutdown) = Shutdown::on_drop();
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = told.clone();
        let tell = move |event: unseen_listener::Event| teller.lock().unwrap().push(event.line().to_string());
        let served = tokio::spawn(listener.serve(Service, shutdown, tell).unwrap());
        Server { address, dir, ca, told, stop: Some(stop), served }
    }

    /// Waits until the operator was told this, and forgets all that was told until then.
    pub async fn told(&self, what: &str) {
        let heard = || {
            let mut told = self.told.lock().unwrap();
            let at = told.iter().position(|line| line.contains(what));
            at.map(|at| told.drain(..=at).count())
        };
        let heard = async {
            while heard().is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(SOON, heard).await.is_err() {
            panic!("not told: {what}; but: {:?}", self.told.lock().unwrap());
        }
    }

    /// Writes a file as an operator would: whole, in place of the old one.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, content).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&new, private).unwrap();
        std::fs::rename(new, self.dir.path().join(name)).unwrap();
    }

    pub fn begin_to_end(&mut self) {
        self.stop = None;
    }

    pub async fn ended(mut self) {
        self.begin_to_end();
        timeout(SOON, self.served).await.unwrap().unwrap().unwrap();
    }

    pub fn client(&self) -> Client<'_> {
        let (alpn, version) = ("http/1.1", &rustls::version::TLS13);
        Client { server: self, certificate: None, alpn, version, config: OnceLock::new() }
    }

    pub fn client_of(&self, person: &str) -> Client<'_> {
        self.client().with(self.ca.person(person, 2).unwrap())
    }

    /// A certificate as no authority of ours would make it.
    pub fn odd(&self, uris: &[&str], from: SystemTime, to: SystemTime) -> Issued {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Unseen test authority");
        let key = std::fs::read_to_string(self.dir.path().join("ca-key.pem")).unwrap();
        let issuer = Issuer::new(authority, KeyPair::from_pem(&key).unwrap());
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().unwrap())).collect();
        (params.not_before, params.not_after) = (from.into(), to.into());
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem().into(), serial: String::new() }
    }
}

pub fn files(dir: &Path) -> TlsFiles {
    TlsFiles {
        certificate: dir.join("server.pem"),
        key: dir.join("server-key.pem"),
        client_ca: Some(dir.join("ca.pem")),
        crl: Some(dir.join("ca.crl")),
    }
}

pub struct Client<'a> {
    server: &'a Server,
    certificate: Option<Issued>,
    alpn: &'static str,
    version: &'static SupportedProtocolVersion,
    /// One for all connections, so that it could resume a session.
    config: OnceLock<Arc<ClientConfig>>,
}

impl Client<'_> {
    pub fn with(self, certificate: Issued) -> Self {
        Client { certificate: Some(certificate), ..self }
    }

    pub fn by_h2(self) -> Self {
        Client { alpn: "h2", ..self }
    }

    pub fn by_tls12(self) -> Self {
        Client { version: &rustls::version::TLS12, ..self }
    }

    pub async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(self.config.get_or_init(|| self.config()).clone());
        let stream = TcpStream::connect(self.server.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        timeout(SOON, connector.connect(name, stream)).await?
    }

    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.server.ca.certificate().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let builder = builder.with_protocol_versions(&[self.version]).unwrap().with_root_certificates(roots);
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let chain = CertificateDer::pem_slice_iter(issued.certificate.as_bytes()).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![self.alpn.into()];
        config.into()
    }

    /// One request on a connection of its own: the answer's first line and its body, or nothing if the door is shut.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let stream = self.connect().await.ok()?;
        match self.alpn {
            "h2" => h2_get(&mut h2_client(stream).await?, path).await,
            _ => get(&mut { stream }, path).await,
        }
    }
}

/// A request and its answer on a connection that stays; nothing if that was closed.
pub async fn get(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> Option<(u16, String)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.ok()?;
    answer(stream).await
}

/// The next answer, which has a length.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u16, String)> {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        Some((status, String::from_utf8(body).unwrap()))
    };
    timeout(SOON, read).await.unwrap()
}

/// Whether the other side closes within the time.
pub async fn closes(stream: &mut (impl AsyncRead + Unpin), within: Duration) -> bool {
    let mut rest = Vec::new();
    timeout(within, stream.read_to_end(&mut rest)).await.is_ok()
}

pub async fn h2_client(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Option<h2::client::SendRequest<Bytes>> {
    let (client, connection) = h2::client::handshake(stream).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}

pub async fn h2_get(client: &mut h2::client::SendRequest<Bytes>, path: &str) -> Option<(u16, String)> {
    let read = async {
        let mut client = client.clone().ready().await.ok()?;
        let request = Request::get(format!("https://localhost{path}")).body(()).unwrap();
        let (response, _) = client.send_request(request, true).ok()?;
        let response = response.await.ok()?;
        let status = response.status().as_u16();
        let (mut body, mut bytes) = (response.into_body(), Vec::new());
        while let Some(piece) = body.data().await {
            bytes.extend(piece.ok()?);
        }
        Some((status, String::from_utf8(bytes).unwrap()))
    };
    timeout(SOON, read).await.unwrap()
}

/// `/who` says whose certificate was shown, `/slow` takes 400 ms, `/echo` gives back, `/endless` never ends.
#[derive(Clone)]
pub struct Service;

type Answer = Response<Either<Full<Bytes>, Endless>>;

impl tower_service::Service<Request<Body>> for Service {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(serve(request).await) })
    }
}

async fn serve(request: Request<Body>) -> Answer {
    let peer = request.extensions().get::<Peer>().unwrap().clone();
    assert!(peer.loopback && peer.address.ip().is_loopback());
    let text = match request.uri().path() {
        "/who" => match (peer.certificate, peer.unusable) {
            (Some(identity), None) => identity.person.clone(),
            (None, Some(why)) => format!("nobody: {why:?}"),
            _ => "nobody".to_owned(),
        },
        "/serial" => peer.certificate.unwrap().serial.clone(),
        "/slow" => {
            sleep(Duration::from_millis(400)).await;
            "slow".to_owned()
        }
        "/echo" => match request.into_body().collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
            Err(why) => {
                let mut answer = Response::new(Either::Left(Full::new(why.to_string().into())));
                *answer.status_mut() = hyper::StatusCode::REQUEST_TIMEOUT;
                return answer;
            }
        },
        "/endless" => return Response::new(Either::Right(Endless)),
        other => format!("no {other}"),
    };
    Response::new(Either::Left(Full::new(text.into())))
}

/// As much as is taken.
pub struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 4096])))))
    }
}
