//! One cell: from the text of a source to its physical value and back.

use std::borrow::Cow;
use std::fmt::Write;

use chrono::format::{Fixed, Item, Parsed, StrftimeItems};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use thiserror::Error;
use unseen_texts::{Say, Text, text};

use crate::description::{Check, ColumnType, DEFAULT_DATE_FORMAT};
use crate::resident_id;

/// A cell in physical units (see [`ColumnType`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Int, date, timestamp or decimal.
    Int(i64),
    /// Float.
    Float(f64),
    /// Bool.
    Bool(bool),
    /// Text.
    Text(&'a str),
}

/// Why a text is not a cell of a type. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Say)]
#[code("cell")]
pub enum Reason {
    /// For an int column.
    #[error("not a whole number of 64 bits")]
    #[zh("不是 64 位整数")]
    Int,
    /// For a float column.
    #[error("not a finite number")]
    #[zh("不是有限的数")]
    Float,
    /// For a bool column.
    #[error("not true or false")]
    #[zh("不是 true 或 false")]
    Bool,
    /// For a date column.
    #[error("not a date in the declared format")]
    #[zh("不是所声明格式的日期")]
    Date,
    /// For a timestamp column.
    #[error("not a timestamp in the declared format")]
    #[zh("不是所声明格式的时间")]
    Timestamp,
    /// For a decimal column.
    #[error("not a decimal number that fits")]
    #[zh("不是可容纳的小数")]
    Decimal,
    /// For a decimal column.
    #[error("a decimal number with more than {0} digits after the point")]
    #[zh("小数点后超过 {0} 位")]
    Scale(u8),
    /// For a text column.
    #[error("a text longer than 1 MiB")]
    #[zh("文本超过 1 MiB")]
    TooLong,
    /// A source value of another type than declared.
    #[error("of another type than the declared {0}")]
    #[zh("类型与所声明的 {0} 不同")]
    Type(&'static str),
}

/// Reads one cell. Numbers, dates and bools may stand between spaces, and in full-width digits; texts are taken
/// as they are.
pub fn parse<'a>(text: &'a str, kind: &ColumnType) -> Result<Cell<'a>, Reason> {
    let narrow;
    let mut bare = text.trim_ascii();
    if !bare.is_ascii() && *kind != ColumnType::Text {
        narrow = plain(bare);
        bare = narrow.trim();
    }
    match kind {
        ColumnType::Int => whole(bare).map(Cell::Int).ok_or(Reason::Int),
        ColumnType::Float => match bare.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Cell::Float(number)),
            _ => Err(Reason::Float),
        },
        ColumnType::Bool => match bare {
            "true" | "TRUE" | "True" | "1" | "是" => Ok(Cell::Bool(true)),
            "false" | "FALSE" | "False" | "0" | "否" => Ok(Cell::Bool(false)),
            _ => Err(Reason::Bool),
        },
        ColumnType::Text if text.len() > crate::description::MAX_TEXT => Err(Reason::TooLong),
        ColumnType::Text => Ok(Cell::Text(text)),
        ColumnType::Date { format } => parse_date(bare, format).map(Cell::Int).ok_or(Reason::Date),
        ColumnType::Timestamp { format } => {
            parse_timestamp(bare, format.as_deref()).map(Cell::Int).ok_or(Reason::Timestamp)
        }
        ColumnType::Decimal { scale } => parse_decimal(bare, *scale).map(Cell::Int),
    }
}

/// The same, where marks stand between thousands.
pub fn parse_with<'a>(text: &'a str, kind: &ColumnType, thousands: Option<char>) -> Result<Cell<'a>, Reason> {
    let misplaced = match kind {
        ColumnType::Int => Reason::Int,
        ColumnType::Float => Reason::Float,
        ColumnType::Decimal { .. } => Reason::Decimal,
        _ => return parse(text, kind),
    };
    let Some(mark) = thousands.map(half_width) else { return parse(text, kind) };
    let plain = plain(text);
    if !plain.contains(mark) {
        return parse(text, kind);
    }
    // Numbers only: nothing of the text is kept.
    Ok(match parse(&without_marks(plain.trim(), mark).ok_or(misplaced)?, kind)? {
        Cell::Int(number) => Cell::Int(number),
        Cell::Float(number) => Cell::Float(number),
        _ => Cell::Null,
    })
}

