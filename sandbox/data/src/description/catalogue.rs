//! `[catalogue]`: what registers of public data ask of a dataset beside what computing on it needs.

use unseen_texts::{Sentence, Text, say, text};

use super::section::{Read, Section};
use super::{Grade, Origin};
use crate::cell::is_uscc;

/// What a steward states for registers. Nothing of it has a default: what is left out is not stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Code of the administrative division, six digits (GB/T 2260).
    pub area: Option<String>,
    /// Unified social credit code of the provider (GB 32100).
    pub organisation: Option<String>,
    /// Code of the class that the provider's catalogue gives it (GB/T 21063.4): letters and digits, 1 to 32.
    pub subject: Option<String>,
    /// Where the provider has the data from.
    pub origin: Option<Origin>,
    /// How good the steward says it is.
    pub quality: Option<Grade>,
    /// By which law, rule or agreement the provider holds it: one line, to 400 characters.
    pub basis: Option<String>,
    /// Whom to ask about it, and for it: one line, to 200 characters.
    pub contact: Option<String>,
}

impl Catalogue {
    pub(super) fn read(root: &Section) -> Read<Catalogue> {
        let Some(section) = root.section("catalogue")? else { return Ok(Catalogue::default()) };
        section.only(&["area", "organisation", "subject", "origin", "quality", "basis", "contact"])?;
        let fitting = |key: &str, fits: fn(&str) -> bool, why: Text| match section.text(key)? {
            Some(text) if !fits(text) => Err(section.fault(key, why)),
            text => Ok(text.map(str::to_owned)),
        };
        Ok(Catalogue {
            area: fitting(
                "area",
                |code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()),
                text!(
                    "area is a code of GB/T 2260: six digits, such as \"320412\"",
                    "area 为 GB/T 2260 行政区划代码：六位数字，例如 \"320412\""
                ),
            )?,
            organisation: fitting(
                "organisation",
                |code| is_uscc(code.as_bytes()),
                text!(
                    "organisation is a unified social credit code of 18 characters, and its last one does not fit or is missing",
                    "organisation 为 18 位统一社会信用代码：位数不对，或校验码不符"
                ),
            )?,
            subject: fitting(
                "subject",
                |code| (1..=32).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                text!("subject is a code of 1 to 32 letters and digits", "subject 为 1 至 32 位字母和数字的代码"),
            )?,
            origin: word(&section, "origin", Origin::read, Origin::ALL.iter().map(|word| word.en()))?,
            quality: word(&section, "quality", Grade::read, Grade::ALL.iter().map(|word| word.en()))?,
            basis: fitting(
                "basis",
                |said| (1..=400).contains(&said.chars().count()) && !said.chars().any(char::is_control),
                text!("basis is one line of 1 to 400 characters", "basis 为一行，1 至 400 个字符"),
            )?,
            contact: fitting(
                "contact",
                |said| (1..=200).contains(&said.chars().count()) && !said.chars().any(char::is_control),
                text!("contact is one line of 1 to 200 characters", "contact 为一行，1 至 200 个字符"),
            )?,
        })
    }

    /// The lines of its section; none where nothing is stated.
    pub(super) fn write(&self) -> Vec<String> {
        let texts = [
            ("area", self.area.as_deref()),
            ("organisation", self.organisation.as_deref()),
            ("subject", self.subject.as_deref()),
            ("origin", self.origin.map(Origin::en)),
            ("quality", self.quality.map(Grade::en)),
            ("basis", self.basis.as_deref()),
            ("contact", self.contact.as_deref()),
        ];
        let stated = texts.into_iter().filter_map(|(key, text)| Some(format!("{key} = {}", toml::Value::from(text?))));
        let stated: Vec<_> = stated.collect();
        if stated.is_empty() { stated } else { [vec!["\n[catalogue]".to_owned()], stated].concat() }
    }
}

fn word<T>(
    section: &Section,
    key: &str,
    read: fn(&str) -> Option<T>,
    words: impl Iterator<Item = &'static str>,
) -> Read<Option<T>> {
    let one_of = |words: Vec<&str>| -> Sentence {
        say!("{key} is one of: {join}", "{key} 须为下列之一：{join}", join = words.join(", "))
    };
    match section.text(key)? {
        None => Ok(None),
        Some(word) => read(word).map(Some).ok_or_else(|| section.fault(key, one_of(words.collect()))),
    }
}

#[cfg(test)]
mod tests {
    use crate::Description;

    const DATASET: &str = "name = \"firms\"\nkind = \"reference\"\nkey = \"code\"\nprovider = \"统计局\"\n\
        classification = \"internal\"\nupdate_cycle = \"monthly\"\nsharing = \"none\"\n[[column]]\nname = \"code\"\n\
        type = \"text\"\n";

    fn with(lines: &str) -> Result<Description, String> {
        let text = DATASET.replacen("[[column]]", &format!("[catalogue]\n{lines}\n[[column]]"), 1);
        Description::parse(&text).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_stated_is_kept_and_is_of_no_other_data() {
        let all = "area = \"320412\"\norganisation = \"91350100M000100Y43\"\nsubject = \"ZAB01\"\norigin = \"原始取得\"\n\
            quality = \"B\"\nbasis = \"统计法 第\\\"七\\\"条\"";
        let described = with(all).unwrap();
        assert_eq!(Description::parse(&described.to_toml()), Ok(described.clone()));
        let bare = Description::parse(DATASET).unwrap();
        assert!(!bare.to_toml().contains("catalogue"));
        assert!(bare != described && bare.is_of_same_data(&described));
    }

    #[test]
    fn what_no_register_would_take_is_refused() {
        for (line, says) in [
            ("area = \"32041\"", "six digits"),
            ("organisation = \"91350100M000100Y44\"", "social credit code"),
            ("subject = \"Z A\"", "letters and digits"),
            ("origin = \"found\"", "original, collected, traded, other"),
            ("quality = \"E\"", "A, B, C, D"),
            ("basis = \"a\\nb\"", "one line"),
            ("contact = \"\"", "one line"),
            ("theme = \"1\"", "unknown key"),
        ] {
            let said = with(line).unwrap_err();
            assert!(said.contains(says), "{line}: {said}");
        }
    }
}
