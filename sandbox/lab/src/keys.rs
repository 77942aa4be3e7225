//! Key files: made once, mode 0600, refused when others could read them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use unseen_data::LabDataKey;
use unseen_tlog::{Signer, SigningKey};

use crate::error::LabError;

/// Makes a signing key and writes it to a new file.
pub fn write_new_key(path: &Path) -> Result<SigningKey, LabError> {
    let key = SigningKey::generate().map_err(|error| LabError::Other(error.to_string()))?;
    write_private(path, key.to_pem().as_bytes())?;
    Ok(key)
}

/// Reads a person's private key.
pub fn read_signing_key(path: &Path) -> Result<SigningKey, LabError> {
    let bytes = read_private(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| LabError::NotAKey(path.to_owned()))?;
    SigningKey::from_pem(text).map_err(|_| LabError::NotAKey(path.to_owned()))
}

/// The lab's own keys.
pub(crate) struct LabKeys {
    /// Signs checkpoints.
    pub log: Arc<dyn Signer>,
    /// Signs what the lab itself says.
    pub service: Arc<dyn Signer>,
    /// Wraps the data keys of snapshots.
    pub data: LabDataKey,
    /// From which all noise is derived.
    pub noise: [u8; 32],
    /// Seals releases, and authenticates what the lab keeps in files.
    pub seal: [u8; 32],
}

impl LabKeys {
    pub fn create(dir: &Path) -> Result<LabKeys, LabError> {
        std::fs::create_dir(dir).map_err(LabError::io(dir))?;
        let log = Arc::new(write_new_key(&dir.join("log.pem"))?);
        let service = Arc::new(write_new_key(&dir.join("service.pem"))?);
        let data = LabDataKey::generate().map_err(|error| LabError::Other(error.to_string()))?;
        write_private(&dir.join("data.key"), data.expose_bytes())?;
        let noise = random()?;
        write_private(&dir.join("noise.key"), &noise)?;
        let seal = random()?;
        write_private(&dir.join("seal.key"), &seal)?;
        Ok(LabKeys { log, service, data, noise, seal })
    }

    pub fn open(dir: &Path) -> Result<LabKeys, LabError> {
        let secret = |name: &str| -> Result<[u8; 32], LabError> {
            let path = dir.join(name);
            let bytes = read_private(&path)?;
            bytes.try_into().map_err(|_| LabError::NotAKey(path))
        };
        let data = LabDataKey::from_bytes(&secret("data.key")?).map_err(|error| LabError::Other(error.to_string()))?;
        Ok(LabKeys {
            log: Arc::new(read_signing_key(&dir.join("log.pem"))?),
            service: Arc::new(read_signing_key(&dir.join("service.pem"))?),
            data,
            noise: secret("noise.key")?,
            seal: secret("seal.key")?,
        })
    }
}

/// 32 random bytes.
pub(crate) fn random() -> Result<[u8; 32], LabError> {
    let random: ring::rand::Random<[u8; 32]> = ring::rand::generate(&ring::rand::SystemRandom::new())
        .map_err(|_| LabError::Other("the system gave no randomness: the machine cannot make keys now".to_owned()))?;
    Ok(random.expose())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
        let exists = source.kind() == std::io::ErrorKind::AlreadyExists;
        if exists { LabError::Exists(path.to_owned()) } else { LabError::Io { path: path.to_owned(), source } }
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(std::fs::remove_file(path))).map_err(LabError::io(path))
}

fn read_private(path: &Path) -> Result<Vec<u8>, LabError> {
    /// No key file is longer.
    const MOST: u64 = 16 << 10;
    let file = File::open(path).map_err(LabError::io(path))?;
    let mode = file.metadata().map_err(LabError::io(path))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(LabError::OpenKey { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).map_err(LabError::io(path))?;
    Ok(bytes)
}
