//! The worker process: how the lab starts one, and what happens inside.
//!
//! The lab runs its own binary again with [`ARGUMENT`]; bucket files are inherited as descriptors. Over
//! standard input go frames, each behind its length, and over standard output come `Message`s the same
//! way: JSON, and what is bytes (manifests, code, keys, the sealed release) in frames of its own behind it.
//! Nothing else connects the two.
//!
//! ```text
//! lab     Outline, manifests, module ->         charge, Secrets ->
//! worker                     loads, sets memory aside,             reads rows
//!                            shuts itself in -> Ready              -> Progress ... Sealed
//! ```
//! So whatever may be missing is found out before the run is charged, and no key is in the process before
//! its walls are up.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};

use serde::{Deserialize, Serialize};
use unseen_core::release::{ReleaseError, SealedRelease};
use unseen_core::seed::{self, NoiseKey};
use unseen_data::snapshot::load_reference;
use unseen_data::{BlockKey, DataKey, Snapshot};
use unseen_ids::{Digest, JobId};
use unseen_policies::{Manifest, Plan};
use unseen_runtime::Failure;
use unseen_runtime::freshness::{self, Freshness};
use unseen_texts::{Lang, Say, Sentence, say, text};
use zeroize::Zeroizing;

use crate::cgroup;
use crate::code::{Code, Use};
use crate::jail::{self, Walls};
use crate::memory;
use crate::rows::{ReferenceTables, Rows};
use crate::run::{self, RunError, Watch};

/// The argument that makes the binary a worker.
pub const ARGUMENT: &str = "__worker";

/// What a worker is told before the run is charged: all it needs to be ready, and no key.
#[derive(Serialize, Deserialize)]
pub struct Outline {
    /// The manifest's text.
    pub manifest: String,
    /// How many threads.
    pub threads: u32,
    /// Bytes of memory to set aside: see [`unseen_policies::need`].
    pub memory: u64,
    /// Private snapshots.
    pub snapshots: Vec<Part>,
    /// Reference tables.
    pub references: Vec<Part>,
}

impl Outline {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.snapshots.iter().chain(&self.references)
    }
}

/// One snapshot, as handed over.
#[derive(Serialize, Deserialize)]
pub struct Part {
    /// Root digest that the log names.
    pub root: Digest,
    /// Bytes of its manifest.
    #[serde(skip)]
    pub manifest: Vec<u8>,
    /// Its files, in order.
    pub files: Vec<RawFd>,
}

/// What a worker is told once the run is charged. Travels through a pipe, never through the
/// environment, arguments or a file.
pub struct Secrets {
    /// Which run it is.
    pub run: Identity,
    /// The sealed noise key.
    pub noise_key: Zeroizing<[u8; 32]>,
    /// Seals the release on its way back.
    pub seal_key: Zeroizing<[u8; 32]>,
    /// The data keys of the private snapshots, in order.
    pub data_keys: Vec<Zeroizing<[u8; 32]>>,
}

/// Which run a worker carries out: what its noise and its release are bound to.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    /// The job.
    pub job: JobId,
    /// Origin of the log.
    pub origin: String,
    /// Entry that started the run.
    pub entry: u64,
    /// Its leaf hash.
    pub leaf: Digest,
}

/// What a worker says.
#[derive(Serialize, Deserialize)]
enum Message {
    Ready(Box<Walls>),
    Progress {
        done: u32,
        all: u32,
    },
    /// The sealed release is the next frame.
    Sealed,
    Failed(Fault),
}

