//! A mail server is handed one mail at a time (RFC 5321, RFC 3207, RFC 4954).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt;
use unseen_policies::text::shown;
use unseen_texts::{Sentence, text};
use zeroize::Zeroizing;

use crate::config::{Address, Security, Smtp};
use crate::error::{ConfigError, Failure};

/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(10);

/// How long one mail may take.
const WHOLE: Duration = Duration::from_secs(60);

/// No reply is longer, in bytes: RFC 5321 (4.5.3.1.5) allows lines of 512.
const LONGEST_REPLY: usize = 16 << 10;

/// A mail server, and how it is reached.
pub(crate) struct Mailer {
    smtp: Smtp,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

impl Mailer {
    pub(crate) fn new(smtp: Smtp, ca: Option<&[CertificateDer<'static>]>) -> Result<Mailer, ConfigError> {
        let name = ServerName::try_from(smtp.host.clone()).map_err(|_| ConfigError::Host(smtp.host.clone()))?;
        Ok(Mailer { smtp, name, tls: Arc::new(client_config(ca)?) })
    }

    /// Whom mails are from.
    pub(crate) fn from(&self) -> &Address {
        &self.smtp.from
    }

    /// Hands over a mail as [`crate::mail::compose`] makes it. What the server says after it has taken the mail
    /// changes nothing.
    pub(crate) fn send(&self, to: &Address, mail: &[u8]) -> Result<(), Failure> {
        let host = self.smtp.host.as_str();
        let (tcp, own) = connect(host, self.smtp.port)?;
        let until = Instant::now() + WHOLE;
        let stream = match self.smtp.security {
            Security::Tls => self.secured(tcp)?,
            Security::Starttls | Security::None => Stream::Plain(tcp),
        };
        let mut wire = Wire { host, stream, read: Vec::new(), until };
        wire.reply("CONNECT", 220)?;
        let mut offers = wire.ask("EHLO", &own, 250)?;
        if self.smtp.security == Security::Starttls {
            if !offers.lines().any(|line| line.eq_ignore_ascii_case("STARTTLS")) {
                return Err(Failure::NotOffered { host: host.to_owned(), what: "STARTTLS" });
            }
            wire.ask("STARTTLS", "", 220)?;
            wire = wire.upgrade(|tcp| self.secured(tcp))?;
            offers = wire.ask("EHLO", &own, 250)?;
        }
        if let Some((name, password)) = &self.smtp.login {
            let plain = |line: &str| {
                let mut words = line.split_ascii_whitespace().map(str::to_ascii_uppercase);
                words.next().as_deref() == Some("AUTH") && words.any(|word| word == "PLAIN")
            };
            if !offers.lines().any(plain) {
                return Err(Failure::NotOffered { host: host.to_owned(), what: "AUTH PLAIN" });
            }
            let both = Zeroizing::new(format!("\0{name}\0{}", password.as_str()));
            wire.ask("AUTH", &Zeroizing::new(format!("PLAIN {}", BASE64_STANDARD.encode(both.as_bytes()))), 235)?;
        }
        wire.ask("MAIL", &format!("FROM:<{}>", self.smtp.from), 250)?;
        wire.ask("RCPT", &format!("TO:<{to}>"), 250)?;
        wire.ask("DATA", "", 354)?;
        wire.write(&[mail, b".\r\n"].concat())?;
        wire.reply("DATA", 250)?;
        let _said_or_not = wire.write(b"QUIT\r\n");
        Ok(())
    }

    fn secured(&self, tcp: TcpStream) -> Result<Stream, Failure> {
        let connection = ClientConnection::new(Arc::clone(&self.tls), self.name.clone());
        let connection =
            connection.map_err(|error| Failure::Other { host: self.smtp.host.clone(), why: error.to_string() })?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, tcp))))
    }
}

/// A connection, and how this machine calls itself on it: by its address (RFC 5321, 4.1.3), which it knows.
fn connect(host: &str, port: u16) -> Result<(TcpStream, String), Failure> {
    let unreachable = |source| Failure::Unreachable { host: host.to_owned(), source };
    let mut last = ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs().map_err(unreachable)? {
        match TcpStream::connect_timeout(&address, SILENCE) {
            Err(error) => last = error,
            Ok(tcp) => {
                let set = tcp.set_read_timeout(Some(SILENCE)).and_then(|()| tcp.set_write_timeout(Some(SILENCE)));
                let own = set.and_then(|()| tcp.local_addr()).map_err(unreachable)?;
                let own = match own.ip().to_canonical() {
                    IpAddr::V4(own) => format!("[{own}]"),
                    IpAddr::V6(own) => format!("[IPv6:{own}]"),
                };
                return Ok((tcp, own));
            }
        }
    }
    Err(unreachable(last))
}

