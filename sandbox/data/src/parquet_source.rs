//! Rows of a foreign Parquet file, checked against a description. The file may lie: every claim of
//! its footer is compared with the file before it is used, and a panic in the decoder is an error.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use unseen_texts::{Sentence, say, text};

use crate::cell::{self, Cell, Reason};
use crate::decoder::guarded;
use crate::description::{ColumnSpec, ColumnType, Description};
use crate::files::SharedFile;
use crate::import::error::{ImportError, Position};
use crate::import::faults::Faults;
use crate::import::sink::{RowSink, match_columns, recycle};

/// The largest footer taken seriously.
const MAX_FOOTER: u64 = 64 << 20;
/// The largest column chunk, uncompressed.
const MAX_CHUNK: i64 = 4 << 30;

/// Reads all rows into `sink`. Returns the columns of the file that are not declared.
pub(crate) fn read(
    file: SharedFile,
    description: &Description,
    sink: &mut dyn RowSink,
) -> Result<Vec<String>, ImportError> {
    guarded(|| read_rows(file, None, description, sink), lies)
}

/// Reads the rows of some row groups into `sink`; `before` rows are in others before them.
pub(crate) fn read_groups(
    file: SharedFile,
    groups: Range<usize>,
    before: u64,
    description: &Description,
    sink: &mut dyn RowSink,
) -> Result<(), ImportError> {
    guarded(|| read_rows(file, Some((groups, before)), description, sink).map(drop), lies)
}

/// How a file can be cut.
pub(crate) struct Groups {
    /// The columns that are not declared.
    pub(crate) ignored: Vec<String>,
    /// Of each row group the rows, and how many bytes it is unpacked.
    pub(crate) groups: Vec<(u64, u64)>,
}

/// Where the file can be cut.
pub(crate) fn groups(file: SharedFile, description: &Description) -> Result<Groups, ImportError> {
    let look = || {
        let builder = open(file)?;
        let (_, ignored) = matched(&builder, description)?;
        let size = |group: &RowGroupMetaData| (group.num_rows().max(0) as u64, group.total_byte_size().max(0) as u64);
        Ok(Groups { ignored, groups: builder.metadata().row_groups().iter().map(size).collect() })
    };
    guarded(look, lies)
}

/// What is looked at when a description is drafted.
pub(crate) struct Sample {
    pub(crate) columns: Vec<(String, ColumnType)>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Whether these are all rows of the file.
    pub(crate) whole: bool,
}

/// The file's columns that a description can declare, and up to `limit` rows, for inference.
pub(crate) fn sample(file: SharedFile, limit: usize) -> Result<Sample, ImportError> {
    let read = || {
        let builder = open(file)?;
        let total = builder.metadata().file_metadata().num_rows();
        let fields: Vec<_> =
            builder.schema().fields().iter().map(|f| (f.name().clone(), declared_type(f.data_type()))).collect();
        let kept: Vec<usize> = (0..fields.len()).filter(|&at| fields[at].1.is_some()).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), kept);
        let reader =
            builder.with_projection(mask).with_limit(limit).build().map_err(|fault| lies(fault.to_string()))?;
        let columns: Vec<_> = fields.into_iter().filter_map(|(name, kind)| Some((name, kind?))).collect();
        let mut rows = Vec::new();
        for batch in reader {
            let batch = batch.map_err(|fault| lies(fault.to_string()))?;
            for row in 0..batch.num_rows() {
                let cell = |(array, (_, kind)): (&ArrayRef, &(String, ColumnType))| match convert(array, row, kind) {
                    Ok(Cell::Null) | Err(_) => None,
                    Ok(cell) => Some(cell::render(&cell, kind).into_owned()),
                };
                rows.push(batch.columns().iter().zip(&columns).map(cell).collect());
            }
        }
        let whole = rows.len() as i64 == total;
        Ok(Sample { columns, rows, whole })
    };
    guarded(read, lies)
}

/// Why the reader gave up: what it lacks is no fault of the file.
fn unread(fault: ParquetError) -> ImportError {
    match fault {
        ParquetError::NYI(what) | ParquetError::General(what) if what.contains("Disabled feature") => {
            ImportError::Packing(what.rsplit(' ').next().unwrap_or_default().to_owned())
        }
        fault => lies(fault.to_string()),
    }
}

fn lies(fault: impl Into<Sentence>) -> ImportError {
    ImportError::Parquet(fault.into())
}

