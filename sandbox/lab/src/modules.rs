//! Components, compiled once and kept. Compiled code is trusted as machine code is, so the cache is
//! authenticated with the lab's own key.

use ring::hmac;
use unseen_policies::event::Digest;
use unseen_policies::plan::Plan;
use unseen_runtime::{Engine, Limits, Module, World};

use crate::error::LabError;
use crate::lab::{Lab, write_durably};

impl Lab {
    /// The compiled form of a component under a plan's limits, from the cache when it is there. Says
    /// in one sentence what is wrong with a component that is refused.
    pub(crate) fn compiled(&self, digest: &Digest, component: &[u8], plan: &Plan) -> Result<Vec<u8>, LabError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.keys.seal);
        let engine = engine(plan)?;
        let many = if plan.rounds > 1 { "many" } else { "one" };
        let name = format!("{}-{}-{many}-{:016x}", digest.short(), plan.limits.memory, engine.fingerprint());
        let path = self.dir.join("cache").join(format!("{name}.cwasm"));
        let context = [b"unseen cache v1 ".as_slice(), name.as_bytes(), digest.as_str().as_bytes(), b" "].concat();
        if let Ok(bytes) = std::fs::read(&path)
            && let Some((tag, compiled)) = bytes.split_at_checked(32)
            && hmac::verify(&key, &[&context, compiled].concat(), tag).is_ok()
        {
            return Ok(compiled.to_vec());
        }
        let compiled = compile_with(&engine, component, plan)?;
        let tag = hmac::sign(&key, &[&context, compiled.as_slice()].concat());
        write_durably(&path, &[tag.as_ref(), &compiled].concat())?;
        Ok(compiled)
    }
}

/// Checks and compiles a component for a plan.
pub fn compile(component: &[u8], plan: &Plan) -> Result<Vec<u8>, LabError> {
    compile_with(&engine(plan)?, component, plan)
}

fn engine(plan: &Plan) -> Result<Engine, LabError> {
    Engine::new(&Limits::new(plan.limits.fuel, plan.limits.memory), 1).map_err(|error| LabError::Module(error.to_string()))
}

fn compile_with(engine: &Engine, component: &[u8], plan: &Plan) -> Result<Vec<u8>, LabError> {
    let refused = |error: &dyn std::fmt::Display| LabError::Module(error.to_string());
    let module = Module::compile(engine, component).map_err(|error| refused(&error))?;
    check_world(module.world(), plan)?;
    module.serialize().map_err(|error| refused(&error))
}

/// A job of several rounds needs `advance`.
pub fn check_world(world: World, plan: &Plan) -> Result<(), LabError> {
    if plan.rounds > 1 && world == World::Job {
        return Err(LabError::Module(format!(
            "the manifest asks for {} rounds, but the component has no `advance`: export it, or set rounds = 1",
            plan.rounds
        )));
    }
    Ok(())
}
