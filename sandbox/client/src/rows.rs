//! Sending rows to a lab: encrypted to its key here, in pieces, and on after a break.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use unseen_age::{AgeError, Encrypter, Recipient, is_age};
use unseen_api::UPLOADS;
use unseen_api::address::Addressed;
use unseen_api::uploads::{Uploaded, UploadsWaiting};
use unseen_ids::{Digest, digest_of};
use unseen_texts::Message;
use unseen_usecases::Query;
use unseen_usecases::imports::ImportShown;

use crate::Client;
use crate::error::ClientError;

/// Bytes of one request: what is lost when a line breaks, and sent again.
const PIECE: usize = 8 << 20;
/// How often a line may break without a byte getting through.
const TRIES: u32 = 6;

/// Whether a file is encrypted already.
pub fn is_sealed(file: &Path) -> Result<bool, ClientError> {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| file.take(64).read_to_end(&mut start));
    read.map_err(|source| ClientError::File { path: file.to_owned(), source })?;
    match is_age(&start) {
        true if start.starts_with(b"-") => Err(AgeError::Armored.into()),
        sealed => Ok(sealed),
    }
}

/// Encrypts a file to a lab's key, as a new file.
pub fn seal(source: &Path, recipient: &str, out: &Path) -> Result<(), ClientError> {
    let recipient: Recipient = recipient.parse()?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| ClientError::File { path, source }
    };
    let mut rows = File::open(source).map_err(failed(source))?;
    let file = File::create(out).map_err(failed(out))?;
    let mut sealed = Encrypter::new(io::BufWriter::new(file), &[recipient])?;
    io::copy(&mut rows, &mut sealed).map_err(failed(source))?;
    sealed.finish().and_then(|mut file| file.flush()).map_err(failed(out))
}

impl Client {
    /// Sends a file that is encrypted to the lab; what is there already is not sent again. Gives its digest.
    pub fn send_rows(&self, file: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Digest, ClientError> {
        let failed = |source| ClientError::File { path: file.to_owned(), source };
        let mut rows = File::open(file).map_err(failed)?;
        let (digest, length) = digest_of(&rows).map_err(failed)?;
        let path = format!("{UPLOADS}{}", digest.to_hex());
        let (mut tries, mut at) = (0, None);
        loop {
            let sent = match at {
                None => self.received(&path),
                Some(at) => {
                    let mut piece = Vec::new();
                    rows.seek(SeekFrom::Start(at)).map_err(failed)?;
                    (&mut rows).take(PIECE as u64).read_to_end(&mut piece).map_err(failed)?;
                    self.http.patch(&path, at, length, &piece).map(|done: Uploaded| (done.received, done.whole))
                }
            };
            match sent {
                Ok((_, true)) => return Ok(digest),
                Ok((received, false)) => {
                    tries = if at.is_some_and(|at| at < received) { 0 } else { tries };
                    at = Some(received);
                    progress(received, length);
                }
                Err(error) if tries < TRIES && passes(&error) => {
                    std::thread::sleep(Duration::from_millis(500 << tries));
                    tries += 1;
                    // How much got through, the lab knows.
                    at = None;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One's own uploads that wait at the lab.
    pub fn uploads(&self) -> Result<UploadsWaiting, ClientError> {
        self.http.get(UPLOADS.trim_end_matches('/'))
    }

    /// Takes an upload back.
    pub fn drop_upload(&self, upload: &Digest) -> Result<(), ClientError> {
        self.http.delete(&format!("{UPLOADS}{}", upload.to_hex()))
    }

    /// Asks for an import and waits until it is ready or has failed.
    pub fn import<W>(&self, wish: &W, progress: &mut dyn FnMut(f64)) -> Result<ImportShown, ClientError>
    where
        W: Query<Answer = ImportShown> + Addressed + Clone,
    {
        use unseen_usecases::imports::{ImportStanding, ShowImport};
        let mut found = self.ask(wish.clone())?;
        let mut tries = 0;
        while matches!(found.state, ImportStanding::Waiting | ImportStanding::Working) {
            progress(found.done);
            std::thread::sleep(Duration::from_millis(500 << tries));
            match self.ask(ShowImport { dataset: found.dataset.clone(), import: found.import.clone() }) {
                Ok(next) => (found, tries) = (next, 0),
                Err(error) if tries < TRIES && passes(&error) => tries += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn received(&self, path: &str) -> Result<(u64, bool), ClientError> {
        match self.http.get::<Uploaded>(path) {
            Ok(found) => Ok((found.received, found.whole)),
            Err(ClientError::Told(told)) if told.code() == "upload.none" => Ok((0, false)),
            Err(error) => Err(error),
        }
    }
}

/// Whether it may be otherwise in a moment.
fn passes(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Broken { .. } | ClientError::Late { .. } => true,
        ClientError::Told(told) => {
            let code = told.code();
            ["upload.offset", "upload.busy", "request.busy", "request.too-many", "request.slow"].contains(&code)
        }
        _ => false,
    }
}
