//! A record as the predicate of an in-toto statement, and back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{Event, Record, RecordError};
use crate::provenance;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    log: String,
    time: DateTime<Utc>,
    nonce: String,
    event: serde_json::Value,
}

impl Record {
    /// The predicate type and predicate of an in-toto statement.
    pub fn to_predicate(&self) -> (String, serde_json::Value) {
        let predicate = match &self.event {
            Event::RunStarted(run) => Ok(provenance::write(self, run)),
            event => event.to_value().and_then(|event| {
                serde_json::to_value(Predicate {
                    log: self.log.clone(),
                    time: self.time,
                    nonce: self.nonce.clone(),
                    event,
                })
            }),
        };
        let predicate = predicate.expect("invariant: events hold text, numbers and lists only");
        (self.event.predicate_type().to_owned(), predicate)
    }

    /// Reads a predicate. Unknown kinds, unknown fields and missing fields are errors.
    pub fn from_predicate(predicate_type: &str, predicate: serde_json::Value) -> Result<Record, RecordError> {
        if predicate_type == provenance::PREDICATE_TYPE {
            return provenance::read(&predicate).map_err(RecordError::Malformed);
        }
        if !Event::PREDICATE_TYPES.contains(&predicate_type) {
            return Err(RecordError::UnknownKind(predicate_type.to_owned()));
        }
        let Predicate { log, time, nonce, event } =
            serde_json::from_value(predicate).map_err(RecordError::malformed)?;
        Ok(Record { log, time, nonce, event: Event::from_value(predicate_type, event)? })
    }
}