/// A whole number. Programs that took a column for floats write it as `1001.0`.
fn whole(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => digits,
        Some(_) => return None,
        None => text,
    };
    digits.parse().ok()
}

/// A number without the marks between its thousands; none where they stand elsewhere.
fn without_marks(text: &str, mark: char) -> Option<String> {
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let mut groups = whole.split(mark);
    let first = groups.next()?.trim_start_matches(['+', '-']);
    let good = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let marked = part.is_some_and(|part| part.contains(mark));
    (good && !marked).then(|| text.chars().filter(|c| *c != mark).collect())
}

/// A number in full-width digits, signs and spaces in plain ones.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '\u{2212}' { '-' } else { half_width(c) }).collect()
}

/// The full-width form of an ASCII character, or the ideographic space, as the plain one.
pub(crate) fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

/// Writes a cell so that [`parse`] reads it back; null is the empty text.
pub fn render<'a>(cell: &Cell<'a>, kind: &ColumnType) -> Cow<'a, str> {
    match (cell, kind) {
        (Cell::Null, _) => Cow::Borrowed(""),
        (Cell::Text(text), _) => Cow::Borrowed(text),
        (Cell::Bool(value), _) => Cow::Borrowed(if *value { "true" } else { "false" }),
        (Cell::Float(number), _) => Cow::Owned(number.to_string()),
        (Cell::Int(days), ColumnType::Date { format }) => Cow::Owned(render_date(*days, format)),
        (Cell::Int(micros), ColumnType::Timestamp { format }) => {
            Cow::Owned(render_timestamp(*micros, format.as_deref()))
        }
        (Cell::Int(steps), ColumnType::Decimal { scale }) => Cow::Owned(render_decimal(*steps, *scale)),
        (Cell::Int(number), _) => Cow::Owned(number.to_string()),
    }
}

/// Why cells cannot be read and written in this format of chrono's.
pub(crate) fn format_fault(format: &str, kind: &ColumnType) -> Option<Text> {
    if format == EXCEL_SERIAL {
        return None;
    }
    let items: Vec<_> = StrftimeItems::new(format).collect();
    if items.is_empty() || items.contains(&Item::Error) {
        return Some(text!(
            "the format is not understood; use for example \"%Y-%m-%d\" or \"%d/%m/%Y %H:%M\"",
            "无法识别该格式；请用例如 \"%Y-%m-%d\" 或 \"%d/%m/%Y %H:%M\""
        ));
    }
    if items.contains(&Item::Fixed(Fixed::TimezoneName)) {
        return Some(text!(
            "the name of a time zone (`%Z`) does not say which moment is meant; for an offset such as +0800 use `%z`",
            "时区名称（`%Z`）不能确定是哪个时刻；偏移量（如 +0800）请用 `%z`"
        ));
    }
    // The first says whether anything is missing, the others whether all they write is read.
    let moments = ["1970-01-01T00:00:00Z", "2001-09-09T13:46:40.123456Z", "2024-02-29T23:59:59Z"];
    let reads_back = moments.iter().all(|moment| {
        let micros = parse_timestamp(moment, None).unwrap_or_default();
        let cell =
            Cell::Int(if matches!(kind, ColumnType::Date { .. }) { micros.div_euclid(86_400_000_000) } else { micros });
        let written = render(&cell, kind);
        parse(&written, kind).is_ok_and(|read| render(&read, kind) == written && (micros != 0 || read == cell))
    });
    (!reads_back).then_some(text!(
        "what is written in the format cannot be read back; a date needs its year, a timestamp also month, day, hour and minute",
        "按该格式写出的值无法读回；日期须有年份，时间还须有月、日、时、分"
    ))
}

/// Whether a text passes a column's check.
pub fn passes(text: &str, check: &Check) -> bool {
    match check {
        Check::Uscc => is_uscc(text.as_bytes()),
        Check::ResidentId => resident_id::is_valid(text),
        Check::Pattern(pattern) => matches_pattern(text, pattern),
    }
}

