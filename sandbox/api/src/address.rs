//! Where each use-case is.
//!
//! A request is one value. Over the network the fields that its path names stand in the path; the others stand in the
//! query of a `GET`, or as JSON in the body of a `POST`. Both ends take it apart and put it together here.

use serde::{Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use unseen_usecases::budget::BudgetOf;
use unseen_usecases::check::Check;
use unseen_usecases::datasets::{ListDatasets, ShowDataset, ShowQuality, ShowTable};
use unseen_usecases::doctor::ShowDoctor;
use unseen_usecases::imports::{PrepareImport, PrepareRebucket, Register, ShowImport};
use unseen_usecases::inbox::ShowInbox;
use unseen_usecases::jobs::{Approve, ListJobs, Prioritize, Reject, ShowJob, Submit, Withdraw};
use unseen_usecases::labs::{RotateLogKey, ShowLab};
use unseen_usecases::lives::{DeleteSnapshots, Describe, SetStatus, ShowSnapshots};
use unseen_usecases::logs::{ListEntries, ProveEntry, ShowCheckpoint, ShowEntry};
use unseen_usecases::modules::FetchModule;
use unseen_usecases::nodes::{EnrolNode, ListNodes, RevokeNode};
use unseen_usecases::outcomes::{ListReleases, ListRuns};
use unseen_usecases::people::{Enrol, ListPeople, Revoke};
use unseen_usecases::policy::{ExplainAccess, PreviewPolicy, SetPolicy, ShowPolicy};
use unseen_usecases::release::ReadRelease;
use unseen_usecases::visits::ReadAccessLog;
use unseen_usecases::witnesses::{AskWitnesses, ShowWitnesses};
use unseen_usecases::{Change, Query};

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Changes nothing, and everything stands in the address.
    Get,
    /// Has a body.
    Post,
}

/// A use-case with its place.
pub trait Addressed: Serialize + DeserializeOwned {
    /// How it is sent; changes are always posted.
    const METHOD: Method;
    /// Where to: `/v1/jobs/{job}`, with the names of fields.
    const PATH: &str;
    /// The action that the rules of access know it as.
    const ACTION: &str;
    /// What it is done to.
    const ON: On;
    /// What it does, in a few words of the present tense.
    const SAYS: &str;
}

/// What a use-case is about, as the rules of access see it: found by the request's field of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The lab as a whole.
    Lab,
    /// The dataset in the field `dataset`.
    Dataset,
    /// The dataset in the field `dataset`, which may be new.
    NewDataset,
    /// The job in the field `job`.
    Job,
    /// What came of the job in the field `job`.
    Release,
    /// A job that is not submitted: its text is in the field `manifest`.
    Manifest,
    /// The person, or the key, in the field `person`.
    Person,
    /// Somebody who is to be enrolled: the request says who. A node is enrolled as a person is who has no role.
    Request,
    /// The node, or its key, in the field `node`: to the rules somebody without a role.
    Node,
}

/// Whoever wants to go through all use-cases there are.
pub trait Visitor {
    /// A query.
    fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self);
    /// A change.
    fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self);
}

macro_rules! addresses {
    (queries { $($query:ty = $way:ident $path:literal, $may:ident on $thing:ident: $says:literal),* $(,)? }
     changes { $($change:ty = $post:ident $at:literal, $does:ident on $what:ident: $told:literal),* $(,)? }) => {
        addresses!(@each $($query = $way $path, $may on $thing: $says),*);
        addresses!(@each $($change = $post $at, $does on $what: $told),*);

        /// Goes through all of them.
        pub fn visit(visitor: &mut impl Visitor) {
            $(visitor.query::<$query>();)*
            $(visitor.change::<$change>();)*
        }
    };
    (@each $($request:ty = $way:ident $path:literal, $may:ident on $thing:ident: $says:literal),*) => {
        $(impl Addressed for $request {
            const METHOD: Method = Method::$way;
            const PATH: &str = $path;
            const ACTION: &str = stringify!($may);
            const ON: On = On::$thing;
            const SAYS: &str = $says;
        })*
    };
}

