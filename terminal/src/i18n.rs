//! Chinese for what people read. The English text is the key; `zh.txt` holds pairs of lines, where
//! `{}` stands for any text. What has no pair yet is shown in English.

use std::borrow::Cow;
use std::sync::OnceLock;

use clap::ValueEnum;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// 中文
    Zh,
}

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

/// `--lang`, looked for before parsing so that even parse errors and help come in that language.
pub fn asked() -> Option<Lang> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = arguments.iter().enumerate().find_map(|(i, argument)| match argument.strip_prefix("--lang") {
        Some("") => arguments.get(i + 1).map(String::as_str),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    });
    match value {
        Some("zh") => Some(Lang::Zh),
        Some("en") => Some(Lang::En),
        _ => None,
    }
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
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        // Commands are the same in every language.
        let (heading, commands) = text.split_once('\n').unwrap_or((&text, ""));
        command = command.after_help(format!("{}\n{commands}", tr(heading)).trim_end().to_owned());
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

/// The Chinese for an English text; none where there is no pair for it.
pub fn to_chinese(english: &str) -> Option<String> {
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
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
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

    #[test]
    fn templates_carry_their_values_over() {
        assert_eq!(matched("job {} is {}: stop", "job j1 is done: stop"), Some(vec!["j1", "done"]));
        assert_eq!(matched("job {} is {}: stop", "job j1 is done"), None);
        assert_eq!(matched("plain", "plain"), Some(vec![]));
    }

    #[test]
    fn no_pair_is_hidden_by_an_earlier_one() {
        let filled = |template: &str| template.replace("{}", "⟦⟧");
        for (en, zh) in catalogue() {
            assert_eq!(to_chinese(&filled(en)), Some(filled(zh)), "{en}");
        }
    }

    #[test]
    fn pairs_have_the_same_number_of_values() {
        for (en, zh) in catalogue() {
            assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{en}");
            let chinese = |c| ('\u{4e00}'..='\u{9fff}').contains(&c) || c == '：';
            assert!(zh.chars().any(chinese), "not Chinese: {zh}");
        }
    }
}
