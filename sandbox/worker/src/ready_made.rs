//! A map that comes with the lab, for jobs that need no code: `module = "ready-made:sum"`.
//!
//! The manifest says it all. Its `[ready-made]` section, if it has one, says which rows count and what is made of
//! their columns. The groups of each output are named like columns of the first input, or like those made of them:
//! a row belongs to the group that its cells name. The values are named likewise, and are summed over the rows of
//! the group; `rows` counts rows, and `units` counts units (its bounds must be 0 and 1). A row with a null among
//! its group columns is left out; a null among its values adds nothing.
//!
//! With that section, columns of further inputs may be named too: what they hold in the first row of the same unit,
//! and null where it has none. So what is known once of a unit stands beside each of its rows.
//!
//! A section with a model makes further columns of each row, and computes tables of the noised totals, in one round or
//! in several.
//!
//! It is the lab's own code, so it runs without wasmtime; its answers are clamped like any other's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unseen_data::description::ColumnType;
use unseen_policies::manifest::{GrainKind, ModuleRef, Question};
use unseen_policies::plan::OutputPlan;
use unseen_policies::rational::Rational;
use unseen_policies::{Manifest, Plan};
use unseen_questions::{Program, Step, Value as Cell};
use unseen_runtime::{Cells, Column, Contribution, Failure, Key, Table, Totals};
use unseen_texts::{Sentence, Text, say, text};

use crate::guest::{Guest, Verdict, key_ref};

/// What stands in for the component's bytes in the log: the digest of this names the map.
pub const SUM: &[u8] = b"unseen ready-made map: sum, version 2\n";

/// The same of the map whose manifest has a `[ready-made]` section. Whoever changes what an expression means gives
/// it another version.
pub const QUESTION: &[u8] = b"unseen ready-made map: question, version 1\n";

/// The same of the map whose section has a model. Whoever changes what a model computes gives it another version.
pub const MODEL: &[u8] = b"unseen ready-made map: model, version 1\n";

/// All of them.
pub const ALL: [&[u8]; 3] = [SUM, QUESTION, MODEL];

/// Runs of rows of one output that are left apart: far more than most units have groups.
const RUNS: usize = 256;

/// Contributions that a grain may answer with, as of any guest.
const MOST: usize = 1 << 16;

/// Whether code is a map that comes with the lab.
pub fn is_one(code: &[u8]) -> bool {
    ALL.contains(&code)
}

/// What stands in for the component of a manifest; none where it needs a component of its own.
pub fn of(manifest: &Manifest) -> Option<&'static [u8]> {
    let is_ready_made = manifest.job.module == Some(ModuleRef::ReadyMadeSum);
    is_ready_made.then_some(match &manifest.question {
        None => SUM,
        Some(Question { model: None, .. }) => QUESTION,
        Some(Question { model: Some(_), .. }) => MODEL,
    })
}

/// The columns that a manifest's map may name: its input, its place there, its table and its name. Without
/// expressions they are those of the first input.
pub(crate) fn read(manifest: &Manifest) -> impl Iterator<Item = (usize, usize, &str, &String)> {
    let inputs = if manifest.question.is_some() { manifest.inputs.len() } else { 1 };
    manifest.inputs.iter().take(inputs).enumerate().flat_map(|(number, input)| {
        let own = input.columns.iter().map(|name| (input.dataset.as_str(), name));
        let brought =
            input.lookups.iter().flat_map(|lookup| lookup.columns.iter().map(|name| (lookup.reference.as_str(), name)));
        own.chain(brought).enumerate().map(move |(at, (table, name))| (number, at, table, name))
    })
}

/// The map, tied to the columns of a manifest.
pub struct ReadyMade {
    outputs: Vec<Output>,
    columns: Vec<String>,
    /// Of each column, its input and its place there.
    places: Vec<(usize, usize)>,
    /// Of each column, how many of its cells' steps are one: a decimal is shown in steps of 10^-scale.
    units: Vec<f64>,
    derived: Derived,
    modelled: Option<Modelled>,
    code: &'static [u8],
}

/// What a model is computed from.
struct Modelled {
    output: OutputPlan,
    rounds: u32,
    /// Rows of one unit in one group that bounds leave room for. The sums of more are scaled down to as many: cut off one
    /// by one, they would be sums of other rows than there are.
    rows: f64,
    /// Which values are scaled.
    scaled: Vec<bool>,
}

