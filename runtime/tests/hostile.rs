//! The attacks of `tests/hostile`, each on every way a grain can be run: nobody else's grain notices the victim's, and
//! all ways give the same answer bit for bit. Needs the WebAssembly target.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../tests/hostile/suite.rs"]
mod suite;

use suite::{Attack, Way, attacks};
use unseen_runtime::{Cells, Column, Contribution, Engine, Failure, Limits, Module, Table};
use wasm_encoder::{ComponentSectionId, RawSection};

/// As in the suite's `job.toml`.
fn engine() -> Engine {
    Engine::new(&Limits::new(50_000_000, 16 << 20), 4).unwrap()
}

fn module(engine: &Engine, attack: &Attack, change: impl Fn(String) -> String) -> Module {
    Module::compile(engine, &attack.component(change)).unwrap_or_else(|error| panic!("{}: {error}", attack.name))
}

/// What is to be the same: every bit of an answer, or why there is none.
fn said(answer: Result<Vec<Contribution>, Failure>) -> String {
    match answer {
        Ok(answer) => answer
            .into_iter()
            .map(|it| {
                format!(
                    "{} {:?} {:x?}\n",
                    it.output,
                    it.group,
                    it.values.into_iter().map(f64::to_bits).collect::<Vec<_>>()
                )
            })
            .collect(),
        // A host that fails is nobody's attack.
        Err(Failure::Host(why)) => panic!("{why}"),
        // What a guest traps of is told in other words where the compiler copies lists in, and so is a bad answer.
        Err(Failure::Trap(_) | Failure::Answer(_)) => "trap".to_owned(),
        Err(Failure::Fuel) => "fuel".to_owned(),
        Err(Failure::Guest(_)) => "error".to_owned(),
    }
}

type Call<'a> = dyn Fn(&[Table<'_>]) -> String + Sync + 'a;

fn victim(call: &Call<'_>) -> String {
    let marks: Vec<i64> = (0..50).map(|row| i64::from(row == 37)).collect();
    on(call, &marks)
}

fn witness(call: &Call<'_>) -> String {
    on(call, &[0, 0])
}

fn on(call: &Call<'_>, marks: &[i64]) -> String {
    let columns = [Column { cells: Cells::Ints(marks), validity: &[] }];
    call(&[Table { rows: marks.len() as u32, columns: &columns }])
}

/// The same code where the kernel is asked for what was written: a module whose stack is far below gets no marks.
fn without_marks(text: String) -> String {
    text.replacen("(global $next", "(global i32 (i32.const 1)) (global $next", 1)
}

/// The same component with one core module more, which has nothing to do.
fn with_another_module(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let sections = [
        (ComponentSectionId::CoreModule, b"\0asm\x01\0\0\0".as_slice()),
        // One instance, of the second module, given nothing.
        (ComponentSectionId::CoreInstance, &[1, 0, 1, 0]),
    ];
    for (id, data) in sections {
        wasm_encoder::ComponentSection::append_to_component(&RawSection { id: id as u8, data }, &mut bytes);
    }
    bytes
}

