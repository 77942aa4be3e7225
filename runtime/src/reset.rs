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
//!   `table.init`. A module with any of these is not run here ([`Core::instrumented`]).
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
//! Fuel and the allowance of memory are part of the embedding, and set anew for every call. An
//! instance that trapped, ran out of fuel or gave a malformed answer is thrown away.
//!
//! Which modules run here depends on their bytes alone: where the kernel cannot scan pages, they
//! still run as core instances, only new ones. So even a guest that looks at addresses, or at its
//! fuel's end, gets the same answer on every machine.
//!
//! Debug builds compare the whole memory with the image after every restore, and the hostile
//! suite runs on both paths.

use std::sync::{Mutex, PoisonError};

use unseen_texts::{Text, text};
use wasm_encoder::{ExportKind, ExportSection, RawSection};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, Encoding, ExternalKind,
    Instance as CoreInstance, Operator, Parser, Payload, ValType,
};
use wasmtime::{Global, InstancePre, Linker, Memory, Store, TypedFunc, Val};

use crate::engine::{Engine, Limits};
use crate::module::{self, Failure, Tally};
use crate::types::{Cells, Contribution, Key, Table};

/// A module of the plain shape, and its instances that are at their first state.
pub(crate) struct Resettable {
    module: wasmtime::Module,
    pre: InstancePre<Tally>,
    first_memory: Vec<u8>,
    first_globals: Vec<Val>,
    idle: Mutex<Vec<Ready>>,
}

/// An instance at its first state.
pub(crate) struct Ready {
    pub(crate) store: Store<Tally>,
    pub(crate) memory: Memory,
    globals: Vec<Global>,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    contribute: TypedFunc<(u32, u32, u32, u32), u32>,
}

/// A module that starts with more memory than this is not worth an image.
const MAX_IMAGE: u64 = 16 << 20;

/// An instance with more private pages than this is thrown away: copying them back each time
/// would cost more than a new one.
const MAX_WRITTEN: usize = 256 << 10;