/// What is made of columns: as it is written until their types are known.
enum Derived {
    Written(Question),
    Tied(Program),
}

struct Output {
    groups: Vec<Source>,
    values: Vec<Value>,
}

enum Value {
    Column(Source),
    Rows,
    Units,
}

/// Where a cell is from.
#[derive(Clone, Copy)]
enum Source {
    /// A column that rows show.
    Shown(usize),
    /// One that is made of them.
    Derived(usize),
    /// One that the model makes of them.
    Modelled(usize),
}

impl ReadyMade {
    /// Ties names to columns; says in one sentence what does not fit.
    pub fn new(manifest: &Manifest, plan: &Plan) -> Result<ReadyMade, Sentence> {
        let (columns, places): (Vec<String>, Vec<_>) =
            read(manifest).map(|(input, at, _, name)| (name.clone(), (input, at))).unzip();
        if columns.is_empty() {
            return Err(text!("a ready-made map needs an input", "现成的映射需要一个输入").into());
        }
        let twice = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at]));
        // Without expressions the first of them has always been meant.
        if let Some(twice) = twice.filter(|_| manifest.question.is_some()) {
            let name = columns[twice].clone();
            return Err(say!(
                "two columns that the job reads are called `{name}`: leave one out",
                "作业读取的两列都叫 `{name}`：请去掉一个"
            ));
        }
        if places.last().is_some_and(|(input, _)| *input > 0) && manifest.grain != GrainKind::Unit {
            return Err(text!(
                "a ready-made map reads several inputs by unit only: write kind = \"unit\"",
                "现成的映射只能按单元读取多个输入：请写 kind = \"unit\""
            )
            .into());
        }
        let made = manifest.question.iter().flat_map(|question| &question.columns);
        let made: Vec<&String> = made.map(|(name, _)| name).collect();
        let model = manifest.question.as_ref().and_then(|question| question.model.as_ref());
        let modelled = model.map_or_else(Vec::new, |model| unseen_questions::columns(&model.kind));
        let find = |what: Text, name: &str| {
            let shown = columns.iter().position(|column| column == name).map(Source::Shown);
            let at = shown.or_else(|| made.iter().position(|column| *column == name).map(Source::Derived));
            let at = at.or_else(|| modelled.iter().position(|column| column == name).map(Source::Modelled));
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
        let outputs = outputs.collect::<Result<_, Sentence>>()?;
        let derived = manifest.question.clone().map_or_else(|| Derived::Tied(Program::default()), Derived::Written);
        let (units, code) = (vec![1.0; columns.len()], of(manifest).unwrap_or(SUM));
        let modelled = model.and_then(|model| {
            let (output, written) = (plan.outputs.first()?.clone(), manifest.outputs.first()?);
            let sums: Vec<String> = model.kind.of_row().into_iter().map(|value| value.name).collect();
            let scaled = output.values.iter().map(|value| sums.contains(&value.name)).collect();
            Some(Modelled { output, rounds: plan.rounds, rows: model.kind.rows_within(written), scaled })
        });
        Ok(ReadyMade { outputs, columns, places, units, derived, modelled, code })
    }

    /// Whether something is computed of the noised totals, in as many rounds as the manifest says.
    pub fn has_model(&self) -> bool {
        self.modelled.is_some()
    }

    /// What stands in for its bytes.
    pub fn code(&self) -> &'static [u8] {
        self.code
    }

    /// Sums decimals in their own unit, since bounds are written in it, and reads what is made of columns. `kinds`
    /// are those of the columns, in their order.
    ///
    /// # Errors
    /// The first expression that does not fit the columns.
    pub fn with_kinds(mut self, kinds: &[ColumnType]) -> Result<ReadyMade, Sentence> {
        for (unit, kind) in self.units.iter_mut().zip(kinds) {
            if let ColumnType::Decimal { scale } = kind {
                *unit = 10_f64.powi(i32::from(*scale));
            }
        }
        if let Derived::Written(question) = &self.derived {
            let columns: Vec<_> = self.columns.iter().map(String::as_str).zip(kinds).collect();
            let program = Program::new(question, &columns).map_err(|error| Sentence::of(&error))?;
            self.derived = Derived::Tied(program);
        }
        Ok(self)
    }
}

