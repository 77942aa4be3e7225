//! Reading a `dataset.toml`: every fault with its place.

use toml::de::{DeTable, DeValue};
use unseen_policies::Bounds;
use unseen_policies::text::bytes;
use unseen_policies::toml_fault;
use unseen_texts::{Text, say, text};

use super::section::{Read, Section, place};
use super::{
    BadRows, Bilingual, Bound, Catalogue, CellKind, Check, Classification, ColumnSpec, ColumnType, CsvOptions,
    DEFAULT_DATE_FORMAT, Description, DescriptionError, Encoding, Form, Kind, MAX_COLUMNS, Shape, Sharing, Unit,
    UnitRows, UpdateCycle, WhenMissing, can_be_a_name, is_short_name, nearest, shape,
};
use crate::cell;

impl Description {
    /// Reads and validates a `dataset.toml`. The first fault is reported with its place.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let root = DeTable::parse(text)
            .map_err(|fault| place(text, fault.span().map_or(0, |span| span.start), toml_fault(fault.message())))?;
        read_description(&Section { text, at: root.span().start, table: root.get_ref() })
    }
}

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
        "catalogue",
        "unit",
        "key",
        "bounds",
        "bad_rows",
        "sheet",
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
    shape::check(root, &columns, unit.as_ref(), key.as_ref())?;
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
        catalogue: Catalogue::read(root)?,
        unit,
        key,
        bad_rows: match root.text("bad_rows")? {
            None | Some("refuse") => BadRows::Refuse,
            Some("set-aside") => BadRows::SetAside,
            Some(_) => {
                let one_of =
                    text!("bad_rows is \"refuse\" or \"set-aside\"", "bad_rows 为 \"refuse\" 或 \"set-aside\"");
                return Err(root.fault("bad_rows", one_of));
            }
        },
        bounds: read_bounds(root, kind)?,
        sheet: root.text("sheet")?.map(str::to_owned),
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
    section.only(&["column", "domain", "missing", "when_missing", "rows"])?;
    let column = section.required("column", section.text("column")?)?;
    if column.is_empty() {
        return Err(section.fault(
            "column",
            text!(
                "say whose rows these are: the column that names the enterprise, person or vehicle",
                "请写明这些行属于谁：即标识企业、个人或车辆的那一列"
            ),
        ));
    }
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
        rows: UnitRows::read(&section)?,
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
        Some(DeValue::String(text)) => bytes(text),
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

