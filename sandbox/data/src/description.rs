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
//!
//! [[column]]
//! name = "month"
//! type = "date"
//! format = "%Y-%m"
//! min = "2020-01"
//! ```

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use unseen_policies::Bounds;
use unseen_texts::{Say, Sentence, Text, say, text};

use crate::cell;

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
    /// The privacy unit; `Some` exactly when `kind` is private.
    pub unit: Option<Unit>,
    /// The key column of a reference table; `Some` exactly when `kind` is reference.
    pub key: Option<String>,
    /// Public upper bounds on what may be in it: an import beyond them is refused. Of a reference table
    /// they are what it has, and nothing is said here.
    pub bounds: Bounds,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Name, as in the source.
    pub name: String,
    /// What its cells hold.
    pub kind: ColumnType,
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

/// A closed list of words, written in English or Chinese.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $en:literal / $zh:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The English word, as written by [`Description::to_toml`].
            pub fn en(self) -> &'static str { match self { $(Self::$variant => $en),* } }
            /// The Chinese word.
            pub fn zh(self) -> &'static str { match self { $(Self::$variant => $zh),* } }
            fn read(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| word == value.en() || word == value.zh())
            }
        }
    };
}

words! {
    /// Classification levels, from harmless to gravest.
    Classification {
        /// 公开
        Public = "public" / "公开",
        /// 内部
        Internal = "internal" / "内部",
        /// 敏感
        Sensitive = "sensitive" / "敏感",
        /// 核心
        Core = "core" / "核心",
    }
}

words! {
    /// How often new data comes.
    UpdateCycle {
        /// Within the day.
        Realtime = "realtime" / "实时",
        /// Every day.
        Daily = "daily" / "每日",
        /// Every week.
        Weekly = "weekly" / "每周",
        /// Every month.
        Monthly = "monthly" / "每月",
        /// Every quarter.
        Quarterly = "quarterly" / "每季度",
        /// Every year.
        Yearly = "yearly" / "每年",
        /// No fixed cycle: never late.
        Irregular = "irregular" / "不定期",
        /// Will not change: never late.
        Once = "once" / "一次性",
    }
}

words! {
    /// Sharing kinds of government data.
    Sharing {
        /// 无条件共享
        Unconditional = "unconditional" / "无条件共享",
        /// 有条件共享
        Conditional = "conditional" / "有条件共享",
        /// 不予共享
        None = "none" / "不予共享",
    }
}

impl UpdateCycle {
    /// Days after which data of this cycle counts as late: the longest such period and a grace of
    /// one more (a monthly table may take a month to come). `None`: never late.
    pub fn late_after_days(self) -> Option<u32> {
        match self {
            Self::Realtime => Some(1),
            Self::Daily => Some(2),
            Self::Weekly => Some(14),
            Self::Monthly => Some(62),
            Self::Quarterly => Some(184),
            Self::Yearly => Some(731),
            Self::Irregular | Self::Once => None,
        }
    }
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
    /// Reads and validates a `dataset.toml`. The first fault is reported with its place.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let root = DeTable::parse(text).map_err(|fault| {
            place(text, fault.span().map_or(0, |span| span.start), one_line(fault.message()).into())
        })?;
        read_description(&Section { text, at: root.span().start, table: root.get_ref() })
    }

    /// The description as a `dataset.toml` that [`Description::parse`] reads back to the same value.
    pub fn to_toml(&self) -> String {
        write_description(self)
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|column| column.name == name)
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
        Self { encoding: Encoding::Utf8, delimiter: b',', header: true, null: vec![String::new()] }
    }
}

/// The format of dates that do not declare one.
pub const DEFAULT_DATE_FORMAT: &str = "%Y-%m-%d";

type Read<T> = Result<T, DescriptionError>;

