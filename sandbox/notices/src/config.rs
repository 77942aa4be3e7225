//! Where notices go, from a file:
//!
//! ```toml
//! console = "https://lab.example"            # what links begin with
//! ca = "ca.pem"                              # trusted instead of this machine's certificates, if given
//!
//! [[webhook]]
//! url = "https://hooks.example/unseen"
//! secret_file = "webhook.secret"             # `whsec_` and random bytes in base64, mode 0600
//! events = ["job-submitted", "released"]     # all, if not given
//!
//! [smtp]
//! host = "mail.example"
//! port = 587                                 # as usual for `tls`, if not given
//! tls = "starttls"                           # or "tls", or "none"
//! username = "lab"                           # none, if not given
//! password_file = "smtp.password"            # mode 0600
//! from = "lab@example.org"
//!
//! [people."王芳"]
//! mail = "wangfang@example.org"
//! language = "zh"
//! events = ["job-submitted"]                 # all, if not given
//! ```
//!
//! Files are found from the folder of this one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use unseen_keys::read_secret;
use unseen_policies::toml_fault;
use unseen_texts::{Lang, said_as_written, say};
use ureq::http::Uri;
use zeroize::Zeroizing;

use crate::error::ConfigError;
use crate::notice::Kind;

/// Where notices go, read and checked.
#[derive(Debug)]
pub struct Config {
    /// What links begin with.
    pub console: Url,
    /// Certificates that are trusted instead of this machine's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Programs that are told.
    pub webhooks: Vec<Hook>,
    /// The server that takes mail.
    pub smtp: Option<Smtp>,
    /// People who are told by mail, by name.
    pub people: BTreeMap<String, Person>,
}

/// A program that is told.
pub struct Hook {
    /// Where it listens.
    pub url: Url,
    /// The key that it knows the lab by: 24 to 64 bytes.
    pub secret: Zeroizing<Vec<u8>>,
    /// What it is told of; everything, if none.
    pub events: Option<Vec<Kind>>,
}

/// A server that takes mail.
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is secured.
    pub security: Security,
    /// Name and password, if it asks for any.
    pub login: Option<(String, Zeroizing<String>)>,
    /// The lab's own address.
    pub from: Address,
}

/// A person who is told by mail.
#[derive(Clone, Debug)]
pub struct Person {
    /// Where to.
    pub mail: Address,
    /// In which language.
    pub language: Lang,
    /// Of what; of everything, if none.
    pub events: Option<Vec<Kind>>,
}

/// How the way to a mail server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS, begun by a command (RFC 3207); refused where the server does not offer it.
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None.
    None,
}

