//! What a job is.

use crate::contributions::Contributions;
use crate::grain::Grain;
use crate::totals::Noisy;

/// A job of one round.
pub trait Job {
    /// Says what one grain adds. `state` is empty in the first round.
    ///
    /// # Errors
    /// An error counts as contributing nothing; its text never leaves the lab.
    fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String>;
}

/// A job of several rounds.
pub trait IterativeJob: Job {
    /// Decides after round `round` (from 0) what comes next, from the `state` that round ran with
    /// and its noised totals.
    ///
    /// # Errors
    /// An error ends the run without a result; its charge stays spent, and its text is not passed on.
    fn advance(round: u32, state: &[f64], noisy: &Noisy) -> Result<Verdict, String>;
}

/// What an [`IterativeJob`] decides after a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Run another round with this state.
    Next(Vec<f64>),
    /// Stop, and publish these tables beside the noised totals.
    Done(Vec<Derived>),
}

/// A table computed from noised totals.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// The table's name.
    pub name: String,
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, each as wide as `columns`.
    pub rows: Vec<Vec<f64>>,
}
