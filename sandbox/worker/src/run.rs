//! One run: grains -> guest -> contributions -> totals -> noise, round after round.
//!
//! The result depends on the plan, the guest, the rows and the seeds only: not on threads, nor on
//! the order in which buckets are read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use unseen_core::contributions::{Clamper, RawContribution};
use unseen_core::noise::NoiseError;
use unseen_core::order::{Buckets, OneGrain, OutOfOrder};
use unseen_core::release::{Derived, NoisyTotals, ReleaseError};
use unseen_core::seed::RoundSeed;
use unseen_core::totals::{ExactTotals, RoundNoise};
use unseen_data::{BlockGatherer, BlockKey, Grain, GrainLimits, ScanError};
use unseen_ids::KeyRef;
use unseen_policies::Plan;
use unseen_policies::manifest::GrainKind;
use unseen_runtime as runtime;
use unseen_texts::Say;

use crate::guest::{Guest, Verdict, overlarge, with_runtime_tables};
use crate::rows::Rows;
use crate::totals::Groups;

/// Who looks on. What it is told depends on raw rows, so a real run has nobody here but a count
/// of buckets for the operator.
pub trait Watch: Sync {
    /// `done` of `all` steps of the whole run.
    fn progress(&self, done: u32, all: u32);

    /// A grain contributed nothing because its call failed.
    fn failed(&self, failure: &runtime::Failure);
}

/// What a run needs.
pub struct RunInputs<'a, G> {
    /// The plan.
    pub plan: &'a Plan,
    /// The code.
    pub guest: &'a G,
    /// The rows.
    pub rows: &'a Rows,
    /// The seed of each round's noise.
    pub seed: &'a (dyn Fn(u32) -> RoundSeed + Sync),
    /// Deals units into blocks.
    pub block_key: BlockKey,
    /// How many threads; the result does not depend on it.
    pub threads: usize,
    /// Who looks on.
    pub watch: &'a dyn Watch,
}

