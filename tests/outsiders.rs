//! A lab on the network over two datasets that differ in one unit, whose rows make a guest fail: all that the service
//! answers, shows, tells and keeps for others is the same, but for the noised numbers.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/masked.rs"]
mod masked;
#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use masked::{files, masked, masked_text, without_bytes};
use serde_json::Value;
use served::{Served, agent, login};
use support::*;

/// The rows of one unit, or none of them.
const ROWS: [usize; 2] = [50, 0];

/// Fails on a grain of so many rows.
const GUEST: &str = "(if (i32.gt_u (i32.load (local.get $grain)) (i32.const 20)) (then unreachable)) (f64.const 1)";

#[test]
fn whatever_is_served_is_the_same_of_two_neighbours() {
    let lab = Lab::with_people_and_auditor();
    let labs = [lab.copy(), lab];
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let watching = [0, 1].map(|at| {
            scope.spawn({
                let lab = &labs[at];
                move || observe(lab, ROWS[at])
            })
        });
        watching.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let differ = seen[0].iter().zip(&seen[1]).filter(|(one, other)| one != other);
    let differ: Vec<String> = differ.map(|(one, other)| parted(one, other)).collect();
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
    assert_eq!(seen[0].len(), seen[1].len());
    // What is about rows, and for their steward only, is not.
    let quality = ["dataset", "quality", "firms", "--key", "keys/steward.pem"];
    assert_eq!(labs.each_ref().map(|lab| lab.ok(&quality)["units"].as_u64().unwrap()), [41, 40]);
    // There was much to be seen.
    let of = |kind: &str| seen[0].iter().filter(|(what, _)| what.starts_with(kind)).count();
    let counts = ["GET /v1/", "page ", "notice", "access", "twin", "blob"].map(of);
    println!("compared: {counts:?} answers, pages, notices, lines of access, twins, blobs");
    assert!(counts.iter().zip([60, 20, 4, 50, 2, 3]).all(|(seen, least)| *seen >= least), "{counts:?}");
}

impl Lab {
    fn with_people_and_auditor() -> Lab {
        let lab = Lab::new();
        lab.write("policy.toml", POLICY.replace("approvals = 2", "approvals = 1"));
        lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
        unseen_lab::write_new_key(&lab.path("keys/auditor.pem")).unwrap();
        let auditor = ["--name", "auditor", "--role", "auditor", "--new-key", "keys/auditor.pem"];
        lab.ok(&[["person", "enroll"].as_slice(), &auditor, &["--key", "keys/owner.pem"]].concat());
        lab.write("firms.toml", FIRMS);
        lab.write("job/job.toml", job("rho = 0.25"));
        lab.write("job/target/job.wasm", component(GUEST));
        lab.write("secret", "whsec_dW5zZWVuLXVuc2Vlbi11bnNlZW4tdW5zZWVuLTMy");
        std::fs::set_permissions(lab.path("secret"), std::fs::Permissions::from_mode(0o600)).unwrap();
        lab
    }
}

type Seen = Vec<(String, String)>;

/// What two have in common, and what follows in each.
fn parted((what, one): &(String, String), (other_what, other): &(String, String)) -> String {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| text.chars().skip(same.saturating_sub(60)).take(120).collect::<String>();
    format!("{what} | {other_what}\n  {:?}\n  {:?}", around(one), around(other))
}

