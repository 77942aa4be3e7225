//! Failed attempts, and who may not try again yet (GB/T 22239-2019 8.1.4.1 b).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Who tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Person(String),
    Address(IpAddr),
}

impl Who {
    /// A name that somebody gave, whether or not there is such a person. Locking it locks out who it belongs to
    /// as well: count by name what needed more than a guess to try, and by address what did not.
    pub fn person(name: &str) -> Who {
        Who(Kind::Person(name.chars().take(128).collect()))
    }

    /// An address. Of IPv6 the first 64 bits, which is what one network has.
    pub fn address(address: IpAddr) -> Who {
        Who(Kind::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
            v4 => v4,
        }))
    }
}

/// When somebody is locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many failures, at least 1,
    pub most: usize,
    /// within such a time,
    pub within: Duration,
    /// lock for so long.
    pub locked: Duration,
    /// How many are remembered. Of more, those are forgotten first whose time would be over first.
    pub remembered: usize,
}

impl Default for Limits {
    /// Five failures in ten minutes lock for fifteen; 10,000 are remembered.
    fn default() -> Limits {
        Limits { most: 5, within: Duration::from_mins(10), locked: Duration::from_mins(15), remembered: 10_000 }
    }
}

/// The failed attempts of late. Times are given by the caller, from a clock that nobody sets.
#[derive(Debug)]
pub struct Attempts {
    limits: Limits,
    of: HashMap<Who, Past>,
    /// When each is forgotten.
    until: BTreeSet<(Instant, Who)>,
}

#[derive(Debug)]
struct Past {
    /// At most [`Limits::most`].
    failures: VecDeque<Instant>,
    locked: bool,
    until: Instant,
}

impl Attempts {
    /// Nobody has failed yet.
    pub fn new(limits: Limits) -> Attempts {
        Attempts { limits, of: HashMap::new(), until: BTreeSet::new() }
    }

    /// For how long somebody may not try: asked before an attempt is looked at.
    pub fn locked(&self, who: &Who, now: Instant) -> Option<Duration> {
        let past = self.of.get(who).filter(|past| past.locked)?;
        Some(past.until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// An attempt failed. Gives for how long there may be no other, if this one locks or a lock is on already;
    /// what is tried while locked counts for nothing.
    pub fn failed(&mut self, who: &Who, now: Instant) -> Option<Duration> {
        self.forget(now);
        if let Some(left) = self.locked(who, now) {
            return Some(left);
        }
        let mut failures = self.remove(who).map(|past| past.failures).unwrap_or_default();
        failures.retain(|failure| now.saturating_duration_since(*failure) < self.limits.within);
        failures.push_back(now);
        let locked = failures.len() >= self.limits.most;
        let left = if locked { self.limits.locked } else { self.limits.within };
        let until = now + left;
        self.of.insert(who.clone(), Past { failures, locked, until });
        self.until.insert((until, who.clone()));
        while self.of.len() > self.limits.remembered.max(1)
            && let Some((_, first)) = self.until.pop_first()
        {
            self.of.remove(&first);
        }
        locked.then_some(left)
    }

    /// An attempt succeeded: what failed before it counts no more. A lock stays until its time.
    pub fn succeeded(&mut self, who: &Who, now: Instant) {
        if self.locked(who, now).is_none() {
            self.remove(who);
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    fn remove(&mut self, who: &Who) -> Option<Past> {
        let past = self.of.remove(who)?;
        self.until.remove(&(past.until, who.clone()));
        Some(past)
    }

    /// Those whose time is over.
    fn forget(&mut self, now: Instant) {
        while let Some((until, _)) = self.until.first()
            && *until <= now
            && let Some((_, who)) = self.until.pop_first()
        {
            self.of.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn five_failures_lock_and_time_or_success_unlocks() {
        let mut attempts = Attempts::new(Limits::default());
        let (who, start) = (Who::person("甲"), Instant::now());
        for _ in 0..4 {
            assert_eq!(attempts.failed(&who, start), None);
        }
        attempts.succeeded(&who, start);
        for minute in 0..4 {
            assert_eq!(attempts.failed(&who, start + MINUTE * minute), None);
        }
        // The first two have left the window.
        assert_eq!(attempts.failed(&who, start + MINUTE * 11), None);
        let locked_at = start + MINUTE * 11;
        assert_eq!(attempts.failed(&who, locked_at), None);
        assert_eq!(attempts.failed(&who, locked_at), Some(MINUTE * 15));
        assert_eq!(attempts.failed(&who, locked_at + MINUTE * 5), Some(MINUTE * 10), "not prolonged");
        attempts.succeeded(&who, locked_at + MINUTE * 5);
        assert_eq!(attempts.locked(&who, locked_at + MINUTE * 14), Some(MINUTE));
        assert_eq!(attempts.locked(&Who::person("乙"), locked_at), None);
        assert_eq!(attempts.locked(&who, locked_at + MINUTE * 15), None);
        assert_eq!(attempts.failed(&who, locked_at + MINUTE * 15), None, "counted from none");
    }

    #[test]
    fn an_address_is_a_network() {
        let address = |text: &str| Who::address(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }

    /// Many addresses that fail once push nobody's lock out of memory.
    #[test]
    fn memory_is_bounded_and_locks_are_forgotten_last() {
        let mut attempts = Attempts::new(Limits { remembered: 100, ..Limits::default() });
        let (locked, now) = (Who::person("locked"), Instant::now());
        for _ in 0..5 {
            attempts.failed(&locked, now);
        }
        for at in 0..10_000_u32 {
            attempts.failed(&Who::address(IpAddr::V4(at.into())), now + Duration::from_millis(at.into()));
        }
        assert_eq!(attempts.len(), 100);
        assert!(attempts.locked(&locked, now + Duration::from_secs(10)).is_some());
    }

    proptest! {
        /// Against a model that remembers everything.
        #[test]
        fn as_the_rule_says(steps in prop::collection::vec((0..3_u8, 0..400_u64, any::<bool>()), 0..200)) {
            let limits = Limits::default();
            let mut attempts = Attempts::new(limits);
            let mut model: HashMap<u8, (Vec<Instant>, Option<Instant>)> = HashMap::new();
            let mut now = Instant::now();
            for (who, seconds, succeeds) in steps {
                now += Duration::from_secs(seconds);
                let (failures, lock) = model.entry(who).or_default();
                let key = Who::person(&who.to_string());
                let left = lock.filter(|until| *until > now).map(|until| until - now);
                prop_assert_eq!(attempts.locked(&key, now), left);
                if left.is_some() {
                    continue;
                }
                if lock.take().is_some() || succeeds {
                    failures.clear();
                }
                if succeeds {
                    attempts.succeeded(&key, now);
                    continue;
                }
                failures.push(now);
                if failures.iter().filter(|at| now - **at < limits.within).count() == limits.most {
                    *lock = Some(now + limits.locked);
                }
                prop_assert_eq!(attempts.failed(&key, now), lock.map(|until| until - now));
            }
        }
    }
}
