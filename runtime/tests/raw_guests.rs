//! Guests written by hand: what no compiler would make. Needs no WebAssembly target.

#![allow(clippy::unwrap_used, clippy::panic)]

use unseen_runtime::{Engine, Failure, Limits, Module, ModuleError, Table};

const MEMORY: u64 = 64 << 20;

fn engine(fuel: u64) -> Engine {
    Engine::new(&Limits::new(fuel, MEMORY), 2).unwrap()
}

/// `tests/guests/raw.wat` with its blanks filled in, as a component.
fn raw(memory: &str, items: &str, body: &str, after: &str) -> Vec<u8> {
    let text = include_str!("../../tests/guests/raw.wat")
        .replace("MEMORY", memory)
        .replace("ITEMS", items)
        .replace("BODY", body)
        .replace("AFTER", after);
    unseen_toolchain::componentize(&wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))).unwrap()
}

fn compile(component: &[u8]) -> Module {
    Module::compile(&engine(1_000_000), component).unwrap_or_else(|e| panic!("{e}"))
}

const EMPTY: [Table<'static>; 1] = [Table { rows: 0, columns: &[] }];

/// Whoever made the guest: what counts is what lies in its memory when it traps.
#[test]
fn what_advance_said_before_it_trapped_is_heard_in_trials_only() {
    let module = r#"(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
  (func (export "contribute") (param i32 i32 i32 i32) (result i32) (i32.const 128))
  (data (i32.const 1000) "\f5unseen panic v1\0c\00\00\00no converge!")
  (func (export "advance") (param i32 i32 i32 i32 i32) (result i32) unreachable))"#;
    let component = unseen_toolchain::componentize(&wat::parse_str(module).unwrap()).unwrap();
    let limits = Limits::new(1_000_000, MEMORY);
    for (engine, heard) in [(Engine::for_trials(&limits).unwrap(), true), (Engine::new(&limits, 1).unwrap(), false)] {
        let said = Module::compile(&engine, &component).unwrap().advance(0, &[], &[]).unwrap_err().to_string();
        assert!(said.contains("unreachable") && said.ends_with("; no converge!") == heard, "{said}");
    }
}

/// An interpreter that cannot have more memory ends in `unreachable`, and says nothing.
#[test]
fn a_guest_out_of_memory_is_told_of_in_trials_only() {
    let limits = Limits::new(1_000_000, MEMORY);
    let said = |engine: &Engine, body: &str| {
        let module = Module::compile(engine, &raw("1", "", body, "")).unwrap();
        let (tried, _) = module.contribute_metered(&EMPTY, &[]);
        tried.map_or_else(|failure| failure.to_string(), |_| String::new())
    };
    let (grow, fewer) = ("(drop (memory.grow (i32.const 4096)))", "(drop (memory.grow (i32.const 1)))");
    let trap = "unreachable";
    for (engine, heard) in [(Engine::for_trials(&limits).unwrap(), true), (Engine::new(&limits, 1).unwrap(), false)] {
        let told = said(&engine, &format!("{grow}{trap}"));
        assert!(told.contains("unreachable") && told.contains("it ran out of memory") == heard, "{told}");
        let told = said(&engine, &format!("{fewer}{trap}"));
        assert!(told.contains("unreachable") && !told.contains("memory"), "{told}");
        assert_eq!(said(&engine, &format!("{grow}(f64.const 1)")), "");
    }
}

#[test]
fn contributions_are_counted_however_small_they_are() {
    // All at the same empty place, so that only their number can be too much.
    let module = |count: u32| {
        let after = format!(
            "(drop (memory.grow (i32.const 30)))
             (i32.store (i32.const 132) (i32.const 65536)) (i32.store (i32.const 136) (i32.const {count}))"
        );
        Module::compile(&engine(1_000_000), &raw("1", "", "(f64.const 1)", &after)).unwrap()
    };
    let (most, over) = (module(65_536), module(65_537));
    for call in [Module::contribute, Module::contribute_in_new_instance] {
        assert_eq!(call(&most, &EMPTY, &[]).unwrap().len(), 65_536);
        assert!(matches!(call(&over, &EMPTY, &[]), Err(Failure::Answer(_))));
    }
}

#[test]
fn filling_costs_fuel_by_the_byte_and_growing_more_than_adding() {
    let fill = "(memory.fill (i32.const 8192) (i32.const 1) (i32.const 1000000)) (f64.const 1)";
    let grow = "(local $i i32)
        (loop $l (drop (memory.grow (i32.const 0)))
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $l (i32.lt_u (local.get $i) (i32.const 9000))))
        (f64.const 1)";
    for body in [fill, grow] {
        let [poor, rich] =
            [900_000, 1_100_000].map(|fuel| Module::compile(&engine(fuel), &raw("20", "", body, "")).unwrap());
        assert!(matches!(poor.contribute(&EMPTY, &[]), Err(Failure::Fuel)), "{body}");
        assert!(matches!(poor.contribute_in_new_instance(&EMPTY, &[]), Err(Failure::Fuel)), "{body}");
        assert!(rich.contribute(&EMPTY, &[]).is_ok(), "{body}");
        assert!(rich.contribute_in_new_instance(&EMPTY, &[]).is_ok(), "{body}");
    }
}

/// What lies between two components that pass lists to each other, the compiler makes, with a memory of each: with one
/// memory a module it would end the process.
#[test]
fn components_that_call_each_other_are_refused_before_they_are_compiled() {
    let libc = r#"(core module $m (memory (export "memory") 1) (func (export "f") (param i32 i32))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))"#;
    let text = format!(
        r#"(component
  (component $one {libc}
    (func (export "f") (param "s" string)
      (canon lift (core func $i "f") (memory $i "memory") (realloc (func $i "realloc")))))
  (component $other
    (import "f" (func $f (param "s" string))) {libc}
    (core func $lowered (canon lower (func $f) (memory $i "memory"))))
  (instance $one (instantiate $one))
  (instance $other (instantiate $other (with "f" (func $one "f")))))"#
    );
    let refused = Module::compile(&engine(1_000), &wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))).err();
    assert!(matches!(refused, Some(ModuleError::Nested)), "{refused:?}");
}

