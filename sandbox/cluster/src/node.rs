//! A node: the agent on a machine that computes parts of runs. What an engine's task hands to its socket it checks
//! against the lab's log, has a jailed worker compute, signs for, and gives back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use unseen_age::Identity;
use unseen_data::snapshot::{self, ManifestFile, load_reference};
use unseen_ids::{Digest, PublicKey, digest_of};
use unseen_keys::{read_secret, read_signing_key};
use unseen_policies::manifest::GrainKind;
use unseen_policies::receipts::receipt_bytes;
use unseen_policies::{Manifest, Plan};
use unseen_texts::{Sentence, text};
use unseen_tlog::note::NoteKey;
use unseen_tlog::{Signer, SigningKey, VerifyingKey};
use unseen_worker::code::{Code, Use};
use unseen_worker::frames::{read_frame, write_frame};
use unseen_worker::jail::Walls;
use unseen_worker::memory;
use unseen_worker::process::{Fault, Identity as Run, Outline, Part, Work, Worker};
use unseen_worker::rows::ReferenceTables;
use unseen_worker::spread::{PartSecrets, Place, Task, make_part, state_digest, walls_told};

use crate::answer::{Answer, Made, orders_of, read_task};
use crate::error::NodeError;
use crate::orders::{self, Opened};
use crate::store::Store;

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
    store: Store,
    program: PathBuf,
    build: Digest,
    /// Runs that were opened lately.
    runs: Mutex<BTreeMap<Digest, Arc<Here>>>,
    /// Workers that may still be started.
    free: (Mutex<usize>, Condvar),
}

/// A run as a node has it ready.
struct Here {
    opened: Opened,
    plan: Plan,
    compiled: Vec<u8>,
    /// The files of the private snapshots, and of the reference tables.
    snapshots: Vec<Vec<ManifestFile>>,
    references: Vec<Vec<ManifestFile>>,
}

