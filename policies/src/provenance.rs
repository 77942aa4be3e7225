//! The start of a run as SLSA provenance (<https://slsa.dev/spec/v1.0/provenance>), so that tools that
//! know nothing of labs can read what was run from what.
//!
//! | SLSA field | here |
//! |---|---|
//! | `externalParameters` | what people asked for: job, manifest, budget, approvals, release time |
//! | `internalParameters` | the log and the nonce that tie the statement to its place |
//! | `resolvedDependencies` | module, snapshots, policy, runtime build, by digest |
//! | `runDetails` | the lab, and when it started |
//!
//! The subject is the submission: at the start there is no output yet. The output is bound to this
//! statement by the `Release/v1` entry, which names its leaf hash.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unseen_ids::Digest;
use unseen_texts::{Sentence, say, text};

use crate::event::{Record, RunStarted, Snapshot};

/// SLSA's predicate type.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// What kind of build a run is.
pub const BUILD_TYPE: &str = "urn:unseen:Run/v1";

const SNAPSHOT: &str = "snapshot/";

/// The predicate of `record`, which starts `run`.
pub(crate) fn write(record: &Record, run: &RunStarted) -> Value {
    let named = [("module", &run.module), ("policy", &run.policy_leaf), ("runtime", &run.runtime_build)];
    let named = named.map(|(name, digest)| dependency(name, digest));
    let snapshots = run.snapshots.iter().map(|used| dependency(&[SNAPSHOT, &used.name].concat(), &used.snapshot));
    let dependencies: Vec<Value> = named.into_iter().chain(snapshots).collect();
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "job": run.job,
                "submission": run.submission,
                "manifest": run.manifest,
                "budget": { "rho": run.rho },
                "approvals": run.approvals,
                "releaseAt": run.release_at,
            },
            "internalParameters": { "log": record.log, "nonce": record.nonce, "policy": run.policy },
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": { "id": format!("urn:unseen:lab:{}", record.log), "version": { "runtime": run.runtime } },
            "metadata": { "startedOn": record.time },
        },
    })
}

/// The record with this predicate. Every field is required and no other is allowed: what was read must give
/// the same predicate when it is written again.
pub(crate) fn read(predicate: &Value) -> Result<Record, Sentence> {
    let dependencies: Vec<Value> = field(predicate, "/buildDefinition/resolvedDependencies")?;
    let [module, policy, runtime, snapshots @ ..] = &dependencies[..] else {
        return Err(text!("it does not name module, policy and runtime", "其中没有写明组件、规则和运行时").into());
    };
    let snapshots = snapshots.iter().map(|dependency| {
        let name: String = field(dependency, "/name")?;
        let name = name
            .strip_prefix(SNAPSHOT)
            .ok_or(text!("it has a dependency of an unknown kind", "其中有一项依赖的种类未知"))?;
        Ok(Snapshot { name: name.to_owned(), snapshot: sha256(dependency)? })
    });
    let run = RunStarted {
        job: field(predicate, "/buildDefinition/externalParameters/job")?,
        submission: field(predicate, "/buildDefinition/externalParameters/submission")?,
        manifest: field(predicate, "/buildDefinition/externalParameters/manifest")?,
        module: sha256(module)?,
        snapshots: snapshots.collect::<Result<_, Sentence>>()?,
        policy: field(predicate, "/buildDefinition/internalParameters/policy")?,
        policy_leaf: sha256(policy)?,
        approvals: field(predicate, "/buildDefinition/externalParameters/approvals")?,
        rho: field(predicate, "/buildDefinition/externalParameters/budget/rho")?,
        release_at: field(predicate, "/buildDefinition/externalParameters/releaseAt")?,
        runtime: field(predicate, "/runDetails/builder/version/runtime")?,
        runtime_build: sha256(runtime)?,
    };
    let record = Record {
        log: field(predicate, "/buildDefinition/internalParameters/log")?,
        time: field(predicate, "/runDetails/metadata/startedOn")?,
        nonce: field(predicate, "/buildDefinition/internalParameters/nonce")?,
        event: run.clone().into(),
    };
    let written = write(&record, &run);
    if written != *predicate {
        let path = first_difference(&written, predicate);
        return Err(say!(
            "`{path}` is not part of a run's provenance, or not in this form",
            "`{path}` 不属于运行来源证明，或写法不对"
        ));
    }
    Ok(record)
}

