//! From a manifest to numbers: domains, sensitivities, the noise of every released value, and the
//! charge. Proofs are in `docs/privacy-model.md`; names here are the names there.

use num_bigint::BigInt;
use num_traits::One;

use crate::accounting;
use crate::approximate::to_f64;
pub use crate::domain::Domain;
use crate::manifest::{
    GrainKind, Group, Keys, Limits, MAX_GROUPS, Manifest, ManifestError, Mechanism, Output, check_sizes,
    too_many_groups,
};
use crate::rational::Rational;
use crate::rho::Rho;
use serde_json::json;
use unseen_ids::{Digest, Key, canonical};
use unseen_texts::{say, text};

/// Noise wider than this many bits of steps is refused: totals and noise must fit in 128 bits.
const MAX_NOISE_BITS: i32 = 90;

/// Public tables that a domain may name.
pub trait References {
    /// The column's values in row order, repeats allowed; `None` when there is no such table or column.
    fn column(&self, reference: &str, column: &str) -> Option<Vec<Key>>;
}

/// Everything a run needs to know about privacy, fixed before a row is read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What one call of the guest sees.
    pub grain: GrainKind,
    /// Number of rounds; at least 1.
    pub rounds: u32,
    /// One per `[[output]]`, in the manifest's order.
    pub outputs: Vec<OutputPlan>,
    /// Fuel and memory per grain.
    pub limits: Limits,
    /// Privacy loss of the whole job.
    pub charge: Charge,
}

/// What a job costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// In zCDP, rounded up.
    pub rho: Rho,
    /// The exact total epsilon, when every release of the job is pure epsilon-DP.
    pub pure_epsilon: Option<Rational>,
}

/// One output.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    /// As in the manifest.
    pub name: String,
    /// All groups that are released.
    pub domain: Domain,
    /// One per value, in the manifest's order.
    pub values: Vec<ValuePlan>,
    /// Most groups one grain may contribute to; at least 1, at most the domain's size.
    pub max_groups: u32,
}

/// One value of an output.
#[derive(Clone, Debug)]
pub struct ValuePlan {
    /// As in the manifest.
    pub name: String,
    /// Lowest contribution of a grain to a group, in steps of `granularity`; at least -2^62.
    pub lower: i64,
    /// Highest contribution, in steps; at most 2^62.
    pub upper: i64,
    /// What one step is worth, in units of the value.
    pub granularity: Rational,
    /// The noise on each group's total, one per round.
    pub noise: Vec<Noise>,
}

/// Noise on one total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Discrete Laplace: mass proportional to exp(-|x| / scale).
    Laplace {
        /// In steps.
        scale: Rational,
    },
    /// Discrete Gaussian: mass proportional to exp(-x^2 / (2 variance)).
    Gaussian {
        /// In steps squared.
        variance: Rational,
    },
}

/// How far one privacy unit can move the totals of one value, in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensitivity {
    /// Largest sum of absolute changes over all groups.
    pub l1: BigInt,
    /// Largest sum of squared changes over all groups.
    pub l2_squared: BigInt,
}

impl Sensitivity {
    // Proved: proofs/Sensitivity.v, `unit_grain`, `block_grain`, and that both are attained.
    /// The exact maximum over all pairs of neighbours and all guests: `groups` in the domain, at
    /// most `max_groups` of them named by a grain, each contribution in `[lower, upper]` steps.
    ///
    /// A unit's answer appears or disappears: `max_groups` totals move, each by at most
    /// M = max(|lower|, |upper|). A block's answer is replaced by another: groups in both answers
    /// move by at most d = upper - lower, groups in one of them by at most M. With s of the first
    /// kind and u of the second, s + u <= groups and 2s + u <= 2 max_groups; the largest sums are
    /// at the corners of that polygon, which are whole.
    pub fn new(grain: GrainKind, groups: usize, max_groups: u32, lower: i64, upper: i64) -> Sensitivity {
        let peak = BigInt::from(lower.unsigned_abs().max(upper.unsigned_abs()));
        let width = BigInt::from(i128::from(upper) - i128::from(lower));
        let (n, m) = (groups as u128, u128::from(max_groups).min(groups as u128));
        let corners = match grain {
            GrainKind::Unit => vec![(0, m)],
            GrainKind::Blocks { .. } if 2 * m <= n => vec![(m, 0), (0, 2 * m)],
            GrainKind::Blocks { .. } => vec![(m, 0), (0, n), (2 * m - n, 2 * (n - m))],
        };
        let largest = |shared: &BigInt, single: &BigInt| -> BigInt {
            let sums = corners.iter().map(|(s, u)| BigInt::from(*s) * shared + BigInt::from(*u) * single);
            sums.max().unwrap_or_default()
        };
        Sensitivity { l1: largest(&width, &peak), l2_squared: largest(&(&width * &width), &(&peak * &peak)) }
    }
}

