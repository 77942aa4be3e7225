//! The page of the API is what the service says of itself. `UNSEEN_WRITE_SCHEMAS=1 cargo test -p unseen --test api`
//! writes it anew.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use unseen_api::DRAFT;
use unseen_api::address::{Addressed, Method, Visitor, visit};
use unseen_ids::Answer;
use unseen_usecases::{Change, Query};

const HEAD: &str = "# The API

What programs may ask of a lab that is served, made by a test from the description that it gives of itself \
at `/openapi.json` (OpenAPI 3.1). [Serving a lab](serving.md) is the operators' page.

- **Who asks**: whoever shows a client certificate, or the token of a session (`Authorization: Bearer`), which `POST /v1/login` gives \
for a log-in that an enrolled key has signed. What it signs are five lines, each ended by a newline: `unseen login v1`, the host as \
it is asked for, the time (RFC 3339, in UTC with nanoseconds), the nonce, and the key. Nobody in particular may read the log.
- **Changes** are envelopes that their authors sign. Post the fields of the change to the address with `/draft` behind it: the \
answer has `toSign`, the bytes to sign (DSSE, in base64), which is to be read before it is signed. Then post `{\"change\": ..., \
\"entry\": ...}`, with the signed envelope in base64, to the address itself. The same entry twice counts once, and has the same answer. \
With `?signer=KEY` a draft is refused as the change itself would be, before anything is signed.
- **Answers** are JSON, the same as `unseen --json` prints, with `schema`, and with `allowedActions`: what the caller may do next, \
with the rule that decides each. `Accept-Language: zh` or `en` chooses the language of texts.
- **Refusals** are problems (RFC 9457) whose `code` stays: [all of them](error-codes.md).
- **The log** is there for monitors as [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) has it: `/checkpoint`, and `/tile/...` below it.
- A module, or another file that a request names by its digest, is uploaded before it, to `/v1/blobs/`. Rows are encrypted and sent in pieces, to `/v1/uploads/`: [a company's own data](own-data.md#without-unseen).

A field with `?` may be left out. Moments are written as RFC 3339 has them, `2027-12-31T00:00:00Z`. The action is what the rules of access know it as.

";

/// What is known of each address beside its description: action of the rules, and schema of the answer.
#[derive(Default)]
struct Known(BTreeMap<(String, String), (&'static str, &'static str)>);

impl Visitor for Known {
    fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self) {
        let method = if Q::METHOD == Method::Get { "get" } else { "post" };
        self.0.insert((Q::PATH.to_owned(), method.to_owned()), (Q::ACTION, <Q::Answer as Answer>::NAME));
    }

    fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self) {
        self.0.insert((C::PATH.to_owned(), "post".to_owned()), (C::ACTION, <C::Answer as Answer>::NAME));
    }
}

#[test]
fn the_page_of_the_api_is_what_the_service_says_of_itself() {
    let document = unseen_server::openapi();
    let mut known = Known::default();
    visit(&mut known);
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut met = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if path.ends_with(DRAFT) {
                continue;
            }
            let (action, answer) = match known.0.get(&(path.clone(), method.clone())) {
                Some((action, name)) => {
                    met += 1;
                    let file = format!("schemas/answers/{}.schema.json", name.replace('/', "."));
                    assert!(docs().join(&file).exists(), "{file}");
                    (format!("`{action}`"), format!("[{}]({file})", name.split('/').next().unwrap()))
                }
                None => (String::new(), kinds(operation)),
            };
            let says = operation["summary"].as_str().unwrap();
            let line = format!(
                "| `{} {path}` | {says} | {} | {answer} | {action} |\n",
                method.to_uppercase(),
                request(&document, operation)
            );
            groups.entry(group(path)).or_default().push(line);
        }
    }
    assert_eq!(met, known.0.len(), "each use-case is described");
    let mut page = HEAD.to_owned();
    for (group, mut lines) in groups {
        lines.sort_by_key(|line| line.split('`').nth(1).map(|place| place.split(' ').nth(1).map(str::to_owned)));
        write!(page, "## {group}\n\n| address | what it does | request | answer | action |\n|---|---|---|---|---|\n")
            .unwrap();
        page.extend(lines);
        page.push('\n');
    }
    let page = page.trim_end().to_owned() + "\n";
    let path = docs().join("api.md");
    if std::env::var_os("UNSEEN_WRITE_SCHEMAS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/api.md is not what the service says: run this once with UNSEEN_WRITE_SCHEMAS=1");
}

/// By what people look for: `/v1/jobs/{job}` is about jobs.
fn group(path: &str) -> &str {
    match path.strip_prefix("/v1/").map(|rest| rest.split('/').next().unwrap()) {
        Some("datasets") => "Datasets",
        Some("jobs" | "checks" | "questions") => "Jobs",
        Some("log" | "checkpoint") => "The log",
        Some("lab" | "people" | "policy" | "budgets") => "The lab",
        _ if path == "/checkpoint" => "The log",
        _ => "The service",
    }
}

/// The fields of a request that do not stand in its path.
fn request(document: &Value, operation: &Value) -> String {
    let mut fields = Vec::new();
    let mut add = |name: &str, required: bool| fields.push(format!("`{name}`{}", if required { "" } else { "?" }));
    for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|field| field["in"] != "path") {
        add(parameter["name"].as_str().unwrap(), parameter["required"] == true);
    }
    let content = &operation["requestBody"]["content"];
    let body = &content["application/json"]["schema"];
    let change = &body["properties"]["change"];
    let schema = resolved(document, if change.is_object() { change } else { body });
    let required = schema["required"].as_array().into_iter().flatten().collect::<Vec<_>>();
    for name in schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys()) {
        add(name, required.iter().any(|required| *required == name));
    }
    if content["application/octet-stream"].is_object() {
        fields.push("its bytes".to_owned());
    }
    match (fields.is_empty(), change.is_object()) {
        (true, false) => String::new(),
        (true, true) => "a change".to_owned(),
        (false, true) => format!("a change: {}", fields.join(", ")),
        (false, false) => fields.join(", "),
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let named = schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
    named.unwrap_or(schema)
}

/// What is answered where there is no schema of an answer: media types.
fn kinds(operation: &Value) -> String {
    let responses = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| *status != "default");
    let kinds = responses.filter_map(|(_, response)| response["content"].as_object());
    let mut kinds: Vec<&str> = kinds.flat_map(|content| content.keys().map(String::as_str)).collect();
    kinds.dedup();
    kinds.join(", ")
}

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}
