//! Tables of a `dataset.toml`, read so that every fault knows its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use unseen_texts::{Sentence, Text, say, text};

use super::{DescriptionError, nearest};

/// What is read of it, or the fault.
pub(super) type Read<T> = Result<T, DescriptionError>;

/// A TOML table together with the text it came from, so that faults know their place.
pub(super) struct Section<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A fault at the value of `key`, or at the section itself when it has no such key.
    pub(super) fn fault(&self, key: &str, message: impl Into<Sentence>) -> DescriptionError {
        place(self.text, self.get(key).map_or(self.at, |value| value.span().start), message.into())
    }

    /// A fault at one item of the list `key`.
    pub(super) fn fault_in(&self, key: &str, item: usize, message: impl Into<Sentence>) -> DescriptionError {
        let found = self.get(key).and_then(|list| list.get_ref().as_array()?.get(item));
        match found {
            Some(item) => place(self.text, item.span().start, message.into()),
            None => self.fault(key, message),
        }
    }

    pub(super) fn only(&self, known: &[&str]) -> Read<()> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some(key) => {
                let hint = nearest(key.get_ref(), known.iter().copied());
                Err(place(
                    self.text,
                    key.span().start,
                    say!("unknown key {get_ref:?}{hint}", "未知的键 {get_ref:?}{hint}", get_ref = key.get_ref()),
                ))
            }
        }
    }

    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Read<T> {
        value.ok_or_else(|| self.fault("", say!("`{key}` is missing", "缺少 `{key}`")))
    }

    pub(super) fn typed<T>(
        &self,
        key: &str,
        wanted: Text,
        read: impl Fn(&'a DeValue<'a>) -> Option<T>,
    ) -> Read<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        read(value.get_ref())
            .map(Some)
            .ok_or_else(|| self.fault(key, say!("`{key}` must be {wanted}", "`{key}` 须为{wanted}")))
    }

    pub(super) fn text(&self, key: &str) -> Read<Option<&'a str>> {
        self.typed(key, text!("a text", "文本"), DeValue::as_str)
    }

    pub(super) fn bool(&self, key: &str) -> Read<Option<bool>> {
        self.typed(key, text!("true or false", "true 或 false"), DeValue::as_bool)
    }

    pub(super) fn int(&self, key: &str) -> Read<Option<i64>> {
        self.typed(key, text!("a whole number", "整数"), |value| {
            value.as_integer()?.as_str().replace('_', "").parse().ok()
        })
    }

    pub(super) fn number(&self, key: &str) -> Read<Option<f64>> {
        self.typed(key, text!("a number", "数字"), number)
    }

    pub(super) fn numbers(&self, key: &str) -> Read<Option<Vec<f64>>> {
        self.typed(key, text!("a list of numbers", "数字的列表"), |value| {
            value.as_array()?.iter().map(|item| number(item.get_ref())).collect()
        })
    }

    pub(super) fn texts(&self, key: &str) -> Read<Option<Vec<String>>> {
        self.typed(key, text!("a list of texts", "文本的列表"), |value| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn counts(&self, key: &str) -> Read<Option<Vec<u64>>> {
        self.typed(key, text!("a list of whole numbers from 0", "非负整数的列表"), |value| {
            let count =
                |item: &Spanned<DeValue<'_>>| item.get_ref().as_integer()?.as_str().replace('_', "").parse().ok();
            value.as_array()?.iter().map(count).collect()
        })
    }

    pub(super) fn section(&self, key: &str) -> Read<Option<Section<'a>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let table = self.typed(key, text!("a table", "表（table）"), DeValue::as_table)?;
        Ok(table.map(|table| Section { text: self.text, at: value.span().start, table }))
    }

    pub(super) fn sections(&self, key: &str) -> Read<Vec<Section<'a>>> {
        let Some(array) = self.typed(key, text!("a list of tables", "表的列表"), DeValue::as_array)? else {
            return Ok(Vec::new());
        };
        array
            .iter()
            .map(|item| match item.get_ref().as_table() {
                Some(table) => Ok(Section { text: self.text, at: item.span().start, table }),
                None => Err(self.fault(key, say!("`{key}` must be a list of tables", "`{key}` 须为表的列表"))),
            })
            .collect()
    }
}

/// A finite number, whole or not.
fn number(value: &DeValue<'_>) -> Option<f64> {
    let written = match value {
        DeValue::Integer(number) => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return None,
    };
    written.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

pub(super) fn place(text: &str, at: usize, message: Sentence) -> DescriptionError {
    let before = text.get(..at).unwrap_or(text);
    DescriptionError {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        message,
    }
}
