//! Where a privacy unit has its place: the bucket hash of the Iceberg table format.

/// The bucket a unit belongs to among `buckets` (`bucket[P]` of the Iceberg table format:
/// MurmurHash3 x86 32-bit of the UTF-8 bytes, seed 0, sign bit cleared, modulo `P`).
///
/// `buckets` of 0 is treated as 1.
pub fn bucket_of(unit: &[u8], buckets: u32) -> u32 {
    (murmur3_x86_32(unit) & 0x7fff_ffff) % buckets.max(1)
}

/// MurmurHash3, x86, 32 bits, seed 0 (Austin Appleby's public-domain algorithm).
fn murmur3_x86_32(bytes: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = 0u32;
    for word in words {
        hash ^= scramble(u32::from_le_bytes(*word));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash ^= scramble(u32::from_le_bytes(last));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the Iceberg specification's appendix B and from MurmurHash3's own verification.
    #[test]
    fn murmur3_has_the_values_of_the_iceberg_specification() {
        assert_eq!(murmur3_x86_32(b"iceberg"), 1_210_000_089);
        assert_eq!(murmur3_x86_32(&34i64.to_le_bytes()), 2_017_239_379);
        assert_eq!(murmur3_x86_32(&[0, 1, 2, 3]), -188_683_207i32 as u32);
        assert_eq!(murmur3_x86_32(b""), 0);
        assert_eq!(bucket_of(b"iceberg", 16), 1_210_000_089 % 16);
        assert_eq!(bucket_of(&[0, 1, 2, 3], 100), (-188_683_207i32 & i32::MAX) as u32 % 100);
    }
}
