//! How the values of a column lie, as its steward says publicly. Twins are made by it; an import checks nothing
//! against it, and no job sees it.

use toml::de::DeValue;
use unseen_texts::{Text, say, text};

use super::distribution::Distribution;
use super::section::{Read, Section};
use super::{Bound, ColumnSpec, ColumnType, Unit, nearest};

/// How the values of one column lie. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// The share of the spread that is the unit's own, 0 to 1: with 1 a unit has one value in all its rows, with 0 its
    /// rows have nothing in common.
    pub per_unit: f64,
    /// How often each text of the domain is met, in its order, or true and false; only proportions count. Empty when
    /// nothing is said.
    pub weights: Vec<f64>,
    /// The share of cells that are null, 0 to 1.
    pub nulls: Option<f64>,
    /// Where values come from.
    pub rule: Rule,
}

/// Where the values of a column come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Each is drawn by itself.
    Drawn(Distribution),
    /// They lie about a line over other columns of numbers of the same row: `base` and each of `slopes` times its
    /// column, times a log-normal factor of median 1 whose logarithm has the standard deviation `noise`.
    Line {
        /// Columns and their slopes, each in its column's own unit.
        slopes: Vec<(String, f64)>,
        /// What is left where all columns are 0.
        base: f64,
        /// How far values lie from the line, as a share of it.
        noise: f64,
    },
    /// They come after the date or moment in another column of the same row: by an exponential distance.
    After {
        /// That column.
        column: String,
        /// The mean distance, in days.
        days: f64,
    },
}

/// How many rows a unit has, as is public knowledge.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRows {
    /// The fewest.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// Between them.
    pub distribution: Distribution,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule::Drawn(Distribution::Uniform)
    }
}

impl Rule {
    /// The columns that it names.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Rule::Drawn(_) => Vec::new(),
            Rule::Line { slopes, .. } => slopes.iter().map(|(name, _)| name.as_str()).collect(),
            Rule::After { column, .. } => vec![column],
        }
    }
}

impl Shape {
    /// Whether a unit has one value in all its rows.
    pub fn is_constant(&self) -> bool {
        self.per_unit >= 1.0
    }

    /// The keys of a `[[column]]` that say it.
    pub(super) const KEYS: [&str; 6] = ["per_unit", "weights", "distribution", "nulls", "depends", "after"];

    /// `ends` are the column's `min` and `max`.
    pub(super) fn read(
        section: &Section,
        kind: &ColumnType,
        ends: [Option<Bound>; 2],
        domain: &[String],
        nullable: bool,
    ) -> Read<Shape> {
        let shape = Shape {
            per_unit: read_per_unit(section)?,
            weights: read_weights(section, kind, domain)?,
            nulls: share(section, "nulls")?,
            rule: read_rule(section, kind, ends.map(|end| end.map(|end| end.in_unit_of(kind))))?,
        };
        if shape.nulls.is_some_and(|share| share > 0.0) && !nullable {
            let never =
                text!("a column that is not `nullable` has no nulls", "不可为空（`nullable = false`）的列没有空值");
            return Err(section.fault("nulls", never));
        }
        let is_free_text = *kind == ColumnType::Text && domain.is_empty();
        if is_free_text && shape.per_unit > 0.0 && !shape.is_constant() {
            let whole = text!(
                "texts without a `domain` belong to the unit or do not: write per_unit = true",
                "没有 `domain` 的文本要么属于单元，要么不属于：请写 per_unit = true"
            );
            return Err(section.fault("per_unit", whole));
        }
        Ok(shape)
    }

    /// Its lines of a `[[column]]`.
    pub(super) fn write(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        match self.per_unit {
            share if share <= 0.0 => {}
            _ if self.is_constant() => lines.push(("per_unit", "true".to_owned())),
            share => lines.push(("per_unit", format!("{share:?}"))),
        }
        if !self.weights.is_empty() {
            lines.push(("weights", format!("{:?}", self.weights)));
        }
        if let Some(share) = self.nulls {
            lines.push(("nulls", format!("{share:?}")));
        }
        match &self.rule {
            Rule::Drawn(distribution) => lines.extend(distribution.write().map(|written| ("distribution", written))),
            Rule::Line { slopes, base, noise } => {
                let slopes: Vec<String> = slopes
                    .iter()
                    .map(|(name, slope)| format!("{} = {slope:?}", toml::Value::from(name.as_str())))
                    .collect();
                let slopes = slopes.join(", ");
                lines.push(("depends", format!("{{ on = {{ {slopes} }}, base = {base:?}, noise = {noise:?} }}")));
            }
            Rule::After { column, days } => {
                let column = toml::Value::from(column.as_str());
                lines.push(("after", format!("{{ column = {column}, days = {days:?} }}")));
            }
        }
        lines
    }
}

