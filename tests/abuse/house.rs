//! A lab served over TLS, and clients of every kind.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Request;
use hyper::body::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, client::TlsStream};
use unseen_api::login::{self, Login};
use unseen_client::{Client, Way};
use unseen_listener::ca::{Ca, Issued};
use unseen_texts::Lang;

use crate::support::{Lab, ORIGIN};

/// No test waits longer for one answer.
pub const SOON: Duration = Duration::from_secs(60);

/// An answer: its status and its body.
pub type Said = (u16, String);

/// A lab, its authority and its service.
pub struct House {
    pub lab: Lab,
    pub ca: Ca,
    pub address: SocketAddr,
    process: Child,
    told: Arc<Mutex<Vec<String>>>,
}

impl House {
    /// A lab with a job to submit, served.
    pub fn open() -> House {
        let lab = Lab::with_job();
        std::fs::create_dir(lab.path("tls")).unwrap();
        let ca = Ca::new("Unseen test authority").unwrap();
        ca.save(&lab.path("tls")).unwrap();
        ca.server(&[], 2).unwrap().save(&lab.path("tls/server.pem"), &lab.path("tls/server-key.pem")).unwrap();
        lab.write("tls/ca.crl", ca.revoke(&[], 2).unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let (process, address) = serve(&lab, &told, 0);
        House { lab, ca, address, process, told }
    }

    /// Kills it, as power cuts do.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Serves the same lab again.
    pub fn again(&mut self) {
        (self.process, self.address) = serve(&self.lab, &self.told, 0);
    }

    /// What the lab's operators were told, line by line.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// The most memory that the service has had, in MiB.
    pub fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    }

    /// Lets it read its files again, as an operator would.
    pub fn reload(&self) {
        let told = self.told().len();
        assert!(Command::new("kill").args(["-HUP", &self.process.id().to_string()]).status().unwrap().success());
        while !self.told()[told..].iter().any(|line| line.contains("were read again")) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A well-behaved client with this person's certificate.
    pub fn client(&self, who: &str) -> Client {
        let (certificate, key) = (self.lab.path(&format!("tls/{who}.pem")), self.lab.path(&format!("tls/{who}.key")));
        if !certificate.exists() {
            self.ca.person(who, 2).unwrap().save(&certificate, &key).unwrap();
        }
        let way = Way {
            url: format!("https://localhost:{}", self.address.port()),
            certificate: Some((certificate, key)),
            authority: Some(self.lab.path("tls/ca.pem")),
            token: None,
            log: Some(ORIGIN.to_owned()),
        };
        Client::new(way, Lang::En).unwrap()
    }

    /// A way in with this person's certificate.
    pub fn wire(&self, who: &str) -> Wire {
        self.wire_with(Some(&self.ca.person(who, 2).unwrap()))
    }

    /// A way in for whoever says nothing of themselves.
    pub fn stranger(&self) -> Wire {
        self.wire_with(None)
    }

    /// A way in with this certificate.
    pub fn wire_with(&self, certificate: Option<&Issued>) -> Wire {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.certificate().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap())
                    .unwrap()
            }
        };
        Wire { address: self.address, config }
    }

    /// A log-in signed with this person's key.
    pub fn login(&self, who: &str) -> Value {
        let nonce = format!("{:032x}", chrono::Utc::now().timestamp_nanos_opt().unwrap());
        let host = format!("localhost:{}", self.address.port());
        serde_json::to_value(Login::sign(&host, nonce, &self.lab.signing_key(who)).unwrap()).unwrap()
    }

    /// A session of this person.
    pub async fn session(&self, who: &str) -> String {
        let login = self.login(who).to_string();
        let (status, said) = self.stranger().ask("POST", login::PATH, None, login.as_bytes()).await.unwrap();
        assert_eq!(status, 201, "{said}");
        serde_json::from_str::<Value>(&said).unwrap()["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(lab: &Lab, told: &Arc<Mutex<Vec<String>>>, port: u16) -> (Child, SocketAddr) {
    let listen = format!("127.0.0.1:{port}");
    let tls = ["--tls-cert", "tls/server.pem", "--tls-key", "tls/server-key.pem", "--client-ca", "tls/ca.pem"];
    let args = [["serve", "--listen", &listen, "--crl", "tls/ca.crl"].as_slice(), &tls].concat();
    let mut process = lab.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).split(b'\n').map(Result::unwrap);
    let address = loop {
        let line = String::from_utf8(lines.next().expect("the service ended")).unwrap();
        if let Some((_, address)) = line.split_once("connections are taken at ") {
            break address.parse().unwrap();
        }
    };
    let told = told.clone();
    std::thread::spawn(move || {
        lines.for_each(|line| told.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned()));
    });
    (process, address)
}

