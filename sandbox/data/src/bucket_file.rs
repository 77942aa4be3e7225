//! The file of one bucket, as it is written: row groups of bounded size, encrypted.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use unseen_texts::{Sentence, text};

use crate::cell::Cell;
use crate::files::{self, DigestWriter};
use crate::import::error::ImportError;
use crate::snapshot;
use crate::sort::Record;

/// Rows of one row group: few enough that its dictionary of units stays small, and a multiple of
/// the scan's batch, so that no batch spans two dictionaries.
const ROW_GROUP: usize = 1 << 17;

/// Rows and bytes of text gathered before they are handed to the Parquet writer.
const BATCH: usize = 8192;

const BATCH_TEXT: usize = 8 << 20;

/// Batches that wait until a thread has encoded those before them.
const AHEAD: usize = 1;

/// A Parquet file being written: rows are gathered here, encoded and encrypted in a thread of its own.
pub(crate) struct BucketFile<'scope, W: Write = File> {
    /// None once it has failed.
    encoder: Option<Encoder<'scope, W>>,
    schema: Arc<Schema>,
    unit: Option<StringBuilder>,
    columns: Vec<Builder>,
    waiting: usize,
    waiting_text: usize,
    rows: u64,
}

/// The thread, and what it is given.
struct Encoder<'scope, W: Write> {
    batches: SyncSender<RecordBatch>,
    thread: ScopedJoinHandle<'scope, Result<DigestWriter<W>, ImportError>>,
}

impl<W: Write> Encoder<'_, W> {
    /// Waits until all is written that it was given, or says why it is not.
    fn end(self) -> Result<DigestWriter<W>, ImportError> {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> ImportError {
    ImportError::Write(io::Error::other(Sentence::from(text!("the encoder has stopped", "编码线程已停止"))))
}

enum Builder {
    Ints(Int64Builder),
    Floats(Float64Builder),
    Bools(BooleanBuilder),
    Texts(StringBuilder),
}

impl<'scope> BucketFile<'scope> {
    /// In a new file.
    pub(crate) fn create(
        scope: &'scope Scope<'scope, '_>,
        path: &Path,
        schema: Arc<Schema>,
        encryption: Option<Arc<FileEncryptionProperties>>,
    ) -> Result<Self, ImportError> {
        BucketFile::over(scope, files::create(path).map_err(ImportError::Write)?, schema, encryption)
    }

    /// Rows, length and SHA-256 of the durable file.
    pub(crate) fn finish(self) -> Result<(u64, u64, [u8; 32]), ImportError> {
        let (file, rows, bytes, digest) = self.written()?;
        file.sync_all().map_err(ImportError::Write)?;
        Ok((rows, bytes, digest))
    }
}

impl<'scope, W: Write + Send + 'scope> BucketFile<'scope, W> {
    /// The same, written to anything.
    pub(crate) fn over(
        scope: &'scope Scope<'scope, '_>,
        to: W,
        schema: Arc<Schema>,
        encryption: Option<Arc<FileEncryptionProperties>>,
    ) -> Result<Self, ImportError> {
        let unit = schema.column_with_name(snapshot::UNIT).map(|_| StringBuilder::new());
        let stored = schema.fields().iter().skip(usize::from(unit.is_some()));
        let columns = stored.map(|field| Builder::new(field.data_type())).collect();
        let options = ArrowWriterOptions::new()
            .with_properties(writer_properties(&schema, encryption))
            .with_skip_arrow_metadata(true);
        let to = DigestWriter::new(to);
        let mut writer = ArrowWriter::try_new_with_options(to, Arc::clone(&schema), options).map_err(unwritten)?;
        let (batches, encoded) = sync_channel::<RecordBatch>(AHEAD);
        let encode = move || {
            encoded.iter().try_for_each(|batch| writer.write(&batch)).map_err(unwritten)?;
            writer.into_inner().map_err(unwritten)
        };
        let thread = thread::Builder::new().name("encode".to_owned()).spawn_scoped(scope, encode);
        let encoder = Encoder { batches, thread: thread.map_err(ImportError::Write)? };
        Ok(Self { encoder: Some(encoder), schema, unit, columns, waiting: 0, waiting_text: 0, rows: 0 })
    }

    /// Takes a sorted record, whose cell at `unit_at` is the unit itself and stored once only.
    pub(crate) fn push_record(&mut self, record: Record<'_>, unit_at: usize) -> Result<(), ImportError> {
        let unit = std::str::from_utf8(record.unit).map_err(|fault| ImportError::Write(io::Error::other(fault)))?;
        let cells = record.cells().enumerate().filter(|(at, _)| *at != unit_at).map(|(_, cell)| cell);
        self.push(Some(unit), cells)
    }

    pub(crate) fn push<'a>(
        &mut self,
        unit: Option<&str>,
        cells: impl Iterator<Item = Cell<'a>>,
    ) -> Result<(), ImportError> {
        if let (Some(builder), Some(unit)) = (&mut self.unit, unit) {
            builder.append_value(unit);
        }
        let mut taken = 0;
        for (builder, cell) in self.columns.iter_mut().zip(cells) {
            self.waiting_text += builder.push(&cell);
            taken += 1;
        }
        if taken != self.columns.len() {
            return Err(ImportError::Write(io::Error::other(Sentence::from(text!(
                "a row was altered during the import",
                "导入期间有行被改动"
            )))));
        }
        self.waiting += 1;
        self.rows += 1;
        if self.waiting == BATCH || self.waiting_text >= BATCH_TEXT {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if self.waiting == 0 {
            return Ok(());
        }
        let unit = self.unit.as_mut().map(|unit| Arc::new(unit.finish()) as ArrayRef);
        let arrays = unit.into_iter().chain(self.columns.iter_mut().map(Builder::finish)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|fault| ImportError::Write(io::Error::other(fault)))?;
        (self.waiting, self.waiting_text) = (0, 0);
        let encoder = self.encoder.take().ok_or_else(stopped)?;
        if encoder.batches.send(batch).is_err() {
            return encoder.end().map(drop);
        }
        self.encoder = Some(encoder);
        Ok(())
    }

    /// What it was written to, rows, length and SHA-256.
    pub(crate) fn written(mut self) -> Result<(W, u64, u64, [u8; 32]), ImportError> {
        self.flush()?;
        let to = self.encoder.ok_or_else(stopped)?.end()?;
        let (to, bytes, digest) = to.finish().map_err(ImportError::Write)?;
        Ok((to, self.rows, bytes, digest))
    }
}