impl UnitRows {
    /// The most that may be written.
    const MOST: i64 = 1_000_000;

    pub(super) fn read(unit: &Section) -> Read<Option<UnitRows>> {
        if unit.get("rows").is_some_and(|value| value.get_ref().as_integer().is_some()) {
            let rows = count(unit, "rows")?.unwrap_or(1);
            return Ok(Some(UnitRows { min: rows, max: rows, distribution: Distribution::Uniform }));
        }
        let Some(table) = unit.section("rows")? else { return Ok(None) };
        table.only(&["min", "max", "distribution"])?;
        let min = count(&table, "min")?.unwrap_or(1);
        let max = table.required("max", count(&table, "max")?)?;
        if min > max {
            return Err(table.fault("max", text!("max is less than min", "`max` 小于 `min`")));
        }
        let distribution = Distribution::read(&table, [min, max].map(|end| Some(f64::from(end))))?.unwrap_or_default();
        Ok(Some(UnitRows { min, max, distribution }))
    }

    pub(super) fn write(&self) -> String {
        let UnitRows { min, max, distribution } = self;
        match distribution.write() {
            None if min == max => format!("rows = {min}"),
            None => format!("rows = {{ min = {min}, max = {max} }}"),
            Some(written) => format!("rows = {{ min = {min}, max = {max}, distribution = {written} }}"),
        }
    }
}

/// Checks what columns say of each other. `columns` are those of `root`, in order.
pub(super) fn check(root: &Section, columns: &[ColumnSpec], unit: Option<&Unit>, key: Option<&String>) -> Read<()> {
    let names = |column: &ColumnSpec| unit.map(|unit| &unit.column).or(key) == Some(&column.name);
    for (section, column) in root.sections("column")?.iter().zip(columns) {
        if names(column)
            && let Some(said) = Shape::KEYS.into_iter().find(|key| section.get(key).is_some())
        {
            let why = text!(
                "this column names the unit, or the row of a public table: its values are ids, and have no shape",
                "该列标识单元（或公开参照表的行），取值是编号，不能写分布"
            );
            return Err(section.fault(said, why));
        }
        if unit.is_none() && column.shape.per_unit > 0.0 {
            let why = text!("a public table has no units", "公开参照表没有单元");
            return Err(section.fault("per_unit", why));
        }
        check_named(section, column, columns, &names)?;
    }
    Ok(())
}

/// Checks the columns that one names.
fn check_named(
    section: &Section,
    column: &ColumnSpec,
    columns: &[ColumnSpec],
    names: &dyn Fn(&ColumnSpec) -> bool,
) -> Read<()> {
    let (table, is_line) = match &column.shape.rule {
        Rule::Drawn(_) => return Ok(()),
        Rule::Line { .. } => (section.section("depends")?.map_or(Ok(None), |depends| depends.section("on"))?, true),
        Rule::After { .. } => (section.section("after")?, false),
    };
    for named in column.shape.rule.columns() {
        let fault = |message: unseen_texts::Sentence| {
            let key = if is_line { named } else { "column" };
            Err(table.as_ref().unwrap_or(section).fault(key, message))
        };
        let Some(other) = columns.iter().find(|other| other.name == named) else {
            let hint = nearest(named, columns.iter().map(|column| column.name.as_str()));
            return fault(say!("no [[column]] is named {named:?}{hint}", "没有名为 {named:?} 的 [[column]]{hint}"));
        };
        let fits = if is_line { is_number(&other.kind) } else { same_time(&other.kind, &column.kind) };
        if !fits || names(other) {
            return fault(match is_line {
                true => say!("{named:?} is not a column of numbers", "{named:?} 不是数值列"),
                false => say!("{named:?} is not of the same type as this column", "{named:?} 与本列类型不同"),
            });
        }
        if column.shape.is_constant() && !other.shape.is_constant() {
            return fault(say!(
                "{named:?} changes from row to row of a unit, so what comes of it cannot be per_unit = true",
                "{named:?} 在同一单元的各行之间会变，由它得出的列不能写 per_unit = true"
            ));
        }
        if leads_to(named, &column.name, columns, &mut Vec::new()) {
            return fault(say!(
                "{named:?} comes of this column itself: columns cannot depend on each other in a ring",
                "{named:?} 又由本列得出：各列不能循环依赖"
            ));
        }
    }
    Ok(())
}

