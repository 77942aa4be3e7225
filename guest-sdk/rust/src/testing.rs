//! Runs jobs in `#[test]`s: natively, on rows made up there. No WebAssembly is involved.
//!
//! ```
//! use unseen_guest::testing::{Rows, Unit, contribute};
//! use unseen_guest::{Contributions, Grain, Job};
//!
//! struct Count;
//! impl Job for Count {
//!     fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
//!         for town in grain.table(0).texts(0)?.valid() {
//!             out.add(0, town, [1.0]);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let unit = Unit::new().table(Rows::new().texts(["Keqiao", "Yuecheng"]).floats([Some(1.5), None]));
//! let added = contribute::<Count>(&unit, &[]).unwrap();
//! assert_eq!(added.len(), 2);
//! assert_eq!(added[0].values, [1.0]);
//! ```

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::grain::{BOOLS, FLOATS, INTS, RawColumn, RawTable, TEXTS};
use crate::{Contribution, Contributions, Grain, Job, Key};

/// Runs `J` on one unit.
///
/// # Errors
/// The job's own.
pub fn contribute<J: Job>(unit: &Unit, state: &[f64]) -> Result<Vec<Contribution>, String> {
    let columns: Vec<Vec<RawColumn<'static>>> =
        unit.tables.iter().map(|rows| rows.columns.iter().map(Cells::raw).collect()).collect();
    let tables: Vec<RawTable> = unit
        .tables
        .iter()
        .zip(&columns)
        .map(|(rows, columns)| RawTable {
            rows: u32::try_from(rows.rows.unwrap_or(0)).expect("a test has fewer rows"),
            columns: columns.as_ptr(),
            columns_count: columns.len(),
        })
        .collect();
    // SAFETY: everything points into `unit`, `columns` and `tables`, which outlive the call, and
    // texts were built from `str`s.
    let grain = unsafe { Grain::new(&tables) };
    let mut out = Contributions::default();
    J::contribute(&grain, state, &mut out)?;
    Ok(out.items)
}

/// By output and group, the sum of each value.
pub type Sums = BTreeMap<(u32, Vec<Key>), Vec<f64>>;

/// Runs `J` on every unit and adds everything up, by output and group. Nothing is clamped, no
/// group is dropped, no noise is added: this shows what the job means to say.
///
/// # Errors
/// The first error of any unit; in the lab that unit would contribute nothing.
pub fn run<J: Job>(units: &[Unit], state: &[f64]) -> Result<Sums, String> {
    let mut totals = Sums::new();
    for unit in units {
        for Contribution { output, group, values } in contribute::<J>(unit, state)? {
            let total = totals.entry((output, group)).or_default();
            total.resize(total.len().max(values.len()), 0.0);
            for (total, value) in total.iter_mut().zip(values) {
                *total += value;
            }
        }
    }
    Ok(totals)
}

/// The rows of one unit, or of one block: a table for each input.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    tables: Vec<Rows>,
}

impl Unit {
    /// No table yet.
    pub fn new() -> Self {
        Unit::default()
    }

    /// Adds the table of the next input.
    #[must_use]
    pub fn table(mut self, rows: Rows) -> Self {
        self.tables.push(rows);
        self
    }
}

/// The rows of one table, column by column. Cells are values or `Option`s, `None` for a null.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Option<usize>,
    columns: Vec<Cells>,
}

#[derive(Clone, Debug)]
struct Cells {
    values: Values,
    validity: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Values {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<u8>),
    Texts(Vec<u32>, String),
}

impl Rows {
    /// No column yet.
    pub fn new() -> Self {
        Rows::default()
    }

    /// Adds a column of integers (also dates, timestamps and decimals).
    #[must_use]
    pub fn ints(self, cells: impl IntoIterator<Item = impl Into<Option<i64>>>) -> Self {
        let (values, validity) = split(cells);
        self.column(Values::Ints(values), validity)
    }

    /// Adds a column of floating-point numbers.
    #[must_use]
    pub fn floats(self, cells: impl IntoIterator<Item = impl Into<Option<f64>>>) -> Self {
        let (values, validity) = split(cells);
        self.column(Values::Floats(values), validity)
    }

    /// Adds a column of truth values.
    #[must_use]
    pub fn bools(self, cells: impl IntoIterator<Item = impl Into<Option<bool>>>) -> Self {
        let (values, validity) = split(cells);
        self.column(Values::Bools(values.into_iter().map(u8::from).collect()), validity)
    }

