//! Whether a ready-made map can mean anything with the columns it is tied to. Asked before a job is submitted:
//! afterwards it would spend its budget on zeros.

use std::collections::HashMap;

use unseen_data::Description;
use unseen_data::description::{Bound, ColumnSpec, ColumnType};
use unseen_ids::Key;
use unseen_policies::approximate::to_f64;
use unseen_policies::manifest::{Feature, Model};
use unseen_policies::plan::ValuePlan;
use unseen_policies::{Manifest, Plan};
use unseen_questions::{Program, Reach, Type};
use unseen_texts::{Sentence, Text, say, text};

use crate::ready_made::{ReadyMade, read};

/// Checks groups and values against the columns whose names they bear. `described` gives datasets' descriptions.
///
/// # Errors
/// The first that cannot be right, in one sentence.
pub fn ready_made(
    manifest: &Manifest,
    plan: &Plan,
    described: &dyn Fn(&str) -> Option<Description>,
) -> Result<(), Sentence> {
    ReadyMade::new(manifest, plan)?;
    let columns = columns(manifest, described);
    let column = |name: &str| columns.iter().find(|(known, _)| *known == name).and_then(|(_, column)| column.as_ref());
    let program = program(manifest, &columns)?;
    if let Some(model) = manifest.question.as_ref().and_then(|question| question.model.as_ref()) {
        for one in model.kind.features() {
            column(&one.name).map_or(Ok(()), |column| feature(model, one, column))?;
        }
    }
    for output in &plan.outputs {
        for (name, keys) in output.domain.columns() {
            column(name).map_or(Ok(()), |column| group(name, keys, column))?;
            program.as_ref().map_or(Ok(()), |program| made_group(name, keys, program))?;
        }
        let summed = output.values.iter().filter(|value| !matches!(value.name.as_str(), "rows" | "units"));
        for value in summed {
            column(&value.name).map_or(Ok(()), |column| sum(value, column))?;
            program.as_ref().map_or(Ok(()), |program| program.check_sum(&value.name))?;
        }
    }
    Ok(())
}

/// What to tell whoever checks such a job: values that its expressions ask for and that, by the descriptions, no row has.
pub fn strays(manifest: &Manifest, described: &dyn Fn(&str) -> Option<Description>) -> Vec<Sentence> {
    let columns = columns(manifest, described);
    let known: Option<Vec<_>> = columns.iter().map(|(_, column)| column.as_ref()).collect();
    // What does not fit was refused before this.
    let program = program(manifest, &columns).ok().flatten();
    known.zip(program).map(|(known, program)| program.strays(&known)).unwrap_or_default()
}

/// The columns that the map may name, each as it is described.
fn columns<'m>(
    manifest: &'m Manifest,
    described: &dyn Fn(&str) -> Option<Description>,
) -> Vec<(&'m str, Option<ColumnSpec>)> {
    let mut tables = HashMap::new();
    let column = |(_, _, table, name): (usize, usize, &'m str, &'m String)| {
        let table = tables.entry(table).or_insert_with(|| described(table));
        (name.as_str(), table.as_ref().and_then(|table| table.column(name)).cloned())
    };
    read(manifest).map(column).collect()
}

/// What the manifest makes of its columns; none where a column is not described, and the run will look itself.
fn program(manifest: &Manifest, columns: &[(&str, Option<ColumnSpec>)]) -> Result<Option<Program>, Sentence> {
    let kinds: Option<Vec<_>> =
        columns.iter().map(|(name, column)| column.as_ref().map(|column| (*name, &column.kind))).collect();
    let Some((question, kinds)) = manifest.question.as_ref().zip(kinds) else { return Ok(None) };
    Program::new(question, &kinds).map(Some).map_err(|error| Sentence::of(&error))
}

