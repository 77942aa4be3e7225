//! An office's identity provider (OpenID Connect), and who is on the way there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::Deserialize;
use unseen_ids::sha256;
use unseen_listener::network;
use unseen_signon::{Begun, ClaimRules, Device, Provider, SignOnError};
use unseen_texts::{Sentence, say};

use crate::problem::RequestError;

/// How long somebody may take there.
const PATIENCE: Duration = Duration::from_secs(600);
/// How many may be there at a time.
const MOST: usize = 10_000;
/// How many from one network, so that nobody takes all places.
const MOST_EACH: usize = 200;

/// Where the provider is, and what its word counts for: a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeConfig {
    /// The provider's issuer.
    pub issuer: String,
    /// What the lab is called there.
    pub client_id: String,
    /// The file with the lab's secret there, beside this one; none for a public client.
    pub secret_file: Option<PathBuf>,
    /// The address under which browsers know the lab: `https://lab.example:8443`.
    pub url: String,
    /// Scopes besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// From claims to names and roles.
    pub claims: ClaimRules,
}

/// The way to the provider.
pub(crate) struct Office {
    pub config: OfficeConfig,
    secret: Option<String>,
    provider: Mutex<Option<Arc<Provider>>>,
    /// Browsers that are away, by what their cookie digests to.
    pub away: Away<Begun>,
    /// Terminals that wait, by the same of what they were given.
    pub waiting: Away<Device>,
}

/// Those who are away, by the digest of the secret that they will show.
pub(crate) struct Away<T>(Mutex<HashMap<[u8; 32], Gone<T>>>);

struct Gone<T> {
    value: T,
    since: Instant,
    network: IpAddr,
}

impl OfficeConfig {
    /// Reads the file.
    pub fn read(place: &Path) -> Result<(OfficeConfig, Option<String>), Sentence> {
        let text = read_text(place)?;
        let config: OfficeConfig = toml::from_str(&text).map_err(|error| {
            let why = unseen_policies::toml_fault(error.message());
            say!("{place}: {why}", "{place}：{why}")
        })?;
        let secret = match &config.secret_file {
            None => None,
            Some(file) => {
                let file = place.parent().unwrap_or(Path::new(".")).join(file);
                Some(read_text(&file)?.trim().to_owned())
            }
        };
        Ok((config, secret))
    }
}

fn read_text(place: &Path) -> Result<String, Sentence> {
    std::fs::read_to_string(place).map_err(|error| say!("{place}: {error}", "{place}：{error}"))
}

impl Office {
    pub fn new((config, secret): (OfficeConfig, Option<String>)) -> Office {
        Office { config, secret, provider: Mutex::default(), away: Away::default(), waiting: Away::default() }
    }

    /// The provider, asked what it can do when it is needed first.
    pub fn provider(&self) -> Result<Arc<Provider>, SignOnError> {
        let mut known = lock(&self.provider);
        if let Some(provider) = &*known {
            return Ok(provider.clone());
        }
        let OfficeConfig { issuer, client_id, .. } = &self.config;
        let provider = Arc::new(Provider::discover(issuer, client_id, self.secret.as_deref(), now())?);
        *known = Some(provider.clone());
        Ok(provider)
    }

    pub fn scopes(&self) -> Vec<&str> {
        self.config.scopes.iter().map(String::as_str).collect()
    }
}

impl<T> Away<T> {
    /// Remembers somebody who comes back with this secret.
    pub fn put(&self, secret: &str, from: IpAddr, value: T) -> Result<(), RequestError> {
        let network = network(from);
        let mut gone = lock(&self.0);
        gone.retain(|_, gone| gone.since.elapsed() < PATIENCE);
        if gone.len() >= MOST || gone.values().filter(|gone| gone.network == network).count() >= MOST_EACH {
            return Err(RequestError::TooMany { seconds: PATIENCE.as_secs() });
        }
        gone.insert(sha256(&[secret.as_bytes()]), Gone { value, since: Instant::now(), network });
        Ok(())
    }

    /// Whoever has come back, once.
    pub fn take(&self, secret: &str) -> Option<T> {
        let gone = lock(&self.0).remove(&sha256(&[secret.as_bytes()]))?;
        (gone.since.elapsed() < PATIENCE).then_some(gone.value)
    }
}

impl<T> Default for Away<T> {
    fn default() -> Away<T> {
        Away(Mutex::default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn now() -> u64 {
    u64::try_from(Utc::now().timestamp()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_does_not_take_all_places() {
        let away = Away::default();
        let (here, there) = (IpAddr::from([203, 0, 113, 7]), IpAddr::from([198, 51, 100, 7]));
        for number in 0..MOST_EACH {
            away.put(&number.to_string(), here, number).unwrap();
        }
        assert!(away.put("one more", here, 0).is_err());
        away.put("elsewhere", there, 1).unwrap();
        assert_eq!((away.take("elsewhere"), away.take("elsewhere")), (Some(1), None));
        assert_eq!(away.take("0"), Some(0));
        away.put("one more", here, 0).unwrap();
    }
}
