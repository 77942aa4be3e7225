//! Reading shared files by position, and writing files that survive a crash.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use ring::digest;
use unseen_age::OpenedFile;

use crate::hash::to_array;

/// Bytes that are read by position: those of a file, or what is encrypted in one.
pub trait ReadAt: Send + Sync {
    /// How many there are.
    fn length(&self) -> io::Result<u64>;

    /// Fills `out` with what is there from a position on, or a part of it; gives how many bytes. 0 at the end.
    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize>;
}

/// The content of a file that is encrypted to us.
impl ReadAt for OpenedFile {
    fn length(&self) -> io::Result<u64> {
        Ok(OpenedFile::length(self))
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        OpenedFile::read_at(self, out, at)
    }
}

impl ReadAt for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, out, at)
    }
}

/// A file read by position only, so that several readers of one descriptor do not disturb each
/// other, and never asked for more bytes than it has, whatever a footer claims.
#[derive(Clone)]
pub(crate) struct SharedFile {
    file: Arc<dyn ReadAt>,
    length: u64,
}

impl SharedFile {
    pub(crate) fn new(file: Arc<dyn ReadAt>) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self { file, length })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// All the bytes, from the start.
    pub(crate) fn reader(&self) -> FileAt {
        FileAt { file: Arc::clone(&self.file), at: 0, length: self.length }
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Part>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        if start > self.length {
            return Err(ParquetError::EOF("a part is said to start after the end of the file".into()));
        }
        Ok(BufReader::new(Part(FileAt { at: start, ..self.reader() })))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF("a part is said to end after the end of the file".into()));
        }
        let mut bytes = vec![0; length];
        FileAt { at: start, ..self.reader() }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads on from a position of its own.
pub(crate) struct FileAt {
    file: Arc<dyn ReadAt>,
    at: u64,
    length: u64,
}

impl Read for FileAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What a decoder reads from a position on. Where there is nothing left it fails: Parquet's decoder takes an end for
/// bytes that it has skipped, and goes on to skip as many as a page's header claims, for minutes.
pub(crate) struct Part(FileAt);

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

impl Seek for FileAt {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Counts and digests what is written through it.
pub(crate) struct DigestWriter<W: Write>(io::BufWriter<Digesting<W>>);

struct Digesting<W> {
    to: W,
    context: digest::Context,
    length: u64,
}

impl<W: Write> DigestWriter<W> {
    pub(crate) fn new(to: W) -> Self {
        // Gathered before it is digested: a digest of many small pieces takes several times as long.
        let digesting = Digesting { to, context: digest::Context::new(&digest::SHA256), length: 0 };
        Self(io::BufWriter::with_capacity(256 << 10, digesting))
    }

    /// What was written to, and length and SHA-256 of what was.
    pub(crate) fn finish(self) -> io::Result<(W, u64, [u8; 32])> {
        let Digesting { to, context, length } = self.0.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((to, length, to_array(context.finish().as_ref())))
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.context.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A new file, mode 0600; an error when it exists.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a whole new file and makes its content durable (not yet its name).
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
