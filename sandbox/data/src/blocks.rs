//! Blocks of units, dealt by a keyed hash: the grains of `kind = "blocks"`.

use std::ops::Range;

use crate::hash::siphash24;
use crate::keys::{KeyError, expand};
use crate::scan::{Grain, GrainLimits, OwnedGrain, OwnedTable, ScanError, ScanInput};

/// The secret that deals units into blocks: who is with whom depends on it and on the units' names
/// only, never on their data.
#[derive(Clone)]
pub struct BlockKey([u8; 16]);

impl BlockKey {
    /// Derives the dealing key from 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Result<Self, KeyError> {
        let bytes = expand(secret, b"unseen blocks v1", b"deal")?;
        let mut key = [0; 16];
        key.copy_from_slice(&bytes[..16]);
        Ok(Self(key))
    }

    /// For a node that deals units and must not have the secret.
    pub fn to_bytes(&self) -> [u8; 16] {
        self.0
    }

    /// Back from [`Self::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The block of a unit among `count`.
    pub fn block_of(&self, unit: &[u8], count: u32) -> u32 {
        ((u128::from(siphash24(&self.0, unit)) * u128::from(count)) >> 64) as u32
    }
}

/// Gathers a range of blocks in memory: feed it every unit in order, then take the blocks. A
/// smaller range needs less memory and more passes.
///
/// Rows of a block are ordered by (bucket, unit bytes, import order).
pub struct BlockGatherer {
    key: BlockKey,
    count: u32,
    range: Range<u32>,
    limits: GrainLimits,
    blocks: Vec<OwnedGrain>,
}

impl BlockGatherer {
    /// Prepares to gather the blocks of `range` among `count`, for these inputs. The limit on rows is one
    /// on each unit's, that on bytes one on each block: what becomes larger is let go of.
    pub fn new(
        key: BlockKey,
        count: u32,
        range: Range<u32>,
        inputs: &[ScanInput<'_>],
        limits: GrainLimits,
    ) -> Result<Self, ScanError> {
        let kinds = inputs.iter().map(ScanInput::kinds).collect::<Result<Vec<_>, _>>()?;
        let block = || OwnedGrain::new(kinds.iter().map(|kinds| OwnedTable::new(kinds.iter().copied())).collect());
        let blocks = range.clone().map(|_| block()).collect();
        Ok(Self { key, count, range, limits, blocks })
    }

    /// Takes a unit, if it belongs to the range.
    pub fn absorb(&mut self, unit: Grain<'_>) -> Result<(), ScanError> {
        let block = self.key.block_of(unit.unit().as_bytes(), self.count);
        match self.range.contains(&block) {
            true => self.blocks[(block - self.range.start) as usize].append(unit, self.limits.bytes),
            false => Ok(()),
        }
    }

    /// The blocks of the range, in order, empty ones included.
    pub fn finish(self) -> Vec<OwnedGrain> {
        self.blocks
    }
}
