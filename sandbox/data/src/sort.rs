//! External sort in bounded memory: rows go in by arrival, come out by (bucket, unit bytes,
//! arrival). What does not fit in memory is spilled to a nameless file under a key that is never
//! written down, so a crash leaves neither name nor readable bytes.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::thread::{Builder, JoinHandle};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use unseen_texts::{Sentence, text};

use crate::cell::Cell;
use crate::files;
use crate::keys::random;

/// The largest encoded row, in bytes.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// Takes rows. While some are sorted and spilled, more come in.
pub(crate) struct Sorter {
    /// How many bytes of rows are sorted at a time.
    memory: usize,
    rows: Rows,
    spill: Spilling,
}

/// Gives rows back, sorted.
pub(crate) struct Merge {
    runs: Vec<SortedRun>,
    /// Runs that still have rows, as a heap: the least row first, ties to the earlier run.
    heap: Vec<Waiting>,
}

/// Where the least row left of a run belongs, as far as most comparisons need to know.
#[derive(Clone, Copy)]
struct Waiting {
    bucket: u32,
    prefix: u64,
    run: usize,
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) bucket: u32,
    pub(crate) unit: &'a [u8],
    cells: &'a [u8],
    bytes: &'a [u8],
}

impl Sorter {
    /// `memory` bytes of rows are held at a time; `dir` is where the nameless file is made.
    pub(crate) fn new(dir: &Path, memory: usize) -> io::Result<Self> {
        let spill = Spilling::Rests(Box::new(Spill::new(dir)?), Rows::default());
        Ok(Self { memory: (memory / 2).clamp(1, 2 << 30), rows: Rows::default(), spill })
    }

    /// Takes one row. An error of kind `InvalidInput` means that it is larger than [`MAX_RECORD`].
    pub(crate) fn push(&mut self, bucket: u32, unit: &[u8], cells: &[Cell]) -> io::Result<()> {
        self.rows.push(bucket, unit, cells)?;
        if self.rows.memory() >= self.memory {
            let (spill, empty) = std::mem::replace(&mut self.spill, Spilling::Failed).rest()?;
            self.spill = spill.begin(std::mem::replace(&mut self.rows, empty))?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<Merge> {
        self.rows.sort();
        let (spill, _) = self.spill.rest()?;
        let (runs, spill) = (spill.runs.clone(), Rc::new(*spill));
        let spilled = runs.into_iter().map(|(at, end, number)| {
            SortedRun::framed(Box::new(SpilledRun { spill: Rc::clone(&spill), at, end, number }))
        });
        let last = SortedRun::Memory { rows: self.rows, next: 0 };
        Merge::new(spilled.chain([Ok(last)]).collect::<io::Result<_>>()?)
    }
}

impl Merge {
    /// Of runs each of which is sorted; of equal rows those of an earlier run come first.
    pub(crate) fn of(runs: impl Iterator<Item = Box<dyn Frames>>) -> io::Result<Merge> {
        Merge::new(runs.map(SortedRun::framed).collect::<io::Result<_>>()?)
    }

    fn new(runs: Vec<SortedRun>) -> io::Result<Merge> {
        let heap = runs.iter().enumerate().filter_map(|(run, rows)| rows.waiting(run)).collect();
        let mut merge = Merge { runs, heap };
        for at in (0..merge.heap.len() / 2).rev() {
            merge.sift_down(at);
        }
        Ok(merge)
    }

    /// The least row left.
    pub(crate) fn head(&self) -> Option<Record<'_>> {
        self.runs[self.heap.first()?.run].head()
    }

    /// Moves past the least row.
    pub(crate) fn pop(&mut self) -> io::Result<()> {
        let Some(&Waiting { run, .. }) = self.heap.first() else {
            return Ok(());
        };
        match &mut self.runs[run] {
            SortedRun::Memory { next, .. } => *next += 1,
            SortedRun::Framed { frames, frame, next } => {
                *next += record_length(&frame[*next..]);
                if *next >= frame.len() {
                    *next = 0;
                    frames.next(frame)?;
                }
            }
        }
        match self.runs[run].waiting(run) {
            Some(waiting) => self.heap[0] = waiting,
            None => drop(self.heap.swap_remove(0)),
        }
        self.sift_down(0);
        Ok(())
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.heap.len());
            let Some(least) = children.min_by(|&a, &b| self.order(a, b)) else {
                return;
            };
            if self.order(at, least) != Ordering::Greater {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.heap[a], self.heap[b]);
        let unit = |run: usize| self.runs[run].head().map(|record| record.unit);
        (a.bucket, a.prefix)
            .cmp(&(b.bucket, b.prefix))
            .then_with(|| unit(a.run).cmp(&unit(b.run)))
            .then(a.run.cmp(&b.run))
    }
}

/// The rest of a sorted run, frame by frame.
pub(crate) trait Frames {
    /// Replaces `frame` by the next one, whole records; leaves it empty at the end of the run.
    fn next(&mut self, frame: &mut Vec<u8>) -> io::Result<()>;
}

