//! Rows of a CSV file, decoded and checked against a description.

use std::cell::Cell as Shared;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

use encoding_rs::{DecoderResult, GB18030};
use unseen_texts::{Say, text};

use crate::cell::{self, Cell};
use crate::description::{CsvOptions, Description, Encoding};
use crate::import::error::{ImportError, Position};
use crate::import::sink::{RowSink, recycle};
use crate::sort::MAX_RECORD;

/// Reads all rows into `sink`. Returns the columns of the file that are not declared.
pub(crate) fn read(file: File, description: &Description, sink: &mut dyn RowSink) -> Result<Vec<String>, ImportError> {
    let mut csv = CsvReader::new(file, &description.csv)?;
    let names = match description.csv.header {
        true => Some(csv.header()?.ok_or(ImportError::Empty)?),
        false => None,
    };
    let declared: Vec<&str> = description.columns.iter().map(|column| column.name.as_str()).collect();
    let (places, ignored) = match &names {
        Some(names) => crate::import::sink::match_columns(&declared, names, description)?,
        None => ((0..declared.len()).collect(), Vec::new()),
    };
    let width = names.as_ref().map_or(declared.len(), Vec::len);
    let unit = description.unit.as_ref();
    let unit_at = unit.and_then(|unit| declared.iter().position(|name| *name == unit.column));

    let mut spare = Vec::new();
    while csv.next()? {
        let at = csv.position();
        if csv.record.len() != width {
            return Err(ImportError::Ragged { at, fields: csv.record.len(), expected: width });
        }
        let mut cells = recycle(spare);
        for (index, (column, &place)) in description.columns.iter().zip(&places).enumerate() {
            let text = csv.field(place)?;
            let is_unit = unit_at == Some(index);
            let null = description.csv.null.iter().any(|null| null == text)
                || is_unit && unit.is_some_and(|unit| unit.is_missing(text));
            cells.push(match null {
                true if !column.nullable && !is_unit => {
                    return Err(ImportError::Null { at, column: column.name.clone() });
                }
                true => Cell::Null,
                false => cell::parse(text, &column.kind).map_err(|reason| ImportError::Cell {
                    at,
                    column: column.name.clone(),
                    reason,
                })?,
            });
        }
        sink.row(&cells, at, csv.bytes.get())?;
        spare = recycle(cells);
    }
    Ok(ignored)
}

/// The header and up to `limit` rows as texts, for inference; and whether the file ends there.
pub(crate) struct Sample {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) whole: bool,
}

pub(crate) fn sample(file: File, options: &CsvOptions, limit: usize) -> Result<Sample, ImportError> {
    let mut csv = CsvReader::new(file, options)?;
    let names = csv.header()?.ok_or(ImportError::Empty)?;
    let mut rows = Vec::new();
    let whole = loop {
        if !csv.next()? {
            break true;
        }
        if rows.len() == limit {
            break false;
        }
        if csv.record.len() != names.len() {
            return Err(ImportError::Ragged { at: csv.position(), fields: csv.record.len(), expected: names.len() });
        }
        rows.push((0..names.len()).map(|place| csv.field(place).map(str::to_owned)).collect::<Result<_, _>>()?);
    };
    Ok(Sample { names, rows, whole })
}

struct CsvReader {
    reader: csv::Reader<Bounded<Box<dyn Read>>>,
    record: csv::ByteRecord,
    rows: u64,
    /// Bytes of the file read so far.
    bytes: Rc<Shared<u64>>,
    /// Bytes the record at hand may still take.
    budget: Rc<Shared<usize>>,
    encoding: Encoding,
}

impl CsvReader {
    fn new(mut file: File, options: &CsvOptions) -> Result<Self, ImportError> {
        let bytes = Rc::new(Shared::new(0));
        let budget = Rc::new(Shared::new(MAX_RECORD));
        let mut start = [0; 3];
        let read = read_fully(&mut file, &mut start).map_err(ImportError::Read)?;
        let start = &start[..read];
        let bom = start == [0xef, 0xbb, 0xbf];
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(ImportError::NotCsv(text!("UTF-16 text: save it as UTF-8", "UTF-16 文本：请另存为 UTF-8")));
        }
        let lead: &[u8] = if bom { &[] } else { start };
        let counted = Counted { inner: io::Cursor::new(lead.to_vec()).chain(file), bytes: Rc::clone(&bytes) };
        let decoded: Box<dyn Read> = match options.encoding {
            Encoding::Utf8 => Box::new(counted),
            Encoding::Gb18030 if bom => {
                return Err(ImportError::NotCsv(text!(
                    "UTF-8 text with a byte order mark, but gb18030 is declared",
                    "带字节顺序标记的 UTF-8 文本，却声明为 gb18030"
                )));
            }
            Encoding::Gb18030 => Box::new(Gb18030Reader::new(counted)),
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(options.delimiter)
            .buffer_capacity(128 << 10)
            .from_reader(Bounded { inner: decoded, budget: Rc::clone(&budget) });
        Ok(Self { reader, record: csv::ByteRecord::new(), rows: 0, bytes, budget, encoding: options.encoding })
    }

    fn header(&mut self) -> Result<Option<Vec<String>>, ImportError> {
        if !self.next()? {
            return Ok(None);
        }
        self.rows = 0;
        let mut names: Vec<String> = Vec::with_capacity(self.record.len());
        for place in 0..self.record.len() {
            let name = self.field(place)?.trim_start_matches('\u{feff}').trim().to_owned();
            if names.contains(&name) {
                return Err(ImportError::DuplicateHeader(name));
            }
            names.push(name);
        }
        Ok(Some(names))
    }

    /// Reads the next record; false at the end.
    fn next(&mut self) -> Result<bool, ImportError> {
        self.budget.set(MAX_RECORD);
        let more = self.reader.read_byte_record(&mut self.record).map_err(|fault| self.fault(fault))?;
        if more {
            self.rows += 1;
            if !self.record.as_slice().is_ascii() && self.record.iter().any(|field| std::str::from_utf8(field).is_err())
            {
                return Err(self.bad_text(self.position().line));
            }
        }
        Ok(more)
    }

    fn position(&self) -> Position {
        Position { row: self.rows, line: self.record.position().map(csv::Position::line) }
    }

    /// A field as text (every field was checked by `next`).
    fn field(&self, place: usize) -> Result<&str, ImportError> {
        std::str::from_utf8(self.record.get(place).unwrap_or_default()).map_err(|_| self.bad_text(self.position().line))
    }

    fn bad_text(&self, line: Option<u64>) -> ImportError {
        ImportError::Encoding {
            line: line.unwrap_or(1),
            encoding: match self.encoding {
                Encoding::Utf8 => "utf-8",
                Encoding::Gb18030 => "gb18030",
            },
        }
    }

    fn fault(&self, fault: csv::Error) -> ImportError {
        let line = self.reader.position().line();
        match fault.into_kind() {
            csv::ErrorKind::Io(fault) => match fault.get_ref().and_then(|inner| inner.downcast_ref::<Halt>()) {
                Some(Halt::TooLong) => ImportError::RecordTooLong { line },
                Some(Halt::Malformed { line }) => self.bad_text(Some(*line)),
                None => ImportError::Read(fault),
            },
            _ => self.bad_text(Some(line)),
        }
    }
}

fn read_fully(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
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
    #[error("line {line} is not valid")]
    #[zh("第 {line} 行无效")]
    Malformed { line: u64 },
}

/// Counts the bytes of the file.
struct Counted<R> {
    inner: R,
    bytes: Rc<Shared<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
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
