//! Writing a `dataset.toml`.

use std::fmt::Write as _;

use unseen_policies::Bounds;

use super::{BadRows, Bound, Check, ColumnSpec, ColumnType, Description, Encoding, Kind, WhenMissing};
use crate::cell;

impl Description {
    /// The description as a `dataset.toml` that [`Description::parse`] reads back to the same value.
    pub fn to_toml(&self) -> String {
        write_description(self)
    }
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
    if d.bad_rows == BadRows::SetAside {
        line("bad_rows = \"set-aside\"".to_owned());
    }
    if let Some(sheet) = &d.sheet {
        line(format!("sheet = {}", quote(sheet)));
    }
    if let Some(key) = &d.key {
        line(format!("key = {}", quote(key)));
    }
    for (name, text) in [("title", &d.title), ("description", &d.description)] {
        line(format!("\n[{name}]\nzh = {}\nen = {}", quote(&text.zh), quote(&text.en)));
    }
    for written in d.catalogue.write() {
        line(written);
    }
    if let Some(unit) = &d.unit {
        line(format!("\n[unit]\ncolumn = {}\ndomain = {}", quote(&unit.column), quote(&unit.domain)));
        line(format!("missing = {}", list(&unit.missing)));
        line(format!(
            "when_missing = \"{}\"",
            if unit.when_missing == WhenMissing::SetAside { "set-aside" } else { "refuse" }
        ));
        unit.rows.iter().for_each(|rows| line(rows.write()));
    }
    if d.kind == Kind::Private {
        let Bounds { units, rows, text } = d.bounds;
        line("\n[bounds]   # public: the most that may ever be in it; an import beyond is refused".to_owned());
        line(format!("units = {units}\nrows = {rows}\ntext = {text}   # bytes in one row"));
    }
    line(format!("\n[csv]\nencoding = \"{}\"", if d.csv.encoding == Encoding::Utf8 { "utf-8" } else { "gb18030" }));
    line(format!("delimiter = {}\nheader = {}", quote(&char::from(d.csv.delimiter).to_string()), d.csv.header));
    line(format!("null = {}", list(&d.csv.null)));
    for (key, count, default) in
        [("skip", d.csv.skip, 0), ("footer", d.csv.footer, 0), ("header_lines", d.csv.header_lines, 1)]
    {
        if count != default {
            line(format!("{key} = {count}"));
        }
    }
    if let Some(mark) = d.csv.thousands {
        line(format!("thousands = {}", quote(&mark.to_string())));
    }
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
    if let Some(source) = &column.source {
        put("source", quote(source));
    }
    if let Some(null) = &column.null {
        put("null", list(null));
    }
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
    if !column.normalize.steps().is_empty() {
        put("normalize", list(&column.normalize.write()));
    }
    if !column.domain.is_empty() {
        put("domain", list(&column.domain));
    }
    if !column.sizes.is_empty() {
        put("sizes", format!("{:?}", column.sizes));
    }
    column.shape.write().into_iter().for_each(|(key, value)| put(key, value));
    match &column.check {
        Some(Check::Uscc) => put("check", quote("uscc")),
        Some(Check::ResidentId) => put("check", quote("resident-id")),
        Some(Check::Pattern(pattern)) => put("pattern", quote(pattern)),
        None => {}
    }
    out
}
