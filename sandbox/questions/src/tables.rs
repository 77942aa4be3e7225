//! Which datasets and public tables a question reads, and which of their columns.

use unseen_data::Description;
use unseen_data::description::ColumnSpec;
use unseen_policies::meant::meant;
use unseen_texts::{Sentence, say};

use crate::draft::{Input, Lookup};
use crate::fault::{Fault, Span};
use crate::select::{Join, Select};
use crate::syntax::{Expr, Kind};

/// The datasets that a question may read.
pub trait Catalogue {
    /// A dataset's description; none where there is no such dataset.
    fn describe(&self, name: &str) -> Option<Description>;

    /// The names of all, for advice.
    fn names(&self) -> Vec<String>;
}

/// Descriptions alone, without a list of them.
impl<F: Fn(&str) -> Option<Description>> Catalogue for F {
    fn describe(&self, name: &str) -> Option<Description> {
        self(name)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a question reads.
pub(crate) struct Tables {
    /// The first dataset.
    pub(crate) dataset: Description,
    /// All inputs of the job.
    pub(crate) inputs: Vec<Input>,
    /// All columns that rows show, in the order of the manifest.
    pub(crate) columns: Vec<ColumnSpec>,
}

impl Tables {
    /// Finds the tables of a question and checks how they are joined.
    pub(crate) fn of(sql: &str, select: &Select, catalogue: &dyn Catalogue) -> Result<Tables, Fault> {
        let described = |name: &str, at: &Span| {
            catalogue.describe(name).ok_or_else(|| {
                Fault::at(
                    sql,
                    at,
                    say!(
                        "there is no dataset `{name}`: `unseen dataset list` says which there are",
                        "没有数据集 `{name}`：可用 `unseen dataset list` 查看",
                        name = name.to_owned()
                    ),
                )
            })
        };
        let dataset = described(&select.table.name, &select.table.at)?;
        if dataset.unit.is_none() {
            return Err(Fault::at(
                sql,
                &select.table.at,
                say!(
                    "`{name}` is a public table: read it with `unseen twin {name} --out DIR`, at no cost",
                    "`{name}` 是公开表：可用 `unseen twin {name} --out DIR` 直接取得，没有开销",
                    name = dataset.name.clone()
                ),
            ));
        }
        let mut tables: Vec<(Description, Option<&Join>)> = vec![(dataset.clone(), None)];
        for join in &select.joins {
            let joined = described(&join.table.name, &join.table.at)?;
            check_join(sql, &dataset, &joined, join)?;
            tables.push((joined, Some(join)));
        }
        let names = used(select);
        let holds = |name: &str| tables.iter().position(|(table, _)| table.column(name).is_some());
        let is_given = |name: &str| select.items.iter().any(|item| item.name.as_deref() == Some(name));
        if let Some((name, at)) = names.iter().find(|(name, _)| holds(name).is_none() && !is_given(name)) {
            let columns = tables.iter().flat_map(|(table, _)| &table.columns);
            let advice = elsewhere(name, &dataset, catalogue)
                .unwrap_or_else(|| meant(name, &columns.map(|column| column.name.as_str()).collect::<Vec<_>>()));
            let name = (*name).to_owned();
            return Err(Fault::at(sql, at, say!("there is no column `{name}`: {advice}", "没有列 `{name}`：{advice}")));
        }
        let of = |table: usize| -> Vec<ColumnSpec> {
            let used = tables[table].0.columns.iter().filter(|column| {
                names.iter().any(|(name, _)| *name == column.name) && holds(&column.name) == Some(table)
            });
            used.cloned().collect()
        };
        let is_joined_by = |name: &str| select.joins.iter().any(|join| join.on.iter().all(|on| on == name));
        for (name, at) in &names {
            let holders: Vec<&str> = tables
                .iter()
                .filter(|(table, _)| table.column(name).is_some())
                .map(|(table, _)| table.name.as_str())
                .collect();
            if let ([one, other, ..], false) = (&holders[..], is_joined_by(name)) {
                return Err(Fault::at(
                    sql,
                    at,
                    say!(
                        "`{one}` and `{other}` both have a column `{name}`: ask for one that only the meant table has",
                        "`{one}` 和 `{other}` 都有列 `{name}`：请改用只在所指表中有的列",
                        one = (*one).to_owned(),
                        other = (*other).to_owned(),
                        name = (*name).to_owned()
                    ),
                ));
            }
        }
        let mut inputs: Vec<Input> = Vec::new();
        let mut columns = Vec::new();
        for (at, (table, _)) in tables.iter().enumerate() {
            if table.unit.is_none() || at > 0 && of(at).is_empty() {
                continue;
            }
            let mut own = of(at);
            let mut lookups = Vec::new();
            let mut brought = Vec::new();
            for (number, (public, join)) in tables.iter().enumerate() {
                let Some(join) = join.filter(|_| public.unit.is_none()) else { continue };
                let (key, on) = sides(public, join);
                if holds(on) != Some(at) {
                    continue;
                }
                let columns = of(number);
                if !columns.is_empty() {
                    lookups.push(Lookup {
                        reference: public.name.clone(),
                        on: on.to_owned(),
                        key: key.to_owned(),
                        columns: columns.iter().map(|column| column.name.clone()).collect(),
                    });
                    brought.extend(columns);
                }
            }
            if own.is_empty() {
                // A row is shown by at least one column; the unit's own tells nothing that is not known.
                own.extend(table.unit.as_ref().and_then(|unit| table.column(&unit.column)).cloned());
            }
            inputs.push(Input {
                dataset: table.name.clone(),
                columns: own.iter().map(|column| column.name.clone()).collect(),
                lookups,
            });
            columns.extend(own);
            columns.extend(brought);
        }
        Ok(Tables { dataset, inputs, columns })
    }
}

/// The names of columns that a question has.
fn used(select: &Select) -> Vec<(&str, &Span)> {
    fn all<'e>(expr: &'e Expr, found: &mut Vec<(&'e str, &'e Span)>) {
        if let Kind::Name(name) = &expr.kind {
            found.push((name, &expr.at));
        }
        // Units are counted without their column.
        if !matches!(&expr.kind, Kind::Call { name, distinct: true, .. } if name == "count") {
            expr.parts().for_each(|part| all(part, found));
        }
    }
    let mut found = Vec::new();
    let items = select.items.iter().map(|item| &item.expr);
    let order = select.order.iter().map(|order| &order.by);
    items.chain(&select.filter).chain(&select.groups).chain(order).for_each(|expr| all(expr, &mut found));
    found
}

/// The key of a public table, and the column that is looked up in it.
fn sides<'j>(public: &Description, join: &'j Join) -> (&'j str, &'j str) {
    let [one, other] = &join.on;
    if public.key.as_ref() == Some(one) { (one, other) } else { (other, one) }
}

