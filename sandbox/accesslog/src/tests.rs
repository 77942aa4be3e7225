//! A log torn, altered, flooded, and written by many.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tempfile::TempDir;

use crate::{AccessLog, AccessLogError, Fault, How, Note, Outcome, Page, Record, Said, Settings, Wanted, read, verify};

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-{time}Z").parse().unwrap()
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
}

fn record(time: DateTime<Utc>, who: &str, outcome: Outcome) -> Record {
    Record {
        time,
        who: Some(who.to_owned()),
        how: How::Certificate,
        from: "192.0.2.7".parse().unwrap(),
        action: "job.read".to_owned(),
        resource: "j12".to_owned(),
        outcome,
        rule: None,
    }
}

fn allowed(time: DateTime<Utc>, who: &str) -> Record {
    record(time, who, Outcome::Allowed)
}

fn open(dir: &Path, now: DateTime<Utc>) -> AccessLog {
    AccessLog::open(dir, Settings::default(), now).unwrap()
}

fn query(day: NaiveDate) -> Wanted {
    Wanted { day, who: None, action: None, from: 0, most: 1000 }
}

fn names(page: &Page) -> Vec<&str> {
    let names = page.lines.iter().map(|line| match &line.said {
        Said::Access(record) => record.who.as_deref().unwrap(),
        Said::Note { note: Note::Begun, .. } => "begun",
        Said::Note { note: Note::Torn { .. }, .. } => "torn",
        Said::Note { note: Note::Unlisted { .. }, .. } => "unlisted",
    });
    names.collect()
}

/// Two days, of which the first is finished: four lines and three.
fn small() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), at("27T08:00:00"));
    for who in ["甲", "乙", "丙"] {
        log.append(&allowed(at("27T08:00:01"), who)).unwrap();
    }
    for who in ["丁", "戊"] {
        log.append(&allowed(at("28T00:00:00"), who)).unwrap();
    }
    drop(log);
    dir
}

#[test]
fn a_file_torn_anywhere_is_whole_after_opening() {
    let dir = small();
    let path = dir.path().join("2026-11-28.jsonl");
    let whole = fs::read(&path).unwrap();
    let later = at("28T09:00:00");
    for length in 0..=whole.len() {
        let kept = whole[..length].iter().filter(|byte| **byte == b'\n').count();
        let holes = [whole[..length].to_vec(), [&whole[..length], &vec![0; whole.len() + 9 - length][..]].concat()];
        for torn in holes {
            fs::write(&path, &torn).unwrap();
            let log = open(dir.path(), later);
            log.append(&allowed(later, "己")).unwrap();
            drop(log);
            let report = verify(dir.path(), &BTreeMap::new()).unwrap();
            assert_eq!((report.broken, report.unfinished), (None, 0), "at byte {length}");
            let cut = u64::from(!torn.is_empty() && torn.last() != Some(&b'\n'));
            assert_eq!(report.torn, cut, "at byte {length}");
            let begun = u64::from(kept == 0);
            assert_eq!(report.lines, 4 + kept as u64 + cut + begun + 1, "at byte {length}");
        }
    }
}

/// The power goes again while what was torn is being repaired.
#[test]
fn a_repair_may_be_torn_too() {
    let dir = small();
    let path = dir.path().join("2026-11-28.jsonl");
    let whole = fs::read(&path).unwrap();
    let length = whole.len() - 3;
    fs::write(&path, &whole[..length]).unwrap();
    drop(open(dir.path(), at("28T09:00:00")));
    let repaired = fs::read(&path).unwrap();
    let start = repaired.iter().zip(&whole).take_while(|(a, b)| a == b).count();
    for written in start..repaired.len() {
        // The beginning of the note over what was torn, which has not been cut off yet.
        let mut half = repaired[..written].to_vec();
        half.extend(whole[..length].get(written..).unwrap_or_default());
        fs::write(&path, half).unwrap();
        drop(open(dir.path(), at("28T09:00:00")));
        let report = verify(dir.path(), &BTreeMap::new()).unwrap();
        assert_eq!((report.broken, report.torn, report.lines), (None, 1, 4 + 2 + 1), "at byte {written}");
    }
}

