//! A release as one table, a line for each number: what its CSV and its Parquet file have in common.

use std::collections::BTreeSet;

use unseen_ids::Key;
use unseen_usecases::estimates::Divisor;
use unseen_usecases::release::Numbers;

/// The table.
pub(crate) struct Lines<'a> {
    /// Names of the key columns, of all outputs together.
    pub keys: Vec<&'a str>,
    /// The lines: ratios and averages first, then what the job computed, then the totals.
    pub lines: Vec<Line<'a>>,
}

/// One number. Limits and deviation are empty where none is stated.
pub(crate) struct Line<'a> {
    /// The output, or the table that the job computed.
    pub table: &'a str,
    /// `ratio`, `average`, `job` (computed by the job) or `total`.
    pub kind: &'static str,
    /// The round, from 0.
    pub round: Option<u32>,
    /// The row in its table, from 0.
    pub row: usize,
    /// One for each of [`Lines::keys`]; none where the table has no such key.
    pub keys: Vec<Option<&'a Key>>,
    /// Which value of the group, or which column.
    pub value: &'a str,
    /// The number as it was released: a decimal, or a fraction where no decimal is exact.
    pub number: String,
    /// The lower limit of its 95 % interval.
    pub low: String,
    /// The upper limit.
    pub high: String,
    /// The standard deviation of the noise.
    pub deviation: String,
}

/// The columns before the keys.
pub(crate) const FIRST: [&str; 4] = ["table", "kind", "round", "row"];
/// The columns after them.
pub(crate) const LAST: [&str; 5] = ["value", "number", "low", "high", "standard_deviation"];

/// What the column of a key is called: a key may have the name of a column of ours.
pub(crate) fn named(key: &str) -> String {
    let ours = FIRST.contains(&key) || LAST.contains(&key);
    if ours { format!("key.{key}") } else { key.to_owned() }
}

impl Lines<'_> {
    /// All numbers of a release.
    pub fn of(numbers: &Numbers) -> Lines<'_> {
        let outputs = || numbers.rounds.iter().flat_map(|round| &round.outputs);
        let mut seen = BTreeSet::new();
        let all = outputs().flat_map(|output| &output.keys);
        let all = all.chain(numbers.derived.iter().flat_map(|derived| &derived.keys)).map(String::as_str);
        let keys: Vec<&str> = all.filter(|key| seen.insert(*key)).collect();
        let placed = |names: &[String], of: &'_ [Key]| -> Vec<Option<usize>> {
            let at = |key: &&str| names.iter().position(|name| name == key).filter(|at| *at < of.len());
            keys.iter().map(at).collect()
        };
        let last = numbers.rounds.last().map(|round| round.round);
        let mut lines = Vec::new();
        for found in &numbers.estimates {
            let kind = if matches!(found.by, Divisor::Blocks { .. }) { "average" } else { "ratio" };
            for (row, group) in found.groups.iter().enumerate() {
                let [number, low, high] =
                    [group.value, group.low, group.high].map(|number| number.map_or(String::new(), |n| n.to_string()));
                let at = placed(&found.keys, &group.keys);
                let keys = at.into_iter().map(|at| at.and_then(|at| group.keys.get(at))).collect();
                let (table, value, deviation) = (found.output.as_str(), found.name.as_str(), String::new());
                lines.push(Line { table, kind, round: last, row, keys, value, number, low, high, deviation });
            }
        }
        for derived in &numbers.derived {
            for (row, cells) in derived.rows.iter().enumerate() {
                let of = derived.groups.get(row).map(Vec::as_slice).unwrap_or_default();
                let at = placed(&derived.keys, of);
                lines.extend(derived.columns.iter().zip(cells).map(|(column, cell)| Line {
                    table: &derived.name,
                    kind: "job",
                    round: last,
                    row,
                    keys: at.iter().map(|at| at.and_then(|at| of.get(at))).collect(),
                    value: column,
                    number: cell.0.to_string(),
                    low: String::new(),
                    high: String::new(),
                    deviation: String::new(),
                }));
            }
        }
        for round in &numbers.rounds {
            for output in &round.outputs {
                for (row, group) in output.groups.iter().enumerate() {
                    let at = placed(&output.keys, &group.keys);
                    lines.extend(output.values.iter().zip(&group.values).map(|(name, value)| Line {
                        table: &output.name,
                        kind: "total",
                        round: Some(round.round),
                        row,
                        keys: at.iter().map(|at| at.and_then(|at| group.keys.get(at))).collect(),
                        value: name,
                        number: value.value.clone(),
                        low: value.low.clone(),
                        high: value.high.clone(),
                        deviation: value.standard_deviation.to_string(),
                    }));
                }
            }
        }
        Lines { keys, lines }
    }
}
