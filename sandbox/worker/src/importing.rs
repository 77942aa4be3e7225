//! A worker on a node that does a part of an import: it sorts a slice of a source, or merges the rows of some buckets out
//! of all sorted slices.
//!
//! ```text
//! node     Outline ->         secrets, work, task, place ->
//! worker              Ready ->              (Piece, bytes ... FileEnds) ... Sealed, what is told
//! ```
//! Rows are readable in it only. What it writes is encrypted: sorted slices to the import itself, buckets under the key
//! of their snapshot; what it tells of them is sealed for the lab.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ring::digest;
use serde::{Deserialize, Serialize};
use unseen_age::{Encrypter, Identity, OpenedFile};
use unseen_data::import::ImportError;
use unseen_data::import::spread::{Dealt, Merged, Segment, Slice, Sorted, merge, sort};
use unseen_data::{DataKey, Description, ReadAt};
use unseen_ids::{Digest, digest_of};
use unseen_texts::text;
use zeroize::Zeroizing;

use crate::cgroup;
use crate::fault::{Fault, lab_fault, out_of_turn};
use crate::frames::{read_frame, read_key};
use crate::link::{Link, Message, adopt, shut_in};
use crate::memory;
use crate::process::{IMPORT, Worker};
use crate::sealed;
use crate::spread::Place;

/// What is imported, as all parts of one import have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportWork {
    /// The import's number: 32 random bytes.
    pub import: Digest,
    /// The dataset's description.
    pub description: String,
    /// The buckets that its rows are dealt into.
    pub buckets: u32,
    /// When the import began.
    pub now: DateTime<Utc>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportTask {
    /// What is to be done.
    pub step: Step,
    /// The first slice or bucket.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// How often it was asked for before.
    pub attempt: u32,
    /// Bytes of memory that it takes.
    pub memory: u64,
    /// Tells the parts of one try from those of another, in which sorted slices were others.
    pub state: Digest,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// A slice is sorted.
    Sort {
        /// Which.
        slice: Slice,
        /// The file that has it.
        source: Object,
    },
    /// Buckets are merged; of each slice, in order, the sorted slice and where in it their rows are.
    Merge(Vec<(Object, u64, u64)>),
}

impl Step {
    /// By which the two steps are told apart, as rounds of a run are.
    pub fn round(&self) -> u32 {
        match self {
            Step::Sort { .. } => 0,
            Step::Merge(_) => 1,
        }
    }

    /// The files that are read, in the order in which the worker has them.
    pub fn reads(&self) -> Vec<Object> {
        match self {
            Step::Sort { source, .. } => vec![*source],
            Step::Merge(segments) => segments.iter().map(|(object, ..)| *object).collect(),
        }
    }
}

/// An encrypted file of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
}

/// What the lab is told of a part.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told {
    /// What there is in a slice, and the file that it was sorted into.
    Sorted(Sorted, Object),
    /// The files of buckets, and one with the hashes of their units.
    Merged(Merged, Object),
    /// The slice has rows that are refused. The lab finds out itself which.
    Refused,
}

/// The keys of an import, as a node has them.
pub struct ImportSecrets {
    /// Opens the files of the import: an age identity.
    pub identity: Zeroizing<String>,
    /// Seals what this node tells.
    pub part_key: Zeroizing<[u8; 32]>,
    /// The key of the snapshot.
    pub data_key: Zeroizing<[u8; 32]>,
    /// The salt of the snapshot.
    pub salt: Zeroizing<[u8; 32]>,
}

