//! `shape.h`, for a job in C: a keyword is written with `_` behind it.

use std::fmt::{Error, Write};

use unseen_policies::shape::{OutputShape, Shape};

use super::names::{distinct, letters, quoted};

pub(super) fn source(shape: &Shape) -> Result<String, Error> {
    let mut text = HEAD.to_owned();
    let datasets: Vec<_> = shape.inputs.iter().map(|input| input.dataset.as_str()).collect();
    writeln!(text, "\n/* All rows of one grain. */\nstruct grain {{")?;
    let mut read = String::new();
    for (table, (input, name)) in shape.inputs.iter().zip(distinct(&datasets, identifier, &[])).enumerate() {
        writeln!(
            text,
            "    /* The rows of {}; `length` of them. */\n    struct {{\n        uint32_t length;",
            shown(&input.dataset)
        )?;
        writeln!(read, "    grain.{name}.length = unseen_rows_at(tables, count, {table});")?;
        let names: Vec<_> = input.columns.iter().map(String::as_str).collect();
        for (place, (column, field)) in input.columns.iter().zip(distinct(&names, identifier, &["length"])).enumerate()
        {
            writeln!(text, "        unseen_column {field}; /* {} */", shown(column))?;
            writeln!(read, "    grain.{name}.{field} = unseen_column_at(tables, count, {table}, {place});")?;
        }
        writeln!(text, "    }} {name};")?;
    }
    writeln!(
        text,
        "}};\n\nstatic inline struct grain unseen_grain(const struct unseen_table *tables, size_t count) {{"
    )?;
    writeln!(text, "    struct grain grain = {{0}};\n{read}    return grain;\n}}")?;
    let outputs: Vec<_> = shape.outputs.iter().map(|output| output.name.as_str()).collect();
    let tags = distinct(&outputs, identifier, &["grain"]);
    for (place, (shape, tag)) in shape.outputs.iter().zip(&tags).enumerate() {
        output(&mut text, place, shape, tag)?;
    }
    Ok(text + "\n#endif\n")
}

const HEAD: &str = "\
/* Written from job.toml by `unseen job build`: change that file, and not this one. */
#ifndef SHAPE_H
#define SHAPE_H

#include \"unseen.h\"
";

fn output(text: &mut String, place: usize, output: &OutputShape, tag: &str) -> Result<(), Error> {
    let names: Vec<_> = output.groups.iter().chain(&output.values).map(String::as_str).collect();
    let fields = distinct(&names, identifier, &[]);
    let (groups, values) = fields.split_at(output.groups.len());
    writeln!(text, "\n/* One group of the output {}. */\nstruct {tag} {{", shown(&output.name))?;
    for (field, name) in groups.iter().zip(&output.groups) {
        writeln!(text, "    unseen_key {field}; /* group column {} */", shown(name))?;
    }
    for (field, name) in values.iter().zip(&output.values) {
        writeln!(text, "    double {field}; /* value {} */", shown(name))?;
    }
    writeln!(text, "}};\n\nstatic inline void add_{tag}(struct {tag} item) {{")?;
    let of = |fields: &[String]| fields.iter().map(|field| format!("item.{field}")).collect::<Vec<_>>().join(", ");
    let (keys, key_count) = array(text, "unseen_key", "group", &of(groups), groups.len())?;
    let (numbers, number_count) = array(text, "double", "values", &of(values), values.len())?;
    writeln!(text, "    unseen_add({place}, {keys}, {key_count}, {numbers}, {number_count});\n}}\n")?;

    let name = literal(&output.name);
    writeln!(text, "/* How many groups it has: all of its declared domain, in that order. */")?;
    writeln!(
        text,
        "static inline size_t count_{tag}(unseen_noisy noisy) {{\n    return unseen_groups(noisy, {name});\n}}\n"
    )?;
    writeln!(text, "/* One of them, with its noised totals. */")?;
    writeln!(
        text,
        "static inline struct {tag} noisy_{tag}(unseen_noisy noisy, size_t row) {{\n    struct {tag} item;"
    )?;
    for (place, field) in groups.iter().enumerate() {
        writeln!(text, "    item.{field} = unseen_group_key(noisy, {name}, row, {place});")?;
    }
    for (place, field) in values.iter().enumerate() {
        writeln!(text, "    item.{field} = unseen_group_value(noisy, {name}, row, {place});")?;
    }
    writeln!(text, "    return item;\n}}")
}

/// Writes a local array; none where it would be empty, which C does not have.
fn array(text: &mut String, kind: &str, name: &str, items: &str, count: usize) -> Result<(String, usize), Error> {
    if count == 0 {
        return Ok(("NULL".to_owned(), 0));
    }
    writeln!(text, "    const {kind} {name}[] = {{{items}}};")?;
    Ok((name.to_owned(), count))
}

pub(super) fn identifier(name: &str) -> String {
    let name = letters(name);
    let kept = KEYWORDS.contains(&name.as_str()) || name.starts_with('_') || name.starts_with("unseen");
    if kept { format!("n{name}_") } else { name }
}

/// A string in the source.
fn literal(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            // Three question marks would be read as something else.
            '?' => text.push_str("\\?"),
            c if c.is_control() => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text += &format!("\\{byte:03o}")),
            c => text.push(c),
        }
    }
    text + "\""
}

/// A name in a comment, which ends with a star and a slash.
fn shown(name: &str) -> String {
    quoted(name).replace("*/", "* /").replace("/*", "/ *")
}

const KEYWORDS: [&str; 46] = [
    "alignas",
    "alignof",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "char",
    "const",
    "constexpr",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "false",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "nullptr",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "true",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "NULL",
    "errno",
    "item",
];
