//! The catalogue as GB/T 21063.3-2007 names its elements, with the codes of NDI-TR-2025-06.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::Description;
use unseen_ids::{Answer, Digest};
use unseen_texts::{Sentence, text};
use unseen_usecases::datasets::{Bilingual, ListDatasets, ShowDataset};
use unseen_usecases::labs::ShowLab;

use crate::Asks;
use crate::codes::{self, Coded, both};
use crate::error::PackError;

/// A catalogue.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoreElements {
    /// The standard that elements are named by.
    pub standard: String,
    /// The document that codes are of.
    pub codes: String,
    /// Name of the lab's log.
    pub lab: String,
    /// What readers should know before they believe it.
    pub note: Bilingual,
    /// By name: those that whoever asks may see.
    pub datasets: Vec<Elements>,
}

/// A dataset. Elements of the standard have the names that it gives them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Elements {
    /// What it is called; by its short name where it has no Chinese title.
    #[serde(rename = "信息资源名称")]
    pub name: String,
    /// What is in it; empty where its description says nothing.
    #[serde(rename = "信息资源摘要")]
    pub summary: String,
    /// Who provides it.
    #[serde(rename = "信息资源提供方")]
    pub provider: String,
    /// Its class in the provider's catalogue (GB/T 21063.4); null where it is not stated.
    #[serde(rename = "信息资源分类")]
    pub class: Option<String>,
    /// A URN of the lab's: the standard's own identifiers are given by registers.
    #[serde(rename = "信息资源标识符")]
    pub identifier: String,
    /// The digest of the description that all this is from.
    #[serde(rename = "元数据标识符")]
    pub metadata_identifier: String,
    /// 无条件共享, 有条件共享 or 不予共享 (政务数据共享条例).
    #[serde(rename = "共享属性")]
    pub sharing: String,
    /// How often new data is expected (政务数据共享条例).
    #[serde(rename = "更新周期")]
    pub update_cycle: String,
    /// Administrative division (GB/T 2260); null where it is not stated.
    #[serde(rename = "行政区划代码")]
    pub area: Option<String>,
    /// Unified social credit code of the provider; null where it is not stated.
    #[serde(rename = "提供方统一社会信用代码")]
    pub organisation: Option<String>,
    /// The codes.
    #[serde(rename = "代码")]
    pub codes: Codes,
}

/// Codes of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Codes {
    /// Kind of its class.
    #[serde(rename = "数据主题")]
    pub theme: Coded,
    /// Where the provider has it from.
    #[serde(rename = "数据来源")]
    pub origin: Coded,
    /// What comes out of the lab.
    #[serde(rename = "交付方式")]
    pub delivery: Coded,
    /// How often new data is expected.
    #[serde(rename = "更新频率")]
    pub frequency: Coded,
    /// How good it is.
    #[serde(rename = "数据质量")]
    pub quality: Coded,
    /// How sensitive it is.
    #[serde(rename = "安全级别")]
    pub security: Coded,
    /// What one may do with it here.
    #[serde(rename = "服务类型")]
    pub service: Coded,
}

impl Answer for CoreElements {
    const NAME: &str = "core-elements/v1";
}

/// The core elements of every dataset that whoever asks may see.
pub fn core_elements<A: Asks>(asks: &A) -> Result<CoreElements, A::Error> {
    let lab = asks.ask(ShowLab {})?.origin;
    let listed = asks.ask(ListDatasets {})?.datasets;
    let one = |name: String| {
        let text = asks.ask(ShowDataset { dataset: name.clone() })?.description;
        Ok::<_, A::Error>(elements(&lab, &described(&name, &text)?, &text))
    };
    let datasets = listed.into_iter().map(|dataset| one(dataset.name)).collect::<Result<_, _>>()?;
    Ok(CoreElements {
        standard: "GB/T 21063.3-2007".to_owned(),
        codes: "NDI-TR-2025-06".to_owned(),
        note: both(text!(
            "What a description does not state is null. Codes are as implementers of NDI-TR-2025-06 publish them; each says whether it is stated or derived.",
            "描述中没有说明的项为空值。代码采用 NDI-TR-2025-06 实施方公布的代码表；每个代码均注明是数据管理员声明的，还是推导得出的。"
        )),
        lab,
        datasets,
    })
}

/// A description that a lab has shown.
pub(crate) fn described(name: &str, text: &str) -> Result<Description, PackError> {
    Description::parse(text).map_err(|why| PackError::Description { dataset: name.to_owned(), why: Sentence::of(&why) })
}

pub(crate) fn elements(lab: &str, of: &Description, text: &str) -> Elements {
    Elements {
        name: if of.title.zh.is_empty() { of.name.clone() } else { of.title.zh.clone() },
        summary: of.description.zh.clone(),
        provider: of.provider.clone(),
        class: of.catalogue.subject.clone(),
        identifier: format!("urn:unseen:dataset:{lab}:{}", of.name),
        metadata_identifier: format!("urn:unseen:description:{}", Digest::of(text.as_bytes()).to_hex()),
        sharing: of.sharing.zh().to_owned(),
        update_cycle: of.update_cycle.zh().to_owned(),
        area: of.catalogue.area.clone(),
        organisation: of.catalogue.organisation.clone(),
        codes: Codes {
            theme: codes::theme(of),
            origin: codes::origin(of),
            delivery: codes::delivery(of),
            frequency: codes::frequency(of),
            quality: codes::quality(of),
            security: codes::security(of),
            service: codes::service(of),
        },
    }
}
