//! `unseen dataset` and `unseen twin`.

use std::path::Path;

use chrono::{DateTime, Local, NaiveDate, NaiveTime, Utc};
use unseen_data::Description;
use unseen_policies::event::Status;
use unseen_usecases::datasets::{
    self, Bilingual, DatasetShown, Datasets, FittedTo, ListDatasets, ShowDataset, ShowQuality, ShowTable, Twin,
    TwinWritten,
};
use unseen_usecases::importing::Import;
use unseen_usecases::imports::PrepareRebucket;
use unseen_usecases::lives::{DatasetStanding, DeleteSnapshots, Describe, SetStatus, ShowSnapshots};

use super::import::{import, rebucket, uploads};
use super::quality::quality_text;
use super::{Outcome, Problem, change, fits, key, packs, read_text};
use crate::args::{self, DatasetCommand, Globals, TwinArgs};
use crate::place::Place;
use unseen_shown::datasets::form;
use unseen_shown::jobs::word;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::{NO_NAME, table};
use unseen_terminal::write_new;
use unseen_texts::{Lang, Say, say, text};

pub fn run(globals: &Globals, command: &DatasetCommand, lang: Lang) -> Outcome {
    match command {
        DatasetCommand::Describe { source, out } => describe(source, out.as_deref(), lang),
        DatasetCommand::Import { source, description, open_to, keep_until, buckets, signer } => {
            let (source, description, open_to) = (source.clone(), description.clone(), open_to.clone());
            let (keep_until, buckets) = (keep_until.map(begins).transpose()?, *buckets);
            let request = Import { source, description, open_to, keep_until, buckets };
            import(globals, &request, &*key(globals, signer)?, lang)
        }
        DatasetCommand::Rebucket { name, buckets, signer } => {
            let request = PrepareRebucket { dataset: name.clone(), buckets: *buckets };
            rebucket(globals, &request, &*key(globals, signer)?, lang)
        }
        DatasetCommand::Fit(args) => fits::fit(globals, args, lang),
        DatasetCommand::Uploads { drop, signer } => uploads(globals, drop.as_ref(), &*key(globals, signer)?, lang),
        DatasetCommand::List => {
            let found = Place::of(globals, lang)?.ask(ListDatasets {})?;
            Ok(Output::new(&found, list(&found, lang)))
        }
        DatasetCommand::Show { name } => {
            let found = Place::of(globals, lang)?.ask(ShowDataset { dataset: name.clone() })?;
            let text = format!("{}{}\n\n{}", about(&found, lang), bilingual(&found.title, lang), columns(&found, lang));
            Ok(Output::new(&found, text))
        }
        DatasetCommand::Elements { out } => packs::elements(globals, out.as_deref(), lang),
        DatasetCommand::Pack { name, out } => packs::registration(globals, name, out, lang),
        DatasetCommand::Close { what } => set_status(globals, what, Status::Closed, lang),
        DatasetCommand::Open { what } => set_status(globals, what, Status::Open, lang),
        DatasetCommand::Withdraw { what } => set_status(globals, what, Status::Withdrawn, lang),
        DatasetCommand::Redescribe { name, description, signer } => {
            let file = description.display().to_string();
            let wish = Describe { dataset: name.clone(), name: file, description: read_text(description)? };
            change(globals, wish, signer, lang, |done| standing(done, lang))
        }
        DatasetCommand::Delete { what, snapshot } => {
            let (dataset, reason) = (what.name.clone(), what.reason.clone());
            let wish = DeleteSnapshots { dataset, snapshots: snapshot.clone(), reason };
            change(globals, wish, &what.signer, lang, |done| standing(done, lang))
        }
        DatasetCommand::History { name } => {
            Ok(standing(&Place::of(globals, lang)?.ask(ShowSnapshots { dataset: name.clone() })?, lang))
        }
        DatasetCommand::Quality { name, signer } => {
            let lab = Place::of(globals, lang)?;
            let quality = lab.ask_as(ShowQuality { dataset: name.clone() }, &*key(globals, signer)?)?;
            Ok(Output::new(&quality, quality_text(&quality, lang)))
        }
    }
}