fn read_description(root: &Section) -> Read<Description> {
    root.only(&[
        "name",
        "kind",
        "title",
        "description",
        "provider",
        "classification",
        "update_cycle",
        "sharing",
        "unit",
        "key",
        "bounds",
        "csv",
        "column",
    ])?;
    let name = root.required("name", root.text("name")?)?;
    if !is_short_name(name) {
        return Err(root.fault(
            "name",
            text!(
                "a name is 1 to 64 lowercase letters, digits, '-' and '_', and starts with a letter or digit",
                "名称为 1 至 64 个小写字母、数字、'-' 和 '_'，以字母或数字开头"
            ),
        ));
    }
    let kind = match root.required("kind", root.text("kind")?)? {
        "private" => Kind::Private,
        "reference" => Kind::Reference,
        _ => {
            return Err(root
                .fault("kind", text!("kind is \"private\" or \"reference\"", "kind 为 \"private\" 或 \"reference\"")));
        }
    };
    let columns = read_columns(root)?;
    let unit = read_unit(root, kind, &columns)?;
    let key = read_key(root, kind, &columns)?;
    Ok(Description {
        name: name.to_owned(),
        kind,
        title: read_bilingual(root, "title")?,
        description: read_bilingual(root, "description")?,
        provider: root.required("provider", root.text("provider")?)?.to_owned(),
        classification: read_word(
            root,
            "classification",
            Classification::read,
            Classification::ALL.iter().map(|w| w.en()),
        )?,
        update_cycle: read_word(root, "update_cycle", UpdateCycle::read, UpdateCycle::ALL.iter().map(|w| w.en()))?,
        sharing: read_word(root, "sharing", Sharing::read, Sharing::ALL.iter().map(|w| w.en()))?,
        unit,
        key,
        bounds: read_bounds(root, kind)?,
        csv: read_csv(root)?,
        columns,
    })
}

fn read_word<T>(
    root: &Section,
    key: &str,
    read: fn(&str) -> Option<T>,
    words: impl Iterator<Item = &'static str>,
) -> Read<T> {
    let word = root.required(key, root.text(key)?)?;
    read(word).ok_or_else(|| {
        root.fault(
            key,
            say!("{key} is one of: {join}", "{key} 须为下列之一：{join}", join = words.collect::<Vec<_>>().join(", ")),
        )
    })
}

fn read_bilingual(root: &Section, key: &str) -> Read<Bilingual> {
    let Some(section) = root.section(key)? else {
        return Ok(Bilingual::default());
    };
    section.only(&["zh", "en"])?;
    Ok(Bilingual {
        zh: section.text("zh")?.unwrap_or_default().to_owned(),
        en: section.text("en")?.unwrap_or_default().to_owned(),
    })
}

fn read_unit(root: &Section, kind: Kind, columns: &[ColumnSpec]) -> Read<Option<Unit>> {
    let section = match (kind, root.section("unit")?) {
        (Kind::Private, Some(section)) => section,
        (Kind::Private, None) => {
            return Err(root.fault(
                "",
                text!(
                    "a private dataset needs a [unit]: whose rows are protected together",
                    "私有数据集需要 [unit]：说明哪些行作为一个整体受保护"
                ),
            ));
        }
        (Kind::Reference, Some(section)) => {
            return Err(section
                .fault("", text!("a reference table is public and has no [unit]", "参照表是公开的，没有 [unit]")));
        }
        (Kind::Reference, None) => return Ok(None),
    };
    section.only(&["column", "domain", "missing", "when_missing"])?;
    let column = section.required("column", section.text("column")?)?;
    match columns.iter().find(|c| c.name == column).map(|c| &c.kind) {
        Some(ColumnType::Int | ColumnType::Text) => {}
        Some(_) => {
            return Err(section
                .fault("column", text!("the unit column is of type int or text", "隐私单元列的类型须为 int 或 text")));
        }
        None => {
            return Err(section.fault(
                "column",
                say!(
                    "no [[column]] is named {column:?}{name}",
                    "没有名为 {column:?} 的 [[column]]{name}",
                    name = nearest(column, columns.iter().map(|c| c.name.as_str()))
                ),
            ));
        }
    }
    let domain = section.required("domain", section.text("domain")?)?;
    if !is_short_name(domain) {
        return Err(section.fault(
            "domain",
            text!(
                "a unit domain is a short lowercase name such as \"enterprise\", \"person\" or \"vehicle\"",
                "单元域是简短的小写名称，例如 \"enterprise\"、\"person\" 或 \"vehicle\""
            ),
        ));
    }
    let when_missing = match section.text("when_missing")? {
        None | Some("set-aside") => WhenMissing::SetAside,
        Some("refuse") => WhenMissing::Refuse,
        Some(_) => {
            return Err(section.fault(
                "when_missing",
                text!("when_missing is \"set-aside\" or \"refuse\"", "when_missing 为 \"set-aside\" 或 \"refuse\""),
            ));
        }
    };
    Ok(Some(Unit {
        column: column.to_owned(),
        domain: domain.to_owned(),
        missing: section.texts("missing")?.unwrap_or_else(|| vec![String::new()]),
        when_missing,
    }))
}

