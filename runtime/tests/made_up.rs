//! Modules that a fuzzer makes up, whose instances are put back and made anew: whatever their code does, and however it
//! ends, both give the same answers bit for bit, and answers tell all of memory and of the globals, before and after.
//! `UNSEEN_FUZZ_ROUNDS` makes it longer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;

use arbitrary::Unstructured;
use unseen_runtime::{Contribution, Engine, Failure, Limits, Module, Table};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, InstructionSink, MemArg, TypeSection,
    ValType,
};
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices};
use wasmparser::{Parser, Payload};

const SEEDS: u64 = 80;
/// Calls of each module, of one function after the other.
const CALLS: u32 = 8;
const MOST_PAGES: u32 = 16;

/// Functions that are called, with what they take and give.
const FUNCTIONS: [(&[ValType], &[ValType]); 5] = {
    use ValType::{F32, F64, I32, I64};
    [(&[I32, I32], &[I32]), (&[I64, F64], &[I64]), (&[F32], &[F64, I32]), (&[I64, I32], &[F64]), (&[], &[])]
};

#[test]
fn what_a_fuzzer_makes_up_is_the_same_put_back_and_new() {
    let times: u64 = std::env::var("UNSEEN_FUZZ_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let engine = Engine::new(&Limits::new(8_000_000, 4 << 20), 1).unwrap();
    let mut seen = Seen::default();
    for seed in 0..SEEDS * times {
        let pages = [1, 2, 5][seed as usize % 3];
        let module = made_up(seed, pages);
        let component = unseen_toolchain::componentize(&module).unwrap();
        let Ok(module) = Module::compile(&engine, &component) else {
            seen.refused += 1;
            continue;
        };
        seen.new += u32::from(!module.resets_in_place());
        seen.marked += u32::from(module.notes_writes());
        seen.scanned += u32::from(module.resets_in_place() && !module.notes_writes());
        for call in 0..CALLS {
            let state = [f64::from(call % FUNCTIONS.len() as u32), (seed * 1_000_003 + u64::from(call) * 77) as f64];
            let [new, put_back] = [Module::contribute_in_new_instance, Module::contribute]
                .map(|run| said(run(&module, &[Table { rows: 0, columns: &[] }], &state)));
            assert_eq!(put_back, new, "seed {seed}, call {call}");
            if module.resets_in_place() {
                seen.count(&new, f64::from(pages));
            }
        }
    }
    println!("{seen:?}");
    seen.is_enough();
}

/// What was reached, so that it can be said that it was.
#[derive(Default)]
struct Seen {
    refused: u32,
    new: u32,
    marked: u32,
    scanned: u32,
    traps: u32,
    fuel: u32,
    changed: u32,
    grown: u32,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { refused, new, marked, scanned, traps, fuel, changed, grown } = self;
        write!(
            f,
            "modules: {refused} refused, {new} new, {marked} with marks, {scanned} scanned; of the \
             calls of these {traps} trapped, {fuel} ran out of fuel, {changed} changed their state, {grown} grew"
        )
    }
}

impl Seen {
    fn count(&mut self, said: &Result<Vec<f64>, &str>, pages: f64) {
        match said {
            Err("fuel") => self.fuel += 1,
            Err(_) => self.traps += 1,
            Ok(values) => {
                self.changed += u32::from(values[0] != values[2]);
                self.grown += u32::from(values[3] > pages);
            }
        }
    }

    fn is_enough(&self) {
        let Seen { refused: _, new, marked, scanned, traps, fuel, changed, grown } = self;
        assert!([new, marked, scanned, traps, fuel, changed, grown].iter().all(|count| **count > 0), "{self:?}");
    }
}

/// Values, or why there are none.
fn said(answer: Result<Vec<Contribution>, Failure>) -> Result<Vec<f64>, &'static str> {
    match answer {
        Ok(mut answer) => Ok(answer.remove(0).values),
        Err(Failure::Fuel) => Err("fuel"),
        Err(Failure::Trap(_)) => Err("trap"),
        Err(other) => panic!("{other}"),
    }
}

