//! `dataset.toml`: what a dataset is, written by its steward.
//!
//! ```toml
//! name = "enterprise-monthly"        # lowercase letters, digits, '-' and '_'
//! kind = "private"                   # or "reference": public, no unit, looked up by key
//! provider = "Statistics Bureau"
//! classification = "sensitive"       # public | internal | sensitive | core (公开 内部 敏感 核心)
//! update_cycle = "monthly"           # realtime daily weekly monthly quarterly yearly irregular once
//! sharing = "conditional"            # unconditional | conditional | none
//!
//! [title]
//! zh = "企业月报"
//! en = "Enterprises by month"
//!
//! [catalogue]                        # what registers of public data ask beside; each may be left out
//! area = "320412"                    # GB/T 2260
//!
//! [unit]                             # private datasets: whose rows are protected together
//! column = "code"
//! domain = "enterprise"
//! missing = ["NA", ""]               # such rows have no unit ...
//! when_missing = "set-aside"         # ... and are counted and left out, or "refuse"
//!
//! [bounds]                           # private datasets; public: what may ever be in it, at most
//! units = 20_000                     # different units; 10,000 when left out
//! rows = 500_000                     # rows; 1,000,000 when left out
//! text = "2KiB"                      # bytes of text in one row; "4KiB" when left out
//!
//! [csv]                              # only for CSV sources; these are the defaults
//! encoding = "utf-8"                 # or "gb18030"
//! delimiter = ","
//! header = true
//! null = [""]
//!
//! [[column]]
//! name = "code"
//! type = "text"                      # int float bool text date timestamp decimal
//! nullable = false
//! zh = "统一社会信用代码"
//! en = "Unified social credit code"
//! check = "uscc"
//! normalize = ["width", "blanks", "case"]   # brought into one form before it is checked and hashed
//!
//! [[column]]
//! name = "month"
//! type = "date"
//! format = "%Y-%m"
//! min = "2020-01"
//! ```

mod catalogue;
mod distribution;
mod form;
mod read;
mod section;
mod shape;
mod words;
mod write;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unseen_policies::Bounds;
use unseen_texts::{Say, Sentence, say};

pub use catalogue::Catalogue;
pub use distribution::Distribution;
pub use form::{Form, Step};
pub use shape::{Rule, Shape, UnitRows};
pub use words::{Classification, Grade, Origin, Sharing, UpdateCycle};

/// A parsed and validated `dataset.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Short name, unique in the lab: `[a-z0-9][a-z0-9_-]{0,63}`.
    pub name: String,
    /// Whether rows belong to privacy units or are public.
    pub kind: Kind,
    /// One line, in both languages.
    pub title: Bilingual,
    /// A paragraph, in both languages.
    pub description: Bilingual,
    /// Who provides the data.
    pub provider: String,
    /// Classification level of the data.
    pub classification: Classification,
    /// How often new data is expected; the measure of freshness.
    pub update_cycle: UpdateCycle,
    /// Whether the data may be shared, and how.
    pub sharing: Sharing,
    /// What registers of public data ask beside.
    pub catalogue: Catalogue,
    /// The privacy unit; `Some` exactly when `kind` is private.
    pub unit: Option<Unit>,
    /// The key column of a reference table; `Some` exactly when `kind` is reference.
    pub key: Option<String>,
    /// What happens to rows with cells that are not of their declared type.
    pub bad_rows: BadRows,
    /// Public upper bounds on what may be in it: an import beyond them is refused. Of a reference table
    /// they are what it has, and nothing is said here.
    pub bounds: Bounds,
    /// The sheet of a workbook, where it has several.
    pub sheet: Option<String>,
    /// How to read a CSV source.
    pub csv: CsvOptions,
    /// The columns, at least one, in the order of the snapshot.
    pub columns: Vec<ColumnSpec>,
}

/// A text in Chinese and in English; either may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The privacy unit of a private dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The column that names the unit: int or text.
    pub column: String,
    /// What the unit is (`enterprise`, `person`, `vehicle`...). Datasets of one domain are
    /// protected together and can be co-grouped.
    pub domain: String,
    /// Texts that mean "no unit" (null always does).
    pub missing: Vec<String>,
    /// What happens to rows without a unit.
    pub when_missing: WhenMissing,
    /// How many rows a unit has, as is public knowledge. Nothing is checked against it: twins are made by it.
    pub rows: Option<UnitRows>,
}

