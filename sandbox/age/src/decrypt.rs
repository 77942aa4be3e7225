//! Reading a file that is encrypted to us.

use std::io::{self, Read};
use std::ops::Range;

use unseen_texts::Sentence;
use zeroize::Zeroizing;

use crate::error::AgeError;
use crate::header;
use crate::keys::Identity;
use crate::source::Source;
use crate::stream::{CHUNK, Chunks, TAG};

/// The content of an age file, binary or in armor, chunk by chunk, in about 200 KiB of memory.
///
/// What [`Read`] gives has been verified, and its end is the file's: a file that was altered, cut off or continued is
/// an error of the kind [`io::ErrorKind::InvalidData`], in a [`Sentence`], at the latest where the content would have
/// ended. After an error every read gives it again.
pub struct Decrypter<R> {
    source: Source<R>,
    chunks: Chunks,
    /// A sealed chunk and the byte behind it, which tells whether it is the last; then what is in the chunk.
    buffer: Zeroizing<Vec<u8>>,
    /// The part of the buffer that is to be handed out.
    ready: Range<usize>,
    /// The byte behind the chunk in the buffer.
    behind: Option<u8>,
    state: State,
}

enum State {
    Open,
    Ended,
    Failed(io::ErrorKind, Sentence),
}

impl<R: Read> Decrypter<R> {
    /// Reads the header: whether the file is for one of these identities, and as it was written. `reader` needs no
    /// buffer of its own.
    pub fn new(reader: R, identities: &[Identity]) -> Result<Decrypter<R>, AgeError> {
        let mut source = Source::new(reader)?;
        let key = header::read(&mut source, identities)?;
        let mut nonce = [0; 16];
        if source.fill(&mut nonce)? < nonce.len() {
            return Err(AgeError::Cut);
        }
        let chunks = key.payload(&nonce);
        // One more byte than the first chunk, as later ones have it by the byte that was behind the one before.
        let mut buffer = Zeroizing::new(vec![0; CHUNK + TAG + 1]);
        let behind = (source.fill(&mut buffer[..1])? == 1).then(|| buffer[0]);
        Ok(Decrypter { source, chunks, buffer, ready: 0..0, behind, state: State::Open })
    }

    fn next_chunk(&mut self) -> Result<(), AgeError> {
        let first = self.behind.take().ok_or(AgeError::Cut)?;
        self.buffer[0] = first;
        let sealed = 1 + self.source.fill(&mut self.buffer[1..])?;
        let last = sealed <= CHUNK + TAG;
        if !last {
            self.behind = self.buffer.last().copied();
        }
        let at = self.chunks.bytes();
        let sealed = &mut self.buffer[..sealed.min(CHUNK + TAG)];
        let length = self.chunks.open(sealed, last).ok_or(AgeError::Chunk { at })?;
        self.ready = 0..length;
        if last {
            self.state = State::Ended;
        }
        Ok(())
    }
}

impl<R: Read> Read for Decrypter<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !out.is_empty() {
            match &self.state {
                State::Ended => return Ok(0),
                State::Failed(kind, why) => return Err(io::Error::new(*kind, why.clone())),
                State::Open => {}
            }
            if let Err(why) = self.next_chunk() {
                let why = io::Error::from(why);
                self.state = State::Failed(why.kind(), Sentence::of(&why));
            }
        }
        let count = self.ready.len().min(out.len());
        out[..count].copy_from_slice(&self.buffer[self.ready.start..][..count]);
        self.ready.start += count;
        Ok(count)
    }
}