fn made_group(name: &str, keys: &[Key], program: &Program) -> Result<(), Sentence> {
    let Some(kind) = program.kind(name) else { return Ok(()) };
    program.check_group(name)?;
    let texts = keys.iter().any(|key| matches!(key, Key::Text(_)));
    let name = name.to_owned();
    match (kind == Type::Text, texts) {
        (true, false) => Err(say!(
            "the keys of the group `{name}` are numbers, and it holds texts: write them in quotes",
            "分组 `{name}` 的键是数字，而它是文本：请加引号"
        )),
        (false, true) => Err(say!(
            "the keys of the group `{name}` are texts, and it holds {kind}: write them without quotes",
            "分组 `{name}` 的键是文本，而它是{kind}：请去掉引号",
            kind = kind.word()
        )),
        _ => Ok(()),
    }
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
        ColumnType::Int | ColumnType::Date { .. } if !keys.iter().any(|key| is_within(key, column)) => Err(say!(
            "no key of the group `{name}` lies within the bounds declared for its column",
            "分组 `{name}` 的键全都在该列所声明的范围之外"
        )),
        _ => Ok(()),
    }
}

fn sum(value: &ValuePlan, column: &ColumnSpec) -> Result<(), Sentence> {
    let name = &value.name;
    match column.kind {
        ColumnType::Decimal { scale } => in_its_own_unit(value, scale, column),
        ColumnType::Text | ColumnType::Date { .. } | ColumnType::Timestamp { .. } => Err(say!(
            "the value `{name}` cannot be summed: its column holds {kind}",
            "无法对 `{name}` 求和：该列是{kind}",
            name = name.to_owned(),
            kind = kind(&column.kind)
        )),
        _ => Ok(()),
    }
}

/// Refuses bounds of a model's column in which it cannot differ, or that are counted in its steps.
fn feature(model: &Model, feature: &Feature, column: &ColumnSpec) -> Result<(), Sentence> {
    if let ColumnType::Decimal { scale } = column.kind {
        let bounds = [(feature.upper, column.max), (feature.lower, column.min)];
        in_steps(&feature.name, bounds, 1.0 / 10_f64.powi(i32::from(scale)), scale)?;
    }
    let Some((least, most)) = Reach::of(column).finite() else { return Ok(()) };
    match feature.lower >= most || feature.upper <= least {
        true => Err(Sentence::of(&model.error(say!(
            "`{name}` lies between {least} and {most} by its description, and would always be one end of {lower} to {upper}: write bounds between which it differs",
            "按描述 `{name}` 在 {least} 与 {most} 之间，在 {lower} 至 {upper} 中始终只取一端：请写能区分其取值的范围",
            name = feature.name.clone(),
            lower = feature.lower,
            upper = feature.upper
        )))),
        false => Ok(()),
    }
}

/// Refuses bounds that are a decimal's declared ones, counted in its steps.
fn in_its_own_unit(value: &ValuePlan, scale: u8, column: &ColumnSpec) -> Result<(), Sentence> {
    let step = to_f64(&value.granularity);
    let bounds = [(value.upper as f64 * step, column.max), (value.lower as f64 * step, column.min)];
    in_steps(&value.name, bounds, step, scale)
}