impl Plan {
    /// A digest of everything the plan says: plans of one digest ask for the same totals and noise.
    pub fn digest(&self) -> Digest {
        let noise = |noise: &Noise| match noise {
            Noise::Laplace { scale } => format!("laplace {scale}"),
            Noise::Gaussian { variance } => format!("gaussian {variance}"),
        };
        let value = |value: &ValuePlan| {
            let noise: Vec<String> = value.noise.iter().map(noise).collect();
            let granularity = value.granularity.to_string();
            json!({ "name": value.name, "lower": value.lower, "upper": value.upper, "granularity": granularity, "noise": noise })
        };
        let output = |output: &OutputPlan| {
            let groups: Vec<_> = output.domain.columns().collect();
            let values: Vec<_> = output.values.iter().map(value).collect();
            json!({ "name": output.name, "groups": groups, "maxGroups": output.max_groups, "values": values })
        };
        let Limits { fuel, memory, rows, rounds } = &self.limits;
        let blocks = match self.grain {
            GrainKind::Unit => 0,
            GrainKind::Blocks { count } => count,
        };
        let outputs: Vec<_> = self.outputs.iter().map(output).collect();
        let all = json!({ "blocks": blocks, "limits": [fuel, memory, rows, rounds], "rounds": self.rounds, "outputs": outputs });
        Digest::of(&canonical::to_vec(&all).expect("invariant: a plan is texts and whole numbers"))
    }

    /// Works out the plan of a manifest with the public tables it names.
    ///
    /// # Errors
    /// A reference column that is missing or empty, a domain or job that is too large, or noise
    /// that would drown every total; each points at its place in the manifest.
    pub fn new(manifest: &Manifest, references: &dyn References) -> Result<Plan, ManifestError> {
        let domains =
            manifest.outputs.iter().map(|output| domain(output, references)).collect::<Result<Vec<_>, _>>()?;
        let sizes: Vec<(usize, bool)> = domains.iter().map(|domain| (domain.size(), true)).collect();
        check_sizes(&manifest.outputs, &sizes, manifest.limits.rounds)?;
        let outputs = manifest.outputs.iter().zip(domains).map(|(output, domain)| {
            let values = values(manifest, output, domain.size())?;
            Ok(OutputPlan { name: output.name.clone(), domain, values, max_groups: output.max_groups_per_unit })
        });
        let outputs = outputs.collect::<Result<Vec<_>, ManifestError>>()?;
        let charge = match &manifest.privacy.mechanism {
            Mechanism::Gaussian { rho } => Rho::ceil(rho).map(|rho| Charge { rho, pure_epsilon: None }),
            Mechanism::Laplace { epsilon } => {
                accounting::pure_to_zcdp(epsilon).map(|rho| Charge { rho, pure_epsilon: Some(epsilon.clone()) })
            }
        };
        let charge = charge
            .ok_or_else(|| manifest.privacy.at.error(text!("the privacy loss is out of range", "隐私损失超出范围")))?;
        Ok(Plan { grain: manifest.grain, rounds: manifest.limits.rounds, outputs, limits: manifest.limits, charge })
    }
}

