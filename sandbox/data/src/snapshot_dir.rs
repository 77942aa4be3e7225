//! The folder of a snapshot, as a steward or the lab has it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use unseen_ids::{hex, sha256};
use unseen_texts::{Sentence, text};

use crate::description::Kind;
use crate::keys::{DataKey, LabDataKey};
use crate::quality::QualityReport;
use crate::reference::ReferenceTable;
use crate::snapshot::{
    DESCRIPTION, MANIFEST, Manifest, ManifestFile, PLAIN_QUALITY, SEALED_QUALITY, Snapshot, SnapshotError, WRAPPED_KEY,
    load_reference, quality_context,
};

/// What a steward or the lab (not a worker) needs of a snapshot folder.
pub struct SnapshotDir {
    /// The manifest.
    pub manifest: Manifest,
    /// Bytes of `manifest.json`.
    pub manifest_bytes: Vec<u8>,
    /// SHA-256 of those.
    pub root: [u8; 32],
    /// Text of `dataset.toml`, of the digest the manifest names.
    pub description: String,
    dir: Dir,
    wrapped_key: Vec<u8>,
    quality: Vec<u8>,
}

impl SnapshotDir {
    /// Opens the folder of a snapshot; `root` is the digest the log names (`None` only right after
    /// an import, when nothing names it yet).
    pub fn open(dir: &Path, root: Option<[u8; 32]>) -> Result<Self, SnapshotError> {
        // Nothing outside the folder is opened, whatever names or links stand in it.
        let opened = Dir::open_ambient_dir(dir, ambient_authority()).map_err(SnapshotError::io("the folder"))?;
        let dir = &opened;
        let manifest_bytes = read_small(dir, MANIFEST)?;
        let root = root.unwrap_or_else(|| sha256(&[&manifest_bytes]));
        let manifest = Manifest::parse(&manifest_bytes, root)?;
        let description = read_small(dir, DESCRIPTION)?;
        if hex::encode(&sha256(&[&description])) != manifest.description {
            return Err(SnapshotError::Altered { dataset: manifest.dataset, file: DESCRIPTION.into() });
        }
        let description = String::from_utf8(description)
            .map_err(|_| SnapshotError::content(DESCRIPTION, text!("it is not UTF-8", "不是 UTF-8")))?;
        let (wrapped_key, quality) = match manifest.kind {
            Kind::Private => (read_small(dir, WRAPPED_KEY)?, read_small(dir, SEALED_QUALITY)?),
            Kind::Reference => (Vec::new(), read_small(dir, PLAIN_QUALITY)?),
        };
        Ok(Self { manifest, manifest_bytes, root, description, dir: opened, wrapped_key, quality })
    }

    /// Opens a data file, for reading only.
    pub fn file(&self, entry: &ManifestFile) -> Result<File, SnapshotError> {
        let file = self.dir.open(&entry.file).map(cap_std::fs::File::into_std);
        file.map_err(|source| match Errno::from_io_error(&source) {
            Some(Errno::MFILE | Errno::NFILE) => {
                let (dataset, files) = (self.manifest.dataset.clone(), self.manifest.files.len());
                SnapshotError::TooManyFiles { dataset, files, may: may_open() }
            }
            _ => SnapshotError::io(&entry.file)(source),
        })
    }

    /// Opens the data files, in order. This process is given room for as many as the system lets it have.
    pub fn files(&self) -> Result<Vec<File>, SnapshotError> {
        let most = getrlimit(Resource::Nofile).maximum;
        // Where it may not, opening says what is missing.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
        self.manifest.files.iter().map(|entry| self.file(entry)).collect()
    }

    /// Destroys the folder of a snapshot, its key first: without it the rest cannot be read, even where the disk
    /// keeps it. Done again after a crash, it goes on. Copies elsewhere, such as backups, are not its affair.
    pub fn destroy(dir: &Path) -> std::io::Result<()> {
        let key = dir.join(WRAPPED_KEY);
        match std::fs::OpenOptions::new().write(true).open(&key) {
            Ok(mut file) => {
                let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
                file.write_all(&vec![0; length])?;
                file.sync_all()?;
                std::fs::remove_file(&key)?;
                unseen_durable::flush_folder(dir)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::fs::remove_dir_all(dir)?;
        dir.parent().map_or(Ok(()), unseen_durable::flush_folder)
    }

    /// The data key of a private snapshot.
    pub fn data_key(&self, lab: &LabDataKey) -> Result<DataKey, SnapshotError> {
        Ok(lab.unwrap(&self.wrapped_key, &self.manifest.dataset, &self.manifest.salt_bytes())?)
    }

    /// The quality report; the key is needed for private datasets.
    pub fn quality(&self, key: Option<&DataKey>) -> Result<QualityReport, SnapshotError> {
        let (name, bytes) = match key {
            Some(key) => {
                let context = quality_context(&self.manifest.dataset, &self.manifest.salt);
                (SEALED_QUALITY, key.open(&context, &self.quality, text!("the quality report", "质量报告"))?)
            }
            None => (PLAIN_QUALITY, self.quality.clone()),
        };
        serde_json::from_slice(&bytes).map_err(|fault| SnapshotError::content(name, Sentence::of(&fault)))
    }

    /// Opens it as the worker does.
    pub fn into_snapshot(self, key: &DataKey) -> Result<Snapshot, SnapshotError> {
        Snapshot::open(&self.manifest_bytes, self.root, key, self.files()?)
    }

    /// Loads a reference table into memory.
    pub fn into_reference(self) -> Result<ReferenceTable, SnapshotError> {
        load_reference(&self.manifest_bytes, self.root, self.files()?)
    }
}

/// How many files this process may have open.
fn may_open() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Reads a file that is never large, and refuses one that is.
fn read_small(dir: &Dir, name: &str) -> Result<Vec<u8>, SnapshotError> {
    const LIMIT: u64 = 64 << 20;
    let mut bytes = Vec::new();
    dir.open(name).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)).map_err(SnapshotError::io(name))?;
    if bytes.len() as u64 > LIMIT {
        return Err(SnapshotError::content(name, text!("it is larger than 64 MiB", "超过 64 MiB")));
    }
    Ok(bytes)
}
