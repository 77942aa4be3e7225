//! What a steward should know about the data before anyone relies on it. Measured during import,
//! from the raw rows: it never leaves the lab.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::cell::{self, Cell};
use crate::description::{Bound, ColumnSpec, ColumnType, Description};

/// The report of one import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Rows of the source, those set aside included.
    pub rows: u64,
    /// Rows left out because they name no unit.
    pub set_aside: u64,
    /// Rows left out because of cells that are not of their declared type.
    #[serde(default)]
    pub bad_rows: u64,
    /// Privacy units (exact); 0 for a reference table.
    pub units: u64,
    /// Rows of the largest unit (exact).
    pub largest_unit: u64,
    /// Units whose id differs from another one's only in spaces round it, case, width or characters
    /// that cannot be seen: probably the same, and protected as several.
    #[serde(default)]
    pub alike: u64,
    /// Ids that look like those of total rows (合计, Total), at most 20 of them.
    #[serde(default)]
    pub totals: Vec<String>,
    /// Units whose id looks like a whole number that a program took for a float, such as `1001.0`: elsewhere they
    /// are probably written `1001`.
    #[serde(default)]
    pub as_floats: u64,
    /// One entry per column, in the order of the description.
    pub columns: Vec<ColumnQuality>,
    /// How old the newest row is; `None` without a date or timestamp column.
    pub freshness: Option<Freshness>,
}

/// One column of the report. Counts are of the rows kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnQuality {
    /// Column name.
    pub name: String,
    /// Rows kept.
    pub rows: u64,
    /// Cells that are not null (exact).
    pub present: u64,
    /// Present cells outside `min`..`max` (exact).
    pub out_of_range: u64,
    /// Present cells outside the declared domain (exact).
    pub out_of_domain: u64,
    /// Present cells that fail the declared check or pattern (exact).
    pub failed_check: u64,
    /// Cells, of all rows of the source, that were written otherwise and were brought into the declared form.
    #[serde(default)]
    pub normalized: u64,
    /// Different values among the present cells: an estimate (HyperLogLog, 4,096 registers,
    /// standard error 1.6 %).
    pub distinct_estimate: u64,
}

/// The newest date of the data against the declared update cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Freshness {
    /// The date or timestamp column that holds the newest moment.
    pub column: String,
    /// That moment.
    pub newest: DateTime<Utc>,
    /// Whole days from then to the time of the import.
    pub age_days: i64,
    /// Days after which the declared cycle makes it late; `None`: never.
    pub late_after_days: Option<u32>,
    /// Whether it is not late.
    pub fresh: bool,
}

impl ColumnQuality {
    /// Share of cells that are not null, 0 to 1 (1 for no rows).
    pub fn completeness(&self) -> f64 {
        share(self.present, self.rows)
    }

    /// Share of present cells that are in range, in the domain and pass the check, 0 to 1. A cell
    /// that fails two of them counts once.
    pub fn validity(&self) -> f64 {
        share(self.present - self.invalid().min(self.present), self.present)
    }

    fn invalid(&self) -> u64 {
        self.out_of_range.saturating_add(self.out_of_domain).saturating_add(self.failed_check)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// What an import met of units.
#[derive(Default)]
pub(crate) struct UnitSurvey {
    pub units: u64,
    pub largest: u64,
    pub alike: u64,
    pub totals: Vec<String>,
    pub as_floats: u64,
}

/// Collects a [`QualityReport`] row by row, in memory independent of the number of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Survey {
    columns: Vec<ColumnSurvey>,
    rows: u64,
    now: DateTime<Utc>,
}

/// Rows that were left out.
pub(crate) struct LeftOut {
    /// They name no unit.
    pub(crate) no_unit: u64,
    /// They have cells that are not of their declared type.
    pub(crate) bad: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ColumnSurvey {
    quality: ColumnQuality,
    newest: Option<i64>,
    /// Later moments are signs for "no end", and say nothing of how fresh the data is.
    latest: i64,
    #[serde(with = "registers")]
    registers: Box<[u8; REGISTERS]>,
}

/// As many hex digits, whatever they hold.
mod registers {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use unseen_ids::hex;

