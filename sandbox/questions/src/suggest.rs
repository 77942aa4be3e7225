//! What a description lets one ask of each column: groups with their keys, values with bounds and granularity.

use unseen_data::Description;
use unseen_data::description::{ColumnSpec, ColumnType};
use unseen_texts::{Sentence, say, text};

use crate::ask::{MOST_KEYS, quoted, rows_of_unit};
use crate::draft::{GroupKeys, Value, decimal};
use crate::reach::{Reach, months};
use crate::value::Type;

/// What to write for a column.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// The column.
    pub column: String,
    /// How it forms groups, as in a manifest; none where it does not.
    pub group: Option<String>,
    /// How it is summed, as in a manifest; none where it is not.
    pub value: Option<String>,
    /// What else there is to do or to know.
    pub note: Option<Sentence>,
    /// A question that finds closer bounds by the rows themselves, for what it is let cost; none where it is no number.
    pub measure: Option<Measure>,
}

/// Quantiles near both ends of a column.
#[derive(Clone, Debug)]
pub struct Measure {
    /// In SQL.
    pub sql: String,
    /// Bounds that the question needs, as `--bounds` has them, where none are declared.
    pub bounds: Option<String>,
}

/// One suggestion for each column of a private dataset. `rows` is how many rows of one unit fall into one group, at most;
/// as many as the description allows when left out.
pub fn suggest(dataset: &Description, rows: Option<u32>) -> Vec<Suggestion> {
    let rows = rows.map_or_else(|| rows_of_unit(dataset), f64::from);
    dataset.columns.iter().map(|column| of(dataset, column, rows)).collect()
}

fn of(dataset: &Description, column: &ColumnSpec, rows: f64) -> Suggestion {
    let reach = Reach::of(column);
    let name = column.name.clone();
    let mut found = Suggestion { column: name.clone(), group: None, value: None, note: None, measure: None };
    if dataset.unit.as_ref().is_some_and(|unit| unit.column == column.name) {
        found.value = Some("{ name = \"units\", lower = 0, upper = 1, granularity = 1 }".to_owned());
        found.note = Some(
            text!(
                "names the unit: it forms no groups, and units are counted without it",
                "标明单元：不能分组，统计单元数时也不需要它"
            )
            .into(),
        );
        return found;
    }
    let kind = Type::of(&column.kind);
    match (&column.kind, &reach) {
        (ColumnType::Text, Reach::Texts(texts)) => {
            let keys = texts.iter().cloned().map(unseen_ids::Key::Text).collect();
            found.group = Some(GroupKeys::Listed(keys).entry(&name));
        }
        (ColumnType::Text, _) => {
            found.note = Some(say!(
                "its values are not declared: list those you want with WHERE {name} IN (...), or ask the steward for a domain",
                "未声明取值：请用 WHERE {name} IN (...) 列出所要的取值，或请数据管理员声明"
            ));
        }
        (ColumnType::Date { .. }, Reach::Between(low, high)) => {
            let days = |number: &f64| number.is_finite().then_some(*number as i64);
            found.group = months(days(low), days(high)).map(|months| {
                let keys = months.into_iter().map(unseen_ids::Key::Text).collect();
                GroupKeys::Listed(keys).entry(&format!("{name}_month"))
            });
            found.note = Some(match found.group.is_some() {
                true => say!(
                    "by month: {name}_month = \"year_month({name})\" under [ready-made.columns]",
                    "按月：在 [ready-made.columns] 下写 {name}_month = \"year_month({name})\""
                ),
                false => say!(
                    "its first and last day are not declared: choose them with WHERE {name} BETWEEN '2025-01' AND '2025-12'",
                    "未声明起止日期：请用 WHERE {name} BETWEEN '2025-01' AND '2025-12' 选定"
                ),
            });
        }
        (ColumnType::Timestamp { .. }, _) => {
            found.note = Some(say!(
                "a moment: make a month of it with year_month({name})",
                "时间：可用 year_month({name}) 取其年月"
            ));
        }
        _ => {
            let whole = matches!(kind, Type::Whole | Type::Truth);
            found.measure = (kind != Type::Truth).then(|| Measure::new(dataset, &name, reach.finite().is_none()));
            match reach.finite() {
                Some((low, high)) => {
                    if whole && high - low < MOST_KEYS {
                        found.group = Some(GroupKeys::Range(low as i64, high as i64).entry(&name));
                    }
                    let bounds = (low.min(0.0) * rows, high.max(0.0) * rows);
                    if bounds.1 - bounds.0 > 0.0 {
                        found.value = Some(Value::new(name.clone(), bounds, whole, (low, high)).entry());
                    }
                    if !whole {
                        let (least, most) = (decimal(low), decimal(high));
                        found.note = Some(say!(
                            "declared as {least} to {most}; for groups put it into bins: bin({name}, [...])",
                            "声明的范围为 {least} 至 {most}；分组请用 bin({name}, [...])"
                        ));
                    }
                }
                None => {
                    found.note = Some(say!(
                        "no bounds are declared: choose them with least(greatest({name}, 0), 100), or ask the steward",
                        "未声明范围：请用 least(greatest({name}, 0), 100) 选定，或询问数据管理员"
                    ))
                }
            }
        }
    }
    found
}

impl Measure {
    fn new(dataset: &Description, name: &str, is_unbounded: bool) -> Measure {
        let quantile = |share: &str| format!("QUANTILE({}, {share})", quoted(name));
        Measure {
            sql: format!("SELECT {}, {} FROM {}", quantile("0.02"), quantile("0.98"), quoted(&dataset.name)),
            bounds: is_unbounded.then(|| format!("{name}=-1000000..1000000")),
        }
    }
}
