//! A first description of a source, for its steward to correct.

use std::io::{Cursor, Read};
use std::path::Path;

use unseen_policies::Bounds;

use super::codes::Codes;
use super::error::ImportError;
use super::source::{Opened, Packed, open_file, open_source};
use crate::description::{
    BadRows, Bilingual, Catalogue, Classification, ColumnSpec, ColumnType, CsvOptions, DEFAULT_DATE_FORMAT,
    Description, Encoding, Kind, Sharing, Unit, UpdateCycle, WhenMissing, can_be_a_name,
};
use crate::files::SharedFile;
use crate::seems::seems;
use crate::{cell, csv_source, parquet_source, workbook};

/// Rows of a Parquet file that are looked at: its types are its own.
const SAMPLE: usize = 10_000;
/// Texts that often mean that there is no value.
const NULLS: [&str; 8] = ["", "NA", "N/A", "null", "NULL", "None", "nan", "NaN"];

/// Drafts the text of a description from a whole CSV file, a sheet, or the beginning of a Parquet file. What no
/// file tells is left open: above all whose rows these are.
pub fn infer(source: &Path, name: &str) -> Result<String, ImportError> {
    let opened = open_source(open_file(source)?)?;
    let length = opened.length();
    let (csv, columns, bounds) = match opened {
        Opened::Parquet(file) => of_parquet(file, length)?,
        Opened::Csv(packed) => {
            let csv = sniff(&packed)?;
            of_text(&|| Ok(packed.text()?.0), csv, packed.length()).map_err(|fault| packed.named(fault))?
        }
        Opened::Workbook(file) => {
            let csv = CsvOptions::default();
            let text = workbook::as_csv(&file, None)?;
            let length = text.len() as u64;
            of_text(&|| Ok(Box::new(Cursor::new(text.clone()))), csv, length)?
        }
    };
    let likely = likely_units(&columns);
    let draft = Description { bounds, ..draft(name, csv, columns) };
    let open = match likely.is_empty() {
        true => "column = \"\"   # whose rows these are: no file tells that".to_owned(),
        false => format!("column = \"\"   # whose rows these are: no file tells that; perhaps {}", likely.join(", ")),
    };
    Ok(draft.to_toml().replacen("column = \"\"", &open, 1).replacen(
        "domain = \"\"",
        "domain = \"\"   # what these are: enterprise, person, vehicle...",
        1,
    ))
}

type Found = (CsvOptions, Vec<ColumnSpec>, Bounds);

fn of_parquet(file: SharedFile, length: u64) -> Result<Found, ImportError> {
    let parquet_source::Sample { columns, rows, whole } = parquet_source::sample(file, SAMPLE)?;
    let text = |row: &Vec<Option<String>>| row.iter().flatten().map(String::len).sum();
    let sizes: Vec<usize> = rows.iter().map(text).collect();
    let bounds = draft_bounds(length, &sizes, sizes.iter().max().copied().unwrap_or(0), whole);
    let column = |(at, (name, kind)): (usize, (String, ColumnType))| {
        let (mut codes, mut present) = (Codes::default(), 0);
        for cell in rows.iter().filter_map(|row| row[at].as_deref()) {
            present += 1;
            codes.see(cell);
        }
        draft_column(at, &name, kind, !whole || present < rows.len(), &codes)
    };
    Ok((CsvOptions::default(), columns.into_iter().enumerate().map(column).collect(), bounds))
}

/// Looks at every row twice: which texts stand for no value, and what the others are.
fn of_text(
    text: &dyn Fn() -> Result<Box<dyn Read>, ImportError>,
    mut csv: CsvOptions,
    length: u64,
) -> Result<Found, ImportError> {
    let (mut names, mut seen) = (Vec::new(), [false; NULLS.len()]);
    let (mut sizes, mut widest) = (Vec::<usize>::new(), 0);
    csv_source::look(
        text()?,
        &csv,
        |header| names = header.to_vec(),
        |row| {
            for (seen, null) in seen.iter_mut().zip(NULLS) {
                *seen |= row.contains(&null);
            }
            let size = row.iter().map(|cell| cell.len()).sum();
            widest = widest.max(size);
            if sizes.len() < SAMPLE {
                sizes.push(size);
            }
        },
    )?;
    csv.null =
        NULLS.iter().zip(seen).filter(|(null, seen)| null.is_empty() || *seen).map(|(n, _)| (*n).to_owned()).collect();
    let mut guesses: Vec<Guess> = names.iter().map(|_| Guess::default()).collect();
    csv_source::look(
        text()?,
        &csv,
        |_| (),
        |row| {
            for (guess, cell) in guesses.iter_mut().zip(row) {
                guess.see(cell, csv.null.iter().any(|null| null == cell));
            }
        },
    )?;
    let bounds = draft_bounds(length, &sizes, widest, sizes.len() < SAMPLE);
    let columns = names.iter().zip(guesses).enumerate().filter(|(_, (name, _))| !name.is_empty());
    let columns = columns.map(|(at, (name, guess))| draft_column(at, name, guess.kind(), guess.nulls, &guess.codes));
    Ok((csv, columns.collect(), bounds))
}

/// What every cell of a column may be so far.
struct Guess {
    /// The narrowest first.
    candidates: Vec<ColumnType>,
    /// A code: with a leading zero, or longer than a number is exact. It is never made a number.
    code: bool,
    codes: Codes,
    nulls: bool,
    any: bool,
}

