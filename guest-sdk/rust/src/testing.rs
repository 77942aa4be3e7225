//! Runs jobs in `#[test]`s: natively, on rows made up there. No WebAssembly is involved.
//!
//! ```text
//! let unit = Unit::new(&SHAPE).table("firms", Rows::new().texts("town", ["Keqiao"]).floats("output", [1.5]));
//! let added = contribute::<Histogram>(&unit, &[])?;
//! assert_eq!(added.of::<Enterprises>(), [Enterprises { town: "Keqiao".into(), bin: 0.into(), count: 1.0 }]);
//! ```
//! `SHAPE` and the structs are in `src/shape.rs`. Tables and columns go by their names, in any order; a name that
//! is not there, or is missing, fails the test.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::grain::{ANY, BOOLS, FLOATS, INTS, RawColumn, RawTable, TEXTS};
use crate::totals::Source;
use crate::{Contribution, Contributions, FromTotals, Grain, Group, Job, Key, KeyRef, Noisy, Shape};

/// Runs `J` on one unit.
///
/// # Errors
/// The job's own.
pub fn contribute<J: Job>(unit: &Unit, state: &[f64]) -> Result<Added, String> {
    let columns: Vec<Vec<RawColumn<'static>>> =
        unit.tables().iter().map(|(_, cells)| cells.iter().map(|cells| cells.raw()).collect()).collect();
    let tables: Vec<RawTable> = unit
        .tables()
        .iter()
        .zip(&columns)
        .map(|((rows, _), columns)| RawTable {
            rows: u32::try_from(*rows).expect("a test has fewer rows"),
            columns: columns.as_ptr(),
            columns_count: columns.len(),
        })
        .collect();
    // SAFETY: everything points into `unit`, `columns` and `tables`, which outlive the call, and
    // texts were built from `str`s.
    let grain = unsafe { Grain::new(&tables) };
    let mut out = Contributions::default();
    J::contribute(&grain, state, &mut out)?;
    Ok(Added(out.items))
}

/// What a unit adds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Added(Vec<Contribution>);

impl Added {
    /// What it adds to one output, in the order in which the job said it.
    pub fn of<'a, T: FromTotals<'a>>(&'a self) -> Vec<T> {
        let items = self.0.iter().filter(|item| item.output == T::PLACE);
        items.map(|item| read(&item.group, &item.values)).collect()
    }

    /// Whether it adds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Runs `J` on every unit and adds everything up. Nothing is clamped, no group is dropped, no noise is added: this
/// shows what the job means to say.
///
/// # Errors
/// The first error of any unit; in the lab that unit would contribute nothing.
pub fn run<J: Job>(units: &[Unit], state: &[f64]) -> Result<Sums, String> {
    let mut sums = Sums::default();
    for unit in units {
        for Contribution { output, group, values } in contribute::<J>(unit, state)?.0 {
            let total = sums.0.entry((output, group)).or_default();
            total.resize(total.len().max(values.len()), 0.0);
            for (total, value) in total.iter_mut().zip(values) {
                *total += value;
            }
        }
    }
    Ok(sums)
}

/// What all units add together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums(BTreeMap<(u32, Vec<Key>), Vec<f64>>);

impl Sums {
    /// The groups of one output to which something was added, ordered by their keys.
    pub fn of<'a, T: FromTotals<'a>>(&'a self) -> Vec<T> {
        let groups = self.0.iter().filter(|((output, _), _)| *output == T::PLACE);
        groups.map(|((_, keys), values)| read(keys, values)).collect()
    }

    /// The same as `advance` would see it, without noise.
    pub fn noisy(&self) -> Noisy<'_> {
        Noisy(Source::Test(self))
    }
}

fn read<'a, T: FromTotals<'a>>(keys: &'a [Key], values: &[f64]) -> T {
    let key = |place: usize| -> Option<KeyRef<'a>> { keys.get(place).map(Key::as_ref) };
    let value = |place: usize| values.get(place).copied();
    T::from_group(&Group { key: &key, value: &value })
}

/// The rows of one unit, or of one block: a table for each input.
#[derive(Clone, Debug)]
pub struct Unit {
    shape: &'static Shape,
    tables: BTreeMap<String, Rows>,
}

