//! Files in one zip archive (APPNOTE 6.3). The same files give the same bytes: no time, no order of arrival.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use serde::Serialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::PackError;

/// Files by their paths, with `/` between folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    pub fn put(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), bytes.into());
    }

    pub fn put_json(&mut self, path: &str, value: &impl Serialize) -> Result<(), PackError> {
        let mut json = serde_json::to_vec_pretty(value).map_err(PackError::unwritten)?;
        json.push(b'\n');
        self.put(path, json);
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// All of them in a folder of the archive.
    pub fn zip(&self, folder: &str) -> Result<Vec<u8>, PackError> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        for (path, bytes) in self.iter() {
            archive.start_file(format!("{folder}/{path}"), options).map_err(PackError::unwritten)?;
            archive.write_all(bytes).map_err(PackError::unwritten)?;
        }
        Ok(archive.finish().map_err(PackError::unwritten)?.into_inner())
    }
}

/// A name in letters, digits and hyphens: for paths that every program takes.
pub(crate) fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}
