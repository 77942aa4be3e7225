//! Components, compiled once and kept: by a lab under its own key, and by a person who tries jobs under theirs. And the
//! digest of the program that runs them.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use unseen_ids::Digest;
use unseen_keys::write_secret;
use unseen_policies::{Manifest, Plan};
use unseen_texts::Sentence;
use unseen_worker::code::{Code, CodeError, Use};
use unseen_worker::kept::Kept;
use unseen_worker::process::build_of;

use crate::error::LabError;
use crate::folder::PRIVATE;
use crate::keys::{random, seal_key, secret};
use crate::view::View;

impl View {
    /// The compiled form of a component under a plan's limits, from the lab's cache when it is there. Says in one
    /// sentence what is wrong with a component that is refused.
    pub fn compiled(&self, component: &[u8], manifest: &Manifest, plan: &Plan) -> Result<Vec<u8>, LabError> {
        let runs = Use::Runs(1);
        let compiled = match self.cache() {
            Some(kept) => kept.code(component, manifest, plan, runs).map(|(_, bytes)| bytes),
            None => Code::compile(component, manifest, plan, runs).and_then(|code| code.serialize()),
        };
        compiled.map_err(|error: CodeError| LabError::Module(Sentence::of(&error)))
    }

    /// SHA-256 of the binary that runs jobs.
    pub(crate) fn build_digest(&self, program: &Path) -> Result<Digest, LabError> {
        let digest = match self.cache() {
            Some(kept) => kept.build_of(program),
            None => build_of(program),
        };
        digest.map_err(LabError::io(program))
    }

    /// The lab's cache; a copy of a log keeps nothing.
    fn cache(&self) -> Option<Kept> {
        Some(Kept::new(&self.dir.join("cache"), &*seal_key(&self.dir).ok()?))
    }
}

/// A folder of somebody's own for what they compile, made with a key of its own; none where that cannot be.
pub fn kept_in(folder: &Path) -> Option<Kept> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(folder).ok()?;
    let key = folder.join("key");
    if !key.exists() {
        // Another command may be the first.
        let _ = write_secret(&key, &random().ok()?);
    }
    Some(Kept::new(folder, &*secret(key).ok()?))
}
