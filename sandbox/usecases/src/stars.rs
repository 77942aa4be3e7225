//! What a catalogue's reader can rely on, in five points. They are of what is written of a dataset, never of its rows:
//! how those are is for its steward to know and to grade.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::description::{Bilingual, ColumnSpec, ColumnType, Description, Grade};
use unseen_texts::{Sentence, Text, say, text};

/// One of the five points.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Star {
    /// `described`, `bounded`, `current`, `graded` or `answerable`.
    pub name: String,
    /// Whether it is so.
    pub holds: bool,
    /// What it is about, and what is missing.
    pub says: Sentence,
}

/// The five points of a dataset that was registered at `registered`, as they are `now`.
pub(crate) fn stars(of: &Description, registered: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Star> {
    let star = |name: &str, holds: bool, good: Text, missing: Sentence| Star {
        name: name.to_owned(),
        holds,
        says: if holds { good.into() } else { missing },
    };
    let undescribed = || of.columns.iter().filter(|column| !whole(&column.description)).map(|column| &column.name);
    let unbounded = || of.columns.iter().filter(|column| !is_bounded(column, of)).map(|column| &column.name);
    let late = of.update_cycle.late_after_days();
    let current = late.is_none_or(|days| now - registered <= TimeDelta::days(days.into()));
    let grade = of.catalogue.quality;
    vec![
        star(
            "described",
            whole(&of.title) && whole(&of.description) && undescribed().next().is_none(),
            text!("it and all its fields are described, in Chinese and in English", "数据集及全部字段均有中英文说明"),
            match undescribed().next() {
                Some(column) => say!(
                    "not described in both languages: {column}, for one",
                    "缺少中文或英文说明，例如字段 {column}",
                    column = column.clone()
                ),
                None => text!("it is not described in both languages", "缺少中文或英文的标题或说明").into(),
            },
        ),
        star(
            "bounded",
            unbounded().next().is_none(),
            text!("every number and date has a range", "每个数值和日期字段都有取值范围"),
            say!(
                "without a range: {column}, for one",
                "缺少取值范围，例如字段 {column}",
                column = unbounded().next().cloned().unwrap_or_default()
            ),
        ),
        star(
            "current",
            current,
            text!("its snapshot is no older than its update cycle allows", "快照未超出更新周期"),
            say!(
                "its snapshot of {day} is older than its update cycle allows",
                "{day} 的快照已超出更新周期",
                day = registered.date_naive()
            ),
        ),
        star(
            "graded",
            matches!(grade, Some(Grade::A | Grade::B)),
            text!("its steward grades its quality A or B", "数据管理员评定质量为 A 级或 B 级"),
            match grade {
                Some(grade) => say!(
                    "its steward grades its quality {grade}",
                    "数据管理员评定质量为 {grade} 级",
                    grade = grade.en()
                ),
                None => text!("its steward has not graded its quality", "数据管理员尚未评定质量").into(),
            },
        ),
        star(
            "answerable",
            of.catalogue.contact.is_some(),
            text!("it says whom to ask", "写明了联系方式"),
            text!("it does not say whom to ask", "没有写明联系方式").into(),
        ),
    ]
}

fn whole(text: &Bilingual) -> bool {
    !text.zh.is_empty() && !text.en.is_empty()
}

/// Whether what can be read off a column has ends; texts and the unit's own id need none.
fn is_bounded(column: &ColumnSpec, of: &Description) -> bool {
    let needs = !matches!(column.kind, ColumnType::Bool | ColumnType::Text);
    let is_id =
        of.unit.as_ref().is_some_and(|unit| unit.column == column.name) || of.key.as_ref() == Some(&column.name);
    !needs || is_id || (column.min.is_some() && column.max.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRMS: &str = r#"name = "firms"
kind = "private"
provider = "统计局"
classification = "internal"
update_cycle = "monthly"
sharing = "conditional"
[title]
zh = "企业月报"
en = "Firms by month"
[description]
zh = "每月上报"
en = "As reported each month"
[catalogue]
quality = "B"
contact = "data@example.gov.cn"
[unit]
column = "firm"
domain = "enterprise"
[[column]]
name = "firm"
type = "int"
zh = "企业"
en = "the firm"
[[column]]
name = "output"
type = "int"
min = 0
max = 100
zh = "产值"
en = "its output"
"#;

    fn missing(text: &str, days: i64) -> Vec<String> {
        let description = Description::parse(text).unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let stars = stars(&description, now - TimeDelta::days(days), now);
        assert_eq!(stars.len(), 5);
        stars.into_iter().filter(|star| !star.holds).map(|star| format!("{}: {}", star.name, star.says)).collect()
    }

    #[test]
    fn each_point_is_about_something_that_may_be_missing() {
        assert_eq!(missing(FIRMS, 3), Vec::<String>::new());
        for (from, to, days, says) in [
            ("en = \"its output\"\n", "", 3, "described: not described in both languages: output"),
            ("en = \"Firms by month\"\n", "", 3, "described: it is not described"),
            ("max = 100\n", "", 3, "bounded: without a range: output"),
            ("quality = \"B\"", "quality = \"C\"", 3, "graded: its steward grades its quality C"),
            ("quality = \"B\"\n", "", 3, "graded: its steward has not graded"),
            ("contact = \"data@example.gov.cn\"\n", "", 3, "answerable: it does not say whom to ask"),
            ("", "", 63, "current: its snapshot of "),
        ] {
            let text = if from.is_empty() { FIRMS.to_owned() } else { FIRMS.replacen(from, to, 1) };
            let found = missing(&text, days);
            assert!(found.len() == 1 && found[0].starts_with(says), "{says}: {found:?}");
        }
        assert_eq!(missing(&FIRMS.replace("monthly", "once"), 9_999), Vec::<String>::new());
    }
}
