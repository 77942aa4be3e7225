//! The engine: one wasmtime configuration, made for small, many, hostile and short-lived guests.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use unseen_texts::{Say, Sentence};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig};

use crate::pagemap::PageMap;

/// What one grain may use. The same for every grain of a run, whatever its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of fuel: one for an instruction, roughly, ten for one that reads memory, and one for each
    /// byte that a bulk instruction copies or fills.
    pub fuel: u64,
    /// Bytes of linear memory, of all memories of the component together.
    pub memory: u64,
    /// How many contributions a grain may answer with; more is a failure.
    pub contributions: u32,
    /// How many bytes an answer may take in the host's memory; more is a failure. This counts an
    /// item as often as the answer points at it.
    pub answer: u32,
}

impl Limits {
    /// `fuel` and `memory` as in the manifest, and answers of at most 65,536 contributions and
    /// 16 MiB.
    pub fn new(fuel: u64, memory: u64) -> Self {
        Limits { fuel, memory, contributions: 1 << 16, answer: 16 << 20 }
    }
}

/// The host could not set the engine up.
#[derive(Debug, thiserror::Error, Say)]
#[code("engine")]
#[error("the WebAssembly engine cannot start: {0}")]
#[zh("WebAssembly 引擎无法启动：{0}")]
pub struct EngineError(pub(crate) Sentence);

impl EngineError {
    pub(crate) fn because(error: &wasmtime::Error) -> EngineError {
        EngineError(format!("{error:#}").into())
    }
}

/// Bytes of native stack a guest may use in one call. Counted from the call's own frame, so a
/// thread's earlier use of its stack does not matter; a thread that calls a guest needs twice as
/// much left (threads of the standard library have 2 MiB).
pub(crate) const GUEST_STACK: usize = 256 << 10;

/// Compiles and runs modules under one set of [`Limits`].
///
/// Create it, and the [`Module`](crate::Module), in the process that runs guests, before that
/// process gives its rights up: `/proc/self/pagemap` is opened here, and a module's first memory
/// is put into a `memfd`. While guests run, the engine calls `mmap`, `munmap`, `mprotect`,
/// `madvise`, and `ioctl` on that file; traps arrive as signals, whose handlers are installed
/// here. It reserves much address space (at least
/// 4 GiB for each memory), so limit the process's data (`RLIMIT_DATA`), not its address space.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) limits: Limits,
    pub(crate) threads: usize,
    pub(crate) pagemap: Option<Arc<PageMap>>,
}

impl Engine {
    /// An engine for at most `threads` calls at once, and four modules at a time.
    ///
    /// # Errors
    /// When the host lacks what the pool needs, such as address space.
    pub fn new(limits: &Limits, threads: usize) -> Result<Self, EngineError> {
        Engine::configured(limits, threads, false)
    }

    /// An engine whose traps come with what the guest said before. That is made of rows: it is for synthetic ones.
    ///
    /// # Errors
    /// As there.
    pub fn for_trials(limits: &Limits) -> Result<Self, EngineError> {
        Engine::configured(limits, 1, true)
    }

    fn configured(limits: &Limits, threads: usize, keeps_memories: bool) -> Result<Self, EngineError> {
        let threads = threads.max(1);
        let pagemap = PageMap::open().map(Arc::new);
        let fail = |e: wasmtime::Error| EngineError::because(&e);

        let slots = u32::try_from(threads).unwrap_or(u32::MAX).saturating_mul(4).saturating_add(4);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(slots)
            .total_core_instances(slots.saturating_mul(MAX_CORE_INSTANCES))
            .total_memories(slots.saturating_mul(MAX_MEMORIES))
            .total_tables(slots.saturating_mul(MAX_TABLES))
            .max_core_instances_per_component(MAX_CORE_INSTANCES)
            .max_memories_per_component(MAX_MEMORIES)
            .max_tables_per_component(MAX_TABLES)
            .max_memories_per_module(1)
            .max_tables_per_module(MAX_TABLES)
            .table_elements(MAX_TABLE_ELEMENTS)
            .max_core_instance_size(1 << 20)
            .max_component_instance_size(1 << 20)
            .max_memory_size(usize::try_from(limits.memory).unwrap_or(usize::MAX).min(1 << 32))
            .max_unused_warm_slots(slots);
        // A slot is reset by giving all its pages back to the kernel, which cannot miss one. Wasmtime's
        // other way asks which pages are present and written: a page that is swapped out or about to move
        // is neither, and the next grain would read it (bytecodealliance/wasmtime#14357). Where memory is
        // locked the kernel takes no page back; wasmtime then maps the slot again.
        pool.pagemap_scan(Enabled::No).linear_memory_keep_resident(0).table_keep_resident(0);

        let mut config = Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .consume_fuel(true)
            .operator_cost(cost())
            .epoch_interruption(false)
            .cranelift_nan_canonicalization(true)
            .cranelift_opt_level(OptLevel::Speed)
            .max_wasm_stack(GUEST_STACK)
            .wasm_backtrace_max_frames(None)
            .coredump_on_trap(keeps_memories)
            .wasm_component_model(true)
            .wasm_simd(true)
            .wasm_relaxed_simd(false)
            .wasm_multi_memory(false)
            .wasm_memory64(false)
            .wasm_custom_page_sizes(false)
            .wasm_wide_arithmetic(false)
            .memory_init_cow(true);
        Ok(Engine { wasmtime: wasmtime::Engine::new(&config).map_err(fail)?, limits: *limits, threads, pagemap })
    }

    /// Tells compiled modules of this engine from those of another version, configuration or CPU.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.wasmtime.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    /// The limits every grain runs under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the kernel can say which pages a guest wrote, which the fast reset needs.
    pub fn scans_pages(&self) -> bool {
        self.pagemap.is_some()
    }
}

/// What instructions cost: one unit each, and one a byte or an element of bulk instructions, as wasmtime
/// has it. A run's slot is worked out from fuel, so no unit of it may stand for much time: reading memory,
/// which may wait for it, and growing, which asks the kernel, cost more. [`crate::fuel_rate`] measures
/// what a unit can last.
fn cost() -> OperatorCost {
    let mut cost = OperatorCost::new();
    (cost.MemoryGrow, cost.TableGrow) = (100, 100);
    macro_rules! reads {
        ($($read:ident)*) => { $( cost.$read = READ; )* };
    }
    reads! {
        I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U I64Load8S I64Load8U I64Load16S
        I64Load16U I64Load32S I64Load32U V128Load V128Load8x8S V128Load8x8U V128Load16x4S V128Load16x4U
        V128Load32x2S V128Load32x2U V128Load8Splat V128Load16Splat V128Load32Splat V128Load64Splat V128Load32Zero
        V128Load64Zero V128Load8Lane V128Load16Lane V128Load32Lane V128Load64Lane
    }
    cost
}

/// Units of fuel for reading memory once.
const READ: u8 = 10;

/// Core instances a component may be made of. Those of Python, linked from shared libraries, have some forty.
pub(crate) const MAX_CORE_INSTANCES: u32 = 64;
/// Memories a component may have.
pub(crate) const MAX_MEMORIES: u32 = 4;
/// Tables a component may have.
pub(crate) const MAX_TABLES: u32 = 8;
/// Elements a table may have.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 65_536;