/// Statistics are left out: they would repeat cells in page headers for nothing. Floats rarely
/// repeat, so they are stored plainly; everything else tries a dictionary first.
fn writer_properties(schema: &Schema, encryption: Option<Arc<FileEncryptionProperties>>) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by("unseen".into())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_max_row_group_bytes(Some(256 << 20))
        .set_data_page_row_count_limit(2 * BATCH)
        .set_column_dictionary_page_size_limit(ColumnPath::from(vec![snapshot::UNIT.to_owned()]), 64 << 20);
    for field in schema.fields() {
        if field.data_type() == &arrow_schema::DataType::Float64 {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(vec![field.name().clone()]), false);
        }
    }
    match encryption {
        Some(encryption) => properties.with_file_encryption_properties(encryption).build(),
        None => properties.build(),
    }
}

impl Builder {
    fn new(kind: &arrow_schema::DataType) -> Self {
        match kind {
            arrow_schema::DataType::Int64 => Self::Ints(Int64Builder::new()),
            arrow_schema::DataType::Float64 => Self::Floats(Float64Builder::new()),
            arrow_schema::DataType::Boolean => Self::Bools(BooleanBuilder::new()),
            _ => Self::Texts(StringBuilder::new()),
        }
    }

    /// Appends a cell (one of another kind counts as null, which a column that is not nullable then
    /// refuses); returns its bytes of text.
    fn push(&mut self, cell: &Cell) -> usize {
        match (self, cell) {
            (Self::Ints(builder), Cell::Int(number)) => builder.append_value(*number),
            (Self::Floats(builder), Cell::Float(number)) => builder.append_value(*number),
            (Self::Bools(builder), Cell::Bool(value)) => builder.append_value(*value),
            (Self::Texts(builder), Cell::Text(text)) => {
                builder.append_value(text);
                return text.len();
            }
            (Self::Ints(builder), _) => builder.append_null(),
            (Self::Floats(builder), _) => builder.append_null(),
            (Self::Bools(builder), _) => builder.append_null(),
            (Self::Texts(builder), _) => builder.append_null(),
        }
        0
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Ints(builder) => Arc::new(builder.finish()),
            Self::Floats(builder) => Arc::new(builder.finish()),
            Self::Bools(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
        }
    }
}

pub(crate) fn unwritten(fault: parquet::errors::ParquetError) -> ImportError {
    ImportError::Write(match fault {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(fault) => *fault,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}
