//! `unseen dataset` and `unseen twin`.

use std::path::Path;

use unseen_data::import::Progress;
use unseen_policies::event::Status;
use unseen_usecases::datasets::{
    self, Bilingual, DatasetShown, Datasets, Import, ListDatasets, Quality, ShowDataset, ShowQuality, Twin,
};
use unseen_usecases::doctor::Hold;
use unseen_usecases::lives::{DatasetStanding, DeleteSnapshots, Describe, SetStatus, ShowSnapshots};

use super::{Outcome, change, key, read_text};
use crate::args::{self, DatasetCommand, Globals, TwinArgs};
use crate::place::Place;
use crate::shown::word;
use unseen_terminal::output::{Output, facts, progress};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::{NO_NAME, table};
use unseen_terminal::write_new;
use unseen_texts::{Lang, Say, say, text};

pub fn run(globals: &Globals, command: &DatasetCommand, lang: Lang) -> Outcome {
    match command {
        DatasetCommand::Describe { source, out } => describe(source, out.as_deref(), lang),
        DatasetCommand::Import { source, description, open_to, signer } => {
            let request = Import { source: source.clone(), description: description.clone(), open_to: open_to.clone() };
            import(globals, &request, &*key(globals, signer)?, lang)
        }
        DatasetCommand::List => {
            let found = Place::of(globals, lang)?.ask(ListDatasets {})?;
            Ok(Output::new(&found, list(&found, lang)))
        }
        DatasetCommand::Show { name } => {
            let found = Place::of(globals, lang)?.ask(ShowDataset { dataset: name.clone() })?;
            let text = format!("{}{}\n\n{}", about(&found, lang), bilingual(&found.title, lang), columns(&found, lang));
            Ok(Output::new(&found, text))
        }
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
    let written = if file.extension().is_some_and(|extension| extension == "toml") {
        datasets::twin_of_description(file, &read_text(file)?, &request)?
    } else {
        datasets::twin(Place::of(globals, lang)?.folder()?, &args.dataset, &request)?
    };
    let text = facts(
        lang,
        &[(text!("Rows", "行数"), written.data.clone()), (text!("Description", "描述"), written.description.clone())],
    );
    Ok(Output::new(&written, text))
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
            _ => String::new(),
        };
        vec![kept.snapshot.to_string(), kept.entry.to_string(), gone]
    });
    text.push_str(&table(
        lang,
        &[Left(text!("snapshot", "快照")), Right(text!("entry", "条目")), Left(text!("status", "状态"))],
        rows,
    ));
    Output::new(found, text)
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

fn import(globals: &Globals, request: &Import, steward: &dyn unseen_tlog::Signer, lang: Lang) -> Outcome {
    let lab = Place::of(globals, lang)?;
    let bar = progress(text!("Reading and sorting", "正在读取和排序").to(lang), Some(1));
    let mut watch = |step: Progress| match step {
        Progress::Reading { bytes, of_bytes, .. } => {
            bar.set_length(of_bytes.saturating_mul(2).max(1));
            bar.set_position(bytes);
        }
        Progress::Writing { rows, of_rows } => {
            bar.set_message(text!("Writing buckets", "正在写入分桶").told(lang));
            let half = bar.length().unwrap_or(2) / 2;
            bar.set_position(half + (half as f64 * rows as f64 / of_rows.max(1) as f64) as u64);
        }
    };
    let done = datasets::import(lab.folder()?, request, steward, &mut watch);
    bar.finish_and_clear();
    let done = done?;
    let mut text = facts(
        lang,
        &[(text!("Registered", "已登记"), done.dataset.clone()), (text!("Entry", "条目"), done.entry.to_string())],
    );
    if let (Some(unit), Some(domain)) = (&done.unit, &done.domain) {
        text.push_str(&facts(
            lang,
            &[(
                text!("Privacy unit", "隐私单元"),
                say!("{domain}, named by the column {unit}", "{domain}，由列 {unit} 标识").told(lang),
            )],
        ));
        let failed = done.quality.columns.iter().find(|column| column.name == *unit);
        if let Some(failed @ 1..) = failed.map(|column| column.failed_check) {
            text.push_str(&facts(
                lang,
                &[(text!("Rows whose unit fails its check", "隐私单元未通过校验的行数"), failed.to_string())],
            ));
        }
    }
    if !done.ignored_columns.is_empty() {
        text.push_str(&facts(
            lang,
            &[(text!("Columns not described, left out", "描述中没有、未导入的列"), done.ignored_columns.join(", "))],
        ));
    }
    text.push_str(&quality_text(&done.quality, lang));
    if done.memory.state != Hold::Holds {
        let why = done.memory.why.told(lang);
        text.push_str(&format!(
            "\n{}",
            facts(lang, &[(text!("Rows may have gone to swap", "数据行可能已写入交换区"), why)])
        ));
    }
    Ok(Output::new(&done, text))
}