impl Resettable {
    /// `None` when the component (already checked) is not of the plain shape, which its bytes
    /// alone decide. Anything else that goes wrong is an error.
    pub(crate) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Option<Self>> {
        // Lists are copied as they lie in the host's memory.
        if cfg!(target_endian = "big") {
            return Ok(None);
        }
        let instrumented = match Core::find(component) {
            Ok(Some(core)) => core.instrumented(),
            other => other.map(|_| None),
        };
        let Some(instrumented) = instrumented.map_err(wasmtime::Error::new)? else {
            return Ok(None);
        };
        let module = wasmtime::Module::from_binary(&engine.wasmtime, &instrumented)?;
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
        let mut store = module::store(engine, engine.limits.answer);
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
        whole && written <= MAX_WRITTEN
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

fn global_name(index: usize) -> String {
    format!("global {index}")
}

impl Ready {
    /// Calls `contribute` by the canonical ABI: copies the lists in, calls, reads the answer.
    fn contribute(
        &mut self,
        limits: &Limits,
        grain: &[Table<'_>],
        state: &[f64],
    ) -> Result<Vec<Contribution>, Failure> {
        self.store.set_fuel(limits.fuel).expect("invariant: the engine counts fuel");
        let tables = self.room(4, grain.len(), TABLE)?;
        for (i, table) in grain.iter().enumerate() {
            let columns = self.room(4, table.columns.len(), COLUMN)?;
            self.words(tables + (i * TABLE) as u32, &[table.rows, columns, table.columns.len() as u32])?;
            for (i, column) in table.columns.iter().enumerate() {
                let at = columns + (i * COLUMN) as u32;
                let (kind, first, second) = match column.cells {
                    Cells::Ints(cells) => (0, self.list(cells)?, None),
                    Cells::Floats(cells) => (1, self.list(cells)?, None),
                    Cells::Bools(cells) => (2, self.list(cells)?, None),
                    Cells::Texts(texts) => (3, self.list(texts.offsets)?, Some(self.list(texts.bytes)?)),
                };
                let second = second.unwrap_or([0, 0]);
                let validity = self.list(column.validity)?;
                self.words(at, &[kind, first[0], first[1], second[0], second[1], validity[0], validity[1]])?;
            }
        }
        let [state, states] = self.list(state)?;
        let answer = self
            .contribute
            .call(&mut self.store, (tables, grain.len() as u32, state, states))
            .map_err(|e| Failure::of_call(&e, self.store.data()))?;
        Answer { memory: self.memory.data(&self.store), left: limits.answer as usize }.contributions(answer, limits)
    }

    /// Asks the guest for room for `count` items of `size` bytes.
    fn room(&mut self, align: u32, count: usize, size: usize) -> Result<u32, Failure> {
        if count == 0 {
            return Ok(align);
        }
        let too_long =
            || Failure::Trap(text!("the grain does not fit the guest's memory", "数据粒放不进作业代码的内存").into());
        let bytes = count.checked_mul(size).ok_or_else(too_long)?;
        let bytes = u32::try_from(bytes).map_err(|_| too_long())?;
        let start = self
            .realloc
            .call(&mut self.store, (0, 0, align, bytes))
            .map_err(|e| Failure::of_call(&e, self.store.data()))?;
        if !start.is_multiple_of(align) {
            return Err(Failure::Trap(
                text!("`cabi_realloc` returned a misaligned address", "`cabi_realloc` 返回了未对齐的地址").into(),
            ));
        }
        Ok(start)
    }

    /// Copies a list in; its address and length.
    fn list<T: Plain>(&mut self, items: &[T]) -> Result<[u32; 2], Failure> {
        let start = self.room(align_of::<T>() as u32, items.len(), size_of::<T>())?;
        // SAFETY: `Plain` types have no padding and no invalid bytes.
        let bytes = unsafe { std::slice::from_raw_parts(items.as_ptr().cast::<u8>(), size_of_val(items)) };
        self.write(start, bytes)?;
        Ok([start, items.len() as u32])
    }

    fn words(&mut self, at: u32, words: &[u32]) -> Result<(), Failure> {
        // SAFETY: as in `list`.
        let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) };
        self.write(at, bytes)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let at = at as usize;
        let room = self.memory.data_mut(&mut self.store).get_mut(at..at + bytes.len());
        let room = room.ok_or_else(|| {
            Failure::Trap(
                text!("`cabi_realloc` returned an address outside memory", "`cabi_realloc` 返回了内存之外的地址")
                    .into(),
            )
        })?;
        room.copy_from_slice(bytes);
        Ok(())
    }
}

// Sizes in the canonical ABI, in bytes.
const TABLE: usize = 12;
const COLUMN: usize = 28;
const CONTRIBUTION: usize = 20;
const KEY: usize = 16;

/// Types that lie in WebAssembly's memory as they lie in a little-endian host's.
trait Plain {}
impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for i64 {}
impl Plain for f64 {}

/// Reads an answer where the guest left it. `left` is how many more bytes the host is willing to
/// hold for it: lists may point at one another's items, so an answer can be far larger than the
/// memory that describes it.
struct Answer<'a> {
    memory: &'a [u8],
    left: usize,
}

