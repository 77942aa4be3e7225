//! Where the bytes of an age file come from: as they are, or out of ASCII armor.

use std::io::{BufReader, ErrorKind, Read};

use crate::armor::{Armor, next_byte};
use crate::error::AgeError;
use crate::stream::{CHUNK, TAG};

/// A file, out of its armor if it has one.
pub enum Source<R> {
    Binary(BufReader<R>),
    Armored(Armor<BufReader<R>>),
}

impl<R: Read> Source<R> {
    /// The first byte tells: no binary file begins with a hyphen or with white space.
    pub fn new(reader: R) -> Result<Source<R>, AgeError> {
        let mut reader = BufReader::with_capacity(CHUNK + TAG, reader);
        let armored = match next_byte(&mut reader)? {
            Some(byte) => byte == b'-' || byte.is_ascii_whitespace(),
            None => false,
        };
        Ok(if armored { Source::Armored(Armor::new(reader)) } else { Source::Binary(reader) })
    }

    /// Fills `bytes`, or as many of them as the file still has, and says how many.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, AgeError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read(&mut bytes[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    /// How many bytes were read ahead; none for what is in armor.
    pub fn ahead(&self) -> Option<usize> {
        match self {
            Source::Armored(_) => None,
            Source::Binary(reader) => Some(reader.buffer().len()),
        }
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, AgeError> {
        match self {
            Source::Armored(armor) => armor.read(out),
            Source::Binary(reader) => loop {
                match reader.read(out) {
                    Err(why) if why.kind() == ErrorKind::Interrupted => {}
                    read => return read.map_err(AgeError::Read),
                }
            },
        }
    }
}
