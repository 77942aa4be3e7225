//! Small plans for tests.

use unseen_ids::Key;
use unseen_policies::domain::Domain;
use unseen_policies::manifest::{GrainKind, Limits};
use unseen_policies::plan::{Charge, Noise, OutputPlan, Plan, ValuePlan};
use unseen_policies::{Rational, Rho};

pub fn ratio(num: i64, den: i64) -> Rational {
    Rational::new(num.into(), den.into())
}

pub fn laplace(scale: Rational) -> Noise {
    Noise::Laplace { scale }
}

/// A value whose every round has this noise.
pub fn value(name: &str, bounds: (i64, i64), granularity: Rational, noise: Vec<Noise>) -> ValuePlan {
    ValuePlan { name: name.into(), lower: bounds.0, upper: bounds.1, granularity, noise }
}

/// An output whose groups are 0..groups.
pub fn output(name: &str, groups: i64, max_groups: u32, values: Vec<ValuePlan>) -> OutputPlan {
    let domain = Domain::new(vec![("bin".into(), (0..groups).map(Key::Int).collect())]).unwrap();
    OutputPlan { name: name.into(), domain, values, max_groups }
}

pub fn plan(rounds: u32, outputs: Vec<OutputPlan>) -> Plan {
    let limits = Limits { fuel: 1, memory: 1 << 16, rows: 1 << 20, rounds };
    let charge = Charge { rho: Rho::ZERO, pure_epsilon: None };
    Plan { grain: GrainKind::Unit, rounds, outputs, limits, charge }
}
