//! The lab's own keys, in one folder that only the lab's account can read.
//!
//! ```text
//! log.pem, or log.uri         signs checkpoints: a key file, or the PKCS#11 URI of a key on a token
//! log.next.pem, log.next.uri  the key that takes over the log once an entry that names it is signed
//! service.pem                 signs what the lab itself says
//! data.key noise.key seal.key 32 random bytes each
//! upload.key                  opens what is uploaded: an age identity
//! sm2.pem                     signs in SM2 too, if it is there
//! ```

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unseen_age::Identity;
use unseen_data::LabDataKey;
use unseen_keys::{open_key, read_secret, read_signing_key, write_new_key, write_secret};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::Signer;
use zeroize::Zeroizing;

use crate::error::LabError;
use crate::folder::{PRIVATE, sync_dir};

/// The lab's own keys.
pub(crate) struct LabKeys {
    dir: PathBuf,
    /// Signs what the lab itself says.
    pub service: Arc<dyn Signer>,
    /// Wraps the data keys of snapshots.
    pub data: LabDataKey,
    /// From which all noise is derived.
    pub noise: Zeroizing<[u8; 32]>,
    /// Seals releases, and authenticates what the lab keeps in files.
    pub seal: Zeroizing<[u8; 32]>,
}

/// Where the key to uploads is kept.
const UPLOAD: &str = "upload.key";
/// Where the log's key is kept.
const LOG: &str = "log";
/// Where the key is kept that the log is being handed over to.
const NEXT_LOG: &str = "log.next";

/// What wraps the data keys of a lab's snapshots.
pub(crate) fn data_key(lab: &Path) -> Result<LabDataKey, LabError> {
    LabDataKey::from_bytes(&*secret(lab.join("keys/data.key"))?).map_err(|error| LabError::Other(Sentence::of(&error)))
}

/// What authenticates the files that a lab keeps.
pub(crate) fn seal_key(lab: &Path) -> Result<Zeroizing<[u8; 32]>, LabError> {
    secret(lab.join("keys/seal.key"))
}

/// What opens files that were encrypted to the lab.
pub(crate) fn upload_key(lab: &Path) -> Result<Identity, LabError> {
    let path = lab.join("keys").join(UPLOAD);
    let bytes = read_secret(&path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| LabError::NotAKey(path.clone()))?;
    Identity::from_secret(text.trim()).map_err(|_| LabError::NotAKey(path))
}

/// The key that a lab's log will be handed over to, if one was proposed.
pub(crate) fn next_log_key(lab: &Path) -> Result<Option<Arc<dyn Signer>>, LabError> {
    kept(&lab.join("keys"), NEXT_LOG)
}

/// Makes it where there is none: in a lab of an older version.
pub(crate) fn ensure_upload_key(lab: &Path) -> Result<(), LabError> {
    let path = lab.join("keys").join(UPLOAD);
    if path.exists() {
        return Ok(());
    }
    let key = Identity::generate().map_err(|error| LabError::Other(Sentence::of(&error)))?;
    Ok(write_secret(&path, key.to_secret().as_bytes())?)
}

/// A key of 32 bytes in a file that only its owner can read.
pub(crate) fn secret(path: PathBuf) -> Result<Zeroizing<[u8; 32]>, LabError> {
    let bytes = read_secret(&path)?;
    bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| LabError::NotAKey(path))
}

impl LabKeys {
    pub fn create(dir: &Path) -> Result<LabKeys, LabError> {
        DirBuilder::new().mode(PRIVATE).create(dir).map_err(LabError::io(dir))?;
        write_new_key(&dir.join("log.pem"))?;
        let service = Arc::new(write_new_key(&dir.join("service.pem"))?);
        let data = LabDataKey::generate().map_err(|error| LabError::Other(Sentence::of(&error)))?;
        write_secret(&dir.join("data.key"), data.expose_bytes())?;
        let noise = Zeroizing::new(random()?);
        write_secret(&dir.join("noise.key"), &*noise)?;
        let seal = Zeroizing::new(random()?);
        write_secret(&dir.join("seal.key"), &*seal)?;
        Ok(LabKeys { dir: dir.to_owned(), service, data, noise, seal })
    }

