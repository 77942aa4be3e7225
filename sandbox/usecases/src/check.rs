//! A job looked at before it is submitted: its cost, its expected errors, its component.

use std::path::Path;

use chrono::Utc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_audit::named;
use unseen_data::Description;
use unseen_ids::{Answer, Digest, PublicKey, Role};
use unseen_lab::{LabError, View, requests};
use unseen_policies::Manifest;
use unseen_policies::event::{JobSubmitted, Record};
use unseen_policies::ledger::{Ledger, Person};
use unseen_policies::manifest::GrainKind;
use unseen_policies::rho::Rho;
use unseen_texts::{Message, Sentence, text};
use unseen_worker::kept::Kept;
use unseen_worker::{fit, ready_made};

use crate::blob::Blob;
use crate::claims::{Left, left};
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::forms;
use crate::plan::Plan;
use crate::query::Query;
use crate::trial;

/// Check a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Check {
    /// What errors call the manifest: the file it was read from.
    pub name: String,
    /// The text of `job.toml`.
    pub manifest: String,
    /// The component; null when it is not built yet.
    #[serde(default)]
    pub module: Option<Blob>,
    /// The key of whoever would submit it: 64 lower-case hex digits. Without one the job is good if any analyst
    /// might submit it.
    #[serde(default)]
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::KEY))]
    pub author: Option<PublicKey>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What it costs and how exact its numbers will be.
    pub plan: Plan,
    /// The policy's cap for one job, in rho, where there is a lab.
    #[schemars(with = "Option<String>")]
    pub job_cap: Option<Rho>,
    /// Digest of the component, which is good; null when there is none yet.
    #[schemars(with = "Option<String>")]
    pub module: Option<Digest>,
    /// Whose budget was looked at: the author's, or the only analyst's.
    pub author: Option<String>,
    /// What the job would leave of each budget that it draws on.
    pub budget: Vec<Left>,
    /// What a submission would be refused with at this moment; null where it would be taken, or there is no lab.
    pub refusal: Option<Sentence>,
    /// Its code, as in `docs/error-codes.md`.
    pub refusal_code: Option<String>,
    /// What is allowed, and probably not meant.
    #[serde(default)]
    pub hints: Vec<Sentence>,
    /// Blocks with which a run of code that is too long now would fit its time, fewer than it has; null where none would.
    #[serde(default)]
    pub blocks: Option<Blocks>,
}

/// How long a run would take at most if its code saw so many blocks of units, each with as much fuel and memory as one
/// unit, or one block, has now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocks {
    /// How many blocks.
    pub count: u32,
    /// Seconds.
    pub seconds: u64,
    /// How many times as wide the noise of an average over blocks would be, where the job has more of them now.
    #[serde(default)]
    pub noise: Option<f64>,
}

impl Answer for Checked {
    const NAME: &str = "check/v1";
}

impl Query for Check {
    type Answer = Checked;

    fn blobs(&mut self) -> Vec<&mut Blob> {
        self.module.as_mut().into_iter().collect()
    }

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Checked, UseCaseError> {
        check(&desk.view()?, self)
    }
}

fn check(lab: &View, request: &Check) -> Result<Checked, UseCaseError> {
    let ledger = lab.ledger();
    let (manifest, plan) = lab.plan(&request.name, &request.manifest)?;
    lab.check_columns(&request.name, &manifest)?;
    if request.is_ready_made() {
        lab.check_ready_made(&manifest, &plan)?;
    }
    let module = good(request, |component| Ok(lab.compiled(component, &manifest, &plan).map(drop)?))?;
    let unbuilt = Digest::of(b"");
    let component = request.module.as_ref().map_or(&unbuilt, Blob::digest);
    let event = requests::submission(ledger, &manifest, &plan, &request.manifest, component).map_err(LabError::from)?;
    let (author, refusal) = would_say(ledger, &event, request.author)?;
    let (refusal, refusal_code) = refusal.unzip();
    let blocks = match refusal_code.as_deref() {
        Some("ledger.too-long") if !request.is_ready_made() => {
            blocks(ledger, &manifest, &plan, &event, request.author)?
        }
        _ => None,
    };
    let budget = left(ledger, None, &event, author.as_deref());
    let job_cap = ledger.policy().map(|policy| policy.caps.job);
    let hints = hints(&manifest, &|name| lab.description(name).ok().map(|(found, _)| found));
    let plan = Plan::new(&manifest, &plan, event.need, Some(ledger));
    Ok(Checked { plan, job_cap, module, author, budget, refusal, refusal_code, hints, blocks })
}

