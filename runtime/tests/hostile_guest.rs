//! `tests/guests/hostile`, compiled as an analyst's job is, on both ways a grain can be run. Needs
//! the WebAssembly target.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::LazyLock;

use unseen_runtime::{Cells, Column, Contribution, Engine, Failure, Key, Limits, Module, Table};

static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    unseen_toolchain::build_package(&guests, "guest-hostile", &target)
        .unwrap_or_else(|e| panic!("the hostile guest is needed: {e}"))
});

fn module() -> Module {
    let engine = Engine::new(&Limits::new(50_000_000, 16 << 20), 4).unwrap();
    let module = Module::compile(&engine, &COMPONENT).unwrap_or_else(|e| panic!("{e}"));
    assert!(module.resets_in_place(), "what the SDK makes is of the plain shape");
    module
}

type Answer = Result<Vec<Contribution>, Failure>;

fn with_grain<R>(town: &str, run: impl FnOnce(&[Table<'_>]) -> R) -> R {
    let offsets = [0, town.len() as u32];
    let cells = Cells::texts(&offsets, town.as_bytes());
    run(&[Table { rows: 1, columns: &[Column { cells, validity: &[] }] }])
}

fn call(module: &Module, mode: u32, town: &str) -> Answer {
    with_grain(town, |grain| module.contribute(grain, &[f64::from(mode)]))
}

fn call_fresh(module: &Module, mode: u32, town: &str) -> Answer {
    with_grain(town, |grain| module.contribute_in_new_instance(grain, &[f64::from(mode)]))
}

fn values(answer: Answer) -> Vec<(Vec<Key>, Vec<u64>)> {
    let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect();
    answer.unwrap_or_else(|e| panic!("{e}")).into_iter().map(|c| (c.group, bits(c.values))).collect()
}

/// Modes that carry something over, or show what is there; mode 11 reads all memory.
const CURIOUS: [u32; 3] = [0, 1, 11];

/// What each curious mode answers in a module that has never run before.
fn first_answers() -> [Vec<(Vec<Key>, Vec<u64>)>; 3] {
    CURIOUS.map(|mode| values(call(&module(), mode, "other")))
}

#[test]
fn whatever_one_grain_does_the_next_grain_sees_nothing_of_it() {
    let module = module();
    let expected = first_answers();
    assert_eq!(expected[0][0].1, [0.0_f64.to_bits()], "mode 0 counts from the first state");
    for mode in 0..=11 {
        for town in ["victim", "other"] {
            drop(call(&module, mode, town));
            for (curious, expected) in CURIOUS.into_iter().zip(&expected) {
                assert_eq!(&values(call(&module, curious, "other")), expected, "after {mode} {town}");
            }
        }
    }
}

/// What a panic says is kept where rows are made up, and nowhere else.
#[test]
fn a_panic_is_heard_in_trials_only() {
    let module = module();
    let trials = Engine::for_trials(&Limits::new(50_000_000, 16 << 20)).unwrap();
    let on_trial = Module::compile(&trials, &COMPONENT).unwrap();
    let (tried, _) = with_grain("victim", |grain| on_trial.contribute_metered(grain, &[2.0]));
    let said = tried.unwrap_err().to_string();
    assert!(said.contains("unreachable") && said.contains("hostile/src/lib.rs:"), "{said}");
    assert!(said.ends_with(": a victim in mode 2"), "{said}");
    for lab in [call(&module, 2, "victim"), call_fresh(&module, 2, "victim")] {
        let said = lab.unwrap_err().to_string();
        assert!(said.contains("unreachable") && !said.contains("victim in mode"), "{said}");
    }
}

#[test]
fn both_ways_give_the_same_answer_bit_for_bit() {
    let module = module();
    for mode in (0..=10).chain([99]) {
        for town in ["victim", "other", ""] {
            let (kept, fresh) = (call(&module, mode, town), call_fresh(&module, mode, town));
            match (kept, fresh) {
                (Ok(_), Ok(_)) => {
                    assert_eq!(values(call(&module, mode, town)), values(call_fresh(&module, mode, town)),)
                }
                (Err(kept), Err(fresh)) => assert_eq!(
                    std::mem::discriminant(&kept),
                    std::mem::discriminant(&fresh),
                    "mode {mode} {town}: {kept} / {fresh}",
                ),
                (kept, fresh) => panic!("mode {mode} {town}: {kept:?} / {fresh:?}"),
            }
        }
    }
}

#[test]
fn each_misdeed_fails_as_it_should_and_only_for_the_victim() {
    let module = module();
    let is = |mode, wanted: fn(&Answer) -> bool| {
        let answer = call(&module, mode, "victim");
        assert!(wanted(&answer), "mode {mode}: {answer:?}");
        let other = call(&module, mode, "other");
        assert!(other.is_ok_and(|added| added[0].values == [1.0]), "mode {mode}");
    };
    is(2, |a| matches!(a, Err(Failure::Trap(_))));
    is(3, |a| matches!(a, Err(Failure::Fuel)));
    is(4, |a| a.as_ref().is_ok_and(|added| added[0].values[0] >= 8.0));
    is(5, |a| matches!(a, Err(Failure::Trap(_) | Failure::Fuel)));
    is(6, |a| matches!(a, Err(Failure::Trap(_) | Failure::Fuel | Failure::Answer(_))));
    is(7, |a| matches!(a, Err(Failure::Trap(_) | Failure::Fuel | Failure::Answer(_))));
    is(9, |a| matches!(a, Err(Failure::Trap(_))));
    is(10, |a| matches!(a, Err(Failure::Guest(text)) if text.to_string().len() == 18_000));
    // Nonsense is handed on as it is: clamping it is the host's next step.
    let nonsense = call(&module, 8, "other").unwrap();
    assert!(nonsense[0].values[0].is_nan() && nonsense[1].values == [f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!((nonsense[2].output, nonsense[2].group.len()), (u32::MAX, 9));
    assert!(nonsense[3].values.is_empty());
}

#[test]
fn threads_do_not_disturb_each_other() {
    let module = module();
    let expected = first_answers();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (module, expected) = (&module, &expected);
            scope.spawn(move || {
                for i in 0..40 {
                    // Not the modes that run for long.
                    drop(call(module, [0, 1, 2, 9][(i + thread) as usize % 4], "victim"));
                    let curious = (i % 3) as usize;
                    let answer = values(call(module, CURIOUS[curious], "other"));
                    assert_eq!(&answer, &expected[curious]);
                }
            });
        }
    });
}

#[test]
fn a_block_of_many_rows_arrives_whole() {
    let module = module();
    let rows = 300_000;
    let text = "湖塘".repeat(rows) + "victim";
    let offsets: Vec<u32> = (0..=rows as u32).map(|i| i * 6).chain([text.len() as u32]).collect();
    let cells = Cells::texts(&offsets, text.as_bytes());
    let columns = [Column { cells, validity: &[] }];
    let grain = [Table { rows: offsets.len() as u32 - 1, columns: &columns }];
    for _ in 0..2 {
        // The last row was read: mode 10 objects to it.
        assert!(matches!(module.contribute(&grain, &[10.0]), Err(Failure::Guest(_))));
        assert!(matches!(module.contribute_in_new_instance(&grain, &[10.0]), Err(Failure::Guest(_))));
    }
}
