//! What was typed wrong, as one sentence: made from what the argument parser knows, never from its texts.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use unseen_texts::{Say, Sentence, say, text};

/// Why arguments are refused.
#[derive(Debug, thiserror::Error, Say)]
#[code("usage")]
#[allow(missing_docs)]
pub enum Usage {
    #[error("there is no command `{given}`{hint}")]
    #[zh("没有命令 `{given}`{hint}")]
    UnknownCommand { given: String, hint: Sentence },
    #[error("there is no argument `{given}`{hint}")]
    #[zh("没有参数 `{given}`{hint}")]
    UnknownArgument { given: String, hint: Sentence },
    #[error("required arguments are missing: {missing}")]
    #[zh("缺少必需的参数：{missing}")]
    Missing { missing: String },
    #[error("`{argument}` needs a value")]
    #[zh("`{argument}` 需要一个值")]
    NoValue { argument: String },
    #[error("invalid value `{given}` for `{argument}`: {why}")]
    #[zh("`{given}` 不适用于 `{argument}`：{why}")]
    BadValue { given: String, argument: String, why: Sentence },
    #[error("`{argument}` cannot be used with {others}")]
    #[zh("`{argument}` 不能与 {others} 同时使用")]
    Conflict { argument: String, others: String },
    #[error("`{argument}` takes a different number of values")]
    #[zh("`{argument}` 的值的个数不对")]
    Count { argument: String },
    #[error("`{command}` needs a command after it")]
    #[zh("`{command}` 之后需要一个命令")]
    NoCommand { command: String },
    #[error("the arguments are not text")]
    #[zh("参数不是文本")]
    NotText,
    #[error("the arguments are not understood")]
    #[zh("无法理解这些参数")]
    Other,
}

impl Usage {
    /// From the parser's error; none when it is help or the version that was asked for.
    pub fn of(error: &clap::Error) -> Option<Usage> {
        let context = |kind| error.get(kind);
        let one = |kind| context(kind).map(listed).unwrap_or_default();
        let argument = || one(ContextKind::InvalidArg);
        Some(match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
            ErrorKind::InvalidSubcommand => {
                let hint = hint(context(ContextKind::SuggestedSubcommand));
                Usage::UnknownCommand { given: one(ContextKind::InvalidSubcommand), hint }
            }
            ErrorKind::UnknownArgument => {
                Usage::UnknownArgument { given: argument(), hint: hint(context(ContextKind::SuggestedArg)) }
            }
            ErrorKind::MissingRequiredArgument => Usage::Missing { missing: argument() },
            ErrorKind::InvalidValue if one(ContextKind::InvalidValue).is_empty() => {
                Usage::NoValue { argument: argument() }
            }
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                Usage::BadValue { given: one(ContextKind::InvalidValue), argument: argument(), why: why(error) }
            }
            ErrorKind::ArgumentConflict => Usage::Conflict { argument: argument(), others: one(ContextKind::PriorArg) },
            ErrorKind::TooManyValues
            | ErrorKind::TooFewValues
            | ErrorKind::WrongNumberOfValues
            | ErrorKind::NoEquals => Usage::Count { argument: argument() },
            ErrorKind::MissingSubcommand => Usage::NoCommand { command: one(ContextKind::InvalidSubcommand) },
            ErrorKind::InvalidUtf8 => Usage::NotText,
            _ => Usage::Other,
        })
    }
}

fn listed(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn hint(suggested: Option<&ContextValue>) -> Sentence {
    match suggested.map(listed).filter(|near| !near.is_empty()) {
        Some(near) => say!("; did you mean `{near}`?", "；是否想写 `{near}`？"),
        None => Sentence::default(),
    }
}

/// What a value must be: as its type says, or one of those there are.
fn why(error: &clap::Error) -> Sentence {
    if let Some(sentence) = error.source().and_then(|source| source.downcast_ref::<Sentence>()) {
        return sentence.clone();
    }
    match error.get(ContextKind::ValidValue).map(listed).filter(|known| !known.is_empty()) {
        Some(known) => say!("write one of {known}", "可选值有 {known}"),
        None if error.source().is_some_and(|source| source.is::<std::num::ParseIntError>()) => {
            text!("write a whole number", "请写整数").into()
        }
        None if error.source().is_some_and(|source| source.is::<std::net::AddrParseError>()) => {
            text!("write an address and a port, such as 127.0.0.1:8090", "请写地址和端口，例如 127.0.0.1:8090").into()
        }
        None => match error.source().and_then(|source| range(&source.to_string())) {
            Some((from, to)) => say!("write a number from {from} to {to}", "请写 {from} 到 {to} 之间的数"),
            None => text!("it cannot be read as one", "无法识别").into(),
        },
    }
}

/// The least and the most of `7 is not in 1..=5`, as clap says it.
fn range(said: &str) -> Option<(String, String)> {
    let (from, to) = said.split_once(" is not in ")?.1.split_once("..=")?;
    Some((from.to_owned(), to.to_owned()))
}