/// The alphabet of unified social credit codes: digits and capitals without I, O, S, V, Z. The
/// place of a character is its value.
pub(crate) const USCC_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The 18th character of a unified social credit code, from its first 17 (GB 32100-2015: the sum of
/// value times 3^i mod 31, taken from 31). `None` when a character is not of the alphabet.
pub fn uscc_check_digit(body: &[u8; 17]) -> Option<u8> {
    let mut weight = 1;
    let mut sum = 0;
    for byte in body {
        sum += USCC_ALPHABET.iter().position(|c| c == byte)? * weight;
        weight = weight * 3 % 31;
    }
    Some(USCC_ALPHABET[(31 - sum % 31) % 31])
}

pub(crate) fn is_uscc(text: &[u8]) -> bool {
    match text.split_first_chunk::<17>() {
        Some((body, [digit])) => uscc_check_digit(body) == Some(*digit),
        _ => false,
    }
}

fn matches_pattern(text: &str, pattern: &str) -> bool {
    let mut text = text.chars();
    let mut pattern = pattern.chars().peekable();
    while let Some(wanted) = pattern.next() {
        if wanted == '*' && pattern.peek().is_none() {
            return true;
        }
        let fits = match (wanted, text.next()) {
            (_, None) => false,
            ('#', Some(c)) => c.is_ascii_digit(),
            ('@', Some(c)) => c.is_ascii_alphabetic(),
            ('?', Some(_)) => true,
            (exact, Some(c)) => exact == c,
        };
        if !fits {
            return false;
        }
    }
    text.next().is_none()
}

const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(1970, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// The format of days as Excel counts them; cells that are dates in plain text are read too.
pub const EXCEL_SERIAL: &str = "excel-serial";
/// Day 0 of Excel, for all days after its 29 February 1900, which there was none of.
const EXCEL_DAY_0: i64 = -25_569;
/// The 1st of March 1900.
const EXCEL_FIRST: f64 = 61.0;

/// Days since 1970 of a serial date.
fn excel_days(text: &str) -> Option<f64> {
    let serial: f64 = text.parse().ok().filter(|serial| (EXCEL_FIRST..2_958_466.0).contains(serial))?;
    Some(serial + EXCEL_DAY_0 as f64)
}

fn parse_date(text: &str, format: &str) -> Option<i64> {
    if format == EXCEL_SERIAL {
        let plain = || ["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日"].iter().find_map(|format| parse_date(text, format));
        return excel_days(text).map(|days| days.floor() as i64).or_else(plain);
    }
    let date = if format == DEFAULT_DATE_FORMAT {
        plain_date(text)?
    } else {
        let mut parsed = parsed(text, format)?;
        // A month stands for its first day, a year for its first month.
        if parsed.to_naive_date().is_err() && parsed.day().is_none() {
            if parsed.month().is_none() {
                parsed.set_month(1).ok()?;
            }
            parsed.set_day(1).ok()?;
        }
        parsed.to_naive_date().ok()?
    };
    Some((date - EPOCH).num_days())
}

/// What a text says, read in a format of chrono's.
fn parsed(text: &str, format: &str) -> Option<Parsed> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    Some(parsed)
}

/// `YYYY-MM-DD`, exactly.
fn plain_date(text: &str) -> Option<NaiveDate> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
    };
    NaiveDate::from_ymd_opt(number(0..4)?.cast_signed(), number(5..7)?, number(8..10)?)
}

fn parse_timestamp(text: &str, format: Option<&str>) -> Option<i64> {
    let Some(format) = format else {
        return DateTime::parse_from_rfc3339(text)
            .map(|moment| moment.timestamp_micros())
            .or_else(|_| {
                NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
                    .map(|moment| moment.and_utc().timestamp_micros())
            })
            .or_else(|_| {
                // As it is written, for years that RFC 3339 does not have.
                let text = text.strip_suffix('Z').unwrap_or(text);
                NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                    .map(|moment| moment.and_utc().timestamp_micros())
            })
            .ok();
    };
    if format == EXCEL_SERIAL {
        let plain = || parse_timestamp(text, None).or_else(|| Some(parse_date(text, EXCEL_SERIAL)? * 86_400_000_000));
        // To the second: a double holds no more of a day's parts.
        return excel_days(text).map(|days| (days * 86_400.0).round() as i64 * 1_000_000).or_else(plain);
    }
    let parsed = parsed(text, format)?;
    let moment = match parsed.offset() {
        Some(_) => parsed.to_datetime().ok()?.to_utc(),
        None => parsed.to_naive_datetime_with_offset(0).ok()?.and_utc(),
    };
    Some(moment.timestamp_micros())
}

