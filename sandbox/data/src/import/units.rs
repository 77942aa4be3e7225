//! Units as an import meets them: how many, the largest, and ids that look alike.

use crate::hash::siphash24;

#[derive(Default)]
pub(super) struct UnitCounter {
    pub(super) last: Vec<u8>,
    pub(super) run: u64,
    pub(super) units: u64,
    pub(super) largest: u64,
}

/// What writing the buckets met of units.
#[derive(Default)]
pub(super) struct UnitsMet {
    /// Rows of the largest one.
    pub(super) largest: u64,
    /// A hash of each one's id, folded.
    pub(super) folded: Vec<u64>,
}

/// As many ids are compared in other spellings, in 8 bytes each.
pub(super) const MOST_FOLDED: usize = 1 << 26;

/// A hash of an id without what people vary by mistake: spaces round it, case, full width, and
/// characters that cannot be seen.
pub(super) fn folded(unit: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(unit);
    let seen = text.chars().filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'));
    let narrow = seen.map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    });
    let folded: String = narrow.flat_map(char::to_lowercase).collect();
    siphash24(&[0; 16], folded.trim().as_bytes())
}

/// How many ids another one is like.
pub(super) fn alike(mut folded: Vec<u64>) -> u64 {
    folded.sort_unstable();
    folded.chunk_by(|a, b| a == b).map(|same| same.len() as u64).filter(|same| *same > 1).sum()
}

impl UnitCounter {
    /// Whether this is another unit than the last.
    pub(super) fn take(&mut self, unit: &[u8]) -> bool {
        let new = self.units == 0 || self.last != unit;
        if new {
            self.last.clear();
            self.last.extend_from_slice(unit);
            self.units += 1;
            self.run = 0;
        }
        self.run += 1;
        self.largest = self.largest.max(self.run);
        new
    }
}
