//! A node: the agent on a machine that computes parts of runs. What an engine's task hands to its socket it checks
//! against the lab's log, has a jailed worker compute, signs for, and gives back.

mod import;
mod ready;
mod run;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use unseen_age::Identity;
use unseen_ids::{Digest, PublicKey};
use unseen_keys::{read_secret, read_signing_key};
use unseen_policies::receipts::receipt_bytes;
use unseen_texts::Sentence;
use unseen_tlog::note::NoteKey;
use unseen_tlog::{Signer, SigningKey, VerifyingKey};
use unseen_worker::frames::{read_frame_of, write_frame};
use unseen_worker::process::build_of;
use unseen_worker::spread::walls_told;

use crate::answer::{Answer, Made, orders_of};
use crate::error::NodeError;
use crate::letter::{self, About};
use crate::store::Store;
use crate::{import_orders, orders};
use import::ImportHere;
use ready::{Machine, Part, Ready};
use run::RunHere;

pub use ready::Wanted;

/// The node's key, in its folder: Ed25519, PKCS#8 in PEM.
pub const KEY: &str = "node.pem";
/// The node's age identity: one line, as `age-keygen` writes it.
pub const IDENTITY: &str = "node.age";
/// What the node knows of itself and of its lab: [`Config`] in TOML.
pub const CONFIG: &str = "node.toml";

/// What a node knows of itself and of its lab, as `node.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the node is called.
    pub name: String,
    /// Origin of the lab's log.
    pub origin: String,
    /// The log's verifier key when the node was made.
    pub log_key: String,
    /// The key with which the lab signs what it sends to nodes.
    pub service_key: PublicKey,
}

/// A node at work.
pub struct Node {
    config: Config,
    log: NoteKey,
    key: SigningKey,
    identity: Identity,
    machine: Machine,
    build: Digest,
    /// Runs and imports that were opened lately, by their orders.
    ready: Mutex<BTreeMap<Digest, Arc<dyn Ready>>>,
    /// Workers that may still be started.
    free: (Mutex<usize>, Condvar),
}

/// No task is as long, in bytes: a state comes out of 64 MiB at most, so it has 2^23 numbers, each of 25 characters.
const LONGEST_TASK: u64 = 256 << 20;
/// How many runs and imports a node keeps ready.
const MOST_READY: usize = 4;

impl Node {
    /// Opens a node's folder. `store` is where it finds what the lab shares ([`Store::open`]), `program` the binary that
    /// becomes workers.
    pub fn open(folder: &Path, store: &Path, program: &Path) -> Result<Node, NodeError> {
        let not_a_node = || NodeError::NotANode { path: folder.to_owned() };
        let config = std::fs::read_to_string(folder.join(CONFIG)).map_err(|_| not_a_node())?;
        let config: Config = toml::from_str(&config).map_err(|_| not_a_node())?;
        let log = config.log_key.parse().map_err(|_| not_a_node())?;
        let key = read_signing_key(&folder.join(KEY)).map_err(|error| NodeError::of(&error))?;
        let identity = read_secret(&folder.join(IDENTITY)).map_err(|error| NodeError::of(&error))?;
        let identity = std::str::from_utf8(&identity).map_err(|_| not_a_node())?;
        let identity = Identity::from_secret(identity.trim()).map_err(|error| NodeError::of(&error))?;
        let program = program.to_owned();
        let build = build_of(&program).map_err(|why| NodeError::Io { path: program.clone(), why })?;
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        // A part of a block job, or of an import, reads many files at once.
        let most = getrlimit(Resource::Nofile).maximum;
        let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
        let machine = Machine {
            name: config.name.clone(),
            key: key.verifying_key().into(),
            store: Store::open(store, folder)?,
            program,
            near: folder.to_owned(),
        };
        let free = (Mutex::new(workers), Condvar::new());
        Ok(Node { config, log, key, identity, machine, build, ready: Mutex::default(), free })
    }

    /// The node's name and key.
    pub fn name(&self) -> (&str, PublicKey) {
        (&self.machine.name, self.machine.key)
    }

