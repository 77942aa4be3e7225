//! `unseen log`: reading the log inside the lab, and taking it outside.

use unseen_usecases::logs::{self, Cosigning, Entries};

use super::{Outcome, desk};
use crate::args::{Globals, LogCommand};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, facts, table};

pub fn run(globals: &Globals, command: &LogCommand) -> Outcome {
    let desk = desk(globals)?;
    match command {
        LogCommand::Witness => {
            let done = logs::cosign(&desk)?;
            Ok(Output::new(&done, witnesses(&done)).bad_unless(done.enough()))
        }
        LogCommand::Show { entry: Some(entry), .. } => {
            let found = logs::entry(&desk, *entry)?;
            Ok(Output::new(&found, serde_json::to_string_pretty(&found.statement)?))
        }
        LogCommand::Show { from, entry: None } => {
            let found = logs::entries(&desk, *from)?;
            Ok(Output::new(&found, list(&found)))
        }
        LogCommand::Checkpoint => {
            let found = logs::checkpoint(&desk)?;
            Ok(Output::new(&found, found.checkpoint.clone()))
        }
        LogCommand::Prove { entry } => {
            let found = logs::prove(&desk, *entry)?;
            Ok(Output::new(&found, found.proof.clone()))
        }
        LogCommand::Export { out, modules } => {
            let done = logs::export(&desk, out, *modules)?;
            let text = facts(&[
                ("Exported", done.bundle.clone()),
                ("Files", done.files.to_string()),
                ("Entries", done.entries.to_string()),
            ]);
            Ok(Output::new(&done, text))
        }
    }
}

fn witnesses(done: &Cosigning) -> String {
    let cosigned = done.cosigned.iter().map(|name| vec![name.clone(), tr("cosigned").into_owned()]);
    let refused = done.refused.iter().map(|found| vec![found.name.clone(), tr(&found.why).into_owned()]);
    table(&["witness", "answer"], cosigned.chain(refused))
}

fn list(found: &Entries) -> String {
    let rows = found.entries.iter().map(|entry| {
        let signer = entry.signer.clone().unwrap_or_else(|| tr("the lab").into_owned());
        let roles: Vec<_> = entry.roles.iter().map(|role| tr(role.name()).into_owned()).collect();
        let about =
            if roles.is_empty() { entry.about.clone() } else { format!("{}: {}", entry.about, roles.join(", ")) };
        let time = entry.time.format("%F %T").to_string();
        vec![entry.entry.to_string(), time, tr(&entry.kind).into_owned(), signer, about]
    });
    table(&[">entry", "time (UTC)", "what", "signed by", "about"], rows)
}
