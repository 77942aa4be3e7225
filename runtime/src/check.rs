//! What a module must be before a single instruction of it is compiled.

use unseen_texts::{Say, Sentence, Text, text};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::{CanonicalFunction, Parser, Payload, TypeRef, Validator, WasmFeatures};

use crate::engine::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};

/// Which of the contract's worlds a module implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// `contribute` only: a job of one round.
    Job,
    /// `contribute` and `advance`: a job of several rounds.
    IterativeJob,
}

/// Why a module is refused. Depends on the module and the limits only, so an analyst may see it.
#[derive(Debug, thiserror::Error, Say)]
#[code("module")]
pub enum ModuleError {
    /// The file is too long.
    #[error("the module is {size} bytes long; at most {MAX_MODULE} are allowed")]
    #[zh("模块长 {size} 字节；至多允许 {MAX_MODULE} 字节")]
    TooLong {
        /// Its length in bytes.
        size: usize,
    },
    /// The file is something else.
    #[error("this is not a WebAssembly file")]
    #[zh("这不是 WebAssembly 文件")]
    NotWasm,
    /// A core module instead of a component.
    #[error("this is a core WebAssembly module, not a component")]
    #[zh("这是核心 WebAssembly 模块，不是组件")]
    CoreModule,
    /// Not valid, or valid only with proposals that are off.
    #[error("the module is not valid WebAssembly at byte {offset:#x}: {reason}")]
    #[zh("模块在字节 {offset:#x} 处不是有效的 WebAssembly：{reason}")]
    Invalid {
        /// Where in the file.
        offset: u64,
        /// What the validator says.
        reason: String,
    },
    /// It wants something from outside.
    #[error("the module imports `{name}`; a job may import nothing, so that it can only compute")]
    #[zh("模块导入了 `{name}`；作业不得导入任何东西，只能计算")]
    Import {
        /// The first import that is more than the contract's types.
        name: String,
    },
    /// It was built for another version of the contract.
    #[error(
        "the module was built for another version of the job contract, `{name}`: build it again with the tools of this version"
    )]
    #[zh("组件是按另一版本的作业约定 `{name}` 编译的：请用本版本的工具重新编译")]
    OtherContract {
        /// The contract's package as the module names it.
        name: String,
    },
    /// Components inside it call each other. What wasmtime puts between them needs several memories in one module,
    /// which are off here, and a compiler that meets them ends.
    #[error(
        "the module's parts are linked as components of their own: link them beforehand, as `unseen job build` does"
    )]
    #[zh("模块的各部分以嵌套组件的方式链接：请预先链接好，`unseen job build` 会这样做")]
    Nested,
    /// One of the contract's functions is missing.
    #[error("the module does not export `{name}`; write it against the job contract's WIT file")]
    #[zh("模块没有导出 `{name}`；请按作业约定的 WIT 文件编写")]
    MissingExport {
        /// The missing function.
        name: &'static str,
    },
    /// One of the contract's functions has another type.
    #[error("the module exports `{name}` with another type than the job contract's: {reason}")]
    #[zh("模块导出的 `{name}` 类型与作业约定不同：{reason}")]
    WrongType {
        /// The function.
        name: &'static str,
        /// The first difference.
        reason: String,
    },
    /// It needs more memory than a grain gets.
    #[error("the module starts with {need} bytes of memory, but the job allows {allowed}")]
    #[zh("模块初始内存为 {need} 字节，而作业只允许 {allowed}")]
    Memory {
        /// What it declares, all memories together.
        need: u64,
        /// The limit.
        allowed: u64,
    },
    /// Some part is absurdly large.
    #[error("the module has {count} {what}; at most {allowed} are allowed")]
    #[zh("模块有 {count} 个{what}；至多允许 {allowed} 个")]
    TooMany {
        /// What there is too much of.
        what: Text,
        /// How many there are.
        count: u64,
        /// The limit.
        allowed: u64,
    },
    /// Instantiating it failed or did not end.
    #[error("the module fails before any function is called: {reason}")]
    #[zh("模块在调用任何函数之前就失败了：{reason}")]
    Start {
        /// What happened.
        reason: Sentence,
    },
    /// Cranelift or wasmtime refused it.
    #[error("the module cannot be compiled: {reason}")]
    #[zh("模块无法编译：{reason}")]
    Compile {
        /// What the compiler says.
        reason: String,
    },
}

/// The contract's types, as a component that uses them names them, and their version.
const TYPES: &str = "unseen:job/types@";
const VERSION: &str = "0.2.0";

/// Bytes a module may have; see [`ModuleError::TooLong`].
pub const MAX_MODULE: usize = 64 << 20;
/// Functions all core modules together may have.
const MAX_FUNCTIONS: u64 = 100_000;
/// Bytes one function may have. Compiling takes some 400 times as much memory, and more time for each byte of a longer
/// one; of what compilers make, the loops of interpreters are the longest, with a quarter of it.
const MAX_FUNCTION: u64 = 512 << 10;
/// Core modules a component may carry.
pub const MAX_MODULES: u64 = MAX_CORE_INSTANCES as u64;
/// Components nested in a component; `wit-component` makes one for each exported interface.
const MAX_COMPONENTS: u64 = 16;

