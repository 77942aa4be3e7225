//! What a scenario is, and what its rows are drawn with.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::gallery::truth::{Tables, Truth};
use crate::{numbers, uscc};

/// Streams of random numbers begin here, one for each scenario.
const STREAMS: u32 = 100;

/// One field of work: its tables, how a unit's rows are drawn, and the plain answer to its question.
pub struct Scenario {
    /// Its folder in the gallery.
    pub name: &'static str,
    /// How many units are drawn; some may have no rows.
    pub units: u64,
    /// The id of the unit with this index.
    pub id: fn(u64) -> String,
    /// A unit's id as a table has it, in the one form in which it is told from others.
    pub plain: fn(&str) -> String,
    /// Each private table and its columns, the unit's first.
    pub private: &'static [(&'static str, &'static str)],
    /// Each public table, whole.
    pub reference: &'static [(&'static str, &'static str)],
    /// Draws the rows of one unit.
    pub draw: fn(&mut Unit),
    /// Answers the question from the tables, without noise or clamping.
    pub truth: fn(&Tables, &mut Truth) -> io::Result<()>,
}

impl Scenario {
    /// Writes the tables into `dir`, which is made if need be. `stream` keeps scenarios apart.
    pub fn write(&self, dir: &Path, seed: u64, stream: u32, units: u64) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let mut tables: Vec<String> = self.private.iter().map(|(_, columns)| format!("{columns}\n")).collect();
        for index in 0..units {
            let numbers = numbers(seed, STREAMS + stream, index);
            (self.draw)(&mut Unit { id: (self.id)(index), numbers, tables: &mut tables });
        }
        let private = self.private.iter().map(|(name, _)| *name).zip(tables.iter().map(String::as_str));
        for (name, text) in private.chain(self.reference.iter().copied()) {
            fs::write(dir.join(name).with_extension("csv"), text)?;
        }
        Ok(())
    }
}

/// A valid unified social credit code.
pub fn enterprise(index: u64) -> String {
    // A step prime to 31 visits every code once.
    let code = uscc::code(index % uscc::CODES * 318_914_387 % uscc::CODES);
    code.iter().copied().map(char::from).collect()
}

/// A resident's number.
pub fn person(index: u64) -> String {
    format!("P{index:07}")
}

/// One unit whose rows are being drawn.
pub struct Unit<'a> {
    id: String,
    numbers: ChaCha8Rng,
    tables: &'a mut [String],
}

impl Unit<'_> {
    /// Adds a row of this unit to a table, by its place in [`Scenario::private`].
    pub fn row(&mut self, table: usize, cells: &str) {
        let id = self.id.clone();
        self.row_as(table, &id, cells);
    }

    /// The same, with the unit's id written in another way.
    pub fn row_as(&mut self, table: usize, id: &str, cells: &str) {
        if let Some(table) = self.tables.get_mut(table) {
            // Writing to a text does not fail.
            _ = writeln!(table, "{id},{cells}");
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The cell, or an empty one with this chance.
    pub fn missing(&mut self, chance: f64, cell: impl ToString) -> String {
        if self.chance(chance) { String::new() } else { cell.to_string() }
    }

    /// True with this chance.
    pub fn chance(&mut self, chance: f64) -> bool {
        self.numbers.random_bool(chance.clamp(0.0, 1.0))
    }

    /// A whole number from the first to the last.
    pub fn between(&mut self, first: u32, last: u32) -> u32 {
        self.numbers.random_range(first..=last)
    }

    /// One of these, by their shares.
    pub fn pick<T: Copy, const N: usize>(&mut self, of: [(T, u32); N]) -> T {
        let all: u32 = of.iter().map(|(_, share)| share).sum();
        let mut left = self.numbers.random_range(0..all);
        let mut picked = of[0].0;
        for (this, share) in of {
            picked = this;
            if left < share {
                break;
            }
            left -= share;
        }
        picked
    }

    /// Of the standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.numbers)
    }

    /// Skewed: a normal logarithm of this deviation about the median.
    pub fn log_normal(&mut self, median: f64, deviation: f64) -> f64 {
        median * (deviation * self.normal()).exp()
    }

    /// How many of many rare things happen: a Poisson number.
    pub fn count(&mut self, mean: f64) -> u32 {
        let (limit, mut product, mut count) = ((-mean).exp(), 1.0, 0);
        loop {
            product *= self.numbers.random::<f64>();
            if product <= limit {
                break count;
            }
            count += 1;
        }
    }
}
