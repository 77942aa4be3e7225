//! The path of a number through the product: manifest, plan, clamp, totals, noise, body. One [`Stages`] stands beside
//! it, each of whose members can change what goes into or comes out of one stage; those of the product change nothing.

use std::error::Error;

use num_traits::Zero;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use unseen_core::coverage::{Counted, Expected};
use unseen_core::release::ReleasedOutput;
use unseen_core::{
    Clamper, ExactTotals, NoiseKey, NoisyTotals, PartialTotals, RawContribution, Round, RoundNoise, RoundSeed,
    RunIdentity,
};
use unseen_ids::{Key, KeyRef, sha256};
use unseen_policies::approximate::to_f64;
use unseen_policies::manifest::GrainKind;
use unseen_policies::plan::{Noise, References};
use unseen_policies::{Manifest, Plan, Rational};

use crate::seen::Seen;

/// What may go wrong on the way.
pub type Failure = Box<dyn Error + Send + Sync>;

/// One item of an answer, as a guest says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Index of the output.
    pub output: u32,
    /// The key, where the output has a key column.
    pub group: Option<i64>,
    /// One number for each value, if the guest is honest.
    pub values: Vec<f64>,
}

/// What a guest says of one grain.
pub type Answer = Vec<Item>;

/// When a guest is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Whether the one unit is in the data.
    pub with: bool,
    /// Rounds before this one, over all jobs.
    pub step: usize,
    /// The state, which is what the releases before led to.
    pub mode: usize,
}

/// Two neighbours, and the adversary who wants to tell them apart.
pub struct Case {
    /// For people.
    pub name: &'static str,
    /// Manifests, run one after another.
    pub jobs: Vec<String>,
    /// How many states there are; the first is 0.
    pub modes: usize,
    /// The answers, grain by grain: the guest and the rows in one.
    pub answers: Box<dyn Fn(Ask) -> Vec<Answer> + Send + Sync>,
    /// The next state, from the state and what was released of a round: the guest's `advance`, or between jobs the
    /// analyst.
    pub advance: fn(mode: usize, step: usize, released: &[f64]) -> usize,
    /// From how many releases on the bound must come near the claim; never, where the claim is more than the adversary
    /// can lose, or than so many releases can show.
    pub tight_from: u64,
}

/// Where the noise of a round comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which repetition.
    pub trial: u64,
    /// In which of the two worlds.
    pub with: bool,
    /// Index of the job.
    pub job: usize,
    /// Round of the job.
    pub round: u32,
}

/// Changes noised totals, having seen the totals without noise and the width of the noise, all in steps.
pub type Noised = fn(exact: &[i128], widths: &[f64], cells: &mut [i128]);

/// What could be changed between the stages.
#[derive(Clone, Copy)]
pub struct Stages {
    /// The plan that answers are clamped by.
    pub clamp: fn(&Manifest, &mut Plan),
    /// The plan that noise is drawn by.
    pub noise: fn(&Manifest, &mut Plan),
    /// Answers, each of which counts as one grain.
    pub grains: fn(Vec<Answer>) -> Vec<Answer>,
    /// The seed.
    pub seed: fn(Source) -> Source,
    /// Noised totals.
    pub noised: Option<Noised>,
    /// A number in the body, from its exact total and the width of its noise, all in steps.
    pub float: Option<fn(f64, f64, &mut ChaCha20Rng) -> f64>,
    /// Whether the state is computed of totals without noise.
    pub exact_state: bool,
    /// What is charged, from what the jobs cost.
    pub charge: fn(&[f64]) -> f64,
}

/// The product: nothing is changed.
pub const PRODUCT: Stages = Stages {
    clamp: |_, _| {},
    noise: |_, _| {},
    grains: |answers| answers,
    seed: |source| source,
    noised: None,
    float: None,
    exact_state: false,
    charge: |costs| costs.iter().sum(),
};

/// A case made ready to be run.
pub struct Path<'c> {
    case: &'c Case,
    stages: Stages,
    key: NoiseKey,
    /// The jobs, in order.
    pub jobs: Vec<Job>,
    /// Without and with the unit, then by state, then by step.
    tables: [Vec<Vec<Table>>; 2],
}

/// One job of a case.
pub struct Job {
    /// As the product has it.
    pub plan: Plan,
    /// The step of its first round.
    pub first: usize,
    clamp: Plan,
    noise: Plan,
    leaf: [u8; 32],
    pieces: u32,
}

struct Table {
    grains: Vec<Answer>,
    expected: Expected,
    exact: Vec<i128>,
}

