//! One target under libFuzzer: the one that `UNSEEN_FUZZ_TARGET` names.
#![no_main]
#![allow(missing_docs)]

use std::sync::OnceLock;

use unseen_fuzz::{TARGETS, Target};

static TARGET: OnceLock<&Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        // The fuzzer's own hook ends the process at panics that a parser catches, too.
        drop(std::panic::take_hook());
        let name = std::env::var("UNSEEN_FUZZ_TARGET").unwrap_or_default();
        TARGETS.iter().find(|target| target.name == name).expect("UNSEEN_FUZZ_TARGET names no target")
    });
    (target.run)(data);
});
