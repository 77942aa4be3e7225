//! Numbers as people read them.

/// Four significant digits.
pub fn brief(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    if is_extreme(number) {
        return scientific(number, 3);
    }
    plain(number, 3 - magnitude(number))
}

/// A bound as its manifest has it: twelve significant digits, which leave out what floats add.
pub fn bound(number: f64) -> String {
    if number != 0.0 && is_extreme(number) { scientific(number, 11) } else { plain(number, 11 - magnitude(number)) }
}

/// As many decimals as an error of this size leaves meaning to: two digits of the error.
pub fn rounded(number: f64, error: f64) -> String {
    if error == 0.0 || !error.is_finite() || is_extreme(error) || number.abs() >= 1e15 {
        return brief(number);
    }
    let text = format!("{number:.*}", decimals(1 - magnitude(error)));
    // An error hides the sign of what it rounds to nothing.
    match text.strip_prefix('-') {
        Some(rest) if !rest.contains(|c: char| ('1'..='9').contains(&c)) => rest.to_owned(),
        _ => text,
    }
}

/// Whether a number is read more easily with an exponent.
fn is_extreme(number: f64) -> bool {
    !(1e-6..1e15).contains(&number.abs())
}

fn magnitude(number: f64) -> i32 {
    if number == 0.0 { 0 } else { number.abs().log10().floor() as i32 }
}

fn decimals(wanted: i32) -> usize {
    wanted.clamp(0, 20) as usize
}

fn plain(number: f64, wanted: i32) -> String {
    let text = format!("{number:.*}", decimals(wanted));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scientific(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$e}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

/// Bytes in the largest unit that keeps them whole or nearly so.
pub fn bytes(count: u64) -> String {
    match count {
        0..0x10_0000 => format!("{} KiB", count.div_ceil(1 << 10)),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", count.div_ceil(1 << 20)),
        _ => format!("{} GiB", count.div_ceil(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_its_error_leaves() {
        let said = [rounded(6.0234, 0.0371), rounded(168_400.25, 7_961.0), rounded(-0.5, 12.0), rounded(1.5, 0.0)];
        assert_eq!(said, ["6.023", "168400", "0", "1.5"]);
    }

    #[test]
    fn small_and_large_numbers_have_exponents_and_bounds_are_as_they_were_written() {
        assert_eq!(
            [1e-15, -1e-14, 1e300, 123_456.7, 0.00012].map(brief),
            ["1e-15", "-1e-14", "1e300", "123457", "0.00012"]
        );
        let bounds = [1.00049, -99_999.6, 0.1 * 3.0, 1e-20, 0.0, 1200.0].map(bound);
        assert_eq!(bounds, ["1.00049", "-99999.6", "0.3", "1e-20", "0", "1200"]);
    }
}