impl Unit {
    /// No rows yet.
    pub fn new(shape: &'static Shape) -> Self {
        Unit { shape, tables: BTreeMap::new() }
    }

    /// Gives an input its rows; one without has none.
    ///
    /// # Panics
    /// When `job.toml` has no such input, or one of other columns.
    #[must_use]
    pub fn table(mut self, dataset: &str, rows: Rows) -> Self {
        let known = || self.shape.inputs.iter().map(|input| input.dataset).collect::<Vec<_>>();
        let input = self.shape.inputs.iter().find(|input| input.dataset == dataset);
        assert!(input.is_some(), "job.toml has no input `{dataset}`, but {:?}", known());
        let mut columns: Vec<&str> = input.map_or_else(Vec::new, |input| input.columns.to_vec());
        let mut given: Vec<&str> = rows.columns.iter().map(|(name, _)| name.as_str()).collect();
        columns.sort_unstable();
        given.sort_unstable();
        assert_eq!(given, columns, "the columns given for `{dataset}`, and those of job.toml");
        self.tables.insert(dataset.to_owned(), rows);
        self
    }

    /// In the order of the shape: how many rows, and the columns.
    fn tables(&self) -> Vec<(usize, Vec<&Column>)> {
        let inputs = self.shape.inputs.iter();
        inputs
            .map(|input| match self.tables.get(input.dataset) {
                None => (0, input.columns.iter().map(|_| &NO_CELLS).collect()),
                Some(rows) => {
                    let find =
                        |name: &&str| rows.columns.iter().find(|(given, _)| given == name).map(|(_, cells)| cells);
                    (rows.rows.unwrap_or(0), input.columns.iter().filter_map(find).collect())
                }
            })
            .collect()
    }
}

/// The rows of one table, column by column. Cells are values or `Option`s, `None` for a null.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Option<usize>,
    columns: Vec<(String, Column)>,
}

#[derive(Clone, Debug)]
struct Column {
    values: Values,
    validity: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Values {
    /// Of a table without rows, which fits whatever is read.
    None,
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<u8>),
    Texts(Vec<u32>, String),
}

static NO_CELLS: Column = Column { values: Values::None, validity: Vec::new() };

impl Rows {
    /// No column yet.
    pub fn new() -> Self {
        Rows::default()
    }

    /// Adds a column of integers (also dates, timestamps and decimals).
    #[must_use]
    pub fn ints(self, name: &str, cells: impl IntoIterator<Item = impl Into<Option<i64>>>) -> Self {
        let (values, validity) = split(cells);
        self.column(name, Values::Ints(values), validity)
    }

    /// Adds a column of floating-point numbers.
    #[must_use]
    pub fn floats(self, name: &str, cells: impl IntoIterator<Item = impl Into<Option<f64>>>) -> Self {
        let (values, validity) = split(cells);
        self.column(name, Values::Floats(values), validity)
    }

    /// Adds a column of truth values.
    #[must_use]
    pub fn bools(self, name: &str, cells: impl IntoIterator<Item = impl Into<Option<bool>>>) -> Self {
        let (values, validity) = split(cells);
        self.column(name, Values::Bools(values.into_iter().map(u8::from).collect()), validity)
    }

    /// Adds a column of texts.
    #[must_use]
    pub fn texts<'a>(self, name: &str, cells: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> Self {
        let (values, validity) = split(cells);
        let (mut offsets, mut bytes) = (vec![0], String::new());
        for text in values {
            bytes.push_str(text);
            offsets.push(u32::try_from(bytes.len()).expect("a test has less text"));
        }
        self.column(name, Values::Texts(offsets, bytes), validity)
    }

    fn column(mut self, name: &str, values: Values, validity: Vec<u8>) -> Self {
        let rows = *self.rows.get_or_insert(validity.len());
        assert_eq!(rows, validity.len(), "all columns of a table have the same number of rows, also `{name}`");
        let validity = if validity.iter().all(|&byte| byte == 1) { Vec::new() } else { validity };
        self.columns.push((name.to_owned(), Column { values, validity }));
        self
    }
}

