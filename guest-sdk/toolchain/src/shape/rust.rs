//! `src/shape.rs`, for a job in Rust: a keyword is written as `r#type`.

use std::fmt::Write;

use unseen_policies::shape::{InputShape, OutputShape, SECTION, Shape};

use super::names::{distinct, letters, quoted};

/// The text of `src/shape.rs` for a shape.
pub(super) fn source(shape: &Shape) -> Result<String, std::fmt::Error> {
    let mut text = HEAD.to_owned();
    inputs(&mut text, &shape.inputs)?;
    outputs(&mut text, &shape.outputs)?;
    names(&mut text, shape)?;
    Ok(text)
}

const HEAD: &str = "\
// Written from job.toml by `unseen job build`: change that file, and not this one.
#![allow(dead_code, non_snake_case, non_camel_case_types, clippy::all)]
";

/// A method for each input on a grain, and for each column on an input.
fn inputs(text: &mut String, inputs: &[InputShape]) -> std::fmt::Result {
    let datasets: Vec<_> = inputs.iter().map(|input| input.dataset.as_str()).collect();
    let methods = distinct(&datasets, identifier, &["input"]);
    let types = distinct(&datasets, type_name, &[]);
    writeln!(text, "\n/// The inputs of a grain, by name.\npub trait Inputs<'a> {{")?;
    for ((input, method), name) in inputs.iter().zip(&methods).zip(&types) {
        writeln!(text, "    /// The rows of `{}`.\n    fn {method}(&self) -> inputs::{name}<'a>;", input.dataset)?;
    }
    writeln!(text, "}}\n\nimpl<'a> Inputs<'a> for unseen_guest::Grain<'a> {{")?;
    for (place, (method, name)) in methods.iter().zip(&types).enumerate() {
        writeln!(
            text,
            "    fn {method}(&self) -> inputs::{name}<'a> {{\n        inputs::{name}(self.input({place}))\n    }}"
        )?;
    }
    writeln!(text, "}}\n\n/// The tables of a grain.\npub mod inputs {{")?;
    for (input, name) in inputs.iter().zip(&types) {
        let names: Vec<_> = input.columns.iter().map(String::as_str).collect();
        let columns = distinct(&names, identifier, &[]);
        writeln!(text, "    /// The rows of `{}`.", input.dataset)?;
        writeln!(text, "    #[derive(Clone, Copy)]\n    pub struct {name}<'a>(pub(super) unseen_guest::Table<'a>);\n")?;
        writeln!(text, "    impl<'a> {name}<'a> {{")?;
        for (place, (column, method)) in input.columns.iter().zip(&columns).enumerate() {
            writeln!(text, "        /// Column {}.", quoted(column))?;
            writeln!(text, "        pub fn {method}(&self) -> unseen_guest::Cells<'a> {{")?;
            writeln!(text, "            self.0.column({place}, {column:?})\n        }}")?;
        }
        writeln!(text, "    }}\n\n    impl<'a> std::ops::Deref for {name}<'a> {{")?;
        writeln!(text, "        type Target = unseen_guest::Table<'a>;")?;
        writeln!(text, "        fn deref(&self) -> &Self::Target {{\n            &self.0\n        }}\n    }}\n")?;
    }
    text.truncate(text.trim_end().len());
    writeln!(text, "\n}}")
}

