//! `unseen lab`.

use unseen_lab::{Newest, open_key};
use unseen_usecases::labs::{self, Init, LabShown};

use super::{Outcome, desk, key, read_text};
use crate::args::{Globals, LabCommand};
use crate::shown;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, facts};

pub fn run(globals: &Globals, command: &LabCommand) -> Outcome {
    match command {
        LabCommand::Init { dir, origin, owner, name } => {
            let request = Init { origin: origin.clone(), owner_name: name.clone() };
            let lab = labs::init(dir, &request, &*open_key(owner)?)?;
            let said = tr("The lab is made. Keep keys/ safe, and give the verifier key to auditors.");
            Ok(Output::new(&lab, format!("{said}\n\n{}", about(&lab))))
        }
        LabCommand::Show => {
            let lab = labs::show_lab(&desk(globals)?)?;
            Ok(Output::new(&lab, format!("{}{}", about(&lab), shown::at_work(&lab.at_work))))
        }
        LabCommand::Backup { out } => {
            let done = labs::backup(&desk(globals)?, out)?;
            let text = format!(
                "{}{}",
                facts(&[("Backup", done.backup.clone()), ("Entries", done.entries.to_string())]),
                tr(
                    "It holds every key of the lab: keep it as safe as the lab, and the newest checkpoint in another place."
                )
            );
            Ok(Output::new(&done, text))
        }
        LabCommand::Restore { backup, dir, since, unchecked } => {
            let since = since.as_deref().map(read_text).transpose()?;
            let newest = match &since {
                Some(text) => Newest::Checkpoint(text),
                None if *unchecked => Newest::Unchecked,
                None => Newest::Witnesses,
            };
            let lab = labs::restore(backup, dir, &newest)?;
            Ok(Output::new(&lab, about(&lab)))
        }
        LabCommand::EnableSm2 { signer } => {
            let done = labs::enable_sm2(&desk(globals)?, &*key(signer)?)?;
            let text = facts(&[("SM2 verifier key", done.sm2_key.clone()), ("Entry", done.entry.to_string())]);
            Ok(Output::new(&done, text))
        }
        LabCommand::RotateKey { to, signer } => {
            let done = labs::rotate_log_key(&desk(globals)?, to.as_deref(), &*key(signer)?)?;
            let text = format!(
                "{}{}",
                facts(&[("Verifier key", done.log_key.clone()), ("Entry", done.entry.to_string())]),
                tr(
                    "The log has a new key. Give the verifier key to auditors and witnesses; the old one stays good for what is older."
                )
            );
            Ok(Output::new(&done, text))
        }
    }
}

fn about(lab: &LabShown) -> String {
    facts(&[
        ("Log", lab.origin.clone()),
        ("Verifier key", lab.log_key.clone()),
        ("Entries", lab.entries.to_string()),
        ("People", lab.people.to_string()),
        ("Datasets", lab.datasets.to_string()),
        ("Jobs", lab.jobs.to_string()),
    ])
}
