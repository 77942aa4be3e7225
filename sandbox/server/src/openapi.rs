//! The description of the API (OpenAPI 3.1), made from the types that answer.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use unseen_api::address::{Addressed, Method, Visitor, names, visit};
use unseen_api::login::{self, LoggedIn, Login};
use unseen_api::problem::Problem;
use unseen_api::replays::{REPLAYS, ReplayStanding};
use unseen_api::uploads::{Uploaded, UploadsWaiting};
use unseen_api::{BLOBS, BUNDLE, DRAFT, PROBLEM, QUESTIONS, UPLOAD_LENGTH, UPLOAD_OFFSET, UPLOADS};
use unseen_ids::pattern;
use unseen_packs::CoreElements;
use unseen_usecases::ask::{Asked, Question};
use unseen_usecases::change::Unsigned;
use unseen_usecases::datasets::MOST_SENT;
use unseen_usecases::{Change, Query};

use crate::answer::json_response;
use crate::catalog::{CATALOG, DICTIONARY, TWIN};
use crate::packs::{ELEMENTS, PACKS};
use crate::routes::WillSign;
use crate::service::Service;

pub(crate) fn routes() -> Router<Arc<Service>> {
    // Made once: whoever asks for it again and again keeps nobody busy.
    static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
    Router::new().route("/openapi.json", get(async || json_response(StatusCode::OK, &*DOCUMENT)))
}

/// Base64 as it is read: padded, and without bits that say nothing (RFC 4648, section 3.5).
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// The whole description.
pub fn document() -> Value {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut paths = Paths {
        paths: Map::new(),
        answers: settings().for_serialize().into_generator(),
        requests: settings().with_transform(RecursiveTransform(bounded)).for_deserialize().into_generator(),
    };
    visit(&mut paths);
    paths.others();
    let mut schemas = paths.answers.take_definitions(true);
    schemas.extend(paths.requests.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Unseen",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A lab whose data can be used and never seen. Every change of state is an envelope that its author has signed: ask for what is to be signed at the address that ends with /draft, sign it with your own key, and post it to the address itself. Nothing that is answered depends on raw rows, but for what noise has been added to.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "session": [] }, { "certificate": [] }, {}],
        "paths": paths.paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": { "type": "http", "scheme": "bearer", "description": "The token that POST /v1/login gives." },
                "certificate": { "type": "mutualTLS", "description": "A client certificate with the URI urn:unseen:person:NAME." },
            },
        },
    })
}

/// Says how large a whole number may be, where a type's name for it does not.
fn bounded(schema: &mut Schema) {
    let is_large = schema.get("format").is_some_and(|format| format == "uint64" || format == "uint");
    if is_large && schema.get("maximum").is_none() {
        schema.insert("maximum".to_owned(), u64::MAX.into());
    }
}

struct Paths {
    paths: Map<String, Value>,
    answers: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Paths {
    fn add(&mut self, path: &str, method: &str, operation: Value) {
        let place = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = place {
            methods.insert(method.to_owned(), operation);
        }
    }

    /// Parameters in the path, and the other fields of a request as a schema.
    fn request<A: Addressed + JsonSchema>(&mut self) -> (Vec<Value>, Value) {
        let mut schema = self.requests.root_schema_for::<A>().to_value();
        let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
        let mut parameters = Vec::new();
        for name in names(A::PATH) {
            let own = schema["properties"].as_object_mut().and_then(|fields| fields.remove(name)).unwrap_or_default();
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": own }));
        }
        let left: Vec<Value> = required.into_iter().filter(|name| !names(A::PATH).any(|own| name == own)).collect();
        schema["required"] = left.into();
        if let Value::Object(fields) = &mut schema {
            ["$schema", "title", "components", "description"].iter().for_each(|name| drop(fields.remove(*name)));
        }
        (parameters, schema)
    }

    fn answer<A: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<A>().to_value()
    }

    fn responses(&mut self, status: &str, says: &str, schema: Value) -> Value {
        let problem = self.answers.subschema_for::<Problem>().to_value();
        json!({
            status: { "description": says, "content": { "application/json": { "schema": schema } } },
            "default": { "description": "Why not.", "content": { PROBLEM: { "schema": problem } } },
        })
    }

