//! Synthetic rows that follow a description, and nothing else: anyone may have them. Those that follow a release too
//! are for whoever may read it.

mod fitted;
mod rows;
mod spread;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::cell::{self, Cell};
use crate::csv_source::encode;
use crate::description::{ColumnSpec, Description, Kind};
use crate::reference::ReferenceTable;

pub use fitted::{Bin, Fitted, FittedColumn};
use rows::{Rows, null};

/// The line at the head of the description of a public table whose rows are made up.
pub const MADE_UP: &str = "# Made up, keys too: the table's own rows are public, and its lab has them.";
/// The line at the head of the description of any other twin.
const OF_ROWS: &str =
    "# Made up: a twin, whose rows follow this description and nothing else. 编造的孪生数据，仅依据本描述生成。";
/// What the heads of all twins' descriptions begin with.
const HEADS: [&str; 2] = ["# Made up", "# FITTED"];

/// Whether a description says at its head that its rows are a twin's.
pub fn is_headed(description_toml: &str) -> bool {
    let text = description_toml.trim_start_matches('\u{feff}').trim_start();
    HEADS.iter().any(|head| text.starts_with(head))
}

/// The description that lies beside the rows of a twin, if these are a twin's.
pub fn description_beside(rows: &Path) -> Option<PathBuf> {
    let beside = rows.with_extension("dataset.toml");
    std::fs::read_to_string(&beside).is_ok_and(|text| is_headed(&text)).then_some(beside)
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file of its rows.
    pub data: PathBuf,
    /// The file of its description.
    pub description: PathBuf,
    /// How many rows were made: as many as were asked for, or as the description's bounds and keys leave room for. None
    /// of a public table, whose rows are its own.
    pub rows: Option<u64>,
}

/// Writes `rows` synthetic rows to `<out>/<name>.csv` and `description_toml` to `<out>/<name>.dataset.toml`, below a line
/// that says that they are made up. Only the description is used: types, bounds, domains, checks, and what it says of how values lie. Units of one domain have
/// the same names in every twin, so that twins co-group; what is a unit's own in columns of one name and one shape is
/// the same in twins of one seed. The same seed gives the same bytes. An import with the description takes them.
pub fn write(
    description: &Description,
    description_toml: &str,
    rows: u64,
    seed: u64,
    out: &Path,
) -> io::Result<Written> {
    let head = if description.kind == Kind::Reference { MADE_UP } else { OF_ROWS };
    let headed = if is_headed(description_toml) { "" } else { &format!("{head}\n") };
    write_fitted(description, &format!("{headed}{description_toml}"), &Fitted::default(), rows, seed, out)
}

/// The same, with shares of a release in place of those of the description: such rows know of the dataset's own what
/// was released of them. `description_toml` should say so.
pub fn write_fitted(
    description: &Description,
    description_toml: &str,
    fitted: &Fitted,
    rows: u64,
    seed: u64,
    out: &Path,
) -> io::Result<Written> {
    let (data, toml) = places(description, out)?;
    let written = File::create(&data).and_then(|file| {
        let mut file = BufWriter::new(file);
        write_head(description, &mut file)?;
        let rows = write_rows(description, fitted, rows, seed, &mut file)?;
        write_foot(description, &mut file)?;
        file.flush()?;
        std::fs::write(&toml, description_toml).map(|()| Some(rows))
    });
    whole_or_gone(written, data, toml)
}

fn places(description: &Description, out: &Path) -> io::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(out)?;
    let name = &description.name;
    Ok((out.join(format!("{name}.csv")), out.join(format!("{name}.dataset.toml"))))
}

/// A twin that is cut short is none.
fn whole_or_gone(rows: io::Result<Option<u64>>, data: PathBuf, description: PathBuf) -> io::Result<Written> {
    rows.map(|rows| Written { data: data.clone(), description: description.clone(), rows }).inspect_err(|_| {
        let _gone = (std::fs::remove_file(&data), std::fs::remove_file(&description));
    })
}

/// Writes the rows of a reference table themselves, as [`public_rows`] gives them, in the same two files: they are
/// public, and a job that looks keys up needs the real ones.
pub fn write_public(description: &Description, description_toml: &str, rows: &[u8], out: &Path) -> io::Result<Written> {
    let (data, toml) = places(description, out)?;
    let written = std::fs::write(&data, rows).and_then(|()| std::fs::write(&toml, description_toml));
    whole_or_gone(written.map(|()| None), data, toml)
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

/// Writes so many rows, or as many as the description's bounds leave room for; says how many.
fn write_rows(
    description: &Description,
    fitted: &Fitted,
    rows: u64,
    seed: u64,
    out: &mut dyn Write,
) -> io::Result<u64> {
    let mut line = csv::WriterBuilder::new().delimiter(description.csv.delimiter).from_writer(Vec::new());
    let mut made = Rows::new(description, fitted, rows, seed);
    let mut written = 0;
    while written < rows
        && let Some(cells) = made.next()
    {
        line.write_record(cells)?;
        written += 1;
        if line.get_ref().len() > 1 << 16 {
            drain(&mut line, description, out)?;
        }
    }
    drain(&mut line, description, out)?;
    Ok(written)
}

fn drain(line: &mut csv::Writer<Vec<u8>>, description: &Description, out: &mut dyn Write) -> io::Result<()> {
    line.flush()?;
    let fresh = csv::WriterBuilder::new().delimiter(description.csv.delimiter).from_writer(Vec::new());
    let full = std::mem::replace(line, fresh).into_inner().map_err(|fault| io::Error::other(fault.to_string()))?;
    let text = String::from_utf8(full).map_err(io::Error::other)?;
    out.write_all(&encode(&text, description.csv.encoding))
}
