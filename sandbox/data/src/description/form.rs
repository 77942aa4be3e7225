//! `normalize`: how the texts of a column are brought into one form before they are checked, hashed and stored, so
//! that a code is the same code however two offices write it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use unseen_texts::{Text, say, text};

use super::section::{Read, Section};
use super::{ColumnType, nearest};
use crate::cell::half_width;
use crate::resident_id;

/// One step towards the form. Steps are taken in this order, whatever order they are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Full-width forms of ASCII characters and the ideographic space become the plain ones.
    Width,
    /// Blanks of every kind go, and characters that cannot be seen.
    Blanks,
    /// Hyphens, dots, slashes and underscores go: of codes that are told apart without them.
    Separators,
    /// Letters a to z become capitals.
    Case,
    /// Numbers of identity cards of 15 digits become those of 18 characters (GB 11643).
    ResidentId,
}

/// The steps that a column declares, each once and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<Step>);

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 5] = [Step::Width, Step::Blanks, Step::Separators, Step::Case, Step::ResidentId];

    /// The word in `normalize = [...]`.
    pub fn word(self) -> &'static str {
        match self {
            Step::Width => "width",
            Step::Blanks => "blanks",
            Step::Separators => "separators",
            Step::Case => "case",
            Step::ResidentId => "resident-id",
        }
    }

    /// What it does, for people.
    pub fn told(self) -> Text {
        match self {
            Step::Width => text!("full width to half width", "全角转半角"),
            Step::Blanks => text!("without blanks", "去空白"),
            Step::Separators => text!("without separators", "去分隔符"),
            Step::Case => text!("upper case", "转大写"),
            Step::ResidentId => text!("identity numbers of 15 digits to 18", "15 位身份证号转 18 位"),
        }
    }

    fn apply(self, text: &str) -> String {
        match self {
            Step::Width => text.chars().map(half_width).collect(),
            Step::Blanks => text.chars().filter(|c| !is_blank(*c)).collect(),
            Step::Separators => text.chars().filter(|c| !is_separator(*c)).collect(),
            Step::Case => text.to_ascii_uppercase(),
            Step::ResidentId => resident_id::of_15_digits(text).unwrap_or_else(|| text.to_owned()),
        }
    }
}

impl Form {
    /// The form of these steps.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Form {
        let mut steps: Vec<Step> = steps.into_iter().collect();
        steps.sort_unstable();
        steps.dedup();
        Form(steps)
    }

    /// Its steps, in order; none where texts are taken as they are.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// A text in this form. What is in it already stays as it is.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        // Most codes are written as they should be.
        let plain = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
        if text.bytes().all(plain) && !(self.0.contains(&Step::ResidentId) && text.len() == 15) {
            return Cow::Borrowed(text);
        }
        let formed = self.0.iter().fold(text.to_owned(), |text, step| step.apply(&text));
        if formed == text { Cow::Borrowed(text) } else { Cow::Owned(formed) }
    }

    pub(super) fn read(section: &Section, kind: &ColumnType) -> Read<Form> {
        let Some(words) = section.texts("normalize")? else { return Ok(Form::default()) };
        if *kind != ColumnType::Text {
            let only = text!(
                "only a text column has `normalize`: numbers and dates have one form",
                "只有文本列有 `normalize`：数字和日期本来就只有一种形式"
            );
            return Err(section.fault("normalize", only));
        }
        let step = |(at, word): (usize, &String)| {
            let step = Step::ALL.into_iter().find(|step| step.word() == word).ok_or_else(|| {
                let words = Step::ALL.map(Step::word);
                say!(
                    "there is no form {word:?}{hint}; forms are {join}",
                    "没有规范化方式 {word:?}{hint}；可用的有 {join}",
                    hint = nearest(word, words.into_iter()),
                    join = words.join(", ")
                )
            });
            step.map_err(|fault| section.fault_in("normalize", at, fault))
        };
        words.iter().enumerate().map(step).collect::<Read<Vec<_>>>().map(Form::new)
    }

    /// Refuses what no text in this form is.
    pub(super) fn check(&self, section: &Section, key: &str, texts: &[&str]) -> Read<()> {
        for text in texts {
            let formed = self.apply(text);
            if formed != *text {
                return Err(section.fault(
                    key,
                    say!(
                        "no text of the column is {text:?} once `normalize` is applied: write {formed:?}",
                        "按 `normalize` 规范化之后，该列不会出现 {text:?}：请写 {formed:?}",
                        formed = formed.into_owned()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The list in a `dataset.toml`.
    pub(super) fn write(&self) -> Vec<String> {
        self.0.iter().map(|step| step.word().to_owned()).collect()
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '/' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '·' | '•' | '‧' | '・')
}
