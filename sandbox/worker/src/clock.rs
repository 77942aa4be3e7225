//! The clock: slots and release times are read from it.

use unseen_texts::text;

use crate::wall::Wall;

/// Whether something keeps the clock right, as the kernel was told (`adjtimex(2)`). One that nobody keeps
/// may be moved in the middle of a run, and the run's slot with it.
pub fn kept() -> Wall {
    // SAFETY: all zeros are a valid `timex`, and ask for nothing to be changed; the call writes to it alone.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut timex)
    };
    match state {
        -1 => Wall::Partly(
            text!("the kernel does not say whether the clock is kept", "内核没有说明时钟是否有人校准").into(),
        ),
        libc::TIME_ERROR => Wall::Partly(
            text!(
                "nothing keeps the clock: run a time service that slews it, and never set it while a job runs",
                "没有程序校准时钟：请运行平滑校时的时间服务，作业运行期间切勿改动时钟"
            )
            .into(),
        ),
        _ => Wall::Holds,
    }
}
