//! Components, compiled once and kept. Compiled code is trusted as machine code is, so the cache is
//! authenticated with the lab's own key.

use ring::hmac;
use unseen_ids::Digest;
use unseen_policies::{Manifest, Plan};
use unseen_texts::Sentence;
use unseen_worker::code::{Code, CodeError, fingerprint};

use crate::error::LabError;
use crate::folder::write_durably;
use crate::lab::Lab;

impl Lab {
    /// The compiled form of a component under a plan's limits, from the cache when it is there. Says
    /// in one sentence what is wrong with a component that is refused.
    pub(crate) fn compiled(
        &self,
        digest: &Digest,
        component: &[u8],
        manifest: &Manifest,
        plan: &Plan,
    ) -> Result<Vec<u8>, LabError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.keys.seal);
        let many = if plan.rounds > 1 { "many" } else { "one" };
        let name =
            format!("{}-{}-{many}-{:016x}", digest.short(), plan.limits.memory, fingerprint(plan).map_err(refused)?);
        let path = self.dir.join("cache").join(format!("{name}.cwasm"));
        let context = [b"unseen cache v1 ".as_slice(), name.as_bytes(), digest.to_string().as_bytes(), b" "].concat();
        // What is kept may have been compiled for a manifest of other names.
        if Code::check_shape(component, manifest).is_ok()
            && let Ok(bytes) = std::fs::read(&path)
            && let Some((tag, compiled)) = bytes.split_at_checked(32)
            && hmac::verify(&key, &[&context, compiled].concat(), tag).is_ok()
        {
            return Ok(compiled.to_vec());
        }
        let compiled = compile(component, manifest, plan)?;
        let tag = hmac::sign(&key, &[&context, compiled.as_slice()].concat());
        write_durably(&path, &[tag.as_ref(), &compiled].concat())?;
        Ok(compiled)
    }
}

/// Checks and compiles a component for a plan.
pub fn compile(component: &[u8], manifest: &Manifest, plan: &Plan) -> Result<Vec<u8>, LabError> {
    Code::compile(component, manifest, plan).and_then(|code| code.serialize()).map_err(refused)
}

fn refused(error: CodeError) -> LabError {
    LabError::Module(Sentence::of(&error))
}
