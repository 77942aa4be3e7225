//! SSH signatures beside OpenSSH itself, and those of security keys.
//!
//! There is no security key in a test. Its signatures are made here with an Ed25519 key in memory, by
//! OpenSSH's PROTOCOL.u2f and PROTOCOL.sshsig; that `ssh-keygen -Y verify` accepts them shows that they are
//! what a device would make.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use unseen_ids::Digest;
use unseen_tlog::{
    KeyError, Signer, SigningKey,
    dsse::{Envelope, parse_pre_authentication_encoding, pre_authentication_encoding},
    signature::sshsig::{SshSigError, SshSignature, parse_public_key},
};

const SK: &[u8] = b"sk-ssh-ed25519@openssh.com";
const MESSAGE: &[u8] = b"DSSEv1 10 text/plain 3 yes";

/// A security key, and what it is asked to sign.
struct Device {
    key: SigningKey,
    application: &'static [u8],
    flags: u8,
    counter: u32,
}

impl Device {
    fn new() -> Device {
        Device { key: SigningKey::from_seed([7; 32]).unwrap(), application: b"ssh:lab", flags: 0x01, counter: 258 }
    }

    fn public_blob(&self) -> Vec<u8> {
        strings(&[SK, self.key.verifying_key().as_bytes(), self.application])
    }

    /// The line of its `.pub` file.
    fn public_line(&self) -> String {
        format!("sk-ssh-ed25519@openssh.com {} device\n", STANDARD.encode(self.public_blob()))
    }

    /// A signature of the namespace `unseen`, as ssh-keygen assembles it from the device's answer.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let hash = ring::digest::digest(&ring::digest::SHA512, message);
        let to_sign = [b"SSHSIG", strings(&[b"unseen", b"", b"sha512", hash.as_ref()]).as_slice()].concat();
        let trailer = [[self.flags].as_slice(), &self.counter.to_be_bytes()].concat();
        let (application, to_sign) = (Digest::of(self.application), Digest::of(&to_sign));
        let signed = [application.as_bytes(), trailer.as_slice(), to_sign.as_bytes()].concat();
        let signature = [strings(&[SK, &self.key.sign(&signed).unwrap()]), trailer].concat();
        let rest = strings(&[&self.public_blob(), b"unseen", b"", b"sha512", &signature]);
        [b"SSHSIG\0\0\0\x01", rest.as_slice()].concat()
    }
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat()).collect()
}

fn armored(blob: &[u8]) -> String {
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", STANDARD.encode(blob))
}

/// A plain key's signature, made by the same format: so the two kinds are flipped and fuzzed alike.
fn plain(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let hash = Digest::of(message);
    let signed = [b"SSHSIG", strings(&[b"unseen", b"", b"sha256", hash.as_bytes()]).as_slice()].concat();
    let public = strings(&[b"ssh-ed25519", key.verifying_key().as_bytes()]);
    let signature = strings(&[b"ssh-ed25519", &key.sign(&signed).unwrap()]);
    [b"SSHSIG\0\0\0\x01", strings(&[&public, b"unseen", b"", b"sha256", &signature]).as_slice()].concat()
}

#[test]
fn a_security_key_signs_only_under_its_owners_finger() {
    let device = Device::new();
    let key = device.key.verifying_key();
    assert_eq!(parse_public_key(&device.public_line()), Ok(key));
    let verify = |blob: &[u8]| SshSignature::from_bytes(blob)?.verify(&key, MESSAGE);
    assert_eq!(verify(&device.sign(MESSAGE)), Ok(()));
    assert_eq!(verify(&Device { flags: 0x05, ..Device::new() }.sign(MESSAGE)), Ok(()), "touched, and a PIN");
    assert_eq!(verify(&Device { flags: 0x00, ..Device::new() }.sign(MESSAGE)), Err(SshSigError::NotTouched));
    assert_eq!(verify(&Device { flags: 0x04, ..Device::new() }.sign(MESSAGE)), Err(SshSigError::NotTouched));

    // Signed for one application, shown as another's.
    let theirs = device.sign(MESSAGE);
    let at = theirs.windows(7).position(|window| window == b"ssh:lab").unwrap();
    let shown = [&theirs[..at], b"ssh:bal", &theirs[at + 7..]].concat();
    assert_eq!(verify(&shown), Err(SshSigError::Key(KeyError::Signature)));
    let site = Device { application: b"evil.example", ..Device::new() };
    assert_eq!(verify(&site.sign(MESSAGE)), Err(SshSigError::Application("evil.example".into())));
    assert_eq!(parse_public_key(&site.public_line()), Err(SshSigError::Application("evil.example".into())));

    let signature = SshSignature::parse_armored(&armored(&device.sign(MESSAGE))).unwrap();
    let envelope = Envelope::from_ssh("text/plain", b"yes".to_vec(), signature);
    let read = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
    assert_eq!(read.verify(&key).unwrap(), b"yes");
}

#[test]
fn every_flipped_bit_is_refused() {
    let device = Device::new();
    let key = device.key.verifying_key();
    for good in [device.sign(MESSAGE), plain(&device.key, MESSAGE)] {
        let signature = SshSignature::from_bytes(&good).unwrap();
        assert_eq!(signature.to_bytes(), good);
        assert_eq!(signature.verify(&key, MESSAGE), Ok(()));
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let verified = SshSignature::from_bytes(&flipped).and_then(|read| read.verify(&key, MESSAGE));
            assert!(verified.is_err(), "bit {bit}");
        }
    }
}

