//! What was answered, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

/// Upper bounds of the times that answers are counted in, in seconds.
pub(crate) const BOUNDS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By the first digit of the status.
    answered: [AtomicU64; 6],
    /// As many as took at most each of [`BOUNDS`], and the rest.
    took: [AtomicU64; BOUNDS.len() + 1],
    /// Microseconds of all of them.
    sum: AtomicU64,
}

impl Counters {
    /// Counts an answer.
    pub fn count(&self, status: StatusCode, took: Duration) {
        self.answered[usize::from(status.as_u16() / 100).min(5)].fetch_add(1, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let at = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.took[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
    }

    /// Answers by the class of their status.
    pub fn classes(&self) -> [(&'static str, u64); 5] {
        let classes = [(1, "1xx"), (2, "2xx"), (3, "3xx"), (4, "4xx"), (5, "5xx")];
        classes.map(|(class, name)| (name, self.answered[class].load(Ordering::Relaxed)))
    }

    /// How long answers took, as the lines of a histogram.
    pub fn histogram(&self) -> Vec<(String, String)> {
        let (mut all, mut lines) = (0, Vec::new());
        for (at, number) in self.took.iter().enumerate() {
            all += number.load(Ordering::Relaxed);
            let bound = BOUNDS.get(at).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
            lines.push((format!("_bucket{{le=\"{bound}\"}}"), all.to_string()));
        }
        lines.push(("_sum".to_owned(), format!("{:.6}", self.sum.load(Ordering::Relaxed) as f64 / 1e6)));
        lines.push(("_count".to_owned(), all.to_string()));
        lines
    }
}
