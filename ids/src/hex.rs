//! Hexadecimal in its one spelling: lower case, two digits a byte.

/// Two lower-case digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// Exactly `N` bytes from exactly `2 N` lower-case digits; `None` for anything else.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let read = base16ct::lower::decode(text, &mut bytes).ok()?;
    (read.len() == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        assert_eq!(encode(&[0, 255, 16]), "00ff10");
        assert_eq!(decode("00ff10"), Some([0, 255, 16]));
        for wrong in ["", "00ff1", "00ff", "00ff1000", "00FF10", "00fg10", "+0ff10", " 00ff10", "汉00f"] {
            assert_eq!(decode::<3>(wrong), None, "{wrong}");
        }
    }
}