fn domain(output: &Output, references: &dyn References) -> Result<Domain, ManifestError> {
    let columns = output.groups.iter().map(|group| Ok((group.name.clone(), keys(output, group, references)?)));
    Domain::new(columns.collect::<Result<Vec<_>, ManifestError>>()?).ok_or_else(|| {
        output.at.error(say!(
            "a key column of output `{name}` mixes numbers and texts: give it keys of one type",
            "输出 `{name}` 的键列混有数字和文本：请统一类型",
            name = output.name
        ))
    })
}

fn keys(output: &Output, group: &Group, references: &dyn References) -> Result<Vec<Key>, ManifestError> {
    match &group.keys {
        Keys::Listed(keys) => Ok(keys.clone()),
        Keys::Range { .. } if group.keys.len() > Some(MAX_GROUPS) => Err(too_many_groups(output)),
        Keys::Range { first, last } => Ok((*first..=*last).map(Key::Int).collect()),
        Keys::Reference { reference, column } => match references.column(reference, column) {
            Some(keys) if !keys.is_empty() => Ok(keys),
            Some(_) => Err(group.at.error(say!(
                "column `{column}` of reference `{reference}` is empty: a group needs at least one key",
                "列 `{column}` 在参照表 `{reference}` 中为空：分组至少要有一个键"
            ))),
            None => Err(group.at.error(say!(
                "there is no reference `{reference}` with a column `{column}`",
                "没有参照表 `{reference}` 及其列 `{column}`"
            ))),
        },
    }
}

// Proved: proofs/Shares.v, `shares_add_up` and `each_costs_its_share`.
/// Budget is split over rounds by `round_weights`, within a round over outputs by their `weight`,
/// within an output over values by theirs. Shares are exact and sum to exactly the whole.
fn values(manifest: &Manifest, output: &Output, groups: usize) -> Result<Vec<ValuePlan>, ManifestError> {
    let equal = vec![Rational::one(); manifest.limits.rounds as usize];
    let round_weights = manifest.privacy.round_weights.as_ref().unwrap_or(&equal);
    let all_rounds: Rational = round_weights.iter().sum();
    let all_outputs: Rational = manifest.outputs.iter().map(|output| &output.weight).sum();
    let all_values: Rational = output.values.iter().map(|value| &value.weight).sum();
    // One over each round's share.
    let rounds: Vec<Rational> = round_weights.iter().map(|weight| &all_rounds / weight).collect();
    output.values.iter().map(|value| {
        let Sensitivity { l1, l2_squared } =
            Sensitivity::new(manifest.grain, groups, output.max_groups_per_unit, value.lower_steps, value.upper_steps);
        let share = &output.weight / &all_outputs * &value.weight / &all_values;
        // What the noise would be if every round had this value's whole share.
        let least = match &manifest.privacy.mechanism {
            Mechanism::Laplace { epsilon } => Rational::from_integer(l1) / (epsilon * share),
            Mechanism::Gaussian { rho } => Rational::from_integer(l2_squared) / (rho * share * BigInt::from(2)),
        };
        let noise = |round: &Rational| match &manifest.privacy.mechanism {
            Mechanism::Laplace { .. } => Noise::Laplace { scale: &least * round },
            Mechanism::Gaussian { .. } => Noise::Gaussian { variance: &least * round },
        };
        let noise: Vec<Noise> = rounds.iter().map(noise).collect();
        let width = |noise: &Noise| match noise {
            Noise::Laplace { scale } => to_f64(scale),
            Noise::Gaussian { variance } => to_f64(variance).sqrt(),
        };
        if noise.iter().map(width).fold(0.0, f64::max) > 2f64.powi(MAX_NOISE_BITS) {
            return Err(value.at.error(say!("the noise on `{name}` would be wider than 2^{MAX_NOISE_BITS} steps: use a coarser granularity, narrower bounds or a larger share of the budget", "`{name}` 的噪声将宽于 2^{MAX_NOISE_BITS} 步：请用更粗的粒度、更窄的范围或更大的预算份额", name = value.name)));
        }
        let (name, granularity) = (value.name.clone(), value.granularity.clone());
        Ok(ValuePlan { name, lower: value.lower_steps, upper: value.upper_steps, granularity, noise })
    }).collect()
}
