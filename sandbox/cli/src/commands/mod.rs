//! One function per command: from what was typed to a request, and from the answer to what is shown. What a
//! command means is in the use-cases.

mod ask;
mod audit;
mod budget;
mod certificate;
mod dataset;
mod doctor;
mod fits;
mod import;
mod job;
mod lab;
mod log;
mod login;
mod new_job;
mod nodes;
mod packs;
mod pages;
mod people;
mod policy;
mod project;
mod quality;
mod serve;
mod visits;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use unseen_lab::{LabError, open_key};
use unseen_texts::{Lang, say, text};
use unseen_tlog::signature::sshsig::SshSignature;

use crate::args::{ChangeSigner, Cli, Command, Globals, JobCommand, Signer, Tongue};
use crate::config::Profile;
use crate::hand_in;
use crate::place::Place;
use unseen_api::address::Addressed;
use unseen_terminal::output::Output;
pub use unseen_terminal::{Outcome, Problem};
use unseen_usecases::Change;

/// Does what was typed.
pub fn run(cli: &Cli, lang: Lang) -> Outcome {
    let globals = &cli.globals;
    let code = globals.tongues.iter().find(|tongue| matches!(tongue, Tongue::Code(_)));
    if code.is_some() && !matches!(&cli.command, Command::Job(JobCommand::New { .. })) {
        return Err(text!(
            "only `job new` has code to write in a language; elsewhere `--lang` is that of texts, en or zh",
            "只有 `job new` 需要选择代码语言；在其他命令中，`--lang` 是文字的语言：en 或 zh"
        )
        .into());
    }
    match &cli.command {
        Command::Lab(command) => lab::run(globals, command, lang),
        Command::Key(command) => people::key(command, lang),
        Command::Person(command) => people::person(globals, command, lang),
        Command::Node(command) => nodes::run(globals, command, lang),
        Command::Policy(command) => policy::run(globals, command, lang),
        Command::Dataset(command) => dataset::run(globals, command, lang),
        Command::Twin(args) => dataset::twin(globals, args, lang),
        Command::Job(command) => job::run(globals, command, lang),
        Command::Ask(args) => ask::run(globals, args, lang),
        Command::Budget(args) => budget::run(globals, args, lang),
        Command::Log(command) => log::run(globals, command, lang),
        Command::Audit(command) => audit::run(globals, command, lang),
        Command::Witness(command) => unseen_auditor::witness(command, lang),
        Command::Evidence(command) => unseen_auditor::evidence(command, lang),
        Command::Serve(args) => serve::run(globals, args, lang),
        Command::Certificate(command) => certificate::run(command, lang),
        Command::Login { office, signer } => login::login(globals, *office, signer, lang),
        Command::Logout => login::logout(globals, lang),
        Command::Countersign { file, signer } => hand_in::countersign(file, &*key(globals, signer)?, lang),
        Command::Receive { file } => hand_in::receive(&Place::of(globals, lang)?, file, lang),
        Command::Doctor => doctor::run(globals, lang),
        Command::Explain { word } => pages::explain(word.as_deref(), lang),
        Command::Completions { shell } => pages::completions(*shell, lang),
        Command::Man { dir } => pages::man(dir, lang),
    }
}

/// Makes a change, or writes it to a file, signed.
fn change<C: Change + Addressed>(
    globals: &Globals,
    wish: C,
    by: &ChangeSigner,
    lang: Lang,
    shown: impl FnOnce(&C::Answer) -> Output,
) -> Outcome {
    let place = Place::of(globals, lang)?;
    match &by.out {
        Some(out) => hand_in::write(&place, wish, &key_name(globals, &by.signer)?, out, lang),
        None => Ok(shown(&place.make(wish, &*key(globals, &by.signer)?)?)),
    }
}

/// The key that signs.
fn key(globals: &Globals, signer: &Signer) -> Result<Arc<dyn unseen_tlog::Signer>, Problem> {
    Ok(open_key(&key_name(globals, signer)?)?)
}

/// Where the key is that signs: as typed, or as configured.
fn key_name(globals: &Globals, signer: &Signer) -> Result<String, Problem> {
    let none = text!(
        "say who signs: give --key, or set UNSEEN_KEY, or name a key in the configuration",
        "请指明谁来签名：用 --key 给出密钥，或设置 UNSEEN_KEY，或在配置文件中写明"
    );
    let named = match &signer.key {
        Some(key) => Some(key.clone()),
        None => Profile::chosen(globals)?.key,
    };
    Ok(named.ok_or(none)?)
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
