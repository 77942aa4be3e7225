//! Imports of what was uploaded, one after another, each in a process of its own: what a file makes it do ends with that
//! process.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use unseen_lab::{ImportId, LabError, View};
use unseen_texts::{Sentence, say};
use unseen_usecases::Desk;
use unseen_usecases::imports::{ARGUMENT, Assigned};

use crate::problem::RequestError;
use crate::service::Service;

/// How long nothing happens between two looks.
const LOOK: Duration = Duration::from_millis(300);
/// How long what is done with is left lying.
const SWEEP: Duration = Duration::from_secs(3);
/// The exit code of a process that could not begin.
const NOT_NOW: i32 = 1;
/// How long an import rests that could not begin.
const REST: Duration = Duration::from_secs(5);
/// How long an import may say nothing. One that waits for nodes says so; a file of some hundred bytes can be made so
/// that the decoder of Parquet counts for days.
const MOST_STANDING: Duration = Duration::from_secs(3600);

/// The importer at work, until it is dropped: then the import that goes on ends, and begins again with the next start.
pub(crate) struct Importer {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Importer {
    pub fn start(service: Arc<Service>) -> std::io::Result<Importer> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let work = move || {
            let mut swept = None;
            while !seen.load(Ordering::Relaxed) {
                let rest = match look(&service, &seen, &mut swept) {
                    Ok(()) => LOOK,
                    Err(error) => {
                        (service.tell)(Sentence::of(&error));
                        REST
                    }
                };
                pause(rest, &seen);
            }
        };
        let thread = std::thread::Builder::new().name("importer".to_owned()).spawn(work)?;
        Ok(Importer { stop, thread: Some(thread) })
    }
}

impl Drop for Importer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn look(service: &Service, stop: &AtomicBool, swept: &mut Option<Instant>) -> Result<(), RequestError> {
    let view = service.view()?;
    if swept.is_none_or(|at| at.elapsed() > SWEEP) {
        view.sweep_imports();
        *swept = Some(Instant::now());
    }
    match view.next_import() {
        Some(id) if view.begin_asked_import(&id)? => carry_out(service, &view, &id, stop),
        _ => Ok(()),
    }
}

fn carry_out(service: &Service, view: &View, import: &ImportId, stop: &AtomicBool) -> Result<(), RequestError> {
    let id = import.to_string();
    let mut child = begun(service, view, import).map_err(LabError::io(&id))?;
    let mut pace = Pace::new(Instant::now());
    let ended = loop {
        if let Some(status) = child.0.try_wait().map_err(LabError::io(&id))? {
            break Some(status);
        }
        if stop.load(Ordering::Relaxed) {
            break None;
        }
        // Rows that fill the disk would stop the whole lab, and an import that stands still all others.
        if !view.has_room() || pace.stands(view.import_heard(import), Instant::now()) {
            break Some(child.end().map_err(LabError::io(&id))?);
        }
        pause(LOOK, stop);
    };
    match ended.map(|status| status.code()) {
        Some(Some(0)) => Ok(()),
        // The lab was busy, or the service is to end: it is tried again.
        Some(Some(NOT_NOW)) | None => {
            view.put_off_import(import)?;
            pause(REST, stop);
            Ok(())
        }
        // Ended by a signal: its file or its size brought that about.
        Some(_) => {
            (service.tell)(say!("the import {id} needed more than it may have", "导入 {id} 所需资源超过限额"));
            Ok(view.import_died(import)?)
        }
    }
}

fn begun(service: &Service, view: &View, id: &ImportId) -> std::io::Result<Running> {
    let told = serde_json::to_vec(&Assigned { lab: service.desk.folder().to_owned(), import: id.clone() })?;
    let mut command = Command::new(service.desk.program());
    command
        .arg(ARGUMENT)
        .env_clear()
        .envs(view.importers_environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    let mut child = Running(command.spawn()?);
    if let Some(mut input) = child.0.stdin.take() {
        input.write_all(&told)?;
    }
    Ok(child)
}

/// Whether an import goes on.
struct Pace {
    heard: Option<SystemTime>,
    since: Instant,
}

impl Pace {
    fn new(now: Instant) -> Pace {
        Pace { heard: None, since: now }
    }

    /// Whether nothing has been heard of it for too long. Only whether it spoke anew counts, and no clock that is set.
    fn stands(&mut self, heard: Option<SystemTime>, now: Instant) -> bool {
        if self.heard != heard {
            *self = Pace { heard, since: now };
        }
        now - self.since > MOST_STANDING
    }
}

/// A process that does not outlive who started it.
struct Running(Child);

impl Running {
    fn end(&mut self) -> std::io::Result<std::process::ExitStatus> {
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Waits, unless it is to stop.
fn pause(long: Duration, stop: &AtomicBool) {
    let until = Instant::now() + long;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_may_take_as_long_as_it_says_so() {
        let start = Instant::now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut pace = Pace::new(start);
        let once = Some(SystemTime::UNIX_EPOCH);
        for (at, heard, stands) in [(50, None, false), (61, once, false), (120, once, false), (122, once, true)] {
            assert_eq!(pace.stands(heard, minutes(at)), stands, "after {at} minutes");
        }
        assert!(Pace::new(start).stands(None, minutes(61)), "one that has not begun to read");
    }
}
