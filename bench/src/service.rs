//! A lab with a thousand jobs, served: how long its list takes, alone and while runs and an import are on, and what
//! connections that rest cost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Serialize;
use unseen_listener::ca::Ca;

use crate::cost::{Fallible, Place};
use crate::tiny::unseen;
use crate::{Args, inside, lab};

const JOBS: usize = 1_000;
const CONNECTIONS: usize = 10_000;
/// How often the list is asked for when nothing else is on.
const TIMES: usize = 500;

/// What was found. Times in milliseconds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Bytes of the answer.
    pub bytes: usize,
    /// Nothing else is on.
    pub alone: Times,
    /// A page for people while nothing else is on: the list of jobs, and what waits.
    pub page: Times,
    /// What waits for an operator for whom all jobs wait.
    pub inbox: Times,
    /// Two runs, one after the other, and an import.
    pub busy: Times,
    /// While the connections are held.
    pub crowded: Times,
    /// Connections that were held.
    pub connections: usize,
    /// Memory for each of them, KiB.
    pub each: usize,
    /// The most memory that the service had, MiB.
    pub peak: usize,
}

/// How long answers took.
#[derive(Debug, Serialize)]
pub struct Times {
    pub answers: usize,
    pub p50: f64,
    pub p99: f64,
    pub longest: f64,
}

/// Measures. Needs `unseen` beside this program.
pub fn run(place: &Place, args: &Args) -> Fallible<Figures> {
    inside::run("generate", place, args)?;
    inside::run("guests", place, args)?;
    let folder = tempfile::tempdir_in(&place.dir)?;
    let dir = folder.path();
    std::fs::write(dir.join("again.toml"), inside::description(args.rows).replace("\"bench\"", "\"again\""))?;
    let lab = lab::make(dir, unseen()?, &place.table(), args.rows)?;
    let component = std::fs::read(place.guest("rolling"))?;
    let jobs = (0..JOBS).map(|_| lab.submit(&component)).collect::<Fallible<Vec<_>>>()?;
    let ca = Ca::new("Unseen bench")?;
    ca.save(dir)?;
    ca.server(&[], 2)?.save(&dir.join("server.pem"), &dir.join("server-key.pem"))?;
    let server = Server::start(dir, &ca)?;

    let mut stream = server.connect()?;
    let mut bytes = 0;
    let mut list = |stream: &mut Stream| -> Fallible<Duration> {
        let begun = Instant::now();
        bytes = get(stream, "/v1/jobs")?;
        Ok(begun.elapsed())
    };
    list(&mut stream)?;
    let mut alone = Vec::new();
    for _ in 0..TIMES {
        alone.push(list(&mut stream)?);
    }
    let mut pages = |path: &str| -> Fallible<Times> {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            get(&mut stream, path)?;
            took.push(begun.elapsed());
        }
        Ok(times(took))
    };
    let (page, inbox) = (pages("/zh/jobs")?, pages("/zh/")?);
    for job in jobs.into_iter().take(2) {
        lab.approve(job)?;
    }
    let mut import = Command::new(unseen()?);
    import.args(["dataset", "import"]).arg(place.table()).arg("--description").arg(dir.join("again.toml"));
    import.arg("--lab").arg(&lab.folder).arg("--key").arg(dir.join("other"));
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut busy = Vec::new();
    while import.try_wait()?.is_none() {
        busy.push(list(&mut stream)?);
        std::thread::sleep(Duration::from_millis(5));
    }
    let before = server.memory("VmRSS")?;
    let held = (0..CONNECTIONS).map(|_| server.connect()).collect::<Fallible<Vec<_>>>()?;
    let each = server.memory("VmRSS")?.saturating_sub(before) / CONNECTIONS;
    let mut crowded = Vec::new();
    for _ in 0..TIMES {
        crowded.push(list(&mut stream)?);
    }
    let connections = held.len();
    let peak = server.memory("VmHWM")? / 1024;
    Ok(Figures {
        bytes,
        alone: times(alone),
        page,
        inbox,
        busy: times(busy),
        crowded: times(crowded),
        connections,
        each,
        peak,
    })
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

struct Server {
    process: Child,
    address: String,
    config: Arc<ClientConfig>,
}

impl Server {
    fn start(dir: &Path, ca: &Ca) -> Fallible<Server> {
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
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.certificate().as_bytes())?)?;
        let person = ca.person("owner", 2)?;
        let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(person.certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(person.key.as_bytes())?,
            )?;
        Ok(Server { process, address, config: config.into() })
    }

    /// A connection whose handshake is done.
    fn connect(&self) -> Fallible<Stream> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_nodelay(true)?;
        let mut connection = ClientConnection::new(self.config.clone(), ServerName::try_from("localhost")?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    /// A figure of the process, in KiB.
    fn memory(&self, name: &str) -> Fallible<usize> {
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

/// Asks, and reads the answer to its end; gives its length.
fn get(stream: &mut Stream, path: &str) -> Fallible<usize> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(head.lines().next().unwrap_or_default().to_owned().into());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?.parse()?;
    stream.read_exact(&mut vec![0; length])?;
    Ok(length)
}

fn times(mut took: Vec<Duration>) -> Times {
    took.sort();
    let at = |part: usize| took.get((took.len() * part / 100).min(took.len().saturating_sub(1)));
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| (time.as_secs_f64() * 1e5).round() / 100.0);
    Times { answers: took.len(), p50: ms(at(50)), p99: ms(at(99)), longest: ms(took.last()) }
}