/// What is allowed, and probably not meant.
fn hints(manifest: &Manifest, described: &dyn Fn(&str) -> Option<Description>) -> Vec<Sentence> {
    [forms::of_job(manifest, described), fit::strays(manifest, described)].concat()
}

impl Check {
    fn is_ready_made(&self) -> bool {
        self.module.as_ref().is_some_and(|module| ready_made::is_one(module.bytes()))
    }
}

/// A refusal and its code.
type Said = (Sentence, String);

/// Whose submission it would be, and what would be said to it. Without an author, the best that any analyst
/// would hear.
fn would_say(
    ledger: &Ledger,
    event: &JobSubmitted,
    author: Option<PublicKey>,
) -> Result<(Option<String>, Option<Said>), LabError> {
    let record = Record {
        log: ledger.origin().to_owned(),
        time: Utc::now(),
        nonce: "0".repeat(32),
        event: event.clone().into(),
    };
    let said = |key: &PublicKey| {
        let refused = ledger.may(key, &record).err()?;
        Some((Sentence::of(&refused), refused.code().to_owned()))
    };
    let name = |key: &PublicKey| ledger.people().get(key).map(|person| person.name.clone());
    if let Some(key) = author {
        return Ok((name(&key), said(&key)));
    }
    let is_analyst = |person: &Person| person.revoked.is_none() && person.roles.contains(&Role::Analyst);
    let analysts: Vec<_> =
        ledger.people().iter().filter(|(_, person)| is_analyst(person)).map(|(key, _)| key).collect();
    let author = if let [only] = analysts.as_slice() { name(only) } else { None };
    let nobody = text!("nobody is enrolled as an analyst", "没有登记任何分析员");
    let answers: Vec<_> = analysts.iter().map(|key| said(key)).collect();
    let refusal = match answers.iter().any(Option::is_none) {
        true => None,
        false => Some(answers.into_iter().flatten().next().unwrap_or((nobody.into(), nobody.code().to_owned()))),
    };
    Ok((author, refusal))
}

/// The most blocks, of some round numbers, that would be taken where the units, or the blocks, that a job asks for take
/// too long: the more, the less noise.
fn blocks(
    ledger: &Ledger,
    manifest: &Manifest,
    plan: &unseen_policies::Plan,
    event: &JobSubmitted,
    author: Option<PublicKey>,
) -> Result<Option<Blocks>, LabError> {
    let asked = match plan.grain {
        GrainKind::Unit => None,
        GrainKind::Blocks { count } => Some(count),
    };
    const ROUND: [u32; 13] = [10_000, 5_000, 3_000, 2_000, 1_000, 500, 300, 200, 100, 50, 30, 20, 10];
    for count in ROUND.into_iter().filter(|count| asked.is_none_or(|asked| *count < asked)) {
        let plan = unseen_policies::Plan { grain: GrainKind::Blocks { count }, ..plan.clone() };
        let need = named::need(ledger, manifest, &plan);
        let (_, refusal) = would_say(ledger, &JobSubmitted { need, ..event.clone() }, author)?;
        if let (Some(need), None) = (need, refusal) {
            let noise = asked.map(|asked| f64::from(asked) / f64::from(count));
            return Ok(Some(Blocks { count, seconds: need.seconds, noise }));
        }
    }
    Ok(None)
}

/// Checks a job against the descriptions of twins; what is compiled is kept there, where that is said.
pub fn check_on_twins(twins: &Path, request: &Check, kept: Option<&Kept>) -> Result<Checked, UseCaseError> {
    let manifest = trial::parse(&request.name, &request.manifest)?;
    let plan = trial::plan(&manifest, &request.name, twins)?;
    let described = |name: &str| trial::description(twins, name).ok().map(|(found, _)| found);
    if request.is_ready_made() {
        fit::ready_made(&manifest, &plan, &described).map_err(LabError::Unfit)?;
    }
    let module = good(request, |component| {
        let compiled = trial::compiled(component, &manifest, &plan, kept);
        Ok(compiled.map(drop).map_err(|error| LabError::Module(Sentence::of(&error)))?)
    })?;
    let hints = hints(&manifest, &described);
    let plan = Plan::new(&manifest, &plan, None, None);
    let (author, refusal, refusal_code, blocks) = (None, None, None, None);
    Ok(Checked { plan, job_cap: None, module, author, budget: Vec::new(), refusal, refusal_code, hints, blocks })
}

/// The component's digest, if it is good: if it compiles.
fn good(
    request: &Check,
    compile: impl FnOnce(&[u8]) -> Result<(), UseCaseError>,
) -> Result<Option<Digest>, UseCaseError> {
    let Some(module) = &request.module else { return Ok(None) };
    compile(module.bytes())?;
    Ok(Some(*module.digest()))
}
