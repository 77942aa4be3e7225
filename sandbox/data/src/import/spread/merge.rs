//! A node's second part: the rows of some buckets, out of all sorted slices, become the files of these buckets.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unseen_texts::{Sentence, text};

use crate::description::Description;
use crate::files::{DigestWriter, ReadAt};
use crate::import::deal::Dealing;
use crate::import::error::ImportError;
use crate::import::units::UnitsMet;
use crate::keys::DataKey;
use crate::snapshot::{Manifest, ManifestFile, bucket_file};
use crate::sort::{Frames, MAX_RECORD, Merge, Record, whole_record};

/// No bucket has as many rows or bytes.
const MOST: u64 = 1 << 44;

/// The rows of some buckets in a sorted slice.
pub struct Segment {
    /// The sorted slice.
    pub sorted: Arc<dyn ReadAt>,
    /// What it has to begin with.
    pub head: Vec<u8>,
    /// Where they begin and end in it.
    pub place: (u64, u64),
}

/// The snapshot whose buckets are written.
pub struct Dealt<'a> {
    /// The dataset's description.
    pub description: &'a Description,
    /// Its text.
    pub text: &'a str,
    /// The salt of the snapshot.
    pub salt: [u8; 32],
    /// Its key.
    pub key: &'a DataKey,
    /// How many buckets it has.
    pub buckets: u32,
}

/// What is told of buckets that were written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Merged {
    /// Their files, in order.
    pub files: Vec<ManifestFile>,
    pub(super) met: UnitsMet,
    /// SHA-256 of the rows: files of the same rows differ, because they are encrypted.
    content: [u8; 32],
}

impl Merged {
    /// Whether this can be of these buckets: what a node says is not believed further.
    pub fn can_be(&self, buckets: RangeInclusive<u32>) -> bool {
        let counted = |file: &ManifestFile| file.units <= file.rows && file.rows < MOST && file.bytes < MOST;
        let named = |(bucket, file): (u32, &ManifestFile)| file.file == bucket_file(bucket) && counted(file);
        self.files.len() == buckets.clone().count() && buckets.zip(&self.files).all(named)
    }

    /// Whether the two are of the same rows.
    pub fn is_same(&self, other: &Merged) -> bool {
        let counts = |file: &ManifestFile| (file.rows, file.units);
        let same = self.content == other.content && self.met == other.met;
        same && self.files.iter().map(counts).eq(other.files.iter().map(counts))
    }

    /// Hashes of the units' ids, which travel on their own.
    pub fn take_hashes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.met.folded).into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// Back from [`Merged::take_hashes`].
    pub fn with_hashes(mut self, hashes: &[u8]) -> Merged {
        self.met.folded = hashes.as_chunks::<8>().0.iter().map(|hash| u64::from_le_bytes(*hash)).collect();
        self
    }
}

/// Writes these buckets, each into what `open` gives, which `close` takes back. `segments` stand in the order of the
/// slices.
///
/// # Errors
/// A segment is not what a node makes of a slice, or nothing can be written.
pub fn merge<W: Write + Send>(
    segments: Vec<Segment>,
    of: &Dealt<'_>,
    buckets: RangeInclusive<u32>,
    open: &mut dyn FnMut() -> io::Result<W>,
    close: &mut dyn FnMut(W) -> io::Result<()>,
) -> Result<Merged, ImportError> {
    let manifest = Manifest::begun(of.description, of.text, &of.salt);
    let mut dealing = Dealing::new(&manifest, of.key, of.buckets)?;
    let readers = segments.into_iter().map(|segment| Ok(Box::new(Reader::new(segment)?) as Box<dyn Frames>));
    let readers: Vec<_> = readers.collect::<io::Result<_>>().map_err(ImportError::Write)?;
    let mut merge = Merge::of(readers.into_iter()).map_err(ImportError::Write)?;
    let mut content = DigestWriter::new(io::sink());
    let mut files = Vec::new();
    for bucket in buckets {
        let to = open().map_err(ImportError::Write)?;
        let mut told = Ok(());
        let mut tell = |record: Record<'_>| {
            if let Err(why) = content.write_all(record.as_bytes()) {
                told = Err(why);
            }
        };
        let (to, entry) = dealing.bucket(bucket, &mut merge, to, &mut tell)?;
        told.map_err(ImportError::Write)?;
        close(to).map_err(ImportError::Write)?;
        files.push(entry);
    }
    if merge.head().is_some() {
        return Err(ImportError::Write(altered()));
    }
    let (_, _, content) = content.finish().map_err(ImportError::Write)?;
    Ok(Merged { files, met: dealing.met, content })
}

/// Reads a segment, whole records at a time.
struct Reader {
    segment: Segment,
    at: u64,
    /// Of a record that does not fit, the beginning.
    rest: Vec<u8>,
}

/// Bytes that are read at a time.
const FRAME: usize = 64 << 10;

impl Reader {
    fn new(segment: Segment) -> io::Result<Reader> {
        let mut head = vec![0; segment.head.len()];
        read_exact_at(&*segment.sorted, &mut head, 0)?;
        if head != segment.head {
            return Err(altered());
        }
        Ok(Reader { at: segment.place.0, segment, rest: Vec::new() })
    }
}

impl Frames for Reader {
    fn next(&mut self, frame: &mut Vec<u8>) -> io::Result<()> {
        frame.clear();
        frame.append(&mut self.rest);
        let end = self.segment.place.1;
        while self.at < end || !frame.is_empty() {
            let more = FRAME.min(end.saturating_sub(self.at) as usize);
            let start = frame.len();
            frame.resize(start + more, 0);
            read_exact_at(&*self.segment.sorted, &mut frame[start..], self.at)?;
            self.at += more as u64;
            let mut whole = 0;
            while let Some(length) = whole_record(&frame[whole..]) {
                whole += length;
            }
            if whole > 0 {
                self.rest = frame.split_off(whole);
                return Ok(());
            }
            if more == 0 || frame.len() > MAX_RECORD {
                return Err(altered());
            }
        }
        Ok(())
    }
}

fn read_exact_at(from: &dyn ReadAt, mut out: &mut [u8], mut at: u64) -> io::Result<()> {
    while !out.is_empty() {
        let read = from.read_at(out, at)?;
        if read == 0 {
            return Err(altered());
        }
        out = &mut out[read..];
        at += read as u64;
    }
    Ok(())
}

fn altered() -> io::Error {
    io::Error::other(Sentence::from(text!("a sorted slice is not what it should be", "排好序的切片内容不符")))
}
