//! What a run reads: the manifest's inputs, tied to opened snapshots and reference tables.

use std::collections::BTreeMap;

use unseen_core::coverage::{Counted, Expected};
use unseen_data::description::ColumnType;
use unseen_data::reference::Lookup;
use unseen_data::snapshot::ManifestFile;
use unseen_data::{CoGroup, GrainLimits, ReferenceTable, ScanError, ScanInput, Snapshot};
use unseen_ids::Key;
use unseen_policies::manifest::GrainKind;
use unseen_policies::plan::References;
use unseen_policies::{Bounds, Manifest, Plan, manifest, need};
use unseen_texts::{Say, Sentence};

/// The inputs of one run, in the manifest's order.
pub struct Rows {
    inputs: Vec<Input>,
    declared: Vec<manifest::Input>,
    bounds: BTreeMap<String, Bounds>,
}

struct Input {
    snapshot: Snapshot,
    columns: Vec<String>,
    lookups: Vec<Lookup>,
}

/// Public tables by name.
#[derive(Default)]
pub struct ReferenceTables(pub Vec<ReferenceTable>);

/// Why inputs cannot be tied to what was opened. Depends on descriptions only, never on rows.
#[derive(Debug, thiserror::Error, Say)]
#[code("rows")]
pub enum RowsError {
    /// The manifest names something that was not handed over.
    #[error("the job reads `{0}`, which is not there")]
    #[zh("作业要读取 `{0}`，但它不存在")]
    NotThere(String),
    /// Snapshots with different numbers of buckets cannot be merged.
    #[error("`{0}` has another number of buckets than the job's first input")]
    #[zh("`{0}` 的分桶数与作业的第一个输入不同")]
    Buckets(String),
    /// A reference table cannot be looked up as the manifest asks.
    #[error("{0}")]
    #[zh("{0}")]
    Lookup(Sentence),
    /// The columns are not those of the manifest.
    #[error("{0}")]
    Columns(ScanError),
}

impl Rows {
    /// Ties each `[[input]]` to its snapshot and its lookups.
    pub fn new(
        manifest: &Manifest,
        mut snapshots: Vec<Snapshot>,
        references: &ReferenceTables,
    ) -> Result<Rows, RowsError> {
        let private =
            snapshots.iter().map(|snapshot| (snapshot.manifest().dataset.clone(), snapshot.manifest().bounds));
        let public = references.0.iter().map(|table| (table.name().to_owned(), table.bounds()));
        let bounds = private.chain(public).collect();
        let inputs = manifest.inputs.iter().map(|input| {
            let at = snapshots.iter().position(|snapshot| snapshot.manifest().dataset == input.dataset);
            let snapshot = snapshots.remove(at.ok_or_else(|| RowsError::NotThere(input.dataset.clone()))?);
            let lookups = input.lookups.iter().map(|lookup| {
                let table =
                    references.find(&lookup.reference).ok_or_else(|| RowsError::NotThere(lookup.reference.clone()))?;
                let lookup = table.lookup(&lookup.on, &lookup.key, &lookup.columns);
                lookup.map_err(|error| RowsError::Lookup(Sentence::of(&error)))
            });
            Ok(Input { snapshot, columns: input.columns.clone(), lookups: lookups.collect::<Result<_, RowsError>>()? })
        });
        let inputs = inputs.collect::<Result<Vec<_>, RowsError>>()?;
        let rows = Rows { inputs, declared: manifest.inputs.clone(), bounds };
        for input in rows.inputs() {
            input.shape().map_err(RowsError::Columns)?;
        }
        match rows.inputs.iter().find(|input| input.snapshot.buckets() != rows.buckets()) {
            Some(input) => Err(RowsError::Buckets(input.snapshot.manifest().dataset.clone())),
            None => Ok(rows),
        }
    }

    /// Number of buckets.
    pub fn buckets(&self) -> u32 {
        self.inputs.first().map_or(0, |input| input.snapshot.buckets())
    }

    /// What each piece of a round must count, by the manifests of the snapshots.
    pub fn expected(&self, plan: &Plan) -> Expected {
        let files = self.inputs.iter().map(|input| &input.snapshot.manifest().files);
        let count = |file: &ManifestFile| Counted { rows: file.rows, units: file.units };
        match plan.grain {
            GrainKind::Unit => {
                let bucket = |at: usize| files.clone().map(|files| count(&files[at])).collect();
                Expected::Each((0..self.buckets() as usize).map(bucket).collect())
            }
            GrainKind::Blocks { count: blocks } => {
                let manifests = self.inputs.iter().map(|input| input.snapshot.manifest());
                let counted = manifests.map(|manifest| Counted { rows: manifest.rows(), units: manifest.units() });
                Expected::Together { blocks, counted: counted.collect() }
            }
        }
    }

    /// Opens one bucket of all inputs from the beginning.
    pub fn open(&self, bucket: u32, limits: GrainLimits) -> Result<CoGroup, ScanError> {
        CoGroup::open(&self.inputs(), bucket, limits)
    }

    /// How often a run goes over the buckets in one round: a function of public numbers.
    pub fn passes(&self, plan: &Plan) -> u32 {
        need::passes(&self.declared, plan, &|name| self.bounds.get(name).copied().unwrap_or_default())
    }

    /// What the columns of each input hold: its own, then those it looks up.
    pub fn kinds(&self) -> Vec<ColumnType> {
        let of = |Input { snapshot, columns, lookups }: &Input| -> Vec<ColumnType> {
            let of = |name: &String| snapshot.manifest().columns.iter().find(|column| column.name == *name);
            let own = columns.iter().filter_map(of).map(|column| column.kind.clone());
            own.chain(lookups.iter().flat_map(Lookup::kinds)).collect()
        };
        self.inputs.iter().flat_map(of).collect()
    }

    /// As the scan wants them.
    pub fn inputs(&self) -> Vec<ScanInput<'_>> {
        self.inputs.iter().map(Input::as_scan).collect()
    }
}

impl Input {
    fn as_scan(&self) -> ScanInput<'_> {
        ScanInput { snapshot: &self.snapshot, columns: &self.columns, lookups: &self.lookups }
    }
}

impl ReferenceTables {
    fn find(&self, name: &str) -> Option<&ReferenceTable> {
        self.0.iter().find(|table| table.name() == name)
    }
}

impl References for ReferenceTables {
    fn column(&self, reference: &str, column: &str) -> Option<Vec<Key>> {
        self.find(reference)?.distinct(column)
    }
}
