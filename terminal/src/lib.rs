//! What people read on a terminal: answers as text and JSON, tables, progress, and Chinese.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod i18n;
pub mod output;

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
    let matches = i18n::localise(P::command()).try_get_matches();
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
