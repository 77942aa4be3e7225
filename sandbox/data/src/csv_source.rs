//! Rows of a CSV file, decoded and checked against a description.

use std::cell::{Cell as Shared, RefCell};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use encoding_rs::{DecoderResult, GB18030};
use unseen_texts::{Say, text};

use crate::cell::{self, Cell};
use crate::csv_lines::{Followed, Lines};
use crate::description::{BadRows, CsvOptions, Description, Encoding};
use crate::import::error::{ImportError, Position};
use crate::import::faults::Faults;
use crate::import::sink::{RowSink, match_columns, recycle};
use crate::sort::MAX_RECORD;

/// Reads all rows into `sink`. Returns the columns of the file that are not declared.
pub(crate) fn read(
    text: Box<dyn Read>,
    bytes: Rc<Shared<u64>>,
    description: &Description,
    sink: &mut dyn RowSink,
) -> Result<Vec<String>, ImportError> {
    let mut csv = CsvReader::new(text, &description.csv)?;
    let names = match description.csv.header {
        true => Some(csv.header(description.csv.header_lines)?.ok_or(ImportError::Empty)?),
        false => None,
    };
    csv.hold_back(description.csv.footer)?;
    let (places, ignored) = places(names.as_deref(), description)?;
    read_records(csv, &places, names.as_ref().map(Vec::len), &bytes, description, sink)?;
    Ok(ignored)
}

/// Reads the records of a slice of a file ([`crate::csv_slices`]), which begins with the record after `before`.
pub(crate) fn read_slice(
    text: Box<dyn Read>,
    options: &CsvOptions,
    names: Option<&[String]>,
    before: Before,
    description: &Description,
    sink: &mut dyn RowSink,
) -> Result<(), ImportError> {
    let text = BufReader::with_capacity(64 << 10, text);
    let csv = CsvReader { rows: before.rows, ..CsvReader::over(text, options, before.line) };
    let (places, _) = places(names, description)?;
    read_records(csv, &places, names.map(<[String]>::len), &Rc::default(), description, sink)
}

/// What lies before a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// Records.
    pub(crate) rows: u64,
    /// The line where the slice begins, from 1.
    pub(crate) line: u64,
}

/// Where each declared column stands, and the columns that are not declared.
pub(crate) fn places(
    names: Option<&[String]>,
    description: &Description,
) -> Result<(Vec<usize>, Vec<String>), ImportError> {
    match names {
        Some(names) => match_columns(names, description),
        None => Ok(((0..description.columns.len()).collect(), Vec::new())),
    }
}

/// The header that this text consists of.
pub(crate) fn header_of(text: Vec<u8>, options: &CsvOptions) -> Result<Vec<String>, ImportError> {
    let text: Box<dyn Read> = Box::new(io::Cursor::new(text));
    let mut csv = CsvReader::over(BufReader::new(text), options, u64::from(options.skip) + 1);
    csv.header(options.header_lines)?.ok_or(ImportError::Empty)
}

fn read_records(
    mut csv: CsvReader,
    places: &[usize],
    width: Option<usize>,
    bytes: &Shared<u64>,
    description: &Description,
    sink: &mut dyn RowSink,
) -> Result<(), ImportError> {
    let width = width.unwrap_or(places.len());
    let unit = description.unit.as_ref();
    let unit_at = unit.and_then(|unit| description.columns.iter().position(|column| column.name == unit.column));

    let mut spare = Vec::new();
    let mut faults = Faults::new(description.bad_rows);
    while csv.next()? {
        let at = csv.position();
        if csv.record.len() != width {
            faults.take(ImportError::Ragged { at, fields: csv.record.len(), expected: width })?;
            sink.left_out();
            continue;
        }
        let mut cells = recycle(spare);
        let mut whole = true;
        for (index, (column, &place)) in description.columns.iter().zip(places).enumerate() {
            let text = csv.field(place)?;
            let is_unit = unit_at == Some(index);
            let null =
                column.is_null(text, &description.csv) || is_unit && unit.is_some_and(|unit| unit.is_missing(text));
            let read = match null {
                true => Ok(Cell::Null),
                false => cell::parse_with(text, &column.kind, description.csv.thousands),
            };
            let read = read.map(|cell| match cell {
                Cell::Int(number) if column.is_null_number(number, &description.csv) => Cell::Null,
                cell => cell,
            });
            let name = || column.name.clone();
            let fault = match read {
                Ok(Cell::Null) if !column.nullable && !is_unit => ImportError::Null { at, column: name() },
                Ok(cell) => {
                    cells.push(cell);
                    continue;
                }
                Err(reason) => ImportError::Cell { at, column: name(), reason },
            };
            faults.take(fault)?;
            whole = false;
        }
        if !whole {
            sink.left_out();
        } else if let Err(fault) = sink.row(&cells, at, bytes.get()) {
            faults.take(fault)?;
        }
        spare = recycle(cells);
    }
    faults.finish()
}

