//! Mail as a server by others takes it and Python's parser reads it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod place;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use place::{Place, python, script, submitted, wait_until};
use serde_json::Value;

const PEOPLE: &str = "[people.\"王芳\"]\nmail = \"wang@example.org\"\nlanguage = \"zh\"\n\
                      [people.later]\nmail = \"later@example.org\"\nlanguage = \"en\"\n\
                      [people.gone]\nmail = \"nobody@example.org\"\nlanguage = \"en\"\n";

#[test]
fn chinese_arrives_as_it_was_written_and_nothing_slips_into_a_header() {
    for mode in ["starttls", "tls"] {
        let place = Place::new();
        let Some(mut mailbox) = Mailbox::start(&place, mode) else { return };
        let sender = place.start(&mailbox.config(mode, "ca = \"ca.pem\"\n"));
        let title =
            "钢铁、水泥与电解铝行业 2025 年逐月用电量（按乡镇汇总）\r\nBcc: x@example.org\r\n\r\n.\r\nQUIT\r\n.";
        sender.offer(7, vec![(submitted(7, title), vec!["王芳".into(), "unknown".into()])]).unwrap();
        let mail = mailbox.next();
        let header = |name: &str| -> Vec<&str> {
            let all = mail["headers"].as_array().unwrap().iter();
            all.filter(|header| header[0] == name).map(|header| header[1].as_str().unwrap()).collect()
        };
        let shown = title.replace('\r', r"\u{d}").replace('\n', r"\u{a}");
        assert_eq!(header("Subject"), [format!("作业 j7“{shown}”等待批准")]);
        assert_eq!((&mail["from"], &mail["to"][0]), (&"lab@example.org".into(), &"wang@example.org".into()));
        assert_eq!((header("From"), header("To")), (vec!["lab@example.org"], vec!["wang@example.org"]));
        assert_eq!((header("Bcc").len(), header("Auto-Submitted")), (0, vec!["auto-generated"]));
        assert!(header("Message-ID")[0].starts_with("<unseen-") && header("Date").len() == 1);
        let body = mail["body"].as_str().unwrap();
        assert!(body.starts_with("由 李雷 提交。请作者以外的运行管理员"), "{body}");
        assert!(body.contains("\r\nhttps://lab.example/zh/jobs/j7\r\n"), "{body}");
        assert_eq!((&mail["defects"], &mail["ehlo"]), (&Value::Array(vec![]), &"[127.0.0.1]".into()));
        wait_until("it is told", || sender.told() == Some(7));
    }
}

#[test]
fn one_who_is_not_there_is_given_up_and_one_who_is_busy_is_not() {
    let place = Place::new();
    let Some(mut mailbox) = Mailbox::start(&place, "none") else { return };
    let sender = place.start(&mailbox.config("none", ""));
    sender.offer(9, vec![(submitted(9, "a"), vec!["gone".into(), "later".into()])]).unwrap();
    assert_eq!(mailbox.next()["to"][0], "later@example.org");
    wait_until("it is told", || sender.told() == Some(9));
    let status = sender.status();
    assert_eq!((status.delivered, status.given_up, status.waiting), (1, 1, 0));
}

#[test]
fn no_password_goes_to_a_server_that_is_not_the_one() {
    let place = Place::new();
    let Some(mailbox) = Mailbox::start(&place, "starttls") else { return };
    // Of an authority that this machine does not know.
    let sender = place.start(&mailbox.config("starttls", ""));
    sender.offer(1, vec![(submitted(1, "a"), vec!["王芳".into()])]).unwrap();
    wait_until("it is refused", || sender.status().last_failure.is_some());
    let (_, why) = sender.status().last_failure.unwrap();
    assert!(why.to_string().contains("certificate"), "{why}");
    assert_eq!((sender.told(), sender.status().given_up), (Some(0), 0));
}

/// Somebody on the way takes STARTTLS out of what the server offers, or says more than was asked.
#[test]
fn nothing_is_said_in_the_clear_to_who_takes_tls_away() {
    for (offer, after, says) in [("250 lab", "", "STARTTLS"), ("250-lab\r\n250 STARTTLS", "220 go\r\n250 x", "invalid")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let place = Place::new();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut heard = Vec::new();
            for reply in ["220 hello", offer, after] {
                reader.get_mut().write_all(format!("{reply}\r\n").as_bytes()).unwrap();
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                heard.push(line.trim_end().to_owned());
            }
            heard
        });
        let config = format!("{}{PEOPLE}", smtp("starttls", port));
        let sender = place.start(&config);
        sender.offer(1, vec![(submitted(1, "a"), vec!["王芳".into()])]).unwrap();
        wait_until("it is refused", || sender.status().last_failure.is_some());
        let why = sender.status().last_failure.unwrap().1.to_string();
        assert!(why.contains(says), "{why}");
        let heard = server.join().unwrap();
        assert!(heard.iter().all(|line| ["EHLO [127.0.0.1]", "STARTTLS"].contains(&line.as_str())), "{heard:?}");
    }
}

/// The login is that of every mailbox with TLS.
fn smtp(tls: &str, port: u16) -> String {
    let login = if tls == "none" { "" } else { "username = \"lab\"\npassword_file = \"password\"\n" };
    let from = "lab@example.org";
    format!("[smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\nfrom = \"{from}\"\n{login}")
}

/// `tests/verifiers/mailbox.py`; it ends when its standard input does.
struct Mailbox {
    process: Child,
    _input: ChildStdin,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Mailbox {
    fn start(place: &Place, mode: &str) -> Option<Mailbox> {
        let mut command = Command::new(python("aiosmtpd, cryptography")?);
        command.arg(script("mailbox.py")).arg(mode).arg(place.path("ca.pem"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut mailbox = Mailbox { process, _input: input, said, port: 0 };
        mailbox.port = mailbox.next()["port"].as_u64().unwrap().try_into().unwrap();
        Some(mailbox)
    }

    fn config(&self, tls: &str, ca: &str) -> String {
        format!("{ca}{}{PEOPLE}", smtp(tls, self.port))
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _waited = self.process.wait();
    }
}