/// What a run leaves: noised, and therefore free to go.
pub struct Outcome {
    /// The noised totals of every round.
    pub rounds: Vec<NoisyTotals>,
    /// The tables that `advance` made of them.
    pub derived: Vec<Derived>,
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error, Say)]
#[code("run")]
pub enum RunError {
    /// The rows cannot be read, or are not what was registered.
    #[error("the rows cannot be read: {0}")]
    #[zh("无法读取数据行：{0}")]
    Rows(#[from] ScanError),
    /// The rows are not in the order that the guarantee rests on.
    #[error("the rows cannot be read: {0}")]
    #[zh("无法读取数据行：{0}")]
    Order(#[from] OutOfOrder),
    /// The host failed in the middle of a grain: the run can be resumed.
    #[error("{0}")]
    Host(runtime::Failure),
    /// `advance` failed. It sees noised totals only, so that may be told.
    #[error("the job's `advance` failed in round {round}: {failure}")]
    #[zh("作业的 `advance` 在第 {round} 轮失败：{failure}")]
    Advance {
        /// The round, from 0.
        round: u32,
        /// What it said.
        failure: runtime::Failure,
    },
    /// The plan asks for noise that cannot be drawn.
    #[error("the noise cannot be drawn: {0}")]
    #[zh("无法生成噪声：{0}")]
    Noise(#[from] NoiseError),
    /// The totals do not fit the plan.
    #[error("{0}")]
    Release(#[from] ReleaseError),
}

/// Runs all rounds.
pub fn run<G: Guest>(run: &RunInputs<'_, G>) -> Result<Outcome, RunError> {
    let rounds = run.plan.rounds;
    // All noise comes before the first row, so that no sampler's time can tell anything.
    let mut noise =
        (0..rounds).map(|round| RoundNoise::draw(run.plan, (run.seed)(round))).collect::<Result<Vec<_>, _>>()?;
    noise.reverse();
    let mut outcome = Outcome { rounds: Vec::new(), derived: Vec::new() };
    let (mut state, mut groups) = (Vec::new(), None);
    for round in 0..rounds {
        let Some(mut noise) = noise.pop() else { break };
        let noisy = one_round(run, round, &state, &mut noise)?.noise(noise);
        let totals = noisy.as_f64(run.plan)?;
        let groups = groups.get_or_insert_with(|| Groups::new(run.plan));
        let verdict = groups.show(&totals, |totals| run.guest.advance(round, &state, totals));
        outcome.rounds.push(noisy);
        match verdict {
            None => {}
            Some(Ok(Verdict::Next(next))) => state = next,
            Some(Ok(Verdict::Done(tables))) => {
                outcome.derived = tables;
                break;
            }
            Some(Err(failure @ runtime::Failure::Host(_))) => return Err(RunError::Host(failure)),
            Some(Err(failure)) => return Err(RunError::Advance { round, failure }),
        }
    }
    Ok(outcome)
}

/// The exact totals of one round over all grains.
fn one_round<G: Guest>(
    run: &RunInputs<'_, G>,
    round: u32,
    state: &[f64],
    noise: &mut RoundNoise,
) -> Result<ExactTotals, RunError> {
    match run.plan.grain {
        GrainKind::Unit => units(run, round, state, noise),
        GrainKind::Blocks { count } => blocks(run, round, count, state, noise),
    }
}

fn units<G: Guest>(
    run: &RunInputs<'_, G>,
    round: u32,
    state: &[f64],
    noise: &mut RoundNoise,
) -> Result<ExactTotals, RunError> {
    let buckets = run.rows.buckets();
    let walk = noise.units(buckets)?;
    in_parallel(run, buckets, noise, (round * buckets, run.plan.rounds * buckets), |bucket, tally| {
        let mut grains = run.rows.open(bucket, limits(run.plan))?;
        let mut order = walk.bucket(bucket)?;
        while let Some(grain) = grains.next()? {
            let leave = order.next(grain.unit().as_bytes())?;
            tally.grain(run, leave, grain, state)?;
        }
        Ok(())
    })
}

/// What a grain is shown of a unit: as public as the manifest.
fn limits(plan: &Plan) -> GrainLimits {
    GrainLimits { rows: plan.limits.rows, bytes: plan.limits.memory }
}

fn blocks<G: Guest>(
    run: &RunInputs<'_, G>,
    round: u32,
    count: u32,
    state: &[f64],
    noise: &mut RoundNoise,
) -> Result<ExactTotals, RunError> {
    let passes = run.rows.passes(run.plan);
    let walk = noise.blocks(count)?;
    let mut totals = ExactTotals::zero(noise);
    for first in (0..count).step_by(count.div_ceil(passes) as usize) {
        let range = first..count.min(first + count.div_ceil(passes));
        let mut gatherer =
            BlockGatherer::new(run.block_key.clone(), count, range.clone(), &run.rows.inputs(), limits(run.plan))?;
        let units = Buckets::gathering(run.rows.buckets());
        for bucket in 0..run.rows.buckets() {
            let (mut grains, mut order) = (run.rows.open(bucket, limits(run.plan))?, units.bucket(bucket)?);
            while let Some(unit) = grains.next()? {
                // It is in its one block whole; that block is what is added.
                drop(order.next(unit.unit().as_bytes())?);
                gatherer.absorb(unit)?;
            }
        }
        let gathered = gatherer.finish();
        let steps = (round * count + first, run.plan.rounds * count);
        let part = in_parallel(run, range.len() as u32, noise, steps, |block, tally| {
            tally.grain(run, walk.block(range.start + block)?, gathered[block as usize].grain(), state)
        })?;
        totals = totals.merge(part);
    }
    Ok(totals)
}

/// Does `task` for every number below `count` on the run's threads, each with a tally of its own,
/// and adds the tallies up.
fn in_parallel<'p, G: Guest>(
    run: &RunInputs<'p, G>,
    count: u32,
    noise: &RoundNoise,
    (done_before, all): (u32, u32),
    task: impl Fn(u32, &mut Tally<'p>) -> Result<(), RunError> + Sync,
) -> Result<ExactTotals, RunError> {
    let (next, done, stop) = (AtomicU32::new(0), AtomicU32::new(done_before), AtomicBool::new(false));
    let total = Mutex::new(Ok(ExactTotals::zero(noise)));
    let work = || {
        let mut tally = Tally { clamper: Clamper::new(run.plan), totals: ExactTotals::zero(noise) };
        let outcome = loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || stop.load(Ordering::Relaxed) {
                break Ok(());
            }
            if let Err(error) = task(number, &mut tally) {
                stop.store(true, Ordering::Relaxed);
                break Err(error);
            }
            run.watch.progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
        };
        let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sum = std::mem::replace(&mut *total, Ok(ExactTotals::zero(noise)));
        *total = sum.and_then(|sum| outcome.map(|()| sum.merge(tally.totals)));
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..run.threads).map(|_| scope.spawn(work)).collect();
        work();
        drop(threads);
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One thread's totals.
struct Tally<'p> {
    clamper: Clamper<'p>,
    totals: ExactTotals,
}

impl Tally<'_> {
    /// Runs the guest on one grain and adds what it may contribute.
    fn grain<G: Guest>(
        &mut self,
        run: &RunInputs<'_, G>,
        leave: OneGrain,
        grain: Grain<'_>,
        state: &[f64],
    ) -> Result<(), RunError> {
        if grain.overlarge() {
            run.watch.failed(&overlarge());
            return Ok(());
        }
        match with_runtime_tables(grain, |tables| run.guest.contribute(tables, state)) {
            Ok(answer) => {
                let mut grain = self.clamper.grain();
                let mut keys = Vec::new();
                for item in &answer {
                    keys.clear();
                    keys.extend(item.group.iter().map(|key| match key {
                        runtime::Key::Int(number) => KeyRef::Int(*number),
                        runtime::Key::Text(text) => KeyRef::Text(text),
                    }));
                    grain.push(RawContribution { output: item.output, group: &keys, values: &item.values });
                }
                self.totals.add(leave, grain.finish());
            }
            Err(failure @ runtime::Failure::Host(_)) => return Err(RunError::Host(failure)),
            // Whatever a guest does to itself counts as contributing nothing.
            Err(failure) => run.watch.failed(&failure),
        }
        Ok(())
    }
}
