//! What tools by others say to it: OpenSSL, curl, systemd.

#[path = "../../../../tests/support/skip.rs"]
mod skip;

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use skip::skipped;
use tokio::net::TcpStream;
use tokio::time::sleep;
use unseen_listener::ca::{Ca, CaError};
use unseen_listener::{Limits, Listener, Shutdown, Wire, sockets};

use crate::support::{SOON, Server, Service, files, get, limits};

/// Runs a tool: what it says, if it is content.
fn run(tool: &str, arguments: &[&str], dir: &Path) -> Result<String, String> {
    let out = Command::new(tool).args(arguments).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if out.status.success() { Ok(said) } else { Err(said + &String::from_utf8_lossy(&out.stderr)) }
}

fn there_is(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        skipped(&format!("{tool} is not installed"));
    }
    there
}

#[test]
fn an_authority_is_kept_and_openssl_agrees_with_it() {
    let dir = tempfile::tempdir().unwrap();
    Ca::new("小证书机构 no. 1").unwrap().save(dir.path()).unwrap();
    let ca = Ca::load(dir.path()).unwrap();
    assert!(matches!(ca.save(dir.path()), Err(CaError::Io { .. })), "nothing is overwritten");
    let mode = std::os::unix::fs::MetadataExt::mode(&dir.path().join("ca-key.pem").metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let person = ca.person("张三", 30).unwrap();
    person.save(&dir.path().join("person.pem"), &dir.path().join("person-key.pem")).unwrap();
    assert!(
        ca.person("张三", 30).unwrap().save(&dir.path().join("other.pem"), &dir.path().join("ca-key.pem")).is_err()
    );
    assert!(!dir.path().join("other.pem").exists(), "a certificate whose key was not written");
    ca.server(&["lab.example.org"], 30)
        .unwrap()
        .save(&dir.path().join("s.pem"), &dir.path().join("s-key.pem"))
        .unwrap();
    std::fs::write(dir.path().join("none.crl"), ca.revoke(&[], 30).unwrap()).unwrap();
    std::fs::write(dir.path().join("one.crl"), ca.revoke(&[&person.serial], 30).unwrap()).unwrap();
    for (refused, code) in [
        (ca.person("", 1).err(), "ca.name"),
        (ca.server(&["a b"], 1).err(), "ca.host"),
        (ca.revoke(&["0x1"], 1).err(), "ca.serial"),
        (ca.revoke(&["123"], 1).err(), "ca.serial"),
    ] {
        assert_eq!(unseen_texts::Message::code(&refused.unwrap()), code);
    }

    if there_is("openssl") {
        let openssl = |arguments: &str| run("openssl", &arguments.split(' ').collect::<Vec<_>>(), dir.path());
        let verify = "verify -x509_strict -CAfile ca.pem";
        openssl(&format!("{verify} -purpose sslclient -crl_check -CRLfile none.crl person.pem")).unwrap();
        let revoked = openssl(&format!("{verify} -crl_check -CRLfile one.crl person.pem")).unwrap_err();
        assert!(revoked.contains("certificate revoked"), "{revoked}");
        openssl(&format!("{verify} -purpose sslserver -verify_hostname lab.example.org s.pem")).unwrap();
        openssl(&format!("{verify} -purpose sslserver -verify_ip ::1 s.pem")).unwrap();
        assert!(openssl(&format!("{verify} -purpose sslserver person.pem")).is_err());
        let names = openssl("x509 -in person.pem -noout -ext subjectAltName").unwrap();
        assert!(names.contains("URI:urn:unseen:person:%E5%BC%A0%E4%B8%89"), "{names}");
        let serial = openssl("x509 -in person.pem -noout -serial").unwrap();
        assert_eq!(serial.trim(), format!("serial={}", person.serial.to_uppercase()));
    }

    // Another's key beside it.
    let other = tempfile::tempdir().unwrap();
    Ca::new("小证书机构 no. 1").unwrap().save(other.path()).unwrap();
    std::fs::copy(other.path().join("ca-key.pem"), dir.path().join("ca-key.pem")).unwrap();
    assert!(matches!(Ca::load(dir.path()), Err(CaError::NotOurs(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_comes_in() {
    if !there_is("curl") {
        return;
    }
    let server = Server::start(limits());
    let dir = server.dir.path();
    server.ca.person("张三", 2).unwrap().save(&dir.join("person.pem"), &dir.join("person-key.pem")).unwrap();
    let url = format!("https://localhost:{}/who", server.address.port());
    for version in ["--http1.1", "--http2"] {
        let secure = ["-sS", version, "--max-time", "20", "--cacert", "ca.pem", &url];
        let curl = |more: &[&str]| run("curl", &[&secure[..], more].concat(), dir);
        let (nobody, somebody) =
            tokio::task::block_in_place(|| (curl(&[]), curl(&["--cert", "person.pem", "--key", "person-key.pem"])));
        assert_eq!((nobody, somebody), (Ok("nobody".to_owned()), Ok("张三".to_owned())), "{version}");
    }
    server.ended().await;
}

/// Starts this program again, to serve by itself.
pub fn alone(mut before: Command) -> Child {
    before
        .args(["--exact", "outside::serving", "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn kill(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "played by others, in a process of its own"]
async fn serving() {
    let variable = |name: &str| std::env::var(name).ok();
    let address = variable("SERVE_AT").unwrap_or("127.0.0.1:0".to_owned());
    let wire = variable("SERVE_FROM").map_or(Wire::Plain, |dir| Wire::Tls(files(Path::new(&dir))));
    let sockets = sockets(&[address.parse().unwrap()]).unwrap();
    let limits = Limits { idle: Duration::from_secs(600), ..Limits::default() };
    let listener = Listener::new(sockets, wire, limits).unwrap();
    listener.serve(Service, Shutdown::on_signals().unwrap(), |_| {}).unwrap().await.unwrap();
}

#[test]
fn systemd_hears_how_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let hears = UnixDatagram::bind(&path).unwrap();
    hears.set_read_timeout(Some(SOON)).unwrap();
    let hear = || {
        let mut bytes = [0; 64];
        let length = hears.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let mut child = alone(program);
    assert_eq!(hear(), "READY=1");
    assert_eq!(hear(), "WATCHDOG=1");
    assert_eq!(hear(), "WATCHDOG=1");
    kill(&child, Signal::TERM);
    let last = std::iter::repeat_with(hear).find(|text| text != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert!(child.wait().unwrap().success(), "it ends well on SIGTERM");
}

#[tokio::test]
async fn systemd_hands_over_its_sockets() {
    if !there_is("systemd-socket-activate") {
        return;
    }
    // Free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut activate = Command::new("systemd-socket-activate");
    activate.args(["-l", &address.to_string()]).arg(std::env::current_exe().unwrap());
    let mut child = alone(activate);
    let answer = loop {
        match TcpStream::connect(address).await {
            Ok(mut stream) => break get(&mut stream, "/who").await,
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!(answer, Some((200, "nobody".to_owned())));
    kill(&child, Signal::TERM);
    assert!(child.wait().unwrap().success());
}
