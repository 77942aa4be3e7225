//! What an expression gives, for one row: types, and values of them.

use std::borrow::Cow;
use std::cmp::Ordering;

use unseen_data::description::ColumnType;
use unseen_ids::Key;
use unseen_texts::{Text, text};

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Whole numbers.
    Whole,
    /// Numbers; decimals are that too, in their own unit.
    Number,
    /// True or false.
    Truth,
    /// Texts.
    Text,
    /// Days.
    Day,
    /// Moments.
    Moment,
    /// Nothing but null.
    Null,
}

/// A value. Days are counted from 1970-01-01, moments in microseconds from its beginning in UTC.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// A whole number, a day or a moment.
    Whole(i64),
    /// A finite number.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// UTF-8, compared byte by byte.
    Text(Cow<'a, [u8]>),
}

impl Type {
    /// Of the cells of a column.
    pub fn of(kind: &ColumnType) -> Type {
        match kind {
            ColumnType::Int => Type::Whole,
            ColumnType::Float | ColumnType::Decimal { .. } => Type::Number,
            ColumnType::Bool => Type::Truth,
            ColumnType::Text => Type::Text,
            ColumnType::Date { .. } => Type::Day,
            ColumnType::Timestamp { .. } => Type::Moment,
        }
    }

    /// What people call it.
    pub fn word(self) -> Text {
        match self {
            Type::Whole => text!("whole numbers", "整数"),
            Type::Number => text!("numbers", "数"),
            Type::Truth => text!("true and false", "真假值"),
            Type::Text => text!("texts", "文本"),
            Type::Day => text!("dates", "日期"),
            Type::Moment => text!("timestamps", "时间"),
            Type::Null => text!("nothing but null", "空值"),
        }
    }

    /// Whether one may compute with it.
    pub fn is_numeric(self) -> bool {
        matches!(self, Type::Whole | Type::Number | Type::Null)
    }

    /// The type that holds values of both; none where there is none.
    pub(crate) fn with(self, other: Type) -> Option<Type> {
        match (self, other) {
            (one, other) if one == other => Some(one),
            (Type::Null, other) | (other, Type::Null) => Some(other),
            (Type::Whole, Type::Number) | (Type::Number, Type::Whole) => Some(Type::Number),
            _ => None,
        }
    }
}

impl<'a> Value<'a> {
    /// A number, or null where it is none: an overflow, a quotient by zero.
    pub(crate) fn number(number: f64) -> Value<'a> {
        match number.is_finite() {
            true => Value::Number(number),
            false => Value::Null,
        }
    }

    pub(crate) fn whole(number: Option<i64>) -> Value<'a> {
        number.map_or(Value::Null, Value::Whole)
    }

    pub(crate) fn truth(truth: Option<bool>) -> Value<'a> {
        truth.map_or(Value::Null, Value::Truth)
    }

    /// As a number; true is 1. None of null and of texts.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Whole(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            Value::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Value::Null | Value::Text(_) => None,
        }
    }

    pub(crate) fn as_truth(&self) -> Option<bool> {
        match self {
            Value::Truth(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The key that it names; none of null and of numbers that are not whole by their type.
    pub fn key(&self) -> Option<Key> {
        match self {
            Value::Whole(number) => Some(Key::Int(*number)),
            Value::Truth(truth) => Some(Key::Int(i64::from(*truth))),
            Value::Text(text) => Some(Key::Text(String::from_utf8_lossy(text).into_owned())),
            Value::Null | Value::Number(_) => None,
        }
    }

    /// Which is greater; none where one is null.
    pub(crate) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Whole(one), Value::Whole(other)) => Some(one.cmp(other)),
            (Value::Truth(one), Value::Truth(other)) => Some(one.cmp(other)),
            (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
            (Value::Whole(_) | Value::Number(_), Value::Whole(_) | Value::Number(_)) => {
                self.as_number()?.partial_cmp(&other.as_number()?)
            }
            _ => None,
        }
    }
}