addresses! {
    queries {
        ShowLab = Get "/v1/lab", showLab on Lab: "Shows the lab",
        ShowInbox = Get "/v1/inbox", listJobs on Lab: "Shows what waits for whoever asks",
        ListDatasets = Get "/v1/datasets", listDatasets on Lab: "Lists registered datasets",
        ShowDataset = Get "/v1/datasets/{dataset}", showDataset on Dataset: "Shows a dataset's description",
        ShowTable = Get "/v1/datasets/{dataset}/table", makeTwin on Dataset: "Gets the rows of a public table",
        ShowQuality = Get "/v1/datasets/{dataset}/quality", showQuality on Dataset: "Shows a dataset's quality report",
        ShowSnapshots = Get "/v1/datasets/{dataset}/snapshots", showDataset on Dataset: "Shows all snapshots of a dataset",
        PrepareImport = Post "/v1/datasets/{dataset}/imports", uploadData on NewDataset: "Asks for an import of what was uploaded",
        PrepareRebucket = Post "/v1/datasets/{dataset}/rebuckets", uploadData on NewDataset: "Asks that a dataset's rows are dealt into another number of buckets",
        ShowImport = Get "/v1/datasets/{dataset}/imports/{import}", uploadData on NewDataset: "Shows an import, until it is ready to be registered",
        ListJobs = Get "/v1/jobs", listJobs on Lab: "Lists jobs",
        ShowJob = Get "/v1/jobs/{job}", showJob on Job: "Shows a job with all that approvers should see",
        FetchModule = Get "/v1/jobs/{job}/module", fetchModule on Job: "Gets a job's component, as it was submitted",
        ListRuns = Get "/v1/runs", listJobs on Lab: "Lists runs",
        ListReleases = Get "/v1/releases", listJobs on Lab: "Lists releases",
        Check = Post "/v1/checks", checkJob on Manifest: "Checks a job before it is submitted",
        BudgetOf = Get "/v1/budgets", listDatasets on Lab: "Shows what was spent and what is left",
        ListPeople = Get "/v1/people", listPeople on Lab: "Lists everyone who was ever enrolled",
        ListNodes = Get "/v1/nodes", listPeople on Lab: "Lists every node that was ever enrolled",
        ShowPolicy = Get "/v1/policy", showPolicy on Lab: "Shows the rules in force",
        PreviewPolicy = Post "/v1/policy/previews", showPolicy on Lab: "Shows what new rules would change",
        ExplainAccess = Get "/v1/access", showPolicy on Lab: "Shows the rules of access, each in a sentence",
        ShowWitnesses = Get "/v1/witnesses", showWitnesses on Lab: "Shows the policy's witnesses, and who has cosigned the present checkpoint",
        AskWitnesses = Post "/v1/witnesses/requests", askWitnesses on Lab: "Asks the policy's witnesses to cosign the present checkpoint",
        ReadAccessLog = Get "/v1/access-log", readAccessLog on Lab: "Reads who came, who read what, and who was refused",
        ShowDoctor = Get "/v1/doctor", showDoctor on Lab: "Says which protections hold on the lab's machine",
        ListEntries = Get "/v1/log", readLog on Lab: "Lists entries of the log",
        ShowEntry = Get "/v1/log/{entry}", readLog on Lab: "Shows one entry whole",
        ProveEntry = Get "/v1/log/{entry}/proof", readLog on Lab: "Proves that an entry is in the log",
        ShowCheckpoint = Get "/v1/checkpoint", readLog on Lab: "Shows the signed checkpoint",
    }
    changes {
        Submit = Post "/v1/jobs", submitJob on Manifest: "Submits a job for approval",
        Approve = Post "/v1/jobs/{job}/approvals", approveJob on Job: "Approves exactly what was submitted",
        Reject = Post "/v1/jobs/{job}/rejections", rejectJob on Job: "Declines a job",
        Withdraw = Post "/v1/jobs/{job}/withdrawals", withdrawJob on Job: "Takes one's own job back before it runs",
        Prioritize = Post "/v1/jobs/{job}/priority", prioritizeJob on Job: "Lets a job run before or after others",
        Register = Post "/v1/datasets/{dataset}/registrations", registerDataset on NewDataset: "Registers what was imported",
        SetStatus = Post "/v1/datasets/{dataset}/status", closeDataset on Dataset: "Opens, closes or withdraws a dataset",
        Describe = Post "/v1/datasets/{dataset}/descriptions", describeDataset on Dataset: "Describes a dataset in other words",
        DeleteSnapshots = Post "/v1/datasets/{dataset}/deletions", deleteDataset on Dataset: "Destroys snapshots of a dataset",
        ReadRelease = Post "/v1/jobs/{job}/release", readRelease on Release: "Opens a job's release, which is put on record",
        Enrol = Post "/v1/people", enrolPerson on Request: "Enrols a person",
        Revoke = Post "/v1/people/{person}/revocations", revokePerson on Person: "Revokes a person's key",
        EnrolNode = Post "/v1/nodes", enrolPerson on Request: "Enrols a node, a machine that carries out parts of runs",
        RevokeNode = Post "/v1/nodes/{node}/revocations", revokePerson on Node: "Revokes a node",
        RotateLogKey = Post "/v1/log/keys", changeLogKey on Lab: "Hands the log over to a new key",
        SetPolicy = Post "/v1/policy", setPolicy on Lab: "Sets new rules",
    }
}

