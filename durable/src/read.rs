//! Whole files, of whoever wrote them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use unseen_texts::{Sentence, say, text};

/// No longer file is read whole, in bytes.
const MOST: u64 = 256 << 20;
const NXIO: i32 = rustix::io::Errno::NXIO.raw_os_error();

/// A whole file. Anything but a regular file is refused, since a pipe would keep its reader waiting, and so is one
/// that is longer than 256 MiB.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let no_file = || refused(text!("this is not a regular file", "这不是普通文件").into());
    // A pipe is opened without waiting for who writes to it; a socket is not opened at all.
    let opened = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| if error.raw_os_error() == Some(NXIO) { no_file() } else { error })?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(no_file());
    }
    if found.len() > MOST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::with_capacity(found.len() as usize + 1);
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same, as text.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        refused(say!(
            "line {line} is not UTF-8 text: save the file as UTF-8",
            "第 {line} 行不是 UTF-8 文本：请把文件另存为 UTF-8"
        ))
    })
}

fn refused(why: Sentence) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_sensible_size_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("text"), "一\n二").unwrap();
        assert_eq!(read_text(&path("text")).unwrap(), "一\n二");
        std::fs::write(path("gbk"), b"a\nb\n\xce\xe4\xbd\xf8").unwrap();
        assert!(read_text(&path("gbk")).unwrap_err().to_string().starts_with("line 3 is not UTF-8"));
        assert_eq!(read(dir.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
        File::create(path("large")).unwrap().set_len(MOST + 1).unwrap();
        assert_eq!(read(&path("large")).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let pipe = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(pipe.success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for path in [path("pipe"), path("socket"), "/dev/null".into()] {
            assert_eq!(read(&path).unwrap_err().to_string(), "this is not a regular file", "{}", path.display());
        }
    }
}
