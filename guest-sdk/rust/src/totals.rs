//! Noised totals, as `advance` sees them.

use crate::contributions::KeyRef;
use crate::grain::Cells;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::Sums;

/// The noised totals of every output.
#[derive(Clone, Copy)]
pub struct Noisy<'a>(pub(crate) Source<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// What the host shows. Nobody else makes one.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    Host(&'a [Totals<'a>]),
    /// What a test added up.
    #[cfg(not(target_arch = "wasm32"))]
    Test(&'a Sums),
}

/// The noised totals of one output: a row for each group of its declared domain, in that order.
pub(crate) struct Totals<'a> {
    pub(crate) output: &'a str,
    pub(crate) keys: Vec<Cells<'a>>,
    pub(crate) values: Vec<&'a [f64]>,
}

/// One group's row of totals, readable as the struct that `src/shape.rs` has for the output.
pub trait FromTotals<'a> {
    /// The output's name.
    const OUTPUT: &'static str;
    /// The output's place in `job.toml`.
    const PLACE: u32;

    /// From the keys and numbers of one group.
    fn from_group(group: &Group<'_, 'a>) -> Self;
}

/// The keys and numbers of one group.
pub struct Group<'f, 'a> {
    pub(crate) key: &'f dyn Fn(usize) -> Option<KeyRef<'a>>,
    pub(crate) value: &'f dyn Fn(usize) -> Option<f64>,
}

impl<'a> Noisy<'a> {
    /// Every group of one output: all of its declared domain, in that order; in a test those to which
    /// something was added. `src/shape.rs` has this as `of` on each output's struct.
    pub fn groups<T: FromTotals<'a>>(&self) -> Vec<T> {
        match self.0 {
            Source::Host(outputs) => {
                let Some(totals) = outputs.iter().find(|totals| totals.output == T::OUTPUT) else { return Vec::new() };
                let rows = totals.values.first().map_or(0, |values| values.len());
                let group = |row| {
                    let key = |place: usize| totals.keys.get(place).and_then(|keys| keys.key(row));
                    let value = |place: usize| totals.values.get(place).and_then(|values| values.get(row)).copied();
                    T::from_group(&Group { key: &key, value: &value })
                };
                (0..rows).map(group).collect()
            }
            #[cfg(not(target_arch = "wasm32"))]
            Source::Test(sums) => sums.of(),
        }
    }
}

impl<'a> Group<'_, 'a> {
    /// The key in the group column at a place.
    pub fn key(&self, place: usize) -> KeyRef<'a> {
        (self.key)(place).unwrap_or(KeyRef::Text(""))
    }

    /// The total of the value at a place.
    pub fn value(&self, place: usize) -> f64 {
        (self.value)(place).unwrap_or(0.0)
    }
}