    /// Binds a socket that its owner and group may use. One that nobody listens on any more is taken over.
    pub fn bind(socket: &Path) -> Result<UnixListener, NodeError> {
        let io = |why| NodeError::Io { path: socket.to_owned(), why };
        if UnixStream::connect(socket).is_err_and(|why| why.kind() == std::io::ErrorKind::ConnectionRefused) {
            std::fs::remove_file(socket).map_err(io)?;
        }
        let listener = UnixListener::bind(socket).map_err(io)?;
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o660)).map_err(io)?;
        Ok(listener)
    }

    /// Answers tasks, each on a thread of its own, for ever.
    pub fn serve(self: Arc<Node>, listener: &UnixListener) -> ! {
        loop {
            match listener.accept() {
                Ok((connection, _)) => {
                    let node = self.clone();
                    // Where there is no thread for it, it is closed, and may come again.
                    let _ = std::thread::Builder::new().spawn(move || node.converse(&connection));
                }
                // Too many files are open: some will be closed.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn converse(&self, mut connection: &UnixStream) {
        let Ok(task) = read_frame_of(&mut BufReader::new(connection), LONGEST_TASK) else { return };
        let wanted = Wanted::default();
        std::thread::scope(|scope| {
            // Nothing more is sent: what can be read here is that the other end has gone.
            let watch = || {
                let _ = (&*connection).read(&mut [0]);
                wanted.no_more();
            };
            // Without it the work is done in vain where nobody waits for it.
            let _ = std::thread::Builder::new().spawn_scoped(scope, watch);
            let answer = self.answer(&task, &wanted);
            let _ = write_frame(&mut connection, &answer.to_bytes());
            let _ = connection.shutdown(Shutdown::Both);
        });
    }

    /// Does a task, as long as it is wanted. The answer comes at a multiple of the run's tick.
    pub fn answer(&self, task: &[u8], wanted: &Wanted) -> Answer {
        let begun = Instant::now();
        let ready = orders_of(task).ok_or(NodeError::NoTask).and_then(|orders| self.ready(&orders));
        let tick = ready.as_ref().map_or(0, |ready| ready.tick_seconds());
        let answer = ready.and_then(|ready| self.make(&*ready, task, wanted));
        if tick > 0 {
            let (tick, took) = (Duration::from_secs(tick.into()).as_millis(), begun.elapsed().as_millis());
            std::thread::sleep(Duration::from_millis((tick - took % tick) as u64));
        }
        match answer {
            Ok(made) => Answer::Made(made),
            Err(why) => Answer::Refused { node: self.machine.name.clone(), why: Sentence::of(&why) },
        }
    }

    fn make(&self, ready: &dyn Ready, task: &[u8], wanted: &Wanted) -> Result<Made, NodeError> {
        if Utc::now() > ready.good_until() {
            return Err(NodeError::NotTheLab);
        }
        let _leave = self.leave();
        let Part { run, round, place, state, sealed, walls, evidence } = ready.part(&self.machine, task, wanted)?;
        let receipt = receipt_bytes(&run, round, place.first, place.last, &state, &Digest::of(&sealed));
        let signature = self.key.sign(&receipt).map_err(|error| NodeError::of(&error))?;
        let walls = walls_told(&walls).into_iter().map(|(name, word)| (name.to_owned(), word.to_owned())).collect();
        Ok(Made {
            round,
            place,
            state,
            signature: STANDARD.encode(signature),
            build: self.build,
            walls,
            evidence,
            sealed,
        })
    }

    /// A run or an import, from its orders: opened once, and kept for the tasks that follow.
    fn ready(&self, digest: &Digest) -> Result<Arc<dyn Ready>, NodeError> {
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = all.get(digest) {
            return Ok(ready.clone());
        }
        let bytes = self.machine.store.orders(digest)?;
        let lab = VerifyingKey::from(self.config.service_key);
        let letter = letter::read(&bytes, &lab, (&self.machine.key, &self.identity), Utc::now())?;
        let ready: Arc<dyn Ready> = match letter.about {
            About::Run { .. } => {
                let opened = orders::open(&letter, &self.config.origin, &self.log)?;
                if opened.run.runtime_build != self.build {
                    let (here, lab) = (self.build.short(), opened.run.runtime_build.short());
                    return Err(NodeError::OtherBuild { here, lab });
                }
                Arc::new(RunHere::new(opened, &self.machine)?)
            }
            About::Import { .. } => {
                let opened = import_orders::open(&letter, &self.build)?;
                Arc::new(ImportHere::new(opened, &self.machine)?)
            }
        };
        if all.len() >= MOST_READY {
            all.pop_first();
        }
        all.insert(*digest, ready.clone());
        Ok(ready)
    }

    /// Waits until one more worker may be started.
    fn leave(&self) -> Leave<'_> {
        let (free, changed) = &self.free;
        let free = free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = changed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Leave(self)
    }
}

/// Leave to have one worker at work.
struct Leave<'a>(&'a Node);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let (free, changed) = &self.0.free;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_one();
    }
}
