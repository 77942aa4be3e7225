//! How much fuel this machine burns in a second when a guest does its worst to make a unit of it last.
//!
//! A run's slot is its fuel divided by the rate that the lab's policy states, so that rate has to be kept
//! whatever the guest does. What makes a unit of fuel last is waiting for memory, dividing, and calling
//! into the host; each is tried here.

use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, InstructionSink, MemArg,
    MemorySection, MemoryType, TypeSection, ValType,
};
use wasmtime::Instance;

use crate::call;
use crate::engine::{Engine, EngineError, Limits};

/// Units of fuel that one thread burns in a second, at the least of all that was tried. Takes about a
/// second, and 64 MiB.
///
/// # Errors
/// When the engine cannot start.
pub fn measure() -> Result<u64, EngineError> {
    let engine = Engine::new(&Limits::new(u64::MAX / 4, 128 << 20), 1)?;
    let failed = |error: wasmtime::Error| EngineError::because(&error);
    let module = wasmtime::Module::new(&engine.wasmtime, guest()).map_err(failed)?;
    let mut store = call::store(&engine, 0);
    let instance = Instance::new(&mut store, &module, &[]).map_err(failed)?;
    let mut least = f64::MAX;
    for (name, rounds) in TRIES {
        let function = instance.get_typed_func::<i32, i32>(&mut store, name).map_err(failed)?;
        let before = store.get_fuel().map_err(failed)?;
        let start = processor_time();
        function.call(&mut store, rounds).map_err(failed)?;
        let (time, after) = (processor_time() - start, store.get_fuel().map_err(failed)?);
        // Setting the chain up does not wait.
        if name != CHAIN {
            least = least.min((before - after) as f64 / time);
        }
    }
    Ok(least as u64)
}

/// Seconds that this thread has had a processor: what else the machine does now is not what it can do.
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

const CHAIN: &str = "chain";
const TRIES: [(&str, i32); 4] = [(CHAIN, NODES), ("wait", 1 << 16), ("divide", 1 << 17), ("grow", 1 << 20)];

/// Nodes of the chain, one cache line each: far more than any cache holds.
const NODES: i32 = 1 << 20;
const LINE: i32 = 64;
/// What is done in one round.
const UNROLLED: usize = 16;

fn guest() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut functions, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (index, (name, _)) in TRIES.iter().enumerate() {
        functions.function(0);
        exports.export(name, ExportKind::Func, index as u32);
        code.function(&repeated(name));
    }
    let mut memories = MemorySection::new();
    let minimum = u64::from((NODES * LINE) as u32) >> 16;
    memories.memory(MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// Counts its parameter down to 0, and does the named thing each time with local 1.
fn repeated(name: &str) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    let mut body = function.instructions();
    body.loop_(BlockType::Empty);
    body.local_get(0).i32_const(1).i32_sub().local_set(0);
    match name {
        CHAIN => link(&mut body),
        "wait" => wait(&mut body),
        "divide" => divide(&mut body),
        _ => drop(body.i32_const(0).memory_grow(0).local_set(1)),
    }
    body.local_get(0).br_if(0).end().local_get(1).end();
    function
}

/// Node n leads to node n * 1664525 + 1013904223, modulo their number: each is met once before the first
/// is met again, and none is near the one before.
fn link(body: &mut InstructionSink<'_>) {
    body.local_get(0).i32_const(LINE).i32_mul();
    body.local_get(0).i32_const(1_664_525).i32_mul().i32_const(1_013_904_223).i32_add();
    body.i32_const(NODES - 1).i32_and().i32_const(LINE).i32_mul();
    body.i32_store(WORD);
}

/// Each address is read from the one before, so nothing can be fetched ahead.
fn wait(body: &mut InstructionSink<'_>) {
    body.local_get(1);
    for _ in 0..UNROLLED {
        body.i32_load(WORD);
    }
    body.local_set(1);
}

fn divide(body: &mut InstructionSink<'_>) {
    body.i64_const(i64::MAX);
    for _ in 0..UNROLLED {
        body.i64_const(3).i64_div_s().i64_const(i64::MAX).i64_xor();
    }
    body.i32_wrap_i64().local_set(1);
}

const WORD: MemArg = MemArg { offset: 0, align: 2, memory_index: 0 };
