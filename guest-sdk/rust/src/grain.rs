//! The rows of one grain, as typed columns that are read where the host put them.

use std::marker::PhantomData;

use crate::contributions::KeyRef;

/// All rows of one grain: one table for each of the manifest's inputs.
#[derive(Clone, Copy)]
pub struct Grain<'a> {
    tables: &'a [RawTable],
}

impl<'a> Grain<'a> {
    /// # Safety
    /// For `'a`, `tables` describe valid cells: each pointer holds for its length, and texts are
    /// UTF-8 cut at character boundaries by offsets that start at 0 and never fall.
    pub(crate) unsafe fn new(tables: &'a [RawTable]) -> Self {
        Grain { tables }
    }

    /// The rows from the input at a place. `src/shape.rs` calls this by name.
    #[doc(hidden)]
    pub fn input(&self, place: usize) -> Table<'a> {
        Table { raw: self.tables.get(place) }
    }
}

/// The grain's rows in one input. `src/shape.rs` gives each input a type of its own, with a method for each
/// column.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    raw: Option<&'a RawTable>,
}

impl<'a> Table<'a> {
    /// Number of rows; a unit may have none in one of several inputs.
    pub fn rows(&self) -> usize {
        self.raw.map_or(0, |raw| raw.rows as usize)
    }

    /// The column at a place. `src/shape.rs` calls this by name.
    #[doc(hidden)]
    pub fn column(&self, place: usize, name: &'static str) -> Cells<'a> {
        // SAFETY: `columns` holds `columns_count` columns for as long as the table lives.
        let columns = self.raw.map_or(&[][..], |raw| unsafe { slice(raw.columns, raw.columns_count) });
        Cells { raw: columns.get(place), name }
    }
}

/// A column's cells, before it is said what they are.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    raw: Option<&'a RawColumn<'a>>,
    name: &'a str,
}

impl<'a> Cells<'a> {
    /// # Safety
    /// For `'a`, `raw` describes valid cells, as [`Grain::new`] says.
    #[cfg(target_arch = "wasm32")]
    pub(crate) unsafe fn new(raw: &'a RawColumn<'a>, name: &'a str) -> Self {
        Cells { raw: Some(raw), name }
    }

    /// Integers, dates as days since 1970-01-01, timestamps as microseconds since then, decimals
    /// times ten to their scale.
    ///
    /// # Errors
    /// When the column holds something else. The same for all readers.
    pub fn ints(&self) -> Result<Ints<'a>, String> {
        let raw = self.of_kind(INTS, "integers")?;
        // SAFETY: of this kind, `cells` holds `count` integers for `'a`.
        Ok(Column { values: unsafe { slice(raw.cells.cast(), raw.count) }, validity: raw.validity() })
    }

    /// Floating-point numbers.
    ///
    /// # Errors
    /// As for [`Cells::ints`].
    pub fn floats(&self) -> Result<Floats<'a>, String> {
        let raw = self.of_kind(FLOATS, "floats")?;
        // SAFETY: of this kind, `cells` holds `count` floats for `'a`.
        Ok(Column { values: unsafe { slice(raw.cells.cast(), raw.count) }, validity: raw.validity() })
    }

    /// Truth values.
    ///
    /// # Errors
    /// As for [`Cells::ints`].
    pub fn bools(&self) -> Result<Bools<'a>, String> {
        let raw = self.of_kind(BOOLS, "booleans")?;
        // SAFETY: of this kind, `cells` holds `count` bytes for `'a`.
        let values = unsafe { slice(raw.cells, raw.count) };
        Ok(Bools(Column { values, validity: raw.validity() }))
    }

    /// Texts.
    ///
    /// # Errors
    /// As for [`Cells::ints`].
    pub fn texts(&self) -> Result<Texts<'a>, String> {
        let raw = self.of_kind(TEXTS, "texts")?;
        // SAFETY: of this kind, `cells` holds `count` offsets and `bytes` their text, for `'a`.
        let (offsets, bytes) = unsafe { (slice(raw.cells.cast(), raw.count), slice(raw.bytes, raw.bytes_count)) };
        Ok(Texts { offsets, bytes, validity: raw.validity() })
    }

    /// Dates: an integer column read as calendar days.
    ///
    /// # Errors
    /// As for [`Cells::ints`].
    pub fn dates(&self) -> Result<Dates<'a>, String> {
        self.ints().map(Dates)
    }

    /// One group's key, of a column of keys. Asked once for each group, so no error is put into words here.
    pub(crate) fn key(&self, row: usize) -> Option<KeyRef<'a>> {
        match self.raw?.kind {
            INTS => self.ints().ok()?.get(row).map(KeyRef::Int),
            TEXTS => self.texts().ok()?.get(row).map(KeyRef::Text),
            _ => None,
        }
    }

    fn of_kind(&self, kind: u8, what: &str) -> Result<&'a RawColumn<'a>, String> {
        let raw = self.raw.ok_or_else(|| format!("the grain has no column `{}`", self.name))?;
        if raw.kind == kind || (raw.kind == ANY && raw.count == 0) {
            Ok(raw)
        } else {
            Err(format!("column `{}` does not hold {what}", self.name))
        }
    }
}

/// A column of integers.
pub type Ints<'a> = Column<'a, i64>;
/// A column of floating-point numbers.
pub type Floats<'a> = Column<'a, f64>;

/// A column of numbers, some of them null.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a, T> {
    values: &'a [T],
    validity: &'a [u8],
}

