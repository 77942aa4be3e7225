//! SM2 with SM3, beside OpenSSL 3 and Python's gmssl. Run with `--features sm2`.
#![cfg(feature = "sm2")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use base64::{Engine, engine::general_purpose::STANDARD};
use skip::skipped;
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use unseen_tlog::{
    KeyError, Signer, SigningKey,
    dsse::{Envelope, EnvelopeError, pre_authentication_encoding},
    note::{Checkpoint, Countersigner, Note, NoteError, NoteKey, Signature},
    sm2::{Sm2Envelope, Sm2NoteKey, Sm2NoteSigner, Sm2SigningKey, Sm2VerifyingKey},
};

const ORIGIN: &str = "lab.example/log";

/// `openssl genpkey -algorithm SM2` and `openssl pkey -pubout` (3.0).
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgqrv5Wgch+QHpfDEt\n9deamrl7sDWeTskPJW1h1dj227ehRANCAATWhf/ftHni7Ell8LF5RWIVX6Da+tIJ\nOLVLjt3jemED5LB1KemlAlnf3KEt4a2FCL3vl0zNlz2MgYL3ZLF5DqL9\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE1oX/37R54uxJZfCxeUViFV+g2vrS\nCTi1S47d43phA+SwdSnppQJZ39yhLeGthQi975dMzZc9jIGC92SxeQ6i/Q==\n-----END PUBLIC KEY-----\n";

fn key() -> Sm2SigningKey {
    Sm2SigningKey::from_pem(PRIVATE).unwrap()
}

/// A checkpoint signed by the log and in SM2.
fn checkpoint() -> (Checkpoint, Note, NoteKey, Sm2NoteKey) {
    let log = SigningKey::from_seed([1; 32]).unwrap();
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 7, root: [7; 32] };
    let mut note = checkpoint.sign(&log).unwrap();
    let signer = Sm2NoteSigner::new(ORIGIN, key()).unwrap();
    note.add(signer.line(note.text()).unwrap());
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read, note);
    (checkpoint, read, NoteKey::new(ORIGIN, log.verifying_key()).unwrap(), signer.note_key().clone())
}

/// The signature in a line of a note, without its key id.
fn of_line(line: &Signature) -> Vec<u8> {
    STANDARD.decode(line.to_string().trim_end().rsplit(' ').next().unwrap()).unwrap()[4..].to_vec()
}

fn of_envelope(envelope: &Sm2Envelope) -> Vec<u8> {
    let json: serde_json::Value = serde_json::from_slice(&envelope.to_bytes()).unwrap();
    STANDARD.decode(json["signatures"][0]["sig"].as_str().unwrap()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A sequence of two numbers below 2^256.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let padded = [if bytes[0] < 0x80 { &[][..] } else { &[0] }, bytes].concat();
        [&[0x02, padded.len() as u8], padded.as_slice()].concat()
    };
    let both = [number(r), number(s)].concat();
    [&[0x30, both.len() as u8], both.as_slice()].concat()
}

/// The example of GM/T 0003.5-2012 on the recommended curve.
#[test]
fn the_standards_example_verifies() {
    let public = unhex(
        "04 09F9DF31 1E5421A1 50DD7D16 1E4BC5C6 72179FAD 1833FC07 6BB08FF3 56F35020 \
            CCEA490C E26775A5 2DC6EA71 8CC1AA60 0AED05FB F35E084A 6632F607 2DA9AD13",
    );
    let key = Sm2VerifyingKey::from_bytes(public.as_slice().try_into().unwrap()).unwrap();
    let r = unhex("F5A03B06 48D2C463 0EEAC513 E1BB81A1 5944DA38 27D5B741 43AC7EAC EEE720B3");
    let s = unhex("B1B6AA29 DF212FD8 763182BC 0D421CA1 BB9038FD 1F7F42D4 840B69C4 85BBC1AA");
    assert_eq!(key.verify(b"message digest", &der(&r, &s)), Ok(()));
    assert_eq!(key.verify(b"message digest.", &der(&r, &s)), Err(KeyError::Signature));
    assert_eq!(key.verify(b"message digest", &der(&s, &r)), Err(KeyError::Signature));
}

