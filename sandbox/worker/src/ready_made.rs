//! A map that comes with the lab, for jobs that need no code: `module = "ready-made:sum"`.
//!
//! The manifest says it all. The groups of each output are named like columns of the first input: a
//! row belongs to the group that its cells name. The values are named like columns too, and are summed
//! over the rows of the group; `rows` counts rows, and `units` counts units (its bounds must be 0 and
//! 1). A row with a null among its group columns is left out; a null among its values adds nothing.
//!
//! It is the lab's own code, so it runs without wasmtime; its answers are clamped like any other's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unseen_data::description::ColumnType;
use unseen_policies::Manifest;
use unseen_policies::rational::Rational;
use unseen_runtime::{Cells, Column, Contribution, Failure, Key, Table, Totals, Verdict};
use unseen_texts::{Sentence, Text, say, text};

use crate::guest::Guest;

/// What stands in for the component's bytes in the log: the digest of this names the map.
pub const SUM: &[u8] = b"unseen ready-made map: sum, version 2\n";

/// Runs of rows of one output that are left apart: far more than most units have groups.
const RUNS: usize = 256;

/// Contributions that a grain may answer with, as of any guest.
const MOST: usize = 1 << 16;

/// The map, tied to the columns of a manifest.
pub struct ReadyMade {
    outputs: Vec<Output>,
    /// Of each column, how many of its cells' steps are one: a decimal is shown in steps of 10^-scale.
    units: Vec<f64>,
}

struct Output {
    groups: Vec<usize>,
    values: Vec<Value>,
}

enum Value {
    Column(usize),
    Rows,
    Units,
}

impl ReadyMade {
    /// Ties names to columns; says in one sentence what does not fit.
    pub fn new(manifest: &Manifest) -> Result<ReadyMade, Sentence> {
        let input =
            manifest.inputs.first().ok_or(text!("a ready-made map needs an input", "现成的映射需要一个输入"))?;
        let looked_up = input.lookups.iter().flat_map(|lookup| &lookup.columns);
        let columns: Vec<&String> = input.columns.iter().chain(looked_up).collect();
        let find = |what: Text, name: &str| {
            let at = columns.iter().position(|column| *column == name);
            at.ok_or_else(|| say!("the ready-made map finds no column `{name}` for the {what} `{name}`: add it to the first input's columns", "现成的映射找不到列 `{name}`（用于{what} `{name}`）：请加入第一个输入的列中"))
        };
        let outputs = manifest.outputs.iter().map(|output| {
            let groups = output.groups.iter().map(|group| find(text!("group", "分组"), &group.name));
            let values = output.values.iter().map(|value| match value.name.as_str() {
                "rows" => Ok(Value::Rows),
                "units"
                    if value.lower == Rational::from_integer(0.into())
                        && value.upper == Rational::from_integer(1.into()) =>
                {
                    Ok(Value::Units)
                }
                "units" => Err(text!(
                    "the value `units` counts units: set lower = 0 and upper = 1",
                    "值 `units` 统计单元数：请设 lower = 0、upper = 1"
                )
                .into()),
                name => find(text!("value", "值"), name).map(Value::Column),
            });
            Ok(Output {
                groups: groups.collect::<Result<_, Sentence>>()?,
                values: values.collect::<Result<_, Sentence>>()?,
            })
        });
        let units = vec![1.0; columns.len()];
        Ok(ReadyMade { outputs: outputs.collect::<Result<_, Sentence>>()?, units })
    }

    /// Sums decimals in their own unit, since bounds are written in it. `kinds` are those of the columns, in
    /// their order.
    pub fn with_kinds(mut self, kinds: &[ColumnType]) -> ReadyMade {
        for (unit, kind) in self.units.iter_mut().zip(kinds) {
            if let ColumnType::Decimal { scale } = kind {
                *unit = 10_f64.powi(i32::from(*scale));
            }
        }
        self
    }
}