/// How many runs a node keeps ready.
const MOST_RUNS: usize = 4;

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
        let build =
            File::open(&program).and_then(digest_of).map_err(|why| NodeError::Io { path: program.clone(), why })?;
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Node {
            config,
            log,
            key,
            identity,
            store: Store::open(store, folder)?,
            program,
            build: build.0,
            runs: Mutex::default(),
            free: (Mutex::new(workers), Condvar::new()),
        })
    }

    /// The node's name and key.
    pub fn name(&self) -> (&str, PublicKey) {
        (&self.config.name, self.key.verifying_key().into())
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
                    std::thread::spawn(move || node.converse(&connection));
                }
                // Too many files are open: some will be closed.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn converse(&self, mut connection: &UnixStream) {
        let Ok(task) = read_frame(&mut BufReader::new(connection)) else { return };
        let wanted = Wanted::default();
        std::thread::scope(|scope| {
            // Nothing more is sent: what can be read here is that the other end has gone.
            scope.spawn(|| {
                let _ = (&*connection).read(&mut [0]);
                wanted.no_more();
            });
            let answer = self.answer(&task, &wanted);
            let _ = write_frame(&mut connection, &answer.to_bytes());
            let _ = connection.shutdown(Shutdown::Both);
        });
    }

    /// Does a task, as long as it is wanted. The answer comes at a multiple of the run's tick.
    pub fn answer(&self, task: &[u8], wanted: &Wanted) -> Answer {
        let begun = Instant::now();
        let here = orders_of(task).ok_or(NodeError::NoTask).and_then(|orders| self.here(&orders));
        let tick = here.as_ref().map_or(0, |here| here.opened.body.tick_seconds);
        let answer = here.and_then(|here| self.make(&here, task, wanted));
        if tick > 0 {
            let (tick, took) = (Duration::from_secs(tick.into()).as_millis(), begun.elapsed().as_millis());
            std::thread::sleep(Duration::from_millis((tick - took % tick) as u64));
        }
        match answer {
            Ok(made) => Answer::Made(made),
            Err(why) => Answer::Refused { node: self.config.name.clone(), why: Sentence::of(&why) },
        }
    }

    fn make(&self, here: &Here, task: &[u8], wanted: &Wanted) -> Result<Made, NodeError> {
        if Utc::now() > here.opened.good_until {
            return Err(NodeError::NotTheLab);
        }
        let task = read_task(&here.opened.keys.tasks, task)?;
        let _leave = self.leave();
        let key = PublicKey::from(self.key.verifying_key());
        let name = self.config.name.clone();
        let place = Place { first: task.first, last: task.last, node: key, name, attempt: task.attempt };
        let (sealed, walls) = here.run(self, &task, &place, wanted)?;
        let (state, ciphertext) = (state_digest(&task.state), Digest::of(&sealed));
        let leaf = &here.opened.leaf;
        let receipt = receipt_bytes(leaf, task.round, task.first, task.last, &state, &ciphertext);
        let signature = self.key.sign(&receipt).map_err(|error| NodeError::of(&error))?;
        let walls = walls_told(&walls).into_iter().map(|(name, word)| (name.to_owned(), word.to_owned())).collect();
        let signature = STANDARD.encode(signature);
        Ok(Made { round: task.round, place, state, signature, build: self.build, walls, sealed })
    }

    /// A run, from its orders: opened once, and kept for the tasks that follow.
    fn here(&self, digest: &Digest) -> Result<Arc<Here>, NodeError> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = runs.get(digest) {
            return Ok(here.clone());
        }
        let bytes = self.store.orders(digest)?;
        let lab = (self.config.origin.as_str(), &self.log, &VerifyingKey::from(self.config.service_key));
        let node = PublicKey::from(self.key.verifying_key());
        let opened = orders::open(&bytes, lab, (&node, &self.identity), Utc::now())?;
        if opened.run.runtime_build != self.build {
            let (here, lab) = (self.build.short(), opened.run.runtime_build.short());
            return Err(NodeError::OtherBuild { here, lab });
        }
        let here = Arc::new(Here::new(opened, &self.store)?);
        if runs.len() >= MOST_RUNS {
            runs.pop_first();
        }
        runs.insert(*digest, here.clone());
        Ok(here)
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

/// Whether somebody waits for an answer still; where nobody does, the worker that makes it is ended.
#[derive(Default)]
pub struct Wanted(Mutex<(bool, Option<OwnedFd>)>);

impl Wanted {
    fn by(&self, worker: Option<OwnedFd>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.1 = worker;
        Wanted::end(&held);
    }

    fn no_more(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 = true;
        Wanted::end(&held);
    }