/// Refuses what is not a component of plain WebAssembly 2 that imports nothing and is of
/// reasonable size. Says which world it seems to implement; the functions' types are checked
/// once it is compiled.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<World, ModuleError> {
    if bytes.len() > MAX_MODULE {
        return Err(ModuleError::TooLong { size: bytes.len() });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(ModuleError::NotWasm);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(ModuleError::CoreModule);
    }
    let invalid = |e: wasmparser::BinaryReaderError| ModuleError::Invalid {
        offset: e.offset() as u64,
        reason: e.message().to_owned(),
    };
    // Sizes first: validation of something absurd is itself absurd.
    sizes(bytes, limits, &invalid)?;

    let features = WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    let types = Validator::new_with_features(features).validate_all(bytes).map_err(invalid)?;
    let types = types.as_ref();
    for (name, export_needed) in top_level(bytes).map_err(invalid)? {
        if export_needed {
            continue;
        }
        if let Some(version) = name.strip_prefix(TYPES)
            && version != VERSION
        {
            return Err(ModuleError::OtherContract { name: format!("unseen:job@{version}") });
        }
        let harmless = match types.component_item_for_import(name).map(|item| item.ty) {
            Some(ComponentEntityType::Type { created, .. }) => is_plain(created),
            // The contract's own `types` interface arrives as an instance of types only.
            Some(ComponentEntityType::Instance(id)) => types[id]
                .exports
                .values()
                .all(|item| matches!(item.ty, ComponentEntityType::Type { created, .. } if is_plain(created))),
            _ => false,
        };
        if !harmless {
            return Err(ModuleError::Import { name: name.to_owned() });
        }
    }
    let is_function =
        |name| matches!(types.component_item_for_export(name).map(|item| item.ty), Some(ComponentEntityType::Func(_)));
    if !is_function("contribute") {
        return Err(ModuleError::MissingExport { name: "contribute" });
    }
    Ok(if is_function("advance") { World::IterativeJob } else { World::Job })
}

/// What a module carries in its custom section of this name; of several, the first. Looks into core modules too,
/// where compilers put them. None where there is none, or the bytes are no module.
pub fn custom_section<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    payloads
        .filter_map(|payload| match payload {
            Payload::CustomSection(section) if section.name() == name => Some(section.data()),
            _ => None,
        })
        .next()
}

fn is_plain(id: ComponentAnyTypeId) -> bool {
    !matches!(id, ComponentAnyTypeId::Resource(_))
}

/// The names of the outermost component's imports (`false`) and exports (`true`).
fn top_level(bytes: &[u8]) -> wasmparser::Result<Vec<(&str, bool)>> {
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    names.push((import?.name.name, false));
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    names.push((export?.name.name, true));
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn sizes(
    bytes: &[u8],
    limits: &Limits,
    invalid: &dyn Fn(wasmparser::BinaryReaderError) -> ModuleError,
) -> Result<(), ModuleError> {
    let (mut modules, mut components, mut instances) = (0_u64, 0_u64, 0_u64);
    let (mut functions, mut tables, mut memories, mut memory) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut elements, mut longest) = (0_u64, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } => modules += 1,
            Payload::ComponentSection { .. } => components += 1,
            Payload::InstanceSection(section) => instances += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    if let CanonicalFunction::Lower { .. } = function.map_err(invalid)? {
                        return Err(ModuleError::Nested);
                    }
                }
            }
            Payload::FunctionSection(section) => functions += u64::from(section.count()),
            Payload::CodeSectionEntry(body) => longest = longest.max(body.range().len() as u64),
            Payload::TableSection(section) => {
                for table in section {
                    tables += 1;
                    elements = elements.max(table.map_err(invalid)?.ty.initial);
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    let ty = ty.map_err(invalid)?;
                    memories += 1;
                    memory = memory.saturating_add(ty.initial.saturating_mul(65_536));
                }
            }
            // A core module's own imports are fed from inside the component; they add nothing.
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Table(ty) = import.map_err(invalid)?.ty {
                        elements = elements.max(ty.initial);
                    }
                }
            }
            _ => {}
        }
    }
    let counts = [
        (text!("core modules", "核心模块"), modules, MAX_MODULES),
        (text!("nested components", "嵌套组件"), components, MAX_COMPONENTS),
        // Bundles of exports count as instances here, hence the slack.
        (text!("core instances", "核心实例"), instances, 4 * u64::from(MAX_CORE_INSTANCES)),
        (text!("functions", "函数"), functions, MAX_FUNCTIONS),
        (text!("bytes in one function", "字节的单个函数"), longest, MAX_FUNCTION),
        (text!("tables", "表"), tables, u64::from(MAX_TABLES)),
        (text!("table elements", "表元素"), elements, MAX_TABLE_ELEMENTS as u64),
        (text!("memories", "内存"), memories, u64::from(MAX_MEMORIES)),
    ];
    for (what, count, allowed) in counts {
        if count > allowed {
            return Err(ModuleError::TooMany { what, count, allowed });
        }
    }
    if memory > limits.memory {
        return Err(ModuleError::Memory { need: memory, allowed: limits.memory });
    }
    Ok(())
}
