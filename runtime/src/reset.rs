//! Runs grain after grain in one instance that is put back to its first state in between.
//!
//! Making and dropping a component instance costs several times what a small grain's own work
//! does. Most of that is not needed to keep grains apart: what keeps them apart is that every call
//! starts from the same state. So, for the plain shape that compilers make of one crate (one core
//! module, no imports, one memory), this file keeps core instances and restores their state.
//!
//! # Why this is the same as a new instance
//!
//! The specification of WebAssembly 2.0 lists all state there is, its *store*: functions, tables,
//! memories, globals, element segments and data segments. (Resources and other handles belong to
//! components; the contract has none.) The validator admits WebAssembly 2.0 and nothing later
//! that has state (`check.rs`). For each kind of state:
//!
//! - **Functions** never change.
//! - **Tables** change only by `table.set`, `table.grow`, `table.fill`, `table.copy` and
//!   `table.init`. A module with any of these is not run here ([`plain`](crate::plain)).
//! - **Element segments** change only by `elem.drop`, **data segments** only by `data.drop`: the
//!   same. (`memory.init` would show whether a segment was dropped, and is refused along.)
//! - **Globals** that are mutable are exported under names of our own, and set back to the values
//!   they had after instantiation. One that holds a reference or a vector: not run here.
//! - **The memory's size** only grows; an instance whose memory grew is thrown away.
//! - **The memory's bytes** are copied back from an image taken right after instantiation, in
//!   every page the kernel says is no longer the page that was mapped there ([`PageMap`]): the
//!   first write to a page, by guest or host, gives it a private page, and it keeps that for as
//!   long as the mapping lives, in memory or swapped out. The set so found only grows, and so
//!   holds all pages that differ, whatever wrote them. This is also what wasmtime's own pool
//!   relies on. Where the kernel cannot say, every instance is thrown away after one call.
//! - There is no start function (refused here), so the state after instantiation is a constant
//!   of the module.
//!
//! Fuel and the allowance of memory are part of the embedding, and set again for every call. An
//! instance that trapped, ran out of fuel or gave a malformed answer is thrown away.
//!
//! Which modules run here depends on their bytes alone: where the kernel cannot scan pages, they
//! still run as core instances, only new ones. So even a guest that looks at addresses, or at its
//! fuel's end, gets the same answer on every machine.
//!
//! Debug builds compare the whole memory with the image after every restore, and the hostile
//! suite runs on both paths.

use std::sync::{Mutex, PoisonError};

use unseen_texts::text;
use wasmtime::{InstancePre, Linker, Val};

use crate::abi::Ready;
use crate::call::{self, Failure, Tally};
use crate::engine::Engine;
use crate::plain::{self, global_name};
use crate::types::{Contribution, Table};

/// A module of the plain shape, and its instances that are at their first state.
pub(crate) struct Resettable {
    module: wasmtime::Module,
    pre: InstancePre<Tally>,
    first_memory: Vec<u8>,
    first_globals: Vec<Val>,
    idle: Mutex<Vec<Ready>>,
}

/// An instance with more private pages than this, or than an eighth of its memory (interpreters begin with megabytes), is
/// thrown away: copying them back each time would cost more than a new one.
const MAX_WRITTEN: usize = 256 << 10;

impl Resettable {
    /// `None` when the component (already checked) is not of the plain shape, which its bytes
    /// alone decide. Anything else that goes wrong is an error.
    pub(crate) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Option<Self>> {
        // Lists are copied as they lie in the host's memory.
        if cfg!(target_endian = "big") {
            return Ok(None);
        }
        let Some(module) = plain::instrumented(component).map_err(wasmtime::Error::new)? else {
            return Ok(None);
        };
        let module = wasmtime::Module::from_binary(&engine.wasmtime, &module)?;
        Resettable::assemble(engine, module).map(Some)
    }

