//! What a grain says it adds.

/// Collects what one grain adds to which groups.
#[derive(Debug, Default)]
pub struct Contributions {
    pub(crate) items: Vec<Contribution>,
}

impl Contributions {
    /// Adds `values` to a group of output number `output` (the order of the manifest's
    /// `[[output]]`): one number for each of its values, in order, and one key for each of its
    /// group columns.
    ///
    /// ```
    /// # let mut out = unseen_guest::Contributions::default();
    /// out.add(0, "AA", [1.0]);               // grouped by one text
    /// out.add(1, ("AA", 7), [1.0, 30.5]);    // by a text and a number; two values
    /// out.add(2, (), [1.0]);                 // no group columns
    /// ```
    ///
    /// The lab clamps each value to its declared bounds, drops groups outside the declared domain
    /// and those past `max_groups_per_unit` (the first named stay); what is added to one group
    /// several times is summed up first.
    pub fn add(&mut self, output: u32, group: impl Group, values: impl Into<Vec<f64>>) {
        self.items.push(Contribution { output, group: group.keys(), values: values.into() });
    }

    /// What was added so far, in order.
    pub fn items(&self) -> &[Contribution] {
        &self.items
    }
}

/// One call of [`Contributions::add`].
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// Index of the output.
    pub output: u32,
    /// One key for each of the output's group columns.
    pub group: Vec<Key>,
    /// One number for each of the output's values.
    pub values: Vec<f64>,
}

/// One coordinate of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
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
        impl Group for $integer {
            fn keys(self) -> Vec<Key> {
                vec![self.into()]
            }
        }
    )*};
}
from_integers!(i8 i16 i32 i64 u8 u16 u32 bool);

/// What names a group: a key, or a tuple of keys, or a vector of them.
pub trait Group {
    /// One key for each of the output's group columns.
    fn keys(self) -> Vec<Key>;
}

impl Group for () {
    fn keys(self) -> Vec<Key> {
        Vec::new()
    }
}

impl Group for &str {
    fn keys(self) -> Vec<Key> {
        vec![self.into()]
    }
}

impl Group for String {
    fn keys(self) -> Vec<Key> {
        vec![self.into()]
    }
}

impl Group for Key {
    fn keys(self) -> Vec<Key> {
        vec![self]
    }
}

impl Group for Vec<Key> {
    fn keys(self) -> Vec<Key> {
        self
    }
}

macro_rules! tuple_groups {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Into<Key>),+> Group for ($($name,)+) {
            #[allow(non_snake_case)]
            fn keys(self) -> Vec<Key> {
                let ($($name,)+) = self;
                vec![$($name.into()),+]
            }
        }
    )*};
}
tuple_groups!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F));
