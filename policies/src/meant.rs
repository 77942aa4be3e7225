//! The name that was probably meant.

use unseen_texts::{Sentence, say};

/// Advice on a name that is none of the known ones: the nearest of them, or all.
pub fn meant(name: &str, known: &[&str]) -> Sentence {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => say!("did you mean `{nearest}`?", "是否想写 `{nearest}`？"),
        None if known.is_empty() => say!("there are none", "目前一个也没有"),
        None => say!("there are {known}", "可用的有 {known}", known = known.join(", ")),
    }
}

/// The known name that a slip of the pen away is: a few letters differ, and not all of them.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = |word: &str| word.chars().count();
    let away = known.into_iter().map(|known| (strsim::levenshtein(known, name), known));
    let near = |(away, known): &(usize, &str)| *away <= 1 + length(name) / 3 && *away < length(name).max(length(known));
    away.filter(near).min_by_key(|(away, _)| *away).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["output", "n", "税额", "by"];
        for (name, found) in [("ouput", Some("output")), ("税鹅", Some("税额")), ("税", Some("税额"))] {
            assert_eq!(nearest(name, known), found, "{name}");
        }
        for name in ["m", "x", "", "energy", "ab", "企业"] {
            assert_eq!(nearest(name, known), None, "{name}");
        }
    }
}
