//! The courier: a small child program that takes tasks to an engine and brings answers back. It understands nothing, and
//! may lose, repeat, delay and reorder. `docs/cluster.md` is what a courier has to do.
//!
//! ```text
//! lab -> courier   frame: id (8 bytes), task
//! courier -> lab   R, once it has reached its engine; then frames: id, A, answer  or  id, F, why
//! ```
//! Frames stand behind their length, numbers have their lowest byte first.

use std::io::{BufReader, BufWriter, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use unseen_texts::{say, text};
use unseen_worker::frames::{read_frame, write_frame};

use crate::config::Cluster;
use crate::error::ClusterError;

/// Whoever carries.
pub trait Courier {
    /// Sends a task; `id` comes back with what becomes of it.
    fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError>;

    /// What comes back next, if anything does in that time.
    fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError>;
}

/// What came back of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// What a node answered, or what somebody says it did.
    Answer(Vec<u8>),
    /// The engine gave it up: no more than a hint.
    GivenUp(String),
}

/// A courier that is a process.
pub struct Process {
    child: Child,
    tasks: Sender<(u64, Vec<u8>)>,
    back: Receiver<Result<(u64, Back), ClusterError>>,
    said: Arc<Mutex<String>>,
}

/// What stands before a courier's own words.
const OWN: &str = "courier: ";
/// How long a courier may take to reach its engine, in seconds.
const PATIENCE: u64 = 120;

impl Process {
    /// Starts the courier and waits until it has reached its engine.
    pub fn start(cluster: &Cluster) -> Result<Process, ClusterError> {
        let nothing = || {
            ClusterError::of(&text!("[cluster] in lab.toml names no courier", "lab.toml 的 [cluster] 没有写明信使程序"))
        };
        let (program, arguments) = cluster.courier.split_first().ok_or_else(nothing)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(cluster.given());
        let no_courier = |why| ClusterError::NoCourier { program: program.clone(), why };
        let mut child = unseen_worker::process::spawn_bound(command).map_err(no_courier)?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((mut stdin, stdout), stderr) =
            pipes.ok_or_else(|| no_courier(std::io::Error::other("it has no pipes")))?;
        let (tasks, to_send) = mpsc::channel::<(u64, Vec<u8>)>();
        let (heard, back) = mpsc::channel();
        let said = Arc::new(Mutex::new(String::new()));
        let last = said.clone();
        std::thread::spawn(move || listen_to_errors(stderr, &last));
        // Neither a courier that does not read nor one that does not write holds the coordinator up.
        std::thread::spawn(move || {
            for (id, task) in to_send {
                let frame = [id.to_le_bytes().as_slice(), &task].concat();
                if write_frame(&mut BufWriter::new(&mut stdin), &frame).is_err() {
                    break;
                }
            }
        });
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut ready = [0];
            if stdout.read_exact(&mut ready).is_ok() {
                // An id that no task has.
                let first =
                    if &ready == b"R" { Ok((u64::MAX, Back::Answer(Vec::new()))) } else { Err(ClusterError::Rubbish) };
                let _ = heard.send(first);
            }
            while let Ok(frame) = read_frame(&mut stdout) {
                if heard.send(parse(&frame)).is_err() {
                    break;
                }
            }
        });
        let mut process = Process { child, tasks, back, said };
        match process.receive(Duration::from_secs(PATIENCE))? {
            Some(_) => Ok(process),
            None => Err(ClusterError::CourierSilent(PATIENCE)),
        }
    }

    /// Why it ended, in its own last words.
    fn ended(&mut self) -> ClusterError {
        let end = Instant::now() + Duration::from_secs(5);
        let mut status = None;
        while status.is_none() && Instant::now() < end {
            status = self.child.try_wait().ok().flatten();
            std::thread::sleep(Duration::from_millis(20));
        }
        let said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        ClusterError::CourierEnded(match (said.is_empty(), status) {
            (false, _) => said.trim_start_matches(OWN).to_owned().into(),
            (true, Some(status)) => {
                say!("without a word ({status})", "没有任何说明（{status}）", status = status.to_string())
            }
            (true, None) => text!("it closed its output and goes on", "它关闭了输出但仍在运行").into(),
        })
    }
}