fn list(found: &Datasets, lang: Lang) -> String {
    let rows = found.datasets.iter().map(|dataset| {
        let everyone = || text!("all", "所有人").told(lang);
        vec![
            dataset.name.clone(),
            bilingual(&dataset.title, lang),
            dataset.domain.clone().unwrap_or_else(|| text!("public reference", "公开参照表").told(lang)),
            word(dataset.classification.en(), dataset.classification.zh(), lang),
            if dataset.open_to.is_empty() { everyone() } else { dataset.open_to.join(", ") },
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
    let unit = dataset.unit.as_ref().map(|unit| format!("{} ({})", unit.domain, unit.column));
    facts(
        lang,
        &[
            (text!("Dataset", "数据集"), dataset.name.clone()),
            (text!("Unit", "隐私单元"), unit.unwrap_or_else(|| text!("public reference", "公开参照表").told(lang))),
            (text!("Provider", "提供方"), dataset.provider.clone()),
            (text!("Level", "级别"), word(dataset.classification.en(), dataset.classification.zh(), lang)),
            (text!("Update cycle", "更新周期"), word(dataset.update_cycle.en(), dataset.update_cycle.zh(), lang)),
            (text!("Sharing", "共享类型"), word(dataset.sharing.en(), dataset.sharing.zh(), lang)),
        ],
    )
}

fn columns(dataset: &DatasetShown, lang: Lang) -> String {
    let rows = dataset.columns.iter().map(|column| {
        let range = match (&column.min, &column.max, column.domain.as_slice()) {
            (None, None, domain) => domain.join(" "),
            (min, max, _) => {
                format!("{} .. {}", min.as_deref().unwrap_or_default(), max.as_deref().unwrap_or_default())
            }
        };
        let null = if column.nullable { text!("may be null", "可为空").told(lang) } else { String::new() };
        vec![column.name.clone(), column.kind.clone(), range, null, bilingual(&column.meaning, lang)]
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

fn quality_text(quality: &Quality, lang: Lang) -> String {
    let mut text = facts(
        lang,
        &[
            (text!("Rows", "行数"), quality.rows.to_string()),
            (text!("Rows without a unit, set aside", "没有隐私单元、另计的行数"), quality.set_aside.to_string()),
            (text!("Units", "隐私单元数"), quality.units.to_string()),
        ],
    );
    if quality.bad_rows > 0 {
        text.push_str(&facts(
            lang,
            &[(text!("Rows with bad cells, set aside", "有不合格单元格、另计的行数"), quality.bad_rows.to_string())],
        ));
    }
    if quality.alike > 0 {
        text.push_str(&facts(
            lang,
            &[(
                text!("Ids that differ in case, width or spaces only", "仅大小写、全半角或空格不同的编号"),
                quality.alike.to_string(),
            )],
        ));
    }
    if !quality.totals.is_empty() {
        text.push_str(&facts(
            lang,
            &[(text!("Units that look like total rows", "疑似合计行的隐私单元"), quality.totals.join(", "))],
        ));
    }
    if quality.as_floats > 0 {
        text.push_str(&facts(
            lang,
            &[(
                text!("Ids like 1001.0 that were probably whole numbers", "形如 1001.0、原本可能是整数的编号"),
                quality.as_floats.to_string(),
            )],
        ));
    }
    if let Some(freshness) = &quality.freshness {
        let state = if freshness.fresh { text!("fresh", "及时") } else { text!("late", "逾期") }.to(lang);
        text.push_str(&facts(
            lang,
            &[(text!("Newest", "最新数据"), format!("{} ({state})", freshness.newest.date_naive()))],
        ));
    }
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let rows = quality.columns.iter().map(|column| {
        let invalid = column.out_of_range.saturating_add(column.out_of_domain).saturating_add(column.failed_check);
        vec![
            column.name.clone(),
            percent(column.completeness),
            percent(column.validity),
            invalid.to_string(),
            column.distinct_estimate.to_string(),
            column.rows.to_string(),
        ]
    });
    text.push_str(&table(
        lang,
        &[
            Left(text!("column", "列")),
            Right(text!("completeness", "完整性")),
            Right(text!("validity", "有效性")),
            Right(text!("invalid", "无效")),
            Right(text!("distinct (estimate)", "不同取值（估计）")),
            Right(text!("rows", "行数")),
        ],
        rows,
    ));
    text
}

fn bilingual(text: &Bilingual, lang: Lang) -> String {
    word(&text.en, &text.zh, lang)
}
