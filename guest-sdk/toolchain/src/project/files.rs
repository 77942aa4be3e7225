//! The files of a new project: templates with names filled in.
//!
//! `{{name}}` stands for a text; lines between `{{#name}}` and `{{/name}}` are there when the name has one.

use std::collections::HashMap;

use super::{Measure, Subject, Template};
use crate::language::Language;
use crate::shape;

type File = (&'static str, &'static str);

/// All files but that of names, by their paths.
pub(super) fn written(
    name: &str,
    language: Language,
    template: Template,
    subject: Option<&Subject>,
) -> Vec<(&'static str, String)> {
    let demo = demo(template);
    let mut words = words(subject.unwrap_or(&demo), language, template);
    words.insert("name", name.to_owned());
    if subject.is_none() {
        words.insert("demo", "yes".to_owned());
    }
    let of_project = files(language).iter().chain(sources(language, template)).chain(&[
        (".gitignore", include_str!("../../templates/gitignore")),
        ("README.md", include_str!("../../templates/README.md")),
    ]);
    let manifest = [("job.toml", manifest(template))];
    of_project
        .chain(&manifest)
        .map(|(path, text)| (*path, filled(text, &words)))
        .chain(sdk(language).iter().map(|(path, text)| (*path, (*text).to_owned())))
        .collect()
}

/// What is asked about where nothing is said.
fn demo(template: Template) -> Subject {
    let measure = |column: &str, upper| Measure { column: column.to_owned(), is_int: false, lower: 0.0, upper };
    let towns = [
        "湖塘镇",
        "牛塘镇",
        "洛阳镇",
        "遥观镇",
        "横林镇",
        "横山桥镇",
        "雪堰镇",
        "前黄镇",
        "礼嘉镇",
        "嘉泽镇",
        "湟里镇",
        "南夏墅街道",
    ];
    match template {
        Template::Iterative => Subject {
            dataset: "monthly".to_owned(),
            group: None,
            value: measure("energy", 1000.0),
            other: Some(measure("output", 1000.0)),
        },
        _ => Subject {
            dataset: "enterprises".to_owned(),
            group: Some(("town".to_owned(), towns.map(str::to_owned).to_vec())),
            value: measure("land", 200.0),
            other: None,
        },
    }
}

fn words(subject: &Subject, language: Language, template: Template) -> HashMap<&'static str, String> {
    let Subject { dataset, group, value, other } = subject;
    let other = other.as_ref().unwrap_or(value);
    let id = |name: &str| shape::field(name, language);
    let width = match value.is_int {
        true => ((value.upper - value.lower) / 20.0).ceil().max(1.0),
        false => (value.upper - value.lower) / 20.0,
    };
    let cell = |bins: f64| {
        if value.is_int { format!("{}", value.lower + bins * width) } else { real(value.lower + bins * width) }
    };
    let (fuel, memory) = match (language, template) {
        (Language::Rust | Language::C, Template::Blocks) => ("100_000_000", "64MiB"),
        (Language::Rust | Language::C, _) => ("2_000_000", "16MiB"),
        (_, Template::Blocks) => ("2_000_000_000", "256MiB"),
        (Language::Python, _) => ("4_000_000", "64MiB"),
        (Language::JavaScript, _) => ("6_000_000", "32MiB"),
    };
    let mut words = HashMap::from([
        ("dataset", dataset.clone()),
        ("id_dataset", id(dataset)),
        ("value", value.column.clone()),
        ("id_value", id(&value.column)),
        ("other", other.column.clone()),
        ("id_other", id(&other.column)),
        ("lower", number(value.lower)),
        ("upper", number(value.upper)),
        ("granularity", number(granularity(value.upper - value.lower))),
        ("start", real(value.lower)),
        ("width", real(width)),
        ("cell_3", cell(3.0)),
        ("cell_5", cell(6.0)),
        ("float_4", real(value.lower + 4.5 * width)),
        ("x_scale", real(value.upper.abs().max(value.lower.abs()))),
        ("y_scale", real(other.upper.abs().max(other.lower.abs()))),
        ("fuel", fuel.to_owned()),
        ("memory", memory.to_owned()),
        ("test", language.test_command().to_owned()),
        ("pad", " ".repeat(23_usize.saturating_sub(language.test_command().len()))),
        ("source", language.source_file().to_owned()),
        ("shape", language.shape_file().to_owned()),
        ("sdk", sdk_folder(language).to_owned()),
    ]);
    words.extend(typed(value, ["cells", "as_float", "map_float", "to_cell", "c_type", "c_read"]));
    words.extend(typed(other, ["other_cells", "other_as_float", "", "other_to_cell", "c_other_type", "c_other_read"]));
    let mut columns = vec![value.column.as_str()];
    match group {
        Some((column, keys)) => {
            columns.insert(0, column);
            let quoted: Vec<_> = keys.iter().map(|key| format!("\"{key}\"")).collect();
            words.insert("group", column.clone());
            words.insert("id_group", id(column));
            words.insert("groups", keys.len().to_string());
            words.insert("key", keys.first().cloned().unwrap_or_default());
            words.insert("keys", quoted.join(", "));
        }
        None => {
            words.insert("whole", "yes".to_owned());
        }
    }
    words.insert("columns", columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", "));
    words
}

