//! Codes of NDI-TR-2025-06 (国家数据基础设施 目录描述). They are known through an implementer's tables and not from
//! the text of the document: a code that is not known for certain is null, and its word is given alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::Description;
use unseen_data::description::{Classification, Grade, Kind, Origin, UpdateCycle};
use unseen_texts::{Text, text};
use unseen_usecases::datasets::Bilingual;

/// A value out of a table of codes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coded {
    /// Number of the table.
    pub table: u8,
    /// The code; null where nothing is stated, or where the table's code for it is not known for certain.
    pub code: Option<String>,
    /// What it means.
    pub label: Bilingual,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The steward says so in the signed description.
    Stated,
    /// Worked out from what the steward says, by the rule on the page about standards.
    Derived,
    /// Nobody has said it.
    NotStated,
}

impl Coded {
    fn new(table: u8, code: Option<&str>, label: Text, source: Source) -> Coded {
        Coded { table, code: code.map(str::to_owned), label: both(label), source }
    }

    fn not_stated(table: u8) -> Coded {
        Coded::new(table, None, text!("not stated", "未说明"), Source::NotStated)
    }
}

/// A text in both languages.
pub(crate) fn both(text: Text) -> Bilingual {
    Bilingual { zh: text.zh.to_owned(), en: text.en.to_owned() }
}

/// Table 1, by what a class is: by theme, where the steward states a class.
pub(crate) fn theme(of: &Description) -> Coded {
    match of.catalogue.subject {
        Some(_) => Coded::new(1, Some("001"), text!("by theme", "主题分类"), Source::Stated),
        None => Coded::not_stated(1),
    }
}

/// Table 2.
pub(crate) fn origin(of: &Description) -> Coded {
    let Some(origin) = of.catalogue.origin else { return Coded::not_stated(2) };
    let (code, label) = match origin {
        Origin::Original => ("001", text!("original", "原始取得")),
        Origin::Collected => ("002", text!("collected", "采集取得")),
        Origin::Traded => ("003", text!("traded", "交易取得")),
        Origin::Other => ("004", text!("other", "其他")),
    };
    Coded::new(2, Some(code), label, Source::Stated)
}

/// Table 3: rows of a private dataset are delivered to nobody, noised aggregates are.
pub(crate) fn delivery(of: &Description) -> Coded {
    let (code, label) = match of.kind {
        Kind::Private => ("004", text!("report: noised aggregates", "数据报告（加噪后的汇总结果）")),
        Kind::Reference => ("001", text!("dataset", "数据集")),
    };
    Coded::new(3, Some(code), label, Source::Derived)
}

/// Table 4, of which the first code and the last are known for certain.
pub(crate) fn frequency(of: &Description) -> Coded {
    let (code, label) = match of.update_cycle {
        UpdateCycle::Realtime => (Some("001"), text!("realtime", "实时")),
        UpdateCycle::Daily => (None, text!("daily", "每日")),
        UpdateCycle::Weekly => (None, text!("weekly", "每周")),
        UpdateCycle::Monthly => (None, text!("monthly", "每月")),
        UpdateCycle::Quarterly => (None, text!("quarterly", "每季度")),
        UpdateCycle::Yearly => (None, text!("yearly", "每年")),
        UpdateCycle::Irregular => (None, text!("irregular", "不定期")),
        UpdateCycle::Once => (Some("009"), text!("historical: will not change", "历史数据（不再更新）")),
    };
    Coded::new(4, code, label, Source::Stated)
}

/// Table 5.
pub(crate) fn quality(of: &Description) -> Coded {
    let Some(grade) = of.catalogue.quality else { return Coded::not_stated(5) };
    let (code, label) = match grade {
        Grade::A => ("001", text!("A", "A级")),
        Grade::B => ("002", text!("B", "B级")),
        Grade::C => ("003", text!("C", "C级")),
        Grade::D => ("004", text!("D", "D级")),
    };
    Coded::new(5, Some(code), label, Source::Stated)
}

/// Table 6: the four levels of descriptions in their order; the fifth is never derived.
pub(crate) fn security(of: &Description) -> Coded {
    let (code, label) = match of.classification {
        Classification::Public => ("001", text!("L1, public", "L1（公开）")),
        Classification::Internal => ("002", text!("L2, internal", "L2（内部）")),
        Classification::Sensitive => ("003", text!("L3, sensitive", "L3（敏感）")),
        Classification::Core => ("004", text!("L4, core", "L4（核心）")),
    };
    Coded::new(6, Some(code), label, Source::Derived)
}

/// Table 7.
pub(crate) fn service(of: &Description) -> Coded {
    match of.kind {
        Kind::Private => Coded::new(7, Some("005"), text!("analysis", "数据分析服务"), Source::Derived),
        Kind::Reference => Coded::not_stated(7),
    }
}
