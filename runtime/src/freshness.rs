//! Whether this machine really gives every grain a fresh state: tried, not assumed.
//!
//! Memory and tables are marked, pushed out to swap as far as there is any, reset both ways there are, and
//! read again. Which pages the kernel shows, and how, has changed before.

use std::fs::File;
use std::os::unix::fs::FileExt;

use unseen_texts::{Text, text};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection,
    MemoryType, RefType, TableSection, TableType, TypeSection, ValType,
};
use wasmtime::{Instance, Ref, Store};

use crate::abi::Ready;
use crate::call;
use crate::engine::{Engine, EngineError, Limits};
use crate::plain::{CONTRIBUTE, MEMORY, REALLOC};
use crate::reset::Resettable;

/// What the probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No mark came back.
    Proved {
        /// Whether marked pages had really been swapped out; without swap they cannot be.
        swapped_out: bool,
    },
    /// A mark came back: grains would see one another here.
    Broken {
        /// Where.
        place: Text,
    },
}

/// Tries it. Takes some milliseconds; where there is swap, all of this process is pushed out once or twice.
///
/// # Errors
/// When the engine cannot start.
pub fn probe() -> Result<Freshness, EngineError> {
    let engine = Engine::new(&Limits::new(1_000_000, 16 << 20), 1)?;
    let failed = |error: wasmtime::Error| EngineError::because(&error);
    let module = wasmtime::Module::new(&engine.wasmtime, guest()).map_err(failed)?;
    let resettable = Resettable::assemble(&engine, module.clone()).map_err(failed)?;
    let mut swapped_out = false;

    // Put back in place, again and again, and then given up with its marks.
    let mut ready = resettable.instantiate(&engine).map_err(EngineError::from)?;
    for _ in 0..2 {
        swapped_out |= mark(&mut ready);
        // Where the kernel cannot scan pages, no instance is used again.
        if !resettable.restore(&engine, &mut ready) {
            break;
        }
        if !resettable.is_first(&mut ready) {
            return Ok(Freshness::Broken { place: text!("memory that was put back", "复原后的内存") });
        }
    }
    mark(&mut ready);
    drop(ready);
    let mut again = resettable.instantiate(&engine).map_err(EngineError::from)?;
    if !resettable.is_first(&mut again) {
        return Ok(Freshness::Broken { place: text!("the memory of a new instance", "新实例的内存") });
    }
    drop(again);

    // Memory that had grown, and a table.
    for round in 0..2 {
        let mut store = call::store(&engine, 0);
        let instance = Instance::new(&mut store, &module, &[]).map_err(failed)?;
        let seen = marked(&mut store, &instance).map_err(failed)?;
        if let (1, Some(place)) = (round, seen) {
            return Ok(Freshness::Broken { place });
        }
        swapped_out |= push_out(&[]);
    }
    Ok(Freshness::Proved { swapped_out })
}

const PAGES: u64 = 16;
const MARK: u8 = 0xA5;

/// Marks every second page of a memory, and pushes all out. Says whether a marked page went.
fn mark(ready: &mut Ready) -> bool {
    let memory = ready.memory.data_mut(&mut ready.store);
    let mut places = Vec::new();
    for page in memory.chunks_mut(8192) {
        page[1] = MARK;
        places.push(page.as_ptr() as usize);
    }
    push_out(&places)
}

/// Grows and marks an instance's memory, and fills its table; where marks were before it did.
fn marked(store: &mut Store<call::Tally>, instance: &Instance) -> wasmtime::Result<Option<Text>> {
    let function = instance.get_func(&mut *store, CONTRIBUTE);
    let (Some(memory), Some(table)) =
        (instance.get_memory(&mut *store, MEMORY), instance.get_table(&mut *store, "table"))
    else {
        return Ok(None);
    };
    memory.grow(&mut *store, PAGES)?;
    let size = table.size(&*store);
    let in_table = (0..size).any(|index| !matches!(table.get(&mut *store, index), Some(Ref::Func(None))));
    table.fill(&mut *store, 0, Ref::Func(function), size)?;
    let grown = memory.data_mut(&mut *store).get_mut((PAGES as usize) << 16..).unwrap_or_default();
    let in_memory = grown.contains(&MARK);
    grown.fill(MARK);
    Ok(if in_memory {
        Some(text!("memory that had grown", "增长过的内存"))
    } else if in_table {
        Some(text!("a table", "表"))
    } else {
        None
    })
}

/// Asks the kernel to push out everything this process may write; whether one of these places went.
fn push_out(places: &[usize]) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some("rw-p")) = (words.next(), words.next()) else { continue };
        let Some((from, to)) = range.split_once('-') else { continue };
        if let (Ok(from), Ok(to)) = (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16)) {
            // SAFETY: pushing pages out changes no contents, whoever they belong to. A mapping that is
            // gone by now, or locked, is refused.
            let _ = unsafe {
                rustix::mm::madvise(from as *mut _, to.saturating_sub(from), rustix::mm::Advice::LinuxPageOut)
            };
        }
    }
    const SWAPPED: u64 = 1 << 62;
    let Ok(pagemap) = File::open("/proc/self/pagemap") else { return false };
    let page = rustix::param::page_size() as u64;
    places.iter().any(|place| {
        let mut entry = [0; 8];
        pagemap.read_exact_at(&mut entry, *place as u64 / page * 8).is_ok() && u64::from_le_bytes(entry) & SWAPPED != 0
    })
}

/// A core module with what [`Resettable`] expects of one without marks, data in its memory, and a table.
fn guest() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(0);
    let mut tables = TableSection::new();
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 1_000, maximum: None, shared: false });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: PAGES, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export(CONTRIBUTE, ExportKind::Func, 0).export(REALLOC, ExportKind::Func, 1);
    exports.export(MEMORY, ExportKind::Memory, 0).export("table", ExportKind::Table, 0);
    let mut code = CodeSection::new();
    for _ in 0..2 {
        let mut body = Function::new([]);
        body.instructions().i32_const(0).end();
        code.function(&body);
    }
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(8192), *b"first");
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&exports);
    module.section(&code).section(&data);
    module.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the probe looks for, where nothing was put back.
    #[test]
    fn marks_that_stay_are_seen() {
        let engine = Engine::new(&Limits::new(1_000_000, 16 << 20), 1).unwrap();
        let module = wasmtime::Module::new(&engine.wasmtime, guest()).unwrap();
        let resettable = Resettable::assemble(&engine, module.clone()).unwrap();
        let mut ready = resettable.instantiate(&engine).unwrap();
        assert!(resettable.is_first(&mut ready));
        mark(&mut ready);
        assert!(!resettable.is_first(&mut ready));
        if resettable.restore(&engine, &mut ready) {
            assert!(resettable.is_first(&mut ready));
        }

        let mut store = call::store(&engine, 0);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let mut seen = || marked(&mut store, &instance).unwrap().map(|place| place.to_string());
        assert_eq!(seen(), None);
        assert_eq!(seen().as_deref(), Some("memory that had grown"));
        let memory = instance.get_memory(&mut store, MEMORY).unwrap();
        memory.data_mut(&mut store).fill(0);
        let seen = marked(&mut store, &instance).unwrap().map(|place| place.to_string());
        assert_eq!(seen.as_deref(), Some("a table"));
    }
}