#[test]
fn no_byte_is_altered_and_no_line_removed_unseen() {
    let dir = small();
    let log = open(dir.path(), at("29T00:00:01"));
    let recorded: BTreeMap<_, _> =
        [27, 28].map(|of| (day(of), log.digest_of(day(of)).unwrap().unwrap())).into_iter().collect();
    assert_eq!(log.digest_of(day(29)).unwrap(), None, "it may grow");
    drop(log);
    let sound = verify(dir.path(), &recorded).unwrap();
    assert_eq!((sound.broken, sound.lines, sound.days), (None, 8, Some((day(27), day(29)))));
    let broken = || verify(dir.path(), &recorded).unwrap().broken;
    for of in [27, 28] {
        let path = dir.path().join(format!("{}.jsonl", day(of)));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            fs::write(&path, altered).unwrap();
            let found = broken().unwrap_or_else(|| panic!("byte {at} of day {of}"));
            let line = 1 + whole[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            // What still is a line is missed by the next one, or by the digest of the day.
            assert!(found.day == day(of) && [line, line + 1].contains(&found.line), "byte {at}: {found:?}");
        }
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(at);
            fs::write(&path, fewer.concat()).unwrap();
            assert!(broken().is_some(), "line {at} of day {of} is gone");
            let mut moved = lines.clone();
            moved.swap(at, (at + 1) % lines.len());
            fs::write(&path, moved.concat()).unwrap();
            assert!(broken().is_some(), "line {at} of day {of} has moved");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(broken().unwrap().why, Fault::Missing);
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(broken(), None);
}

#[test]
fn a_flood_of_refusals_is_counted_and_others_are_heard() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { ceiling: 16 << 10, ..Settings::default() };
    let start = at("28T12:00:00");
    let log = AccessLog::open(dir.path(), settings, start).unwrap();
    for second in 0..600 {
        let now = start + TimeDelta::seconds(second);
        for _ in 0..100 {
            log.append(&record(now, "flood", Outcome::Failed)).unwrap();
        }
        if second % 60 == 0 {
            log.append(&allowed(now, "甲")).unwrap();
        }
        log.flush(now).unwrap();
    }
    log.flush(start + TimeDelta::minutes(11)).unwrap();
    let size = fs::metadata(dir.path().join("2026-11-28.jsonl")).unwrap().len();
    assert!(size < settings.ceiling + 30 * 300, "{size} bytes");
    let page = read(log.dir(), &query(day(28))).unwrap();
    let count = |who: &str| names(&page).iter().filter(|name| **name == who).count() as u64;
    assert_eq!(count("甲"), 10);
    assert!(count("unlisted") <= 11, "{}", count("unlisted"));
    let report = verify(dir.path(), &BTreeMap::new()).unwrap();
    assert_eq!(report.unlisted + count("flood"), 60_000);
}

#[test]
fn a_disk_that_takes_nothing_fills_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let now = at("28T12:00:00");
    let log = open(dir.path(), now);
    for _ in 0..100_000 {
        log.append(&record(now, "flood", Outcome::Denied)).unwrap();
    }
    let refused = (0..100_000).find_map(|_| log.append(&allowed(now, "甲")).err());
    assert!(matches!(refused, Some(AccessLogError::Behind(_))), "{refused:?}");
    log.flush(now).unwrap();
    log.append(&allowed(now, "甲")).unwrap();
}

#[test]
fn what_could_not_be_flushed_is_flushed_later() {
    let place = tempfile::tempdir().unwrap();
    let (dir, away) = (place.path().join("log"), place.path().join("away"));
    let log = open(&dir, at("27T23:00:00"));
    log.append(&allowed(at("27T23:59:59"), "甲")).unwrap();
    log.append(&allowed(at("28T00:00:00"), "乙")).unwrap();
    fs::rename(&dir, &away).unwrap();
    assert!(matches!(log.flush(at("28T00:00:01")), Err(AccessLogError::Io { .. })));
    log.append(&allowed(at("28T00:00:02"), "丙")).unwrap();
    fs::rename(&away, &dir).unwrap();
    log.flush(at("28T00:00:03")).unwrap();
    assert_eq!(names(&read(log.dir(), &query(day(27))).unwrap()), ["begun", "甲"]);
    assert_eq!(names(&read(log.dir(), &query(day(28))).unwrap()), ["begun", "乙", "丙"]);
    assert_eq!(verify(&dir, &BTreeMap::new()).unwrap().broken, None);
}

