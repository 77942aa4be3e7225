//! The auditor: runs both neighbours many times, picks on some of the runs how to tell them apart, and says by the
//! others how much privacy was lost at least.
//!
//! Pure epsilon: P(E) <= e^epsilon Q(E) for every event E, so ln(P(E) / Q(E)) <= epsilon, with Clopper and Pearson's
//! bound below P(E) and above Q(E). zCDP: Rényi divergences grow with their order a, and are at most rho a; so at a -> 1
//! KL(P || Q) <= rho. That divergence is at least E_P(f) - ln E_Q(e^f) for every bounded f (Donsker and Varadhan), with
//! an empirical Bernstein bound on either mean; and at least that of any event, with Clopper and Pearson's.
//!
//! Event and f are picked on runs of their own. Half of the error is spent on P, half on Q.

use unseen_core::Clamper;
use unseen_ids::sha256;
use unseen_policies::approximate::to_f64;
use unseen_policies::plan::{Noise, ValuePlan};

use crate::bounds::{Moments, at_least, at_most, divergence};
use crate::path::{Case, Failure, PRODUCT, Path, Stages};
use crate::seen::Seen;

/// The probability that a bound is wrong.
pub const ERROR: f64 = 0.001;

/// The same of what is only foreseen. It decides what is measured, and nothing is stated by it.
const DOUBT: f64 = 0.1;

/// How many releases, over both neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// To pick on and to measure on, together.
    pub releases: u64,
    /// Varies every draw.
    pub seed: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Epsilon or rho, as charged.
    pub claim: f64,
    /// Whether that is a pure epsilon.
    pub pure: bool,
    /// What was lost at least.
    pub bound: f64,
    /// By what it was seen.
    pub by: String,
}

impl Finding {
    /// Whether more was lost than charged.
    pub fn exceeds(&self) -> bool {
        self.bound > self.claim * (1.0 + 1e-9)
    }

    /// The part of the claim that was shown to be lost.
    pub fn share(&self) -> f64 {
        self.bound / self.claim
    }
}

/// Audits a case as the product runs it.
pub fn audit(case: &Case, effort: Effort) -> Result<Finding, Failure> {
    let key = key(effort, case.name, "");
    Attack::new(Path::new(case, PRODUCT, key)?, Path::new(case, PRODUCT, key)?).run(PRODUCT, effort)
}

/// Audits a case with stages changed; `None` where that changes nothing.
pub fn audit_changed(case: &Case, name: &str, stages: Stages, effort: Effort) -> Result<Option<Finding>, Failure> {
    let key = key(effort, case.name, name);
    let (path, supposed) = (Path::new(case, stages, key)?, Path::new(case, PRODUCT, key)?);
    if !path.differs(&supposed) {
        return Ok(None);
    }
    Attack::new(path, supposed).run(stages, effort).map(Some)
}

/// The noise key of an attack.
pub fn key(effort: Effort, case: &str, fault: &str) -> [u8; 32] {
    sha256(&[b"attack", &effort.seed.to_be_bytes(), case.as_bytes(), b"/", fault.as_bytes()])
}

/// Picks on a fifth of what `sample` gives, with and without the unit, and measures on the rest. `tools` are what a
/// thread needs.
pub fn measure<T>(
    effort: Effort,
    (claim, pure): (f64, bool),
    tools: impl Fn() -> T + Sync,
    sample: impl Fn(&mut T, bool, u64) -> Result<Sample, Failure> + Sync,
) -> Result<Finding, Failure> {
    let each = effort.releases / 2;
    let trained = samples(0..each / 5, &tools, &sample)?;
    let measured = samples(each / 5..each, &tools, &sample)?;
    let repeat = measured[0].len() as f64 / trained[0].len() as f64;
    let by = best(&trained, pure, repeat).ok_or("nothing to measure")?;
    Ok(Finding { claim, pure, bound: by.bound(&measured, pure, 1.0).max(0.0), by: by.to_string() })
}

/// Samples of both neighbours, without the unit and with it, in two threads. Which does which changes nothing.
fn samples<T>(
    trials: std::ops::Range<u64>,
    tools: &(impl Fn() -> T + Sync),
    sample: &(impl Fn(&mut T, bool, u64) -> Result<Sample, Failure> + Sync),
) -> Result<[Vec<Sample>; 2], Failure> {
    let one = |with| -> Result<Vec<Sample>, Failure> {
        let mut tools = tools();
        trials.clone().map(|trial| sample(&mut tools, with, trial)).collect()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| one(true));
        let without = one(false)?;
        Ok([without, other.join().map_err(|_| "a thread ended early")??])
    })
}

