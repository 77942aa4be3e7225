//! Whether a ready-made map can mean anything with the columns it is tied to. Asked before a job is submitted:
//! afterwards it would spend its budget on zeros.

use unseen_data::Description;
use unseen_data::description::{Bound, ColumnSpec, ColumnType};
use unseen_ids::Key;
use unseen_policies::{Manifest, Plan};
use unseen_texts::{Sentence, Text, say, text};

use crate::ready_made::ReadyMade;

/// Checks groups and values against the columns whose names they bear. `described` gives datasets' descriptions.
///
/// # Errors
/// The first that cannot be right, in one sentence.
pub fn ready_made(
    manifest: &Manifest,
    plan: &Plan,
    described: &dyn Fn(&str) -> Option<Description>,
) -> Result<(), Sentence> {
    ReadyMade::new(manifest)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const FIRMS: &str = r#"
name = "firms"
kind = "private"
provider = "p"
classification = "internal"
update_cycle = "yearly"
sharing = "none"
unit = { column = "id", domain = "person" }
column = [
    { name = "id", type = "text" },
    { name = "sex", type = "text", domain = ["男", "女"] },
    { name = "note", type = "text" },
    { name = "grade", type = "int", min = 1, max = 3 },
    { name = "big", type = "bool" },
    { name = "code", type = "float" },
    { name = "tax", type = "decimal", scale = 2 },
    { name = "day", type = "date" },
]
"#;

    /// What is said of a job that groups by this, and sums that.
    fn said(group: &str, value: &str) -> String {
        let manifest = format!(
            "[job]\ntitle = \"t\"\npurpose = \"p\"\nrelease = \"+1h\"\nmodule = \"ready-made:sum\"\n\
             [[input]]\ndataset = \"firms\"\ncolumns = [\"sex\", \"note\", \"grade\", \"big\", \"code\", \"tax\", \"day\"]\n\
             [grain]\nkind = \"unit\"\n[[output]]\nname = \"o\"\nmax_groups_per_unit = 1\ngroups = [{group}]\n\
             values = [{{ name = \"{value}\", lower = 0, upper = 1, granularity = 1 }}]\n\
             [privacy]\nmechanism = \"gaussian\"\nrho = 0.1\n"
        );
        let manifest = Manifest::parse(&manifest).unwrap();
        let plan = Plan::new(&manifest, &crate::rows::ReferenceTables::default()).unwrap();
        let described = |name: &str| (name == "firms").then(|| Description::parse(FIRMS).unwrap());
        ready_made(&manifest, &plan, &described).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        let by = |name: &str, keys: &str| format!("{{ name = \"{name}\", keys = {keys} }}");
        for (group, value, expected) in [
            (by("sex", "[\"男\", \"女\"]"), "rows", ""),
            (by("grade", "[2, 9]"), "tax", ""),
            (by("big", "[0, 1]"), "code", ""),
            (by("day", "[19000]"), "big", ""),
            (by("note", "[\"x\"]"), "units", ""),
            (by("sex", "[\"M\", \"女\"]"), "rows", "the key `M` of the group `sex` is none of the values"),
            (by("sex", "[1, 2]"), "rows", "the keys of the group `sex` are numbers"),
            (by("grade", "[\"1\"]"), "rows", "the keys of the group `grade` are texts"),
            (by("grade", "[4, 5]"), "rows", "no key of the group `grade` lies within the bounds"),
            (by("code", "[1010]"), "rows", "the group `code` cannot be formed: its column holds numbers"),
            (by("tax", "[1]"), "rows", "the group `tax` cannot be formed"),
            (by("grade", "[1]"), "note", "the value `note` cannot be summed: its column holds texts"),
            (by("grade", "[1]"), "day", "the value `day` cannot be summed"),
        ] {
            let said = said(&group, value);
            assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{group}, {value}: {said}");
        }
    }
}