enum SortedRun {
    Memory { rows: Rows, next: usize },
    Framed { frames: Box<dyn Frames>, frame: Vec<u8>, next: usize },
}

impl SortedRun {
    fn framed(mut frames: Box<dyn Frames>) -> io::Result<SortedRun> {
        let mut frame = Vec::new();
        frames.next(&mut frame)?;
        Ok(SortedRun::Framed { frames, frame, next: 0 })
    }

    fn head(&self) -> Option<Record<'_>> {
        match self {
            Self::Memory { rows, next } => rows.index.get(*next).map(|entry| rows.record(entry)),
            Self::Framed { frame, next, .. } => frame.get(*next..).filter(|rest| !rest.is_empty()).map(Record::read),
        }
    }

    /// What of it waits in the heap, if it is this run.
    fn waiting(&self, run: usize) -> Option<Waiting> {
        self.head().map(|record| Waiting { bucket: record.bucket, prefix: prefix(record.unit), run })
    }
}

/// Encoded rows in memory. A record is its length (u32), bucket (u32), length of the unit (u16), the
/// unit, and the cells.
#[derive(Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    index: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    prefix: u64,
    bucket: u32,
    at: u32,
}

/// The first 8 bytes of a unit: most comparisons end here.
fn prefix(unit: &[u8]) -> u64 {
    let mut first = [0; 8];
    let shared = unit.len().min(8);
    first[..shared].copy_from_slice(&unit[..shared]);
    u64::from_be_bytes(first)
}

impl Rows {
    /// Takes one row. An error of kind `InvalidInput` means that it is larger than [`MAX_RECORD`].
    pub(crate) fn push(&mut self, bucket: u32, unit: &[u8], cells: &[Cell]) -> io::Result<()> {
        let at = self.bytes.len();
        if u32::try_from(at).is_err() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&bucket.to_le_bytes());
        self.bytes.extend_from_slice(&(unit.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(unit);
        for cell in cells {
            write_cell(&mut self.bytes, cell);
        }
        let length = self.bytes.len() - at;
        if length > MAX_RECORD || unit.len() > usize::from(u16::MAX) {
            self.bytes.truncate(at);
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.bytes[at..at + 4].copy_from_slice(&(length as u32).to_le_bytes());
        self.index.push(Entry { prefix: prefix(unit), bucket, at: at as u32 });
        Ok(())
    }

    fn memory(&self) -> usize {
        self.bytes.len() + self.index.len() * size_of::<Entry>()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.index.clear();
    }

    pub(crate) fn sort(&mut self) {
        let mut index = std::mem::take(&mut self.index);
        index.sort_unstable_by(|a, b| {
            (a.bucket, a.prefix)
                .cmp(&(b.bucket, b.prefix))
                .then_with(|| self.record(a).unit.cmp(self.record(b).unit))
                .then(a.at.cmp(&b.at))
        });
        self.index = index;
    }

    fn record(&self, entry: &Entry) -> Record<'_> {
        Record::read(&self.bytes[entry.at as usize..])
    }

    /// The records as they are encoded, in the order that they were sorted into, each behind its bucket.
    pub(crate) fn encoded(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.index.iter().map(|entry| {
            let bytes = &self.bytes[entry.at as usize..];
            (entry.bucket, &bytes[..record_length(bytes)])
        })
    }
}

/// The length of the record that `bytes` begin with; none where they hold no whole one, or no record at all.
pub(crate) fn whole_record(bytes: &[u8]) -> Option<usize> {
    let header = bytes.first_chunk::<10>()?;
    let length = record_length(header);
    let unit_end = 10 + usize::from(u16::from_le_bytes([header[8], header[9]]));
    (unit_end <= length && length <= bytes.len()).then_some(length)
}

fn record_length(bytes: &[u8]) -> usize {
    let mut length = [0; 4];
    length.copy_from_slice(&bytes[..4]);
    u32::from_le_bytes(length) as usize
}

impl<'a> Record<'a> {
    /// The record `bytes` begins with. Only bytes written by [`Rows::push`] come here: from memory,
    /// or opened by an authenticated cipher; or what [`whole_record`] has found to be one.
    fn read(bytes: &'a [u8]) -> Self {
        let bytes = &bytes[..record_length(bytes)];
        let unit_end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        Self {
            bucket: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            unit: &bytes[10..unit_end],
            cells: &bytes[unit_end..],
            bytes,
        }
    }

    /// All of it, as it is encoded.
    pub(crate) fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The cells, in the order they were pushed.
    pub(crate) fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        let mut rest = self.cells;
        std::iter::from_fn(move || read_cell(&mut rest))
    }
}