impl Answer<'_> {
    fn contributions(mut self, at: u32, limits: &Limits) -> Result<Vec<Contribution>, Failure> {
        let at = at as usize;
        if !at.is_multiple_of(4) {
            return Err(refused(text!("it is misaligned", "未对齐")));
        }
        match self.byte(at)? {
            0 => {}
            1 => {
                let text = self.text(at + 4)?;
                return Err(Failure::Guest(text.into()));
            }
            _ => return Err(refused(text!("it is neither a list nor an error", "既不是列表也不是错误"))),
        }
        let (start, count) = self.list(at + 4, CONTRIBUTION, 4, size_of::<Contribution>())?;
        if count > limits.contributions as usize {
            return Err(refused(text!("it has too many contributions", "贡献过多")));
        }
        (0..count).map(|i| self.contribution(start + i * CONTRIBUTION)).collect()
    }

    fn contribution(&mut self, at: usize) -> Result<Contribution, Failure> {
        let output = self.word(at)?;
        let (keys, count) = self.list(at + 4, KEY, 8, size_of::<Key>())?;
        let group = (0..count).map(|i| self.key(keys + i * KEY)).collect::<Result<_, _>>()?;
        let (values, count) = self.list(at + 12, 8, 8, 8)?;
        let (values, _) = self.bytes(values, count * 8)?.as_chunks::<8>();
        let values = values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        Ok(Contribution { output, group, values })
    }

    fn key(&mut self, at: usize) -> Result<Key, Failure> {
        match self.byte(at)? {
            0 => {
                let (low, high) = (self.word(at + 8)?, self.word(at + 12)?);
                Ok(Key::Int((u64::from(high) << 32 | u64::from(low)) as i64))
            }
            1 => self.text(at + 8).map(Key::Text),
            _ => Err(refused(text!("a key is neither a number nor a text", "键既不是数字也不是文本"))),
        }
    }

    fn text(&mut self, at: usize) -> Result<String, Failure> {
        let (start, count) = self.list(at, 1, 1, 1)?;
        let text = std::str::from_utf8(self.bytes(start, count)?);
        text.map(str::to_owned).map_err(|_| refused(text!("a text is not UTF-8", "文本不是 UTF-8")))
    }

    /// Address and length of the list described at `at`, paid for with `cost` bytes an item.
    fn list(&mut self, at: usize, size: usize, align: usize, cost: usize) -> Result<(usize, usize), Failure> {
        let (start, count) = (self.word(at)? as usize, self.word(at + 4)? as usize);
        let fits = count
            .checked_mul(size)
            .and_then(|bytes| bytes.checked_add(start))
            .is_some_and(|end| end <= self.memory.len());
        if !fits {
            return Err(refused(text!("a list lies outside memory", "列表位于内存之外")));
        }
        if start % align != 0 {
            return Err(refused(text!("a list is misaligned", "列表未对齐")));
        }
        self.left = count
            .checked_mul(cost)
            .and_then(|bytes| self.left.checked_sub(bytes))
            .ok_or_else(|| refused(text!("it is too large", "过大")))?;
        Ok((start, count))
    }

    fn byte(&self, at: usize) -> Result<u8, Failure> {
        Ok(self.bytes(at, 1)?[0])
    }

    fn word(&self, at: usize) -> Result<u32, Failure> {
        let bytes = self.bytes(at, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn bytes(&self, at: usize, count: usize) -> Result<&[u8], Failure> {
        let bytes = at.checked_add(count).and_then(|end| self.memory.get(at..end));
        bytes.ok_or_else(|| refused(text!("it lies outside memory", "位于内存之外")))
    }
}

fn refused(reason: Text) -> Failure {
    Failure::Answer(reason.into())
}

/// The one core module of a component of the plain shape.
struct Core<'a> {
    bytes: &'a [u8],
    contribute: &'a str,
    realloc: &'a str,
    memory: &'a str,
}

/// A lifted function: the core function, and its memory and `realloc`.
type Lifted<'a> = Option<(&'a str, &'a str, &'a str)>;

