//! What the ledger cannot see: whether an entry agrees with the blobs and the tree that it names. The
//! lab asks before it appends, an auditor asks again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use unseen_entries::json;
use unseen_evidence::{Evidence, Proven, Provider};
use unseen_ids::{Digest, JobId};
use unseen_log::LogReader;
use unseen_policies::event::{
    Event, EvidenceRecorded, JobApproved, JobSubmitted, Record, ReleaseWitnessed, RunStarted, TreeHead, Used,
};
use unseen_policies::ledger::{Job, Ledger};
use unseen_policies::manifest::{Manifest, ModuleRef};
use unseen_policies::need::Need;
use unseen_policies::plan::Plan;
use unseen_policies::policy::{Witness, Witnesses};
use unseen_policies::receipts::Receipts;
use unseen_policies::release::{CheckError, ReleaseBody};
use unseen_texts::{Sentence, Text, say, text};
use unseen_tlog::cosignature::WitnessKey;
use unseen_tlog::merkle::Hash;
use unseen_tlog::note::{Checkpoint, Note, NoteError, NoteKey};
use unseen_tlog::tree::Files;

use crate::expected::expected;
use crate::nodes;
use crate::public_values::PublicTables;
use crate::sm2;

/// Between reading a clock and signing; and between two clocks.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// Where named things are looked up.
pub trait Lookup {
    /// The bytes with this digest.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Sentence>;

    /// The root that the log had at this size.
    fn root_at(&self, size: u64) -> Result<Hash, Sentence>;

    /// The answer of [`ReleaseBody::check`] where a lab has the body of a release sealed still.
    fn check_sealed(&self, _: Body, _: &Plan) -> Option<Result<u64, CheckError>> {
        None
    }

    /// Plans made lately, where they are kept.
    fn plans(&self) -> Option<&Plans> {
        None
    }
}

/// The plans of the last few jobs: a job's plan is asked for when it is submitted, started and released.
#[derive(Default)]
pub struct Plans(RefCell<VecDeque<Planned>>);

/// What a plan was made from, and the plan.
type Planned = (Digest, Vec<Used>, Rc<(Manifest, Plan)>);

const KEPT_PLANS: usize = 64;

/// [`plan`], out of those kept if it is there.
pub fn planned(event: &JobSubmitted, lookup: &dyn Lookup) -> Result<Rc<(Manifest, Plan)>, Sentence> {
    let same = |(manifest, datasets, _): &&Planned| (manifest, datasets) == (&event.manifest, &event.datasets);
    if let Some((.., made)) = lookup.plans().and_then(|plans| plans.0.borrow().iter().find(same).cloned()) {
        return Ok(made);
    }
    let made = Rc::new(plan(event, lookup)?);
    if let Some(plans) = lookup.plans() {
        let mut kept = plans.0.borrow_mut();
        kept.truncate(KEPT_PLANS - 1);
        kept.push_front((event.manifest, event.datasets.clone(), made.clone()));
    }
    Ok(made)
}

impl<F: Files> Lookup for LogReader<F> {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Sentence> {
        let found = LogReader::blob(self, digest).map_err(|error| Sentence::of(&error))?;
        found.ok_or_else(|| say!("the blob {digest} is not there", "附件 {digest} 不存在"))
    }

    fn root_at(&self, size: u64) -> Result<Hash, Sentence> {
        LogReader::root_at(self, size).map_err(|error| Sentence::of(&error))
    }
}

/// What was looked at behind an entry.
#[derive(Debug, Default)]
pub struct Behind {
    /// A job whose release was looked at, and how many numbers it has.
    pub numbers: Option<(JobId, u64)>,
    /// A job that was submitted, and what for.
    pub purpose: Option<(JobId, String)>,
    /// What evidence of the machine proves.
    pub evidence: Option<(JobId, Proven)>,
    /// Which nodes carried out which parts of a run.
    pub receipts: Option<(JobId, Receipts)>,
}

