//! The name that was probably meant.

use unseen_texts::{Sentence, say};

/// Advice on a name that is none of the known ones: the nearest of them, or all.
pub(crate) fn meant(name: &str, known: &[&str]) -> Sentence {
    let nearest = known.iter().min_by_key(|known| strsim::levenshtein(known, name));
    match nearest.filter(|known| strsim::levenshtein(known, name) <= 1 + name.chars().count() / 3) {
        Some(nearest) => say!("did you mean `{nearest}`?", "是否想写 `{nearest}`？", nearest = (*nearest).to_owned()),
        None if known.is_empty() => say!("there are none", "目前一个也没有"),
        None => say!("there are {known}", "可用的有 {known}", known = known.join(", ")),
    }
}
