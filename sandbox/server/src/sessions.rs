//! Who is logged in. A session says who reads; it signs nothing. It ends when nobody uses it, after half a day, when its
//! key is revoked, and with the server.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use unseen_api::login::{LEEWAY, Login};
use unseen_ids::{PublicKey, Role, hex, sha256};

/// How long one may be unused.
const IDLE: TimeDelta = TimeDelta::minutes(30);
/// How long one may be used.
const LIFE: TimeDelta = TimeDelta::hours(12);
/// How many there may be; the one that was unused longest goes first.
const MOST: usize = 10_000;

/// How somebody has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// With their key, or by a link that the lab has made for it.
    Key,
    /// At the office's identity provider, which gives them these roles of theirs.
    Office(Vec<Role>),
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub key: PublicKey,
    pub by: By,
    until: DateTime<Utc>,
    used: DateTime<Utc>,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By the hash of the token: whoever reads this process's memory later has no token.
    open: Mutex<HashMap<[u8; 32], Session>>,
    /// Log-ins that were used, until they are too old to be good.
    used: Mutex<HashMap<(PublicKey, String), DateTime<Utc>>>,
    /// Links that log somebody in, once.
    links: Mutex<HashMap<[u8; 32], PublicKey>>,
}

impl Sessions {
    /// Whether a log-in by this key is met for the first time.
    pub fn is_new(&self, signer: PublicKey, login: &Login, now: DateTime<Utc>) -> bool {
        let mut used = lock(&self.used);
        used.retain(|_, time| now - *time <= LEEWAY * 2);
        used.len() < MOST && used.insert((signer, login.nonce.clone()), login.time).is_none()
    }

    /// Opens a session for the holder of a key: its token, and until when it may be used.
    pub fn open(&self, key: PublicKey, by: By, now: DateTime<Utc>) -> Option<(String, DateTime<Utc>)> {
        let token = random()?;
        let until = now + LIFE;
        let mut open = lock(&self.open);
        open.retain(|_, session| session.is_open(now));
        if open.len() >= MOST {
            let longest = open.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash);
            longest.and_then(|hash| open.remove(&hash));
        }
        open.insert(sha256(&[token.as_bytes()]), Session { key, by, until, used: now });
        Some((token, until))
    }

    /// The session of a token; it counts as used now.
    pub fn of(&self, token: &str, now: DateTime<Utc>) -> Option<Session> {
        let mut open = lock(&self.open);
        let session = open.get_mut(&sha256(&[token.as_bytes()])).filter(|session| session.is_open(now))?;
        session.used = now;
        Some(session.clone())
    }

    /// Ends a session.
    pub fn close(&self, token: &str) {
        lock(&self.open).remove(&sha256(&[token.as_bytes()]));
    }

    /// How many are open.
    pub fn count(&self, now: DateTime<Utc>) -> usize {
        lock(&self.open).values().filter(|session| session.is_open(now)).count()
    }

    /// A secret that logs the holder of a key in, once.
    pub fn link(&self, key: PublicKey) -> Option<String> {
        let token = random()?;
        lock(&self.links).insert(sha256(&[token.as_bytes()]), key);
        Some(token)
    }

    /// Whom a link logs in. It is good no longer.
    pub fn follow(&self, token: &str) -> Option<PublicKey> {
        lock(&self.links).remove(&sha256(&[token.as_bytes()]))
    }
}

impl Session {
    fn is_open(&self, now: DateTime<Utc>) -> bool {
        now < self.until && now - self.used < IDLE
    }
}

/// 64 hex digits that nobody guesses.
pub(crate) fn random() -> Option<String> {
    let random: ring::rand::Random<[u8; 32]> = ring::rand::generate(&ring::rand::SystemRandom::new()).ok()?;
    Some(hex::encode(&random.expose()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_unused_and_after_half_a_day() {
        let (sessions, start) = (Sessions::default(), Utc::now());
        let key = PublicKey::from_bytes([1; 32]);
        let (token, until) = sessions.open(key, By::Key, start).unwrap();
        assert_eq!(until, start + LIFE);
        let mut now = start;
        while now + IDLE / 2 < until {
            now += IDLE / 2;
            assert_eq!(sessions.of(&token, now).unwrap().key, key);
        }
        assert!(sessions.of(&token, until).is_none());
        let (token, _) = sessions.open(key, By::Key, start).unwrap();
        assert!(sessions.of(&token, start + IDLE).is_none());
        let (token, _) = sessions.open(key, By::Key, start).unwrap();
        sessions.close(&token);
        assert!(sessions.of(&token, start).is_none());
        assert!(sessions.of("", start).is_none());
    }

    #[test]
    fn a_link_and_a_login_are_good_once() {
        let (sessions, key) = (Sessions::default(), PublicKey::from_bytes([1; 32]));
        let link = sessions.link(key).unwrap();
        assert_eq!(sessions.follow(&link), Some(key));
        assert_eq!(sessions.follow(&link), None);
        let now = Utc::now();
        let (nonce, signature) = ("0".repeat(32), String::new());
        let login = Login { host: "h".into(), time: now, nonce, key: Some(key), signature };
        assert!(sessions.is_new(key, &login, now));
        // A key that it names and one that it leaves open are the same key.
        assert!(!sessions.is_new(key, &Login { key: None, ..login }, now + LEEWAY * 2));
    }
}
