//! The files of the days: their names, and what is at their ends.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use unseen_ids::Digest;

use crate::error::AccessLogError;
use crate::line::LONGEST;

const ENDING: &str = ".jsonl";

/// The file of a day.
pub(crate) fn path(dir: &Path, day: NaiveDate) -> PathBuf {
    dir.join(format!("{day}{ENDING}"))
}

/// The days that have a file, in order. Other files are nobody's business here.
pub(crate) fn list(dir: &Path) -> Result<Vec<NaiveDate>, AccessLogError> {
    let files = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(AccessLogError::io(dir))?,
    };
    let mut days = Vec::new();
    for file in files {
        let name = file.map_err(AccessLogError::io(dir))?.file_name();
        let day = name.to_str().and_then(|name| name.strip_suffix(ENDING)).and_then(|day| day.parse().ok());
        days.extend(day.filter(|day: &NaiveDate| *name == *format!("{day}{ENDING}")));
    }
    days.sort_unstable();
    Ok(days)
}

/// What is at the end of a file.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The digest of the last whole line, if there is one.
    pub(crate) end: Option<Digest>,
    /// How long the whole lines are, in bytes.
    pub(crate) whole: u64,
    /// How much follows them.
    pub(crate) torn: u64,
}

/// Looks for the last whole line. A power cut leaves part of a line, or zeros where a block was not yet written:
/// no line holds any, so that whole lines end before the first.
pub(crate) fn tail(path: &Path) -> Result<Tail, AccessLogError> {
    let failed = AccessLogError::io(path);
    tail_of(path).map_err(failed)
}

fn tail_of(path: &Path) -> io::Result<Tail> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut start, mut whole) = (0, 0, 0);
    let mut chunk = vec![0; 64 << 10];
    'file: loop {
        let read = (&file).read(&mut chunk)?;
        if read == 0 {
            break;
        }
        for byte in &chunk[..read] {
            at += 1;
            match byte {
                0 => break 'file,
                b'\n' => (start, whole) = (whole, at),
                _ => {}
            }
        }
    }
    let end = if whole == 0 {
        None
    } else {
        let mut line = vec![0; usize::try_from(whole - start - 1).map_err(|_| ErrorKind::FileTooLarge)?];
        file.read_exact_at(&mut line, start)?;
        Some(Digest::of(&line))
    };
    Ok(Tail { end, whole, torn: length.saturating_sub(whole) })
}

/// The lines of a file from some byte on, none read further than a line can be long.
pub(crate) struct Lines {
    reader: BufReader<File>,
    /// Where the next line begins.
    pub(crate) at: u64,
}

/// What comes next in a file.
pub(crate) enum Next {
    /// A line, without its line break.
    Whole(Vec<u8>),
    /// So many bytes at the end of the file, without a line break.
    Unfinished(u64),
    /// More bytes without a line break than any line has.
    TooLong,
    /// Nothing.
    End,
}

impl Lines {
    pub(crate) fn open(path: &Path, from: u64) -> io::Result<Lines> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Lines { reader: BufReader::with_capacity(64 << 10, file), at: from })
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let mut line = Vec::new();
        (&mut self.reader).take(LONGEST as u64).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(Next::End);
        }
        match (line.last(), line.len()) {
            (Some(b'\n'), length) => {
                self.at += length as u64;
                line.pop();
                Ok(Next::Whole(line))
            }
            (_, LONGEST) => Ok(Next::TooLong),
            (_, length) => Ok(Next::Unfinished(length as u64)),
        }
    }
}