    /// Adds a column of texts.
    #[must_use]
    pub fn texts<'a>(self, cells: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> Self {
        let (values, validity) = split(cells);
        let (mut offsets, mut bytes) = (vec![0], String::new());
        for text in values {
            bytes.push_str(text);
            offsets.push(u32::try_from(bytes.len()).expect("a test has less text"));
        }
        self.column(Values::Texts(offsets, bytes), validity)
    }

    fn column(mut self, values: Values, validity: Vec<u8>) -> Self {
        let rows = *self.rows.get_or_insert(validity.len());
        assert_eq!(rows, validity.len(), "all columns of a table have the same number of rows");
        let validity = if validity.iter().all(|&byte| byte == 1) { Vec::new() } else { validity };
        self.columns.push(Cells { values, validity });
        self
    }
}

fn split<T: Default>(cells: impl IntoIterator<Item = impl Into<Option<T>>>) -> (Vec<T>, Vec<u8>) {
    let cells = cells.into_iter().map(Into::into);
    cells.map(|cell| (u8::from(cell.is_some()), cell.unwrap_or_default())).map(|(v, c)| (c, v)).unzip()
}

impl Cells {
    fn raw(&self) -> RawColumn<'static> {
        let none = std::ptr::null::<u8>();
        let (kind, cells, count, bytes, bytes_count) = match &self.values {
            Values::Ints(values) => (INTS, values.as_ptr().cast(), values.len(), none, 0),
            Values::Floats(values) => (FLOATS, values.as_ptr().cast(), values.len(), none, 0),
            Values::Bools(values) => (BOOLS, values.as_ptr(), values.len(), none, 0),
            Values::Texts(offsets, text) => (TEXTS, offsets.as_ptr().cast(), offsets.len(), text.as_ptr(), text.len()),
        };
        RawColumn {
            kind,
            cells,
            count,
            bytes,
            bytes_count,
            validity: self.validity.as_ptr(),
            validity_count: self.validity.len(),
            lifetime: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Every;
    impl Job for Every {
        fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String> {
            let table = grain.table(0);
            let texts = table.texts(3)?;
            for row in 0..table.rows() {
                let key = texts.get(row).unwrap_or("none");
                let int = table.ints(0)?.get(row).unwrap_or(-1);
                let float = table.floats(1)?.get(row).unwrap_or(-2.0);
                let flag = table.bools(2)?.get(row);
                out.add(0, (key, flag == Some(true)), [int as f64, float + state[0]]);
            }
            Ok(())
        }
    }

    fn unit() -> Unit {
        Unit::new().table(
            Rows::new()
                .ints([Some(1), None, Some(3)])
                .floats([0.5, 1.5, 2.5])
                .bools([Some(true), Some(false), None])
                .texts([Some("越城"), None, Some("")]),
        )
    }

    #[test]
    fn a_job_reads_all_kinds_of_cells_and_their_nulls() {
        let added = contribute::<Every>(&unit(), &[10.0]).unwrap();
        let key = |text: &str, flag| vec![Key::from(text), Key::Int(flag)];
        let row = |group, values: [f64; 2]| Contribution { output: 0, group, values: values.into() };
        assert_eq!(
            added,
            [row(key("越城", 1), [1.0, 10.5]), row(key("none", 0), [-1.0, 11.5]), row(key("", 0), [3.0, 12.5]),]
        );
        let totals = run::<Every>(&[unit(), unit()], &[0.0]).unwrap();
        assert_eq!(totals[&(0, key("", 0))], [6.0, 5.0]);
    }

    #[test]
    fn a_column_that_is_not_there_or_of_another_kind_is_an_error() {
        struct Wrong;
        impl Job for Wrong {
            fn contribute(g: &Grain, state: &[f64], _: &mut Contributions) -> Result<(), String> {
                g.table(state[0] as usize).floats(state[1] as usize).map(|_| ())
            }
        }
        let error = |input, column| contribute::<Wrong>(&unit(), &[input, column]).unwrap_err();
        assert_eq!(error(0.0, 0.0), "column 0 of input 0 does not hold floats");
        assert_eq!(error(0.0, 9.0), "input 0 has no column 9");
        assert_eq!(error(1.0, 0.0), "the manifest has no input 1");
    }
}
