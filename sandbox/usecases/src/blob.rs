//! Bytes that go beside a request, which names them by digest.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unseen_ids::Digest;
use unseen_policies::Manifest;
use unseen_worker::ready_made;

/// Bytes and their digest. In JSON it is the digest alone, and what is read from JSON has no bytes yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Blob {
    /// Of these bytes.
    pub fn new(bytes: Vec<u8>) -> Blob {
        Blob { digest: Digest::of(&bytes), bytes }
    }

    /// What stands for the map that comes with the lab, `ready-made:sum`, without expressions.
    pub fn ready_made_sum() -> Blob {
        Blob::new(ready_made::SUM.to_vec())
    }

    /// What stands for the lab's own map, where a manifest asks for it.
    pub fn ready_made(manifest: &str) -> Option<Blob> {
        let manifest = Manifest::parse(manifest).ok()?;
        ready_made::of(&manifest).map(|code| Blob::new(code.to_vec()))
    }

    /// The map of the lab's own with this digest.
    pub fn ready_made_named(digest: &Digest) -> Option<Blob> {
        ready_made::ALL.map(|code| Blob::new(code.to_vec())).into_iter().find(|map| map.digest == *digest)
    }

    /// Its digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes; none where only the digest was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it has the bytes that it names.
    pub fn is_whole(&self) -> bool {
        Digest::of(&self.bytes) == self.digest
    }

    /// Gives it its bytes, if they are those that it names.
    pub fn fill(&mut self, bytes: Vec<u8>) -> bool {
        let same = Digest::of(&bytes) == self.digest;
        if same {
            self.bytes = bytes;
        }
        same
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        Ok(Blob { digest: Digest::deserialize(deserializer)?, bytes: Vec::new() })
    }
}

impl JsonSchema for Blob {
    fn schema_name() -> Cow<'static, str> {
        "Blob".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": unseen_ids::pattern::DIGEST })
    }
}
