use std::time::Instant;

use super::*;
use crate::{Action, Rules};

/// What a list of jobs asks: prints what it takes. It fails only where that is many times what it should be.
#[test]
fn a_list_of_jobs() {
    let count = if cfg!(debug_assertions) { 50 } else { 1_000 };
    let since = Instant::now();
    let rules = Rules::default();
    let read = since.elapsed();
    let op = person("op", &[Role::Operator]);
    let jobs = |authors: u64| {
        let of = move |id: u64| {
            let data = [dataset(Level::Core, &["ana", "bo"])];
            Resource::Job(Job { id: Some(crate::JobId(id)), author: format!("ana{}", id % authors), ..job(&data) })
        };
        (0..count).map(of).collect::<Vec<_>>()
    };
    for (what, jobs) in [("all different", jobs(count)), ("of 20 kinds", jobs(20))] {
        let since = Instant::now();
        let mut asking = rules.asking(&op, &SIGNED);
        let shown = jobs.iter().filter(|job| asking.decide(Action::ShowJob, job).allowed).count();
        let one = since.elapsed().as_secs_f64() * 1e6 / count as f64;
        let since = Instant::now();
        let mut asking = rules.asking(&op, &SIGNED);
        let decisions: usize = jobs.iter().map(|job| asking.actions(job).len()).sum();
        let each = since.elapsed().as_secs_f64() * 1e6 / decisions as f64;
        println!(
            "{count} jobs, {what}: {one:.1} us for one action, {each:.1} us for each of {}",
            decisions / jobs.len()
        );
        assert_eq!((shown, decisions), (jobs.len(), 11 * jobs.len()));
        let limit = if cfg!(debug_assertions) { 50_000.0 } else { 1_000.0 };
        assert!(one < limit && each < limit, "{one} {each}");
    }
    println!("rules read in {read:?}");
}
