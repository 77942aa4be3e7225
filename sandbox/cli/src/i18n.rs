//! Chinese for what people read. The English text is the key; `zh.txt` holds pairs of lines, where
//! `{}` stands for any text. What has no pair yet is shown in English.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::args::Lang;

const ZH: &str = include_str!("zh.txt");

static LANG: OnceLock<Lang> = OnceLock::new();

/// Chooses the language for the rest of the process: `--lang`, else LC_ALL, LC_MESSAGES or LANG.
pub fn choose(asked: Option<Lang>) -> Lang {
    *LANG.get_or_init(|| asked.unwrap_or_else(from_environment))
}

/// The text in the chosen language.
pub fn tr(english: &str) -> Cow<'_, str> {
    match LANG.get() {
        Some(Lang::Zh) => to_chinese(english).map_or(Cow::Borrowed(english), Cow::Owned),
        _ => Cow::Borrowed(english),
    }
}

/// What the argument parser frames our texts in, line by line.
pub fn by_lines(text: &str) -> String {
    let mut translated = String::with_capacity(text.len());
    for line in text.lines() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        // An option's text may stand beside it.
        let (option, said) = rest.rsplit_once("  ").map_or(("", rest), |(option, _)| rest.split_at(option.len() + 2));
        translated.push_str(&[indent, option, &tr(said), "\n"].concat());
    }
    translated
}

/// Puts every help text of a command and its sub-commands into the chosen language.
pub fn localise(mut command: clap::Command) -> clap::Command {
    let owned = |text: Option<String>| text.map(|text| tr(&text).into_owned());
    if let Some(about) = owned(command.get_about().map(ToString::to_string)) {
        command = command.about(about);
    }
    if let Some(about) = command.get_long_about().map(ToString::to_string) {
        let paragraphs: Vec<_> = about.split("\n\n").map(|text| tr(text).into_owned()).collect();
        command = command.long_about(paragraphs.join("\n\n"));
    }
    if let Some(text) = owned(command.get_after_help().map(ToString::to_string)) {
        command = command.after_help(text);
    }
    command = command.mut_args(|mut arg| {
        if let Some(help) = owned(arg.get_help().map(ToString::to_string)) {
            arg = arg.help(help);
        }
        if let Some(heading) = arg.get_help_heading().map(str::to_owned) {
            arg = arg.help_heading(tr(&heading).into_owned());
        }
        arg
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, localise))
}

fn from_environment() -> Lang {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
    if locale.starts_with("zh") { Lang::Zh } else { Lang::En }
}

fn to_chinese(english: &str) -> Option<String> {
    catalogue().find_map(|(from, to)| {
        let parts = matched(from, english)?;
        let mut parts = parts.into_iter().zip(from.split("{}"));
        let mut text = String::new();
        for (i, piece) in to.split("{}").enumerate() {
            if i > 0 {
                let (part, before) = parts.next().unwrap_or_default();
                // A value may itself be a sentence, such as an inner error; what was typed stays as it is.
                let inner = if before.ends_with('\'') { None } else { to_chinese(part) };
                text.push_str(inner.as_deref().unwrap_or(part));
            }
            text.push_str(piece);
        }
        Some(text)
    })
}

/// The pairs of `zh.txt`. Two lines a pair; empty lines and lines that start with `#` between pairs.
fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut lines = ZH.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
}

/// What stands for each `{}` of `template` in `text`, shortest match first; none when it does not fit.
fn matched<'t>(template: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut pieces = template.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let pieces: Vec<&str> = pieces.collect();
    let mut parts = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.iter().enumerate() {
        let at = match (i + 1 == pieces.len(), piece.is_empty()) {
            (true, true) => rest.len(),
            (true, false) => rest.len().checked_sub(piece.len()).filter(|_| rest.ends_with(piece))?,
            (false, _) => rest.find(piece)?,
        };
        parts.push(&rest[..at]);
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn templates_carry_their_values_over() {
        assert_eq!(matched("job {} is {}: stop", "job j1 is done: stop"), Some(vec!["j1", "done"]));
        assert_eq!(matched("job {} is {}: stop", "job j1 is done"), None);
        assert_eq!(matched("plain", "plain"), Some(vec![]));
    }

    #[test]
    fn pairs_have_the_same_number_of_values() {
        for (en, zh) in catalogue() {
            assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{en}");
            let chinese = |c| ('\u{4e00}'..='\u{9fff}').contains(&c) || c == '：';
            assert!(zh.chars().any(chinese), "not Chinese: {zh}");
        }
    }

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
        let crates = [
            "policies",
            "sandbox/lab",
            "sandbox/data",
            "sandbox/core",
            "sandbox/worker",
            "runtime",
            "guest-sdk/toolchain",
        ];
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
                "job.toml: line 3, column 9: `lower` is above `upper` for value `x`: write the smaller bound as `lower`".to_owned(),
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
}
