//! What a run may need at most, in memory and time, from public numbers only: the manifest, the
//! steward's bounds on each dataset, and what the policy says of the machine.
//!
//! A run that ended early, late or never because of its rows would tell something about them. So the
//! lab asks this file before a job is submitted and charged, refuses what does not fit, sets the memory
//! aside before the first row, and lets the run have its whole slot, however soon it is done. What is
//! counted here is the worst that any guest and any rows within the bounds can cause; nothing here
//! looks at what there really is. `docs/privacy-model.md`, section 2.7, is the argument.

use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::manifest::{GrainKind, Input, Manifest, ModuleRef};
use crate::plan::Plan;
use crate::policy::Machine;

/// What a run may need at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Bytes of memory with one thread.
    pub memory: u64,
    /// Bytes of memory that each further thread adds.
    pub thread: u64,
    /// Seconds from its start with one thread: the length of the run's slot.
    pub seconds: u64,
}

/// Bytes of one input's rows that one thread decodes at a time, about: as few rows as fit.
pub const BATCH_BYTES: u64 = 32 << 20;

/// Rows that one thread decodes at a time, at most.
pub const BATCH_ROWS: u64 = 8_192;

/// Bytes of rows that are gathered into blocks at once. More than that means more passes over the
/// buckets, each for some of the blocks.
pub const GATHER: u64 = 256 << 20;

/// The worker before it reads a row: its code, the engine, the compiled module, the descriptors.
const BASE: u64 = 96 << 20;
/// What one call needs beside the guest's memory, its rows and its answer: stacks and tables.
const CALL: u64 = 8 << 20;
/// How often an answer is held at most, on its way to the totals.
const ANSWERS: u64 = 3;
/// Bytes a number takes on its way out: totals of each thread, noise, the release's text.
const NUMBER: u64 = 512;
/// What `advance` may answer with, twice.
const VERDICT: u64 = 128 << 20;
/// A page of a bucket file holds at most this, or [`PAGE_ROWS`] rows if they take more.
const PAGE: u64 = 2 << 20;
/// Rows that the writer puts into a page before it looks how large the page is.
const PAGE_ROWS: u64 = 1_024;

const SECOND: u128 = 1_000_000_000;
/// Nanoseconds that starting a worker, and ending one, may take.
const START: u128 = 5 * SECOND;
/// Nanoseconds round one call of a guest, beside fuel, memory and answer.
const AROUND_CALL: u128 = 1_000_000;
/// Nanoseconds to read and clamp a byte of an answer.
const ANSWERED: u128 = 10;
/// Nanoseconds in which the ready-made map puts a row into a group, and adds one value of it.
const GROUPED: u128 = 1_000;
const SUMMED: u128 = 100;
/// Nanoseconds to show one cell to a guest: decrypt, decompress, decode, copy, clear.
const CELL: u128 = 40;
/// Nanoseconds to bring one row from a public table.
const LOOKUP: u128 = 200;
/// Nanoseconds to draw, add and write one released number.
const RELEASED: u128 = 10_000;

impl Need {
    /// Adds up the need of a job. `bounds` are those of the datasets it names, as registered.
    pub fn new(manifest: &Manifest, plan: &Plan, bounds: &dyn Fn(&str) -> Bounds, machine: &Machine) -> Need {
        let inputs: Vec<Reading> = manifest.inputs.iter().map(|input| Reading::new(input, bounds)).collect();
        let count =
            |each: &dyn Fn(&Reading) -> u64| inputs.iter().fold(0_u64, |sum, input| sum.saturating_add(each(input)));
        let cells: u64 = plan.outputs.iter().map(|output| (output.domain.size() * output.values.len()) as u64).sum();
        let numbers = cells.saturating_mul(plan.rounds.into());
        let public = manifest.references().into_iter().map(bounds);
        let public = public.fold(0_u64, |sum, table| sum.saturating_add(table.rows.saturating_mul(table.text + 256)));

        let ready_made = manifest.job.module == Some(ModuleRef::ReadyMadeSum);
        let guest = if ready_made { 0 } else { plan.limits.memory };
        // A grain's rows are held once beside what the guest has of them.
        let thread = guest
            .saturating_add(plan.limits.memory)
            .saturating_add(CALL + ANSWERS * u64::from(plan.limits.answer()))
            .saturating_add(count(&Reading::memory))
            .saturating_add(cells.saturating_mul(16));
        let gathered = match plan.grain {
            GrainKind::Unit => 0,
            GrainKind::Blocks { .. } => GATHER.saturating_add(plan.limits.memory),
        };
        let advance = if plan.rounds > 1 { VERDICT } else { 0 };
        let once = [public, numbers.saturating_mul(NUMBER), gathered, advance];
        let memory = once.into_iter().fold(BASE.saturating_add(thread), u64::saturating_add);

        let (calls, passes) = match plan.grain {
            GrainKind::Unit => (count(&|input| input.bounds.units), 1),
            GrainKind::Blocks { count: blocks } => (blocks.into(), passes(&manifest.inputs, plan, bounds)),
        };
        let fuel = u128::from(plan.limits.fuel) * SECOND / u128::from(machine.fuel_per_second.max(1));
        // Touching memory for the first time, and taking it back, is not paid for with fuel.
        let answer = ANSWERED * u128::from(plan.limits.answer());
        let call = fuel + u128::from(plan.limits.memory / 4) + answer + AROUND_CALL;
        let made = manifest.question.iter().map(|question| question.nanoseconds(count(&|input| input.row)));
        let sums = plan.outputs.iter().map(|output| GROUPED + SUMMED * output.values.len() as u128);
        let row: u128 = if ready_made { sums.chain(made).sum() } else { 0 };
        let scan = inputs.iter().map(|input| input.time(row)).fold(0, u128::saturating_add);
        let round = call
            .saturating_mul(u128::from(calls) + 1)
            .saturating_add(scan.saturating_mul(passes.into()))
            .saturating_add(RELEASED * u128::from(cells));
        let time = round.saturating_mul(plan.rounds.into()).saturating_add(START);
        Need { memory, thread, seconds: u64::try_from(time.div_ceil(SECOND)).unwrap_or(u64::MAX) }
    }

