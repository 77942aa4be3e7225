//! JSON that every reader reads in the same way.

use std::borrow::Cow;

use unseen_texts::{Sentence, say};

/// Refuses JSON with an object that has a member twice: some readers take the first, some the last, and so two
/// people could see two things in what one has signed (RFC 8259, section 4). Whether it is JSON at all was found
/// out before: of what is none, this says nothing.
pub fn no_member_twice(json: &[u8]) -> Result<(), Sentence> {
    // The names in all objects that have begun and not ended, and how many there were before each.
    let (mut names, mut objects, mut rest) = (Vec::new(), Vec::new(), json);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'{' => objects.push(names.len()),
            b'}' => {
                let before = objects.pop().unwrap_or(0);
                names[before..].sort_unstable();
                if let Some([name, _]) = names[before..].array_windows().find(|[one, next]| one == next) {
                    return Err(say!("the member `{name}` is there twice", "成员 `{name}` 出现了两次"));
                }
                names.truncate(before);
            }
            b'"' => {
                let text;
                (text, rest) = split_text(rest);
                if rest.trim_ascii_start().starts_with(b":") {
                    names.push(unescaped(text));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What stands before the quotation mark that ends a text, and behind it.
fn split_text(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    rest.iter().position(ends).map_or((rest, &[]), |end| (&rest[..end], &rest[end + 1..]))
}

/// A name as it is meant.
fn unescaped(name: &[u8]) -> Cow<'_, str> {
    let plain = String::from_utf8_lossy(name);
    if !plain.contains('\\') {
        return plain;
    }
    serde_json::from_str(&format!("\"{plain}\"")).map_or(plain, Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn members_are_counted_object_by_object() {
        for good in [
            "{}",
            "1",
            r#"{"a":{"a":[{"a":null},{"a":-1.5}]},"b":true}"#,
            r#"["a","a",18446744073709551615]"#,
            r#"{"a":"\",\"a\":","\\a":"}{","":{"":"a"},"b" : ["a","a"]}"#,
        ] {
            assert_eq!(no_member_twice(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in [
            r#"{"a":1,"b":2,"a":1}"#,
            r#"[{"x":[{"a":1,"a":2}]}]"#,
            r#"{"a":1,"\u0061":2}"#,
            "{\"a\" :{\"b\":\"a\"},\n\t\"a\"\r: 2}",
            r#"{"a":"\\","a":"{\"}"}"#,
        ] {
            assert!(
                no_member_twice(bad.as_bytes()).unwrap_err().to_string().starts_with("the member `a` is there twice"),
                "{bad}"
            );
        }
    }
    fn values() -> impl Strategy<Value = Value> {
        let text = || proptest::string::string_regex(r#"[\[\]{}":,\\a\n 市]{0,3}"#).unwrap();
        let leaf = prop_oneof![any::<i64>().prop_map(Value::from), text().prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Writes a value with blanks, and one of its members, the `twice`-th of all, once more with its name spelt
    /// otherwise: the last written of its object.
    fn spell(value: &Value, twice: &mut usize) -> String {
        match value {
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| spell(item, twice)).collect();
                format!("[ {} ]", items.join(","))
            }
            Value::Object(members) => {
                let (mut written, mut again) = (Vec::new(), None);
                for (name, member) in members {
                    written.push(format!("{}\t: {}", Value::from(name.as_str()), spell(member, twice)));
                    *twice = twice.wrapping_sub(1);
                    if *twice == usize::MAX {
                        let name: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                        again = Some(format!("\"{name}\":0"));
                    }
                }
                written.extend(again);
                format!("{{{}}}", written.join(" ,"))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn a_member_twice_is_found_anywhere(value in values(), which in 0usize..12) {
            let mut twice = usize::MAX - 1;
            let once = spell(&value, &mut twice);
            let members = usize::MAX - 1 - twice;
            prop_assert_eq!(serde_json::from_str::<Value>(&once).unwrap(), value.clone());
            prop_assert_eq!(no_member_twice(once.as_bytes()), Ok(()));
            let text = spell(&value, &mut { which });
            prop_assert_eq!(no_member_twice(text.as_bytes()).is_err(), which < members, "{}", text);
        }
    }
}
