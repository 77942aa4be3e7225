//! Key files: made once, mode 0600, refused when others could read them.

use crate::KeyStoreError;
use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};
use unseen_tlog::SigningKey;
use zeroize::Zeroizing;

/// No key file is longer, in bytes.
const MOST: u64 = 16 << 10;

/// Makes a signing key and writes it to a new file, as PKCS#8 in PEM.
pub fn write_new_key(path: &Path) -> Result<SigningKey, KeyStoreError> {
    let key = SigningKey::generate()?;
    write_secret(path, key.to_pem().as_bytes())?;
    Ok(key)
}

/// Reads a private key that [`write_new_key`] or OpenSSL wrote.
pub fn read_signing_key(path: &Path) -> Result<SigningKey, KeyStoreError> {
    let refused = || KeyStoreError::NotAKey(path.to_owned());
    let bytes = read_secret(path).map_err(|error| match error {
        // What is no secret may be read by others.
        KeyStoreError::Readable { .. } if !is_private_key(path) => refused(),
        error => error,
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refused())?;
    SigningKey::from_pem(text).map_err(|_| refused())
}

fn is_private_key(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut start));
    read.is_ok() && start.windows(11).any(|part| part == b"PRIVATE KEY")
}

/// Writes a new file that only its owner can read, and waits until it is on the disk.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyStoreError> {
    let failed = |source| KeyStoreError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
        let exists = source.kind() == ErrorKind::AlreadyExists;
        if exists { KeyStoreError::Exists(path.to_owned()) } else { failed(source) }
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(std::fs::remove_file(path))).map_err(failed)
}

/// Reads a file of at most 16 KiB that only its owner can read.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
    let failed = |source| KeyStoreError::Io { path: path.to_owned(), source };
    // A pipe would keep its reader waiting.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(KeyStoreError::NotAKey(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyStoreError::Readable { path: path.to_owned(), mode });
    }
    // Of a size that never moves, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize + 2));
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST { Err(KeyStoreError::NotAKey(path.to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_key;
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    use unseen_tlog::Signer;

    #[test]
    fn a_key_file_is_its_owners_alone_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let key = write_new_key(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let opened = open_key(path.to_str().unwrap()).unwrap();
        assert_eq!(opened.verifying_key(), key.verifying_key());
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(write_new_key(&path), Err(KeyStoreError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);

        for mode in [0o640, 0o604, 0o610, 0o622] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = read_signing_key(&path).unwrap_err();
            assert!(matches!(refused, KeyStoreError::Readable { mode: found, .. } if found == mode), "{refused}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(read_signing_key(&path).is_ok());
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut long = SigningKey::generate().unwrap().to_pem().as_bytes().to_vec();
        long.resize(MOST as usize + 1, b'\n');
        for (name, bytes) in [("text", b"hello".as_slice()), ("bytes", b"\xff\xfe"), ("empty", b""), ("long", &long)] {
            let path = dir.path().join(name);
            write_secret(&path, bytes).unwrap();
            assert!(matches!(read_signing_key(&path), Err(KeyStoreError::NotAKey(_))), "{name}");
        }
        // One byte shorter, and the same is a key: the length alone was refused.
        write_secret(&dir.path().join("padded"), &long[..MOST as usize]).unwrap();
        assert!(read_signing_key(&dir.path().join("padded")).is_ok());
        assert!(matches!(open_key("no/such/file"), Err(KeyStoreError::Io { .. })));
    }
}
