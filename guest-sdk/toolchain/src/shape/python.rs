//! `shape.py`, for a job in Python: a keyword is written with `_` behind it.

use std::fmt::{Error, Write};

use unicode_normalization::UnicodeNormalization;
use unseen_policies::shape::{OutputShape, Shape};

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
        writeln!(text, "\n\nclass {kind}(Table):\n    \"\"\"The rows of {}.\"\"\"\n", shown(&input.dataset))?;
        writeln!(
            text,
            "    __slots__ = ()\n    NAME = {}\n    COLUMNS = {}",
            literal(&input.dataset),
            tuple(&input.columns)
        )?;
        let names: Vec<_> = input.columns.iter().map(String::as_str).collect();
        for (place, (column, name)) in input.columns.iter().zip(distinct(&names, attribute, &TABLE)).enumerate() {
            writeln!(text, "\n    @property\n    def {name}(self) -> Column:")?;
            writeln!(text, "        \"\"\"Column {}.\"\"\"\n        return self._columns[{place}]", shown(column))?;
        }
    }
    writeln!(text, "\n\nclass Grain(unseen_guest.Grain):\n    \"\"\"All rows of one grain.\"\"\"\n")?;
    writeln!(
        text,
        "    __slots__ = ()\n    INPUTS = ({})",
        inputs.iter().map(|kind| format!("{kind}, ")).collect::<String>().trim_end()
    )?;
    for (place, (name, kind)) in distinct(&datasets, attribute, &GRAIN).iter().zip(inputs).enumerate() {
        writeln!(text, "\n    @property\n    def {name}(self) -> {kind}:")?;
        writeln!(text, "        \"\"\"The rows of {}.\"\"\"", shown(datasets[place]))?;
        writeln!(text, "        return self._tables[{place}]  # type: ignore[return-value]")?;
    }
    for (place, (shape, kind)) in shape.outputs.iter().zip(outputs).enumerate() {
        output(&mut text, place, shape, kind)?;
    }
    Ok(text)
}

const HEAD: &str = "\
# Written from job.toml by `unseen job build`: change that file, and not this one.
\"\"\"The names of job.toml.\"\"\"

import unseen_guest
from unseen_guest import Column, Contribution, Key, Table
";

fn output(text: &mut String, place: usize, output: &OutputShape, kind: &str) -> Result<(), Error> {
    let names: Vec<_> = output.groups.iter().chain(&output.values).map(String::as_str).collect();
    let fields = distinct(&names, attribute, &CONTRIBUTION);
    let (groups, values) = fields.split_at(output.groups.len());
    writeln!(
        text,
        "\n\nclass {kind}(Contribution):\n    \"\"\"One group of the output {}.\"\"\"\n",
        shown(&output.name)
    )?;
    writeln!(text, "    NAME = {}\n    PLACE = {place}", literal(&output.name))?;
    writeln!(text, "    GROUPS = {}\n    VALUES = {}\n    __slots__ = GROUPS + VALUES", tuple(groups), tuple(values))?;
    let typed = |names: &[String], kind: &str| names.iter().map(|name| format!(", {name}: {kind}")).collect::<String>();
    let keywords = if fields.is_empty() { "" } else { ", *" };
    writeln!(text, "\n    def __init__(self{keywords}{}{}) -> None:", typed(groups, "Key"), typed(values, "float"))?;
    for name in &fields {
        writeln!(text, "        self.{name} = {name}")?;
    }
    if fields.is_empty() {
        writeln!(text, "        pass")?;
    }
    Ok(())
}

/// A name of an attribute. Python takes letters that look alike for one, and a name that begins with two underscores
/// for another one.
pub(super) fn attribute(name: &str) -> String {
    let name = letters(&name.nfkc().collect::<String>());
    if KEYWORDS.contains(&name.as_str()) || name.starts_with("__") { format!("n{name}_") } else { name }
}

fn class(name: &str) -> String {
    match type_name(&name.nfkc().collect::<String>()) {
        name if KEYWORDS.contains(&name.as_str()) || name.starts_with("__") => format!("N{name}"),
        name => name,
    }
}

fn tuple(names: &[String]) -> String {
    format!("({})", names.iter().map(|name| format!("{}, ", literal(name))).collect::<String>().trim_end())
}

/// A string in the source: JSON's are Python's, but for what stands outside of the first plane, which both take as it is.
fn literal(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// A name in a docstring.
fn shown(name: &str) -> String {
    quoted(name).replace('\\', "\\\\").replace('"', "'")
}

/// Names of the file itself.
const OWN: [&str; 7] = ["Column", "Contribution", "Grain", "Key", "Table", "Next", "Done"];
/// Names of the base classes.
const TABLE: [&str; 4] = ["NAME", "COLUMNS", "_rows", "_columns"];
const GRAIN: [&str; 2] = ["INPUTS", "_tables"];
const CONTRIBUTION: [&str; 7] = ["NAME", "PLACE", "GROUPS", "VALUES", "of", "_said", "self"];

const KEYWORDS: [&str; 37] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "_", "_0",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_as_little_as_can_be() {
        for (name, wanted, kind) in [
            ("town", "town", "Town"),
            ("output-per-mu", "output_per_mu", "OutputPerMu"),
            ("亩均 税收", "亩均_税收", "亩均税收"),
            ("class", "nclass_", "Class"),
            ("ＡＢ", "AB", "AB"),
            ("__x", "n__x_", "X"),
            ("none", "none", "NNone"),
        ] {
            assert_eq!((attribute(name).as_str(), class(name).as_str()), (wanted, kind), "{name}");
        }
        assert_eq!(distinct(&["Ａ", "A"], attribute, &[]), ["n__uff21_", "n_A"]);
        assert_eq!(shown("a\"\"\"\\\n"), "`a'''\\\\ `");
    }
}