#[test]
fn keys_as_openssl_keeps_them() {
    assert_eq!(key().to_pem().unwrap(), PRIVATE);
    assert_eq!(key().verifying_key().to_pem(), PUBLIC);
    let public = Sm2VerifyingKey::from_pem(PUBLIC).unwrap();
    assert_eq!(public, key().verifying_key());
    assert_eq!(Sm2VerifyingKey::from_bytes(&public.to_bytes()), Ok(public));
    let new = Sm2SigningKey::generate().unwrap();
    assert_ne!(new.verifying_key(), public);
    let again = Sm2SigningKey::from_pem(&new.to_pem().unwrap()).unwrap();
    assert_eq!(again.verifying_key(), new.verifying_key());
    assert_eq!(format!("{:?}", key()), format!("Sm2SigningKey(of {public})"));

    let mut off_the_curve = public.to_bytes();
    off_the_curve[64] ^= 1;
    assert_eq!(Sm2VerifyingKey::from_bytes(&off_the_curve), Err(KeyError::Sm2Public));
    assert_eq!(Sm2VerifyingKey::from_bytes(&[0; 65]), Err(KeyError::Sm2Public));
    // Another key's public half, other algorithms, and what is cut short.
    let ed25519 = SigningKey::from_seed([1; 32]).unwrap();
    let mut mixed = STANDARD.decode(PRIVATE.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let at = mixed.len() - 65;
    mixed[at..].copy_from_slice(&new.verifying_key().to_bytes());
    let mixed = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(mixed));
    for wrong in [&mixed, &ed25519.to_pem(), &PRIVATE.replace("MIGH", "MIGG")] {
        assert_eq!(Sm2SigningKey::from_pem(wrong).unwrap_err(), KeyError::Sm2Private);
    }
    assert_eq!(Sm2VerifyingKey::from_pem(&ed25519.verifying_key().to_pem()), Err(KeyError::Sm2Public));
    assert_eq!(Sm2VerifyingKey::from_pem(PRIVATE), Err(KeyError::Pem("PUBLIC KEY")));
}

#[test]
fn a_signature_is_one_keys_over_one_message_in_one_spelling() {
    let (key, other) = (key(), Sm2SigningKey::generate().unwrap());
    for message in [b"".as_slice(), b"a", &[7; 10_000]] {
        let signature = key.sign(message).unwrap();
        assert_eq!(key.sign(message).unwrap(), signature, "the same message has the same signature");
        let verify = |signature: &[u8]| key.verifying_key().verify(message, signature);
        assert_eq!(verify(&signature), Ok(()));
        assert_eq!(other.verifying_key().verify(message, &signature), Err(KeyError::Signature));
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(&flipped), Err(KeyError::Signature), "bit {bit}");
        }
        // Bare numbers, a byte more, a byte less, the long form of a length, a number with a zero in front.
        let (length, body) = (signature[1], &signature[2..]);
        let first = usize::from(body[1]);
        let padded = [&[0x30, length + 1, 0x02, body[1] + 1, 0], &body[2..]].concat();
        for wrong in [
            body,
            &[&signature, &[0_u8][..]].concat(),
            &signature[..signature.len() - 1],
            &[&[0x30, 0x81, length], body].concat(),
            &padded,
            &body[2..2 + first],
            b"",
        ] {
            assert_eq!(verify(wrong), Err(KeyError::Signature));
        }
    }
}

