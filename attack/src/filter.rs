//! Many jobs under one cap. The adversary chooses each by what was released before, reads what failed runs say as well,
//! and goes on until the product's ledger refuses everything that it still wishes for: all of it together loses no more
//! than the cap.

use unseen_core::Clamper;
use unseen_policies::Rho;
use unseen_policies::ledger::Refusal;
use unseen_policies::policy::Caps;

use crate::audit::{Effort, Finding, Number, Sample, key, measure};
use crate::cases;
use crate::office::{Office, Run};
use crate::path::{Case, Failure, PRODUCT, Path};

/// The cap of a unit over all datasets of its domain, and what jobs cost, in rho.
const CAP: f64 = 1.0;
const COSTS: [&str; 3] = ["0.25", "0.5", "1"];
/// Jobs of each cost on each dataset; and no more runs than this, whatever the ledger lets pass.
const EACH: usize = 8;
const RUNS: u32 = 8;

/// An adversary.
pub struct Wishes {
    /// For people.
    pub name: &'static str,
    /// Which jobs, by their place among the costs, it would start next, the best first; from how many ran, and how far the
    /// last release was above what is expected without the unit.
    next: fn(runs: u32, above: f64) -> [usize; 2],
    /// Whether it asks one dataset and the other by turns.
    both: bool,
}

/// All of them.
pub const WISHES: &[Wishes] = &[
    Wishes {
        name: "gaussian: jobs whose budgets follow releases",
        next: |_, above| if above > 0.0 { [1, 0] } else { [0, 1] },
        both: false,
    },
    Wishes {
        name: "gaussian: jobs that would pass the cap",
        next: |runs, _| if runs < 3 { [0, 0] } else { [2, 0] },
        both: true,
    },
];

/// One slip of a ledger.
pub struct Slip {
    /// For people.
    pub name: &'static str,
    keeping: Keeping,
}

/// How the ledger is kept.
#[derive(Clone, Copy)]
struct Keeping {
    /// Whether a run is started that the ledger refuses for its cost, so much having been spent.
    starts: fn(spent: f64) -> bool,
    /// Whether a run that failed gives its charge back.
    refunds: bool,
    /// Whether there is a cap for a unit over all its datasets, beside that of each.
    domain: bool,
}

const KEPT: Keeping = Keeping { starts: |_| false, refunds: false, domain: true };

/// All slips.
pub const SLIPS: &[Slip] = &[
    Slip {
        name: "the cap is compared with what was spent before the job",
        keeping: Keeping { starts: |spent| spent < CAP, ..KEPT },
    },
    Slip { name: "caps are looked at when jobs are submitted only", keeping: Keeping { starts: |_| true, ..KEPT } },
    Slip { name: "a run that failed gives its charge back", keeping: Keeping { refunds: true, ..KEPT } },
    Slip { name: "each dataset has a cap, though one unit is in both", keeping: Keeping { domain: false, ..KEPT } },
];

/// Audits the ledger as it is.
pub fn audit(wishes: &Wishes, effort: Effort) -> Result<Finding, Failure> {
    kept(wishes, "", KEPT, effort)
}

/// Audits it with a slip.
pub fn audit_slip(wishes: &Wishes, slip: &Slip, effort: Effort) -> Result<Finding, Failure> {
    kept(wishes, slip.name, slip.keeping, effort)
}

fn kept(wishes: &Wishes, slip: &str, keeping: Keeping, effort: Effort) -> Result<Finding, Failure> {
    let counts: Vec<Case> = COSTS.iter().map(|cost| cases::count(&format!("rho = {cost}"))).collect();
    let key = key(effort, wishes.name, slip);
    let paths = counts.iter().map(|case| Path::new(case, PRODUCT, key)).collect::<Result<Vec<_>, _>>()?;
    let costs: Vec<Rho> = COSTS.iter().map(|cost| cost.parse()).collect::<Result<_, _>>()?;
    let cap: Rho = CAP.to_string().parse()?;
    let caps = Caps { dataset: cap, analyst: cap, job: cap, domain: keeping.domain.then_some(cap) };
    let office = Office::new(caps, &costs, EACH)?;
    let game = Game { wishes, keeping, paths, costs, office };
    let tools = || game.paths.iter().map(Path::clampers).collect::<Vec<_>>();
    measure(effort, (CAP, false), tools, |clampers, with, trial| game.play(clampers, with, trial))
}

struct Game<'c> {
    wishes: &'c Wishes,
    keeping: Keeping,
    /// One for each cost, as all that follows.
    paths: Vec<Path<'c>>,
    costs: Vec<Rho>,
    office: Office,
}

impl Game<'_> {
    /// Starts jobs until nothing that is wished for may start.
    fn play(&self, clampers: &mut [Vec<Clamper<'_>>], with: bool, trial: u64) -> Result<Sample, Failure> {
        let (mut office, mut unrecorded) = (self.office.clone(), 0.0);
        let (mut score, mut above, mut bodies) = (0.0, 0.0, Vec::new());
        for runs in 0..RUNS {
            let dataset = if self.wishes.both { runs as usize % 2 } else { 0 };
            let failed = runs % 2 == 1;
            let before = (failed && self.keeping.refunds).then(|| office.clone());
            let wishes = (self.wishes.next)(runs, above);
            let Some((wish, run)) = self.start_one(&mut office, unrecorded, dataset, wishes)? else { break };
            let path = &self.paths[wish];
            path.release(&mut clampers[wish], with, trial * u64::from(RUNS) + u64::from(runs), &mut bodies)?;
            let totals = [false, true].map(|with| path.exact(with, 0, 0)[0]);
            let number = Number::new(path.jobs[0].values().next().ok_or("there is no value")?, 0);
            above = bodies[0][0].above(totals[0]);
            score += number.scores(above, (totals[1] - totals[0]) as f64).0;
            match run {
                Some(run) => office.end(run, failed)?,
                None => unrecorded += self.costs[wish].to_f64(),
            }
            office = before.unwrap_or(office);
        }
        Ok(Sample::of(score))
    }

    /// Starts the first that may be. Its run, if that is on record.
    fn start_one(
        &self,
        office: &mut Office,
        unrecorded: f64,
        dataset: usize,
        wishes: [usize; 2],
    ) -> Result<Option<(usize, Option<Run>)>, Failure> {
        let spent = office.spent().to_f64() + unrecorded;
        // The ledger does not know of all of it.
        if unrecorded > 0.0 && !(self.keeping.starts)(spent) {
            return Ok(None);
        }
        for wish in wishes {
            match office.start(dataset, self.costs[wish])? {
                Ok(run) => return Ok(Some((wish, Some(run)))),
                Err(refusal) if !is_cap(&refusal) => return Err(refusal.into()),
                Err(_) if (self.keeping.starts)(spent) => return Ok(Some((wish, None))),
                Err(_) => {}
            }
        }
        Ok(None)
    }
}

fn is_cap(refusal: &Refusal) -> bool {
    use Refusal::*;
    matches!(refusal, OverDatasetCap { .. } | OverDomainCap { .. } | OverAnalystCap { .. })
}
