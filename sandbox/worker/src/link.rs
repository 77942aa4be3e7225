//! A worker process and the two pipes to it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};

use serde::{Deserialize, Serialize};
use unseen_ids::Digest;
use unseen_texts::{Say, Sentence, say, text};

use crate::fault::{Fault, lab_fault, out_of_turn};
use crate::frames::{read_frame, write_frame};
use crate::jail::{self, Walls};

/// The argument that makes the binary a worker.
pub const ARGUMENT: &str = "__worker";

/// What a worker says.
#[derive(Serialize, Deserialize)]
pub enum Message {
    /// Its walls are up.
    Ready(Box<Walls>),
    /// How far it has come.
    Progress {
        /// Steps done.
        done: u32,
        /// Of so many.
        all: u32,
    },
    /// What it was to make is the next frame, sealed.
    Sealed,
    /// The next frame is of the file at hand.
    Piece,
    /// The file at hand has no more, and has this digest.
    FileEnds(Digest),
    /// A round begins, whose state is the next frame.
    Round(u32),
    /// What became of a part that was handed in.
    Taken(Taken),
    /// There is no result.
    Failed(Fault),
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// It was missing, and is there now.
    New,
    /// It was there already, with the same totals.
    Same,
    /// It is of no use: not sealed for this place, or not what is registered.
    Refused,
}

/// A worker process and the two pipes to it.
pub(crate) struct Link {
    /// None where the other end is a thread of this process.
    child: Option<Reaped>,
    to: Box<dyn Write + Send>,
    from: Box<dyn Read + Send>,
}

impl Link {
    pub fn start(program: &Path, files: &[File]) -> Result<Link, Fault> {
        let cannot = |why: &dyn Say| Fault::Lab(say!("the worker cannot be started: {why}", "无法启动工作进程：{why}"));
        let mut child = Reaped(spawn(program, files).map_err(|error| cannot(&error))?);
        match (child.0.stdin.take(), child.0.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Link { child: Some(child), ..Link::over(stdin, stdout) }),
            _ => Err(cannot(&text!("it has no pipes", "没有管道"))),
        }
    }

    pub fn over(to: impl Write + Send + 'static, from: impl Read + Send + 'static) -> Link {
        Link { child: None, to: Box::new(to), from: Box::new(from) }
    }

    /// The other end's process, to which alone a signal goes through this.
    pub fn handle(&self) -> Option<OwnedFd> {
        let pid = rustix::process::Pid::from_child(&self.child.as_ref()?.0);
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
    }

    pub fn say(&mut self, frame: &[u8]) {
        // A worker that was not told would wait for ever. That it has ended, [`Link::hear`] tells.
        if write_frame(&mut self.to, frame).and_then(|()| self.to.flush()).is_err()
            && let Some(child) = &mut self.child
        {
            let _ = child.0.kill();
        }
    }

    /// [`Link::say`] in JSON.
    pub fn tell(&mut self, what: &impl Serialize) -> Result<(), Fault> {
        self.say(&serde_json::to_vec(what).map_err(lab_fault)?);
        Ok(())
    }

    pub fn hear(&mut self) -> Result<Message, Fault> {
        serde_json::from_slice(&self.hear_frame()?).map_err(lab_fault)
    }

    pub fn hear_frame(&mut self) -> Result<Vec<u8>, Fault> {
        if let Ok(frame) = read_frame(&mut self.from) {
            return Ok(frame);
        }
        let Some(child) = &mut self.child else { return Err(out_of_turn()) };
        let status = child.0.wait().map_err(lab_fault)?;
        Err(Fault::Lab(say!(
            "the worker ended without a result ({status})",
            "工作进程没有给出结果就结束了（{status}）",
            status = ended(status)
        )))
    }

    pub fn ready(&mut self) -> Result<Walls, Fault> {
        match self.hear()? {
            Message::Ready(walls) => Ok(*walls),
            Message::Failed(fault) => Err(fault),
            _ => Err(out_of_turn()),
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

/// A child that does not outlive its owner.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes over inherited descriptors.
pub(crate) fn adopt(descriptors: &[RawFd]) -> Vec<File> {
    // SAFETY: the parent passes each descriptor of an open file once, for this purpose only.
    descriptors.iter().map(|descriptor| File::from(unsafe { OwnedFd::from_raw_fd(*descriptor) })).collect()
}

/// Shuts a worker in; without the wall that counts most it reads nothing.
pub(crate) fn shut_in() -> Result<Walls, Fault> {
    let walls = jail::enter();
    match walls.seccomp.holds() {
        true => Ok(walls),
        false => Err(lab_fault(text!(
            "this kernel has no seccomp, so no row is decrypted here",
            "本机内核没有 seccomp，因此不解密任何数据"
        ))),
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

/// Starts a child that ends when this process does.
pub fn spawn_bound(mut command: Command) -> std::io::Result<Child> {
    // SAFETY: between fork and exec only prctl is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
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
