//! The header: a text that seals the file key to each recipient, and a code over it made with that key.

use std::io::Read;
use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ring::hmac;

use crate::error::AgeError;
use crate::file_key::FileKey;
use crate::keys::{Identity, Recipient, Wrapped};
use crate::source::Source;

const VERSION: &[u8] = b"age-encryption.org/v1\n";
/// What files of all versions begin with.
const ANY_VERSION: &[u8] = b"age-encryption.org/";

/// A body's line of fewer characters is its last.
const COLUMNS: usize = 64;
/// Bytes of a header. Its kinds of recipient with the longest keys take about 2,300 each.
const MOST_BYTES: usize = 64 << 10;
/// Recipients in a header: each that is of our kind costs an agreement with each identity.
const MOST_STANZAS: usize = 128;

/// Whether a file that begins so is an age file, of whatever version, or one in armor.
pub fn is_age(start: &[u8]) -> bool {
    start.starts_with(ANY_VERSION) || start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// The header of a file with this key, which these can read.
pub fn write(key: &FileKey, recipients: &[Recipient]) -> Result<Vec<u8>, AgeError> {
    if recipients.is_empty() {
        return Err(AgeError::Nobody);
    }
    if recipients.len() > MOST_STANZAS {
        return Err(TOO_LONG);
    }
    let mut text = String::from_utf8_lossy(VERSION).into_owned();
    for recipient in recipients {
        let Wrapped { share, body } = recipient.seal(key)?;
        let [share, body] = [share, body].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        text += &format!("-> X25519 {share}\n{body}\n");
    }
    text += "---";
    let code = hmac::sign(&key.header_key(), text.as_bytes());
    text += &format!(" {}\n", STANDARD_NO_PAD.encode(code));
    Ok(text.into_bytes())
}

/// Reads a header to its last byte, strictly, and gives the file key when one of these identities has it and the
/// header is as it was written.
pub fn read<R: Read>(source: &mut Source<R>, identities: &[Identity]) -> Result<FileKey, AgeError> {
    version(source)?;
    let mut lines = Lines { source, text: VERSION.to_vec(), number: 1 };
    let (mut sealed, mut stanzas, mut passphrase) = (Vec::new(), 0, false);
    let (signed, code) = loop {
        let line = lines.next()?;
        let start = line.start;
        let line = &lines.text[line];
        if let Some(code) = line.strip_prefix(b"--- ").filter(|_| stanzas > 0) {
            let code: [u8; 32] = decode(code).ok_or(lines.fault())?;
            break (start + 3, code);
        }
        stanzas += 1;
        if stanzas > MOST_STANZAS {
            return Err(TOO_LONG);
        }
        let arguments = line.strip_prefix(b"-> ").ok_or(lines.fault())?;
        let arguments: Vec<Vec<u8>> = arguments.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect();
        if arguments.iter().any(|one| one.is_empty() || !one.iter().all(u8::is_ascii_graphic)) {
            return Err(lines.fault());
        }
        let body = body(&mut lines)?;
        match &arguments[0][..] {
            b"X25519" => sealed.push(x25519(&arguments[1..], &body).ok_or(lines.fault())?),
            b"scrypt" => passphrase = true,
            _ => {}
        }
    };
    if passphrase {
        return Err(AgeError::Passphrase);
    }
    for wrapped in &sealed {
        for identity in identities {
            if let Some(key) = identity.open(wrapped)? {
                hmac::verify(&key.header_key(), &lines.text[..signed], &code).map_err(|_| AgeError::Altered)?;
                return Ok(key);
            }
        }
    }
    Err(AgeError::NoMatch)
}

const TOO_LONG: AgeError = AgeError::TooLong { bytes: MOST_BYTES, recipients: MOST_STANZAS };

fn version<R: Read>(source: &mut Source<R>) -> Result<(), AgeError> {
    let mut first = [0; VERSION.len()];
    let read = source.fill(&mut first)?;
    match &first[..read] {
        VERSION => Ok(()),
        [] => Err(AgeError::NotAge),
        short if VERSION.starts_with(short) => Err(AgeError::Cut),
        other if other.starts_with(ANY_VERSION) => Err(AgeError::Version),
        _ => Err(AgeError::NotAge),
    }
}

/// A stanza's body: full lines of base64, then a shorter one, which may be empty.
fn body<R: Read>(lines: &mut Lines<'_, R>) -> Result<Vec<u8>, AgeError> {
    let mut text = Vec::new();
    loop {
        let line = lines.next()?;
        let line = &lines.text[line];
        text.extend_from_slice(line);
        if line.len() > COLUMNS {
            return Err(lines.fault());
        }
        if line.len() < COLUMNS {
            return STANDARD_NO_PAD.decode(text).map_err(|_| lines.fault());
        }
    }
}

/// One share of 32 bytes, and a body that is a key of 16 bytes, sealed.
fn x25519(arguments: &[Vec<u8>], body: &[u8]) -> Option<Wrapped> {
    let [share] = arguments else { return None };
    Some(Wrapped { share: decode(share)?, body: body.try_into().ok()? })
}

fn decode(text: &[u8]) -> Option<[u8; 32]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The header's lines, kept as they were read, since the code at its end is over all of them.
struct Lines<'a, R> {
    source: &'a mut Source<R>,
    text: Vec<u8>,
    number: usize,
}

impl<R: Read> Lines<'_, R> {
    /// The next line, as where it stands in the text, without its line feed.
    fn next(&mut self) -> Result<Range<usize>, AgeError> {
        let start = self.text.len();
        self.number += 1;
        loop {
            if self.text.len() == MOST_BYTES {
                return Err(TOO_LONG);
            }
            let mut byte = [0];
            if self.source.fill(&mut byte)? == 0 {
                return Err(AgeError::Cut);
            }
            self.text.extend(byte);
            if byte == *b"\n" {
                return Ok(start..self.text.len() - 1);
            }
        }
    }

    fn fault(&self) -> AgeError {
        AgeError::Header { line: self.number }
    }
}
