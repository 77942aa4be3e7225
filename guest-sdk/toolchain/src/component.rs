//! Wraps a core module into a component of the job contract.

use unseen_policies::shape::{SECTION, Shape};
use unseen_texts::Say;
use wasm_encoder::{ComponentSection, CustomSection};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Why a module is not a job.
#[derive(Debug, thiserror::Error, Say)]
#[code("component")]
pub enum ComponentError {
    /// Not WebAssembly at all.
    #[error("this is not a WebAssembly file: {0}")]
    #[zh("这不是 WebAssembly 文件：{0}")]
    NotWasm(String),
    /// It is, but does not fit the contract.
    #[error("the module does not fit the job contract: {0}")]
    #[zh("模块不符合作业约定：{0}")]
    Contract(String),
}

/// The contract.
pub(crate) const WIT: &str = include_str!("../../wit/job.wit");

/// A component from the bytes of a core module that exports `contribute` (and perhaps `advance`),
/// `memory` and `cabi_realloc` by the canonical ABI. A module that carries its own
/// `component-type` section, as other languages' tools write it, is taken at its word; one that
/// is a component already is returned as it is.
///
/// # Errors
/// When the bytes are not WebAssembly, or the exports do not have the contract's types.
pub fn componentize(bytes: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let not_wasm = |e: wasmparser::BinaryReaderError| ComponentError::NotWasm(e.to_string());
    let (mut described, mut iterative) = (false, false);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(not_wasm)? {
            Payload::Version { encoding: Encoding::Component, .. } => return Ok(bytes.to_vec()),
            Payload::CustomSection(section) => {
                described |= section.name().starts_with("component-type");
            }
            Payload::ExportSection(section) => {
                for export in section {
                    iterative |= export.map_err(not_wasm)?.name == "advance";
                }
            }
            _ => {}
        }
    }

    let mut module = bytes.to_vec();
    if !described {
        let world = if iterative { "iterative-job" } else { "job" };
        let mut resolve = Resolve::default();
        let package = resolve.push_str("job.wit", WIT).map_err(contract)?;
        let world = resolve.select_world(&[package], Some(world)).map_err(contract)?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(contract)?;
    }
    ComponentEncoder::default().module(&module).map_err(contract)?.validate(true).encode().map_err(contract)
}

/// A component that says for which names it was built: its own word where it has one, else this.
pub fn with_shape(component: Vec<u8>, shape: &Shape) -> Vec<u8> {
    if shape_section(&component).is_some() {
        return component;
    }
    let (mut component, bytes) = (component, shape.to_bytes());
    let section = CustomSection { name: SECTION.into(), data: bytes.into() };
    section.append_to_component(&mut component);
    component
}

/// The shape that a module or component carries.
pub(crate) fn shape_section(bytes: &[u8]) -> Option<&[u8]> {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    payloads
        .filter_map(|payload| match payload {
            Payload::CustomSection(section) if section.name() == SECTION => Some(section.data()),
            _ => None,
        })
        .next()
}

fn contract(e: impl std::fmt::Display) -> ComponentError {
    ComponentError::Contract(format!("{e:#}"))
}
