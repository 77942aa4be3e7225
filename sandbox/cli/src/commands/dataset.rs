//! `unseen dataset` and `unseen twin`.

use std::path::Path;

use serde_json::json;
use unseen_data::cell::{Cell, render};
use unseen_data::description::{Bound, ColumnType};
use unseen_data::import::{Progress, infer};
use unseen_data::{Description, QualityReport};
use unseen_ids::PublicKey;
use unseen_lab::LabError;

use super::{Outcome, key, open, read_text, view, write_new};
use crate::args::{DatasetCommand, Globals, TwinArgs};
use unseen_terminal::i18n::Lang;
use unseen_terminal::i18n::{choose, tr};
use unseen_terminal::output::{Answer, facts, progress, table};
use unseen_worker::jail::{self, Wall};

pub fn run(globals: &Globals, command: &DatasetCommand) -> Outcome {
    match command {
        DatasetCommand::Describe { source, out } => describe(source, out.as_deref()),
        DatasetCommand::Import { source, description, open_to, signer } => {
            let key = key(signer)?;
            let steward = PublicKey::from(key.verifying_key());
            let importing = open(globals)?.begin_import(source, description, open_to.clone(), &steward)?;
            let reading = progress("Reading and sorting", Some(1));
            let mut watch = |step: Progress| match step {
                Progress::Reading { bytes, of_bytes, .. } => {
                    reading.set_length(of_bytes.saturating_mul(2).max(1));
                    reading.set_position(bytes);
                }
                Progress::Writing { rows, of_rows } => {
                    reading.set_message(tr("Writing buckets").into_owned());
                    let half = reading.length().unwrap_or(2) / 2;
                    reading.set_position(half + (half as f64 * rows as f64 / of_rows.max(1) as f64) as u64);
                }
            };
            let written = importing.carry_out(&mut watch);
            reading.finish_and_clear();
            let mut lab = open(globals)?;
            let done = lab.finish_import(written?, &*key)?;
            let mut text = facts(&[("Registered", done.description.name.clone()), ("Entry", done.entry.to_string())]);
            if !done.ignored_columns.is_empty() {
                text.push_str(&facts(&[("Columns not described, left out", done.ignored_columns.join(", "))]));
            }
            text.push_str(&quality_text(&done.quality));
            if let Wall::Missing(why) | Wall::Partly(why) = lab.memory() {
                text.push_str(&format!("\n{}", facts(&[("Rows may have gone to swap", tr(why).into_owned())])));
            }
            Ok(Answer::new(
                json!({ "dataset": done.description.name, "entry": done.entry, "quality": done.quality, "ignoredColumns": done.ignored_columns }),
                text,
            ))
        }
        DatasetCommand::List => list(globals),
        DatasetCommand::Show { name } => {
            let (description, text) = view(globals)?.description(name)?;
            let shown = format!("{}\n\n{}", bilingual(&description.title), columns(&description));
            Ok(Answer::new(json!({ "name": name, "description": text }), format!("{}{shown}", about(&description))))
        }
        DatasetCommand::Quality { name, signer } => {
            let quality = view(globals)?.quality(name, &*key(signer)?)?;
            Ok(Answer::new(&quality, quality_text(&quality)))
        }
    }
}

pub fn twin(globals: &Globals, args: &TwinArgs) -> Outcome {
    let file = Path::new(&args.dataset);
    let (data, described) = if file.extension().is_some_and(|extension| extension == "toml") {
        let text = read_text(file)?;
        let description = Description::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        unseen_data::twin::write(&description, &text, args.rows, args.seed, &args.out)?
    } else {
        view(globals)?.twin(&args.dataset, args.rows, args.seed, &args.out)?
    };
    let text = facts(&[("Rows", data.display().to_string()), ("Description", described.display().to_string())]);
    Ok(Answer::new(json!({ "data": data, "description": described }), text))
}

fn describe(source: &Path, out: Option<&Path>) -> Outcome {
    let stem = source.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = stem
        .split('.')
        .next()
        .unwrap_or_default()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    jail::keep_to_itself();
    let draft = infer(source, &name).map_err(|error| LabError::import(source, error))?.to_toml();
    match out {
        None => Ok(Answer::new(json!({ "draft": draft }), draft)),
        Some(out) => {
            write_new(out, draft.as_bytes())?;
            Ok(Answer::new(
                json!({ "draft": out }),
                tr("The draft is written. Correct it: above all the unit, the classification and the sharing kind."),
            ))
        }
    }
}