/// How a CSV file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Character encoding.
    pub encoding: Encoding,
    /// One ASCII character between fields.
    pub delimiter: u8,
    /// Whether the first line names the columns. Without it, fields stand in the order of
    /// [`Description::columns`].
    pub header: bool,
    /// Texts that mean null.
    pub null: Vec<String>,
    /// Lines before the header, such as a title, that are left out.
    pub skip: u32,
    /// Records at the end, such as a total, that are left out.
    pub footer: u32,
    /// Lines of the header: with 2, a column's name is both joined by a space, the upper one going on to the
    /// right where it is empty.
    pub header_lines: u32,
    /// What stands between thousands in numbers.
    pub thousands: Option<char>,
}

/// Rows with cells that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRows {
    /// The import is refused, and says where.
    Refuse,
    /// They are counted and left out.
    SetAside,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Name.
    pub name: String,
    /// Its name in the source, where that is another.
    pub source: Option<String>,
    /// Texts that mean null in this column, where they are not those of the file.
    pub null: Option<Vec<String>>,
    /// What its cells hold.
    pub kind: ColumnType,
    /// The form that its texts are brought into before anything else is made of them.
    pub normalize: Form,
    /// Whether cells may be null.
    pub nullable: bool,
    /// What it means, in both languages.
    pub description: Bilingual,
    /// Smallest valid value, in physical units (see [`ColumnType`]).
    pub min: Option<Bound>,
    /// Largest valid value, in physical units.
    pub max: Option<Bound>,
    /// The valid texts; empty when any text is.
    pub domain: Vec<String>,
    /// About how many units have each text of the domain, in its order, as is public knowledge; empty when nothing is
    /// said. Nothing is checked against it: it tells askers which groups are large.
    pub sizes: Vec<u64>,
    /// How its values lie, as is public knowledge. Nothing is checked against it: twins are made by it.
    pub shape: Shape,
    /// A further check of each cell.
    pub check: Option<Check>,
}

/// What cells hold, and how the snapshot and the job see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ColumnType {
    /// 64-bit signed integers.
    Int,
    /// Finite 64-bit floating-point numbers.
    Float,
    /// True or false.
    Bool,
    /// UTF-8 text.
    Text,
    /// A day; the job sees days since 1970-01-01 as ints.
    Date {
        /// `strftime`-like format of the source; a missing day or month means the first.
        format: String,
    },
    /// A moment; the job sees microseconds since 1970-01-01T00:00:00Z as ints. Without an offset in
    /// the source it is taken as UTC.
    Timestamp {
        /// Format of the source; `None` means RFC 3339 or `YYYY-MM-DD HH:MM:SS[.ffffff]`.
        format: Option<String>,
    },
    /// An exact decimal; the job sees the value times 10^scale as ints.
    Decimal {
        /// Digits after the point, 0 to 18.
        scale: u8,
    },
}

/// The four ways cells are stored and shown to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellKind {
    /// `i64`
    Int,
    /// `f64`
    Float,
    /// one byte, 0 or 1
    Bool,
    /// UTF-8
    Text,
}

/// A bound in physical units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Of an int, date (days), timestamp (microseconds) or decimal (steps) column.
    Int(i64),
    /// Of a float column.
    Float(f64),
}

/// Checks that a type cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// A unified social credit code with a right check digit (GB 32100-2015).
    Uscc,
    /// The number of a resident's identity card: 18 characters with a right check digit (GB 11643-1999).
    ResidentId,
    /// A simple pattern: `#` is one digit, `@` one ASCII letter, `?` any one character, a final `*`
    /// anything; every other character stands for itself.
    Pattern(String),
}

/// Private rows or a public table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Rows belong to privacy units.
    Private,
    /// Public; joined row-wise by key.
    Reference,
}

/// Rows without a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenMissing {
    /// Count them and leave them out.
    SetAside,
    /// Refuse the import.
    Refuse,
}

/// Encoding of a CSV source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// GB 18030 (and so GBK and GB 2312).
    Gb18030,
}

/// Why a `dataset.toml` is refused.
#[derive(Debug, Error, PartialEq, Eq, Say)]
#[code("description")]
#[error("line {line}, column {column}: {message}")]
#[zh("第 {line} 行第 {column} 列：{message}")]
pub struct DescriptionError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: Sentence,
}