/// A struct for each output, to be added in `contribute` and read in `advance`.
fn outputs(text: &mut String, outputs: &[OutputShape]) -> std::fmt::Result {
    let names: Vec<_> = outputs.iter().map(|output| output.name.as_str()).collect();
    // Of this file, of its type parameters, and of the prelude, which code that imports all of this file needs.
    let most = outputs.iter().map(|output| output.groups.len()).max().unwrap_or(0);
    let parameters: Vec<_> = (1..=most).map(parameter).collect();
    let taken = ["Inputs", "SHAPE", "SECTION"].into_iter().chain(PRELUDE).chain(parameters.iter().map(String::as_str));
    let types = distinct(&names, type_name, &taken.collect::<Vec<_>>());
    for (place, (output, name)) in outputs.iter().zip(&types).enumerate() {
        let names: Vec<_> = output.groups.iter().chain(&output.values).map(String::as_str).collect();
        let fields = distinct(&names, identifier, &[]);
        let (groups, values) = fields.split_at(output.groups.len());
        let generic: Vec<_> = (1..=groups.len()).map(parameter).collect();
        let angled = |each: &dyn Fn(&String) -> String| match generic.as_slice() {
            [] => String::new(),
            generic => format!("<{}>", generic.iter().map(each).collect::<Vec<_>>().join(", ")),
        };
        let bound = |bound: &str| angled(&|g| format!("{g}{bound}"));
        let plain = bound("");
        writeln!(text, "\n/// One group of the output {}.", quoted(&output.name))?;
        writeln!(
            text,
            "#[derive(Clone, Copy, Debug, PartialEq)]\npub struct {name}{} {{",
            bound(" = unseen_guest::Key")
        )?;
        for ((field, column), g) in groups.iter().zip(&output.groups).zip(&generic) {
            writeln!(text, "    /// Group column {}.\n    pub {field}: {g},", quoted(column))?;
        }
        for (field, value) in values.iter().zip(&output.values) {
            writeln!(text, "    /// Value {}.\n    pub {field}: f64,", quoted(value))?;
        }
        let keys: Vec<_> = groups.iter().map(|field| format!("self.{field}.into()")).collect();
        let numbers: Vec<_> = values.iter().map(|field| format!("self.{field}")).collect();
        writeln!(text, "}}\n\nimpl{} unseen_guest::Output for {name}{plain} {{", bound(": Into<unseen_guest::Key>"))?;
        writeln!(text, "    fn into_contribution(self) -> unseen_guest::Contribution {{")?;
        writeln!(text, "        let (group, values) = (vec![{}], vec![{}]);", keys.join(", "), numbers.join(", "))?;
        writeln!(text, "        unseen_guest::Contribution {{ output: {place}, group, values }}\n    }}\n}}\n")?;

        let lifetime = match generic.as_slice() {
            [] => "<'a>".to_owned(),
            generic => {
                let bounds = generic.iter().map(|g| format!("{g}: From<unseen_guest::KeyRef<'a>>"));
                format!("<'a, {}>", bounds.collect::<Vec<_>>().join(", "))
            }
        };
        writeln!(text, "impl{lifetime} unseen_guest::FromTotals<'a> for {name}{plain} {{")?;
        writeln!(text, "    const OUTPUT: &'static str = {:?};\n    const PLACE: u32 = {place};", output.name)?;
        writeln!(text, "    fn from_group(group: &unseen_guest::Group<'_, 'a>) -> Self {{\n        {name} {{")?;
        for (at, field) in groups.iter().enumerate() {
            writeln!(text, "            {field}: group.key({at}).into(),")?;
        }
        for (at, field) in values.iter().enumerate() {
            writeln!(text, "            {field}: group.value({at}),")?;
        }
        writeln!(text, "        }}\n    }}\n}}\n")?;

        let read = angled(&|_| "unseen_guest::KeyRef<'a>".to_owned());
        let of = if generic.is_empty() { ("", "'_") } else { ("<'a>", "'a") };
        writeln!(text, "impl{} {name}{read} {{", of.0)?;
        writeln!(text, "    /// Every group, with its noised totals.")?;
        writeln!(text, "    pub fn of(noisy: &unseen_guest::Noisy<{}>) -> Vec<Self> {{", of.1)?;
        writeln!(text, "        noisy.groups()\n    }}\n}}")?;
    }
    Ok(())
}

/// The type parameter of a group column, counted from 1.
fn parameter(number: usize) -> String {
    format!("G{number}")
}

/// The names as they are: for tests, and for the lab.
fn names(text: &mut String, shape: &Shape) -> std::fmt::Result {
    writeln!(
        text,
        "\n/// The names of job.toml, for tests.\npub static SHAPE: unseen_guest::Shape = unseen_guest::Shape {{"
    )?;
    writeln!(text, "    inputs: &[")?;
    for InputShape { dataset, columns } in &shape.inputs {
        writeln!(text, "        unseen_guest::InputShape {{ dataset: {dataset:?}, columns: &{columns:?} }},")?;
    }
    writeln!(text, "    ],\n    outputs: &[")?;
    for OutputShape { name, groups, values } in &shape.outputs {
        writeln!(
            text,
            "        unseen_guest::OutputShape {{ name: {name:?}, groups: &{groups:?}, values: &{values:?} }},"
        )?;
    }
    let json = String::from_utf8(shape.to_bytes()).expect("invariant: JSON is UTF-8");
    writeln!(
        text,
        "    ],\n}};\n\n// By this the lab knows which names the code was built for.\n#[cfg(target_arch = \"wasm32\")]"
    )?;
    writeln!(text, "#[used]\n#[unsafe(link_section = {SECTION:?})]")?;
    writeln!(text, "static SECTION: [u8; {}] = unseen_guest::section({json:?});", json.len())
}

/// A name of a method or a field.
pub(super) fn identifier(name: &str) -> String {
    let name = letters(name);
    match name.as_str() {
        "crate" | "self" | "super" | "Self" => format!("{name}_"),
        _ if KEYWORDS.contains(&name.as_str()) => format!("r#{name}"),
        _ => name,
    }
}

/// A name of a type.
fn type_name(name: &str) -> String {
    match super::names::type_name(name) {
        name if name == "Self" => "Self_".to_owned(),
        name => name,
    }
}

const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

const PRELUDE: [&str; 36] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Into",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToString",
    "TryFrom",
    "Vec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_as_little_as_can_be() {
        for (name, method, kind) in [
            ("town", "town", "Town"),
            ("output-per-mu", "output_per_mu", "OutputPerMu"),
            ("亩均 税收", "亩均_税收", "亩均税收"),
            ("type", "r#type", "Type"),
            ("self", "self_", "Self_"),
            ("2025", "_2025", "_2025"),
            ("?", "_0", "_0"),
            ("", "_0", "_0"),
        ] {
            assert_eq!((identifier(name).as_str(), type_name(name).as_str()), (method, kind), "{name}");
        }
        let names = ["a b", "a-b", "a_b_", "town", "n_a_u20_b"];
        let apart = ["n_a_u20_b", "n_a_u2d_b", "a_b_", "town", "n_n_u5f_a_u5f_u20_u5f_b"];
        for turn in 0..names.len() {
            let (mut names, mut apart) = (names, apart);
            names.rotate_left(turn);
            apart.rotate_left(turn);
            assert_eq!(distinct(&names, identifier, &[]), apart, "the order counts");
        }
        assert_eq!(distinct(&["inputs"], type_name, &["Inputs"]), ["n_inputs"]);
    }
}
