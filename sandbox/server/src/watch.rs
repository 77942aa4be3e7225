//! Who came, who was refused, and who has to wait: the second log, and the bounds on how often one may ask.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Days, NaiveDate, Utc};
use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter, state::keyed::HashMapStateStore};
use unseen_access::{Principal, Session};
use unseen_accesslog::{AccessLog, AccessLogError, Attempts, How, Limits, Outcome, Record, Settings, Who};
use unseen_ids::Digest;
use unseen_listener::network;

use crate::caller::Caller;
use crate::problem::RequestError;

/// How many requests a person, or an address that nobody has logged in from, may send a second, and at once.
const PACE: (u32, u32) = (200, 1_000);

/// The watch over a service.
pub(crate) struct Watch {
    log: AccessLog,
    attempts: Mutex<Attempts>,
    pace: RateLimiter<String, HashMapStateStore<String>, DefaultClock>,
    clock: DefaultClock,
}

/// A finished day of the second log.
pub(crate) struct Day {
    pub date: NaiveDate,
    pub digest: Digest,
    pub lines: u64,
}

impl Watch {
    pub fn open(folder: &Path) -> Result<Watch, AccessLogError> {
        let one = NonZeroU32::MIN;
        let quota = Quota::per_second(NonZeroU32::new(PACE.0).unwrap_or(one));
        let quota = quota.allow_burst(NonZeroU32::new(PACE.1).unwrap_or(one));
        Ok(Watch {
            log: AccessLog::open(folder, Settings::default(), Utc::now())?,
            attempts: Mutex::new(Attempts::new(Limits::default())),
            pace: RateLimiter::hashmap(quota),
            clock: DefaultClock::default(),
        })
    }

    /// Somebody at this address could not show who they are. After too many such tries there is no other answer for a
    /// while than that they wait; whoever can show it is let in, whatever others at their address have tried.
    pub fn failed(&self, from: IpAddr, action: &str) -> RequestError {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = attempts.failed(&Who::address(from), Instant::now());
        drop(attempts);
        match (self.strange(from, action), wait) {
            (Err(inside), _) => inside,
            (Ok(()), Some(wait)) => RequestError::TooMany { seconds: wait.as_secs().max(1) },
            (Ok(()), None) => RequestError::LogIn,
        }
    }

    /// Puts on record that somebody showed what nobody has: a session that is over, say, which is no try to guess one.
    pub fn strange(&self, from: IpAddr, action: &str) -> Result<(), RequestError> {
        let record = record(None, How::None, from, action, "", Outcome::Failed, None);
        self.log.append(&record).map_err(|_| RequestError::Inside)
    }

    /// Somebody logged in.
    pub fn logged_in(&self, name: &str, how: How, from: IpAddr) -> Result<(), RequestError> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).succeeded(&Who::address(from), Instant::now());
        let record = record(Some(name), how, from, "logIn", "", Outcome::Allowed, None);
        self.log.append(&record).map_err(|_| RequestError::Inside)
    }

    /// Whether this caller asks no faster than anybody may.
    pub fn paced(&self, caller: &Caller) -> Result<(), RequestError> {
        let who = match &caller.principal {
            Principal::Person(person) => format!("p {}", person.name),
            Principal::Visitor => format!("a {}", network(caller.from)),
        };
        self.pace.check_key(&who).map_err(|until| {
            let seconds = until.wait_time_from(self.clock.now()).as_secs().max(1);
            RequestError::TooMany { seconds }
        })
    }

    /// Puts on record that somebody asked for something, and what the rules said. Where that cannot be kept, nothing is
    /// answered. A visitor who was answered read what is public.
    pub fn asked(&self, caller: &Caller, action: &str, of: &str, refused_by: Option<&str>) -> Result<(), RequestError> {
        let (who, outcome) = match (&caller.principal, refused_by) {
            (Principal::Visitor, None) => return Ok(()),
            (Principal::Visitor, Some(_)) => (None, Outcome::Denied),
            (Principal::Person(person), None) => (Some(person.name.as_str()), Outcome::Allowed),
            (Principal::Person(person), Some(_)) => (Some(person.name.as_str()), Outcome::Denied),
        };
        let how = match caller.context.session {
            Session::Certificate => How::Certificate,
            Session::Login => How::Login,
            Session::Oidc => How::Oidc,
            Session::None => How::None,
        };
        let record = record(who, how, caller.from, action, of, outcome, refused_by);
        self.log.append(&record).map_err(|_| RequestError::Inside)
    }

    /// Makes durable what was put on record; called every second or so. Forgets who asked long ago.
    pub fn flush(&self, now: DateTime<Utc>) -> Result<(), AccessLogError> {
        self.pace.retain_recent();
        self.log.flush(now)
    }

    /// The last finished day, if it is later than the one whose digest is in the lab's log.
    pub fn finished_after(&self, last: Option<NaiveDate>, now: DateTime<Utc>) -> Result<Option<Day>, AccessLogError> {
        let Some(date) = now.date_naive().checked_sub_days(Days::new(1)) else { return Ok(None) };
        if last.is_some_and(|last| last >= date) {
            return Ok(None);
        }
        let Some(digest) = self.log.digest_of(date)? else { return Ok(None) };
        let file = self.log.dir().join(format!("{date}.jsonl"));
        let lines = std::fs::read(file).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count());
        Ok(Some(Day { date, digest, lines: lines as u64 }))
    }
}

fn record(
    who: Option<&str>,
    how: How,
    from: IpAddr,
    action: &str,
    resource: &str,
    outcome: Outcome,
    rule: Option<&str>,
) -> Record {
    let (who, rule) = (who.map(str::to_owned), rule.map(str::to_owned));
    Record { time: Utc::now(), who, how, from, action: action.to_owned(), resource: resource.to_owned(), outcome, rule }
}
