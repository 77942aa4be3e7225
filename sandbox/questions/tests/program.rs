//! What expressions give: by examples, and against a reference that is written another way.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::borrow::Cow;

use proptest::prelude::*;
use unseen_data::description::ColumnType;
use unseen_policies::Manifest;
use unseen_questions::{Program, Type, Value};

fn columns() -> Vec<(&'static str, ColumnType)> {
    vec![
        ("a", ColumnType::Int),
        ("b", ColumnType::Int),
        ("x", ColumnType::Float),
        ("y", ColumnType::Float),
        ("tax", ColumnType::Decimal { scale: 2 }),
        ("big", ColumnType::Bool),
        ("town", ColumnType::Text),
        ("month", ColumnType::Date { format: "%Y-%m".into() }),
        ("seen", ColumnType::Timestamp { format: None }),
    ]
}

/// The program of a `[ready-made]` section.
fn program(section: &str) -> Result<Program, String> {
    let text = format!(
        "[job]\ntitle = \"t\"\npurpose = \"p\"\nrelease = \"+1h\"\nmodule = \"ready-made:sum\"\n[[input]]\ndataset = \"d\"\n\
         columns = [\"a\"]\n[ready-made]\n{section}\n[grain]\nkind = \"unit\"\n[[output]]\nname = \"o\"\n\
         values = [{{ name = \"rows\", lower = 0, upper = 1, granularity = 1 }}]\n[privacy]\nmechanism = \"gaussian\"\nrho = 1\n"
    );
    let manifest = Manifest::parse(&text).map_err(|error| error.to_string())?;
    let columns = columns();
    let columns: Vec<_> = columns.iter().map(|(name, kind)| (*name, kind)).collect();
    Program::new(&manifest.question.unwrap(), &columns).map_err(|error| error.to_string())
}

fn written(expression: &str) -> Result<Program, String> {
    program(&format!("columns = {{ it = '''{expression}''' }}"))
}

fn row(town: &str) -> Vec<Value<'_>> {
    let text = |text| Value::Text(Cow::Borrowed(str::as_bytes(text)));
    vec![
        Value::Whole(7),
        Value::Null,
        Value::Number(2.5),
        Value::Number(0.0),
        Value::Whole(12_345),
        Value::Truth(true),
        text(town),
        Value::Whole(20_089),
        Value::Whole(1_735_689_600_000_000 - 1),
    ]
}