/// How the languages with types read a column.
fn typed(
    measure: &Measure,
    [cells, as_float, map_float, to_cell, kind, read]: [&'static str; 6],
) -> Vec<(&'static str, String)> {
    let of = if measure.is_int {
        ["ints", " as f64", ".map(|cell| cell as f64)", " as i64", "int64_t", "int"]
    } else {
        ["floats", "", "", "", "double", "float"]
    };
    [cells, as_float, map_float, to_cell, kind, read].into_iter().zip(of.map(str::to_owned)).collect()
}

/// A thousandth of a width or less, as one digit and zeros.
fn granularity(width: f64) -> f64 {
    10_f64.powi((width / 1000.0).log10().floor() as i32)
}

/// As a manifest has a number.
fn number(number: f64) -> String {
    format!("{number}")
}

/// A number that no language takes for a whole one.
fn real(number: f64) -> String {
    format!("{number:?}")
}

fn filled(template: &str, words: &HashMap<&str, String>) -> String {
    let mut text = String::new();
    let mut left_out = false;
    for line in template.lines() {
        if let Some(name) = line.strip_prefix("{{#").and_then(|line| line.strip_suffix("}}")) {
            left_out = !words.contains_key(name);
        } else if line.starts_with("{{/") {
            left_out = false;
        } else if !left_out {
            text += &words_in(line, words);
            text.push('\n');
        }
    }
    text
}

fn words_in(line: &str, words: &HashMap<&str, String>) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        // A brace that is the language's own may stand before one.
        let (before, after) = match after.strip_prefix('{') {
            Some(after) => (format!("{before}{{"), after),
            None => (before.to_owned(), after),
        };
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        text += &before;
        text += words.get(name).map_or("", String::as_str);
        rest = after;
    }
    text + rest
}

fn manifest(template: Template) -> &'static str {
    match template {
        Template::Histogram => include_str!("../../templates/histogram.toml"),
        Template::Blocks => include_str!("../../templates/blocks.toml"),
        Template::Iterative => include_str!("../../templates/iterative.toml"),
    }
}

/// The files of a language's projects, beside the job's own.
fn files(language: Language) -> &'static [File] {
    match language {
        Language::Rust => &[
            ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml")),
            (".cargo/config.toml", include_str!("../../templates/rust/config.toml")),
        ],
        Language::Python => &[],
        Language::JavaScript => &[("package.json", include_str!("../../templates/js/package.json"))],
        Language::C => &[("Makefile", include_str!("../../templates/c/Makefile"))],
    }
}

/// The job, and its test.
fn sources(language: Language, template: Template) -> &'static [File] {
    match (language, template) {
        (Language::Rust, Template::Histogram) => &[("src/lib.rs", include_str!("../../templates/rust/histogram.rs"))],
        (Language::Rust, Template::Blocks) => &[("src/lib.rs", include_str!("../../templates/rust/blocks.rs"))],
        (Language::Rust, Template::Iterative) => &[("src/lib.rs", include_str!("../../templates/rust/iterative.rs"))],
        (Language::Python, Template::Histogram) => &[
            ("job.py", include_str!("../../templates/python/histogram.py")),
            ("test_job.py", include_str!("../../templates/python/test_histogram.py")),
        ],
        (Language::Python, Template::Blocks) => &[
            ("job.py", include_str!("../../templates/python/blocks.py")),
            ("test_job.py", include_str!("../../templates/python/test_blocks.py")),
        ],
        (Language::Python, Template::Iterative) => &[
            ("job.py", include_str!("../../templates/python/iterative.py")),
            ("test_job.py", include_str!("../../templates/python/test_iterative.py")),
        ],
        (Language::JavaScript, Template::Histogram) => &[
            ("job.js", include_str!("../../templates/js/histogram.js")),
            ("job.test.js", include_str!("../../templates/js/test_histogram.js")),
        ],
        (Language::JavaScript, Template::Blocks) => &[
            ("job.js", include_str!("../../templates/js/blocks.js")),
            ("job.test.js", include_str!("../../templates/js/test_blocks.js")),
        ],
        (Language::JavaScript, Template::Iterative) => &[
            ("job.js", include_str!("../../templates/js/iterative.js")),
            ("job.test.js", include_str!("../../templates/js/test_iterative.js")),
        ],
        (Language::C, Template::Histogram) => &[
            ("job.c", include_str!("../../templates/c/histogram.c")),
            ("test_job.c", include_str!("../../templates/c/test_histogram.c")),
        ],
        (Language::C, Template::Blocks) => &[
            ("job.c", include_str!("../../templates/c/blocks.c")),
            ("test_job.c", include_str!("../../templates/c/test_blocks.c")),
        ],
        (Language::C, Template::Iterative) => &[
            ("job.c", include_str!("../../templates/c/iterative.c")),
            ("test_job.c", include_str!("../../templates/c/test_iterative.c")),
        ],
    }
}