/// The names in a path's braces.
pub fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A request taken apart: its path, and the fields that stand elsewhere.
pub fn apart<A: Addressed>(request: &A) -> serde_json::Result<(String, Map<String, Value>)> {
    let Value::Object(mut fields) = serde_json::to_value(request)? else { return Ok((A::PATH.to_owned(), Map::new())) };
    let parts = A::PATH.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        None => part.to_owned(),
        Some(name) => escape(&text(&fields.remove(name).unwrap_or_default())),
    });
    let path = parts.collect::<Vec<_>>().join("/");
    fields.retain(|_, value| !value.is_null());
    Ok((path, fields))
}

/// The fields as the query of an address; empty for none.
pub fn to_query(fields: &Map<String, Value>) -> String {
    let pairs: Vec<_> = fields.iter().map(|(name, value)| (name, text(value))).collect();
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}

/// A request put together of what stood in a path and in a query: texts, of which each field takes its own type.
pub fn of_query<A: DeserializeOwned>(path: &[(String, String)], query: &str) -> Result<A, String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|error| error.to_string())?;
    if let Some((name, _)) = pairs.iter().find(|(name, _)| path.iter().any(|(own, _)| own == name)) {
        return Err(format!("`{name}` stands in the path"));
    }
    let all: Vec<_> = path.iter().chain(&pairs).collect();
    let text = serde_urlencoded::to_string(all).map_err(|error| error.to_string())?;
    of(serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes())))
}

/// A request put together of what stood in a path and in a body.
pub fn of_body<A: DeserializeOwned>(path: &[(String, String)], body: Value) -> Result<A, String> {
    let Value::Object(mut fields) = body else { return Err("a JSON object is wanted".to_owned()) };
    for (name, value) in path {
        if fields.insert(name.clone(), Value::String(value.clone())).is_some() {
            return Err(format!("`{name}` stands in the path"));
        }
    }
    of(Value::Object(fields))
}

/// What is wrong is told with the field that it is wrong in.
fn of<'a, A: DeserializeOwned>(fields: impl Deserializer<'a>) -> Result<A, String> {
    serde_path_to_error::deserialize(fields).map_err(|error| match error.path().to_string() {
        none if none == "." => error.into_inner().to_string(),
        path => format!("`{path}`: {}", error.into_inner()),
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A part of a path: all but unreserved characters (RFC 3986, section 2.3) are escaped.
fn escape(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => escaped.push(char::from(byte)),
            // A part of dots alone would be taken for a step up.
            b'.' if !part.bytes().all(|byte| byte == b'.') => escaped.push('.'),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_ids::JobId;

    #[test]
    fn a_request_goes_apart_and_together_again() {
        let (path, rest) = apart(&Reject { job: JobId(12), reason: "no purpose".into() }).unwrap();
        assert_eq!(path, "/v1/jobs/j12/rejections");
        let again: Reject = of_body(&[("job".into(), "j12".into())], Value::Object(rest)).unwrap();
        assert_eq!((again.job, again.reason.as_str()), (JobId(12), "no purpose"));
        let (path, rest) = apart(&ListEntries { from: 7, ..ListEntries::default() }).unwrap();
        assert_eq!((path.as_str(), to_query(&rest).as_str()), ("/v1/log", "from=7"));
        assert_eq!(of_query::<ListEntries>(&[], "from=7").unwrap().from, 7);
        let (path, _) = apart(&ShowDataset { dataset: "../a b/税".into() }).unwrap();
        assert_eq!(path, "/v1/datasets/..%2Fa%20b%2F%E7%A8%8E");
        assert_eq!(apart(&ShowDataset { dataset: "..".into() }).unwrap().0, "/v1/datasets/%2E%2E");
    }

    #[test]
    fn what_is_not_asked_for_is_refused() {
        assert!(of_query::<ListEntries>(&[], "from=7&to=8").is_err());
        let said = of_query::<ListEntries>(&[], "from=x").unwrap_err();
        assert_eq!(said, "`from`: invalid digit found in string");
        assert!(of_query::<ShowJob>(&[("job".into(), "j1".into())], "job=j2").is_err());
        assert!(of_body::<Reject>(&[("job".into(), "j1".into())], serde_json::json!({ "job": "j2" })).is_err());
        assert!(of_body::<Reject>(&[], serde_json::json!([])).is_err());
    }
}
