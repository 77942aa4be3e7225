//! A record as the predicate of an in-toto statement, and back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::{Event, Record, RecordError};
use crate::provenance;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate<E> {
    log: String,
    time: DateTime<Utc>,
    nonce: String,
    event: E,
}

impl Record {
    /// The predicate type and predicate of an in-toto statement.
    pub fn to_predicate(&self) -> (String, Value) {
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

    /// Reads a predicate, a value or the text of one. Unknown kinds, unknown fields and missing fields are errors.
    pub fn from_predicate<'de, P>(predicate_type: &str, predicate: P) -> Result<Record, RecordError>
    where
        P: Deserializer<'de, Error = serde_json::Error>,
    {
        if predicate_type == provenance::PREDICATE_TYPE {
            let predicate = Value::deserialize(predicate).map_err(RecordError::malformed)?;
            return provenance::read(&predicate).map_err(RecordError::Malformed);
        }
        if !Event::PREDICATE_TYPES.contains(&predicate_type) {
            return Err(RecordError::UnknownKind(predicate_type.to_owned()));
        }
        let Predicate::<Box<RawValue>> { log, time, nonce, event } =
            Predicate::deserialize(predicate).map_err(RecordError::malformed)?;
        Ok(Record { log, time, nonce, event: Event::from_json(predicate_type, event.get())? })
    }
}
