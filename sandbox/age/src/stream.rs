//! The payload: chunks of 64 KiB, each sealed with a number and with whether it is the last, so that none can be
//! altered, left out, moved, or put behind the end (STREAM, Hoang et al. 2015).

use ring::aead::{Aad, LessSafeKey, Nonce};

/// Bytes of content in every chunk but the last.
pub const CHUNK: usize = 64 << 10;
/// What sealing adds to a chunk.
pub const TAG: usize = 16;

/// The chunks of one payload, in their order.
pub struct Chunks {
    key: LessSafeKey,
    next: u64,
}

impl Chunks {
    pub fn new(key: LessSafeKey) -> Chunks {
        Chunks { key, next: 0 }
    }

    /// Opens the next chunk in place and gives the length of its content, which stands at the beginning. Else
    /// `None`, and what is in `sealed` then is not to be seen.
    pub fn open(&mut self, sealed: &mut [u8], last: bool) -> Option<usize> {
        let number = self.take_number();
        self.open_at(number, sealed, last)
    }

    /// Opens the chunk of this number.
    pub fn open_at(&self, number: u64, sealed: &mut [u8], last: bool) -> Option<usize> {
        let opened = self.key.open_in_place(nonce(number, last), Aad::empty(), sealed).ok()?;
        // The last is empty only where all is.
        (!opened.is_empty() || number == 0).then_some(opened.len())
    }

    /// Seals the next chunk in place and appends its tag.
    pub fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) {
        let nonce = nonce(self.take_number(), last);
        // The cipher takes up to 256 GiB.
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), chunk).expect("invariant: a chunk is 64 KiB");
    }

    /// Bytes of content in all full chunks so far.
    pub fn bytes(&self) -> u64 {
        self.next.saturating_mul(CHUNK as u64)
    }

    /// Each is used once.
    fn take_number(&mut self) -> u64 {
        // 2^64 chunks are more than a disk can hold.
        self.next += 1;
        self.next - 1
    }
}

/// 11 bytes of number and one that says whether it is the last.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = last.into();
    Nonce::assume_unique_for_key(nonce)
}
