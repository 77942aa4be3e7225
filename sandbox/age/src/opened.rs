//! Reading a file that is encrypted to us at any position, as formats with a footer need it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::error::AgeError;
use crate::header;
use crate::keys::Identity;
use crate::source::Source;
use crate::stream::{CHUNK, Chunks, TAG};

/// Chunks kept open: a reader of columns is at as many places at a time.
const KEPT: usize = 32;
/// Chunks kept open for whoever reads on from one place.
const KEPT_FOR_ONE: usize = 2;

/// The content of a binary age file, by position, in about 2 MiB of memory. What is given has been verified, and so has
/// been, from the start, that the file is whole.
pub struct OpenedFile {
    file: File,
    chunks: Chunks,
    /// Where the first chunk begins.
    start: u64,
    /// Bytes of all sealed chunks.
    sealed: u64,
    kept: Mutex<VecDeque<(u64, Open)>>,
    most: usize,
}

/// What is in a chunk.
type Open = Arc<Zeroizing<Vec<u8>>>;

impl OpenedFile {
    /// Reads the header, and the last chunk: whether the file is for one of these identities, as it was written, and
    /// whole. One in armor is an error: its bytes have no places of their own.
    pub fn new(mut file: File, identities: &[Identity]) -> Result<OpenedFile, AgeError> {
        let mut source = Source::new(&file)?;
        if source.ahead().is_none() {
            return Err(AgeError::Armored);
        }
        let key = header::read(&mut source, identities)?;
        let mut nonce = [0; 16];
        if source.fill(&mut nonce)? < nonce.len() {
            return Err(AgeError::Cut);
        }
        let ahead = source.ahead().unwrap_or_default() as u64;
        let start = file.stream_position().map_err(AgeError::Read)?.saturating_sub(ahead);
        let length = file.metadata().map_err(AgeError::Read)?.len();
        let sealed = length.saturating_sub(start);
        let chunks = key.payload(&nonce);
        let opened = OpenedFile { file, chunks, start, sealed, kept: Mutex::default(), most: KEPT };
        if opened.last_length() < TAG as u64 {
            return Err(AgeError::Cut);
        }
        opened.chunk(opened.count() - 1)?;
        Ok(opened)
    }

    /// The same in a sixteenth of the memory, for one reader who reads on.
    pub fn for_one(self) -> OpenedFile {
        OpenedFile { most: KEPT_FOR_ONE, ..self }
    }

    /// Bytes of content.
    pub fn length(&self) -> u64 {
        self.sealed - self.count() * TAG as u64
    }

    /// Fills `out` with what is there from a position on, or a part of it; gives how many bytes. 0 at the end.
    pub fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        if at >= self.length() {
            return Ok(0);
        }
        let chunk = self.chunk(at / CHUNK as u64)?;
        let from = (at % CHUNK as u64) as usize;
        let count = (chunk.len() - from).min(out.len());
        out[..count].copy_from_slice(&chunk[from..][..count]);
        Ok(count)
    }

    fn chunk(&self, number: u64) -> Result<Open, AgeError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, chunk)) = kept.iter().find(|(kept, _)| *kept == number) {
            return Ok(chunk.clone());
        }
        let last = number + 1 == self.count();
        let length = if last { self.last_length() as usize } else { CHUNK + TAG };
        let mut chunk = Zeroizing::new(vec![0; length]);
        let at = self.start + number * (CHUNK + TAG) as u64;
        self.file.read_exact_at(&mut chunk, at).map_err(|why| match why.kind() {
            io::ErrorKind::UnexpectedEof => AgeError::Cut,
            _ => AgeError::Read(why),
        })?;
        let open = self.chunks.open_at(number, &mut chunk, last);
        chunk.truncate(open.ok_or(AgeError::Chunk { at: number * CHUNK as u64 })?);
        let chunk = Arc::new(chunk);
        if kept.len() >= self.most {
            kept.pop_front();
        }
        kept.push_back((number, chunk.clone()));
        Ok(chunk)
    }

    /// How many chunks there are.
    fn count(&self) -> u64 {
        self.sealed.div_ceil((CHUNK + TAG) as u64).max(1)
    }

    /// Bytes of the last.
    fn last_length(&self) -> u64 {
        self.sealed - (self.count() - 1) * (CHUNK + TAG) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encrypter, Recipient};
    use std::io::Write;

    fn sealed(content: &[u8], to: Recipient) -> Vec<u8> {
        let mut file = Encrypter::new(Vec::new(), &[to]).unwrap();
        file.write_all(content).unwrap();
        file.finish().unwrap()
    }

    fn opened(bytes: &[u8], identity: Identity) -> Result<OpenedFile, AgeError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        OpenedFile::new(file, &[identity])
    }

    #[test]
    fn every_position_reads_as_it_was_written() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 40 * CHUNK + 7] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let identity = Identity::generate().unwrap();
            let opened = opened(&sealed(&content, identity.recipient()), identity).unwrap();
            assert_eq!(opened.length(), length as u64);
            for at in [0, 1, CHUNK / 2, CHUNK - 1, CHUNK, 39 * CHUNK + 5, length.saturating_sub(1), length] {
                let mut out = vec![0; 3 * CHUNK];
                let read = opened.read_at(&mut out, at as u64).unwrap();
                assert_eq!(read == 0, at >= length, "{length} {at}");
                assert_eq!(out[..read], content[at.min(length)..][..read]);
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_altered_is_refused() {
        let identity =
            || Identity::from_secret(SECRET.get_or_init(|| Identity::generate().unwrap().to_secret())).unwrap();
        static SECRET: std::sync::OnceLock<Zeroizing<String>> = std::sync::OnceLock::new();
        let content = vec![7; 3 * CHUNK];
        let whole = sealed(&content, identity().recipient());
        for end in (0..whole.len()).step_by(997).chain([whole.len() - 1]) {
            assert!(opened(&whole[..end], identity()).is_err(), "{end}");
        }
        let mut altered = whole.clone();
        let middle = whole.len() / 2;
        altered[middle] ^= 1;
        let file = opened(&altered, identity()).unwrap();
        let mut out = [0; 16];
        assert!(file.read_at(&mut out, CHUNK as u64).is_err());
        assert_eq!(file.read_at(&mut out, 0).unwrap(), 16);
        assert!(matches!(opened(&whole, Identity::generate().unwrap()), Err(AgeError::NoMatch)));
    }
}
