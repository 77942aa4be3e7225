//! One run: grains -> guest -> contributions -> totals -> noise, round after round.
//!
//! The result depends on the plan, the guest, the rows and the seeds only: not on threads, nor on
//! the order in which buckets are read.

use std::ops::Range;

use unseen_core::contributions::{Clamper, Contributions, RawContribution};
use unseen_core::coverage::Expected;
use unseen_core::order::{Round, UnitOrder};
use unseen_core::release::{Derived, NoisyTotals};
use unseen_core::seed::RoundSeed;
use unseen_core::totals::{ExactTotals, PartialTotals, RoundNoise};
use unseen_data::{BlockGatherer, BlockKey, Grain, GrainLimits};
use unseen_policies::Plan;
use unseen_policies::manifest::GrainKind;
use unseen_runtime as runtime;

use crate::guest::{Guest, Verdict, key_ref, overlarge, with_runtime_tables};
use crate::parallel::{counted, in_parallel};
use crate::rows::Rows;
pub use crate::run_error::RunError;
use crate::totals::Groups;

/// Who looks on. What it is told depends on raw rows, so a real run has nobody here but a count
/// of buckets for the operator.
pub trait Watch: Sync {
    /// `done` of `all` steps of the whole run.
    fn progress(&self, done: u32, all: u32);

    /// A grain contributed nothing because its call failed.
    fn failed(&self, failure: &runtime::Failure);
}

/// What a run needs of the rounds, wherever their grains are run.
pub struct Rounds<'a, G> {
    /// The plan.
    pub plan: &'a Plan,
    /// The code, whose `advance` is run.
    pub guest: &'a G,
    /// The seed of each round's noise.
    pub seed: &'a (dyn Fn(u32) -> RoundSeed + Sync),
    /// What the pieces of each round must come to.
    pub expected: Expected,
}

/// What is needed to run grains.
pub struct Grains<'a, G> {
    /// The plan.
    pub plan: &'a Plan,
    /// The code, whose `contribute` is run.
    pub guest: &'a G,
    /// The rows.
    pub rows: &'a Rows,
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

/// Runs all rounds on this machine.
pub fn run<G: Guest>(rounds: Rounds<'_, G>, grains: &Grains<'_, G>) -> Result<Outcome, RunError> {
    let pieces = rounds.expected.pieces();
    rounds.run(|round, number, state, totals| {
        let part = grains.part(round, state, 0..pieces, (number * pieces, grains.plan.rounds * pieces))?;
        totals.absorb(part)?;
        Ok(())
    })
}