pub fn twin(globals: &Globals, args: &TwinArgs, lang: Lang) -> Outcome {
    let file = Path::new(&args.dataset);
    let request = Twin { rows: args.rows, seed: args.seed, out: args.out.clone() };
    let is_file = file.extension().is_some_and(|extension| extension == "toml");
    let written = match &args.fitted {
        Some(release) => fits::twin(globals, args, release, &request, lang)?,
        None if is_file => twin_of_file(globals, file, &request, lang)?,
        None => match Place::of(globals, lang)? {
            Place::Folder(folder) => datasets::twin(&folder, &args.dataset, &request)?,
            place => twin_elsewhere(&place, &args.dataset, &request)?,
        },
    };
    let mut text = facts(
        lang,
        &[(text!("Rows", "数据行"), written.data.clone()), (text!("Description", "描述"), written.description.clone())],
    );
    if let Some(FittedTo { job, release, rho }) = &written.fitted {
        let said = say!(
            "the release of {job} ({release}, rho {rho}): these rows know what it says, and are for whoever may read it",
            "{job} 的发布结果（{release}，rho {rho}）：这些行含有其中披露的信息，只供有权阅读它的人使用",
            release = release.to_string(),
            rho = rho.to_string()
        );
        text.push_str(&facts(lang, &[(text!("Fitted to", "依据"), said.told(lang))]));
    }
    text.extend(written.notes.iter().map(|note| format!("{}\n", note.told(lang))));
    Ok(Output::new(&written, text))
}

/// A twin of a description in a file; the rows of a public table are had from the lab, where one is named that has it.
fn twin_of_file(globals: &Globals, file: &Path, request: &Twin, lang: Lang) -> Result<TwinWritten, Problem> {
    let text = read_text(file)?;
    if let Some(public) = Description::parse(&text).ok().filter(|found| found.unit.is_none())
        && let Ok(place) = Place::of(globals, lang)
        && let Ok(found) = place.ask(ShowDataset { dataset: public.name })
        && found.description == text
    {
        return twin_elsewhere(&place, &found.name, request);
    }
    Ok(datasets::twin_of_description(file, &text, request)?)
}

/// A twin is made of its description, here; a public table is had from the lab.
fn twin_elsewhere(place: &Place, name: &str, request: &Twin) -> Result<TwinWritten, Problem> {
    let found = place.ask(ShowDataset { dataset: name.to_owned() })?;
    if found.unit.is_some() {
        return Ok(datasets::twin_of_description(Path::new(name), &found.description, request)?);
    }
    let table = place.ask(ShowTable { dataset: name.to_owned() })?;
    let written = datasets::twin_of_table(&table, &found.description, &request.out)?;
    written.ok_or_else(|| text!("the lab's answer lacks what it should say", "实验室的答复缺少应有的内容").into())
}

fn set_status(globals: &Globals, what: &args::Dataset, status: Status, lang: Lang) -> Outcome {
    let wish = SetStatus { dataset: what.name.clone(), status, reason: what.reason.clone() };
    change(globals, wish, &what.signer, lang, |done| standing(done, lang))
}

fn standing(found: &DatasetStanding, lang: Lang) -> Output {
    let mut text = facts(
        lang,
        &[(text!("Dataset", "数据集"), found.dataset.clone()), (text!("Status", "状态"), found.status.told(lang))],
    );
    if let Some(entry) = found.entry {
        text.push_str(&facts(lang, &[(text!("Entry", "条目"), entry.to_string())]));
    }
    let rows = found.snapshots.iter().map(|kept| {
        let gone = match (kept.gone.as_deref(), kept.gone_by) {
            (Some("deleted"), Some(by)) => say!("deleted by entry {by}", "由条目 {by} 销毁").told(lang),
            (Some(_), Some(by)) => say!("withdrawn by entry {by}", "由条目 {by} 撤回").told(lang),
            _ => kept.keep_until.map(|until| kept_until(until, lang)).unwrap_or_default(),
        };
        vec![kept.snapshot.to_string(), kept.entry.to_string(), gone]
    });
    text.push('\n');
    text.push_str(&table(
        lang,
        &[Left(text!("snapshot", "快照")), Right(text!("entry", "条目")), Left(text!("status", "状态"))],
        rows,
    ));
    Output::new(found, text)
}

