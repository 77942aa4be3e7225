//! Texts for people, in the language of each reader.
//!
//! A message is a type: an enum of errors, a word, a pair of sentences. It is told to one reader at a time with
//! [`InLang`], which chooses the language of the message and of every message inside it; what people wrote
//! themselves (names, titles, paths) is said as it is, in every language. `Display` is always English: for logs,
//! operators and JSON.
//!
//! ```
//! use unseen_texts::{InLang, Lang, Message, Say};
//!
//! #[derive(Debug, thiserror::Error, Say)]
//! #[code("door")]
//! enum Closed {
//!     #[error("the door of {0} is locked")]
//!     #[zh("{0} 的门锁着")]
//!     Locked(String),
//!     #[error("the door cannot be opened: {why}")]
//!     #[zh("门打不开：{why}")]
//!     Stuck { why: std::io::Error },
//! }
//!
//! let closed = Closed::Stuck { why: std::io::ErrorKind::PermissionDenied.into() };
//! assert_eq!(InLang(&closed, Lang::Zh).to_string(), "门打不开：没有权限");
//! assert_eq!(closed.code(), "door.stuck");
//! assert_eq!(InLang(&Closed::Locked("rows".into()), Lang::Zh).to_string(), "rows 的门锁着");
//! ```
//!
//! A text without Chinese does not build:
//!
//! ```compile_fail
//! #[derive(Debug, thiserror::Error, unseen_texts::Say)]
//! #[code("door")]
//! enum Closed {
//!     #[error("the door is locked")]
//!     Locked,
//! }
//! ```
//!
//! Nor does one whose two languages speak of different values, nor one that calls operators by half their name:
//!
//! ```compile_fail
//! let name = "rows";
//! let sentence = unseen_texts::say!("{name} is there", "它在那里");
//! ```
//! ```compile_fail
//! const OPERATOR: unseen_texts::Text = unseen_texts::text!("operator", "管理员");
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

extern crate self as unseen_texts;

mod plain;
#[cfg(feature = "schema")]
mod schema;
mod system;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use serde_json::Value;
pub use system::exists;
pub use unseen_derive::{Say, say, text};

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English
    En,
    /// 中文
    Zh,
}

/// What can be said to a person.
pub trait Say {
    /// Says it in a language.
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The same as a text.
    fn told(&self, lang: Lang) -> String {
        InLang(self, lang).to_string()
    }

    /// The same for programs: a number as a number, a message as its code, text and data.
    fn value(&self) -> Value {
        Value::String(InLang(self, Lang::En).to_string())
    }
}

/// An error with a code that programs can go by. Codes and the names of data never change; texts may.
pub trait Message: Say + std::error::Error {
    /// Such as `ledger.not-enrolled`.
    fn code(&self) -> &str;

    /// What the text speaks of: an object, by the names of the fields.
    fn data(&self) -> Value;
}

macro_rules! held {
    ($($holder:ident),+) => { $(
        impl<T: Message> Message for $holder<T> {
            fn code(&self) -> &str {
                (**self).code()
            }
            fn data(&self) -> Value {
                (**self).data()
            }
        }
    )+ };
}
held!(Box, Arc);

/// Something, said in a language.
#[derive(Clone, Copy)]
pub struct InLang<'a, T: ?Sized>(pub &'a T, pub Lang);

impl<T: Say + ?Sized> fmt::Display for InLang<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.say(self.1, out)
    }
}

/// As in every language: for what stands in quotation marks.
impl<T: fmt::Debug + ?Sized> fmt::Debug for InLang<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<T: fmt::Octal + ?Sized> fmt::Octal for InLang<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<T: fmt::LowerHex + ?Sized> fmt::LowerHex for InLang<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A fixed text: a label, a word, a remark. Made with [`text!`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

impl Text {
    /// The text in a language.
    pub fn to(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

impl Say for Text {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.to(lang))
    }
}

impl std::error::Error for Text {}

impl Message for Text {
    fn code(&self) -> &str {
        "refused"
    }
    fn data(&self) -> Value {
        object([])
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.en)
    }
}

/// A sentence with its values, in both languages. Made with [`say!`], where each value is itself said in the
/// language of the sentence. Programs read the English; [`both`] keeps the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sentence {
    en: Cow<'static, str>,
    zh: Cow<'static, str>,
}

impl Sentence {
    /// For [`say!`], which has checked both.
    #[doc(hidden)]
    pub fn new(en: String, zh: String) -> Sentence {
        Sentence { en: en.into(), zh: zh.into() }
    }

    /// The sentence in a language.
    pub fn to(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }

    /// What is made in each language by itself.
    pub fn new_in(make: impl Fn(Lang) -> String) -> Sentence {
        Sentence::new(make(Lang::En), make(Lang::Zh))
    }

    /// Whatever it is, in both languages.
    pub fn of(said: &(impl Say + ?Sized)) -> Sentence {
        Sentence::new(InLang(said, Lang::En).to_string(), InLang(said, Lang::Zh).to_string())
    }
}

impl From<Text> for Sentence {
    fn from(text: Text) -> Sentence {
        Sentence { en: text.en.into(), zh: text.zh.into() }
    }
}

/// The words of others: of a library, a compiler, a token. They are said as they are.
impl From<String> for Sentence {
    fn from(text: String) -> Sentence {
        Sentence::new(text.clone(), text)
    }
}

impl std::error::Error for Sentence {}

