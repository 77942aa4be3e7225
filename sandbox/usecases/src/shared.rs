//! The lab as many readers have it at a time: one view, brought up to date when the log has grown.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use unseen_lab::{Lab, LabError, Resting, View};

use crate::desk::Desk;
use crate::error::UseCaseError;

/// A lab that is open to many. Other processes may write to it by turns.
pub struct Shared {
    folder: PathBuf,
    program: PathBuf,
    kept: RwLock<Kept>,
    /// Writers of this process wait here, in turn, and not at the folder's lock.
    lab: Mutex<Writing>,
    /// How many wait here.
    waiting: AtomicUsize,
    /// Told whenever a thread begins to wait for nothing but the disk.
    at_rest: fn(),
}

struct Kept {
    view: View,
    checkpoint: Vec<u8>,
}

/// The lab between the turns of two writers.
#[derive(Default)]
enum Writing {
    /// To be opened as it is on the disk.
    #[default]
    Closed,
    /// Let go, for other processes.
    Resting(Box<Resting>),
    /// Open since so many turns. What they have staged is logged by the last of those who wait: while the disk is busy
    /// with it, the next ones gather.
    Open(Box<Lab>, usize),
}

/// So many turns have the lab at most before it is let go.
const TURNS: usize = 256;

impl Shared {
    /// Opens a lab; `at_rest` is called by each thread that begins to wait for nothing but the disk.
    pub fn open(folder: PathBuf, program: PathBuf, at_rest: fn()) -> Result<Shared, LabError> {
        // Finishes what a killed process left half done.
        drop(Lab::open(&folder)?);
        let checkpoint = read_checkpoint(&folder)?;
        let kept = RwLock::new(Kept { view: View::open(&folder)?, checkpoint });
        Ok(Shared { folder, program, kept, lab: Mutex::default(), waiting: AtomicUsize::new(0), at_rest })
    }

    /// Saves the folded state that writers have left to be saved. Called every second or so.
    pub fn save(&self) -> Result<(), UseCaseError> {
        let rests = matches!(&*self.turn(), Writing::Resting(resting) if resting.is_unsaved());
        let save = |lab: &mut Lab| {
            lab.save();
            Ok::<_, LabError>(())
        };
        if rests { self.write(save) } else { Ok(()) }
    }

    /// Does a step when its turn has come. Nobody hears what came of it before all that it saw is in the log.
    fn in_turn<T, E: From<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, E> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut writing = self.turn();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        // Not in its place meanwhile: should the step panic, the next turn opens the lab anew.
        let (mut lab, turns) = self.opened(std::mem::take(&mut *writing)).map_err(UseCaseError::from)?;
        let done = step(&mut lab);
        let outcome = lab.outcome();
        let last = self.waiting.load(Ordering::SeqCst) == 0 || turns + 1 >= TURNS || !lab.is_sound();
        *writing = if last { self.let_go(lab) } else { Writing::Open(lab, turns + 1) };
        drop(writing);
        if let Some(outcome) = outcome {
            (self.at_rest)();
            outcome.wait().map_err(UseCaseError::from)?;
        }
        done
    }

    fn turn(&self) -> MutexGuard<'_, Writing> {
        self.lab.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, writing: Writing) -> Result<(Box<Lab>, usize), LabError> {
        let resting = match writing {
            Writing::Open(lab, turns) => return Ok((lab, turns)),
            Writing::Resting(resting) => Some(*resting),
            Writing::Closed => None,
        };
        let seen = self.kept.read().unwrap_or_else(PoisonError::into_inner).view.clone();
        Ok((Box::new(Lab::reopen(&seen, resting)?), 0))
    }

    /// Logs what was staged, and lets other processes have the lab.
    fn let_go(&self, mut lab: Box<Lab>) -> Writing {
        let logged = lab.commit_and(|view| self.written(view));
        logged.ok().and_then(|()| lab.rest()).map_or(Writing::Closed, |resting| Writing::Resting(Box::new(resting)))
    }

    fn now(&self) -> Result<View, LabError> {
        let checkpoint = read_checkpoint(&self.folder)?;
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if kept.checkpoint == checkpoint {
            return Ok(kept.view.clone());
        }
        let before = kept.view.clone();
        drop(kept);
        // A key that changes in the middle of this is met the second time.
        let view = before.follow().or_else(|_| before.follow())?;
        self.keep(view.clone(), checkpoint);
        Ok(view)
    }

    /// What this process has written need not be read.
    fn written(&self, view: &View) {
        self.keep(view.clone(), view.log().note().to_string().into());
    }

    fn keep(&self, view: View, checkpoint: Vec<u8>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have come further.
        if view.log().size() >= kept.view.log().size() {
            *kept = Kept { view, checkpoint };
        }
    }
}

impl Desk for Shared {
    fn view(&self) -> Result<View, UseCaseError> {
        Ok(self.now()?)
    }

    fn write<T, E: Into<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, UseCaseError> {
        self.in_turn(|lab| {
            // It may take long, and others wait for theirs.
            lab.commit_and(|view| self.written(view))?;
            step(lab).map_err(Into::into)
        })
    }

