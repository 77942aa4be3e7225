//! What is wrong in a question, and where: the piece is underlined.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;
use unseen_texts::{Say, Sentence};

/// A mistake in a question, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("question")]
#[error("character {place}: {message}")]
#[zh("第 {place} 个字符：{message}")]
pub struct Fault {
    /// Where it begins, in characters, from 1.
    pub place: usize,
    /// How many characters it is long; at least 1.
    pub length: usize,
    /// One sentence.
    pub message: Sentence,
}

/// A piece of a text, in bytes.
pub type Span = Range<usize>;

impl Fault {
    /// A fault of a piece of `text`.
    pub fn at(text: &str, span: &Span, message: impl Into<Sentence>) -> Fault {
        let count = |range: Range<usize>| text.get(range).map_or(0, |piece| piece.chars().count());
        Fault {
            place: count(0..span.start) + 1,
            length: count(span.start..span.end.min(text.len())).max(1),
            message: message.into(),
        }
    }

    /// The same fault of a piece of `text`, whose own beginning was taken for the first character.
    pub(crate) fn within(self, text: &str, piece: &Span) -> Fault {
        let before = text.get(..piece.start).map_or(0, |before| before.chars().count());
        Fault { place: self.place + before, ..self }
    }

    /// The line of `text` that the fault is in, and a second one that underlines the piece.
    pub fn underlined(&self, text: &str) -> String {
        let mut rest = self.place - 1;
        let mut line = "";
        for next in text.split('\n') {
            line = next;
            match rest.checked_sub(next.chars().count() + 1) {
                Some(left) => rest = left,
                None => break,
            }
        }
        let piece = |from: usize, many: usize| -> String {
            line.chars().skip(from).take(many).map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        let (before, within) = (piece(0, rest), piece(rest, self.length));
        let whole = piece(0, usize::MAX);
        format!("{whole}\n{}{}\n", " ".repeat(before.width()), "^".repeat(within.width().max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_is_underlined_however_wide_its_letters_are() {
        let text = "SELECT 镇, OVER()\nFROM t";
        let at = text.find("OVER()").unwrap();
        let fault = Fault::at(text, &(at..at + 6), Sentence::default());
        assert_eq!((fault.place, fault.length), (11, 6));
        assert_eq!(fault.underlined(text), "SELECT 镇, OVER()\n           ^^^^^^\n");
        let at = text.find("FROM").unwrap();
        let fault = Fault::at(text, &(at..at + 4), Sentence::default());
        assert_eq!(fault.underlined(text), "FROM t\n^^^^\n");
        let end = Fault::at(text, &(text.len()..text.len()), Sentence::default());
        assert_eq!(end.underlined(text), "FROM t\n      ^\n");
    }
}
