//! Numbers as people read them.

/// Four significant digits.
pub fn brief(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = (3 - number.abs().log10().floor() as i32).clamp(0, 12);
    let text = format!("{number:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// As many decimals as an error of this size leaves meaning to: two digits of the error.
pub fn rounded(number: f64, error: f64) -> String {
    if error == 0.0 || !error.is_finite() {
        return brief(number);
    }
    let decimals = (1 - error.abs().log10().floor() as i32).clamp(0, 12);
    format!("{number:.*}", decimals as usize)
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
        assert_eq!(said, ["6.023", "168400", "-0", "1.5"]);
    }
}
