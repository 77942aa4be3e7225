//! A sheet of an Excel workbook (.xlsx), as the CSV text that it would be saved as: one line for each row, so that
//! what is said of a line is true of the sheet.

use std::fs::File;
use std::io::BufReader;

use calamine::{Data, Reader, Xlsx};
use unseen_texts::{Text, text};

use crate::cell;
use crate::decoder::guarded;
use crate::description::{ColumnType, CsvOptions, DEFAULT_DATE_FORMAT, Description, Encoding};
use crate::import::error::ImportError;

/// The same description, for the text that a sheet is read as.
pub(crate) fn described(description: &Description) -> Description {
    let csv = CsvOptions { encoding: Encoding::Utf8, delimiter: b',', ..description.csv.clone() };
    Description { csv, ..description.clone() }
}

/// The sheet of this name, or the only one.
pub(crate) fn as_csv(file: File, sheet: Option<&str>) -> Result<Vec<u8>, ImportError> {
    let archive = text!(
        "a ZIP archive or a damaged workbook: unpack it, or save it as .xlsx again",
        "ZIP 压缩包或已损坏的工作簿：请先解压，或重新另存为 .xlsx"
    );
    guarded(
        || {
            let mut book = Xlsx::new(BufReader::new(file)).map_err(|_| ImportError::NotCsv(archive))?;
            let names = book.sheet_names();
            let name = match (sheet, names.as_slice()) {
                (Some(sheet), names) if names.iter().any(|name| name == sheet) => sheet.to_owned(),
                (None, [only]) => only.clone(),
                (sheet, names) => {
                    let sheet = sheet.map(str::to_owned);
                    return Err(ImportError::Sheet { sheet, found: names.join(", ") });
                }
            };
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