/// How somebody gets in.
#[derive(Clone)]
pub struct Wire {
    address: SocketAddr,
    config: ClientConfig,
}

impl Wire {
    /// A connection; nothing if the door is shut.
    pub async fn connect(&self, alpn: &str) -> Option<TlsStream<TcpStream>> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![alpn.into()];
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let name = ServerName::try_from("localhost").unwrap();
        timeout(SOON, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap().ok()
    }

    /// One request by HTTP/1.1 on a connection of its own; nothing if the door is shut.
    pub async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Option<Said> {
        let mut stream = self.connect("http/1.1").await?;
        send(&mut stream, method, path, token, body).await?;
        answer(&mut stream).await
    }

    /// An upload by HTTP/1.1.
    pub async fn put(&self, path: &str, bytes: &[u8]) -> Option<Said> {
        let mut stream = self.connect("http/1.1").await?;
        let head = format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", bytes.len());
        stream.write_all(&[head.as_bytes(), bytes].concat()).await.ok()?;
        answer(&mut stream).await
    }

    /// One request by HTTP/2.
    pub async fn ask_h2(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Option<Said> {
        let mut client = self.h2().await?;
        h2_answer(h2_send(&mut client, method, path, token, Some(body)).await?.0).await
    }

    /// A connection by HTTP/2.
    pub async fn h2(&self) -> Option<h2::client::SendRequest<Bytes>> {
        let (client, connection) = h2::client::handshake(self.connect("h2").await?).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }
}

/// Sends a request whose body is JSON.
pub async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> Option<()> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{token}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.ok()?;
    // TLS may keep the end of it until it is told; a door that is shut by now is shut.
    let _flushed = stream.flush().await;
    Some(())
}

/// The next answer, which has a length.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Option<Said> {
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
    timeout(SOON, read).await.expect("no answer in time")
}

/// A request by HTTP/2; without a body, one that is still to come.
pub async fn h2_send(
    client: &mut h2::client::SendRequest<Bytes>,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&[u8]>,
) -> Option<(h2::client::ResponseFuture, h2::SendStream<Bytes>)> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("https://localhost{path}"))
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut ready = timeout(SOON, client.clone().ready()).await.ok()?.ok()?;
    let (response, mut stream) = ready.send_request(request.body(()).ok()?, body.is_some_and(<[u8]>::is_empty)).ok()?;
    if let Some(body) = body.filter(|body| !body.is_empty()) {
        stream.send_data(Bytes::copy_from_slice(body), true).ok()?;
    }
    Some((response, stream))
}

/// Its answer.
pub async fn h2_answer(response: h2::client::ResponseFuture) -> Option<Said> {
    let read = async {
        let response = response.await.ok()?;
        let status = response.status().as_u16();
        let (mut body, mut bytes) = (response.into_body(), Vec::new());
        while let Some(piece) = body.data().await {
            let piece = piece.ok()?;
            let _ = body.flow_control().release_capacity(piece.len());
            bytes.extend(piece);
        }
        Some((status, String::from_utf8(bytes).unwrap()))
    };
    timeout(SOON, read).await.expect("no answer in time")
}
