//! What the lab does by itself: approved jobs run in turn, results are published at their time, witnesses are asked
//! again until they answer.
//!
//! Everything that is to be done follows from the log and the lab's folder, so a queue that was killed goes on where it
//! was: a run that was charged is resumed, and nothing starts before the slot of the run before it has ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use unseen_ids::JobId;
use unseen_lab::{Begun, Kept, LabError, RunLock, View};
use unseen_policies::ledger::Job;
use unseen_policies::lifecycle::State;
use unseen_texts::{Sentence, say};
use unseen_usecases::{Desk, publish};

use crate::notify::Notifier;
use crate::problem::RequestError;
use crate::service::Service;
use crate::watch::Day;

/// How long nothing happens between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long what went wrong is left alone: at first, and at most.
const WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));

/// The queue at work, until it is dropped. A run that goes on is left: the next start resumes it.
pub struct Queue {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What went wrong, and until when it is left alone.
#[derive(Clone, Default)]
struct Setbacks(Arc<Mutex<All>>);

type All = HashMap<(Step, JobId), (Instant, Duration)>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Publish,
    Run,
}

impl Queue {
    /// Begins.
    pub(crate) fn start(service: Arc<Service>, mut notifier: Option<Notifier>) -> std::io::Result<Queue> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let work = move || {
            let (running, setbacks) = (Running::default(), Setbacks::default());
            while !seen.load(Ordering::Relaxed) {
                if let Err(error) = step(&service, &running, &setbacks) {
                    (service.tell)(Sentence::of(&error));
                }
                let told = |notifier: &mut Notifier| notifier.go_on(&service, &service.view()?);
                if let Some(Err(error)) = notifier.as_mut().map(told) {
                    (service.tell)(Sentence::of(&error));
                }
                std::thread::sleep(LOOK);
            }
            save(&service);
        };
        let thread = std::thread::Builder::new().name("queue".to_owned()).spawn(work)?;
        Ok(Queue { stop, thread: Some(thread) })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// The job that a thread of this process runs, if there is one.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<Option<JobId>>>);

impl Running {
    fn set(&self, job: Option<JobId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = job;
    }

