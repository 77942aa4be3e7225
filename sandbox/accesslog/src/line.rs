//! One line: what is in it, and its one written form.

use std::net::IpAddr;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, canonical};
use unseen_policies::text::shown;
use unseen_texts::Say;

/// No line is longer, in bytes, with its line break.
pub(crate) const LONGEST: usize = 4096;

/// Somebody did something, or tried to. Texts may be whatever was sent: they are bounded and made visible when
/// they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, by the lab's clock; kept to the millisecond.
    pub time: DateTime<Utc>,
    /// The person's name, if it is known who it was; at most 128 characters.
    pub who: Option<String>,
    /// How the person was recognised.
    pub how: How,
    /// The address it came from, without a port.
    pub from: IpAddr,
    /// What was asked for, such as `job.read`; at most 64 characters.
    pub action: String,
    /// Of what, such as `j12`; at most 256 characters.
    pub resource: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The rule that decided, if one did; at most 128 characters.
    pub rule: Option<String>,
}

/// How a person was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Say)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// By a client certificate.
    #[en("certificate")]
    #[zh("证书")]
    Certificate,
    /// By a log-in of the lab's own.
    #[en("log-in")]
    #[zh("登录")]
    Login,
    /// By an OpenID Connect provider.
    #[en("OpenID Connect")]
    #[zh("OpenID Connect 单点登录")]
    Oidc,
    /// Not at all.
    #[en("not recognised")]
    #[zh("未识别")]
    None,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Say)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    #[en("allowed")]
    #[zh("允许")]
    Allowed,
    /// A rule was against it.
    #[en("denied")]
    #[zh("拒绝")]
    Denied,
    /// It could not be done: a wrong password, an expired certificate.
    #[en("failed")]
    #[zh("失败")]
    Failed,
}

/// A line as it is in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The digest of the line before, without its line break; of the first line ever, the digest of nothing.
    pub previous: Digest,
    /// What it says.
    #[serde(flatten)]
    pub said: Said,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// Somebody did something.
    Access(Record),
    /// The log speaks of itself.
    Note {
        /// When, by the lab's clock.
        time: DateTime<Utc>,
        /// What it says.
        note: Note,
    },
}

/// What the log says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// A day begins here, and the one before is finished: the first line of every file, and of no other place.
    Begun,
    /// The line here was torn, as by a power cut, and was cut off.
    Torn {
        /// How long the torn part was.
        bytes: u64,
    },
    /// Refusals that have no lines of their own, since the last such note.
    Unlisted {
        /// How many were denied.
        denied: u64,
        /// How many failed.
        failed: u64,
    },
}

impl Line {
    /// The line before the first.
    pub(crate) fn genesis() -> Digest {
        Digest::of(b"")
    }

    /// The line's bytes, without a line break.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Texts, whole numbers and times: all of them have a canonical form.
        canonical::to_vec(self).unwrap_or_default()
    }

    /// Reads [`Line::to_bytes`] and nothing else.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Line> {
        let line: Line = serde_json::from_slice(bytes).ok()?;
        (line.to_bytes() == bytes).then_some(line)
    }
}

impl Record {
    /// As it is written: nothing hidden, nothing too long.
    pub(crate) fn bounded(&self) -> Record {
        Record {
            time: self.time.trunc_subsecs(3),
            who: self.who.as_deref().map(person),
            how: self.how,
            from: self.from.to_canonical(),
            action: action(&self.action),
            resource: short(&self.resource, 256),
            outcome: self.outcome,
            rule: self.rule.as_deref().map(|rule| short(rule, 128)),
        }
    }
}

/// A person's name as it is written.
pub(crate) fn person(name: &str) -> String {
    short(name, 128)
}

/// An action as it is written.
pub(crate) fn action(action: &str) -> String {
    short(action, 64)
}

/// At most so many characters, with those that hide written out; one that was cut ends in `…`.
fn short(text: &str, most: usize) -> String {
    let head: String = text.chars().take(most).collect();
    let visible = shown(&head);
    if head.len() == text.len() && visible.chars().count() <= most {
        return visible;
    }
    visible.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(text: &str) -> Record {
        let (who, rule) = (Some(text.to_owned()), Some(text.to_owned()));
        let (action, resource) = (text.to_owned(), text.to_owned());
        let time = "2026-11-29T08:00:00.123456789Z".parse().unwrap();
        let from = "::ffff:192.0.2.7".parse().unwrap();
        Record { time, who, how: How::Oidc, from, action, resource, outcome: Outcome::Failed, rule }
    }

    fn line(text: &str) -> Line {
        Line { previous: Line::genesis(), said: Said::Access(record(text).bounded()) }
    }

    #[test]
    fn a_line_has_one_form() {
        let line = Line { said: Said::Access(Record { rule: None, ..record("j12").bounded() }), ..line("") };
        let expected = concat!(
            r#"{"action":"j12","from":"192.0.2.7","how":"oidc","outcome":"failed","#,
            r#""previous":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
            r#""resource":"j12","rule":null,"time":"2026-11-29T08:00:00.123Z","who":"j12"}"#
        );
        assert_eq!(String::from_utf8(line.to_bytes()).unwrap(), expected);
        assert_eq!(Line::parse(expected.as_bytes()), Some(line));
        for other in [
            expected.replace("\"rule\":null,", ""),
            expected.replace(":00.123Z", ":00.123000Z"),
            expected.replace("\"who\"", "\"extra\":1,\"who\""),
            format!("{expected} "),
        ] {
            assert_eq!(Line::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_worst_that_can_be_sent_fits() {
        for text in ["\"", "\\", "\u{202e}", "\u{1b}", "工", "\u{10ffff}"] {
            let bytes = line(&text.repeat(100_000)).to_bytes();
            assert!(bytes.len() < LONGEST, "{} bytes of {text:?}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_one_visible_line(text in ".{0,300}|[\\x00-\\x7f\u{202a}-\u{202e}]{0,300}") {
            let line = line(&text);
            let bytes = line.to_bytes();
            let written = std::str::from_utf8(&bytes).unwrap();
            prop_assert!(!written.contains(unseen_policies::text::hides), "{}", written);
            prop_assert_eq!(Line::parse(&bytes), Some(line));
        }
    }
}
