//! A twin fitted to released numbers: the job that counts how values lie, and the twin that is made of its release.
//! The price is the job's, in the log like any other; the twin itself costs nothing further.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::{Description, twin as twins};
use unseen_ids::{Answer, PublicKey};
use unseen_lab::LabError;
use unseen_questions::Heading;
use unseen_texts::Sentence;

use crate::blob::Blob;
use crate::check::{Check, Checked};
use crate::datasets::{FittedTo, Twin, TwinWritten};
use crate::error::UseCaseError;
use crate::release::Release;

/// Draft the job that counts how the values of a dataset lie.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Pairs of columns, the second of which goes by the first.
    pub pairs: Vec<(String, String)>,
    /// What it may cost, in rho: a decimal.
    pub rho: String,
    /// One line for people; a usual one where there is none.
    pub title: Option<String>,
    /// Why it is asked; a usual reason where nothing is said.
    pub purpose: Option<String>,
    /// When the result is wanted.
    pub release: String,
    /// Who would submit it.
    pub author: Option<PublicKey>,
}

/// Such a job, before it is submitted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FitDrafted {
    /// The text of its `job.toml`.
    pub manifest: String,
    /// What is not counted, and why.
    pub notes: Vec<Sentence>,
    /// What a submission would cost and be told.
    pub checked: Checked,
    /// Where the manifest was written.
    pub folder: Option<String>,
}

impl Answer for FitDrafted {
    const NAME: &str = "fit/v1";
}

/// Why no job is drafted: what cannot be counted, or what the lab says.
pub enum NotFitted<E> {
    /// The dataset, or the pairs.
    Dataset(Sentence),
    /// The lab.
    Lab(E),
}

/// Drafts the job and has it checked. `check` is the lab's check of a manifest.
pub fn fit<E>(
    request: &Fit,
    dataset: &Description,
    check: &dyn Fn(Check) -> Result<Checked, E>,
) -> Result<FitDrafted, NotFitted<E>> {
    let name = &dataset.name;
    let title = || format!("孪生数据拟合：{name} · Fit of a twin of {name}");
    let purpose = || {
        format!(
            "统计 {name} 各列取值的分布，用于生成孪生数据 · Counts how the values of {name} lie, for a twin to follow"
        )
    };
    let heading = Heading {
        title: request.title.clone().unwrap_or_else(title),
        purpose: request.purpose.clone().unwrap_or_else(purpose),
        release: request.release.clone(),
        rho: request.rho.clone(),
    };
    let drafted = unseen_questions::fit(dataset, &request.pairs, &heading).map_err(NotFitted::Dataset)?;
    let (manifest, notes) = (drafted.manifest, drafted.notes);
    let module = Blob::ready_made(&manifest);
    let asked = Check { name: "job.toml".to_owned(), manifest: manifest.clone(), module, author: request.author };
    let checked = check(asked).map_err(NotFitted::Lab)?;
    Ok(FitDrafted { manifest, notes, checked, folder: None })
}

/// Writes a twin by the release of such a job, and says so at the head of its description. `text` is that of the
/// dataset now; `name` is what it is called in errors.
pub fn twin_of_release(release: &Release, name: &str, text: &str, request: &Twin) -> Result<TwinWritten, UseCaseError> {
    let description =
        Description::parse(text).map_err(|error| UseCaseError::Description { file: name.to_owned(), error })?;
    if release.bytes().is_none() {
        return Err(UseCaseError::OtherNumbers { job: release.job });
    }
    let outputs = release.numbers.rounds.first().map(|round| &round.outputs[..]).unwrap_or_default();
    let plan = &release.plan;
    if plan.datasets != [description.name.clone()] {
        return Err(UseCaseError::OtherDatasets { job: release.job, dataset: description.name });
    }
    let made: Vec<_> = plan.made.iter().map(|made| (made.name.as_str(), made.expression.as_str())).collect();
    let fitted = unseen_questions::fitted(&description, plan.filter.as_deref(), &made, outputs);
    let fitted = fitted.map_err(UseCaseError::NotFitted)?;
    let to = FittedTo { job: release.job, release: release.body, rho: plan.rho };
    let headed = format!("{}{text}", head(&to));
    let written = twins::write_fitted(&description, &headed, &fitted, request.rows, request.seed, &request.out);
    let written = written.map_err(LabError::io(&request.out))?;
    Ok(TwinWritten { fitted: Some(to), ..TwinWritten::new(written, &description, request.rows) })
}

/// What stands above the description of a fitted twin.
fn head(FittedTo { job, release, rho }: &FittedTo) -> String {
    format!(
        "# FITTED: made by the release of {job} ({release}), which cost rho {rho} of the dataset's budget.\n\
         # These rows know of the dataset's own what that release says of them. They are for whoever may read it.\n\
         # 拟合孪生数据：依据 {job} 的发布结果（{release}）生成，该作业花费数据集预算 rho {rho}。\n\
         # 这些行含有该发布结果所披露的信息，只供有权阅读它的人使用。\n"
    )
}