impl Default for Guess {
    fn default() -> Guess {
        let date = |format: &str| ColumnType::Date { format: format.to_owned() };
        let candidates = vec![
            ColumnType::Bool,
            ColumnType::Int,
            ColumnType::Float,
            date(DEFAULT_DATE_FORMAT),
            date("%Y/%m/%d"),
            date("%Y-%m"),
            date("%Y年%m月%d日"),
            date("%Y年%m月"),
            ColumnType::Timestamp { format: None },
        ];
        Guess { candidates, code: false, codes: Codes::default(), nulls: false, any: false }
    }
}

impl Guess {
    fn see(&mut self, cell: &str, null: bool) {
        if null {
            self.nulls = true;
            return;
        }
        self.any = true;
        let digits = cell.bytes().all(|byte| byte.is_ascii_digit());
        self.code |= digits && (cell.len() > 15 || cell.len() > 1 && cell.starts_with('0'));
        self.codes.see(cell);
        self.candidates.retain(|kind| match kind {
            // Zeros and ones are numbers as long as nothing else says otherwise.
            ColumnType::Bool => !digits && cell::parse(cell, kind).is_ok(),
            kind => cell::parse(cell, kind).is_ok(),
        });
    }

    fn kind(&self) -> ColumnType {
        let numbers = |kind: &&ColumnType| matches!(kind, ColumnType::Int | ColumnType::Float);
        let code = self.code || self.codes.are_codes();
        let found = self.candidates.iter().find(|kind| !(code && numbers(kind)));
        found.filter(|_| self.any).cloned().unwrap_or(ColumnType::Text)
    }
}

/// Bounds with room to spare: round numbers at least twice what a sample of rows, each of so many
/// characters, makes one expect of a file of this length. No row has more than `widest` characters.
fn draft_bounds(length: u64, rows: &[usize], widest: usize, whole: bool) -> Bounds {
    let (count, characters) = rows.iter().fold((0_u64, 0_u64), |(count, all), row| (count + 1, all + *row as u64 + 1));
    let rows_expected = if whole { count } else { length / (characters / count.max(1)).max(1) };
    let round = |expected: u64| {
        let powers = (0..13).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        powers.into_iter().find(|round| *round >= 2 * expected).unwrap_or(Bounds::MOST.units)
    };
    Bounds {
        units: round(rows_expected).max(Bounds::DEFAULT.units),
        rows: round(rows_expected).max(Bounds::DEFAULT.rows),
        text: (4 * widest as u64).next_power_of_two().clamp(Bounds::DEFAULT.text, Bounds::MOST.text),
    }
}

/// Columns whose names sound like those of units.
fn likely_units(columns: &[ColumnSpec]) -> Vec<String> {
    const TELLING: [&str; 9] = ["id", "code", "unit", "uscc", "tailnum", "plate", "编号", "代码", "证号"];
    let able = columns.iter().filter(|column| matches!(column.kind, ColumnType::Int | ColumnType::Text));
    let telling = able.filter(|column| {
        let lower = column.name.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphanumeric());
        column.check.is_some()
            || words.any(|word| TELLING.contains(&word))
            || TELLING.iter().any(|part| !part.is_ascii() && lower.contains(part))
    });
    telling.take(4).map(|column| column.name.clone()).collect()
}

fn draft(name: &str, csv: CsvOptions, columns: Vec<ColumnSpec>) -> Description {
    Description {
        name: name.to_owned(),
        kind: Kind::Private,
        title: Bilingual::default(),
        description: Bilingual::default(),
        provider: String::new(),
        classification: Classification::Sensitive,
        update_cycle: UpdateCycle::Irregular,
        sharing: Sharing::Conditional,
        catalogue: Catalogue::default(),
        unit: Some(Unit {
            column: String::new(),
            domain: String::new(),
            missing: csv.null.clone(),
            when_missing: WhenMissing::SetAside,
            rows: None,
        }),
        key: None,
        bad_rows: BadRows::Refuse,
        bounds: Bounds::DEFAULT,
        sheet: None,
        csv,
        columns,
    }
}

/// A header that cannot be a column's name is declared under a name of its own.
fn draft_column(at: usize, header: &str, kind: ColumnType, nullable: bool, codes: &Codes) -> ColumnSpec {
    let plain = can_be_a_name(header);
    let (normalize, check) = match kind {
        ColumnType::Text => (codes.form(), codes.check()),
        _ => Default::default(),
    };
    ColumnSpec {
        name: if plain { header.to_owned() } else { format!("column_{}", at + 1) },
        source: (!plain).then(|| header.to_owned()),
        null: None,
        kind,
        normalize,
        nullable,
        description: Bilingual::default(),
        min: None,
        max: None,
        domain: Vec::new(),
        sizes: Vec::new(),
        shape: Default::default(),
        check,
    }
}

/// Encoding and delimiter, guessed from the first 64 KiB. What is neither UTF-8 nor GB 18030 is refused: in Big5
/// almost all bytes mean something in GB 18030 too, only something else.
fn sniff(packed: &Packed) -> Result<CsvOptions, ImportError> {
    let mut start = Vec::new();
    packed.text()?.0.take(64 << 10).read_to_end(&mut start).map_err(ImportError::Read)?;
    let encoding = match std::str::from_utf8(&start) {
        Err(fault) if fault.error_len().is_some() => match seems(packed.text()?.0).map_err(ImportError::Read)? {
            "gb18030" => Encoding::Gb18030,
            other => {
                let line = 1 + start[..fault.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() as u64;
                return Err(ImportError::Encoding { line, encoding: "utf-8", seems: Some(other) });
            }
        },
        _ => Encoding::Utf8,
    };
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    let delimiter =
        [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    Ok(CsvOptions { encoding, delimiter, ..CsvOptions::default() })
}