/// The places of the declared columns, and the columns that are not declared.
fn matched(
    builder: &ParquetRecordBatchReaderBuilder<SharedFile>,
    description: &Description,
) -> Result<(Vec<usize>, Vec<String>), ImportError> {
    let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let (places, ignored) = match_columns(&names, description)?;
    check_types(builder.schema(), &places, description)?;
    Ok((places, ignored))
}

fn read_rows(
    file: SharedFile,
    some: Option<(Range<usize>, u64)>,
    description: &Description,
    sink: &mut dyn RowSink,
) -> Result<Vec<String>, ImportError> {
    let mut builder = open(file)?;
    let length = sink_length(builder.metadata());
    let declared: Vec<&str> = description.columns.iter().map(ColumnSpec::source).collect();
    let (places, ignored) = matched(&builder, description)?;
    let mut total = builder.metadata().file_metadata().num_rows().max(0) as u64;
    let mut before = 0;
    if let Some((groups, rows)) = some {
        let cut = || lies(text!("it has other row groups than before", "行组与先前不同"));
        let read = builder.metadata().row_groups().get(groups.clone()).ok_or_else(cut)?;
        before = rows;
        total = before + read.iter().map(|group| group.num_rows().max(0) as u64).sum::<u64>();
        builder = builder.with_row_groups(groups.collect());
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
    let reader =
        builder.with_batch_size(1024).with_projection(mask).build().map_err(|fault| lies(fault.to_string()))?;
    let unit = description.unit.as_ref();

    let mut spare = Vec::new();
    let mut faults = Faults::new(description.bad_rows);
    let mut at = Position { row: before, line: None };
    for batch in reader {
        let batch = batch.map_err(|fault| lies(fault.to_string()))?;
        let arrays: Vec<&ArrayRef> = declared
            .iter()
            .map(|name| batch.column_by_name(name).ok_or_else(|| lies(text!("a column is missing", "缺少一列"))))
            .collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            at.row += 1;
            let mut cells = recycle(spare);
            let mut whole = true;
            for (column, array) in description.columns.iter().zip(&arrays) {
                let is_unit = unit.is_some_and(|unit| unit.column == column.name);
                let missing = |text: &str| {
                    column.null.as_ref().is_some_and(|nulls| nulls.iter().any(|null| null == text))
                        || unit.is_some_and(|unit| is_unit && unit.is_missing(text))
                };
                let text =
                    array.as_string_opt::<i32>().filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row));
                let name = || column.name.clone();
                let cell = match text {
                    Some(text) if missing(text) => Ok(Cell::Null),
                    _ if not_a_number(array, row) && column.null.as_ref().is_some_and(|nulls| names_nan(nulls)) => {
                        Ok(Cell::Null)
                    }
                    _ => convert(array, row, &column.kind).map_err(|reason| ImportError::Cell {
                        at,
                        column: name(),
                        reason,
                    }),
                };
                match cell {
                    Ok(Cell::Null) if !column.nullable && !is_unit => {
                        faults.take(ImportError::Null { at, column: name() })?;
                        whole = false;
                    }
                    Ok(cell) => cells.push(cell),
                    Err(fault) => {
                        faults.take(fault)?;
                        whole = false;
                    }
                }
            }
            let bytes = (length as u128 * u128::from(at.row) / u128::from(total.max(1))) as u64;
            if !whole {
                sink.left_out();
            } else if let Err(fault) = sink.row(&cells, at, bytes) {
                faults.take(fault)?;
            }
            spare = recycle(cells);
        }
    }
    faults.finish()?;
    if at.row != total {
        return Err(lies(say!(
            "its footer counts {total} rows, its pages hold {row}",
            "页脚记 {total} 行，数据页实有 {row} 行",
            row = at.row
        )));
    }
    Ok(ignored)
}

/// Opens the file and compares what its footer says with what can be.
fn open(file: SharedFile) -> Result<ParquetRecordBatchReaderBuilder<SharedFile>, ImportError> {
    let length = file.length();
    let tail =
        length.checked_sub(8).filter(|_| length >= 12).ok_or_else(|| lies(text!("it is too short", "文件太短")))?;
    let tail =
        parquet::file::reader::ChunkReader::get_bytes(&file, tail, 8).map_err(|fault| lies(fault.to_string()))?;
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => return Err(lies(text!("it is encrypted", "文件已加密"))),
        _ => return Err(lies(text!("it is cut off: the closing mark is missing", "文件不完整：缺少结尾标记"))),
    }
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if footer > length - 12 || footer > MAX_FOOTER {
        return Err(lies(text!(
            "its footer is said to be longer than the file or than 64 MiB",
            "页脚长度声称超过文件本身或 64 MiB"
        )));
    }
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, options.clone()).map_err(unread)?;
    check_claims(metadata.metadata(), length)?;
    // Times of Spark and Hive (INT96) reach farther than 64 bits of nanoseconds do.
    let parquet = metadata.metadata().file_metadata().schema_descr();
    let fields = metadata.schema().fields().iter().enumerate().map(|(at, field)| {
        let legacy = parquet.num_columns() == metadata.schema().fields().len()
            && parquet.column(at).physical_type() == parquet::basic::Type::INT96;
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        if legacy { Arc::new(Field::clone(field).with_data_type(micros)) } else { Arc::clone(field) }
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = options.with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(unread)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata))
}

