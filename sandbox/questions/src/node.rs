//! Expressions whose types fit, and what they give for one row. Nothing here can fail: where there is no answer (a
//! quotient by zero, an overflow, a day that no calendar has), it is null.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::day;
use crate::syntax::Operator;
use crate::value::Value;

/// A typed expression.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A cell of a column, divided by how many steps are one.
    Column {
        at: usize,
        unit: Option<f64>,
    },
    /// A derived column above this one.
    Derived(usize),
    /// A total over all rows of the grain.
    Total(usize),
    Constant(Value<'static>),
    /// A whole number as a number.
    Widened(Box<Node>),
    Negated(Box<Node>),
    Not(Box<Node>),
    /// Arithmetic of two whole numbers, or of two numbers.
    Arithmetic(Operator, Box<[Node; 2]>),
    Compared(Operator, Box<[Node; 2]>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    IsNull(Box<Node>),
    In(Box<Node>, Vec<Node>),
    Between(Box<[Node; 3]>),
    /// Whether a text begins with this, or is it.
    Like {
        of: Box<Node>,
        text: Vec<u8>,
        open: bool,
    },
    Case(Vec<(Node, Node)>, Option<Box<Node>>),
    /// A case whose conditions are what the first may equal.
    Switch(Box<Node>, Vec<(Node, Node)>, Option<Box<Node>>),
    Coalesce(Vec<Node>),
    NullIf(Box<[Node; 2]>),
    /// The least or the greatest.
    Extreme(Ordering, Vec<Node>),
    Absolute(Box<Node>),
    Rounded(Rounding, Box<Node>),
    Part(Part, Box<Node>),
    /// The day of a moment.
    DayOf(Box<Node>),
    /// How many of these edges it has reached, or the label with that number.
    Bin {
        of: Box<Node>,
        edges: Vec<f64>,
        labels: Vec<String>,
    },
    /// From which character, and how many.
    Piece(Box<Node>, usize, usize),
}

/// How a number becomes a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    Down,
    Up,
    /// Halves away from zero, as in SQL.
    Nearest,
}

/// A part of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    Quarter,
    Month,
    Day,
    /// `2025-01`
    YearMonth,
    /// The first day of its month, and of its year.
    MonthStart,
    YearStart,
}

/// What an expression is evaluated over.
pub(crate) struct Row<'e, 'a> {
    /// The cells of this row, by column.
    pub(crate) cell: &'e dyn Fn(usize) -> Value<'a>,
    /// The derived columns so far.
    pub(crate) derived: &'e [Value<'a>],
    /// Totals of the grain.
    pub(crate) totals: &'e [Value<'a>],
}

impl Node {
    /// The nodes that it is directly made of.
    pub(crate) fn parts(&self) -> Vec<&Node> {
        match self {
            Node::Column { .. } | Node::Derived(_) | Node::Total(_) | Node::Constant(_) => Vec::new(),
            Node::Widened(of)
            | Node::Negated(of)
            | Node::Not(of)
            | Node::IsNull(of)
            | Node::Absolute(of)
            | Node::Rounded(_, of)
            | Node::Part(_, of)
            | Node::DayOf(of)
            | Node::Like { of, .. }
            | Node::Bin { of, .. }
            | Node::Piece(of, ..) => vec![of],
            Node::Arithmetic(_, sides)
            | Node::Compared(_, sides)
            | Node::And(sides)
            | Node::Or(sides)
            | Node::NullIf(sides) => sides.iter().collect(),
            Node::Between(parts) => parts.iter().collect(),
            Node::Coalesce(list) | Node::Extreme(_, list) => list.iter().collect(),
            Node::In(of, list) => std::iter::once(&**of).chain(list).collect(),
            Node::Case(all, other) => [pairs(all), other.as_deref().into_iter().collect()].concat(),
            Node::Switch(of, all, other) => [vec![&**of], pairs(all), other.as_deref().into_iter().collect()].concat(),
        }
    }

