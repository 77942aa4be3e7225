//! The JSON Schemas in `docs/schemas` are what the code reads and writes. Those of the log: one for each predicate
//! type, with exactly the fields of its record, of which it requires exactly those that the code requires. Those of
//! answers: what the code says of itself.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::DateTime;
use serde_json::{Map, Value};
use unseen_ids::{Digest, JobId, Keeping, PublicKey, Role};
use unseen_policies::event::*;
use unseen_policies::policy::{EvidenceRule, Policy, Witness, Witnesses};
use unseen_policies::{Bounds, Need};
use unseen_tlog::dsse::parse_pre_authentication_encoding;
use unseen_tlog::statement::Statement;

#[test]
fn every_kind_of_entry_has_a_schema_and_no_other_has() {
    let mut known = Event::PREDICATE_TYPES.to_vec();
    known.sort_unstable();
    assert_eq!(schemas().keys().collect::<Vec<_>>(), known);
    for (kind, schema) in schemas() {
        let name = kind.strip_prefix("urn:unseen:").unwrap_or("Run/v1");
        assert_eq!(schema["$id"], format!("urn:unseen:schema:{name}"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    let kinds: Vec<_> = examples().iter().map(Event::kind).collect();
    assert_eq!(kinds, Event::KINDS, "there is an example of each kind");
}

#[test]
fn a_schema_has_the_fields_of_its_record() {
    let schemas = schemas();
    for event in examples() {
        let kind = event.kind();
        let (schema, statement) = (&schemas[event.predicate_type()], statement(event));
        assert!(read(&statement).is_ok(), "{kind}");
        for level in levels(schema, &statement) {
            let found = level.value.keys().collect::<BTreeSet<_>>();
            assert_eq!(level.properties.keys().collect::<BTreeSet<_>>(), found, "{kind} {}", level.pointer);
            assert_eq!(level.schema["additionalProperties"], false, "{kind} {}", level.pointer);
            for (field, of) in level.properties {
                if let Some(only) = of.get("const") {
                    assert_eq!(&level.value[field], only, "{kind} {}/{field}", level.pointer);
                }
                assert!(of.get("title").is_some(), "{kind} {}/{field} has no title", level.pointer);
            }
        }
    }
}

#[test]
fn what_a_schema_requires_or_does_not_know_the_code_requires_or_refuses_too() {
    let schemas = schemas();
    for event in examples() {
        let kind = event.kind();
        let (schema, whole) = (&schemas[event.predicate_type()], statement(event));
        for level in levels(schema, &whole) {
            let place = &level.pointer;
            let required: Vec<_> = level.schema["required"].as_array().unwrap().iter().collect();
            assert!(required.iter().all(|field| level.properties.contains_key(field.as_str().unwrap())), "{place}");
            let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
                let mut statement = whole.clone();
                change(statement.pointer_mut(place).unwrap().as_object_mut().unwrap());
                read(&statement)
            };
            for field in level.properties.keys() {
                let without = changed(&|object| drop(object.remove(field)));
                let needed = required.iter().any(|name| *name == field);
                assert_eq!(without.is_err(), needed, "{kind} without {place}/{field}: {without:?}");
            }
            let with = changed(&|object| drop(object.insert("unknown".into(), "0".into())));
            assert!(with.is_err(), "{kind} with {place}/unknown");
        }
    }
}

#[test]
fn every_answer_has_the_schema_that_is_kept_and_no_other_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/answers");
    let pretty = |value: &Value| format!("{}\n", serde_json::to_string_pretty(&support::sorted(value)).unwrap());
    let schemas =
        unseen_usecases::schemas().into_iter().chain(unseen_auditor::schemas()).chain(unseen_api::answers::schemas());
    let schemas = schemas.chain(unseen_packs::schemas());
    let is: BTreeMap<String, String> = schemas
        .map(|(name, schema)| (format!("{}.schema.json", name.replace('/', ".")), pretty(schema.as_value())))
        .collect();
    if std::env::var_os("UNSEEN_WRITE_SCHEMAS").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        is.iter().for_each(|(name, schema)| std::fs::write(folder.join(name), schema).unwrap());
    }
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let kept: BTreeMap<String, String> = files
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert_eq!(kept.keys().collect::<Vec<_>>(), is.keys().collect::<Vec<_>>(), "write them: {WRITE}");
    for (name, schema) in &is {
        assert!(kept[name] == *schema, "{name} is another one now; a changed meaning needs a new version: {WRITE}");
    }
}

