//! One call of a guest: the store it runs in, and why it may give no answer.

use unseen_texts::{Say, Sentence};
use wasmtime::{ResourceLimiter, Store, Trap};

use crate::engine::{Engine, EngineError, Limits};

/// Why a call gave no answer. Depends on rows: the text is for the lab's inside log only, and a
/// grain that fails simply contributes nothing.
#[derive(Debug, thiserror::Error, Say)]
#[code("guest")]
pub enum Failure {
    /// The grain's fuel ran out.
    #[error("the guest used up its fuel")]
    #[zh("作业代码耗尽了燃料")]
    Fuel,
    /// The guest trapped, or could not get memory it insisted on.
    #[error("the guest trapped: {0}")]
    #[zh("作业代码触发陷阱：{0}")]
    Trap(Sentence),
    /// The guest answered with an error of its own.
    #[error("the guest answered with an error: {0}")]
    #[zh("作业代码返回错误：{0}")]
    Guest(Sentence),
    /// The answer was malformed or larger than [`Limits`] allow.
    #[error("the guest's answer was refused: {0}")]
    #[zh("作业代码的返回被拒绝：{0}")]
    Answer(Sentence),
    /// The host failed, not the guest, for example out of memory: what the grain would have
    /// contributed is unknown, so the run must stop here and can be resumed.
    #[error("the host could not run the guest: {0}")]
    #[zh("宿主无法运行作业代码：{0}")]
    Host(Sentence),
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> EngineError {
        EngineError(Sentence::of(&failure))
    }
}

/// A store with a whole grain's fuel and memory.
pub(crate) fn store(engine: &Engine, answer: u32) -> Store<Tally> {
    let mut store = Store::new(&engine.wasmtime, Tally::new(&engine.limits));
    store.limiter(|tally| tally);
    store.set_hostcall_fuel(answer as usize);
    store.set_fuel(engine.limits.fuel).expect("invariant: the engine counts fuel");
    store
}

impl Failure {
    /// What a failed call means.
    pub(crate) fn of_call(error: &wasmtime::Error, tally: &Tally) -> Failure {
        if let Some(reason) = &tally.host_failed {
            return Failure::Host(reason.clone().into());
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Failure::Fuel,
            Some(trap) => Failure::Trap(trap.to_string().into()),
            None => Failure::Answer(format!("{error:#}").into()),
        }
    }
}

/// Counts the memory of all of a store's instances together.
pub(crate) struct Tally {
    left: u64,
    /// Whether the guest asked for more than that.
    pub(crate) refused: bool,
    host_failed: Option<String>,
}

impl Tally {
    fn new(limits: &Limits) -> Self {
        Tally { left: limits.memory, refused: false, host_failed: None }
    }
}

impl ResourceLimiter for Tally {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        if more > self.left || maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = true;
            return Ok(false);
        }
        self.left -= more;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // Asking for more than 4 GiB comes here without asking `memory_growing`: the guest's
        // doing, and answered with -1. Everything else was allowed, so the host ran short: the
        // guest must not go on as if it had met its own limit, which is the same everywhere.
        let reason = format!("{error:#}");
        if reason.contains("exceeds memory type's limits") {
            self.refused = true;
            return Ok(());
        }
        self.host_failed = Some(reason);
        Err(error)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}
