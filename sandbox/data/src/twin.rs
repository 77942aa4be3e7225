//! Synthetic rows that follow a description, and nothing else: anyone may have them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::cell::{self, Cell, USCC_ALPHABET};
use crate::csv_source::encode;
use crate::description::{Bound, Check, ColumnSpec, ColumnType, Description};
use crate::reference::ReferenceTable;

/// Rows a unit has on average.
const ROWS_PER_UNIT: u64 = 8;

/// Writes `rows` synthetic rows to `<out>/<name>.csv` and `description_toml` to
/// `<out>/<name>.dataset.toml`; returns the two paths. Only the description is used: types, bounds,
/// domains, checks. Units of one domain have the same names in every twin, so that twins co-group.
/// The same seed gives the same bytes.
pub fn write(
    description: &Description,
    description_toml: &str,
    rows: u64,
    seed: u64,
    out: &Path,
) -> io::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(out)?;
    let csv = out.join(format!("{}.csv", description.name));
    let toml = out.join(format!("{}.dataset.toml", description.name));
    let written = File::create(&csv).and_then(|file| {
        let mut file = BufWriter::new(file);
        write_head(description, &mut file)?;
        write_rows(description, rows, seed, &mut file)?;
        write_foot(description, &mut file)?;
        file.flush()?;
        std::fs::write(&toml, description_toml)
    });
    whole_or_gone(written, &csv, &toml)
}

/// A twin that is cut short is none.
fn whole_or_gone(written: io::Result<()>, csv: &Path, toml: &Path) -> io::Result<(PathBuf, PathBuf)> {
    match written {
        Ok(()) => Ok((csv.to_owned(), toml.to_owned())),
        Err(error) => {
            let _gone = (std::fs::remove_file(csv), std::fs::remove_file(toml));
            Err(error)
        }
    }
}

/// Writes the rows of a reference table themselves, as [`public_rows`] gives them, in the same two files: they are
/// public, and a job that looks keys up needs the real ones.
pub fn write_public(
    description: &Description,
    description_toml: &str,
    rows: &[u8],
    out: &Path,
) -> io::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(out)?;
    let csv = out.join(format!("{}.csv", description.name));
    let toml = out.join(format!("{}.dataset.toml", description.name));
    let written = std::fs::write(&csv, rows).and_then(|()| std::fs::write(&toml, description_toml));
    whole_or_gone(written, &csv, &toml)
}

/// The rows of a reference table, as a file that an import with this description takes.
pub fn public_rows(description: &Description, table: &ReferenceTable) -> io::Result<Vec<u8>> {
    let mut rows = Vec::new();
    write_head(description, &mut rows)?;
    let mut line = csv::WriterBuilder::new().delimiter(description.csv.delimiter).from_writer(Vec::new());
    for row in 0..table.rows() as usize {
        for (index, (_, kind)) in table.columns().iter().enumerate() {
            let cell = table.cell(row, index);
            match cell {
                Cell::Null => line.write_field(null(description, &description.columns[index]))?,
                cell => line.write_field(cell::render(&cell, kind).as_bytes())?,
            }
        }
        line.write_record(None::<&[u8]>)?;
    }
    drain(&mut line, description, &mut rows)?;
    write_foot(description, &mut rows)?;
    Ok(rows)
}

/// What an import with this description leaves out or takes for the header.
fn write_head(description: &Description, out: &mut dyn Write) -> io::Result<()> {
    let csv = &description.csv;
    let mut line = csv::WriterBuilder::new().delimiter(csv.delimiter).flexible(true).from_writer(Vec::new());
    (0..csv.skip).try_for_each(|_| line.write_record([&description.name]))?;
    if csv.header {
        let names: Vec<&str> = description.columns.iter().map(ColumnSpec::source).collect();
        // The upper line of two; a name that both make is one here.
        let above = csv.header_lines.saturating_sub(1);
        (0..above).try_for_each(|_| line.write_record(names.iter().map(|name| upper_half(name))))?;
        let below = names.iter().map(|name| if above > 0 { lower_half(name) } else { *name });
        line.write_record(below)?;
    }
    drain(&mut line, description, out)
}

/// A name as two lines of a header make it: what stands before its first blank, and the rest.
fn upper_half(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(above, _)| above)
}

fn lower_half(name: &str) -> &str {
    name.split_once(' ').map_or("", |(_, below)| below)
}

fn write_foot(description: &Description, out: &mut dyn Write) -> io::Result<()> {
    let delimiter = description.csv.delimiter;
    let mut line = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    (0..description.csv.footer).try_for_each(|_| line.write_record([&description.name]))?;
    drain(&mut line, description, out)
}

/// What stands for no value in a column.
fn null(description: &Description, column: &ColumnSpec) -> String {
    column.null.as_ref().unwrap_or(&description.csv.null).first().cloned().unwrap_or_default()
}

fn write_rows(description: &Description, rows: u64, seed: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut line = csv::WriterBuilder::new().delimiter(description.csv.delimiter).from_writer(Vec::new());
    let units = (rows / ROWS_PER_UNIT).max(1);
    for row in 0..rows {
        for column in &description.columns {
            line.write_field(field(description, column, row, units, &mut rng))?;
        }
        line.write_record(None::<&[u8]>)?;
        if line.get_ref().len() > 1 << 16 {
            drain(&mut line, description, out)?;
        }
    }
    drain(&mut line, description, out)
}