/// When a day to come begins, by this machine's clock.
fn begins(day: NaiveDate) -> Result<DateTime<Utc>, Problem> {
    let begins = day.and_time(NaiveTime::MIN).and_local_timezone(Local).earliest().map(|begins| begins.to_utc());
    begins.filter(|begins| *begins > Utc::now()).ok_or_else(|| {
        let day = day.to_string();
        say!("--keep-until {day} is past: name a day to come", "--keep-until {day} 已过：请写将来的日期").into()
    })
}

fn kept_until(until: DateTime<Utc>, lang: Lang) -> String {
    let until = until.with_timezone(&Local).format("%F %H:%M").to_string();
    say!("kept until {until}", "保留至 {until}").told(lang)
}

fn describe(source: &Path, out: Option<&Path>, lang: Lang) -> Outcome {
    let draft = datasets::describe(source)?;
    let Some(out) = out else { return Ok(Output::new(&draft, draft.draft.clone())) };
    write_new(out, draft.draft.as_bytes())?;
    let said = text!(
        "The draft is written. Fill in the unit, and correct the rest: above all the classification and the sharing kind.",
        "草稿已写好。请填写隐私单元并核对其余内容，尤其是分级和共享类型。"
    )
    .to(lang);
    Ok(Output::new(&draft, said))
}

fn list(found: &Datasets, lang: Lang) -> String {
    let rows = found.datasets.iter().map(|dataset| {
        let by_rules = || text!("by the rules", "按规则").told(lang);
        vec![
            dataset.name.clone(),
            bilingual(&dataset.title, lang),
            dataset.domain.clone().unwrap_or_else(|| text!("public reference", "公开参照表").told(lang)),
            word(dataset.classification.en(), dataset.classification.zh(), lang),
            if dataset.open_to.is_empty() { by_rules() } else { dataset.open_to.join(", ") },
            dataset.entry.to_string(),
        ]
    });
    table(
        lang,
        &[
            Left(text!("dataset", "数据集")),
            Left(text!("title", "标题")),
            Left(text!("unit", "隐私单元")),
            Left(text!("level", "级别")),
            Left(text!("open to", "开放对象")),
            Right(text!("entry", "条目")),
        ],
        rows,
    )
}

fn about(dataset: &DatasetShown, lang: Lang) -> String {
    let unit = dataset.unit.as_ref().map(|unit| {
        say!("{domain} ({column})", "{domain}（{column}）", domain = unit.domain, column = unit.column).told(lang)
    });
    let mut said = vec![
        (text!("Dataset", "数据集"), dataset.name.clone()),
        (text!("Unit", "隐私单元"), unit.unwrap_or_else(|| text!("public reference", "公开参照表").told(lang))),
        (text!("Provider", "提供方"), dataset.provider.clone()),
        (text!("Level", "级别"), word(dataset.classification.en(), dataset.classification.zh(), lang)),
        (text!("Update cycle", "更新周期"), word(dataset.update_cycle.en(), dataset.update_cycle.zh(), lang)),
        (text!("Sharing", "共享类型"), word(dataset.sharing.en(), dataset.sharing.zh(), lang)),
    ];
    said.extend(dataset.buckets.map(|buckets| (text!("Buckets", "分桶数"), buckets.to_string())));
    facts(lang, &said)
}

fn columns(dataset: &DatasetShown, lang: Lang) -> String {
    let rows = dataset.columns.iter().map(|column| {
        let range = match (&column.min, &column.max, column.domain.as_slice()) {
            (None, None, domain) => domain.join(" "),
            (min, max, _) => {
                format!("{} .. {}", min.as_deref().unwrap_or_default(), max.as_deref().unwrap_or_default())
            }
        };
        let null = column.nullable.then(|| text!("may be null", "可为空").told(lang));
        let notes = null.into_iter().chain(form(column, lang)).collect::<Vec<_>>().join("; ");
        vec![column.name.clone(), column.kind.clone(), range, notes, bilingual(&column.meaning, lang)]
    });
    table(
        lang,
        &[
            Left(text!("column", "列")),
            Left(text!("type", "类型")),
            Left(text!("range or domain", "范围或取值")),
            Left(NO_NAME),
            Left(text!("meaning", "含义")),
        ],
        rows,
    )
}

fn bilingual(text: &Bilingual, lang: Lang) -> String {
    word(&text.en, &text.zh, lang)
}