fn split<T: Default>(cells: impl IntoIterator<Item = impl Into<Option<T>>>) -> (Vec<T>, Vec<u8>) {
    let cells = cells.into_iter().map(Into::into);
    cells.map(|cell| (u8::from(cell.is_some()), cell.unwrap_or_default())).map(|(v, c)| (c, v)).unzip()
}

impl Column {
    fn raw(&self) -> RawColumn<'static> {
        let none = std::ptr::null::<u8>();
        let (kind, cells, count, bytes, bytes_count) = match &self.values {
            Values::None => (ANY, none, 0, none, 0),
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
    use crate::{InputShape, OutputShape};

    static SHAPE: Shape = Shape {
        inputs: &[InputShape { dataset: "cells", columns: &["int", "float", "flag", "text"] }],
        outputs: &[OutputShape { name: "rows", groups: &["text", "flag"], values: &["int", "float"] }],
    };

    #[derive(Debug, PartialEq)]
    struct Row {
        text: Key,
        flag: Key,
        int: f64,
        float: f64,
    }

    impl<'a> FromTotals<'a> for Row {
        const OUTPUT: &'static str = "rows";
        const PLACE: u32 = 0;
        fn from_group(group: &Group<'_, 'a>) -> Self {
            let (text, flag) = (group.key(0).into(), group.key(1).into());
            Row { text, flag, int: group.value(0), float: group.value(1) }
        }
    }

    struct Every;
    impl Job for Every {
        fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String> {
            let table = grain.input(0);
            let (ints, floats) = (table.column(0, "int").ints()?, table.column(1, "float").floats()?);
            let (flags, texts) = (table.column(2, "flag").bools()?, table.column(3, "text").texts()?);
            for row in 0..table.rows() {
                let group = vec![texts.get(row).unwrap_or("none").into(), (flags.get(row) == Some(true)).into()];
                let (int, float) = (ints.get(row).unwrap_or(-1), floats.get(row).unwrap_or(-2.0));
                out.add(Contribution { output: 0, group, values: vec![int as f64, float + state[0]] });
            }
            Ok(())
        }
    }

    fn unit() -> Unit {
        Unit::new(&SHAPE).table(
            "cells",
            Rows::new()
                .texts("text", [Some("越城"), None, Some("")])
                .floats("float", [0.5, 1.5, 2.5])
                .bools("flag", [Some(true), Some(false), None])
                .ints("int", [Some(1), None, Some(3)]),
        )
    }

    #[test]
    fn a_job_reads_all_kinds_of_cells_and_their_nulls() {
        let row = |text: &str, flag: bool, int, float| Row { text: text.into(), flag: flag.into(), int, float };
        let added = contribute::<Every>(&unit(), &[10.0]).unwrap();
        assert_eq!(
            added.of::<Row>(),
            [row("越城", true, 1.0, 10.5), row("none", false, -1.0, 11.5), row("", false, 3.0, 12.5)]
        );
        let sums = run::<Every>(&[unit(), unit()], &[0.0]).unwrap();
        assert_eq!(sums.of::<Row>()[0], row("", false, 6.0, 5.0));
        assert_eq!(sums.noisy().groups::<Row>(), sums.of::<Row>());
        assert!(contribute::<Every>(&Unit::new(&SHAPE), &[0.0]).unwrap().is_empty());
    }

    #[test]
    fn a_column_that_is_not_there_or_of_another_kind_is_an_error() {
        struct Wrong;
        impl Job for Wrong {
            fn contribute(g: &Grain, state: &[f64], _: &mut Contributions) -> Result<(), String> {
                g.input(state[0] as usize).column(state[1] as usize, "text").floats().map(|_| ())
            }
        }
        let error = |input, column| contribute::<Wrong>(&unit(), &[input, column]).unwrap_err();
        assert_eq!(error(0.0, 3.0), "column `text` does not hold floats");
        assert_eq!(error(0.0, 9.0), "the grain has no column `text`");
        assert_eq!(error(1.0, 0.0), "the grain has no column `text`");
    }

    #[test]
    #[should_panic(expected = "job.toml has no input `cell`, but [\"cells\"]")]
    fn a_table_that_job_toml_does_not_name_fails_the_test() {
        let _ = Unit::new(&SHAPE).table("cell", Rows::new());
    }
}