/// What the auditor keeps of a release.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// By [`Score`].
    scores: [f64; 3],
    /// A number lies between two steps.
    off_grid: bool,
    /// A number has bits that its sum with a whole number could not have.
    fine: bool,
}

impl Sample {
    /// Of numbers all of which are on their grid, and of none of which a part of the ratio has a limit.
    pub fn of(ratio: f64) -> Sample {
        Sample { scores: [ratio; 3], off_grid: false, fine: false }
    }
}

struct Attack<'c> {
    /// What is attacked.
    path: Path<'c>,
    /// What the attacker supposes.
    supposed: Path<'c>,
    /// For each number of each step.
    numbers: Vec<Vec<Number>>,
}

/// What is public of a number.
#[derive(Clone, Copy)]
pub struct Number {
    gaussian: bool,
    /// One over the scale or variance.
    inverse: f64,
    /// The farthest that one contribution can be from zero.
    peak: f64,
}

impl Number {
    /// Of a value in a round.
    pub fn new(value: &ValuePlan, round: usize) -> Number {
        let (lower, upper) = (value.lower as f64, value.upper as f64);
        let (gaussian, parameter) = match &value.noise[round] {
            Noise::Laplace { scale } => (false, scale),
            Noise::Gaussian { variance } => (true, variance),
        };
        let peak = if -lower > upper { lower } else { upper };
        Number { gaussian, inverse: 1.0 / to_f64(parameter), peak }
    }

    /// Its part of the likelihood ratio, where the unit moves its total so far, and that without a limit.
    pub fn scores(&self, above: f64, shift: f64) -> (f64, f64) {
        let off = above - shift / 2.0;
        match (self.gaussian, shift == 0.0) {
            (_, true) => (0.0, 0.0),
            (true, _) => (off * shift * self.inverse, off * shift * self.inverse),
            (false, _) => ((above.abs() - (above - shift).abs()) * self.inverse, off * shift.signum() * self.inverse),
        }
    }
}

impl<'c> Attack<'c> {
    fn new(path: Path<'c>, supposed: Path<'c>) -> Attack<'c> {
        let steps = supposed.jobs.iter().flat_map(|job| {
            let rounds = 0..job.plan.rounds as usize;
            rounds.map(move |round| job.values().map(|value| Number::new(value, round)).collect())
        });
        let numbers = steps.collect();
        Attack { path, supposed, numbers }
    }

    fn run(&self, stages: Stages, effort: Effort) -> Result<Finding, Failure> {
        measure(
            effort,
            self.claim(stages),
            || self.path.clampers(),
            |clampers, with, trial| self.sample(clampers, with, trial),
        )
    }

    /// What is charged, and whether that is a pure epsilon.
    fn claim(&self, stages: Stages) -> (f64, bool) {
        let charges = || self.supposed.jobs.iter().map(|job| &job.plan.charge);
        let pure: Vec<f64> = charges().filter_map(|charge| charge.pure_epsilon.as_ref().map(to_f64)).collect();
        match pure.len() == charges().count() {
            true => ((stages.charge)(&pure), true),
            false => ((stages.charge)(&charges().map(|charge| charge.rho.to_f64()).collect::<Vec<_>>()), false),
        }
    }

    fn sample(&self, clampers: &mut [Clamper<'_>], with: bool, trial: u64) -> Result<Sample, Failure> {
        let mut bodies = Vec::new();
        self.path.release(clampers, with, trial, &mut bodies)?;
        let mut sample = Sample { scores: [0.0; 3], off_grid: false, fine: false };
        let (mut mode, mut rest) = (0, bodies.as_slice());
        for job in &self.supposed.jobs {
            let (own, later) = rest.split_at(job.plan.rounds as usize);
            rest = later;
            for (step, body) in (job.first..).zip(own) {
                let totals = [false, true].map(|with| self.supposed.exact(with, mode, step));
                for (at, (seen, number)) in body.iter().zip(&self.numbers[step]).enumerate() {
                    let (shift, above) = ((totals[1][at] - totals[0][at]) as f64, seen.above(totals[0][at]));
                    let (ratio, line) = number.scores(above, shift);
                    let beyond = if shift == 0.0 { number.scores(above, number.peak).0 } else { ratio };
                    sample.scores = [sample.scores[0] + ratio, sample.scores[1] + line, sample.scores[2] + beyond];
                    if let Seen::OffGrid(real) = seen {
                        sample.off_grid = true;
                        sample.fine |= (real * 2f64.powi(53)).fract() != 0.0;
                    }
                }
                mode = self.supposed.supposed(job, mode, step, body);
            }
        }
        Ok(sample)
    }
}

