//! What a guest said before it trapped. For rows that were made up only: the text is made of the grain's.

use unseen_texts::say;
use wasmtime::{Store, WasmCoreDump};

use crate::call::{Failure, Tally};

/// Stands in a guest's memory before the length (4 bytes) and the text of its last panic: `guest-sdk/rust/src/wasm.rs`
/// puts it there.
const MARK: &[u8; 16] = b"\xf5unseen panic v1";
/// As much of a memory is searched: what a module begins with lies at its bottom.
const MOST: usize = 4 << 20;

/// What a failed call means; of an engine that keeps the memories of what trapped, with what the guest said before.
pub(crate) fn of_call(error: &wasmtime::Error, store: &Store<Tally>) -> Failure {
    let failure = Failure::of_call(error, store.data());
    let (Failure::Trap(trap), Some(dump)) = (&failure, error.downcast_ref::<WasmCoreDump>()) else { return failure };
    let trap = trap.clone();
    let trap = match store.data().refused {
        true => say!(
            "it ran out of memory, since it asked for more than `limits.memory` allows; {trap}",
            "内存不足：所需内存超过 `limits.memory`；{trap}"
        ),
        false => trap,
    };
    match dump.memories().iter().find_map(|memory| said(memory.data(store))) {
        Some(said) => Failure::Trap(say!("{trap}; {said}", "{trap}；{said}")),
        None => Failure::Trap(trap),
    }
}

/// What a memory holds of it, in one line; none where nothing was said.
fn said(memory: &[u8]) -> Option<String> {
    let memory = &memory[..memory.len().min(MOST)];
    let start = memory.windows(MARK.len()).position(|bytes| bytes == MARK)? + MARK.len();
    let (length, rest) = memory[start..].split_first_chunk::<4>()?;
    let text = rest.get(..u32::from_le_bytes(*length) as usize).filter(|text| !text.is_empty())?;
    let text = String::from_utf8_lossy(text);
    Some(text.lines().map(str::trim).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_may_hold_anything() {
        let with = |length: u32, text: &str| [b"..", &MARK[..], &length.to_le_bytes(), text.as_bytes()].concat();
        assert_eq!(said(&with(9, "panicked:\nno town")).as_deref(), Some("panicked:"));
        assert_eq!(said(&with(17, "panicked:\nno town")).as_deref(), Some("panicked: no town"));
        assert_eq!(said(&with(4, "城城")).as_deref(), Some("城\u{fffd}"));
        for nothing in [with(0, "x"), with(2, "x"), with(u32::MAX, "x"), MARK[..].to_vec(), Vec::new()] {
            assert_eq!(said(&nothing), None);
        }
    }
}