fn check_claims(metadata: &ParquetMetaData, length: u64) -> Result<(), ImportError> {
    let mut rows = 0i64;
    for group in metadata.row_groups() {
        rows = rows
            .checked_add(group.num_rows())
            .filter(|_| group.num_rows() >= 0)
            .ok_or_else(|| lies(text!("its row counts cannot be", "行数不合理")))?;
        // Writers say what they like of columns without a value.
        for column in group.columns().iter().filter(|_| group.num_rows() > 0) {
            let start = column
                .dictionary_page_offset()
                .unwrap_or_else(|| column.data_page_offset())
                .min(column.data_page_offset());
            let end = start.checked_add(column.compressed_size());
            let inside = start >= 4 && column.compressed_size() >= 0 && end.is_some_and(|end| end as u64 <= length);
            if !inside {
                return Err(lies(text!("a column is said to lie outside the file", "某列声称位于文件之外")));
            }
            if !(0..=MAX_CHUNK).contains(&column.uncompressed_size()) {
                return Err(lies(text!(
                    "a column is said to be larger than 4 GiB, or less than nothing",
                    "某列声称超过 4 GiB，或小于零"
                )));
            }
            let flat = column.column_descr().max_rep_level() == 0;
            if column.num_values() < 0 || flat && column.num_values() != group.num_rows() {
                return Err(lies(text!(
                    "a column is said to hold other rows than its row group",
                    "某列的行数与其行组不符"
                )));
            }
        }
    }
    if rows != metadata.file_metadata().num_rows() {
        return Err(lies(text!("its footer counts other rows than its row groups", "页脚行数与行组行数不符")));
    }
    Ok(())
}

fn sink_length(metadata: &ParquetMetaData) -> u64 {
    let sizes = metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
        .map(|column| column.compressed_size().max(0) as u64);
    sizes.fold(0, u64::saturating_add)
}

/// The declared type a source type suggests; `None` when no declared type takes it.
fn declared_type(source: &DataType) -> Option<ColumnType> {
    use DataType::*;
    Some(match source {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => ColumnType::Int,
        Float32 | Float64 => ColumnType::Float,
        Boolean => ColumnType::Bool,
        Utf8 => ColumnType::Text,
        Date32 => ColumnType::Date { format: crate::description::DEFAULT_DATE_FORMAT.into() },
        Timestamp(..) => ColumnType::Timestamp { format: None },
        Decimal128(_, scale @ 0..=18) => ColumnType::Decimal { scale: *scale as u8 },
        _ => return None,
    })
}

fn check_types(schema: &Schema, places: &[usize], description: &Description) -> Result<(), ImportError> {
    for (column, &place) in description.columns.iter().zip(places) {
        let source = schema.field(place).data_type();
        let fits = match (declared_type(source), &column.kind) {
            // Texts are read as from a CSV file.
            (Some(ColumnType::Text), _) => true,
            // A column without any value, and whole numbers that a missing one made floats.
            (None, _) if *source == DataType::Null => true,
            (Some(ColumnType::Float), ColumnType::Int) => true,
            (Some(ColumnType::Int), ColumnType::Int | ColumnType::Float | ColumnType::Decimal { .. }) => true,
            (Some(ColumnType::Date { .. }), ColumnType::Date { .. } | ColumnType::Timestamp { .. }) => true,
            (Some(ColumnType::Decimal { .. }), ColumnType::Decimal { .. } | ColumnType::Float) => true,
            (Some(found), wanted) => std::mem::discriminant(&found) == std::mem::discriminant(wanted),
            (None, _) => false,
        };
        if !fits {
            return Err(ImportError::ColumnType {
                column: column.name.clone(),
                declared: column.kind.word(),
                found: source.to_string(),
            });
        }
    }
    Ok(())
}

