//! `unseen job`: from an idea to a release.

use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::json;
use unseen_audit::named;
use unseen_ids::{Digest, JobId, PublicKey};
use unseen_lab::{Begun, Lab, LabError, RunLock, View, open_key};
use unseen_policies::event::Event;
use unseen_policies::manifest::{Manifest, ModuleRef};
use unseen_policies::plan::Plan;
use unseen_toolchain::{Template, build, componentize, new_project};
use unseen_worker::ready_made;

use super::{
    Outcome, all_cores, at_work, folder, key, open, program, publish, read_text, ssh_signature, trial, view, write_new,
};
use crate::args::{Globals, JobCommand, JobDir};
use crate::shown;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, facts, progress, steps, table};

pub fn run(globals: &Globals, command: &JobCommand) -> Outcome {
    match command {
        JobCommand::New { name, iterative } => {
            let template = if *iterative { Template::Iterative } else { Template::Histogram };
            let crate_name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            new_project(name, &crate_name, template)?;
            let next = tr(
                "Next: edit src/lib.rs and job.toml, then run `cargo test`, `unseen job build` and `unseen job try`.",
            );
            Ok(Answer::new(
                json!({ "project": name }),
                format!("{}{next}", facts(&[("Project", name.display().to_string())])),
            ))
        }
        JobCommand::Build { job, module } => make(job, module.as_deref()),
        JobCommand::Check { job, twins } => check(globals, job, twins.as_deref()),
        JobCommand::Try { job, twins, seed } => {
            let job = Job::read(job)?;
            trial::run(&job.manifest, &job.name(), &job.component()?, twins, *seed)
        }
        JobCommand::Submit { job, signer } => {
            let job = Job::read(job)?;
            let mut lab = open(globals)?;
            let id = lab.submit(&job.name(), &job.text, &job.component()?, &*key(signer)?)?;
            let needed = lab.ledger().policy().map_or(0, |policy| policy.approvals);
            let text = facts(&[("Submitted", id.to_string()), ("Approvals needed", needed.to_string())]);
            Ok(Answer::new(json!({ "job": id.to_string(), "approvalsNeeded": needed }), text))
        }
        JobCommand::List => list(&view(globals)?),
        JobCommand::Show { job, manifest } => show(&view(globals)?, *job, *manifest),
        JobCommand::Approve { job, to_sign, signed, key } => {
            let mut lab = open(globals)?;
            if let Some(signed) = signed {
                let entry = signed_by_ssh(signed)?;
                let said = unseen_entries::sign::unverified(&entry)?.event;
                if !matches!(&said, Event::JobApproved(approval) if approval.job == *job) {
                    let (file, kind) = (signed.display(), said.kind());
                    return Err(format!("{file} holds no approval of {job} but an entry of the kind {kind}, or another job's: nothing was done").into());
                }
                let entry = lab.accept(&entry, &[])?;
                return state(&lab, *job, entry);
            }
            let event = unseen_lab::requests::approval(lab.ledger(), lab.log().checkpoint(), *job)?;
            if let Some(file) = to_sign {
                write_new(file, &lab.to_sign(event)?)?;
                let next = tr(
                    "Next: sign it with `ssh-keygen -Y sign -n unseen -f KEY FILE`, then approve with --signed FILE.",
                );
                return Ok(Answer::new(
                    json!({ "toSign": file }),
                    format!("{}{next}", facts(&[("To sign", file.display().to_string())])),
                ));
            }
            let key = key.as_deref().ok_or("say who signs: give --key, or --to-sign to sign with ssh-keygen")?;
            let entry = lab.sign_and_accept(event, &*open_key(key)?, &[])?;
            state(&lab, *job, entry)
        }
        JobCommand::Reject { job, reason, signer } => {
            let mut lab = open(globals)?;
            let event = unseen_policies::event::JobRejected { job: *job, reason: reason.clone() };
            let entry = lab.sign_and_accept(event, &*key(signer)?, &[])?;
            state(&lab, *job, entry)
        }
        JobCommand::Run { job, threads, signer } => {
            let threads = threads.unwrap_or_else(all_cores).clamp(1, 256);
            carry_out(globals, *job, threads, &*key(signer)?)
        }
        JobCommand::Release { job, signer } => {
            let reader = key(signer)?;
            // A stranger brings nothing about.
            view(globals)?.ledger().person(&PublicKey::from(reader.verifying_key()))?;
            let mut lab = publish(globals, *job)?;
            let published = lab.read_release(*job, &*reader)?;
            let title = lab.ledger().job(*job)?.submitted.title.clone();
            let text = format!(
                "{}{}",
                facts(&[("Job", format!("{job} {title}")), ("Entry", published.entry.to_string())]),
                shown::release(&published.body)
            );
            Ok(Answer::new(serde_json::from_slice::<serde_json::Value>(&published.bytes)?, text))
        }
    }
}

