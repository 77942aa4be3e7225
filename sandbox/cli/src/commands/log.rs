//! `unseen log`: reading the log inside the lab, and taking it outside.

use std::path::Path;

use serde_json::json;
use unseen_audit::bundle::VERIFIER_KEY;
use unseen_audit::fold::Fold;
use unseen_ids::Digest;
use unseen_lab::{LabError, View};
use unseen_log::{CHECKPOINT, blob_path, handover_path, sm2_path};
use unseen_policies::event::Event;
use unseen_tlog::tile;

use super::{Outcome, open, view};
use crate::args::{Globals, LogCommand};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, facts, table};

pub fn run(globals: &Globals, command: &LogCommand) -> Outcome {
    let lab = view(globals)?;
    match command {
        LogCommand::Witness => witness(globals, &lab),
        LogCommand::Show { entry: Some(entry), .. } => one(&lab, *entry),
        LogCommand::Show { from, entry: None } => list(&lab, *from),
        LogCommand::Checkpoint => {
            let edge = lab.log().checkpoint();
            let note = lab.log().note().to_string();
            Ok(Answer::new(json!({ "origin": edge.origin, "size": edge.size, "checkpoint": note }), note))
        }
        LogCommand::Prove { entry } => {
            must_exist(&lab, *entry)?;
            let proof = lab.log().prove_entry(*entry)?.to_string();
            Ok(Answer::new(json!({ "entry": entry, "proof": proof }), proof))
        }
        LogCommand::Export { out, modules } => export(&lab, out, *modules),
    }
}

fn must_exist(lab: &View, entry: u64) -> Result<(), String> {
    let size = lab.log().size();
    if entry < size { Ok(()) } else { Err(format!("there is no entry {entry}: the log has {size} entries")) }
}

fn one(lab: &View, entry: u64) -> Outcome {
    must_exist(lab, entry)?;
    let bytes = lab.log().entry(entry)?;
    let envelope: serde_json::Value = serde_json::from_slice(&bytes)?;
    let payload = unseen_tlog::dsse::Envelope::from_bytes(&bytes)?;
    let statement: serde_json::Value = serde_json::from_slice(payload.unverified_payload())?;
    let text = serde_json::to_string_pretty(&statement)?;
    Ok(Answer::new(json!({ "entry": entry, "statement": statement, "envelope": envelope }), text))
}

/// Asks the witnesses, and shows what each said. Fewer than the policy asks for is bad.
fn witness(globals: &Globals, lab: &View) -> Outcome {
    let witnessed = lab.witnessing()?.carry_out()?;
    open(globals)?.publish_witnessed(&witnessed)?;
    let gathered = &witnessed.gathered;
    let needs = lab.ledger().witnesses().map_or(0, |rule| rule.quorum as usize);
    let cosigned = gathered.cosignatures.iter().map(|found| vec![found.name.clone(), tr("cosigned").into_owned()]);
    let refused = gathered.refusals.iter().map(|(name, why)| vec![name.clone(), tr(&why.to_string()).into_owned()]);
    let text = table(&["witness", "answer"], cosigned.chain(refused));
    let json = json!({
        "size": lab.log().size(),
        "cosigned": gathered.cosignatures.iter().map(|found| &found.name).collect::<Vec<_>>(),
        "refused": gathered.refusals.iter().map(|(name, why)| json!({ "name": name, "why": why.to_string() })).collect::<Vec<_>>(),
        "checkpoint": witnessed.note().to_string(),
    });
    Ok(Answer::new(json, text).bad_unless(gathered.reaches(needs)))
}

fn list(lab: &View, from: u64) -> Outcome {
    let mut fold = Fold::default();
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for (index, entry) in (0u64..).zip(lab.log().entries(0)) {
        let opened = fold.next(&entry?)?;
        if index < from {
            continue;
        }
        let ledger = fold.ledger();
        let signer = match ledger.people().get(&opened.signer) {
            Some(person) => person.name.clone(),
            None => tr("the lab").into_owned(),
        };
        let (kind, time) = (opened.record.event.kind(), opened.record.time.format("%F %T").to_string());
        let about = about(&opened.record.event);
        found.push(
            json!({ "entry": index, "time": opened.record.time, "kind": kind, "signer": signer, "about": about }),
        );
        rows.push(vec![index.to_string(), time, tr(kind).into_owned(), signer, about]);
    }
    Ok(Answer::new(found, table(&[">entry", "time (UTC)", "what", "signed by", "about"], rows)))
}

