//! Every text that reaches people has a Chinese one: found in the source, so that none is forgotten.

use clap::CommandFactory;
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

/// What the commands print, found in their source: literals given to `tr`, `progress`, `table` and,
/// as names, to `facts`.
#[test]
fn every_text_of_the_commands_has_a_translation() {
    let mut found = Vec::new();
    for source in sources("src") {
        for call in ["tr", "progress", "table", "facts"] {
            found.extend(literals(&source, call));
        }
    }
    assert!(found.len() > 100, "the search found only {found:?}");
    let missing: Vec<_> = found.iter().filter(|text| to_chinese(text.trim_start_matches('>')).is_none()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What errors say, found in the source of every crate whose errors reach people. Looked up as
/// they are written, so that no general pair such as `{}: {}` counts.
#[test]
fn every_error_has_a_translation() {
    let known: std::collections::HashSet<_> = catalogue().map(|(en, _)| en).collect();
    let crates =
        ["policies", "sandbox/lab", "sandbox/data", "sandbox/core", "sandbox/worker", "runtime", "guest-sdk/toolchain"];
    let logs = ["attestations/log", "attestations/tlog", "attestations/audit"];
    let mut missing = Vec::new();
    for source in crates.iter().chain(&logs).flat_map(|folder| sources(&format!("../../{folder}/src"))) {
        for text in literals(&source, "#[error") {
            let template = with_blanks(&text);
            // Compilers' own words follow a line break; what is blank altogether is another error's text.
            let of_others = template.contains('\n') || template.trim_matches(['{', '}']).is_empty();
            if !of_others && !known.contains(template.as_str()) {
                missing.push(template);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn sentences_with_values_are_translated_whole() {
    use unseen_policies::event::JobId;
    use unseen_policies::ledger::Refusal;
    use unseen_policies::rho::Rho;
    let state = Refusal::WrongState { job: JobId(8), state: "rejected", event: "job-approved" };
    let cost = Refusal::OverJobCap { cost: "0.5".parse().unwrap(), cap: Rho::ZERO };
    for (english, chinese) in [
        (state.to_string(), "作业 j8 已驳回，不能再“批准作业”：请看 `unseen job show j8`"),
        (cost.to_string(), "作业开销 0.5 rho，超过单个作业上限 0 rho：请降低预算"),
        (Refusal::Author("王芳".into()).to_string(), "王芳 是本作业的提交人：提交人不得审批自己的作业"),
        (
            "a.csv: row 7 (line 8), column \"town\": not a finite number".to_owned(),
            "a.csv：第 7 条记录（第 8 行），列 \"town\"：不是有限的数",
        ),
        (
            "job.toml: line 3, column 9: `lower` is above `upper` for value `x`: write the smaller bound as `lower`"
                .to_owned(),
            "job.toml：第 3 行第 9 列：数值 `x` 的 `lower` 大于 `upper`：请把较小的写作 `lower`",
        ),
    ] {
        assert_eq!(to_chinese(&english).as_deref(), Some(chinese), "{english}");
    }
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
                let text = std::fs::read_to_string(path).unwrap();
                found.push(text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// The string literals that `call(...)` is given: of `facts` only the first of each pair, of
/// `table` the header, of an error its text.
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
                ']' if call == "table" => break,
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
