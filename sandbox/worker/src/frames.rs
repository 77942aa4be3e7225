//! Frames: bytes behind their length, as they go through pipes.

use std::io::{Read, Write};

use unseen_texts::{Sentence, text};
use zeroize::Zeroizing;

use crate::fault::{Fault, lab_fault};

/// Writes a frame: the length as eight bytes, the lowest first, then the bytes.
pub fn write_frame(to: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

/// Reads a frame that is a key.
pub(crate) fn read_key<const N: usize>(from: &mut impl Read) -> Result<Zeroizing<[u8; N]>, Fault> {
    let frame = Zeroizing::new(read_frame(from).map_err(lab_fault)?);
    frame.as_slice().try_into().map(Zeroizing::new).map_err(|_| lab_fault(format!("a key must have {N} bytes")))
}

/// Longest frame that is believed, in bytes.
pub const MAX_FRAME: u64 = 1 << 30;

/// Reads a frame of at most [`MAX_FRAME`] bytes.
pub fn read_frame(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    read_frame_of(from, MAX_FRAME)
}

/// Reads a frame of at most so many bytes.
pub fn read_frame_of(from: &mut impl Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > most {
        return Err(std::io::Error::other(Sentence::from(text!("the frame is too long", "数据帧过长"))));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
