//! `unseen log`: reading the log inside the lab, and taking it outside.

use std::path::Path;

use serde_json::json;
use unseen_audit::fold::Fold;
use unseen_lab::View;
use unseen_policies::event::Event;

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

/// Copies what an auditor needs.
fn export(lab: &View, out: &Path, modules: bool) -> Outcome {
    let done = lab.export(out, modules)?;
    let text = facts(&[
        ("Exported", out.display().to_string()),
        ("Files", done.files.to_string()),
        ("Entries", done.entries.to_string()),
    ]);
    Ok(Answer::new(json!({ "bundle": out, "files": done.files, "entries": done.entries }), text))
}
