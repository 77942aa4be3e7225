//! `unseen job try`: the real runtime and core on synthetic twins, on the analyst's own machine. Here,
//! and only here, logs and traps are shown, for there is nothing to hide.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use chrono::Utc;
use serde_json::json;
use unseen_core::release::{Release, SealedRelease};
use unseen_core::seed::{NoiseKey, Run as RunIdentity};
use unseen_data::import::{ImportOptions, import};
use unseen_data::snapshot::SnapshotDir;
use unseen_data::{BlockKey, Description, LabDataKey, Snapshot};
use unseen_ids::JobId;
use unseen_lab::LabError;
use unseen_policies::event::{Record, Released};
use unseen_policies::manifest::Manifest;
use unseen_policies::plan::Plan;
use unseen_runtime::Failure;
use unseen_tlog::SigningKey;
use unseen_worker::code::{Code, Metered};
use unseen_worker::process::seal;
use unseen_worker::rows::{ReferenceTables, Rows};
use unseen_worker::run::{Run, Watch, run as run_rounds};

use super::{Outcome, read_text};
use crate::shown;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, facts, table};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Runs a job on the twins in a folder.
pub fn run(manifest: &Manifest, file: &str, component: &[u8], twins: &Path, seed: u64) -> Outcome {
    let (snapshots, references) = import_twins(manifest, twins)?;
    let plan = Plan::new(manifest, &references).map_err(|error| format!("{file}: {error}"))?;
    let code = Code::compile(component, manifest, &plan)?;
    let roots: Vec<_> = snapshots.iter().map(Snapshot::root).collect();
    let rows = Rows::new(manifest, snapshots, &references)?;
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    let noise = NoiseKey::new(secret);
    let identity = RunIdentity { origin: "try", entry: 0, leaf: [0; 32], snapshots: &roots };
    let watch = Failures::default();
    let metered = Metered::new(&code);
    let outcome = run_rounds(&Run {
        plan: &plan,
        guest: &metered,
        rows: &rows,
        seed: &|round| noise.round_seed(&identity, round),
        block_key: BlockKey::new(&secret)?,
        threads: 1,
        watch: &watch,
    });
    let failures = watch.0.into_inner().unwrap_or_default();
    let outcome = outcome.map_err(|error| format!("{error}{}", shown_failures(&failures)))?;
    let release = open_trial(seal(JobId(0), 0, &plan, outcome)?)?;
    let body = release.body();
    let most = metered.most();
    let proposed = proposed_fuel(most);
    let text = format!(
        "{}\n{}{}{}",
        tr("This is a trial on synthetic rows: the numbers mean nothing."),
        shown::release(body),
        shown_failures(&failures),
        shown_fuel(most, plan.limits.fuel)
    );
    let failed: Vec<_> = failures.iter().map(|(text, count)| json!({ "grains": count, "failure": text })).collect();
    let fuel = json!({ "limit": plan.limits.fuel, "most": most, "proposed": proposed });
    Ok(Answer::new(json!({ "trial": body, "failures": failed, "fuel": fuel }), text))
}

/// Twice the most that a grain took, since real units may have more rows than a twin's: the first two digits,
/// rounded up. None where the lab's own code ran.
fn proposed_fuel(most: u64) -> Option<u64> {
    let twice = most.saturating_mul(2);
    let step = 10_u64.pow(twice.checked_ilog10()?.saturating_sub(1));
    twice.div_ceil(step).checked_mul(step)
}

fn shown_fuel(most: u64, limit: u64) -> String {
    let Some(proposed) = proposed_fuel(most) else { return String::new() };
    let used = facts(&[("Fuel of the hungriest grain", format!("{most} / {limit}"))]);
    if most >= limit {
        return format!("\n\n{used}{}", tr("A grain used it all: raise limits.fuel in job.toml and try again."));
    }
    // The slot of the run is as long as this limit lets it be.
    format!("\n\n{used}{}", facts(&[("Proposed for job.toml, in [limits]", format!("fuel = {proposed}"))]))
}

/// A release opens only with the proof that the log announces it, so a trial has a log too: one entry,
/// signed by a key that is thrown away.
fn open_trial(sealed: SealedRelease) -> Fallible<Release> {
    let body = sealed.digest();
    let event = Released { job: JobId(0), run: 0, run_leaf: body, approvals: Vec::new(), body };
    let record = Record { log: "try".to_owned(), time: Utc::now(), nonce: "0".to_owned(), event: event.into() };
    let entry = unseen_entries::sign::sign(&record, &SigningKey::generate()?)?;
    let root = unseen_tlog::merkle::leaf_hash(&entry);
    Ok(sealed.open(&entry, 0, 1, &root, &[])?)
}

/// The plan of a job whose datasets are known from twins only.
pub fn plan(manifest: &Manifest, file: &str, twins: &Path) -> Fallible<Plan> {
    let (_, references) = import_twins(manifest, twins)?;
    Plan::new(manifest, &references).map_err(|error| format!("{file}: {error}").into())
}

/// Failures of grains and how many had each.
#[derive(Default)]
struct Failures(Mutex<BTreeMap<String, u64>>);

impl Watch for Failures {
    fn progress(&self, _: u32, _: u32) {}

    fn failed(&self, failure: &Failure) {
        if let Ok(mut seen) = self.0.lock() {
            *seen.entry(failure.to_string()).or_default() += 1;
        }
    }
}

fn shown_failures(failures: &BTreeMap<String, u64>) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let rows = failures.iter().map(|(text, count)| vec![count.to_string(), text.clone()]);
    format!(
        "\n\n{}\n{}",
        tr("Grains that failed and counted as contributing nothing:"),
        table(&[">grains", "why"], rows)
    )
}

/// Imports what the manifest reads, from `NAME.csv` and `NAME.dataset.toml`, into a folder that is
/// gone when this returns: open files are all a scan needs.
fn import_twins(manifest: &Manifest, twins: &Path) -> Fallible<(Vec<Snapshot>, ReferenceTables)> {
    let folder = tempfile::tempdir()?;
    let lab_key = LabDataKey::generate()?;
    let (mut snapshots, mut references) = (Vec::new(), ReferenceTables::default());
    for name in manifest.datasets() {
        let described = twins.join(format!("{name}.dataset.toml"));
        let text = read_text(&described).map_err(|_| {
            format!(
                "there is no twin of `{name}` in {}: make one with `unseen twin {name} --out {}`",
                twins.display(),
                twins.display()
            )
        })?;
        let description = Description::parse(&text).map_err(|error| format!("{}: {error}", described.display()))?;
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