fn list(globals: &Globals) -> Outcome {
    let lab = view(globals)?;
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for (name, dataset) in lab.ledger().datasets() {
        let (description, _) = lab.description(name)?;
        let domain = dataset.registered.domain.clone();
        let open_to = if dataset.registered.open_to.is_empty() {
            tr("all").into_owned()
        } else {
            dataset.registered.open_to.join(", ")
        };
        rows.push(vec![
            name.clone(),
            bilingual(&description.title),
            domain.clone().unwrap_or_else(|| tr("public reference").into_owned()),
            word(description.classification.en(), description.classification.zh()),
            open_to,
            dataset.entry.to_string(),
        ]);
        found.push(json!({ "name": name, "title": { "zh": description.title.zh, "en": description.title.en }, "domain": domain,
            "classification": description.classification.en(), "openTo": dataset.registered.open_to, "entry": dataset.entry,
            "snapshot": dataset.registered.snapshot }));
    }
    Ok(Answer::new(found, table(&["dataset", "title", "unit", "level", "open to", ">entry"], rows)))
}

fn about(description: &Description) -> String {
    let unit = description
        .unit
        .as_ref()
        .map_or_else(|| tr("public reference").into_owned(), |unit| format!("{} ({})", unit.domain, unit.column));
    facts(&[
        ("Dataset", description.name.clone()),
        ("Unit", unit),
        ("Provider", description.provider.clone()),
        ("Level", word(description.classification.en(), description.classification.zh())),
        ("Update cycle", word(description.update_cycle.en(), description.update_cycle.zh())),
        ("Sharing", word(description.sharing.en(), description.sharing.zh())),
    ])
}

fn columns(description: &Description) -> String {
    let rows = description.columns.iter().map(|column| {
        let range = match (&column.min, &column.max, column.domain.as_slice()) {
            (None, None, []) => String::new(),
            (None, None, domain) => domain.join(" "),
            (min, max, _) => format!("{} .. {}", bound(min.as_ref(), &column.kind), bound(max.as_ref(), &column.kind)),
        };
        let null = if column.nullable { tr("may be null").into_owned() } else { String::new() };
        vec![column.name.clone(), column.kind.word().to_owned(), range, null, bilingual(&column.description)]
    });
    table(&["column", "type", "range or domain", "", "meaning"], rows)
}

fn bound(bound: Option<&Bound>, kind: &ColumnType) -> String {
    match bound {
        None => String::new(),
        Some(Bound::Int(number)) => render(&Cell::Int(*number), kind).into_owned(),
        Some(Bound::Float(number)) => number.to_string(),
    }
}

fn quality_text(quality: &QualityReport) -> String {
    let mut text = facts(&[
        ("Rows", quality.rows.to_string()),
        ("Rows without a unit, set aside", quality.set_aside.to_string()),
        ("Units", quality.units.to_string()),
    ]);
    if quality.alike > 0 {
        text.push_str(&facts(&[("Ids that differ in case, width or spaces only", quality.alike.to_string())]));
    }
    if let Some(freshness) = &quality.freshness {
        let state = tr(if freshness.fresh { "fresh" } else { "late" });
        text.push_str(&facts(&[("Newest", format!("{} ({state})", freshness.newest.date_naive()))]));
    }
    let titles =
        QualityReport::TITLES.map(|title| if title == "column" { title.to_owned() } else { format!(">{title}") });
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    text.push_str(&table(&titles, quality.table().into_iter().map(Vec::from)));
    text
}

fn bilingual(text: &unseen_data::description::Bilingual) -> String {
    word(&text.en, &text.zh)
}

/// The text in the chosen language, or in the other one when it is missing.
fn word(en: &str, zh: &str) -> String {
    let (first, second) = if choose(None) == Lang::Zh { (zh, en) } else { (en, zh) };
    if first.is_empty() { second.to_owned() } else { first.to_owned() }
}
