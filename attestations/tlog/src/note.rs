//! Signed notes (C2SP signed-note) and the checkpoints they carry (C2SP tlog-checkpoint).
//!
//! A note may bear signatures of any kind and number. Those of unknown keys are kept, byte for
//! byte, and prove nothing: whoever trusts a note asks for the keys it needs by name. A log's own key
//! is a [`NoteKey`]; witnesses are in [`crate::cosignature`].

use crate::{canonical_u64, key::VerifyingKey, merkle::Hash, signing::Signer};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;
use unseen_ids::{hex, sha256};
use unseen_texts::text;

pub use crate::error::NoteError;

/// The longest note read, in bytes, and the most signatures on it: far above any honest one.
const MAX_NOTE: usize = 1 << 20;
const MAX_SIGNATURES: usize = 100;

/// The type byte of an Ed25519 signature over the note's text.
const ED25519: u8 = 0x01;

/// A text, ending in a newline, and the signatures below it. [`fmt::Display`] gives the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line. [`fmt::Display`] gives it as it is in the file, with its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// A note without signatures. The text must end in a newline and have no other control
    /// character in it.
    pub fn new(text: String) -> Result<Note, NoteError> {
        if !text.ends_with('\n') || text.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Malformed(text!(
                "its text must end in a newline and hold no control character",
                "正文必须以换行结尾，且不含控制字符"
            )));
        }
        Ok(Note { text, signatures: Vec::new() })
    }

    /// Reads a note. Nothing is verified: see [`Note::verify`].
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        use NoteError::Malformed;
        if bytes.len() > MAX_NOTE {
            return Err(Malformed(text!("it is longer than 1 MiB", "长度超过 1 MiB")));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| Malformed(text!("it is not UTF-8", "不是 UTF-8")))?;
        let break_at = note
            .rfind("\n\n")
            .ok_or(Malformed(text!("it has no blank line before its signatures", "签名之前没有空行")))?;
        let (text, lines) = (&note[..=break_at], &note[break_at + 2..]);
        let mut signed = Note::new(text.to_owned())?;
        let lines =
            lines.strip_suffix('\n').ok_or(Malformed(text!("its last line has no newline", "最后一行没有换行")))?;
        for line in lines.split('\n') {
            signed.signatures.push(Signature::parse(line)?);
        }
        if signed.signatures.len() > MAX_SIGNATURES {
            return Err(Malformed(text!("it has more than 100 signatures", "签名超过 100 个")));
        }
        Ok(signed)
    }

    /// The signed text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds the signature of `key` under the name `name`.
    pub fn sign(&mut self, name: &str, key: &dyn Signer) -> Result<(), NoteError> {
        let line = NoteKey::new(name, key.verifying_key())?.line(key.sign(self.text.as_bytes())?.to_vec());
        self.add(line);
        Ok(())
    }

    /// Adds a signature line, unless the same one is there.
    pub fn add(&mut self, line: Signature) {
        if !self.signatures.contains(&line) {
            self.signatures.push(line);
        }
    }

    /// All signature lines, in order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether this note bears exactly one signature of `key`, and a true one.
    pub fn verify(&self, key: &NoteKey) -> Result<(), NoteError> {
        let signature = self.only(&key.name, key.key_id(), key)?;
        Ok(key.key.verify(self.text.as_bytes(), signature)?)
    }

    /// The bytes of the one signature line of a key, which errors show as `key`.
    pub(crate) fn only(&self, name: &str, key_id: [u8; 4], key: &dyn fmt::Display) -> Result<&[u8], NoteError> {
        let mut own = self.signatures.iter().filter(|line| line.name == name && line.key_id == key_id);
        match (own.next(), own.next()) {
            (Some(line), None) => Ok(&line.bytes),
            (None, _) => Err(NoteError::Unsigned(key.to_string())),
            _ => Err(NoteError::Malformed(text!("one key has signed it twice", "同一密钥签了两次"))),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

impl Signature {
    /// Reads a line without its newline.
    pub fn parse(line: &str) -> Result<Signature, NoteError> {
        let read = || {
            let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
            let bytes = STANDARD.decode(base64).ok()?;
            let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
            let valid = is_name(name) && !bytes.is_empty();
            valid.then(|| Signature { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
        };
        read().ok_or(NoteError::Malformed(text!("a signature line is malformed", "签名行格式不对")))
    }

    /// Who is said to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn new(name: &str, key_id: [u8; 4], bytes: Vec<u8>) -> Signature {
        Signature { name: name.to_owned(), key_id, bytes }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signature { name, key_id, bytes } = self;
        writeln!(f, "— {name} {}", STANDARD.encode([key_id, bytes.as_slice()].concat()))
    }
}

/// Somebody who signs every checkpoint of a log besides the log's own key, in another algorithm.
pub trait Countersigner: fmt::Debug + Send + Sync {
    /// The line for a note of this text.
    fn line(&self, text: &str) -> Result<Signature, NoteError>;
}

/// A public key and the name it signs notes under. Its text form is the `vkey` that Go's sumdb
/// introduced: name, `+`, key id in hexadecimal, `+`, base64 of the type byte and the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: VerifyingKey,
}

impl NoteKey {
    /// `key` under a name, which is not empty and has neither white space nor `+` in it.
    pub fn new(name: &str, key: VerifyingKey) -> Result<NoteKey, NoteError> {
        if is_name(name) { Ok(NoteKey { name: name.to_owned(), key }) } else { Err(NoteError::Name(name.to_owned())) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// What tells this key's signature lines from others of the same name.
    pub fn key_id(&self) -> [u8; 4] {
        key_id(&self.name, &[ED25519], self.key.as_bytes())
    }

    /// A signature of this key as a line.
    fn line(&self, bytes: Vec<u8>) -> Signature {
        Signature::new(&self.name, self.key_id(), bytes)
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey(&self.name, &[ED25519], self.key.as_bytes()))
    }
}

impl std::str::FromStr for NoteKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<NoteKey, NoteError> {
        let (name, key) = unvkey(text, &[ED25519]).ok_or_else(|| NoteError::VerifierKey(text.to_owned()))?;
        let key = key.try_into().map_err(|_| NoteError::VerifierKey(text.to_owned()))?;
        NoteKey::new(&name, VerifyingKey::from_bytes(key))
    }
}

/// A log's promise about its first `size` entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also the name its key signs under.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// This checkpoint as a note signed by the log's key.
    pub fn sign(&self, key: &dyn Signer) -> Result<Note, NoteError> {
        let Checkpoint { origin, size, root } = self;
        let mut note = Note::new(format!("{origin}\n{size}\n{}\n", STANDARD.encode(root)))?;
        note.sign(origin, key)?;
        Ok(note)
    }

    /// Reads a note that `log` has signed as a checkpoint of its own.
    pub fn open(note: &Note, log: &NoteKey) -> Result<Checkpoint, NoteError> {
        note.verify(log)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != log.name {
            return Err(NoteError::Origin { found: checkpoint.origin, expected: log.name.clone() });
        }
        Ok(checkpoint)
    }

    /// Reads a note's text, whoever has signed it. Extension lines are signed, so they are allowed, but
    /// mean nothing here.
    pub fn parse(text: &str) -> Result<Checkpoint, NoteError> {
        Checkpoint::read(text).ok_or(NoteError::Checkpoint)
    }

    fn read(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
        let size = canonical_u64(lines.next()?)?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        lines.all(|extension| !extension.is_empty()).then_some(Checkpoint { origin, size, root })
    }
}

/// The key id of C2SP signed-note: `kind` is the signature type, one byte or 0xff and an identifier.
pub(crate) fn key_id(name: &str, kind: &[u8], key: &[u8]) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), b"\n", kind, key]);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A verifier key as text.
pub(crate) fn vkey(name: &str, kind: &[u8], key: &[u8]) -> String {
    format!("{name}+{}+{}", hex::encode(&key_id(name, kind, key)), STANDARD.encode([kind, key].concat()))
}

