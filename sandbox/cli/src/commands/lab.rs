//! `unseen lab`.

use serde_json::json;
use unseen_lab::{Lab, Newest, View, open_key};

use super::{Outcome, at_work, key, open, read_text, view};
use crate::args::{Globals, LabCommand};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, facts};

pub fn run(globals: &Globals, command: &LabCommand) -> Outcome {
    match command {
        LabCommand::Init { dir, origin, owner, name } => {
            let lab = Lab::init(dir, origin, name, &*open_key(owner)?)?;
            let text = format!(
                "{}\n\n{}",
                tr("The lab is made. Keep keys/ safe, and give the verifier key to auditors."),
                about(&lab)
            );
            Ok(Answer::new(summary(&lab), text))
        }
        LabCommand::Show => {
            let lab = view(globals)?;
            let (mut json, (work, lines)) = (summary(&lab), at_work(&lab));
            json["atWork"] = work;
            Ok(Answer::new(json, format!("{}{lines}", about(&lab))))
        }
        LabCommand::Backup { out } => {
            let lab = open(globals)?;
            lab.backup(out)?;
            let size = lab.log().size();
            let text = format!(
                "{}{}",
                facts(&[("Backup", out.display().to_string()), ("Entries", size.to_string())]),
                tr(
                    "It holds every key of the lab: keep it as safe as the lab, and the newest checkpoint in another place."
                )
            );
            Ok(Answer::new(json!({ "backup": out, "entries": size }), text))
        }
        LabCommand::Restore { backup, dir, since, unchecked } => {
            let since = since.as_deref().map(read_text).transpose()?;
            let newest = match &since {
                Some(text) => Newest::Checkpoint(text),
                None if *unchecked => Newest::Unchecked,
                None => Newest::Witnesses,
            };
            let lab = Lab::restore(backup, dir, &newest)?;
            Ok(Answer::new(summary(&lab), about(&lab)))
        }
        LabCommand::EnableSm2 { signer } => {
            let mut lab = open(globals)?;
            let entry = lab.enable_sm2(&*key(signer)?)?;
            let sm2 = lab.ledger().policy().and_then(|policy| policy.sm2_key.clone()).unwrap_or_default();
            let text = facts(&[("SM2 verifier key", sm2.clone()), ("Entry", entry.to_string())]);
            Ok(Answer::new(json!({ "entry": entry, "sm2Key": sm2 }), text))
        }
        LabCommand::RotateKey { to, signer } => {
            let mut lab = open(globals)?;
            let entry = lab.rotate_log_key(to.as_deref(), &*key(signer)?)?;
            let text = format!(
                "{}{}",
                facts(&[("Verifier key", lab.ledger().log_key().to_owned()), ("Entry", entry.to_string())]),
                tr(
                    "The log has a new key. Give the verifier key to auditors and witnesses; the old one stays good for what is older."
                )
            );
            Ok(Answer::new(json!({ "entry": entry, "logKey": lab.ledger().log_key() }), text))
        }
    }
}

fn summary(lab: &View) -> serde_json::Value {
    let ledger = lab.ledger();
    json!({
        "origin": ledger.origin(),
        "logKey": ledger.log_key(),
        "entries": ledger.size(),
        "people": ledger.people().len(),
        "datasets": ledger.datasets().len(),
        "jobs": ledger.jobs().len(),
    })
}

fn about(lab: &View) -> String {
    let ledger = lab.ledger();
    facts(&[
        ("Log", ledger.origin().to_owned()),
        ("Verifier key", ledger.log_key().to_owned()),
        ("Entries", ledger.size().to_string()),
        ("People", ledger.people().values().filter(|person| person.revoked.is_none()).count().to_string()),
        ("Datasets", ledger.datasets().len().to_string()),
        ("Jobs", ledger.jobs().len().to_string()),
    ])
}
