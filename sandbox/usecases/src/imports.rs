//! Imports of what was uploaded: asked for, carried out by the lab's service, then signed by their steward.
//!
//! ```text
//! upload -> PrepareImport -> ShowImport, until it is ready -> Register, which is signed
//! ```

use std::borrow::Cow;
use std::io::Read;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::Description;
use unseen_ids::{Answer, Digest, PublicKey};
use unseen_lab::{ImportId, ImportState, LabError, Origin, Terms, View, Wish, carry_out_import};
use unseen_policies::event::{DatasetRegistered, Event};
use unseen_policies::ledger::Refusal;
use unseen_texts::Sentence;
use unseen_worker::{cgroup, jail};

use crate::change::Change;
use crate::datasets::Quality;
use crate::desk::Desk;
use crate::doctor::Protection;
use crate::error::UseCaseError;
use crate::forms;
use crate::query::Query;

/// The argument that makes the binary carry out an import.
pub const ARGUMENT: &str = "__import";

/// The most bytes of memory that such a process may have: what a file claims to hold inside is not believed.
const MOST_MEMORY: u64 = 4 << 30;

/// Ask for an import of what was uploaded. Asked again, it is answered where it stands; one that failed begins anew.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PrepareImport {
    /// The dataset, new or imported before.
    pub dataset: String,
    /// The SHA-256 of the uploaded file.
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::DIGEST))]
    pub upload: Digest,
    /// What errors call that file.
    pub source: String,
    /// What errors call the description.
    pub name: String,
    /// The text of a `dataset.toml`.
    pub description: String,
    /// The analysts who may use it; everyone when empty.
    #[serde(default)]
    pub open_to: Vec<String>,
    /// From when on nobody may, and the lab destroys the snapshot.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub keep_until: Option<DateTime<Utc>>,
    /// The buckets that its rows are dealt into; as many as its public bounds ask for, or others of its unit domain have,
    /// when null.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65536))]
    pub buckets: Option<u32>,
}

/// Ask that a dataset's rows are dealt into another number of buckets: an import of the snapshot that it has. The file
/// with the rows is not needed. Asked again, it is answered where it stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PrepareRebucket {
    /// The dataset.
    pub dataset: String,
    /// How many.
    #[schemars(range(min = 1, max = 65536))]
    pub buckets: u32,
}

/// Show an import that one has asked for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowImport {
    /// The dataset.
    pub dataset: String,
    /// The import's number.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{32}$"))]
    pub import: ImportId,
}

/// Register what was imported.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Register {
    /// The dataset.
    pub dataset: String,
    /// The import's number.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{32}$"))]
    pub import: ImportId,
    /// The text of the `dataset.toml` that it was imported by.
    pub description: String,
    /// The analysts who may use it; everyone when empty.
    #[serde(default)]
    pub open_to: Vec<String>,
    /// From when on nobody may, and the lab destroys the snapshot.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub keep_until: Option<DateTime<Utc>>,
    /// The buckets that its rows are in, where somebody asked for so many; whatever they are when null.
    #[serde(default)]
    pub buckets: Option<u32>,
}

/// An import.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportShown {
    /// The dataset.
    pub dataset: String,
    /// The import's number.
    #[schemars(with = "String")]
    pub import: ImportId,
    /// Where it stands.
    pub state: ImportStanding,
    /// How much is done, of 1.
    pub done: f64,
    /// The stable name of what was wrong, where it failed.
    pub code: Option<String>,
    /// What was wrong, for the steward.
    #[schemars(with = "Option<String>")]
    pub why: Option<Sentence>,
    /// The snapshot's root digest, once it is ready.
    #[schemars(with = "Option<String>")]
    pub snapshot: Option<Digest>,
    /// What the steward should know before signing, once it is ready.
    pub quality: Option<Quality>,
    /// Columns of the source that the description does not declare, and that were left out.
    pub ignored_columns: Vec<String>,
    /// The analysts who may use it; everyone when empty.
    #[serde(default)]
    pub open_to: Vec<String>,
    /// From when on nobody may, and the lab destroys the snapshot.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub keep_until: Option<DateTime<Utc>>,
    /// The buckets that its rows lie in, once it is ready; null for a public table.
    #[serde(default)]
    pub buckets: Option<u32>,
    /// What is allowed, and probably not meant, once it is ready.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub hints: Vec<Sentence>,
    /// Whether rows were kept out of swap meanwhile, once it is ready.
    pub memory: Option<Protection>,
}

