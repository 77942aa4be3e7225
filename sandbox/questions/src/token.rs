//! A question taken apart into words, each with its place.

use unseen_texts::{say, text};

use crate::fault::{Fault, Span};

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A keyword or a name, as it is written.
    Word(String),
    /// A name in `"` or `` ` ``, which is no keyword.
    Quoted(String),
    /// Digits of a number.
    Number(String),
    /// What stood in `'`.
    Text(String),
    /// A sign.
    Sign(&'static str),
    /// Behind the last.
    End,
}

/// All signs, longer ones before those they begin with.
const SIGNS: &[&str] = &[
    "<>", "<=", ">=", "!=", "||", "::", "==", "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%", "=", "<", ">",
    ";", ":",
];

/// The words of a text of at most `longest` characters; the last is [`Token::End`].
pub(crate) fn tokens(text: &str, longest: usize) -> Result<Vec<(Token, Span)>, Fault> {
    let length = text.chars().count();
    if length > longest {
        return Err(Fault::at(
            text,
            &(0..0),
            say!(
                "this has {length} characters of at most {longest}: ask less at once",
                "共 {length} 个字符，至多 {longest} 个：请减少一次所问的内容"
            ),
        ));
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let end = match next {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '-' if rest.starts_with("--") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '/' if rest.starts_with("/*") => {
                let open = || {
                    Fault::at(
                        text,
                        &(at..at + 2),
                        text!("this comment has no end: add `*/`", "注释没有结束：请加上 `*/`"),
                    )
                };
                at += rest.find("*/").ok_or_else(open)? + 2;
                continue;
            }
            '\'' | '"' | '`' => {
                at + quoted(rest).ok_or_else(|| {
                    Fault::at(
                        text,
                        &(at..text.len()),
                        say!(
                            "this begins with {next} and has no end: add {next}",
                            "以 {next} 开头而没有结束：请加上 {next}"
                        ),
                    )
                })?
            }
            c if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                at + number(rest)
            }
            c if c.is_alphabetic() || c == '_' => {
                at + rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => at + sign.len(),
                None => {
                    return Err(Fault::at(
                        text,
                        &(at..at + next.len_utf8()),
                        say!(
                            "`{next}` means nothing here: leave it out",
                            "此处的 `{next}` 没有意义：请去掉",
                            next = next.escape_debug().to_string()
                        ),
                    ));
                }
            },
        };
        let piece = &text[at..end];
        let inside = || piece[1..piece.len() - 1].replace(&format!("{next}{next}"), &next.to_string());
        let token = match next {
            '\'' => Token::Text(inside()),
            '"' | '`' => Token::Quoted(inside()),
            c if c.is_ascii_digit() || piece.len() > 1 && c == '.' => Token::Number(piece.to_owned()),
            c if c.is_alphabetic() || c == '_' => Token::Word(piece.to_owned()),
            _ => Token::Sign(SIGNS.iter().find(|sign| **sign == piece).copied().unwrap_or_default()),
        };
        found.push((token, at..end));
        at = end;
    }
    found.push((Token::End, text.len()..text.len()));
    Ok(found)
}

/// How long what is quoted is, both quotes included; two quotes inside are one. None where it has no end.
fn quoted(rest: &str) -> Option<usize> {
    let quote = rest.as_bytes()[0];
    let mut at = 1;
    loop {
        at += rest.as_bytes()[at..].iter().position(|byte| *byte == quote)? + 1;
        if rest.as_bytes().get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// How long a number is: digits, a point with more, an exponent.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = digits(end + 1 + sign);
        if power > end + 1 + sign {
            end = power;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Token> {
        tokens(text, 100).unwrap().into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn words_numbers_texts_and_signs() {
        let word = |text: &str| Token::Word(text.into());
        assert_eq!(
            words("a.镇 >=1.5e3 -- no\n<>'it''s'/*x*/ \"b \"\"c\" .5 1e"),
            [
                word("a"),
                Token::Sign("."),
                word("镇"),
                Token::Sign(">="),
                Token::Number("1.5e3".into()),
                Token::Sign("<>"),
                Token::Text("it's".into()),
                Token::Quoted("b \"c".into()),
                Token::Number(".5".into()),
                Token::Number("1".into()),
                word("e"),
                Token::End
            ]
        );
    }

    #[test]
    fn what_cannot_be_taken_apart_is_named_at_its_place() {
        for (text, place, said) in
            [("a = 'x", 5, "has no end: add '"), ("a /* b", 3, "add `*/`"), ("a ？", 3, "`？` means nothing here")]
        {
            let fault = tokens(text, 100).unwrap_err();
            assert!(fault.place == place && fault.message.to_string().contains(said), "{fault}");
        }
        assert!(
            tokens(&"a ".repeat(51), 100).unwrap_err().message.to_string().contains("102 characters of at most 100")
        );
    }
}