    fn get(&self) -> Option<JobId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn step(service: &Arc<Service>, running: &Running, setbacks: &Setbacks) -> Result<(), RequestError> {
    let view = service.view()?;
    keep_watch(service, &view);
    destroy_expired(service, &view);
    save(service);
    for job in due(&view) {
        if setbacks.allow(Step::Publish, job) {
            match publish(&service.desk, job) {
                Ok(()) => setbacks.forget(Step::Publish, job),
                Err(error) => {
                    setbacks.note(Step::Publish, job);
                    (service.tell)(say!("{job} was not published: {error}", "{job} 未能发布：{error}"));
                }
            }
        }
    }
    // What was published just now is not to be run again.
    let view = service.view()?;
    if running.get().is_some() {
        return Ok(());
    }
    if let Some(job) = next(&view).filter(|job| setbacks.allow(Step::Run, *job))
        && let Err(error) = run(service, running, setbacks, job)
    {
        put_off(service, setbacks, job, &error);
    }
    Ok(())
}

/// Leaves a job alone for a while that cannot run now.
fn put_off(service: &Service, setbacks: &Setbacks, job: JobId, error: &RequestError) {
    setbacks.note(Step::Run, job);
    (service.tell)(say!("{job} cannot run now: {error}", "{job} 暂时无法运行：{error}"));
}

/// Makes the second log durable, and puts the digest of a finished day into the lab's log.
fn keep_watch(service: &Service, view: &View) {
    let now = Utc::now();
    let finished =
        service.watch.flush(now).and_then(|()| service.watch.finished_after(view.ledger().last_access_log(), now));
    match finished {
        Ok(None) => {}
        Ok(Some(Day { date, digest, lines })) => {
            if let Err(error) = service.desk.write(|lab| lab.record_access_log(date, digest, lines)) {
                (service.tell)(Sentence::of(&error));
            }
        }
        Err(error) => (service.tell)(Sentence::of(&error)),
    }
}

/// Destroys what is to be kept no longer, which a lab does whenever it is opened to be written to.
fn destroy_expired(service: &Service, view: &View) {
    if !view.expired(Utc::now()).is_empty()
        && let Err(error) = service.desk.write(|_| Ok::<_, LabError>(()))
    {
        (service.tell)(Sentence::of(&error));
    }
}

/// Saves the state that people's changes have left to be saved.
fn save(service: &Service) {
    if let Err(error) = service.desk.save() {
        (service.tell)(Sentence::of(&error));
    }
}

/// Runs whose time has come, and releases that wait for their witnesses.
fn due(view: &View) -> Vec<JobId> {
    let now = Utc::now();
    let jobs = view.ledger().jobs().iter().filter(|(id, job)| match job.state {
        State::Running => {
            let past = job.run.as_ref().is_some_and(|run| run.release_at <= now && run.slot_ends <= now);
            past && view.kept(**id) != Kept::Nothing
        }
        State::Released => view.witnessing_of(**id).is_ok_and(|waits| waits.is_some()),
        _ => false,
    });
    jobs.map(|(id, _)| *id).collect()
}

/// The run that was cut short, or else the job whose turn it is; none while the slot of another lasts.
fn next(view: &View) -> Option<JobId> {
    let ledger = view.ledger();
    let now = Utc::now();
    let unfinished = |id: JobId, job: &Job| match view.kept(id) {
        Kept::Nothing => true,
        Kept::CutShort => job.run.as_ref().is_some_and(|run| now < run.release_at),
        Kept::End => false,
    };
    let started = ledger.jobs().iter().find(|(id, job)| job.state == State::Running && unfinished(**id, job));
    match started {
        Some((id, _)) => Some(*id),
        None => ledger.check_free(now).is_ok().then(|| ledger.queue().first().copied()).flatten(),
    }
}

/// Runs a job in a thread of its own, until its slot has ended: to reach an engine takes time too, and what is due
/// meanwhile is published.
fn run(service: &Arc<Service>, running: &Running, setbacks: &Setbacks, job: JobId) -> Result<(), RequestError> {
    let held = match RunLock::take(service.desk.folder()) {
        // Somebody at the lab's machine runs or replays a job: that passes.
        Err(LabError::RunGoesOn(_)) => return Ok(()),
        held => held?,
    };
    running.set(Some(job));
    let (service, over, setbacks) = (service.clone(), running.clone(), setbacks.clone());
    let work = move || {
        match begin(&service, job, &held) {
            Ok(begun) => {
                setbacks.forget(Step::Run, job);
                let slot_ends = begun.slot_ends();
                if let Err(error) = begun.carry_out(|_, _| ()) {
                    (service.tell)(Sentence::of(&error));
                }
                while let Ok(left) = (slot_ends - Utc::now()).to_std() {
                    std::thread::sleep(left);
                }
            }
            Err(error) => put_off(&service, &setbacks, job, &error),
        }
        drop(held);
        over.set(None);
    };
    let spawned = std::thread::Builder::new().name("run".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| {
        running.set(None);
        LabError::io(job.to_string())(error).into()
    })
}

/// Reaches the engine, where runs are spread by one, and charges the job.
fn begin(service: &Service, job: JobId, held: &RunLock) -> Result<Begun, RequestError> {
    let reached = service.desk.view()?.reach(job)?;
    let threads = service.run_threads();
    Ok(service.desk.write(|lab| lab.begin_as_lab(service.desk.program(), job, threads, held, reached))?)
}

impl Setbacks {
    fn allow(&self, step: Step, job: JobId) -> bool {
        self.all().get(&(step, job)).is_none_or(|(until, _)| *until <= Instant::now())
    }

    fn note(&self, step: Step, job: JobId) {
        let mut all = self.all();
        let wait = all.get(&(step, job)).map_or(WAIT.0, |(_, wait)| (*wait * 2).min(WAIT.1));
        all.insert((step, job), (Instant::now() + wait, wait));
    }

    fn forget(&self, step: Step, job: JobId) {
        self.all().remove(&(step, job));
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
