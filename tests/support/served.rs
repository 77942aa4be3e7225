//! A lab that is served by the real binary, without TLS.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::support::{Done, Lab, key, text};

/// A service of a lab, until it is dropped.
pub struct Served {
    pub process: Child,
    pub url: String,
}

impl Served {
    pub fn of(lab: &Lab) -> Served {
        Served::with(lab, &[])
    }

    /// With more arguments.
    pub fn with(lab: &Lab, more: &[&str]) -> Served {
        Served::begun(lab.command(&[&["serve", "--plain", "--listen", "127.0.0.1:0"], more].concat()))
    }

    /// Of a command that serves.
    pub fn begun(mut command: Command) -> Served {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the service ended").unwrap();
            if let Some((_, address)) = line.split_once("connections are taken at ") {
                break address.to_owned();
            }
        };
        // What it tells operators is read on, or it would wait.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("serve: {}", line.unwrap_or_default())));
        Served { process, url: format!("http://{address}") }
    }

    /// `unseen ARGS` for this lab at its address, in somebody's name.
    pub fn unseen(&self, lab: &Lab, who: &str, args: &[&str]) -> Done {
        let mut command = lab.command(args);
        command.env("UNSEEN_LAB", &self.url).env("UNSEEN_KEY", key(who));
        Done::from(command.output().unwrap(), args)
    }

    pub fn ok(&self, lab: &Lab, who: &str, args: &[&str]) -> Value {
        let done = self.unseen(lab, who, &[&["--json"], args].concat());
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// A plain request: status, and the body as JSON or text.
    pub fn get(&self, path: &str) -> (u16, Value) {
        self.ask(agent().get(format!("{}{path}", self.url)).call())
    }

    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let request = agent().post(format!("{}{path}", self.url)).header("content-type", "application/json");
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        self.ask(request.send(&serde_json::to_vec(body).unwrap()))
    }

    pub fn ask(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
        let mut response = sent.unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    ureq::Agent::new_with_config(config.max_redirects_will_error(false).build())
}

/// Logs somebody in: the session's token.
pub fn login(served: &Served, lab: &Lab, who: &str) -> String {
    let host = served.url.strip_prefix("http://").unwrap();
    let nonce = format!("{:032x}", chrono::Utc::now().timestamp_nanos_opt().unwrap());
    let login = unseen_api::login::Login::sign(host, nonce, &lab.signing_key(who)).unwrap();
    let (status, session) = served.post(unseen_api::login::PATH, None, &serde_json::to_value(&login).unwrap());
    assert_eq!(status, 201, "{session}");
    // It is good once.
    let (again, problem) = served.post(unseen_api::login::PATH, None, &serde_json::to_value(&login).unwrap());
    assert_eq!((again, &problem["code"]), (401, &json!("request.log-in")));
    text(&session["token"])
}

/// A plain request in the name of whose session this is.
pub fn get_as(served: &Served, token: &str, path: &str) -> (u16, Value) {
    served.ask(agent().get(format!("{}{path}", served.url)).header("authorization", format!("Bearer {token}")).call())
}
