//! A twin fitted to released numbers: the ordinary job that counts how values lie, in bins, and what its release says
//! of them ([`fitted`]). The job is checked, approved, charged and noised like any other; what is made of its release
//! costs nothing.
//!
//! Each unit has one vote in a table, shared among its rows, so that units of many rows weigh no more than others.

mod fitted;

use std::collections::HashSet;

use unseen_data::Description;
use unseen_data::description::{ColumnSpec, ColumnType, Distribution, Rule};
use unseen_ids::Key;
use unseen_texts::{Sentence, say};

use crate::ask::{quoted, rows_of_unit};
use crate::day;
use crate::draft::{GroupKeys, Heading, Input, decimal, list, toml};
use crate::reach::{Reach, months};

pub use fitted::fitted;

/// Bins of a column of numbers.
const BINS: usize = 16;
/// Months that are bins of their own, at most; beyond, years are.
const MONTHS: usize = 48;
/// Years that are bins, at most.
const YEARS: i32 = 200;
/// Groups of a cross table, at most.
const CELLS: usize = 10_000;
/// Columns that can be made of others, but for the two that every fit makes.
const COLUMNS: usize = 62;
/// The longest name that still leaves room for an ending.
const NAME: usize = 56;
/// The key of rows that have no value.
const NULL: &str = "null";
/// Rows of a unit, from one power of two to the next; more count as the last.
const ROWS: [u32; 13] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/// The job, and what people should know of it before they say yes.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The text of its `job.toml`.
    pub manifest: String,
    /// What is not counted, and why.
    pub notes: Vec<Sentence>,
}

/// Drafts the job that counts how the values of a private dataset lie: each column that has a domain or bounds, pairs
/// of columns where the second goes by the first, and how many rows units have.
///
/// # Errors
/// What cannot be counted, in one sentence.
pub fn fit(dataset: &Description, pairs: &[(String, String)], heading: &Heading) -> Result<Fit, Sentence> {
    if dataset.unit.is_none() {
        let name = dataset.name.clone();
        return Err(say!(
            "`{name}` is a public table: `unseen twin {name}` gives its own rows",
            "`{name}` 是公开参照表：用 `unseen twin {name}` 即可得到它本身的行"
        ));
    }
    let (counted, notes) = counted(dataset);
    if counted.is_empty() {
        return Err(say!(
            "nothing of `{name}` can be counted: its steward declares neither a domain nor bounds of any column",
            "`{name}` 没有可统计的列：数据管理员未声明任何列的取值或范围",
            name = dataset.name.clone()
        ));
    }
    let pairs = check_pairs(dataset, &counted, pairs)?;
    Ok(Fit { manifest: manifest(dataset, &counted, &pairs, heading), notes })
}

/// A column whose values are counted.
struct Counted<'d> {
    spec: &'d ColumnSpec,
    /// What forms its groups: the column itself, or one that is made of it.
    group: String,
    made: Option<String>,
    labels: Vec<String>,
}