    fn together<T, E: From<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, E> {
        self.in_turn(step)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn program(&self) -> &Path {
        &self.program
    }
}

fn read_checkpoint(folder: &Path) -> Result<Vec<u8>, LabError> {
    let path = folder.join("log/checkpoint");
    std::fs::read(&path).map_err(LabError::io(path))
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::atomic::AtomicBool;

    use tempfile::TempDir;
    use unseen_entries::sign::prove_enrolment;
    use unseen_ids::Role;
    use unseen_policies::event::PersonEnrolled;
    use unseen_tlog::{Signer, SigningKey};

    use super::*;

    const ORIGIN: &str = "lab.example/shared";

    /// A lab with a desk, and signed entries that each enrol somebody.
    fn made(entries: u8) -> (TempDir, Shared, Vec<Vec<u8>>) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("lab");
        let owner = SigningKey::from_seed([255; 32]).unwrap();
        let lab = Lab::init(&folder, ORIGIN, "owner", &owner).unwrap();
        let enrolment = |number: u8| {
            let (name, roles) = (format!("person {number}"), vec![Role::Analyst]);
            let key = SigningKey::from_seed([number; 32]).unwrap();
            let proof = prove_enrolment(&key, ORIGIN, &name, &roles).unwrap();
            let event = PersonEnrolled { name, roles, key: key.verifying_key().into(), kept: None, proof };
            lab.signed(event, &owner).unwrap()
        };
        let entries = (1..=entries).map(enrolment).collect();
        drop(lab);
        (dir, Shared::open(folder, PathBuf::new(), || ()).unwrap(), entries)
    }

    fn put(desk: &Shared, entry: &[u8]) -> Result<u64, UseCaseError> {
        desk.together(|lab| Ok(lab.stage(&lab.verified(entry)?, &[])?))
    }

    #[test]
    fn those_who_wait_are_logged_together() {
        let (_dir, desk, mut entries) = made(51);
        let last = entries.pop().unwrap();
        let before = desk.view().unwrap().log().size();
        let seen = std::thread::scope(|scope| {
            let turn = desk.turn();
            let step = |entry| {
                desk.together(|lab| {
                    let index = lab.stage(&lab.verified(entry)?, &[])?;
                    Ok::<_, UseCaseError>((lab.log().size(), index))
                })
            };
            let writers: Vec<_> = entries.iter().map(|entry| scope.spawn(move || step(entry).unwrap())).collect();
            while desk.waiting.load(Ordering::SeqCst) < entries.len() {
                std::thread::yield_now();
            }
            drop(turn);
            writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(seen.iter().all(|(logged, _)| *logged == before), "some were logged before others were staged");
        let mut indexes: Vec<u64> = seen.into_iter().map(|(_, index)| index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, (before..before + 50).collect::<Vec<_>>());
        assert_eq!(desk.view().unwrap().log().size(), before + 50);
        // From the second time on the state on the disk is behind, which others make up for, and then it is saved.
        put(&desk, &last).unwrap();
        let is_unsaved = || matches!(&*desk.turn(), Writing::Resting(resting) if resting.is_unsaved());
        let found = || Lab::open(&desk.folder).unwrap().ledger().people().len();
        assert!(is_unsaved());
        assert_eq!(found(), 52);
        desk.save().unwrap();
        assert!(!is_unsaved());
        assert_eq!(found(), 52);
    }

    #[test]
    fn whatever_happens_to_one_the_others_go_on() {
        let (_dir, desk, entries) = made(6);
        let size = || desk.view().unwrap().log().size();
        let before = size();
        assert_eq!(put(&desk, &entries[0]).unwrap(), before);
        // Refused, and nothing is left of it.
        assert!(put(&desk, &entries[0]).is_err());
        assert!(
            std::panic::catch_unwind(AssertUnwindSafe(|| {
                desk.together(|lab| -> Result<(), UseCaseError> {
                    lab.stage(&lab.verified(&entries[1])?, &[])?;
                    panic!("in the middle of a step");
                })
            }))
            .is_err()
        );
        assert_eq!(size(), before + 1);
        assert_eq!(put(&desk, &entries[1]).unwrap(), before + 1);
        // Another process has written.
        Lab::open(&desk.folder).unwrap().accept(&entries[2], &[]).unwrap();
        assert_eq!(put(&desk, &entries[3]).unwrap(), before + 3);
        // An older log in the place of the one that was seen: refused as long as it is there.
        let (log, old) = (desk.folder.join("log"), desk.folder.join("old"));
        let copy = |from: &Path, to: &Path| {
            assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
        };
        copy(&log, &old);
        assert_eq!(put(&desk, &entries[4]).unwrap(), before + 4);
        std::fs::rename(&log, desk.folder.join("new")).unwrap();
        std::fs::rename(&old, &log).unwrap();
        for _ in 0..2 {
            assert!(put(&desk, &entries[5]).unwrap_err().to_string().starts_with("ROLLBACK"));
        }
        std::fs::remove_dir_all(&log).unwrap();
        std::fs::rename(desk.folder.join("new"), &log).unwrap();
        assert_eq!(put(&desk, &entries[5]).unwrap(), before + 5);
    }

    #[test]
    fn a_desk_that_never_rests_lets_other_processes_in() {
        let (_dir, desk, _) = made(0);
        let busy = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while busy.load(Ordering::Relaxed) {
                        desk.write(|_| Ok::<_, UseCaseError>(())).unwrap();
                    }
                });
            }
            let opened: Vec<_> = (0..5).map(|_| Lab::open(&desk.folder).map(drop)).collect();
            busy.store(false, Ordering::Relaxed);
            opened.into_iter().for_each(Result::unwrap);
        });
    }
}
