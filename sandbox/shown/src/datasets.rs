//! Datasets in words: the form that texts are brought into, and what is probably not meant.

use unseen_terminal::output::facts;
use unseen_texts::{Lang, Say, Sentence, text};
use unseen_usecases::datasets::{Quality, ShownColumn};

/// The form that a column's texts are brought into; none where they are taken as they are.
pub fn form(column: &ShownColumn, lang: Lang) -> Option<String> {
    let steps: Vec<String> = column.normalize.iter().map(|step| step.told().told(lang)).collect();
    (!steps.is_empty()).then(|| steps.join(if lang == Lang::Zh { "、" } else { ", " }))
}

/// How many cells of which columns were brought into their form; none where all were in it.
pub fn normalized(quality: &Quality, lang: Lang) -> Option<String> {
    let columns = quality.columns.iter().filter(|column| column.normalized > 0);
    let columns: Vec<String> = columns.map(|column| format!("{} {}", column.name, column.normalized)).collect();
    (!columns.is_empty()).then(|| columns.join(if lang == Lang::Zh { "、" } else { ", " }))
}

/// What is allowed, and probably not meant.
pub fn hints(hints: &[Sentence], lang: Lang) -> String {
    hints.iter().map(|hint| facts(lang, &[(text!("Look", "请留意"), hint.told(lang))])).collect()
}
