//! `unseen dataset fit`, and twins that are fitted to its release.

use std::path::Path;

use unseen_data::Description;
use unseen_ids::{JobId, PublicKey};
use unseen_lab::open_key;
use unseen_shown::jobs as shown;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{FileError, write_new};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::datasets::{ShowDataset, Twin, TwinWritten};
use unseen_usecases::fits::{self, Fit, FitDrafted, NotFitted};
use unseen_usecases::release::{ReadRelease, Release};

use super::ask::{refusal, unsubmitted};
use super::{Outcome, Problem, key, key_name, read_text};
use crate::args::{FitArgs, Globals, TwinArgs};
use crate::place::Place;

/// Writes the job, and says what it costs.
pub fn fit(globals: &Globals, args: &FitArgs, lang: Lang) -> Outcome {
    let place = Place::of(globals, lang)?;
    let author = key_name(globals, &args.signer)
        .ok()
        .map(|key| Ok::<_, Problem>(PublicKey::from(open_key(&key)?.verifying_key())));
    let author = author.transpose()?;
    let dataset = Description::parse(&place.ask(ShowDataset { dataset: args.name.clone() })?.description)?;
    let request = Fit {
        pairs: args.pair.clone(),
        rho: args.rho.clone(),
        title: args.title.clone(),
        purpose: args.purpose.clone(),
        release: args.release.clone(),
        author,
    };
    let drafted = fits::fit(&request, &dataset, &|check| place.ask(check));
    let mut drafted = drafted.map_err(|why| match why {
        NotFitted::Dataset(why) => Problem::from(why),
        NotFitted::Lab(problem) => problem,
    })?;
    std::fs::create_dir_all(&args.out).map_err(FileError::at(&args.out))?;
    write_new(&args.out.join("job.toml"), drafted.manifest.as_bytes())?;
    drafted.folder = Some(args.out.display().to_string());
    let told = summary(&drafted, &args.out, lang);
    let would_be_taken = drafted.checked.refusal.is_none();
    Ok(Output::new(&drafted, told).bad_unless(would_be_taken))
}

/// A twin by the release of such a job: of the lab, which says whether its reader may have it, or of a file.
pub fn twin(
    globals: &Globals,
    args: &TwinArgs,
    release: &str,
    wish: &Twin,
    lang: Lang,
) -> Result<TwinWritten, Problem> {
    let described = |place: &Place| place.ask(ShowDataset { dataset: args.dataset.clone() });
    let is_file = args.dataset.ends_with(".toml");
    let of_file = || read_text(Path::new(&args.dataset));
    let (release, text) = match release.parse::<JobId>() {
        Ok(job) => {
            let place = Place::of(globals, lang)?;
            let text = if is_file { of_file()? } else { described(&place)?.description };
            (place.make(ReadRelease { job }, &*key(globals, &args.signer)?)?, text)
        }
        Err(_) => {
            let file = Path::new(release);
            let read: Result<Release, _> = serde_json::from_str(&read_text(file)?);
            let read = read.map_err(|_| {
                say!(
                    "{file} is neither a job, such as j12, nor what `unseen --json job release` prints",
                    "{file} 既不是作业编号（如 j12），也不是 `unseen --json job release` 的输出"
                )
            });
            (read?, if is_file { of_file()? } else { described(&Place::of(globals, lang)?)?.description })
        }
    };
    Ok(fits::twin_of_release(&release, &args.dataset, &text, wish)?)
}

fn summary(drafted: &FitDrafted, folder: &Path, lang: Lang) -> String {
    let mut told = drafted.notes.iter().map(|note| format!("{}\n", note.told(lang))).collect::<String>();
    told.push('\n');
    told.push_str(&shown::plan(&drafted.checked.plan, lang));
    told.push_str(&shown::left(&drafted.checked.budget, lang));
    told.push_str(&facts(lang, &[(text!("Written", "已写入"), folder.join("job.toml").display().to_string())]));
    told.push_str(&match drafted.checked.refusal {
        Some(_) => refusal(&drafted.checked, lang),
        None => unsubmitted(folder, lang),
    });
    told
}