/// Where an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportStanding {
    /// Others are before it.
    Waiting,
    /// Rows are read.
    Working,
    /// The snapshot is written, and waits for its steward's signature.
    Ready,
    /// Nothing was written.
    Failed,
}

/// A dataset was registered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// Its name.
    pub dataset: String,
    /// The entry that says so.
    pub entry: u64,
    /// The snapshot's root digest.
    #[schemars(with = "String")]
    pub snapshot: Digest,
}

/// What the process of an import is told: its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Assigned {
    /// The lab's folder.
    pub lab: PathBuf,
    /// The import's number.
    pub import: ImportId,
}

impl Answer for ImportShown {
    const NAME: &str = "import/v1";
}
impl Answer for Registered {
    const NAME: &str = "registered/v1";
}

impl Query for PrepareImport {
    type Answer = ImportShown;

    fn answer(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<ImportShown, UseCaseError> {
        let described = Description::parse(&self.description)
            .map_err(|error| UseCaseError::Description { file: self.name.clone(), error })?;
        if described.name != self.dataset {
            return Err(UseCaseError::OtherName {
                file: self.name.clone(),
                says: described.name,
                asked: self.dataset.clone(),
            });
        }
        ask(&desk.view()?, reader, |steward, person| Wish {
            dataset: self.dataset.clone(),
            from: Origin::Upload {
                upload: self.upload,
                source: self.source.clone(),
                file: self.name.clone(),
                buckets: self.buckets,
            },
            description: self.description.clone(),
            terms: Terms { open_to: self.open_to.clone(), keep_until: self.keep_until },
            person,
            steward,
        })
    }
}

impl Query for PrepareRebucket {
    type Answer = ImportShown;

    fn answer(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<ImportShown, UseCaseError> {
        let lab = desk.view()?;
        let (_, description) = lab.description(&self.dataset)?;
        let DatasetRegistered { open_to, keep_until, .. } = lab.ledger().dataset(&self.dataset)?.registered.clone();
        ask(&lab, reader, |steward, person| Wish {
            dataset: self.dataset.clone(),
            from: Origin::Snapshot { buckets: self.buckets },
            description,
            terms: Terms { open_to, keep_until },
            person,
            steward,
        })
    }
}

impl Query for ShowImport {
    type Answer = ImportShown;

    fn answer(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<ImportShown, UseCaseError> {
        let lab = desk.view()?;
        let (_, person) = known(&lab, reader)?;
        let found = shown(&lab, &self.import, &person)?;
        if found.dataset == self.dataset { Ok(found) } else { Err(LabError::NoImport.into()) }
    }
}

impl Change for Register {
    type Answer = Registered;

    fn is_theirs(&self, lab: &View, author: &PublicKey) -> Result<(), UseCaseError> {
        let person = &lab.ledger().person(author)?.name;
        Ok(lab.import_state(&self.import, person).map(drop)?)
    }

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let event = Event::from(lab.prepared(&self.import)?.0);
        if self.is_said_by(&event) { Ok(event) } else { Err(LabError::NoImport.into()) }
    }

