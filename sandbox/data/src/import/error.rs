//! Why a source is not imported, and where in it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use unseen_texts::{Lang, Say, Sentence, Text, say};

use crate::cell::Reason;
use crate::keys::KeyError;
use crate::seems::advice;
use crate::snapshot::{MAX_BUCKETS, SnapshotError};

/// Where in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Data row, from 1.
    pub row: u64,
    /// Line of a CSV file, from 1.
    pub line: Option<u64>,
}

impl std::fmt::Display for Position {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.say(Lang::En, out)
    }
}

impl Say for Position {
    fn say(&self, lang: Lang, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = self.row;
        let said = match self.line {
            Some(line) => say!("row {row} (line {line})", "第 {row} 条记录（第 {line} 行）"),
            None => say!("row {row}", "第 {row} 条记录"),
        };
        out.write_str(said.to(lang))
    }
    fn value(&self) -> unseen_texts::Value {
        serde_json::json!({ "row": self.row, "line": self.line })
    }
}

/// Why an import was refused. Positions are given, contents never.
#[derive(Debug, Error, Say)]
#[code("import")]
pub enum ImportError {
    /// The source does not open.
    #[error("{path} cannot be opened: {source}")]
    #[zh("{path} 无法打开：{source}")]
    Open {
        /// The source.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading stopped half-way.
    #[error("the file cannot be read to its end: {0}")]
    #[zh("文件无法读完：{0}")]
    Read(io::Error),
    /// A workbook that is small only while it is packed.
    #[error("the workbook unpacks to more than is read of one: save the sheet as CSV")]
    #[zh("工作簿解压后超出可读取的上限：请将该工作表另存为 CSV")]
    Large,
    /// Writing stopped half-way; nothing was kept.
    #[error("the snapshot cannot be written, and nothing of it was kept: {0}")]
    #[zh("快照无法写入，未保留任何内容：{0}")]
    Write(io::Error),
    /// The destination exists.
    #[error("{0} exists already: a snapshot is never overwritten")]
    #[zh("{0} 已存在：快照绝不覆盖")]
    Exists(PathBuf),
    /// Another import works in the same folder.
    #[error("another import into {0} is running: wait for it to finish")]
    #[zh("另一个导入正在写入 {0}：请等它结束")]
    Busy(PathBuf),
    /// The number of buckets is out of range.
    #[error("a snapshot has 1 to {MAX_BUCKETS} buckets, not {0}")]
    #[zh("快照有 1 至 {MAX_BUCKETS} 个分桶，不能是 {0}")]
    Buckets(u32),
    /// The description and its text differ: a fault of the caller.
    #[error("the description is not the one in its text")]
    #[zh("描述与其原文不符")]
    Description,
    /// The source is of another format.
    #[error("the file is not CSV, Parquet or .xlsx but {0}")]
    #[zh("文件不是 CSV、Parquet 或 .xlsx，而是{0}")]
    NotCsv(Text),
    /// A workbook of several sheets, or without the one that is named.
    #[error("{}", no_sheet(sheet.as_deref(), found, Lang::En))]
    #[zh("{said}", said = no_sheet(sheet.as_deref(), found, Lang::Zh))]
    Sheet {
        /// The one that the description names.
        sheet: Option<String>,
        /// Those that there are.
        found: String,
    },
    /// Not a byte, or not even a header.
    #[error("the file is empty")]
    #[zh("文件是空的")]
    Empty,
    /// A header without rows.
    #[error("the file has a header but no rows")]
    #[zh("文件只有表头，没有数据行")]
    NoRows,
    /// Two columns of one name.
    #[error("the header names column {0:?} twice: rename one of them")]
    #[zh("表头中列 {0:?} 出现两次：请改名")]
    DuplicateHeader(String),
    /// Declared columns that the file lacks.
    #[error("the file lacks {role} {missing:?}; it has: {found}")]
    #[zh("文件缺少{role} {missing:?}；现有列：{found}")]
    MissingColumn {
        /// What the column is for.
        role: Text,
        /// Its name.
        missing: String,
        /// The names in the file.
        found: String,
    },
    /// No name of the header is declared, so it may be no header: what stands there is not said.
    #[error(
        "none of the {0} fields of the first line is a column of the description: if the file has no header, say header = false under [csv]"
    )]
    #[zh("第一行的 {0} 个字段都不是描述中的列：如果文件没有表头，请在 [csv] 下写 header = false")]
    NoHeader(usize),
    /// A record with more or fewer fields than the header.
    #[error("{at}: {fields} fields where {expected} are expected; check the delimiter and the quotes")]
    #[zh("{at}：有 {fields} 个字段，应为 {expected} 个；请检查分隔符和引号")]
    Ragged {
        /// Where.
        at: Position,
        /// Fields found.
        fields: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// Bytes that are not text in the declared encoding.
    #[error("line {line}: not valid {encoding}; {}", advice(encoding, *seems))]
    #[zh("第 {line} 行：不是有效的 {encoding}；{advice}", advice = advice(encoding, *seems))]
    Encoding {
        /// From 1.
        line: u64,
        /// The declared encoding.
        encoding: &'static str,
        /// What it seems to be, where that was looked at.
        seems: Option<&'static str>,
    },
    /// A record that does not end.
    #[error("line {line}: a record longer than 16 MiB; is a quote left open?")]
    #[zh("第 {line} 行：记录超过 16 MiB；是否有引号未闭合？")]
    RecordTooLong {
        /// From 1.
        line: u64,
    },
    /// A row that does not fit.
    #[error("{at}: the row is larger than 16 MiB")]
    #[zh("{at}：该行超过 16 MiB")]
    RowTooLarge {
        /// Where.
        at: Position,
    },
    /// A cell that is not of its declared type.
    #[error("{at}, column {column:?}: {reason}")]
    #[zh("{at}，列 {column:?}：{reason}")]
    Cell {
        /// Where.
        at: Position,
        /// Column name.
        column: String,
        /// Why not; never what it holds.
        reason: Reason,
    },
    /// A null where none may be.
    #[error("{at}, column {column:?}: empty, but the column is declared not nullable")]
    #[zh("{at}，列 {column:?}：为空，但该列声明为不可为空")]
    Null {
        /// Where.
        at: Position,
        /// Column name.
        column: String,
    },
    /// Several rows that do not fit.
    #[error("{}", listed(faults, *more, Lang::En))]
    #[zh("{list}", list = listed(faults, *more, Lang::Zh))]
    Several {
        /// Each on its own.
        faults: Vec<ImportError>,
        /// Whether the file was not read any further.
        more: bool,
    },
    /// A quote that never closes.
    #[error("line {line}: a quote is opened here and never closed")]
    #[zh("第 {line} 行：此处打开的引号一直没有闭合")]
    OpenQuote {
        /// From 1.
        line: u64,
    },
    /// A Parquet column of a type that the declared one does not take.
    #[error("column {column:?} is declared {declared}, but the file holds {found}")]
    #[zh("列 {column:?} 声明为 {declared}，而文件中是 {found}")]
    ColumnType {
        /// Column name.
        column: String,
        /// Declared type.
        declared: &'static str,
        /// Type in the file.
        found: String,
    },
    /// A Parquet file that contradicts itself.
    #[error("the Parquet file is damaged or lies about itself: {0}")]
    #[zh("Parquet 文件已损坏或自相矛盾：{0}")]
    Parquet(Sentence),
    /// Pages that are compressed in a way that is not read.
    #[error(
        "the Parquet file is compressed with {0}, which is not read here: write it with zstd, snappy, gzip, brotli or LZ4"
    )]
    #[zh("Parquet 文件以 {0} 压缩，此处不支持：请改用 zstd、snappy、gzip、brotli 或 LZ4")]
    Packing(String),
    /// A row without a unit where that is refused.
    #[error("{at}: the unit is missing, and the description says when_missing = \"refuse\"")]
    #[zh("{at}：缺少隐私单元，而描述规定 when_missing = \"refuse\"")]
    UnitMissing {
        /// Where.
        at: Position,
    },
    /// No row at all has a unit.
    #[error("no row names a unit: column {column:?} is empty in all {rows} rows")]
    #[zh("没有任何行给出隐私单元：列 {column:?} 在全部 {rows} 行中为空")]
    NoUnit {
        /// The unit column.
        column: String,
        /// Rows of the file.
        rows: u64,
    },
    /// Every row was set aside for its cells.
    #[error("all {rows} rows have cells that are not of their declared type")]
    #[zh("全部 {rows} 行都有不符合所声明类型的单元格")]
    NoGoodRow {
        /// Rows of the file.
        rows: u64,
    },
    /// A unit id that is too long.
    #[error("{at}: the unit's id is longer than 256 bytes")]
    #[zh("{at}：隐私单元标识超过 256 字节")]
    UnitTooLong {
        /// Where.
        at: Position,
    },
    /// A reference row without a key.
    #[error("{at}: the key is empty")]
    #[zh("{at}：键为空")]
    KeyMissing {
        /// Where.
        at: Position,
    },
    /// A key that two rows have.
    #[error("{at}: the key repeats that of an earlier row; keys of a reference table are unique")]
    #[zh("{at}：键与前面某行重复；参照表的键必须唯一")]
    KeyRepeated {
        /// Where.
        at: Position,
    },
    /// More of something than the description's bounds allow.
    #[error(
        "there are more than {most} {what}, the public bound of this dataset: declare more under [bounds] {key} in its description, if that may be said of it"
    )]
    #[zh("超过 {most} {what}，即本数据集的公开上限：如果可以公开说明，请在描述的 [bounds] {key} 中写更大的数")]
    OverBound {
        /// What there is too much of.
        what: Text,
        /// Its key under `[bounds]`.
        key: &'static str,
        /// The bound.
        most: u64,
    },
    /// A row with more text than the description's bounds allow.
    #[error(
        "{at}: the row has more than {most} bytes of text, the public bound of this dataset: declare more under [bounds] text in its description, if that may be said of it"
    )]
    #[zh(
        "{at}：该行文字超过 {most} 字节，即本数据集的公开上限：如果可以公开说明，请在描述的 [bounds] text 中写更大的数"
    )]
    OverText {
        /// Where.
        at: Position,
        /// The bound.
        most: u64,
    },
    /// A reference table that does not fit in memory.
    #[error("a reference table has at most 5,000,000 rows and 512 MiB; this one is larger")]
    #[zh("参照表至多 5,000,000 行、512 MiB；此表超出")]
    ReferenceTooLarge,
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The snapshot whose rows are dealt anew is at fault.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl ImportError {
    /// Whether a row may be set aside for it.
    pub(crate) fn is_of_cells(&self) -> bool {
        matches!(self, ImportError::Cell { .. } | ImportError::Null { .. } | ImportError::Ragged { .. })
    }

    /// The row that it is a fault of; other rows may be looked at in spite of it.
    pub(crate) fn row(&self) -> Option<u64> {
        match self {
            ImportError::Cell { at, .. }
            | ImportError::Null { at, .. }
            | ImportError::Ragged { at, .. }
            | ImportError::UnitMissing { at }
            | ImportError::UnitTooLong { at }
            | ImportError::KeyMissing { at }
            | ImportError::KeyRepeated { at }
            | ImportError::OverText { at, .. } => Some(at.row),
            _ => None,
        }
    }
}

fn no_sheet(sheet: Option<&str>, found: &str, lang: Lang) -> String {
    let found = found.to_owned();
    let said = match sheet.map(str::to_owned) {
        None => say!(
            "the workbook has several sheets: name one as sheet = \"...\" in the description; it has: {found}",
            "工作簿有多个工作表：请在描述中用 sheet = \"...\" 指明一个；现有：{found}"
        ),
        Some(sheet) => {
            say!("the workbook has no sheet {sheet:?}; it has: {found}", "工作簿中没有工作表 {sheet:?}；现有：{found}")
        }
    };
    said.told(lang)
}

fn listed(faults: &[ImportError], more: bool, lang: Lang) -> String {
    // One row may have several.
    let count = faults.chunk_by(|one, next| one.row() == next.row()).count();
    let head = match more {
        false => say!("rows that do not fit: {count}", "不符合描述的行：{count}"),
        true => say!(
            "rows that do not fit: {count}, and the file was not read any further",
            "不符合描述的行：{count}，未再往下读"
        ),
    };
    let lines = faults.iter().map(|fault| format!("\n  {}", fault.told(lang)));
    format!("{}{}", head.told(lang), lines.collect::<String>())
}
