//! Codes with a check digit as a file shows them: in one form, or in several that `normalize` would bring into one.

use crate::cell;
use crate::description::{Check, Form, Step};

/// What the cells of a column are, for all that was seen of them.
pub(super) struct Codes {
    cells: u64,
    kinds: [Kind; 2],
}

/// One kind of code.
struct Kind {
    check: Check,
    /// Every way of writing it that can be undone.
    form: Form,
    /// Cells that are one, in some way of writing it.
    found: u64,
    /// Steps that brought a cell into its form.
    steps: Vec<Step>,
}

impl Default for Codes {
    fn default() -> Codes {
        let kind = |check, form: &[Step]| Kind { check, form: Form::new(form.to_vec()), found: 0, steps: Vec::new() };
        let written = &Step::ALL[..4];
        Codes { cells: 0, kinds: [kind(Check::Uscc, written), kind(Check::ResidentId, &Step::ALL)] }
    }
}

impl Codes {
    pub(super) fn see(&mut self, cell: &str) {
        self.cells += 1;
        // No code is shorter.
        if cell.len() >= 15 {
            self.kinds.iter_mut().for_each(|kind| kind.see(cell));
        }
    }

    /// The check that all of them pass, in one form.
    pub(super) fn check(&self) -> Option<Check> {
        self.likely().filter(|kind| kind.found == self.cells).map(|kind| kind.check.clone())
    }

    /// The form that brings together what is written in several ways; of no steps where all is well.
    pub(super) fn form(&self) -> Form {
        Form::new(self.likely().map(|kind| kind.steps.clone()).unwrap_or_default())
    }

    /// Whether they are codes.
    pub(super) fn are_codes(&self) -> bool {
        self.likely().is_some()
    }

    /// The kind that they are, as nine in ten tell: the others may be mistyped.
    fn likely(&self) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.found > 0 && kind.found * 10 >= self.cells * 9)
    }
}

impl Kind {
    fn see(&mut self, cell: &str) {
        if !cell::passes(&self.form.apply(cell), &self.check) {
            return;
        }
        self.found += 1;
        let mut text = cell.to_owned();
        for &step in self.form.steps() {
            let next = Form::new([step]).apply(&text).into_owned();
            if next != text && !self.steps.contains(&step) {
                self.steps.push(step);
            }
            text = next;
        }
    }
}
