//! The plain shape: components of one core module without imports, whose state can be put back. What is not
//! recognised is not plain.

use wasm_encoder::{ExportKind, ExportSection, RawSection};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, Encoding, ExternalKind,
    Instance as CoreInstance, Operator, Parser, Payload, ValType,
};

/// The core module of a component of the plain shape, with `contribute`, `realloc`, `memory` and every mutable global
/// as its exports.
pub(crate) fn instrumented(component: &[u8]) -> wasmparser::Result<Option<Vec<u8>>> {
    match Core::find(component)? {
        Some(core) => core.instrumented(),
        None => Ok(None),
    }
}

/// The export under which a mutable global is found.
pub(crate) fn global_name(index: usize) -> String {
    format!("global {index}")
}

/// A module that starts with more memory than this is not worth an image.
const MAX_IMAGE: u64 = 16 << 20;

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
