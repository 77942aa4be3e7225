//! Every text that reaches people has a Chinese one: found in the source, so that none is forgotten.

use clap::{CommandFactory, Parser};
use unseen_terminal::i18n::{catalogue, to_chinese};

#[test]
fn every_help_text_has_a_translation() {
    fn missing(command: &clap::Command, into: &mut Vec<String>) {
        let args = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| arg.get_help());
        let texts = args.chain(command.get_about()).map(ToString::to_string);
        into.extend(texts.filter(|text| to_chinese(text).is_none() && !text.contains("中文")));
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).for_each(|sub| missing(sub, into));
    }
    let mut texts = Vec::new();
    missing(&crate::args::Cli::command(), &mut texts);
    assert_eq!(texts, Vec::<String>::new());
}

/// So that what a help page shows can be typed.
#[test]
fn every_command_ends_with_examples_that_parse() {
    fn look(command: &clap::Command, path: &str) {
        let mut below = command.get_subcommands().filter(|sub| !sub.is_hide_set()).peekable();
        if below.peek().is_none() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines = help.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("{path} shows no examples"));
            for line in lines.lines() {
                // A witness is a program of its own, whose commands are the same here.
                let line = line.trim().replace("unseen-audit ", "unseen ").replace("HEX", &"0".repeat(64));
                let said = line.trim_start_matches("unseen --json ").trim_start_matches("unseen ");
                assert!(said.starts_with(path), "`{line}` is no example of `{path}`");
                let parsed = crate::args::Cli::try_parse_from(words(line.split(" > ").next().unwrap()));
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
            }
        }
        for sub in below {
            look(sub, format!("{path} {}", sub.get_name()).trim_start());
        }
    }
    look(&crate::args::Cli::command(), "");
}

/// As a shell takes a line apart that has double quotes and nothing else.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('"').enumerate();
    let words = pieces.flat_map(|(at, piece)| match at % 2 {
        0 => piece.split_whitespace().map(str::to_owned).collect(),
        _ => vec![piece.to_owned()],
    });
    words.collect()
}

/// What the commands print, found in their source: literals given to `tr` and to what calls it.
#[test]
fn every_text_of_the_commands_has_a_translation() {
    let calls = ["tr", "progress", "table", "rows", "facts", "say", "plain", "line"];
    let folders = ["src", "../../attestations/auditor/src", "../../terminal/src"];
    let mut found = Vec::new();
    for source in folders.iter().flat_map(|folder| sources(folder)) {
        found.extend(calls.iter().flat_map(|call| literals(&source, call)));
    }
    assert!(found.len() > 200, "the search found only {found:?}");
    assert_eq!(without_translation(&found), Vec::<String>::new());
}

#[test]
fn every_kind_of_entry_has_a_translation() {
    let found: Vec<_> = unseen_policies::event::Event::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(without_translation(&found), Vec::<String>::new());
}

/// The text of every Rust file under a folder, without its tests.
fn sources(folder: &str) -> Vec<String> {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(without_tests(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

fn without_tests(source: &str) -> String {
    source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

/// Those texts that have no pair. Looked up as they are written, so that no general pair such as
/// `{}: {}` counts; what has no word of its own, such as `{}`, is another text's.
fn without_translation(texts: &[String]) -> Vec<String> {
    let known: std::collections::HashSet<_> = catalogue().map(|(en, _)| en).collect();
    let templates = texts.iter().map(|text| with_blanks(text.trim_start_matches('>')));
    let in_words = templates.filter(|template| template.contains(char::is_alphabetic));
    in_words.filter(|template| !known.contains(template.as_str())).collect()
}

/// The string literals that `call(...)` is given: of `facts` only the first of each pair, of
/// `table` and `rows` the header, of an error its text.
fn literals(source: &str, call: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices(&format!("{call}(")) {
        let before = &source[..at];
        if before.ends_with("fn ") || before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let (mut rest, mut depth) = (&source[at + call.len() + 1..], 1);
        let (mut opened, mut previous) = ('(', ' ');
        while depth > 0 {
            let Some(c) = rest.chars().next() else { break };
            if c == '"' {
                let (text, after) = literal(&rest[1..]);
                // A pair begins with `(` that follows no name: `("Job", ...)`, and not `join("")`.
                let names_a_fact = previous == '(' && matches!(opened, '[' | ',');
                if !text.is_empty() && (call != "facts" || names_a_fact) {
                    found.push(text);
                }
                if call == "#[error" {
                    break;
                }
                rest = after;
                previous = '"';
                continue;
            }
            match c {
                '(' => {
                    depth += 1;
                    opened = previous;
                }
                ')' => depth -= 1,
                ']' if matches!(call, "table" | "rows") => break,
                _ => {}
            }
            if !c.is_whitespace() {
                previous = c;
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

/// A literal without its opening quote: what it says, and what comes after it.
fn literal(source: &str) -> (String, &str) {
    let (mut text, mut chars) = (String::new(), source.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, &source[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                // A line that goes on: its indent does not count.
                Some((at, '\n')) => {
                    let indent = source[at..].chars().take_while(|c| c.is_whitespace()).count();
                    (1..indent).for_each(|_| _ = chars.next());
                }
                Some((_, c)) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    (text, "")
}

/// `{name:?}` and the like as `{}`.
fn with_blanks(template: &str) -> String {
    let mut parts = template.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}{{}}{}", part.split_once('}').map_or("", |(_, rest)| rest)))
}
