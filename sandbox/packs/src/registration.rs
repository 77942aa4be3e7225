//! What a register of public data asks of one dataset (公共数据资源登记, 发改数据规〔2025〕26号), with proofs: a zip of
//! `registration.json`, a page in Chinese, the description and entries of the log.

use unseen_data::Description;
use unseen_data::description::Kind;
use unseen_ids::{Answer, Digest, JobId};
use unseen_policies::event::Event;
use unseen_policies::lifecycle::State;
use unseen_texts::{Text, text};
use unseen_usecases::budget::BudgetOf;
use unseen_usecases::datasets::{Bilingual, ShowDataset};
use unseen_usecases::jobs::{ListJobs, ShowJob};
use unseen_usecases::lives::ShowSnapshots;
use unseen_usecases::logs::ListEntries;
use unseen_usecases::policy::ShowPolicy;

use crate::archive::{Files, plain};
use crate::codes::both;
use crate::core_elements::{described, elements};
use crate::documents::{Field, Product, Record, Registration, Resource, Risk, Spent, Subject};
use crate::error::PackError;
use crate::proof::{Log, Proven, listed};
use crate::registration_page::page;
use crate::{Asks, Pack};

/// The most products of a pack.
const MOST: usize = 100;

/// A pack for a register.
pub fn registration<A: Asks>(asks: &A, dataset: &str) -> Result<Pack, A::Error> {
    let log = Log::of(asks)?;
    let text = asks.ask(ShowDataset { dataset: dataset.to_owned() })?.description;
    let of = described(dataset, &text)?;
    let standing = asks.ask(ShowSnapshots { dataset: dataset.to_owned() })?;
    let none = || PackError::Unwritten(text!("the lab shows no snapshot of it", "实验室没有给出它的快照").into());
    let last = standing.snapshots.last().ok_or_else(none)?;
    let (registered, snapshot) = (last.entry, last.snapshot);
    let entries = entries(asks, &log, registered, dataset, &Digest::of(text.as_bytes()))?;
    let products = products(asks, dataset)?;
    let mut scenes: Vec<String> = products.iter().map(|(_, purpose)| purpose.clone()).collect();
    scenes.sort_unstable();
    scenes.dedup();
    let found = Registration {
        subject: Subject {
            provider: of.provider.clone(),
            organisation: of.catalogue.organisation.clone(),
            steward: listed(asks, registered)?.and_then(|entry| entry.signer),
            lab: log.origin.clone(),
        },
        lawful_source: of.catalogue.basis.clone(),
        resource: Resource {
            elements: elements(&log.origin, &of, &text),
            dataset: of.name.clone(),
            unit: of.unit.as_ref().map(|unit| unit.domain.clone()),
            fields: fields(&of),
            most_units: (of.kind == Kind::Private).then_some(of.bounds.units),
            most_rows: (of.kind == Kind::Private).then_some(of.bounds.rows),
            snapshot,
            snapshots: standing.snapshots.len(),
            gone: standing.snapshots.iter().filter(|kept| kept.gone.is_some()).count(),
        },
        records: entries.iter().map(record).collect(),
        risk: risk(asks, &of)?,
        missing: missing(&of),
        products: products.into_iter().map(|(product, _)| product).collect(),
        scenes,
    };
    let mut files = Files::default();
    files.put_json("registration.json", &found.to_json().map_err(PackError::unwritten)?)?;
    files.put("registration.zh.html", page(&found));
    files.put("dataset.toml", text);
    log.put(&mut files);
    entries.iter().for_each(|entry| entry.put(&mut files));
    let name = format!("registration-{}", plain(dataset));
    Ok(Pack { bytes: files.zip(&name)?, name: format!("{name}.zip") })
}

/// The entry that registered what there is now, and the one of its present words where they are others.
fn entries<A: Asks>(
    asks: &A,
    log: &Log,
    registered: u64,
    dataset: &str,
    words: &Digest,
) -> Result<Vec<Proven>, A::Error> {
    let first = log.prove(asks, registered)?;
    let described = matches!(&first.record.event, Event::DatasetRegistered(event) if event.description == *words);
    let mut found = vec![first];
    let mut from = (!described).then_some(registered + 1);
    while let Some(at) = from {
        let (kind, dataset) = (Some("dataset-described".to_owned()), Some(dataset.to_owned()));
        let page = asks.ask(ListEntries { from: at, kind, dataset, ..ListEntries::default() })?;
        for entry in &page.entries {
            let entry = log.prove(asks, entry.entry)?;
            if matches!(&entry.record.event, Event::DatasetDescribed(event) if event.description == *words) {
                found.truncate(1);
                found.push(entry);
            }
        }
        from = page.next;
    }
    Ok(found)
}

