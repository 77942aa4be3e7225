//! Reading: a day's lines, by person and by action, a page at a time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use chrono::NaiveDate;

use crate::days::{self, Lines, Next};
use crate::error::AccessLogError;
use crate::line::{self, Line, Said};

/// The most lines of a page.
const MOST_LINES: usize = 1000;

/// How far one page looks, in bytes: somebody else wants to read too.
const MOST_BYTES: u64 = 8 << 20;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The day, in UTC.
    pub day: NaiveDate,
    /// Only what this person did; notes of the log itself are left out then.
    pub who: Option<String>,
    /// Only this action; notes of the log itself are left out then.
    pub action: Option<String>,
    /// Where to begin: 0, or [`Page::next`] of the page before.
    pub from: u64,
    /// How many lines at most; there is a ceiling of 1000.
    pub most: usize,
}

/// Some lines of a day, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The lines.
    pub lines: Vec<Line>,
    /// Lines that cannot be read: [`crate::verify`] says more.
    pub unreadable: u64,
    /// Where the next page begins, unless the day's lines end here. A page may be empty and not the last.
    pub next: Option<u64>,
}

/// Reads what is on the disk. A day without a file has no lines. A log that somebody writes to may be read.
pub fn read(dir: &Path, wanted: &Wanted) -> Result<Page, AccessLogError> {
    let path = days::path(dir, wanted.day);
    if !path.exists() {
        return Ok(Page::default());
    }
    let io = || AccessLogError::io(&path);
    if wanted.from > 0 {
        let mut before = [0];
        let there = File::open(&path).and_then(|file| file.read_exact_at(&mut before, wanted.from - 1));
        if there.is_err() || before != *b"\n" {
            return Err(AccessLogError::NoSuchPlace { day: wanted.day, from: wanted.from });
        }
    }
    let (who, action) = (wanted.who.as_deref().map(line::person), wanted.action.as_deref().map(line::action));
    let mut lines = Lines::open(&path, wanted.from).map_err(io())?;
    let mut page = Page::default();
    loop {
        if page.lines.len() >= wanted.most.clamp(1, MOST_LINES) || lines.at - wanted.from >= MOST_BYTES {
            page.next = Some(lines.at);
            return Ok(page);
        }
        match lines.next().map_err(io())? {
            Next::End | Next::Unfinished(_) => return Ok(page),
            // Where the next line begins is anybody's guess.
            Next::TooLong => {
                page.unreadable += 1;
                return Ok(page);
            }
            Next::Whole(bytes) => match Line::parse(&bytes) {
                None => page.unreadable += 1,
                Some(line) if asked_for(&line, who.as_deref(), action.as_deref()) => page.lines.push(line),
                Some(_) => {}
            },
        }
    }
}

fn asked_for(line: &Line, who: Option<&str>, action: Option<&str>) -> bool {
    match &line.said {
        Said::Note { .. } => who.is_none() && action.is_none(),
        Said::Access(record) => {
            who.is_none_or(|who| record.who.as_deref() == Some(who)) && action.is_none_or(|it| record.action == it)
        }
    }
}