/// The longest text cell and CSV record field, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// The longest unit id, in bytes.
pub const MAX_UNIT: usize = 256;

/// The most columns of a dataset.
pub const MAX_COLUMNS: usize = 1024;

impl Description {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Where the unit stands among the columns; none of a public table.
    pub(crate) fn unit_at(&self) -> Option<usize> {
        let unit = self.unit.as_ref()?;
        self.columns.iter().position(|column| column.name == unit.column)
    }

    /// Whether the two say the same of what the data is and how it was read, whatever people are told of it: titles,
    /// provider, level, cycle, sharing, what registers ask, how values lie.
    pub fn is_of_same_data(&self, other: &Description) -> bool {
        let bare = |of: &Description| {
            let Description { title, description, provider, classification, update_cycle, sharing, catalogue, .. } =
                self.clone();
            let words = Description { title, description, provider, classification, ..of.clone() };
            let mut bare = Description { update_cycle, sharing, catalogue, ..words };
            bare.columns.iter_mut().for_each(|column| {
                column.description = Bilingual::default();
                column.sizes = Vec::new();
                column.shape = Shape::default();
            });
            bare.unit.iter_mut().for_each(|unit| unit.rows = None);
            bare
        };
        bare(self) == bare(other)
    }
}

impl Bound {
    /// As a number in the own unit of a column of this type: a decimal's is not counted in its steps.
    pub fn in_unit_of(self, kind: &ColumnType) -> f64 {
        match (self, kind) {
            (Bound::Int(steps), ColumnType::Decimal { scale }) => steps as f64 / 10_f64.powi(i32::from(*scale)),
            (Bound::Int(number), _) => number as f64,
            (Bound::Float(number), _) => number,
        }
    }
}

impl ColumnSpec {
    /// Its name in the source.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }

    /// Whether a text of a CSV file means null here.
    pub fn is_null(&self, text: &str, csv: &CsvOptions) -> bool {
        self.nulls(csv).iter().any(|null| null == text)
    }

    /// The same of a whole number, however it is written: `-9` is `-9.0`.
    pub fn is_null_number(&self, number: i64, csv: &CsvOptions) -> bool {
        self.kind == ColumnType::Int && self.nulls(csv).iter().any(|null| null.trim().parse() == Ok(number))
    }

    fn nulls<'a>(&'a self, csv: &'a CsvOptions) -> &'a [String] {
        self.null.as_ref().unwrap_or(&csv.null)
    }
}

impl Unit {
    /// Whether an id means "no unit". Spaces round it are nobody's.
    pub fn is_missing(&self, id: &str) -> bool {
        self.missing.iter().any(|missing| missing.trim() == id.trim())
    }

    /// The same of a number, however it is written: `0` is `00` and `+0`.
    pub fn is_missing_number(&self, id: i64) -> bool {
        self.missing.iter().any(|missing| missing.trim().parse() == Ok(id))
    }
}

impl ColumnType {
    /// How cells of this type are stored and shown to a job.
    pub fn cell_kind(&self) -> CellKind {
        match self {
            Self::Float => CellKind::Float,
            Self::Bool => CellKind::Bool,
            Self::Text => CellKind::Text,
            Self::Int | Self::Date { .. } | Self::Timestamp { .. } | Self::Decimal { .. } => CellKind::Int,
        }
    }

    /// The word in `type = "..."`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Text => "text",
            Self::Date { .. } => "date",
            Self::Timestamp { .. } => "timestamp",
            Self::Decimal { .. } => "decimal",
        }
    }
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            encoding: Encoding::Utf8,
            delimiter: b',',
            header: true,
            null: vec![String::new()],
            skip: 0,
            footer: 0,
            header_lines: 1,
            thousands: None,
        }
    }
}

/// The format of dates that do not declare one.
pub const DEFAULT_DATE_FORMAT: &str = "%Y-%m-%d";

pub(crate) fn is_short_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// Whether a column may have this name.
pub(crate) fn can_be_a_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && !name.chars().any(char::is_control) && !name.starts_with("__")
}