impl Courier for Process {
    fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError> {
        self.tasks.send((id, task)).map_err(|_| self.ended())
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
        match self.back.recv_timeout(wait) {
            Ok(back) => back.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }
}

impl Drop for Process {
    /// A courier whose input is closed takes back what still runs, and ends; one that does not is ended.
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel();
        drop(std::mem::replace(&mut self.tasks, closed));
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(frame: &[u8]) -> Result<(u64, Back), ClusterError> {
    let (id, rest) = frame.split_first_chunk::<8>().ok_or(ClusterError::Rubbish)?;
    let back = match rest.split_first() {
        Some((b'A', answer)) => Back::Answer(answer.to_vec()),
        Some((b'F', why)) => Back::GivenUp(String::from_utf8_lossy(&why[..why.len().min(500)]).into_owned()),
        _ => return Err(ClusterError::Rubbish),
    };
    Ok((u64::from_le_bytes(*id), back))
}

/// Keeps the last line that the courier wrote for people: its own words before those of the engine's libraries.
fn listen_to_errors(stderr: ChildStderr, last: &Mutex<String>) {
    use std::io::BufRead as _;
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line[..line.len().min(1_000)]).trim().to_owned();
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if line.starts_with(OWN) || !line.is_empty() && !last.starts_with(OWN) {
            *last = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(script: &str) -> Cluster {
        let courier = ["sh", "-c", script].map(str::to_owned).to_vec();
        toml::from_str::<Cluster>("courier = []\nstore = \"/\"").map(|cluster| Cluster { courier, ..cluster }).unwrap()
    }

    #[test]
    fn what_a_courier_does_wrong_is_said_in_a_sentence() {
        let said = |script: &str| Process::start(&cluster(script)).map(drop).unwrap_err().to_string();
        assert_eq!(
            said("echo 'nobody answers at spark://x' >&2; exit 3"),
            "the courier ended: nobody answers at spark://x"
        );
        assert!(said("exit 3").contains("without a word"));
        assert!(said("echo Starting up").contains("something else writes to its standard output"));
        let missing = Cluster { courier: vec!["/nowhere/courier".to_owned()], ..cluster("") };
        assert!(
            Process::start(&missing)
                .map(drop)
                .unwrap_err()
                .to_string()
                .contains("`/nowhere/courier` cannot be started")
        );
    }

    #[test]
    fn frames_go_there_and_back() {
        // Answers `yes`, with the id of what was sent, and gives the next one up.
        let script = "printf R; head -c 8 >/dev/null; id=$(head -c 8 | od -An -tu1 | tr -d ' \\n'); head -c 4 >/dev/null; \
                      printf '\\014\\0\\0\\0\\0\\0\\0\\0\\007\\0\\0\\0\\0\\0\\0\\0Ayes\\011\\0\\0\\0\\0\\0\\0\\0\\010\\0\\0\\0\\0\\0\\0\\0F'; cat >/dev/null";
        let mut courier = Process::start(&cluster(script)).unwrap();
        courier.send(7, b"task".to_vec()).unwrap();
        let wait = Duration::from_secs(10);
        assert_eq!(courier.receive(wait).unwrap(), Some((7, Back::Answer(b"yes".to_vec()))));
        assert_eq!(courier.receive(wait).unwrap(), Some((8, Back::GivenUp(String::new()))));
        assert_eq!(courier.receive(Duration::from_millis(1)).unwrap(), None);
        let begun = Instant::now();
        drop(courier);
        assert!(begun.elapsed() < Duration::from_secs(5), "it ends when its input does");
    }
}