/// What every answer's JSON is: an object, which no two answers call by one name.
#[test]
fn every_answer_in_the_code_is_among_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut named: Vec<String> = Vec::new();
    for folder in [
        "sandbox/api/src",
        "sandbox/packs/src",
        "sandbox/usecases/src",
        "attestations/auditor/src",
        "attestations/audit/src",
        "attestations/evidence/src",
    ] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let Ok(source) = std::fs::read_to_string(file.unwrap().path()) else { continue };
            let names =
                source.split("const NAME: &str = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            named.extend(names);
        }
    }
    let mut known: Vec<_> = unseen_usecases::schemas()
        .into_iter()
        .chain(unseen_auditor::schemas())
        .chain(unseen_api::answers::schemas())
        .chain(unseen_packs::schemas())
        .map(|(name, _)| name)
        .collect();
    named.sort();
    known.sort_unstable();
    assert_eq!(named, known);
    known.dedup();
    assert_eq!(named.len(), known.len());
}

const WRITE: &str = "UNSEEN_WRITE_SCHEMAS=1 cargo test -p unseen --test schemas";

/// By predicate type.
fn schemas() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let read = files.map(|path| {
        assert!(path.to_string_lossy().ends_with(".schema.json"), "{}", path.display());
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let kind = schema["properties"]["predicateType"]["const"].as_str().unwrap().to_owned();
        (kind, schema)
    });
    let read: Vec<_> = read.collect();
    let (count, by_kind) = (read.len(), BTreeMap::from_iter(read));
    assert_eq!(by_kind.len(), count, "two schemas of one predicate type");
    by_kind
}

/// An object in a statement, and the part of the schema that speaks of it.
struct Level<'a> {
    pointer: String,
    schema: &'a Value,
    properties: &'a Map<String, Value>,
    value: &'a Map<String, Value>,
}

/// Every object in a statement whose fields have names; maps, whose names are data, are left out.
fn levels<'a>(schema: &'a Value, statement: &'a Value) -> Vec<Level<'a>> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), schema, statement)];
    while let Some((pointer, schema, value)) = open.pop() {
        if let Some(properties) = schema.get("properties") {
            let (properties, value) = (properties.as_object().unwrap(), value.as_object().unwrap());
            for (field, of) in properties {
                if let Some(value) = value.get(field) {
                    open.push((format!("{pointer}/{field}"), of, value));
                }
            }
            found.push(Level { pointer, schema, properties, value });
        } else if let Value::Array(items) = value {
            assert!(!items.is_empty() || schema["items"].get("properties").is_none(), "{pointer} shows nothing");
            let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for (index, item) in items.iter().enumerate() {
                let of = first.get(index).or(schema.get("items")).unwrap();
                assert_ne!(of, &Value::Bool(false), "{pointer} has more than {index} items");
                open.push((format!("{pointer}/{index}"), of, item));
            }
        } else {
            let map = schema.get("patternProperties").is_some();
            assert!(map || !value.is_object(), "{pointer} is an object that the schema does not describe");
        }
    }
    found
}

/// What the code makes of a statement.
fn read(statement: &Value) -> Result<Record, String> {
    let statement: Statement = serde_json::from_value(statement.clone()).map_err(|error| error.to_string())?;
    Record::from_predicate(&statement.predicate_type, statement.predicate).map_err(|error| error.to_string())
}

/// The statement that says this, as it would be signed.
fn statement(event: Event) -> Value {
    let record = Record {
        log: "lab.example/log".into(),
        time: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        nonce: "0".repeat(32),
        event,
    };
    let signed = unseen_entries::sign::to_sign(&record).unwrap();
    let (_, payload) = parse_pre_authentication_encoding(&signed).unwrap();
    serde_json::from_slice(payload).unwrap()
}

