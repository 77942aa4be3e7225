//! `unseen`: the one binary people type. Parses, opens the lab, does one command, prints the answer.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod advice;
mod args;
mod commands;
mod config;
mod hand_in;
mod help;
mod place;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use unseen_terminal::Program;
use unseen_usecases::{UseCaseError, doctor, imports};

use crate::args::Cli;

fn main() -> ExitCode {
    // What the lab starts itself is no command: it gets no lab, no language and no arguments.
    let argument = std::env::args_os().nth(1).unwrap_or_default();
    if argument == unseen_worker::process::ARGUMENT {
        unseen_worker::inside::work();
        return ExitCode::SUCCESS;
    }
    if argument == imports::ARGUMENT {
        return ended(imports::work());
    }
    if argument == doctor::ARGUMENT {
        return ended(doctor::work());
    }
    Program { chinese: help::PAGES, advice: advice::advice }.main(commands::run, |cli: &Cli| cli.globals.json)
}

fn ended(worked: Result<(), UseCaseError>) -> ExitCode {
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
