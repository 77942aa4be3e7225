//! `unseen job`: from an idea to a release.

use std::path::Path;

use chrono::{DateTime, Utc};
use unseen_ids::JobId;
use unseen_lab::open_key;
use unseen_toolchain::Template;
use unseen_usecases::UseCaseError;
use unseen_usecases::check::{self, Check};
use unseen_usecases::doctor::Hold;
use unseen_usecases::jobs::{self, JobStanding, Reject, Submit, ToSign};
use unseen_usecases::projects;
use unseen_usecases::release;
use unseen_usecases::runs::{self, Ran, Run, Watch};
use unseen_usecases::trial::{self, Try};

use super::project::Project;
use super::{Outcome, desk, key, ssh_signature, write_new};
use crate::args::{Globals, JobCommand, JobDir};
use crate::shown;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, Progress, facts, progress};

pub fn run(globals: &Globals, command: &JobCommand) -> Outcome {
    match command {
        JobCommand::New { name, iterative } => {
            let template = if *iterative { Template::Iterative } else { Template::Histogram };
            let made = projects::new_project(name, template)?;
            let next = tr(
                "Next: edit src/lib.rs and job.toml, then run `cargo test`, `unseen job build` and `unseen job try`.",
            );
            Ok(Output::new(&made, format!("{}{next}", facts(&[("Project", made.project.clone())]))))
        }
        JobCommand::Build { job, module } => build(job, module.as_deref()),
        JobCommand::Check { job, twins } => check(globals, job, twins.as_deref()),
        JobCommand::Try { job, twins, seed } => {
            let job = Project::read(job)?;
            let (name, module, twins) = (job.name(), job.component()?, twins.clone());
            match trial::trial(&Try { name, manifest: job.text, module, twins, seed: *seed }) {
                Ok(trial) => Ok(Output::new(&trial, shown::trial(&trial))),
                Err(UseCaseError::Trial { error, failed }) => {
                    Err(format!("{error}{}", shown::failures(&failed)).into())
                }
                Err(error) => Err(error.into()),
            }
        }
        JobCommand::Submit { job, signer } => {
            let job = Project::read(job)?;
            let (name, module) = (job.name(), job.component()?);
            let request = Submit { name, manifest: job.text, module };
            let done = jobs::submit(&desk(globals)?, &request, &*key(signer)?)?;
            let needed = done.approvals_needed.to_string();
            let text = facts(&[("Submitted", done.job.to_string()), ("Approvals needed", needed)]);
            Ok(Output::new(&done, text))
        }
        JobCommand::List => {
            let found = jobs::jobs(&desk(globals)?)?;
            Ok(Output::new(&found, shown::jobs(&found)))
        }
        JobCommand::Show { job, manifest } => {
            let found = jobs::job(&desk(globals)?, *job)?;
            let text = shown::job(&found);
            Ok(Output::new(&found, if *manifest { format!("{text}\n{}", found.manifest_text) } else { text }))
        }
        JobCommand::Approve { job, to_sign: Some(file), .. } => to_sign(globals, *job, file),
        JobCommand::Approve { job, signed: Some(file), .. } => {
            let (file, entry) = (file.display().to_string(), signed_by_ssh(file)?);
            Ok(standing(&jobs::approve_signed(&desk(globals)?, *job, &file, &entry)?))
        }
        JobCommand::Approve { job, key, .. } => {
            let key = key.as_deref().ok_or("say who signs: give --key, or --to-sign to sign with ssh-keygen")?;
            Ok(standing(&jobs::approve(&desk(globals)?, *job, &*open_key(key)?)?))
        }
        JobCommand::Reject { job, reason, signer } => {
            let request = Reject { job: *job, reason: reason.clone() };
            Ok(standing(&jobs::reject(&desk(globals)?, &request, &*key(signer)?)?))
        }
        JobCommand::Run { job, threads, signer } => {
            let mut watch = Screen { quiet: globals.json, bar: None };
            let request = Run { job: *job, threads: *threads };
            let ran = runs::run(&desk(globals)?, &request, &*key(signer)?, &mut watch);
            watch.clear();
            let ran = ran?;
            Ok(Output::new(&ran, after_run(&ran)).bad_unless(!ran.failed))
        }
        JobCommand::Release { job, signer } => {
            let found = release::release(&desk(globals)?, *job, &*key(signer)?)?;
            let about = [("Job", format!("{job} {}", found.title)), ("Entry", found.entry.to_string())];
            Ok(Output::new(&found, format!("{}{}", facts(&about), shown::numbers(&found.numbers))))
        }
    }
}

