//! in-toto Statements (version 1): claims about things named by their digests.

use crate::{Signer, VerifyingKey, dsse::Envelope};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use std::collections::BTreeMap;
use unseen_ids::{Digest, canonical};

pub use crate::error::StatementError;

/// The payload type of an envelope that holds a statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A claim of the kind `predicate_type` about `subject`. Unknown fields are refused; a `P` of one's
/// own says with its own `deny_unknown_fields` what the claim may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P = serde_json::Value> {
    #[serde(rename = "_type")]
    statement_type: StatementType,
    /// What the claim is about; at least one thing.
    pub subject: Vec<Subject>,
    /// The URI of the claim's kind and version.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The claim.
    pub predicate: P,
}

/// One thing, as `{"name": ..., "digest": {"sha256": ...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What it is called.
    pub name: String,
    /// Which one it is.
    #[serde(with = "digest_set")]
    pub digest: Digest,
}

impl<P: Serialize + DeserializeOwned> Statement<P> {
    /// A claim.
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: P) -> Statement<P> {
        Statement { statement_type: StatementType::V1, subject, predicate_type: predicate_type.into(), predicate }
    }

    /// This claim in an envelope signed by `key`.
    pub fn sign(&self, key: &dyn Signer) -> Result<Envelope, StatementError> {
        Ok(Envelope::sign(key, PAYLOAD_TYPE, self.payload()?)?)
    }

    /// This claim as the payload of an envelope.
    pub fn payload(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        Ok(canonical::to_vec(self)?)
    }

    /// The claim that `key` signed.
    pub fn open(envelope: &Envelope, key: &VerifyingKey) -> Result<Statement<P>, StatementError> {
        envelope.verify(key)?;
        Statement::open_unverified(envelope)
    }

    /// The claim in an envelope, whoever signed it: for finding out whose key to verify it with.
    pub fn open_unverified(envelope: &Envelope) -> Result<Statement<P>, StatementError> {
        if envelope.payload_type() != PAYLOAD_TYPE {
            return Err(StatementError::PayloadType(envelope.payload_type().into()));
        }
        let statement: Statement<P> =
            serde_json::from_slice(envelope.unverified_payload()).map_err(StatementError::Json)?;
        statement.check()?;
        Ok(statement)
    }

    fn check(&self) -> Result<(), StatementError> {
        let named = !self.subject.is_empty() && self.subject.iter().all(|subject| !subject.name.is_empty());
        if named && !self.predicate_type.is_empty() { Ok(()) } else { Err(StatementError::Empty) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum StatementType {
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

/// in-toto's map of digests by algorithm; here always exactly `sha256`.
mod digest_set {
    use super::*;

    pub fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        BTreeMap::from([("sha256", digest.to_hex())]).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Set {
            sha256: String,
        }
        let hex = Set::deserialize(deserializer)?.sha256;
        let refused = || serde::de::Error::custom(format!("`{hex}` is not a digest: write 64 lower-case hex digits"));
        Digest::from_hex(&hex).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Approval {
        role: String,
    }

    #[test]
    fn statements_are_read_strictly() {
        let key = SigningKey::from_seed([1; 32]).unwrap();
        let subject = Subject { name: "job.toml".into(), digest: Digest::of(b"") };
        let approval = Approval { role: "operator".into() };
        let statement = Statement::new(vec![subject], "https://example.com/Approval/v1", approval);
        let envelope = statement.sign(&key).unwrap();
        let hex = Digest::of(b"").to_hex();
        let good = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "job.toml", "digest": {"sha256": hex}}],
            "predicateType": "https://example.com/Approval/v1",
            "predicate": {"role": "operator"},
        });
        assert_eq!(serde_json::from_slice::<Value>(envelope.unverified_payload()).unwrap(), good);
        assert_eq!(Statement::open(&envelope, &key.verifying_key()).unwrap(), statement);
        assert!(Statement::<Value>::open(&envelope, &key.verifying_key()).is_ok());

        let reopen = |text: String| {
            let envelope = Envelope::sign(&key, PAYLOAD_TYPE, text.into_bytes()).unwrap();
            Statement::<Approval>::open(&envelope, &key.verifying_key())
        };
        let good = good.to_string();
        assert!(reopen(good.clone()).is_ok());
        for (from, to) in [
            ("Statement/v1", "Statement/v0.1"),
            ("\"subject\"", "\"more\":1,\"subject\""),
            ("\"role\"", "\"more\":1,\"role\""),
            ("\"name\":\"job.toml\"", "\"name\":\"\""),
            ("\"sha256\"", "\"sha512\""),
            (&hex[..8], "E3B0C442"),
            ("https://example.com/Approval/v1", ""),
            ("\"role\"", "\"role\":\"x\",\"role\""),
        ] {
            assert!(good.contains(from));
            assert!(reopen(good.replace(from, to)).is_err(), "{from} -> {to}");
        }
        let other = Envelope::sign(&key, "text/plain", good.into_bytes()).unwrap();
        assert!(matches!(Statement::<Value>::open(&other, &key.verifying_key()), Err(StatementError::PayloadType(_))));
        assert!(Statement::new(vec![], "x", json!({})).sign(&key).is_err());
    }
}
