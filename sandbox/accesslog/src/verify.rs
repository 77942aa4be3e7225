//! Whether a log is whole.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use unseen_ids::Digest;
use unseen_texts::Say;

use crate::days::{self, Lines, Next};
use crate::error::AccessLogError;
use crate::line::{Line, Note, Said};

/// What a look at a whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The first day with a file, and the last.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// How many whole lines there are, up to the first broken one.
    pub lines: u64,
    /// How many of them say that a line was torn.
    pub torn: u64,
    /// How many refusals were counted and have no lines.
    pub unlisted: u64,
    /// Bytes at the end of the last day that are no line yet: of a writer at work, or torn.
    pub unfinished: u64,
    /// The first thing that is wrong. Lines after it were not looked at.
    pub broken: Option<Broken>,
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The day.
    pub day: NaiveDate,
    /// The line in the day's file, from 1.
    pub line: u64,
    /// What is wrong.
    pub why: Fault,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Say)]
pub enum Fault {
    /// Bytes that no access log has written.
    #[en("this is no line of an access log")]
    #[zh("不是访问日志的行")]
    NotALine,
    /// The line before is not the one that was there.
    #[en("the line before it was altered, moved or removed, or this one was")]
    #[zh("这一行或其上一行被改动、移动或删除")]
    Chain,
    /// The day ends otherwise than on record.
    #[en("the day does not end as its digest on record says")]
    #[zh("当日末行与已记录的摘要不符")]
    End,
    /// The day's file is not there.
    #[en("the day's digest is on record, and its file is not there")]
    #[zh("当日摘要已有记录，但文件不存在")]
    Missing,
}

/// Looks at every line of a log that may be in use. `recorded` are the days that must be there, and how each ends:
/// those on record in the main log that are not yet to be pruned. A later end of the log, and what is older than
/// `recorded`, is only held together by the chain.
pub fn verify(dir: &Path, recorded: &BTreeMap<NaiveDate, Digest>) -> Result<Report, AccessLogError> {
    let days = days::list(dir)?;
    let mut report = Report { days: days.first().copied().zip(days.last().copied()), ..Report::default() };
    let mut previous = None;
    let mut all: Vec<NaiveDate> = days.iter().chain(recorded.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    for day in all {
        let broken = |line, why| Some(Broken { day, line, why });
        if !days.contains(&day) {
            report.broken = broken(1, Fault::Missing);
            break;
        }
        let found = verify_day(dir, day, previous)?;
        report.lines += found.lines;
        report.torn += found.torn;
        report.unlisted += found.unlisted;
        let last = days.last() == Some(&day);
        let line = found.lines + 1;
        report.broken = match found.fault {
            Some(why) => broken(line, why),
            None if found.unfinished > 0 && !last => broken(line, Fault::NotALine),
            None if recorded.get(&day).is_some_and(|end| found.end != Some(*end)) => {
                broken(found.lines.max(1), Fault::End)
            }
            None => None,
        };
        if report.broken.is_some() {
            break;
        }
        report.unfinished = found.unfinished;
        previous = found.end.or(previous);
    }
    Ok(report)
}

/// One day's file.
#[derive(Debug, Default)]
pub(crate) struct Day {
    lines: u64,
    torn: u64,
    unlisted: u64,
    /// Bytes after the last whole line.
    unfinished: u64,
    end: Option<Digest>,
    /// What is wrong with the line after the last one that is right.
    fault: Option<Fault>,
}

impl Day {
    pub(crate) fn is_whole_and_ends_in(&self, digest: Digest) -> bool {
        self.fault.is_none() && self.unfinished == 0 && self.end == Some(digest)
    }
}

/// Goes through a day's lines, of which the first names `previous`; anything, if that is unknown.
pub(crate) fn verify_day(dir: &Path, day: NaiveDate, mut previous: Option<Digest>) -> Result<Day, AccessLogError> {
    let path = days::path(dir, day);
    let mut lines = Lines::open(&path, 0).map_err(AccessLogError::io(&path))?;
    let mut found = Day::default();
    loop {
        let bytes = match lines.next().map_err(AccessLogError::io(&path))? {
            Next::End => return Ok(found),
            Next::Whole(bytes) => bytes,
            Next::Unfinished(bytes) => {
                found.unfinished = bytes;
                return Ok(found);
            }
            Next::TooLong => {
                found.fault = Some(Fault::NotALine);
                return Ok(found);
            }
        };
        let Some(line) = Line::parse(&bytes) else {
            found.fault = Some(Fault::NotALine);
            return Ok(found);
        };
        // Without its first line the chain would begin anywhere.
        let begins = matches!(line.said, Said::Note { note: Note::Begun, .. });
        if previous.is_some_and(|previous| previous != line.previous) || begins != (found.lines == 0) {
            found.fault = Some(Fault::Chain);
            return Ok(found);
        }
        match line.said {
            Said::Note { note: Note::Torn { .. }, .. } => found.torn += 1,
            Said::Note { note: Note::Unlisted { denied, failed }, .. } => found.unlisted += denied + failed,
            _ => {}
        }
        found.lines += 1;
        found.end = Some(Digest::of(&bytes));
        previous = found.end;
    }
}
