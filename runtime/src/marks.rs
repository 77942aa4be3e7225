//! Code that says which pages of memory it writes.
//!
//! Before each instruction that writes to memory stand a few that note the page, in a global which the guest's own code
//! cannot name: bit n of it stands for the pages n, n + 64, n + 128 and so on. Instructions are known one by one; a
//! function with one that is not is left alone, and its module is not run in a kept instance.

use std::ops::Range;

use wasm_encoder::{BlockType, Encode, Function, Instruction, ValType};
use wasmparser::{FunctionBody, MemArg, Operator};

/// Pages that were written, as the global has them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Written(pub(crate) u64);

const SHIFT: u32 = 12;
const PAGE: usize = 1 << SHIFT;
/// What is noted is the page where an instruction begins to write; none but those for ranges writes more than 16 bytes.
const BEYOND: usize = 15;

impl Written {
    /// These, and those of a range of bytes.
    pub(crate) fn and(self, bytes: Range<usize>) -> Written {
        if bytes.is_empty() {
            return self;
        }
        let (first, last) = (bytes.start >> SHIFT, (bytes.end - 1) >> SHIFT);
        let pages = if last - first < 63 { (2 << (last - first)) - 1 } else { u64::MAX };
        Written(self.0 | pages.rotate_left((first % 64) as u32))
    }

    /// These, and others.
    pub(crate) fn or(self, other: Written) -> Written {
        Written(self.0 | other.0)
    }

    /// How many bytes [`Written::ranges`] come to, or a few less.
    pub(crate) fn bytes(self, length: usize) -> usize {
        self.0.count_ones() as usize * length.div_ceil(64 * PAGE) * PAGE
    }

    /// Where in a memory of this length everything lies that was written.
    pub(crate) fn ranges(self, length: usize) -> impl Iterator<Item = Range<usize>> {
        let noted = (0..64).filter(move |page| self.0 >> page & 1 == 1);
        let pages = noted.flat_map(move |page| (page * PAGE..length).step_by(64 * PAGE));
        pages.map(move |start| start..length.min(start + PAGE + BEYOND))
    }
}

/// Rewrites the functions of a module.
pub(crate) struct Marks {
    /// The global, a mutable i64.
    pub(crate) global: u32,
    /// The function whose body is [`Marks::of_range`].
    pub(crate) range: u32,
}

/// What the validator allows.
const MOST_LOCALS: u32 = 50_000;
const LONGEST_FUNCTION: usize = 7_654_321;

