//! What a unit costs: 10 rows of three floats and a text, a rolling mean, one contribution.
//!
//! ```text
//! cargo run --release -p unseen-runtime --example bench_units [UNITS] [locked | profile]
//! ```
//!
//! Prints CPU microseconds per unit of one thread, the best of several batches, for
//! - `native`: the same function, called in this process: the floor;
//! - `shared`: one component instance for all units, which breaks the promise: a yardstick;
//! - `fresh`: a component instance made for each unit and dropped;
//! - `product`: [`Module::contribute`], whatever way it takes.
//!
//! With `locked`, all memory is locked, as a worker's is.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use unseen_runtime::{Cells, Column, Contribution, Engine, Key, Limits, Module, Table};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Store};

fn main() {
    let units: usize = std::env::args().nth(1).map_or(200_000, |n| n.parse().unwrap());
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let target = std::env::temp_dir().join("unseen-guests");
    let bytes = unseen_toolchain::build_package(&guests, "guest-rolling", &target).unwrap_or_else(|e| panic!("{e}"));

    let engine = Engine::new(&Limits::new(10_000_000, 64 << 20), 2).unwrap();
    let module = Module::compile(&engine, &bytes).unwrap_or_else(|e| panic!("{e}"));
    println!("component {} bytes, page scan {}", bytes.len(), engine.scans_pages());

    let data = Data::new(64);
    let how = std::env::args().nth(2);
    if how.as_deref() == Some("locked") {
        use rustix::mm::{MlockAllFlags, mlockall};
        mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).unwrap();
    } else if how.is_some() {
        // For a profiler: the product alone.
        measure("product", units, &data, |t| module.contribute(&[*t], &[]).unwrap().len());
        return;
    }
    let native = measure("native", units, &data, native);
    let mut shared = Shared::new(&bytes);
    measure("shared", units, &data, |table| shared.contribute(table));
    let fresh =
        measure("fresh", units / 4, &data, |table| module.contribute_in_new_instance(&[*table], &[]).unwrap().len());
    let product = measure("product", units, &data, |table| module.contribute(&[*table], &[]).unwrap().len());
    println!("above native: product {:.2} us, fresh {:.2} us", product - native, fresh - native);
    println!("resets in place: {}", module.resets_in_place());

    let two = std::time::Instant::now();
    let before = cpu();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for i in 0..units {
                    data.with(i, |table| module.contribute(&[*table], &[]).unwrap());
                }
            });
        }
    });
    let per = |d: Duration| d.as_secs_f64() * 1e6 / (2 * units) as f64;
    println!("product, 2 threads: wall {:.2} us/unit, CPU {:.2} us/unit", per(two.elapsed()), per(cpu() - before));
}

fn measure(name: &str, units: usize, data: &Data, mut run: impl FnMut(&Table<'_>) -> usize) -> f64 {
    let mut best = f64::INFINITY;
    let mut contributions = 0;
    for _ in 0..5 {
        contributions = 0;
        let before = cpu();
        for i in 0..units {
            contributions += data.with(i, &mut run);
        }
        best = best.min((cpu() - before).as_secs_f64() * 1e6 / units as f64);
    }
    println!("{name:>8}: {best:7.3} us/unit ({contributions} contributions)");
    best
}

fn cpu() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the structure it is given.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) }, 0);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

const ROWS: usize = 10;

struct Data {
    units: usize,
    numbers: Vec<f64>,
    offsets: Vec<u32>,
    text: Vec<u8>,
}

impl Data {
    fn new(units: usize) -> Self {
        let numbers = (0..units * ROWS * 3).map(|i| 1.0 + ((i * 7919) % 1000) as f64 / 500.0).collect();
        let offsets = (0..=ROWS as u32).map(|i| i * 6).collect();
        Data { units, numbers, offsets, text: b"Keqiao".repeat(ROWS) }
    }

    fn with<R>(&self, unit: usize, run: impl FnOnce(&Table<'_>) -> R) -> R {
        let start = (unit % self.units) * ROWS * 3;
        let column = |c: usize| Cells::Floats(&self.numbers[start + c * ROWS..][..ROWS]);
        let cells = [column(0), column(1), column(2), Cells::texts(&self.offsets, &self.text)];
        let columns = cells.map(|cells| Column { cells, validity: &[] });
        run(&Table { rows: ROWS as u32, columns: &columns })
    }
}

#[inline(never)]
fn native(table: &Table<'_>) -> usize {
    let (Cells::Floats(output), Cells::Floats(energy)) = (table.columns[0].cells, table.columns[1].cells) else {
        return 0;
    };
    let (mut window, mut best) = ([0.0; 3], f64::NEG_INFINITY);
    for row in 0..table.rows as usize {
        window[row % 3] = output[row] / energy[row].max(1e-9);
        if row >= 2 {
            best = best.max((window[0] + window[1] + window[2]) / 3.0);
        }
    }
    let group = vec![Key::Int((best * 10.0).clamp(0.0, 19.0) as i64)];
    std::hint::black_box(vec![Contribution { output: 0, group, values: vec![1.0] }]).len()
}

type Answer = (Result<Vec<Contribution>, String>,);

struct Shared {
    store: Store<()>,
    instance: wasmtime::component::Instance,
    left: u32,
    linker: Linker<()>,
    component: Component,
}

impl Shared {
    fn new(bytes: &[u8]) -> Self {
        let mut config = Config::new();
        config.consume_fuel(true).cranelift_nan_canonicalization(true);
        let engine = wasmtime::Engine::new(&config).unwrap();
        let component = Component::from_binary(&engine, bytes).unwrap();
        let linker = Linker::new(&engine);
        let mut store = Store::new(&engine, ());
        store.set_fuel(u64::MAX).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Shared { store, instance, left: 20_000, linker, component }
    }

    fn contribute(&mut self, table: &Table<'_>) -> usize {
        // The guest frees nothing, so even the yardstick starts over now and then.
        if self.left == 0 {
            self.left = 20_000;
            self.store = Store::new(self.component.engine(), ());
            self.store.set_fuel(u64::MAX).unwrap();
            self.instance = self.linker.instantiate(&mut self.store, &self.component).unwrap();
        }
        self.left -= 1;
        let function =
            self.instance.get_typed_func::<(&[Table<'_>], &[f64]), Answer>(&mut self.store, "contribute").unwrap();
        function.call(&mut self.store, (&[*table], &[])).unwrap().0.unwrap().len()
    }
}