    pub fn open(dir: &Path) -> Result<LabKeys, LabError> {
        let secret = |name: &str| secret(dir.join(name));
        let data =
            LabDataKey::from_bytes(&*secret("data.key")?).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        Ok(LabKeys {
            dir: dir.to_owned(),
            service: Arc::new(read_signing_key(&dir.join("service.pem"))?),
            data,
            noise: secret("noise.key")?,
            seal: secret("seal.key")?,
        })
    }

    /// The log's key.
    pub fn log(&self) -> Result<Arc<dyn Signer>, LabError> {
        // Where there is none, the file that a lab begins with is named as missing.
        kept(&self.dir, LOG)?
            .map_or_else(|| Ok(Arc::new(read_signing_key(&self.dir.join("log.pem"))?) as Arc<dyn Signer>), Ok)
    }

    /// The key that the log will be handed over to.
    pub fn next_log(&self) -> Result<Option<Arc<dyn Signer>>, LabError> {
        kept(&self.dir, NEXT_LOG)
    }

    /// Keeps a key that may take over the log: the one on a token that a PKCS#11 URI names, or the one that is kept
    /// already, or a new one.
    pub fn propose_next_log(&self, uri: Option<&str>) -> Result<(), LabError> {
        match uri {
            None if matches!(self.next_log(), Ok(Some(_))) => Ok(()),
            None => {
                self.forget_next_log()?;
                Ok(write_new_key(&file(&self.dir, NEXT_LOG, "pem")).map(drop)?)
            }
            Some(uri) if uri.starts_with("pkcs11:") => {
                open_key(uri)?;
                self.forget_next_log()?;
                Ok(write_secret(&file(&self.dir, NEXT_LOG, "uri"), uri.as_bytes())?)
            }
            Some(other) => Err(LabError::Other(say!(
                "`{other}` is not a PKCS#11 URI: leave it out for a new key file, or name a key on a token with pkcs11:...",
                "`{other}` 不是 PKCS#11 URI：省略则新建密钥文件，或用 pkcs11:... 指明令牌中的密钥"
            ))),
        }
    }

    /// Makes the next key the log's key; the old one is gone from here.
    pub fn promote_next_log(&self) -> Result<(), LabError> {
        for (kind, other) in [("pem", "uri"), ("uri", "pem")] {
            let next = file(&self.dir, NEXT_LOG, kind);
            if next.exists() {
                let place = file(&self.dir, LOG, kind);
                std::fs::rename(&next, &place).map_err(LabError::io(next))?;
                remove(&file(&self.dir, LOG, other))?;
            }
        }
        sync_dir(&self.dir)
    }

    /// Removes a key that is not to take over.
    pub fn forget_next_log(&self) -> Result<(), LabError> {
        remove(&file(&self.dir, NEXT_LOG, "pem"))?;
        remove(&file(&self.dir, NEXT_LOG, "uri"))
    }

    /// Where the SM2 key is, if there is one.
    pub fn sm2_file(&self) -> PathBuf {
        self.dir.join("sm2.pem")
    }
}

fn kept(dir: &Path, name: &str) -> Result<Option<Arc<dyn Signer>>, LabError> {
    let (pem, uri) = (file(dir, name, "pem"), file(dir, name, "uri"));
    if uri.exists() {
        let bytes = read_secret(&uri)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| LabError::NotAKey(uri))?;
        return Ok(Some(open_key(text.trim())?));
    }
    if pem.exists() { Ok(Some(Arc::new(read_signing_key(&pem)?))) } else { Ok(None) }
}

fn file(dir: &Path, name: &str, kind: &str) -> PathBuf {
    dir.join(format!("{name}.{kind}"))
}

/// 32 random bytes.
pub(crate) fn random() -> Result<[u8; 32], LabError> {
    let random: ring::rand::Random<[u8; 32]> =
        ring::rand::generate(&ring::rand::SystemRandom::new()).map_err(|_| {
            LabError::Other(
                text!(
                    "the system gave no randomness: the machine cannot make keys now",
                    "系统未提供随机数：本机暂时无法生成密钥"
                )
                .into(),
            )
        })?;
    Ok(random.expose())
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), LabError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::io(path)(error)),
        _ => Ok(()),
    }
}
