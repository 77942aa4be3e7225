//! A bag (BagIt 1.0, RFC 8493): files under `data/`, each with its SHA-512.

use std::fmt::Write;

use ring::digest::{SHA512, digest};
use unseen_ids::hex;

use crate::archive::Files;

/// Puts a payload into a bag. `info` are lines of `bag-info.txt`, whose values have no line breaks.
pub(crate) fn bag(payload: &Files, info: &[(&str, &str)]) -> Files {
    let mut bag = Files::default();
    let (mut count, mut length) = (0, 0);
    for (path, bytes) in payload.iter() {
        (count, length) = (count + 1, length + bytes.len());
        bag.put(format!("data/{path}"), bytes);
    }
    let manifest = sums(&bag);
    bag.put("manifest-sha512.txt", manifest.clone());
    let mut tags = Files::default();
    tags.put("manifest-sha512.txt", manifest);
    let mut lines: String = info.iter().map(|(label, value)| format!("{label}: {value}\n")).collect();
    let _ = writeln!(lines, "Payload-Oxum: {length}.{count}");
    for (name, text) in
        [("bag-info.txt", lines), ("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".to_owned())]
    {
        tags.put(name, text.clone());
        bag.put(name, text);
    }
    bag.put("tagmanifest-sha512.txt", sums(&tags));
    bag
}

/// RFC 8493, section 2.1.3. No path here has a line break or a percent sign in it.
fn sums(files: &Files) -> String {
    files.iter().map(|(path, bytes)| format!("{}  {path}\n", hex::encode(digest(&SHA512, bytes).as_ref()))).collect()
}
