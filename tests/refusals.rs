//! What the lab refuses, and how it says so.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::*;

#[test]
fn approvals_that_do_not_count() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    assert_eq!(lab.refuses(&["job", "approve", &job, "--key", "keys/analyst.pem"]), "");
}