fn parse_decimal(text: &str, scale: u8) -> Result<i64, Reason> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(Reason::Decimal);
    }
    let kept = fraction.trim_end_matches('0');
    if kept.len() > usize::from(scale) {
        return Err(Reason::Scale(scale));
    }
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - kept.len());
    whole
        .bytes()
        .chain(kept.bytes())
        .chain(padding)
        .try_fold(0i64, |steps, digit| {
            let digit = i64::from(digit - b'0');
            steps.checked_mul(10)?.checked_add(if negative { -digit } else { digit })
        })
        .ok_or(Reason::Decimal)
}

pub(crate) fn date_of(days: i64) -> Option<NaiveDate> {
    EPOCH.checked_add_signed(chrono::TimeDelta::try_days(days)?)
}

/// A format may have a time of day, or an offset, which a date alone cannot fill in.
fn render_date(days: i64, format: &str) -> String {
    date_of(days).map_or_else(String::new, |date| in_format(date.and_time(NaiveTime::MIN).and_utc(), format))
}

fn render_timestamp(micros: i64, format: Option<&str>) -> String {
    let moment = DateTime::from_timestamp_micros(micros);
    moment.map_or_else(String::new, |moment| in_format(moment, format.unwrap_or("%Y-%m-%dT%H:%M:%S%.6fZ")))
}

/// `%#z` is for reading only: what it reads is written by `%z`.
fn in_format(moment: DateTime<Utc>, format: &str) -> String {
    if format == EXCEL_SERIAL {
        let days = moment.timestamp() as f64 / 86_400.0 - EXCEL_DAY_0 as f64;
        // What Excel cannot count is written as a date.
        return if days >= EXCEL_FIRST { days.to_string() } else { moment.format("%Y-%m-%d").to_string() };
    }
    let mut written = String::new();
    let items = StrftimeItems::new(format).map(|item| match StrftimeItems::new("%#z").next() {
        Some(lenient) if item == lenient => Item::Fixed(Fixed::TimezoneOffset),
        _ => item,
    });
    // Every format was tried when its description was read.
    let _ = write!(written, "{}", moment.format_with_items(items.collect::<Vec<_>>().iter()));
    written
}