/// One event of each kind, with every field that it can have.
fn examples() -> Vec<Event> {
    let digest = |of: u8| Digest::from_bytes([of; 32]);
    let key = |of: u8| PublicKey::from_bytes([of; 32]);
    let (job, names) = (JobId(10), |name: &str| vec![name.to_owned()]);
    let witness = Witness { key: "witness.example/w1+00000000+BAAA".into(), url: "https://witness.example".into() };
    let pcrs = BTreeMap::from([("7".to_owned(), "0".repeat(64))]);
    let policy = Policy {
        witnesses: Some(Witnesses { quorum: 1, required: true, witness: vec![witness] }),
        evidence: Some(EvidenceRule {
            provider: "tpm2".into(),
            required: true,
            key: "0".repeat(64),
            pcrs,
            nodes: [("n1".to_owned(), "1".repeat(64))].into(),
        }),
        sm2_key: Some("lab.example/log+00000000+AAAA".into()),
        access: Some(digest(12)),
        changes_need: Some(2),
        separated: true,
        ..Policy::default()
    };
    assert!(policy.caps.domain.is_some(), "the default policy has every cap");
    vec![
        LabCreated {
            owner: "owner".into(),
            owner_key: key(1),
            service_key: key(2),
            log_key: "lab.example/log+00000000+AAAA".into(),
            noise_commitment: digest(3),
        }
        .into(),
        PersonEnrolled {
            name: "zhang".into(),
            roles: vec![Role::Analyst],
            key: key(4),
            kept: Some(Keeping::Passkey),
            proof: "AAAA".into(),
        }
        .into(),
        PersonRevoked { key: key(4), reason: "left".into() }.into(),
        NodeEnrolled {
            name: "n7".into(),
            key: key(20),
            recipient: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".into(),
            proof: "AAAA".into(),
        }
        .into(),
        NodeRevoked { key: key(20), reason: "sold".into() }.into(),
        PolicySet { policy }.into(),
        DatasetRegistered {
            name: "towns".into(),
            domain: Some("enterprise".into()),
            buckets: 16,
            description: digest(5),
            snapshot: digest(6),
            open_to: names("zhang"),
            values: Some(digest(7)),
            bounds: Some(Bounds::DEFAULT),
            keep_until: None,
        }
        .into(),
        DatasetStatus { name: "towns".into(), status: Status::Closed, reason: "a census".into() }.into(),
        DatasetDescribed { name: "towns".into(), description: digest(5) }.into(),
        DatasetDeleted { name: "towns".into(), snapshots: vec![digest(6)], reason: "kept long enough".into() }.into(),
        JobSubmitted {
            title: "Firms by town".into(),
            manifest: digest(8),
            module: digest(9),
            datasets: vec![Used {
                name: "towns".into(),
                snapshot: digest(6),
                description: digest(5),
                values: Some(digest(7)),
            }],
            policy: 3,
            rho: "0.25".parse().unwrap(),
            pure_epsilon: Some("1/3".into()),
            release: "+3600s".into(),
            need: Some(Need { memory: 1 << 30, thread: 1 << 28, seconds: 60 }),
        }
        .into(),
        JobApproved {
            job,
            submission: digest(10),
            manifest: digest(8),
            module: digest(9),
            role: Role::Operator,
            seen: TreeHead { size: 11, root: digest(11) },
            words: Some(Words {
                title: "Firms by town".into(),
                purpose: "planning".into(),
                datasets: vec!["firms".into()],
                rho: "0.25".parse().unwrap(),
                release: "+3600s".into(),
            }),
        }
        .into(),
        JobRejected { job, reason: "too wide".into() }.into(),
        JobWithdrawn { job, reason: "a wrong column".into() }.into(),
        JobPrioritized { job, priority: 1 }.into(),
        RunStarted {
            job,
            submission: digest(10),
            manifest: digest(8),
            module: digest(9),
            snapshots: vec![Snapshot { name: "towns".into(), snapshot: digest(6) }],
            policy: 3,
            policy_leaf: digest(12),
            approvals: vec![11],
            rho: "0.25".parse().unwrap(),
            release_at: DateTime::from_timestamp(1_800_003_600, 0).unwrap(),
            runtime: "unseen 0.1.0".into(),
            runtime_build: digest(13),
        }
        .into(),
        EvidenceRecorded { job, run: 12, evidence: digest(14) }.into(),
        Released {
            job,
            run: 12,
            run_leaf: digest(15),
            approvals: vec![11],
            body: digest(16),
            receipts: Some(digest(21)),
        }
        .into(),
        ReleaseWitnessed { job, release: 14, checkpoint: digest(17), witnesses: names("witness.example/w1") }.into(),
        RunFailed { job, run: 12, reason: "the job's `advance` failed".into() }.into(),
        LogKeyChanged { log_key: "lab.example/log+00000001+AAAA".into() }.into(),
        AccessLogRecorded { date: "2026-11-28".parse().unwrap(), digest: digest(18), lines: 7 }.into(),
        ConsoleServed { runtime: "unseen 0.1.0".into(), assets: digest(19) }.into(),
        ReleaseRead { job, release: 14 }.into(),
    ]
}
