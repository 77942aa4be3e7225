//! A witness of the lab's log: the real binary.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::support::{Lab, text};

/// Any address that is free.
pub const ANYWHERE: &str = "127.0.0.1:0";

/// A witness that answers, until it is dropped.
pub struct Witness {
    child: Child,
    pub url: String,
    pub vkey: String,
}

impl Witness {
    /// Makes a witness that follows the lab's log, and starts it.
    pub fn start(lab: &Lab, name: &str) -> Witness {
        let vkey =
            text(&lab.ok(&["witness", "init", name, "--name", &format!("witness.example/{name}")])["verifierKey"]);
        let log_key = text(&lab.ok(&["lab", "show"])["logKey"]);
        lab.ok(&["witness", "add-log", name, &log_key]);
        let (child, url) = serve(lab, name, ANYWHERE);
        Witness { child, url, vkey }
    }

    /// Ends it, as a crash would.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at this address.
    pub fn restart(&mut self, lab: &Lab, name: &str, address: &str) {
        (self.child, self.url) = serve(lab, name, address);
    }

    /// The same where it was.
    pub fn restart_there(&mut self, lab: &Lab, name: &str) {
        let address = self.url.strip_prefix("http://").unwrap().to_owned();
        self.restart(lab, name, &address);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(lab: &Lab, name: &str, address: &str) -> (Child, String) {
    let mut child = lab
        .command(&["witness", "serve", name, "--listen", address])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_else(|| panic!("{first}"));
    let url = url.to_owned();
    // Nobody must wait for a pipe that nobody reads.
    std::thread::spawn(move || lines.for_each(drop));
    (child, url)
}