/// Reads the header, and hands all rows on as texts: for a draft.
pub(crate) fn look(
    text: Box<dyn Read>,
    options: &CsvOptions,
    names: impl FnOnce(&[String]),
    mut row: impl FnMut(&[&str]),
) -> Result<(), ImportError> {
    let mut csv = CsvReader::new(text, options)?;
    let header = csv.header(1)?.ok_or(ImportError::Empty)?;
    names(&header);
    let mut faults = Faults::new(BadRows::Refuse);
    while csv.next()? {
        if csv.record.len() != header.len() {
            faults.take(ImportError::Ragged {
                at: csv.position(),
                fields: csv.record.len(),
                expected: header.len(),
            })?;
            continue;
        }
        row(&(0..header.len()).map(|place| csv.field(place)).collect::<Result<Vec<_>, _>>()?);
    }
    faults.finish()
}

/// The text in UTF-8, without a byte order mark and the lines that are skipped.
pub(crate) fn decoded(mut text: Box<dyn Read>, options: &CsvOptions) -> Result<BufReader<Box<dyn Read>>, ImportError> {
    let mut start = [0; 3];
    let read = read_fully(&mut text, &mut start).map_err(ImportError::Read)?;
    let start = &start[..read];
    let bom = start == [0xef, 0xbb, 0xbf];
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(ImportError::NotCsv(text!("UTF-16 text: save it as UTF-8", "UTF-16 文本：请另存为 UTF-8")));
    }
    let lead: &[u8] = if bom { &[] } else { start };
    let whole = io::Cursor::new(lead.to_vec()).chain(text);
    let decoded: Box<dyn Read> = match options.encoding {
        Encoding::Utf8 => Box::new(whole),
        Encoding::Gb18030 if bom => {
            return Err(ImportError::NotCsv(text!(
                "UTF-8 text with a byte order mark, but gb18030 is declared",
                "带字节顺序标记的 UTF-8 文本，却声明为 gb18030"
            )));
        }
        Encoding::Gb18030 => Box::new(Gb18030Reader::new(whole)),
    };
    let mut decoded = BufReader::with_capacity(64 << 10, decoded);
    for _ in 0..options.skip {
        if decoded.skip_until(b'\n').map_err(|fault| stopped(fault, options.encoding, 1))? == 0 {
            return Err(ImportError::Empty);
        }
    }
    Ok(decoded)
}

/// Decoded text, bounded and followed.
type Text = Followed<Bounded<BufReader<Box<dyn Read>>>, fn(u64) -> io::Error>;

struct CsvReader {
    reader: csv::Reader<Text>,
    record: csv::ByteRecord,
    rows: u64,
    /// Bytes the record at hand may still take.
    budget: Rc<Shared<usize>>,
    encoding: Encoding,
    lines: Rc<RefCell<Lines>>,
    /// Where the record at hand begins.
    line: Option<u64>,
    /// The last records read, which may be the last of the file.
    held: VecDeque<(csv::ByteRecord, Option<u64>)>,
}

impl CsvReader {
    fn new(text: Box<dyn Read>, options: &CsvOptions) -> Result<Self, ImportError> {
        Ok(CsvReader::over(decoded(text, options)?, options, u64::from(options.skip) + 1))
    }

