//! Writing: lines wait in memory until they are flushed, and are held there until the disk has them.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use unseen_durable::{Folder, flush_folder};
use unseen_ids::Digest;

use crate::days;
use crate::error::AccessLogError;
use crate::line::{Line, Note, Outcome, Record, Said};
use crate::verify::verify_day;

/// How long lines must be kept, in days: 网络安全法 asks for six months.
pub const KEPT_AT_LEAST: u32 = 180;

/// The most bytes that wait in memory. Refusals stop being lines at half of it.
const MOST_WAITING: usize = 8 << 20;

/// How long a log is kept and how long a day may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For how many days, no fewer than [`KEPT_AT_LEAST`].
    pub keep_days: u32,
    /// How many bytes of a day are filled with refusals; later ones are counted. What was allowed goes on.
    pub ceiling: u64,
}

impl Default for Settings {
    /// 180 days of at most 64 MiB, which is some 250,000 lines.
    fn default() -> Settings {
        Settings { keep_days: KEPT_AT_LEAST, ceiling: 64 << 20 }
    }
}

/// A log that is being written, by this process alone.
#[derive(Debug)]
pub struct AccessLog {
    dir: PathBuf,
    settings: Settings,
    /// Held for moments.
    state: Mutex<State>,
    /// Held while the disk is waited for; taken before `state`.
    writer: Mutex<Writer>,
    _lock: Folder,
}

impl AccessLog {
    /// Opens or makes the log in a folder that nobody else writes to, and makes it whole after a power cut.
    pub fn open(dir: &Path, settings: Settings, now: DateTime<Utc>) -> Result<AccessLog, AccessLogError> {
        if settings.keep_days < KEPT_AT_LEAST {
            return Err(AccessLogError::TooShort { days: settings.keep_days, least: KEPT_AT_LEAST });
        }
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(AccessLogError::io(dir))?;
        let lock = Folder::locked(dir).map_err(|source| match source.kind() {
            ErrorKind::WouldBlock => AccessLogError::Held(dir.to_owned()),
            _ => AccessLogError::Io { path: dir.to_owned(), source },
        })?;
        let (state, writer) = recover(dir, now)?;
        let log = AccessLog {
            dir: dir.to_owned(),
            settings,
            state: Mutex::new(state),
            writer: Mutex::new(writer),
            _lock: lock,
        };
        log.flush(now)?;
        Ok(log)
    }

    /// Adds a line, which is durable after the next [`AccessLog::flush`]. Does not wait for the disk. After
    /// [`AccessLogError::Behind`] what was asked for must be refused.
    pub fn append(&self, record: &Record) -> Result<(), AccessLogError> {
        let mut state = self.state();
        state.at(record.time);
        let waiting: usize = state.waiting.values().map(Vec::len).sum();
        let full = state.size >= self.settings.ceiling || waiting >= MOST_WAITING / 2;
        match record.outcome {
            Outcome::Denied if full => state.unlisted(record.time).0 += 1,
            Outcome::Failed if full => state.unlisted(record.time).1 += 1,
            _ if waiting >= MOST_WAITING => return Err(AccessLogError::Behind(self.dir.clone())),
            _ => state.push(Said::Access(record.bounded())),
        }
        Ok(())
    }

    /// Writes what waits and waits until it is on the disk (`fdatasync`), and turns to the day of `now` even if
    /// nobody has come. After an error everything still waits, and the next flush writes it again.
    pub fn flush(&self, now: DateTime<Utc>) -> Result<(), AccessLogError> {
        self.write(|state| state.at(now))
    }

    /// The digest of a finished day's last line, which stands for that day and all before it. None for a day
    /// without a file, and for one that may still grow.
    pub fn digest_of(&self, day: NaiveDate) -> Result<Option<Digest>, AccessLogError> {
        let days = days::list(&self.dir)?;
        if !days.contains(&day) || days.last() == Some(&day) {
            return Ok(None);
        }
        Ok(days::tail(&days::path(&self.dir, day))?.end)
    }

