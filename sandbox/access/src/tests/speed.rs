use std::time::Instant;

use super::*;
use crate::{Action, Rules};

/// What a list of 1,000 jobs asks. Prints what it takes; it fails only where it takes twenty times as long as it
/// should in an optimised build.
#[test]
fn a_list_of_a_thousand_jobs() {
    let since = Instant::now();
    let rules = Rules::default();
    let read = since.elapsed();
    let op = person("op", &[Role::Operator]);
    let jobs: Vec<_> = (0..1_000)
        .map(|id| Resource::Job(Job { id: Some(crate::JobId(id)), ..job(&[dataset(Level::Core, &["ana", "bo"])]) }))
        .collect();
    let since = Instant::now();
    let asking = rules.asking(&op, &SIGNED);
    let shown = jobs.iter().filter(|job| asking.decide(Action::ShowJob, job).allowed).count();
    let one = since.elapsed();
    let since = Instant::now();
    let decisions: usize = jobs.iter().map(|job| asking.actions(job).len()).sum();
    let all = since.elapsed();
    println!(
        "rules read in {read:?}; one decision in {:.1} us, {} decisions on a job in {:.1} us each",
        one.as_secs_f64() * 1e6 / 1_000.0,
        decisions / 1_000,
        all.as_secs_f64() * 1e6 / decisions as f64
    );
    assert_eq!((shown, decisions), (1_000, 11_000));
    let limit = if cfg!(debug_assertions) { 20 } else { 2 };
    assert!(one.as_secs() < limit && all.as_secs() < limit * 2, "{one:?} {all:?}");
}
