//! One function per command: from what was typed to an answer. What a command means is in the lab;
//! here it is called and shown.

mod audit;
mod budget;
mod dataset;
mod doctor;
mod job;
mod lab;
mod log;
mod people;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use unseen_ids::JobId;
use unseen_lab::{Doing, Lab, LabError, View, open_key};
use unseen_tlog::sshsig::SshSignature;

use crate::args::{Cli, Command, Globals, Signer};
pub use unseen_terminal::Outcome;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::facts;

/// Does what was typed.
pub fn run(cli: &Cli) -> Outcome {
    let globals = &cli.globals;
    match &cli.command {
        Command::Lab(command) => lab::run(globals, command),
        Command::Key(command) => people::key(command),
        Command::Person(command) => people::person(globals, command),
        Command::Policy(command) => people::policy(globals, command),
        Command::Dataset(command) => dataset::run(globals, command),
        Command::Twin(args) => dataset::twin(globals, args),
        Command::Job(command) => job::run(globals, command),
        Command::Budget(args) => budget::run(globals, args),
        Command::Log(command) => log::run(globals, command),
        Command::Audit(command) => audit::run(globals, command),
        Command::Witness(command) => unseen_auditor::witness(command),
        Command::Evidence(command) => unseen_auditor::evidence(command),
        Command::Doctor => doctor::run(globals),
    }
}

/// The lab that the command is for, to write to.
fn open(globals: &Globals) -> Result<Lab, Box<dyn std::error::Error>> {
    Ok(Lab::open(folder(globals)?)?)
}

/// The lab that the command is for, to read.
fn view(globals: &Globals) -> Result<View, Box<dyn std::error::Error>> {
    let dir = folder(globals)?;
    // What a killed process left half done, only a writer can finish; or its error is the one to show.
    Ok(View::open(dir).or_else(|_| Lab::open(dir).map(|lab| lab.view()))?)
}

/// What goes on in the lab at this moment, as JSON and as lines; nothing where nothing does.
fn at_work(lab: &View) -> (serde_json::Value, String) {
    let work = lab.at_work();
    let json = work.iter().map(|(doing, holder)| {
        let (what, dataset) = match doing {
            Doing::Run => ("run", None),
            Doing::Import(dataset) => ("import", Some(dataset)),
        };
        json!({ "what": what, "dataset": dataset, "pid": holder.pid, "command": holder.command })
    });
    let lines = work.iter().map(|(doing, holder)| {
        let said = match doing {
            Doing::Run => format!("a job runs: {holder}"),
            Doing::Import(dataset) => format!("`{dataset}` is imported: {holder}"),
        };
        facts(&[("At work", tr(&said).into_owned())])
    });
    (json.clone().collect(), lines.collect())
}

/// Publishes a job's result if its time has come, and has it witnessed where the policy says so. Nobody holds
/// the lab while the witnesses are asked.
fn publish(globals: &Globals, job: JobId) -> Result<Lab, Box<dyn std::error::Error>> {
    let mut lab = open(globals)?;
    let Some(witnessing) = lab.publish_due(job)? else { return Ok(lab) };
    drop(lab);
    let witnessed = witnessing.carry_out()?;
    let mut lab = open(globals)?;
    lab.conclude_witnessed(job, witnessed)?;
    Ok(lab)
}

fn folder(globals: &Globals) -> Result<&Path, Box<dyn std::error::Error>> {
    Ok(globals.lab.as_deref().ok_or("no lab is named: give its folder with --lab or in UNSEEN_LAB")?)
}

fn key(signer: &Signer) -> Result<Arc<dyn unseen_tlog::Signer>, LabError> {
    Ok(open_key(&signer.key)?)
}

/// The signature that `ssh-keygen -Y sign` wrote beside a file.
fn ssh_signature(file: &Path) -> Result<SshSignature, Box<dyn std::error::Error>> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".sig");
    let beside = PathBuf::from(beside);
    SshSignature::parse_armored(&read_text(&beside)?).map_err(|error| format!("{}: {error}", beside.display()).into())
}

fn all_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// The binary that becomes the worker: this one.
fn program() -> Result<PathBuf, Box<dyn std::error::Error>> {
    Ok(std::env::current_exe()?)
}

fn read_text(path: &Path) -> Result<String, LabError> {
    std::fs::read_to_string(path).map_err(LabError::io(path))
}

/// Writes a new file; one that exists is kept.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => LabError::Exists(path.to_owned()),
        _ => LabError::Io { path: path.to_owned(), source },
    })
}
