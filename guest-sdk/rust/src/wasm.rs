//! The contract's canonical ABI by hand: it is small and fixed, and so read in place, and built
//! without a generator. `guest-sdk/wit/job.wit` says what is read and written here.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::fmt::Write;

use crate::contributions::{Contribution, Contributions, Key};
pub use crate::grain::RawTable;
use crate::grain::{Cells, Grain, RawColumn};
use crate::job::{Derived, IterativeJob, Job, Verdict};
use crate::totals::{Noisy, Source, Totals};

#[repr(C)]
pub struct RawTotals {
    output: RawText,
    groups: *const RawGroupColumn,
    groups_count: usize,
    values: *const RawValueColumn,
    values_count: usize,
}

#[repr(C)]
struct RawGroupColumn {
    name: RawText,
    keys: RawCells,
}

/// `cells`: as in a column, without validity.
#[derive(Clone, Copy)]
#[repr(C)]
struct RawCells {
    kind: u8,
    cells: *const u8,
    count: usize,
    bytes: *const u8,
    bytes_count: usize,
}

#[repr(C)]
struct RawValueColumn {
    name: RawText,
    totals: *const f64,
    count: usize,
}

#[repr(C)]
struct RawText {
    bytes: *const u8,
    count: usize,
}

/// # Safety
/// Called by the host with a `list<table>` and a `list<f64>`.
pub unsafe fn contribute<J: Job>(
    tables: *const RawTable,
    count: usize,
    state: *const f64,
    states: usize,
) -> *const u32 {
    keep_last_words();
    // SAFETY: the host wrote both lists.
    let (grain, state) = unsafe { (Grain::new(list(tables, count)), list(state, states)) };
    let mut out = Contributions { items: Vec::with_capacity(4) };
    let result = J::contribute(&grain, state, &mut out);
    // result<list<contribution>, string>
    match result {
        Ok(()) => {
            let items = out.items.into_iter().map(RawContribution::from).collect();
            let (items, count) = leak(items);
            answer([0, items, count, 0])
        }
        Err(text) => error(text),
    }
}

/// # Safety
/// Called by the host with a number, a `list<f64>` and a `list<totals>`.
pub unsafe fn advance<J: IterativeJob>(
    round: u32,
    state: *const f64,
    states: usize,
    noisy: *const RawTotals,
    outputs: usize,
) -> *const u32 {
    keep_last_words();
    // SAFETY: the host wrote all lists.
    let (state, noisy) = unsafe { (list(state, states), list(noisy, outputs)) };
    // SAFETY: as above.
    let noisy: Vec<Totals<'_>> = noisy.iter().map(|raw| unsafe { totals(raw) }).collect();
    // result<verdict, string>
    match J::advance(round, state, &Noisy(Source::Host(&noisy))) {
        Ok(Verdict::Next(state)) => {
            let (state, count) = leak(state);
            answer([0, 0, state, count])
        }
        Ok(Verdict::Done(tables)) => {
            let (tables, count) = leak(tables.into_iter().map(RawDerived::from).collect());
            answer([0, 1, tables, count])
        }
        Err(text) => error(text),
    }
}

/// # Safety
/// The host wrote it and all that it points to.
unsafe fn totals(raw: &'static RawTotals) -> Totals<'static> {
    // SAFETY: the caller's promise.
    let (groups, values) = unsafe { (list(raw.groups, raw.groups_count), list(raw.values, raw.values_count)) };
    let keys = groups.iter().map(|column| {
        let RawCells { kind, cells, count, bytes, bytes_count } = column.keys;
        let column = RawColumn::without_nulls(kind, cells, count, bytes, bytes_count);
        // SAFETY: the caller's promise; the instance does not outlive the call.
        unsafe { Cells::new(Box::leak(Box::new(column)), "keys") }
    });
    Totals {
        // SAFETY: the caller's promise; the host writes UTF-8.
        output: unsafe { std::str::from_utf8_unchecked(list(raw.output.bytes, raw.output.count)) },
        keys: keys.collect(),
        // SAFETY: the caller's promise.
        values: values.iter().map(|value| unsafe { list(value.totals, value.count) }).collect(),
    }
}

/// What a panic says, behind a mark: `unseen job try` finds it in the memory of a grain that was made up. In a lab
/// nobody looks.
#[repr(C)]
struct LastWords {
    mark: [u8; 16],
    length: u32,
    text: [u8; 1024],
}

struct Kept(UnsafeCell<LastWords>);

// SAFETY: a module has one thread.
unsafe impl Sync for Kept {}

static KEPT: Kept = Kept(UnsafeCell::new(LastWords { mark: *b"\xf5unseen panic v1", length: 0, text: [0; 1024] }));

fn keep_last_words() {
    std::panic::set_hook(Box::new(|panic| {
        // SAFETY: one thread, and nothing else refers to it; a panic in here would trap at once.
        let kept = unsafe { &mut *KEPT.0.get() };
        kept.length = 0;
        let _cut_where_it_is_full = write!(kept, "{panic}");
    }));
}

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let free = &mut self.text[self.length as usize..];
        let count = text.len().min(free.len());
        free[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count as u32;
        Ok(())
    }
}

