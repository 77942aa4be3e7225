//! The clock: slots and release times are read from it.

use crate::jail::Wall;

/// Whether something keeps the clock right, as the kernel was told (`adjtimex(2)`). One that nobody keeps
/// may be moved in the middle of a run, and the run's slot with it.
pub fn kept() -> Wall {
    // SAFETY: all zeros are a valid `timex`, and ask for nothing to be changed; the call writes to it alone.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut timex)
    };
    match state {
        -1 => Wall::Partly("the kernel does not say whether the clock is kept".to_owned()),
        libc::TIME_ERROR => Wall::Partly(
            "nothing keeps the clock: run a time service that slews it, and never set it while a job runs".to_owned(),
        ),
        _ => Wall::Holds,
    }
}