/// One cell of a source array as the declared type.
fn convert<'a>(array: &'a ArrayRef, row: usize, kind: &ColumnType) -> Result<Cell<'a>, Reason> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Ok(Cell::Null);
    }
    let other = Reason::Type(kind.word());
    macro_rules! value {
        ($type:ty) => {
            array.as_primitive_opt::<$type>().ok_or(other)?.value(row)
        };
    }
    let whole = match array.data_type() {
        DataType::Utf8 => {
            return cell::parse(array.as_string_opt::<i32>().ok_or(other)?.value(row), kind);
        }
        DataType::Boolean => {
            return Ok(Cell::Bool(array.as_boolean_opt().ok_or(other)?.value(row)));
        }
        DataType::Float32 => return number(f64::from(value!(Float32Type)), kind),
        DataType::Float64 => return number(value!(Float64Type), kind),
        DataType::Date32 => {
            let days = i64::from(value!(Date32Type));
            return Ok(Cell::Int(if matches!(kind, ColumnType::Timestamp { .. }) {
                days * 86_400_000_000
            } else {
                days
            }));
        }
        DataType::Timestamp(unit, _) => {
            return timestamp(array, row, *unit).map(Cell::Int).ok_or(Reason::Timestamp);
        }
        DataType::Decimal128(_, scale) => return decimal(value!(Decimal128Type), *scale, kind),
        DataType::Int8 => i64::from(value!(Int8Type)),
        DataType::Int16 => i64::from(value!(Int16Type)),
        DataType::Int32 => i64::from(value!(Int32Type)),
        DataType::Int64 => value!(Int64Type),
        DataType::UInt8 => i64::from(value!(UInt8Type)),
        DataType::UInt16 => i64::from(value!(UInt16Type)),
        DataType::UInt32 => i64::from(value!(UInt32Type)),
        DataType::UInt64 => i64::try_from(value!(UInt64Type)).map_err(|_| Reason::Int)?,
        _ => return Err(other),
    };
    match kind {
        ColumnType::Int => Ok(Cell::Int(whole)),
        ColumnType::Float => Ok(Cell::Float(whole as f64)),
        ColumnType::Decimal { .. } => decimal(i128::from(whole), 0, kind),
        _ => Err(other),
    }
}

/// A float as it is declared: an int if it is whole, and small enough to be exact.
fn number<'a>(number: f64, kind: &ColumnType) -> Result<Cell<'a>, Reason> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match kind {
        ColumnType::Int if number.fract() == 0.0 && number.abs() <= EXACT => Ok(Cell::Int(number as i64)),
        ColumnType::Int => Err(Reason::Int),
        _ => finite(number),
    }
}

fn not_a_number(array: &ArrayRef, row: usize) -> bool {
    let double = array.as_primitive_opt::<Float64Type>().map(|numbers| numbers.value(row).is_nan());
    double.or_else(|| Some(array.as_primitive_opt::<Float32Type>()?.value(row).is_nan())).unwrap_or(false)
}

fn names_nan(nulls: &[String]) -> bool {
    nulls.iter().any(|null| null.eq_ignore_ascii_case("nan"))
}

fn finite<'a>(number: f64) -> Result<Cell<'a>, Reason> {
    if number.is_finite() { Ok(Cell::Float(number)) } else { Err(Reason::Float) }
}

fn timestamp(array: &ArrayRef, row: usize, unit: TimeUnit) -> Option<i64> {
    use arrow_array::types::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    match unit {
        TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>()?.value(row).checked_mul(1_000_000),
        TimeUnit::Millisecond => array.as_primitive_opt::<TimestampMillisecondType>()?.value(row).checked_mul(1_000),
        TimeUnit::Microsecond => Some(array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row)),
        TimeUnit::Nanosecond => Some(array.as_primitive_opt::<TimestampNanosecondType>()?.value(row).div_euclid(1_000)),
    }
}

fn decimal<'a>(steps: i128, scale: i8, kind: &ColumnType) -> Result<Cell<'a>, Reason> {
    match kind {
        ColumnType::Float => finite(steps as f64 / 10f64.powi(i32::from(scale))),
        ColumnType::Decimal { scale: wanted } => {
            let shift = i32::from(*wanted) - i32::from(scale);
            let power = 10i128.checked_pow(shift.unsigned_abs()).ok_or(Reason::Decimal)?;
            let steps = match shift >= 0 {
                true => steps.checked_mul(power).ok_or(Reason::Decimal)?,
                false if steps % power == 0 => steps / power,
                false => return Err(Reason::Scale(*wanted)),
            };
            i64::try_from(steps).map(Cell::Int).map_err(|_| Reason::Decimal)
        }
        _ => Err(Reason::Type(kind.word())),
    }
}
