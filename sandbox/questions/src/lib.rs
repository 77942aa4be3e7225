//! Questions without code: expressions over the columns of a grain, and SQL in front of them.
//!
//! A job with `module = "ready-made:sum"` may say in `[ready-made]` which rows count and what is made of their
//! columns ([`Program`]). An expression is SQL's: arithmetic, comparison, `CASE`, `COALESCE`, dates, bins. It looks
//! at one row, or with `total(...)` at the rows of one unit; whatever it gives is clamped like any other
//! contribution, so nothing here has to be believed for privacy. Whatever the rows, it gives a value or null: no
//! panic, no NaN, in a time that the length of the text bounds. So it is with models ([`Model`]), which compute
//! quantiles, ranks, regressions and centres of clusters from noised totals.
//!
//! Pure: no I/O, no clock, no randomness.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod ask;
mod day;
mod draft;
mod expect;
mod fault;
mod fit;
mod functions;
mod model;
mod models_in_sql;
mod node;
mod parser;
mod program;
mod reach;
mod select;
mod stray;
mod suggest;
mod syntax;
mod tables;
mod token;
mod typed;
mod value;

pub use ask::{Wish, ask};
pub use draft::{Draft, Heading, Ratio, Value as Planned};
pub use expect::{Expected, Size, Target};
pub use fault::Fault;
pub use fit::{Fit, fit, fitted};
pub use model::{Model, Step, columns};
pub use program::Program;
pub use reach::{Known, Reach};
pub use suggest::{Measure, Suggestion, suggest};
pub use tables::Catalogue;
pub use value::{Type, Value};