fn drain(line: &mut csv::Writer<Vec<u8>>, description: &Description, out: &mut dyn Write) -> io::Result<()> {
    line.flush()?;
    let fresh = csv::WriterBuilder::new().delimiter(description.csv.delimiter).from_writer(Vec::new());
    let full = std::mem::replace(line, fresh).into_inner().map_err(|fault| io::Error::other(fault.to_string()))?;
    let text = String::from_utf8(full).map_err(io::Error::other)?;
    out.write_all(&encode(&text, description.csv.encoding))
}

fn field(description: &Description, column: &ColumnSpec, row: u64, units: u64, rng: &mut ChaCha12Rng) -> String {
    if let Some(unit) = description.unit.as_ref().filter(|unit| unit.column == column.name) {
        let number = rng.random_range(0..units);
        return unit_id(&unit.domain, column, number);
    }
    if description.key.as_ref() == Some(&column.name) {
        return match column.domain.get(row as usize) {
            Some(text) => text.clone(),
            None => unit_id("key", column, row),
        };
    }
    if column.nullable && rng.random_bool(0.03) {
        return null(description, column);
    }
    let cell = match &column.kind {
        ColumnType::Float => {
            let (low, high) = float_bounds(column);
            Cell::Float((low + (high - low) * rng.random::<f64>()).clamp(low, high))
        }
        ColumnType::Bool => Cell::Bool(rng.random()),
        ColumnType::Text => return text(column, rng),
        kind => {
            let (low, high) = int_bounds(column, kind);
            Cell::Int(rng.random_range(low..=high))
        }
    };
    cell::render(&cell, &column.kind).into_owned()
}

/// The id of a domain's unit: it depends only on the domain, the column's check and the
/// number.
fn unit_id(domain: &str, column: &ColumnSpec, number: u64) -> String {
    let mut rng = ChaCha12Rng::seed_from_u64(number);
    match (&column.kind, &column.check) {
        (ColumnType::Text, Some(Check::Uscc)) => uscc(&mut rng),
        (ColumnType::Text, Some(Check::Pattern(pattern))) => matching(pattern, &mut rng),
        (ColumnType::Text, None) => format!("{domain}-{number:06}"),
        (kind, _) => {
            let (low, high) = int_bounds(column, kind);
            let span = high.abs_diff(low).saturating_add(1);
            let id = low.saturating_add_unsigned(number % span);
            cell::render(&Cell::Int(id), kind).into_owned()
        }
    }
}

fn float_bounds(column: &ColumnSpec) -> (f64, f64) {
    let low = if let Some(Bound::Float(low)) = column.min { Some(low) } else { None };
    let high = if let Some(Bound::Float(high)) = column.max { Some(high) } else { None };
    match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low + 1000.0),
        (None, Some(high)) => (high - 1000.0, high),
        (None, None) => (0.0, 1000.0),
    }
}

fn int_bounds(column: &ColumnSpec, kind: &ColumnType) -> (i64, i64) {
    // Two years from 2023-01-01, in days and in microseconds; a thousand otherwise.
    let (start, span) = match kind {
        ColumnType::Date { .. } => (19_358, 730),
        ColumnType::Timestamp { .. } => (19_358 * 86_400_000_000, 730 * 86_400_000_000),
        ColumnType::Decimal { scale } => (0, 1000i64.saturating_mul(10i64.saturating_pow(u32::from(*scale)))),
        _ => (0, 1000),
    };
    let low = if let Some(Bound::Int(low)) = column.min { Some(low) } else { None };
    let high = if let Some(Bound::Int(high)) = column.max { Some(high) } else { None };
    match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low.saturating_add(span).max(start + span)),
        (None, Some(high)) => (high.saturating_sub(span).min(start), high),
        (None, None) => (start, start + span),
    }
}

fn text(column: &ColumnSpec, rng: &mut ChaCha12Rng) -> String {
    if !column.domain.is_empty() {
        return column.domain[rng.random_range(0..column.domain.len())].clone();
    }
    match &column.check {
        Some(Check::Uscc) => uscc(rng),
        Some(Check::Pattern(pattern)) => matching(pattern, rng),
        None => format!("{}-{}", column.name, rng.random_range(0..100)),
    }
}

/// A code of the right form with a right check digit, of no one in particular.
fn uscc(rng: &mut impl Rng) -> String {
    let mut body = *b"91330000000000000";
    for place in &mut body[8..] {
        *place = USCC_ALPHABET[rng.random_range(0..USCC_ALPHABET.len())];
    }
    let digit = cell::uscc_check_digit(&body).unwrap_or(b'0');
    body.iter().chain([&digit]).copied().map(char::from).collect()
}

fn matching(pattern: &str, rng: &mut impl Rng) -> String {
    let pattern = pattern.strip_suffix('*').unwrap_or(pattern);
    pattern
        .chars()
        .map(|wanted| match wanted {
            '#' => char::from(b'0' + rng.random_range(0..10u8)),
            '@' | '?' => char::from(b'A' + rng.random_range(0..26u8)),
            exact => exact,
        })
        .collect()
}