impl Guest for ReadyMade {
    fn contribute(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        let program = self.program()?;
        let Some(table) = grain.first() else { return Ok(Vec::new()) };
        let rows = table.rows as usize;
        let cell = |row: usize, column: usize| match self.places[column] {
            (0, at) => cell(&table.columns[at], row),
            (input, at) if grain[input].rows > 0 => cell(&grain[input].columns[at], 0),
            _ => Cell::Null,
        };
        let totals = program.totals(rows, &cell);
        let room = Room::new(MOST + RUNS * self.outputs.len());
        let gathered =
            (0..).zip(&self.outputs).map(|(number, output)| Gathered::new(number, output, &self.units, &room));
        let mut gathered: Vec<Gathered<'_>> = gathered.collect();
        let (mut made, mut modelled) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let shown = |column: usize| cell(row, column);
            if !program.derive(&shown, &totals, &mut made) {
                continue;
            }
            if let Some(model) = &program.model {
                let own = |source: &Source| match source {
                    Source::Shown(column) => shown(*column),
                    Source::Derived(at) => made[*at].clone(),
                    Source::Modelled(_) => Cell::Null,
                };
                let group = if model.is_by_group() { self.place(own) } else { Some(0) };
                let counts = |group| model.make(&shown, &made, model.part(state, group), &mut modelled);
                if !group.is_some_and(counts) {
                    continue;
                }
            }
            let cell = |source: Source| match source {
                Source::Shown(column) => shown(column),
                Source::Derived(at) => made[at].clone(),
                Source::Modelled(at) => program.model.as_ref().map_or(Cell::Null, |model| model.value(&modelled, at)),
            };
            gathered.iter_mut().try_for_each(|output| output.add(&cell))?;
        }
        let mut answer = Vec::with_capacity(gathered.len());
        for mut output in gathered {
            output.end_run()?;
            if let Some(modelled) = &self.modelled {
                modelled.share_out(&mut output);
            }
            // All outputs together; a few runs of each are always counted.
            if output.found.len() > RUNS && answer.len() + output.found.len() > MOST {
                return Err(too_many());
            }
            answer.append(&mut output.found);
        }
        Ok(answer)
    }

    fn advance(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        let Modelled { output, rounds, .. } = self.modelled.as_ref()?;
        let totals = |name: &str| {
            let values = noisy.iter().flat_map(|output| output.values);
            values.into_iter().find(|value| value.name == name).map(|value| value.totals)
        };
        let step = self.program().map(|program| {
            let model = program.model.as_ref();
            model.map(|model| model.advance(*rounds, state, &model.noised(output, round, &totals)))
        });
        Some(match step {
            Ok(Some(Step::Next(state))) => Ok(Verdict::Next(state)),
            Ok(Some(Step::Done(tables))) => Ok(Verdict::Done(tables)),
            Ok(None) => return None,
            Err(failure) => Err(failure),
        })
    }
}

impl ReadyMade {
    fn program(&self) -> Result<&Program, Failure> {
        match &self.derived {
            Derived::Tied(program) => Ok(program),
            Derived::Written(_) => {
                Err(Failure::Answer(text!("the map knows no types of columns yet", "映射尚不知道各列的类型").into()))
            }
        }
    }

    /// Where the group of a row stands in the domain of the output that a model is computed from; none where it is
    /// not released.
    fn place<'a>(&self, cell: impl Fn(&Source) -> Cell<'a>) -> Option<usize> {
        let groups = &self.outputs.first()?.groups;
        let keys = groups.iter().map(|source| key(&cell(source))).collect::<Option<Vec<Key>>>()?;
        let keys: Vec<_> = keys.iter().map(key_ref).collect();
        self.modelled.as_ref()?.output.domain.index_of(&keys)
    }
}

impl Modelled {
    /// Gives the rows of each group as many votes as bounds leave room for, at most.
    fn share_out(&self, gathered: &mut Gathered<'_>) {
        // Most units have no more rows than that in all their groups together.
        if gathered.counts.iter().sum::<u64>() as f64 <= self.rows {
            return;
        }
        let mut rows: HashMap<&[Key], u64> = HashMap::new();
        for (item, count) in gathered.found.iter().zip(&gathered.counts) {
            *rows.entry(item.group.as_slice()).or_default() += count;
        }
        let shares: Vec<f64> = gathered
            .found
            .iter()
            .map(|item| self.rows / rows.get(item.group.as_slice()).map_or(0.0, |rows| *rows as f64))
            .collect();
        for (item, share) in gathered.found.iter_mut().zip(shares).filter(|(_, share)| *share < 1.0) {
            item.values
                .iter_mut()
                .zip(&self.scaled)
                .filter(|(_, scaled)| **scaled)
                .for_each(|(value, _)| *value *= share);
        }
    }
}