fn read_key(root: &Section, kind: Kind, columns: &[ColumnSpec]) -> Read<Option<String>> {
    match (kind, root.text("key")?) {
        (Kind::Private, None) => Ok(None),
        (Kind::Private, Some(_)) => {
            Err(root.fault("key", text!("only a reference table has a key", "只有参照表才有 key")))
        }
        (Kind::Reference, None) => Err(root.fault(
            "",
            text!("a reference table needs `key`: the column it is looked up by", "参照表需要 `key`：按哪一列查找"),
        )),
        (Kind::Reference, Some(key)) => match columns.iter().find(|c| c.name == key).map(|c| c.kind.cell_kind()) {
            Some(CellKind::Int | CellKind::Text) => Ok(Some(key.to_owned())),
            Some(_) => {
                Err(root.fault("key", text!("the key column holds ints, dates or texts", "键列须为整数、日期或文本")))
            }
            None => Err(root.fault(
                "key",
                say!(
                    "no [[column]] is named {key:?}{name}",
                    "没有名为 {key:?} 的 [[column]]{name}",
                    name = nearest(key, columns.iter().map(|c| c.name.as_str()))
                ),
            )),
        },
    }
}

fn read_bounds(root: &Section, kind: Kind) -> Read<Bounds> {
    let Some(section) = root.section("bounds")? else { return Ok(Bounds::DEFAULT) };
    if kind == Kind::Reference {
        return Err(section.fault(
            "",
            text!(
                "a reference table is public: its bounds are what it has, and are not declared",
                "参照表是公开的：它的上限就是其实际大小，无需声明"
            ),
        ));
    }
    section.only(&["units", "rows", "text"])?;
    let within = |key: &str, most: u64, what: Text, value: Option<u64>, left_out: u64| match value {
        None if section.get(key).is_none() => Ok(left_out),
        Some(value) if (1..=most).contains(&value) => Ok(value),
        _ => Err(section.fault(key, say!("`{key}` is {what}, from 1 to {most}", "`{key}` 是{what}，应为 1 至 {most}"))),
    };
    let count = |key: &str| Ok::<_, DescriptionError>(section.int(key)?.and_then(|value| u64::try_from(value).ok()));
    let text = match section.get("text").map(|value| value.get_ref()) {
        Some(DeValue::String(text)) => size(text),
        Some(_) => count("text")?,
        None => None,
    };
    let (most, defaults) = (Bounds::MOST, Bounds::DEFAULT);
    Ok(Bounds {
        units: within(
            "units",
            most.units,
            text!("the most different units there may be", "不同隐私单元的最大个数"),
            count("units")?,
            defaults.units,
        )?,
        rows: within(
            "rows",
            most.rows,
            text!("the most rows there may be", "最大行数"),
            count("rows")?,
            defaults.rows,
        )?,
        text: within(
            "text",
            most.text,
            text!("the most bytes of text in one row, such as \"4KiB\"", "一行文字的最大字节数，例如 \"4KiB\""),
            text,
            defaults.text,
        )?,
    })
}

