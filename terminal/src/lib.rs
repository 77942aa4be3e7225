//! What people read on a terminal: answers as text and JSON, tables, progress, and Chinese.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod i18n;
pub mod output;

/// What a help page ends with: a heading, and commands that can be typed as they stand.
#[macro_export]
macro_rules! examples {
    ($($line:literal),+ $(,)?) => { concat!("Examples:" $(, "\n  ", $line)+) };
}

/// Lets the page of a group of commands end with the first examples of its first commands.
fn with_examples(command: clap::Command) -> clap::Command {
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

/// What a command returns; an error is one sentence.
pub type Outcome = Result<output::Output, Box<dyn std::error::Error>>;

/// Runs a program: parses its arguments in the chosen language, does what was typed, prints the answer
/// or the one sentence that says why not. The exit code is 0, 1 when what was found is bad or refused,
/// 2 when the arguments are wrong.
pub fn main<P: clap::Parser>(
    run: impl FnOnce(&P) -> Outcome,
    as_json: impl FnOnce(&P) -> bool,
) -> std::process::ExitCode {
    i18n::choose(i18n::asked());
    let matches = i18n::localise(with_examples(P::command())).try_get_matches();
    let parsed = match matches.and_then(|matches| P::from_arg_matches(&matches)) {
        Ok(parsed) => parsed,
        Err(stop) => return told(&stop),
    };
    let json = as_json(&parsed);
    match run(&parsed) {
        Ok(answer) => {
            answer.print(json);
            answer.exit_code().into()
        }
        Err(error) => {
            output::print_error(&error.to_string(), json);
            1.into()
        }
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn told(stop: &clap::Error) -> std::process::ExitCode {
    use std::io::Write;
    if i18n::choose(None) == i18n::Lang::En {
        let _ = stop.print();
    } else {
        let text = i18n::by_lines(&stop.render().to_string());
        let _ =
            if stop.use_stderr() { write!(std::io::stderr(), "{text}") } else { write!(std::io::stdout(), "{text}") };
    }
    u8::try_from(stop.exit_code()).unwrap_or(2).into()
}
