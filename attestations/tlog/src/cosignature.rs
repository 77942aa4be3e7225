//! Cosignatures of witnesses on checkpoints (C2SP tlog-cosignature 1.0.1, `cosignature/v1`, Ed25519).
//!
//! A witness says: at this time, this was the largest tree of this log that I had seen, and it extends
//! all I had seen before. Whoever demands cosignatures of independent witnesses cannot be shown a
//! history of their own.

use crate::{
    key::VerifyingKey,
    note::{self, Note, NoteError, Signature},
    signing::Signer,
};
use std::fmt;
use unseen_texts::text;

/// The signature type of a cosignature.
const COSIGNATURE_V1: u8 = 0x04;

/// A witness: a name and a public key. Its text form is a `vkey` of type 0x04.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: VerifyingKey,
}

impl WitnessKey {
    /// `key` under a name, which is not empty and has neither white space nor `+` in it.
    pub fn new(name: &str, key: VerifyingKey) -> Result<WitnessKey, NoteError> {
        if note::is_name(name) {
            Ok(WitnessKey { name: name.to_owned(), key })
        } else {
            Err(NoteError::Name(name.to_owned()))
        }
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The witness's key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The time, in seconds since 1970 (UTC), of this witness's true cosignature on a checkpoint.
    pub fn verify(&self, note: &Note) -> Result<u64, NoteError> {
        let signature = note.only(&self.name, self.key_id(), self)?;
        let (time, signature) = signature
            .split_first_chunk::<8>()
            .ok_or(NoteError::Malformed(text!("a cosignature is too short", "联署过短")))?;
        let time = u64::from_be_bytes(*time);
        if time > i64::MAX as u64 {
            return Err(NoteError::Malformed(text!("a cosignature's time is beyond 2^63", "联署时间超过 2^63")));
        }
        self.key.verify(&message(time, note.text()), signature)?;
        Ok(time)
    }

    fn key_id(&self) -> [u8; 4] {
        note::key_id(&self.name, &[COSIGNATURE_V1], self.key.as_bytes())
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&note::vkey(&self.name, &[COSIGNATURE_V1], self.key.as_bytes()))
    }
}

impl std::str::FromStr for WitnessKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<WitnessKey, NoteError> {
        let refused = || NoteError::VerifierKey(text.to_owned());
        let (name, key) = note::unvkey(text, &[COSIGNATURE_V1]).ok_or_else(refused)?;
        let key = key.try_into().map_err(|_| refused())?;
        WitnessKey::new(&name, VerifyingKey::from_bytes(key))
    }
}

/// The line that a witness adds to a checkpoint: it saw this text at `time`, in seconds since 1970.
/// Only who has checked that the tree extends all it has cosigned may make one.
pub fn cosign(name: &str, key: &dyn Signer, text: &str, time: u64) -> Result<Signature, NoteError> {
    let witness = WitnessKey::new(name, key.verifying_key())?;
    let signature = key.sign(&message(time, text))?;
    Ok(Signature::new(name, witness.key_id(), [time.to_be_bytes().as_slice(), &signature].concat()))
}

/// What is signed.
fn message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SigningKey, note::Checkpoint};

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32]).unwrap()
    }

    #[test]
    fn a_cosignature_is_one_witnesss_of_one_text_at_one_time() {
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 9, root: [7; 32] };
        let mut note = checkpoint.sign(&key(1)).unwrap();
        let witness = WitnessKey::new("witness.example/w1", key(2).verifying_key()).unwrap();
        assert_eq!(witness.to_string().parse::<WitnessKey>().unwrap(), witness);
        assert!(matches!(witness.verify(&note), Err(NoteError::Unsigned(_))));
        let line = cosign("witness.example/w1", &key(2), note.text(), 1_679_315_147).unwrap();
        note.add(line.clone());
        note.add(line);
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(note.signatures().len(), 2, "the same line is added once");
        assert_eq!(witness.verify(&note), Ok(1_679_315_147));

        for other in [
            WitnessKey::new("witness.example/w2", key(2).verifying_key()).unwrap(),
            WitnessKey::new("witness.example/w1", key(3).verifying_key()).unwrap(),
        ] {
            assert!(matches!(other.verify(&note), Err(NoteError::Unsigned(_))), "{other}");
        }
        let forge = |time: u64, text: &str, signed: u64| {
            let mut forged = Note::new(text.into()).unwrap();
            let signature = key(2).sign(&message(signed, note.text())).unwrap();
            let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
            forged.add(Signature::new("witness.example/w1", witness.key_id(), bytes));
            witness.verify(&forged)
        };
        assert_eq!(forge(5, note.text(), 5), Ok(5));
        assert!(matches!(forge(6, note.text(), 5), Err(NoteError::Signature(_))), "another time");
        assert!(matches!(forge(5, &note.text().replace('9', "8"), 5), Err(NoteError::Signature(_))), "another tree");
        assert!(matches!(forge(1 << 63, note.text(), 1 << 63), Err(NoteError::Malformed(_))));
    }

    /// A log's key and a witness's key are different kinds, so neither can stand in for the other.
    #[test]
    fn kinds_of_keys_do_not_mix() {
        let log = note::NoteKey::new("a", key(2).verifying_key()).unwrap();
        let witness = WitnessKey::new("a", key(2).verifying_key()).unwrap();
        assert!(log.to_string().parse::<WitnessKey>().is_err());
        assert!(witness.to_string().parse::<note::NoteKey>().is_err());
    }
}
