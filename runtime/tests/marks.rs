//! Whatever a guest writes, by whatever instruction and wherever, is found and put back. Restoring compares the whole
//! memory in builds that check, as this one; here guests are made up that write everywhere.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write;

use unseen_runtime::{Contribution, Engine, Failure, Limits, Module, Table};

const EMPTY: [Table<'static>; 1] = [Table { rows: 0, columns: &[] }];

fn compile(memory: u32, items: &str, body: &str) -> Module {
    // What lists and answers are written to is near the stack, as in what compilers make.
    let mut text = include_str!("../../tests/guests/raw.wat").replace("(i32.const 8192)", &constant(stack(memory)));
    for place in [512, 256, 260, 264, 268, 272, 128, 132, 136] {
        text = text.replace(&constant(place), &constant(stack(memory) - 8192 + place));
    }
    let text = text.replace("MEMORY", &memory.to_string()).replace("ITEMS", items).replace("BODY", body);
    let text = text.replace("AFTER", "");
    let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{body}"));
    let engine = Engine::new(&Limits::new(50_000_000, 64 << 20), 1).unwrap();
    Module::compile(&engine, &unseen_toolchain::componentize(&module).unwrap())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn constant(number: u32) -> String {
    format!("(i32.const {number})")
}

/// Some way below the end.
fn stack(memory: u32) -> u32 {
    (memory << 16) - if memory == 1 { 57_344 } else { 102_400 }
}

/// An answer, or that there is none.
fn said(answer: Result<Vec<Contribution>, Failure>) -> Option<u64> {
    match answer {
        Ok(answer) => Some(answer[0].values[0].to_bits()),
        Err(Failure::Trap(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % below
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len() as u64) as usize]
    }

    /// A place for so many bytes above what the host reads, most often at the edge of a page or of memory.
    fn place(&mut self, memory: u64, bytes: u64) -> u64 {
        let page = 4096 * (2 + self.roll(memory / 4096 - 2));
        match self.roll(10) {
            0..5 => (page + 4096).saturating_sub(self.roll(17)).min(memory - bytes),
            5 => memory - bytes,
            // Past its end: it traps.
            6 if self.roll(4) == 0 => memory + 1 - bytes + self.roll(1 << 20),
            _ => page.min(memory - bytes),
        }
    }
}

const STORES: [(&str, &str, u64); 14] = [
    ("i32.store", "(i32.const 0x01020304)", 4),
    ("i32.store8", "(i32.const 5)", 1),
    ("i32.store16", "(i32.const 6)", 2),
    ("i64.store", "(i64.const 0x0807060504030201)", 8),
    ("i64.store8", "(i64.const 7)", 1),
    ("i64.store16", "(i64.const 8)", 2),
    ("i64.store32", "(i64.const 9)", 4),
    ("f32.store", "(f32.const 1.5)", 4),
    ("f64.store", "(f64.const 2.5)", 8),
    ("v128.store", "(v128.const i64x2 -1 -1)", 16),
    ("v128.store8_lane", "(v128.const i64x2 -1 -1)", 1),
    ("v128.store16_lane", "(v128.const i64x2 -1 -1)", 2),
    ("v128.store32_lane", "(v128.const i64x2 -1 -1)", 4),
    ("v128.store64_lane", "(v128.const i64x2 -1 -1)", 8),
];

/// Some instructions that read a place and write there.
fn instructions(dice: &mut Dice, memory: u64) -> String {
    let mut body = String::from("(local $sum i64)");
    for _ in 0..=dice.roll(10) {
        let nested = dice.roll(4) == 0;
        if nested {
            body.push_str("(if (i32.eqz (i32.const 0)) (then ");
        }
        if dice.roll(3) == 0 {
            let long = dice.one_of(&[0, 1, 15, 4095, 4096, 4097, 70_000, 300_000]).min(memory - 8192);
            let (to, from) = (dice.place(memory, long), dice.roll(memory - long));
            let what = match dice.roll(2) {
                0 => format!("(memory.fill (i32.const {to}) (i32.const 171) (i32.const {long}))"),
                _ => format!("(memory.copy (i32.const {to}) (i32.const {from}) (i32.const {long}))"),
            };
            let _ = write!(body, "(local.set $sum (i64.add (local.get $sum) (i64.load8_u (i32.const {to})))){what}");
        } else {
            let (store, value, bytes) = dice.one_of(&STORES);
            let at = dice.place(memory, bytes);
            let offset = if dice.roll(2) == 0 { 0 } else { dice.roll(at + 1) };
            let lane = if store.ends_with("lane") { "0" } else { "" };
            let _ = write!(
                body,
                "(local.set $sum (i64.add (local.get $sum) (i64.load8_u (i32.const {at}))))
                 ({store} offset={offset} {lane} (i32.const {}) {value})",
                at - offset
            );
        }
        if nested {
            body.push_str("))");
        }
    }
    body + "(f64.convert_i64_s (local.get $sum))"
}

#[test]
fn wherever_guests_write_the_next_grain_finds_the_first_state() {
    let mut traps = 0;
    for seed in 0..250 {
        let mut dice = Dice(seed);
        let pages = dice.one_of(&[1, 2, 5, 17, 20]);
        let body = instructions(&mut dice, u64::from(pages) << 16);
        let module = compile(pages, "(data (i32.const 12288) \"\\01\\02\\03\")", &body);
        assert!(module.resets_in_place() && module.notes_writes());
        let first = said(module.contribute_in_new_instance(&EMPTY, &[]));
        for _ in 0..3 {
            assert_eq!(said(module.contribute(&EMPTY, &[])), first, "seed {seed}: {body}");
        }
        traps += usize::from(first.is_none());
    }
    assert!((10..200).contains(&traps), "{traps} of them trap");
}

/// What the instructions that are put in need is not to make a valid module invalid.
#[test]
fn a_function_that_has_no_room_for_marks_is_put_back_without() {
    for count in [49_990, 49_998] {
        let body = format!(
            "(local {}) (local $was i32) (local.set $was (i32.load8_u (i32.const 9000)))
             (i32.store8 (i32.const 9000) (i32.const 1)) (f64.convert_i32_u (local.get $was))",
            "i64 ".repeat(count)
        );
        let module = compile(1, "", &body);
        assert!(module.resets_in_place());
        assert_eq!(module.notes_writes(), count == 49_990);
        for _ in 0..3 {
            assert_eq!(said(module.contribute(&EMPTY, &[])), Some(0));
        }
    }
}

#[test]
fn a_function_with_many_groups_of_locals_has_marks() {
    let body = "(local i32 i64) ".repeat(100) + "(i32.store8 (i32.const 9000) (i32.const 1)) (f64.const 1)";
    let module = compile(1, "", &body);
    assert!(module.notes_writes());
    for _ in 0..3 {
        assert_eq!(said(module.contribute(&EMPTY, &[])), Some(1f64.to_bits()));
    }
}

#[test]
fn an_instance_whose_memory_grew_is_not_used_again() {
    let module = compile(1, "", "(drop (memory.grow (i32.const 1))) (f64.convert_i32_u (memory.size))");
    assert!(module.resets_in_place());
    for _ in 0..3 {
        assert_eq!(said(module.contribute(&EMPTY, &[])), Some(2f64.to_bits()));
    }
}

#[test]
fn a_module_that_was_kept_is_put_back_as_well() {
    let body = "(local $was i32) (local.set $was (i32.load8_u (i32.const 9000)))
                (i32.store8 (i32.const 9000) (i32.const 1)) (f64.convert_i32_u (local.get $was))";
    let engine = Engine::new(&Limits::new(50_000_000, 64 << 20), 1).unwrap();
    let bytes = compile(1, "", body).serialize().unwrap();
    // SAFETY: the bytes come from `serialize` just now.
    let kept = unsafe { Module::deserialize(&engine, &bytes) }.unwrap();
    assert!(kept.resets_in_place() && kept.notes_writes());
    for _ in 0..3 {
        assert_eq!(said(kept.contribute(&EMPTY, &[])), Some(0));
    }
}

/// Names that we give are ours.
#[test]
fn a_module_with_a_name_of_ours_runs_in_new_instances() {
    let module = compile(1, "(global (export \"unseen marks\") (mut i64) (i64.const 0))", "(f64.const 1)");
    assert!(!module.resets_in_place());
    assert_eq!(said(module.contribute(&EMPTY, &[])), Some(1f64.to_bits()));
}