/// Whether a column is made of another, directly or not.
fn leads_to<'c>(from: &'c str, to: &str, columns: &'c [ColumnSpec], seen: &mut Vec<&'c str>) -> bool {
    if from == to {
        return true;
    }
    if seen.contains(&from) {
        return false;
    }
    seen.push(from);
    let named = columns.iter().find(|column| column.name == from).map(|column| column.shape.rule.columns());
    named.unwrap_or_default().into_iter().any(|next| leads_to(next, to, columns, seen))
}

fn is_number(kind: &ColumnType) -> bool {
    matches!(kind, ColumnType::Int | ColumnType::Float | ColumnType::Decimal { .. })
}

fn same_time(one: &ColumnType, other: &ColumnType) -> bool {
    matches!(
        (one, other),
        (ColumnType::Date { .. }, ColumnType::Date { .. })
            | (ColumnType::Timestamp { .. }, ColumnType::Timestamp { .. })
    )
}

fn read_per_unit(section: &Section) -> Read<f64> {
    let Some(value) = section.get("per_unit") else { return Ok(0.0) };
    match value.get_ref().as_bool() {
        Some(constant) => Ok(f64::from(u8::from(constant))),
        None => Ok(share(section, "per_unit")?.unwrap_or_default()),
    }
}

fn read_weights(section: &Section, kind: &ColumnType, domain: &[String]) -> Read<Vec<f64>> {
    let Some(value) = section.get("weights") else { return Ok(Vec::new()) };
    let truths = ["true".to_owned(), "false".to_owned()];
    let texts = if *kind == ColumnType::Bool { &truths } else { domain };
    if texts.is_empty() {
        let why = text!(
            "weights are those of the texts of a `domain`, or of true and false: this column has none",
            "`weights` 是 `domain` 各取值（或真、假）的权重：该列没有 `domain`"
        );
        return Err(section.fault("weights", why));
    }
    let weights = match value.get_ref() {
        DeValue::Table(_) => match section.section("weights")? {
            Some(table) => {
                table.only(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
                texts.iter().map(|text| Ok(table.number(text)?.unwrap_or(0.0))).collect::<Read<_>>()?
            }
            None => Vec::new(),
        },
        _ => section.numbers("weights")?.unwrap_or_default(),
    };
    let (count, wanted) = (weights.len(), texts.len());
    if count != wanted {
        return Err(section.fault(
            "weights",
            say!(
                "there are {count} weights and {wanted} values: write one for each, or a table of those that are met",
                "有 {count} 个权重，而取值有 {wanted} 个：请一一对应，或写成表，只列会出现的取值"
            ),
        ));
    }
    let sum: f64 = weights.iter().sum();
    if weights.iter().any(|weight| *weight < 0.0) || !sum.is_finite() || sum <= 0.0 {
        let why = text!("weights are numbers from 0, and not all of them 0", "权重须为非负的数，且不能全为 0");
        return Err(section.fault("weights", why));
    }
    Ok(weights)
}

fn read_rule(section: &Section, kind: &ColumnType, ends: [Option<f64>; 2]) -> Read<Rule> {
    let said: Vec<&str> =
        ["weights", "distribution", "depends", "after"].into_iter().filter(|key| section.get(key).is_some()).collect();
    if let [one, other, ..] = said[..] {
        return Err(section.fault(
            other,
            say!(
                "a column has `{one}` or `{other}`, not both",
                "一列只能有 `{one}` 或 `{other}` 之一",
                one = one.to_owned(),
                other = other.to_owned()
            ),
        ));
    }
    let wrong = |key: &str, only: Text| Err(section.fault(key, only));
    match said.first() {
        Some(&key @ ("distribution" | "depends")) if !is_number(kind) => wrong(
            key,
            text!(
                "only a column of numbers has a `distribution` or `depends`",
                "只有数值列才有 `distribution` 或 `depends`"
            ),
        ),
        Some(&"after") if !same_time(kind, kind) => {
            wrong("after", text!("only a date or timestamp column has `after`", "只有日期列或时间列有 `after`"))
        }
        Some(&"distribution") => Ok(Rule::Drawn(Distribution::read(section, ends)?.unwrap_or_default())),
        Some(&"depends") => read_line(section),
        Some(&"after") => {
            let Some(table) = section.section("after")? else { return Ok(Rule::default()) };
            table.only(&["column", "days"])?;
            let column = table.required("column", table.text("column")?)?.to_owned();
            let days = table.required("days", table.number("days")?)?;
            if days < 0.0 {
                return Err(table.fault("days", text!("`days` is a number from 0", "`days` 须为非负的数")));
            }
            Ok(Rule::After { column, days })
        }
        _ => Ok(Rule::default()),
    }
}

fn read_line(section: &Section) -> Read<Rule> {
    let Some(table) = section.section("depends")? else { return Ok(Rule::default()) };
    table.only(&["on", "base", "noise"])?;
    let on = table.required("on", table.section("on")?)?;
    let slopes = on.table.keys().map(|name| {
        let name = name.get_ref().as_ref();
        Ok((name.to_owned(), on.number(name)?.unwrap_or_default()))
    });
    let slopes = slopes.collect::<Read<Vec<_>>>()?;
    if slopes.is_empty() {
        let why = text!(
            "`on` names columns with their slopes, such as { land = 3.0 }",
            "`on` 列出各列及其斜率，例如 { land = 3.0 }"
        );
        return Err(table.fault("on", why));
    }
    let noise = table.number("noise")?.unwrap_or_default();
    if !(0.0..=10.0).contains(&noise) {
        return Err(table.fault("noise", text!("`noise` is a number from 0 to 10", "`noise` 为 0 到 10 的数")));
    }
    Ok(Rule::Line { slopes, base: table.number("base")?.unwrap_or_default(), noise })
}

fn share(section: &Section, key: &str) -> Read<Option<f64>> {
    match section.number(key)? {
        Some(share) if !(0.0..=1.0).contains(&share) => {
            Err(section.fault(key, say!("`{key}` is a share, from 0 to 1", "`{key}` 是比例，为 0 到 1")))
        }
        share => Ok(share),
    }
}

fn count(section: &Section, key: &str) -> Read<Option<u32>> {
    match section.int(key)? {
        None => Ok(None),
        Some(count @ 1..=UnitRows::MOST) => Ok(u32::try_from(count).ok()),
        Some(_) => {
            let most = UnitRows::MOST;
            Err(section.fault(key, say!("`{key}` is a whole number from 1 to {most}", "`{key}` 为 1 到 {most} 的整数")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Description;

    const DATASET: &str = "name = \"firms\"\nkind = \"private\"\nprovider = \"p\"\nclassification = \"internal\"\n\
        update_cycle = \"monthly\"\nsharing = \"none\"\n[unit]\ncolumn = \"id\"\ndomain = \"enterprise\"\n\
        [[column]]\nname = \"id\"\ntype = \"int\"\n\
        [[column]]\nname = \"town\"\ntype = \"text\"\ndomain = [\"东\", \"west\"]\n\
        [[column]]\nname = \"land\"\ntype = \"decimal\"\nscale = 2\nmin = 1\n\
        [[column]]\nname = \"output\"\ntype = \"float\"\n\
        [[column]]\nname = \"opened\"\ntype = \"date\"\n\
        [[column]]\nname = \"closed\"\ntype = \"date\"\n";

    /// The dataset with more lines in one of its columns, or in `[unit]`.
    fn with(column: &str, lines: &str) -> Result<Description, String> {
        let at = if column == "unit" { "column = \"id\"".to_owned() } else { format!("name = \"{column}\"") };
        Description::parse(&DATASET.replacen(&at, &format!("{at}\n{lines}"), 1)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_said_is_kept_and_is_of_no_other_data() {
        let bare = Description::parse(DATASET).unwrap();
        for (column, lines) in [
            ("town", "weights = [3, 1.5]\nper_unit = true"),
            ("town", "weights = { west = 2 }\nnulls = 0.25"),
            ("land", "distribution = { kind = \"exponential\", mean = 3 }\nper_unit = 0.5"),
            ("output", "depends = { on = { land = 3.0 }, base = -1e300, noise = 0.2 }"),
            ("output", "distribution = { kind = \"normal\", mean = -1, sd = 2 }"),
            ("output", "min = 5\nmax = 5\ndistribution = { kind = \"normal\", mean = 5, sd = 0.1 }"),
            ("closed", "after = { column = \"opened\", days = 30.5 }"),
            ("unit", "rows = 7"),
            ("unit", "rows = { max = 24, distribution = { kind = \"log-normal\", median = 8, sigma = 1 } }"),
        ] {
            let said = with(column, lines).unwrap();
            assert_eq!(Description::parse(&said.to_toml()).as_ref(), Ok(&said), "{lines}");
            assert!(said != bare && said.is_of_same_data(&bare), "{lines}");
        }
        let Rule::Drawn(Distribution::Exponential { from, .. }) =
            with("land", "distribution = { kind = \"exponential\", mean = 3 }").unwrap().columns[2].shape.rule
        else {
            panic!("not exponential")
        };
        assert!((from - 1.0).abs() < 1e-12, "in the column's own unit: {from}");
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_line() {
        for (column, lines, says) in [
            ("town", "weights = [1]", "line 15, column 11: there are 1 weights and 2 values"),
            ("town", "weights = { wset = 1 }", "line 15, column 13: unknown key \"wset\"; did you mean \"west\"?"),
            ("town", "weights = [0, 0]", "not all of them 0"),
            ("town", "weights = [-1, 2]", "numbers from 0"),
            ("output", "weights = [1]", "this column has none"),
            ("town", "depends = { on = { land = 1 } }", "only a column of numbers"),
            ("town", "nullable = false\nnulls = 0.1", "has no nulls"),
            ("town", "nulls = 2", "a share, from 0 to 1"),
            ("output", "distribution = { kind = \"nromal\" }", "did you mean \"normal\"?"),
            ("output", "distribution = { kind = \"normal\", mean = 0 }", "`sd` is missing"),
            ("output", "distribution = { kind = \"normal\", mean = 0, sd = 0 }", "`sd` is more than 0"),
            ("output", "distribution = { kind = \"uniform\", mean = 0 }", "unknown key \"mean\""),
            (
                "output",
                "distribution = { kind = \"uniform\" }\ndepends = { on = { land = 1 } }",
                "`distribution` or `depends`, not both",
            ),
            (
                "output",
                "depends = { on = { lnad = 1 } }",
                "line 24, column 27: no [[column]] is named \"lnad\"; did you mean \"land\"?",
            ),
            ("output", "depends = { on = { town = 1 } }", "\"town\" is not a column of numbers"),
            ("output", "depends = { on = { id = 1 } }", "\"id\" is not a column of numbers"),
            ("output", "depends = { on = { output = 1 } }", "in a ring"),
            ("output", "depends = { on = {} }", "names columns with their slopes"),
            ("output", "per_unit = true\ndepends = { on = { land = 1 } }", "cannot be per_unit = true"),
            ("closed", "after = { column = \"land\", days = 1 }", "not of the same type"),
            ("closed", "after = { column = \"opened\", days = -1 }", "a number from 0"),
            ("output", "after = { column = \"opened\", days = 1 }", "only a date or timestamp"),
            ("id", "per_unit = true", "names the unit"),
            (
                "output",
                "min = 0\nmax = 1\ndistribution = { kind = \"log-normal\", median = 110, sigma = 1.2 }",
                "line 26, column 16: of this distribution less than one value in a thousand lies on this side of `max` (1)",
            ),
            ("output", "min = 9\ndistribution = { kind = \"normal\", mean = 0, sd = 2 }", "on this side of `min` (9)"),
            ("output", "min = 0\nmax = 1\ndistribution = { kind = \"exponential\", mean = 2e3 }", "`max` (1)"),
            ("land", "max = 2.5\ndistribution = { kind = \"exponential\", mean = 4e3 }", "`max` (2.5)"),
            (
                "unit",
                "rows = { max = 24, distribution = { kind = \"log-normal\", median = 800, sigma = 0.5 } }",
                "`max` (24)",
            ),
            ("unit", "rows = 0", "from 1 to 1000000"),
            ("unit", "rows = { min = 3, max = 2 }", "max is less than min"),
        ] {
            let said = with(column, lines).unwrap_err();
            assert!(said.contains(says), "{lines}: {said}");
        }
        let ring = DATASET.replace("name = \"opened\"", "name = \"opened\"\nafter = { column = \"closed\", days = 1 }");
        let ring = ring.replace("name = \"closed\"", "name = \"closed\"\nafter = { column = \"opened\", days = 1 }");
        assert!(Description::parse(&ring).unwrap_err().to_string().contains("in a ring"));
    }
}