    /// Of text in UTF-8 whose first line has this number.
    fn over(decoded: BufReader<Box<dyn Read>>, options: &CsvOptions, first: u64) -> Self {
        let budget = Rc::new(Shared::new(MAX_RECORD));
        let lines = Rc::new(RefCell::new(Lines::new(options.delimiter, first)));
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(options.delimiter)
            .buffer_capacity(128 << 10)
            .from_reader(Followed::new(
                Bounded { inner: decoded, budget: Rc::clone(&budget) },
                Rc::clone(&lines),
                open_quote as fn(u64) -> io::Error,
            ));
        let (record, encoding) = (csv::ByteRecord::new(), options.encoding);
        Self { reader, record, rows: 0, budget, encoding, lines, line: None, held: VecDeque::new() }
    }

    /// From here on the last records of the file are not yielded.
    fn hold_back(&mut self, records: u32) -> Result<(), ImportError> {
        for _ in 0..records {
            if !self.read_record()? {
                return Err(ImportError::NoRows);
            }
            self.held.push_back((std::mem::take(&mut self.record), self.line));
        }
        Ok(())
    }

    /// The names of the columns. One without a name is left out, unless it is declared: it has none here.
    fn header(&mut self, lines: u32) -> Result<Option<Vec<String>>, ImportError> {
        let mut names: Vec<String> = Vec::new();
        for line in 0..lines {
            if !self.next()? {
                return Ok(None);
            }
            let here =
                (0..self.record.len()).map(|place| Ok(one_line(self.field(place)?.trim_start_matches('\u{feff}'))));
            let here = here.collect::<Result<Vec<_>, ImportError>>()?;
            names = if line == 0 { here } else { under(&names, here) };
        }
        self.rows = 0;
        for (place, name) in names.iter().enumerate() {
            if !name.is_empty() && names[..place].contains(name) {
                return Err(ImportError::DuplicateHeader(name.clone()));
            }
        }
        Ok(Some(names))
    }

    /// The next record; false at the end, or before what is held back there.
    fn next(&mut self) -> Result<bool, ImportError> {
        let more = self.read_record()?;
        if let Some((mut oldest, line)) = self.held.pop_front() {
            std::mem::swap(&mut oldest, &mut self.record);
            self.held.push_back((oldest, self.line));
            self.line = line;
        }
        self.rows += u64::from(more);
        Ok(more)
    }

    fn read_record(&mut self) -> Result<bool, ImportError> {
        self.budget.set(MAX_RECORD);
        let more = self.reader.read_byte_record(&mut self.record).map_err(|fault| self.fault(fault))?;
        if more {
            self.line = self.lines.borrow_mut().next_record();
            if !self.record.as_slice().is_ascii() && self.record.iter().any(|field| std::str::from_utf8(field).is_err())
            {
                return Err(self.bad_text(self.position().line));
            }
        }
        Ok(more)
    }

    fn position(&self) -> Position {
        Position { row: self.rows, line: self.line }
    }

    /// A field as text (every field was checked by `next`).
    fn field(&self, place: usize) -> Result<&str, ImportError> {
        std::str::from_utf8(self.record.get(place).unwrap_or_default()).map_err(|_| self.bad_text(self.position().line))
    }

    fn bad_text(&self, line: Option<u64>) -> ImportError {
        bad_text(self.encoding, line.unwrap_or(1))
    }

    fn fault(&self, fault: csv::Error) -> ImportError {
        let line = self.lines.borrow().line();
        match fault.into_kind() {
            csv::ErrorKind::Io(fault) => stopped(fault, self.encoding, line),
            _ => self.bad_text(Some(line)),
        }
    }
}

fn bad_text(encoding: Encoding, line: u64) -> ImportError {
    let encoding = match encoding {
        Encoding::Utf8 => "utf-8",
        Encoding::Gb18030 => "gb18030",
    };
    ImportError::Encoding { line, encoding, seems: None }
}

