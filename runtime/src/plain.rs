//! The plain shape: components of one core module without imports, whose state can be put back. What is not
//! recognised is not plain.

use wasm_encoder::{CodeSection, ComponentSectionId, Encode, ExportKind, ExportSection, RawSection, SectionId};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, CompositeInnerType, Encoding,
    ExternalKind, Instance as CoreInstance, Operator, Parser, Payload, SectionLimited, ValType,
};

use crate::marks::{Marks, first_page, is_near};

/// A component of the plain shape.
pub(crate) struct Plain {
    /// The component, whose code marks what it writes where its core module's does: to be run as any other.
    pub(crate) component: Vec<u8>,
    /// Its core module, which has these exports besides its own: [`CONTRIBUTE`], [`REALLOC`], [`MEMORY`], each mutable
    /// global as [`global_name`], and [`MARKS`] where its code marks what it writes.
    pub(crate) core: Vec<u8>,
}

/// None when the component (already checked) is not of the plain shape, which its bytes alone decide.
pub(crate) fn plain(component: &[u8]) -> wasmparser::Result<Option<Plain>> {
    // Lists are copied as they lie in the host's memory.
    let found = if cfg!(target_endian = "big") { None } else { Core::find(component)? };
    let Some(found) = found else { return Ok(None) };
    if let Some(first) = found.marks_from()?
        && let Some(core) = found.remade(Some(first))?
    {
        return Ok(Some(Plain { component: with_core(component, &core)?, core }));
    }
    Ok(found.remade(None)?.map(|core| Plain { component: component.to_vec(), core }))
}

/// The function by which a grain is computed.
pub(crate) const CONTRIBUTE: &str = "unseen contribute";
/// The function that gives room in the guest's memory.
pub(crate) const REALLOC: &str = "unseen realloc";
/// The memory.
pub(crate) const MEMORY: &str = "unseen memory";
/// A guest that exports this function frees no list and reads each where it lies, so that all may lie in one room. The
/// SDKs for Rust and C do.
pub(crate) const KEEPS_LISTS: &str = "unseen_keeps_lists";
/// The global that notes what is written: see [`Marks`].
pub(crate) const MARKS: &str = "unseen marks";

/// The export under which a mutable global of the guest's is found.
pub(crate) fn global_name(index: usize) -> String {
    format!("{OURS}global {index}")
}

/// What the names of our exports begin with; a module that has such a name itself is not plain.
const OURS: &str = "unseen ";

/// A module that starts with more memory than this is not worth an image.
const MAX_IMAGE: u64 = 16 << 20;
/// A module that starts with more than this has no marks: interpreters do, and write all over it.
const MAX_MARKED: u64 = 2 << 20;