/// Checks an entry that may come next in `ledger` against what it names.
pub fn check(ledger: &Ledger, record: &Record, lookup: &dyn Lookup) -> Result<Behind, Sentence> {
    let mut behind = Behind::default();
    match &record.event {
        Event::PolicySet(event) => {
            witness_keys(event.policy.witnesses.as_ref())?;
            event.policy.sm2_key.as_deref().map_or(Ok(()), sm2::check_key)?;
            event.policy.access.as_ref().map_or(Ok(()), |access| lookup.blob(access).map(drop))?;
        }
        Event::LabCreated(event) => log_key(&event.log_key)?,
        Event::LogKeyChanged(event) => log_key(&event.log_key)?,
        Event::DatasetRegistered(event) => {
            lookup.blob(&event.description)?;
            event.values.as_ref().map_or(Ok(()), |values| lookup.blob(values).map(drop))?;
        }
        Event::DatasetDescribed(event) => drop(lookup.blob(&event.description)?),
        Event::JobSubmitted(event) => {
            behind.purpose = Some((JobId(ledger.size()), submission(ledger, event, lookup)?));
        }
        Event::JobApproved(event) => approval(ledger, event, lookup)?,
        Event::RunStarted(event) => release_time(ledger, record.time, event, lookup)?,
        Event::EvidenceRecorded(event) => behind.evidence = Some((event.job, evidence(ledger, event, lookup)?)),
        Event::Released(event) => {
            // Where witnesses are asked, the body stays sealed until the entry that says who answered.
            let (is_open, body) = (ledger.witnesses().is_none(), (event.job, event.run, event.body));
            behind = release(ledger, body, event.receipts, is_open, lookup)?;
        }
        Event::ReleaseWitnessed(event) => {
            witnessed(ledger, record.time, event, lookup)?;
            if ledger.job(event.job).is_ok_and(|job| job.witnessed.is_none()) {
                behind = opened(ledger, event.job, lookup)?;
            }
        }
        _ => {}
    }
    Ok(behind)
}

fn log_key(text: &str) -> Result<(), Sentence> {
    text.parse::<NoteKey>()
        .map(drop)
        .map_err(|_| text!("the log's verifier key is malformed", "日志验证公钥格式不对").into())
}

/// The manifest of a submission, and its plan with the public tables it was submitted with.
pub fn plan(event: &JobSubmitted, lookup: &dyn Lookup) -> Result<(Manifest, Plan), Sentence> {
    let text = String::from_utf8(lookup.blob(&event.manifest)?)
        .map_err(|_| Sentence::from(text!("the manifest is not text", "作业清单不是文本")))?;
    let manifest = Manifest::parse(&text).map_err(|error| say!("the manifest: {error}", "作业清单：{error}"))?;
    let mut tables = PublicTables::default();
    for used in &event.datasets {
        if let Some(values) = &used.values {
            let bytes = lookup.blob(values)?;
            let values = serde_json::from_slice(&bytes).map_err(|error| Sentence::of(&error))?;
            json::no_member_twice(&bytes)?;
            tables.0.insert(used.name.clone(), values);
        }
    }
    let plan = Plan::new(&manifest, &tables).map_err(|error| say!("the manifest: {error}", "作业清单：{error}"))?;
    Ok((manifest, plan))
}

/// What a job may need at most, with the datasets as they are registered and under the policy in force;
/// none where the policy names no machine.
pub fn need(ledger: &Ledger, manifest: &Manifest, plan: &Plan) -> Option<Need> {
    let machine = ledger.policy()?.machine.as_ref()?;
    Some(Need::new(manifest, plan, &|name| ledger.bounds(name), machine))
}

/// Whose true cosignatures are on a checkpoint of this log: names and times, in seconds since 1970.
pub fn cosigners<'w>(note: &Note, witnesses: impl IntoIterator<Item = &'w WitnessKey>) -> Vec<(String, u64)> {
    let cosigned = |witness: &WitnessKey| Some((witness.name().to_owned(), witness.verify(note).ok()?));
    witnesses.into_iter().filter_map(cosigned).collect()
}

/// The witnesses that the policy in force names.
pub fn witnesses(ledger: &Ledger) -> Result<Vec<WitnessKey>, Sentence> {
    witness_keys(ledger.witnesses())
}

