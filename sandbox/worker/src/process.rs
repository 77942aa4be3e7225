//! The worker process: how the lab starts one, and what happens inside.
//!
//! The lab runs its own binary again with [`ARGUMENT`]. Over standard input go one [`Task`] and the
//! compiled module, each behind its length; bucket files are inherited as descriptors. Over standard
//! output come length-prefixed `Message`s. Nothing else connects the two.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use unseen_core::release::{Derived, Number, ReleaseError, SealedRelease};
use unseen_core::seed::{self, NoiseKey};
use unseen_data::snapshot::load_reference;
use unseen_data::{BlockKey, DataKey, Snapshot};
use unseen_policies::event::JobId;
use unseen_policies::{Manifest, Plan};
use unseen_runtime::Failure;

use crate::code::Code;
use crate::jail::{self, Walls};
use crate::rows::{ReferenceTables, Rows};
use crate::run::{self, RunError, Watch};

/// The argument that makes the binary a worker.
pub const ARGUMENT: &str = "__worker";

/// Everything a worker needs to know, secrets included. Travels through a pipe, never through the
/// environment, arguments or a file.
#[derive(Serialize, Deserialize)]
pub struct Task {
    /// The job, for the release.
    pub job: JobId,
    /// Origin of the log.
    pub origin: String,
    /// Entry that started the run.
    pub entry: u64,
    /// Its leaf hash.
    pub leaf: [u8; 32],
    /// The manifest's text.
    pub manifest: String,
    /// How many threads.
    pub threads: usize,
    /// The sealed noise key.
    pub noise_key: [u8; 32],
    /// Seals the release on its way back.
    pub seal_key: [u8; 32],
    /// Private snapshots.
    pub snapshots: Vec<SnapshotPart>,
    /// Reference tables.
    pub references: Vec<ReferencePart>,
}

/// One private snapshot, as handed over.
#[derive(Serialize, Deserialize)]
pub struct SnapshotPart {
    /// Root digest that the log names.
    pub root: [u8; 32],
    /// Its data key.
    pub key: [u8; 32],
    /// Bytes of its manifest.
    pub manifest: Vec<u8>,
    /// Bucket files, in order.
    pub files: Vec<RawFd>,
}

/// One reference table, as handed over.
#[derive(Serialize, Deserialize)]
pub struct ReferencePart {
    /// Root digest that the log names.
    pub root: [u8; 32],
    /// Bytes of its manifest.
    pub manifest: Vec<u8>,
    /// Its files.
    pub files: Vec<RawFd>,
}

/// What a worker says.
#[derive(Serialize, Deserialize)]
enum Message {
    Walls(Walls),
    Progress { done: u32, all: u32 },
    Sealed(Vec<u8>),
    Failed(Fault),
}

/// Why a worker has no release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum Fault {
    /// The job's own `advance` failed: it ends. What the guest said is not passed on.
    #[error("the job's `advance` failed on the noised totals of round {round}")]
    Job {
        /// The round, from 0.
        round: u32,
    },
    /// The lab or the machine is at fault: the run can be resumed. Inside text.
    #[error("{0}")]
    Lab(String),
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Fault {
        match error {
            RunError::Advance { round, .. } => Fault::Job { round },
            RunError::Rows(_) | RunError::Host(_) | RunError::Noise(_) | RunError::Release(_) => {
                Fault::Lab(error.to_string())
            }
        }
    }
}

fn lab_fault(error: impl ToString) -> Fault {
    Fault::Lab(error.to_string())
}

/// Runs `task` in a worker process, started from the binary `program`, and returns the sealed
/// release. `files` are the open files whose descriptors the task names; `module` is compiled code
/// of this lab's own making.
pub fn run(
    program: &std::path::Path,
    task: &Task,
    module: &[u8],
    files: &[File],
    mut progress: impl FnMut(u32, u32),
) -> Result<(SealedRelease, Walls), Fault> {
    let mut child =
        Reaped(spawn(program, files).map_err(|error| Fault::Lab(format!("the worker cannot be started: {error}")))?);
    let text = serde_json::to_vec(task).map_err(lab_fault)?;
    if let Some(mut stdin) = child.0.stdin.take() {
        // A worker that died early says why below.
        let _ = write_frame(&mut stdin, &text).and_then(|()| write_frame(&mut stdin, module));
    }
    let mut stdout = child.0.stdout.take().ok_or_else(|| lab_fault("the worker has no standard output"))?;
    let mut walls = None;
    loop {
        let Ok(frame) = read_frame(&mut stdout) else {
            let status = child.0.wait().map_err(lab_fault)?;
            return Err(Fault::Lab(format!(
                "the worker ended without a result ({status}): run the job again to resume it"
            )));
        };
        match serde_json::from_slice(&frame).map_err(lab_fault)? {
            Message::Walls(found) => walls = Some(found),
            Message::Progress { done, all } => progress(done, all),
            Message::Failed(fault) => return Err(fault),
            Message::Sealed(bytes) => {
                let walls = walls.ok_or_else(|| lab_fault("the worker did not say which walls hold"))?;
                let sealed = SealedRelease::from_sealed_bytes(&task.seal_key, &bytes).map_err(lab_fault)?;
                return Ok((sealed, walls));
            }
        }
    }
}

/// The walls that a worker finds on this machine, from a worker that reads nothing.
pub fn probe_walls(program: &std::path::Path) -> Result<Walls, Fault> {
    let mut child = Reaped(spawn(program, &[]).map_err(lab_fault)?);
    drop(child.0.stdin.take());
    let mut stdout = child.0.stdout.take().ok_or_else(|| lab_fault("the worker has no standard output"))?;
    let frame = read_frame(&mut stdout).map_err(lab_fault)?;
    match serde_json::from_slice(&frame).map_err(lab_fault)? {
        Message::Walls(walls) => Ok(walls),
        _ => Err(lab_fault("the worker did not say which walls hold")),
    }
}

