//! Which language a person reads: as asked with `--lang`, else as the environment says.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use unseen_texts::Lang;

/// The language for one command.
pub fn chosen(asked: Option<Lang>) -> Lang {
    asked.unwrap_or_else(from_environment)
}

/// The values of `--lang`.
pub fn languages() -> impl TypedValueParser<Value = Lang> {
    let known = [PossibleValue::new("en").help("English"), PossibleValue::new("zh").help("中文")];
    PossibleValuesParser::new(known).map(|name| if name == "zh" { Lang::Zh } else { Lang::En })
}

/// `--lang`, looked for before parsing so that even parse errors and help come in that language.
pub(crate) fn typed(arguments: &[String]) -> Option<Lang> {
    let values = arguments.iter().enumerate().filter_map(|(i, argument)| match argument.strip_prefix("--lang") {
        Some("") => arguments.get(i + 1).map(String::as_str),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    });
    // A program may take other languages there than those of texts.
    let mut texts = values.filter_map(|value| match value {
        "zh" => Some(Lang::Zh),
        "en" => Some(Lang::En),
        _ => None,
    });
    texts.next()
}

fn from_environment() -> Lang {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
    if locale.starts_with("zh") { Lang::Zh } else { Lang::En }
}
