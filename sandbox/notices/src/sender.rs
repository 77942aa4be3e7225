//! What is still to be told, and to whom: a bounded queue for each webhook and one for mail, each with a thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, Local, Utc};
use unseen_texts::{Say, Sentence};

use crate::config::{Config, Person};
use crate::error::{ConfigError, Failure};
use crate::letter::{Lab, Letter};
use crate::mail::compose;
use crate::notice::{Kind, Notice};
use crate::smtp::Mailer;
use crate::webhook::Webhook;

/// How often a notice is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long after the first failure it is tried again; twice as long after each further one,
    pub first: Duration,
    /// up to this,
    pub longest: Duration,
    /// and no more once it has waited for so long.
    pub give_up: Duration,
    /// How many messages may wait.
    pub most: usize,
}

impl Default for Pace {
    /// From a second to an hour, for a day; 10,000 messages.
    fn default() -> Pace {
        let first = Duration::from_secs(1);
        Pace { first, longest: Duration::from_hours(1), give_up: Duration::from_hours(24), most: 10_000 }
    }
}

/// Too much waits: offer the same entry again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("notices-full")]
#[error("{waiting} notices wait to be sent: see whether their receivers can be reached")]
#[zh("有 {waiting} 条通知等待发送：请检查接收方是否可达")]
pub struct Full {
    /// How many wait.
    pub waiting: usize,
}

/// How sending goes, for operators.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Messages that wait or are being sent.
    pub waiting: usize,
    /// Messages that arrived, since the start.
    pub delivered: u64,
    /// Messages that were given up, since the start.
    pub given_up: u64,
    /// The last thing that went wrong, and when.
    pub last_failure: Option<(DateTime<Utc>, Sentence)>,
}

/// Sends notices until it is dropped, which takes as long as what is being sent.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Sender {
    /// Starts to send for the lab whose log has this origin.
    pub fn start(config: Config, origin: &str, pace: Pace) -> Result<Sender, ConfigError> {
        let ca = config.ca.as_deref();
        let mut channels = Vec::new();
        let mut hooks = Vec::new();
        for hook in &config.webhooks {
            channels.push(Channel::Webhook(Box::new(Webhook::new(hook, ca))));
            hooks.push(hook.events.clone());
        }
        if let Some(smtp) = config.smtp {
            channels.push(Channel::Mail(Box::new(Mailer::new(smtp, ca)?)));
        }
        let queues = channels.iter().map(|_| Queue::new()).collect();
        let lab = Arc::new(Lab { origin: origin.to_owned(), console: config.console.as_str().to_owned() });
        let state = Mutex::new(State { queues, ..State::default() });
        let shared = Arc::new(Shared { lab, people: config.people, hooks, pace, state, changed: Condvar::new() });
        let mut sender = Sender { shared, threads: Vec::new() };
        for (at, channel) in channels.into_iter().enumerate() {
            let shared = Arc::clone(&sender.shared);
            let thread = thread::Builder::new().name("notices".to_owned()).spawn(move || shared.work(at, &channel));
            sender.threads.push(thread.map_err(ConfigError::Thread)?);
        }
        Ok(sender)
    }

    /// An entry of the log and all of its notices, each with the names of the people who may know of it: of those,
    /// the ones who want to are told. Entries come in order; one of which nobody is told may be left out or have no
    /// notices. When it is [`Full`] nothing of the entry is taken.
    pub fn offer(&self, entry: u64, notices: Vec<(Notice, Vec<String>)>) -> Result<(), Full> {
        let shared = &*self.shared;
        let mut deliveries = Vec::new();
        for (number, (notice, readers)) in notices.into_iter().enumerate() {
            let letter = Arc::new(Letter { entry, number, notice, lab: Arc::clone(&shared.lab) });
            let wants = |events: &Option<Vec<Kind>>| {
                events.as_ref().is_none_or(|events| events.contains(&letter.notice.kind()))
            };
            for (at, _) in shared.hooks.iter().enumerate().filter(|(_, events)| wants(events)) {
                deliveries.push((at, Arc::clone(&letter), None));
            }
            for name in readers {
                if let Some(person) = shared.people.get(&name).filter(|person| wants(&person.events)) {
                    // There is a mail server if anybody has an address, behind the webhooks.
                    deliveries.push((shared.hooks.len(), Arc::clone(&letter), Some(person.clone())));
                }
            }
        }
        let mut state = shared.state();
        let waiting = state.waiting();
        if waiting > 0 && waiting + deliveries.len() > shared.pace.most {
            return Err(Full { waiting });
        }
        let now = Instant::now();
        state.offered = state.offered.max(Some(entry));
        for (at, letter, to) in deliveries {
            *state.pending.entry(entry).or_default() += 1;
            state.put(at, now, Delivery { letter, to, since: now, tries: 0 });
        }
        drop(state);
        shared.changed.notify_all();
        Ok(())
    }

    /// The last entry up to which everything offered has arrived or was given up; None before there is any.
    pub fn told(&self) -> Option<u64> {
        let state = self.shared.state();
        match state.pending.first_key_value() {
            Some((entry, _)) => entry.checked_sub(1),
            None => state.offered,
        }
    }

    /// How sending goes.
    pub fn status(&self) -> Status {
        let state = self.shared.state();
        Status { waiting: state.waiting(), ..state.status.clone() }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ended = thread.join();
        }
    }
}

