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

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use unseen_texts::{Sentence, say, text};

use crate::event::{Record, RunStarted, Snapshot};
use crate::rho::Rho;
use unseen_ids::{Digest, JobId};

/// SLSA's predicate type.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// What kind of build a run is.
pub const BUILD_TYPE: &str = "urn:unseen:Run/v1";

/// The predicate. Unknown and missing fields are errors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Provenance {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    external_parameters: ExternalParameters,
    internal_parameters: InternalParameters,
    resolved_dependencies: Vec<Dependency>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ExternalParameters {
    job: JobId,
    submission: Digest,
    manifest: Digest,
    budget: Budget,
    approvals: Vec<u64>,
    release_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    rho: Rho,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InternalParameters {
    log: String,
    nonce: String,
    policy: u64,
}

/// An in-toto resource descriptor with exactly a name and one digest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunDetails {
    builder: Builder,
    metadata: Metadata,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Builder {
    id: String,
    version: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Metadata {
    started_on: DateTime<Utc>,
}

const SNAPSHOT: &str = "snapshot/";

impl Provenance {
    /// What `record`, which starts `run`, says.
    pub fn of(record: &Record, run: &RunStarted) -> Provenance {
        let snapshots =
            run.snapshots.iter().map(|used| Dependency::new(&[SNAPSHOT, &used.name].concat(), used.snapshot));
        let resolved_dependencies =
            [("module", run.module), ("policy", run.policy_leaf), ("runtime", run.runtime_build)]
                .into_iter()
                .map(|(name, digest)| Dependency::new(name, digest))
                .chain(snapshots)
                .collect();
        Provenance {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE.to_owned(),
                external_parameters: ExternalParameters {
                    job: run.job,
                    submission: run.submission,
                    manifest: run.manifest,
                    budget: Budget { rho: run.rho },
                    approvals: run.approvals.clone(),
                    release_at: run.release_at,
                },
                internal_parameters: InternalParameters {
                    log: record.log.clone(),
                    nonce: record.nonce.clone(),
                    policy: run.policy,
                },
                resolved_dependencies,
            },
            run_details: RunDetails {
                builder: Builder {
                    id: builder_id(&record.log),
                    version: BTreeMap::from([("runtime".to_owned(), run.runtime.clone())]),
                },
                metadata: Metadata { started_on: record.time },
            },
        }
    }

    /// The record that says exactly this; else what does not fit.
    pub fn into_record(self) -> Result<Record, Sentence> {
        let BuildDefinition {
            build_type,
            external_parameters: asked,
            internal_parameters: inner,
            resolved_dependencies,
        } = self.build_definition;
        let RunDetails { builder, metadata } = self.run_details;
        if build_type != BUILD_TYPE {
            return Err(say!(
                "its build type is {build_type:?}, not {BUILD_TYPE:?}",
                "其构建类型是 {build_type:?}，不是 {BUILD_TYPE:?}"
            ));
        }
        if builder.id != builder_id(&inner.log) {
            return Err(say!(
                "its builder {id:?} is not the lab of the log {log:?}",
                "其构建者 {id:?} 不是日志 {log:?} 的实验室",
                id = builder.id,
                log = inner.log
            ));
        }
        let mut named = resolved_dependencies.into_iter();
        let mut next = |name: &str| match named.next() {
            Some(dependency) if dependency.name == name => dependency.sha256(),
            _ => Err(say!(
                "its resolved dependencies have no {name:?} in its place",
                "其依赖清单的相应位置没有 {name:?}"
            )),
        };
        let (module, policy_leaf, runtime_build) = (next("module")?, next("policy")?, next("runtime")?);
        let snapshots = named.map(|dependency| {
            let name = dependency
                .name
                .strip_prefix(SNAPSHOT)
                .ok_or(text!("it has a dependency of an unknown kind", "其中有一项依赖的种类未知"))?;
            Ok(Snapshot { name: name.to_owned(), snapshot: dependency.sha256()? })
        });
        let snapshots = snapshots.collect::<Result<_, Sentence>>()?;
        let mut version = builder.version.into_iter();
        let runtime = match (version.next(), version.next()) {
            (Some((key, runtime)), None) if key == "runtime" => runtime,
            _ => {
                return Err(text!(
                    "its builder has no version of the runtime, or more than that",
                    "其构建者没有写明运行时版本，或写了别的内容"
                )
                .into());
            }
        };
        let run = RunStarted {
            job: asked.job,
            submission: asked.submission,
            manifest: asked.manifest,
            module,
            snapshots,
            policy: inner.policy,
            policy_leaf,
            approvals: asked.approvals,
            rho: asked.budget.rho,
            release_at: asked.release_at,
            runtime,
            runtime_build,
        };
        Ok(Record { log: inner.log, time: metadata.started_on, nonce: inner.nonce, event: run.into() })
    }
}

impl Dependency {
    fn new(name: &str, digest: Digest) -> Dependency {
        Dependency { name: name.to_owned(), digest: BTreeMap::from([("sha256".to_owned(), digest.to_hex())]) }
    }

    fn sha256(&self) -> Result<Digest, Sentence> {
        match (self.digest.len(), self.digest.get("sha256")) {
            (1, Some(hex)) => format!("sha256:{hex}").parse(),
            _ => Err(say!(
                "its dependency {name:?} does not have exactly a sha256 digest",
                "其依赖 {name:?} 的摘要不是恰好一个 sha256 摘要",
                name = self.name
            )),
        }
    }
}

fn builder_id(log: &str) -> String {
    format!("urn:unseen:lab:{log}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let wrong = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
            assert!(Record::from_predicate(&kind, wrong).is_err(), "{from} -> {to}");
        }
    }
}
