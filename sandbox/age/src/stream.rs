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
        let first = self.next == 0;
        let nonce = self.nonce(last);
        let opened = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        // The last is empty only where all is.
        (!opened.is_empty() || first).then_some(opened.len())
    }

    /// Seals the next chunk in place and appends its tag.
    pub fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) {
        let nonce = self.nonce(last);
        // The cipher takes up to 256 GiB.
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), chunk).expect("invariant: a chunk is 64 KiB");
    }

    /// Bytes of content in all full chunks so far.
    pub fn bytes(&self) -> u64 {
        self.next.saturating_mul(CHUNK as u64)
    }

    /// 11 bytes of number and one that says whether it is the last. Each is used once.
    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = last.into();
        // 2^64 chunks are more than a disk can hold.
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}
