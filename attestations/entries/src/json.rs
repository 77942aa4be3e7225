//! JSON that every reader reads in the same way.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use unseen_texts::Sentence;

/// Refuses a document with an object that has a member twice: some readers take the first, some the
/// last, and so two people could see two things in what one has signed (RFC 8259, section 4).
pub fn no_member_twice(json: &[u8]) -> Result<(), Sentence> {
    serde_json::from_slice::<Unique>(json).map(drop).map_err(|error| Sentence::of(&error))
}

struct Unique;

/// A member's name, where it stands unless it has escapes.
#[derive(serde::Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unique, D::Error> {
        deserializer.deserialize_any(Unique)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unique, A::Error> {
        while let Some(Unique) = seq.next_element()? {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((Name(name), Unique)) = map.next_entry()? {
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format_args!("the member `{name}` is there twice")));
            }
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_counted_object_by_object() {
        for good in ["{}", "1", r#"{"a":{"a":[{"a":null},{"a":-1.5}]},"b":true}"#, r#"["a","a",18446744073709551615]"#]
        {
            assert_eq!(no_member_twice(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in [r#"{"a":1,"b":2,"a":1}"#, r#"[{"x":[{"a":1,"a":2}]}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(
                no_member_twice(bad.as_bytes()).unwrap_err().to_string().starts_with("the member `a` is there twice"),
                "{bad}"
            );
        }
    }
}