#[test]
fn no_grain_notices_another_however_it_is_run() {
    // One for all, so that attacks find what others left in its pool, too.
    let engine = engine();
    for attack in attacks() {
        let name = &attack.name;
        let component = attack.component(|text| text);
        if attack.way == Way::Refused {
            let refused = Module::compile(&engine, &component).err();
            assert!(refused.is_some(), "{name} was compiled");
            continue;
        }
        let alone = module(&engine, &attack, |text| text);
        let wanted = [victim, witness].map(|grain| grain(&|rows| said(alone.contribute_in_new_instance(rows, &[]))));
        for (said, sound) in wanted.iter().zip([&attack.victim, &attack.others]) {
            let fails = ["trap", "fuel", "error"].contains(&said.as_str());
            assert!(!fails || sound.is_empty(), "{name}: {said}");
        }

        let mut modules = vec![("as it is", module(&engine, &attack, |text| text))];
        assert_eq!(modules[0].1.resets_in_place(), attack.way == Way::PutBack, "{name}");
        if attack.way == Way::PutBack {
            assert!(modules[0].1.notes_writes(), "{name}");
            let scanned = module(&engine, &attack, without_marks);
            if name != "compiled" {
                assert!(scanned.resets_in_place() && !scanned.notes_writes(), "{name}");
            }
            let several = Module::compile(&engine, &with_another_module(&component)).unwrap();
            assert!(!several.resets_in_place(), "{name}");
            // SAFETY: the bytes come from `serialize` just now.
            let cached = unsafe { Module::deserialize(&engine, &modules[0].1.serialize().unwrap()) }.unwrap();
            modules.extend([("scanned", scanned), ("of several modules", several), ("from the cache", cached)]);
        }
        for (way, module) in &modules {
            let put_back = |rows: &[Table<'_>]| said(module.contribute(rows, &[]));
            let new = |rows: &[Table<'_>]| said(module.contribute_in_new_instance(rows, &[]));
            let ways: [(&str, &Call<'_>); 2] = [(way, &put_back), ("new each time", &new)];
            for (way, call) in ways {
                for grain in [victim, witness, witness, victim, victim, witness] {
                    let is_victim = std::ptr::fn_addr_eq(grain, victim as fn(&Call<'_>) -> String);
                    assert_eq!(grain(call), wanted[usize::from(!is_victim)], "{name}, {way}, victim: {is_victim}");
                }
            }
        }
    }
}

#[test]
fn threads_do_not_notice_each_other() {
    let engine = engine();
    for attack in attacks().into_iter().filter(|attack| attack.way != Way::Refused) {
        let module = module(&engine, &attack, |text| text);
        let call = |rows: &[Table<'_>]| said(module.contribute(rows, &[]));
        let wanted = [witness(&call), victim(&call)];
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (call, wanted, name) = (&call, &wanted, &attack.name);
                scope.spawn(move || {
                    for turn in thread..thread + 4 {
                        let grain = [witness, victim][turn % 2];
                        assert_eq!(grain(call), wanted[turn % 2], "{name}");
                    }
                });
            }
        });
    }
}

/// What a panic says is kept where rows are made up, and nowhere else.
#[test]
fn a_panic_is_heard_in_trials_only() {
    let attack = attacks().into_iter().find(|attack| attack.name == "compiled").unwrap();
    let said = |engine: &Engine| {
        let module = module(engine, &attack, |text| text);
        let columns = [Column { cells: Cells::Ints(&[1]), validity: &[] }];
        let (tried, _) = module.contribute_metered(&[Table { rows: 1, columns: &columns }], &[]);
        tried.unwrap_err().to_string()
    };
    let tried = said(&Engine::for_trials(engine().limits()).unwrap());
    assert!(tried.contains("unreachable") && tried.contains("attacks/compiled.rs:"), "{tried}");
    assert!(tried.ends_with(": a victim is here"), "{tried}");
    let in_lab = said(&engine());
    assert!(in_lab.contains("unreachable") && !in_lab.contains("victim"), "{in_lab}");
}

/// What a text of the suite cannot hold, since it is too long: where compilers went wrong in sizes.
#[test]
fn modules_of_absurd_sizes_are_run_or_refused() {
    let attack = attacks().into_iter().find(|attack| attack.name == "state-global").unwrap();
    let with =
        |field: String| attack.component(|text| text.replacen("(func $attack", &format!("{field}\n(func $attack"), 1));
    let branches = |count: usize| format!("(func (param i32) (br_table {} (local.get 0)))", "0 ".repeat(count));
    let nested = |count: usize| format!("(func {}{})", "block ".repeat(count), "end ".repeat(count));
    let cases = [
        // GHSA: none. Jump tables out of a branch's reach, mended between wasmtime 48.0.0 and 48.0.8.
        ("a table of branches", branches(60_000), true),
        ("too long a table of branches", branches(70_000), false),
        // More segments than one function can tell apart, mended there too.
        ("segments", "(data \"a\")".repeat(40_000), true),
        ("active segments", "(data (i32.const 200000) \"\\00\")".repeat(40_000), true),
        ("nested blocks", nested(20_000), true),
        ("types", "(type (func (param i32 i64 f32 f64) (result i32 i32)))".repeat(20_000), true),
        ("a function of many results", format!("(func (result {}) unreachable)", "i64 ".repeat(1_000)), true),
    ];
    for (what, field, runs) in cases {
        let module = Module::compile(&engine(), &with(field));
        assert_eq!(module.is_ok(), runs, "{what}: {:?}", module.err());
        if let Ok(module) = module {
            let call = |rows: &[Table<'_>]| said(module.contribute(rows, &[]));
            assert_eq!(victim(&call), witness(&call), "{what}");
        }
    }
}

#[test]
fn a_block_of_many_rows_arrives_whole() {
    let attack = attacks().into_iter().find(|attack| attack.name == "trap-unreachable").unwrap();
    // Room for them all.
    let large = |text: String| text.replacen("(memory (export \"memory\") 4)", "(memory (export \"memory\") 100)", 1);
    let module = module(&engine(), &attack, large);
    let mut marks = vec![0; 300_000];
    for is_victim in [false, true, false] {
        marks[299_999] = i64::from(is_victim);
        for call in [Module::contribute, Module::contribute_in_new_instance] {
            let answer = on(&|rows| said(call(&module, rows, &[])), &marks);
            assert_eq!(answer == "trap", is_victim, "{answer}");
        }
    }
}
