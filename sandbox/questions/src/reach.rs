//! What an expression may give, from what is public of its columns: where bounds and keys are taken from.

use std::cmp::Ordering;

use unseen_data::description::{Bound, ColumnSpec, ColumnType};

use crate::day;
use crate::node::{Node, Part};
use crate::program::Program;
use crate::syntax::Operator;
use crate::value::Value;

/// Values that an expression may have beside null.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// These texts.
    Texts(Vec<String>),
    /// Numbers, days or truths (0 and 1) from one to another, both included; infinite where nothing is known.
    Between(f64, f64),
    /// Any text.
    Any,
}

/// All numbers.
const NUMBERS: Reach = Reach::Between(f64::NEG_INFINITY, f64::INFINITY);

/// Months that are listed, at most.
const MOST_MONTHS: usize = 2_400;

/// What columns may hold, by the description, and rows of one unit at most.
pub struct Known {
    /// In the order of the columns.
    pub columns: Vec<Reach>,
    /// Rows of one unit in one group, as the asker bounds them.
    pub rows: f64,
}

impl Reach {
    /// Of a column, as its steward declares it; numbers in the column's own unit.
    pub fn of(column: &ColumnSpec) -> Reach {
        let unit = match column.kind {
            ColumnType::Decimal { scale } => 10_f64.powi(i32::from(scale)),
            _ => 1.0,
        };
        let number = |bound: Option<Bound>, otherwise: f64| match bound {
            Some(Bound::Int(number)) => number as f64 / unit,
            Some(Bound::Float(number)) => number,
            None => otherwise,
        };
        match column.kind {
            ColumnType::Text if column.domain.is_empty() => Reach::Any,
            ColumnType::Text => Reach::Texts(column.domain.clone()),
            ColumnType::Bool => Reach::Between(0.0, 1.0),
            _ => Reach::Between(number(column.min, f64::NEG_INFINITY), number(column.max, f64::INFINITY)),
        }
    }

    /// Both ends of finite numbers.
    pub fn finite(&self) -> Option<(f64, f64)> {
        match self {
            Reach::Between(low, high) if low.is_finite() && high.is_finite() => Some((*low, *high)),
            _ => None,
        }
    }

    fn ends(&self) -> (f64, f64) {
        match self {
            Reach::Between(low, high) => (*low, *high),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Whatever is in one or the other.
    fn with(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Texts(mut one), Reach::Texts(other)) => {
                for text in other {
                    if !one.contains(&text) {
                        one.push(text);
                    }
                }
                Reach::Texts(one)
            }
            (Reach::Between(low, high), Reach::Between(least, most)) => Reach::Between(low.min(least), high.max(most)),
            _ => Reach::Any,
        }
    }
}

impl Program {
    /// What each derived column may hold.
    pub fn reaches(&self, known: &Known) -> Vec<Reach> {
        let columns = self.kept(known).columns;
        let mut found = Found { columns, derived: Vec::new(), totals: Vec::new() };
        found.totals = self
            .totals
            .iter()
            .map(|total| {
                let (low, high) = found.of(&total.node).ends();
                Reach::Between(low.min(times(low, known.rows)), high.max(times(high, known.rows)))
            })
            .collect();
        for (_, typed) in &self.derived {
            let reach = found.of(&typed.node);
            found.derived.push(reach);
        }
        found.derived
    }

    /// What columns hold in the rows that count.
    pub fn kept(&self, known: &Known) -> Known {
        let mut columns = known.columns.clone();
        if let Some(filter) = &self.filter {
            narrow(filter, &mut columns);
        }
        Known { columns, rows: known.rows }
    }
}