    use super::REGISTERS;

    pub(super) fn serialize<S: Serializer>(registers: &[u8; REGISTERS], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(registers))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<[u8; REGISTERS]>, D::Error> {
        let bytes = hex::decode(&String::deserialize(from)?);
        bytes.map(Box::new).ok_or_else(|| D::Error::custom("registers"))
    }
}

const REGISTERS: usize = 4096;

impl Survey {
    pub(crate) fn new(description: &Description, now: DateTime<Utc>) -> Self {
        // A day more, for clocks and zones.
        let latest = |kind: &ColumnType| match kind {
            ColumnType::Date { .. } => now.timestamp() / 86_400 + 1,
            _ => now.timestamp_micros() + 86_400_000_000,
        };
        let columns = description
            .columns
            .iter()
            .map(|column| ColumnSurvey {
                quality: ColumnQuality {
                    name: column.name.clone(),
                    rows: 0,
                    present: 0,
                    out_of_range: 0,
                    out_of_domain: 0,
                    failed_check: 0,
                    normalized: 0,
                    distinct_estimate: 0,
                },
                newest: None,
                latest: latest(&column.kind),
                registers: Box::new([0; REGISTERS]),
            })
            .collect();
        Self { columns, rows: 0, now }
    }

    /// Takes one kept row; cells stand in the order of the description.
    pub(crate) fn row(&mut self, specs: &[ColumnSpec], cells: &[Cell]) {
        self.rows += 1;
        for ((column, spec), cell) in self.columns.iter_mut().zip(specs).zip(cells) {
            column.cell(spec, cell);
        }
    }

    /// How many columns it is of.
    pub(crate) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Takes what was met in other rows to this.
    pub(crate) fn add(&mut self, other: &Survey) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.rows, other.rows);
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            let (sum, part) = (&mut column.quality, &more.quality);
            add(&mut sum.present, part.present);
            add(&mut sum.out_of_range, part.out_of_range);
            add(&mut sum.out_of_domain, part.out_of_domain);
            add(&mut sum.failed_check, part.failed_check);
            column.newest = column.newest.max(more.newest);
            column.registers.iter_mut().zip(more.registers.iter()).for_each(|(most, here)| *most = (*most).max(*here));
        }
    }

    /// `normalized` says of each column how many cells were brought into another form.
    pub(crate) fn report(
        self,
        description: &Description,
        left_out: LeftOut,
        units: UnitSurvey,
        normalized: &[u64],
    ) -> QualityReport {
        let freshness = self.freshness(description, self.now);
        let rows = self.rows;
        let columns = self
            .columns
            .into_iter()
            .zip(normalized)
            .map(|(column, &normalized)| ColumnQuality {
                rows,
                normalized,
                distinct_estimate: estimate(&column.registers).min(column.quality.present),
                ..column.quality
            })
            .collect();
        let UnitSurvey { units, largest: largest_unit, alike, totals, as_floats } = units;
        let LeftOut { no_unit: set_aside, bad: bad_rows } = left_out;
        let rows = rows.saturating_add(set_aside).saturating_add(bad_rows);
        QualityReport { rows, set_aside, bad_rows, units, largest_unit, alike, totals, as_floats, columns, freshness }
    }

    fn freshness(&self, description: &Description, now: DateTime<Utc>) -> Option<Freshness> {
        let (column, newest) = self
            .columns
            .iter()
            .zip(&description.columns)
            .filter_map(|(column, spec)| Some((&column.quality.name, moment(column.newest?, &spec.kind)?)))
            .max_by_key(|(_, newest)| *newest)?;
        let age_days = (now - newest).num_days();
        let late_after_days = description.update_cycle.late_after_days();
        Some(Freshness {
            column: column.clone(),
            newest,
            age_days,
            late_after_days,
            fresh: late_after_days.is_none_or(|days| age_days <= i64::from(days)),
        })
    }
}