impl Marks {
    /// The body of a function with so many parameters, marking what it writes. None where that is not known of one of
    /// its instructions, or the body would not be valid any more.
    pub(crate) fn body(&self, body: &FunctionBody<'_>, parameters: u32) -> wasmparser::Result<Option<Vec<u8>>> {
        let (bytes, base) = (body.as_bytes(), body.range().start);
        let mut locals = body.get_locals_reader()?;
        let (groups, groups_from) = (locals.get_count(), locals.original_position() - base);
        let mut count = parameters;
        for _ in 0..groups {
            count = count.saturating_add(locals.read()?.0);
        }
        let groups_to = locals.original_position() - base;
        let mut scratch = Scratch { first: count, types: Vec::new() };

        let mut code = Vec::with_capacity(bytes.len());
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let from = operators.original_position() - base;
            match writes(&operators.read()?) {
                Writes::Nothing => {}
                Writes::Store(value, at) => self.before_store(&mut code, &mut scratch, value, &at),
                Writes::Range => self.before_range(&mut code, &mut scratch),
                Writes::Unknown => return Ok(None),
            }
            code.extend_from_slice(&bytes[from..operators.original_position() - base]);
        }
        let mut made = Vec::with_capacity(code.len() + groups_to + 16);
        (groups + scratch.types.len() as u32).encode(&mut made);
        made.extend_from_slice(&bytes[groups_from..groups_to]);
        for (ty, _) in &scratch.types {
            1u32.encode(&mut made);
            ty.encode(&mut made);
        }
        made.extend_from_slice(&code);
        let fits = count <= MOST_LOCALS - scratch.types.len() as u32 && made.len() <= LONGEST_FUNCTION;
        Ok(fits.then_some(made))
    }

    /// A store takes an address and a value. It traps where address and offset are more than an i32 together.
    fn before_store(&self, code: &mut Vec<u8>, scratch: &mut Scratch, value: ValType, at: &MemArg) {
        let (address, value) = (scratch.local(ValType::I32, 0), scratch.local(value, 1));
        let mut put = |instruction: Instruction<'_>| instruction.encode(code);
        put(Instruction::LocalSet(value));
        put(Instruction::LocalSet(address));
        put(Instruction::GlobalGet(self.global));
        put(Instruction::I64Const(1));
        put(Instruction::LocalGet(address));
        if at.offset != 0 {
            put(Instruction::I32Const(at.offset as i32));
            put(Instruction::I32Add);
        }
        put(Instruction::I32Const(SHIFT as i32));
        put(Instruction::I32ShrU);
        put(Instruction::I64ExtendI32U);
        // By that modulo 64.
        put(Instruction::I64Shl);
        put(Instruction::I64Or);
        put(Instruction::GlobalSet(self.global));
        put(Instruction::LocalGet(address));
        put(Instruction::LocalGet(value));
    }

    /// Filling and copying take where to, what, and how much.
    fn before_range(&self, code: &mut Vec<u8>, scratch: &mut Scratch) {
        let [to, what, count] = [0, 1, 2].map(|nth| scratch.local(ValType::I32, nth));
        let mut put = |instruction: Instruction<'_>| instruction.encode(code);
        put(Instruction::LocalSet(count));
        put(Instruction::LocalSet(what));
        put(Instruction::LocalTee(to));
        put(Instruction::LocalGet(count));
        put(Instruction::Call(self.range));
        put(Instruction::LocalGet(to));
        put(Instruction::LocalGet(what));
        put(Instruction::LocalGet(count));
    }

    /// The body of a function that marks a range, given its start and length: [`Written::and`] in instructions.
    pub(crate) fn of_range(&self) -> Vec<u8> {
        let [start, count, last, further] = [0, 1, 2, 3];
        let mut function = Function::new([(2, ValType::I32)]);
        let mut code = function.instructions();
        // Nothing is written, or, where the end is beyond all memory, what follows traps.
        code.local_get(count).i32_eqz().if_(BlockType::Empty).return_().end();
        code.local_get(start).local_get(count).i32_add().i32_const(1).i32_sub().local_tee(last);
        code.local_get(start).i32_lt_u().if_(BlockType::Empty).return_().end();
        code.local_get(last).i32_const(SHIFT as i32).i32_shr_u();
        code.local_get(start).i32_const(SHIFT as i32).i32_shr_u().i32_sub().local_set(further);
        code.global_get(self.global);
        code.i64_const(2).local_get(further).i64_extend_i32_u().i64_shl().i64_const(1).i64_sub();
        code.i64_const(-1).local_get(further).i32_const(63).i32_lt_u().select();
        code.local_get(start).i32_const(SHIFT as i32).i32_shr_u().i64_extend_i32_u().i64_rotl();
        code.i64_or().global_set(self.global).end();
        function.into_raw_body()
    }
}

/// Locals of our own, behind those that a function has.
struct Scratch {
    first: u32,
    types: Vec<(ValType, u8)>,
}

impl Scratch {
    /// The one of this type and number.
    fn local(&mut self, ty: ValType, nth: u8) -> u32 {
        let known = self.types.iter().position(|local| *local == (ty, nth));
        let at = known.unwrap_or_else(|| {
            self.types.push((ty, nth));
            self.types.len() - 1
        });
        self.first.saturating_add(at as u32)
    }
}

/// What an instruction does to memory.
enum Writes {
    Nothing,
    /// A value of this type, or less of it, at this place.
    Store(ValType, MemArg),
    Range,
    Unknown,
}