    /// How many threads, of `wanted`, a machine's memory has room for; none when it has for no one.
    pub fn threads(&self, wanted: u32, memory: u64) -> Option<u32> {
        let further = memory.checked_sub(self.memory)?.checked_div(self.thread).unwrap_or(u64::MAX);
        Some(u32::try_from(further).unwrap_or(u32::MAX).saturating_add(1).min(wanted.max(1)))
    }

    /// Bytes of memory with so many threads.
    pub fn memory_of(&self, threads: u32) -> u64 {
        self.memory.saturating_add(self.thread.saturating_mul(u64::from(threads.max(1)) - 1))
    }
}

/// How often a block job goes over the buckets in one round: as often as it takes to gather the blocks
/// a few at a time. No block holds more than the guest's memory, or it is dropped.
pub fn passes(inputs: &[Input], plan: &Plan, bounds: &dyn Fn(&str) -> Bounds) -> u32 {
    let GrainKind::Blocks { count } = plan.grain else { return 1 };
    let rows = inputs.iter().map(|input| Reading::new(input, bounds));
    let rows = rows.fold(0_u64, |sum, input| sum.saturating_add(input.bounds.rows.saturating_mul(input.row)));
    let blocks = u64::from(count).saturating_mul(plan.limits.memory);
    u32::try_from(blocks.min(rows).div_ceil(GATHER)).unwrap_or(u32::MAX).clamp(1, count)
}

/// One input, by its bounds.
struct Reading {
    bounds: Bounds,
    /// Columns, those looked up included.
    columns: u64,
    lookups: u64,
    /// Bytes of text that lookups bring to a row.
    brought: u64,
    /// Bytes that a row takes.
    row: u64,
}

impl Reading {
    fn new(input: &Input, bounds: &dyn Fn(&str) -> Bounds) -> Reading {
        let own = bounds(&input.dataset);
        let looked_up: usize = input.lookups.iter().map(|lookup| lookup.columns.len()).sum();
        let columns = (input.columns.len() + looked_up) as u64;
        let brought = input.lookups.iter().map(|lookup| bounds(&lookup.reference).text).fold(0, u64::saturating_add);
        // A number takes 8 bytes and one for whether it is there; a text four more than its bytes.
        let row = (9 * columns).saturating_add(own.text).saturating_add(brought);
        Reading { bounds: own, columns, lookups: input.lookups.len() as u64, brought, row }
    }

    /// Bytes that one thread holds of it: a batch, as it is decoded and as it is shown, and pages.
    fn memory(&self) -> u64 {
        let batch = self.row.saturating_mul(BATCH_ROWS).min(BATCH_BYTES.max(self.row));
        let pages = (self.columns * PAGE).saturating_add(self.bounds.text.saturating_mul(PAGE_ROWS));
        batch.saturating_mul(3).saturating_add(pages.saturating_mul(2))
    }

