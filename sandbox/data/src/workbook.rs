//! A sheet of an Excel workbook (.xlsx), as the CSV text that it would be saved as: one line for each row, so that
//! what is said of a line is true of the sheet.

use std::io::{self, BufReader, Read, Seek};

use calamine::{Data, Reader, Xlsx};
use unseen_texts::{Text, text};
use zip::ZipArchive;

use crate::cell;
use crate::decoder::guarded;
use crate::description::{ColumnType, CsvOptions, DEFAULT_DATE_FORMAT, Description, Encoding};
use crate::files::SharedFile;
use crate::import::error::ImportError;

/// The most bytes that a workbook may unpack to: Excel's million rows of some twenty columns.
const MOST_UNPACKED: u64 = 1 << 30;
/// The most cells between the first and the last of a sheet, empty ones too, which take as much memory.
const MOST_CELLS: u64 = 32 << 20;

/// The same description, for the text that a sheet is read as.
pub(crate) fn described(description: &Description) -> Description {
    let csv = CsvOptions { encoding: Encoding::Utf8, delimiter: b',', ..description.csv.clone() };
    Description { csv, ..description.clone() }
}

/// The sheet of this name, or the only one.
pub(crate) fn as_csv(file: &SharedFile, sheet: Option<&str>) -> Result<Vec<u8>, ImportError> {
    let archive = text!(
        "a ZIP archive or a damaged workbook: unpack it, or save it as .xlsx again",
        "ZIP 压缩包或已损坏的工作簿：请先解压，或重新另存为 .xlsx"
    );
    guarded(
        || {
            if unpacked(BufReader::new(file.reader()), MOST_UNPACKED) > MOST_UNPACKED {
                return Err(ImportError::Large);
            }
            let mut book = Xlsx::new(BufReader::new(file.reader())).map_err(|_| ImportError::NotCsv(archive))?;
            let names = book.sheet_names();
            let name = match (sheet, names.as_slice()) {
                (Some(sheet), names) if names.iter().any(|name| name == sheet) => sheet.to_owned(),
                (None, [only]) => only.clone(),
                (sheet, names) => {
                    let sheet = sheet.map(str::to_owned);
                    return Err(ImportError::Sheet { sheet, found: names.join(", ") });
                }
            };
            if cells(&mut book, &name).ok_or(ImportError::NotCsv(archive))? > MOST_CELLS {
                return Err(ImportError::Large);
            }
            let range = book.worksheet_range(&name).map_err(|_| ImportError::NotCsv(archive))?;
            let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            let (top, left) = range.start().ok_or(ImportError::Empty)?;
            // Rows and columns before the first cell that holds anything.
            let mut text = "\n".repeat(top as usize).into_bytes();
            for row in range.rows() {
                if row.iter().all(|cell| matches!(cell, Data::Empty)) {
                    csv.flush().map_err(ImportError::Read)?;
                    text.append(&mut taken(&mut csv)?);
                    text.push(b'\n');
                    continue;
                }
                let blank = (0..left).map(|_| String::new());
                csv.write_record(blank.chain(row.iter().map(shown)))
                    .map_err(|fault| ImportError::Read(fault.into()))?;
            }
            text.append(&mut taken(&mut csv)?);
            Ok(text)
        },
        |_: Text| ImportError::NotCsv(archive),
    )
}

/// How many bytes an archive unpacks to, or one more than `most`: what it says of itself may be a lie.
fn unpacked(archive: impl Read + Seek, most: u64) -> u64 {
    let Ok(mut archive) = ZipArchive::new(archive) else { return 0 };
    let mut bytes = 0;
    for at in 0..archive.len() {
        let Ok(part) = archive.by_index(at) else { continue };
        bytes += io::copy(&mut part.take((most + 1).saturating_sub(bytes)), &mut io::sink()).unwrap_or(0);
    }
    bytes
}

/// How many cells there are from the first to the last row and column that hold anything.
fn cells<R: Read + Seek>(book: &mut Xlsx<R>, sheet: &str) -> Option<u64> {
    let mut reader = book.worksheet_cells_reader(sheet).ok()?;
    let (mut top, mut left, mut bottom, mut right) = (u32::MAX, u32::MAX, 0, 0);
    while let Some(cell) = reader.next_cell().ok()? {
        let (row, column) = cell.get_position();
        (top, left, bottom, right) = (top.min(row), left.min(column), bottom.max(row), right.max(column));
    }
    let many = |first: u32, last: u32| u64::from(last.saturating_sub(first)) + 1;
    Some(many(top, bottom) * many(left, right))
}

fn taken(csv: &mut csv::Writer<Vec<u8>>) -> Result<Vec<u8>, ImportError> {
    let fresh = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let full = std::mem::replace(csv, fresh).into_inner();
    full.map_err(|fault| ImportError::Read(std::io::Error::other(fault.to_string())))
}

/// A cell as Excel would save it, but for numbers, which keep all their digits.
fn shown(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(moment) => {
            let serial = moment.as_f64();
            let date = |format: &str| ColumnType::Date { format: format.to_owned() };
            let (kind, plain) = match serial.fract() == 0.0 {
                true => (date(cell::EXCEL_SERIAL), date(DEFAULT_DATE_FORMAT)),
                false => {
                    let serial = Some(cell::EXCEL_SERIAL.to_owned());
                    (ColumnType::Timestamp { format: serial }, ColumnType::Timestamp { format: None })
                }
            };
            match cell::parse(&serial.to_string(), &kind) {
                Ok(found) => cell::render(&found, &plain).into_owned(),
                Err(_) => serial.to_string(),
            }
        }
        Data::Error(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    /// A workbook whose one sheet is this, instead of what is in a real one.
    fn with_sheet(sheet: &[u8]) -> Vec<u8> {
        let real = include_bytes!("../tests/data/files/gaps.xlsx");
        let mut real = ZipArchive::new(Cursor::new(real.as_slice())).unwrap();
        let mut book = ZipWriter::new(Cursor::new(Vec::new()));
        for at in 0..real.len() {
            let mut part = real.by_index(at).unwrap();
            let name = part.name().unwrap().into_owned();
            book.start_file(&name, SimpleFileOptions::default()).unwrap();
            match name.contains("worksheets/sheet") {
                true => book.write_all(sheet).unwrap(),
                false => drop(io::copy(&mut part, &mut book).unwrap()),
            }
        }
        book.finish().unwrap().into_inner()
    }

    #[test]
    fn a_small_file_that_is_large_inside_is_refused_before_it_is_unpacked() {
        let bomb = with_sheet(&vec![b' '; 4 << 20]);
        assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
        assert_eq!(unpacked(Cursor::new(&bomb), 1 << 20), (1 << 20) + 1);
        assert!(unpacked(Cursor::new(&bomb), MOST_UNPACKED) > 4 << 20);
        // Two cells, with all of Excel's between them: half a terabyte if they were laid out.
        let corners = br#"<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>"#;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&with_sheet(corners)).unwrap();
        let file = SharedFile::new(std::sync::Arc::new(file)).unwrap();
        assert!(matches!(as_csv(&file, None), Err(ImportError::Large)));
    }
}