/// `4KiB`, `1MiB`, `300`.
fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.trim() {
        text if text.ends_with("KiB") => (text.trim_end_matches("KiB"), 1 << 10),
        text if text.ends_with("MiB") => (text.trim_end_matches("MiB"), 1 << 20),
        text => (text, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

fn read_csv(root: &Section) -> Read<CsvOptions> {
    let defaults = CsvOptions::default();
    let Some(section) = root.section("csv")? else {
        return Ok(defaults);
    };
    section.only(&["encoding", "delimiter", "header", "null"])?;
    let encoding = match section.text("encoding")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("utf-8" | "utf8") => Encoding::Utf8,
        Some("gb18030" | "gbk" | "gb2312") => Encoding::Gb18030,
        Some(_) => {
            return Err(section.fault(
                "encoding",
                text!("encoding is \"utf-8\" or \"gb18030\"", "encoding 为 \"utf-8\" 或 \"gb18030\""),
            ));
        }
    };
    let delimiter = match section.text("delimiter")?.map(str::as_bytes) {
        None => defaults.delimiter,
        Some(&[one]) if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r' | 0) => one,
        Some(_) => {
            return Err(section.fault(
                "delimiter",
                text!(
                    "delimiter is one ASCII character such as \",\", \";\" or \"\\t\"",
                    "delimiter 是一个 ASCII 字符，例如 \",\"、\";\" 或 \"\\t\""
                ),
            ));
        }
    };
    Ok(CsvOptions {
        encoding,
        delimiter,
        header: section.bool("header")?.unwrap_or(defaults.header),
        null: section.texts("null")?.unwrap_or(defaults.null),
    })
}

fn read_columns(root: &Section) -> Read<Vec<ColumnSpec>> {
    let mut columns: Vec<ColumnSpec> = Vec::new();
    for section in root.sections("column")? {
        let column = read_column(&section)?;
        if columns.iter().any(|other| other.name == column.name) {
            return Err(section
                .fault("name", say!("two columns are named {name:?}", "有两列同名：{name:?}", name = column.name)));
        }
        columns.push(column);
    }
    match columns.len() {
        0 => {
            Err(root.fault("column", text!("a dataset needs at least one [[column]]", "数据集至少需要一个 [[column]]")))
        }
        1..=MAX_COLUMNS => Ok(columns),
        _ => Err(root.fault("column", text!("a dataset has at most 1024 columns", "一个数据集至多有 1024 列"))),
    }
}

fn read_column(section: &Section) -> Read<ColumnSpec> {
    section.only(&[
        "name", "type", "format", "scale", "nullable", "zh", "en", "min", "max", "domain", "check", "pattern",
    ])?;
    let name = section.required("name", section.text("name")?)?;
    if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) || name.starts_with("__") {
        return Err(section.fault(
            "name",
            text!(
                "a column name is 1 to 128 bytes, without control characters, and does not start with \"__\"",
                "列名为 1 至 128 字节，不含控制字符，且不以 \"__\" 开头"
            ),
        ));
    }
    let kind = read_type(section)?;
    let bound = |key: &str| -> Read<Option<Bound>> {
        let Some(value) = section.get(key) else {
            return Ok(None);
        };
        let text = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().replace('_', ""),
            DeValue::Float(number) => number.as_str().replace('_', ""),
            DeValue::String(text) => text.to_string(),
            _ => {
                return Err(section.fault(
                    key,
                    text!(
                        "a bound is a number, or a text for dates and decimals",
                        "界限须为数字；日期和小数的界限写成文本"
                    ),
                ));
            }
        };
        match cell::parse(&text, &kind) {
            Ok(cell::Cell::Int(number)) => Ok(Some(Bound::Int(number))),
            Ok(cell::Cell::Float(number)) => Ok(Some(Bound::Float(number))),
            Ok(_) => {
                Err(section.fault(key, say!("a {word} column has no bounds", "{word} 列没有界限", word = kind.word())))
            }
            Err(reason) => Err(section.fault(key, say!("the bound is {reason}", "界限{reason}"))),
        }
    };
    let (min, max) = (bound("min")?, bound("max")?);
    let upside_down = match (min, max) {
        (Some(Bound::Int(low)), Some(Bound::Int(high))) => low > high,
        (Some(Bound::Float(low)), Some(Bound::Float(high))) => low > high,
        _ => false,
    };
    if upside_down {
        return Err(section.fault("max", text!("max is less than min", "`max` 小于 `min`")));
    }
    let domain = section.texts("domain")?.unwrap_or_default();
    let check = match (section.text("check")?, section.text("pattern")?) {
        (None, None) => None,
        (Some("uscc"), None) => Some(Check::Uscc),
        (Some(_), None) => {
            return Err(section.fault(
                "check",
                text!("check is \"uscc\" (unified social credit code)", "check 只能是 \"uscc\"（统一社会信用代码）"),
            ));
        }
        (None, Some(pattern)) => Some(Check::Pattern(pattern.to_owned())),
        (Some(_), Some(_)) => {
            return Err(section.fault(
                "pattern",
                text!("a column has a check or a pattern, not both", "一列只能有 check 或 pattern 之一"),
            ));
        }
    };
    if kind != ColumnType::Text {
        for (key, present) in
            [("domain", !domain.is_empty()), ("check", check == Some(Check::Uscc)), ("pattern", check.is_some())]
        {
            if present {
                return Err(section.fault(key, say!("only a text column has `{key}`", "只有文本列有 `{key}`")));
            }
        }
    }
    Ok(ColumnSpec {
        name: name.to_owned(),
        kind,
        nullable: section.bool("nullable")?.unwrap_or(true),
        description: Bilingual {
            zh: section.text("zh")?.unwrap_or_default().to_owned(),
            en: section.text("en")?.unwrap_or_default().to_owned(),
        },
        min,
        max,
        domain,
        check,
    })
}