    pub(crate) fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        self.module.serialize()
    }

    /// # Safety
    /// As [`wasmtime::Module::deserialize`]: `bytes` come from [`Resettable::serialize`].
    pub(crate) unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        // SAFETY: the caller's promise.
        let module = unsafe { wasmtime::Module::deserialize(&engine.wasmtime, bytes) }?;
        Resettable::assemble(engine, module)
    }

    pub(crate) fn assemble(engine: &Engine, module: wasmtime::Module) -> wasmtime::Result<Self> {
        let pre = Linker::new(&engine.wasmtime).instantiate_pre(&module)?;
        let mut resettable = Resettable {
            module,
            pre,
            first_memory: Vec::new(),
            first_globals: Vec::new(),
            idle: Mutex::new(Vec::new()),
        };
        let mut ready = resettable.instantiate(engine).map_err(wasmtime::Error::new)?;
        resettable.first_memory = ready.memory.data(&ready.store).to_vec();
        forget(ready.memory.data_mut(&mut ready.store));
        resettable.first_globals = ready.globals.iter().map(|global| global.get(&mut ready.store)).collect();
        Ok(resettable)
    }

    /// See [`crate::Module::contribute`].
    pub(crate) fn contribute(
        &self,
        engine: &Engine,
        grain: &[Table<'_>],
        state: &[f64],
    ) -> Result<Vec<Contribution>, Failure> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut ready = match waiting {
            Some(ready) => ready,
            None => self.instantiate(engine)?,
        };
        let answer = ready.contribute(&engine.limits, grain, state);
        if matches!(answer, Ok(_) | Err(Failure::Guest(_))) && self.restore(engine, &mut ready) {
            let mut idle = idle();
            if idle.len() < engine.threads {
                idle.push(ready);
            }
        }
        answer
    }

    pub(crate) fn instantiate(&self, engine: &Engine) -> Result<Ready, Failure> {
        let host = |e: wasmtime::Error| Failure::Host(format!("{e:#}").into());
        let mut store = call::store(engine, engine.limits.answer);
        let instance = self.pre.instantiate(&mut store).map_err(host)?;
        let realloc = instance.get_typed_func(&mut store, "realloc").map_err(host)?;
        let contribute = instance.get_typed_func(&mut store, "contribute").map_err(host)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| Failure::Host(text!("the module has no memory", "模块没有内存").into()))?;
        let globals = (0..).map_while(|i| instance.get_global(&mut store, &global_name(i))).collect();
        Ok(Ready { store, memory, globals, realloc, contribute })
    }

    /// Whether an instance's memory is as every grain is to find it.
    pub(crate) fn is_first(&self, ready: &mut Ready) -> bool {
        ready.memory.data(&ready.store) == self.first_memory
    }

    /// Puts an instance back; `false` when it cannot be, and must be dropped.
    pub(crate) fn restore(&self, engine: &Engine, ready: &mut Ready) -> bool {
        let Some(pagemap) = &engine.pagemap else {
            return false;
        };
        for (global, value) in ready.globals.iter().zip(&self.first_globals) {
            if global.set(&mut ready.store, *value).is_err() {
                return false;
            }
        }
        let memory = ready.memory.data_mut(&mut ready.store);
        let image = self.first_memory.as_slice();
        if memory.len() != image.len() {
            return false;
        }
        let base = memory.as_ptr() as usize;
        let mut written = 0;
        let whole = pagemap.written(base..base + memory.len(), |pages| {
            written += pages.len();
            let pages = pages.start - base..pages.end - base;
            if let (Some(memory), Some(image)) = (memory.get_mut(pages.clone()), image.get(pages)) {
                memory.copy_from_slice(image);
            }
        });
        debug_assert!(!whole || memory == image, "a page was written that the kernel did not name");
        whole && written <= MAX_WRITTEN.max(image.len() / 8)
    }
}

/// Takes back the mappings that reading the whole memory made: they would stay with the memory's
/// slot in the pool and make every later scan look at each of them. The memory is at its first
/// state, and is as it was mapped, so nothing changes.
fn forget(memory: &mut [u8]) {
    use rustix::mm::{Advice, madvise};
    let (start, length) = (memory.as_mut_ptr().cast(), memory.len());
    // SAFETY: a private mapping, in whole pages, of which no page was written: dropping its pages
    // leaves the contents they were mapped from. Where it fails, nothing was dropped.
    let _ = unsafe { madvise(start, length, Advice::LinuxDontNeed) };
}