/// Lets a job go its way, and looks at everything.
fn observe(lab: &Lab, rows: usize) -> Seen {
    let more: String = (0..rows).map(|row| format!("f00099,north,{row}.5\n")).collect();
    lab.write("firms.csv", firms(40) + &more);
    lab.ok(&["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]);
    let (address, notices) = receiver();
    let hook = format!("[[webhook]]\nurl = \"http://{address}/\"\nsecret_file = \"secret\"\n");
    lab.write("notices.toml", format!("console = \"https://lab.example/\"\n{hook}"));
    let served = Served::with(lab, &["--notices", "notices.toml"]);

    let job = text(&served.ok(lab, "analyst", &["job", "submit", "job"])["job"]);
    served.ok(lab, "operator", &["job", "approve", &job]);
    // Asking the service would be on record, as often as it takes.
    until("the release", || lab.kinds().contains(&"released".to_owned()));
    served.ok(lab, "analyst", &["job", "release", &job]);
    until("its notices", || notices.lock().unwrap().len() >= 4);

    let mut seen = Seen::new();
    let mut sessions = vec![("nobody", None)];
    sessions.extend(["analyst", "operator", "auditor"].map(|who| (who, Some(login(&served, lab, who)))));
    for (who, session) in &sessions {
        let look = Look { served: &served, who, session: session.as_deref() };
        seen.extend(look.at_addresses(lab, &job));
        seen.extend(look.at_pages());
    }
    // Lines are written a moment after what they are about.
    std::thread::sleep(Duration::from_secs(2));
    let access = std::fs::read_dir(lab.path("lab/access")).unwrap().map(|day| day.unwrap().path());
    let lines: String = access.map(|day| std::fs::read_to_string(day).unwrap()).collect();
    seen.extend(lines.lines().map(|line| ("access".to_owned(), masked_json(line))));
    seen.extend(notices.lock().unwrap().iter().map(|notice| ("notice".to_owned(), masked_json(notice))));
    seen.extend(files(&lab.path("lab/log")));
    drop(served);
    lab.ok(&["twin", "firms", "--rows", "50", "--seed", "3", "--out", "twin"]);
    let twins = tree(&lab.path("twin")).into_iter().filter(|name| lab.path("twin").join(name).is_file());
    seen.extend(
        twins.map(|name| (format!("twin {name}"), std::fs::read_to_string(lab.path("twin").join(name)).unwrap())),
    );
    seen
}

/// Somebody who looks at everything that they may.
struct Look<'s> {
    served: &'s Served,
    who: &'s str,
    session: Option<&'s str>,
}

impl Look<'_> {
    /// All addresses of the service's own description that can be read.
    fn at_addresses(&self, lab: &Lab, job: &str) -> Seen {
        let described = self.served.get("/openapi.json").1;
        let mut seen = Seen::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            // The first has no end, the second is about the machine as it is at the moment, and lines of the third are
            // there a moment after what they are about: they are compared at the end.
            let left_out = ["/v1/events", "/v1/doctor", "/v1/access-log"];
            if methods.get("get").is_none() || left_out.contains(&path.as_str()) {
                continue;
            }
            let path = path.replace("{dataset}", "firms").replace("{job}", job).replace("{part}", "firms.csv");
            let entries = if path.contains("{entry}") { lab.entries() } else { 1 };
            for entry in 0..entries {
                let path = path.replace("{entry}", &entry.to_string());
                seen.push((format!("GET {path} by {}", self.who), self.answer(&path).1));
            }
        }
        seen
    }

    /// All pages that lead from one to the other.
    fn at_pages(&self) -> Seen {
        let (mut seen, mut known) = (Seen::new(), BTreeSet::new());
        let mut next = VecDeque::from(["/en/".to_owned(), "/zh/".to_owned()]);
        while let Some(path) = next.pop_front() {
            let is_page = ["/en/", "/zh/"].iter().any(|start| path.starts_with(start));
            if !is_page || path.contains("doctor") || !known.insert(path.clone()) {
                continue;
            }
            let (html, answer) = self.answer(&path);
            seen.push((format!("page {} by {}", masked_text(&path), self.who), answer));
            let links = html.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
            next.extend(links.map(|link| link.replace("&amp;", "&")));
        }
        seen
    }

    /// The body, and masked the status, the headers and the body.
    fn answer(&self, path: &str) -> (String, String) {
        let mut request = agent().get(format!("{}{path}", self.served.url));
        if let Some(session) = self.session {
            request = request.header("authorization", format!("Bearer {session}"));
        }
        let mut response = request.call().unwrap();
        let mut headers: Vec<String> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", masked_text(value.to_str().unwrap())))
            .collect();
        headers.sort();
        let status = response.status();
        let body = response.body_mut().read_to_vec().unwrap();
        // What is packed is compared as it lies in the log.
        let host = self.served.url.strip_prefix("http://").unwrap();
        let body = String::from_utf8(body).unwrap_or_default().replace(host, "host");
        let shown = match path {
            "/metrics" => without_seconds(&body),
            "/checkpoint" => without_bytes(&body),
            _ => masked_json(&body),
        };
        (body, format!("{status}\n{}\n{shown}", headers.join("\n")))
    }
}

fn masked_json(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(json) => sorted(&masked(None, json)).to_string(),
        Err(_) => masked_text(&without_bytes(text)),
    }
}

/// Counts without those of time.
fn without_seconds(metrics: &str) -> String {
    metrics.lines().filter(|line| !line.contains("seconds")).collect::<Vec<_>>().join("\n")
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

type Kept = Arc<Mutex<Vec<String>>>;

/// A webhook's receiver: its address, and the bodies that came.
fn receiver() -> (String, Kept) {
    let (listener, kept) = (TcpListener::bind("127.0.0.1:0").unwrap(), Kept::default());
    let (address, bodies) = (listener.local_addr().unwrap().to_string(), kept.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let body = body_of(&mut stream);
            bodies.lock().unwrap().push(body);
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    (address, kept)
}

/// Reads one request.
fn body_of(stream: &mut TcpStream) -> String {
    let (mut read, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let length = read.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        if let (Some(length), Some((_, body))) = (length, read.split_once("\r\n\r\n"))
            && body.len() >= length
        {
            return body.to_owned();
        }
        let count = stream.read(&mut buffer).unwrap();
        read += std::str::from_utf8(&buffer[..count]).unwrap();
    }
}
