//! Unified social credit codes, GB 32100-2015: 17 characters and a check character.

/// The characters a code is written in, in order of their values. I, O, S, V and Z are left out.
pub const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A code: ASCII, 18 characters.
pub type Code = [u8; 18];

/// How many different codes [`code`] can make.
pub const CODES: u64 = 31u64.pow(6);

/// The valid code of the enterprise with this serial number, registered (`9`) as an enterprise
/// (`1`) in Wujin (`320412`). Different serials below [`CODES`] give different codes.
pub fn code(serial: u64) -> Code {
    let mut code = *b"91320412MA00000000";
    let mut rest = serial % CODES;
    for place in (10..16).rev() {
        code[place] = ALPHABET[(rest % 31) as usize];
        rest /= 31;
    }
    code[16] = organisation_check(&code[8..16]);
    code[17] = check(&code[..17]).unwrap_or(b'0');
    code
}

/// Whether a code has 18 characters of the alphabet and the right last one.
pub fn is_valid(code: &str) -> bool {
    let code = code.as_bytes();
    code.len() == 18 && check(&code[..17]) == Some(code[17])
}

/// The check character of the first 17: weights are the powers of 3 modulo 31, and the weighted
/// sum with the check character's own value is a multiple of 31. None when a character is not of
/// the alphabet.
fn check(body: &[u8]) -> Option<u8> {
    let mut sum = 0;
    let mut weight = 1;
    for character in body {
        sum += weight * ALPHABET.iter().position(|known| known == character)?;
        weight = weight * 3 % 31;
    }
    Some(ALPHABET[(31 - sum % 31) % 31])
}

/// The check character inside the code, of the organisation code (GB 11714) in places 9 to 16.
fn organisation_check(body: &[u8]) -> u8 {
    let value = |character: u8| match character {
        b'0'..=b'9' => u32::from(character - b'0'),
        _ => u32::from(character - b'A') + 10,
    };
    let sum: u32 =
        body.iter().zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(&character, weight)| value(character) * weight).sum();
    match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        digit => b'0' + digit as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_codes_are_valid_and_any_single_wrong_character_is_caught() {
        for real in ["91330100799655058B", "9144030071526726XG", "914403001922038216"] {
            assert!(is_valid(real), "{real}");
            assert_eq!(organisation_check(&real.as_bytes()[8..16]), real.as_bytes()[16]);
            for place in 0..18 {
                for &wrong in ALPHABET {
                    let mut typed = real.as_bytes().to_vec();
                    if typed[place] != wrong {
                        typed[place] = wrong;
                        assert!(!is_valid(std::str::from_utf8(&typed).unwrap()));
                    }
                }
            }
        }
        assert!(!is_valid("NA"));
        assert!(!is_valid("91330100799655058I"));
    }

    #[test]
    fn made_codes_are_valid_and_different() {
        let mut seen = std::collections::HashSet::new();
        for serial in (0..CODES).step_by(88_751) {
            let code = code(serial);
            assert!(is_valid(std::str::from_utf8(&code).unwrap()));
            assert!(seen.insert(code));
        }
    }
}