/// A child that does not outlive its owner.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(program: &std::path::Path, files: &[File]) -> std::io::Result<Child> {
    let descriptors: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let mut command = Command::new(program);
    command.arg(ARGUMENT).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: between fork and exec only fcntl and prctl are called, which are async-signal-safe,
    // on descriptors that stay open in the parent until spawn returns.
    unsafe {
        command.pre_exec(move || {
            for descriptor in &descriptors {
                let kept = rustix::fd::BorrowedFd::borrow_raw(*descriptor);
                rustix::io::fcntl_setfd(kept, rustix::io::FdFlags::empty())?;
            }
            // Should the lab be killed, nobody is left to add the result to the log.
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        });
    }
    command.spawn()
}

/// The worker's whole life. Called by `main` when the first argument is [`ARGUMENT`].
pub fn work() {
    let stdout = Mutex::new(std::io::stdout());
    let say = |message: &Message| {
        let text = serde_json::to_vec(message).unwrap_or_default();
        let mut stdout = stdout.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Whoever stopped listening has no use for the rest.
        let _ = write_frame(&mut *stdout, &text).and_then(|()| stdout.flush());
    };
    let outcome = work_on_input(&say);
    say(&match outcome {
        Ok(sealed) => Message::Sealed(sealed),
        Err(fault) => Message::Failed(fault),
    });
}

fn work_on_input(say: &(dyn Fn(&Message) + Sync)) -> Result<Vec<u8>, Fault> {
    let mut stdin = std::io::stdin().lock();
    let Ok(text) = read_frame(&mut stdin) else {
        say(&Message::Walls(jail::enter()));
        return Err(lab_fault("there is no task"));
    };
    let task: Task = serde_json::from_slice(&text).map_err(lab_fault)?;
    let compiled = read_frame(&mut stdin).map_err(lab_fault)?;
    let manifest = Manifest::parse(&task.manifest).map_err(lab_fault)?;

    // Everything that needs more rights than a worker keeps comes before the walls go up.
    let references = task
        .references
        .iter()
        .map(|part| load_reference(&part.manifest, part.root, adopt(&part.files)).map_err(lab_fault));
    let references = ReferenceTables(references.collect::<Result<_, _>>()?);
    let plan = Plan::new(&manifest, &references).map_err(lab_fault)?;
    // SAFETY: the lab compiled these bytes itself, or found them in its cache under its own HMAC.
    let code = unsafe { Code::load(&compiled, &manifest, &plan, task.threads) }.map_err(lab_fault)?;
    let files: Vec<Vec<File>> = task.snapshots.iter().map(|part| adopt(&part.files)).collect();
    let walls = jail::enter();
    let shut_in = walls.seccomp.holds();
    say(&Message::Walls(walls));
    if !shut_in {
        return Err(lab_fault("this kernel has no seccomp, so no row is decrypted here: see `unseen doctor`"));
    }

    let snapshots = task.snapshots.iter().zip(files).map(|(part, files)| {
        let key = DataKey::from_bytes(&part.key).map_err(lab_fault)?;
        Snapshot::open(&part.manifest, part.root, &key, files).map_err(lab_fault)
    });
    let rows = Rows::new(&manifest, snapshots.collect::<Result<_, _>>()?, &references).map_err(lab_fault)?;
    let noise_key = NoiseKey::new(task.noise_key);
    let digests: Vec<[u8; 32]> = task.snapshots.iter().map(|part| part.root).collect();
    let identity = seed::Run { origin: &task.origin, entry: task.entry, leaf: task.leaf, snapshots: &digests };
    let outcome = run::run(&run::Run {
        plan: &plan,
        guest: &code,
        rows: &rows,
        seed: &|round| noise_key.round_seed(&identity, round),
        block_key: BlockKey::new(&task.noise_key).map_err(lab_fault)?,
        threads: task.threads,
        watch: &Reporter(say),
    })?;
    let sealed = seal(task.job, task.entry, &plan, outcome).map_err(lab_fault)?;
    Ok(sealed.into_sealed_bytes(&task.seal_key))
}

/// Writes the release of an outcome and seals it.
pub fn seal(job: JobId, run: u64, plan: &Plan, outcome: run::Outcome) -> Result<SealedRelease, ReleaseError> {
    let derived = outcome.derived.into_iter().map(|table| {
        let rows = table.rows.into_iter().map(|row| row.into_iter().map(Number).collect());
        Derived { name: table.name, columns: table.columns, rows: rows.collect() }
    });
    SealedRelease::seal(plan, job, run, &outcome.rounds, derived.collect())
}

struct Reporter<'a>(&'a (dyn Fn(&Message) + Sync));

impl Watch for Reporter<'_> {
    fn progress(&self, done: u32, all: u32) {
        (self.0)(&Message::Progress { done, all });
    }

    fn failed(&self, _: &Failure) {}
}

/// Takes over inherited descriptors.
fn adopt(descriptors: &[RawFd]) -> Vec<File> {
    // SAFETY: the parent passes each descriptor of an open file once, for this purpose only.
    descriptors.iter().map(|descriptor| File::from(unsafe { OwnedFd::from_raw_fd(*descriptor) })).collect()
}

fn write_frame(to: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

/// Longest frame that is believed, in bytes.
const MAX_FRAME: u64 = 1 << 30;

fn read_frame(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_FRAME {
        return Err(std::io::Error::other("the frame is too long"));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