fn read_type(section: &Section) -> Read<ColumnType> {
    const WORDS: &[&str] = &["int", "float", "bool", "text", "date", "timestamp", "decimal"];
    let word = section.required("type", section.text("type")?)?;
    let format = section.text("format")?;
    if let Some(format) = format {
        if !matches!(word, "date" | "timestamp") {
            return Err(section.fault(
                "format",
                text!("only a date or timestamp column has a format", "只有日期列或时间列有 `format`"),
            ));
        }
        if !cell::is_format(format) {
            return Err(section.fault(
                "format",
                text!(
                    "the format is not understood; use for example \"%Y-%m-%d\" or \"%d/%m/%Y %H:%M\"",
                    "无法识别该格式；请用例如 \"%Y-%m-%d\" 或 \"%d/%m/%Y %H:%M\""
                ),
            ));
        }
    }
    let scale = section.int("scale")?;
    if scale.is_some() && word != "decimal" {
        return Err(section.fault("scale", text!("only a decimal column has a scale", "只有小数列有 `scale`")));
    }
    Ok(match word {
        "int" => ColumnType::Int,
        "float" => ColumnType::Float,
        "bool" => ColumnType::Bool,
        "text" => ColumnType::Text,
        "date" => ColumnType::Date { format: format.unwrap_or(DEFAULT_DATE_FORMAT).to_owned() },
        "timestamp" => ColumnType::Timestamp { format: format.map(str::to_owned) },
        "decimal" => match scale.map(u8::try_from) {
            Some(Ok(scale @ 0..=18)) => ColumnType::Decimal { scale },
            _ => {
                return Err(section.fault(
                    if scale.is_some() { "scale" } else { "type" },
                    text!("a decimal column needs a scale of 0 to 18 digits", "小数列需要 `scale`，为 0 至 18 位"),
                ));
            }
        },
        other => {
            return Err(section.fault(
                "type",
                say!(
                    "there is no type {other:?}{copied}; types are {join}",
                    "没有类型 {other:?}{copied}；可用类型有 {join}",
                    copied = nearest(other, WORDS.iter().copied()),
                    join = WORDS.join(", ")
                ),
            ));
        }
    })
}