fn client_config(ca: Option<&[CertificateDer<'static>]>) -> Result<ClientConfig, ConfigError> {
    let this_machine = || Sentence::from(text!("this machine's store", "本机证书库"));
    let failed = |error: rustls::Error| ConfigError::Certificates { from: this_machine(), why: error.to_string() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    let builder = match ca {
        None => builder.with_platform_verifier().map_err(failed)?,
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(ca.iter().cloned());
            builder.with_root_certificates(roots)
        }
    };
    Ok(builder.with_no_client_auth())
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A conversation.
struct Wire<'a> {
    host: &'a str,
    stream: Stream,
    /// What was read and not yet looked at.
    read: Vec<u8>,
    until: Instant,
}

impl<'a> Wire<'a> {
    /// A command and its reply, which must have this code. Gives the reply's text.
    fn ask(&mut self, command: &'static str, rest: &str, code: u16) -> Result<String, Failure> {
        let blank = if rest.is_empty() { "" } else { " " };
        self.write(Zeroizing::new(format!("{command}{blank}{rest}\r\n")).as_bytes())?;
        self.reply(command, code)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
        written.map_err(|error| self.broken(error))
    }

    /// The reply to a command, which must have this code. Gives its text.
    fn reply(&mut self, command: &'static str, wanted: u16) -> Result<String, Failure> {
        loop {
            if let Some((reply, length)) = read_reply(&self.read) {
                self.read.drain(..length);
                return if reply.code == wanted { Ok(reply.text) } else { Err(self.refused(command, &reply)) };
            }
            if self.read.len() >= LONGEST_REPLY {
                return Err(self.broken(ErrorKind::InvalidData.into()));
            }
            if Instant::now() > self.until {
                return Err(self.broken(ErrorKind::TimedOut.into()));
            }
            let mut chunk = [0; 512];
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
            };
            match read {
                Ok(0) => return Err(self.broken(ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.read.extend(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// TLS from here on. What was sent in the clear behind the reply was sent by somebody else (CVE-2011-0411).
    fn upgrade(self, secured: impl FnOnce(TcpStream) -> Result<Stream, Failure>) -> Result<Wire<'a>, Failure> {
        match self {
            Wire { stream: Stream::Plain(tcp), read, .. } if read.is_empty() => {
                Ok(Wire { host: self.host, stream: secured(tcp)?, read, until: self.until })
            }
            wire => Err(wire.broken(ErrorKind::InvalidData.into())),
        }
    }

    fn refused(&self, command: &'static str, reply: &Reply) -> Failure {
        let text = shown(&reply.text.chars().take(200).collect::<String>());
        Failure::Reply { host: self.host.to_owned(), command, code: reply.code, text }
    }

    fn broken(&self, error: io::Error) -> Failure {
        // The system says "would block" of a read that took too long.
        let late = error.kind() == ErrorKind::WouldBlock;
        let source = if late { ErrorKind::TimedOut.into() } else { error };
        Failure::Unreachable { host: self.host.to_owned(), source }
    }
}

/// What a mail server says.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// From 200 to 599; 0 if it is not the reply of a mail server.
    pub code: u16,
    /// Its lines, without their codes.
    pub text: String,
}

/// The first whole reply and its length (RFC 5321, section 4.2.1): lines of a code and a text, all but the last with
/// a hyphen between them. None while it is not whole.
pub fn read_reply(bytes: &[u8]) -> Option<(Reply, usize)> {
    let (mut lines, mut length) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n")?);
        length += line.len();
        let (code, rest) = text.split_at_checked(3).unwrap_or(("", &text));
        let code = code.parse().ok().filter(|code| (200..600).contains(code)).unwrap_or(0);
        lines.push(rest.get(1..).unwrap_or_default().trim_end().to_owned());
        if code == 0 || !rest.starts_with('-') {
            return Some((Reply { code, text: lines.join("\n") }, length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_its_last_line() {
        let said = b"250-lab at your service\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n220 more";
        let text = "lab at your service\nAUTH PLAIN LOGIN\nSTARTTLS".to_owned();
        assert_eq!(read_reply(said), Some((Reply { code: 250, text }, said.len() - "220 more".len())));
        assert_eq!(read_reply(b"250-a\r\n"), None);
        let code = |said: &[u8]| read_reply(said).unwrap().0.code;
        assert_eq!((code(b"354\n"), code(b"+50 x\n"), code(b"HTTP/1.1 400\r\n"), code(b"\n")), (354, 0, 0, 0));
    }
}
