//! Who is at work on a lab: locks that say who holds them.
//!
//! A lock is a `flock` on a file of the folder `locks/`, in which the holder writes its process id and when
//! that process began. Whoever reads it takes no lock, and so is in nobody's way.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use unseen_texts::{Say, Sentence, text};

use crate::error::LabError;

/// Where they lie in a lab.
pub(crate) const FOLDER: &str = "locks";
const WRITER: &str = "writer";
const NEXT: &str = "next";
const STATE: &str = "state";
const RUN: &str = "run";
const IMPORT: &str = "import-";

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Say)]
#[en("process {pid} ({command})")]
#[zh("进程 {pid}（{command}）")]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// What was typed to start it.
    pub command: String,
}

/// What somebody is doing with a lab right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Running or replaying a job.
    Run,
    /// Importing a dataset of this name.
    Import(String),
}

/// Held by whoever runs a job on this machine, until its slot has ended: one run at a time has the memory that
/// was set aside, and what another is told who asks for it meanwhile does not tell when the run ended.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "dropping it lets go of the lock")] Lock);

impl RunLock {
    /// Takes it, unless another process runs a job of this lab. Nobody waits: when the other one ends may
    /// depend on rows, and what starts next must not.
    pub fn take(dir: &Path) -> Result<RunLock, LabError> {
        take(dir, RUN, Instant::now())?.map(RunLock).map_err(|holder| LabError::RunGoesOn(shown(holder)))
    }
}

/// Others hold the lab only for moments, so waiting is worthwhile.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often whoever waits looks whether it is their turn.
const LOOK: Duration = Duration::from_millis(5);

/// The right to write to the lab. Whoever is next keeps those behind waiting, so that a process that lets the lab go
/// and takes it again at once lets others in.
pub(crate) fn take_writer(dir: &Path) -> Result<Lock, LabError> {
    let until = Instant::now() + PATIENCE;
    let in_use = |holder| LabError::InUse(shown(holder));
    let _next = take(dir, NEXT, until)?.map_err(|_| in_use(holder(&place(dir, WRITER))))?;
    take(dir, WRITER, until)?.map_err(in_use)
}

/// The right to open the folded state; a reader does not wait for it.
pub(crate) fn take_state(dir: &Path, wait: bool) -> Result<Lock, LabError> {
    let patience = if wait { PATIENCE } else { Duration::ZERO };
    take(dir, STATE, Instant::now() + patience)?.map_err(|holder| LabError::InUse(shown(holder)))
}

/// The right to import a dataset of this name.
pub(crate) fn take_import(dir: &Path, dataset: &str) -> Result<Lock, LabError> {
    let taken = take(dir, &format!("{IMPORT}{dataset}"), Instant::now())?;
    taken.map_err(|holder| LabError::ImportGoesOn { dataset: dataset.to_owned(), by: shown(holder) })
}

/// What goes on in a lab that lasts, and whose work it is. Changes nothing.
pub(crate) fn at_work(dir: &Path) -> Vec<(Doing, Holder)> {
    let found = std::fs::read_dir(dir.join(FOLDER)).into_iter().flatten().flatten();
    let mut names: Vec<String> = found.filter_map(|found| found.file_name().into_string().ok()).collect();
    names.sort();
    let doing = names.into_iter().filter_map(|name| {
        let doing = match name.strip_prefix(IMPORT) {
            Some(dataset) => Doing::Import(dataset.to_owned()),
            None if name == RUN => Doing::Run,
            None => return None,
        };
        Some((doing, holder(&place(dir, &name))?))
    });
    doing.collect()
}

fn place(dir: &Path, name: &str) -> PathBuf {
    dir.join(FOLDER).join(name)
}

fn take(dir: &Path, name: &str, until: Instant) -> Result<Result<Lock, Option<Holder>>, LabError> {
    if !dir.join("lab.toml").exists() {
        return Err(LabError::NoLab(dir.to_owned()));
    }
    let path = place(dir, name);
    std::fs::create_dir_all(dir.join(FOLDER)).map_err(LabError::io(dir.join(FOLDER)))?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(LabError::io(&path))?;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => return Ok(Err(holder(&path))),
            Err(TryLockError::Error(error)) => return Err(LabError::io(&path)(error)),
        }
    }
    let mut lock = Lock(file);
    // Only for people: a full disk does not stop the work.
    let _ = lock.sign();
    Ok(Ok(lock))
}

impl Lock {
    fn sign(&mut self) -> std::io::Result<()> {
        let pid = std::process::id();
        self.0.set_len(0)?;
        self.0.write_all(format!("{pid} {}", began(pid).unwrap_or_default()).as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

/// Who wrote this, if that process lives still.
fn holder(path: &Path) -> Option<Holder> {
    let text = std::fs::read_to_string(path).ok()?;
    let (pid, since) = text.split_once(' ')?;
    let pid = pid.parse().ok()?;
    if began(pid)? != since {
        return None;
    }
    let typed = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = typed.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>();
    let command = words.join(" ").chars().filter(|c| !c.is_control()).take(200).collect();
    Some(Holder { pid, command })
}

/// When a process began, in the kernel's ticks: proc_pid_stat(5), field 22.
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}

fn shown(holder: Option<Holder>) -> Sentence {
    holder.map_or_else(|| text!("another process", "另一个进程").into(), |holder| Sentence::of(&holder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_its_holder_as_long_as_it_is_held() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lab.toml"), "").unwrap();
        assert_eq!(at_work(dir.path()), []);
        let held = RunLock::take(dir.path()).unwrap();
        let import = take_import(dir.path(), "firms").unwrap();
        let work = at_work(dir.path());
        assert_eq!(
            work.iter().map(|(doing, _)| doing).collect::<Vec<_>>(),
            [&Doing::Import("firms".into()), &Doing::Run]
        );
        assert!(work.iter().all(|(_, holder)| holder.pid == std::process::id() && !holder.command.is_empty()));
        let refused = RunLock::take(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {} (", std::process::id())), "{refused}");
        drop((held, import));
        assert_eq!(at_work(dir.path()), []);
        drop(RunLock::take(dir.path()).unwrap());
        // Left by a process that was killed, whose number another one has by now.
        std::fs::write(place(dir.path(), RUN), format!("{} 1", std::process::id())).unwrap();
        assert_eq!(at_work(dir.path()), []);
    }
}
