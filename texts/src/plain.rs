//! What is said alike in every language: people's own words, names of files, numbers, times.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use crate::{InLang, Lang, Say, Value};

/// Says types as they display, in every language.
#[macro_export]
macro_rules! said_as_written {
    ($($type:ty),+ $(,)?) => { $(
        impl $crate::Say for $type {
            fn say(&self, _: $crate::Lang, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, out)
            }
        }
    )+ };
}

said_as_written!(str, String, char, Cow<'_, str>, fmt::Arguments<'_>, SocketAddr, DateTime<Utc>, NaiveDate);

macro_rules! numbers {
    ($($type:ty),+) => { $(
        impl Say for $type {
            fn say(&self, _: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
            fn value(&self) -> Value {
                Value::from(*self)
            }
        }
    )+ };
}

numbers!(u8, u16, u32, u64, usize, i32, i64, f64, bool);

/// Values beyond 64 bits are texts in JSON.
impl Say for i128 {
    fn say(&self, _: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Say for Path {
    fn say(&self, _: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.display(), out)
    }
}

impl Say for PathBuf {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().say(lang, out)
    }
}

impl<T: Say + ?Sized> Say for &T {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).say(lang, out)
    }
    fn value(&self) -> Value {
        (**self).value()
    }
}

macro_rules! held {
    ($($holder:ident),+) => { $(
        impl<T: Say + ?Sized> Say for $holder<T> {
            fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).say(lang, out)
            }
            fn value(&self) -> Value {
                (**self).value()
            }
        }
    )+ };
}
held!(Box, Arc);

/// Several, as one names them in a row.
impl<T: Say> Say for [T] {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = match lang {
            Lang::En => ", ",
            Lang::Zh => "、",
        };
        for (at, item) in self.iter().enumerate() {
            write!(out, "{}{}", if at > 0 { comma } else { "" }, InLang(item, lang))?;
        }
        Ok(())
    }
    fn value(&self) -> Value {
        self.iter().map(Say::value).collect()
    }
}

impl<T: Say> Say for Vec<T> {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().say(lang, out)
    }
    fn value(&self) -> Value {
        self.as_slice().value()
    }
}

/// Nothing is said of what is not there.
impl<T: Say> Say for Option<T> {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().map_or(Ok(()), |it| it.say(lang, out))
    }
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Say::value)
    }
}