fn read_csv(root: &Section) -> Read<CsvOptions> {
    let defaults = CsvOptions::default();
    let Some(section) = root.section("csv")? else {
        return Ok(defaults);
    };
    section.only(&["encoding", "delimiter", "header", "null", "skip", "footer", "header_lines", "thousands"])?;
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
    let count = |key: &str, range: std::ops::RangeInclusive<u32>, default: u32| match section.int(key)? {
        None => Ok(default),
        Some(count) => u32::try_from(count).ok().filter(|count| range.contains(count)).ok_or_else(|| {
            let (least, most) = (*range.start(), *range.end());
            section.fault(
                key,
                say!("`{key}` is a whole number from {least} to {most}", "`{key}` 为 {least} 到 {most} 的整数"),
            )
        }),
    };
    let thousands = match section.text("thousands")?.map(|text| (text.chars().next(), text.chars().nth(1))) {
        None => None,
        Some((Some(mark @ (',' | ' ' | '\'' | '\u{a0}' | '\u{202f}' | '，')), None)) => Some(mark),
        Some(_) => {
            return Err(section.fault(
                "thousands",
                text!("`thousands` is one of a comma, an apostrophe or a space", "`thousands` 为逗号、撇号或空格之一"),
            ));
        }
    };
    let header = section.bool("header")?.unwrap_or(defaults.header);
    let header_lines = count("header_lines", 1..=2, 1)?;
    if header_lines > 1 && !header {
        return Err(section
            .fault("header_lines", text!("a file without a header has no lines of it", "没有表头的文件没有表头行")));
    }
    Ok(CsvOptions {
        encoding,
        delimiter,
        header,
        null: section.texts("null")?.unwrap_or(defaults.null),
        skip: count("skip", 0..=1000, 0)?,
        footer: count("footer", 0..=1000, 0)?,
        header_lines,
        thousands,
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
        if let Some(other) = columns.iter().find(|other| other.source() == column.source()) {
            return Err(section.fault(
                if column.source.is_some() { "source" } else { "name" },
                say!(
                    "the columns {one:?} and {two:?} are the same column of the source",
                    "列 {one:?} 与 {two:?} 是来源中的同一列",
                    one = other.name,
                    two = column.name
                ),
            ));
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
    let own: &[&str] = &[
        "name",
        "source",
        "null",
        "type",
        "format",
        "scale",
        "nullable",
        "zh",
        "en",
        "min",
        "max",
        "domain",
        "sizes",
        "check",
        "pattern",
        "normalize",
    ];
    section.only(&[own, &Shape::KEYS].concat())?;
    let name = section.required("name", section.text("name")?)?;
    if !can_be_a_name(name) {
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
    let sizes = section.counts("sizes")?.unwrap_or_default();
    if !sizes.is_empty() && sizes.len() != domain.len() {
        let (count, wanted) = (sizes.len(), domain.len());
        return Err(section.fault(
            "sizes",
            say!(
                "there are {count} sizes and {wanted} texts in `domain`: write one for each",
                "有 {count} 个 `sizes`，而 `domain` 有 {wanted} 个取值：请一一对应"
            ),
        ));
    }
    let check = match (section.text("check")?, section.text("pattern")?) {
        (None, None) => None,
        (Some("uscc"), None) => Some(Check::Uscc),
        (Some("resident-id"), None) => Some(Check::ResidentId),
        (Some(_), None) => {
            return Err(section.fault(
                "check",
                text!(
                    "check is \"uscc\" (unified social credit code) or \"resident-id\" (number of an identity card)",
                    "check 为 \"uscc\"（统一社会信用代码）或 \"resident-id\"（居民身份证号）"
                ),
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
        let of_code = matches!(check, Some(Check::Uscc | Check::ResidentId));
        for (key, present) in [("domain", !domain.is_empty()), ("check", of_code), ("pattern", check.is_some())] {
            if present {
                return Err(section.fault(key, say!("only a text column has `{key}`", "只有文本列有 `{key}`")));
            }
        }
    }
    let nullable = section.bool("nullable")?.unwrap_or(true);
    let normalize = Form::read(section, &kind)?;
    normalize.check(section, "domain", &domain.iter().map(String::as_str).collect::<Vec<_>>())?;
    if let Some(Check::Pattern(pattern)) = &check {
        normalize.check(section, "pattern", &[pattern])?;
    }
    Ok(ColumnSpec {
        shape: Shape::read(section, &kind, [min, max], &domain, nullable)?,
        name: name.to_owned(),
        source: section.text("source")?.map(str::to_owned),
        null: section.texts("null")?,
        kind,
        normalize,
        nullable,
        description: Bilingual {
            zh: section.text("zh")?.unwrap_or_default().to_owned(),
            en: section.text("en")?.unwrap_or_default().to_owned(),
        },
        min,
        max,
        domain,
        sizes,
        check,
    })
}

fn read_type(section: &Section) -> Read<ColumnType> {
    const WORDS: &[&str] = &["int", "float", "bool", "text", "date", "timestamp", "decimal"];
    let word = section.required("type", section.text("type")?)?;
    let format = section.text("format")?;
    if format.is_some() && !matches!(word, "date" | "timestamp") {
        let only = text!("only a date or timestamp column has a format", "只有日期列或时间列有 `format`");
        return Err(section.fault("format", only));
    }
    let scale = section.int("scale")?;
    if scale.is_some() && word != "decimal" {
        return Err(section.fault("scale", text!("only a decimal column has a scale", "只有小数列有 `scale`")));
    }
    let kind = match word {
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
    };
    match format.and_then(|format| cell::format_fault(format, &kind)) {
        Some(fault) => Err(section.fault("format", fault)),
        None => Ok(kind),
    }
}
