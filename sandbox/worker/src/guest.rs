//! The analyst's code as a run calls it, and a grain as it is shown to it.

use unseen_core::release::{Derived, Number};
use unseen_data::{Cells, Grain};
use unseen_ids::KeyRef;
use unseen_runtime as runtime;
use unseen_texts::text;

/// What [`Guest::advance`] decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Run another round with this state.
    Next(Vec<f64>),
    /// Stop, and publish these tables beside the noised totals.
    Done(Vec<Derived>),
}

/// The analyst's code, as a run calls it. A component in production; a closure in benchmarks.
pub trait Guest: Sync {
    /// Runs on one grain.
    fn contribute(
        &self,
        grain: &[runtime::Table<'_>],
        state: &[f64],
    ) -> Result<Vec<runtime::Contribution>, runtime::Failure>;

    /// Runs on the noised totals of one round; none when the job has one round only.
    fn advance(
        &self,
        round: u32,
        state: &[f64],
        noisy: &[runtime::Totals<'_>],
    ) -> Option<Result<Verdict, runtime::Failure>>;
}

impl Guest for runtime::Module {
    fn contribute(
        &self,
        grain: &[runtime::Table<'_>],
        state: &[f64],
    ) -> Result<Vec<runtime::Contribution>, runtime::Failure> {
        runtime::Module::contribute(self, grain, state)
    }

    fn advance(
        &self,
        round: u32,
        state: &[f64],
        noisy: &[runtime::Totals<'_>],
    ) -> Option<Result<Verdict, runtime::Failure>> {
        let iterative = self.world() == runtime::World::IterativeJob;
        iterative.then(|| runtime::Module::advance(self, round, state, noisy).map(Verdict::from))
    }
}

impl From<runtime::Verdict> for Verdict {
    /// A component's tables have numbers only.
    fn from(verdict: runtime::Verdict) -> Verdict {
        let table = |table: runtime::Derived| {
            let rows = table.rows.into_iter().map(|row| row.into_iter().map(Number).collect()).collect();
            Derived { name: table.name, columns: table.columns, rows, ..Derived::default() }
        };
        match verdict {
            runtime::Verdict::Next(state) => Verdict::Next(state),
            runtime::Verdict::Done(tables) => Verdict::Done(tables.into_iter().map(table).collect()),
        }
    }
}

/// A key that a guest named, as domains look it up.
pub fn key_ref(key: &runtime::Key) -> KeyRef<'_> {
    match key {
        runtime::Key::Int(number) => KeyRef::Int(*number),
        runtime::Key::Text(text) => KeyRef::Text(text),
    }
}

/// Why a grain contributes nothing that its guest was not even asked about.
pub(crate) fn overlarge() -> runtime::Failure {
    runtime::Failure::Trap(
        text!(
            "the grain's rows take more than the memory that the job allows a grain",
            "数据粒的行超过作业为每个数据粒规定的内存"
        )
        .into(),
    )
}

/// Shows the rows to the guest in the runtime's types; no cell is copied.
pub(crate) fn with_runtime_tables<T>(grain: Grain<'_>, call: impl FnOnce(&[runtime::Table<'_>]) -> T) -> T {
    let mut columns = Vec::with_capacity(8);
    for table in (0..grain.tables()).map(|index| grain.table(index)) {
        columns.extend((0..table.columns()).map(|index| {
            let column = table.column(index);
            let cells = match column.cells {
                Cells::Ints(cells) => runtime::Cells::Ints(cells),
                Cells::Floats(cells) => runtime::Cells::Floats(cells),
                Cells::Bools(cells) => runtime::Cells::Bools(cells),
                Cells::Texts { offsets, bytes } => runtime::Cells::texts(offsets, bytes),
            };
            runtime::Column { cells, validity: column.validity }
        }));
    }
    let mut rest = columns.as_slice();
    let mut tables = Vec::with_capacity(grain.tables());
    for table in (0..grain.tables()).map(|index| grain.table(index)) {
        let (columns, others) = rest.split_at(table.columns());
        tables.push(runtime::Table { rows: table.rows(), columns });
        rest = others;
    }
    call(&tables)
}