/// A component with another core module in the place of its one.
fn with_core(component: &[u8], core: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let (mut made, mut depth) = (wasm_encoder::Component::new(), 0);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
        // The module's own sections come behind it, one deeper.
        let Some((id, range)) = payload.as_section().filter(|_| depth == 1) else { continue };
        let data = if id == ComponentSectionId::CoreModule as u8 { core } else { &component[range] };
        made.section(&RawSection { id, data });
    }
    Ok(made.finish())
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

    /// The first page that its marks can tell from others; none where marks would say too little: its memory is large,
    /// or its stack, which compilers keep in the first global, is elsewhere.
    fn marks_from(&self) -> wasmparser::Result<Option<usize>> {
        let (mut bytes, mut stack) = (0, 0);
        for payload in Parser::new(0).parse_all(self.bytes) {
            match payload? {
                Payload::MemorySection(section) => {
                    for ty in section {
                        bytes += ty?.initial.saturating_mul(65_536);
                    }
                }
                Payload::GlobalSection(section) => {
                    if let Some(Operator::I32Const { value }) = section
                        .into_iter()
                        .next()
                        .transpose()?
                        .and_then(|it| it.init_expr.get_operators_reader().read().ok())
                    {
                        stack = value as u32 as usize;
                    }
                }
                _ => {}
            }
        }
        let small = usize::try_from(bytes).ok().filter(|_| bytes <= MAX_MARKED);
        // A stack grows downwards.
        let near = small.filter(|bytes| first_page(*bytes) == 0 || is_near(stack.saturating_sub(1), *bytes));
        Ok(near.map(first_page))
    }

    /// The module with our exports, and with marks, whose first page is given, or without. `None` when it has state that
    /// cannot be put back, or there are to be marks and cannot be.
    fn remade(&self, first: Option<usize>) -> wasmparser::Result<Option<Vec<u8>>> {
        let marks = first.is_some();
        let mut made = wasm_encoder::Module::new();
        // Of each type, how many parameters it has; of each function, its type.
        let (mut types, mut functions) = (Vec::new(), Vec::new());
        let (mut globals, mut mutable_globals) = (None, Vec::new());
        let mut memories = Vec::new();
        let (mut code, mut coded) = (CodeSection::new(), 0);
        for payload in Parser::new(0).parse_all(self.bytes) {
            let payload = payload?;
            match &payload {
                Payload::Version { encoding: Encoding::Component, .. } => return Ok(None),
                Payload::ImportSection(section) if section.count() > 0 => return Ok(None),
                Payload::StartSection { .. } | Payload::TagSection(_) => return Ok(None),
                Payload::TypeSection(section) => {
                    for group in section.clone() {
                        let group = group?;
                        for ty in group.types() {
                            let CompositeInnerType::Func(function) = &ty.composite_type.inner else { return Ok(None) };
                            types.push(function.params().len() as u32);
                        }
                        if group.is_explicit_rec_group() {
                            return Ok(None);
                        }
                    }
                    if marks {
                        // (i32, i32) -> ()
                        let data = self.and_one_more(section, &[0x60, 2, 0x7f, 0x7f, 0]);
                        made.section(&RawSection { id: SectionId::Type as u8, data: &data });
                        continue;
                    }
                }
                Payload::FunctionSection(section) => {
                    functions = section.clone().into_iter().collect::<Result<_, _>>()?;
                    if marks {
                        let mut of_range = Vec::new();
                        (types.len() as u32).encode(&mut of_range);
                        let data = self.and_one_more(section, &of_range);
                        made.section(&RawSection { id: SectionId::Function as u8, data: &data });
                        continue;
                    }
                }
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
                    globals = Some(section.count());
                    if marks {
                        let data = self.and_one_more(section, &NO_MARKS);
                        made.section(&RawSection { id: SectionId::Global as u8, data: &data });
                        continue;
                    }
                }
                Payload::ExportSection(section) => {
                    if marks && globals.is_none() {
                        made.section(&RawSection {
                            id: SectionId::Global as u8,
                            data: &[&[1], &NO_MARKS[..]].concat(),
                        });
                    }
                    let mut exports = ExportSection::new();
                    for export in section.clone() {
                        let export = export?;
                        let kind = match export.kind {
                            ExternalKind::Func => ExportKind::Func,
                            ExternalKind::Memory => ExportKind::Memory,
                            ExternalKind::Global => ExportKind::Global,
                            ExternalKind::Table => ExportKind::Table,
                            _ => return Ok(None),
                        };
                        if export.name.starts_with(OURS) {
                            return Ok(None);
                        }
                        exports.export(export.name, kind, export.index);
                        for (of, found, ours) in [
                            (ExportKind::Func, self.contribute, CONTRIBUTE),
                            (ExportKind::Func, self.realloc, REALLOC),
                            (ExportKind::Memory, self.memory, MEMORY),
                        ] {
                            if kind == of && export.name == found {
                                exports.export(ours, kind, export.index);
                            }
                        }
                    }
                    if marks {
                        exports.export(MARKS, ExportKind::Global, globals.unwrap_or(0));
                    }
                    for (number, index) in mutable_globals.iter().enumerate() {
                        exports.export(&global_name(number), ExportKind::Global, *index);
                    }
                    made.section(&exports);
                    continue;
                }
                Payload::CodeSectionStart { .. } if marks => continue,
                Payload::CustomSection(_) => continue,
                Payload::CodeSectionEntry(body) => {
                    let mut operators = body.get_operators_reader()?;
                    while !operators.eof() {
                        if changes_what_stays(&operators.read()?) {
                            return Ok(None);
                        }
                    }
                    let Some(first) = first else { continue };
                    let ty = functions.get(coded).and_then(|ty: &u32| types.get(*ty as usize));
                    let Some(parameters) = ty else { return Ok(None) };
                    let marks = Marks { global: globals.unwrap_or(0), range: functions.len() as u32, first };
                    let Some(body) = marks.body(body, *parameters)? else { return Ok(None) };
                    code.raw(&body);
                    coded += 1;
                    if coded == functions.len() {
                        code.raw(&marks.of_range());
                        made.section(&code);
                    }
                    continue;
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                made.section(&RawSection { id, data: &self.bytes[range] });
            }
        }
        let fits = matches!(memories.as_slice(), [bytes] if *bytes <= MAX_IMAGE);
        Ok(fits.then(|| made.finish()))
    }

    /// The contents of a section that has one item more.
    fn and_one_more<T>(&self, section: &SectionLimited<'_, T>, item: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        section.count().saturating_add(1).encode(&mut data);
        data.extend_from_slice(&self.bytes[section.original_position()..section.range().end]);
        data.extend_from_slice(item);
        data
    }
}

/// A mutable i64 that is 0.
const NO_MARKS: [u8; 5] = [0x7e, 1, 0x42, 0, 0x0b];

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
