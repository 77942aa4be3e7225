//! Components, compiled once and kept in a folder of somebody's own: a lab's, or that of a person who tries jobs; and
//! which program runs them.
//!
//! Compiled code is trusted as machine code is, so each file begins with an HMAC under a key of the folder's owner, over
//! what it was compiled from and for. Whatever is missing, altered or of another engine is compiled again.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ring::hmac;
use unseen_ids::{Digest, digest_of};
use unseen_policies::{Manifest, Plan};

use crate::code::{Code, CodeError, Use};
use crate::ready_made;

/// Bytes that a folder keeps at most, but for the last file: what was used longest ago goes first. A component of Python
/// takes some 70 MB.
const MOST: u64 = 1 << 30;

/// How old a file's last change must be for its time to tell it from any later one.
const SETTLED: Duration = Duration::from_secs(2);

/// Bytes of an HMAC with SHA-256.
const TAG: usize = 32;

/// A folder of compiled components.
pub struct Kept {
    folder: PathBuf,
    key: hmac::Key,
}

impl Kept {
    /// A folder, and the secret of its owner's.
    pub fn new(folder: &Path, secret: &[u8; 32]) -> Kept {
        Kept { folder: folder.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A component that is ready to run under one plan, and its compiled form. Nothing else than compiling it anew gives:
    /// what is kept is instantiated under the plan's limits too.
    pub fn code(
        &self,
        component: &[u8],
        manifest: &Manifest,
        plan: &Plan,
        purpose: Use,
    ) -> Result<(Code, Vec<u8>), CodeError> {
        if ready_made::is_one(component) {
            let code = Code::compile(component, manifest, plan, purpose)?;
            let bytes = code.serialize()?;
            return Ok((code, bytes));
        }
        let digest = Digest::of(component);
        let many = if plan.rounds > 1 { "many" } else { "one" };
        let engine = purpose.fingerprint(plan)?;
        let name = format!("{}-{}-{many}-{engine:016x}.cwasm", digest.short(), plan.limits.memory);
        let context = format!("unseen cache v2 {name} {digest} ");
        // What is kept may have been compiled for a manifest of other names.
        if Code::check_shape(component, manifest).is_ok()
            && let Some(bytes) = self.find(&name, &context)
            // SAFETY: whoever has the key wrote these bytes, after compiling this component.
            && let Ok(code) = unsafe { Code::load(&bytes, manifest, plan, purpose) }
        {
            return Ok((code, bytes));
        }
        let code = Code::compile(component, manifest, plan, purpose)?;
        let bytes = code.serialize()?;
        // Where it cannot be kept, it is compiled again next time.
        let _ = self.keep(&name, &context, &bytes);
        Ok((code, bytes))
    }

    /// [`build_of`](crate::process::build_of), computed once for each file: the kernel notes down when one was changed
    /// last, and lets nobody write to a program that runs.
    pub fn build_of(&self, program: &Path) -> io::Result<Digest> {
        let mut file = File::open(program)?;
        let about = file.metadata()?;
        let (changed, part) = (about.ctime(), about.ctime_nsec());
        let file_is = format!("{} {} {} {changed}.{part:09}", about.dev(), about.ino(), about.size());
        let (name, context) = ("program.digest", format!("unseen build v1 {file_is} "));
        if let Some(Ok(digest)) = self.find(name, &context).map(<[u8; 32]>::try_from) {
            return Ok(Digest::from_bytes(digest));
        }
        let (digest, _) = digest_of(&mut file)?;
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(changed.unsigned_abs());
        if changed.elapsed().is_ok_and(|since| since > SETTLED) {
            // Where it cannot be kept, it is computed again next time.
            let _ = self.keep(name, &context, &digest.to_bytes());
        }
        Ok(digest)
    }

    fn find(&self, name: &str, context: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        let bytes = fs::read(&path).ok()?;
        let (tag, compiled) = bytes.split_at_checked(TAG)?;
        hmac::verify(&self.key, &[context.as_bytes(), compiled].concat(), tag).ok()?;
        // Used now, so not the first to go.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(compiled.to_vec())
    }

    fn keep(&self, name: &str, context: &str, compiled: &[u8]) -> io::Result<()> {
        let tag = hmac::sign(&self.key, &[context.as_bytes(), compiled].concat());
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
        let beside = self.folder.join(format!("{name}.{process}-{number}.tmp"));
        fs::write(&beside, [tag.as_ref(), compiled].concat())?;
        fs::rename(&beside, self.folder.join(name))?;
        self.sweep(name)
    }

    /// Removes what is too much, and what a killed process left behind.
    fn sweep(&self, newest: &str) -> io::Result<()> {
        let mut found = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let (file, about) = file.and_then(|file| Ok((file.path(), file.metadata()?)))?;
            let is_ours = file.extension().is_some_and(|end| end == "cwasm" || end == "tmp");
            if is_ours && !file.ends_with(newest) {
                found.push((about.modified()?, about.len(), file));
            }
        }
        found.sort_unstable_by_key(|(used, ..)| Reverse(*used));
        let mut all = 0;
        for (_, bytes, file) in found {
            all += bytes;
            if all > MOST {
                fs::remove_file(file)?;
            }
        }
        Ok(())
    }
}