fn carry_out(globals: &Globals, job: JobId, threads: u32, operator: &dyn unseen_tlog::Signer) -> Outcome {
    let held = RunLock::take(folder(globals)?)?;
    // The lab is open while the run is charged, and not while it goes on.
    let begun = open(globals)?.begin(&program()?, job, operator, threads, &held)?;
    let walls = begun.walls().cloned();
    let evidence = begun.evidence().map(str::to_owned);
    let carried = within_slot(begun, globals.json);
    let ran = publish(globals, job)?.standing(job)?;
    let cut_short = match carried {
        // Its time had come, so it has failed by now.
        Err(LabError::CutShort { fault, .. }) if ran.failed => Some(fault.to_string()),
        other => other.map(|()| None)?,
    };
    let missing: Vec<_> = walls.iter().flat_map(|walls| walls.missing()).map(|wall| tr(wall).into_owned()).collect();
    let mut text = facts(&[("Job", job.to_string())]);
    if !missing.is_empty() {
        text.push_str(&facts(&[("Walls that this machine does not have", missing.join(", "))]));
    }
    if let Some(why) = &evidence {
        text.push_str(&facts(&[("There is no evidence of the machine", tr(why).into_owned())]));
    }
    if let Some(why) = &cut_short {
        text.push_str(&facts(&[("The run was cut short", tr(why).into_owned())]));
    }
    match ran.released {
        Some(entry) => {
            text.push_str(&facts(&[("Released by entry", entry.to_string())]));
            text.push_str(&tr("Read it with `unseen job release`."));
        }
        None if ran.failed => text.push_str(&tr("The job failed and has no result; its charge stays.")),
        None => text.push_str(&facts(&[("The result is sealed until", ran.release_at.to_rfc3339())])),
    }
    let json = json!({ "job": job.to_string(), "released": ran.released, "failed": ran.failed, "releaseAt": ran.release_at, "cutShort": cut_short, "withoutEvidence": evidence, "walls": walls });
    Ok(Answer::new(json, text).bad_unless(!ran.failed))
}

/// Carries a run out and lets it have its whole slot: what is done next, and what is shown, then tells nobody
/// how long the run took. A run without a slot is watched as it goes on.
fn within_slot(begun: Begun, json: bool) -> Result<(), LabError> {
    let slot_ends = begun.slot_ends();
    let left = || (slot_ends - Utc::now()).to_std().unwrap_or_default();
    if left().is_zero() {
        let bar = progress("Running", Some(1));
        let carried = begun.carry_out(steps(&bar));
        bar.finish_and_clear();
        return carried;
    }
    let said = format!(
        "The slot of this run lasts until {} UTC. This command ends then, so that nothing done next tells how long the run took; stopping it sooner loses nothing.",
        slot_ends.format("%F %T")
    );
    if !json {
        eprintln!("{}", tr(&said));
    }
    let carried = begun.carry_out(|_, _| ());
    while !left().is_zero() {
        std::thread::sleep(left());
    }
    carried
}

/// The entry in a file that was signed with `ssh-keygen`.
fn signed_by_ssh(file: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(file).map_err(unseen_lab::LabError::io(file))?;
    Ok(unseen_entries::sign::with_ssh(&bytes, ssh_signature(file)?)?)
}