fn made_up(seed: u64, pages: u32) -> Vec<u8> {
    // Of every four, one may change tables and segments; one never traps where it can be helped.
    let (whole, tame) = (seed.is_multiple_of(4), seed % 4 == 1);
    let some = [
        InstructionKind::Numeric,
        InstructionKind::Vector,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Control,
        InstructionKind::Memory,
    ];
    let config = Config {
        exports: Some(exports(pages, whole)),
        allowed_instructions: if whole { InstructionKinds::all() } else { InstructionKinds::new(&some) },
        disallow_traps: tame,
        allow_start_export: false,
        max_imports: 0,
        max_data_segments: if whole { 4 } else { 0 },
        max_globals: if whole { 9 } else { 0 },
        max_funcs: 9,
        max_instructions: 120,
        // Near, so that something is there.
        memory_offset_choices: MemoryOffsetChoices(95, 4, 1),
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        max_memories: 0,
        // References from outside are off.
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        // Globals come with it that hold vectors, and no instance with one is put back.
        simd_enabled: whole,
        tail_call_enabled: false,
        threads_enabled: false,
        extended_const_enabled: false,
        ..Config::default()
    };
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = (0..6_000)
        .map(|_| {
            dice ^= dice >> 12;
            dice ^= dice << 25;
            dice ^= dice >> 27;
            (dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
        })
        .collect();
    let made = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).unwrap().to_bytes();
    Job::of(&made).around(&made)
}

/// What every module made up has: a memory, the functions, globals that change, and a table if it may change.
fn exports(pages: u32, whole: bool) -> Vec<u8> {
    let mut text = format!("(module (memory (export \"memory\") {pages} {MOST_PAGES})");
    let types = |types: &[ValType]| types.iter().map(|ty| format!("{ty:?} ").to_lowercase()).collect::<String>();
    for (at, (takes, gives)) in FUNCTIONS.iter().enumerate() {
        text += &format!("(func (export \"f{at}\") (param {}) (result {}) unreachable)", types(takes), types(gives));
    }
    // Compilers keep the stack in the first; where it is not that, nothing is marked in larger memories.
    for (at, ty) in [if pages == 5 { "i64" } else { "i32" }, "i32", "i64", "f32", "f64"].iter().enumerate() {
        text += &format!("(global (export \"g{at}\") (mut {ty}) ({ty}.const 0))");
    }
    if whole {
        text += "(table (export \"t\") 4 32 funcref) (global (export \"v\") (mut v128) (v128.const i64x2 0 0))";
    }
    wat::parse_str(text + ")").unwrap()
}

/// A module made up, with what makes a job of it.
struct Job {
    functions: Vec<u32>,
    /// Those that hold numbers.
    globals: Vec<Option<ValType>>,
    tables: u32,
    digest: u32,
    types: u32,
}

impl Job {
    fn of(made: &[u8]) -> Job {
        let (mut functions, mut globals, mut tables) = (vec![0; FUNCTIONS.len()], Vec::new(), 0);
        for payload in Parser::new(0).parse_all(made) {
            match payload.unwrap() {
                Payload::GlobalSection(section) => {
                    let of = |ty| ValType::try_from(ty).ok().filter(|ty| !matches!(ty, ValType::Ref(_)));
                    globals = section.into_iter().map(|global| of(global.unwrap().ty.content_type)).collect();
                }
                Payload::TableSection(section) => tables = section.count(),
                Payload::ExportSection(section) => {
                    for export in section.into_iter().map(Result::unwrap) {
                        if let Some(at) = export.name.strip_prefix('f') {
                            functions[at.parse::<usize>().unwrap()] = export.index;
                        }
                    }
                }
                _ => {}
            }
        }
        Job { functions, globals, tables, digest: 0, types: 0 }
    }

    fn around(mut self, made: &[u8]) -> Vec<u8> {
        let mut module = wasm_encoder::Module::new();
        self.parse_core_module(&mut module, Parser::new(0), made).unwrap();
        module.finish()
    }

    /// All of memory, and what numbers globals hold, in one.
    fn digest(&self) -> Function {
        let (at, sum) = (0, 1);
        let mut function = Function::new([(1, ValType::I32), (1, ValType::I64)]);
        let mut code = function.instructions();
        code.loop_(BlockType::Empty);
        code.local_get(sum).local_get(at).i64_load(word(0)).i64_xor();
        mix(&mut code, sum);
        code.local_get(at).i32_const(8).i32_add().local_tee(at);
        code.memory_size(0).i32_const(16).i32_shl().i32_lt_u().br_if(0).end();
        for (global, ty) in self.globals.iter().enumerate() {
            let Some(ty) = ty else { continue };
            as_bits(code.global_get(global as u32), *ty).local_get(sum).i64_xor();
            mix(&mut code, sum);
        }
        for table in 0..self.tables {
            code.local_get(sum).table_size(table).i64_extend_i32_u().i64_xor();
            mix(&mut code, sum);
        }
        code.local_get(sum).end();
        function
    }

