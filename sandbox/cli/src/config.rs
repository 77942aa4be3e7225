//! What one need not type again: `~/.config/unseen/config.toml` (or the file that `UNSEEN_CONFIG` names), and sessions.
//!
//! ```toml
//! default = "wujin"
//! [profile.wujin]
//! lab = "https://lab.wujin.gov.cn:8443"
//! log = "lab.wujin.gov.cn/2026"
//! key = "/home/wang/wang.pem"
//! ca = "/home/wang/wujin-ca.pem"
//! ```
//! What is typed counts before it, and before that what is in the environment (`UNSEEN_LAB`, `UNSEEN_KEY`).

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use unseen_api::login::LoggedIn;
use unseen_policies::toml_fault;
use unseen_terminal::{FileError, Problem};
use unseen_texts::say;

use crate::args::Globals;

/// How one gets to a lab, and who one is there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// What it is called; empty for what was typed without one.
    #[serde(skip)]
    pub name: String,
    /// The lab: a folder or an address.
    pub lab: Option<String>,
    /// The name of the lab's log: nothing is signed for another one.
    pub log: Option<String>,
    /// One's key: a file, or a key on a token.
    pub key: Option<String>,
    /// One's certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub cert_key: Option<PathBuf>,
    /// The authority of the lab's certificate.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    default: Option<String>,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

impl Profile {
    /// What was typed, completed from the configuration.
    pub fn chosen(globals: &Globals) -> Result<Profile, Problem> {
        let kept = Profile::kept(globals.profile.as_deref(), globals.lab.is_some())?;
        Ok(Profile {
            name: kept.name,
            lab: globals.lab.clone().or(kept.lab),
            log: kept.log,
            key: std::env::var("UNSEEN_KEY").ok().filter(|key| !key.is_empty()).or(kept.key),
            cert: globals.cert.clone().or(kept.cert),
            cert_key: globals.cert_key.clone().or(kept.cert_key),
            ca: globals.ca.clone().or(kept.ca),
        })
    }

    /// The profile of this name; without a name the default one, unless a lab was named.
    fn kept(name: Option<&str>, has_lab: bool) -> Result<Profile, Problem> {
        let named = std::env::var_os("UNSEEN_CONFIG").map(PathBuf::from);
        let Some(place) = named.or_else(|| place("XDG_CONFIG_HOME", ".config", "config.toml")) else {
            return Ok(Profile::default());
        };
        let text = match std::fs::read_to_string(&place) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(FileError::at(&place))?,
        };
        let config: Config = toml::from_str(&text).map_err(|error| {
            let line = text[..error.span().map_or(0, |span| span.start)].lines().count().max(1);
            let why = toml_fault(error.message());
            say!("{place}: line {line}: {why}", "{place}：第 {line} 行：{why}")
        })?;
        let name = match (name, &config.default) {
            (Some(name), _) => name,
            (None, Some(name)) if !has_lab => name,
            (None, _) => return Ok(Profile::default()),
        };
        let known = config.profile.keys().cloned().collect::<Vec<_>>().join(", ");
        let (name, found) = (name.to_owned(), config.profile.get(name).cloned());
        let found = found.map(|found| Profile { name: name.clone(), ..found });
        Ok(found.ok_or_else(|| {
            say!("{place} has no profile `{name}`; it has: {known}", "{place} 中没有配置 `{name}`；现有：{known}")
        })?)
    }
}

/// Sessions by the address of the lab and the profile that was used, in a file that nobody else reads: whoever works
/// under several names is in each of them whom that name says.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Sessions(BTreeMap<String, Session>);

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub name: String,
    /// The log.
    pub log: String,
    /// The token.
    pub token: String,
    /// Until when.
    pub until: DateTime<Utc>,
}

impl Sessions {
    /// Those that are kept.
    pub fn read() -> Result<Sessions, Problem> {
        let Some(place) = Sessions::place() else { return Ok(Sessions::default()) };
        Ok(std::fs::read(place).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// The session at an address, if there is one still.
    pub fn of(&self, lab: &str, profile: &str) -> Option<Session> {
        self.0.get(&place_of(lab, profile)).filter(|session| session.until > Utc::now()).cloned()
    }

    /// Keeps a session, or forgets the one that was.
    pub fn keep(mut self, lab: &str, profile: &str, session: Option<&LoggedIn>) -> Result<(), Problem> {
        let lab = place_of(lab, profile);
        let Some(place) = Sessions::place() else { return Ok(()) };
        match session.cloned() {
            Some(LoggedIn { name, log, token, until }) => self.0.insert(lab, Session { name, log, token, until }),
            None => self.0.remove(&lab),
        };
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(FileError::at(folder))?;
        }
        Ok(write_private(&place, &serde_json::to_vec(&self)?).map_err(FileError::at(&place))?)
    }

    fn place() -> Option<PathBuf> {
        place("XDG_STATE_HOME", ".local/state", "sessions.json")
    }
}

fn place_of(lab: &str, profile: &str) -> String {
    format!("{} {profile}", lab.trim_end_matches('/')).trim_end().to_owned()
}

/// A place for what can be made again.
pub fn cache_place(name: &str) -> Option<PathBuf> {
    place("XDG_CACHE_HOME", ".cache", name)
}

/// Writes a file that its owner alone reads, whole or not at all.
fn write_private(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = place.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    std::fs::rename(&beside, place)
}

/// A file of ours in the folder that a variable names, or else in this one of the home.
fn place(variable: &str, in_home: &str, file: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(Path::new(in_home))))?;
    Some(base.join("unseen").join(file))
}
