//! Units as an import meets them: how many, the largest, and ids that look alike.

use serde::{Deserialize, Serialize};

use crate::cell::half_width;
use crate::hash::siphash24;
use crate::quality::UnitSurvey;

#[derive(Default)]
pub(super) struct UnitCounter {
    pub(super) last: Vec<u8>,
    pub(super) run: u64,
    pub(super) units: u64,
    pub(super) largest: u64,
}

/// What writing the buckets met of units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitsMet {
    /// Rows of the largest one.
    pub(super) largest: u64,
    /// Those that look like a total and no unit.
    pub(super) totals: Vec<String>,
    /// Those that look like whole numbers which a program took for floats, such as `1001.0`.
    pub(super) as_floats: u64,
    /// A hash of each one's id, folded. Many: they travel on their own.
    #[serde(skip)]
    pub(super) folded: Vec<u64>,
}

/// As many ids are compared in other spellings, in 8 bytes each.
const MOST_FOLDED: usize = 1 << 26;
/// As many that look like totals are named.
const MOST_TOTALS: usize = 20;

impl UnitsMet {
    /// Takes note of a unit that was not met before.
    pub(super) fn note(&mut self, unit: &[u8]) {
        let id = String::from_utf8_lossy(unit);
        let folded = folded(&id);
        if self.totals.len() < MOST_TOTALS && is_total(&folded) {
            self.totals.push(id.trim().to_owned());
        }
        self.as_floats += u64::from(is_as_float(&folded));
        if self.folded.len() < MOST_FOLDED {
            self.folded.push(siphash24(&[0; 16], folded.as_bytes()));
        }
    }

    /// Takes what was met elsewhere, in later buckets.
    pub(super) fn add(&mut self, later: UnitsMet) {
        self.largest = self.largest.max(later.largest);
        self.totals.extend(later.totals);
        self.totals.truncate(MOST_TOTALS);
        self.as_floats = self.as_floats.saturating_add(later.as_floats);
        self.folded.extend(later.folded);
        self.folded.truncate(MOST_FOLDED);
    }

    /// For the report, of so many units.
    pub(super) fn survey(mut self, units: u64) -> UnitSurvey {
        let alike = self.alike();
        UnitSurvey { units, largest: self.largest, alike, totals: self.totals, as_floats: self.as_floats }
    }

    /// How many ids another one is like.
    fn alike(&mut self) -> u64 {
        self.folded.sort_unstable();
        self.folded.chunk_by(|a, b| a == b).map(|same| same.len() as u64).filter(|same| *same > 1).sum()
    }
}

/// Whether a folded id is what stands before a total: 合计, 全市总计, `Total:`.
fn is_total(folded: &str) -> bool {
    const WORDS: [&str; 10] =
        ["total", "totals", "grandtotal", "subtotal", "sub-total", "sum", "average", "mean", "平均", "平均值"];
    const ENDS: [&str; 5] = ["合计", "总计", "小计", "共计", "总和"];
    let bare: String = folded.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    WORDS.contains(&bare.as_str()) || ENDS.iter().any(|end| bare.ends_with(end))
}

fn is_as_float(folded: &str) -> bool {
    let digits = folded.strip_suffix(".0").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// An id without what people vary by mistake: spaces round it, case, full width, and characters that cannot be
/// seen.
fn folded(text: &str) -> String {
    let seen = text.chars().filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'));
    let folded: String = seen.map(half_width).flat_map(char::to_lowercase).collect();
    folded.trim().to_owned()
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
