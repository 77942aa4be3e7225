//! A release as one table for spreadsheets and statistics: a line for each number.

use std::collections::BTreeSet;

use unseen_ids::Key;
use unseen_usecases::estimates::{Divisor, number};
use unseen_usecases::release::Numbers;

/// The columns before the keys, and those after them.
const FIRST: [&str; 4] = ["table", "kind", "round", "row"];
const LAST: [&str; 5] = ["value", "number", "low", "high", "standard_deviation"];

/// UTF-8 with a byte order mark, by which Excel knows it. `kind` is `ratio`, `average`, `job` (computed by the job)
/// or `total`; `low` and `high` are the limits of the 95 % interval.
pub fn write(numbers: &Numbers) -> Result<Vec<u8>, csv::Error> {
    let outputs = || numbers.rounds.iter().flat_map(|round| &round.outputs);
    let mut seen = BTreeSet::new();
    let keys: Vec<&String> = outputs().flat_map(|output| &output.keys).filter(|key| seen.insert(*key)).collect();
    let mut table = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    // A key column may be called like one of ours.
    let named = |key: &&String| {
        let ours = FIRST.contains(&key.as_str()) || LAST.contains(&key.as_str());
        if ours { format!("key.{key}") } else { inert(key) }
    };
    let header = FIRST.map(str::to_owned).into_iter().chain(keys.iter().map(named)).chain(LAST.map(str::to_owned));
    table.write_record(header)?;
    let mut line = |first: [String; 4], names: &[String], of: &[Key], last: [String; 5]| {
        let cell = |key: &&String| {
            let at = names.iter().position(|name| name == *key);
            at.and_then(|at| of.get(at)).map_or(String::new(), |key| inert(&key.to_string()))
        };
        table.write_record(first.into_iter().chain(keys.iter().map(cell)).chain(last))
    };
    let last_round = numbers.rounds.last().map_or(String::new(), |round| round.round.to_string());
    for found in &numbers.estimates {
        let kind = if matches!(found.by, Divisor::Blocks { .. }) { "average" } else { "ratio" };
        for (row, group) in found.groups.iter().enumerate() {
            let [value, low, high] =
                [group.value, group.low, group.high].map(|number| number.map_or(String::new(), |n| n.to_string()));
            let first = [inert(&found.output), kind.to_owned(), last_round.clone(), row.to_string()];
            line(first, &found.keys, &group.keys, [inert(&found.name), value, low, high, String::new()])?;
        }
    }
    for derived in &numbers.derived {
        for (row, cells) in derived.rows.iter().enumerate() {
            for (column, cell) in derived.columns.iter().zip(cells) {
                let first = [inert(&derived.name), "job".to_owned(), last_round.clone(), row.to_string()];
                let none = String::new;
                line(first, &[], &[], [inert(column), inert(&cell.0.to_string()), none(), none(), none()])?;
            }
        }
    }
    for round in &numbers.rounds {
        for output in &round.outputs {
            for (row, group) in output.groups.iter().enumerate() {
                for (name, value) in output.values.iter().zip(&group.values) {
                    let first = [inert(&output.name), "total".to_owned(), round.round.to_string(), row.to_string()];
                    let [number, low, high] = [&value.value, &value.low, &value.high].map(|text| decimal(text));
                    let deviation = value.standard_deviation.to_string();
                    line(first, &output.keys, &group.keys, [inert(name), number, low, high, deviation])?;
                }
            }
        }
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// A number that no spreadsheet takes for a date, as it would `1/3`.
fn decimal(text: &str) -> String {
    if text.contains('/') { number(text).to_string() } else { text.to_owned() }
}

/// A text that no spreadsheet takes for a formula: others wrote it.
pub(crate) fn inert(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !is_number;
    if is_formula { format!("'{text}") } else { text.to_owned() }
}