/// Why a worker has no release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error, Say)]
#[code("fault")]
pub enum Fault {
    /// The job's own `advance` failed: it ends.
    #[error("the job's `advance` failed in round {round}: {said}")]
    #[zh("作业的 `advance` 在第 {round} 轮失败：{said}")]
    Job {
        /// The round, from 0.
        round: u32,
        /// What it said, at most [`MOST_SAID`] characters. It is made of noised totals, as a release is.
        #[serde(with = "unseen_texts::both")]
        said: Sentence,
    },
    /// The lab or the machine is at fault: the run can be tried again. Inside text.
    #[error("{0}")]
    #[zh("{0}")]
    Lab(#[serde(with = "unseen_texts::both")] Sentence),
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Fault {
        match error {
            RunError::Advance { round, failure } => Fault::Job { round, said: short(&failure) },
            RunError::Rows(_) | RunError::Order(_) | RunError::Host(_) | RunError::Noise(_) | RunError::Release(_) => {
                Fault::Lab(Sentence::of(&error))
            }
        }
    }
}

/// How much of what a job says of its failure is passed on.
const MOST_SAID: usize = 1_000;

fn short(said: &dyn Say) -> Sentence {
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| said.told(lang).chars().take(MOST_SAID).collect::<String>());
    Sentence::new_in(move |lang| if lang == Lang::Zh { zh.clone() } else { en.clone() })
}

fn lab_fault(error: impl Say) -> Fault {
    Fault::Lab(Sentence::of(&error))
}

/// A worker that has shut itself in, has its memory, and waits for the keys.
pub struct Worker {
    link: Link,
    walls: Walls,
}

impl Worker {
    /// Starts a worker process from the binary `program` and waits until it is ready. `files` are the
    /// open files whose descriptors the outline names; `module` is compiled code of this lab's own
    /// making.
    pub fn prepare(program: &Path, outline: &Outline, module: &[u8], files: &[File]) -> Result<Worker, Fault> {
        let mut link = Link::start(program, files)?;
        link.say(&serde_json::to_vec(outline).map_err(lab_fault)?);
        outline.parts().for_each(|part| link.say(&part.manifest));
        link.say(module);
        let walls = link.ready()?;
        Ok(Worker { link, walls })
    }

    /// The walls that hold round it.
    pub fn walls(&self) -> &Walls {
        &self.walls
    }

    /// Hands over the keys, and returns the sealed release.
    pub fn run(mut self, secrets: &Secrets, mut progress: impl FnMut(u32, u32)) -> Result<SealedRelease, Fault> {
        let Secrets { run, noise_key, seal_key, data_keys } = secrets;
        self.link.say(&serde_json::to_vec(run).map_err(lab_fault)?);
        [noise_key, seal_key].into_iter().chain(data_keys).for_each(|key| self.link.say(&**key));
        loop {
            match self.link.hear()? {
                Message::Progress { done, all } => progress(done, all),
                Message::Failed(fault) => return Err(fault),
                Message::Sealed => {
                    let bytes = self.link.hear_frame()?;
                    return SealedRelease::from_sealed_bytes(seal_key, &bytes).map_err(lab_fault);
                }
                Message::Ready(_) => return Err(out_of_turn()),
            }
        }
    }
}

/// The walls that a worker finds on this machine, from a worker that reads nothing.
pub fn probe_walls(program: &Path) -> Result<Walls, Fault> {
    let mut link = Link::start(program, &[])?;
    link.say(NO_OUTLINE);
    link.ready()
}

/// What a worker is told that is only to say which walls hold.
const NO_OUTLINE: &[u8] = b"";

/// A worker process and the two pipes to it.
struct Link {
    child: Reaped,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Link {
    fn start(program: &Path, files: &[File]) -> Result<Link, Fault> {
        let cannot = |why: &dyn Say| Fault::Lab(say!("the worker cannot be started: {why}", "无法启动工作进程：{why}"));
        let mut child = Reaped(spawn(program, files).map_err(|error| cannot(&error))?);
        match (child.0.stdin.take(), child.0.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Link { child, stdin, stdout }),
            _ => Err(cannot(&text!("it has no pipes", "没有管道"))),
        }
    }

    fn say(&mut self, frame: &[u8]) {
        // A worker that was not told would wait for ever. That it has ended, [`Link::hear`] tells.
        if write_frame(&mut self.stdin, frame).is_err() {
            let _ = self.child.0.kill();
        }
    }

    fn hear(&mut self) -> Result<Message, Fault> {
        serde_json::from_slice(&self.hear_frame()?).map_err(lab_fault)
    }

    fn hear_frame(&mut self) -> Result<Vec<u8>, Fault> {
        if let Ok(frame) = read_frame(&mut self.stdout) {
            return Ok(frame);
        }
        let status = self.child.0.wait().map_err(lab_fault)?;
        Err(Fault::Lab(say!(
            "the worker ended without a result ({status})",
            "工作进程没有给出结果就结束了（{status}）",
            status = ended(status)
        )))
    }

