//! Witnesses and a log, over the loopback interface.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

mod common;

use common::{LogFolder, ORIGIN, Running, key, log_key, now};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::Barrier,
    time::{Duration, Instant},
};
use unseen_ids::Digest;
use unseen_tlog::{
    cosignature::{WitnessKey, cosign},
    merkle::Proof,
    note::{Checkpoint, NoteKey},
};
use unseen_witness::{Refusal, Server, Shutdown, Target, add_log, decide::Request, gather, latest, server::Event};

const WAIT: Duration = Duration::from_secs(5);

/// What the one witness that was asked refused.
fn refusal(log: &LogFolder, target: Target) -> Refusal {
    let mut gathered = log.gather(&[target], 1);
    assert!(gathered.cosignatures.is_empty() && !gathered.reaches(1));
    assert_eq!(gathered.alarms().count() == 1, gathered.refusals[0].1.is_alarm());
    gathered.refusals.remove(0).1
}

/// Sends a request as it is; the status, the head and the body of the answer.
fn raw(url: &str, request: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The other side may close before all is sent.
    let _sent_or_closed = stream.write_all(request);
    let mut answer = Vec::new();
    let _read_or_reset = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head.to_lowercase(), body.to_owned())
}

fn post(url: &str, body: &[u8]) -> (u16, String, String) {
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    raw(url, &[head.as_bytes(), body].concat())
}

#[test]
fn a_growing_log_is_cosigned_at_every_step_and_after_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    assert_eq!(latest(&witness.key, &witness.url, &[log_key(1)], WAIT), Ok(None));
    let mut known = 0;
    for count in [0, 1, 1, 255, 300, 0, 7] {
        log.grow("entry", count);
        // Asked again later, the witness says something new, but a note takes one line of each key.
        while witness.key.verify(log.log.note()).is_ok_and(|last| now() <= last) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let gathered = log.gather(&[witness.target(known)], 1);
        assert!(gathered.reaches(1) && gathered.refusals.is_empty(), "{:?}", gathered.refusals);
        let cosignature = &gathered.cosignatures[0];
        assert!(cosignature.time.abs_diff(now()) < 60);
        log.log.publish_cosigned(std::slice::from_ref(&cosignature.line)).unwrap();
        assert_eq!(witness.key.verify(log.log.note()), Ok(cosignature.time));
        known = log.log.size();

        let (note, checkpoint, time) = latest(&witness.key, &witness.url, &[log_key(1)], WAIT).unwrap().unwrap();
        assert_eq!(&checkpoint, log.log.checkpoint());
        assert!(time >= cosignature.time);
        assert_eq!(note.text(), log.log.note().text());
        if count == 255 {
            drop(witness);
            witness = Running::open(dir.path(), 9);
        }
    }
    // It is enough to know nothing.
    log.grow("entry", 1);
    assert!(log.gather(&[witness.target(0)], 1).reaches(1));
    let events = witness.events.lock().unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Cosigned { size: 565, .. })), "{events:?}");
}

#[test]
fn forks_and_rollbacks_are_told_apart_and_a_fork_leaves_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    log.grow("entry", 10);
    let old = log.copy();
    log.grow("entry", 10);
    assert!(log.gather(&[witness.target(0)], 1).reaches(1));

    for known in [0, 10, 20] {
        assert_eq!(refusal(&old, witness.target(known)), Refusal::Ahead { size: 20 }, "known {known}");
    }
    let mut fork = old.copy();
    fork.grow("another", 10);
    for known in [0, 10, 20] {
        assert_eq!(refusal(&fork, witness.target(known)), Refusal::Fork { size: 20 }, "of one size, known {known}");
    }
    fork.grow("another", 1);
    assert_eq!(refusal(&fork, witness.target(20)), Refusal::Fork { size: 20 }, "and larger");

    let paths: Vec<String> = {
        let events = witness.events.lock().unwrap();
        let kept = events.iter().filter_map(|event| match event {
            Event::Evidence { origin, path } if origin == ORIGIN => Some(path.clone()),
            _ => None,
        });
        kept.collect()
    };
    assert_eq!(paths.len(), 2, "{paths:?}");
    let file = std::fs::read_to_string(dir.path().join(&paths[0])).unwrap();
    let line = |text: &str| text.lines().nth(2).unwrap().to_owned();
    for root in [line(log.log.note().text()), line(&fork_of_20(&old).to_string())] {
        assert!(file.contains(&root), "{root} in {file}");
    }
    assert!(log.gather(&[witness.target(20)], 1).reaches(1), "the honest log goes on");
}

