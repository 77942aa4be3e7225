//! Whether a ready-made map can mean anything with the columns it is tied to. Asked before a job is submitted:
//! afterwards it would spend its budget on zeros.

use unseen_data::Description;
use unseen_data::description::{Bound, ColumnSpec, ColumnType};
use unseen_ids::Key;
use unseen_policies::{Manifest, Plan};
use unseen_texts::{Sentence, Text, say, text};

/// Checks groups and values against the columns whose names they bear. `described` gives datasets' descriptions.
///
/// # Errors
/// The first that cannot be right, in one sentence.
pub fn ready_made(
    manifest: &Manifest,
    plan: &Plan,
    described: &dyn Fn(&str) -> Option<Description>,
) -> Result<(), Sentence> {
    let column = |name: &str| -> Option<ColumnSpec> {
        let input = manifest.inputs.first()?;
        let holds = |columns: &[String]| columns.iter().any(|column| column == name);
        let lookup = input.lookups.iter().find(|lookup| holds(&lookup.columns));
        let dataset = match lookup {
            Some(lookup) if !holds(&input.columns) => &lookup.reference,
            _ => &input.dataset,
        };
        described(dataset)?.column(name).cloned()
    };
    for output in &plan.outputs {
        for (name, keys) in output.domain.columns() {
            column(name).map_or(Ok(()), |column| group(name, keys, &column))?;
        }
        let summed = output.values.iter().filter(|value| !matches!(value.name.as_str(), "rows" | "units"));
        for value in summed {
            column(&value.name).map_or(Ok(()), |column| sum(&value.name, &column))?;
        }
    }
    Ok(())
}

fn group(name: &str, keys: &[Key], column: &ColumnSpec) -> Result<(), Sentence> {
    let texts = keys.iter().any(|key| matches!(key, Key::Text(_)));
    let name = name.to_owned();
    match column.kind {
        ColumnType::Float | ColumnType::Decimal { .. } | ColumnType::Timestamp { .. } => Err(say!(
            "the group `{name}` cannot be formed: its column holds {kind}; a ready-made job groups by texts, whole numbers, dates, or true and false",
            "无法按 `{name}` 分组：该列是{kind}；现成作业只能按文本、整数、日期或真假值分组",
            kind = kind(&column.kind)
        )),
        ColumnType::Text if !texts => Err(say!(
            "the keys of the group `{name}` are numbers, and its column holds texts: write them in quotes",
            "分组 `{name}` 的键是数字，而该列是文本：请加引号"
        )),
        ColumnType::Int | ColumnType::Bool | ColumnType::Date { .. } if texts => Err(say!(
            "the keys of the group `{name}` are texts, and its column holds {kind}: write them without quotes",
            "分组 `{name}` 的键是文本，而该列是{kind}：请去掉引号",
            kind = kind(&column.kind)
        )),
        ColumnType::Text if !column.domain.is_empty() => {
            let undeclared = keys.iter().find(|key| !column.domain.contains(&key.to_string()));
            undeclared.map_or(Ok(()), |key| {
                Err(say!(
                    "the key `{key}` of the group `{name}` is none of the values declared for its column: {declared}",
                    "分组 `{name}` 的键 `{key}` 不在该列所声明的取值之中：{declared}",
                    key = key.to_string(),
                    declared = column.domain.join(", ")
                ))
            })
        }
        ColumnType::Int if !keys.iter().any(|key| is_within(key, column)) => Err(say!(
            "no key of the group `{name}` lies within the bounds declared for its column",
            "分组 `{name}` 的键全都在该列所声明的范围之外"
        )),
        _ => Ok(()),
    }
}

fn sum(name: &str, column: &ColumnSpec) -> Result<(), Sentence> {
    match column.kind {
        ColumnType::Text | ColumnType::Date { .. } | ColumnType::Timestamp { .. } => Err(say!(
            "the value `{name}` cannot be summed: its column holds {kind}",
            "无法对 `{name}` 求和：该列是{kind}",
            name = name.to_owned(),
            kind = kind(&column.kind)
        )),
        _ => Ok(()),
    }
}

fn is_within(key: &Key, column: &ColumnSpec) -> bool {
    let Key::Int(key) = key else { return false };
    let least = !matches!(column.min, Some(Bound::Int(min)) if *key < min);
    least && !matches!(column.max, Some(Bound::Int(max)) if *key > max)
}

fn kind(kind: &ColumnType) -> Text {
    match kind {
        ColumnType::Int => text!("whole numbers", "整数"),
        ColumnType::Float => text!("numbers", "浮点数"),
        ColumnType::Bool => text!("true and false (1 and 0)", "真假值（1 和 0）"),
        ColumnType::Text => text!("texts", "文本"),
        ColumnType::Date { .. } => text!("dates (days since 1970)", "日期（自 1970 年起的天数）"),
        ColumnType::Timestamp { .. } => text!("timestamps", "时间"),
        ColumnType::Decimal { .. } => text!("decimals", "小数"),
    }
}