fn sdk_folder(language: Language) -> &'static str {
    match language {
        Language::Rust | Language::JavaScript => "vendor/unseen-guest",
        Language::Python => "vendor/unseen_guest",
        Language::C => "vendor/unseen",
    }
}

/// The SDK's copy: building needs no network.
fn sdk(language: Language) -> &'static [File] {
    match language {
        Language::Rust => &[
            ("vendor/unseen-guest/Cargo.toml", include_str!("../../templates/rust/sdk-Cargo.toml")),
            ("vendor/unseen-guest/src/lib.rs", include_str!("../../../rust/src/lib.rs")),
            ("vendor/unseen-guest/src/contributions.rs", include_str!("../../../rust/src/contributions.rs")),
            ("vendor/unseen-guest/src/grain.rs", include_str!("../../../rust/src/grain.rs")),
            ("vendor/unseen-guest/src/job.rs", include_str!("../../../rust/src/job.rs")),
            ("vendor/unseen-guest/src/shape.rs", include_str!("../../../rust/src/shape.rs")),
            ("vendor/unseen-guest/src/testing.rs", include_str!("../../../rust/src/testing.rs")),
            ("vendor/unseen-guest/src/totals.rs", include_str!("../../../rust/src/totals.rs")),
            ("vendor/unseen-guest/src/wasm.rs", include_str!("../../../rust/src/wasm.rs")),
        ],
        Language::Python => &[
            ("vendor/unseen_guest/__init__.py", include_str!("../../../python/src/unseen_guest/__init__.py")),
            ("vendor/unseen_guest/grain.py", include_str!("../../../python/src/unseen_guest/grain.py")),
            ("vendor/unseen_guest/job.py", include_str!("../../../python/src/unseen_guest/job.py")),
            ("vendor/unseen_guest/testing.py", include_str!("../../../python/src/unseen_guest/testing.py")),
            ("vendor/unseen_guest/vector.py", include_str!("../../../python/src/unseen_guest/vector.py")),
            ("vendor/unseen_guest/walls.py", include_str!("../../../python/src/unseen_guest/walls.py")),
            ("vendor/unseen_guest/wasm.py", include_str!("../../../python/src/unseen_guest/wasm.py")),
        ],
        Language::JavaScript => &[
            ("vendor/unseen-guest/package.json", include_str!("../../../js/package.json")),
            ("vendor/unseen-guest/index.js", include_str!("../../../js/index.js")),
            ("vendor/unseen-guest/grain.js", include_str!("../../../js/grain.js")),
            ("vendor/unseen-guest/job.js", include_str!("../../../js/job.js")),
            ("vendor/unseen-guest/testing.js", include_str!("../../../js/testing.js")),
            ("vendor/unseen-guest/walls.js", include_str!("../../../js/walls.js")),
            ("vendor/unseen-guest/wasm.js", include_str!("../../../js/wasm.js")),
        ],
        Language::C => &[
            ("vendor/unseen/unseen.h", include_str!("../../../c/unseen.h")),
            ("vendor/unseen/unseen.c", include_str!("../../../c/unseen.c")),
            ("vendor/unseen/unseen_test.h", include_str!("../../../c/unseen_test.h")),
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_copied_sdks_are_whole() {
        let folders = [
            (Language::Rust, "rust/src", "vendor/unseen-guest/src"),
            (Language::Python, "python/src/unseen_guest", "vendor/unseen_guest"),
            (Language::JavaScript, "js", "vendor/unseen-guest"),
            (Language::C, "c", "vendor/unseen"),
        ];
        for (language, folder, copy) in folders {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
            for file in fs::read_dir(&folder).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
                let name = file.file_name().into_string().unwrap();
                let copy = format!("{copy}/{name}");
                assert!(sdk(language).iter().any(|(path, _)| *path == copy), "{name} is not copied");
            }
        }
    }

    #[test]
    fn templates_are_filled_in() {
        let words = HashMap::from([("a", "x".to_owned()), ("b", "y, z".to_owned())]);
        assert_eq!(filled("{{a}} {a}\n{{#a}}\n{{{b}}};\n{{/a}}\n{{#c}}\n{{a}}\n{{/c}}\n", &words), "x {a}\n{y, z};\n");
    }
}
