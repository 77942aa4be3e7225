//! A job tried on synthetic twins, with the real runtime and core, on the analyst's own machine. Here, and only
//! here, failures are shown, for there is nothing to hide.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::Utc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_core::release::{Release, SealedRelease};
use unseen_core::seed::{NoiseKey, RunIdentity};
use unseen_data::import::{ImportOptions, import};
use unseen_data::snapshot::SnapshotDir;
use unseen_data::twin::MADE_UP;
use unseen_data::{BlockKey, Description, LabDataKey, Snapshot};
use unseen_ids::{Answer, JobId};
use unseen_lab::LabError;
use unseen_policies::Rational;
use unseen_policies::event::{Record, Released};
use unseen_policies::manifest::Manifest;
use unseen_policies::plan::{Noise, Plan};
use unseen_runtime::Failure;
use unseen_texts::{Sentence, text};
use unseen_tlog::SigningKey;
use unseen_worker::code::{Code, CodeError, Metered, Use};
use unseen_worker::kept::Kept;
use unseen_worker::process::seal;
use unseen_worker::rows::{ReferenceTables, Rows};
use unseen_worker::run::{RunInputs, Watch, run};
use unseen_worker::{fit, ready_made};

pub use crate::error::Failed;
use crate::error::UseCaseError;
use crate::release::Numbers;
use crate::tally::{Tallied, Tally};
use crate::wire::as_base64;

/// Try a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Try {
    /// What errors call the manifest: the file it was read from.
    pub name: String,
    /// The text of `job.toml`.
    pub manifest: String,
    /// The component, in base64.
    #[serde(with = "as_base64")]
    #[schemars(with = "String")]
    pub module: Vec<u8>,
    /// The folder of twins.
    pub twins: PathBuf,
    /// Seed of the noise, which is not secret here.
    pub seed: u64,
    /// Whether to leave the noise out, so that only clamping and rounding are seen.
    #[serde(default)]
    pub no_noise: bool,
}

/// What a trial gave. Its numbers mean nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// As a release would be.
    #[serde(flatten)]
    pub numbers: Numbers,
    /// What the lab would drop and change.
    pub tally: Tally,
    /// Grains that failed, and so counted as contributing nothing.
    pub failed: Vec<Failed>,
    /// How much fuel grains took.
    pub fuel: Fuel,
}

/// Fuel of a trial.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fuel {
    /// What a grain may use, by the manifest.
    pub limit: u64,
    /// The most that one took; 0 of the lab's own code.
    pub most: u64,
    /// What the manifest might say: twice the most, rounded up; null for the lab's own code.
    pub proposed: Option<u64>,
}

impl Answer for Trial {
    const NAME: &str = "trial/v1";
}

/// Runs a job on the twins in a folder; what is compiled is kept there, where that is said.
pub fn trial(request: &Try, kept: Option<&Kept>) -> Result<Trial, UseCaseError> {
    let manifest = parse(&request.name, &request.manifest)?;
    let (snapshots, references) = import_twins(&manifest, &request.twins)?;
    let mut plan = planned(&manifest, &request.name, &references, &request.twins)?;
    if request.no_noise {
        leave_noise_out(&mut plan);
    }
    let code = compiled(&request.module, &manifest, &plan, kept)?;
    let roots: Vec<_> = snapshots.iter().map(Snapshot::root).collect();
    let rows = Rows::new(&manifest, snapshots, &references)?;
    if ready_made::is_one(&request.module) {
        fit::ready_made(&manifest, &plan, &|name| description(&request.twins, name).ok().map(|(found, _)| found))
            .map_err(LabError::Unfit)?;
    }
    let code = code.reading(&rows)?;
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&request.seed.to_le_bytes());
    let noise = NoiseKey::new(secret);
    let identity = RunIdentity { origin: "try", entry: 0, leaf: [0; 32], snapshots: &roots };
    let watch = Failures::default();
    let metered = Metered::new(&code);
    let tallied = Tallied::new(&metered, &plan);
    let outcome = run(&RunInputs {
        plan: &plan,
        guest: &tallied,
        rows: &rows,
        seed: &|round| noise.round_seed(&identity, round),
        block_key: BlockKey::new(&secret)?,
        threads: 1,
        watch: &watch,
    });
    let (failed, tally) = (watch.found(), tallied.found());
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Err(UseCaseError::Trial { error, failed }),
    };
    let release = open(seal(JobId(0), 0, &plan, outcome)?)?;
    let numbers = Numbers::new(&manifest, release.body().clone());
    let most = metered.most();
    let fuel = Fuel { limit: plan.limits.fuel, most, proposed: proposed_fuel(most) };
    Ok(Trial { numbers, tally, failed, fuel })
}

/// A component, compiled for synthetic rows; as it is kept, where it is.
pub(crate) fn compiled(
    component: &[u8],
    manifest: &Manifest,
    plan: &Plan,
    kept: Option<&Kept>,
) -> Result<Code, CodeError> {
    match kept {
        Some(kept) => kept.code(component, manifest, plan, Use::Trials).map(|(code, _)| code),
        None => Code::compile(component, manifest, plan, Use::Trials),
    }
}

/// Reads a manifest; `file` is named in errors.
pub(crate) fn parse(file: &str, text: &str) -> Result<Manifest, LabError> {
    Manifest::parse(text).map_err(|error| LabError::Manifest { file: file.to_owned(), error })
}