    fn end((gone, worker): &(bool, Option<OwnedFd>)) {
        if let (true, Some(worker)) = (gone, worker) {
            let _ = rustix::process::pidfd_send_signal(worker, rustix::process::Signal::KILL);
        }
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

impl Here {
    fn new(opened: Opened, store: &Store) -> Result<Here, NodeError> {
        let body = &opened.body;
        let manifest = Manifest::parse(&body.manifest).map_err(|error| NodeError::of(&error))?;
        let (private, public) = body.manifests.split_at(body.snapshots.len());
        let files = |manifests: &[Vec<u8>], roots: &[Digest]| -> Result<Vec<Vec<ManifestFile>>, NodeError> {
            let pairs = manifests.iter().zip(roots);
            pairs
                .map(|(bytes, root)| {
                    Ok(snapshot::Manifest::parse(bytes, root.to_bytes()).map_err(|error| NodeError::of(&error))?.files)
                })
                .collect()
        };
        let (snapshots, references) = (files(private, &body.snapshots)?, files(public, &body.references)?);
        let tables = public.iter().zip(&body.references).zip(&references).map(|((bytes, root), files)| {
            let files = files.iter().map(|file| object(store, file)).collect::<Result<_, _>>()?;
            load_reference(bytes, root.to_bytes(), files).map_err(|error| NodeError::of(&error))
        });
        let tables = ReferenceTables(tables.collect::<Result<_, NodeError>>()?);
        let plan = Plan::new(&manifest, &tables).map_err(|error| NodeError::of(&error))?;
        let code = Code::compile(&body.module, &manifest, &plan, Use::Runs(1)).and_then(|code| code.serialize());
        let compiled = code.map_err(|error| NodeError::of(&error))?;
        Ok(Here { plan, compiled, snapshots, references, opened })
    }

    /// Has a worker make a part, sealed.
    fn run(&self, node: &Node, task: &Task, place: &Place, wanted: &Wanted) -> Result<(Vec<u8>, Walls), NodeError> {
        let Opened { entry, leaf, origin, run, keys, body, .. } = &self.opened;
        let has = memory::available();
        if has < body.memory {
            return Err(NodeError::Memory { needs: body.memory.div_ceil(1 << 20), has: has >> 20 });
        }
        let mut opened = Vec::new();
        let mut parts = |files: &[ManifestFile], root: &Digest, manifest: &Vec<u8>, first: u32| {
            let mut numbers = Vec::new();
            for file in files {
                let file = object(&node.store, file)?;
                numbers.push(file.as_raw_fd());
                opened.push(file);
            }
            Ok::<Part, NodeError>(Part { root: *root, manifest: manifest.clone(), first, files: numbers })
        };
        let (private, public) = body.manifests.split_at(body.snapshots.len());
        let snapshots = self.snapshots.iter().zip(&body.snapshots).zip(private).map(|((files, root), manifest)| {
            match self.plan.grain {
                GrainKind::Unit => {
                    let wanted = files.get(task.first as usize..=task.last as usize);
                    parts(wanted.ok_or(NodeError::NoTask)?, root, manifest, task.first)
                }
                // A block has units of every bucket.
                GrainKind::Blocks { .. } => parts(files, root, manifest, 0),
            }
        });
        let snapshots = snapshots.collect::<Result<_, _>>()?;
        let references = self.references.iter().zip(&body.references).zip(public);
        let references = references.map(|((files, root), manifest)| parts(files, root, manifest, 0));
        let references = references.collect::<Result<_, _>>()?;
        let (manifest, memory) = (body.manifest.clone(), body.memory);
        let outline = Outline { work: Work::Part, manifest, threads: 1, memory, snapshots, references };
        let worker = Worker::prepare(&node.program, &outline, &self.compiled, &opened).map_err(failed)?;
        wanted.by(worker.handle());
        let walls = worker.walls().clone();
        match &walls.memory {
            unseen_worker::wall::Wall::Holds => {}
            _ if body.swap => {}
            unseen_worker::wall::Wall::Partly(why) | unseen_worker::wall::Wall::Missing(why) => {
                return Err(NodeError::Swap(why.clone()));
            }
        }
        let run = Run { job: run.job, origin: origin.clone(), entry: *entry, leaf: *leaf };
        let (part_key, block_key, data_keys) = (keys.parts.clone(), keys.block.clone(), keys.data.clone());
        let secrets = PartSecrets { run, part_key, block_key, data_keys };
        Ok((make_part(worker, &secrets, task, place).map_err(failed)?, walls))
    }
}

fn object(store: &Store, file: &ManifestFile) -> Result<File, NodeError> {
    let digest = Digest::from_hex(&file.sha256).ok_or(NodeError::NoTask)?;
    // What is cut off or grown is found out without reading it; the rest is the worker's to check.
    Ok(store.object(&digest, file.bytes)?)
}

/// What a worker says of its failure may depend on rows where these are not as registered: the lab's operators are
/// told that, and on the node its own log has the rest.
fn failed(fault: Fault) -> NodeError {
    match fault {
        Fault::Lab(why) => {
            eprintln!("unseen node: {why}");
            NodeError::Worker(
                text!("the worker failed: the node's own log says why", "工作进程失败：原因见该节点的日志").into(),
            )
        }
        Fault::Job { .. } => NodeError::NoTask,
    }
}