impl<'d> Counted<'d> {
    /// None, and perhaps why, where its values cannot be counted.
    fn new(dataset: &'d Description, at: usize) -> Result<Counted<'d>, Option<Sentence>> {
        let spec = &dataset.columns[at];
        if dataset.unit.as_ref().is_some_and(|unit| unit.column == spec.name) {
            return Err(None);
        }
        let name = spec.name.clone();
        if !spec.shape.rule.columns().is_empty() {
            return Err(Some(say!(
                "`{name}` is left out: it comes of other columns, as the description says",
                "略去 `{name}`：按描述，它由其他列得出"
            )));
        }
        let column = quoted(&spec.name);
        let nullable = spec.nullable && !spec.domain.iter().any(|text| text == NULL);
        let or_null = |made: String| match nullable {
            true => format!("COALESCE({made}, '{NULL}')"),
            false => made,
        };
        let (made, mut labels) = match &spec.kind {
            ColumnType::Text if !spec.domain.is_empty() => {
                let mut seen = HashSet::new();
                let labels = spec.domain.iter().filter(|text| seen.insert(*text)).cloned().collect();
                (nullable.then(|| or_null(column)), labels)
            }
            ColumnType::Bool => {
                let made = or_null(format!("CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"));
                (Some(made), vec!["true".to_owned(), "false".to_owned()])
            }
            ColumnType::Date { .. } | ColumnType::Timestamp { .. } => {
                let (made, labels) = periods(spec, &column).ok_or_else(|| Some(undeclared(&name)))?;
                (Some(or_null(made)), labels)
            }
            ColumnType::Int | ColumnType::Float | ColumnType::Decimal { .. } => {
                let (edges, labels) = edges(spec).ok_or_else(|| Some(undeclared(&name)))?;
                let (edges, quoted) = (edges.join(", "), labels.iter().map(|label| format!("'{label}'")));
                let quoted = quoted.collect::<Vec<_>>().join(", ");
                let made = if labels.len() > 1 {
                    format!("bin({column}, [{edges}], [{quoted}])")
                } else {
                    format!("CASE WHEN {column} IS NOT NULL THEN {quoted} END")
                };
                (Some(or_null(made)), labels)
            }
            ColumnType::Text => return Err(Some(undeclared(&name))),
        };
        if nullable {
            labels.push(NULL.to_owned());
        }
        Ok(Counted { spec, group: group_name(dataset, at, made.is_some()), made, labels })
    }
}

/// The columns that are counted, and why others are not.
fn counted(dataset: &Description) -> (Vec<Counted<'_>>, Vec<Sentence>) {
    let (mut counted, mut notes) = (Vec::new(), Vec::new());
    for at in 0..dataset.columns.len() {
        match Counted::new(dataset, at) {
            Ok(column) if counted.len() < COLUMNS => counted.push(column),
            Ok(column) => notes.push(say!(
                "`{name}` is left out: a fit counts at most {COLUMNS} columns",
                "略去 `{name}`：一次拟合至多统计 {COLUMNS} 列",
                name = column.spec.name.clone()
            )),
            Err(why) => notes.extend(why),
        }
    }
    (counted, notes)
}

/// The columns that a fit makes, in the order of its manifest, and what of.
fn made(counted: &[Counted<'_>], names: &Names) -> Vec<(String, String)> {
    let edges = ROWS[1..].iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let labels = labels_of_rows().iter().map(|label| format!("'{label}'")).collect::<Vec<_>>().join(", ");
    let share = (names.share.clone(), "1 / total(1)".to_owned());
    let rows = (names.rows.clone(), format!("bin(total(1), [{edges}], [{labels}])"));
    let of_columns = counted.iter().filter_map(|column| Some((column.group.clone(), column.made.clone()?)));
    [share, rows].into_iter().chain(of_columns).collect()
}

/// What the bins of [`ROWS`] are called.
fn labels_of_rows() -> Vec<String> {
    let label = |(at, first): (usize, &u32)| format!("{first}..{}", ROWS.get(at + 1).map_or(*first, |next| next - 1));
    ROWS.iter().enumerate().map(label).collect()
}

fn undeclared(name: &str) -> Sentence {
    say!(
        "`{name}` is left out: its steward declares no domain, or not both bounds",
        "略去 `{name}`：数据管理员未声明其取值，或未声明上下限",
        name = name.to_owned()
    )
}

/// Bins of a column of numbers: the edges between them, and what each is called. Their edges are quantiles of the
/// distribution that the description says, so that few bins tell much.
fn edges(spec: &ColumnSpec) -> Option<(Vec<String>, Vec<String>)> {
    let (low, high) = Reach::of(spec).finite()?;
    let uniform = Distribution::Uniform;
    let distribution = if let Rule::Drawn(distribution) = &spec.shape.rule { distribution } else { &uniform };
    let whole = spec.kind == ColumnType::Int;
    let mut edges = Vec::new();
    for at in 1..BINS {
        let edge = distribution.quantile(at as f64 / BINS as f64, low, high);
        let edge = match &spec.kind {
            ColumnType::Int => edge.ceil(),
            ColumnType::Decimal { scale } => format!("{edge:.*}", usize::from(*scale)).parse().ok()?,
            _ => format!("{edge:.2e}").parse().ok()?,
        };
        if edge > edges.last().copied().unwrap_or(low) && (edge < high || whole && edge <= high) {
            edges.push(edge);
        }
    }
    let ends: Vec<f64> = [low].into_iter().chain(edges.iter().copied()).chain([high]).collect();
    let label = |(at, pair): (usize, &[f64])| {
        let below = if whole && at + 2 < ends.len() { 1.0 } else { 0.0 };
        format!("{}..{}", decimal(pair[0]), decimal(pair[1] - below))
    };
    let labels: Vec<String> = ends.windows(2).enumerate().map(label).collect();
    let mut seen = HashSet::new();
    labels.iter().all(|label| seen.insert(label)).then(|| (edges.into_iter().map(decimal).collect(), labels))
}

/// Bins of a column of dates or moments: months, or years where there are many.
fn periods(spec: &ColumnSpec, column: &str) -> Option<(String, Vec<String>)> {
    let (low, high) = Reach::of(spec).finite()?;
    let day = if matches!(spec.kind, ColumnType::Timestamp { .. }) { day::DAY } else { 1 };
    let (first, last) = ((low as i64).div_euclid(day), (high as i64).div_euclid(day));
    match months(Some(first), Some(last)).filter(|months| months.len() <= MONTHS) {
        Some(months) => Some((format!("year_month({column})"), months)),
        None => {
            let (first, last) = (day::parts(first)?.0, day::parts(last)?.0);
            let years = (first..=last).map(|year| format!("{year:04}")).collect();
            (last - first < YEARS && first >= 0 && last <= 9999)
                .then(|| (format!("substr(year_month({column}), 1, 4)"), years))
        }
    }
}

/// Names that a fit gives, none of them a column's.
struct Names {
    rows: String,
    share: String,
}

impl Names {
    fn new(dataset: &Description) -> Names {
        Names { rows: unused(dataset, "rows_of_unit".to_owned()), share: unused(dataset, "share_of_rows".to_owned()) }
    }
}

fn unused(dataset: &Description, mut name: String) -> String {
    while dataset.column(&name).is_some() {
        name.push('_');
    }
    name
}

/// What the groups of a column are called: like it, or, where they are made of it, otherwise.
fn group_name(dataset: &Description, at: usize, is_made: bool) -> String {
    let column = &dataset.columns[at].name;
    let is_plain = column.len() <= NAME && !matches!(column.as_str(), "rows" | "units");
    let name = if is_plain { column.clone() } else { format!("column_{}", at + 1) };
    match is_made {
        true => unused(dataset, format!("{name}_bin")),
        false => name,
    }
}

fn is_named(dataset: &Description, at: usize, group: &str) -> bool {
    [true, false].into_iter().any(|is_made| group_name(dataset, at, is_made) == group)
}

/// Pairs of columns, the second of which goes by the first.
fn check_pairs(
    dataset: &Description,
    counted: &[Counted<'_>],
    pairs: &[(String, String)],
) -> Result<Vec<(usize, usize)>, Sentence> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (first, second) in pairs {
        let find = |name: &String| {
            let at = counted.iter().position(|column| column.spec.name == *name);
            at.ok_or_else(|| match dataset.column(name) {
                Some(_) => say!(
                    "--pair: `{name}` is not counted, so nothing can go by it",
                    "--pair：`{name}` 不在统计之列，无法成对",
                    name = name.clone()
                ),
                None => say!("--pair: there is no column `{name}`", "--pair：没有列 `{name}`", name = name.clone()),
            })
        };
        let (from, to) = (find(first)?, find(second)?);
        let (first, second) = (first.clone(), second.clone());
        if found.iter().any(|(_, taken)| *taken == to) {
            return Err(say!(
                "--pair: `{second}` goes by one other column only",
                "--pair：`{second}` 只能由一个列决定"
            ));
        }
        // Each column goes by one other at most, so a ring is a path that comes back.
        let mut at = from;
        while let Some((next, _)) = found.iter().find(|(_, to)| *to == at).filter(|_| at != to) {
            at = *next;
        }
        if at == to {
            return Err(say!(
                "--pair: `{second}` would go by itself; turn one of the pairs round or leave it out",
                "--pair：`{second}` 会由自身决定；请调换或去掉其中一对"
            ));
        }
        if counted[to].spec.shape.is_constant() && !counted[from].spec.shape.is_constant() {
            return Err(say!(
                "--pair: `{first}` changes from row to row of a unit and `{second}` does not: write --pair {second},{first}",
                "--pair：`{first}` 在同一单元的各行之间会变，而 `{second}` 不变：请写 --pair {second},{first}"
            ));
        }
        let cells = counted[from].labels.len() * counted[to].labels.len();
        if cells > CELLS {
            return Err(say!(
                "--pair: `{first}` and `{second}` make {cells} groups, and at most {CELLS} tell anything",
                "--pair：`{first}` 与 `{second}` 共有 {cells} 组，至多 {CELLS} 组"
            ));
        }
        found.push((from, to));
    }
    Ok(found)
}

fn manifest(dataset: &Description, counted: &[Counted<'_>], pairs: &[(usize, usize)], heading: &Heading) -> String {
    let names = Names::new(dataset);
    let columns: Vec<String> = counted.iter().map(|column| column.spec.name.clone()).collect();
    let input = Input { dataset: dataset.name.clone(), columns, lookups: Vec::new() };
    let rows = labels_of_rows();

    let mut out = format!(
        "[job]\ntitle = {}\npurpose = {}\nmodule = \"ready-made:sum\"\nrelease = {}\n\n[[input]]\ndataset = {}\ncolumns = {}\n",
        toml(&heading.title),
        toml(&heading.purpose),
        toml(&heading.release),
        toml(&input.dataset),
        list(&input.columns)
    );
    let share = &names.share;
    let unit_rows = &names.rows;
    out += "\n[ready-made.columns]\n";
    for (name, text) in made(counted, &names) {
        out += &format!("{} = {}\n", toml(&name), toml(&text));
    }
    out += "\n[grain]\nkind = \"unit\"\n";
    let vote =
        |name: &str, step: &str| format!("{{ name = {}, lower = 0, upper = 1, granularity = {step} }}", toml(name));
    let mut output = |name: &str, groups: &[(&str, &[String])], most: usize, value: String| {
        out += &format!("\n[[output]]\nname = {}\nmax_groups_per_unit = {most}\ngroups = [\n", toml(name));
        for (name, labels) in groups {
            let keys = labels.iter().cloned().map(Key::Text).collect();
            out += &format!("  {},\n", GroupKeys::Listed(keys).entry(name));
        }
        out += &format!("]\nvalues = [{value}]\n");
    };
    let of_unit = rows_of_unit(dataset).max(1.0) as usize;
    let most = |columns: &[&Counted<'_>]| {
        let groups = columns.iter().map(|column| column.labels.len()).product::<usize>();
        if columns.iter().all(|column| column.spec.shape.is_constant()) { 1 } else { groups.min(of_unit) }
    };
    output(unit_rows, &[(unit_rows, &rows)], 1, vote("units", "1"));
    for column in counted {
        let groups: [(&str, &[String]); 1] = [(&column.group, &column.labels)];
        output(&column.group, &groups, most(&[column]), vote(share, "0.001"));
    }
    for (number, (from, to)) in (1..).zip(pairs) {
        let (from, to) = (&counted[*from], &counted[*to]);
        let groups: [(&str, &[String]); 2] = [(&from.group, &from.labels), (&to.group, &to.labels)];
        output(&unused(dataset, format!("pair_{number}")), &groups, most(&[from, to]), vote(share, "0.001"));
    }
    out + &format!(
        "\n[privacy]\nmechanism = \"gaussian\"\nrho = {}\n\n[limits]\nfuel = 1\nmemory = \"16MiB\"\n",
        heading.rho
    )
}

#[cfg(test)]
mod tests {
    use unseen_data::description::CellKind;
    use unseen_data::twin::Bin;

    use super::fitted::bin;
    use super::*;

    pub(super) const FIRMS: &str = r#"
name = "firms"
kind = "private"
provider = "p"
classification = "internal"
update_cycle = "yearly"
sharing = "none"
unit = { column = "id", domain = "enterprise" }
column = [
    { name = "id", type = "text" },
    { name = "town", type = "text", domain = ["a", "b", "a"], per_unit = true },
    { name = "said", type = "text", domain = ["null", "x"] },
    { name = "big", type = "bool", nullable = false },
    { name = "staff", type = "int", min = -3, max = 40 },
    { name = "one", type = "int", min = 7, max = 7 },
    { name = "the \"tax\"", type = "decimal", scale = 1, min = -2, max = 9.9 },
    { name = "land", type = "float", min = 0, max = 1500, distribution = { kind = "log-normal", median = 4, sigma = 0.8 } },
    { name = "opened", type = "date", min = "2023-11-07", max = "2024-02-01" },
    { name = "seen", type = "timestamp", min = "1990-01-01T00:00:00Z", max = "2001-06-01T00:00:00Z" },
    { name = "share_of_rows", type = "bool" },
    { name = "free", type = "text" },
    { name = "open", type = "float", min = 0 },
    { name = "line", type = "float", depends = { on = { land = 2 } } },
]
"#;

    pub(super) fn heading() -> Heading {
        let text = || "t".to_owned();
        Heading { title: text(), purpose: text(), release: "+2h".to_owned(), rho: "0.1".to_owned() }
    }

    #[test]
    fn what_is_counted_is_read_again() {
        let dataset = Description::parse(FIRMS).unwrap();
        let found = fit(&dataset, &[("town".to_owned(), "land".to_owned())], &heading()).unwrap();
        let manifest =
            unseen_policies::Manifest::parse(&found.manifest).unwrap_or_else(|e| panic!("{e}\n{}", found.manifest));
        assert_eq!((found.notes.len(), manifest.outputs.len()), (3, 12), "{}", found.manifest);
        let mut columns = 0;
        for at in 0..dataset.columns.len() {
            let Ok(counted) = Counted::new(&dataset, at) else { continue };
            columns += 1;
            assert!(is_named(&dataset, at, &counted.group));
            let bins: Option<Vec<Bin>> = counted.labels.iter().map(|label| bin(counted.spec, label)).collect();
            let bins = bins.unwrap_or_else(|| panic!("{:?}", counted.labels));
            for pair in bins.windows(2) {
                if let [Bin::Between(_, end), Bin::Between(begin, _)] = pair {
                    let gap = if counted.spec.kind.cell_kind() == CellKind::Int
                        && !matches!(counted.spec.kind, ColumnType::Decimal { .. })
                    {
                        1.0
                    } else {
                        0.0
                    };
                    assert!((begin - end - gap).abs() < 1e-9, "{:?}", counted.labels);
                }
            }
        }
        assert_eq!(columns, 10);
        let staff = Counted::new(&dataset, 4).ok().unwrap();
        assert_eq!((staff.labels[0].as_str(), staff.labels.len()), ("-3..-1", 17));
    }

    #[test]
    fn pairs_that_cannot_be_are_refused() {
        let dataset = Description::parse(FIRMS).unwrap();
        for (pairs, said) in [
            (&[("town", "land"), ("land", "big"), ("big", "land")][..], "goes by one other column only"),
            (&[("land", "big"), ("big", "said"), ("said", "land")], "would go by itself"),
            (&[("land", "land")], "would go by itself"),
            (&[("land", "town")], "write --pair town,land"),
            (&[("land", "line")], "`line` is not counted"),
        ] {
            let pairs: Vec<_> = pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect();
            let refused = fit(&dataset, &pairs, &heading()).err().unwrap().to_string();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