impl<G: Guest> Rounds<'_, G> {
    /// Runs all rounds. For each, `gather` is told the round, its number and its state, and gives the totals of all its
    /// pieces, wherever they were made.
    pub fn run(
        self,
        mut gather: impl FnMut(&Round, u32, &[f64], &mut ExactTotals) -> Result<(), RunError>,
    ) -> Result<Outcome, RunError> {
        let Rounds { plan, guest, seed, expected } = self;
        // All noise comes before the first row, so that no sampler's time can tell anything.
        let noise = (0..plan.rounds).map(|round| RoundNoise::draw(plan, seed(round), expected.pieces()));
        let noise: Vec<RoundNoise> = noise.collect::<Result<_, _>>()?;
        let mut outcome = Outcome { rounds: Vec::new(), derived: Vec::new() };
        let (mut state, groups) = (Vec::new(), Groups::new(plan));
        for (round, noise) in (0..).zip(noise) {
            let mut totals = ExactTotals::zero(&noise, expected.clone());
            gather(noise.round(), round, &state, &mut totals)?;
            let noisy = totals.complete()?.noise(noise);
            let totals = noisy.as_f64(plan)?;
            let verdict = groups.show(&totals, |totals| guest.advance(round, &state, totals));
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
}

/// What a grain is shown of a unit: as public as the manifest.
fn limits(plan: &Plan) -> GrainLimits {
    GrainLimits { rows: plan.limits.rows, bytes: plan.limits.memory }
}

impl<G: Guest> Grains<'_, G> {
    /// The totals of some pieces of one round: of buckets, or of blocks. So many steps of so many were done before.
    pub fn part(
        &self,
        round: &Round,
        state: &[f64],
        pieces: Range<u32>,
        steps: (u32, u32),
    ) -> Result<PartialTotals, RunError> {
        let (done, all) = steps;
        let done = |pieces| self.watch.progress(done + pieces, all);
        match self.plan.grain {
            GrainKind::Unit => in_parallel(self.threads, round, pieces, &done, &|buckets, totals| {
                let mut clamper = Clamper::new(self.plan);
                for bucket in buckets {
                    let mut grains = self.rows.open(bucket, limits(self.plan))?;
                    let mut units = totals.bucket(bucket)?;
                    while let Some(grain) = grains.next()? {
                        let leave = units.next(grain.unit().as_bytes())?;
                        let _ = self.contributions(&mut clamper, grain, state)?.map(|grain| leave.add(grain));
                    }
                    units.finish(counted(&grains.counted()));
                }
                Ok(())
            }),
            GrainKind::Blocks { count } => {
                let most = count.div_ceil(self.rows.passes(self.plan));
                let mut totals = PartialTotals::zero(round);
                for first in pieces.clone().step_by(most as usize) {
                    let range = first..pieces.end.min(first + most);
                    totals.merge(
                        self.blocks(round, count, range, state, &|blocks| done(first - pieces.start + blocks))?,
                    )?;
                }
                Ok(totals)
            }
        }
    }

    /// Some blocks, gathered in one walk over all units.
    fn blocks(
        &self,
        round: &Round,
        count: u32,
        range: Range<u32>,
        state: &[f64],
        done: &(dyn Fn(u32) + Sync),
    ) -> Result<PartialTotals, RunError> {
        let (inputs, limits) = (self.rows.inputs(), limits(self.plan));
        let mut gatherer = BlockGatherer::new(self.block_key.clone(), count, range.clone(), &inputs, limits)?;
        for bucket in 0..self.rows.buckets() {
            let (mut grains, mut order) =
                (self.rows.open(bucket, limits)?, UnitOrder::new(bucket, self.rows.buckets()));
            while let Some(unit) = grains.next()? {
                // It is in its one block whole; that block is what is added.
                order.next(unit.unit().as_bytes())?;
                gatherer.absorb(unit)?;
            }
        }
        let gathered = gatherer.finish();
        in_parallel(self.threads, round, range.clone(), done, &|blocks, totals| {
            let mut clamper = Clamper::new(self.plan);
            for block in blocks {
                let gathered = &gathered[(block - range.start) as usize];
                let leave = totals.block(block, counted(gathered.counted()))?;
                let _ = self.contributions(&mut clamper, gathered.grain(), state)?.map(|grain| leave.add(grain));
            }
            Ok(())
        })
    }

    /// What the guest contributes for one grain; nothing when its call fails.
    fn contributions<'c>(
        &self,
        clamper: &'c mut Clamper<'_>,
        grain: Grain<'_>,
        state: &[f64],
    ) -> Result<Option<&'c Contributions>, RunError> {
        if grain.overlarge() {
            self.watch.failed(&overlarge());
            return Ok(None);
        }
        match with_runtime_tables(grain, |tables| self.guest.contribute(tables, state)) {
            Ok(answer) => {
                let mut grain = clamper.grain();
                let mut keys = Vec::new();
                for item in &answer {
                    keys.clear();
                    keys.extend(item.group.iter().map(key_ref));
                    grain.push(RawContribution { output: item.output, group: &keys, values: &item.values });
                }
                Ok(Some(grain.finish()))
            }
            Err(failure @ runtime::Failure::Host(_)) => Err(RunError::Host(failure)),
            // Whatever a guest does to itself counts as contributing nothing.
            Err(failure) => {
                self.watch.failed(&failure);
                Ok(None)
            }
        }
    }
}
