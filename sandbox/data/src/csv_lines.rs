//! Where the records of a CSV file begin, and whether its last quote was closed.
//!
//! The CSV reader counts line feeds between its records, so it is beside the truth after blank lines and in files
//! of Windows, and it takes the end of a file for the end of a quoted field. Here its grammar is followed byte by
//! byte: a record begins at the first byte that is no line end, quotes stand at the beginning of a field only, and
//! a doubled quote is a quote.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// What is known of the bytes that were read.
#[derive(Debug)]
pub(crate) struct Lines {
    delimiter: u8,
    state: State,
    /// The line at hand, from 1.
    line: u64,
    /// Whether the last byte was a carriage return.
    returned: bool,
    /// Where the quote at hand was opened.
    quoted_from: u64,
    /// Where each record begins that the CSV reader has not yielded yet.
    begins: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BeforeRecord,
    BeforeField,
    Plain,
    Quoted,
    /// After a quote in a quoted field: the end of it, or the first of two.
    Closed,
}

impl Lines {
    /// For a file whose first line has this number.
    pub(crate) fn new(delimiter: u8, first: u64) -> Lines {
        let begins = VecDeque::new();
        Lines { delimiter, state: State::BeforeRecord, line: first, returned: false, quoted_from: first, begins }
    }

    /// The line that was read last.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The line where the record begins that the reader has just yielded.
    pub(crate) fn next_record(&mut self) -> Option<u64> {
        self.begins.pop_front()
    }

    /// The line of the quote that is open at the end of the file.
    pub(crate) fn open_quote(&self) -> Option<u64> {
        (self.state == State::Quoted).then_some(self.quoted_from)
    }

    pub(crate) fn see(&mut self, byte: u8) {
        let ends_line = byte == b'\r' || byte == b'\n' && !self.returned;
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::Closed,
            (State::Quoted, _) => State::Quoted,
            (State::Closed, b'"') => State::Quoted,
            (_, b'\r' | b'\n') => State::BeforeRecord,
            (before, byte) => {
                if before == State::BeforeRecord {
                    self.begins.push_back(self.line);
                }
                match (before, byte) {
                    (_, byte) if byte == self.delimiter => State::BeforeField,
                    (State::BeforeRecord | State::BeforeField, b'"') => {
                        self.quoted_from = self.line;
                        State::Quoted
                    }
                    _ => State::Plain,
                }
            }
        };
        self.line += u64::from(ends_line);
        self.returned = byte == b'\r';
    }
}

/// Passes bytes on and follows them. An open quote at the end is an error of `halt`'s making.
pub(crate) struct Followed<R, F> {
    inner: R,
    lines: Rc<RefCell<Lines>>,
    halt: F,
}

impl<R: Read, F: Fn(u64) -> io::Error> Followed<R, F> {
    pub(crate) fn new(inner: R, lines: Rc<RefCell<Lines>>, halt: F) -> Self {
        Self { inner, lines, halt }
    }
}

impl<R: Read, F: Fn(u64) -> io::Error> Read for Followed<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut lines = self.lines.borrow_mut();
        if read == 0 && !buffer.is_empty() {
            return lines.open_quote().map_or(Ok(0), |line| Err((self.halt)(line)));
        }
        buffer[..read].iter().for_each(|byte| lines.see(*byte));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines where records begin, and that of a quote left open.
    fn followed(text: &[u8]) -> (Vec<u64>, Option<u64>) {
        let mut lines = Lines::new(b',', 1);
        text.iter().for_each(|byte| lines.see(*byte));
        (lines.begins.iter().copied().collect(), lines.open_quote())
    }

    #[test]
    fn records_begin_where_an_editor_shows_them() {
        for (text, begins, open) in [
            ("a,b\nc,d\n", vec![1, 2], None),
            ("a,b\r\nc,d\r\n", vec![1, 2], None),
            ("a\rb\r", vec![1, 2], None),
            ("\n\r\n\na\n\n\nb", vec![4, 7], None),
            ("a,\"x\ny\"\nb\n", vec![1, 3], None),
            ("a,\"x\r\n\r\ny\"\r\nb", vec![1, 4], None),
            ("a,\"say \"\"hi\"\"\"\nb", vec![1, 2], None),
            ("a,x\"y\nb", vec![1, 2], None),
            ("a,\"x\nb\nc", vec![1], Some(1)),
            ("a\n\"b\nc", vec![1, 2], Some(2)),
            ("\"a\"\"", vec![1], Some(1)),
            ("", vec![], None),
        ] {
            assert_eq!(followed(text.as_bytes()), (begins, open), "{text:?}");
        }
    }

    proptest! {
        /// The CSV reader finds as many records.
        #[test]
        fn the_reader_finds_the_same_records(text in "[ab,\"\r\n]{0,40}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let found = reader.byte_records().count();
            prop_assert_eq!(followed(text.as_bytes()).0.len(), found, "{:?}", text);
        }
    }
}