fn witness_keys(rule: Option<&Witnesses>) -> Result<Vec<WitnessKey>, Sentence> {
    let key = |witness: &Witness| {
        witness.key.parse().map_err(|error| say!("the policy's witness: {error}", "规则中的见证方：{error}"))
    };
    rule.map_or(&[][..], |rule| &rule.witness).iter().map(key).collect()
}

/// What the job is for, if the submission agrees with its manifest.
fn submission(ledger: &Ledger, event: &JobSubmitted, lookup: &dyn Lookup) -> Result<String, Sentence> {
    let planned = planned(event, lookup)?;
    let (manifest, plan) = &*planned;
    let differs =
        |what: Text| say!("the submission and its manifest differ in {what}", "提交内容与作业清单不一致：{what}");
    let says = |same: bool, what: Text| if same { Ok(()) } else { Err(differs(what)) };
    says(manifest.job.title == event.title, text!("the title", "标题"))?;
    let other = matches!(&manifest.job.module, Some(ModuleRef::Digest(named)) if *named != event.module);
    says(!other, text!("the component", "组件"))?;
    says(manifest.job.release.to_string() == event.release, text!("the release time", "发布时间"))?;
    says(
        manifest.datasets().into_iter().eq(event.datasets.iter().map(|used| used.name.as_str())),
        text!("the datasets", "数据集"),
    )?;
    says(plan.charge.rho == event.rho, text!("the charge", "隐私开销"))?;
    says(plan.charge.pure_epsilon.as_ref().map(ToString::to_string) == event.pure_epsilon, text!("epsilon", "ε"))?;
    says(need(ledger, manifest, plan) == event.need, text!("what the job may need", "作业可能需要的资源"))?;
    Ok(manifest.job.purpose.clone())
}

fn approval(ledger: &Ledger, event: &JobApproved, lookup: &dyn Lookup) -> Result<(), Sentence> {
    if let Some(words) = &event.words
        && planned(submitted(ledger, event.job)?, lookup)?.0.job.purpose != words.purpose
    {
        return Err(text!("the purpose that was approved is not the manifest's", "所批准的用途与作业清单不符").into());
    }
    let TreeHead { size, root } = event.seen;
    if lookup.root_at(size)? == root.to_bytes() {
        return Ok(());
    }
    Err(say!(
        "FORK: the approver saw another log of {size} entries than this one; keep both as evidence",
        "日志分叉：审批人所见的 {size} 条日志与此日志不同；请把两者都留作证据"
    ))
}

fn release_time(ledger: &Ledger, time: DateTime<Utc>, event: &RunStarted, lookup: &dyn Lookup) -> Result<(), Sentence> {
    let earliest = planned(submitted(ledger, event.job)?, lookup)?.0.job.release.earliest(time);
    if event.release_at + SLACK >= earliest {
        return Ok(());
    }
    Err(text!("the release time is earlier than the manifest allows", "发布时间早于清单所允许").into())
}

/// A release's body: of which job and run, and its digest.
pub type Body = (JobId, u64, Digest);

fn release(
    ledger: &Ledger,
    body: Body,
    receipts: Option<Digest>,
    is_open: bool,
    lookup: &dyn Lookup,
) -> Result<Behind, Sentence> {
    let (job, run, digest) = body;
    let planned = planned(submitted(ledger, job)?, lookup)?;
    let (_, plan) = &*planned;
    let said = |error: CheckError| Sentence::of(&error);
    let read = |bytes: Vec<u8>| ReleaseBody::parse(&bytes).and_then(|body| body.check(plan, job, run)).map_err(said);
    let numbers = match lookup.check_sealed(body, plan) {
        Some(checked) => Some(checked.map_err(said)?),
        None if is_open => Some(read(lookup.blob(&digest)?)?),
        None => None,
    };
    let checked = |bytes: Vec<u8>| nodes::check(&bytes, ledger, job, plan, numbers).map_err(|e| Sentence::of(&e));
    let receipts = receipts.map(|receipts| checked(lookup.blob(&receipts)?)).transpose()?;
    let (numbers, receipts) = (numbers.map(|numbers| (job, numbers)), receipts.map(|receipts| (job, receipts)));
    Ok(Behind { numbers, receipts, ..Behind::default() })
}

