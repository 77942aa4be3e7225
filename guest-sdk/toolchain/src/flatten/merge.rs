//! Linked core modules, put into one: index spaces one after another, and what is imported under the index of what
//! exports it.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, Instruction, MemorySection, Module, TableSection, TypeSection,
};
use wasmparser::{BinaryReaderError, ExternalKind, Operator, Parser, Payload, TypeRef};

use super::links::{Linked, Scope};

/// The exports of the contract.
const EXPORTS: [&str; 2] = ["contribute", "advance"];

/// One module of all of a scope; none for what this does not know: start functions, several memories, modules from
/// outside, offsets that are no constants.
pub(super) fn merged(scope: &Scope<'_>) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let mut whole = Whole::default();
    let mut parts: Vec<Option<Part>> = Vec::new();
    for linked in &scope.instances {
        let part = match linked {
            Linked::Bundle(_) => None,
            Linked::Module(module, arguments) => {
                let Some(Some(bytes)) = scope.modules.get(*module as usize) else { return Ok(None) };
                match whole.add(bytes, arguments, scope, &parts) {
                    Ok(part) => Some(part),
                    Err(Error::ParseError(error)) => return Err(error),
                    Err(_) => return Ok(None),
                }
            }
        };
        parts.push(part);
    }
    Ok(whole.finish(scope, &parts))
}

/// The sections of the one module.
#[derive(Default)]
struct Whole {
    types: TypeSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
    /// What each global begins with, where that is a constant.
    begins: Vec<Option<Constant>>,
}

/// An instance of a module: where its indices are in the whole.
#[derive(Default)]
struct Part {
    first_type: u32,
    functions: Vec<u32>,
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
    exports: HashMap<String, (ExternalKind, u32)>,
}

/// This cannot be put into one.
#[derive(Debug)]
struct Unknown;

#[derive(Clone, Copy)]
enum Constant {
    I32(i32),
    I64(i64),
}

type Fallible<T> = Result<T, Error<Unknown>>;

impl Part {
    /// The index in the whole of what it exports.
    fn export(&self, name: &str) -> Option<u32> {
        let (kind, index) = *self.exports.get(name)?;
        let indices = match kind {
            ExternalKind::Func => &self.functions,
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            _ => return None,
        };
        indices.get(index as usize).copied()
    }
}

impl Whole {
    fn add<'a>(
        &mut self,
        module: &'a [u8],
        arguments: &[(&str, u32)],
        scope: &Scope<'a>,
        before: &[Option<Part>],
    ) -> Fallible<Part> {
        let part = Part { first_type: self.types.len(), ..Part::default() };
        let mut adding = Adding { part, begins: Vec::new() };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => adding.parse_type_section(&mut self.types, section)?,
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let found = arguments.iter().find(|(name, _)| *name == import.module);
                        let found = found.and_then(|(_, instance)| scope.export(*instance, import.name));
                        let found = found.map(|(instance, name)| {
                            before.get(instance as usize).and_then(Option::as_ref).and_then(|part| part.export(name))
                        });
                        self.import(&mut adding.part, import.ty, found)?;
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        adding.part.functions.push(self.functions.len());
                        self.functions.function(adding.type_index(ty?)?);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        adding.part.tables.push(self.tables.len());
                        adding.parse_table(&mut self.tables, table?)?;
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        adding.part.memories.push(self.memories.len());
                        self.memories.memory(adding.memory_type(memory?)?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        let begins = folded(&global.init_expr, &adding.part.globals, &self.begins);
                        let init = match begins {
                            Some(constant) => constant.expression(),
                            None => adding.const_expr(global.init_expr)?,
                        };
                        self.globals.global(adding.global_type(global.ty)?, &init);
                        adding.part.globals.push(self.begins.len() as u32);
                        self.begins.push(begins);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        adding.part.exports.insert(export.name.to_owned(), (export.kind, export.index));
                    }
                }
                Payload::ElementSection(section) => {
                    adding.begins.clone_from(&self.begins);
                    adding.parse_element_section(&mut self.elements, section)?;
                }
                Payload::DataSection(section) => {
                    adding.begins.clone_from(&self.begins);
                    adding.parse_data_section(&mut self.data, section)?;
                }
                Payload::CodeSectionEntry(body) => adding.parse_function_body(&mut self.code, body)?,
                Payload::StartSection { .. } | Payload::TagSection(_) => return Err(Error::UserError(Unknown)),
                _ => {}
            }
        }
        Ok(adding.part)
    }

    /// What is imported is what exports it, and else a trap. `found` is none for what is of the system, and holds none for
    /// what an instance does not export.
    fn import(&mut self, part: &mut Part, kind: TypeRef, found: Option<Option<u32>>) -> Fallible<()> {
        let unknown = Error::UserError(Unknown);
        match (kind, found) {
            (TypeRef::Func(ty), None) => {
                part.functions.push(self.functions.len());
                self.functions.function(part.first_type + ty);
                let mut trap = Function::new([]);
                trap.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
                self.code.function(&trap);
            }
            (TypeRef::Func(_), Some(Some(index))) => part.functions.push(index),
            (TypeRef::Table(_), Some(Some(index))) => part.tables.push(index),
            (TypeRef::Memory(_), Some(Some(index))) => part.memories.push(index),
            (TypeRef::Global(_), Some(Some(index))) => part.globals.push(index),
            _ => return Err(unknown),
        }
        Ok(())
    }

    fn finish(self, scope: &Scope<'_>, parts: &[Option<Part>]) -> Option<Vec<u8>> {
        let index = |kind, item| {
            let (instance, name) = scope.of(kind, item)?;
            parts.get(instance as usize)?.as_ref()?.export(name)
        };
        let mut exports = ExportSection::new();
        let mut lists = None;
        for name in EXPORTS {
            let Some(lift) = scope.lift(name) else { continue };
            exports.export(name, ExportKind::Func, index(ExternalKind::Func, lift.function)?);
            let by = (index(ExternalKind::Memory, lift.memory?)?, index(ExternalKind::Func, lift.realloc?)?);
            if lift.is_odd || lists.replace(by).is_some_and(|other| other != by) {
                return None;
            }
        }
        let (0, realloc) = lists? else { return None };
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("cabi_realloc", ExportKind::Func, realloc);
        if self.memories.len() != 1 {
            return None;
        }
        let mut module = Module::new();
        module.section(&self.types).section(&self.functions).section(&self.tables).section(&self.memories);
        module.section(&self.globals).section(&exports).section(&self.elements).section(&self.code).section(&self.data);
        Some(module.finish())
    }
}

