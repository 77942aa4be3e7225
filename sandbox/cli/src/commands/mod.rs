//! One function per command: from what was typed to a request, and from the answer to what is shown. What a
//! command means is in the use-cases.

mod audit;
mod budget;
mod dataset;
mod doctor;
mod job;
mod lab;
mod log;
mod people;
mod project;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use unseen_lab::{LabError, open_key};
use unseen_texts::{Lang, say, text};
use unseen_tlog::sshsig::SshSignature;
use unseen_usecases::Folder;

use crate::args::{Cli, Command, Globals, Signer};
pub use unseen_terminal::{Outcome, Problem};

/// Does what was typed.
pub fn run(cli: &Cli, lang: Lang) -> Outcome {
    let globals = &cli.globals;
    match &cli.command {
        Command::Lab(command) => lab::run(globals, command, lang),
        Command::Key(command) => people::key(command, lang),
        Command::Person(command) => people::person(globals, command, lang),
        Command::Policy(command) => people::policy(globals, command, lang),
        Command::Dataset(command) => dataset::run(globals, command, lang),
        Command::Twin(args) => dataset::twin(globals, args, lang),
        Command::Job(command) => job::run(globals, command, lang),
        Command::Budget(args) => budget::run(globals, args, lang),
        Command::Log(command) => log::run(globals, command, lang),
        Command::Audit(command) => audit::run(globals, command, lang),
        Command::Witness(command) => unseen_auditor::witness(command, lang),
        Command::Evidence(command) => unseen_auditor::evidence(command, lang),
        Command::Doctor => doctor::run(globals, lang),
    }
}

/// The lab that the command is for.
fn desk(globals: &Globals) -> Result<Folder, Problem> {
    let none = text!(
        "no lab is named: give its folder with --lab or in UNSEEN_LAB",
        "没有指定实验室：请用 --lab 或 UNSEEN_LAB 给出文件夹"
    );
    let folder = globals.lab.clone().ok_or(none)?;
    Ok(Folder { folder, program: program()? })
}

/// The binary that becomes the worker: this one.
fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

fn key(signer: &Signer) -> Result<Arc<dyn unseen_tlog::Signer>, LabError> {
    Ok(open_key(&signer.key)?)
}

/// The signature that `ssh-keygen -Y sign` wrote beside a file.
fn ssh_signature(file: &Path) -> Result<SshSignature, Problem> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".sig");
    let beside = PathBuf::from(beside);
    let refused = |error| say!("{beside}: {error}", "{beside}：{error}");
    Ok(SshSignature::parse_armored(&read_text(&beside)?).map_err(refused)?)
}

fn read_text(path: &Path) -> Result<String, LabError> {
    unseen_durable::read_text(path).map_err(LabError::io(path))
}
