//! A release as Parquet, for statistics: the lines of its CSV with types.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use unseen_ids::Key;
use unseen_usecases::estimates::number;
use unseen_usecases::release::Numbers;

use super::lines::{FIRST, LAST, Line, Lines, named};

/// The columns of the CSV: texts, whole numbers and doubles. A column of keys that are all whole numbers has whole
/// numbers. One more at the end, `exact`, has each number as it was released.
pub fn write(numbers: &Numbers) -> Result<Vec<u8>, ParquetError> {
    let Lines { keys, lines } = Lines::of(numbers);
    let [table, kind, round, row] = FIRST;
    let [value, figure, low, high, deviation] = LAST;
    let mut columns: Vec<(String, ArrayRef)> = vec![
        (table.to_owned(), texts(lines.iter().map(|line| Some(line.table)))),
        (kind.to_owned(), texts(lines.iter().map(|line| Some(line.kind)))),
        (round.to_owned(), wholes(lines.iter().map(|line| line.round.map(i64::from)))),
        (row.to_owned(), wholes(lines.iter().map(|line| i64::try_from(line.row).ok()))),
    ];
    columns.extend(keys.iter().enumerate().map(|(at, key)| (named(key), of_keys(&lines, at))));
    columns.push((value.to_owned(), texts(lines.iter().map(|line| Some(line.value)))));
    type Part = for<'a> fn(&'a Line<'_>) -> &'a str;
    let parts: [(&str, Part); 4] = [
        (figure, |line| &line.number),
        (low, |line| &line.low),
        (high, |line| &line.high),
        (deviation, |line| &line.deviation),
    ];
    columns.extend(parts.map(|(name, part)| (name.to_owned(), doubles(lines.iter().map(part)))));
    columns.push(("exact".to_owned(), texts(lines.iter().map(|line| Some(line.number.as_str())))));
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .map_err(|error| ParquetError::General(error.to_string()))?;
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.into_inner()
}

fn of_keys(lines: &[Line<'_>], at: usize) -> ArrayRef {
    let keys = || lines.iter().map(|line| line.keys.get(at).copied().flatten());
    let whole = |key: Option<&Key>| match key {
        Some(Key::Int(number)) => Some(*number),
        _ => None,
    };
    match keys().flatten().all(|key| matches!(key, Key::Int(_))) {
        true => wholes(keys().map(whole)),
        false => Arc::new(StringArray::from_iter(keys().map(|key| key.map(Key::to_string)))),
    }
}

fn texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(texts))
}

fn wholes(wholes: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(wholes))
}

fn doubles<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    let double = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap_or_else(|_| number(text)));
    Arc::new(Float64Array::from_iter(texts.map(double)))
}
