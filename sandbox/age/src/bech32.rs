//! Bech32 (BIP 173), as age writes its keys: 32 bytes after a prefix, with a checksum against slips of the pen.

use zeroize::Zeroizing;

const SYMBOLS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Symbols of 32 bytes, the last of which holds one bit of theirs and four that are 0.
const DATA: usize = 52;
/// Symbols of the checksum.
const SUM: usize = 6;

/// `PREFIX1...`, in lower case.
pub fn encode(prefix: &str, bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut values = Zeroizing::new([0; DATA + SUM]);
    for (at, value) in values.iter_mut().take(DATA).enumerate() {
        *value = (0..5).fold(0, |value, bit| value << 1 | bit_of(bytes, 5 * at + bit));
    }
    let sum = checksum(prefix, &*values) ^ 1;
    for (at, value) in values.iter_mut().skip(DATA).enumerate() {
        *value = (sum >> (5 * (SUM - 1 - at)) & 31) as u8;
    }
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 1 + values.len()));
    text.push_str(prefix);
    text.push('1');
    text.extend(values.iter().map(|value| char::from(SYMBOLS[usize::from(*value)])));
    text
}

/// The bytes in a text of this prefix, in lower case; `None` when it is anything but what [`encode`] makes.
pub fn decode(prefix: &str, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let symbols: &[u8; DATA + SUM] = text.strip_prefix(prefix)?.strip_prefix('1')?.as_bytes().try_into().ok()?;
    let mut values = Zeroizing::new([0; DATA + SUM]);
    for (value, symbol) in values.iter_mut().zip(symbols) {
        *value = SYMBOLS.iter().position(|known| known == symbol)? as u8;
    }
    if checksum(prefix, &*values) != 1 || values[DATA - 1] & 15 != 0 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (8 * at..8 * at + 8).fold(0, |byte, bit| byte << 1 | values[bit / 5] >> (4 - bit % 5) & 1);
    }
    Some(bytes)
}

/// A bit of 32 bytes, from the highest of the first on; 0 beyond the last.
fn bit_of(bytes: &[u8; 32], at: usize) -> u8 {
    bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1)
}

/// The remainder of BIP 173's code over prefix and values: 1 when the last six are the checksum of the rest.
fn checksum(prefix: &str, values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(values.iter().copied()).fold(1, |sum, value| {
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| sum >> (25 + bit) & 1 == 1);
        terms.fold(shifted, |sum, (_, term)| sum ^ term)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(bytes: [u8; 32], at in 0..61usize, symbol in 0..32usize) {
            let text = encode("age", &bytes);
            prop_assert_eq!(decode("age", &text).map(|read| *read), Some(bytes));
            let mut other = text.as_bytes().to_vec();
            other[at] = SYMBOLS[symbol];
            let other = String::from_utf8(other).unwrap();
            prop_assert!(other == *text || decode("age", &other).is_none(), "{other} is read beside {}", *text);
            prop_assert!(decode("ag", &text).is_none());
            prop_assert!(decode("age", &text[..at]).is_none());
        }
    }

    /// A checksum that fits does not make the four bits that are left over mean anything.
    #[test]
    fn bits_left_over_are_refused() {
        let mut values = [0; DATA + SUM];
        values[DATA - 1] = 1;
        let sum = checksum("age", &values) ^ 1;
        for at in 0..SUM {
            values[DATA + at] = (sum >> (5 * (SUM - 1 - at)) & 31) as u8;
        }
        assert_eq!(checksum("age", &values), 1);
        let text: String = values.iter().map(|value| char::from(SYMBOLS[usize::from(*value)])).collect();
        assert!(decode("age", &format!("age1{text}")).is_none());
    }
}