/// Takes the files that a worker writes, one after the other.
pub trait Files {
    /// The next bytes of the file at hand.
    fn piece(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The file at hand has no more. Its worker says that this is its digest; what is read of it is authenticated by its
    /// encryption, and the digest of a bucket is compared by the lab.
    fn ends(&mut self, digest: &Digest) -> io::Result<()>;
}

/// Before anything is read.
#[derive(Serialize, Deserialize)]
struct Outline {
    memory: u64,
    files: Vec<RawFd>,
}

/// What is told takes a multiple of so many bytes: numbers are not to be read off its length.
const PADDED: usize = 64 << 10;

/// Bytes of a file that go through the pipe at a time.
const PIECE: usize = 256 << 10;

impl Worker {
    /// Starts a worker for a part of an import, which reads these files in so many bytes of memory.
    pub fn for_import(program: &Path, memory: u64, files: &[File]) -> Result<Worker, Fault> {
        let mut link = Link::start(program, files)?;
        link.say(IMPORT);
        link.tell(&Outline { memory, files: files.iter().map(AsRawFd::as_raw_fd).collect() })?;
        let walls = link.ready()?;
        Ok(Worker::behind(link, walls))
    }
}

/// Has a worker do a part. The files that it writes go to `files`; returns what it tells of them, sealed.
pub fn import_part(
    mut worker: Worker,
    secrets: &ImportSecrets,
    (work, task, place): (&ImportWork, &ImportTask, &Place),
    files: &mut dyn Files,
) -> Result<Vec<u8>, Fault> {
    let link = &mut worker.link;
    link.tell(&(work, task, place))?;
    link.say(secrets.identity.as_bytes());
    [&secrets.part_key, &secrets.data_key, &secrets.salt].into_iter().for_each(|key| link.say(&**key));
    loop {
        match link.hear()? {
            Message::Piece => files.piece(&link.hear_frame()?).map_err(lab_fault)?,
            Message::FileEnds(digest) => files.ends(&digest).map_err(lab_fault)?,
            Message::Failed(fault) => return Err(fault),
            Message::Sealed => return link.hear_frame(),
            _ => return Err(out_of_turn()),
        }
    }
}

/// What a node tells of a part in this place; none if it was sealed for another, or not by that node.
pub fn told(part_key: &[u8; 32], import: &Digest, round: u32, place: &Place, sealed: &[u8]) -> Option<Told> {
    serde_json::from_slice(&sealed::open(part_key, &context(import, round, place), sealed)?).ok()
}

/// The other end of [`told`].
pub fn seal_told(
    part_key: &[u8; 32],
    import: &Digest,
    round: u32,
    place: &Place,
    told: &Told,
) -> Result<Vec<u8>, Fault> {
    let mut bytes = serde_json::to_vec(told).map_err(lab_fault)?;
    bytes.resize(bytes.len().next_multiple_of(PADDED), b' ');
    sealed::seal(part_key, &context(import, round, place), bytes)
}

/// What a sorted slice begins with: whose it is.
pub fn head(import: &Digest, number: u32) -> Vec<u8> {
    [b"unseen sorted slice v1\0".as_slice(), import.as_bytes(), &number.to_be_bytes()].concat()
}

/// Inside the worker.
pub(crate) fn work(
    stdin: &mut impl Read,
    say: &(dyn Fn(&Message) + Sync),
    frame: &(dyn Fn(&[u8]) + Sync),
) -> Result<Option<Vec<u8>>, Fault> {
    let outline: Outline = serde_json::from_slice(&read_frame(stdin).map_err(lab_fault)?).map_err(lab_fault)?;
    cgroup::enter("import", cgroup::Limits::of(outline.memory, 1));
    let files = adopt(&outline.files);
    memory::set_aside(outline.memory).map_err(Fault::Lab)?;
    let walls = shut_in()?;
    say(&Message::Ready(Box::new(walls)));

    let Ok(asked) = read_frame(stdin) else { return Ok(None) };
    let (work, task, place): (ImportWork, ImportTask, Place) = serde_json::from_slice(&asked).map_err(lab_fault)?;
    let identity = Zeroizing::new(read_frame(stdin).map_err(lab_fault)?);
    let identity = std::str::from_utf8(&identity).map_err(|_| out_of_turn())?;
    let part_key = read_key::<32>(stdin)?;
    let part = Part {
        description: Description::parse(&work.description).map_err(lab_fault)?,
        identity: Identity::from_secret(identity).map_err(lab_fault)?,
        data_key: DataKey::from_bytes(&*read_key::<32>(stdin)?).map_err(lab_fault)?,
        salt: *read_key::<32>(stdin)?,
        work,
        out: &|sent: Sent<'_>| match sent {
            Sent::Piece(bytes) => {
                say(&Message::Piece);
                frame(bytes);
            }
            Sent::End(digest) => say(&Message::FileEnds(digest)),
        },
    };
    let told = match &task.step {
        Step::Sort { slice, source } => part.sort(slice, source, task.first, files),
        Step::Merge(segments) => part.merge(segments, task.first..=task.last, files),
    }?;
    seal_told(&part_key, &part.work.import, task.step.round(), &place, &told).map(Some)
}

struct Part<'a> {
    work: ImportWork,
    description: Description,
    identity: Identity,
    data_key: DataKey,
    salt: [u8; 32],
    /// Writes a piece of the file at hand, or ends it.
    out: &'a (dyn Fn(Sent<'_>) + Sync),
}

