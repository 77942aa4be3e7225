//! The lab on the network: the real binary, and those who connect to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Serialize;
use unseen_listener::ca::Ca;

use crate::cost::{Fallible, ticks_of};
use crate::tiny::unseen;

/// A connection whose handshake is done.
pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// `unseen serve` with TLS, until it is dropped.
pub struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Of `lab` in a folder, beside `server.pem`, its key and `ca.pem`.
    pub fn start(dir: &Path) -> Fallible<Server> {
        let mut command = Command::new(unseen()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--tls-cert", "server.pem", "--tls-key", "server-key.pem"]);
        command.args(["--client-ca", "ca.pem", "--lab", "lab"]).current_dir(dir).env("LANG", "C");
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stderr.take().ok_or("no stderr")?).lines();
        let address = loop {
            let line = lines.next().ok_or("the service ended")??;
            if let Some((_, address)) = line.split_once("connections are taken at ") {
                break address.to_owned();
            }
        };
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("serve: {line}")));
        Ok(Server { process, address })
    }

    /// What somebody connects with.
    pub fn client(ca: &Ca, name: &str) -> Fallible<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.certificate().as_bytes())?)?;
        let person = ca.person(name, 2)?;
        let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(person.certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(person.key.as_bytes())?,
            )?;
        Ok(config.into())
    }

    /// Connects.
    pub fn connect(&self, client: &Arc<ClientConfig>) -> Fallible<Stream> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_nodelay(true)?;
        let mut connection = ClientConnection::new(client.clone(), ServerName::try_from("localhost")?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    /// The CPU that it has had, in seconds.
    pub fn cpu(&self) -> Fallible<f64> {
        Ok(ticks_of(&self.process.id().to_string())?.own / 100.0)
    }

    /// A figure of the process, in KiB.
    pub fn memory(&self, name: &str) -> Fallible<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).ok_or("no such figure")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long answers took, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Times {
    pub answers: usize,
    pub p50: f64,
    pub p99: f64,
    pub longest: f64,
}

/// Of so many that were timed.
pub fn times(mut took: Vec<Duration>) -> Times {
    took.sort();
    let at = |part: usize| took.get((took.len() * part / 100).min(took.len().saturating_sub(1)));
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| (time.as_secs_f64() * 1e5).round() / 100.0);
    Times { answers: took.len(), p50: ms(at(50)), p99: ms(at(99)), longest: ms(took.last()) }
}

/// Asks for what is at an address; gives the answer's length.
pub fn get(stream: &mut Stream, path: &str) -> Fallible<usize> {
    ask(stream, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"), 200)
}

/// Sends JSON to an address, which must make something new of it.
pub fn post(stream: &mut Stream, path: &str, json: &str) -> Fallible<usize> {
    let length = json.len();
    let head = "host: localhost\r\ncontent-type: application/json";
    ask(stream, &format!("POST {path} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{json}"), 201)
}

/// Asks, and reads the answer to its end.
fn ask(stream: &mut Stream, request: &str, status: u16) -> Fallible<usize> {
    stream.write_all(request.as_bytes())?;
    let (mut read, mut buffer) = (Vec::new(), [0; 16_384]);
    let end = loop {
        let more = stream.read(&mut buffer)?;
        read.extend_from_slice(&buffer[..more]);
        match read.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None if more == 0 => return Err("the service hung up".into()),
            None => {}
        }
    };
    let head = String::from_utf8(read[..end].to_vec())?;
    let length: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?.parse()?;
    let mut body = read.split_off(end);
    let here = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[here..])?;
    if !head.starts_with(&format!("HTTP/1.1 {status}")) {
        return Err(format!("{}: {}", head.lines().next().unwrap_or_default(), String::from_utf8_lossy(&body)).into());
    }
    Ok(length)
}