impl<'c> Path<'c> {
    /// Reads the manifests, plans them, and asks the adversary everything it can be asked.
    pub fn new(case: &'c Case, stages: Stages, key: [u8; 32]) -> Result<Path<'c>, Failure> {
        let mut path = Path { case, stages, key: NoiseKey::new(key), jobs: Vec::new(), tables: [vec![], vec![]] };
        let mut first = 0;
        for text in &case.jobs {
            let manifest = Manifest::parse(text)?;
            let plan = Plan::new(&manifest, &NoTables)?;
            let (mut clamp, mut noise) = (plan.clone(), plan.clone());
            (stages.clamp)(&manifest, &mut clamp);
            (stages.noise)(&manifest, &mut noise);
            let rounds = plan.rounds as usize;
            path.jobs.push(Job { plan, first, clamp, noise, leaf: sha256(&[text.as_bytes()]), pieces: 1 });
            first += rounds;
        }
        for with in [false, true] {
            let answers =
                |mode| (0..first).map(|step| (stages.grains)((case.answers)(Ask { with, step, mode }))).collect();
            let answers: Vec<Vec<Vec<Answer>>> = (0..case.modes).map(answers).collect();
            for job in path.jobs.iter_mut().filter(|job| job.plan.grain != GrainKind::Unit) {
                let most = answers.iter().flatten().map(Vec::len).max().unwrap_or(1);
                job.pieces = job.pieces.max(most as u32);
            }
            path.tables[usize::from(with)] = answers
                .into_iter()
                .map(|steps| steps.into_iter().enumerate().map(|(step, grains)| path.table(step, grains)).collect())
                .collect::<Result<_, Failure>>()?;
        }
        Ok(path)
    }

    /// Whether anything here can come out otherwise than there.
    pub fn differs(&self, other: &Path<'_>) -> bool {
        let plans = |job: &Job| (job.clamp.digest(), job.noise.digest());
        let exact = |path: &Path<'_>| -> Vec<Vec<i128>> {
            path.tables.iter().flatten().flatten().map(|table| table.exact.clone()).collect()
        };
        // A repetition that no small number of seeds has.
        let sources = (0..self.jobs.len()).flat_map(|job| {
            (0..self.jobs[job].plan.rounds).map(move |round| Source { trial: 999_999, with: false, job, round })
        });
        let costs = vec![1.0; self.jobs.len()];
        self.jobs.iter().map(plans).ne(other.jobs.iter().map(plans))
            || exact(self) != exact(other)
            || sources.into_iter().any(|source| (self.stages.seed)(source) != (other.stages.seed)(source))
            || self.stages.noised.is_some()
            || self.stages.float.is_some()
            || self.stages.exact_state && self.case.modes > 1
            || (self.stages.charge)(&costs) != (other.stages.charge)(&costs)
    }

    /// The totals without noise of a step in a state.
    pub fn exact(&self, with: bool, mode: usize, step: usize) -> &[i128] {
        &self.tables[usize::from(with)][mode][step].exact
    }

    /// All clampers that a thread needs.
    pub fn clampers(&self) -> Vec<Clamper<'_>> {
        self.jobs.iter().map(|job| Clamper::new(&job.clamp)).collect()
    }

    /// Runs all jobs in one world, once: the numbers of each round's body.
    pub fn release(
        &self,
        clampers: &mut [Clamper<'_>],
        with: bool,
        trial: u64,
        bodies: &mut Vec<Vec<Seen>>,
    ) -> Result<(), Failure> {
        bodies.clear();
        let mut mode = 0;
        for (index, (job, clamper)) in self.jobs.iter().zip(clampers).enumerate() {
            // As in `worker::run`: all noise comes before the first grain.
            let noise = (0..job.plan.rounds).map(|round| self.draw(Source { trial, with, job: index, round }));
            let noise: Vec<RoundNoise> = noise.collect::<Result<_, _>>()?;
            for (round, noise) in noise.into_iter().enumerate() {
                let step = job.first + round;
                let table = &self.tables[usize::from(with)][mode][step];
                let mut noisy = job.noisy(clamper, table, noise)?;
                if let Some(change) = self.stages.noised {
                    let mut cells = noisy.steps().to_vec();
                    change(&table.exact, &job.widths(round), &mut cells);
                    noisy = as_noisy(round, &cells)?;
                }
                let mut body = job.body(round, noisy.steps())?;
                if let Some(float) = self.stages.float {
                    let seed = [trial, u64::from(with), step as u64, 0].map(u64::to_le_bytes).concat();
                    let mut rng = ChaCha20Rng::from_seed(sha256(&[&seed]));
                    for ((seen, exact), width) in body.iter_mut().zip(&table.exact).zip(job.widths(round)) {
                        *seen = Seen::OffGrid(float(*exact as f64, width, &mut rng));
                    }
                }
                let shown = match self.stages.exact_state {
                    false => noisy,
                    true => as_noisy(round, &table.exact)?,
                };
                mode = (self.case.advance)(mode, step, &shown.as_f64(&job.plan)?.concat());
                bodies.push(body);
            }
        }
        Ok(())
    }

    /// The state that a reader of the bodies supposes after this one.
    pub fn supposed(&self, job: &Job, mode: usize, step: usize, body: &[Seen]) -> usize {
        let units = job.values().map(|value| to_f64(&value.granularity));
        let released: Vec<f64> = body.iter().zip(units).map(|(seen, unit)| seen.steps() * unit).collect();
        (self.case.advance)(mode, step, &released)
    }

    /// What the noise of a round is drawn from.
    pub fn seed(&self, source: Source) -> RoundSeed {
        let Source { trial, with, job: of, round } = (self.stages.seed)(source);
        let entry = (2 * trial + u64::from(with)) * 16 + of as u64;
        let leaf = self.jobs[of].leaf;
        let run = RunIdentity { origin: "attack.example/log", entry, leaf, snapshots: &[[u8::from(with); 32]] };
        self.key.round_seed(&run, round)
    }

    fn draw(&self, source: Source) -> Result<RoundNoise, Failure> {
        let job = &self.jobs[source.job];
        Ok(RoundNoise::draw(&job.noise, self.seed(source), job.pieces)?)
    }

    fn table(&self, step: usize, mut grains: Vec<Answer>) -> Result<Table, Failure> {
        let job = self.jobs.iter().rev().find(|job| job.first <= step).ok_or("no job has this step")?;
        let expected = match job.plan.grain {
            GrainKind::Unit => Expected::Each(vec![counted(grains.len())]),
            GrainKind::Blocks { .. } => {
                grains.resize(job.pieces as usize, Vec::new());
                Expected::Together { blocks: job.pieces, counted: counted(grains.len()) }
            }
        };
        // What noise of scale 0 is added to is what it was.
        let mut silent = job.plan.clone();
        silent.outputs.iter_mut().flat_map(|output| &mut output.values).for_each(|value| {
            value.noise.fill(Noise::Laplace { scale: Rational::zero() });
        });
        let run = RunIdentity { origin: "", entry: 0, leaf: [0; 32], snapshots: &[] };
        let silence = RoundNoise::draw(&silent, self.key.round_seed(&run, 0), job.pieces)?;
        let mut table = Table { grains, expected, exact: Vec::new() };
        table.exact = job.noisy(&mut Clamper::new(&job.clamp), &table, silence)?.steps().to_vec();
        Ok(table)
    }
}

