//! ASCII armor: strict PEM (RFC 7468, figure 3), so that a file has one form but for the ends of its lines and the
//! white space around it.

use std::io::{BufRead, ErrorKind, Read};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::error::AgeError;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

/// Characters of every line but the last, and the bytes they stand for.
const COLUMNS: usize = 64;
const BYTES: usize = COLUMNS / 4 * 3;

/// What is inside an armor.
pub struct Armor<R> {
    reader: R,
    at: Place,
    /// The line that is read, without its end, and its number from 1.
    line: Vec<u8>,
    number: u64,
    /// What the line stands for, and how much of it was handed out.
    decoded: [u8; BYTES],
    taken: usize,
    length: usize,
}

#[derive(PartialEq)]
enum Place {
    Before,
    Within,
    /// Only the last line may be short or padded.
    LastLine,
    After,
}

impl<R: BufRead> Armor<R> {
    /// Of a file that begins with armor, or with white space before it.
    pub fn new(reader: R) -> Armor<R> {
        let decoded = [0; BYTES];
        Armor { reader, at: Place::Before, line: Vec::new(), number: 0, decoded, taken: 0, length: 0 }
    }

    /// Up to `out.len()` bytes; 0 when armor and file have ended as they should.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, AgeError> {
        let mut filled = 0;
        while filled < out.len() {
            if self.taken == self.length {
                if self.at == Place::After {
                    break;
                }
                self.next_line()?;
            }
            let ready = &self.decoded[self.taken..self.length];
            let count = ready.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&ready[..count]);
            self.taken += count;
            filled += count;
        }
        Ok(filled)
    }

    fn next_line(&mut self) -> Result<(), AgeError> {
        if self.at == Place::Before {
            self.skip_blanks()?;
        }
        self.read_line()?;
        self.at = match self.at {
            Place::Before if self.line == BEGIN => Place::Within,
            Place::Within | Place::LastLine if self.line == END => {
                self.skip_blanks()?;
                self.number += 1;
                match next_byte(&mut self.reader)? {
                    Some(_) => return Err(self.fault()),
                    None => Place::After,
                }
            }
            Place::Within => self.decode()?,
            _ => return Err(self.fault()),
        };
        Ok(())
    }

    fn decode(&mut self) -> Result<Place, AgeError> {
        if self.line.is_empty() || self.line.len() > COLUMNS {
            return Err(self.fault());
        }
        // Strict: padded as it must be, and no bit left over that is not 0.
        let length = STANDARD.decode_slice(&self.line, &mut self.decoded).map_err(|_| self.fault())?;
        (self.taken, self.length) = (0, length);
        Ok(if length == BYTES { Place::Within } else { Place::LastLine })
    }

    /// Reads a line with its end, which is LF or CRLF, or the file's.
    fn read_line(&mut self) -> Result<(), AgeError> {
        const MOST: u64 = COLUMNS as u64 + 2;
        self.number += 1;
        self.line.clear();
        self.reader.by_ref().take(MOST).read_until(b'\n', &mut self.line).map_err(AgeError::Read)?;
        if self.line.is_empty() {
            return Err(AgeError::Cut);
        }
        if self.line.pop_if(|byte| *byte == b'\n').is_some() {
            self.line.pop_if(|byte| *byte == b'\r');
        }
        Ok(())
    }

    fn skip_blanks(&mut self) -> Result<(), AgeError> {
        while next_byte(&mut self.reader)?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.reader.consume(1);
        }
        Ok(())
    }

    fn fault(&self) -> AgeError {
        AgeError::Armor { line: self.number }
    }
}

/// The next byte, which stays where it is; `None` at the end.
pub fn next_byte(reader: &mut impl BufRead) -> Result<Option<u8>, AgeError> {
    loop {
        match reader.fill_buf() {
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            bytes => return Ok(bytes.map_err(AgeError::Read)?.first().copied()),
        }
    }
}