impl<'a> Core<'a> {
    /// `None` for any shape but the plain one; what is not recognised is not plain.
    fn find(component: &'a [u8]) -> wasmparser::Result<Option<Self>> {
        let mut depth = 0;
        let mut module = None;
        let mut instances = 0;
        let (mut core_functions, mut core_memories) = (Vec::new(), Vec::new());
        let mut functions: Vec<Lifted<'a>> = Vec::new();
        let mut contribute: Lifted<'a> = None;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match &payload {
                Payload::Version { .. } => {
                    depth += 1;
                    continue;
                }
                Payload::End(_) => {
                    depth -= 1;
                    continue;
                }
                _ if depth > 1 => continue,
                _ => {}
            }
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    if module.replace(unchecked_range).is_some() {
                        return Ok(None);
                    }
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        instances += 1;
                        match instance? {
                            CoreInstance::Instantiate { module_index: 0, args }
                                if args.is_empty() && instances == 1 => {}
                            _ => return Ok(None),
                        }
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section {
                        match alias? {
                            ComponentAlias::CoreInstanceExport { kind, name, .. } => match kind {
                                ExternalKind::Func => core_functions.push(name),
                                ExternalKind::Memory => core_memories.push(name),
                                _ => {}
                            },
                            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } => {}
                            _ => return Ok(None),
                        }
                    }
                }
                Payload::ComponentCanonicalSection(section) => {
                    for function in section {
                        let CanonicalFunction::Lift { core_func_index, options, .. } = function? else {
                            return Ok(None);
                        };
                        let (mut memory, mut realloc) = (None, None);
                        for option in &options {
                            match option {
                                CanonicalOption::UTF8 | CanonicalOption::PostReturn(_) => {}
                                CanonicalOption::Memory(index) => {
                                    memory = core_memories.get(*index as usize).copied();
                                }
                                CanonicalOption::Realloc(index) => {
                                    realloc = core_functions.get(*index as usize).copied();
                                }
                                _ => return Ok(None),
                            }
                        }
                        let core = core_functions.get(core_func_index as usize).copied();
                        functions.push(
                            core.zip(memory).zip(realloc).map(|((core, memory), realloc)| (core, memory, realloc)),
                        );
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ComponentExternalKind::Func {
                            let function = functions.get(export.index as usize).copied().flatten();
                            if export.name.name == "contribute" {
                                contribute = function;
                            }
                            // An export is also a new function, with the next index.
                            functions.push(function);
                        }
                    }
                }
                // Types have no state. Imports can only be types here (`check.rs`).
                Payload::ComponentTypeSection(_)
                | Payload::CoreTypeSection(_)
                | Payload::ComponentImportSection(_)
                | Payload::CustomSection(_) => {}
                _ => return Ok(None),
            }
        }
        let (Some(range), Some((contribute, memory, realloc)), 1) = (module, contribute, instances) else {
            return Ok(None);
        };
        let bytes = component.get(range.start..range.end);
        Ok(bytes.map(|bytes| Core { bytes, contribute, realloc, memory }))
    }

    /// The module with other exports: `contribute`, `realloc`, `memory`, and every mutable global
    /// as `global 0`, `global 1`... `None` when it has state that cannot be put back.
    fn instrumented(&self) -> wasmparser::Result<Option<Vec<u8>>> {
        let mut made = wasm_encoder::Module::new();
        let mut mutable_globals = Vec::new();
        let mut memories = Vec::new();
        for payload in Parser::new(0).parse_all(self.bytes) {
            let payload = payload?;
            match &payload {
                Payload::Version { encoding: Encoding::Component, .. } => return Ok(None),
                Payload::ImportSection(section) if section.count() > 0 => return Ok(None),
                Payload::StartSection { .. } | Payload::TagSection(_) => return Ok(None),
                Payload::MemorySection(section) => {
                    for ty in section.clone() {
                        memories.push(ty?.initial.saturating_mul(65_536));
                    }
                }
                Payload::GlobalSection(section) => {
                    for (index, global) in section.clone().into_iter().enumerate() {
                        let ty = global?.ty;
                        if ty.mutable {
                            match ty.content_type {
                                ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {}
                                ValType::V128 | ValType::Ref(_) => return Ok(None),
                            }
                            mutable_globals.push(index as u32);
                        }
                    }
                }
                Payload::ExportSection(section) => {
                    let mut exports = ExportSection::new();
                    for export in section.clone() {
                        let export = export?;
                        if export.kind == ExternalKind::Func && export.name == self.contribute {
                            exports.export("contribute", ExportKind::Func, export.index);
                        }
                        if export.kind == ExternalKind::Func && export.name == self.realloc {
                            exports.export("realloc", ExportKind::Func, export.index);
                        }
                        if export.kind == ExternalKind::Memory && export.name == self.memory {
                            exports.export("memory", ExportKind::Memory, export.index);
                        }
                    }
                    for (number, index) in mutable_globals.iter().enumerate() {
                        exports.export(&global_name(number), ExportKind::Global, *index);
                    }
                    made.section(&exports);
                    continue;
                }
                Payload::CodeSectionEntry(body) => {
                    let mut operators = body.get_operators_reader()?;
                    while !operators.eof() {
                        if changes_what_stays(&operators.read()?) {
                            return Ok(None);
                        }
                    }
                    continue;
                }
                Payload::CustomSection(_) => continue,
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                let range = range.start..range.end;
                let Some(data) = self.bytes.get(range) else {
                    return Ok(None);
                };
                made.section(&RawSection { id, data });
            }
        }
        let fits = matches!(memories.as_slice(), [bytes] if *bytes <= MAX_IMAGE);
        Ok(fits.then(|| made.finish()))
    }
}

/// Whether an instruction changes tables or segments, or shows that a segment was dropped.
fn changes_what_stays(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
    )
}
