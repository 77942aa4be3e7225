//! What packs say for programs, in JSON: the pages in them are made of the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, Digest};
use unseen_policies::rho::Rho;
use unseen_texts::Say;
use unseen_usecases::datasets::Bilingual;

use crate::core_elements::Elements;
use crate::proof::Recorded;

/// What a register asks of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// 主体: whose it is.
    pub subject: Subject,
    /// 合法来源: by which law, rule or agreement the provider holds it; null where its steward does not say so.
    pub lawful_source: Option<String>,
    /// 资源情况: what it is.
    pub resource: Resource,
    /// 存证情况: the entries that stand behind all this.
    pub records: Vec<Record>,
    /// 产品和服务: what came of it, as far as whoever asks may see; the newest 100, the newest last.
    pub products: Vec<Product>,
    /// 应用场景: what for, in the words of those who asked for it.
    pub scenes: Vec<String>,
    /// 风险评估: what bounds what can be learnt about one unit.
    pub risk: Risk,
    /// What registers ask too, and the lab does not know.
    pub missing: Vec<Bilingual>,
}

/// Whose it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Who provides it.
    pub provider: String,
    /// Unified social credit code of the provider; null where it is not stated.
    pub organisation: Option<String>,
    /// Who has signed its registration in the lab; null: a key that nobody there has a name for.
    pub steward: Option<String>,
    /// The lab it is in: the name of its log.
    pub lab: String,
}

/// What it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// As the catalogue has it.
    pub elements: Elements,
    /// The lab's name for it.
    pub dataset: String,
    /// What a unit is, such as `enterprise`; null for a public table.
    pub unit: Option<String>,
    /// Fields, with what they mean.
    pub fields: Vec<Field>,
    /// The most units there may ever be, as declared: how many there are is nobody's to know. Null for a public table.
    pub most_units: Option<u64>,
    /// The most rows there may ever be, as declared.
    pub most_rows: Option<u64>,
    /// The snapshot that is registered now.
    #[schemars(with = "String")]
    pub snapshot: Digest,
    /// How many snapshots there were, this one too.
    pub snapshots: usize,
    /// How many of them were destroyed or withdrawn.
    pub gone: usize,
}

/// A field.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it means.
    pub meaning: Bilingual,
}

/// An entry of the log that says something of the dataset.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What happened, such as `dataset-registered`.
    pub kind: String,
    /// The same in words.
    pub title: Bilingual,
    /// When, by the signer's clock.
    pub time: String,
    /// Where it stands.
    pub recorded: Recorded,
}

/// Something that was made of the dataset.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// The job.
    pub job: String,
    /// Its title.
    pub title: String,
    /// Who made it.
    pub author: String,
    /// Its tables.
    pub tables: Vec<String>,
    /// What it cost, in rho.
    #[schemars(with = "String")]
    pub rho: Rho,
    /// The entry of its release.
    pub release: u64,
}

/// What bounds what can be learnt about one unit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// 公开, 内部, 敏感 or 核心.
    pub level: String,
    /// How many operators must approve a job, none of them its author.
    pub approvals: u32,
    /// The privacy budget; null for a public table.
    pub budget: Option<Spent>,
    /// What holds whatever code runs.
    pub holds: Vec<Bilingual>,
}

/// A privacy budget.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// The cap over all jobs for ever, in rho.
    #[schemars(with = "String")]
    pub cap: Rho,
    /// What was spent, in rho.
    #[schemars(with = "String")]
    pub spent: Rho,
    /// The same as epsilon.
    pub spent_epsilon: f64,
    /// At this delta.
    pub delta: f64,
}

impl Answer for Registration {
    const NAME: &str = "registration/v1";
}

/// What a lab shows for an assessment. It is material for assessors and no verdict.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidencePack {
    /// Name of the lab's log.
    pub lab: String,
    /// How many entries the log had.
    pub entries: u64,
    /// By standard and clause.
    pub requirements: Vec<Requirement>,
}

/// A requirement, and what there is for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// The standard.
    pub standard: String,
    /// Where in it.
    pub clause: String,
    /// What it asks, in our words.
    pub asks: Bilingual,
    /// How much of it the service shows.
    pub standing: Standing,
    /// What is so in this lab.
    pub shows: Vec<Bilingual>,
    /// What in this lab speaks against it.
    pub against: Vec<Bilingual>,
    /// What the service does not show of it; null where nothing is left.
    pub not_shown: Option<Bilingual>,
    /// Kinds of entries that bear on it.
    pub kinds: Vec<String>,
    /// How many entries of these kinds there are.
    pub count: u64,
    /// The newest five of them, each with its proof.
    pub entries: Vec<Recorded>,
}

/// How much of a requirement the service shows. Whether that is enough, an assessor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Say)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The service shows something, names nothing that is left, and nothing speaks against it.
    #[en("shown")]
    #[zh("已给出")]
    Shown,
    /// It shows a part, or something speaks against it.
    #[en("shown in part")]
    #[zh("部分给出")]
    Partly,
    /// It shows nothing.
    #[en("not shown by the service")]
    #[zh("服务不能证明")]
    NotShown,
}

impl Answer for EvidencePack {
    const NAME: &str = "evidence-pack/v1";
}