impl Config {
    /// Reads a file, and those that it names.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
        let file: File = toml::from_str(&text).map_err(|error| ConfigError::Toml {
            path: path.to_owned(),
            line: 1 + text.bytes().take(error.span().map_or(0, |span| span.start)).filter(|b| *b == b'\n').count(),
            why: toml_fault(error.message()),
        })?;
        file.check(path.parent().unwrap_or(Path::new("")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    console: String,
    ca: Option<PathBuf>,
    #[serde(default)]
    webhook: Vec<HookFile>,
    smtp: Option<SmtpFile>,
    #[serde(default)]
    people: BTreeMap<String, PersonFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookFile {
    url: String,
    secret_file: PathBuf,
    events: Option<Vec<Kind>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmtpFile {
    host: String,
    port: Option<u16>,
    tls: Security,
    username: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    mail: String,
    language: Language,
    events: Option<Vec<Kind>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    Zh,
    En,
}

impl File {
    fn check(self, folder: &Path) -> Result<Config, ConfigError> {
        let ca = self.ca.map(|path| certificates(&folder.join(path))).transpose()?;
        let webhooks = self.webhook.into_iter().map(|hook| hook.check(folder)).collect::<Result<_, _>>()?;
        let smtp = self.smtp.map(|smtp| smtp.check(folder)).transpose()?;
        if smtp.is_none() && !self.people.is_empty() {
            return Err(ConfigError::NoSmtp);
        }
        let people = self.people.into_iter().map(|(name, person)| Ok((name, person.check()?)));
        let people = people.collect::<Result<_, ConfigError>>()?;
        Ok(Config { console: Url::parse(&self.console)?, ca, webhooks, smtp, people })
    }
}

impl HookFile {
    fn check(self, folder: &Path) -> Result<Hook, ConfigError> {
        let path = folder.join(&self.secret_file);
        let text = read_secret(&path)?;
        let encoded = text.trim_ascii().strip_prefix(b"whsec_");
        let secret = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()).map(Zeroizing::new);
        let secret = secret.filter(|secret| (24..=64).contains(&secret.len())).ok_or(ConfigError::NoSecret(path))?;
        Ok(Hook { url: Url::parse(&self.url)?, secret, events: self.events })
    }
}

impl SmtpFile {
    fn check(self, folder: &Path) -> Result<Smtp, ConfigError> {
        let login = match (self.username, self.password_file) {
            (None, None) => None,
            (Some(name), Some(path)) => {
                let path = folder.join(path);
                let text = read_secret(&path)?;
                let password = std::str::from_utf8(&text).unwrap_or_default().trim_end_matches(['\r', '\n']);
                if password.is_empty() || password.contains(char::is_control) {
                    return Err(ConfigError::NoPassword(path));
                }
                Some((name, Zeroizing::new(password.to_owned())))
            }
            _ => return Err(ConfigError::HalfALogin),
        };
        let host_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if self.host.is_empty() || !self.host.chars().all(host_like) {
            return Err(ConfigError::Host(self.host));
        }
        if self.tls == Security::None && login.is_some() && !is_this_machine(&self.host) {
            return Err(ConfigError::InTheClear(self.host));
        }
        let usual = match self.tls {
            Security::Starttls => 587,
            Security::Tls => 465,
            Security::None => 25,
        };
        let (port, from) = (self.port.unwrap_or(usual), Address::parse(&self.from)?);
        Ok(Smtp { host: self.host, port, security: self.tls, login, from })
    }
}

impl PersonFile {
    fn check(self) -> Result<Person, ConfigError> {
        let language = match self.language {
            Language::Zh => Lang::Zh,
            Language::En => Lang::En,
        };
        Ok(Person { mail: Address::parse(&self.mail)?, language, events: self.events })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    let failed = |why: String| ConfigError::Certificates { from: say!("`{path}`", " `{path}` "), why };
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| failed(error.to_string()))?;
    if found.is_empty() { Err(failed("-----BEGIN CERTIFICATE-----?".to_owned())) } else { Ok(found) }
}

/// A mail address as RFC 5321 has it, in ASCII and without quotes: there is nothing in it that could end a header
/// or a command.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads `NAME@HOST`.
    pub fn parse(text: &str) -> Result<Address, ConfigError> {
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let atoms = |text: &str| text.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
        let (name, host) = text.rsplit_once('@').unwrap_or_default();
        if name.len() <= 64 && text.len() <= 254 && atoms(name) && atoms(host) {
            return Ok(Address(text.to_owned()));
        }
        Err(ConfigError::Address(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the `@`.
    pub fn host(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, host)| host)
    }
}

/// Where something listens on the web: over TLS, or on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    host: String,
}

impl Url {
    /// Reads `https://HOST[:PORT][/PATH]`.
    pub fn parse(text: &str) -> Result<Url, ConfigError> {
        let bad = || ConfigError::Url(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?.to_owned();
        let secured = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_this_machine(&host),
            _ => false,
        };
        let names_somebody = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if !secured || names_somebody || text.contains('#') {
            return Err(bad());
        }
        Ok(Url { text: text.to_owned(), host })
    }

    /// As it was written. It may hold a token: it is not for people to read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, which everyone may read.
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("url", &self.url).field("events", &self.events).finish_non_exhaustive()
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({}:{})", self.host, self.port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.host)
    }
}

said_as_written!(Address);

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const WHOLE: &str = r#"
console = "https://lab.example"
[[webhook]]
url = "https://hooks.example/a?token=b"
secret_file = "secret"
events = ["released"]
[smtp]
host = "mail.example"
tls = "starttls"
username = "lab"
password_file = "password"
from = "lab@example.org"
[people."王芳"]
mail = "wang.fang@example.org"
language = "zh"
"#;

    fn read(text: &str, mode: u32) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let secret = format!("whsec_{}\n", BASE64_STANDARD.encode([7; 32]));
        for (name, content) in [("notices.toml", text), ("secret", &secret), ("password", "a b\n"), ("empty", "")] {
            fs::write(dir.path().join(name), content).unwrap();
            fs::set_permissions(dir.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        Config::read(&dir.path().join("notices.toml"))
    }

    #[test]
    fn a_whole_file_is_read() {
        let config = read(WHOLE, 0o600).unwrap();
        assert_eq!(config.webhooks[0].secret.as_slice(), [7; 32]);
        assert_eq!(config.webhooks[0].events, Some(vec![Kind::Released]));
        let smtp = config.smtp.as_ref().unwrap();
        assert_eq!((smtp.port, smtp.login.as_ref().unwrap().1.as_str()), (587, "a b"));
        assert_eq!(config.people["王芳"].language, Lang::Zh);
        let shown = format!("{config:?}");
        assert!(!shown.contains("token") && !shown.contains("a b"), "{shown}");
        assert!(matches!(read(WHOLE, 0o644), Err(ConfigError::Secret(_))));
    }

    #[test]
    fn what_would_not_work_is_refused() {
        let refused = |from: &str, to: &str| read(&WHOLE.replace(from, to), 0o600).unwrap_err().to_string();
        for (from, to, says) in [
            ("events", "kinds", "line 6: there is no key `kinds`"),
            ("\"secret\"", "\"empty\"", "holds no webhook secret"),
            ("\"password\"", "\"empty\"", "holds no password"),
            ("username = \"lab\"\n", "", "not the other"),
            ("\"starttls\"", "\"none\"", "in the clear"),
            ("mail.example\"", "mail.example:25/\"", "is no host"),
            ("https://hooks", "http://hooks", "is no address"),
            ("https://hooks", "https://me:pw@hooks", "is no address"),
            ("wang.fang@", "王@", "is no mail address"),
            ("wang.fang@", "a> b@", "is no mail address"),
            ("wang.fang@", "a\\r\\nb@", "is no mail address"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(says), "{to}: {error}");
        }
        assert!(Url::parse("http://127.0.0.1:80/x").is_ok() && Url::parse("http://[::1]/x").is_ok());
    }
}