/// What one expression gives for that row.
fn given(expression: &str) -> String {
    let program = written(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let row = row("湖塘镇");
    let mut derived = Vec::new();
    let totals = program.totals(1, &|_, column| row[column].clone());
    assert!(program.derive(&|column| row[column].clone(), &totals, &mut derived));
    match &derived[0] {
        Value::Null => "null".into(),
        Value::Whole(number) => number.to_string(),
        Value::Number(number) => format!("{number:?}"),
        Value::Truth(truth) => truth.to_string(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

#[test]
fn expressions_give_what_sql_says() {
    for (expression, expected) in [
        ("a + 1", "8"),
        ("a / 2", "3.5"),
        ("a % 4", "3"),
        ("-a * 2 - 1", "-15"),
        ("a + b", "null"),
        ("x / y", "null"),
        ("a / 0", "null"),
        ("a % 0", "null"),
        ("9223372036854775807 + a", "null"),
        ("x * 1e308 * 10", "null"),
        ("tax", "123.45"),
        ("tax * 2", "246.9"),
        ("a > 6 and x < 3", "true"),
        ("a = 7.0", "true"),
        ("b > 1 or a > 1", "true"),
        ("b > 1 and a > 1", "null"),
        ("b > 1 and a < 1", "false"),
        ("not (b > 1)", "null"),
        ("b is null", "true"),
        ("a is not null", "true"),
        ("a in (1, 7)", "true"),
        ("a in (1, null)", "null"),
        ("a not in (1, 2)", "true"),
        ("a between 7 and 9", "true"),
        ("a not between b and 6", "true"),
        ("town = '湖塘镇'", "true"),
        ("town like '湖%'", "true"),
        ("town like '湖'", "false"),
        ("substr(town, 2, 1)", "塘"),
        ("substr(town, 2, 9)", "塘镇"),
        ("substr(town, 9, 1)", ""),
        ("case when a > 9 then 'high' when a > 5 then 'middle' else 'low' end", "middle"),
        ("case a when 1 then 10 when 7 then 70.5 end", "70.5"),
        ("case a when 1 then 1 end", "null"),
        ("coalesce(b, a)", "7"),
        ("coalesce(b, 1.5)", "1.5"),
        ("nullif(a, 7)", "null"),
        ("nullif(a, b)", "7"),
        ("least(a, 3)", "3"),
        ("greatest(a, 7.5)", "7.5"),
        ("greatest(a, b)", "null"),
        ("abs(-x)", "2.5"),
        ("round(x)", "3"),
        ("floor(-x)", "-3"),
        ("ceil(x)", "3"),
        ("ceil(1e300)", "null"),
        ("bin(x, [0, 2.5, 10], ['a', 'b', 'c', 'd'])", "c"),
        ("bin(y, [0, 2.5])", "1"),
        ("width_bucket(x, 0, 10, 4)", "2"),
        ("width_bucket(-1, 0, 10, 4)", "0"),
        ("width_bucket(10, 0, 10, 4)", "5"),
        ("year(month)", "2025"),
        ("extract(month from month)", "1"),
        ("quarter(month)", "1"),
        ("year_month(month)", "2025-01"),
        ("year_month(seen)", "2024-12"),
        ("date_trunc('year', month) = '2025'", "true"),
        ("month >= '2025-01'", "true"),
        ("month = date '2025-01-02'", "false"),
        ("seen < timestamp '2025-01-01T00:00:00Z'", "true"),
        ("total(a) + 1", "8"),
        ("total(b)", "null"),
        ("big", "true"),
    ] {
        assert_eq!(given(expression), expected, "{expression}");
    }
}

#[test]
fn what_does_not_fit_is_named_at_its_place() {
    for (expression, said) in [
        ("a + town", "`it`: character 5: `town` holds texts, and one computes with numbers only"),
        ("output / a", "character 1: there is no column `output`: there are a, b, x"),
        ("moth", "there is no column `moth`: did you mean `month`?"),
        ("a = 'x'", "character 1: whole numbers are compared with texts in `a = 'x'`: write `'x'` as whole numbers"),
        ("month > '2025-13'", "character 9: `2025-13` is not a date"),
        ("month + 1", "character 1: `month` holds dates"),
        (
            "case when a > 1 then 'x' else 1 end",
            "character 31: `case when a > 1 then 'x' else 1 end` gives texts, and `1` whole numbers",
        ),
        ("case when a then 1 end", "character 11: `a` holds whole numbers, and a condition is wanted"),
        ("sum(a)", "`sum` counts over rows, and here one row is looked at"),
        ("bin(a, [5, 1])", "character 8: the edges of bins are rising numbers"),
        ("bin(a, [5], ['x'])", "character 13: 1 edges make 2 bins"),
        ("bin(a, [5], ['x', 'x'])", "1 edges make 2 bins"),
        ("x % 2", "character 1: `%` takes whole numbers only"),
        ("total(total(a))", "a total is made of the rows that are kept"),
        ("sqrt(a)", "there is no function `sqrt`: there are abs"),
        ("flor(a)", "did you mean `floor`?"),
        ("substr(town, 1, 1000)", "numbers up to 256"),
        ("town like '%x'", "LIKE takes a beginning here"),
        ("null", "`it` is null in every row"),
        ("[1, 2]", "a list stands only behind IN"),
    ] {
        let error = written(expression).map(|_| ()).unwrap_err();
        assert!(error.contains(said), "{expression}: {error}");
    }
    let twice = program("columns = { one = 'a + 1', two = 'one * 2', a = '1' }").map(|_| ()).unwrap_err();
    assert!(twice.contains("`a` is the name of something else"), "{twice}");
    let late = program("where = 'one > 1'\ncolumns = { one = 'a + 1' }").map(|_| ()).unwrap_err();
    assert!(late.contains("`where`: character 1: there is no column `one`"), "{late}");
}

#[test]
fn columns_use_those_above_them_and_rows_that_are_kept() {
    let program =
        program("where = 'a > 1'\ncolumns = { one = 'a * 2', two = 'one + total(a)', share = 'a / total(a)' }")
            .unwrap();
    assert_eq!(program.kind("share"), Some(Type::Number));
    let rows = [1, 2, 3].map(Value::Whole);
    let cell = |row: usize, _: usize| rows[row].clone();
    let totals = program.totals(3, &cell);
    assert_eq!(totals, [Value::Whole(5), Value::Whole(5)]);
    let mut derived = Vec::new();
    assert!(!program.derive(&|column| cell(0, column), &totals, &mut derived));
    assert!(program.derive(&|column| cell(2, column), &totals, &mut derived));
    assert_eq!(derived, [Value::Whole(6), Value::Whole(11), Value::Number(0.6)]);
}

/// An expression and what it gives, by a reference that knows numbers only as `i128` and `f64`.
#[derive(Clone, Debug)]
enum Reference {
    Whole(String, Option<i64>),
    Number(String, Option<f64>),
    Truth(String, Option<bool>),
}

/// The row of the references: a = 7, b null, x = 2.5, y = 0.
fn leaf() -> impl Strategy<Value = Reference> {
    prop_oneof![
        (-9i64..9).prop_map(|number| Reference::Whole(format!("({number})"), Some(number))),
        Just(Reference::Whole("9223372036854775807".into(), Some(i64::MAX))),
        Just(Reference::Whole("a".into(), Some(7))),
        Just(Reference::Whole("b".into(), None)),
        Just(Reference::Number("x".into(), Some(2.5))),
        Just(Reference::Number("y".into(), Some(0.0))),
        Just(Reference::Number("1e300".into(), Some(1e300))),
        Just(Reference::Truth("big".into(), Some(true))),
        Just(Reference::Truth("(b = 1)".into(), None)),
    ]
}

fn numbers(of: &Reference) -> Option<(String, Option<f64>)> {
    match of {
        Reference::Whole(text, number) => Some((text.clone(), number.map(|number| number as f64))),
        Reference::Number(text, number) => Some((text.clone(), *number)),
        Reference::Truth(..) => None,
    }
}

fn joined(sign: &str, left: &Reference, right: &Reference) -> Reference {
    if let (Reference::Truth(one, left), Reference::Truth(other, right)) = (left, right) {
        // Kleene's logic: null is one half, AND the smaller, OR the larger.
        let (l, r) = [left, right].map(|side| side.map_or(1, |truth| if truth { 2 } else { 0 })).into();
        let (word, found) = if sign == "+" { ("and", std::cmp::min(l, r)) } else { ("or", std::cmp::max(l, r)) };
        return Reference::Truth(format!("({one} {word} {other})"), [Some(false), None, Some(true)][found]);
    }
    if let (Reference::Whole(one, left), Reference::Whole(other, right), true) =
        (left, right, sign != "/" && sign != "<")
    {
        let found = left.zip(*right).and_then(|(left, right)| {
            let (left, right) = (i128::from(left), i128::from(right));
            let exact = match sign {
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                _ if right == 0 => return None,
                _ => left % right,
            };
            i64::try_from(exact).ok()
        });
        return Reference::Whole(format!("({one} {sign} {other})"), found);
    }
    let (Some((one, left)), Some((other, right))) = (numbers(left), numbers(right)) else { return left.clone() };
    let both = left.zip(right);
    match sign {
        "%" => Reference::Whole("a".into(), Some(7)),
        "<" => Reference::Truth(format!("({one} < {other})"), both.map(|(left, right)| left < right)),
        _ => {
            let found = both.map(|(left, right)| match sign {
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                _ => left / right,
            });
            Reference::Number(format!("({one} {sign} {other})"), found.filter(|number| number.is_finite()))
        }
    }
}

fn reference() -> impl Strategy<Value = Reference> {
    leaf().prop_recursive(5, 40, 2, |inner| {
        let sign = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%"), Just("<")];
        (sign, inner.clone(), inner).prop_map(|(sign, left, right)| joined(sign, &left, &right))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn expressions_give_what_the_reference_gives(reference in reference()) {
        let (text, expected) = match &reference {
            Reference::Whole(text, number) => (text, number.map_or("null".into(), |number| number.to_string())),
            Reference::Number(text, number) => (text, number.map_or("null".into(), |number| format!("{number:?}"))),
            Reference::Truth(text, truth) => (text, truth.map_or("null".into(), |truth| truth.to_string())),
        };
        // Comparing whole numbers with each other is exact, where the reference rounds.
        prop_assume!(!text.contains("9223372036854775807") || !text.contains('<'));
        prop_assert_eq!(given(text), expected, "{}", text);
    }

    /// Whatever is written is read or refused, and what is read gives something.
    #[test]
    fn nothing_that_is_written_panics(words in prop::collection::vec(prop_oneof![
        Just("a"), Just("x"), Just("town"), Just("month"), Just("("), Just(")"), Just(","), Just("["), Just("]"), Just("'t'"),
        Just("'2025'"), Just("1"), Just("2.5"), Just("+"), Just("-"), Just("*"), Just("/"), Just("%"), Just("<"), Just("="),
        Just("and"), Just("or"), Just("not"), Just("is"), Just("null"), Just("in"), Just("between"), Just("like"), Just("case"),
        Just("when"), Just("then"), Just("else"), Just("end"), Just("bin("), Just("total("), Just("year("), Just("substr("),
        Just("coalesce("), Just("floor("), Just("镇"), Just("\"")], 1..14)) {
        if let Ok(program) = written(&words.join(" ")) {
            let row = row("t");
            let totals = program.totals(1, &|_, column| row[column].clone());
            program.derive(&|column| row[column].clone(), &totals, &mut Vec::new());
        }
    }
}
