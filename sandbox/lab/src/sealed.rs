//! Records in files that only the lab can open: age files to its upload key.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use unseen_age::{Decrypter, Encrypter};
use zeroize::Zeroizing;

use crate::error::LabError;
use crate::folder::write_durably;
use crate::keys::upload_key;

/// Writes a record as JSON.
pub(crate) fn write(lab: &Path, path: &Path, record: &impl Serialize) -> Result<(), LabError> {
    let other = |error: &dyn std::error::Error| LabError::Other(error.to_string().into());
    let bytes = Zeroizing::new(serde_json::to_vec(record).map_err(|error| other(&error))?);
    let recipient = upload_key(lab)?.recipient();
    let mut sealed = Encrypter::new(Vec::new(), &[recipient]).map_err(|error| other(&error))?;
    sealed.write_all(&bytes).map_err(|error| other(&error))?;
    write_durably(path, &sealed.finish().map_err(|error| other(&error))?)
}

/// Back from [`write`]; none where there is no file, or another record in it.
pub(crate) fn read<T: DeserializeOwned>(lab: &Path, path: &Path) -> Result<Option<T>, LabError> {
    let Ok(sealed) = fs::read(path) else { return Ok(None) };
    let mut bytes = Zeroizing::new(Vec::new());
    let opened = Decrypter::new(sealed.as_slice(), &[upload_key(lab)?]).map_err(std::io::Error::from);
    opened.and_then(|mut opened| opened.read_to_end(&mut bytes)).map_err(LabError::io(path))?;
    Ok(serde_json::from_slice(&bytes).ok())
}
