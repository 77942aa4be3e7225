//! `unseen`: the one binary people type. Parses, opens the lab, does one command, prints the answer.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod args;
mod bench;
mod commands;
mod i18n;
mod output;
mod shown;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Lang};

fn main() -> ExitCode {
    // The worker is not a command: it gets no lab, no language and no arguments.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == unseen_worker::process::ARGUMENT) {
        unseen_worker::process::work();
        return ExitCode::SUCCESS;
    }
    i18n::choose(asked_language());
    let parsed = i18n::localise(Cli::command()).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(stop) => return told(&stop),
    };
    match commands::run(&cli) {
        Ok(answer) => {
            answer.print(cli.globals.json);
            ExitCode::from(answer.exit_code())
        }
        Err(error) => {
            output::print_error(&error.to_string(), cli.globals.json);
            ExitCode::from(1)
        }
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn told(stop: &clap::Error) -> ExitCode {
    use std::io::Write;
    if i18n::choose(None) == Lang::En {
        let _ = stop.print();
    } else {
        let text = i18n::by_lines(&stop.render().to_string());
        let _ =
            if stop.use_stderr() { write!(std::io::stderr(), "{text}") } else { write!(std::io::stdout(), "{text}") };
    }
    ExitCode::from(u8::try_from(stop.exit_code()).unwrap_or(2))
}

/// `--lang`, looked for before parsing so that even parse errors and help come in that language.
fn asked_language() -> Option<Lang> {
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
