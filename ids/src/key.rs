//! One coordinate of a group, or one value of a public column.

use std::fmt;

use serde::{Deserialize, Serialize};
use unseen_texts::said_as_written;

/// A whole number or a text; in JSON a number or a string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A whole number.
    Int(i64),
    /// A text, compared byte by byte.
    Text(String),
}

said_as_written!(Key);

/// A borrowed [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRef<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl Key {
    /// The same key, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Key::Int(number) => KeyRef::Int(*number),
            Key::Text(text) => KeyRef::Text(text),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Int(number) => f.pad(&number.to_string()),
            Key::Text(text) => f.pad(text),
        }
    }
}