/// The path to the first member in which two objects differ.
fn first_difference(written: &Value, read: &Value) -> String {
    let (Value::Object(written), Value::Object(read)) = (written, read) else { return String::new() };
    let differ = |name: &&String| written.get(*name) != read.get(*name);
    let Some(name) = read.keys().find(differ) else { return String::new() };
    let null = Value::Null;
    format!("/{name}{}", first_difference(written.get(name).unwrap_or(&null), &read[name]))
}

/// An in-toto resource descriptor with a name and one digest.
fn dependency(name: &str, digest: &Digest) -> Value {
    json!({ "name": name, "digest": { "sha256": digest.to_hex() } })
}

fn sha256(dependency: &Value) -> Result<Digest, Sentence> {
    format!("sha256:{}", field::<String>(dependency, "/digest/sha256")?).parse()
}

fn field<T: DeserializeOwned>(within: &Value, path: &str) -> Result<T, Sentence> {
    let found = path.split('/').skip(1).try_fold(within, |at, name| at.get(name));
    let found = found.ok_or_else(|| say!("it has no `{path}`", "其中缺少 `{path}`"))?;
    T::deserialize(found).map_err(|error| say!("`{path}`: {error}", "`{path}`：{error}", error = Sentence::of(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use unseen_ids::JobId;

    #[test]
    fn a_run_is_slsa_provenance_and_nothing_else_is_read_as_one() {
        let digest = |of: u8| Digest::from_bytes([of; 32]);
        let run = RunStarted {
            job: JobId(10),
            submission: digest(1),
            manifest: digest(2),
            module: digest(3),
            snapshots: vec![Snapshot { name: "firms".into(), snapshot: digest(4) }],
            policy: 6,
            policy_leaf: digest(5),
            approvals: vec![11, 12],
            rho: "0.25".parse().unwrap(),
            release_at: DateTime::from_timestamp(1_800_000_600, 0).unwrap(),
            runtime: "unseen 0.1.0".into(),
            runtime_build: digest(6),
        };
        let record = Record {
            log: "lab.example/log".into(),
            time: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            nonce: "00ff".into(),
            event: run.into(),
        };
        let (kind, value) = record.to_predicate();
        assert_eq!(kind, PREDICATE_TYPE);
        assert_eq!(Record::from_predicate(&kind, value.clone()).unwrap(), record);
        let definition = &value["buildDefinition"];
        assert_eq!(definition["externalParameters"]["budget"]["rho"], "0.25");
        assert_eq!(definition["resolvedDependencies"][3]["name"], "snapshot/firms");

        // Every field is asked for, and no other is let in.
        let text = value.to_string();
        for (from, to) in [
            ("\"runDetails\":", "\"x\":"),
            ("\"buildType\":\"urn:unseen:Run/v1\"", "\"buildType\":\"urn:unseen:Run/v2\""),
            ("\"budget\":{\"rho\":\"0.25\"},", ""),
            ("urn:unseen:lab:lab.example/log", "urn:unseen:lab:other"),
            ("\"name\":\"policy\"", "\"name\":\"module\""),
            ("snapshot/firms", "firms"),
            ("{\"sha256\":\"0404", "{\"sha512\":\"0404"),
            ("\"runtime\":\"unseen", "\"x\":\"1\",\"runtime\":\"unseen"),
            ("\"nonce\":", "\"more\":1,\"nonce\":"),
        ] {
            assert!(text.contains(from), "{from}");
            let wrong: Value = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
            assert!(Record::from_predicate(&kind, wrong).is_err(), "{from} -> {to}");
        }
    }
}
