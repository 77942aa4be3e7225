//! The errors of this crate, said in English to everybody until each has its Chinese.

use unseen_texts::{Lang, Message, Say};

use crate::cell::Reason;
use crate::description::DescriptionError;
use crate::import::ImportError;
use crate::keys::KeyError;
use crate::reference::LookupError;
use crate::scan::ScanError;
use crate::snapshot::SnapshotError;

macro_rules! in_english {
    ($($type:ty = $code:literal),+ $(,)?) => { $(
        impl Say for $type {
            fn say(&self, _: Lang, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, out)
            }
        }
        impl Message for $type {
            fn code(&self) -> &'static str {
                $code
            }
            fn data(&self) -> unseen_texts::Value {
                unseen_texts::Value::Null
            }
        }
    )+ };
}

in_english!(
    LookupError = "lookup",
    Reason = "cell",
    DescriptionError = "description",
    ImportError = "import",
    KeyError = "data-key",
    ScanError = "scan",
    SnapshotError = "snapshot",
);