fn writes(operator: &Operator<'_>) -> Writes {
    use Operator as O;
    match operator {
        O::I32Store { memarg } | O::I32Store8 { memarg } | O::I32Store16 { memarg } => {
            Writes::Store(ValType::I32, *memarg)
        }
        O::I64Store { memarg } | O::I64Store8 { memarg } | O::I64Store16 { memarg } | O::I64Store32 { memarg } => {
            Writes::Store(ValType::I64, *memarg)
        }
        O::F32Store { memarg } => Writes::Store(ValType::F32, *memarg),
        O::F64Store { memarg } => Writes::Store(ValType::F64, *memarg),
        O::V128Store { memarg }
        | O::V128Store8Lane { memarg, .. }
        | O::V128Store16Lane { memarg, .. }
        | O::V128Store32Lane { memarg, .. }
        | O::V128Store64Lane { memarg, .. } => Writes::Store(ValType::V128, *memarg),
        O::MemoryCopy { .. } | O::MemoryFill { .. } => Writes::Range,
        _ if OF_WEBASSEMBLY_2.contains(&proposal(operator)) => Writes::Nothing,
        _ => Writes::Unknown,
    }
}

/// The instructions of WebAssembly 2.0, by the proposals that they came with. Those of them that write to memory are
/// named in [`writes`], but for `memory.init`, with which a module is not plain.
const OF_WEBASSEMBLY_2: [&str; 6] =
    ["mvp", "sign_extension", "saturating_float_to_int", "bulk_memory", "reference_types", "simd"];

macro_rules! proposals {
    ($( @$proposal:ident $operator:ident $({ $($field:ident: $type:ty),* })? => $visit:ident ($($arity:tt)*) )*) => {
        /// The proposal that an instruction came with.
        fn proposal(operator: &Operator<'_>) -> &'static str {
            match operator {
                $( Operator::$operator { .. } => stringify!($proposal), )*
                _ => "",
            }
        }

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] =
            &[$( (stringify!($proposal), stringify!($operator), stringify!($({ $($field: $type),* })?)) ),*];
    };
}
wasmparser::for_each_operator!(proposals);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever has a memory in hand reads or writes it; what is not called a load is known here.
    #[test]
    fn every_instruction_that_writes_is_known() {
        let of_memory = |fields: &str| fields.contains("MemArg") || fields.contains("mem");
        let found = ALL.iter().filter(|(proposal, name, fields)| {
            OF_WEBASSEMBLY_2.contains(proposal) && of_memory(fields) && !name.contains("Load")
        });
        let mut found: Vec<_> = found.map(|(_, name, _)| *name).collect();
        found.sort_unstable();
        let known = [
            "F32Store",
            "F64Store",
            "I32Store",
            "I32Store16",
            "I32Store8",
            "I64Store",
            "I64Store16",
            "I64Store32",
            "I64Store8",
            "MemoryCopy",
            "MemoryFill",
            "MemoryGrow",
            "MemoryInit",
            "MemorySize",
            "V128Store",
            "V128Store16Lane",
            "V128Store32Lane",
            "V128Store64Lane",
            "V128Store8Lane",
        ];
        assert_eq!(found, known);
    }

    #[test]
    fn ranges_hold_every_byte_that_was_noted() {
        let length = 100 * PAGE + 100;
        for (start, end) in [(0, 1), (PAGE - 1, PAGE + 1), (5 * PAGE, 69 * PAGE), (63 * PAGE, 65 * PAGE), (7, length)] {
            let written = Written::default().and(start..end);
            assert!((start..end).all(|byte| written.ranges(length).any(|range| range.contains(&byte))));
        }
        assert_eq!(Written::default().and(9..9).0, 0);
        let bits =
            |from: usize, pages: usize| Written::default().and(from * PAGE..(from + pages) * PAGE).0.count_ones();
        for pages in [1, 2, 62, 63, 64, 65, 1000] {
            assert_eq!((bits(0, pages), bits(61, pages)), (pages.min(64) as u32, pages.min(64) as u32));
        }
    }
}