fn build(job: &JobDir, module: Option<&Path>) -> Outcome {
    let folder = if job.path.is_dir() { &job.path } else { job.path.parent().unwrap_or(Path::new(".")) };
    let built = match module {
        None => {
            let spinner = progress("Compiling", None);
            let built = projects::build(folder);
            spinner.finish_and_clear();
            built?
        }
        Some(module) => projects::componentize(folder, module)?,
    };
    let text = facts(&[
        ("Component", built.component.clone()),
        ("Size", format!("{} B", built.bytes)),
        ("Digest", built.digest.to_string()),
    ]);
    Ok(Output::new(&built, text))
}

fn check(globals: &Globals, job: &JobDir, twins: Option<&Path>) -> Outcome {
    let job = Project::read(job)?;
    // A component that is not built yet is no fault of the manifest; a bad one is refused.
    let (name, module) = (job.name(), job.component_if_built()?);
    let request = Check { name, manifest: job.text, module };
    let checked = match twins {
        Some(twins) => check::check_on_twins(twins, &request)?,
        None => check::check(&desk(globals)?, &request)?,
    };
    let mut text = shown::plan(&checked.plan);
    if let Some(cap) = checked.job_cap {
        text.push_str(&facts(&[("Cap for one job", format!("{cap} rho"))]));
    }
    let state = match checked.module {
        Some(_) => tr("good: it imports nothing and exports what a job must"),
        None => tr("not built yet: run `unseen job build`"),
    };
    text.push_str(&facts(&[("Component", state.into_owned())]));
    Ok(Output::new(&checked, text))
}

fn to_sign(globals: &Globals, job: JobId, file: &Path) -> Outcome {
    write_new(file, &jobs::approval_to_sign(&desk(globals)?, job)?)?;
    let next = tr("Next: sign it with `ssh-keygen -Y sign -n unseen -f KEY FILE`, then approve with --signed FILE.");
    let to_sign = file.display().to_string();
    let text = format!("{}{next}", facts(&[("To sign", to_sign.clone())]));
    Ok(Output::new(&ToSign { to_sign }, text))
}

/// The entry in a file that was signed with `ssh-keygen`.
fn signed_by_ssh(file: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(file).map_err(unseen_lab::LabError::io(file))?;
    Ok(unseen_entries::sign::with_ssh(&bytes, ssh_signature(file)?)?)
}

fn standing(job: &JobStanding) -> Output {
    let text = facts(&[
        ("Job", format!("{} {}", job.job, job.title)),
        ("State", tr(job.state.name()).into_owned()),
        ("Approvals", format!("{} / {}", job.approvals, job.approvals_needed)),
        ("Entry", job.entry.to_string()),
    ]);
    Output::new(job, text)
}

/// What is shown while a job runs.
struct Screen {
    quiet: bool,
    bar: Option<Progress>,
}

impl Screen {
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Screen {
    fn slot(&mut self, until: DateTime<Utc>) {
        let said = format!(
            "The slot of this run lasts until {} UTC. This command ends then, so that nothing done next tells how long the run took; stopping it sooner loses nothing.",
            until.format("%F %T")
        );
        if !self.quiet {
            eprintln!("{}", tr(&said));
        }
    }

    fn steps(&mut self, done: u32, all: u32) {
        let bar = self.bar.get_or_insert_with(|| progress("Running", Some(1)));
        bar.set_length(u64::from(all));
        bar.set_position(u64::from(done));
    }
}

fn after_run(ran: &Ran) -> String {
    let mut text = facts(&[("Job", ran.job.to_string())]);
    let missing = ran.walls.iter().filter(|wall| wall.state != Hold::Holds);
    let missing: Vec<_> = missing.map(|wall| tr(&wall.name).into_owned()).collect();
    if !missing.is_empty() {
        text.push_str(&facts(&[("Walls that this machine does not have", missing.join(", "))]));
    }
    if let Some(why) = &ran.without_evidence {
        text.push_str(&facts(&[("There is no evidence of the machine", tr(&why.to_string()).into_owned())]));
    }
    if let Some(why) = &ran.cut_short {
        text.push_str(&facts(&[("The run was cut short", tr(&why.to_string()).into_owned())]));
    }
    match ran.released {
        Some(entry) => {
            text.push_str(&facts(&[("Released by entry", entry.to_string())]));
            text.push_str(&tr("Read it with `unseen job release`."));
        }
        None if ran.failed => text.push_str(&tr("The job failed and has no result; its charge stays.")),
        None => text.push_str(&facts(&[("The result is sealed until", ran.release_at.to_rfc3339())])),
    }
    text
}