/// The body of a release that is on record, and is to be open.
pub fn opened(ledger: &Ledger, id: JobId, lookup: &dyn Lookup) -> Result<Behind, Sentence> {
    match ledger.job(id) {
        Ok(Job { run: Some(run), release: Some((_, body)), receipts, .. }) => {
            release(ledger, (id, run.entry, *body), *receipts, true, lookup)
        }
        _ => Ok(Behind::default()),
    }
}

fn witnessed(
    ledger: &Ledger,
    time: DateTime<Utc>,
    event: &ReleaseWitnessed,
    lookup: &dyn Lookup,
) -> Result<(), Sentence> {
    let note = Note::parse(&lookup.blob(&event.checkpoint)?).map_err(|error| Sentence::of(&error))?;
    let keys: Vec<NoteKey> = ledger.log_keys().values().rev().filter_map(|key| key.parse().ok()).collect();
    let checkpoint = signed_by(&note, keys.iter()).map_err(|error| Sentence::of(&error))?;
    if checkpoint.size <= event.release {
        return Err(say!(
            "the cosigned checkpoint has {size} entries, so the release is not among them",
            "所联署的检查点只有 {size} 条，发布条目不在其中",
            size = checkpoint.size
        ));
    }
    if lookup.root_at(checkpoint.size)? != checkpoint.root {
        return Err(say!(
            "FORK: witnesses cosigned another log of {size} entries than this one",
            "日志分叉：见证方联署的 {size} 条日志与此日志不同",
            size = checkpoint.size
        ));
    }
    let found = cosigners(&note, &witnesses(ledger)?);
    let Some(missing) = event.witnesses.iter().find(|name| !found.iter().any(|(found, _)| found == *name)) else {
        let latest = (time + SLACK).timestamp();
        return match found.iter().find(|(_, cosigned)| i64::try_from(*cosigned).is_ok_and(|at| at > latest)) {
            Some((name, _)) => {
                Err(say!("the cosignature of {name} is of a time still to come", "{name} 的联署时间尚未到来"))
            }
            None => Ok(()),
        };
    };
    Err(say!("the checkpoint bears no true cosignature of {missing}", "检查点上没有 {missing} 的真实联署"))
}

/// What the evidence of a run proves, measured against the policy in force.
fn evidence(ledger: &Ledger, event: &EvidenceRecorded, lookup: &dyn Lookup) -> Result<Proven, Sentence> {
    let job = ledger.job(event.job).map_err(|error| Sentence::of(&error))?;
    let run = job.run.as_ref().ok_or(text!("the evidence belongs to no run", "证据不属于任何运行"))?;
    let rule = ledger.policy().and_then(|policy| policy.evidence.as_ref()).and_then(expected);
    let rule = rule.ok_or(text!("the policy has no rule of evidence that can be read", "规则中没有可读的证据要求"))?;
    let document = Evidence::parse(&lookup.blob(&event.evidence)?).map_err(|error| Sentence::of(&error))?;
    // That nothing was given is true under any policy, and is not evidence.
    if document.provider() == Provider::None {
        return Err(text!("the entry names evidence, and there is none in it", "条目声称有证据，而其中没有").into());
    }
    unseen_evidence::verify(&document, &run.statement.to_bytes(), &rule).map_err(|error| Sentence::of(&error))
}

/// The checkpoint in a note that one of these keys has signed, the first of which is tried first.
pub fn signed_by<'k>(note: &Note, keys: impl Iterator<Item = &'k NoteKey>) -> Result<Checkpoint, NoteError> {
    let mut refused = None;
    for key in keys {
        match Checkpoint::open(note, key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or(NoteError::Checkpoint))
}

fn submitted(ledger: &Ledger, job: JobId) -> Result<&JobSubmitted, Sentence> {
    ledger.job(job).map(|job| &job.submitted).map_err(|error| Sentence::of(&error))
}