    /// Removes the days that are older than they must be kept, and gives them. A day of which no digest is on
    /// record stays, with all after it; one that is not as its digest says is an error, and stays.
    pub fn prune(
        &self,
        today: NaiveDate,
        recorded: &BTreeMap<NaiveDate, Digest>,
    ) -> Result<Vec<NaiveDate>, AccessLogError> {
        let days = days::list(&self.dir)?;
        let mut removed = Vec::new();
        for (day, _next) in days.iter().zip(days.iter().skip(1)) {
            let (age, digest) = (today.signed_duration_since(*day).num_days(), recorded.get(day));
            let Some(digest) = digest.filter(|_| age > i64::from(self.settings.keep_days)) else { break };
            if !verify_day(&self.dir, *day, None)?.is_whole_and_ends_in(*digest) {
                return Err(AccessLogError::Changed { day: *day });
            }
            let path = days::path(&self.dir, *day);
            fs::remove_file(&path).map_err(AccessLogError::io(&path))?;
            removed.push(*day);
        }
        flush_folder(&self.dir).map_err(AccessLogError::io(&self.dir))?;
        Ok(removed)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn write(&self, first: impl FnOnce(&mut State)) -> Result<(), AccessLogError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = {
            let mut state = self.state();
            first(&mut state);
            mem::take(&mut state.waiting)
        };
        while let Some(segment) = waiting.first_entry() {
            if let Err(source) = writer.write(&self.dir, *segment.key(), segment.get()) {
                let path = days::path(&self.dir, *segment.key());
                let mut state = self.state();
                for (day, later) in mem::take(&mut state.waiting) {
                    waiting.entry(day).or_default().extend(later);
                }
                state.waiting = waiting;
                return Err(AccessLogError::Io { path, source });
            }
            segment.remove();
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _written = self.write(|_| ());
    }
}

/// Where the log has come to, counting what waits.
#[derive(Debug)]
struct State {
    /// The day that is written, which only ever goes on: no clock set back reopens a finished one.
    day: NaiveDate,
    /// The digest of the last line.
    end: Digest,
    /// How long the day's file will be.
    size: u64,
    /// Whole lines by day.
    waiting: BTreeMap<NaiveDate, Vec<u8>>,
    /// Refusals that are counted (denied, failed), and since when.
    counted: Option<(DateTime<Utc>, (u64, u64))>,
}

impl State {
    /// Time goes on: a new day, a minute's count.
    fn at(&mut self, now: DateTime<Utc>) {
        let turns = now.date_naive() > self.day;
        if let Some((since, (denied, failed))) = self.counted
            && (turns || now.signed_duration_since(since) >= TimeDelta::minutes(1))
        {
            self.counted = None;
            self.note(now, Note::Unlisted { denied, failed });
        }
        if turns {
            self.day = now.date_naive();
            self.size = 0;
            self.note(now, Note::Begun);
        }
    }

    fn unlisted(&mut self, now: DateTime<Utc>) -> &mut (u64, u64) {
        &mut self.counted.get_or_insert((now, (0, 0))).1
    }

    fn note(&mut self, now: DateTime<Utc>, note: Note) {
        self.push(Said::Note { time: now.trunc_subsecs(3), note });
    }

    fn push(&mut self, said: Said) {
        let mut line = Line { previous: self.end, said }.to_bytes();
        self.end = Digest::of(&line);
        line.push(b'\n');
        self.size += line.len() as u64;
        self.waiting.entry(self.day).or_default().append(&mut line);
    }
}

/// The file that is written, and how far it is durable.
#[derive(Debug)]
struct Writer {
    day: NaiveDate,
    file: Option<File>,
    durable: u64,
}

impl Writer {
    /// Writes behind what is durable. What an earlier attempt left there is overwritten: it was a beginning of
    /// the same bytes.
    fn write(&mut self, dir: &Path, day: NaiveDate, bytes: &[u8]) -> io::Result<()> {
        if day != self.day {
            (self.day, self.file, self.durable) = (day, None, 0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let path = days::path(dir, day);
                let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
                flush_folder(dir)?;
                empty.insert(file)
            }
        };
        file.write_all_at(bytes, self.durable)?;
        file.sync_data()?;
        // Somebody may have moved or removed it: then what is written is nowhere to be read.
        if fs::metadata(days::path(dir, day))?.ino() != file.metadata()?.ino() {
            return Err(io::Error::new(ErrorKind::NotFound, "another file is in its place"));
        }
        self.durable += bytes.len() as u64;
        Ok(())
    }
}

/// Finds where the log has come to, and cuts off what is torn.
fn recover(dir: &Path, now: DateTime<Utc>) -> Result<(State, Writer), AccessLogError> {
    let days = days::list(dir)?;
    let today = now.date_naive();
    let mut state = State {
        day: days.last().copied().unwrap_or(today),
        end: Line::genesis(),
        size: 0,
        waiting: BTreeMap::new(),
        counted: None,
    };
    // A day may have been begun and nothing of it written.
    for day in days.iter().rev() {
        if let Some(end) = days::tail(&days::path(dir, *day))?.end {
            state.end = end;
            break;
        }
    }
    let mut durable = 0;
    if let Some(last) = days.last() {
        let path = days::path(dir, *last);
        let tail = days::tail(&path)?;
        durable = tail.whole;
        if tail.torn > 0 {
            if tail.whole == 0 {
                state.note(now, Note::Begun);
            }
            state.note(now, Note::Torn { bytes: tail.torn });
            let notes = state.waiting.remove(last).unwrap_or_default();
            replace_torn(&path, tail.whole, &notes).map_err(AccessLogError::io(&path))?;
            durable += notes.len() as u64;
        }
    }
    state.size = durable;
    let writer = Writer { day: state.day, file: None, durable };
    if durable == 0 {
        state.note(now, Note::Begun);
    }
    Ok((state, writer))
}

/// Writes notes where a torn line is, and then cuts off what is left of that: a power cut between the two leaves
/// something torn again.
fn replace_torn(path: &Path, at: u64, notes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(notes, at)?;
    file.set_len(at + notes.len() as u64)?;
    file.sync_all()
}