    /// Nanoseconds of one pass over it, when the lab's own map takes `mapped` for a row.
    fn time(&self, mapped: u128) -> u128 {
        let row = CELL * u128::from(self.columns + 1)
            + LOOKUP * u128::from(self.lookups)
            + 2 * u128::from(self.bounds.text.saturating_add(self.brought));
        row.saturating_add(mapped).saturating_mul(self.bounds.rows.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::References;
    use unseen_ids::Key;

    struct NoTables;

    impl References for NoTables {
        fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
            None
        }
    }

    const MANIFEST: &str = r#"
[job]
title = "t"
purpose = "p"
release = "+2h"
[[input]]
dataset = "firms"
columns = ["town", "output"]
[grain]
kind = "unit"
[[output]]
name = "rows"
values = [{ name = "rows", lower = 0, upper = 9, granularity = 1 }]
[privacy]
mechanism = "laplace"
epsilon = 1
[limits]
fuel = 1_000_000
memory = "1MiB"
"#;

    fn need(manifest: &str, bounds: Bounds) -> Need {
        let manifest = Manifest::parse(manifest).unwrap();
        let plan = Plan::new(&manifest, &NoTables).unwrap();
        Need::new(&manifest, &plan, &|_| bounds, &Machine::with_memory(1 << 30))
    }

    #[test]
    fn a_slot_has_room_for_every_grain_at_its_worst() {
        let bounds = Bounds { units: 1_000, rows: 5_000, text: 64 };
        // 1,001 calls of 50 ms of fuel, 0.26 ms of memory, 10 ms for an answer of 1 MB and 1 ms more; then
        // rows and the start.
        assert_eq!(need(MANIFEST, bounds).seconds, 67);
        for (from, to, times) in [
            ("fuel = 1_000_000", "fuel = 10_000_000", 9.0),
            ("fuel = 1_000_000", "fuel = 1_000_000\nrounds = 3", 2.8),
            ("memory = \"1MiB\"", "memory = \"4GiB\"", 16.0),
        ] {
            let more = need(&MANIFEST.replace(from, to), bounds).seconds as f64;
            assert!(more > times * 67.0, "{to}: {more}");
        }
        assert!(need(MANIFEST, Bounds { units: 2_000, ..bounds }).seconds > 100);
        assert!(need(MANIFEST, Bounds { rows: 500_000_000, ..bounds }).seconds > 120);
        assert_eq!(need(MANIFEST, Bounds { units: u64::MAX, rows: u64::MAX, text: u64::MAX }).seconds, u64::MAX);
    }

    #[test]
    fn every_byte_of_an_expression_is_counted_for_every_row() {
        let bounds = Bounds { units: 10, rows: 1_000_000, text: 0 };
        let ready = MANIFEST.replace("release = \"+2h\"", "release = \"+2h\"\nmodule = \"ready-made:sum\"");
        let of = |bytes: usize| {
            let section = format!("[ready-made]\nwhere = \"{}\"\n[grain]", "a".repeat(bytes));
            need(&ready.replace("[grain]", &section), bounds).seconds
        };
        // A million rows, of 18 bytes each: 61 ns more for a byte.
        let more = of(1_000) - need(&ready, bounds).seconds;
        assert!((61..=63).contains(&more), "{more}");
        assert!((122..=125).contains(&(of(2_000) - need(&ready, bounds).seconds)));
    }

    #[test]
    fn threads_are_as_many_as_memory_has_room_for() {
        let need = Need { memory: 100, thread: 40, seconds: 1 };
        for (wanted, memory, threads) in [
            (4, 99, None),
            (4, 100, Some(1)),
            (4, 139, Some(1)),
            (4, 180, Some(3)),
            (2, 999, Some(2)),
            (0, 999, Some(1)),
        ] {
            assert_eq!(need.threads(wanted, memory), threads, "{wanted} {memory}");
        }
        assert_eq!((need.memory_of(1), need.memory_of(3)), (100, 180));
    }

    #[test]
    fn blocks_are_gathered_in_as_many_passes_as_public_numbers_say() {
        let blocks = MANIFEST.replace("kind = \"unit\"", "kind = \"blocks\"\ncount = 100");
        let passes = |memory: &str, rows: u64| {
            let manifest = Manifest::parse(&blocks.replace("1MiB", memory)).unwrap();
            let plan = Plan::new(&manifest, &NoTables).unwrap();
            super::passes(&manifest.inputs, &plan, &|_| Bounds { units: 1_000, rows, text: 46 })
        };
        // 64 bytes a row: a million rows are 64 MB.
        assert_eq!(passes("64MiB", 1_000_000), 1);
        assert_eq!(passes("64MiB", 40_000_000), 10);
        assert_eq!(passes("64MiB", 4_000_000_000), 25);
        assert_eq!(passes("4GiB", 4_000_000_000_000), 100);
    }
}
