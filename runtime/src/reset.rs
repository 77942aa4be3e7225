//! TODO
use crate::engine::Engine;
use crate::module::Failure;
use crate::types::{Contribution, Table};

pub(crate) struct Resettable {}

impl Resettable {
    pub(crate) fn compile(_engine: &Engine, _bytes: &[u8]) -> Option<Self> {
        None
    }
    pub(crate) fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        Ok(vec![])
    }
    pub(crate) unsafe fn deserialize(_engine: &Engine, _bytes: &[u8]) -> Option<Self> {
        None
    }
    pub(crate) fn contribute(
        &self,
        _: &Engine,
        _: &[Table<'_>],
        _: &[f64],
    ) -> Result<Vec<Contribution>, Failure> {
        Err(Failure::Fuel)
    }
}