/// Which dataset about the same unit has a column, and how it is joined.
fn elsewhere(column: &str, dataset: &Description, catalogue: &dyn Catalogue) -> Option<Sentence> {
    let unit = dataset.unit.as_ref()?;
    let mut others = catalogue.names().into_iter().filter(|name| *name != dataset.name);
    others.find_map(|name| {
        let other = catalogue.describe(&name).filter(|other| other.column(column).is_some())?;
        let theirs = other.unit.filter(|other| other.domain == unit.domain)?.column;
        let (own, dataset) = (unit.column.clone(), dataset.name.clone());
        Some(say!(
            "`{name}` has one, about the same unit: write JOIN {name} ON {dataset}.{own} = {name}.{theirs}",
            "同一种单元的 `{name}` 有此列：请写 JOIN {name} ON {dataset}.{own} = {name}.{theirs}"
        ))
    })
}

fn check_join(sql: &str, dataset: &Description, joined: &Description, join: &Join) -> Result<(), Fault> {
    let fault = |message: Sentence| Err(Fault::at(sql, &join.on_at, message));
    let name = joined.name.clone();
    match (&dataset.unit, &joined.unit, &joined.key) {
        (Some(unit), Some(other), _) if unit.domain != other.domain => fault(say!(
            "`{name}` is about another kind of unit ({domain}): only what is about the same unit is brought together",
            "`{name}` 的单元是另一种（{domain}）：只有同一种单元的数据才能放在一起",
            domain = other.domain.clone()
        )),
        (Some(unit), Some(other), _) => {
            let [one, another] = &join.on;
            let fits = |a: &str, b: &str| a == unit.column && b == other.column;
            match fits(one, another) || fits(another, one) {
                true => Ok(()),
                false => fault(say!(
                    "rows are brought together by their unit only: write ON {dataset}.{own} = {name}.{theirs}",
                    "各行只能按单元放在一起：请写 ON {dataset}.{own} = {name}.{theirs}",
                    dataset = dataset.name.clone(),
                    own = unit.column.clone(),
                    theirs = other.column.clone()
                )),
            }
        }
        (_, None, Some(key)) if !join.on.contains(key) => fault(say!(
            "`{name}` is looked up by its key: write ON ... = {name}.{key}",
            "`{name}` 按它的键查找：请写 ON ... = {name}.{key}",
            key = key.clone()
        )),
        _ => Ok(()),
    }
}
