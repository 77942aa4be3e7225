//! A release as CSV, for spreadsheets and statistics.

use unseen_usecases::estimates::number;
use unseen_usecases::release::Numbers;

use super::lines::{FIRST, LAST, Lines, named};

/// UTF-8 with a byte order mark, by which Excel knows it. `kind` is `ratio`, `average`, `job` (computed by the job)
/// or `total`; `low` and `high` are the limits of the 95 % interval.
pub fn write(numbers: &Numbers) -> Result<Vec<u8>, csv::Error> {
    let Lines { keys, lines } = Lines::of(numbers);
    let mut table = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    let header = FIRST.map(str::to_owned).into_iter().chain(keys.iter().map(|key| inert(&named(key))));
    table.write_record(header.chain(LAST.map(str::to_owned)))?;
    for line in &lines {
        let round = line.round.map_or(String::new(), |round| round.to_string());
        let first = [inert(line.table), line.kind.to_owned(), round, line.row.to_string()];
        let of = line.keys.iter().map(|key| key.map_or(String::new(), |key| inert(&key.to_string())));
        let [exact, low, high] = [&line.number, &line.low, &line.high].map(|text| decimal(text));
        let last = [inert(line.value), inert(&exact), low, high, line.deviation.clone()];
        table.write_record(first.into_iter().chain(of).chain(last))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// A number that no spreadsheet takes for a date, as it would `1/3`.
fn decimal(text: &str) -> String {
    if text.contains('/') { number(text).to_string() } else { text.to_owned() }
}

/// A text that no spreadsheet takes for a formula: others wrote it.
pub fn inert(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !is_number;
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_formula_and_numbers_stay_numbers() {
        for formula in
            ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@SUM(1)", " =1", "\t=1", "＝1+1", "=HYPERLINK(\"x\")"]
        {
            assert_eq!(inert(formula), format!("'{formula}"), "{formula}");
        }
        for harmless in ["-12.5", "+3", "1e9", "north", "牛塘镇", "a=b", ""] {
            assert_eq!(inert(harmless), harmless);
        }
    }
}
