//! What a grain says it adds.

/// Collects what one grain adds to which groups.
#[derive(Debug, Default)]
pub struct Contributions {
    pub(crate) items: Vec<Contribution>,
}

impl Contributions {
    /// Adds values to one group of an output: `out.add(Hours { education, persons: 1.0, hours })`, a struct that
    /// `src/shape.rs` has for each output.
    ///
    /// The lab clamps each value to its declared bounds, drops groups outside the declared domain
    /// and those past `max_groups_per_unit` (the first named stay); what is added to one group
    /// several times is summed up first.
    pub fn add(&mut self, item: impl Output) {
        self.items.push(item.into_contribution());
    }
}

/// One group of one output, with a number for each of its values. Implemented by `src/shape.rs`.
pub trait Output {
    /// By place, as it goes to the host.
    fn into_contribution(self) -> Contribution;
}

/// What a grain adds to one group, by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// Place of the output.
    pub output: u32,
    /// One key for each of the output's group columns.
    pub group: Vec<Key>,
    /// One number for each of the output's values.
    pub values: Vec<f64>,
}

/// For code without a `src/shape.rs`, which counts places itself.
impl Output for Contribution {
    fn into_contribution(self) -> Contribution {
        self
    }
}

/// One coordinate of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

/// A [`Key`] that is read where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRef<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl Key {
    /// The same, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Key::Int(number) => KeyRef::Int(*number),
            Key::Text(text) => KeyRef::Text(text),
        }
    }
}

impl std::fmt::Display for KeyRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeyRef::Int(number) => number.fmt(f),
            KeyRef::Text(text) => text.fmt(f),
        }
    }
}

impl From<KeyRef<'_>> for Key {
    fn from(key: KeyRef<'_>) -> Self {
        match key {
            KeyRef::Int(number) => Key::Int(number),
            KeyRef::Text(text) => Key::Text(text.to_owned()),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key::Text(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key::Text(text)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Key {
            fn from(number: $integer) -> Self {
                Key::Int(i64::from(number))
            }
        }
    )*};
}
from_integers!(i8 i16 i32 i64 u8 u16 u32 bool);