/// A job's folder: its manifest and what it names.
pub struct Job {
    path: PathBuf,
    text: String,
    manifest: Manifest,
}

impl Job {
    fn read(dir: &JobDir) -> Result<Job, Box<dyn std::error::Error>> {
        let path = if dir.path.is_dir() { dir.path.join("job.toml") } else { dir.path.clone() };
        let text = read_text(&path)?;
        let manifest = Manifest::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Job { path, text, manifest })
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Where the component is, once it is built; none when the lab's own map takes its place.
    fn component_file(&self) -> Option<PathBuf> {
        let beside = self.path.parent().unwrap_or(Path::new("."));
        match &self.manifest.job.module {
            Some(ModuleRef::Path(path)) => Some(beside.join(path)),
            None | Some(ModuleRef::Digest(_)) => Some(beside.join("target/job.wasm")),
            Some(ModuleRef::ReadyMadeSum) => None,
        }
    }

    fn component(&self) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let Some(file) = self.component_file() else { return Ok(ready_made::SUM.to_vec()) };
        let opened = std::fs::File::open(&file)
            .map_err(|_| format!("there is no component {}: run `unseen job build` first", file.display()))?;
        // Far too long a file is refused unread.
        let size = opened.metadata()?.len() as usize;
        if size > unseen_runtime::MAX_MODULE {
            return Err(unseen_lab::LabError::Module(unseen_runtime::ModuleError::TooLong { size }.to_string()).into());
        }
        let mut bytes = Vec::new();
        opened.take(unseen_runtime::MAX_MODULE as u64).read_to_end(&mut bytes)?;
        if let Some(ModuleRef::Digest(named)) = &self.manifest.job.module
            && Digest::of(&bytes) != *named
        {
            return Err(format!("{} is not the module that job.toml names: {named}", file.display()).into());
        }
        Ok(bytes)
    }
}

fn make(job: &JobDir, module: Option<&Path>) -> Outcome {
    let dir = if job.path.is_dir() { job.path.clone() } else { job.path.parent().unwrap_or(Path::new(".")).to_owned() };
    let (path, bytes) = match module {
        None => {
            let spinner = progress("Compiling", None);
            let built = build(&dir);
            spinner.finish_and_clear();
            let built = built?;
            (built.path, built.bytes)
        }
        Some(module) => {
            let bytes = componentize(&std::fs::read(module).map_err(unseen_lab::LabError::io(module))?)?;
            let path = dir.join("target/job.wasm");
            std::fs::create_dir_all(dir.join("target"))
                .and_then(|()| std::fs::write(&path, &bytes))
                .map_err(unseen_lab::LabError::io(&path))?;
            (path, bytes)
        }
    };
    let digest = Digest::of(&bytes);
    let text = facts(&[
        ("Component", path.display().to_string()),
        ("Size", format!("{} B", bytes.len())),
        ("Digest", digest.to_string()),
    ]);
    Ok(Answer::new(json!({ "component": path, "bytes": bytes.len(), "digest": digest }), text))
}

fn check(globals: &Globals, job: &JobDir, twins: Option<&Path>) -> Outcome {
    let job = Job::read(job)?;
    let (plan, need, left) = match twins {
        Some(twins) => (trial::plan(&job.manifest, &job.name(), twins)?, None, None),
        None => {
            let lab = view(globals)?;
            let (manifest, plan) = lab.plan(&job.name(), &job.text)?;
            lab.check_columns(&manifest)?;
            let policy = lab.ledger().policy().cloned();
            let need = named::need(lab.ledger(), &manifest, &plan);
            (plan, need, policy)
        }
    };
    let delta = left.as_ref().map_or(1e-6, |policy| policy.delta);
    let mut text = shown::plan(&job.manifest, &plan, need.as_ref(), delta);
    if let Some(policy) = &left {
        text.push_str(&facts(&[("Cap for one job", format!("{} rho", policy.caps.job))]));
    }
    // A component that is not built yet is no fault of the manifest; a bad one is refused.
    let (state, module) = if job.component_file().is_none_or(|file| file.exists()) {
        let bytes = job.component()?;
        unseen_lab::compile(&bytes, &job.manifest, &plan)?;
        (tr("good: it imports nothing and exports what a job must").into_owned(), Some(Digest::of(&bytes)))
    } else {
        (tr("not built yet: run `unseen job build`").into_owned(), None)
    };
    text.push_str(&facts(&[("Component", state)]));
    Ok(Answer::new(json!({ "plan": shown::plan_json(&plan, need.as_ref(), delta), "module": module }), text))
}

