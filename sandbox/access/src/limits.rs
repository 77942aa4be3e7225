//! How long a text of rules may be, and how deep: looked at before Cedar reads it.
//!
//! Cedar 4.14 has no limit of its own. On a thread's usual 2 MiB some forty brackets within one another overflow the
//! stack, which ends the process; and from some ninety operators in a row its validator runs out of stack and lets a
//! rule pass that it has not looked at (both measured in a debug build; `tests/parse.rs` has them).

use crate::error::RulesError;

/// Bytes of a text.
pub(crate) const BYTES: usize = 64 << 10;
/// Brackets within one another.
const BRACKETS: usize = 12;
/// Operators, points and opening brackets of one rule, all of which make it deeper.
const MARKS: usize = 48;

/// Refuses what is too long or too deep, and strings that do not end. All else is for Cedar to say.
pub(crate) fn check(text: &str) -> Result<(), RulesError> {
    if text.len() > BYTES {
        return Err(RulesError::TooLong { bytes: text.len(), longest: BYTES });
    }
    let (mut open, mut marks, mut at) = (0_usize, 0, 0);
    while let Some(piece) = Piece::first_of(&text[at..]) {
        let (line, column) = place(text, at);
        match piece.kind {
            Kind::Open => (open, marks) = (open + 1, marks + 1),
            Kind::Close => open = open.saturating_sub(1),
            Kind::Operator => marks += 1,
            Kind::End => (open, marks) = (0, 0),
            Kind::Unended => return Err(RulesError::Unended { line, column }),
            Kind::Other => {}
        }
        if open > BRACKETS || marks > MARKS {
            return Err(RulesError::TooDeep { line, column, brackets: BRACKETS, marks: MARKS });
        }
        at += piece.bytes;
    }
    Ok(())
}

/// The next piece of a text, as far as it matters here.
struct Piece {
    kind: Kind,
    bytes: usize,
}

enum Kind {
    Open,
    Close,
    Operator,
    /// Of a rule.
    End,
    /// A string that goes on to the end of the text.
    Unended,
    Other,
}

impl Piece {
    fn first_of(text: &str) -> Option<Piece> {
        let first = text.chars().next()?;
        let run = |within: fn(char) -> bool| text.find(|c| !within(c)).unwrap_or(text.len());
        let (kind, bytes) = match first {
            '"' => match string(text) {
                Some(bytes) => (Kind::Other, bytes),
                None => (Kind::Unended, text.len()),
            },
            '/' if text.starts_with("//") => (Kind::Other, text.find(['\n', '\r']).unwrap_or(text.len())),
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            ';' => (Kind::End, 1),
            '&' | '|' | '=' | '<' | '>' => (Kind::Operator, run(|c| "&|=<>".contains(c))),
            '.' | '!' | '+' | '-' | '*' | '/' | '%' => (Kind::Operator, 1),
            letter if is_letter(letter) => {
                let bytes = run(is_letter);
                let operator = ["if", "in", "has", "is", "like", "when", "unless"].contains(&&text[..bytes]);
                (if operator { Kind::Operator } else { Kind::Other }, bytes)
            }
            other => (Kind::Other, other.len_utf8()),
        };
        Some(Piece { kind, bytes })
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Bytes of the string that a text begins with.
fn string(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|(_, byte)| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map(|(at, _)| at + 1)
}

/// Line and column, from 1, of a byte.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
