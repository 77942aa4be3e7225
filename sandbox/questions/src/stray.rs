//! What a question compares columns with although, by their descriptions, they never hold it. Such a job is not wrong,
//! and gives noise about zero.

use unseen_data::description::ColumnSpec;
use unseen_policies::meant::meant;
use unseen_texts::{Sentence, say};

use crate::day;
use crate::node::Node;
use crate::program::Program;
use crate::reach::Reach;
use crate::syntax::Operator;
use crate::value::{Type, Value};

impl Program {
    /// A sentence for each such column and what it is compared with. `columns` are those of the program, in their order.
    pub fn strays(&self, columns: &[&ColumnSpec]) -> Vec<Sentence> {
        let derived = self.derived.iter().map(|(_, typed)| &typed.node);
        let totals = self.totals.iter().map(|total| &total.node);
        let mut found = Vec::new();
        for node in self.filter.iter().chain(derived).chain(totals) {
            visit(node, columns, &mut found);
        }
        found
    }
}

fn visit(node: &Node, columns: &[&ColumnSpec], found: &mut Vec<Sentence>) {
    let mut note = |of: &Node, operator: Operator, value: &Node| {
        let said = column(of, columns).and_then(|column| stray(column, operator, constant(value)?));
        found.extend(said.filter(|said| !found.contains(said)));
    };
    match node {
        Node::Compared(operator, sides) => {
            note(&sides[0], *operator, &sides[1]);
            note(&sides[1], operator.turned(), &sides[0]);
        }
        Node::In(of, list) => list.iter().for_each(|value| note(of, Operator::Equal, value)),
        Node::Switch(of, cases, _) => cases.iter().for_each(|(value, _)| note(of, Operator::Equal, value)),
        Node::Between(parts) => {
            note(&parts[0], Operator::GreaterOrEqual, &parts[1]);
            note(&parts[0], Operator::LessOrEqual, &parts[2]);
        }
        Node::Like { of, text, open } => {
            if let (Some(column), Ok(text)) = (column(of, columns), std::str::from_utf8(text))
                && !column.domain.iter().any(|known| known == text || *open && known.starts_with(text))
            {
                found.extend(never(column, text).filter(|said| !found.contains(said)));
            }
        }
        _ => {}
    }
    node.parts().into_iter().for_each(|part| visit(part, columns, found));
}

fn column<'c>(node: &Node, columns: &[&'c ColumnSpec]) -> Option<&'c ColumnSpec> {
    match node {
        Node::Column { at, .. } => columns.get(*at).copied(),
        Node::Widened(of) => column(of, columns),
        _ => None,
    }
}

fn constant(node: &Node) -> Option<&Value<'static>> {
    match node {
        Node::Constant(value) => Some(value),
        Node::Widened(of) => constant(of),
        _ => None,
    }
}

/// What to say of a comparison that never holds; none where it may.
fn stray(column: &ColumnSpec, operator: Operator, value: &Value<'_>) -> Option<Sentence> {
    if let Value::Text(text) = value {
        let text = std::str::from_utf8(text).ok().filter(|text| operator == Operator::Equal && !is_in(column, text))?;
        return never(column, text);
    }
    let (Reach::Between(low, high), Some(number)) = (Reach::of(column), value.as_number()) else { return None };
    let never = match operator {
        Operator::Equal => number < low || number > high,
        Operator::Less => number <= low,
        Operator::LessOrEqual => number < low,
        Operator::Greater => number >= high,
        Operator::GreaterOrEqual => number > high,
        _ => false,
    };
    let [low, high, number] = [low, high, number].map(|number| written(number, Type::of(&column.kind)));
    never.then(|| {
        say!(
            "by its description `{name}` lies from {low} to {high}, so nothing would match a condition with {number}",
            "按描述 `{name}` 在 {low} 至 {high} 之间，含 {number} 的条件不会匹配任何行",
            name = column.name.clone()
        )
    })
}

fn is_in(column: &ColumnSpec, text: &str) -> bool {
    column.domain.iter().any(|known| known == text)
}

/// That a column never holds a text; none where it may hold any.
fn never(column: &ColumnSpec, text: &str) -> Option<Sentence> {
    let known: Vec<&str> = column.domain.iter().map(String::as_str).collect();
    (!known.is_empty()).then(|| {
        say!(
            "by its description `{name}` is never `{text}`, so nothing would match that: {advice}",
            "按描述 `{name}` 不会是 `{text}`，该条件不会匹配任何行：{advice}",
            name = column.name.clone(),
            text = text.to_owned(),
            advice = meant(text, &known)
        )
    })
}

/// A number of a column as people write it; an end that is not declared as nothing.
fn written(number: f64, kind: Type) -> String {
    let days = match kind {
        Type::Day => number,
        Type::Moment => (number / day::DAY as f64).floor(),
        _ => return if number.is_finite() { number.to_string() } else { "∞".to_owned() },
    };
    let parts = if days.is_finite() { day::parts(days as i64) } else { None };
    parts.map_or_else(|| "…".to_owned(), |(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}