/// The note of the fork in the test above when it had 20 entries.
fn fork_of_20(old: &LogFolder) -> unseen_tlog::note::Note {
    let mut fork = old.copy();
    fork.grow("another", 10);
    fork.log.note().clone()
}

#[test]
fn unknown_logs_and_wrong_keys() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    log.grow("entry", 3);
    let ask = |note| {
        let prove = |_| Ok::<Proof, std::io::Error>(Proof::new());
        gather(&[witness.target(0)], &note, &prove, 1, WAIT, now()).unwrap().refusals.remove(0).1
    };
    let checkpoint = log.log.checkpoint().clone();
    assert_eq!(ask(checkpoint.sign(&*key(2)).unwrap()), Refusal::WrongKey);
    let other = Checkpoint { origin: "other.example/log".into(), ..checkpoint };
    assert_eq!(ask(other.sign(&*key(1)).unwrap()), Refusal::UnknownLog);

    assert!(log.gather(&[witness.target(0)], 1).reaches(1));
    let stranger = NoteKey::new(ORIGIN, key(2).verifying_key()).unwrap();
    assert!(matches!(latest(&witness.key, &witness.url, &[stranger], WAIT), Err(Refusal::Untrue(_))));
    let other = WitnessKey::new("witness.example/w8", key(8).verifying_key()).unwrap();
    assert!(matches!(latest(&other, &witness.url, &[log_key(1)], WAIT), Err(Refusal::Untrue(_))));
    let target = Target { witness: other, ..witness.target(3) };
    assert!(matches!(refusal(&log, target), Refusal::Untrue(_)), "an answer of another witness");

    drop(witness);
    add_log(dir.path(), &log_key(2)).unwrap();
    let witness = Running::open(dir.path(), 9);
    let (_, checkpoint, _) = latest(&witness.key, &witness.url, &[log_key(2), log_key(1)], WAIT).unwrap().unwrap();
    assert_eq!(checkpoint.size, 3);
}

#[test]
fn what_the_wire_says() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    log.grow("entry", 3);
    let body = Request::body(0, &[], log.log.note());

    let (status, head, answer) = post(&witness.url, body.as_bytes());
    assert!(status == 200 && answer.starts_with("— witness.example/w9 ") && answer.ends_with('\n'), "{head}\n{answer}");
    let (status, head, answer) = post(&witness.url, body.as_bytes());
    assert_eq!((status, answer.as_str()), (409, "3\n"));
    assert!(head.contains("content-type: text/x.tlog.size"), "{head}");
    assert_eq!(post(&witness.url, b"old 4\n\n").0, 400);
    assert_eq!(post(&witness.url, body.replace("old 0", "old 4").as_bytes()).0, 400);

    let long = [body.as_bytes(), &vec![b'x'; 64 << 10]].concat();
    assert_eq!(post(&witness.url, &long).0, 413);
    let chunked = "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", long.len(), String::from_utf8_lossy(&long));
    assert_eq!(raw(&witness.url, format!("{chunked}{chunks}").as_bytes()).0, 413, "however it comes");
    assert_eq!(raw(&witness.url, &vec![b'x'; 256 << 10]).0 / 100, 4, "and in the head");

    let get = |path: &str| {
        raw(&witness.url, format!("GET {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n").as_bytes())
    };
    let (status, _, note) = get(&format!("/{}/checkpoint", Digest::of(ORIGIN.as_bytes()).to_hex()));
    assert!(status == 200 && note.starts_with(log.log.note().text()), "{note}");
    assert_eq!(get("/add-checkpoint").0, 405);
    assert_eq!(
        (get("/").0, get(&format!("/{}/checkpoint", "0".repeat(64))).0, get("/../checkpoint").0),
        (404, 404, 404)
    );

    // Two requests on one connection.
    let keep = format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let close = keep.replace("\r\nhost", "\r\nconnection: close\r\nhost");
    let (_, head, rest) = raw(&witness.url, format!("{keep}{close}").as_bytes());
    assert!(head.starts_with("http/1.1 409") && rest.contains("HTTP/1.1 409"), "{head}\n{rest}");
}