proptest! {
    /// Nothing panics, and what is read is what would be written.
    #[test]
    fn any_bytes_may_come(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0..300_usize,
        at in 0..300_usize,
        text in ".{0,200}",
    ) {
        let good = Device::new().sign(MESSAGE);
        // Anything, anything behind a good beginning, and a good one with a hole filled by anything.
        let behind = [&good[..cut.min(good.len())], &bytes].concat();
        let mut filled = good.clone();
        for (to, from) in filled.iter_mut().skip(at).zip(&bytes) {
            *to = *from;
        }
        for blob in [&bytes, &behind, &filled] {
            if let Ok(signature) = SshSignature::from_bytes(blob) {
                prop_assert_eq!(&signature.to_bytes(), blob);
            }
            let sig = STANDARD.encode(blob);
            let json = format!(r#"{{"payload":"","payloadType":"","signatures":[{{"keyid":"","sig":"{sig}"}}]}}"#);
            if let Ok(envelope) = Envelope::from_bytes(json.as_bytes()) {
                prop_assert_eq!(envelope.to_bytes(), json.into_bytes());
            }
            if let Some((kind, payload)) = parse_pre_authentication_encoding(blob) {
                prop_assert_eq!(&pre_authentication_encoding(kind, payload), blob);
            }
        }
        let _ = SshSignature::parse_armored(&text);
        let _ = parse_public_key(&text);
    }

    #[test]
    fn an_encoding_has_one_reading(kind in ".{0,40}", payload in prop::collection::vec(any::<u8>(), 0..60)) {
        let encoded = pre_authentication_encoding(&kind, &payload);
        prop_assert_eq!(parse_pre_authentication_encoding(&encoded), Some((kind.as_str(), payload.as_slice())));
    }
}

/// The way of a person who has no tool but OpenSSH: sign a file with the encoding in it.
#[test]
fn ssh_keygen_signs_and_we_verify() {
    let Some(dir) = with_ssh_keygen() else { return };
    let dir = dir.path();
    let encoding = pre_authentication_encoding("application/vnd.in-toto+json", br#"{"yes":1}"#);
    let make = ["-q", "-t", "ed25519", "-N", "", "-C", "zhang@example", "-f", "key"];
    assert!(ssh_keygen(dir, &make, b""));
    let key = parse_public_key(&std::fs::read_to_string(dir.join("key.pub")).unwrap()).unwrap();
    let sign = |options: &[&str]| {
        std::fs::write(dir.join("file"), &encoding).unwrap();
        let _ = std::fs::remove_file(dir.join("file.sig"));
        assert!(ssh_keygen(dir, &[&["-Y", "sign", "-q", "-f", "key"], options, &["file"]].concat(), b""));
        SshSignature::parse_armored(&std::fs::read_to_string(dir.join("file.sig")).unwrap())
    };
    for options in [&["-n", "unseen"][..], &["-n", "unseen", "-O", "hashalg=sha256"]] {
        let signature = sign(options).unwrap();
        // The envelope is made again from the file that was signed.
        let (kind, payload) = parse_pre_authentication_encoding(&encoding).unwrap();
        let envelope = Envelope::from_ssh(kind, payload.to_vec(), signature.clone());
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()).unwrap().verify(&key).unwrap(), payload);
        let tampered = Envelope::from_ssh(kind, br#"{"yes":2}"#.to_vec(), signature);
        assert!(tampered.verify(&key).is_err());
    }
    assert_eq!(sign(&["-n", "file"]), Err(SshSigError::Namespace("file".into())));
    for (kind, name) in [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp256")] {
        assert!(ssh_keygen(dir, &["-q", "-t", kind, "-N", "", "-f", kind], b""));
        let line = std::fs::read_to_string(dir.join(format!("{kind}.pub"))).unwrap();
        assert_eq!(parse_public_key(&line), Err(SshSigError::KeyType(name.into())));
    }
}

#[test]
fn ssh_keygen_accepts_what_our_device_signs() {
    let Some(dir) = with_ssh_keygen() else { return };
    let dir = dir.path();
    let device = Device::new();
    std::fs::write(dir.join("allowed"), format!("zhang {}", device.public_line())).unwrap();
    let verify = |blob: &[u8], message: &[u8]| {
        std::fs::write(dir.join("sig"), armored(blob)).unwrap();
        ssh_keygen(dir, &["-Y", "verify", "-f", "allowed", "-I", "zhang", "-n", "unseen", "-s", "sig"], message)
    };
    assert!(verify(&device.sign(MESSAGE), MESSAGE));
    assert!(!verify(&device.sign(MESSAGE), b"other"));
    // Whether anybody touched the device is nothing to `-Y verify` (9.2). It is to us.
    assert!(!verify(&Device { application: b"ssh:bal", ..Device::new() }.sign(MESSAGE), MESSAGE));
    // The plain key of the same 32 bytes is another key to OpenSSH; the form is right all the same.
    let public = STANDARD.encode(strings(&[b"ssh-ed25519", device.key.verifying_key().as_bytes()]));
    std::fs::write(dir.join("allowed"), format!("zhang ssh-ed25519 {public}\n")).unwrap();
    assert!(verify(&plain(&device.key, MESSAGE), MESSAGE));
    assert!(!verify(&device.sign(MESSAGE), MESSAGE));
}

/// A folder to work in, if there is an ssh-keygen that signs (OpenSSH 8.1).
fn with_ssh_keygen() -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().unwrap();
    // Without arguments this fails and says so; a program that does not start is missing.
    if Command::new("ssh-keygen").arg("-Y").stdin(Stdio::null()).output().is_err() {
        skip::skipped("ssh-keygen is not installed (Debian: openssh-client)");
        return None;
    }
    Some(dir)
}

fn ssh_keygen(dir: &Path, args: &[&str], input: &[u8]) -> bool {
    let mut child = Command::new("ssh-keygen")
        .current_dir(dir)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait().unwrap().success()
}
