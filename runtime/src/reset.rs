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
//! - **The memory's bytes** are copied back from an image taken right after instantiation, in every page that was
//!   written. Only instructions write, and the host. In a module that begins with little memory, as compilers make
//!   them, every instruction that writes is preceded by some of ours, which note its page in a global
//!   ([`marks`](crate::marks)) that the guest's code cannot name: it comes behind its own. What the host writes it
//!   notes itself. In other modules, interpreters mostly, it is the kernel that says which page is no longer the one
//!   that was mapped there ([`PageMap`](crate::pagemap::PageMap)): the first write to a page, by guest or host, gives
//!   it a private page, and it keeps that for as long as the mapping lives, in memory or swapped out. The set so found
//!   only grows, and so holds all pages that differ, whatever wrote them. This is also what wasmtime's own pool relies
//!   on. Where the kernel cannot say, every instance of such a module is thrown away after one call.
//! - There is no start function (refused here), so the state after instantiation is a constant
//!   of the module.
//!
//! Fuel and the allowance of memory are part of the embedding, and set again for every call. An
//! instance that trapped, ran out of fuel or gave a malformed answer is thrown away.
//!
//! Which modules run here, and which of them have marks, depends on their bytes alone: where the kernel cannot scan
//! pages, they still run as core instances, only new ones; and a module has its marks however it is run. So even a guest
//! that looks at addresses, or at its fuel's end, gets the same answer on every machine.
//!
//! Debug builds compare the whole memory with the image after every restore, and the hostile
//! suite runs on both paths.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use unseen_texts::text;
use wasmtime::{InstancePre, Linker, Val};

use crate::abi::Ready;
use crate::call::{self, Failure, Tally};
use crate::engine::Engine;
use crate::marks::Written;
use crate::plain::{CONTRIBUTE, KEEPS_LISTS, MARKS, MEMORY, REALLOC, global_name};
use crate::types::{Contribution, Table};

/// A module of the plain shape, and its instances that are at their first state.
pub(crate) struct Resettable {
    module: wasmtime::Module,
    pre: InstancePre<Tally>,
    first_memory: Vec<u8>,
    first_globals: Vec<Val>,
    idle: Mutex<Vec<Ready>>,
}

/// An instance that wrote to more than this, or than an eighth of its memory (interpreters begin with megabytes), is
/// thrown away: copying them back each time would cost more than a new one.
const MAX_WRITTEN: usize = 256 << 10;

impl Resettable {
    /// `core`: see [`crate::plain::Plain`].
    pub(crate) fn compile(engine: &Engine, core: &[u8]) -> wasmtime::Result<Self> {
        Resettable::assemble(engine, wasmtime::Module::from_binary(&engine.wasmtime, core)?)
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
        if ready.marks.is_none() {
            forget(ready.memory.data_mut(&mut ready.store));
        }
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
        let realloc = instance.get_typed_func(&mut store, REALLOC).map_err(host)?;
        let contribute = instance.get_typed_func(&mut store, CONTRIBUTE).map_err(host)?;
        let memory = instance
            .get_memory(&mut store, MEMORY)
            .ok_or_else(|| Failure::Host(text!("the module has no memory", "模块没有内存").into()))?;
        let marks = instance.get_global(&mut store, MARKS);
        let globals = (0..).map_while(|i| instance.get_global(&mut store, &global_name(i))).collect();
        let keeps_lists = instance.get_func(&mut store, KEEPS_LISTS).is_some();
        let written = Written { bits: 0, bytes: memory.data_size(&store) };
        Ok(Ready { store, memory, marks, written, globals, realloc, contribute, keeps_lists, room: None })
    }

    /// Whether the module's code notes what it writes.
    pub(crate) fn has_marks(&self) -> bool {
        self.module.get_export_index(MARKS).is_some()
    }

