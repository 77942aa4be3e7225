//! `unseen ask`: a question in SQL, from its cost to its submission.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use unseen_data::Description;
use unseen_ids::PublicKey;
use unseen_lab::open_key;
use unseen_shown::datasets::hints;
use unseen_shown::{jobs as shown, questions};
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{FileError, write_new};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::Blob;
use unseen_usecases::ask::{self, Ask, Asked, NotAsked, Price};
use unseen_usecases::check::Checked;
use unseen_usecases::datasets::{ListDatasets, ShowDataset};
use unseen_usecases::jobs::Submit;

use super::{Outcome, Problem, key, key_name};
use crate::advice::advice;
use crate::args::{AskArgs, Globals};
use crate::place::Place;

/// The code of a refusal that says that there is no such dataset.
const NO_DATASET: &str = "ledger.no-such-dataset";

pub fn run(globals: &Globals, args: &AskArgs, lang: Lang) -> Outcome {
    let place = Place::of(globals, lang)?;
    let author = key_name(globals, &args.signer)
        .ok()
        .map(|key| Ok::<_, Problem>(PublicKey::from(open_key(&key)?.verifying_key())));
    let author = author.transpose()?;
    let price = match (&args.error, &args.rho) {
        (Some(target), _) => Price::Error(target.clone()),
        (None, Some(rho)) => Price::Rho(rho.clone()),
        (None, None) => {
            return Err(text!(
                "say how exact each number shall be, as in --error \"5 %\", or what it may cost, as in --rho 0.05",
                "请说明每个数字要多准（如 --error \"5 %\"），或可以花费多少（如 --rho 0.05）"
            )
            .into());
        }
    };
    let wish = unseen_questions::Wish {
        bounds: args.bounds.clone(),
        groups_per_unit: args.groups_per_unit,
        rows_per_unit: args.rows_per_unit,
    };
    let (sql, title, purpose, release) =
        (args.sql.clone(), args.title.clone(), args.purpose.clone(), args.release.clone());
    let request = Ask { sql, wish, price, title, purpose, release, author };
    let asked = ask::ask(&request, &|name| described(&place, name), &|| names(&place), &|check| place.ask(check));
    let mut asked = asked.map_err(|why| match why {
        NotAsked::Question(why) => Problem::from(why),
        NotAsked::Lab(problem) => problem,
    })?;
    let folder = folder(args.out.as_deref());
    std::fs::create_dir_all(&folder).map_err(FileError::at(&folder))?;
    write_new(&folder.join("job.toml"), asked.manifest.as_bytes())?;
    asked.folder = Some(folder.display().to_string());

    let mut told = summary(&asked, &folder, lang);
    let would_be_taken = asked.checked.refusal.is_none();
    let yes = would_be_taken && (args.yes || !globals.json && consents(&mut told, lang)?);
    if yes {
        let (name, manifest) = (folder.join("job.toml").display().to_string(), asked.manifest.clone());
        let module = Blob::ready_made(&manifest).ok_or(text!(
            "the job needs no code, and its manifest says otherwise",
            "该作业不需要代码，清单却另有说法"
        ))?;
        let done = place.make(Submit { name, manifest, module }, &*key(globals, &args.signer)?)?;
        told.push_str(&facts(
            lang,
            &[
                (text!("Submitted", "已提交"), done.job.to_string()),
                (text!("Approvals needed", "所需审批数"), done.approvals_needed.to_string()),
            ],
        ));
        asked.job = Some(done.job.to_string());
    } else if would_be_taken {
        told.push_str(&unsubmitted(&folder, lang));
    }
    Ok(Output::new(&asked, told).bad_unless(would_be_taken))
}

/// What a description lets one ask.
pub fn suggest(globals: &Globals, dataset: &str, rows: Option<u32>, lang: Lang) -> Outcome {
    let text = match dataset.ends_with(".toml") {
        true => super::read_text(Path::new(dataset))?,
        false => Place::of(globals, lang)?.ask(ShowDataset { dataset: dataset.to_owned() })?.description,
    };
    let found = ask::suggest(&Description::parse(&text)?, rows);
    let told = questions::suggested(&found, lang);
    Ok(Output::new(&found, told))
}

/// A dataset's description; none where the lab has no such dataset.
fn described(place: &Place, name: &str) -> Result<Option<Description>, Problem> {
    match place.ask(ShowDataset { dataset: name.to_owned() }) {
        Ok(found) => Ok(Some(Description::parse(&found.description)?)),
        Err(problem) if problem.message().code() == NO_DATASET => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn names(place: &Place) -> Result<Vec<String>, Problem> {
    Ok(place.ask(ListDatasets {})?.datasets.into_iter().map(|dataset| dataset.name).collect())
}

/// Where the job is written: as typed, or the first number that is free.
fn folder(out: Option<&Path>) -> PathBuf {
    let numbered =
        || (1_u32..).map(|number| PathBuf::from(format!("questions/{number}"))).find(|folder| !folder.exists());
    out.map(Path::to_owned).or_else(numbered).unwrap_or_default()
}

fn summary(asked: &Asked, folder: &Path, lang: Lang) -> String {
    let mut told = asked.notes.iter().map(|note| format!("{}\n", note.told(lang))).collect::<String>();
    told.push('\n');
    told.push_str(&shown::plan(&asked.checked.plan, lang));
    told.push_str(&questions::expected(&asked.expected, lang));
    told.push_str(&shown::left(&asked.checked.budget, lang));
    told.push_str(&hints(&asked.checked.hints, lang));
    told.push_str(&facts(lang, &[(text!("Written", "已写入"), folder.join("job.toml").display().to_string())]));
    told.push_str(&refusal(&asked.checked, lang));
    told
}

/// What a submission would be refused with, if it would, and what to do about it.
pub fn refusal(checked: &Checked, lang: Lang) -> String {
    let Some(refusal) = &checked.refusal else { return String::new() };
    let mut said = facts(lang, &[(text!("A submission would be REFUSED", "提交会被拒绝"), refusal.told(lang))]);
    if let Some(advice) = checked.refusal_code.as_deref().and_then(advice) {
        said += &format!("{}\n", advice.to(lang));
    }
    if let Some(blocks) = &checked.blocks {
        said += &facts(lang, &[(text!("What would fit", "可行的分块"), shown::in_blocks(blocks).told(lang))]);
    }
    said
}

/// How to submit a job that is written.
pub fn unsubmitted(folder: &Path, lang: Lang) -> String {
    let folder = folder.display().to_string();
    say!(
        "Nothing was submitted. To do so: unseen job submit {folder}\n",
        "尚未提交。提交请用：unseen job submit {folder}\n"
    )
    .told(lang)
}

/// Whether whoever sits at the terminal says yes, after having read what was found.
fn consents(told: &mut String, lang: Lang) -> Result<bool, Problem> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Ok(false);
    }
    print!("{}{}", std::mem::take(told), text!("Submit it? [y/N] ", "提交吗？[y/N] ").to(lang));
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是"))
}
