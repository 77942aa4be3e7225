//! A mail: its headers and its text (RFC 5322, RFC 2047).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Local};
use unseen_ids::Digest;

use crate::config::{Address, Person};
use crate::letter::Letter;

/// The bytes of a mail, lines ended by CR LF, the last one too. No line begins with a dot: headers begin with a
/// name or a blank, and base64 has none.
pub(crate) fn compose(letter: &Letter, to: &Person, from: &Address, now: DateTime<Local>) -> Vec<u8> {
    let lang = to.language;
    let text = format!("{}\n\n{}\n\n-- \n{}\n", letter.notice.body(lang), letter.link(lang), letter.lab.origin);
    // The same for this notice to this person, whenever it is sent again.
    let reader = Digest::of(to.mail.as_str().as_bytes()).short();
    let headers = [
        ("Date", now.to_rfc2822()),
        ("From", from.to_string()),
        ("To", to.mail.to_string()),
        ("Message-ID", format!("<{}.{reader}@{}>", letter.id(), from.host())),
        ("Subject", encoded_words(&letter.notice.subject(lang))),
        // RFC 3834: no machine answers this.
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "base64".to_owned()),
    ];
    let mut mail = String::new();
    for (name, value) in headers {
        mail.push_str(&format!("{name}: {value}\r\n"));
    }
    mail.push_str("\r\n");
    let encoded = BASE64_STANDARD.encode(text.replace('\n', "\r\n"));
    // RFC 2045, section 6.8. The text is ASCII, so that any place is between two characters.
    for line in encoded.as_bytes().chunks(76) {
        mail.extend(line.iter().map(|byte| char::from(*byte)));
        mail.push_str("\r\n");
    }
    mail.into_bytes()
}

/// Any text as the value of a header (RFC 2047): words of at most 75 characters, each of whole characters, on lines
/// of their own. Whatever was in the text is inside base64.
fn encoded_words(text: &str) -> String {
    const MOST: usize = 45;
    let mut words = vec![String::new()];
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= MOST => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let words = words.iter().map(|word| format!("=?UTF-8?B?{}?=", BASE64_STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_one_header(text in "[\\x00-\\x7f工\u{1f3ed}]{0,200}") {
            let encoded = encoded_words(&text);
            let mut decoded = String::new();
            for (at, line) in encoded.split("\r\n").enumerate() {
                prop_assert!(line.len() <= 76 && line.starts_with(' ') == (at > 0));
                let word = line.trim_start().strip_prefix("=?UTF-8?B?").and_then(|word| word.strip_suffix("?="));
                let bytes = BASE64_STANDARD.decode(word.unwrap()).unwrap();
                decoded.push_str(std::str::from_utf8(&bytes).unwrap());
            }
            prop_assert_eq!(decoded, text);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() || b"\r\n ".contains(&byte)));
        }
    }
}
