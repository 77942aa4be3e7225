//! What two labs show, without what may differ: released numbers, moments, random and derived bytes.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};

use super::support::tree;

/// The files of a log, or of what was exported of it: names and lengths. Names of blobs are digests and differ; their
/// contents, numbers masked, do not. Entries, and how long they are, are compared where they are shown.
pub fn files(folder: &Path) -> Vec<(String, String)> {
    let (mut others, mut blobs) = (Vec::new(), Vec::new());
    for name in tree(folder).into_iter().filter(|name| folder.join(name).is_file()) {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        match (name.starts_with("blobs/"), String::from_utf8(bytes)) {
            (true, Ok(text)) => blobs.push(match serde_json::from_str(&text) {
                Ok(json) => masked(None, json).to_string(),
                Err(_) => text,
            }),
            (true, Err(bytes)) => blobs.push(format!("{} bytes", bytes.as_bytes().len())),
            (false, _) if name.starts_with("tile/entries/") => others.push(name),
            (false, Ok(text)) => others.push(format!("{name} {}", text.len())),
            (false, Err(bytes)) => others.push(format!("{name} {}", bytes.as_bytes().len())),
        }
    }
    blobs.sort();
    let blobs = blobs.into_iter().map(|blob| ("blob".to_owned(), blob));
    [("files".to_owned(), others.join("\n"))].into_iter().chain(blobs).collect()
}

/// Without what may differ. Lengths of bytes stay.
pub fn masked(name: Option<&str>, value: Value) -> Value {
    match (name, value) {
        (Some("value" | "low" | "high"), Value::String(_)) => json!("number"),
        // The short digest of the release.
        (Some("about"), Value::String(text)) => json!(masked_text(&text)),
        // The envelope once more: the statement beside it is what it says.
        (Some("payload"), _) => json!("payload"),
        (_, Value::String(text)) if text.parse::<chrono::DateTime<chrono::Utc>>().is_ok() => json!("time"),
        (_, Value::String(text)) if text.len() >= 32 && !text.contains(' ') && !text.contains('\n') => {
            json!(format!("{} bytes", text.len()))
        }
        // Notes and proofs: roots, hashes, signatures, entries.
        (_, Value::String(text)) if text.contains('\n') => json!(without_bytes(&text)),
        (_, Value::Array(items)) => items.into_iter().map(|item| masked(None, item)).collect(),
        (_, Value::Object(fields)) => {
            fields.into_iter().map(|(name, value)| (name.clone(), masked(Some(&name), value))).collect()
        }
        (_, other) => other,
    }
}

/// Without hashes, signatures and the like in base64 or hex.
pub fn without_bytes(text: &str) -> String {
    let of_bytes = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let mut out = String::new();
    for run in text.split_inclusive(|c| !of_bytes(c)) {
        let bytes = run.trim_end_matches(|c| !of_bytes(c));
        out += if bytes.len() < 40 { bytes } else { "bytes" };
        out += &run[bytes.len()..];
    }
    out
}

/// Masks numbers, bars and the widths they take in a table.
pub fn masked_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let mask = match c {
            '0'..='9' | '.' | '-' | '+' | 'a'..='f' if c != ' ' => '#',
            // The axis is there where a number is below zero.
            '█'..='▏' | '│' | ' ' | '\n' => ' ',
            '─' | '═' => '─',
            other => other,
        };
        if !("# ─".contains(mask) && out.ends_with(mask)) {
            out.push(mask);
        }
    }
    out
}