/// Whatever bytes are sent as a body or as a whole request, the witness says no and lives.
#[test]
fn noise_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    log.grow("entry", 3);
    let body = Request::body(0, &[], log.log.note()).into_bytes();
    // A generator of Lehmer's: the same noise each time.
    let mut state = 1u64;
    let mut next = move |below: usize| {
        state = state * 48_271 % 0x7fff_ffff;
        state as usize % below
    };
    for round in 0..150 {
        let mut noise: Vec<u8> = if round % 2 == 0 { body.clone() } else { vec![0; next(2000)] };
        for _ in 0..1 + next(8) {
            let at = next(noise.len().max(1));
            let byte = next(256) as u8;
            if let Some(place) = noise.get_mut(at) {
                // Neither may it be the very same body.
                *place = if *place == byte { byte ^ 1 } else { byte };
            }
        }
        if noise == body {
            continue;
        }
        let (status, ..) = post(&witness.url, &noise);
        assert!((400..500).contains(&status), "{status} to {:?}", String::from_utf8_lossy(&noise));
    }
    assert_eq!(post(&witness.url, &body).0, 200);
}

#[test]
fn of_requests_that_race_one_wins_each_size_and_nothing_goes_back() {
    const RACERS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    let mut known = 0;
    for _ in 0..6 {
        // Each racer has another extension of what was cosigned last: none is consistent with another.
        let racers: Vec<LogFolder> = (0..RACERS)
            .map(|racer| {
                let mut racing = log.copy();
                racing.grow(&format!("racer {racer}"), 1 + racer as u64);
                racing
            })
            .collect();
        let line = Barrier::new(RACERS);
        let bodies: Vec<String> = racers
            .iter()
            .map(|racer| {
                let proof = racer.log.prove_consistency(known, racer.log.size()).unwrap();
                Request::body(known, &proof, racer.log.note())
            })
            .collect();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let race = |body| {
                let (line, url) = (&line, &witness.url);
                scope.spawn(move || {
                    line.wait();
                    post(url, String::as_bytes(body)).0
                })
            };
            let racing: Vec<_> = bodies.iter().map(race).collect();
            racing.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let won: Vec<usize> = (0..RACERS).filter(|racer| statuses[*racer] == 200).collect();
        assert_eq!(won.len(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
        let (_, checkpoint, _) = latest(&witness.key, &witness.url, &[log_key(1)], WAIT).unwrap().unwrap();
        log = racers.into_iter().nth(won[0]).unwrap();
        assert_eq!(checkpoint, *log.log.checkpoint());
        known = checkpoint.size;
    }
}

#[test]
fn the_slow_hold_nobody_up_and_are_hung_up_on() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    log.grow("entry", 3);
    let address = witness.url.strip_prefix("http://").unwrap().to_owned();
    let begun = Instant::now();
    let slow = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let silent = slow(b"");
    let in_head = slow(b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\n");
    let in_body = slow(b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 100\r\n\r\nold 0\n");
    let idle = slow(b"GET / HTTP/1.1\r\nhost: w\r\n\r\n");
    assert!(log.gather(&[witness.target(0)], 1).reaches(1));
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits for them");
    for (what, mut stream) in [("silent", silent), ("in head", in_head), ("in body", in_body), ("idle", idle)] {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {answer}");
    }
    // The server ends although somebody is silent; at once, if nobody has just begun.
    for (bytes, most) in [("", 5), ("GET / HTTP/1.1\r\nhost: w\r\n\r\n", 2)] {
        let dir = tempfile::tempdir().unwrap();
        let witness = Running::new(dir.path(), 9);
        let mut silent = TcpStream::connect(witness.url.strip_prefix("http://").unwrap()).unwrap();
        silent.write_all(bytes.as_bytes()).unwrap();
        if !bytes.is_empty() {
            assert_ne!(silent.read(&mut [0; 4096]).unwrap(), 0);
        }
        let begun = Instant::now();
        drop(witness);
        assert!(begun.elapsed() < Duration::from_secs(most), "{bytes:?}");
    }
}

/// A witness as no witness should be: it answers every request with what `say` makes of it.
fn impostor(say: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let whole = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).to_lowercase();
                let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                text.split_once("\r\n\r\n")
                    .is_some_and(|(head, _)| request.len() >= head.len() + 4 + length.unwrap_or(0))
            };
            while !whole(&request) {
                let mut part = [0; 4096];
                let length = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..length]);
            }
            let request = String::from_utf8(request).unwrap();
            let body = request.split_once("\r\n\r\n").unwrap().1;
            let _heard_or_gone = stream.write_all(say(body).as_bytes());
        }
    });
    url
}

