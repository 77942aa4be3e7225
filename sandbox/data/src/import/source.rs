//! A source, whatever its format.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use unseen_texts::text;

use super::error::ImportError;
use super::sink::RowSink;
use crate::description::Description;
use crate::{csv_source, parquet_source};

pub(super) enum Opened {
    Csv(File, u64),
    Parquet(File, u64),
}

pub(super) fn open_source(path: &Path) -> Result<Opened, ImportError> {
    let unopened = |source| ImportError::Open { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unopened)?;
    let length = file.metadata().map_err(unopened)?.len();
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).map_err(ImportError::Read)?;
    io::Seek::rewind(&mut file).map_err(ImportError::Read)?;
    match magic.as_slice() {
        [] => Err(ImportError::Empty),
        b"PAR1" => Ok(Opened::Parquet(file, length)),
        b"PARE" => Err(ImportError::Parquet(text!("it is encrypted", "文件已加密").into())),
        [0x1f, 0x8b, ..] => Err(ImportError::NotCsv(text!("gzip: decompress it first", "gzip：请先解压"))),
        [0x28, 0xb5, 0x2f, 0xfd] => Err(ImportError::NotCsv(text!("zstd: decompress it first", "zstd：请先解压"))),
        b"PK\x03\x04" => Err(ImportError::NotCsv(text!(
            "a ZIP archive or an Excel workbook: save it as CSV first",
            "ZIP 压缩包或 Excel 工作簿：请先另存为 CSV"
        ))),
        _ => Ok(Opened::Csv(file, length)),
    }
}

impl Opened {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Csv(_, length) | Self::Parquet(_, length) => *length,
        }
    }

    pub(super) fn read(self, description: &Description, sink: &mut dyn RowSink) -> Result<Vec<String>, ImportError> {
        match self {
            Self::Csv(file, _) => csv_source::read(file, description, sink),
            Self::Parquet(file, _) => parquet_source::read(file, description, sink),
        }
    }
}
