//! `unseen job new`: a project to begin with.

use std::path::Path;

use unseen_terminal::output::{Output, facts};
use unseen_texts::{Lang, Say, say, text};
use unseen_toolchain::Template;
use unseen_usecases::datasets::{ShowDataset, Twin, twin_of_description};
use unseen_usecases::projects;

use super::{Outcome, Problem, read_text};
use crate::args::{Globals, Tongue};
use crate::place::Place;

/// Rows of the twin that comes with a project.
const ROWS: u64 = 1_000;

/// Writes a project; about a dataset, with a twin of it.
pub fn new_job(globals: &Globals, folder: &Path, template: Template, dataset: Option<&str>, lang: Lang) -> Outcome {
    let language = globals.tongues.iter().rev().find_map(|tongue| match tongue {
        Tongue::Code(language) => Some(*language),
        Tongue::Texts => None,
    });
    let language = language.unwrap_or_default();
    let description = dataset.map(|dataset| description(globals, dataset, lang)).transpose()?;
    let made = projects::new_project(folder, language, template, description.as_deref())?;
    if let (Some(dataset), Some(description)) = (dataset, &description) {
        let twin = Twin { rows: ROWS, seed: 1, out: folder.join("twins") };
        twin_of_description(Path::new(dataset), description, &twin)?;
    }
    let (source, test) = (language.source_file(), language.test_command());
    let next = say!(
        "Next: edit {source} and job.toml, then run `{test}`, `unseen job build` and `unseen job try`.",
        "下一步：修改 {source} 和 job.toml，然后运行 `{test}`、`unseen job build` 和 `unseen job try`。"
    );
    let next = next.told(lang);
    Ok(Output::new(&made, format!("{}{next}", facts(lang, &[(text!("Project", "项目"), made.project.clone())]))))
}

/// The text of a dataset.toml: of a file, or of the lab's.
fn description(globals: &Globals, dataset: &str, lang: Lang) -> Result<String, Problem> {
    let file = Path::new(dataset);
    if file.extension().is_some_and(|extension| extension == "toml") {
        return Ok(read_text(file)?);
    }
    Ok(Place::of(globals, lang)?.ask(ShowDataset { dataset: dataset.to_owned() })?.description)
}
