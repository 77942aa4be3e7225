//! Days and moments as whole numbers, and as people write them.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta};

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// A year, a month of it, or a day: the first day of it, since 1970-01-01.
pub(crate) fn day(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, most: usize| {
        let clean = (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        clean.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (year, month, day) = match parts[..] {
        [year] => (digits(year, 4)?, 1, 1),
        [year, month] => (digits(year, 4)?, digits(month, 2)?, 1),
        [year, month, day] => (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?),
        _ => return None,
    };
    (parts[0].len() == 4).then_some(())?;
    Some(
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?
            .signed_duration_since(NaiveDate::default())
            .num_days(),
    )
}

/// A moment in RFC 3339, or a day: its beginning in UTC. In microseconds.
pub(crate) fn moment(text: &str) -> Option<i64> {
    match day(text) {
        Some(day) => day.checked_mul(DAY),
        None => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_micros()),
    }
}

/// Year, month and day.
pub(crate) fn parts(days: i64) -> Option<(i32, u32, u32)> {
    let date = NaiveDate::default().checked_add_signed(TimeDelta::try_days(days)?)?;
    Some((date.year(), date.month(), date.day()))
}

/// `2025-01`; none of years that four digits do not write.
pub(crate) fn year_month(days: i64) -> Option<String> {
    let (year, month, _) = parts(days).filter(|(year, ..)| (0..=9999).contains(year))?;
    Some(format!("{year:04}-{month:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1970", Some(0)),
            ("1970-02", Some(31)),
            ("2024-2-29", Some(19_782)),
            ("2025-02-29", None),
            ("25-01", None),
            ("2025-01-01T00:00:00Z", None),
            ("", None),
            ("+025", None),
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
        assert_eq!(moment("1970-01-02"), Some(DAY));
        assert_eq!(moment("1970-01-01T08:00:00.000001+08:00"), Some(1));
        assert_eq!(year_month(19_782).as_deref(), Some("2024-02"));
        assert_eq!(year_month(i64::MAX), None);
    }
}
