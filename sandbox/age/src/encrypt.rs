//! Writing a file that others can read.

use std::io::{self, Write};

use unseen_texts::{Sentence, text};
use zeroize::Zeroizing;

use crate::error::AgeError;
use crate::file_key::{FileKey, random};
use crate::header;
use crate::keys::Recipient;
use crate::stream::{CHUNK, Chunks, TAG};

/// Encrypts what is written to it, chunk by chunk, into a binary age file. Without [`Encrypter::finish`] the file has
/// no end, and whoever reads it is told that it was cut off.
pub struct Encrypter<W> {
    /// None after a write that failed: what reached the file is unknown, so nothing may follow it.
    writer: Option<W>,
    chunks: Chunks,
    /// What is not sealed yet: the last chunk is sealed otherwise than the others.
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> Encrypter<W> {
    /// Writes the header: the file can be read by each of these recipients and by nobody else.
    pub fn new(mut writer: W, recipients: &[Recipient]) -> Result<Encrypter<W>, AgeError> {
        let key = FileKey::generate()?;
        let mut head = header::write(&key, recipients)?;
        let nonce = random()?;
        head.extend_from_slice(&*nonce);
        writer.write_all(&head).map_err(AgeError::Write)?;
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
        Ok(Encrypter { writer: Some(writer), chunks: key.payload(&nonce), chunk })
    }

    /// Writes the last chunk, flushes, and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        let mut writer = self.writer.ok_or_else(broken)?;
        writer.flush()?;
        Ok(writer)
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        let mut writer = self.writer.take().ok_or_else(broken)?;
        self.chunks.seal(&mut self.chunk, last);
        writer.write_all(&self.chunk)?;
        self.chunk.clear();
        self.writer = Some(writer);
        Ok(())
    }
}

impl<W: Write> Write for Encrypter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // It is longer where it could not be written.
        if self.chunk.len() >= CHUNK && !bytes.is_empty() {
            self.put(false)?;
        }
        let count = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Flushes the writer below. A chunk that is not full waits for [`Encrypter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().ok_or_else(broken)?.flush()
    }
}

fn broken() -> io::Error {
    let why = text!("an earlier part of the file could not be written", "文件的前一部分未能写入");
    io::Error::other(Sentence::from(why))
}
