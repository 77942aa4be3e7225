//! `unseen`: the one binary people type. Parses, opens the lab, does one command, prints the answer.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod advice;
mod args;
mod commands;
mod config;
mod figures;
mod hand_in;
mod help;
mod place;
mod released;
mod shown;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use unseen_terminal::Program;

use crate::args::Cli;

fn main() -> ExitCode {
    // The worker is not a command: it gets no lab, no language and no arguments.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == unseen_worker::process::ARGUMENT) {
        unseen_worker::process::work();
        return ExitCode::SUCCESS;
    }
    Program { chinese: help::PAGES, advice: advice::advice }.main(commands::run, |cli: &Cli| cli.globals.json)
}