/// A TOML table together with the text it came from, so that faults know their place.
struct Section<'a> {
    text: &'a str,
    at: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A fault at the value of `key`, or at the section itself when it has no such key.
    fn fault(&self, key: &str, message: impl Into<Sentence>) -> DescriptionError {
        place(self.text, self.get(key).map_or(self.at, |value| value.span().start), message.into())
    }

    fn only(&self, known: &[&str]) -> Read<()> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some(key) => {
                let hint = nearest(key.get_ref(), known.iter().copied());
                Err(place(
                    self.text,
                    key.span().start,
                    say!("unknown key {get_ref:?}{hint}", "未知的键 {get_ref:?}{hint}", get_ref = key.get_ref()),
                ))
            }
        }
    }

    fn required<T>(&self, key: &str, value: Option<T>) -> Read<T> {
        value.ok_or_else(|| self.fault("", say!("`{key}` is missing", "缺少 `{key}`")))
    }

    fn typed<T>(&self, key: &str, wanted: Text, read: impl Fn(&'a DeValue<'a>) -> Option<T>) -> Read<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        read(value.get_ref())
            .map(Some)
            .ok_or_else(|| self.fault(key, say!("`{key}` must be {wanted}", "`{key}` 须为{wanted}")))
    }

    fn text(&self, key: &str) -> Read<Option<&'a str>> {
        self.typed(key, text!("a text", "文本"), DeValue::as_str)
    }

    fn bool(&self, key: &str) -> Read<Option<bool>> {
        self.typed(key, text!("true or false", "true 或 false"), DeValue::as_bool)
    }

    fn int(&self, key: &str) -> Read<Option<i64>> {
        self.typed(key, text!("a whole number", "整数"), |value| {
            value.as_integer()?.as_str().replace('_', "").parse().ok()
        })
    }

    fn texts(&self, key: &str) -> Read<Option<Vec<String>>> {
        self.typed(key, text!("a list of texts", "文本的列表"), |value| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    fn section(&self, key: &str) -> Read<Option<Section<'a>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let table = self.typed(key, text!("a table", "表（table）"), DeValue::as_table)?;
        Ok(table.map(|table| Section { text: self.text, at: value.span().start, table }))
    }

    fn sections(&self, key: &str) -> Read<Vec<Section<'a>>> {
        let Some(array) = self.typed(key, text!("a list of tables", "表的列表"), DeValue::as_array)? else {
            return Ok(Vec::new());
        };
        array
            .iter()
            .map(|item| match item.get_ref().as_table() {
                Some(table) => Ok(Section { text: self.text, at: item.span().start, table }),
                None => Err(self.fault(key, say!("`{key}` must be a list of tables", "`{key}` 须为表的列表"))),
            })
            .collect()
    }
}

fn place(text: &str, at: usize, message: Sentence) -> DescriptionError {
    let before = text.get(..at).unwrap_or(text);
    DescriptionError {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        message,
    }
}

fn one_line(message: &str) -> String {
    message.trim().replace('\n', "; ")
}

pub(crate) fn is_short_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// `; did you mean "..."?` when some candidate is close to `word`.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Sentence {
    candidates
        .map(|candidate| (strsim::levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 3)
        .map_or_else(Sentence::default, |(_, candidate)| {
            say!("; did you mean {candidate:?}?", "；是否想写 {candidate:?}？")
        })
}