fn render_decimal(steps: i64, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if steps < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", steps.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_exactly_or_refused() {
        let decimal = ColumnType::Decimal { scale: 2 };
        let date = ColumnType::Date { format: DEFAULT_DATE_FORMAT.into() };
        let month = ColumnType::Date { format: "%Y年%m月".into() };
        let moment = ColumnType::Timestamp { format: None };
        let good: &[(&str, &ColumnType, Cell)] = &[
            (" -42 ", &ColumnType::Int, Cell::Int(-42)),
            ("9223372036854775807", &ColumnType::Int, Cell::Int(i64::MAX)),
            ("-1001.00", &ColumnType::Int, Cell::Int(-1001)),
            ("1e3", &ColumnType::Float, Cell::Float(1000.0)),
            ("是", &ColumnType::Bool, Cell::Bool(true)),
            (" a ", &ColumnType::Text, Cell::Text(" a ")),
            ("-92233720368547758.08", &decimal, Cell::Int(i64::MIN)),
            (".5", &decimal, Cell::Int(50)),
            ("7.100", &decimal, Cell::Int(710)),
            ("1969-12-31", &date, Cell::Int(-1)),
            ("2024年02月", &month, Cell::Int(19_754)),
            ("1970-01-01T08:00:00+08:00", &moment, Cell::Int(0)),
            ("1970-01-01 00:00:01.5", &moment, Cell::Int(1_500_000)),
        ];
        for (text, kind, cell) in good {
            assert_eq!(parse(text, kind).as_ref(), Ok(cell), "{text}");
            assert_eq!(parse(&render(cell, kind), kind).as_ref(), Ok(cell), "{text} rendered");
        }
        let bad: &[(&str, &ColumnType)] = &[
            ("1.5", &ColumnType::Int),
            ("1.", &ColumnType::Int),
            (".0", &ColumnType::Int),
            ("1.00x", &ColumnType::Int),
            ("9223372036854775808", &ColumnType::Int),
            ("NaN", &ColumnType::Float),
            ("1e400", &ColumnType::Float),
            ("inf", &ColumnType::Float),
            ("yes?", &ColumnType::Bool),
            ("1.005", &decimal),
            ("92233720368547758.08", &decimal),
            (".", &decimal),
            ("-", &decimal),
            ("1_0", &decimal),
            ("2024-02-30", &date),
            ("2024-2-3", &date),
            ("20240230", &date),
            ("2024-01-01", &moment),
        ];
        for (text, kind) in bad {
            assert!(parse(text, kind).is_err(), "{text} as {kind:?}");
        }
    }

    #[test]
    fn a_format_reads_what_it_writes_or_is_refused() {
        let date = |format: &str| ColumnType::Date { format: format.into() };
        let moment = |format: &str| ColumnType::Timestamp { format: Some(format.into()) };
        let good: &[(ColumnType, &str, i64)] = &[
            (date("%-m/%-d/%Y"), "3/7/2024", 19_789),
            (date("%v"), " 7-Mar-2024", 19_789),
            (date("%d %h %y"), "07 Mar 24", 19_789),
            (date("%G-W%V-%u"), "2024-W10-4", 19_789),
            (date("%Y-%j"), "2024-067", 19_789),
            (date("%Y"), "2024", 19_723),
            (date("%Y-%m-%d %H:%M:%S"), "2024-03-07 00:00:00", 19_789),
            (moment("%Y-%m-%d %H:%M:%S%.f%#z"), "1970-01-01 08:00:00.5+08", 500_000),
            (moment("%d/%m/%Y %I:%M %p"), "01/01/1970 01:00 PM", 46_800_000_000),
            (moment("%s"), "86399", 86_399_000_000),
            (moment("%+"), "1970-01-01T08:00:00+08:00", 0),
        ];
        for (kind, text, wanted) in good {
            let (ColumnType::Date { format } | ColumnType::Timestamp { format: Some(format) }) = kind else {
                unreachable!()
            };
            assert_eq!(format_fault(format, kind), None, "{format}");
            assert_eq!(parse(text, kind), Ok(Cell::Int(*wanted)), "{format}");
            assert_eq!(parse(&render(&Cell::Int(*wanted), kind), kind), Ok(Cell::Int(*wanted)), "{format}");
        }
        for format in ["", "%Q", "%d/%m", "%Y-%d", "%H:%M", "%Z", "%G-W%V", "%s"] {
            assert!(format_fault(format, &date(format)).is_some(), "{format} of a date");
        }
        for format in ["", "%", "%Y-%m-%d", "%Y-%m-%d %I:%M", "%Y-%m-%d %H:%M:%S %Z", "%F %T %::z"] {
            assert!(format_fault(format, &moment(format)).is_some(), "{format} of a timestamp");
        }
    }

    /// Codes of well-known public bodies and firms, and each with one character changed.
    #[test]
    fn check_digits_of_social_credit_codes() {
        for code in ["91350100M000100Y43", "91110000802100433B", "914403001922038216"] {
            assert!(is_uscc(code.as_bytes()), "{code}");
            for at in 0..18 {
                let mut wrong = code.as_bytes().to_vec();
                wrong[at] = if wrong[at] == b'7' { b'8' } else { b'7' };
                assert!(!is_uscc(&wrong), "{}", String::from_utf8_lossy(&wrong));
            }
        }
        assert!(!is_uscc(b"91350100M000100Y4"));
        assert!(!is_uscc(b"91350100M000100Y430"));
        assert!(!is_uscc(b"91350100I000100Y43"));
    }

    #[test]
    fn patterns() {
        assert!(matches_pattern("N123AA", "N###*"));
        assert!(matches_pattern("N123", "N###*"));
        assert!(!matches_pattern("N12", "N###*"));
        assert!(matches_pattern("浙A12345", "?@#####"));
        assert!(!matches_pattern("浙A123456", "?@#####"));
    }
}
