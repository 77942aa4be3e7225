//! What crosses the wall: the types of `guest-sdk/wit/job.wit`, borrowed on the way in.

use wasmtime::component::{ComponentType, Lift, Lower};

/// The rows one grain has in one input.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct Table<'a> {
    /// Number of rows.
    #[component(name = "rows")]
    pub rows: u32,
    /// The columns, in the order of the manifest; each has `rows` cells.
    #[component(name = "columns")]
    pub columns: &'a [Column<'a>],
}

/// One column of a [`Table`].
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct Column<'a> {
    /// The cells, one per row.
    #[component(name = "cells")]
    pub cells: Cells<'a>,
    /// One byte a row, 0 for a null; empty when no cell is null.
    #[component(name = "validity")]
    pub validity: &'a [u8],
}

/// The cells of one column. A null cell holds 0 or the empty text.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(variant)]
pub enum Cells<'a> {
    /// Integers, dates (days since 1970-01-01), timestamps (microseconds), scaled decimals.
    #[component(name = "ints")]
    Ints(&'a [i64]),
    /// Floating-point numbers.
    #[component(name = "floats")]
    Floats(&'a [f64]),
    /// One byte a row, 0 or 1.
    #[component(name = "bools")]
    Bools(&'a [u8]),
    /// Cell `i` is `bytes[offsets[i]..offsets[i + 1]]`.
    #[component(name = "texts")]
    Texts(Texts<'a>),
}

impl<'a> Cells<'a> {
    /// Text cells from `offsets` (one more than rows, starting at 0) into `bytes` (UTF-8).
    pub fn texts(offsets: &'a [u32], bytes: &'a [u8]) -> Self {
        Cells::Texts(Texts { offsets, bytes })
    }
}

/// Text cells: offsets into one run of bytes.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct Texts<'a> {
    /// One more than there are rows, starting at 0, never falling.
    #[component(name = "offsets")]
    pub offsets: &'a [u32],
    /// The UTF-8 bytes of all cells.
    #[component(name = "bytes")]
    pub bytes: &'a [u8],
}

/// One coordinate of a group, as the guest named it: nothing is known about it yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(variant)]
pub enum Key {
    /// A whole number.
    #[component(name = "int")]
    Int(i64),
    /// A text.
    #[component(name = "text")]
    Text(String),
}

/// What a guest says one grain adds to one group: raw, not clamped, possibly NaN.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
pub struct Contribution {
    /// Index of the output; may be out of range.
    #[component(name = "output")]
    pub output: u32,
    /// The group's keys; any number of them.
    #[component(name = "group")]
    pub group: Vec<Key>,
    /// The values; any number of them.
    #[component(name = "values")]
    pub values: Vec<f64>,
}

/// The noised totals of one output: a row for each group, in domain order.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct Totals<'a> {
    /// The output's name.
    #[component(name = "output")]
    pub output: &'a str,
    /// Its group columns.
    #[component(name = "groups")]
    pub groups: &'a [GroupColumn<'a>],
    /// Its values.
    #[component(name = "values")]
    pub values: &'a [ValueColumn<'a>],
}

/// One group column of [`Totals`].
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct GroupColumn<'a> {
    /// Its name.
    #[component(name = "name")]
    pub name: &'a str,
    /// One key for each group: integers or texts.
    #[component(name = "keys")]
    pub keys: Cells<'a>,
}

/// One value of [`Totals`].
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct ValueColumn<'a> {
    /// Its name.
    #[component(name = "name")]
    pub name: &'a str,
    /// One noised total for each group.
    #[component(name = "totals")]
    pub totals: &'a [f64],
}

/// What `advance` decided.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(variant)]
pub enum Verdict {
    /// Run another round with this state.
    #[component(name = "next")]
    Next(Vec<f64>),
    /// Stop, and publish these tables beside the noised totals.
    #[component(name = "done")]
    Done(Vec<Derived>),
}

/// A table computed from noised totals.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
pub struct Derived {
    /// The table's name.
    #[component(name = "name")]
    pub name: String,
    /// The columns' names.
    #[component(name = "columns")]
    pub columns: Vec<String>,
    /// The rows; not checked to be as wide as `columns`.
    #[component(name = "rows")]
    pub rows: Vec<Vec<f64>>,
}
