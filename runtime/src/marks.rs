//! Code that says which pages of memory it writes.
//!
//! Before each instruction that writes to memory stand a few that note the page, in a global which the guest's own code
//! cannot name. Its lower 63 bits stand for the last 63 pages of the memory that a module begins with, where compilers
//! put the top of the stack, data and the first of the heap; the highest for all others. Instructions are known one by
//! one; a module with one that is not gets no marks.

use std::ops::Range;

use wasm_encoder::{BlockType, Encode, Function, Instruction, ValType};
use wasmparser::{FunctionBody, MemArg, Operator};

const SHIFT: u32 = 12;
const PAGE: usize = 1 << SHIFT;
/// Pages that have a bit of their own.
const WINDOW: usize = 63;
/// What is noted is the page where an instruction begins to write; none but those for ranges writes more than 16 bytes.
const BEYOND: usize = 15;

/// The first of the pages that have a bit of their own, in a memory that begins with so many bytes.
pub(crate) fn first_page(bytes: usize) -> usize {
    (bytes >> SHIFT).saturating_sub(WINDOW)
}

/// Whether a place is in one of these pages.
pub(crate) fn is_near(place: usize, bytes: usize) -> bool {
    place >> SHIFT >= first_page(bytes)
}

/// Pages that were written, as the global has them, of a memory that begins with so many bytes.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) bits: u64,
    pub(crate) bytes: usize,
}

impl Written {
    /// These, and those of a range.
    pub(crate) fn and(self, range: Range<usize>) -> Written {
        if range.is_empty() {
            return self;
        }
        let window = first_page(self.bytes)..first_page(self.bytes) + WINDOW;
        let pages = range.start >> SHIFT..((range.end - 1) >> SHIFT) + 1;
        let near = pages.start.max(window.start)..pages.end.min(window.end);
        let mut bits = self.bits;
        if pages != near {
            bits |= 1 << WINDOW;
        }
        if !near.is_empty() {
            bits |= (u64::MAX >> (64 - near.len())) << (near.start - window.start);
        }
        Written { bits, ..self }
    }

    /// How many bytes [`Written::ranges`] come to, or a few less.
    pub(crate) fn length(self) -> usize {
        let far = if self.bits >> WINDOW == 1 { self.bytes.saturating_sub(WINDOW * PAGE) } else { 0 };
        (self.bits << 1).count_ones() as usize * PAGE + far
    }

    /// Where everything lies that was written. Ranges may overlap.
    pub(crate) fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let (first, end) = (first_page(self.bytes) * PAGE, self.bytes);
        let near = (0..WINDOW).filter(move |page| self.bits >> page & 1 == 1);
        let near = near.map(move |page| first + page * PAGE..first + (page + 1) * PAGE);
        let far = [0..first, first + WINDOW * PAGE..end].into_iter().filter(move |_| self.bits >> WINDOW == 1);
        near.chain(far).map(move |range| range.start.min(end)..(range.end + BEYOND).min(end))
    }
}

/// Rewrites the functions of a module.
pub(crate) struct Marks {
    /// The global, a mutable i64.
    pub(crate) global: u32,
    /// The function whose body is [`Marks::of_range`].
    pub(crate) range: u32,
    /// See [`first_page`].
    pub(crate) first: usize,
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
        let [address, page] = [0, 1].map(|nth| scratch.local(ValType::I32, nth));
        let value = scratch.local(value, 2);
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
        if self.first != 0 {
            put(Instruction::I32Const(self.first as i32));
            put(Instruction::I32Sub);
        }
        put(Instruction::LocalTee(page));
        put(Instruction::I32Const(WINDOW as i32));
        put(Instruction::LocalGet(page));
        put(Instruction::I32Const(WINDOW as i32));
        // A page before the first one is a large number.
        put(Instruction::I32LtU);
        put(Instruction::Select);
        put(Instruction::I64ExtendI32U);
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
        let [start, count, last, from, to] = [0, 1, 2, 3, 4];
        let (first, window) = (self.first as i32, WINDOW as i32);
        let mut function = Function::new([(3, ValType::I32)]);
        let mut code = function.instructions();
        // Nothing is written, or, where the end is beyond all memory, what follows traps.
        code.local_get(count).i32_eqz().if_(BlockType::Empty).return_().end();
        code.local_get(start).local_get(count).i32_add().i32_const(1).i32_sub().local_tee(last);
        code.local_get(start).i32_lt_u().if_(BlockType::Empty).return_().end();
        // The first and the last page, counted from the first that has a bit: they may be negative, and far beyond.
        code.local_get(start).i32_const(SHIFT as i32).i32_shr_u().i32_const(first).i32_sub().local_set(from);
        code.local_get(last).i32_const(SHIFT as i32).i32_shr_u().i32_const(first).i32_sub().local_set(to);
        code.local_get(from).i32_const(0).i32_lt_s().local_get(to).i32_const(window).i32_ge_s().i32_or();
        code.if_(BlockType::Empty);
        code.global_get(self.global).i64_const(i64::MIN).i64_or().global_set(self.global).end();
        code.local_get(from).i32_const(0).local_get(from).i32_const(0).i32_gt_s().select().local_set(from);
        code.local_get(to).i32_const(window - 1).local_get(to).i32_const(window - 1).i32_lt_s().select().local_set(to);
        code.local_get(from).local_get(to).i32_gt_s().if_(BlockType::Empty).return_().end();
        code.global_get(self.global);
        code.i64_const(2).local_get(to).local_get(from).i32_sub().i64_extend_i32_u().i64_shl().i64_const(1).i64_sub();
        code.local_get(from).i64_extend_i32_u().i64_shl().i64_or().global_set(self.global).end();
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
    fn the_last_pages_are_near() {
        let (bytes, first) = (1 << 20, (256 - WINDOW) * PAGE);
        assert!(is_near(first, bytes) && is_near(bytes - 1, bytes));
        assert!(!is_near(first - 1, bytes) && !is_near(0, bytes));
        assert!(is_near(0, WINDOW * PAGE));
    }

    #[test]
    fn ranges_hold_every_byte_that_was_noted() {
        for length in [64 << 10, 252 << 10, 256 << 10, 1 << 20, 1 << 21] {
            let (none, window) = (Written { bits: 0, bytes: length }, first_page(length) * PAGE);
            let ends = [0, 1, PAGE - 1, PAGE + 1, window, window + 1, window + PAGE, length - PAGE, length - 1, length];
            for start in ends {
                for end in ends.into_iter().filter(|end| *end > start) {
                    let written = none.and(start..end);
                    let (sum, few) = (written.ranges().map(|range| range.len()).sum::<usize>(), 65 * BEYOND);
                    assert!((written.length()..=written.length() + few).contains(&sum), "{start}..{end}");
                    for byte in [start, usize::midpoint(start, end), end - 1, start.max(window).min(end - 1)] {
                        assert!(written.ranges().any(|range| range.contains(&byte)), "{byte} of {start}..{end}");
                    }
                }
            }
            assert_eq!(none.and(9..9).bits, 0);
            assert_eq!(none.ranges().count(), 0);
            // What has a bit of its own takes no other page with it.
            assert_eq!(none.and(length - 10..length).bits.count_ones(), 1);
            assert!(none.and(length - 10..length).ranges().all(|range| range.len() <= PAGE + BEYOND));
        }
    }
}
