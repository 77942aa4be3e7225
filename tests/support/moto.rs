//! A server of S3 by others, moto, where `scripts/engine.sh moto` puts it.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The server, with the bucket `unseen`.
pub struct Moto {
    process: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Moto {
    /// Lets everybody in. None, said aloud, where it is not installed.
    pub fn open(skipped: fn(&str)) -> Option<Moto> {
        Moto::with("inf", skipped)
    }

    /// Lets nobody in who has no account, and there is none.
    pub fn closed(skipped: fn(&str)) -> Option<Moto> {
        Moto::with("1", skipped)
    }

    fn with(free: &str, skipped: fn(&str)) -> Option<Moto> {
        let program = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("engines/moto/bin/moto_server");
        if !program.exists() {
            skipped("a store in S3: scripts/engine.sh moto has not been run");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).env("INITIAL_NO_AUTH_ACTION_COUNT", free);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Moto { process, address: format!("127.0.0.1:{port}") };
        let start = Instant::now();
        while TcpStream::connect(&moto.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "moto does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto.put("unseen", b"");
        Some(moto)
    }

    /// Puts something there past everybody: with no bytes a bucket.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.ask("PUT", path, bytes);
    }

    /// What the storage says of all that is in the bucket, in XML.
    pub fn list(&self) -> String {
        self.ask("GET", "unseen", b"")
    }

    /// Where it is, and keys to it.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        environment(&format!("http://{}", self.address))
    }

    fn ask(&self, method: &str, path: &str, bytes: &[u8]) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, bytes.len());
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }
}

/// What says that the storage is at this address.
pub fn environment(endpoint: &str) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT", endpoint.to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "unseen".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
    ]
}