fn http(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn text_of(body: &str) -> String {
    body.split_once("\n\n").unwrap().1.split_once("\n\n").unwrap().0.to_owned() + "\n"
}

#[test]
fn a_quorum_is_reached_without_the_dead_and_the_lying() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let honest = [Running::new(dirs[0].path(), 9), Running::new(dirs[1].path(), 10)];
    let witness = |seed: u8| WitnessKey::new(&format!("witness.example/w{seed}"), key(seed).verifying_key()).unwrap();
    let target = |seed: u8, url: &str| Target { witness: witness(seed), url: url.into(), known: 0 };
    let by = |seed: u8, time: u64| {
        impostor(move |body| {
            let line = cosign(witness(seed).name(), &*key(seed), &text_of(body), time).unwrap();
            http(200, &line.to_string())
        })
    };
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut log = LogFolder::new();
    log.grow("entry", 3);

    let ahead = now() + 3600;
    let soon = now() + 200;
    let of_another = by(9, now());
    let cases = [
        (target(11, &dead), Err("cannot be reached")),
        (target(12, &by(12, ahead)), Err("is to come")),
        (target(13, &by(13, soon)), Ok(())),
        (target(14, &of_another), Err("without a true cosignature")),
        (target(15, &impostor(|_| http(200, "— witness.example/w15 x\n\u{0}"))), Err("without a true cosignature")),
        (target(16, &impostor(|_| http(200, &"x".repeat(1 << 20)))), Err("cannot be reached")),
        (target(17, &impostor(|_| http(500, "oh"))), Err("status 500: \"oh\"")),
        (target(18, &impostor(|_| http(302, ""))), Err("status 302")),
        (target(19, &impostor(|_| http(409, "2"))), Err("status 409")),
        (target(20, &impostor(|_| http(409, "99\n"))), Err("ROLLBACK: it has cosigned 99 entries")),
        (
            target(21, &impostor(|body| http(409, if body.starts_with("old 1") { "2\n" } else { "1\n" }))),
            Err("ask again"),
        ),
        (target(22, "gopher://nowhere"), Err("cannot be reached")),
        (target(23, &format!("http://{}", mute.local_addr().unwrap())), Err("did not answer in time")),
        (
            Target { witness: WitnessKey::new("again", key(9).verifying_key()).unwrap(), ..honest[0].target(0) },
            Err("asked already"),
        ),
        // Lines of other keys may come along, even of the same name.
        (
            target(
                24,
                &impostor(move |body| {
                    let line =
                        |seed: u8| cosign(witness(24).name(), &*key(seed), &text_of(body), now()).unwrap().to_string();
                    http(200, &format!("{}nonsense\n{}", line(7), line(24)))
                }),
            ),
            Ok(()),
        ),
    ];
    let targets: Vec<Target> =
        honest.iter().map(|witness| witness.target(0)).chain(cases.iter().map(|(target, _)| target.clone())).collect();
    let begun = Instant::now();
    let gathered = log.gather(&targets, 4);
    assert!(begun.elapsed() < Duration::from_secs(4), "with a quorum, the mute are waited for a second");
    assert!(gathered.reaches(4) && !gathered.reaches(5), "{gathered:?}");
    for (target, expected) in &cases {
        let name = target.witness.name();
        let signed = gathered.cosignatures.iter().any(|cosignature| cosignature.name == name);
        let refused = gathered.refusals.iter().find(|(refused, _)| refused == name).map(|(_, why)| why.to_string());
        match expected {
            Ok(()) => assert!(signed && refused.is_none(), "{name}"),
            Err(why) => assert!(!signed && refused.as_ref().unwrap().contains(why), "{name}: {refused:?}"),
        }
    }
    let mut note = log.log.note().clone();
    gathered.cosignatures.iter().for_each(|cosignature| note.add(cosignature.line.clone()));
    for witness in &honest {
        witness.key.verify(&note).unwrap();
    }

    // Without a quorum, no longer than was asked for.
    let begun = Instant::now();
    let prove = |old| log.log.prove_consistency(old, 3);
    let late = gather(&targets[14..15], log.log.note(), &prove, 1, Duration::from_secs(1), now()).unwrap();
    assert_eq!(late.refusals[0].1, Refusal::Late);
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_log_that_cannot_prove_its_past_asks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Running::new(dir.path(), 9);
    let mut log = LogFolder::new();
    log.grow("entry", 3);
    let prove = |old: u64| if old == 0 { Ok(Proof::new()) } else { Err("tile/0/000 is damaged") };
    let ask = |known| gather(&[witness.target(known)], log.log.note(), &prove, 1, WAIT, now()).unwrap();
    assert!(
        matches!(&ask(2).refusals[0].1, Refusal::NoProof { old: 2, why } if why.to_string().contains("tile/0/000"))
    );
    assert!(ask(0).reaches(1));
    assert!(matches!(ask(0).refusals[0].1, Refusal::NoProof { old: 3, .. }));
}