    /// What is no use-case.
    fn others(&mut self) {
        let text = |says: &str| json!({ "200": { "description": says, "content": { "text/plain": { "schema": { "type": "string" } } } }, "default": { "description": "Why not." } });
        for (path, says) in [
            ("/healthz", "Whether the process answers"),
            ("/readyz", "Whether requests can be answered"),
            ("/metrics", "Counts, as Prometheus reads them"),
            ("/checkpoint", "The log's signed checkpoint (C2SP tlog-checkpoint)"),
        ] {
            self.add(
                path,
                "get",
                json!({ "summary": says, "operationId": path.trim_matches('/'), "responses": text(says) }),
            );
        }
        let (login, session) = (self.requests.subschema_for::<Login>().to_value(), self.answer::<LoggedIn>());
        let responses = self.responses("201", "A session", session);
        self.add(
            login::PATH,
            "post",
            json!({
                "summary": "Logs in with a key that is enrolled", "operationId": "logIn",
                "requestBody": { "required": true, "content": { "application/json": { "schema": login } } },
                "responses": responses,
            }),
        );
        let responses = self.responses("200", "The session is over", json!({ "type": "object" }));
        self.add(
            login::PATH,
            "delete",
            json!({ "summary": "Logs out", "operationId": "logOut", "responses": responses }),
        );
        let responses = self.responses("201", "It waits for the request that names it", json!({ "type": "object" }));
        let hex = json!({ "type": "string", "pattern": pattern::KEY });
        self.add(&format!("{BLOBS}{{digest}}"), "put", json!({
            "summary": "Uploads what a request will name", "operationId": "upload",
            "parameters": [{ "name": "digest", "in": "path", "required": true, "schema": hex, "description": "Its SHA-256." }],
            "requestBody": { "required": true, "content": { "application/octet-stream": {} } },
            "responses": responses,
        }));
        let digest = json!({ "name": "digest", "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern::KEY }, "description": "The SHA-256 of the whole file." });
        let bytes = |name: &str, says: &str| json!({ "name": name, "in": "header", "required": true, "schema": { "type": "integer", "minimum": 0, "maximum": u64::MAX }, "description": says });
        let path = format!("{UPLOADS}{{digest}}");
        for (method, id, says) in [
            ("patch", "sendUpload", "Uploads the next bytes of a file of rows, encrypted to the lab"),
            ("get", "showUpload", "Shows how far an upload is"),
            ("delete", "removeUpload", "Takes an upload back"),
        ] {
            let answer = match method {
                "delete" => json!({ "type": "object" }),
                _ => self.answer::<Uploaded>(),
            };
            let responses = self.responses("200", says, answer);
            let mut operation =
                json!({ "summary": says, "operationId": id, "parameters": [digest], "responses": responses });
            if method == "patch" {
                operation["parameters"] = json!([
                    digest,
                    bytes(UPLOAD_OFFSET, "Where in the file these bytes begin."),
                    bytes(UPLOAD_LENGTH, "How many bytes the file has."),
                ]);
                operation["requestBody"] = json!({ "required": true, "content": { "application/octet-stream": {} } });
            }
            self.add(&path, method, operation);
        }
        let says = "Lists one's own uploads that wait to be sent on or imported";
        let waiting = self.answer::<UploadsWaiting>();
        let responses = self.responses("200", says, waiting);
        let operation = json!({ "summary": says, "operationId": "listUploads", "responses": responses });
        self.add(UPLOADS.trim_end_matches('/'), "get", operation);
        let job = json!({ "name": "job", "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern::JOB } });
        for (method, status, id, says) in [
            ("post", "202", "beginReplay", "Begins to run a released job again, and to compare every number"),
            ("get", "200", "showReplay", "Shows where the replay of a job stands"),
        ] {
            let standing = self.answer::<ReplayStanding>();
            let responses = self.responses(status, says, standing);
            self.add(
                &format!("/v1/jobs/{{job}}{REPLAYS}"),
                method,
                json!({ "summary": says, "operationId": id, "parameters": [job], "responses": responses }),
            );
        }
        self.add(BUNDLE, "get", json!({
            "summary": "The log with all that its entries name, as `log export` writes it", "operationId": "exportLog",
            "parameters": [{ "name": "modules", "in": "query", "schema": { "type": "boolean" }, "description": "With the components of jobs." }],
            "responses": { "200": { "description": "A tar archive", "content": { "application/x-tar": {} } }, "default": { "description": "Why not." } },
        }));
        let file = |kind: &str, says: &str| json!({ "200": { "description": says, "content": { (kind): {} } }, "default": { "description": "Why not." } });
        let says = "Lists the datasets that the caller may see, for other catalogues (DCAT-AP 3.0.1)";
        let operation =
            json!({ "summary": says, "operationId": "catalog", "responses": file("application/ld+json", says) });
        self.add(CATALOG, "get", operation);
        let dataset = json!({ "name": "dataset", "in": "path", "required": true, "schema": { "type": "string" } });
        let says = "Gets a dataset's fields as a CSV file";
        let operation = json!({ "summary": says, "operationId": "dictionary", "parameters": [dataset], "responses": file("text/csv", says) });
        self.add(DICTIONARY, "get", operation);
        let says = "Drafts the job that a question in SQL asks for, and checks it; nothing is signed, charged or kept";
        let (question, asked) = (self.requests.subschema_for::<Question>().to_value(), self.answer::<Asked>());
        let responses = self.responses("200", says, asked);
        self.add(
            QUESTIONS,
            "post",
            json!({
                "summary": says, "operationId": "ask",
                "requestBody": { "required": true, "content": { "application/json": { "schema": question } } },
                "responses": responses,
            }),
        );
        let text = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
        let number = |name: &str, least: u64, most: u64| json!({ "name": name, "in": "query", "schema": { "type": "integer", "minimum": least, "maximum": most } });
        let says = "Gets made-up rows of a dataset (NAME.csv), or those of a public table, and the description for them (NAME.dataset.toml)";
        let parameters = [text("dataset"), text("part"), number("rows", 1, MOST_SENT), number("seed", 0, u64::MAX)];
        let operation = json!({ "summary": says, "operationId": "twin", "parameters": parameters, "responses": file("text/csv", says) });
        self.add(TWIN, "get", operation);
        let says = "Lists the datasets that the caller may see, as GB/T 21063.3 names their elements";
        let elements = self.answer::<CoreElements>();
        let responses = self.responses("200", says, elements);
        self.add(ELEMENTS, "get", json!({ "summary": says, "operationId": "coreElements", "responses": responses }));
        for (path, id, says) in PACKS {
            let parameters: Vec<_> = names(path).map(|name| match name {
                "job" => json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern::JOB } }),
                _ => json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
            }).collect();
            let operation = json!({ "summary": says, "operationId": id, "parameters": parameters, "responses": file("application/zip", "A zip archive") });
            self.add(path, "get", operation);
        }
        let event = json!({
            "description": "Each event. Its data is JSON with `entry`, `kind` and `time`.",
            "type": "object", "required": ["event", "id", "data"],
            "properties": { "event": { "const": "entry" }, "id": { "type": "string" }, "data": { "type": "string" } },
        });
        self.add("/v1/events", "get", json!({
            "summary": "What happens, as it happens", "operationId": "events",
            "parameters": [
                { "name": "from", "in": "query", "schema": { "type": "integer", "minimum": 0, "maximum": u64::MAX } },
                { "name": "Last-Event-ID", "in": "header", "schema": { "type": "string" } },
            ],
            "responses": { "200": { "description": "An event for each entry of the log", "content": { "text/event-stream": { "schema": event } } }, "default": { "description": "Why not." } },
        }));
    }
}

impl Visitor for Paths {
    fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self) {
        let (mut parameters, schema) = self.request::<Q>();
        let answer = self.answer::<Q::Answer>();
        let mut operation = json!({
            "summary": Q::SAYS,
            "operationId": format!("{}", name_of::<Q>()),
            "responses": self.responses("200", "The answer", answer),
        });
        match Q::METHOD {
            Method::Get => {
                for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                    parameters.push(json!({ "name": name, "in": "query", "schema": in_address(field) }));
                }
                operation["parameters"] = parameters.into();
                self.add(Q::PATH, "get", operation);
            }
            Method::Post => {
                operation["requestBody"] =
                    json!({ "required": true, "content": { "application/json": { "schema": schema } } });
                operation["parameters"] = parameters.into();
                self.add(Q::PATH, "post", operation);
            }
        }
    }

    fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self) {
        let (parameters, schema) = self.request::<C>();
        let name = name_of::<C>();
        let answer = self.answer::<C::Answer>();
        let signed = json!({
            "type": "object", "additionalProperties": false, "required": ["change", "entry"],
            "properties": {
                "change": schema.clone(),
                "entry": { "type": "string", "pattern": BASE64, "contentEncoding": "base64", "description": "The signed DSSE envelope." },
            },
        });
        let responses = self.responses("201", "It is in the log", answer);
        self.add(
            C::PATH,
            "post",
            json!({
                "summary": C::SAYS, "operationId": name, "parameters": parameters.clone(),
                "requestBody": { "required": true, "content": { "application/json": { "schema": signed } } },
                "responses": responses,
            }),
        );
        let draft = self.answer::<Unsigned>();
        let signer = self.requests.root_schema_for::<WillSign>().to_value()["properties"]["signer"].clone();
        let mut parameters = parameters;
        parameters.push(json!({ "name": "signer", "in": "query", "schema": in_address(&signer) }));
        let responses = self.responses("200", "What is to be signed", draft);
        self.add(&format!("{}{DRAFT}", C::PATH), "post", json!({
            "summary": format!("What is to be signed. {}", C::SAYS), "operationId": format!("{name}Draft"), "parameters": parameters,
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
            "responses": responses,
        }));
    }
}

/// What stands in an address is a text: there is no null in it, it is left out.
fn in_address(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
    }
    if let Some(ways) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        ways.retain(|way| way["type"] != "null");
    }
    schema
}

/// The name of a request's type, as an operation has it: `showJob`.
fn name_of<A: JsonSchema>() -> String {
    let name = A::schema_name();
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