/// A refusal of which only the sentence matters.
impl Message for Sentence {
    fn code(&self) -> &str {
        "refused"
    }
    fn data(&self) -> Value {
        object([])
    }
}

impl Say for Sentence {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.to(lang))
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.en)
    }
}

thread_local! {
    /// In which language texts are written as JSON: English, but for a reader on the network who asked for another.
    static WRITTEN: Cell<Lang> = const { Cell::new(Lang::En) };
}

/// Does `write`, in which texts become JSON in this language.
pub fn written_in<T>(lang: Lang, write: impl FnOnce() -> T) -> T {
    let before = WRITTEN.replace(lang);
    let written = write();
    WRITTEN.set(before);
    written
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to(WRITTEN.get()))
    }
}

impl Serialize for Sentence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to(WRITTEN.get()))
    }
}

/// A sentence that another machine wrote in the language that was asked for.
impl<'de> Deserialize<'de> for Sentence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sentence, D::Error> {
        String::deserialize(deserializer).map(Sentence::from)
    }
}

/// For `#[serde(with)]`: a sentence that goes to another process of ours, and is said there.
pub mod both {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Sentence;

    /// Both languages, as a pair.
    pub fn serialize<S: Serializer>(sentence: &Sentence, serializer: S) -> Result<S::Ok, S::Error> {
        (&sentence.en, &sentence.zh).serialize(serializer)
    }

    /// Reads the pair.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sentence, D::Error> {
        <(String, String)>::deserialize(deserializer).map(|(en, zh)| Sentence::new(en, zh))
    }
}

/// For the derive: an object of fields.
#[doc(hidden)]
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A message as programs read it: its code, its English text, its data.
pub fn to_value(message: &(impl Message + ?Sized)) -> Value {
    let text = Value::String(message.to_string());
    object([("code", message.code().into()), ("message", text), ("data", message.data())])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word.
    #[derive(Clone, Copy, Debug, PartialEq, Say)]
    enum Part {
        #[en("the title")]
        #[zh("标题")]
        Title,
    }

    #[derive(Debug, thiserror::Error, Say)]
    #[code("inner")]
    enum Inner {
        #[error("{part} has {count} letters of at most {MOST}")]
        #[zh("{part}有 {count} 个字，至多 {MOST} 个")]
        Long { part: Part, count: usize },
        #[error("mode {0:o} of {1:?}")]
        #[zh("{1:?} 的权限为 {0:o}")]
        Mode(u32, String),
    }

    const MOST: usize = 3;

    #[derive(Debug, thiserror::Error, Say)]
    #[code("outer")]
    enum Outer {
        #[error("`{name}` does not do: {why}; {more}", more = also(why))]
        #[zh("`{name}` 不行：{why}；{more}", more = also(why))]
        Wrapped { name: String, why: Inner },
        #[error(transparent)]
        Inner(#[from] Inner),
        #[error("{0}")]
        #[zh("{0}")]
        Foreign(String),
    }

    fn also(why: &Inner) -> Text {
        match why {
            Inner::Long { .. } => text!("shorten it", "请缩短"),
            Inner::Mode(..) => text!("close it", "请关闭"),
        }
    }

    fn long() -> Inner {
        Inner::Long { part: Part::Title, count: 7 }
    }

    #[test]
    fn messages_and_those_inside_them_are_said_in_one_language() {
        let outer = Outer::Wrapped { name: "the title".into(), why: long() };
        assert_eq!(outer.to_string(), "`the title` does not do: the title has 7 letters of at most 3; shorten it");
        assert_eq!(InLang(&outer, Lang::En).to_string(), outer.to_string());
        assert_eq!(InLang(&outer, Lang::Zh).to_string(), "`the title` 不行：标题有 7 个字，至多 3 个；请缩短");
        let mode = Inner::Mode(0o640, "a b".into());
        assert_eq!(InLang(&mode, Lang::Zh).to_string(), "\"a b\" 的权限为 640");
        assert_eq!(InLang(&Outer::Foreign("rows".into()), Lang::Zh).to_string(), "rows");
    }

    #[test]
    fn programs_get_codes_and_typed_data() {
        assert_eq!(Outer::CODES, ["outer.wrapped", "outer.foreign"]);
        let inner = Outer::from(long());
        assert_eq!(inner.code(), "inner.long");
        assert_eq!(inner.data(), serde_json::json!({ "part": "the title", "count": 7 }));
        let outer = Outer::Wrapped { name: "n".into(), why: Inner::Mode(8, "p".into()) };
        let data = serde_json::json!({ "0": 8, "1": "p" });
        let why = serde_json::json!({ "code": "inner.mode", "message": "mode 10 of \"p\"", "data": data });
        assert_eq!(outer.data(), serde_json::json!({ "name": "n", "why": why }));
        assert_eq!(Outer::Foreign("x".into()).data(), serde_json::json!({ "value": "x" }));
    }

    #[test]
    fn sentences_hold_words_of_people_and_words_of_ours() {
        let (name, part) = ("the title", Part::Title);
        let sentence = say!("{part} is `{name}`", "{part}是 `{name}`");
        assert_eq!(sentence.to(Lang::En), "the title is `the title`");
        assert_eq!(sentence.to(Lang::Zh), "标题是 `the title`");
        let within = say!("{n} times: {sentence}", "共 {n} 次：{sentence}", n = 1 + 1);
        assert_eq!(within.to(Lang::Zh), "共 2 次：标题是 `the title`");
    }
}