#[test]
fn a_checkpoint_bears_both_kinds_of_lines() {
    let (checkpoint, note, log, sm2) = checkpoint();
    assert_eq!(Checkpoint::open(&note, &log).unwrap(), checkpoint, "who knows no SM2 reads it as ever");
    assert_eq!(sm2.verify(&note), Ok(()));
    assert_eq!(sm2.to_string().parse::<Sm2NoteKey>().unwrap(), sm2);
    assert_eq!(sm2.to_string().split('+').next(), Some(ORIGIN));
    // The two kinds of keys do not pose as each other.
    assert!(sm2.to_string().parse::<NoteKey>().is_err());
    assert!(log.to_string().parse::<Sm2NoteKey>().is_err());
    assert_ne!(sm2.key_id(), log.key_id());
    let id = unseen_ids::Digest::of(&[b"lab.example/log\n\xffsm2-with-sm3", sm2.key().to_bytes().as_slice()].concat());
    assert_eq!(sm2.key_id(), id.as_bytes()[..4]);

    let altered = Note::parse(note.to_string().replace("\n7\n", "\n8\n").as_bytes()).unwrap();
    assert_eq!(sm2.verify(&altered), Err(NoteError::Signature(KeyError::Signature)));
    let other = Sm2NoteKey::new(ORIGIN, Sm2SigningKey::generate().unwrap().verifying_key()).unwrap();
    assert_eq!(other.verify(&note), Err(NoteError::Unsigned(other.to_string())));
    let renamed = Sm2NoteKey::new("other.example/log", *sm2.key()).unwrap();
    assert_eq!(renamed.verify(&note), Err(NoteError::Unsigned(renamed.to_string())));
    assert!(Sm2NoteKey::new("a b", *sm2.key()).is_err());
    let line = note.signatures()[1].to_string();
    let mut twice = note.clone();
    let another = Sm2SigningKey::generate().unwrap().sign(b"").unwrap();
    let id_and_other = [sm2.key_id().as_slice(), &another].concat();
    twice.add(Signature::parse(&format!("— {ORIGIN} {}", STANDARD.encode(id_and_other))).unwrap());
    assert!(matches!(sm2.verify(&twice), Err(NoteError::Malformed(_))), "{line}");
}

#[test]
fn an_envelope_in_sm2_stands_beside_the_first() {
    let (key, other) = (key(), Sm2SigningKey::generate().unwrap());
    let envelope = Sm2Envelope::sign(&key, "text/plain", b"yes".to_vec()).unwrap();
    let json = String::from_utf8(envelope.to_bytes()).unwrap();
    let read = Sm2Envelope::from_bytes(json.as_bytes()).unwrap();
    assert_eq!(read, envelope);
    assert_eq!(read.verify(&key.verifying_key()).unwrap(), b"yes");
    assert!(matches!(read.verify(&other.verifying_key()), Err(EnvelopeError::OtherKey { .. })));
    assert_eq!((read.payload_type(), read.unverified_payload()), ("text/plain", b"yes".as_slice()));
    assert_eq!(read.key_id(), unseen_ids::Digest::of(&key.verifying_key().to_bytes()).to_hex());

    let sig = STANDARD.encode(of_envelope(&envelope));
    for wrong in [
        json.replace("eWVz", "bm8="),
        json.replace("text/plain", "text/html"),
        json.replace("{\"payload\"", "{\"x\":1,\"payload\""),
        json.replace(&sig, &STANDARD.encode([7; 64])),
        json.replace(&sig, ""),
        format!("{json}x"),
    ] {
        let opened = Sm2Envelope::from_bytes(wrong.as_bytes())
            .and_then(|envelope| envelope.verify(&key.verifying_key()).map(drop));
        assert!(opened.is_err(), "{wrong}");
    }
    // Neither kind is read as the other.
    assert!(matches!(Envelope::from_bytes(json.as_bytes()), Err(EnvelopeError::Kind)));
    let ed25519 = Envelope::sign(&SigningKey::from_seed([1; 32]).unwrap(), "text/plain", b"yes".to_vec()).unwrap();
    assert!(matches!(Sm2Envelope::from_bytes(&ed25519.to_bytes()), Err(EnvelopeError::NotSm2)));
}

#[test]
fn openssl_verifies_ours_and_we_its() {
    let Some(openssl) = OpenSsl::new() else { return };
    for (text, signature) in signed() {
        assert!(openssl.verifies(&text, &signature, true));
        assert!(!openssl.verifies(&text, &signature, false), "another identifier is another signature");
        assert!(!openssl.verifies(b"other", &signature, true));
        let theirs = openssl.signs(&text, true);
        assert_eq!(key().verifying_key().verify(&text, &theirs), Ok(()));
        assert_eq!(key().verifying_key().verify(&text, &openssl.signs(&text, false)), Err(KeyError::Signature));
    }
    // It reads our new keys, and we its.
    let new = Sm2SigningKey::generate().unwrap();
    std::fs::write(openssl.dir.path().join("new"), new.to_pem().unwrap()).unwrap();
    assert!(openssl.run(&["pkey", "-in", "new", "-pubout", "-out", "public"]));
    let public = std::fs::read_to_string(openssl.dir.path().join("public")).unwrap();
    assert_eq!(Sm2VerifyingKey::from_pem(&public).unwrap(), new.verifying_key());
    assert!(openssl.run(&["genpkey", "-algorithm", "SM2", "-out", "theirs"]));
    let theirs = std::fs::read_to_string(openssl.dir.path().join("theirs")).unwrap();
    assert_eq!(Sm2SigningKey::from_pem(&theirs).unwrap().to_pem().unwrap(), theirs);
}

