//! Reading TOML so that every mistake is named with its line, its column and what to do.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use num_traits::One;
use toml::de::{DeTable, DeValue};

use crate::meant::meant;
use crate::rational::{Rational, parse_decimal};
use crate::text::{self, hides};
use crate::toml_fault::kind;
use unseen_texts::{Say, Sentence, Text, say, text};

/// What is wrong in a manifest, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("manifest")]
#[error("line {line}, column {column}: {message}")]
#[zh("第 {line} 行第 {column} 列：{message}")]
pub struct ManifestError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// One sentence.
    pub message: Sentence,
}

/// A place in the text of a manifest, for errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) fn of(text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    pub(crate) fn error(self, message: impl Into<Sentence>) -> ManifestError {
        ManifestError { line: self.line, column: self.column, message: message.into() }
    }
}

/// A table whose keys are all known.
#[derive(Clone, Copy)]
pub(crate) struct TomlTable<'a> {
    pub(crate) text: &'a str,
    pub(crate) name: &'a str,
    pub(crate) at: usize,
    pub(crate) fields: &'a DeTable<'a>,
}

/// A value, where it stands, and the key it stands under.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    text: &'a str,
    pub(crate) key: &'a str,
    at: usize,
    pub(crate) value: &'a DeValue<'a>,
}

impl<'a> TomlTable<'a> {
    /// Refuses the first key that is not `known`, and names the one that was probably meant.
    pub(crate) fn knowing(self, known: &[&str]) -> Result<TomlTable<'a>, ManifestError> {
        let stranger = self.fields.keys().find(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(key) = stranger else { return Ok(self) };
        let name = key.get_ref();
        let advice = meant(name, known);
        Err(Place::of(self.text, key.span().start).error(say!(
            "`{name}` has no key `{written}`: {advice}",
            "`{name}` 没有键 `{written}`：{advice}",
            name = self.name,
            written = name.escape_debug().to_string()
        )))
    }

    /// The value under `key`, if there is one.
    pub(crate) fn optional(self, key: &'a str) -> Option<Node<'a>> {
        let value = self.fields.get(key)?;
        Some(Node { text: self.text, key, at: value.span().start, value: value.get_ref() })
    }

    /// The value under `key`, which must be there.
    pub(crate) fn required(self, key: &'a str) -> Result<Node<'a>, ManifestError> {
        self.optional(key).ok_or_else(|| {
            Place::of(self.text, self.at).error(say!(
                "`{name}` has no `{key}`: add it",
                "`{name}` 缺少 `{key}`：请补上",
                name = self.name
            ))
        })
    }

    pub(crate) fn weight(self) -> Result<Rational, ManifestError> {
        self.optional("weight").map_or(Ok(Rational::one()), |node| node.weight())
    }
}

impl<'a> Node<'a> {
    pub(crate) fn place(self) -> Place {
        Place::of(self.text, self.at)
    }

    pub(crate) fn error(self, message: impl Into<Sentence>) -> ManifestError {
        self.place().error(message)
    }

    fn wrong_type(self, wanted: impl Say) -> ManifestError {
        self.error(say!(
            "`{key}` is {is}: write {wanted}",
            "`{key}` 的类型是{is}：请写{wanted}",
            key = self.key,
            is = kind(self.value.type_str())
        ))
    }

    /// A table that has no other keys than the known ones.
    pub(crate) fn table(self, known: &[&str]) -> Result<TomlTable<'a>, ManifestError> {
        match self.value {
            DeValue::Table(fields) => TomlTable { text: self.text, name: self.key, at: self.at, fields }.knowing(known),
            _ => Err(self.wrong_type(text!("a table", "表（table）"))),
        }
    }

    /// The values of a table whose keys are names of somebody's choice, in the order of writing.
    pub(crate) fn fields(self) -> Result<Vec<(String, Node<'a>)>, ManifestError> {
        let DeValue::Table(fields) = self.value else {
            return Err(self.wrong_type(text!("a table", "表（table）")));
        };
        let named = fields.iter().map(|(key, value)| {
            let name = Node { key: key.get_ref(), at: key.span().start, ..self }.line(key.get_ref(), 64)?;
            Ok((name, Node { key: key.get_ref(), at: value.span().start, value: value.get_ref(), ..self }))
        });
        named.collect()
    }

    /// The items of a list, each under the list's own key.
    pub(crate) fn list(self, wanted: impl Say) -> Result<impl Iterator<Item = Node<'a>>, ManifestError> {
        let DeValue::Array(items) = self.value else { return Err(self.wrong_type(wanted)) };
        Ok(items.iter().map(move |item| Node { at: item.span().start, value: item.get_ref(), ..self }))
    }