fn write_description(d: &Description) -> String {
    let mut out = String::new();
    let quote = |text: &str| toml::Value::from(text).to_string();
    let list = |texts: &[String]| format!("[{}]", texts.iter().map(|t| quote(t)).collect::<Vec<_>>().join(", "));
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("name = {}", quote(&d.name)));
    line(format!("kind = \"{}\"", if d.kind == Kind::Private { "private" } else { "reference" }));
    line(format!("provider = {}", quote(&d.provider)));
    line(format!("classification = \"{}\"   # public | internal | sensitive | core", d.classification.en()));
    line(format!(
        "update_cycle = \"{}\"   # realtime | daily | weekly | monthly | quarterly | yearly | irregular | once",
        d.update_cycle.en()
    ));
    line(format!("sharing = \"{}\"   # unconditional | conditional | none", d.sharing.en()));
    if let Some(key) = &d.key {
        line(format!("key = {}", quote(key)));
    }
    for (name, text) in [("title", &d.title), ("description", &d.description)] {
        line(format!("\n[{name}]\nzh = {}\nen = {}", quote(&text.zh), quote(&text.en)));
    }
    if let Some(unit) = &d.unit {
        line(format!("\n[unit]\ncolumn = {}\ndomain = {}", quote(&unit.column), quote(&unit.domain)));
        line(format!("missing = {}", list(&unit.missing)));
        line(format!(
            "when_missing = \"{}\"",
            if unit.when_missing == WhenMissing::SetAside { "set-aside" } else { "refuse" }
        ));
    }
    if d.kind == Kind::Private {
        let Bounds { units, rows, text } = d.bounds;
        line("\n[bounds]   # public: the most that may ever be in it; an import beyond is refused".to_owned());
        line(format!("units = {units}\nrows = {rows}\ntext = {text}   # bytes in one row"));
    }
    line(format!("\n[csv]\nencoding = \"{}\"", if d.csv.encoding == Encoding::Utf8 { "utf-8" } else { "gb18030" }));
    line(format!("delimiter = {}\nheader = {}", quote(&char::from(d.csv.delimiter).to_string()), d.csv.header));
    line(format!("null = {}", list(&d.csv.null)));
    for column in &d.columns {
        line(write_column(column, &quote, &list));
    }
    out
}

fn write_column(column: &ColumnSpec, quote: &dyn Fn(&str) -> String, list: &dyn Fn(&[String]) -> String) -> String {
    let mut out = format!("\n[[column]]\nname = {}\ntype = \"{}\"", quote(&column.name), column.kind.word());
    let mut put = |key: &str, value: String| {
        let _ = write!(out, "\n{key} = {value}");
    };
    match &column.kind {
        ColumnType::Date { format } | ColumnType::Timestamp { format: Some(format) } => put("format", quote(format)),
        ColumnType::Decimal { scale } => put("scale", scale.to_string()),
        _ => {}
    }
    put("nullable", column.nullable.to_string());
    put("zh", quote(&column.description.zh));
    put("en", quote(&column.description.en));
    for (key, bound) in [("min", column.min), ("max", column.max)] {
        match bound {
            Some(Bound::Int(number)) if column.kind == ColumnType::Int => put(key, number.to_string()),
            Some(Bound::Int(number)) => put(key, quote(&cell::render(&cell::Cell::Int(number), &column.kind))),
            Some(Bound::Float(number)) => put(key, quote(&number.to_string())),
            None => {}
        }
    }
    if !column.domain.is_empty() {
        put("domain", list(&column.domain));
    }
    match &column.check {
        Some(Check::Uscc) => put("check", quote("uscc")),
        Some(Check::Pattern(pattern)) => put("pattern", quote(pattern)),
        None => {}
    }
    out
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