    /// What it gives for a row.
    pub(crate) fn of<'a>(&'a self, row: &Row<'_, 'a>) -> Value<'a> {
        match self {
            Node::Column { at, unit } => match ((row.cell)(*at), unit) {
                (Value::Whole(steps), Some(unit)) => Value::number(steps as f64 / unit),
                (Value::Number(number), _) => Value::number(number),
                (cell, _) => cell,
            },
            Node::Derived(at) => row.derived.get(*at).cloned().unwrap_or(Value::Null),
            Node::Total(at) => row.totals.get(*at).cloned().unwrap_or(Value::Null),
            Node::Constant(value) => value.clone(),
            Node::Widened(of) => of.of(row).as_number().map_or(Value::Null, Value::Number),
            Node::Negated(of) => match of.of(row) {
                Value::Whole(number) => Value::whole(number.checked_neg()),
                Value::Number(number) => Value::Number(-number),
                _ => Value::Null,
            },
            Node::Not(of) => Value::truth(of.of(row).as_truth().map(|truth| !truth)),
            Node::Arithmetic(operator, sides) => arithmetic(*operator, &sides[0].of(row), &sides[1].of(row)),
            Node::Compared(operator, sides) => compared(*operator, &sides[0].of(row), &sides[1].of(row)),
            Node::And(sides) => both(false, sides, row),
            Node::Or(sides) => both(true, sides, row),
            Node::IsNull(of) => Value::Truth(of.of(row) == Value::Null),
            Node::In(of, list) => among(&of.of(row), list, row),
            Node::Between(parts) => {
                let of = parts[0].of(row);
                let above = compared(Operator::GreaterOrEqual, &of, &parts[1].of(row)).as_truth();
                let below = compared(Operator::LessOrEqual, &of, &parts[2].of(row)).as_truth();
                Value::truth(decided(false, above, below))
            }
            Node::Like { of, text, open } => match of.of(row) {
                Value::Text(of) => Value::Truth(if *open { of.starts_with(text) } else { *of == **text }),
                _ => Value::Null,
            },
            Node::Case(cases, other) => {
                let found = cases.iter().find(|(when, _)| when.of(row).as_truth() == Some(true));
                chosen(found, other.as_deref(), row)
            }
            Node::Switch(of, cases, other) => {
                let of = of.of(row);
                let found = cases.iter().find(|(when, _)| of.compare(&when.of(row)) == Some(Ordering::Equal));
                chosen(found, other.as_deref(), row)
            }
            Node::Coalesce(list) => {
                list.iter().map(|node| node.of(row)).find(|value| *value != Value::Null).unwrap_or(Value::Null)
            }
            Node::NullIf(sides) => {
                let of = sides[0].of(row);
                match of.compare(&sides[1].of(row)) {
                    Some(Ordering::Equal) => Value::Null,
                    _ => of,
                }
            }
            Node::Extreme(wanted, list) => {
                let mut values = list.iter().map(|node| node.of(row));
                let first = values.next().unwrap_or(Value::Null);
                values.fold(first, |best, next| match next.compare(&best) {
                    Some(order) if order == *wanted => next,
                    Some(_) => best,
                    None => Value::Null,
                })
            }
            Node::Absolute(of) => match of.of(row) {
                Value::Whole(number) => Value::whole(number.checked_abs()),
                Value::Number(number) => Value::Number(number.abs()),
                _ => Value::Null,
            },
            Node::Rounded(rounding, of) => match of.of(row) {
                Value::Number(number) => Value::whole(rounding.of(number)),
                whole => whole,
            },
            Node::Part(part, of) => match of.of(row) {
                Value::Whole(days) => part.of(days),
                _ => Value::Null,
            },
            Node::DayOf(of) => match of.of(row) {
                Value::Whole(micros) => Value::Whole(micros.div_euclid(day::DAY)),
                _ => Value::Null,
            },
            Node::Bin { of, edges, labels } => {
                let Some(of) = of.of(row).as_number() else { return Value::Null };
                let bin = edges.partition_point(|edge| *edge <= of);
                match labels.get(bin) {
                    Some(label) => Value::Text(Cow::Borrowed(label.as_bytes())),
                    None => Value::whole(i64::try_from(bin).ok()),
                }
            }
            Node::Piece(of, from, many) => match of.of(row) {
                Value::Text(Cow::Borrowed(text)) => Value::Text(Cow::Borrowed(piece(text, *from, *many))),
                Value::Text(text) => Value::Text(Cow::Owned(piece(&text, *from, *many).to_vec())),
                _ => Value::Null,
            },
        }
    }
}