impl Job {
    /// What each number of a round is a total of.
    pub fn values(&self) -> impl Iterator<Item = &unseen_policies::plan::ValuePlan> {
        self.plan.outputs.iter().flat_map(|output| (0..output.domain.size()).flat_map(|_| &output.values))
    }

    /// Scale or standard deviation of each number's noise, in steps.
    fn widths(&self, round: usize) -> Vec<f64> {
        let width = |noise: &Noise| match noise {
            Noise::Laplace { scale } => to_f64(scale),
            Noise::Gaussian { variance } => to_f64(variance).sqrt(),
        };
        self.values().map(|value| width(&value.noise[round])).collect()
    }

    fn noisy(&self, clamper: &mut Clamper<'_>, table: &Table, noise: RoundNoise) -> Result<NoisyTotals, Failure> {
        let part = self.part(clamper, table, noise.round())?;
        let mut totals = ExactTotals::zero(&noise, table.expected.clone());
        totals.absorb(part)?;
        Ok(totals.complete()?.noise(noise))
    }

    fn part(&self, clamper: &mut Clamper<'_>, table: &Table, round: &Round) -> Result<PartialTotals, Failure> {
        let mut part = PartialTotals::zero(round);
        match self.plan.grain {
            GrainKind::Unit => {
                let mut units = part.bucket(0)?;
                for (unit, answer) in table.grains.iter().enumerate() {
                    let leave = units.next(&unit.to_be_bytes())?;
                    leave.add(clamp(clamper, answer));
                }
                units.finish(counted(table.grains.len()));
            }
            GrainKind::Blocks { .. } => {
                for (block, answer) in (0..).zip(&table.grains) {
                    part.block(block, counted(1))?.add(clamp(clamper, answer));
                }
            }
        }
        Ok(part)
    }

    /// The numbers of a round's body, read back from their texts.
    fn body(&self, round: usize, cells: &[i128]) -> Result<Vec<Seen>, Failure> {
        let (mut seen, mut first) = (Vec::with_capacity(cells.len()), 0);
        for output in &self.plan.outputs {
            let body = ReleasedOutput::new(output, round, &cells[first..]);
            for group in &body.groups {
                for (value, plan) in group.values.iter().zip(&output.values) {
                    seen.push(Seen::read(&value.value, &plan.granularity)?);
                }
                first += group.values.len();
            }
        }
        Ok(seen)
    }
}

/// So many units of a row each.
fn counted(units: usize) -> Vec<Counted> {
    vec![Counted { rows: units as u64, units: units as u64 }]
}

fn clamp<'k>(clamper: &'k mut Clamper<'_>, answer: &Answer) -> &'k unseen_core::Contributions {
    let mut grain = clamper.grain();
    for item in answer {
        let key = item.group.map(KeyRef::Int);
        grain.push(RawContribution { output: item.output, group: key.as_slice(), values: &item.values });
    }
    grain.finish()
}

/// Noised totals of these steps.
pub fn as_noisy(round: usize, cells: &[i128]) -> Result<NoisyTotals, Failure> {
    let cells: Vec<String> = cells.iter().map(i128::to_string).collect();
    Ok(serde_json::from_value(serde_json::json!({ "round": round, "cells": cells }))?)
}

struct NoTables;

impl References for NoTables {
    fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
        None
    }
}