    /// Whether an instance's memory is as every grain is to find it.
    pub(crate) fn is_first(&self, ready: &mut Ready) -> bool {
        ready.memory.data(&ready.store) == self.first_memory
    }

    /// Puts an instance back; `false` when it cannot be, and must be dropped.
    pub(crate) fn restore(&self, engine: &Engine, ready: &mut Ready) -> bool {
        for (global, value) in ready.globals.iter().zip(&self.first_globals) {
            if global.set(&mut ready.store, *value).is_err() {
                return false;
            }
        }
        let by_host = std::mem::replace(&mut ready.written, Written { bits: 0, bytes: self.first_memory.len() });
        let marked = match &ready.marks {
            None => None,
            Some(marks) => {
                let Val::I64(by_guest) = marks.get(&mut ready.store) else { return false };
                if marks.set(&mut ready.store, Val::I64(0)).is_err() {
                    return false;
                }
                Some(Written { bits: by_host.bits | by_guest as u64, ..by_host })
            }
        };
        let memory = ready.memory.data_mut(&mut ready.store);
        let image = self.first_memory.as_slice();
        if memory.len() != image.len() {
            return false;
        }
        let most = MAX_WRITTEN.max(image.len() / 8);
        let restored = match marked {
            Some(written) => put_back_marked(written, memory, image, most),
            None => {
                let base = memory.as_ptr() as usize;
                let pages = engine.pagemap.as_ref().and_then(|map| map.written(base..base + memory.len()));
                put_back_scanned(pages, memory, image, most)
            }
        };
        debug_assert!(!restored || memory == image, "a page was written that was not found");
        restored
    }
}

/// Copies back what was marked; `false` when that is more than `most`.
fn put_back_marked(written: Written, memory: &mut [u8], image: &[u8], most: usize) -> bool {
    if written.length() > most {
        return false;
    }
    for range in written.ranges() {
        if let (Some(memory), Some(image)) = (memory.get_mut(range.clone()), image.get(range)) {
            memory.copy_from_slice(image);
        }
    }
    true
}

/// Copies back the pages that the kernel says were written; `false` when it cannot say, or that is more than `most`.
fn put_back_scanned(pages: Option<Vec<Range<usize>>>, memory: &mut [u8], image: &[u8], most: usize) -> bool {
    let Some(pages) = pages.filter(|pages| pages.iter().map(Range::len).sum::<usize>() <= most) else { return false };
    let base = memory.as_ptr() as usize;
    for pages in pages {
        let pages = pages.start - base..pages.end - base;
        if let (Some(memory), Some(image)) = (memory.get_mut(pages.clone()), image.get(pages)) {
            memory.copy_from_slice(image);
        }
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_cannot_say_or_is_too_much_is_given_up() {
        const PAGE: usize = 4096;
        let image = vec![1; 4 * PAGE];
        let mut memory = image.clone();
        (memory[0], memory[4 * PAGE - 1]) = (2, 2);
        let base = memory.as_ptr() as usize;
        let pages = [0..PAGE, 3 * PAGE..4 * PAGE].map(|page| base + page.start..base + page.end).to_vec();
        assert!(!put_back_scanned(None, &mut memory, &image, usize::MAX));
        assert!(!put_back_scanned(Some(pages.clone()), &mut memory, &image, 2 * PAGE - 1));
        assert!(put_back_scanned(Some(pages), &mut memory, &image, 2 * PAGE));
        assert_eq!(memory, image);
    }

    #[test]
    fn what_is_more_than_a_new_instance_costs_is_given_up() {
        let image = vec![1; 64 << 10];
        let mut memory = vec![2; 64 << 10];
        let written = Written { bits: 0, bytes: image.len() }.and(0..20_000);
        assert!(!put_back_marked(written, &mut memory, &image, written.length() - 1));
        assert!(memory.iter().all(|byte| *byte == 2));
        assert!(put_back_marked(written, &mut memory, &image, written.length()));
        assert!(memory[..20_000] == image[..20_000]);
    }
}
