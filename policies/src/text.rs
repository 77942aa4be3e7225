//! Text that people write and others read: it must show as what it is.

/// Whether a character shows as nothing, moves what is shown, or turns the order of its neighbours round:
/// controls, line and paragraph separators, format characters (Cf) and the other default-ignorable ones of
/// Unicode 16 (`DerivedCoreProperties.txt`).
pub fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a name is one that the lab itself goes by, in listings and filters: nobody else may have it.
pub fn is_lab(name: &str) -> bool {
    ["lab", "the lab", "实验室"].contains(&name.to_lowercase().as_str())
}

/// The text with every character that [`hides`] written out, as in `\u{202e}`: for a name, a cell, a line.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match hides(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// A number of bytes as people write it: `300`, `4KiB`, `64 MiB`, `1GiB`. None for anything else.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit.trim_start() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes() {
        for (text, number) in
            [("0", 0), (" 300 ", 300), ("7B", 7), ("4KiB", 4 << 10), ("64 MiB", 64 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(bytes(text), Some(number), "{text}");
        }
        for wrong in ["", "KiB", "-1", "+1", "1.5MiB", "4kib", "4KB", "4KiBKiB", "4KiB 1", "18014398509481984KiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_hides_is_written_out() {
        assert_eq!(shown("甲\u{202e}a\u{200b}\u{2066}\n\u{1b}[1m"), r"甲\u{202e}a\u{200b}\u{2066}\u{a}\u{1b}[1m");
        for plain in ["Steel, 2024–25: ½ of “all”", "武进区规上工业企业", "ÆØÅ é ñ", "🏭"] {
            assert_eq!(shown(plain), plain);
        }
    }
}
