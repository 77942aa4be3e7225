//! What people read on a terminal: answers as text and JSON, tables, progress, help and what was typed wrong.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod help;
pub mod language;
pub mod output;
pub mod page;
mod problem;
pub mod table;
mod usage;

use std::io::Write;

use unseen_texts::{Lang, Text, text};

use problem::Unwritten;
pub use problem::{FileError, Problem, may_be_made, write_new};
use usage::Usage;

/// What a help page ends with: a heading, and commands that can be typed as they stand.
#[macro_export]
macro_rules! examples {
    ($($line:literal),+ $(,)?) => { concat!("Examples:" $(, "\n  ", $line)+) };
}

/// Lets the page of a group of commands end with the first examples of its first commands.
pub fn with_examples(command: clap::Command) -> clap::Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_examples));
    if command.get_after_help().is_some() || !command.has_subcommands() {
        return command;
    }
    let pages = command.get_subcommands().filter_map(|sub| sub.get_after_help()).map(ToString::to_string);
    let firsts = pages.filter_map(|page| page.lines().nth(1).map(str::to_owned)).take(2);
    let lines: Vec<_> = std::iter::once("Examples:".to_owned()).chain(firsts).collect();
    command.after_help(lines.join("\n"))
}

/// What a command returns.
pub type Outcome = Result<output::Output, Problem>;

/// A program whose front is a command line.
pub struct Program {
    /// Its help in Chinese.
    pub chinese: &'static [help::Page],
    /// What to do about an error, by its code: said after it, to people.
    pub advice: fn(code: &str) -> Option<Text>,
}

impl Program {
    /// Runs: parses the arguments, does what was typed, prints the answer or the one sentence that says why not, in
    /// the language of whoever typed it. The exit code is 0, 1 when what was found is bad or refused, 2 when the
    /// arguments are wrong.
    pub fn main<P: clap::Parser>(
        &self,
        run: impl FnOnce(&P, Lang) -> Outcome,
        as_json: impl FnOnce(&P) -> bool,
    ) -> std::process::ExitCode {
        let typed: Vec<String> = std::env::args_os().map(|typed| typed.to_string_lossy().into_owned()).collect();
        let named = language::typed(&typed);
        let lang = language::chosen(named);
        named.into_iter().for_each(output::write_json_in);
        let command = with_examples(P::command());
        let command = if lang == Lang::Zh { help::in_chinese(command, self.chinese) } else { command };
        let matches = command.try_get_matches();
        let parsed = match matches.and_then(|matches| P::from_arg_matches(&matches)) {
            Ok(parsed) => parsed,
            Err(stop) => return told(&stop, lang, typed.iter().any(|typed| typed == "--json")),
        };
        let json = as_json(&parsed);
        match run(&parsed, lang) {
            Ok(answer) => match answer.print(json) {
                Ok(()) => answer.exit_code().into(),
                Err(source) => {
                    output::print_error(&Unwritten { source }.into(), None, lang, json);
                    1.into()
                }
            },
            Err(problem) => {
                let advice = (self.advice)(problem.message().code());
                output::print_error(&problem, advice, lang, json);
                1.into()
            }
        }
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn told(stop: &clap::Error, lang: Lang, json: bool) -> std::process::ExitCode {
    match Usage::of(stop) {
        Some(usage) => {
            let more = text!("--help explains the command", "用 --help 查看命令的说明");
            output::print_error(&usage.into(), Some(more), lang, json);
        }
        None if lang == Lang::En => {
            let _ = stop.print();
        }
        None => {
            let page = help::set_as_chinese(&stop.render().to_string());
            let _ = if stop.use_stderr() {
                write!(std::io::stderr(), "{page}")
            } else {
                write!(std::io::stdout(), "{page}")
            };
        }
    }
    u8::try_from(stop.exit_code()).unwrap_or(2).into()
}