/// How many contributions of a grain may yet be held, of all outputs together, so that no rows take more memory than a
/// run was promised.
type Room = std::cell::Cell<usize>;

fn too_many() -> Failure {
    Failure::Answer(text!("it has too many contributions", "贡献过多").into())
}

/// What a grain contributes to one output: one contribution for each run of rows of one group, as long as there is
/// room; then runs are added to what their group has. The clamper adds up what is left apart.
struct Gathered<'a> {
    number: u32,
    output: &'a Output,
    units: &'a [f64],
    room: &'a Room,
    found: Vec<Contribution>,
    /// The rows of each.
    counts: Vec<u64>,
    places: HashMap<Vec<Key>, usize>,
    /// The group of the rows at hand, its rows, and their sums so far.
    group: Vec<Cell<'a>>,
    rows: u64,
    sums: Vec<f64>,
}

impl<'a> Gathered<'a> {
    fn new(number: u32, output: &'a Output, units: &'a [f64], room: &'a Room) -> Gathered<'a> {
        let (found, counts, places, group) = (Vec::new(), Vec::new(), HashMap::new(), Vec::new());
        let sums = vec![0.0; output.values.len()];
        Gathered { number, output, units, room, found, counts, places, group, rows: 0, sums }
    }

    /// Adds one row.
    fn add(&mut self, cell: &impl Fn(Source) -> Cell<'a>) -> Result<(), Failure> {
        let output = self.output;
        let same = self.rows > 0 && output.groups.iter().zip(&self.group).all(|(source, key)| cell(*source) == *key);
        if !same {
            self.end_run()?;
            self.group.clear();
            self.group.extend(output.groups.iter().map(|source| cell(*source)));
        }
        self.rows += 1;
        for (sum, value) in self.sums.iter_mut().zip(&output.values) {
            if let Value::Column(source) = value {
                *sum += cell(*source).as_number().unwrap_or_default();
            }
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.rows);
        let sums = self.sums.iter_mut().map(std::mem::take).zip(&self.output.values);
        let values = sums.map(|(sum, value)| match value {
            Value::Column(Source::Shown(column)) => sum / self.units[*column],
            Value::Column(Source::Derived(_) | Source::Modelled(_)) => sum,
            Value::Rows => rows as f64,
            Value::Units => 1.0,
        });
        let values: Vec<f64> = values.collect();
        let Some(group) = self.group.iter().map(key).collect::<Option<Vec<Key>>>().filter(|_| rows > 0) else {
            return Ok(());
        };
        if self.found.len() >= RUNS {
            if self.places.is_empty() {
                self.places = self.found.iter().enumerate().map(|(at, item)| (item.group.clone(), at)).collect();
            }
            match self.places.entry(group.clone()) {
                Entry::Occupied(place) => {
                    let sums = &mut self.found[*place.get()].values;
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    self.counts[*place.get()] += rows;
                    return Ok(());
                }
                Entry::Vacant(place) => place.insert(self.found.len()),
            };
        }
        self.room.set(self.room.get().checked_sub(1).ok_or_else(too_many)?);
        self.found.push(Contribution { output: self.number, group, values });
        self.counts.push(rows);
        Ok(())
    }
}

/// The key that a cell names; none for a null, nor for a number that is not whole, which names no group.
fn key(cell: &Cell<'_>) -> Option<Key> {
    match cell {
        Cell::Whole(number) => Some(Key::Int(*number)),
        Cell::Truth(truth) => Some(Key::Int(i64::from(*truth))),
        Cell::Text(text) => Some(Key::Text(String::from_utf8_lossy(text).into_owned())),
        Cell::Null | Cell::Number(_) => None,
    }
}

fn cell<'a>(column: &Column<'a>, row: usize) -> Cell<'a> {
    if column.validity.get(row) == Some(&0) {
        return Cell::Null;
    }
    match column.cells {
        Cells::Ints(cells) => Cell::Whole(cells[row]),
        Cells::Bools(cells) => Cell::Truth(cells[row] != 0),
        Cells::Floats(cells) => Cell::Number(cells[row]),
        Cells::Texts(texts) => {
            let (from, to) = (texts.offsets[row] as usize, texts.offsets[row + 1] as usize);
            Cell::Text(Cow::Borrowed(&texts.bytes[from..to]))
        }
    }
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

    fn map(text: &str) -> Result<ReadyMade, Sentence> {
        let manifest = Manifest::parse(text).unwrap();
        ReadyMade::new(&manifest, &Plan::new(&manifest, &crate::rows::ReferenceTables::default()).unwrap())
    }

    #[test]
    fn runs_of_rows_are_summed_and_nulls_left_out() {
        let map = map(MANIFEST).unwrap();
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
        let map = map(MANIFEST).unwrap().with_kinds(&kinds).unwrap();
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
            let error = map(&MANIFEST.replace(from, to)).err().unwrap();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_manifest_and_its_map_are_of_one_kind() {
        let with = MANIFEST.replace("[grain]", "[ready-made]\nwhere = \"output > 0\"\n[grain]");
        let section = "[ready-made.model]\nkind = \"top\"\nby = \"units\"\nmost = 1\n[grain]";
        let modelled = MANIFEST.replace("[grain]", section);
        for (text, code) in [(MANIFEST, SUM), (&with, QUESTION), (&modelled, MODEL)] {
            let map = map(text).unwrap();
            assert_eq!((of(&Manifest::parse(text).unwrap()), map.code()), (Some(code), code));
            assert_eq!(map.has_model(), code == MODEL);
        }
        // Before its types are known it answers nothing rather than something else.
        let untied = map(&with).unwrap();
        assert!(untied.contribute(&[Table { rows: 0, columns: &[] }], &[]).is_err());
        let twice = |text: &str| {
            let text = text.replace("columns = [\"town\", \"output\"]", "columns = [\"town\", \"output\"]\nlookup = [{ reference = \"r\", on = \"town\", key = \"k\", columns = [\"output\"] }]");
            map(&text).map(drop)
        };
        assert_eq!(twice(MANIFEST), Ok(()));
        let refused = twice(&MANIFEST.replace("[grain]", "[ready-made]\n[grain]")).unwrap_err();
        assert!(refused.to_string().starts_with("two columns that the job reads are called `output`"), "{refused}");
    }

    /// As many as of any guest, however they are spread over outputs.
    #[test]
    fn a_grain_has_so_many_contributions_and_no_more() {
        let (head, rest) = MANIFEST.split_once("[[output]]").unwrap();
        let (output, tail) = rest.split_once("[privacy]").unwrap();
        let output = output.replace("{ name = \"output\", lower = 0, upper = 9, granularity = 1 }, ", "");
        let output =
            output.replace("{ name = \"town\", keys = [\"a\", \"b\"] }", "{ name = \"output\", range = [0, 9] }");
        let answer = |outputs: usize, groups: i64| {
            let all: String = (0..outputs)
                .map(|at| format!("[[output]]{}", output.replace("by-town", &format!("by-{at}"))))
                .collect();
            let manifest =
                format!("{head}{all}[privacy]{tail}").replace("max_groups_per_unit = 2", "max_groups_per_unit = 1");
            let map = map(&manifest).unwrap();
            let map = map.with_kinds(&[ColumnType::Text, ColumnType::Int]).unwrap();
            let (offsets, keys): (Vec<u32>, Vec<i64>) = (vec![0; groups as usize + 1], (0..groups).collect());
            let columns = [
                Column { cells: Cells::texts(&offsets, b""), validity: &[] },
                Column { cells: Cells::Ints(&keys), validity: &[] },
            ];
            map.contribute(&[Table { rows: groups as u32, columns: &columns }], &[]).map(|answer| answer.len())
        };
        assert_eq!(answer(1, 65_536).unwrap(), 65_536);
        assert_eq!(answer(2, 32_768).unwrap(), 65_536);
        for (outputs, groups) in [(1, 65_537), (2, 32_769), (3, 30_000)] {
            assert!(matches!(answer(outputs, groups), Err(Failure::Answer(_))), "{outputs} {groups}");
        }
        // A few of each are counted beside as many of one.
        assert_eq!(answer(260, 256).unwrap(), 260 * 256);
    }
}
