//! A first description of a source, for its steward to correct.

use std::fs::File;
use std::path::Path;

use unseen_policies::Bounds;

use super::error::ImportError;
use super::source::{Opened, open_source};
use crate::description::{
    Bilingual, Check, Classification, ColumnSpec, ColumnType, CsvOptions, DEFAULT_DATE_FORMAT, Description, Encoding,
    Kind, Sharing, Unit, UpdateCycle, WhenMissing,
};
use crate::{cell, csv_source, parquet_source};

/// Rows looked at when a description is drafted.
const SAMPLE: usize = 10_000;

/// Drafts a description from the first 10,000 rows of a CSV or Parquet file. The steward must
/// confirm it: above all the unit, the classification and the sharing kind, which no file tells.
pub fn infer(source: &Path, name: &str) -> Result<Description, ImportError> {
    let mut csv = CsvOptions::default();
    let bounds;
    let columns = match open_source(source)? {
        Opened::Parquet(file, length) => {
            let parquet_source::Sample { columns, rows, whole } = parquet_source::sample(file, SAMPLE)?;
            let text = |row: &Vec<Option<String>>| row.iter().flatten().map(String::len).sum();
            bounds = draft_bounds(length, rows.iter().map(text), whole);
            let column = |(at, (name, kind)): (usize, (String, ColumnType))| {
                let cells: Vec<&str> = rows.iter().filter_map(|row| row[at].as_deref()).collect();
                let check = (kind == ColumnType::Text && all_uscc(&cells)).then_some(Check::Uscc);
                draft_column(name, kind, !whole || cells.len() < rows.len(), check)
            };
            columns.into_iter().enumerate().map(column).collect()
        }
        Opened::Csv(file, length) => {
            (csv.encoding, csv.delimiter) = sniff(&file)?;
            let sample = csv_source::sample(file, &csv, SAMPLE)?;
            bounds =
                draft_bounds(length, sample.rows.iter().map(|row| row.iter().map(String::len).sum()), sample.whole);
            const NULLS: [&str; 8] = ["", "NA", "N/A", "null", "NULL", "None", "nan", "NaN"];
            let seen = |null: &&str| sample.rows.iter().flatten().any(|cell| cell == null);
            csv.null = NULLS.into_iter().filter(|null| null.is_empty() || seen(null)).map(str::to_owned).collect();
            let column = |(at, name): (usize, &String)| {
                let cells: Vec<&str> = sample
                    .rows
                    .iter()
                    .map(|row| row[at].as_str())
                    .filter(|cell| !csv.null.iter().any(|null| null == cell))
                    .collect();
                let kind = draft_type(&cells);
                let check = (kind == ColumnType::Text && all_uscc(&cells)).then_some(Check::Uscc);
                draft_column(name.clone(), kind, !sample.whole || cells.len() < sample.rows.len(), check)
            };
            sample.names.iter().enumerate().map(column).collect()
        }
    };
    Ok(Description { bounds, ..draft(name, csv, columns) })
}

/// Bounds with room to spare: round numbers at least twice what a sample of rows, each of so many
/// characters, makes one expect of a file of this length.
fn draft_bounds(length: u64, rows: impl Iterator<Item = usize> + Clone, whole: bool) -> Bounds {
    let (count, characters) = rows.clone().fold((0_u64, 0_u64), |(count, all), row| (count + 1, all + row as u64 + 1));
    let rows_expected = if whole { count } else { length / (characters / count.max(1)).max(1) };
    let round = |expected: u64| {
        let powers = (0..13).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        powers.into_iter().find(|round| *round >= 2 * expected).unwrap_or(Bounds::MOST.units)
    };
    let widest = rows.max().unwrap_or(0) as u64;
    Bounds {
        units: round(rows_expected).max(Bounds::DEFAULT.units),
        rows: round(rows_expected).max(Bounds::DEFAULT.rows),
        text: (4 * widest).next_power_of_two().clamp(Bounds::DEFAULT.text, Bounds::MOST.text),
    }
}

fn draft(name: &str, csv: CsvOptions, columns: Vec<ColumnSpec>) -> Description {
    let able = |column: &&ColumnSpec| matches!(column.kind, ColumnType::Int | ColumnType::Text);
    let telling = |column: &&ColumnSpec| {
        let name = column.name.to_lowercase();
        ["id", "code", "unit", "tailnum", "plate", "统一社会信用代码", "编号", "证号", "车牌"]
            .iter()
            .any(|part| name.contains(part))
    };
    let uscc = columns.iter().find(|column| column.check == Some(Check::Uscc));
    let unit = uscc
        .or_else(|| columns.iter().filter(able).find(telling))
        .or_else(|| columns.iter().find(able))
        .or(columns.first());
    let domain = if uscc.is_some() { "enterprise" } else { "person" };
    Description {
        name: name.to_owned(),
        kind: Kind::Private,
        title: Bilingual::default(),
        description: Bilingual::default(),
        provider: String::new(),
        classification: Classification::Sensitive,
        update_cycle: UpdateCycle::Irregular,
        sharing: Sharing::Conditional,
        unit: unit.map(|column| Unit {
            column: column.name.clone(),
            domain: domain.to_owned(),
            missing: csv.null.clone(),
            when_missing: WhenMissing::SetAside,
        }),
        key: None,
        bounds: Bounds::DEFAULT,
        csv,
        columns,
    }
}

fn draft_column(name: String, kind: ColumnType, nullable: bool, check: Option<Check>) -> ColumnSpec {
    ColumnSpec {
        name,
        kind,
        nullable,
        description: Bilingual::default(),
        min: None,
        max: None,
        domain: Vec::new(),
        check,
    }
}

/// The narrowest type that takes every cell. Numbers with a leading zero are codes, so texts.
fn draft_type(cells: &[&str]) -> ColumnType {
    let date = |format: &str| ColumnType::Date { format: format.to_owned() };
    let padded =
        cells.iter().any(|cell| cell.len() > 1 && cell.starts_with('0') && cell.bytes().all(|b| b.is_ascii_digit()));
    let bools = cells.iter().all(|cell| !cell.bytes().all(|b| b.is_ascii_digit()));
    let candidates = [
        (bools, ColumnType::Bool),
        (!padded, ColumnType::Int),
        (!padded, ColumnType::Float),
        (true, date(DEFAULT_DATE_FORMAT)),
        (true, date("%Y/%m/%d")),
        (true, date("%Y-%m")),
        (true, ColumnType::Timestamp { format: None }),
    ];
    let fits = |kind: &ColumnType| cells.iter().all(|cell| cell::parse(cell, kind).is_ok());
    candidates
        .into_iter()
        .find(|(allowed, kind)| *allowed && !cells.is_empty() && fits(kind))
        .map_or(ColumnType::Text, |(_, kind)| kind)
}

fn all_uscc(cells: &[&str]) -> bool {
    !cells.is_empty() && cells.iter().all(|cell| cell::passes(cell, &Check::Uscc))
}

/// Encoding and delimiter, guessed from the first 64 KiB.
fn sniff(file: &File) -> Result<(Encoding, u8), ImportError> {
    use std::os::unix::fs::FileExt;
    let mut start = vec![0; 64 << 10];
    let read = file.read_at(&mut start, 0).map_err(ImportError::Read)?;
    start.truncate(read);
    let encoding = match std::str::from_utf8(&start) {
        Err(fault) if fault.error_len().is_some() => Encoding::Gb18030,
        _ => Encoding::Utf8,
    };
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    let delimiter =
        [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    Ok((encoding, delimiter))
}
