//! The decoder of Parquet panics over some pages that lie.

use std::panic::{AssertUnwindSafe, catch_unwind};

use unseen_texts::{Text, text};

/// Decodes; a panic is an error, which `lies` makes of what is said of it.
pub(crate) fn guarded<T, E>(read: impl FnOnce() -> Result<T, E>, lies: impl FnOnce(Text) -> E) -> Result<T, E> {
    let decoded = catch_unwind(AssertUnwindSafe(read));
    decoded.unwrap_or_else(|_| Err(lies(text!("its pages do not decode", "数据页无法解码"))))
}