    /// Calls the function that the state says, and answers with what was there before, what it gave, what is there
    /// after, and how large memory is.
    fn contribute(&self) -> Function {
        let (state, before, which, seed, given) = (2, 4, 5, 6, 7);
        let mut function = Function::new([(1, ValType::I64), (1, ValType::I32), (2, ValType::I64)]);
        let mut code = function.instructions();
        code.call(self.digest).local_set(before);
        code.local_get(state).f64_load(word(0)).i32_trunc_sat_f64_u().local_set(which);
        code.local_get(state).f64_load(word(8)).i64_trunc_sat_f64_u().local_set(seed);
        for (at, (takes, gives)) in FUNCTIONS.iter().enumerate() {
            code.local_get(which).i32_const(at as i32).i32_eq().if_(BlockType::Empty);
            for ty in *takes {
                code.local_get(seed);
                match ty {
                    ValType::I32 => code.i32_wrap_i64(),
                    ValType::I64 => &mut code,
                    ValType::F32 => code.f32_convert_i64_s(),
                    ValType::F64 => code.f64_convert_i64_s(),
                    _ => code.i64x2_splat(),
                };
            }
            code.call(self.functions[at]);
            for ty in gives.iter().rev() {
                as_bits(&mut code, *ty).local_get(given).i64_xor();
                mix(&mut code, given);
            }
            code.end();
        }
        // Most of what is made up asks for more than there is.
        code.local_get(seed).i32_wrap_i64().i32_const(1).i32_and().memory_grow(0).drop();
        // As numbers that are no NaN.
        for (at, digest) in [(512, Some(before)), (520, Some(given)), (528, None)] {
            code.i32_const(at);
            match digest {
                Some(digest) => code.local_get(digest),
                None => code.call(self.digest),
            };
            code.i64_const(11).i64_shr_u().f64_convert_i64_u().f64_store(word(0));
        }
        code.i32_const(536).memory_size(0).f64_convert_i32_u().f64_store(word(0));
        // Ok, a list of one contribution: of output 0, no group, four values.
        for (at, number) in [(128, 0), (132, 256), (136, 1), (256, 0), (260, 8), (264, 0), (268, 512), (272, 4)] {
            code.i32_const(at).i32_const(number).i32_store(MemArg { align: 2, ..word(0) });
        }
        code.i32_const(128).end();
        function
    }

    /// Room between 1024 and 6000; how much is taken stands at 64, where anybody may write.
    fn room() -> Function {
        let (size, start) = (3, 4);
        let at = MemArg { align: 2, ..word(64) };
        let mut function = Function::new([(1, ValType::I32)]);
        let mut code = function.instructions();
        code.i32_const(0).i32_load(at).i32_const(0xff8).i32_and().local_set(start);
        code.i32_const(0).local_get(start).local_get(size).i32_add().i32_const(7).i32_add().i32_store(at);
        code.local_get(start).i32_const(1024).i32_add().end();
        function
    }
}

fn word(offset: u64) -> MemArg {
    MemArg { offset, align: 3, memory_index: 0 }
}

/// A value on the stack as a whole number; of a vector, half.
fn as_bits<'a, 'b>(code: &'a mut InstructionSink<'b>, ty: ValType) -> &'a mut InstructionSink<'b> {
    match ty {
        ValType::I32 => code.i64_extend_i32_u(),
        ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
        ValType::F64 => code.i64_reinterpret_f64(),
        ValType::V128 => code.i64x2_extract_lane(1),
        _ => code,
    }
}

/// Takes a number into a local's digest.
fn mix(code: &mut InstructionSink<'_>, into: u32) {
    code.i64_const(5).i64_rotl().i64_const(0x100_0000_01b3).i64_mul().local_set(into);
}

impl Reencode for Job {
    type Error = Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_type_section(self, types, section)?;
        self.types = types.len();
        types.ty().function([], [ValType::I64]);
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_function_section(self, functions, section)?;
        self.digest = functions.len();
        functions.function(self.types).function(self.types + 1).function(self.types + 1);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_export_section(self, exports, section)?;
        exports.export("contribute", ExportKind::Func, self.digest + 1);
        exports.export("cabi_realloc", ExportKind::Func, self.digest + 2);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.digest()).function(&self.contribute()).function(&Job::room());
        Ok(())
    }
}