fn list(lab: &View) -> Outcome {
    let ledger = lab.ledger();
    let author = |key| ledger.people().get(key).map_or(String::new(), |person| person.name.clone());
    let rows = ledger.jobs().iter().map(|(id, job)| {
        vec![
            id.to_string(),
            job.submitted.title.clone(),
            author(&job.author),
            tr(job.state.name()).into_owned(),
            job.submitted.rho.to_string(),
            job.time.format("%F %R").to_string(),
        ]
    });
    let json: Vec<_> = ledger
        .jobs()
        .iter()
        .map(|(id, job)| json!({ "job": id.to_string(), "title": job.submitted.title, "author": author(&job.author), "state": job.state,
            "rho": job.submitted.rho, "submitted": job.time }))
        .collect();
    let shown = table(&["job", "title", "author", "state", ">rho", "submitted (UTC)"], rows);
    // Whoever lists jobs while one runs wants to know.
    let work = at_work(lab).1;
    Ok(Answer::new(json, if work.is_empty() { shown } else { format!("{shown}\n{work}") }))
}

fn show(lab: &View, id: JobId, with_manifest: bool) -> Outcome {
    let ledger = lab.ledger();
    let job = ledger.job(id)?;
    let (manifest_text, manifest, plan): (String, Manifest, Plan) = lab.submitted_plan(id)?;
    let delta = ledger.policy().map_or(1e-6, |policy| policy.delta);
    let name = |key| ledger.people().get(key).map_or(String::new(), |person| person.name.clone());
    let approvals: Vec<_> = job.approvals.iter().map(|(_, key)| name(key)).collect();
    let mut text = facts(&[
        ("Job", format!("{id} {}", job.submitted.title)),
        ("Author", name(&job.author)),
        ("State", tr(job.state.name()).into_owned()),
        ("Approved by", approvals.join(", ")),
        ("Manifest", job.submitted.manifest.to_string()),
        ("Module", job.submitted.module.to_string()),
        ("Datasets", job.submitted.datasets.iter().map(|used| used.name.clone()).collect::<Vec<_>>().join(", ")),
    ]);
    if let Some(reason) = &job.reason {
        text.push_str(&facts(&[("Reason", reason.clone())]));
    }
    text.push_str(&shown::plan(&manifest, &plan, job.submitted.need.as_ref(), delta));
    if with_manifest {
        text.push_str(&format!("\n{manifest_text}"));
    }
    let json = json!({ "job": id.to_string(), "submitted": job.submitted, "author": name(&job.author), "state": job.state, "approvedBy": approvals,
        "run": job.run.as_ref().map(|run| json!({ "entry": run.entry, "releaseAt": run.release_at, "runtime": run.runtime, "runtimeBuild": run.runtime_build })),
        "release": job.release.as_ref().map(|(entry, _)| entry), "reason": job.reason, "plan": shown::plan_json(&plan, job.submitted.need.as_ref(), delta), "manifest": manifest_text });
    Ok(Answer::new(json, text))
}

fn state(lab: &Lab, id: JobId, entry: u64) -> Outcome {
    let job = lab.ledger().job(id)?;
    let needed = lab.ledger().policy().map_or(0, |policy| policy.approvals);
    let text = facts(&[
        ("Job", format!("{id} {}", job.submitted.title)),
        ("State", tr(job.state.name()).into_owned()),
        ("Approvals", format!("{} / {needed}", job.approvals.len())),
        ("Entry", entry.to_string()),
    ]);
    Ok(Answer::new(
        json!({ "job": id.to_string(), "state": job.state, "approvals": job.approvals.len(), "needed": needed, "entry": entry }),
        text,
    ))
}