/// The name and the key of a verifier key of this kind; none unless it is exactly what [`vkey`] writes.
pub(crate) fn unvkey(text: &str, kind: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut parts = text.splitn(3, '+');
    let (name, _id, base64) = (parts.next()?, parts.next()?, parts.next()?);
    let key = STANDARD.decode(base64).ok()?.strip_prefix(kind)?.to_vec();
    (is_name(name) && vkey(name, kind, &key) == text).then(|| (name.to_owned(), key))
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+' || c < ' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    /// The note of the documentation of Go's sumdb/note, and the seed in its signer key.
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SEED: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
    const TEXT: &str =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const LINE: &str =
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn peter() -> SigningKey {
        SigningKey::from_seed(STANDARD.decode(SEED).unwrap().try_into().unwrap()).unwrap()
    }

    #[test]
    fn go_note_to_the_byte() {
        let key: NoteKey = VKEY.parse().unwrap();
        assert_eq!(key.to_string(), VKEY);
        assert_eq!((key.name(), *key.key()), ("PeterNeumann", peter().verifying_key()));
        let mut note = Note::new(TEXT.into()).unwrap();
        note.sign("PeterNeumann", &peter()).unwrap();
        assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}"));
        assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap().verify(&key), Ok(()));
        for wrong in [&VKEY.replace("c7", "C7"), &VKEY.replace("a3", "a4"), &VKEY.replace("+A", "+Z"), "a+b", ""] {
            assert!(wrong.parse::<NoteKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_signatures_are_kept_and_prove_nothing() {
        let key: NoteKey = VKEY.parse().unwrap();
        let unknown = "— witness.example/w1 AAAAAP8BAgMEBQ==\n— PeterNeumann AAAAAP8BAgMEBQ==\n";
        let file = format!("{TEXT}\n{unknown}{LINE}");
        let note = Note::parse(file.as_bytes()).unwrap();
        assert_eq!(note.to_string(), file);
        assert_eq!(note.verify(&key), Ok(()));
        let without = Note::parse(format!("{TEXT}\n{unknown}").as_bytes()).unwrap();
        assert_eq!(without.verify(&key), Err(NoteError::Unsigned(VKEY.into())));
        let twice = Note::parse(format!("{TEXT}\n{LINE}{LINE}").as_bytes()).unwrap();
        assert!(matches!(twice.verify(&key), Err(NoteError::Malformed(_))));
        let altered = Note::parse(file.replace("problem is", "problem was").as_bytes()).unwrap();
        assert_eq!(altered.verify(&key), Err(NoteError::Signature(crate::KeyError::Signature)));
    }

    #[test]
    fn malformed_notes_are_refused() {
        assert_eq!(Note::parse(format!("a\n\nb\n\n{LINE}").as_bytes()).unwrap().text(), "a\n\nb\n");
        let many = format!("{TEXT}\n{}", LINE.repeat(101));
        for wrong in [
            "",
            "\n",
            "\n\n",
            TEXT,
            LINE,
            &format!("{TEXT}\n"),
            &format!("{TEXT}{LINE}"),
            &format!("a\tb\n\n{LINE}"),
            &format!("{TEXT}\n{}", LINE.trim_end()),
            &format!("{TEXT}\n{LINE}x"),
            &format!("{TEXT}\n{LINE}\n"),
            &format!("{TEXT}\n{}", LINE.replace('—', "-")),
            &format!("{TEXT}\n{}", LINE.replace("— ", "—  ")),
            &format!("{TEXT}\n{}", LINE.replace("PeterNeumann", "Peter\u{2003}Neumann")),
            &format!("{TEXT}\n{}", LINE.replace("PeterNeumann", "Peter+Neumann")),
            &format!("{TEXT}\n— PeterNeumann x08gow==\n"),
            &format!("{TEXT}\n{}", LINE.replace("AM=", "AN=")),
            &format!("{TEXT}\n{}", LINE.replace('\n', "\r\n")),
            &many,
        ] {
            assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Note::parse(b"a\n\xff\n\n").is_err());
        assert!(Note::new("no newline".into()).is_err());
        assert!(Note::new("a\n".into()).unwrap().sign("a b", &peter()).is_err());
    }

    #[test]
    fn checkpoints() {
        let key = NoteKey::new("example.com/log", peter().verifying_key()).unwrap();
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 20_852_163, root: [7; 32] };
        let note = checkpoint.sign(&peter()).unwrap();
        assert_eq!(note.text(), "example.com/log\n20852163\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        assert_eq!(Checkpoint::open(&note, &key), Ok(checkpoint));

        let open = |text: &str| {
            let mut note = Note::new(text.into()).unwrap();
            note.sign("example.com/log", &peter()).unwrap();
            Checkpoint::open(&note, &key)
        };
        let good = note.text();
        assert!(open(&format!("{good}an extension\n")).is_ok());
        assert!(matches!(open(&good.replace(".com", ".org")), Err(NoteError::Origin { .. })));
        for wrong in [
            "\n",
            "example.com/log\n",
            &good.replace("2085", "02085"),
            &good.replace("2085", "-2085"),
            &good.replace("c=", "d="),
            &good.replace("Bw", ""),
            &format!("{good}\n"),
            &good.replace("2085", "99999999999999999999"),
        ] {
            assert_eq!(open(wrong), Err(NoteError::Checkpoint), "{wrong}");
        }
    }
}