    /// A list of at least one table.
    pub(crate) fn each<T>(
        self,
        read: impl FnMut(Node<'a>) -> Result<T, ManifestError>,
    ) -> Result<Vec<T>, ManifestError> {
        let items = self.list(text!("a list of tables", "表的列表"))?.map(read).collect::<Result<Vec<_>, _>>()?;
        match items.is_empty() {
            true => Err(self.error(say!(
                "`{key}` is empty: write at least one",
                "`{key}` 为空：请至少写一个",
                key = self.key
            ))),
            false => Ok(items),
        }
    }

    /// A text, whatever it holds.
    pub(crate) fn text(self, wanted: impl Say) -> Result<&'a str, ManifestError> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type(wanted)),
        }
    }

    /// A text that shows on a terminal as what it is.
    pub(crate) fn clean(self, wanted: impl Say) -> Result<&'a str, ManifestError> {
        let text = self.text(wanted)?;
        self.shows(text, |c| c == '\n')?;
        Ok(text)
    }

    /// Refuses a text with a character that hides, unless it may be there.
    fn shows(self, text: &str, may: impl Fn(char) -> bool) -> Result<(), ManifestError> {
        match text.chars().find(|c| hides(*c) && !may(*c)) {
            Some(c) => Err(self.error(say!(
                "`{key}` holds the character {c}, which does not show: take it out",
                "`{key}` 含有不可见字符 {c}：请去掉",
                key = self.key,
                c = c.escape_unicode().to_string()
            ))),
            None => Ok(()),
        }
    }

    /// A clean line of 1 to `longest` characters.
    pub(crate) fn name(self, longest: usize) -> Result<String, ManifestError> {
        self.line(self.text(text!("a text", "文本"))?, longest)
    }

    fn line(self, text: &str, longest: usize) -> Result<String, ManifestError> {
        self.shows(text, |_| false)?;
        match text.trim().is_empty() || text.chars().count() > longest {
            true => Err(self.error(say!(
                "`{key}` must have 1 to {longest} characters, not all blank",
                "`{key}` 须有 1 至 {longest} 个字符，且不能全为空白",
                key = self.key
            ))),
            false => Ok(text.to_owned()),
        }
    }

    /// One of the names that are `known` at this place.
    pub(crate) fn one_of(self, known: &[&str]) -> Result<String, ManifestError> {
        let name = self.name(128)?;
        match known.contains(&name.as_str()) {
            true => Ok(name),
            false => Err(self.error(say!(
                "`{key}` is `{name}`, and there is none of that name here: {advice}",
                "`{key}` 为 `{name}`，此处没有这个名称：{advice}",
                key = self.key,
                advice = meant(&name, known)
            ))),
        }
    }

    /// A list of at least one column name, no two equal, and where each stands.
    pub(crate) fn names(self) -> Result<(Vec<String>, Vec<Place>), ManifestError> {
        let nodes: Vec<Node<'_>> = self.list(text!("a list of column names", "列名的列表"))?.collect();
        let names = nodes.iter().map(|node| node.name(128)).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<Place> = nodes.iter().map(|node| node.place()).collect();
        unique(text!("column", "列"), places.iter().copied().zip(names.iter().map(String::as_str)))?;
        match names.is_empty() {
            true => Err(self.error(say!(
                "`{key}` is empty: name at least one column",
                "`{key}` 为空：请至少写一列",
                key = self.key
            ))),
            false => Ok((names, places)),
        }
    }

    /// A whole number within a range.
    pub(crate) fn whole(self, range: RangeInclusive<i64>) -> Result<i64, ManifestError> {
        let wanted = say!(
            "a whole number from {start} to {end}",
            " {start} 至 {end} 之间的整数",
            start = range.start(),
            end = range.end()
        );
        let DeValue::Integer(number) = self.value else { return Err(self.wrong_type(&wanted)) };
        let value = i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|value| range.contains(value));
        value.ok_or_else(|| {
            self.error(say!(
                "`{key}` is {number}: write {wanted}",
                "`{key}` 为 {number}：请写{wanted}",
                key = self.key,
                number = number.as_str()
            ))
        })
    }

    /// An exact number, as it is written.
    pub(crate) fn number(self) -> Result<Rational, ManifestError> {
        let text = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            DeValue::String(text) => text,
            _ => {
                return Err(self.wrong_type(text!(
                    "a decimal number, or a fraction as a text such as \"1/3\"",
                    "小数，或写成文本的分数，例如 \"1/3\""
                )));
            }
        };
        parse_decimal(text).map_err(|why| self.error(say!("`{key}`: {why}", "`{key}`：{why}", key = self.key)))
    }

    /// An exact number from `least` to `most`.
    pub(crate) fn between(self, least: &str, most: i64) -> Result<Rational, ManifestError> {
        let (number, lowest) = (self.number()?, parse_decimal(least).unwrap_or_else(|_| Rational::one()));
        match lowest <= number && number <= Rational::from_integer(most.into()) {
            true => Ok(number),
            false => Err(self.error(say!(
                "`{key}` is {number}: write a number from {least} to {most}",
                "`{key}` 为 {number}：请写 {least} 至 {most} 之间的数",
                key = self.key,
                number = number.to_string()
            ))),
        }
    }

    pub(crate) fn weight(self) -> Result<Rational, ManifestError> {
        self.between("1e-6", 1_000_000)
    }

    /// 64 KiB to 4 GiB, as a number of bytes or with a unit.
    pub(crate) fn bytes(self) -> Result<u64, ManifestError> {
        let range = 1i64 << 16..=1 << 32;
        let DeValue::String(text) = self.value else { return Ok(self.whole(range)? as u64) };
        let bytes = text::bytes(text).filter(|bytes| i64::try_from(*bytes).is_ok_and(|bytes| range.contains(&bytes)));
        bytes.ok_or_else(|| {
            self.error(say!(
                "`{key}` is `{text}`: write 64KiB to 4GiB, such as \"64MiB\"",
                "`{key}` 为 `{text}`：请写 64KiB 至 4GiB，例如 \"64MiB\"",
                key = self.key
            ))
        })
    }
}

/// Refuses the second of two equal names.
pub(crate) fn unique<'a>(what: Text, named: impl Iterator<Item = (Place, &'a str)>) -> Result<(), ManifestError> {
    let mut seen = HashSet::new();
    for (at, name) in named {
        if !seen.insert(name) {
            return Err(at.error(say!(
                "the {what} `{name}` stands here twice: rename or remove one",
                "{what} `{name}` 重复出现：请改名或删去一个"
            )));
        }
    }
    Ok(())
}