    fn attachments(&self, lab: &View) -> Result<Vec<Cow<'_, [u8]>>, UseCaseError> {
        let values = lab.prepared(&self.import)?.1;
        Ok([self.description.as_bytes().into()].into_iter().chain(values.map(Cow::Owned)).collect())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let Event::DatasetRegistered(said) = event else { return false };
        let description = Digest::of(self.description.as_bytes());
        said.name == self.dataset
            && said.description == description
            && said.open_to == self.open_to
            && said.keep_until == self.keep_until
            && self.buckets.is_none_or(|asked| asked == said.buckets)
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<Registered, UseCaseError> {
        let dataset = lab.ledger().dataset(&self.dataset)?;
        if dataset.entry == entry {
            return Ok(Registered { dataset: self.dataset.clone(), entry, snapshot: dataset.registered.snapshot });
        }
        // Asked again after a later one.
        let Event::DatasetRegistered(said) = lab.said(&lab.log().entry(entry).map_err(LabError::from)?)?.event else {
            return Err(LabError::NoImport.into());
        };
        Ok(Registered { dataset: said.name, entry, snapshot: said.snapshot })
    }
}

/// Carries out an import, in a process of its own: what standard input says. What came of it, the lab's folder says.
pub fn work() -> Result<(), UseCaseError> {
    // Nobody waits for it any more when the service has ended; the next one begins it again.
    jail::die_with_parent();
    jail::keep_small(MOST_MEMORY);
    cgroup::enter("import", cgroup::Limits { memory: MOST_MEMORY, processors: 1, weight: 20 });
    let mut told = String::new();
    std::io::stdin().take(1 << 20).read_to_string(&mut told).map_err(LabError::io("-"))?;
    let Assigned { lab, import } =
        serde_json::from_str(&told).map_err(|error| LabError::Other(error.to_string().into()))?;
    Ok(carry_out_import(&lab, &import)?)
}

fn known(lab: &View, reader: Option<&PublicKey>) -> Result<(PublicKey, String), UseCaseError> {
    let key = reader.ok_or(LabError::from(Refusal::NotEnrolled))?;
    Ok((*key, lab.ledger().person(key)?.name.clone()))
}

/// Asks for what this reader wishes, and says where it stands.
fn ask(
    lab: &View,
    reader: Option<&PublicKey>,
    wish: impl FnOnce(PublicKey, String) -> Wish,
) -> Result<ImportShown, UseCaseError> {
    let (steward, person) = known(lab, reader)?;
    let id = lab.ask_import(&wish(steward, person.clone()))?;
    shown(lab, &id, &person)
}

fn shown(lab: &View, id: &ImportId, person: &str) -> Result<ImportShown, UseCaseError> {
    let (wish, state) = lab.import_state(id, person)?;
    let mut shown = ImportShown {
        dataset: wish.dataset,
        import: id.clone(),
        state: ImportStanding::Waiting,
        done: 0.0,
        code: None,
        why: None,
        snapshot: None,
        quality: None,
        ignored_columns: Vec::new(),
        open_to: wish.terms.open_to,
        keep_until: wish.terms.keep_until,
        buckets: None,
        hints: Vec::new(),
        memory: None,
    };
    match state {
        ImportState::Waiting => {}
        ImportState::Working(thousandths) => {
            shown.state = ImportStanding::Working;
            shown.done = f64::from(thousandths) / 1000.0;
        }
        ImportState::Ready(prepared) => {
            shown.state = ImportStanding::Ready;
            shown.done = 1.0;
            shown.snapshot = Some(prepared.event.snapshot);
            shown.buckets = prepared.event.domain.is_some().then_some(prepared.event.buckets);
            shown.quality = Some(lab.prepared_quality(&prepared)?.into());
            shown.memory = Some(Protection::new("memory", &prepared.memory));
            shown.ignored_columns = prepared.ignored_columns;
            let described = Description::parse(&wish.description);
            shown.hints = described.map(|described| forms::of_dataset(lab, &described)).unwrap_or_default();
        }
        ImportState::Failed { code, why } => {
            shown.state = ImportStanding::Failed;
            (shown.code, shown.why) = (Some(code), Some(why));
        }
    }
    Ok(shown)
}
