//! A CSV file cut into slices of whole records, which are read on their own.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};

use crate::csv_lines::Lines;
use crate::csv_source::{Before, decoded, header_of, stopped};
use crate::description::{CsvOptions, Encoding};
use crate::import::error::ImportError;
use crate::sort::MAX_RECORD;

/// Cuts a text, from its beginning to its end.
pub(crate) struct Slices {
    text: BufReader<Box<dyn Read>>,
    encoding: Encoding,
    lines: Lines,
    /// What was read and is in no slice yet.
    waiting: Vec<u8>,
    /// The last records in it, the oldest first: as many as may be a footer, and one at least.
    last: VecDeque<Begin>,
    /// The records at the end that are none of the data.
    footer: usize,
    /// Records that were met.
    met: u64,
    before: Before,
    ended: bool,
}

/// Where a record begins.
struct Begin {
    /// In what is waiting.
    at: usize,
    before: Before,
}

impl Slices {
    /// Gives the names of the columns too, where there is a header.
    pub(crate) fn new(text: Box<dyn Read>, options: &CsvOptions) -> Result<(Option<Vec<String>>, Slices), ImportError> {
        let first = u64::from(options.skip) + 1;
        let mut slices = Slices {
            text: decoded(text, options)?,
            encoding: options.encoding,
            lines: Lines::new(options.delimiter, first),
            waiting: Vec::new(),
            last: VecDeque::new(),
            footer: 0,
            met: 0,
            before: Before { rows: 0, line: first },
            ended: false,
        };
        let header = options.header.then(|| slices.header(options)).transpose()?;
        slices.footer = options.footer as usize;
        Ok((header, slices))
    }

    /// The next slice, of at least so many bytes unless it is the last, what lies before it, and how many records it has.
    pub(crate) fn next(&mut self, least: usize) -> Result<Option<(Before, u64, Vec<u8>)>, ImportError> {
        loop {
            if let Some(cut) = self.last.front().filter(|cut| cut.at >= least.max(1))
                && self.last.len() >= self.footer
                && cut.before.rows > self.before.rows
            {
                let (at, next) = (cut.at, cut.before);
                let before = std::mem::replace(&mut self.before, next);
                return Ok(Some((before, next.rows - before.rows, self.take(at))));
            }
            if self.ended {
                return self.rest();
            }
            self.read(|_, at| at >= least)?;
        }
    }

    /// What is left, without the footer.
    fn rest(&mut self) -> Result<Option<(Before, u64, Vec<u8>)>, ImportError> {
        if self.last.len() < self.footer {
            return Err(ImportError::NoRows);
        }
        let end = match self.footer {
            0 => self.waiting.len(),
            _ => self.last.front().map_or(0, |first| first.at),
        };
        self.waiting.truncate(end);
        let slice = std::mem::take(&mut self.waiting);
        let records = (self.met - self.footer as u64).saturating_sub(self.before.rows);
        self.last.clear();
        (self.footer, self.met) = (0, self.before.rows);
        Ok((records > 0).then_some((self.before, records, slice)))
    }

    /// Reads on, at most as far as the beginning of a record of which `enough` says so, by its number from 1 and its
    /// place in what is waiting; whether it came to one.
    fn read(&mut self, enough: impl Fn(u64, usize) -> bool) -> Result<bool, ImportError> {
        let line = self.lines.line();
        let bytes = self.text.fill_buf().map_err(|fault| stopped(fault, self.encoding, line))?;
        self.ended = bytes.is_empty();
        if self.ended {
            return self.lines.open_quote().map_or(Ok(false), |line| Err(ImportError::OpenQuote { line }));
        }
        let (start, mut taken, mut found) = (self.waiting.len(), bytes.len(), false);
        for (at, byte) in bytes.iter().enumerate() {
            self.lines.see(*byte);
            let Some(line) = self.lines.next_record() else { continue };
            let before = Before { rows: self.met, line };
            self.met += 1;
            if self.last.len() == self.footer.max(1) {
                self.last.pop_front();
            }
            self.last.push_back(Begin { at: start + at, before });
            if enough(self.met, start + at) {
                (taken, found) = (at + 1, true);
                break;
            }
        }
        self.waiting.extend_from_slice(&bytes[..taken]);
        self.text.consume(taken);
        let begun = self.last.back().map_or(0, |last| last.at);
        match self.waiting.len() - begun > MAX_RECORD {
            true => Err(ImportError::RecordTooLong { line: self.lines.line() }),
            false => Ok(found),
        }
    }

    fn header(&mut self, options: &CsvOptions) -> Result<Vec<String>, ImportError> {
        let records = u64::from(options.header_lines);
        while !self.ended && !self.read(|met, _| met > records)? {}
        let end = match self.met > records {
            true => self.last.back().map_or(0, |next| next.at),
            false => self.waiting.len(),
        };
        let names = header_of(self.take(end), options)?;
        self.met -= records.min(self.met);
        self.before = Before { rows: 0, line: self.last.back().map_or(self.lines.line(), |next| next.before.line) };
        self.last.iter_mut().for_each(|next| next.before.rows = 0);
        if self.met == 0 {
            self.last.clear();
        }
        Ok(names)
    }

    /// Takes what is waiting up to a place.
    fn take(&mut self, end: usize) -> Vec<u8> {
        let rest = self.waiting.split_off(end);
        let taken = std::mem::replace(&mut self.waiting, rest);
        self.last.iter_mut().for_each(|begin| begin.at = begin.at.saturating_sub(end));
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sliced(text: &str, options: &CsvOptions, least: usize) -> Result<Vec<(Before, u64, String)>, ImportError> {
        let text = std::io::Cursor::new(text.to_owned().into_bytes());
        let (_, mut slices) = Slices::new(Box::new(text), options)?;
        let next = || {
            let next = slices.next(least)?;
            Ok(next.map(|(before, records, text)| (before, records, String::from_utf8(text).unwrap())))
        };
        std::iter::from_fn({
            let mut next = next;
            move || next().transpose()
        })
        .collect()
    }

    proptest! {
        /// One after the other, slices are the text without header and footer, and each begins where its record does.
        #[test]
        fn slices_are_the_text(text in "[ab,\"\r\n]{0,60}", least in 1usize..9, header in any::<bool>(), footer in 0u32..3) {
            let options = CsvOptions { header, footer, ..CsvOptions::default() };
            let whole = sliced(&text, &options, 1 << 20);
            let parts = sliced(&text, &options, least);
            match (whole, parts) {
                (Ok(whole), Ok(parts)) => {
                    let joined: String = parts.iter().map(|(.., text)| text.as_str()).collect();
                    prop_assert_eq!(whole.iter().map(|(.., text)| text.as_str()).collect::<String>(), joined);
                    let mut at = Before { rows: 0, line: parts.first().map_or(1, |(before, ..)| before.line) };
                    for (before, records, text) in &parts {
                        prop_assert_eq!(*before, at);
                        let mut reader =
                            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
                        prop_assert_eq!(reader.byte_records().count() as u64, *records);
                        at.rows += records;
                        let mut lines = Lines::new(b',', at.line);
                        text.bytes().for_each(|byte| lines.see(byte));
                        at.line = lines.line();
                    }
                }
                (Err(whole), Err(part)) => prop_assert_eq!(whole.to_string(), part.to_string()),
                (whole, part) => prop_assert!(false, "{:?} {:?}", whole.is_ok(), part.is_ok()),
            }
        }
    }
}
