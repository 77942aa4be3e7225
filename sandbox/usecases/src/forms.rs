//! Where datasets bring the same names into different forms (`normalize`): joined, what belongs together would not meet,
//! and no row says so.

use unseen_data::description::{ColumnSpec, ColumnType, Description, Form};
use unseen_lab::View;
use unseen_policies::event::Status;
use unseen_policies::manifest::Manifest;
use unseen_texts::{Sentence, say};

/// What to tell the steward of a dataset: others of its domain whose units are named in another form.
pub(crate) fn of_dataset(lab: &View, new: &Description) -> Vec<Sentence> {
    let Some((unit, form)) = unit_form(new) else { return Vec::new() };
    let others = lab.ledger().datasets().iter().filter(|(name, other)| {
        **name != new.name
            && other.status == Status::Open
            && other.registered.domain.as_deref() == new.unit.as_ref().map(|unit| unit.domain.as_str())
    });
    let differs = |name: &&String| {
        let other = lab.description(name).ok();
        other.is_some_and(|(other, _)| unit_form(&other).is_some_and(|(_, other)| other != form))
    };
    let others: Vec<String> = others.map(|(name, _)| name).filter(differs).cloned().collect();
    if others.is_empty() {
        return Vec::new();
    }
    vec![say!(
        "`normalize` of the unit column `{unit}` is not that of {others}: a unit that is written otherwise there is not joined with its rows here",
        "单元列 `{unit}` 的 `normalize` 与 {others} 的不同：同一单元在那里写法不同时，无法与此处的行关联",
        others = others.join(", ")
    )]
}

/// What to tell whoever checks a job: inputs whose units, and lookups whose keys, are in different forms.
pub(crate) fn of_job(manifest: &Manifest, described: &dyn Fn(&str) -> Option<Description>) -> Vec<Sentence> {
    let inputs: Vec<_> = manifest.inputs.iter().filter_map(|input| Some((input, described(&input.dataset)?))).collect();
    let mut hints = Vec::new();
    let units = inputs.iter().filter_map(|(input, found)| Some((&input.dataset, unit_form(found)?.1)));
    let units: Vec<_> = units.collect();
    if let [(one, form), rest @ ..] = units.as_slice()
        && let Some((other, _)) = rest.iter().find(|(_, other)| other != form)
    {
        hints.push(say!(
            "the units of `{one}` and `{other}` are in different forms (`normalize`): those that one of them writes otherwise are not joined",
            "`{one}` 与 `{other}` 的单元列规范化方式（`normalize`）不同：写法不一致的单元无法关联",
            one = one.to_string(),
            other = other.to_string()
        ));
    }
    for (input, found) in &inputs {
        for lookup in &input.lookups {
            let table = described(&lookup.reference);
            let ends =
                text_form(found.column(&lookup.on)).zip(table.as_ref().and_then(|t| text_form(t.column(&lookup.key))));
            if ends.is_some_and(|(on, key)| on != key) {
                hints.push(say!(
                    "`{on}` of `{dataset}` and the key `{key}` of `{table}` are in different forms (`normalize`): rows that are written otherwise find nothing",
                    "`{dataset}` 的 `{on}` 与 `{table}` 的键 `{key}` 规范化方式（`normalize`）不同：写法不一致的行查不到结果",
                    on = lookup.on.clone(),
                    dataset = input.dataset.clone(),
                    key = lookup.key.clone(),
                    table = lookup.reference.clone()
                ));
            }
        }
    }
    hints
}

/// The column that names units, and the form of what it holds; none of numbers, which have one form.
fn unit_form(described: &Description) -> Option<(&str, &Form)> {
    let unit = &described.unit.as_ref()?.column;
    Some((unit, text_form(described.column(unit))?))
}

fn text_form(column: Option<&ColumnSpec>) -> Option<&Form> {
    column.filter(|column| column.kind == ColumnType::Text).map(|column| &column.normalize)
}
