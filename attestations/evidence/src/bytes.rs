//! Bytes: bounded reading, hexadecimal, base64 in JSON.

use crate::EvidenceError;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use unseen_ids::hex;
use unseen_texts::{Text, say};

/// Bytes; base64 in serde.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map(Blob).map_err(D::Error::custom)
    }
}

/// The rest of a structure that is being read. No read goes beyond it.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// What is read, for errors.
    what: Text,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: Text, bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, what }
    }

    /// The error that this structure is not what it should be.
    pub(crate) fn malformed(&self) -> EvidenceError {
        EvidenceError::Malformed(self.what)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], EvidenceError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(self.malformed())?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], EvidenceError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.malformed())?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), EvidenceError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, EvidenceError> {
        self.array().map(u8::from_be_bytes)
    }

    /// Big-endian, as a TPM writes.
    pub(crate) fn be16(&mut self) -> Result<u16, EvidenceError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Big-endian.
    pub(crate) fn be32(&mut self) -> Result<u32, EvidenceError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Little-endian, as firmware writes its log.
    pub(crate) fn le16(&mut self) -> Result<u16, EvidenceError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Little-endian.
    pub(crate) fn le32(&mut self) -> Result<u32, EvidenceError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A TPM2B structure: its length in two bytes, then at most `most` bytes.
    pub(crate) fn tpm2b(&mut self, most: u16) -> Result<&'a [u8], EvidenceError> {
        match self.be16()? {
            length if length <= most => self.take(length.into()),
            _ => Err(self.malformed()),
        }
    }
}

/// How PCR values stand in JSON: an object, because the index of a member is a text there.
pub(crate) mod pcrs {
    use super::*;
    use crate::Pcrs;
    use std::collections::BTreeMap;

    pub(crate) fn serialize<S: Serializer>(pcrs: &Pcrs, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pcrs.iter().map(|(index, value)| (index.to_string(), hex::encode(value))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pcrs, D::Error> {
        let read = |(index, value): (String, String)| {
            let known = index.parse().ok().filter(|known| *known < 24);
            known.zip(hex::decode(&value)).ok_or_else(|| {
                D::Error::custom(say!(
                    "PCR {index:?}: write an index from 0 to 23 and 64 lowercase hex digits",
                    "PCR {index:?}：请写 0 至 23 的序号和 64 位小写十六进制数字"
                ))
            })
        };
        BTreeMap::<String, String>::deserialize(deserializer)?.into_iter().map(read).collect()
    }
}
