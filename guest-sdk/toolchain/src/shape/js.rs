//! `shape.js`, for a job in JavaScript. Its properties may be called anything, and so they keep to the names that other
//! languages have.

use std::fmt::{Error, Write};

use unseen_policies::shape::Shape;

use super::names::{distinct, letters, quoted, type_name};

pub(super) fn source(shape: &Shape) -> Result<String, Error> {
    let mut text = HEAD.to_owned();
    let datasets: Vec<_> = shape.inputs.iter().map(|input| input.dataset.as_str()).collect();
    let outputs: Vec<_> = shape.outputs.iter().map(|output| output.name.as_str()).collect();
    // One file, one set of names for classes: inputs come first.
    let all: Vec<_> = datasets.iter().chain(&outputs).copied().collect();
    let kinds = distinct(&all, class, &OWN);
    let (inputs, outputs) = kinds.split_at(datasets.len());
    for (input, kind) in shape.inputs.iter().zip(inputs) {
        writeln!(text, "\n/** The rows of {}. */\nexport class {kind} extends Table {{", shown(&input.dataset))?;
        writeln!(text, "  static NAME = {};\n  static COLUMNS = {};", literal(&input.dataset), list(&input.columns))?;
        let names: Vec<_> = input.columns.iter().map(String::as_str).collect();
        for (place, (column, name)) in input.columns.iter().zip(distinct(&names, letters, &TABLE)).enumerate() {
            writeln!(
                text,
                "\n  /** Column {}. */\n  get {name}() {{\n    return this.columns[{place}];\n  }}",
                shown(column)
            )?;
        }
        writeln!(text, "}}")?;
    }
    writeln!(
        text,
        "\n/** All rows of one grain. */\nexport class Grain extends GrainOf {{\n  static INPUTS = [{}];",
        inputs.join(", ")
    )?;
    for (place, name) in distinct(&datasets, letters, &GRAIN).iter().enumerate() {
        writeln!(text, "\n  /** The rows of {}. */", shown(datasets[place]))?;
        writeln!(text, "  get {name}() {{\n    return this.tables[{place}];\n  }}")?;
    }
    writeln!(text, "}}")?;
    for (place, (output, kind)) in shape.outputs.iter().zip(outputs).enumerate() {
        let names: Vec<_> = output.groups.iter().chain(&output.values).map(String::as_str).collect();
        let fields = distinct(&names, letters, &CONTRIBUTION);
        let (groups, values) = fields.split_at(output.groups.len());
        writeln!(text, "\n/** One group of the output {}. */", shown(&output.name))?;
        writeln!(text, "export class {kind} extends Contribution {{\n  static NAME = {};", literal(&output.name))?;
        writeln!(
            text,
            "  static PLACE = {place};\n  static GROUPS = {};\n  static VALUES = {};\n}}",
            list(groups),
            list(values)
        )?;
    }
    Ok(text)
}

const HEAD: &str = "\
// Written from job.toml by `unseen job build`: change that file, and not this one.

import { Contribution, Grain as GrainOf, Table } from \"./vendor/unseen-guest/index.js\";

export { done, next } from \"./vendor/unseen-guest/index.js\";
";

fn class(name: &str) -> String {
    match type_name(name) {
        name if RESERVED.contains(&name.as_str()) => format!("{name}_"),
        name => name,
    }
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", "))
}

fn literal(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// A name in a comment, which ends with a star and a slash.
fn shown(name: &str) -> String {
    quoted(name).replace("*/", "* /")
}

/// Names of the file itself, and of the language where they are used.
const OWN: [&str; 6] = ["Contribution", "Grain", "GrainOf", "Table", "done", "next"];
/// Names of the base classes.
const TABLE: [&str; 3] = ["constructor", "length", "columns"];
const GRAIN: [&str; 2] = ["constructor", "tables"];
const CONTRIBUTION: [&str; 3] = ["constructor", "said", "__proto__"];

/// Words that no class may be called; they begin with small letters, as a name without a letter case may.
const RESERVED: [&str; 10] = ["await", "break", "class", "enum", "eval", "arguments", "let", "static", "yield", "null"];
