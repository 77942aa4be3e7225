//! A job as a task, and a task as a submission.
//!
//! | task | job |
//! |---|---|
//! | `name`, `description` | title, purpose |
//! | the one executor's `image` | the component's digest; `ready-made:sum` is taken too |
//! | its `command` | the one function that is called with rows |
//! | `inputs` | the snapshots that it reads |
//! | `resources.backend_parameters` | `manifest`: the text of `job.toml`; `entry`: the signed envelope, in base64 |
//! | `logs` | its run, by what the log says of it |

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use unseen_lab::{LabError, View};
use unseen_policies::Manifest;
use unseen_policies::event::JobSubmitted;
use unseen_policies::ledger::Run;
use unseen_policies::lifecycle::State;
use unseen_usecases::Blob;
use unseen_usecases::jobs::ListedJob;

use crate::problem::RequestError;

/// The backend parameters that mean something here.
pub(super) const PARAMETERS: [&str; 2] = ["manifest", "entry"];

/// All states that TES has.
pub(super) const STATES: [&str; 11] = [
    "UNKNOWN",
    "QUEUED",
    "INITIALIZING",
    "RUNNING",
    "PAUSED",
    "COMPLETE",
    "EXECUTOR_ERROR",
    "SYSTEM_ERROR",
    "CANCELED",
    "PREEMPTED",
    "CANCELING",
];

/// The state of a job as that of a task. It follows from the log alone, so a run that is done is `RUNNING` until its
/// result may appear, and what became of its grains is no state at all: there is no `EXECUTOR_ERROR`.
pub(super) fn state(job: &ListedJob) -> &'static str {
    match job.state {
        // Whoever waits for one that cannot start any more would wait for ever.
        State::Submitted | State::Approved if job.void => "CANCELED",
        State::Submitted | State::Approved => "QUEUED",
        State::Running => "RUNNING",
        State::Released if job.waits_for_witnesses => "RUNNING",
        State::Released => "COMPLETE",
        State::Rejected | State::Withdrawn => "CANCELED",
        State::Failed => "SYSTEM_ERROR",
    }
}

/// How much of a task is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// Its number and its state.
    #[default]
    Minimal,
    /// All but the lab's own words on it.
    Basic,
    /// All.
    Full,
}

impl Detail {
    pub fn named(name: &str) -> Option<Detail> {
        match name {
            "MINIMAL" => Some(Detail::Minimal),
            "BASIC" => Some(Detail::Basic),
            "FULL" => Some(Detail::Full),
            _ => None,
        }
    }
}

/// A job as a task, with its manifest for whom that is.
pub(super) fn shown(view: &View, job: &ListedJob, detail: Detail, manifest: bool) -> Result<Value, RequestError> {
    let mut task = json!({ "id": job.job.to_string(), "state": state(job) });
    if detail == Detail::Minimal {
        return Ok(task);
    }
    let found = view.ledger().job(job.job)?;
    let more = json!({
        "creation_time": time(found.time),
        "outputs": [{ "name": "release", "url": format!("/v1/jobs/{}/release", job.job), "path": "/release", "type": "FILE" }],
        "logs": logs(view, job, found.run.as_ref(), detail)?,
    });
    for part in [said(&found.submitted, &view.text(&found.submitted.manifest)?), more] {
        merge(&mut task, part);
    }
    if let Value::Object(fields) = &mut task
        && !manifest
    {
        fields.remove("resources");
    }
    Ok(task)
}

/// What a task has of what its author has signed.
fn said(submitted: &JobSubmitted, manifest: &str) -> Value {
    let purpose = Manifest::parse(manifest).map(|manifest| manifest.job.purpose).unwrap_or_default();
    let inputs = submitted.datasets.iter().map(|used| {
        json!({
            "name": used.name,
            "url": format!("urn:unseen:snapshot:{}", used.snapshot.to_hex()),
            "path": format!("/{}", used.name),
            "type": "FILE",
        })
    });
    json!({
        "name": submitted.title,
        "description": purpose,
        "inputs": inputs.collect::<Vec<_>>(),
        "executors": [{ "image": submitted.module, "command": ["contribute"] }],
        "resources": { "backend_parameters": { "manifest": manifest } },
    })
}

