//! `unseen dataset` and `unseen twin`.

use std::path::Path;

use unseen_data::import::Progress;
use unseen_usecases::datasets::{self, Bilingual, DatasetShown, Datasets, Import, Quality, Twin};
use unseen_usecases::doctor::Hold;

use super::{Outcome, desk, key, read_text, write_new};
use crate::args::{DatasetCommand, Globals, TwinArgs};
use unseen_terminal::i18n::Lang;
use unseen_terminal::i18n::{choose, tr};
use unseen_terminal::output::{Output, facts, progress, table};

pub fn run(globals: &Globals, command: &DatasetCommand) -> Outcome {
    match command {
        DatasetCommand::Describe { source, out } => describe(source, out.as_deref()),
        DatasetCommand::Import { source, description, open_to, signer } => {
            let request = Import { source: source.clone(), description: description.clone(), open_to: open_to.clone() };
            import(globals, &request, &*key(signer)?)
        }
        DatasetCommand::List => {
            let found = datasets::datasets(&desk(globals)?)?;
            Ok(Output::new(&found, list(&found)))
        }
        DatasetCommand::Show { name } => {
            let found = datasets::dataset(&desk(globals)?, name)?;
            let text = format!("{}{}\n\n{}", about(&found), bilingual(&found.title), columns(&found));
            Ok(Output::new(&found, text))
        }
        DatasetCommand::Quality { name, signer } => {
            let quality = datasets::quality(&desk(globals)?, name, &*key(signer)?)?;
            Ok(Output::new(&quality, quality_text(&quality)))
        }
    }
}

pub fn twin(globals: &Globals, args: &TwinArgs) -> Outcome {
    let file = Path::new(&args.dataset);
    let request = Twin { rows: args.rows, seed: args.seed, out: args.out.clone() };
    let written = if file.extension().is_some_and(|extension| extension == "toml") {
        datasets::twin_of_description(file, &read_text(file)?, &request)?
    } else {
        datasets::twin(&desk(globals)?, &args.dataset, &request)?
    };
    let text = facts(&[("Rows", written.data.clone()), ("Description", written.description.clone())]);
    Ok(Output::new(&written, text))
}

fn describe(source: &Path, out: Option<&Path>) -> Outcome {
    let draft = datasets::describe(source)?;
    let Some(out) = out else { return Ok(Output::new(&draft, draft.draft.clone())) };
    write_new(out, draft.draft.as_bytes())?;
    let said = tr("The draft is written. Correct it: above all the unit, the classification and the sharing kind.");
    Ok(Output::new(&draft, said))
}

fn import(globals: &Globals, request: &Import, steward: &dyn unseen_tlog::Signer) -> Outcome {
    let bar = progress("Reading and sorting", Some(1));
    let mut watch = |step: Progress| match step {
        Progress::Reading { bytes, of_bytes, .. } => {
            bar.set_length(of_bytes.saturating_mul(2).max(1));
            bar.set_position(bytes);
        }
        Progress::Writing { rows, of_rows } => {
            bar.set_message(tr("Writing buckets").into_owned());
            let half = bar.length().unwrap_or(2) / 2;
            bar.set_position(half + (half as f64 * rows as f64 / of_rows.max(1) as f64) as u64);
        }
    };
    let done = datasets::import(&desk(globals)?, request, steward, &mut watch);
    bar.finish_and_clear();
    let done = done?;
    let mut text = facts(&[("Registered", done.dataset.clone()), ("Entry", done.entry.to_string())]);
    if !done.ignored_columns.is_empty() {
        text.push_str(&facts(&[("Columns not described, left out", done.ignored_columns.join(", "))]));
    }
    text.push_str(&quality_text(&done.quality));
    if done.memory.state != Hold::Holds {
        let why = done.memory.why.as_ref().map_or("", |why| why.to(unseen_texts::Lang::En));
        text.push_str(&format!("\n{}", facts(&[("Rows may have gone to swap", tr(why).into_owned())])));
    }
    Ok(Output::new(&done, text))
}

fn list(found: &Datasets) -> String {
    let rows = found.datasets.iter().map(|dataset| {
        let everyone = || tr("all").into_owned();
        vec![
            dataset.name.clone(),
            bilingual(&dataset.title),
            dataset.domain.clone().unwrap_or_else(|| tr("public reference").into_owned()),
            word(dataset.classification.en(), dataset.classification.zh()),
            if dataset.open_to.is_empty() { everyone() } else { dataset.open_to.join(", ") },
            dataset.entry.to_string(),
        ]
    });
    table(&["dataset", "title", "unit", "level", "open to", ">entry"], rows)
}

fn about(dataset: &DatasetShown) -> String {
    let unit = dataset.unit.as_ref().map(|unit| format!("{} ({})", unit.domain, unit.column));
    facts(&[
        ("Dataset", dataset.name.clone()),
        ("Unit", unit.unwrap_or_else(|| tr("public reference").into_owned())),
        ("Provider", dataset.provider.clone()),
        ("Level", word(dataset.classification.en(), dataset.classification.zh())),
        ("Update cycle", word(dataset.update_cycle.en(), dataset.update_cycle.zh())),
        ("Sharing", word(dataset.sharing.en(), dataset.sharing.zh())),
    ])
}

fn columns(dataset: &DatasetShown) -> String {
    let rows = dataset.columns.iter().map(|column| {
        let range = match (&column.min, &column.max, column.domain.as_slice()) {
            (None, None, domain) => domain.join(" "),
            (min, max, _) => {
                format!("{} .. {}", min.as_deref().unwrap_or_default(), max.as_deref().unwrap_or_default())
            }
        };
        let null = if column.nullable { tr("may be null").into_owned() } else { String::new() };
        vec![column.name.clone(), column.kind.clone(), range, null, bilingual(&column.meaning)]
    });
    table(&["column", "type", "range or domain", "", "meaning"], rows)
}

fn quality_text(quality: &Quality) -> String {
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
    text.push_str(&table(&["column", ">completeness", ">validity", ">invalid", ">distinct (estimate)", ">rows"], rows));
    text
}

fn bilingual(text: &Bilingual) -> String {
    word(&text.en, &text.zh)
}

/// The text in the chosen language, or in the other one when it is missing.
fn word(en: &str, zh: &str) -> String {
    let (first, second) = if choose(None) == Lang::Zh { (zh, en) } else { (en, zh) };
    if first.is_empty() { second.to_owned() } else { first.to_owned() }
}
