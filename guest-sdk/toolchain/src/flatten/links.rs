//! How the core modules of a component are linked.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, ExternalKind, Instance, Parser, Payload,
};

/// What one component (perhaps nested in others) is made of, by the index spaces of the component model.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// Core modules; none for one that comes from outside.
    pub modules: Vec<Option<&'a [u8]>>,
    /// Core instances.
    pub instances: Vec<Linked<'a>>,
    functions: Vec<Item<'a>>,
    tables: Vec<Item<'a>>,
    memories: Vec<Item<'a>>,
    globals: Vec<Item<'a>>,
    /// Functions of the component; none for one that is not lifted here.
    lifted: Vec<Option<Lift>>,
    exports: Vec<(&'a str, u32)>,
}

/// A core instance.
pub(super) enum Linked<'a> {
    /// Of a module, with instances for the names of what it imports from.
    Module(u32, Vec<(&'a str, u32)>),
    /// A bundle of items.
    Bundle(Vec<(&'a str, ExternalKind, u32)>),
}

/// What stands in a core index space.
#[derive(Clone, Copy)]
enum Item<'a> {
    /// An export of an instance.
    Export(u32, &'a str),
    /// Not of a core module here: a function of the system.
    Foreign,
}

/// A lifted function: the core functions that it and its lists come by.
#[derive(Clone, Copy)]
pub(super) struct Lift {
    pub function: u32,
    pub memory: Option<u32>,
    pub realloc: Option<u32>,
    /// Whether it has options that a module of its own would not have.
    pub is_odd: bool,
}

impl<'a> Scope<'a> {
    /// The lifted function of an export.
    pub(super) fn lift(&self, name: &str) -> Option<Lift> {
        let (_, function) = self.exports.iter().find(|(exported, _)| *exported == name)?;
        self.lifted.get(*function as usize).copied().flatten()
    }

    /// The module's instance, and the name, of what a bundle or a module exports; none for a function of the system.
    pub(super) fn export(&self, mut instance: u32, mut name: &'a str) -> Option<(u32, &'a str)> {
        loop {
            match self.instances.get(instance as usize)? {
                Linked::Module(..) => return Some((instance, name)),
                Linked::Bundle(items) => {
                    let (_, kind, index) = items.iter().find(|(known, ..)| *known == name)?;
                    (instance, name) = self.item(*kind, *index)?;
                }
            }
        }
    }

    /// The same for what stands in an index space.
    pub(super) fn of(&self, kind: ExternalKind, index: u32) -> Option<(u32, &'a str)> {
        let (instance, name) = self.item(kind, index)?;
        self.export(instance, name)
    }

    fn item(&self, kind: ExternalKind, index: u32) -> Option<(u32, &'a str)> {
        let items = match kind {
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            _ => &self.functions,
        };
        match items.get(index as usize)? {
            Item::Export(instance, name) => Some((*instance, name)),
            Item::Foreign => None,
        }
    }

    fn read(&mut self, component: &'a [u8], payload: Payload<'a>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                self.modules.push(component.get(unchecked_range.start..unchecked_range.end));
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.instances.push(match instance? {
                        Instance::Instantiate { module_index, args } => {
                            Linked::Module(module_index, args.iter().map(|arg| (arg.name, arg.index)).collect())
                        }
                        Instance::FromExports(items) => {
                            Linked::Bundle(items.iter().map(|item| (item.name, item.kind, item.index)).collect())
                        }
                    });
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    match alias? {
                        ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                            let item = Item::Export(instance_index, name);
                            match kind {
                                ExternalKind::Table => self.tables.push(item),
                                ExternalKind::Memory => self.memories.push(item),
                                ExternalKind::Global => self.globals.push(item),
                                ExternalKind::Tag => {}
                                _ => self.functions.push(item),
                            }
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Func, .. } => {
                            self.lifted.push(None)
                        }
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
                        | ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => {
                            self.modules.push(None);
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    match function? {
                        CanonicalFunction::Lift { core_func_index, options, .. } => {
                            self.lifted.push(Some(Lift::new(core_func_index, &options)));
                        }
                        _ => self.functions.push(Item::Foreign),
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    match import?.ty {
                        ComponentTypeRef::Func(_) => self.lifted.push(None),
                        ComponentTypeRef::Module(_) => self.modules.push(None),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Func {
                        self.exports.push((export.name.name, export.index));
                        // An export is also a new function, with the next index.
                        let function = self.lifted.get(export.index as usize).copied().flatten();
                        self.lifted.push(function);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Lift {
    fn new(function: u32, options: &[CanonicalOption]) -> Lift {
        let mut lift = Lift { function, memory: None, realloc: None, is_odd: false };
        for option in options {
            match option {
                CanonicalOption::UTF8 | CanonicalOption::PostReturn(_) => {}
                CanonicalOption::Memory(memory) => lift.memory = Some(*memory),
                CanonicalOption::Realloc(realloc) => lift.realloc = Some(*realloc),
                _ => lift.is_odd = true,
            }
        }
        lift
    }
}

/// The first component, from within, that lifts and exports a function of this name.
pub(super) fn scope_of<'a>(component: &'a [u8], export: &str) -> Result<Option<Scope<'a>>, BinaryReaderError> {
    // None for a core module, whose sections are not looked at here.
    let mut open: Vec<Option<Scope<'a>>> = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding: Encoding::Component, .. } => open.push(Some(Scope::default())),
            Payload::Version { encoding: Encoding::Module, .. } => open.push(None),
            Payload::End(_) => {
                if let Some(Some(scope)) = open.pop()
                    && scope.lift(export).is_some()
                {
                    return Ok(Some(scope));
                }
            }
            payload => {
                if let Some(Some(scope)) = open.last_mut() {
                    scope.read(component, payload)?;
                }
            }
        }
    }
    Ok(None)
}
