//! A source, whatever its format.

use std::cell::Cell as Shared;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use unseen_texts::{Text, text};

use super::error::ImportError;
use super::normal::Normalizer;
use super::sink::RowSink;
use crate::description::Description;
use crate::files::{FileAt, ReadAt, SharedFile};
use crate::seems::seems;
use crate::{csv_source, parquet_source, workbook};

pub(super) enum Opened {
    Csv(Packed),
    Parquet(SharedFile),
    Workbook(SharedFile),
}

/// A file of text, perhaps compressed.
pub(super) struct Packed {
    file: SharedFile,
    packing: Packing,
}

/// What there is to say of a source that was read.
pub(super) struct Taken {
    /// Columns that the description does not declare.
    pub(super) ignored_columns: Vec<String>,
    /// How many cells of each declared column were brought into another form.
    pub(super) normalized: Vec<u64>,
}

/// How many bytes were read so far.
type Count = Rc<Shared<u64>>;

#[derive(Clone, Copy)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Opens a file of rows.
pub(super) fn open_file(path: &Path) -> Result<Arc<dyn ReadAt>, ImportError> {
    let file = File::open(path).map_err(|source| ImportError::Open { path: path.to_owned(), source })?;
    Ok(Arc::new(file))
}

pub(super) fn open_source(rows: Arc<dyn ReadAt>) -> Result<Opened, ImportError> {
    let file = SharedFile::new(rows).map_err(ImportError::Read)?;
    let mut magic = Vec::new();
    file.reader().take(8).read_to_end(&mut magic).map_err(ImportError::Read)?;
    let packed = |file, packing| Ok(Opened::Csv(Packed { file, packing }));
    match magic.as_slice() {
        [] => Err(ImportError::Empty),
        [b'P', b'A', b'R', b'1', ..] => Ok(Opened::Parquet(file)),
        [b'P', b'A', b'R', b'E', ..] => Err(ImportError::Parquet(text!("it is encrypted", "文件已加密").into())),
        [0x1f, 0x8b, ..] => packed(file, Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => packed(file, Packing::Zstd),
        [b'P', b'K', 3, 4, ..] => Ok(Opened::Workbook(file)),
        magic => match named(magic) {
            Some(name) => Err(ImportError::NotCsv(name)),
            None => packed(file, Packing::Plain),
        },
    }
}

/// What is not taken, by its name.
fn named(magic: &[u8]) -> Option<Text> {
    const KNOWN: [(&[u8], Text); 9] = [
        (
            b"\xd0\xcf\x11\xe0",
            text!(
                "an old Excel workbook (.xls): save it as .xlsx or CSV",
                "旧版 Excel 工作簿（.xls）：请另存为 .xlsx 或 CSV"
            ),
        ),
        (b"BZh", text!("bzip2: decompress it first", "bzip2：请先解压")),
        (b"\xfd7zXZ", text!("xz: decompress it first", "xz：请先解压")),
        (b"7z\xbc\xaf", text!("a 7z archive: unpack it first", "7z 压缩包：请先解压")),
        (b"Rar!", text!("a RAR archive: unpack it first", "RAR 压缩包：请先解压")),
        (b"ARROW1", text!("Arrow or Feather: save it as Parquet or CSV", "Arrow 或 Feather：请另存为 Parquet 或 CSV")),
        (b"ORC", text!("ORC: save it as Parquet or CSV", "ORC：请另存为 Parquet 或 CSV")),
        (b"%PDF", text!("a PDF document", "PDF 文档")),
        (b"{\"", text!("JSON: save it as CSV or Parquet", "JSON：请另存为 CSV 或 Parquet")),
    ];
    let found = KNOWN.iter().find(|(start, _)| magic.starts_with(start)).map(|(_, name)| *name);
    // Text of two bytes for each character, without the mark that says so.
    let wide = matches!(magic, &[a, 0, b, 0, ..] | &[0, a, 0, b, ..] if a != 0 && b != 0);
    found.or_else(|| wide.then_some(text!("UTF-16 text: save it as UTF-8", "UTF-16 文本：请另存为 UTF-8")))
}

impl Packed {
    /// The text from its beginning, and how many bytes of the file were read.
    pub(super) fn text(&self) -> Result<(Box<dyn Read>, Count), ImportError> {
        let bytes = Rc::new(Shared::new(0));
        let counted = Counted { inner: self.file.reader(), bytes: Rc::clone(&bytes) };
        let text: Box<dyn Read> = match self.packing {
            Packing::Plain => Box::new(counted),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(counted))),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(counted).map_err(ImportError::Read)?),
        };
        Ok((text, bytes))
    }

    /// Says of a fault in the text's encoding what the text seems to be in.
    pub(super) fn named(&self, fault: ImportError) -> ImportError {
        match fault {
            ImportError::Encoding { line, encoding, .. } => {
                let seems = self.text().ok().and_then(|(text, _)| seems(text).ok());
                ImportError::Encoding { line, encoding, seems }
            }
            fault => fault,
        }
    }

    /// How long the text is, about: what is compressed is several times as long.
    pub(super) fn length(&self) -> u64 {
        match self.packing {
            Packing::Plain => self.file.length(),
            Packing::Gzip | Packing::Zstd => self.file.length().saturating_mul(10),
        }
    }
}

impl Opened {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Csv(packed) => packed.file.length(),
            Self::Parquet(file) | Self::Workbook(file) => file.length(),
        }
    }

    /// Reads all rows into `sink`, each in the form that the description declares.
    pub(super) fn read(self, description: &Description, sink: &mut dyn RowSink) -> Result<Taken, ImportError> {
        let mut normalizer = Normalizer::new(description, sink);
        let ignored_columns = self.read_plain(description, &mut normalizer)?;
        Ok(Taken { ignored_columns, normalized: normalizer.changed() })
    }

    fn read_plain(self, description: &Description, sink: &mut dyn RowSink) -> Result<Vec<String>, ImportError> {
        match self {
            Self::Csv(packed) => {
                let (text, bytes) = packed.text()?;
                csv_source::read(text, bytes, description, sink).map_err(|fault| packed.named(fault))
            }
            Self::Parquet(file) => parquet_source::read(file, description, sink),
            Self::Workbook(file) => {
                let length = file.length();
                let text = workbook::as_csv(&file, description.sheet.as_deref())?;
                let bytes = Rc::new(Shared::new(length));
                csv_source::read(Box::new(Cursor::new(text)), bytes, &workbook::described(description), sink)
            }
        }
    }
}

/// Counts the bytes of the file.
struct Counted {
    inner: FileAt,
    bytes: Count,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}
