//! `unseen log`: reading the log inside the lab, and taking it outside.

use std::path::Path;

use unseen_client::Client;
use unseen_durable::Building;
use unseen_policies::event::Event;
use unseen_usecases::logs::{self, Entries, Exported, ListEntries, ProveEntry, ShowCheckpoint, ShowEntry};
use unseen_usecases::visits::ReadAccessLog;
use unseen_usecases::witnesses::{AskWitnesses, Cosigning, ShowWitnesses, WitnessesShown};

use super::{Outcome, Problem, visits};
use crate::args::{Globals, LogCommand};
use crate::place::{Place, known};
use unseen_shown::jobs::moment;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_terminal::{FileError, may_be_made};
use unseen_texts::{Lang, Say, say, text};

pub fn run(globals: &Globals, command: &LogCommand, lang: Lang) -> Outcome {
    let lab = Place::of(globals, lang)?;
    match command {
        LogCommand::Access { day, person, action } => {
            let wanted =
                ReadAccessLog { day: *day, who: person.clone(), action: action.clone(), ..ReadAccessLog::default() };
            visits::run(&lab, &wanted, lang)
        }
        LogCommand::Witness { list: true } => {
            let found = lab.ask(ShowWitnesses {})?;
            Ok(Output::new(&found, known_witnesses(&found, lang)))
        }
        LogCommand::Witness { list: false } => {
            let done = lab.ask(AskWitnesses {})?;
            Ok(Output::new(&done, witnesses(&done, lang)).bad_unless(done.enough()))
        }
        LogCommand::Show { entry: Some(entry), .. } => {
            let found = lab.ask(ShowEntry { entry: *entry })?;
            Ok(Output::new(&found, serde_json::to_string_pretty(&found.statement)?))
        }
        LogCommand::Show { from, entry: None, only } => {
            let wanted = ListEntries {
                from: *from,
                kind: only.kind.clone(),
                signer: only.by.clone(),
                job: only.job,
                dataset: only.dataset.clone(),
                since: only.since,
                until: only.until,
                ..ListEntries::default()
            };
            let mut found = lab.ask(wanted.clone())?;
            while let Some(from) = found.next.take() {
                let more = lab.ask(ListEntries { from, ..wanted.clone() })?;
                found.entries.extend(more.entries);
                found.next = more.next;
            }
            Ok(Output::new(&found, list(&found, lang)))
        }
        LogCommand::Checkpoint => {
            let found = lab.ask(ShowCheckpoint {})?;
            Ok(Output::new(&found, found.checkpoint.clone()))
        }
        LogCommand::Prove { entry } => {
            let found = lab.ask(ProveEntry { entry: *entry })?;
            Ok(Output::new(&found, found.proof.clone()))
        }
        LogCommand::Export { out, modules } => {
            let done = match &lab {
                Place::Remote { client, key } => remote(client, key.as_deref(), out, *modules)?,
                place => logs::export(place.folder()?, out, *modules)?,
            };
            let text = facts(
                lang,
                &[
                    (text!("Exported", "已导出"), done.bundle.clone()),
                    (text!("Files", "文件数"), done.files.to_string()),
                    (text!("Entries", "条目数"), done.entries.to_string()),
                ],
            );
            Ok(Output::new(&done, text))
        }
    }
}

/// Takes the log from a lab that is elsewhere: whole, or nothing.
fn remote(client: &Client, key: Option<&str>, out: &Path, modules: bool) -> Result<Exported, Problem> {
    let client = known(client, key)?;
    may_be_made(out)?;
    let building = Building::beside(out, 0o777).map_err(FileError::at(out))?;
    let files = client.export(building.path(), modules)?;
    let checkpoint = std::fs::read_to_string(building.path().join("checkpoint")).map_err(FileError::at(out))?;
    building.publish().map_err(FileError::at(out))?;
    let entries = checkpoint.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or_default();
    Ok(Exported { bundle: out.display().to_string(), files: files as usize, entries })
}

fn known_witnesses(found: &WitnessesShown, lang: Lang) -> String {
    if found.witnesses.is_empty() {
        return text!("The policy names no witnesses.", "规则未指定见证方。").told(lang);
    }
    let rows = found.witnesses.iter().map(|witness| {
        let cosigned = witness.cosigned.map_or_else(|| text!("not yet", "尚未").told(lang), moment);
        vec![witness.name.clone(), witness.url.clone(), cosigned]
    });
    let columns = [
        Left(text!("witness", "见证方")),
        Left(text!("address", "地址")),
        Left(text!("cosigned (UTC)", "联署时间（UTC）")),
    ];
    let about = facts(
        lang,
        &[
            (text!("Entries", "条目数"), found.size.to_string()),
            (text!("Cosignatures needed", "所需联署数"), found.quorum.to_string()),
        ],
    );
    format!("{about}\n{}", table(lang, &columns, rows))
}

fn witnesses(done: &Cosigning, lang: Lang) -> String {
    let cosigned = done.cosigned.iter().map(|name| vec![name.clone(), text!("cosigned", "已联署").told(lang)]);
    let refused = done.refused.iter().map(|found| vec![found.name.clone(), found.why.told(lang)]);
    table(lang, &[Left(text!("witness", "见证方")), Left(text!("answer", "答复"))], cosigned.chain(refused))
}

fn list(found: &Entries, lang: Lang) -> String {
    if found.entries.is_empty() {
        return text!("No entry is like this.", "没有符合的条目。").told(lang);
    }
    let rows = found.entries.iter().map(|entry| {
        let signer = entry.signer.clone().unwrap_or_else(|| text!("the lab", "实验室").told(lang));
        vec![
            entry.entry.to_string(),
            moment(entry.time),
            Event::title(&entry.kind).map_or_else(|| entry.kind.clone(), |title| title.told(lang)),
            signer,
            entry.says().told(lang),
        ]
    });
    let listed = table(
        lang,
        &[
            Right(text!("entry", "条目")),
            Right(text!("time (UTC)", "时间（UTC）")),
            Left(text!("what", "事项")),
            Left(text!("signed by", "签名人")),
            Left(text!("about", "内容")),
        ],
        rows,
    );
    let back = found.entries.iter().filter(|entry| entry.time_goes_back).map(|entry| entry.entry.to_string());
    let back = back.collect::<Vec<_>>().join(", ");
    if back.is_empty() {
        return listed;
    }
    let note = say!(
        "Signed at a time before that of the entry before: {back}. Times are their signers' own; the order is the log's.",
        "签名时间早于前一条的条目：{back}。时间由签名人的时钟给出；顺序以日志为准。"
    );
    format!("{listed}\n{}", note.to(lang))
}