/// `; did you mean "..."?` when some candidate is close to `word`.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Sentence {
    unseen_policies::meant::nearest(word, candidates)
        .map_or_else(Sentence::default, |candidate| say!("; did you mean {candidate:?}?", "；是否想写 {candidate:?}？"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r##"name = "enterprise-monthly"
kind = "private"
provider = "统计局"
classification = "敏感"
update_cycle = "monthly"
sharing = "有条件共享"

[title]
zh = "企业月报"
en = "Enterprises by month"

[unit]
column = "code"
domain = "enterprise"
missing = ["NA", ""]

[csv]
encoding = "gb18030"
delimiter = "\t"
null = ["", "NA"]

[[column]]
name = "code"
type = "text"
nullable = false
check = "uscc"

[[column]]
name = "month"
type = "date"
format = "%Y-%m"
min = "2020-01"
max = "2024-12"

[[column]]
name = "tax"
type = "decimal"
scale = 2
min = -1.5
max = "1_000.25"

[[column]]
name = "output"
type = "float"
min = 0
max = 1e12

[[column]]
name = "plate"
type = "text"
pattern = "@##?*"

[[column]]
name = "town"
type = "text"
domain = ["东镇", "west \"quoted\""]
"##;

    #[test]
    fn a_description_survives_being_written_and_read() {
        let description = Description::parse(&GOOD.replace("1_000.25", "1000.25")).unwrap();
        assert_eq!(description.classification, Classification::Sensitive);
        assert_eq!(description.columns[1].min, Some(Bound::Int(18_262)));
        assert_eq!(description.columns[2].min, Some(Bound::Int(-150)));
        assert_eq!(description.columns[2].max, Some(Bound::Int(100_025)));
        assert_eq!(description.columns[3].max, Some(Bound::Float(1e12)));
        assert_eq!(Description::parse(&description.to_toml()), Ok(description));
    }

    #[test]
    fn faults_are_placed_and_explained() {
        let good = GOOD.replace("1_000.25", "1000.25");
        let cases: &[(&str, &str, usize, &str)] = &[
            ("sharing = \"有条件共享\"", "sharnig = \"none\"", 6, "did you mean \"sharing\"?"),
            ("kind = \"private\"", "kind = \"secret\"", 2, "\"private\" or \"reference\""),
            ("kind = \"private\"", "kind = \"reference\"", 12, "has no [unit]"),
            ("column = \"code\"", "column = \"cod\"", 13, "did you mean \"code\"?"),
            ("column = \"code\"", "column = \"output\"", 13, "int or text"),
            ("missing = [\"NA\", \"\"]", "missing = [1]", 15, "a list of texts"),
            ("encoding = \"gb18030\"", "encoding = \"latin1\"", 18, "gb18030"),
            ("delimiter = \"\\t\"", "delimiter = \"ab\"", 19, "one ASCII character"),
            ("format = \"%Y-%m\"", "format = \"%Q!\"", 31, "not understood"),
            ("min = \"2020-01\"", "min = \"2020-13\"", 32, "not a date"),
            ("pattern = \"@##?*\"", "domain = [\"a\", \"b\"]\nsizes = [1]", 52, "there are 1 sizes and 2 texts"),
            ("pattern = \"@##?*\"", "domain = [\"a\"]\nsizes = [-1]", 52, "whole numbers from 0"),
            ("max = \"2024-12\"", "max = \"2019-12\"", 33, "less than min"),
            ("scale = 2", "scale = 19", 38, "0 to 18"),
            ("max = \"1000.25\"", "max = \"1000.257\"", 40, "more than 2 digits"),
            ("type = \"float\"", "type = \"flaot\"", 44, "did you mean \"float\"?"),
            ("min = 0", "min = nan", 45, "not a finite number"),
            ("min = 0", "scale = 2", 45, "only a decimal"),
            ("name = \"tax\"", "name = \"month\"", 36, "two columns"),
            ("name = \"tax\"", "name = \"__unit\"", 36, "does not start with"),
            ("name = \"enterprise-monthly\"", "name = \"../x\"", 1, "lowercase letters"),
            ("update_cycle = \"monthly\"", "update_cycle = ", 5, ""),
        ];
        for (from, to, line, text) in cases {
            assert!(good.contains(from), "{from}");
            let fault = Description::parse(&good.replacen(from, to, 1)).unwrap_err();
            assert_eq!(fault.line, *line, "{to}: {fault}");
            assert!(fault.to_string().contains(text), "{to}: {fault}");
        }
    }
}