fn write_cell(bytes: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::Null => bytes.push(0),
        Cell::Int(number) => {
            bytes.push(1);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Cell::Float(number) => {
            bytes.push(2);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Cell::Bool(value) => bytes.push(3 + u8::from(*value)),
        Cell::Text(text) => {
            bytes.push(5);
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
}

fn read_cell<'a>(rest: &mut &'a [u8]) -> Option<Cell<'a>> {
    let (&tag, after) = rest.split_first()?;
    let (cell, after) = match tag {
        0 => (Cell::Null, after),
        1 | 2 => {
            let (number, after) = after.split_first_chunk()?;
            let cell = if tag == 1 {
                Cell::Int(i64::from_le_bytes(*number))
            } else {
                Cell::Float(f64::from_le_bytes(*number))
            };
            (cell, after)
        }
        3 | 4 => (Cell::Bool(tag == 4), after),
        _ => {
            let (length, after) = after.split_first_chunk()?;
            let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            (Cell::Text(std::str::from_utf8(text).ok()?), after)
        }
    };
    *rest = after;
    Some(cell)
}

/// The nameless spill file: frames of whole records, each sealed under its number.
struct Spill {
    file: File,
    key: LessSafeKey,
    end: u64,
    frames: u64,
    /// Where each run begins and ends in the file, and the number of its first frame.
    runs: Vec<(u64, u64, u64)>,
}

/// The spill file, perhaps in the hands of a thread that sorts a run and writes it there.
enum Spilling {
    /// With rows that were written, emptied.
    Rests(Box<Spill>, Rows),
    Goes(JoinHandle<io::Result<(Box<Spill>, Rows)>>),
    Failed,
}

impl Spilling {
    /// Waits until it rests.
    fn rest(self) -> io::Result<(Box<Spill>, Rows)> {
        match self {
            Spilling::Rests(spill, rows) => Ok((spill, rows)),
            Spilling::Goes(thread) => thread.join().unwrap_or_else(|_| Err(unsorted())),
            Spilling::Failed => Err(unsorted()),
        }
    }
}

fn unsorted() -> io::Error {
    io::Error::other(Sentence::from(text!("sorting rows has failed before", "此前排序数据行时已失败")))
}

/// What is left of a run in the spill file.
struct SpilledRun {
    spill: Rc<Spill>,
    at: u64,
    end: u64,
    /// Of the next frame.
    number: u64,
}

/// Plain bytes gathered before a frame is sealed.
const FRAME: usize = 64 << 10;

impl Spill {
    fn new(dir: &Path) -> io::Result<Self> {
        let path = dir.join("spill");
        let file = files::create(&path)?;
        std::fs::remove_file(&path)?;
        let key: [u8; 32] = random().map_err(io::Error::other)?;
        let key = UnboundKey::new(&AES_256_GCM, &key)
            .map_err(|_| io::Error::other(Sentence::from(text!("the cipher refused a key", "密钥不被接受"))))?;
        Ok(Self { file, key: LessSafeKey::new(key), end: 0, frames: 0, runs: Vec::new() })
    }

    /// Sorts rows and writes them as a run, in a thread.
    fn begin(mut self: Box<Self>, mut rows: Rows) -> io::Result<Spilling> {
        let work = move || {
            rows.sort();
            self.write(&rows)?;
            rows.clear();
            Ok((self, rows))
        };
        Ok(Spilling::Goes(Builder::new().name("sort".to_owned()).spawn(work)?))
    }

    fn write(&mut self, rows: &Rows) -> io::Result<()> {
        let (at, number) = (self.end, self.frames);
        let mut frame = Vec::with_capacity(2 * FRAME);
        for (_, record) in rows.encoded() {
            frame.extend_from_slice(record);
            if frame.len() >= FRAME {
                self.seal(&mut frame)?;
            }
        }
        if !frame.is_empty() {
            self.seal(&mut frame)?;
        }
        self.runs.push((at, self.end, number));
        Ok(())
    }

    fn seal(&mut self, frame: &mut Vec<u8>) -> io::Result<()> {
        self.key
            .seal_in_place_append_tag(nonce(self.frames), Aad::empty(), frame)
            .map_err(|_| io::Error::other(Sentence::from(text!("the cipher refused a frame", "加密数据帧失败"))))?;
        self.file.write_all_at(&(frame.len() as u32).to_le_bytes(), self.end)?;
        self.file.write_all_at(frame, self.end + 4)?;
        self.end += 4 + frame.len() as u64;
        self.frames += 1;
        frame.clear();
        Ok(())
    }
}

impl Frames for SpilledRun {
    fn next(&mut self, frame: &mut Vec<u8>) -> io::Result<()> {
        frame.clear();
        if self.at >= self.end {
            return Ok(());
        }
        let mut length = [0; 4];
        self.spill.file.read_exact_at(&mut length, self.at)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_RECORD + 2 * FRAME {
            return Err(altered());
        }
        frame.resize(length, 0);
        self.spill.file.read_exact_at(frame, self.at + 4)?;
        let opened = self.spill.key.open_in_place(nonce(self.number), Aad::empty(), frame);
        let plain = opened.map_err(|_| altered())?.len();
        frame.truncate(plain);
        self.at += 4 + length as u64;
        self.number += 1;
        Ok(())
    }
}

fn altered() -> io::Error {
    io::Error::other(Sentence::from(text!("the spill file was altered during the import", "导入期间临时文件被改动")))
}

/// Every frame of the one import this key lives for has its own number.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