fn error(text: String) -> *const u32 {
    let (text, count) = leak(text.into_bytes());
    answer([1, text, count, 0])
}

fn answer(words: [u32; 4]) -> *const u32 {
    Box::leak(Box::new(words)).as_ptr()
}

#[repr(C)]
struct RawContribution {
    output: u32,
    group: (u32, u32),
    values: (u32, u32),
}

impl From<Contribution> for RawContribution {
    fn from(item: Contribution) -> Self {
        let group = leak(item.group.into_iter().map(RawKey::from).collect());
        RawContribution { output: item.output, group, values: leak(item.values) }
    }
}

#[repr(C, align(8))]
struct RawKey {
    kind: u32,
    padding: u32,
    payload: [u32; 2],
}

impl From<Key> for RawKey {
    fn from(key: Key) -> Self {
        let (kind, payload) = match key {
            Key::Int(number) => (0, [number as u32, (number >> 32) as u32]),
            Key::Text(text) => (1, leak(text.into_bytes()).into()),
        };
        RawKey { kind, padding: 0, payload }
    }
}

#[repr(C)]
struct RawDerived {
    name: (u32, u32),
    columns: (u32, u32),
    rows: (u32, u32),
}

impl From<Derived> for RawDerived {
    fn from(table: Derived) -> Self {
        RawDerived {
            name: leak(table.name.into_bytes()),
            columns: leak(table.columns.into_iter().map(|name| leak(name.into_bytes())).collect()),
            rows: leak(table.rows.into_iter().map(leak).collect()),
        }
    }
}

/// Leaves a vector to the host as a list: the instance does not outlive the call.
fn leak<T>(items: Vec<T>) -> (u32, u32) {
    let items = items.leak();
    (items.as_ptr() as u32, items.len() as u32)
}

/// # Safety
/// `count` is 0, or `items` holds `count` items that nobody changes any more.
unsafe fn list<'a, T>(items: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(items, count) }
}

/// Where the host asks for room for what it brings.
///
/// # Safety
/// As the canonical ABI's `realloc`.
pub unsafe fn realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    // SAFETY: the host passes alignments that are powers of two, and only what it got from here.
    let moved = unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if old_size == 0 {
            BUMP.alloc(layout)
        } else {
            BUMP.realloc(old, Layout::from_size_align_unchecked(old_size, align), size)
        }
    };
    if moved.is_null() {
        std::arch::wasm32::unreachable();
    }
    moved
}

#[global_allocator]
static BUMP: Bump = Bump { next: UnsafeCell::new(0), last: UnsafeCell::new(0) };

/// Hands memory out upwards and takes back only what it handed out last, because the whole memory
/// is put back when the call ends. Starts in the memory the module has anyway, so a small grain
/// never asks for more.
struct Bump {
    next: UnsafeCell<usize>,
    last: UnsafeCell<usize>,
}

// SAFETY: a module has one thread.
unsafe impl Sync for Bump {}

unsafe extern "C" {
    static __heap_base: u8;
}

// SAFETY: blocks lie between `next` and the memory's end, never overlap, and are aligned.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no reference to either cell outlives its statement.
        unsafe {
            if *self.next.get() == 0 {
                *self.next.get() = &raw const __heap_base as usize;
            }
            let start = (*self.next.get()).wrapping_add(layout.align() - 1) & !(layout.align() - 1);
            let Some(end) = start.checked_add(layout.size()) else {
                return std::ptr::null_mut();
            };
            if !reach(end) {
                return std::ptr::null_mut();
            }
            *self.last.get() = start;
            *self.next.get() = end;
            start as *mut u8
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: as in `alloc`.
        unsafe {
            if block as usize == *self.last.get() {
                *self.next.get() = block as usize;
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`; the block is as long as `layout` says.
        unsafe {
            if block as usize == *self.last.get() {
                let Some(end) = (block as usize).checked_add(size) else {
                    return std::ptr::null_mut();
                };
                if !reach(end) {
                    return std::ptr::null_mut();
                }
                *self.next.get() = end;
                return block;
            }
            if size <= layout.size() {
                return block;
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}

/// Makes the memory end at `end` or later: doubles it, so that growing is rare, or else takes
/// just what is needed.
fn reach(end: usize) -> bool {
    const PAGE: usize = 65_536;
    let pages = std::arch::wasm32::memory_size(0);
    let missing = end.div_ceil(PAGE).saturating_sub(pages);
    missing == 0
        || std::arch::wasm32::memory_grow(0, missing.max(pages)) != usize::MAX
        || std::arch::wasm32::memory_grow(0, missing) != usize::MAX
}
