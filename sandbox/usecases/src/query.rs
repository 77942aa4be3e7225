//! A question to a lab, and its answer: the same whether it is put to a folder or over the network.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use unseen_ids::{Answer, PublicKey};

use crate::blob::Blob;
use crate::desk::Desk;
use crate::error::UseCaseError;

/// A use-case that changes nothing.
pub trait Query: Serialize + DeserializeOwned + JsonSchema {
    /// What is answered.
    type Answer: Answer + DeserializeOwned + JsonSchema;

    /// What goes beside the question, named in it by digest.
    fn blobs(&mut self) -> Vec<&mut Blob> {
        Vec::new()
    }

    /// Answers. `reader` is the key of whoever asks, where that is known.
    fn answer(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<Self::Answer, UseCaseError>;
}