/// A module on its way into the whole.
struct Adding {
    part: Part,
    /// What the globals of the whole begin with.
    begins: Vec<Option<Constant>>,
}

impl Adding {
    fn found(indices: &[u32], index: u32) -> Fallible<u32> {
        indices.get(index as usize).copied().ok_or(Error::UserError(Unknown))
    }
}

impl Reencode for Adding {
    type Error = Unknown;

    fn type_index(&mut self, ty: u32) -> Fallible<u32> {
        Ok(self.part.first_type + ty)
    }

    fn function_index(&mut self, function: u32) -> Fallible<u32> {
        Adding::found(&self.part.functions, function)
    }

    fn table_index(&mut self, table: u32) -> Fallible<u32> {
        Adding::found(&self.part.tables, table)
    }

    fn memory_index(&mut self, memory: u32) -> Fallible<u32> {
        Adding::found(&self.part.memories, memory)
    }

    fn global_index(&mut self, global: u32) -> Fallible<u32> {
        Adding::found(&self.part.globals, global)
    }

    // Segments are numbered anew, and nothing may name one.
    fn data_index(&mut self, _: u32) -> Fallible<u32> {
        Err(Error::UserError(Unknown))
    }

    fn element_index(&mut self, _: u32) -> Fallible<u32> {
        Err(Error::UserError(Unknown))
    }

    /// Offsets: what was imported is not known to a constant expression any more.
    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Fallible<ConstExpr> {
        match folded(&expression, &self.part.globals, &self.begins) {
            Some(constant) => Ok(constant.expression()),
            None => utils::const_expr(self, expression),
        }
    }
}

impl Constant {
    fn expression(self) -> ConstExpr {
        match self {
            Constant::I32(value) => ConstExpr::i32_const(value),
            Constant::I64(value) => ConstExpr::i64_const(value),
        }
    }
}

/// The value of a constant expression of whole numbers.
fn folded(expression: &wasmparser::ConstExpr<'_>, globals: &[u32], begins: &[Option<Constant>]) -> Option<Constant> {
    let mut stack = Vec::new();
    for operator in expression.get_operators_reader() {
        let value = match operator.ok()? {
            Operator::I32Const { value } => Constant::I32(value),
            Operator::I64Const { value } => Constant::I64(value),
            Operator::GlobalGet { global_index } => {
                let global = *globals.get(global_index as usize)?;
                (*begins.get(global as usize)?)?
            }
            Operator::I32Add => match (stack.pop()?, stack.pop()?) {
                (Constant::I32(one), Constant::I32(other)) => Constant::I32(one.wrapping_add(other)),
                _ => return None,
            },
            Operator::End => break,
            _ => return None,
        };
        stack.push(value);
    }
    match stack[..] {
        [value] => Some(value),
        _ => None,
    }
}