#[test]
fn fuel_runs_out_at_the_same_instruction_every_time() {
    let body = "(local $i i32)
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
        (f64.const 1)";
    let component = raw("1", "", body, "");
    let enough = |fuel| {
        let module = Module::compile(&engine(fuel), &component).unwrap();
        match module.contribute(&EMPTY, &[]) {
            Ok(_) => true,
            Err(Failure::Fuel) => false,
            Err(other) => panic!("{other}"),
        }
    };
    let (mut low, mut high) = (0, 100_000);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    for _ in 0..3 {
        assert!(enough(high) && !enough(low));
    }
    // An exhausted grain takes nothing from the next one.
    let module = Module::compile(&engine(high), &component).unwrap();
    assert!((0..10).all(|_| module.contribute(&EMPTY, &[]).is_ok()));
}

#[test]
fn recursion_ends_at_the_same_depth_wherever_the_host_calls_from() {
    let items = "(func $down (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
          (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))";
    let body = "(f64.convert_i32_s (call $down (i32.trunc_f64_s (f64.load (local.get $state)))))";
    let module = compile(&raw("1", items, body, ""));
    let deepest = || {
        let (mut low, mut high) = (1, 1_000_000);
        while high - low > 1 {
            let middle = (low + high) / 2;
            match module.contribute(&EMPTY, &[f64::from(middle)]) {
                Ok(_) => low = middle,
                Err(Failure::Trap(_) | Failure::Fuel) => high = middle,
                Err(other) => panic!("{other}"),
            }
        }
        low
    };
    fn from_below(levels: u32, run: &dyn Fn() -> i32) -> i32 {
        let space = std::hint::black_box([levels as u8; 10_000]);
        let found = if levels == 0 { run() } else { from_below(levels - 1, run) };
        std::hint::black_box(space);
        found
    }
    let here = deepest();
    assert!(here > 1000, "{here}");
    assert_eq!(from_below(50, &deepest), here);
    assert_eq!(std::thread::scope(|s| s.spawn(deepest).join().unwrap()), here);
}

#[test]
fn modules_that_cannot_be_jobs_are_refused_with_one_sentence() {
    let engine = engine(1_000_000);
    let refuse = |bytes: &[u8]| Module::compile(&engine, bytes).err().map(|e| e.to_string()).unwrap();
    let component = |text: &str| wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"));

    assert!(refuse(b"").contains("not a WebAssembly file"));
    assert!(refuse(b"#!/bin/sh").contains("not a WebAssembly file"));
    assert!(refuse(&component("(module)")).contains("core WebAssembly module, not a component"));
    assert!(refuse(&vec![0; (64 << 20) + 1]).contains("bytes long"));
    assert!(refuse(&component("(component)")).contains("does not export `contribute`"));
    let mut broken = raw("1", "", "(f64.const 1)", "");
    let middle = broken.len() / 2;
    broken.truncate(middle);
    assert!(refuse(&broken).contains("not valid WebAssembly at byte"));

    let wasi = component(
        r#"(component (import "wasi:random/random@0.2.0" (instance
            (export "get-random-u64" (func (result u64))))))"#,
    );
    assert!(refuse(&wasi).contains("imports `wasi:random/random@0.2.0`"));
    let function = component(r#"(component (import "now" (func (result u64))))"#);
    assert!(refuse(&function).contains("imports `now`"));
    let resource = component(r#"(component (import "file" (type (sub resource))))"#);
    assert!(refuse(&resource).contains("imports `file`"));

    let wrong = component(
        r#"(component
            (core module $m (func (export "f") (param i32) (result i32) (local.get 0)))
            (core instance $i (instantiate $m))
            (func (export "contribute") (param "grain" u32) (result u32)
              (canon lift (core func $i "f"))))"#,
    );
    assert!(refuse(&wrong).contains("exports `contribute` with another type"), "{}", refuse(&wrong));

    assert!(refuse(&raw("2000", "", "(f64.const 1)", "")).contains("bytes of memory, but the job allows"));
    let table = raw("1", "(table 1000000 funcref)", "(f64.const 1)", "");
    assert!(refuse(&table).contains("1000000 table elements"));
    let threads = component("(component (core module (memory 1 1 shared)))");
    assert!(refuse(&threads).contains("not valid WebAssembly"));
    let relaxed =
        raw("1", "(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))", "(f64.const 1)", "");
    assert!(refuse(&relaxed).contains("not valid WebAssembly"));

    let looping = raw("1", "(func $s (loop $l (br $l))) (start $s)", "(f64.const 1)", "");
    assert!(refuse(&looping).contains("start function uses up the fuel"), "{}", refuse(&looping));
    let trapping = raw("1", "(func $s unreachable) (start $s)", "(f64.const 1)", "");
    assert!(refuse(&trapping).contains("start function trapped"));

    let sentence = ModuleError::MissingExport { name: "contribute" }.to_string();
    assert!(!sentence.contains('\n'));
}

#[test]
fn an_absurd_number_of_instances_is_refused() {
    let many = (0..300).map(|_| "(core instance (instantiate $m))").collect::<String>();
    let bytes = wat::parse_str(format!("(component (core module $m (memory 1)) {many})")).unwrap();
    let error = Module::compile(&engine(1000), &bytes).err().unwrap().to_string();
    assert!(error.contains("core instances"), "{error}");
}