#[test]
fn a_signal_ends_the_server_and_frees_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    drop(Running::new(dir.path(), 9));
    let server = Server::open(dir.path(), key(9)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        server.serve(listener, Shutdown::on_signals(), move |event| tell.send(event.line().to_string()).unwrap())
    });
    // Whoever has read this may send a signal.
    assert_eq!(told.recv().unwrap(), format!("The witness witness.example/w9 answers at {url}"));
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
    serving.join().unwrap().unwrap();
    drop(Server::open(dir.path(), key(9)).unwrap());
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err());
}

/// Over TLS a certificate counts if this machine trusts its authority, and no other.
#[test]
fn https_with_an_authority_of_ones_own() {
    const URL: &str = "UNSEEN_TEST_HTTPS_URL";
    let witness = WitnessKey::new("witness.example/w9", key(9).verifying_key()).unwrap();
    // The trusted authorities are read once, from the environment: so a process of its own asks.
    if let Ok(url) = std::env::var(URL) {
        println!("answer: {:?}", latest(&witness, &url, &[log_key(1)], WAIT));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn()
    };
    let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
                -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let made = run("openssl", &make.split_whitespace().collect::<Vec<_>>()).and_then(|mut child| child.wait());
    let serve = "import http.server as h, ssl\n\
                 s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n\
                 c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain('cert.pem', 'key.pem')\n\
                 s.socket = c.wrap_socket(s.socket, server_side=True)\n\
                 print(s.server_port, flush=True)\n\
                 s.serve_forever()";
    let server = run("python3", &["-c", serve]);
    let (true, Ok(mut server)) = (made.is_ok_and(|status| status.success()), server) else {
        skip::skipped("https: it takes openssl and python3");
        return;
    };
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let ask = |authority: Option<&str>| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "https_with_an_authority_of_ones_own", "--nocapture"]);
        child.env(URL, format!("https://localhost:{}", port.trim()));
        if let Some(file) = authority {
            child.env("SSL_CERT_FILE", dir.path().join(file));
        }
        let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
        output.split("answer: ").nth(1).and_then(|answer| answer.lines().next()).unwrap_or(&output).to_owned()
    };
    let (trusted, unknown) = (ask(Some("cert.pem")), ask(None));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(trusted, "Ok(None)", "its files hold no checkpoint");
    assert!(unknown.starts_with("Err(Unreachable"), "{unknown}");
}