/// Why reading stopped at a line.
pub(crate) fn stopped(fault: io::Error, encoding: Encoding, line: u64) -> ImportError {
    match fault.get_ref().and_then(|inner| inner.downcast_ref::<Halt>()) {
        Some(Halt::TooLong) => ImportError::RecordTooLong { line },
        Some(Halt::Malformed { line }) => bad_text(encoding, *line),
        Some(Halt::OpenQuote { line }) => ImportError::OpenQuote { line: *line },
        None => ImportError::Read(fault),
    }
}

/// Two lines of a header: the upper one goes on to the right where it is empty, over all that have a lower one.
fn under(upper: &[String], lower: Vec<String>) -> Vec<String> {
    let mut above = "";
    let join = |(place, below): (usize, String)| {
        let own = upper.get(place).map_or("", String::as_str);
        above = if own.is_empty() { above } else { own };
        match (own.is_empty() && below.is_empty(), above.is_empty() || below.is_empty()) {
            (true, _) => String::new(),
            (_, true) => format!("{above}{below}"),
            (_, false) => format!("{above} {below}"),
        }
    };
    lower.into_iter().enumerate().map(join).collect()
}

/// A name in one line: cells of a header may have line breaks in them.
fn one_line(name: &str) -> String {
    let mut parts = name.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty());
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Chinese has no blanks.
        if line.ends_with(|c: char| c.is_ascii()) || part.starts_with(|c: char| c.is_ascii()) {
            line.push(' ');
        }
        line += part;
    }
    line
}

fn read_fully(text: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match text.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(filled)
}

/// Why our own readers stop, carried through the CSV reader inside an [`io::Error`].
#[derive(Debug, thiserror::Error, Say)]
#[code("csv")]
enum Halt {
    #[error("a record is too long")]
    #[zh("记录过长")]
    TooLong,
    #[error("line {line} opens a quote")]
    #[zh("第 {line} 行打开了引号")]
    OpenQuote { line: u64 },
    #[error("line {line} is not valid")]
    #[zh("第 {line} 行无效")]
    Malformed { line: u64 },
}

fn open_quote(line: u64) -> io::Error {
    io::Error::other(Halt::OpenQuote { line })
}

/// Stops a record that never ends (an unclosed quote) before it fills the memory.
struct Bounded<R> {
    inner: R,
    budget: Rc<Shared<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget.get() == 0 {
            return Err(io::Error::other(Halt::TooLong));
        }
        let read = self.inner.read(buffer)?;
        self.budget.set(self.budget.get().saturating_sub(read));
        Ok(read)
    }
}

/// Decodes GB 18030 to UTF-8, and stops at the first malformed sequence.
struct Gb18030Reader<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    text: Vec<u8>,
    text_at: usize,
    lines: u64,
    ended: bool,
}

impl<R: Read> Gb18030Reader<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            decoder: GB18030.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            raw_at: 0,
            text: Vec::new(),
            text_at: 0,
            lines: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.raw_at == self.raw.len() {
            self.raw.resize(64 << 10, 0);
            let read = self.inner.read(&mut self.raw)?;
            self.raw.truncate(read);
            self.raw_at = 0;
            self.ended = read == 0;
        }
        self.text.resize(128 << 10, 0);
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(&self.raw[self.raw_at..], &mut self.text, self.ended);
        self.raw_at += read;
        self.text.truncate(written);
        self.text_at = 0;
        self.lines += self.text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        match result {
            DecoderResult::Malformed(..) => Err(io::Error::other(Halt::Malformed { line: self.lines + 1 })),
            DecoderResult::InputEmpty | DecoderResult::OutputFull => Ok(()),
        }
    }
}

impl<R: Read> Read for Gb18030Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.text_at == self.text.len() {
            if self.ended && self.raw_at == self.raw.len() {
                return Ok(0);
            }
            self.refill()?;
        }
        let ready = &self.text[self.text_at..];
        let given = ready.len().min(buffer.len());
        buffer[..given].copy_from_slice(&ready[..given]);
        self.text_at += given;
        Ok(given)
    }
}

/// Writes text in the declared encoding.
pub(crate) fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Gb18030 => GB18030.encode(text).0.into_owned(),
    }
}
