//! What the lab shows for each requirement of 等保三级 and of SATRE, from which entries, and what it does not show: a
//! zip of `evidence.json`, the same as CSV and as a page in each language, the people, and entries with their proofs.

use std::collections::{BTreeMap, BTreeSet};

use unseen_ids::Answer;
use unseen_shown::released::csv::inert;
use unseen_texts::{Lang, Say, Sentence};
use unseen_usecases::datasets::{Bilingual, ListDatasets};
use unseen_usecases::logs::ListEntries;
use unseen_usecases::people::{ListPeople, Person};
use unseen_usecases::policy::{ExplainAccess, ShowPolicy};
use unseen_usecases::witnesses::ShowWitnesses;

use crate::archive::{Files, plain};
use crate::codes::both;
use crate::controls::{CONTROLS, Control, Facts};
use crate::documents::{EvidencePack, Requirement, Standing};
use crate::error::PackError;
use crate::evidence_page::page;
use crate::proof::{Log, Recorded};
use crate::{Asks, Pack};

/// The newest entries that are proved for a requirement.
const NEWEST: usize = 5;

/// The pack, for whoever may see people and rules.
pub fn evidence<A: Asks>(asks: &A) -> Result<Pack, A::Error> {
    let people = asks.ask(ListPeople {})?.people;
    let policy = asks.ask(ShowPolicy {})?.policy;
    let access = asks.ask(ExplainAccess {})?;
    let witnesses = asks.ask(ShowWitnesses {})?.witnesses.len();
    let datasets = asks.ask(ListDatasets {})?.datasets.len();
    let log = Log::of(asks)?;
    let kinds = kinds(asks)?;
    let counts = kinds.iter().map(|(kind, entries)| (kind.clone(), entries.len() as u64)).collect();
    let rules = (access.rules.len(), access.cedar.as_str());
    let facts = Facts { policy: &policy, people: &people, rules, witnesses, datasets, counts: &counts };
    let mut files = Files::default();
    let mut proven = BTreeMap::new();
    let mut requirements = Vec::new();
    for control in CONTROLS {
        let found: BTreeSet<u64> =
            control.kinds.iter().filter_map(|kind| kinds.get(*kind)).flatten().copied().collect();
        let newest: Vec<u64> = found.iter().rev().take(NEWEST).copied().collect();
        for entry in newest.iter().filter(|entry| !proven.contains_key(*entry)).collect::<Vec<_>>() {
            let proof = log.prove(asks, *entry)?;
            proof.put(&mut files);
            proven.insert(*entry, proof.recorded);
        }
        let entries = newest.iter().filter_map(|entry| proven.get(entry).cloned()).collect();
        requirements.push(requirement(control, &facts, found.len() as u64, entries));
    }
    let found =
        EvidencePack { lab: log.origin.clone(), entries: kinds.values().map(|of| of.len() as u64).sum(), requirements };
    files.put_json("evidence.json", &found.to_json().map_err(PackError::unwritten)?)?;
    files.put("evidence.csv", csv(&found).map_err(PackError::unwritten)?);
    files.put("evidence.zh.html", page(&found, Lang::Zh));
    files.put("evidence.en.html", page(&found, Lang::En));
    files.put("people.csv", people_csv(&people).map_err(PackError::unwritten)?);
    files.put_json("policy.json", &policy)?;
    files.put("access.cedar", access.cedar);
    log.put(&mut files);
    let name = format!("evidence-{}", plain(&log.origin));
    Ok(Pack { bytes: files.zip(&name)?, name: format!("{name}.zip") })
}

/// Every entry of the log by its kind.
fn kinds<A: Asks>(asks: &A) -> Result<BTreeMap<String, Vec<u64>>, A::Error> {
    let mut kinds = BTreeMap::<String, Vec<u64>>::new();
    let mut from = Some(0);
    while let Some(at) = from {
        let page = asks.ask(ListEntries { from: at, ..ListEntries::default() })?;
        page.entries.into_iter().for_each(|entry| kinds.entry(entry.kind).or_default().push(entry.entry));
        from = page.next;
    }
    Ok(kinds)
}

fn requirement(control: &Control, facts: &Facts<'_>, count: u64, entries: Vec<Recorded>) -> Requirement {
    let shows: Vec<Bilingual> = (control.finds)(facts).iter().map(said).collect();
    let against: Vec<Bilingual> = (control.against)(facts).iter().map(said).collect();
    let standing = match (shows.is_empty() && count == 0, control.gap) {
        (true, _) => Standing::NotShown,
        (false, None) if against.is_empty() => Standing::Shown,
        (false, _) => Standing::Partly,
    };
    Requirement {
        standard: control.standard.to_owned(),
        clause: control.clause.to_owned(),
        asks: both(control.asks),
        standing,
        shows,
        against,
        not_shown: control.gap.map(both),
        kinds: control.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        count,
        entries,
    }
}

fn said(sentence: &Sentence) -> Bilingual {
    Bilingual { zh: sentence.told(Lang::Zh), en: sentence.told(Lang::En) }
}

/// UTF-8 with a byte order mark, by which office programs know it; no cell is a formula.
fn csv(found: &EvidencePack) -> csv::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::from("\u{feff}"));
    table.write_record([
        "标准 standard",
        "条款 clause",
        "要求 zh",
        "asks en",
        "状态 standing",
        "实验室所示 zh",
        "shows en",
        "不利 zh",
        "against en",
        "未示 zh",
        "not shown en",
        "条目数 count",
        "最新条目 newest entries",
    ])?;
    for one in &found.requirements {
        let [shows, against] = [&one.shows, &one.against].map(|said| {
            let join = |of: fn(&Bilingual) -> &String| said.iter().map(of).cloned().collect::<Vec<_>>().join("; ");
            [join(|text| &text.zh), join(|text| &text.en)]
        });
        let standing = [Lang::Zh, Lang::En].map(|lang| one.standing.told(lang)).join(" ");
        let left = one.not_shown.clone().unwrap_or_default();
        let entries = one.entries.iter().map(|entry| entry.entry.to_string()).collect::<Vec<_>>().join(" ");
        let count = one.count.to_string();
        let cells: [&str; 13] = [
            &one.standard,
            &one.clause,
            &one.asks.zh,
            &one.asks.en,
            &standing,
            &shows[0],
            &shows[1],
            &against[0],
            &against[1],
            &left.zh,
            &left.en,
            &count,
            &entries,
        ];
        table.write_record(cells.map(inert))?;
    }
    table.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Users and their keys.
fn people_csv(people: &[Person]) -> csv::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::from("\u{feff}"));
    table.write_record(["姓名 name", "角色 roles", "公钥 key", "登记条目 since", "吊销条目 revoked"])?;
    for person in people {
        let roles = person.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ");
        let revoked = person.revoked.map_or(String::new(), |entry| entry.to_string());
        let cells: [&str; 5] =
            [&person.name, &roles, &person.public_key.to_string(), &person.since.to_string(), &revoked];
        table.write_record(cells.map(inert))?;
    }
    table.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