/// One way to tell the neighbours apart, and in which of the worlds it says more.
#[derive(Clone, Copy, Debug)]
struct Test {
    kind: Kind,
    with: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The event that a score is at least this.
    AtLeast(Score, f64),
    /// The event that it is less.
    Below(Score, f64),
    /// The event that a number lies off the grid.
    OffGrid,
    /// The event that a number has too many bits.
    Fine,
    /// The function: so many times the score, cut off at both ends.
    Tilt(Score, f64, [f64; 2]),
}

/// What a release is scored by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Score {
    /// Logarithm of the likelihood with the unit over that without, if all is as claimed: the sum over all numbers.
    Ratio,
    /// The same, but that no number's part of it has a limit.
    Line,
    /// The ratio, if numbers that must not move did.
    Beyond,
}

const SCORES: [Score; 3] = [Score::Ratio, Score::Line, Score::Beyond];

impl Score {
    fn of(self, sample: &Sample) -> f64 {
        sample.scores[self as usize]
    }

    fn name(self) -> &'static str {
        match self {
            Score::Ratio => "likelihood ratio",
            Score::Line => "linear score",
            Score::Beyond => "ratio with all groups",
        }
    }
}

impl Test {
    /// The bound that these samples give; with `repeat`, what so many times as many would give if they were alike.
    fn bound(&self, samples: &[Vec<Sample>; 2], pure: bool, repeat: f64) -> f64 {
        let (p, q) = (&samples[usize::from(self.with)], &samples[usize::from(!self.with)]);
        if let Kind::Tilt(score, factor, [low, high]) = self.kind {
            let value = |sample: &Sample| (factor * score.of(sample)).clamp(low, high);
            let (mut own, mut other) = (Moments::default(), Moments::default());
            p.iter().for_each(|sample| own.add(value(sample)));
            q.iter().for_each(|sample| other.add(value(sample).exp()));
            let own = own.mean() - own.deviation(high - low, ERROR / 2.0, repeat);
            let other = other.mean() + other.deviation(high.exp() - low.exp(), ERROR / 2.0, repeat);
            return own - other.ln();
        }
        let count = |samples: &[Sample]| samples.iter().filter(|sample| self.happens(sample)).count() as u64;
        self.bound_of([count(p), count(q)], p.len() as u64, pure, repeat)
    }

    /// That of an event which happened so often in either world.
    fn bound_of(&self, counts: [u64; 2], total: u64, pure: bool, repeat: f64) -> f64 {
        // An event that is rare and was picked for its counts will hardly have them again.
        let foreseen = |share: f64| (share * total as f64 * repeat).round() as u64;
        let (counts, total) = match repeat {
            1.0 => (counts, total),
            _ => {
                let [likely, unlikely] = counts;
                ([foreseen(at_least(likely, total, DOUBT)), foreseen(at_most(unlikely, total, DOUBT))], foreseen(1.0))
            }
        };
        let p = at_least(counts[0], total, ERROR / 2.0);
        let q = at_most(counts[1], total, ERROR / 2.0);
        match pure {
            _ if p <= q => 0.0,
            true => (p / q).ln(),
            false => divergence(p, q),
        }
    }