/// The plan of a job whose datasets are known from twins only.
pub(crate) fn plan(manifest: &Manifest, file: &str, twins: &Path) -> Result<Plan, UseCaseError> {
    let (_, references) = import_twins(manifest, twins)?;
    planned(manifest, file, &references, twins)
}

fn planned(manifest: &Manifest, file: &str, references: &ReferenceTables, twins: &Path) -> Result<Plan, UseCaseError> {
    Plan::new(manifest, references).map_err(|error| {
        let error = LabError::Manifest { file: file.to_owned(), error };
        // Which groups there are may hang on keys that only the table's own rows have.
        let is_made_up = |name: &&str| description(twins, name).is_ok_and(|(_, text)| text.starts_with(MADE_UP));
        match manifest.datasets().into_iter().find(is_made_up) {
            Some(table) => {
                let (why, folder) = (Sentence::of(&error), twins.to_owned());
                UseCaseError::MadeUpTable { why, table: table.to_owned(), folder }
            }
            None => error.into(),
        }
    })
}

/// Synthetic rows need no protection.
fn leave_noise_out(plan: &mut Plan) {
    let none = Noise::Laplace { scale: Rational::from_integer(0.into()) };
    for value in plan.outputs.iter_mut().flat_map(|output| &mut output.values) {
        value.noise.fill(none.clone());
    }
}

/// Twice the most that a grain took, since real units may have more rows than a twin's: the first two digits,
/// rounded up. None where the lab's own code ran.
fn proposed_fuel(most: u64) -> Option<u64> {
    let twice = most.saturating_mul(2);
    let step = 10_u64.pow(twice.checked_ilog10()?.saturating_sub(1));
    twice.div_ceil(step).checked_mul(step)
}

/// A release opens only with the proof that the log announces it, so a trial has a log too: one entry,
/// signed by a key that is thrown away.
fn open(sealed: SealedRelease) -> Result<Release, UseCaseError> {
    let body = sealed.digest();
    let event = Released { job: JobId(0), run: 0, run_leaf: body, approvals: Vec::new(), body };
    let record = Record { log: "try".to_owned(), time: Utc::now(), nonce: "0".to_owned(), event: event.into() };
    let entry = unseen_entries::sign::sign(&record, &SigningKey::generate()?)?;
    let root = unseen_tlog::merkle::leaf_hash(&entry);
    Ok(sealed.open(&entry, 0, 1, &root, &[])?)
}

/// So many are told apart: what a panic says may differ from grain to grain.
const MOST_FAILURES: usize = 8;

/// Failures of grains and how many had each.
#[derive(Default)]
struct Failures(Mutex<BTreeMap<Sentence, u64>>);

impl Failures {
    fn found(self) -> Vec<Failed> {
        let found = self.0.into_inner().unwrap_or_default();
        found.into_iter().map(|(failure, grains)| Failed { grains, failure }).collect()
    }
}

impl Watch for Failures {
    fn progress(&self, _: u32, _: u32) {}

    fn failed(&self, failure: &Failure) {
        if let Ok(mut seen) = self.0.lock() {
            let failure = Sentence::of(failure);
            let others = seen.len() >= MOST_FAILURES && !seen.contains_key(&failure);
            let failure = if others { text!("in other ways", "其他原因").into() } else { failure };
            *seen.entry(failure).or_default() += 1;
        }
    }
}

/// A twin's description, and its text.
pub(crate) fn description(twins: &Path, name: &str) -> Result<(Description, String), UseCaseError> {
    let file = twins.join(format!("{name}.dataset.toml"));
    let text = std::fs::read_to_string(&file)
        .map_err(|_| UseCaseError::NoTwin { dataset: name.to_owned(), folder: twins.to_owned() })?;
    let parsed = Description::parse(&text)
        .map_err(|error| UseCaseError::Description { file: file.display().to_string(), error })?;
    Ok((parsed, text))
}

/// Imports what the manifest reads, from `NAME.csv` and `NAME.dataset.toml`, into a folder that is
/// gone when this returns: open files are all a scan needs.
fn import_twins(manifest: &Manifest, twins: &Path) -> Result<(Vec<Snapshot>, ReferenceTables), UseCaseError> {
    let folder = tempfile::tempdir().map_err(LabError::io(std::env::temp_dir()))?;
    let lab_key = LabDataKey::generate()?;
    let (mut snapshots, mut references) = (Vec::new(), ReferenceTables::default());
    for name in manifest.datasets() {
        let (description, text) = description(twins, name)?;
        let place = folder.path().join(name);
        let options = ImportOptions { buckets: 4, ..ImportOptions::new(Utc::now()) };
        let rows = twins.join(format!("{name}.csv"));
        let imported = import(&rows, &description, &text, &place, &lab_key, &options, &mut |_| ())
            .map_err(|error| LabError::import(&rows, error))?;
        let snapshot = SnapshotDir::open(&place, Some(imported.root))?;
        if description.unit.is_some() {
            let key = snapshot.data_key(&lab_key)?;
            snapshots.push(snapshot.into_snapshot(&key)?);
        } else {
            references.0.push(snapshot.into_reference()?);
        }
    }
    Ok((snapshots, references))
}
