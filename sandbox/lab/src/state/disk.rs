//! The files of the cache, which sled keeps: one process has them at a time, and waits for none of it for ever.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::error::LabError;
use crate::locks::{self, Lock};

/// The cache, open.
pub(super) struct Disk {
    pub db: sled::Db,
    /// Whether it could be written to so far.
    sound: bool,
    /// Dropped after `db`, so that whoever waits for it drops sled's last handle.
    last: Option<mpsc::Sender<()>>,
    /// Dropped after `last`, and before the lock is let go.
    closed: Closed,
    _lock: Lock,
}

/// Waits until sled is closed, but not for ever.
struct Closed(Option<mpsc::Receiver<()>>);

impl Drop for Closed {
    fn drop(&mut self) {
        let _closed = self.0.take().map(|closed| closed.recv_timeout(PATIENCE));
    }
}

/// Where it lies in a lab.
const FOLDER: &str = "state";
/// How long a disk may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Disk {
    /// Opens the files; those that sled finds damaged are begun anew.
    pub fn open(lab: &Path) -> Result<Disk, LabError> {
        let (lock, dir) = (locks::take_state(lab, true)?, lab.join(FOLDER));
        let db = match opened(&dir)? {
            Err(sled::Error::Io(error)) if error.raw_os_error().is_some() => return Err(failed(error)),
            Err(_) => {
                std::fs::remove_dir_all(&dir).map_err(LabError::io(&dir))?;
                opened(&dir)?.map_err(failed)?
            }
            Ok(db) => db,
        };
        Ok(Disk::of(db, lock))
    }

    /// The files for reading only: none where another process has them, or where not even a lock can be written.
    pub fn peek(lab: &Path) -> Option<Disk> {
        let (lock, dir) = (locks::take_state(lab, false).ok()?, lab.join(FOLDER));
        let db = dir.is_dir().then(|| opened(&dir).ok()?.ok())??;
        Some(Disk::of(db, lock))
    }

    fn of(db: sled::Db, lock: Lock) -> Disk {
        Disk { db, sound: true, last: None, closed: Closed(None), _lock: lock }
    }

    /// Nobody waits until files are closed that could not be written to.
    pub fn give_up(&mut self) {
        self.sound = false;
    }
}

impl Drop for Disk {
    /// sled flushes once more as it is dropped, and may wait for ever where it could not write: so somebody else waits.
    fn drop(&mut self) {
        let ((last, after), (done, closed)) = (mpsc::channel(), mpsc::channel());
        let db = self.db.clone();
        let closing = std::thread::Builder::new().spawn(move || {
            let _ = after.recv();
            drop(db);
            let _ = done.send(());
        });
        if closing.is_ok() {
            self.last = Some(last);
            self.closed = Closed(self.sound.then_some(closed));
        }
    }
}

fn opened(dir: &Path) -> Result<sled::Result<sled::Db>, LabError> {
    let dir = dir.to_owned();
    in_time(move || config(&dir).open())
}

/// Does what may write, but waits not for ever: sled 0.34.7 does not always wake who waits when its own thread could not
/// write (`exit_reservation`).
pub(super) fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
    let (done, ended) = mpsc::channel();
    std::thread::Builder::new().spawn(move || done.send(work())).map_err(failed)?;
    ended.recv_timeout(PATIENCE).map_err(failed)
}

fn config(dir: &Path) -> sled::Config {
    sled::Config::new().path(dir).cache_capacity(8 << 20).flush_every_ms(None)
}

pub(super) fn failed(error: impl std::fmt::Display) -> LabError {
    LabError::State(error.to_string().into())
}
