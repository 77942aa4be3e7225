//! The digest of what is too long to hold.

use std::io::{self, Read};

use ring::digest::{Context, SHA256};

use crate::Digest;

/// SHA-256 and length of all that a reader gives.
pub fn digest_of(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let (mut hash, mut length) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&piece[..read]);
                length += read as u64;
            }
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    Ok((Digest::from_bytes(bytes), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_digest_of_its_bytes() {
        for length in [0, 1, (1 << 20) + 1] {
            let bytes = vec![7; length];
            assert_eq!(digest_of(bytes.as_slice()).unwrap(), (Digest::of(&bytes), length as u64));
        }
    }
}