impl Guest for ReadyMade {
    fn contribute(&self, grain: &[Table<'_>], _: &[f64]) -> Result<Vec<Contribution>, Failure> {
        let mut answer = Vec::with_capacity(self.outputs.len());
        if let Some(table) = grain.first() {
            for (number, output) in (0..).zip(&self.outputs) {
                output.sum(number, table, &self.units, &mut answer)?;
            }
        }
        Ok(answer)
    }

    fn advance(&self, _: u32, _: &[f64], _: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        None
    }
}

impl Output {
    /// One contribution for each run of rows of one group, as long as there is room; then runs are added
    /// to what their group has. The clamper adds up what is left apart.
    fn sum(
        &self,
        number: u32,
        table: &Table<'_>,
        units: &[f64],
        answer: &mut Vec<Contribution>,
    ) -> Result<(), Failure> {
        let first = answer.len();
        let mut places = HashMap::new();
        let rows = table.rows as usize;
        let mut row = 0;
        while row < rows {
            let Some(group) = self.key(table, row) else {
                row += 1;
                continue;
            };
            let end = (row + 1..rows).find(|next| !self.same_group(table, row, *next)).unwrap_or(rows);
            let run = row..end;
            row = end;
            let values = self.values.iter().map(|value| match value {
                Value::Column(column) => {
                    let steps: f64 = run.clone().map(|row| number_of(&table.columns[*column], row)).sum();
                    steps / units[*column]
                }
                Value::Rows => run.len() as f64,
                Value::Units => 1.0,
            });
            if answer.len() - first < RUNS {
                answer.push(Contribution { output: number, group, values: values.collect() });
                continue;
            }
            if places.is_empty() {
                places =
                    answer[first..].iter().enumerate().map(|(at, item)| (item.group.clone(), first + at)).collect();
            }
            match places.entry(group) {
                Entry::Occupied(place) => {
                    let sums = &mut answer[*place.get()].values;
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                Entry::Vacant(_) if answer.len() >= MOST => {
                    return Err(Failure::Answer(text!("it has too many contributions", "贡献过多").into()));
                }
                Entry::Vacant(place) => {
                    let group = place.key().clone();
                    place.insert(answer.len());
                    answer.push(Contribution { output: number, group, values: values.collect() });
                }
            }
        }
        Ok(())
    }

    fn key(&self, table: &Table<'_>, row: usize) -> Option<Vec<Key>> {
        self.groups.iter().map(|column| key_of(&table.columns[*column], row)).collect()
    }

    fn same_group(&self, table: &Table<'_>, one: usize, other: usize) -> bool {
        self.groups.iter().all(|column| {
            let column = &table.columns[*column];
            is_null(column, one) == is_null(column, other)
                && match column.cells {
                    Cells::Ints(cells) => cells[one] == cells[other],
                    Cells::Bools(cells) => cells[one] == cells[other],
                    Cells::Texts(texts) => {
                        text(texts.offsets, texts.bytes, one) == text(texts.offsets, texts.bytes, other)
                    }
                    Cells::Floats(_) => true,
                }
        })
    }
}

/// The key that a cell names; none for a null, nor for a float, which names no group.
fn key_of(column: &Column<'_>, row: usize) -> Option<Key> {
    match column.cells {
        _ if is_null(column, row) => None,
        Cells::Ints(cells) => Some(Key::Int(cells[row])),
        Cells::Bools(cells) => Some(Key::Int(i64::from(cells[row]))),
        Cells::Texts(texts) => {
            Some(Key::Text(String::from_utf8_lossy(text(texts.offsets, texts.bytes, row)).into_owned()))
        }
        Cells::Floats(_) => None,
    }
}

/// A cell as a number; nulls hold 0, and texts count as 0.
fn number_of(column: &Column<'_>, row: usize) -> f64 {
    match column.cells {
        Cells::Ints(cells) => cells[row] as f64,
        Cells::Floats(cells) => cells[row],
        Cells::Bools(cells) => f64::from(cells[row]),
        Cells::Texts(_) => 0.0,
    }
}

fn is_null(column: &Column<'_>, row: usize) -> bool {
    column.validity.get(row) == Some(&0)
}

fn text<'a>(offsets: &[u32], bytes: &'a [u8], row: usize) -> &'a [u8] {
    &bytes[offsets[row] as usize..offsets[row + 1] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[job]
title = "t"
purpose = "p"
release = "now"
module = "ready-made:sum"
[[input]]
dataset = "firms"
columns = ["town", "output"]
[grain]
kind = "unit"
[[output]]
name = "by-town"
max_groups_per_unit = 2
groups = [{ name = "town", keys = ["a", "b"] }]
values = [{ name = "output", lower = 0, upper = 9, granularity = 1 }, { name = "rows", lower = 0, upper = 9, granularity = 1 }, { name = "units", lower = 0, upper = 1, granularity = 1 }]
[privacy]
mechanism = "laplace"
epsilon = 1
"#;

    #[test]
    fn runs_of_rows_are_summed_and_nulls_left_out() {
        let map = ReadyMade::new(&Manifest::parse(MANIFEST).unwrap()).unwrap();
        let columns = [
            Column { cells: Cells::texts(&[0, 1, 2, 2, 3, 4], b"aaba"), validity: &[1, 1, 0, 1, 1] },
            Column { cells: Cells::Floats(&[1.0, 2.0, 99.0, 4.0, 0.0]), validity: &[1, 1, 1, 1, 0] },
        ];
        let answer = map.contribute(&[Table { rows: 5, columns: &columns }], &[]).unwrap();
        let found: Vec<_> = answer.iter().map(|c| (c.group.clone(), c.values.clone())).collect();
        let key = |name: &str| vec![Key::Text(name.into())];
        assert_eq!(
            found,
            [(key("a"), vec![3.0, 2.0, 1.0]), (key("b"), vec![4.0, 1.0, 1.0]), (key("a"), vec![0.0, 1.0, 1.0])]
        );
    }

    #[test]
    fn decimals_are_summed_in_their_own_unit() {
        let kinds = [ColumnType::Text, ColumnType::Decimal { scale: 2 }];
        let map = ReadyMade::new(&Manifest::parse(MANIFEST).unwrap()).unwrap().with_kinds(&kinds);
        let columns = [
            Column { cells: Cells::texts(&[0, 1, 2], b"aa"), validity: &[1, 1] },
            Column { cells: Cells::Ints(&[293_888, 42_520]), validity: &[1, 1] },
        ];
        let answer = map.contribute(&[Table { rows: 2, columns: &columns }], &[]).unwrap();
        assert_eq!(answer[0].values, [3364.08, 2.0, 1.0]);
    }

    #[test]
    fn names_that_are_no_columns_are_refused() {
        for (from, to, word) in [
            ("name = \"output\"", "name = \"sales\"", "no column `sales`"),
            ("name = \"town\", keys", "name = \"city\", keys", "no column `city`"),
            (
                "name = \"units\", lower = 0, upper = 1",
                "name = \"units\", lower = 0, upper = 2",
                "lower = 0 and upper = 1",
            ),
        ] {
            let manifest = Manifest::parse(&MANIFEST.replace(from, to)).unwrap();
            let error = ReadyMade::new(&manifest).err().unwrap();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