#[test]
fn gmssl_verifies_ours_and_we_its() {
    // Where `python -m venv TARGET/verifiers/venv` and its pip have put gmssl.
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers").join("venv/bin/python");
    if !Command::new(&python).args(["-c", "import gmssl"]).output().is_ok_and(|output| output.status.success()) {
        return skipped(&format!("{} has no gmssl (pip install gmssl==3.2.2)", python.display()));
    }
    // Set afterwards, for the constructor strips more off a key than its first byte.
    let script = "import sys\n\
        from gmssl import sm2\n\
        what, public, private, text, signature = sys.argv[1:]\n\
        key = sm2.CryptSM2(private_key=private, public_key='', asn1=True)\n\
        key.public_key = public\n\
        text = bytes.fromhex(text)\n\
        print(key.sign_with_sm3(text) if what == 'sign' else key.verify_with_sm3(signature, text))\n";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let public = hex(&key().verifying_key().to_bytes()[1..]);
    let der = STANDARD.decode(PRIVATE.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let private = hex(&der[36..68]);
    let ask = |what: &str, text: &[u8], signature: &[u8]| {
        let args = ["-c", script, what, &public, &private, &hex(text), &hex(signature)];
        let output = Command::new(&python).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for (text, signature) in signed() {
        assert_eq!(ask("verify", &text, &signature), "True");
        assert_eq!(ask("verify", &[&text, &b"x"[..]].concat(), &signature), "False");
        let theirs = unhex(&ask("sign", &text, b""));
        assert_eq!(key().verifying_key().verify(&text, &theirs), Ok(()));
    }
}

/// What stands in a note and in an envelope: the signed bytes and the signature.
fn signed() -> [(Vec<u8>, Vec<u8>); 2] {
    let (_, note, _, _) = checkpoint();
    let envelope = Sm2Envelope::sign(&key(), "text/plain", b"yes".to_vec()).unwrap();
    [
        (note.text().as_bytes().to_vec(), of_line(&note.signatures()[1])),
        (pre_authentication_encoding("text/plain", b"yes"), of_envelope(&envelope)),
    ]
}

struct OpenSsl {
    dir: tempfile::TempDir,
}

impl OpenSsl {
    fn new() -> Option<OpenSsl> {
        let openssl = OpenSsl { dir: tempfile::tempdir().unwrap() };
        std::fs::write(openssl.file("private"), PRIVATE).unwrap();
        std::fs::write(openssl.file("public"), PUBLIC).unwrap();
        let version = Command::new("openssl").arg("version").output().map(|output| output.stdout).unwrap_or_default();
        if version.starts_with(b"OpenSSL 3") && openssl.run(&["genpkey", "-algorithm", "SM2", "-out", "probe"]) {
            return Some(openssl);
        }
        skipped("OpenSSL 3 with SM2 is not installed");
        None
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> bool {
        Command::new("openssl")
            .current_dir(self.dir.path())
            .args(args)
            .output()
            .is_ok_and(|output| output.status.success())
    }

    fn verifies(&self, text: &[u8], signature: &[u8], with_id: bool) -> bool {
        std::fs::write(self.file("text"), text).unwrap();
        std::fs::write(self.file("signature"), signature).unwrap();
        let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", "public", "-rawin", "-digest", "sm3"];
        self.run(&[&verify[..], identifier(with_id), &["-in", "text", "-sigfile", "signature"]].concat())
    }

    fn signs(&self, text: &[u8], with_id: bool) -> Vec<u8> {
        std::fs::write(self.file("text"), text).unwrap();
        let sign = ["pkeyutl", "-sign", "-inkey", "private", "-rawin", "-digest", "sm3", "-in", "text", "-out", "made"];
        assert!(self.run(&[&sign[..], identifier(with_id)].concat()));
        std::fs::read(self.file("made")).unwrap()
    }
}

fn identifier(with_id: bool) -> &'static [&'static str] {
    if with_id { &["-pkeyopt", "distid:1234567812345678"] } else { &[] }
}