impl Part<'_> {
    fn sort(&self, slice: &Slice, source: &Object, number: u32, files: Vec<File>) -> Result<Told, Fault> {
        let file = files.into_iter().next().ok_or_else(out_of_turn)?;
        // Of a whole Parquet file each chunk says that it is of this import.
        if matches!(slice, Slice::Records { .. }) && digest_of(&file).map_err(lab_fault)?.0 != source.digest {
            return Err(lab_fault(text!("the slice is not the one that was cut off", "切片不是所切出的那一个")));
        }
        let (rows, description): (Arc<dyn ReadAt>, _) = (Arc::new(self.open(file)?), &self.description);
        let head = head(&self.work.import, number);
        match sort(rows, slice, description, self.work.buckets, self.work.now, &head, self.encrypted()?) {
            Ok((sorted, to)) => Ok(Told::Sorted(sorted, finished(to)?)),
            Err(error @ (ImportError::Read(_) | ImportError::Write(_) | ImportError::Description)) => {
                Err(lab_fault(error))
            }
            Err(_) => Ok(Told::Refused),
        }
    }

    fn merge(
        &self,
        segments: &[(Object, u64, u64)],
        buckets: std::ops::RangeInclusive<u32>,
        files: Vec<File>,
    ) -> Result<Told, Fault> {
        let segments = segments.iter().zip(files).zip(0..).map(|((&(_, from, end), file), number)| {
            Ok(Segment {
                sorted: Arc::new(self.open(file)?.for_one()),
                head: head(&self.work.import, number),
                place: (from, end),
            })
        });
        let dealt = Dealt {
            description: &self.description,
            text: &self.work.description,
            salt: self.salt,
            key: &self.data_key,
            buckets: self.work.buckets,
        };
        let segments = segments.collect::<Result<_, Fault>>()?;
        let (mut open, mut close) = (|| Ok(Pieces::new(self.out)), |pieces: Pieces<'_>| pieces.end().map(drop));
        let mut merged = merge(segments, &dealt, buckets, &mut open, &mut close).map_err(lab_fault)?;
        let hashes = merged.take_hashes();
        let mut to = self.encrypted()?;
        to.write_all(&hashes).map_err(lab_fault)?;
        Ok(Told::Merged(merged, finished(to)?))
    }

    fn open(&self, mut file: File) -> Result<OpenedFile, Fault> {
        file.rewind().map_err(lab_fault)?;
        let identity = Identity::from_secret(&self.identity.to_secret()).map_err(lab_fault)?;
        OpenedFile::new(file, &[identity]).map_err(lab_fault)
    }

    /// A file that the nodes of this import can read, and the lab.
    fn encrypted(&self) -> Result<Encrypter<Pieces<'_>>, Fault> {
        Encrypter::new(Pieces::new(self.out), &[self.identity.recipient()]).map_err(lab_fault)
    }
}

fn finished(to: Encrypter<Pieces<'_>>) -> Result<Object, Fault> {
    to.finish().and_then(Pieces::end).map_err(lab_fault)
}

/// What goes through the pipe of a file.
enum Sent<'b> {
    Piece(&'b [u8]),
    End(Digest),
}

/// A file on its way through the pipe.
struct Pieces<'a> {
    out: &'a (dyn Fn(Sent<'_>) + Sync),
    waiting: Vec<u8>,
    digest: digest::Context,
    bytes: u64,
}

impl<'a> Pieces<'a> {
    fn new(out: &'a (dyn Fn(Sent<'_>) + Sync)) -> Pieces<'a> {
        let digest = digest::Context::new(&digest::SHA256);
        Pieces { out, waiting: Vec::with_capacity(PIECE), digest, bytes: 0 }
    }

    fn end(mut self) -> io::Result<Object> {
        self.flush()?;
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.finish().as_ref());
        let digest = Digest::from_bytes(digest);
        (self.out)(Sent::End(digest));
        Ok(Object { digest, bytes: self.bytes })
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() >= PIECE {
            self.flush()?;
        }
        let count = bytes.len().min(PIECE - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.digest.update(&self.waiting);
            self.bytes += self.waiting.len() as u64;
            (self.out)(Sent::Piece(&self.waiting));
            self.waiting.clear();
        }
        Ok(())
    }
}

/// What is told is bound to its place.
fn context(import: &Digest, round: u32, place: &Place) -> Vec<u8> {
    let Place { first, last, node, attempt, .. } = place;
    let numbers = [round, *first, *last, *attempt].map(u32::to_be_bytes).concat();
    [b"unseen import part v1\0".as_slice(), import.as_bytes(), &numbers, node.as_bytes()].concat()
}
