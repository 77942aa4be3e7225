//! What a unit costs in each language: the histogram that tests compare bit by bit, of a unit with 12 rows.

use std::hint::black_box;

use unseen_runtime::{Cells, Column, Engine, Limits, Module, Table};
use unseen_toolchain::{Language, Template};

use crate::cost::{Cost, Fallible, Place, measure};

/// Languages as documents call them and as people type them, and the units of a measurement: about a second's.
pub const LANGUAGES: [(&str, &str, u32); 4] =
    [("Rust", "rust", 500_000), ("C", "c", 500_000), ("JavaScript", "js", 20_000), ("Python", "python", 10_000)];

/// Builds the guest where it is not there yet, and compiles it: seconds of its own, for a report.
pub fn prepare(place: &Place, language: &str) -> Fallible<Cost> {
    let component = built(place, language)?;
    measure(|| {
        black_box(compiled(&component)?);
        Ok(())
    })
}

/// The cost of a language's units, each in an instance that is put back, or that is new.
pub fn run(place: &Place, language: &str, is_new: bool) -> Fallible<Cost> {
    let module = compiled(&built(place, language)?)?;
    if !module.resets_in_place() {
        return Err("it is not put back in place".into());
    }
    let units = LANGUAGES.into_iter().find(|(_, known, _)| *known == language).map_or(0, |(_, _, units)| units);
    let unit = Unit::new();
    let ask = || {
        unit.tables(|tables| match is_new {
            true => module.contribute_in_new_instance(tables, &[]),
            false => module.contribute(tables, &[]),
        })
    };
    // The first call touches memory that later ones find warm.
    ask()?;
    measure(|| {
        for _ in 0..units {
            black_box(ask()?);
        }
        Ok(())
    })
}

fn built(place: &Place, name: &str) -> Fallible<Vec<u8>> {
    let kept = place.guest(&format!("alike-{name}"));
    if let Ok(component) = std::fs::read(&kept) {
        return Ok(component);
    }
    let language = Language::named(name).ok_or("there is no such language")?;
    let source = match language {
        Language::Rust => include_str!("../../tests/guests/alike/histogram.rs"),
        Language::Python => include_str!("../../tests/guests/alike/histogram.py"),
        Language::JavaScript => include_str!("../../tests/guests/alike/histogram.js"),
        Language::C => include_str!("../../tests/guests/alike/histogram.c"),
    };
    let project = tempfile::tempdir()?;
    let dir = project.path().join("alike");
    unseen_toolchain::new_project(&dir, "alike", language, Template::Histogram, None)?;
    std::fs::write(dir.join("job.toml"), include_str!("../../tests/guests/alike/histogram.toml"))?;
    std::fs::write(dir.join(language.source_file()), source)?;
    let component = unseen_toolchain::build(&dir)?.bytes;
    std::fs::write(kept, &component)?;
    Ok(component)
}

fn compiled(component: &[u8]) -> Fallible<Module> {
    Ok(Module::compile(&Engine::new(&Limits::new(100_000_000, 64 << 20), 1)?, component)?)
}

/// Cells of one unit, in every type and with nulls.
struct Unit {
    offsets: Vec<u32>,
    carriers: Vec<u8>,
    delays: Vec<f64>,
    days: Vec<i64>,
    cancelled: Vec<u8>,
    known: Vec<u8>,
    seats: Vec<i64>,
}

const ROWS: u32 = 12;

impl Unit {
    fn new() -> Unit {
        let (mut offsets, mut carriers) = (vec![0], Vec::new());
        for row in 0..ROWS as usize {
            carriers.extend(["东航", "AA", "b?c", ""][row % 4].bytes());
            offsets.push(carriers.len() as u32);
        }
        let rows = || 0..ROWS;
        Unit {
            offsets,
            carriers,
            delays: rows().map(|row| f64::from(row * 7_919 % 101) * 1.7 - 40.1).collect(),
            days: rows().map(|row| i64::from(row / 3)).collect(),
            cancelled: rows().map(|row| u8::from(row % 3 == 0)).collect(),
            known: rows().map(|row| u8::from(row % 5 != 4)).collect(),
            seats: vec![180, 220, 300],
        }
    }

    fn tables<R>(&self, ask: impl FnOnce(&[Table<'_>]) -> R) -> R {
        let flights = [
            Column { cells: Cells::texts(&self.offsets, &self.carriers), validity: &self.known },
            Column { cells: Cells::Floats(&self.delays), validity: &[] },
            Column { cells: Cells::Ints(&self.days), validity: &self.known },
            Column { cells: Cells::Bools(&self.cancelled), validity: &[] },
        ];
        let planes = [Column { cells: Cells::Ints(&self.seats), validity: &[] }];
        let rows = self.seats.len() as u32;
        ask(&[Table { rows: ROWS, columns: &flights }, Table { rows, columns: &planes }])
    }
}