#[test]
fn a_finished_day_stays_finished() {
    let dir = small();
    let log = open(dir.path(), at("28T10:00:00"));
    assert_eq!(log.digest_of(day(28)).unwrap(), None);
    // Nobody comes, and it becomes tomorrow.
    log.flush(at("29T00:00:00")).unwrap();
    let digest = log.digest_of(day(28)).unwrap().unwrap();
    drop(log);
    // The clock is set back, in a process and before the next.
    let log = open(dir.path(), at("28T23:00:00"));
    log.append(&allowed(at("28T23:00:01"), "己")).unwrap();
    log.flush(at("28T23:00:02")).unwrap();
    assert_eq!(log.digest_of(day(28)).unwrap(), Some(digest));
    assert_eq!(names(&read(log.dir(), &query(day(29))).unwrap()), ["begun", "己"]);
    let held = AccessLog::open(dir.path(), Settings::default(), at("29T01:00:00"));
    assert!(matches!(held, Err(AccessLogError::Held(_))));
}

#[test]
fn only_old_days_on_record_are_removed() {
    let dir = small();
    let log = open(dir.path(), at("29T10:00:00"));
    let mut recorded = BTreeMap::from([(day(27), log.digest_of(day(27)).unwrap().unwrap())]);
    let later = |days| day(27) + TimeDelta::days(days);
    let none: Vec<NaiveDate> = Vec::new();
    assert_eq!(log.prune(later(180), &recorded).unwrap(), none);
    assert_eq!(log.prune(later(400), &BTreeMap::new()).unwrap(), none);
    assert_eq!(log.prune(later(181), &recorded).unwrap(), [day(27)]);
    assert_eq!(log.prune(later(400), &recorded).unwrap(), none, "the 28th is not on record");
    recorded.insert(day(28), recorded[&day(27)]);
    assert!(matches!(log.prune(later(400), &recorded), Err(AccessLogError::Changed { .. })));
    recorded.insert(day(28), log.digest_of(day(28)).unwrap().unwrap());
    assert_eq!(log.prune(later(400), &recorded).unwrap(), [day(28)]);
    recorded.insert(day(29), recorded[&day(28)]);
    assert_eq!(log.prune(later(400), &recorded).unwrap(), none, "the last day is being written");
    let short = Settings { keep_days: 179, ..Settings::default() };
    let short = AccessLog::open(&dir.path().join("other"), short, at("29T10:00:00"));
    assert!(matches!(short, Err(AccessLogError::TooShort { .. })));
}

#[test]
fn pages_go_on_where_the_one_before_ended() {
    let dir = tempfile::tempdir().unwrap();
    let now = at("28T12:00:00");
    let log = open(dir.path(), now);
    for at in 0..50 {
        log.append(&allowed(now, if at % 2 == 0 { "甲\u{202e}" } else { "乙" })).unwrap();
    }
    log.flush(now).unwrap();
    let mut query = Wanted { who: Some("甲\u{202e}".into()), most: 10, ..query(day(28)) };
    let (mut found, mut pages) = (0, 0);
    loop {
        let page = read(log.dir(), &query).unwrap();
        assert!(names(&page).iter().all(|name| *name == r"甲\u{202e}"), "{page:?}");
        found += page.lines.len();
        pages += 1;
        let Some(next) = page.next else { break };
        query.from = next;
    }
    assert_eq!((found, pages), (25, 3));
    query.from += 1;
    assert!(matches!(read(log.dir(), &query), Err(AccessLogError::NoSuchPlace { .. })));
    assert_eq!(read(log.dir(), &Wanted { day: day(1), ..query }).unwrap(), Page::default());
}

#[test]
fn many_write_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let now = at("28T23:59:50");
    let log = open(dir.path(), now);
    std::thread::scope(|scope| {
        for who in ["甲", "乙", "丙", "丁"] {
            let log = &log;
            scope.spawn(move || {
                for at in 0..500 {
                    log.append(&allowed(now + TimeDelta::milliseconds(40 * at), who)).unwrap();
                    if at % 100 == 0 {
                        log.flush(now).unwrap();
                    }
                }
            });
        }
    });
    drop(log);
    let report = verify(dir.path(), &BTreeMap::new()).unwrap();
    assert_eq!((report.broken, report.lines), (None, 2000 + 2));
    assert_eq!(report.days, Some((day(28), day(29))));
}