/// One log for the run, if there is anything to say. It has no executors' logs: what code says about rows stays inside.
fn logs(view: &View, job: &ListedJob, run: Option<&Run>, detail: Detail) -> Result<Vec<Value>, LabError> {
    let mut log = json!({ "logs": [], "outputs": [] });
    if let Some(run) = run {
        let started = view.said(&view.log().entry(run.entry)?)?.time;
        let metadata =
            json!({ "entry": run.entry.to_string(), "runtime": run.runtime, "runtime_build": run.runtime_build });
        merge(&mut log, json!({ "start_time": time(started), "metadata": metadata }));
        if state(job) == "COMPLETE" {
            log["end_time"] = time(run.release_at).into();
        }
    }
    let words = job.reason.as_ref().filter(|_| detail == Detail::Full);
    if let Some(reason) = words {
        log["system_logs"] = json!([reason]);
    }
    Ok(if run.is_some() || words.is_some() { vec![log] } else { Vec::new() })
}

fn merge(into: &mut Value, part: Value) {
    if let (Value::Object(into), Value::Object(part)) = (into, part) {
        into.extend(part);
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A task that is to be created.
#[derive(Debug)]
pub(super) struct New {
    pub manifest: String,
    pub module: Blob,
    pub entry: Option<String>,
    /// All else that it says.
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(expecting = "a task")]
struct Read {
    executors: [Executor; 1],
    resources: Resources,
}

#[derive(Deserialize)]
struct Executor {
    image: String,
}

/// Cores, memory and disk are wishes in TES; a job has what its manifest says.
#[derive(Deserialize)]
struct Resources {
    backend_parameters: BTreeMap<String, String>,
    #[serde(default)]
    backend_parameters_strict: Option<bool>,
}

impl New {
    pub fn read(body: Value) -> Result<New, RequestError> {
        let malformed = |error: serde_json::Error| RequestError::Malformed(error.to_string());
        let Read { executors: [Executor { image }], resources } = Read::deserialize(&body).map_err(malformed)?;
        // Their case is of no account in TES, and one that is not known is an error only where that is wished.
        let mut parameters = BTreeMap::new();
        for (name, value) in resources.backend_parameters {
            let known = name.to_ascii_lowercase();
            if PARAMETERS.contains(&known.as_str()) {
                parameters.insert(known, value);
            } else if resources.backend_parameters_strict == Some(true) {
                return Err(RequestError::OtherTask { field: format!("resources.backend_parameters.{name}") });
            }
        }
        let manifest = parameters.remove("manifest");
        let manifest = manifest.ok_or_else(|| RequestError::Malformed("missing parameter `manifest`".to_owned()))?;
        let module = match image.as_str() {
            "ready-made:sum" => Blob::ready_made(&manifest).unwrap_or_else(Blob::ready_made_sum),
            _ => Blob::deserialize(Value::String(image)).map_err(malformed)?,
        };
        let Value::Object(mut rest) = body else { return Err(RequestError::NotJson) };
        // What only the lab says, and what was taken out above.
        for name in ["id", "state", "creation_time", "logs", "resources"] {
            rest.remove(name);
        }
        if let Some(Value::Object(executor)) = rest.get_mut("executors").and_then(|all| all.get_mut(0)) {
            executor.remove("image");
        }
        Ok(New { manifest, module, entry: parameters.remove("entry"), rest })
    }

    /// Whether it says nothing else than what was signed: the lab would not keep it.
    pub fn check(&self, signed: &JobSubmitted) -> Result<(), RequestError> {
        let signed = said(signed, &self.manifest);
        let other = self.rest.iter().find_map(|(name, value)| differs(value, &signed[name.as_str()], name));
        other.map_or(Ok(()), |field| Err(RequestError::OtherTask { field }))
    }
}

/// Where the one says something that the other does not say.
fn differs(said: &Value, signed: &Value, place: &str) -> Option<String> {
    match (said, signed) {
        (Value::Null | Value::Bool(false), _) => None,
        (Value::String(text), _) if text.is_empty() => None,
        (Value::Object(fields), signed) => fields.iter().find_map(|(name, value)| {
            differs(value, signed.get(name).unwrap_or(&Value::Null), &format!("{place}.{name}"))
        }),
        (Value::Array(said), _) if said.is_empty() => None,
        (Value::Array(said), Value::Array(signed)) if said.len() == signed.len() => {
            (said.iter().zip(signed).enumerate())
                .find_map(|(at, (said, signed))| differs(said, signed, &format!("{place}.{at}")))
        }
        (said, signed) => (said != signed).then(|| place.to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use unseen_ids::JobId;

    pub fn job(number: u64, state: State) -> ListedJob {
        let job = json!({
            "job": format!("j{number}"), "title": "job", "author": "a", "state": state, "void": false,
            "sealedUntil": null, "due": false, "waitsForWitnesses": false, "approvals": 0, "approvalsNeeded": 2,
            "priority": 5, "queued": null, "held": null, "reason": null, "rho": "0.1",
            "submitted": "2026-01-01T00:00:00Z",
        });
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_state_is_one_of_tes_and_tells_nothing_before_its_time() {
        let mut sealed = job(1, State::Running);
        sealed.due = true;
        assert_eq!((state(&sealed), sealed.job), ("RUNNING", JobId(1)));
        let mut unwitnessed = job(1, State::Released);
        assert_eq!(state(&unwitnessed), "COMPLETE");
        unwitnessed.waits_for_witnesses = true;
        assert_eq!(state(&unwitnessed), "RUNNING");
        let mut void = job(1, State::Approved);
        assert_eq!(state(&void), "QUEUED");
        void.void = true;
        assert_eq!(state(&void), "CANCELED");
        for (of, is) in [(State::Rejected, "CANCELED"), (State::Withdrawn, "CANCELED"), (State::Failed, "SYSTEM_ERROR")]
        {
            assert_eq!(state(&job(1, of)), is);
            assert!(STATES.contains(&is));
        }
    }

    #[test]
    fn a_task_says_no_more_than_was_signed() {
        let signed =
            json!({ "name": "n", "executors": [{ "image": "i", "command": [] }], "inputs": [{ "name": "d" }] });
        let differs = |said: Value| differs(&said, &signed, "task");
        assert_eq!(differs(json!({})), None);
        assert_eq!(differs(signed.clone()), None);
        assert_eq!(differs(json!({ "tags": {}, "volumes": [], "executors": [{ "env": null, "command": [] }] })), None);
        for (said, place) in [
            (json!({ "name": "m" }), "task.name"),
            (json!({ "tags": { "a": "b" } }), "task.tags.a"),
            (json!({ "executors": [{ "command": ["sh"] }] }), "task.executors.0.command"),
            (json!({ "inputs": [{ "name": "d" }, { "name": "e" }] }), "task.inputs"),
            (json!({ "inputs": [{ "name": "d", "streamable": true }] }), "task.inputs.0.streamable"),
        ] {
            assert_eq!(differs(said).as_deref(), Some(place));
        }
    }

    #[test]
    fn a_new_task_has_one_executor_and_parameters_in_any_case() {
        let task = |more: Value| {
            let mut task = json!({
                "executors": [{ "image": "ready-made:sum", "command": [] }],
                "resources": { "cpu_cores": 4, "backend_parameters": { "MANIFEST": "m", "VmSize": "big" } },
            });
            merge(&mut task, more);
            New::read(task)
        };
        let read = task(json!({})).unwrap();
        assert_eq!((read.manifest.as_str(), read.entry, read.module), ("m", None, Blob::ready_made_sum()));
        assert!(matches!(task(json!({ "executors": [] })), Err(RequestError::Malformed(_))));
        assert!(matches!(task(json!({ "executors": [{ "image": "ubuntu" }] })), Err(RequestError::Malformed(_))));
        let strict =
            json!({ "resources": { "backend_parameters": { "VmSize": "big" }, "backend_parameters_strict": true } });
        let Err(RequestError::OtherTask { field }) = task(strict) else { panic!() };
        assert_eq!(field, "resources.backend_parameters.VmSize");
    }
}