/// What an event is about, in a few words.
fn about(event: &Event) -> String {
    match event {
        Event::LabCreated(e) => e.owner.clone(),
        Event::PersonEnrolled(e) => format!(
            "{}: {}",
            e.name,
            e.roles.iter().map(|role| tr(role.name()).into_owned()).collect::<Vec<_>>().join(", ")
        ),
        Event::PersonRevoked(e) => e.key.short(),
        Event::PolicySet(e) => {
            format!("{} / {} / {} rho", e.policy.caps.dataset, e.policy.caps.analyst, e.policy.caps.job)
        }
        Event::DatasetRegistered(e) => e.name.clone(),
        Event::JobSubmitted(e) => e.title.clone(),
        Event::JobApproved(e) => e.job.to_string(),
        Event::JobRejected(e) => format!("{}: {}", e.job, e.reason),
        Event::RunStarted(e) => format!("{}: {} rho", e.job, e.rho),
        Event::EvidenceRecorded(e) => e.job.to_string(),
        Event::Released(e) => format!("{}: {}", e.job, e.body.short()),
        Event::ReleaseWitnessed(e) => format!("{}: {}", e.job, e.witnesses.join(", ")),
        Event::LogKeyChanged(e) => e.log_key.clone(),
        Event::RunFailed(e) => format!("{}: {}", e.job, e.reason),
        Event::ReleaseRead(e) => e.job.to_string(),
    }
}

/// Copies what an auditor needs. The folder appears whole or not at all.
fn export(lab: &View, out: &Path, modules: bool) -> Outcome {
    if out.exists() {
        return Err(LabError::Exists(out.to_owned()).into());
    }
    let name = out.file_name().ok_or("give the path of a new folder")?.to_string_lossy();
    let building = out.with_file_name(format!(".{name}.{}.part", std::process::id()));
    std::fs::create_dir_all(out.parent().unwrap_or(Path::new("."))).map_err(LabError::io(out))?;
    std::fs::create_dir(&building).map_err(LabError::io(&building))?;
    let files = copy(lab, &building, modules).and_then(|files| {
        std::fs::rename(&building, out).map_err(LabError::io(out))?;
        Ok(files)
    });
    let files = files.inspect_err(|_| drop(std::fs::remove_dir_all(&building)))?;
    let text = facts(&[
        ("Exported", out.display().to_string()),
        ("Files", files.to_string()),
        ("Entries", lab.log().size().to_string()),
    ]);
    Ok(Answer::new(json!({ "bundle": out, "files": files, "entries": lab.log().size() }), text))
}

fn copy(lab: &View, out: &Path, modules: bool) -> Result<usize, LabError> {
    let write = |name: &str, bytes: &[u8]| -> Result<(), LabError> {
        let path = out.join(name);
        let parent = path.parent().unwrap_or(out);
        std::fs::create_dir_all(parent).map_err(LabError::io(parent))?;
        std::fs::write(&path, bytes).map_err(LabError::io(&path))
    };
    write(VERIFIER_KEY, format!("{}\n", lab.ledger().log_key()).as_bytes())?;
    write(CHECKPOINT, lab.log().note().to_string().as_bytes())?;
    let mut count = 2;
    for tile in tile::files(lab.log().size()) {
        let name = tile.to_string();
        let path = lab.log_dir().join(&name);
        let bytes = std::fs::read(&path).map_err(LabError::io(&path))?;
        write(&name, &bytes)?;
        count += 1;
    }
    for entry in lab.ledger().log_keys().keys().skip(1) {
        let name = handover_path(*entry);
        let path = lab.log_dir().join(&name);
        write(&name, &std::fs::read(&path).map_err(LabError::io(path))?)?;
        count += 1;
    }
    for entry in lab.ledger().jobs().values().filter_map(|job| job.release) {
        let name = sm2_path(entry.0);
        // Only labs that sign in SM2 too have these.
        if let Ok(bytes) = std::fs::read(lab.log_dir().join(&name)) {
            write(&name, &bytes)?;
            count += 1;
        }
    }
    for digest in blobs(lab, modules)? {
        if let Some(bytes) = lab.log().blob(&digest)? {
            write(&blob_path(&digest), &bytes)?;
            count += 1;
        }
    }
    Ok(count)
}

/// The blobs that entries name.
fn blobs(lab: &View, modules: bool) -> Result<Vec<Digest>, LabError> {
    let mut fold = Fold::default();
    let mut found = Vec::new();
    for entry in lab.log().entries(0) {
        match fold.next(&entry?)?.record.event {
            Event::DatasetRegistered(e) => found.extend([Some(e.description), e.values].into_iter().flatten()),
            Event::JobSubmitted(e) => {
                found.push(e.manifest);
                found.extend(modules.then_some(e.module));
            }
            Event::EvidenceRecorded(e) => found.push(e.evidence),
            Event::Released(e) => found.push(e.body),
            Event::ReleaseWitnessed(e) => found.push(e.checkpoint),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
