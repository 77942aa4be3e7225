//! Numbers of residents' identity cards, GB 11643.

use chrono::NaiveDate;

/// Whether a text is a number of 18 characters: region, a day of birth that there was, a serial, and the right last
/// character, a digit or a capital X.
pub(crate) fn is_valid(text: &str) -> bool {
    let Some((body, [last])) = text.as_bytes().split_first_chunk::<17>() else { return false };
    body.iter().all(u8::is_ascii_digit) && is_day(&text[6..14]) && *last == check_digit(body)
}

/// The number of 18 characters that a person has who was given one of 15 digits before 1999: the century before the
/// year of birth, and the check digit at the end. `None` for any other text, for a day of birth that there was not,
/// and for the serials 996 to 999, which were kept for people born in the century before.
pub(crate) fn of_15_digits(text: &str) -> Option<String> {
    if text.len() != 15 || !text.bytes().all(|byte| byte.is_ascii_digit()) || text[12..] >= *"996" {
        return None;
    }
    let mut number = format!("{}19{}", &text[..6], &text[6..]);
    let digit = check_digit(number.as_bytes().first_chunk()?);
    number.push(char::from(digit));
    is_day(&number[6..14]).then_some(number)
}

/// The last character of a number, from its first 17 (ISO 7064, MOD 11-2): with it the sum of all digits, each times
/// 2 to the power of its place from the right, is 1 modulo 11.
pub(crate) fn check_digit(body: &[u8; 17]) -> u8 {
    let doubled = body.iter().fold(0, |sum, digit| (sum + u32::from(digit.wrapping_sub(b'0'))) * 2 % 11);
    b"10X98765432"[doubled as usize]
}

/// `YYYYMMDD`, digits.
fn is_day(digits: &str) -> bool {
    let number = |range| digits.get(range).and_then(|digits: &str| digits.parse().ok());
    let year = number(0..4).and_then(|year: u32| i32::try_from(year).ok()).filter(|year| *year >= 1800);
    let day = year.zip(number(4..6)).zip(number(6..8));
    day.is_some_and(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the standard, and each with one character changed.
    #[test]
    fn numbers_of_the_standard() {
        for number in ["11010519491231002X", "440524188001010014"] {
            assert!(is_valid(number), "{number}");
            for at in 0..18 {
                let mut wrong = number.as_bytes().to_vec();
                wrong[at] = if wrong[at] == b'7' { b'8' } else { b'7' };
                assert!(!is_valid(std::str::from_utf8(&wrong).unwrap()), "{wrong:?}");
            }
        }
        for wrong in ["", "11010519491231002x", "11010519490230002X", "11010519491231002XX", "1101051949123100２"] {
            assert!(!is_valid(wrong), "{wrong}");
        }
    }

    #[test]
    fn fifteen_digits_become_eighteen_where_there_is_a_rule() {
        assert_eq!(of_15_digits("370802940221002").as_deref(), Some("370802199402210029"));
        assert_eq!(of_15_digits("110105491231002").as_deref(), Some("11010519491231002X"));
        // No such day, a person of the century before, other lengths, other digits.
        for other in ["110105490230002", "110105491231996", "11010549123100", "1101054912310021", "11010549123100X"] {
            assert_eq!(of_15_digits(other), None, "{other}");
        }
        assert_eq!(of_15_digits("１１０１０"), None);
    }
}