/// A letter on its way to a webhook, or to a person.
#[derive(Debug)]
struct Delivery {
    letter: Arc<Letter>,
    to: Option<Person>,
    since: Instant,
    tries: u32,
}

enum Channel {
    Webhook(Box<Webhook>),
    Mail(Box<Mailer>),
}

impl Channel {
    fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        match (self, &delivery.to) {
            (Channel::Webhook(webhook), _) => webhook.send(&delivery.letter),
            (Channel::Mail(mailer), Some(person)) => {
                mailer.send(&person.mail, &compose(&delivery.letter, person, mailer.from(), Local::now()))
            }
            // Nobody to tell is told.
            (Channel::Mail(_), None) => Ok(()),
        }
    }
}

/// Deliveries by when they are due, and in their order.
type Queue = BTreeMap<(Instant, u64), Delivery>;

#[derive(Debug)]
struct Shared {
    lab: Arc<Lab>,
    people: BTreeMap<String, Person>,
    /// What each webhook wants to know.
    hooks: Vec<Option<Vec<Kind>>>,
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queues: Vec<Queue>,
    /// How many deliveries there have been.
    count: u64,
    /// How many of each entry are neither delivered nor given up.
    pending: BTreeMap<u64, usize>,
    offered: Option<u64>,
    status: Status,
    stopped: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.pending.values().sum()
    }

    fn put(&mut self, at: usize, due: Instant, delivery: Delivery) {
        self.count += 1;
        if let Some(queue) = self.queues.get_mut(at) {
            queue.insert((due, self.count), delivery);
        }
    }

    fn settle(&mut self, entry: u64) {
        if let Some(left) = self.pending.get_mut(&entry) {
            *left -= 1;
            if *left == 0 {
                self.pending.remove(&entry);
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread of one queue does.
    fn work(&self, at: usize, channel: &Channel) {
        while let Some(mut delivery) = self.next(at) {
            let sent = channel.send(&delivery);
            let mut state = self.state();
            let Err(failure) = sent else {
                state.status.delivered += 1;
                state.settle(delivery.letter.entry);
                continue;
            };
            state.status.last_failure = Some((Utc::now(), Sentence::of(&failure)));
            if failure.is_final() || delivery.since.elapsed() >= self.pace.give_up {
                state.status.given_up += 1;
                state.settle(delivery.letter.entry);
                continue;
            }
            let wait = self.pace.first.saturating_mul(2_u32.saturating_pow(delivery.tries)).min(self.pace.longest);
            delivery.tries += 1;
            state.put(at, Instant::now() + wait, delivery);
        }
    }

    /// Waits for what is due next. None when sending has stopped.
    fn next(&self, at: usize) -> Option<Delivery> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            let now = Instant::now();
            let first = state.queues.get_mut(at)?.first_entry();
            state = match first {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(first) if first.key().0 <= now => return Some(first.remove()),
                Some(first) => {
                    let wait = first.key().0 - now;
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