    fn happens(&self, sample: &Sample) -> bool {
        match self.kind {
            Kind::AtLeast(score, least) => score.of(sample) >= least,
            Kind::Below(score, limit) => score.of(sample) < limit,
            Kind::OffGrid => sample.off_grid,
            Kind::Fine => sample.fine,
            Kind::Tilt(..) => false,
        }
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // To three digits, and no zero below zero.
        let short = |x: &f64| if x.abs() < 1e6 { (x * 1e3).round() / 1e3 + 0.0 } else { *x };
        match &self.kind {
            Kind::AtLeast(of, least) => write!(f, "{} at least {}", of.name(), short(least))?,
            Kind::Below(of, limit) => write!(f, "{} below {}", of.name(), short(limit))?,
            Kind::OffGrid => write!(f, "a number off the grid")?,
            Kind::Fine => write!(f, "a number with too many bits")?,
            Kind::Tilt(of, factor, [low, high]) => {
                write!(f, "{factor} times the {}, cut to {low:.2}..{high:.2}", of.name())?
            }
        }
        write!(f, ", {} the unit", if self.with { "with" } else { "without" })
    }
}

/// The test that promises most, as far as these samples can tell.
fn best(samples: &[Vec<Sample>; 2], pure: bool, repeat: f64) -> Option<Test> {
    let total = samples[0].len();
    let mut found: Vec<(f64, Test)> = Vec::new();
    for score in SCORES {
        let same = |other: &Score| samples.iter().flatten().all(|sample| score.of(sample) == other.of(sample));
        if SCORES.iter().take_while(|other| **other != score).any(same) {
            continue;
        }
        let sorted = [0, 1].map(|world| {
            let mut sorted: Vec<f64> = samples[world].iter().map(|sample| score.of(sample)).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted
        });
        let mut thresholds: Vec<f64> = sorted.iter().flat_map(|all| ranks(total).map(|rank| all[rank])).collect();
        thresholds.sort_unstable_by(f64::total_cmp);
        thresholds.dedup();
        for threshold in thresholds {
            // Sums of floats differ in their last bits.
            let threshold = threshold - 1e-9 * (1.0 + threshold.abs());
            let below = [0, 1].map(|world: usize| sorted[world].partition_point(|x| *x < threshold) as u64);
            let above = below.map(|below| total as u64 - below);
            for (with, kind, counts) in [
                (true, Kind::AtLeast(score, threshold), [above[1], above[0]]),
                (true, Kind::Below(score, threshold), [below[1], below[0]]),
                (false, Kind::AtLeast(score, threshold), above),
                (false, Kind::Below(score, threshold), below),
            ] {
                let test = Test { kind, with };
                found.push((test.bound_of(counts, total as u64, pure, repeat), test));
            }
        }
        if !pure {
            found.extend(tilts(samples, score, &sorted, repeat));
        }
    }
    for (kind, with) in [(Kind::OffGrid, false), (Kind::OffGrid, true), (Kind::Fine, false), (Kind::Fine, true)] {
        let test = Test { kind, with };
        found.push((test.bound(samples, pure, repeat), test));
    }
    found.into_iter().max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, test)| test)
}

/// Multiples of a score, cut off where either world hardly ever comes.
fn tilts(samples: &[Vec<Sample>; 2], score: Score, sorted: &[Vec<f64>; 2], repeat: f64) -> Vec<(f64, Test)> {
    let total = samples[0].len();
    let mut found = Vec::new();
    for with in [false, true] {
        let sign = if with { 1.0 } else { -1.0 };
        for tail in [0.05, 0.01, 0.002, 0.0004, 0.0001] {
            let end = ((tail * total as f64) as usize).min(total - 1);
            // From what the other world hardly falls below to what this one hardly exceeds.
            let (low, high) = match with {
                true => (sorted[0][end], sorted[1][total - 1 - end]),
                false => (-sorted[1][total - 1 - end], -sorted[0][end]),
            };
            for factor in [0.5, 1.0, 2.0, 4.0] {
                let cut = [low, high].map(|end: f64| (factor * end).clamp(-20.0, 20.0));
                if cut[0] < cut[1] {
                    let test = Test { kind: Kind::Tilt(score, sign * factor, cut), with };
                    found.push((test.bound(samples, false, repeat), test));
                }
            }
        }
    }
    found
}

/// Places in a sorted list: everywhere, and closer and closer to either end.
fn ranks(total: usize) -> impl Iterator<Item = usize> {
    let even = (1..10).map(move |tenth| total * tenth / 10);
    let ends = (0..).map(move |halvings| total >> halvings).take_while(|rank| *rank > 1).skip(1);
    even.chain(ends.flat_map(move |rank| [rank, total - rank])).chain([total - 1])
}