/// Leaves of the columns what a condition lets through, as far as it is plain to see.
fn narrow(condition: &Node, columns: &mut [Reach]) {
    match condition {
        Node::And(sides) => sides.iter().for_each(|side| narrow(side, columns)),
        Node::Compared(operator, sides) => match &**sides {
            [Node::Column { at, .. }, Node::Constant(value)] => cut(&mut columns[*at], *operator, value),
            [Node::Constant(value), Node::Column { at, .. }] => cut(&mut columns[*at], operator.turned(), value),
            _ => {}
        },
        Node::Between(parts) => {
            if let [Node::Column { at, .. }, Node::Constant(low), Node::Constant(high)] = &**parts {
                cut(&mut columns[*at], Operator::GreaterOrEqual, low);
                cut(&mut columns[*at], Operator::LessOrEqual, high);
            }
        }
        Node::In(of, list) => {
            let values: Option<Vec<&Value<'_>>> = list
                .iter()
                .map(|item| match item {
                    Node::Constant(value) => Some(value),
                    _ => None,
                })
                .collect();
            if let (Node::Column { at, .. }, Some(values)) = (&**of, values) {
                among(&mut columns[*at], &values);
            }
        }
        Node::Like { of, text, open } => {
            if let (Node::Column { at, .. }, Ok(begin)) = (&**of, std::str::from_utf8(text)) {
                match &mut columns[*at] {
                    Reach::Texts(texts) => texts.retain(|text| text == begin || *open && text.starts_with(begin)),
                    any if !open => *any = Reach::Texts(vec![begin.to_owned()]),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn cut(reach: &mut Reach, operator: Operator, value: &Value<'_>) {
    match (reach, value.as_number()) {
        (Reach::Between(low, high), Some(number)) => match operator {
            Operator::Equal => (*low, *high) = (number, number),
            Operator::Less | Operator::LessOrEqual => *high = high.min(number).max(*low),
            Operator::Greater | Operator::GreaterOrEqual => *low = low.max(number).min(*high),
            _ => {}
        },
        (reach, None) if operator == Operator::Equal => among(reach, &[value]),
        (Reach::Texts(texts), None) if operator == Operator::Unequal => {
            texts.retain(|text| Some(text.as_str()) != text_of(value));
        }
        _ => {}
    }
}

fn among(reach: &mut Reach, values: &[&Value<'_>]) {
    let texts: Vec<String> = values.iter().filter_map(|value| text_of(value)).map(str::to_owned).collect();
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_number()).collect();
    match reach {
        Reach::Texts(known) => known.retain(|text| texts.contains(text)),
        Reach::Any => *reach = Reach::Texts(texts),
        Reach::Between(low, high) => {
            let (least, most) = numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), number| {
                (least.min(*number), most.max(*number))
            });
            if least <= most {
                (*low, *high) = (least, most);
            }
        }
    }
}

fn text_of<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Text(text) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

struct Found {
    columns: Vec<Reach>,
    derived: Vec<Reach>,
    totals: Vec<Reach>,
}

impl Found {
    fn of(&self, node: &Node) -> Reach {
        let ends = |node: &Node| self.of(node).ends();
        let any_of = |nodes: &mut dyn Iterator<Item = &Node>| {
            let some = nodes.filter(|node| !matches!(node, Node::Constant(Value::Null)));
            some.map(|node| self.of(node)).reduce(Reach::with).unwrap_or(NUMBERS)
        };
        match node {
            Node::Column { at, .. } => self.columns.get(*at).cloned().unwrap_or(Reach::Any),
            Node::Derived(at) => self.derived.get(*at).cloned().unwrap_or(Reach::Any),
            Node::Total(at) => self.totals.get(*at).cloned().unwrap_or(NUMBERS),
            Node::Constant(value) => match (text_of(value), value.as_number()) {
                (Some(text), _) => Reach::Texts(vec![text.to_owned()]),
                (None, Some(number)) => Reach::Between(number, number),
                _ => NUMBERS,
            },
            Node::Widened(of) => self.of(of),
            Node::Negated(of) => {
                let (low, high) = ends(of);
                Reach::Between(-high, -low)
            }
            Node::Arithmetic(operator, sides) => arithmetic(*operator, ends(&sides[0]), ends(&sides[1])),
            Node::Not(_)
            | Node::Compared(..)
            | Node::And(_)
            | Node::Or(_)
            | Node::IsNull(_)
            | Node::In(..)
            | Node::Between(_)
            | Node::Like { .. } => Reach::Between(0.0, 1.0),
            Node::Case(cases, other) | Node::Switch(_, cases, other) => {
                any_of(&mut cases.iter().map(|(_, then)| then).chain(other.as_deref()))
            }
            Node::Coalesce(list) => any_of(&mut list.iter()),
            Node::NullIf(sides) => self.of(&sides[0]),
            Node::Extreme(wanted, list) => {
                let pick =
                    |one: f64, other: f64| if *wanted == Ordering::Less { one.min(other) } else { one.max(other) };
                let ends = list.iter().map(ends).reduce(|one, other| (pick(one.0, other.0), pick(one.1, other.1)));
                ends.map_or(NUMBERS, |(low, high)| Reach::Between(low, high))
            }
            Node::Absolute(of) => {
                let (low, high) = ends(of);
                let least = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
                Reach::Between(least, low.abs().max(high.abs()))
            }
            Node::Rounded(rounding, of) => {
                let (low, high) = ends(of);
                let whole = |number: f64| rounding.of(number).map_or(number, |whole| whole as f64);
                Reach::Between(whole(low), whole(high))
            }
            Node::DayOf(of) => {
                let (low, high) = ends(of);
                Reach::Between((low / day::DAY as f64).floor(), (high / day::DAY as f64).floor())
            }
            Node::Part(part, of) => part_of(*part, ends(of)),
            Node::Bin { of, edges, labels } => {
                let (low, high) = ends(of);
                let bin = |number: f64| edges.partition_point(|edge| *edge <= number);
                match labels.get(bin(low)..=bin(high)) {
                    Some(labels) => Reach::Texts(labels.to_vec()),
                    None => Reach::Between(bin(low) as f64, bin(high) as f64),
                }
            }
            Node::Piece(of, from, many) => match self.of(of) {
                Reach::Texts(texts) => {
                    let pieces = texts.iter().map(|text| text.chars().skip(*from).take(*many).collect::<String>());
                    pieces.map(|text| Reach::Texts(vec![text])).reduce(Reach::with).unwrap_or(Reach::Any)
                }
                _ => Reach::Any,
            },
        }
    }
}

/// A product, where nothing times infinity is nothing.
fn times(one: f64, other: f64) -> f64 {
    if one == 0.0 || other == 0.0 { 0.0 } else { one * other }
}

fn arithmetic(operator: Operator, (low, high): (f64, f64), (least, most): (f64, f64)) -> Reach {
    let hull = |corners: [f64; 4]| {
        Reach::Between(
            corners.into_iter().fold(f64::INFINITY, f64::min),
            corners.into_iter().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    match operator {
        Operator::Plus => Reach::Between(low + least, high + most),
        Operator::Minus => Reach::Between(low - most, high - least),
        Operator::Times => hull([times(low, least), times(low, most), times(high, least), times(high, most)]),
        Operator::Over if least > 0.0 || most < 0.0 => hull([low / least, low / most, high / least, high / most]),
        Operator::Over if low >= 0.0 && least >= 0.0 => Reach::Between(0.0, f64::INFINITY),
        Operator::Modulo => {
            let rest = (least.abs().max(most.abs()) - 1.0).max(0.0);
            Reach::Between(if low >= 0.0 { 0.0 } else { -rest }, if high <= 0.0 { 0.0 } else { rest })
        }
        _ => NUMBERS,
    }
}

fn part_of(part: Part, (low, high): (f64, f64)) -> Reach {
    let days = |number: f64| (number.is_finite() && number.abs() < 1e9).then_some(number as i64);
    let of = |number: f64, otherwise: f64| match days(number).map(|days| part.of(days)) {
        Some(Value::Whole(found)) => found as f64,
        _ => otherwise,
    };
    match part {
        Part::Quarter => Reach::Between(1.0, 4.0),
        Part::Month => Reach::Between(1.0, 12.0),
        Part::Day => Reach::Between(1.0, 31.0),
        Part::Year | Part::MonthStart | Part::YearStart => {
            Reach::Between(of(low, f64::NEG_INFINITY), of(high, f64::INFINITY))
        }
        Part::YearMonth => months(days(low), days(high)).map_or(Reach::Any, Reach::Texts),
    }
}

pub(crate) fn months(first: Option<i64>, last: Option<i64>) -> Option<Vec<String>> {
    let (year, month, _) = day::parts(first?)?;
    let (end_year, end_month, _) = day::parts(last?)?;
    let count = |year: i32, month: u32| i64::from(year) * 12 + i64::from(month) - 1;
    let (from, to) = (count(year, month), count(end_year, end_month));
    (to - from < MOST_MONTHS as i64).then_some(())?;
    Some((from..=to).map(|at| format!("{:04}-{:02}", at.div_euclid(12), at.rem_euclid(12) + 1)).collect())
}