fn in_steps(name: &str, bounds: [(f64, Option<Bound>); 2], step: f64, scale: u8) -> Result<(), Sentence> {
    for (bound, declared) in bounds {
        let Some(Bound::Int(steps @ (..=-1 | 1..))) = declared else { continue };
        let unit = 10_f64.powi(i32::from(scale));
        if scale > 0 && (bound - steps as f64).abs() < step {
            return Err(say!(
                "the bound {bound} of `{name}` is {meant} in steps of {step}: bounds are in the column's own unit, so write {meant}",
                "`{name}` 的界限 {bound} 是按 {step} 的步长计的 {meant}：界限以该列自身的单位计，请写 {meant}",
                name = name.to_owned(),
                bound = steps as f64,
                meant = steps as f64 / unit,
                step = 1.0 / unit
            ));
        }
    }
    Ok(())
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
    { name = "tax", type = "decimal", scale = 2, min = -50, max = 20000 },
    { name = "day", type = "date", min = "2022-01-01" },
]
"#;

    /// What is said of a job that groups by this, and sums that.
    fn said(group: &str, value: &str) -> String {
        told(group, &format!("{{ name = \"{value}\", lower = 0, upper = 1, granularity = 1 }}"), "")
    }

    /// The same of a whole value, and of a section with expressions.
    fn told(group: &str, value: &str, section: &str) -> String {
        let manifest = manifest(group, value, section);
        let plan = Plan::new(&manifest, &crate::rows::ReferenceTables::default()).unwrap();
        ready_made(&manifest, &plan, &described).map_or_else(|error| error.to_string(), |()| String::new())
    }

    fn described(name: &str) -> Option<Description> {
        (name == "firms").then(|| Description::parse(FIRMS).unwrap())
    }

    fn manifest(group: &str, value: &str, section: &str) -> Manifest {
        let manifest = format!(
            "[job]\ntitle = \"t\"\npurpose = \"p\"\nrelease = \"+1h\"\nmodule = \"ready-made:sum\"\n\
             [[input]]\ndataset = \"firms\"\ncolumns = [\"sex\", \"note\", \"grade\", \"big\", \"code\", \"tax\", \"day\"]\n\
             {section}\n[grain]\nkind = \"unit\"\n[[output]]\nname = \"o\"\nmax_groups_per_unit = 1\ngroups = [{group}]\n\
             values = [{value}]\n\
             [privacy]\nmechanism = \"gaussian\"\nrho = 0.1\n"
        );
        Manifest::parse(&manifest).unwrap()
    }

    #[test]
    fn what_no_row_has_is_said() {
        let said = |filter: &str, made: &str| {
            let section = format!("[ready-made]\nwhere = \"{filter}\"\n[ready-made.columns]\nmade = \"{made}\"\n");
            let value = "{ name = \"made\", lower = 0, upper = 1, granularity = 1 }";
            let found = strays(&manifest("{ name = \"grade\", keys = [1] }", value, &section), &described);
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        for (filter, expected) in [
            (
                "sex = 'm' OR note = 'm'",
                "by its description `sex` is never `m`, so nothing would match that: there are 男, 女",
            ),
            (
                "sex IN ('男', '女性') AND '女性' = sex",
                "is never `女性`, so nothing would match that: did you mean `女`?",
            ),
            ("sex LIKE '外%'", "`sex` is never `外`"),
            ("NOT (grade > 3)", "`grade` lies from 1 to 3, so nothing would match a condition with 3"),
            ("grade BETWEEN 4 AND 9", "a condition with 4"),
            (
                "tax * 2 > 1 AND tax > 20000.5",
                "`tax` lies from -50 to 20000, so nothing would match a condition with 20000.5",
            ),
            ("day < '2022-01'", "`day` lies from 2022-01-01 to …, so nothing would match a condition with 2022-01-01"),
        ] {
            let said = said(filter, "1");
            assert!(said.contains(expected) && !said.contains("; "), "{filter}: {said}");
        }
        assert!(said("grade = 1", "CASE sex WHEN 'm' THEN 1 ELSE 0 END").contains("`sex` is never `m`"));
        let may_be = "sex = '男' AND sex <> 'm' AND grade >= 3 AND tax <= 200 AND day > '2030-01-01' AND note = 'x' AND sex LIKE '女%'";
        assert_eq!(said(may_be, "CASE WHEN big THEN 1 ELSE 0 END"), "");
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
            (by("day", "[18000]"), "rows", "no key of the group `day` lies within the bounds"),
        ] {
            let said = said(&group, value);
            assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{group}, {value}: {said}");
        }
    }

    #[test]
    fn bounds_are_in_the_columns_own_unit() {
        let by = "{ name = \"grade\", keys = [1] }";
        let value = |lower: &str, upper: &str, step: &str| {
            told(by, &format!("{{ name = \"tax\", lower = {lower}, upper = {upper}, granularity = {step} }}"), "")
        };
        for (lower, upper, step) in [("-50", "20000", "1"), ("0", "480000", "100"), ("-50", "1", "0.01")] {
            assert_eq!(value(lower, upper, step), "");
        }
        for (lower, upper, step) in [("0", "2000000", "1"), ("-5000", "20000", "0.01"), ("0", "2000000", "100")] {
            let said = value(lower, upper, step);
            assert!(said.contains("in steps of 0.01: bounds are in the column's own unit"), "{lower} {upper}: {said}");
        }
        assert!(value("0", "2000000", "1").ends_with("so write 20000"));
    }

    #[test]
    fn a_model_is_of_numbers_within_bounds_that_tell_them_apart() {
        let by = |feature: &str, lower: &str, upper: &str| {
            let section = format!(
                "[ready-made.model]\nkind = \"quantile\"\nof = {{ name = \"{feature}\", lower = {lower}, upper = {upper} }}\nshares = [0.5]\n"
            );
            let values = "{ name = \"rank(0.5)\", lower = -0.5, upper = 0.5, granularity = 0.5 }";
            told("{ name = \"grade\", keys = [1, 2] }", values, &section)
        };
        for (feature, lower, upper) in
            [("tax", "0", "500"), ("grade", "1", "3"), ("code", "-1", "1"), ("big", "0", "1")]
        {
            assert_eq!(by(feature, lower, upper), "");
        }
        for (feature, lower, upper, expected) in [
            ("note", "0", "1", "the model computes with numbers, and `note` holds texts"),
            ("day", "0", "1", "`day` holds dates"),
            ("late", "0", "1", "the model finds no column `late`"),
            ("tax", "0", "2000000", "in steps of 0.01"),
            ("grade", "3", "9", "`grade` lies between 1 and 3 by its description"),
        ] {
            let said = by(feature, lower, upper);
            assert!(said.contains(expected), "{feature}: {said}");
        }
        let section = "[ready-made.columns]\ncluster = \"grade\"\n[ready-made.model]\nkind = \"k-means\"\nclusters = 2\nfeatures = [{ name = \"tax\", lower = 0, upper = 9 }]\n";
        let values =
            ["rows", "[tax]"].map(|name| format!("{{ name = \"{name}\", lower = -1, upper = 1, granularity = 1 }}"));
        let said = told("{ name = \"cluster\", keys = [1, 2] }", &values.join(", "), section);
        assert!(said.contains("the model makes a column `cluster`, and there is one"), "{said}");
    }

    #[test]
    fn what_is_made_of_columns_has_types_too() {
        let section = "[ready-made]\nwhere = \"tax > 0\"\n[ready-made.columns]\nper = \"tax / code\"\n\
                       band = \"bin(tax, [100], ['low', 'high'])\"\nyear = \"year(day)\"\n";
        let value = |name: &str| format!("{{ name = \"{name}\", lower = 0, upper = 1, granularity = 1 }}");
        let by = |name: &str, keys: &str| format!("{{ name = \"{name}\", keys = {keys} }}");
        for (group, name, section, expected) in [
            (by("band", "[\"low\", \"high\"]"), "per", section.to_owned(), ""),
            (by("year", "[2025]"), "tax", section.to_owned(), ""),
            (
                by("per", "[1]"),
                "rows",
                section.to_owned(),
                "the group `per` cannot be formed: it holds numbers; put it into bins",
            ),
            (
                by("year", "[\"2025\"]"),
                "rows",
                section.to_owned(),
                "the keys of the group `year` are texts, and it holds whole numbers",
            ),
            (
                by("band", "[1]"),
                "rows",
                section.to_owned(),
                "the keys of the group `band` are numbers, and it holds texts",
            ),
            (by("year", "[2025]"), "band", section.to_owned(), "the value `band` cannot be summed: it holds texts"),
            (
                by("year", "[2025]"),
                "rows",
                section.replace("tax > 0", "tax"),
                "line 10, column 9: `where`: character 1: `tax` holds numbers",
            ),
            (
                by("year", "[2025]"),
                "rows",
                section.replace("year(day)", "year(note)"),
                "line 14, column 8: `year`: character 6: `note` holds texts",
            ),
            (
                by("year", "[2025]"),
                "rows",
                section.replace("per =", "tax ="),
                "line 12, column 7: `tax`: character 1: `tax` is the name of something else",
            ),
        ] {
            let said = told(&group, &value(name), &section);
            assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{group}, {name}: {said}");
        }
    }
}