fn record(entry: &Proven) -> Record {
    let kind = entry.record.event.kind();
    let title = Event::title(kind).unwrap_or(Text { en: kind, zh: kind });
    Record { kind: kind.to_owned(), title: both(title), time: entry.time(), recorded: entry.recorded.clone() }
}

fn fields(of: &Description) -> Vec<Field> {
    let field = |column: &unseen_data::description::ColumnSpec| Field {
        name: column.name.clone(),
        kind: column.kind.word().to_owned(),
        meaning: column.description.clone().into(),
    };
    of.columns.iter().map(field).collect()
}

/// Released jobs that read it, each with its purpose.
fn products<A: Asks>(asks: &A, dataset: &str) -> Result<Vec<(Product, String)>, A::Error> {
    let wanted = ListJobs { state: Some(State::Released), dataset: Some(dataset.to_owned()), ..ListJobs::default() };
    let jobs = asks.ask(ListJobs { limit: Some(MOST), ..wanted })?.jobs;
    let one = |job: JobId| {
        let found = asks.ask(ShowJob { job })?;
        let product = found.release.map(|release| Product {
            job: job.to_string(),
            title: found.job.title.clone(),
            author: found.job.author.clone(),
            tables: found.plan.outputs.iter().map(|output| output.name.clone()).collect(),
            rho: found.job.rho,
            release,
        });
        Ok(product.map(|product| (product, found.plan.purpose)))
    };
    jobs.into_iter().filter_map(|job| one(job.job).transpose()).collect()
}

fn risk<A: Asks>(asks: &A, of: &Description) -> Result<Risk, A::Error> {
    let policy = asks.ask(ShowPolicy {})?.policy;
    let budget = asks.ask(BudgetOf { dataset: Some(of.name.clone()), analyst: None })?;
    let whole = budget.budgets.into_iter().find(|line| line.analyst.is_none());
    let private = [
        text!(
            "Rows are decrypted in one process that has no network and no files; code sees one unit at a time and keeps nothing.",
            "原始数据只在一个无网络、无文件访问的进程中解密；代码每次只看到一个单元，不留任何状态。"
        ),
        text!(
            "What leaves are totals of bounded contributions with exact noise: differential privacy for all rows of one unit, whatever the code does.",
            "离开实验室的只有限幅贡献之和，并加入精确噪声：无论代码做什么，对单个单元的全部数据都满足差分隐私。"
        ),
        text!(
            "The charge is on record before the first row is read and is never given back; a job that would pass the cap is refused.",
            "预算在读取第一行之前记录扣除，永不退还；超出上限的作业会被拒绝。"
        ),
    ];
    let public = [text!(
        "The table is public: anybody in the lab may read its rows.",
        "该表是公开的：实验室中任何人都可以读取。"
    )];
    let holds: &[Text] = if of.kind == Kind::Private { &private } else { &public };
    Ok(Risk {
        level: of.classification.zh().to_owned(),
        approvals: policy.approvals,
        budget: whole.map(|line| Spent {
            cap: line.cap,
            spent: line.spent,
            spent_epsilon: line.spent_epsilon,
            delta: budget.delta,
        }),
        holds: holds.iter().copied().map(both).collect(),
    })
}

/// What the applicant adds.
fn missing(of: &Description) -> Vec<Bilingual> {
    let stated = &of.catalogue;
    let always = [
        text!("certificates of the applicant, and who may be called", "登记主体的资质证明文件、联系人及联系方式"),
        text!("documents that show the lawful source", "证明数据来源合法合规的文件"),
        text!(
            "the security assessment by the competent body, where one is asked for",
            "主管部门要求的安全风险评估报告"
        ),
    ];
    let unless = [
        (
            stated.organisation.is_none(),
            text!(
                "unified social credit code (`catalogue.organisation`)",
                "统一社会信用代码（`catalogue.organisation`）"
            ),
        ),
        (
            stated.area.is_none(),
            text!("administrative division (`catalogue.area`)", "行政区划代码（`catalogue.area`）"),
        ),
        (
            stated.subject.is_none(),
            text!("class of the catalogue (`catalogue.subject`)", "信息资源分类（`catalogue.subject`）"),
        ),
        (
            stated.basis.is_none(),
            text!("basis of the lawful source (`catalogue.basis`)", "合法来源的依据（`catalogue.basis`）"),
        ),
    ];
    always.into_iter().chain(unless.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what)).map(both).collect()
}