    fn ready(&mut self) -> Result<Walls, Fault> {
        match self.hear()? {
            Message::Ready(walls) => Ok(*walls),
            Message::Failed(fault) => Err(fault),
            Message::Progress { .. } | Message::Sealed => Err(out_of_turn()),
        }
    }
}

fn ended(status: ExitStatus) -> Sentence {
    match (status.code(), status.signal()) {
        (Some(code), _) => say!("exit status: {code}", "退出码 {code}"),
        (None, Some(signal)) => say!("signal: {signal}", "信号 {signal}"),
        (None, None) => status.to_string().into(),
    }
}

fn out_of_turn() -> Fault {
    lab_fault(text!("the worker spoke out of turn", "工作进程未按约定通信"))
}

/// A child that does not outlive its owner.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(program: &Path, files: &[File]) -> std::io::Result<Child> {
    let descriptors: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let mut command = Command::new(program);
    command.arg(ARGUMENT).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: between fork and exec only close_range, fcntl and prctl are called, which are
    // async-signal-safe, the latter on descriptors that stay open in the parent until spawn returns.
    unsafe {
        command.pre_exec(move || {
            // Whatever else the lab was given or forgot to close. Unknown before Linux 5.11.
            libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            for descriptor in &descriptors {
                let kept = rustix::fd::BorrowedFd::borrow_raw(*descriptor);
                rustix::io::fcntl_setfd(kept, rustix::io::FdFlags::empty())?;
            }
            // Should the lab be killed, nobody is left to add the result to the log.
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        });
    }
    spawn_from_lasting_thread(command)
}

/// Starts a child from a thread that lives as long as this process: the kernel sends the signal of a parent's
/// death when the *thread* that forked ends (prctl(2), PR_SET_PDEATHSIG), and one of a pool may end before
/// its run does.
fn spawn_from_lasting_thread(command: Command) -> std::io::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Option<mpsc::Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        let work = move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        };
        std::thread::Builder::new().name("spawner".to_owned()).spawn(work).ok().map(|_| orders)
    });
    let (answer, child) = mpsc::channel();
    let ordered = spawner.as_ref().and_then(|spawner| spawner.send((command, answer)).ok());
    ordered.and_then(|()| child.recv().ok()).unwrap_or_else(|| {
        Err(std::io::Error::other(Sentence::from(text!("there is no thread for it", "没有可用的线程"))))
    })
}

/// The worker's whole life. Called by `main` when the first argument is [`ARGUMENT`].
pub fn work() {
    let stdout = Mutex::new(std::io::stdout());
    let say_frame = |frame: &[u8]| {
        let mut stdout = stdout.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Half a message would keep the lab waiting; and where nobody listens there is no use for the rest.
        if write_frame(&mut *stdout, frame).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(1);
        }
    };
    let say = |message: &Message| say_frame(&serde_json::to_vec(message).unwrap_or_default());
    match work_on_input(&say) {
        Ok(Some(sealed)) => {
            say(&Message::Sealed);
            say_frame(&sealed);
        }
        Ok(None) => {}
        Err(fault) => say(&Message::Failed(fault)),
    }
}