impl ColumnSurvey {
    fn cell(&mut self, spec: &ColumnSpec, cell: &Cell) {
        let hash = match *cell {
            Cell::Null => return,
            Cell::Int(number) => {
                let below = matches!(spec.min, Some(Bound::Int(min)) if number < min);
                let above = matches!(spec.max, Some(Bound::Int(max)) if number > max);
                self.quality.out_of_range += u64::from(below || above);
                let moment = matches!(spec.kind, ColumnType::Date { .. } | ColumnType::Timestamp { .. });
                if moment && number <= self.latest {
                    self.newest = self.newest.max(Some(number));
                }
                mix(number.cast_unsigned())
            }
            Cell::Float(number) => {
                let below = matches!(spec.min, Some(Bound::Float(min)) if number < min);
                let above = matches!(spec.max, Some(Bound::Float(max)) if number > max);
                self.quality.out_of_range += u64::from(below || above);
                mix(number.to_bits())
            }
            Cell::Bool(value) => mix(u64::from(value)),
            Cell::Text(text) => {
                let outside = !spec.domain.is_empty() && !spec.domain.iter().any(|known| known == text);
                let failed = spec.check.as_ref().is_some_and(|check| !cell::passes(text, check));
                self.quality.out_of_domain += u64::from(outside);
                self.quality.failed_check += u64::from(failed && !outside);
                hash_text(text.as_bytes())
            }
        };
        self.quality.present += 1;
        let register = &mut self.registers[(hash >> 52) as usize];
        *register = (*register).max(((hash << 12) | 1 << 11).leading_zeros() as u8 + 1);
    }
}

fn moment(value: i64, kind: &ColumnType) -> Option<DateTime<Utc>> {
    match kind {
        ColumnType::Date { .. } => Some(cell::date_of(value)?.and_time(chrono::NaiveTime::MIN).and_utc()),
        ColumnType::Timestamp { .. } => DateTime::from_timestamp_micros(value),
        _ => None,
    }
}

/// The finaliser of SplitMix64: every input bit reaches every output bit.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hash_text(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    mix(tail.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// HyperLogLog's estimate, with linear counting while registers are empty.
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / registers.iter().map(|&r| 0.5f64.powi(i32::from(r))).sum::<f64>();
    let empty = registers.iter().filter(|&&r| r == 0).count();
    let estimate = if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
    estimate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distinct_estimate_is_within_five_percent() {
        for distinct in [1u64, 10, 1_000, 20_000, 300_000] {
            let mut ints =
                ColumnSurvey { quality: empty(), newest: None, latest: i64::MAX, registers: Box::new([0; REGISTERS]) };
            let mut texts =
                ColumnSurvey { quality: empty(), newest: None, latest: i64::MAX, registers: Box::new([0; REGISTERS]) };
            for value in (0..distinct).chain(0..distinct) {
                ints.cell(&spec(ColumnType::Int), &Cell::Int(value as i64));
                texts.cell(&spec(ColumnType::Text), &Cell::Text(&format!("unit-{value:08}")));
            }
            for registers in [&ints.registers, &texts.registers] {
                let error = estimate(registers).abs_diff(distinct) as f64 / distinct as f64;
                assert!(error < 0.05, "{distinct}: {}", estimate(registers));
            }
        }
    }

    fn empty() -> ColumnQuality {
        ColumnQuality {
            name: String::new(),
            rows: 0,
            present: 0,
            out_of_range: 0,
            out_of_domain: 0,
            failed_check: 0,
            normalized: 0,
            distinct_estimate: 0,
        }
    }

    fn spec(kind: ColumnType) -> ColumnSpec {
        ColumnSpec {
            source: None,
            null: None,
            name: "x".into(),
            kind,
            normalize: Default::default(),
            nullable: true,
            description: Default::default(),
            min: None,
            max: None,
            domain: Vec::new(),
            sizes: Vec::new(),
            shape: Default::default(),
            check: None,
        }
    }
}