fn pairs(cases: &[(Node, Node)]) -> Vec<&Node> {
    cases.iter().flat_map(|(when, then)| [when, then]).collect()
}

fn chosen<'a>(found: Option<&'a (Node, Node)>, other: Option<&'a Node>, row: &Row<'_, 'a>) -> Value<'a> {
    found.map(|(_, then)| then).or(other).map_or(Value::Null, |then| then.of(row))
}

fn arithmetic<'a>(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Value<'a> {
    match (left, right) {
        (Value::Whole(left), Value::Whole(right)) => Value::whole(match operator {
            Operator::Plus => left.checked_add(*right),
            Operator::Minus => left.checked_sub(*right),
            Operator::Times => left.checked_mul(*right),
            _ => left.checked_rem(*right),
        }),
        (Value::Number(left), Value::Number(right)) => Value::number(match operator {
            Operator::Plus => left + right,
            Operator::Minus => left - right,
            Operator::Times => left * right,
            _ => left / right,
        }),
        _ => Value::Null,
    }
}

fn compared<'a>(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Value<'a> {
    let holds = |order: Ordering| match operator {
        Operator::Equal => order.is_eq(),
        Operator::Unequal => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    };
    Value::truth(left.compare(right).map(holds))
}

/// AND, where `decides` is false, and OR, where it is true: one side that decides is enough, else null is unknown.
fn both<'a>(decides: bool, sides: &'a [Node; 2], row: &Row<'_, 'a>) -> Value<'a> {
    let left = sides[0].of(row).as_truth();
    match left == Some(decides) {
        true => Value::Truth(decides),
        false => Value::truth(decided(decides, left, sides[1].of(row).as_truth())),
    }
}

fn decided(decides: bool, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        _ if left == Some(decides) || right == Some(decides) => Some(decides),
        (Some(_), Some(_)) => Some(!decides),
        _ => None,
    }
}

/// Null where it equals none, and one of them or itself is null.
fn among<'a>(of: &Value<'a>, list: &'a [Node], row: &Row<'_, 'a>) -> Value<'a> {
    let mut unknown = false;
    for item in list {
        match of.compare(&item.of(row)) {
            Some(Ordering::Equal) => return Value::Truth(true),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown { Value::Null } else { Value::Truth(false) }
}

/// Some characters of a text: from one, counted from 0, at most so many.
fn piece(text: &[u8], from: usize, many: usize) -> &[u8] {
    let mut starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80).map(|(at, _)| at);
    let Some(start) = starts.nth(from) else { return &[] };
    match many.checked_sub(1) {
        None => &[],
        Some(rest) => &text[start..starts.nth(rest).unwrap_or(text.len())],
    }
}

impl Rounding {
    pub(crate) fn of(self, number: f64) -> Option<i64> {
        let whole = match self {
            Rounding::Down => number.floor(),
            Rounding::Up => number.ceil(),
            Rounding::Nearest => number.round(),
        };
        // 2^63 is a float; the largest i64 is none.
        (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole).then_some(whole as i64)
    }
}

impl Part {
    pub(crate) fn of<'a>(self, days: i64) -> Value<'a> {
        let Some((year, month, of_month)) = day::parts(days) else { return Value::Null };
        match self {
            Part::Year => Value::Whole(year.into()),
            Part::Quarter => Value::Whole(i64::from(month.div_ceil(3))),
            Part::Month => Value::Whole(month.into()),
            Part::Day => Value::Whole(of_month.into()),
            Part::YearMonth => {
                day::year_month(days).map_or(Value::Null, |text| Value::Text(Cow::Owned(text.into_bytes())))
            }
            Part::MonthStart => Value::whole(days.checked_sub(i64::from(of_month) - 1)),
            Part::YearStart => Value::whole(day::day(&format!("{year:04}"))),
        }
    }
}
