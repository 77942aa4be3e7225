//! Names of a manifest as names in code.
//!
//! Names that a language does not take are changed as little as can be: what cannot stand in an identifier becomes `_`,
//! and each language says what becomes of its keywords. Names that would become one are each spelled out instead, so
//! that no name of the code depends on the order of the manifest: `a b` and `a-b` are `n_a_u20_b` and `n_a_u2d_b`.

use std::collections::HashMap;

use unicode_normalization::is_nfkc;

/// Names for one place in the code. Those that would become one, or are taken, are spelled out.
pub(super) fn distinct(names: &[&str], written: fn(&str) -> String, taken: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = names.iter().map(|name| written(name)).collect();
    // One that is spelled out may take another's place. Each turn spells out one more at least, and none goes back.
    loop {
        let mut uses = HashMap::<&str, usize>::new();
        let all = taken.iter().copied().chain(found.iter().map(String::as_str));
        all.for_each(|name| *uses.entry(name).or_default() += 1);
        let apart = |(name, found): (&&str, &String)| match uses[found.as_str()] {
            1 => found.clone(),
            _ => spelled_out(name),
        };
        let next: Vec<String> = names.iter().zip(&found).map(apart).collect();
        if next == found {
            return found;
        }
        found = next;
    }
}

/// A name of which no other one becomes the same: an underscore begins and ends the number of a character.
fn spelled_out(name: &str) -> String {
    let mut spelled = String::from("n_");
    for c in name.chars() {
        match c {
            // Some languages take letters that look alike for one.
            c if c.is_alphanumeric() && unicode_ident::is_xid_continue(c) && is_nfkc(c.encode_utf8(&mut [0; 4])) => {
                spelled.push(c)
            }
            c => spelled += &format!("_u{:x}_", u32::from(c)),
        }
    }
    spelled
}

/// A name of a type: `output-per-mu` is `OutputPerMu`.
pub(super) fn type_name(name: &str) -> String {
    let parts = name.split(|c: char| c == '_' || !unicode_ident::is_xid_continue(c));
    let joined: String = parts
        .map(|part| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect::<String>())
        .collect();
    letters(&joined)
}

/// What of a name can stand in an identifier.
pub(super) fn letters(name: &str) -> String {
    let mut letters: String = name.chars().map(|c| if unicode_ident::is_xid_continue(c) { c } else { '_' }).collect();
    if !letters.starts_with(|c| c == '_' || unicode_ident::is_xid_start(c)) {
        letters.insert(0, '_');
    }
    // One underscore alone is not a name.
    if letters.chars().all(|c| c == '_') {
        letters.push('0');
    }
    letters
}

/// A name in a comment, which ends with its line.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace(char::is_control, " "))
}