fn work_on_input(say: &(dyn Fn(&Message) + Sync)) -> Result<Option<Vec<u8>>, Fault> {
    let mut stdin = std::io::stdin().lock();
    let text = read_frame(&mut stdin).map_err(lab_fault)?;
    if text == NO_OUTLINE {
        say(&Message::Ready(Box::new(jail::enter())));
        return Ok(None);
    }
    if let Freshness::Broken { place } = freshness::probe().map_err(lab_fault)? {
        return Err(lab_fault(say!(
            "on this machine a grain would see another in {place}",
            "在本机上，数据粒之间会在{place}里看到对方的数据"
        )));
    }
    let mut outline: Outline = serde_json::from_slice(&text).map_err(lab_fault)?;
    cgroup::enter("run", limits(&outline));
    for part in outline.snapshots.iter_mut().chain(&mut outline.references) {
        part.manifest = read_frame(&mut stdin).map_err(lab_fault)?;
    }
    let compiled = read_frame(&mut stdin).map_err(lab_fault)?;
    let manifest = Manifest::parse(&outline.manifest).map_err(lab_fault)?;

    // Everything that needs more rights than a worker keeps comes before the walls go up.
    let references = outline
        .references
        .iter()
        .map(|part| load_reference(&part.manifest, part.root.to_bytes(), adopt(&part.files)).map_err(lab_fault));
    let references = ReferenceTables(references.collect::<Result<_, _>>()?);
    let plan = Plan::new(&manifest, &references).map_err(lab_fault)?;
    let threads = outline.threads as usize;
    // SAFETY: the lab compiled these bytes itself, or found them in its cache under its own HMAC.
    let code = unsafe { Code::load(&compiled, &manifest, &plan, Use::Runs(threads)) }.map_err(lab_fault)?;
    let files: Vec<Vec<File>> = outline.snapshots.iter().map(|part| adopt(&part.files)).collect();
    memory::set_aside(outline.memory).map_err(Fault::Lab)?;
    let walls = jail::enter();
    if !walls.seccomp.holds() {
        return Err(lab_fault(text!(
            "this kernel has no seccomp, so no row is decrypted here",
            "本机内核没有 seccomp，因此不解密任何数据"
        )));
    }
    say(&Message::Ready(Box::new(walls)));

    // Whoever only wanted to know whether it could run has gone.
    let Ok(text) = read_frame(&mut stdin) else { return Ok(None) };
    let Identity { job, origin, entry, leaf } = serde_json::from_slice(&text).map_err(lab_fault)?;
    let (noise_key, seal_key) = (read_key(&mut stdin)?, read_key(&mut stdin)?);
    let snapshots = outline.snapshots.iter().zip(files).map(|(part, files)| {
        let key = DataKey::from_bytes(&*read_key(&mut stdin)?).map_err(lab_fault)?;
        Snapshot::open(&part.manifest, part.root.to_bytes(), &key, files).map_err(lab_fault)
    });
    let rows = Rows::new(&manifest, snapshots.collect::<Result<_, _>>()?, &references).map_err(lab_fault)?;
    let code = code.reading(&rows).map_err(lab_fault)?;
    let block_key = BlockKey::new(&noise_key).map_err(lab_fault)?;
    let noise_key = NoiseKey::new(*noise_key);
    let digests: Vec<[u8; 32]> = outline.snapshots.iter().map(|part| part.root.to_bytes()).collect();
    let identity = seed::RunIdentity { origin: &origin, entry, leaf: leaf.to_bytes(), snapshots: &digests };
    let outcome = run::run(&run::RunInputs {
        plan: &plan,
        guest: &code,
        rows: &rows,
        seed: &|round| noise_key.round_seed(&identity, round),
        block_key,
        threads,
        watch: &Reporter(say),
    })?;
    let sealed = seal(job, entry, &plan, outcome).map_err(lab_fault)?;
    Ok(Some(sealed.into_sealed_bytes(&seal_key)))
}

/// What was set aside, and room for the program itself and for what is cached of files. Answers to people come first.
fn limits(outline: &Outline) -> cgroup::Limits {
    let memory = outline.memory.saturating_add(outline.memory / 4).saturating_add(1 << 30);
    cgroup::Limits { memory, processors: outline.threads, weight: 50 }
}

/// Writes the release of an outcome and seals it.
pub fn seal(job: JobId, run: u64, plan: &Plan, outcome: run::Outcome) -> Result<SealedRelease, ReleaseError> {
    SealedRelease::seal(plan, job, run, &outcome.rounds, outcome.derived)
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

fn read_key(from: &mut impl Read) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let frame = Zeroizing::new(read_frame(from).map_err(lab_fault)?);
    frame.as_slice().try_into().map(Zeroizing::new).map_err(|_| lab_fault("a key must have 32 bytes"))
}

/// Longest frame that is believed, in bytes.
const MAX_FRAME: u64 = 1 << 30;

fn read_frame(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_FRAME {
        return Err(std::io::Error::other(Sentence::from(text!("the frame is too long", "数据帧过长"))));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
