//! Answers for programs: JSON that names its schema.

use serde::Serialize;
use serde_json::Value;

/// What a command found or did, as JSON.
pub trait Answer: Serialize {
    /// Name and version of its schema, such as `job/v1`. A field that goes or changes its meaning makes
    /// another version; a new field does not.
    const NAME: &str;

    /// Its fields, and `schema`: [`schema_id`] of its name.
    fn to_json(&self) -> serde_json::Result<Value> {
        let mut json = serde_json::to_value(self)?;
        if let Value::Object(fields) = &mut json {
            fields.insert("schema".to_owned(), schema_id(Self::NAME).into());
        }
        Ok(json)
    }
}

/// The `$id` of the schema in `docs/schemas/answers`.
pub fn schema_id(name: &str) -> String {
    format!("urn:unseen:schema:{name}")
}

/// The name of an answer, and its schema as it stands in `docs/schemas/answers`.
#[cfg(feature = "schema")]
pub fn schema<A: Answer + schemars::JsonSchema>() -> (&'static str, schemars::Schema) {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    let id = schema_id(A::NAME);
    schema.insert("$id".to_owned(), id.clone().into());
    let object = schema.ensure_object();
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.insert("schema".to_owned(), serde_json::json!({ "const": id }));
    }
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.insert(0, "schema".into());
    }
    (A::NAME, schema)
}