impl<'a, T: Copy> Column<'a, T> {
    /// Number of rows.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The cell of row `row`; `None` for a null, or past the end.
    pub fn get(&self, row: usize) -> Option<T> {
        if is_valid(self.validity, row) { self.values.get(row).copied() } else { None }
    }

    /// All cells, a null as `None`.
    pub fn iter(&self) -> impl Iterator<Item = Option<T>> + use<'a, T> {
        let column = *self;
        (0..column.len()).map(move |row| column.get(row))
    }

    /// The cells that are not null.
    pub fn valid(&self) -> impl Iterator<Item = T> + use<'a, T> {
        self.iter().flatten()
    }

    /// The cells as one slice, in which a null is 0.
    pub fn values(&self) -> &'a [T] {
        self.values
    }
}

/// A column of truth values.
#[derive(Clone, Copy, Debug)]
pub struct Bools<'a>(Column<'a, u8>);

impl<'a> Bools<'a> {
    /// Number of rows.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The cell of row `row`; `None` for a null, or past the end.
    pub fn get(&self, row: usize) -> Option<bool> {
        self.0.get(row).map(|byte| byte != 0)
    }

    /// All cells, a null as `None`.
    pub fn iter(&self) -> impl Iterator<Item = Option<bool>> + use<'a> {
        self.0.iter().map(|cell| cell.map(|byte| byte != 0))
    }
}

/// A column of texts.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    offsets: &'a [u32],
    bytes: &'a [u8],
    validity: &'a [u8],
}

impl<'a> Texts<'a> {
    /// Number of rows.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The cell of row `row`; `None` for a null, or past the end.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        if !is_valid(self.validity, row) {
            return None;
        }
        let (from, to) = (*self.offsets.get(row)?, *self.offsets.get(row + 1)?);
        let bytes = self.bytes.get(from as usize..to as usize)?;
        // SAFETY: `Grain::new` was promised UTF-8, cut at character boundaries.
        Some(unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    /// All cells, a null as `None`.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
        let texts = *self;
        (0..texts.len()).map(move |row| texts.get(row))
    }

    /// The cells that are not null.
    pub fn valid(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.iter().flatten()
    }
}

/// A column of dates.
#[derive(Clone, Copy, Debug)]
pub struct Dates<'a>(Ints<'a>);

impl<'a> Dates<'a> {
    /// Number of rows.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The cell of row `row`; `None` for a null, or past the end.
    pub fn get(&self, row: usize) -> Option<Date> {
        self.0.get(row).map(Date::from_days)
    }

    /// All cells, a null as `None`.
    pub fn iter(&self) -> impl Iterator<Item = Option<Date>> + use<'a> {
        self.0.iter().map(|cell| cell.map(Date::from_days))
    }
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// The date `days` days after 1970-01-01. Counts in eras of 400 years (146,097 days) that
    /// begin on 1 March, so that the leap day comes last.
    pub fn from_days(days: i64) -> Self {
        let shifted = i128::from(days) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + i128::from(month <= 2);
        Date { year: year as i64, month: month as u8, day: day as u8 }
    }
}

fn is_valid(validity: &[u8], row: usize) -> bool {
    validity.is_empty() || validity.get(row).is_some_and(|&byte| byte != 0)
}

/// # Safety
/// If `count` is not 0, `pointer` holds `count` items for `'a`.
unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer, count) }
}

// On wasm32 these are the canonical ABI's layouts of `table` and `column`, so the host's tables
// are read in place.

#[doc(hidden)]
#[repr(C)]
pub struct RawTable {
    pub(crate) rows: u32,
    pub(crate) columns: *const RawColumn<'static>,
    pub(crate) columns_count: usize,
}

#[doc(hidden)]
#[repr(C)]
pub struct RawColumn<'a> {
    pub(crate) kind: u8,
    pub(crate) cells: *const u8,
    pub(crate) count: usize,
    pub(crate) bytes: *const u8,
    pub(crate) bytes_count: usize,
    pub(crate) validity: *const u8,
    pub(crate) validity_count: usize,
    pub(crate) lifetime: PhantomData<&'a u8>,
}

impl<'a> RawColumn<'a> {
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn without_nulls(
        kind: u8,
        cells: *const u8,
        count: usize,
        bytes: *const u8,
        bytes_count: usize,
    ) -> Self {
        let (validity, validity_count) = (std::ptr::null(), 0);
        RawColumn { kind, cells, count, bytes, bytes_count, validity, validity_count, lifetime: PhantomData }
    }

    fn validity(&self) -> &'a [u8] {
        // SAFETY: `validity` holds that many bytes for as long as the column.
        unsafe { slice(self.validity, self.validity_count) }
    }
}

pub(crate) const INTS: u8 = 0;
pub(crate) const FLOATS: u8 = 1;
pub(crate) const BOOLS: u8 = 2;
pub(crate) const TEXTS: u8 = 3;
/// Of no cells at all, in a test.
pub(crate) const ANY: u8 = u8::MAX;

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |days| {
            let Date { year, month, day } = Date::from_days(days);
            (year, month, day)
        };
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(-1), (1969, 12, 31));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(15_706), (2013, 1, 1));
        assert_eq!(date(-25_509), (1900, 2, 28));
        assert_eq!(date(-25_508), (1900, 3, 1));
        // Every day follows the one before it.
        let mut before = Date::from_days(-400_000);
        for days in -399_999..400_000 {
            let date = Date::from_days(days);
            assert!(date > before && (1..=31).contains(&date.day), "{before:?} {date:?}");
            before = date;
        }
    }
}
