//! The JSON that is signed or digested: one value, one sequence of bytes.
//!
//! It is RFC 8785 (JSON Canonicalization Scheme) except for numbers: no blanks, the members of an object
//! in the order of their names' UTF-16 code units, text escaped only where JSON requires it. Numbers
//! keep what RFC 8785 would lose or would lay out as ECMAScript does:
//!
//! - whole numbers of 64 bits are written exactly, in decimal, past 2^53 too;
//! - other numbers are doubles, written with the fewest digits that read back as the same double: from
//!   1e-5 to below 1e16 plainly and with a point (`1.0`, `0.00125`), else as `1e-6`, `1.25e+16`;
//! - NaN and the infinities have no form, and are an error.
//!
//! Nothing here leans on the order of `serde_json`'s maps or on how it writes numbers and text: another
//! crate of the build may switch on `preserve_order` or `arbitrary_precision` and change both.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Number, Value};
use unseen_texts::Say;

/// Why a value has no canonical form.
#[derive(Debug, Say)]
#[code("canonical")]
#[en("the value has no canonical JSON: {0}")]
#[zh("该值没有规范的 JSON 形式：{0}")]
pub struct NoCanonicalForm(String);

impl std::error::Error for NoCanonicalForm {}

/// The canonical JSON of anything that serde can write as JSON. A double that is NaN or infinite is
/// `null` to `serde_json`; whoever may have one gives it a form of its own before.
pub fn to_vec(value: &impl Serialize) -> Result<Vec<u8>, NoCanonicalForm> {
    let value = serde_json::to_value(value).map_err(|error| NoCanonicalForm(error.to_string()))?;
    let mut text = String::new();
    write_value(&value, &mut text)?;
    Ok(text.into_bytes())
}

/// As [`to_vec`], but with the members of every object in the order in which the type declares its fields:
/// for documents of a fixed type that were written so from the beginning. The type may hold no
/// [`serde_json::Value`], whose order is nobody's.
pub fn to_vec_as_declared(value: &impl Serialize) -> Result<Vec<u8>, NoCanonicalForm> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, OwnNumbers);
    value.serialize(&mut serializer).map_err(|error| NoCanonicalForm(error.to_string()))?;
    Ok(bytes)
}

/// Without blanks, doubles in their one form. How text is escaped is the same in all versions of
/// `serde_json`, and in the test below.
struct OwnNumbers;

impl Formatter for OwnNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, double: f64) -> io::Result<()> {
        let mut text = String::new();
        write_double(double, &mut text);
        writer.write_all(text.as_bytes())
    }
}

fn write_value(value: &Value, out: &mut String) -> Result<(), NoCanonicalForm> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write_value(member, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn write_number(number: &Number, out: &mut String) -> Result<(), NoCanonicalForm> {
    let whole = number.as_i64().map(|number| number.to_string());
    if let Some(whole) = whole.or_else(|| number.as_u64().map(|number| number.to_string())) {
        out.push_str(&whole);
        return Ok(());
    }
    match number.as_f64() {
        Some(double) if double.is_finite() => {
            write_double(double, out);
            Ok(())
        }
        _ => Err(NoCanonicalForm(format!("{number} is not a number of 64 bits"))),
    }
}

fn write_double(double: f64, out: &mut String) {
    let scientific = fewest_digits(double);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    out.push_str(sign);
    let bare = digits.replace('.', "");
    match usize::try_from(exponent) {
        Ok(exponent) if exponent >= 16 => out.push_str(&format!("{digits}e+{exponent}")),
        Ok(exponent) => {
            let (whole, rest) = bare.split_at((exponent + 1).min(bare.len()));
            let zeros = "0".repeat(exponent + 1 - whole.len());
            out.push_str(&format!("{whole}{zeros}.{}", if rest.is_empty() { "0" } else { rest }));
        }
        Err(_) if exponent < -5 => out.push_str(&format!("{digits}e{exponent}")),
        Err(_) => out.push_str(&format!("0.{}{bare}", "0".repeat(exponent.unsigned_abs() as usize - 1))),
    }
}

/// `d.ddde-x` with the fewest digits that read back; of several the nearest, of two as near the even one,
/// as ECMAScript and Python choose. Rust's `{:e}` finds how many; a tie it rounds up.
fn fewest_digits(double: f64) -> String {
    let shortest = format!("{double:e}");
    let decimals =
        shortest.split('e').next().and_then(|digits| digits.split_once('.')).map_or(0, |(_, after)| after.len());
    let even = format!("{double:.decimals$e}");
    if even.parse() == Ok(double) { even } else { shortest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(value: &impl Serialize) -> String {
        String::from_utf8(to_vec(value).unwrap()).unwrap()
    }

    /// RFC 8785, sections 3.2.2 (without the numbers) and 3.2.3.
    #[test]
    fn the_vectors_of_the_rfc() {
        let value: Value = serde_json::from_str(
            r#"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
        )
        .unwrap();
        assert_eq!(text(&value), r#"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#);
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let sorted = concat!(
            r#"{"\r":"Carriage Return","1":"One",""#,
            "\u{80}",
            r#"":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","#,
            r#""😀":"Emoji: Grinning Face",""#,
            "\u{fb33}",
            r#"":"Hebrew Letter Dalet With Dagesh"}"#
        );
        assert_eq!(text(&value), sorted);
    }

    #[test]
    fn a_fixed_type_may_keep_the_order_of_its_fields() {
        #[derive(Serialize)]
        struct Declared {
            zebra: f64,
            ape: &'static str,
        }
        let declared = Declared { zebra: 1e16, ape: "\u{0}\u{8}\t\n\u{c}\r\u{1f} \"\\/\u{7f}\u{2028}€😀" };
        let ape = "\\u0000\\b\\t\\n\\f\\r\\u001f \\\"\\\\/\u{7f}\u{2028}€😀";
        let in_order = String::from_utf8(to_vec_as_declared(&declared).unwrap()).unwrap();
        assert_eq!(in_order, format!(r#"{{"zebra":1e+16,"ape":"{ape}"}}"#));
        assert_eq!(text(&declared), format!(r#"{{"ape":"{ape}","zebra":1e+16}}"#));
    }

    #[test]
    fn numbers_have_one_form() {
        for (number, form) in [
            (json!(0), "0"),
            (json!(-1), "-1"),
            (json!(9_007_199_254_740_993_u64), "9007199254740993"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
            (json!(0.0), "0.0"),
            (json!(-0.0), "-0.0"),
            (json!(1.0), "1.0"),
            (json!(1e-6), "1e-6"),
            (json!(1e-5), "0.00001"),
            (json!(0.00125), "0.00125"),
            (json!(333_333_333.333_333_3), "333333333.3333333"),
            (json!(-1_721_110_679_977_293.3), "-1721110679977293.2"),
            (json!(1e15), "1000000000000000.0"),
            (json!(1e16), "1e+16"),
            (json!(1.25e16), "1.25e+16"),
            (json!(-1.5e300), "-1.5e+300"),
            (json!(5e-324), "5e-324"),
            (json!(f64::MAX), "1.7976931348623157e+308"),
        ] {
            assert_eq!(text(&number), form);
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_is_written_the_same(value in values()) {
            let once = text(&value);
            let read: Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(text(&read), once);
        }

        /// Entries signed before this module was written had serde_json's form, with maps in order of
        /// their names' bytes: the same for every name that has ever been in one.
        #[test]
        fn doubles_are_written_as_ever(double in any::<f64>().prop_filter("finite", |d| d.is_finite())) {
            prop_assert_eq!(text(&double), serde_json::to_string(&double).unwrap());
        }
    }
}
