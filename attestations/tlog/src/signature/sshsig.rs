//! Signatures of `ssh-keygen -Y sign -n unseen` (OpenSSH PROTOCOL.sshsig), so that a person can sign with
//! the key, the agent or the security key that they have already. They are verified here, never made.
//!
//! Two kinds of keys are accepted: `ssh-ed25519`, and `sk-ssh-ed25519@openssh.com`, which is Ed25519 on a
//! FIDO security key (OpenSSH PROTOCOL.u2f). The latter signs only after its owner has touched it.

use crate::key::{KeyError, VerifyingKey, unpem};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA512, digest};
use unseen_ids::sha256;
use unseen_texts::{Say, Text, text};

/// What every signature is for, in the sense of `ssh-keygen -n`. One made for anything else, such as a
/// commit or a file, counts for nothing here.
pub const NAMESPACE: &str = "unseen";

/// How a signature begins.
pub(crate) const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
/// The longest signature or public key read, in bytes: several times any honest one.
const MOST: usize = 2048;

const ED25519: &[u8] = b"ssh-ed25519";
const SK_ED25519: &[u8] = b"sk-ssh-ed25519@openssh.com";
/// Set in a security key's flags when somebody touched it.
const PRESENT: u8 = 0x01;

/// One person's SSH signature in the namespace [`NAMESPACE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    key: VerifyingKey,
    hash: HashName,
    /// What a security key adds.
    touch: Option<Touch>,
    signature: [u8; 64],
}

/// How the message was hashed before it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HashName {
    Sha256,
    Sha512,
}

/// What a security key signs beside the message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Touch {
    application: Vec<u8>,
    flags: u8,
    counter: u32,
}

impl SshSignature {
    /// Reads the file that `ssh-keygen -Y sign` writes: one `SSH SIGNATURE` block. Nothing is verified:
    /// see [`SshSignature::verify`].
    pub fn parse_armored(text: &str) -> Result<SshSignature, SshSigError> {
        SshSignature::from_bytes(&unpem("SSH SIGNATURE", text)?)
    }

    /// Reads what is inside such a block. Only the bytes that [`SshSignature::to_bytes`] gives are read.
    pub fn from_bytes(blob: &[u8]) -> Result<SshSignature, SshSigError> {
        use SshSigError::Malformed;
        if blob.len() > MOST {
            return Err(Malformed(text!("it is longer than 2 KiB", "长度超过 2 KiB")));
        }
        let cut = || Malformed(text!("it is cut short", "内容不完整"));
        let mut rest =
            blob.strip_prefix(MAGIC).ok_or(Malformed(text!("it does not begin with SSHSIG", "没有以 SSHSIG 开头")))?;
        if number(&mut rest).ok_or_else(cut)? != VERSION {
            return Err(Malformed(text!("its version is not 1", "版本不是 1")));
        }
        let mut next = || string(&mut rest).ok_or_else(cut);
        let (key, namespace, reserved, hash, signature) = (next()?, next()?, next()?, next()?, next()?);
        let (key, application) = read_key(key)?;
        if namespace != NAMESPACE.as_bytes() {
            return Err(SshSigError::Namespace(String::from_utf8_lossy(namespace).into_owned()));
        }
        let hash = match hash {
            b"sha256" => HashName::Sha256,
            b"sha512" => HashName::Sha512,
            _ => {
                return Err(Malformed(text!(
                    "its hash is neither sha256 nor sha512",
                    "哈希既不是 sha256 也不是 sha512"
                )));
            }
        };
        if !reserved.is_empty() || !rest.is_empty() {
            return Err(Malformed(text!("it holds something that version 1 does not know", "含有版本 1 不认识的内容")));
        }
        let (touch, signature) = read_signature(signature, application)
            .ok_or(Malformed(text!("its inner signature is not one of its key", "内层签名不是其密钥的签名")))?;
        Ok(SshSignature { key, hash, touch, signature })
    }

    /// The signature as it stands inside the block and in an envelope.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, application, trailer) = match &self.touch {
            None => (ED25519, Vec::new(), Vec::new()),
            Some(touch) => (SK_ED25519, encoded(&[&touch.application]), touch.trailer()),
        };
        let key = [encoded(&[kind, self.key.as_bytes()]), application].concat();
        let signature = [encoded(&[kind, &self.signature]), trailer].concat();
        let strings = encoded(&[&key, NAMESPACE.as_bytes(), b"", self.hash.name(), &signature]);
        [MAGIC, &VERSION.to_be_bytes(), &strings].concat()
    }

    /// The key that is said to have signed.
    pub fn public_key(&self) -> VerifyingKey {
        self.key
    }

    /// Whether this is the signature of `key` over `message`, made, if on a security key, with its owner
    /// present.
    pub fn verify(&self, key: &VerifyingKey, message: &[u8]) -> Result<(), SshSigError> {
        if self.key != *key {
            return Err(SshSigError::OtherKey { found: self.key, expected: *key });
        }
        let strings = encoded(&[NAMESPACE.as_bytes(), b"", self.hash.name(), &self.hash.of(message)]);
        let mut signed = [MAGIC, &strings].concat();
        if let Some(touch) = &self.touch {
            if touch.flags & PRESENT == 0 {
                return Err(SshSigError::NotTouched);
            }
            signed = [&sha256(&[&touch.application]), touch.trailer().as_slice(), &sha256(&[&signed])].concat();
        }
        Ok(key.verify(&signed, &self.signature)?)
    }
}

impl Touch {
    fn trailer(&self) -> Vec<u8> {
        [[self.flags].as_slice(), &self.counter.to_be_bytes()].concat()
    }
}

impl HashName {
    fn name(self) -> &'static [u8] {
        match self {
            HashName::Sha256 => b"sha256",
            HashName::Sha512 => b"sha512",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            HashName::Sha256 => sha256(&[message]).to_vec(),
            HashName::Sha512 => digest(&SHA512, message).as_ref().to_vec(),
        }
    }
}

/// Reads a `.pub` file of OpenSSH: one line of key type, base64 and comment.
pub fn parse_public_key(line: &str) -> Result<VerifyingKey, SshSigError> {
    let line = line.trim_end_matches(['\r', '\n']);
    let mut words = line.split(' ');
    let (Some(kind), Some(base64), false) = (words.next(), words.next(), line.contains(['\r', '\n'])) else {
        return Err(SshSigError::PublicKey);
    };
    if base64.len() > MOST {
        return Err(SshSigError::PublicKey);
    }
    let blob = STANDARD.decode(base64).map_err(|_| SshSigError::PublicKey)?;
    if string(&mut blob.as_slice()) != Some(kind.as_bytes()) {
        return Err(SshSigError::PublicKey);
    }
    Ok(read_key(&blob)?.0)
}

/// Why an SSH signature or public key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Say)]
#[code("ssh")]
pub enum SshSigError {
    /// Not the shape of a signature.
    #[error("this is not a signature of ssh-keygen -Y sign: {0}")]
    #[zh("这不是 ssh-keygen -Y sign 的签名：{0}")]
    Malformed(Text),
    /// Not the line of a `.pub` file.
    #[error("this is not an SSH public key: one line such as ssh-ed25519 AAAA... comment")]
    #[zh("这不是 SSH 公钥：应为一行，例如 ssh-ed25519 AAAA... comment")]
    PublicKey,
    /// A key that signs in another way.
    #[error(
        "the SSH key is of the type {0:?}, and only ssh-ed25519 and sk-ssh-ed25519@openssh.com are accepted: \
         ssh-keygen -t ed25519 makes one"
    )]
    #[zh("SSH 密钥的类型是 {0:?}，而只接受 ssh-ed25519 和 sk-ssh-ed25519@openssh.com：可用 ssh-keygen -t ed25519 生成")]
    KeyType(String),
    /// A security key's credential that is not for SSH.
    #[error(
        "the security key's credential is for {0:?}, and only those whose name begins with ssh: are for signing here"
    )]
    #[zh("安全密钥的凭据用于 {0:?}，而此处只有名称以 ssh: 开头的可用于签名")]
    Application(String),
    /// A signature for another purpose.
    #[error("the SSH signature was made for {0:?}: sign with ssh-keygen -Y sign -n unseen")]
    #[zh("SSH 签名的用途是 {0:?}：请用 ssh-keygen -Y sign -n unseen 签名")]
    Namespace(String),
    /// A security key that signed by itself.
    #[error("the security key was not touched when it signed: make its key without -O no-touch-required")]
    #[zh("签名时无人触碰安全密钥：生成密钥时请勿使用 -O no-touch-required")]
    NotTouched,
    /// Another key's signature.
    #[error("the SSH signature was made by the key {found}, not {expected}")]
    #[zh("SSH 签名所用的密钥是 {found}，不是 {expected}")]
    OtherKey {
        /// The key it states.
        found: VerifyingKey,
        /// The key asked for.
        expected: VerifyingKey,
    },
    /// A signature that claims to be the key's and is not, or no block at all.
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// The key in a public key blob and, for a security key, its application.
fn read_key(mut blob: &[u8]) -> Result<(VerifyingKey, Option<Vec<u8>>), SshSigError> {
    let kind = string(&mut blob).ok_or(SshSigError::PublicKey)?;
    if ![ED25519, SK_ED25519].contains(&kind) {
        return Err(SshSigError::KeyType(String::from_utf8_lossy(kind).into_owned()));
    }
    let key = string(&mut blob).and_then(|key| key.try_into().ok()).ok_or(SshSigError::PublicKey)?;
    let mut application = None;
    if kind == SK_ED25519 {
        let name = string(&mut blob).ok_or(SshSigError::PublicKey)?;
        // A web site has its visitors' credentials sign what it likes, under its own name.
        if !name.starts_with(b"ssh:") {
            return Err(SshSigError::Application(String::from_utf8_lossy(name).into_owned()));
        }
        application = Some(name.to_vec());
    }
    if blob.is_empty() { Ok((VerifyingKey::from_bytes(key), application)) } else { Err(SshSigError::PublicKey) }
}

/// The inner signature, which must be of the kind of the key.
fn read_signature(mut blob: &[u8], application: Option<Vec<u8>>) -> Option<(Option<Touch>, [u8; 64])> {
    let kind = if application.is_some() { SK_ED25519 } else { ED25519 };
    string(&mut blob).filter(|found| *found == kind)?;
    let signature = string(&mut blob)?.try_into().ok()?;
    let touch = match application {
        None => None,
        Some(application) => {
            let (&flags, rest) = blob.split_first()?;
            blob = rest;
            Some(Touch { application, flags, counter: number(&mut blob)? })
        }
    };
    blob.is_empty().then_some((touch, signature))
}

/// Takes a number off the front (RFC 4251, section 5: uint32).
fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u32::from_be_bytes(*number))
}

/// Takes a byte string off the front (RFC 4251, section 5: string).
pub(crate) fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (string, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = tail;
    Some(string)
}

/// Byte strings, each behind its length. None is longer than [`MOST`] or than a hash.
pub(crate) fn encoded(strings: &[&[u8]]) -> Vec<u8> {
    strings.iter().flat_map(|string| [&(string.len() as u32).to_be_bytes(), *string].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse::{Envelope, EnvelopeError, pre_authentication_encoding};

    /// `ssh-keygen -t ed25519`, and what `ssh-keygen -Y sign` (9.2) made of [`MESSAGE`] with `-n unseen`, with
    /// `-O hashalg=sha256` too, and with `-n file`.
    const PUBLIC: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOCCaiAwQGZrD38fin9oGUK1UkOuNbhhxhw8Gmyd/f6t zhang@example\n";
    const MESSAGE: &[u8] = b"DSSEv1 10 text/plain 3 yes";
    const SHA512_SIGNATURE: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg4IJqIDBAZmsPfx+Kf2gZQrVSQ6\n41uGHGHDwabJ39/q0AAAAGdW5zZWVuAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1\nNTE5AAAAQCM8nF+Fj2h8N4lDc8SbXmx3iGanQhnWSEaO9jX1BKZstIibxi/z/FkZ4RepcM\nFzTsbv+BfZTHNL1jR7LdAk3Q0=\n-----END SSH SIGNATURE-----\n";
    const SHA256_SIGNATURE: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg4IJqIDBAZmsPfx+Kf2gZQrVSQ6\n41uGHGHDwabJ39/q0AAAAGdW5zZWVuAAAAAAAAAAZzaGEyNTYAAABTAAAAC3NzaC1lZDI1\nNTE5AAAAQI6CZpLCxw7em9qH5SYaktpKJMmaGXXpTvjVhlpPSf44+MknLQYqsUWr7P/DPn\n27WtzwaG135ngS09t0cL9wHw0=\n-----END SSH SIGNATURE-----\n";
    const OF_A_FILE: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg4IJqIDBAZmsPfx+Kf2gZQrVSQ6\n41uGHGHDwabJ39/q0AAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\nOQAAAEAO86eftxrMP/tcmw9rQ3Lsf/lhinFIBCGVMB4VhlS/xWCH7/ut4irg6JaFr1edbk\n7ShfBIBe/3A/DkIjR42e0L\n-----END SSH SIGNATURE-----\n";
    /// `ssh-keygen -t ecdsa`, and its signature.
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKM7FingmnPmLXSyACaUpKfoL2knAWs+65X0zbFN3aeq4wfX4U19J5i76a34cT2gZrMsxHqgSPsSuTN3PQcTgqQ= e";
    const OF_ECDSA: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAE\nEEozsWKeCac+YtdLIAJpSkp+gvaScBaz7rlfTNsU3dp6rjB9fhTX0nmLvprfhxPaBmsyzE\neqBI+xK5M3c9BxOCpAAAAAZ1bnNlZW4AAAAAAAAABnNoYTUxMgAAAGMAAAATZWNkc2Etc2\nhhMi1uaXN0cDI1NgAAAEgAAAAgTt4J6oP231WNZOb/5sJU+Y2cG/odeiK7XSO7eGCsyG0A\nAAAgYBzEoWsI4/nBZH9n1I6cFEzl17IqrKbWUY28ElofmHA=\n-----END SSH SIGNATURE-----\n";

    #[test]
    fn signatures_of_ssh_keygen() {
        let key = parse_public_key(PUBLIC).unwrap();
        for text in [SHA512_SIGNATURE, SHA256_SIGNATURE] {
            let signature = SshSignature::parse_armored(text).unwrap();
            assert_eq!(signature.public_key(), key);
            assert_eq!(signature.verify(&key, MESSAGE), Ok(()));
            assert_eq!(signature.verify(&key, b"no"), Err(SshSigError::Key(KeyError::Signature)));
            let other = VerifyingKey::from_bytes([7; 32]);
            assert!(matches!(signature.verify(&other, MESSAGE), Err(SshSigError::OtherKey { .. })));
            assert_eq!(signature.to_bytes(), unpem("SSH SIGNATURE", text).unwrap());
            assert_eq!(SshSignature::parse_armored(&text.replace('\n', "\r\n")).unwrap(), signature);
            assert!(SshSignature::parse_armored(&format!("{text}{text}")).is_err());
        }
        let refused = |text| SshSignature::parse_armored(text).unwrap_err();
        assert_eq!(refused(OF_A_FILE), SshSigError::Namespace("file".into()));
        assert_eq!(refused(OF_ECDSA), SshSigError::KeyType("ecdsa-sha2-nistp256".into()));
        assert_eq!(refused(PUBLIC), SshSigError::Key(KeyError::Pem("SSH SIGNATURE")));
    }

    #[test]
    fn public_keys() {
        let key = parse_public_key(PUBLIC).unwrap();
        let line = PUBLIC.trim_end();
        let (bare, _comment) = line.rsplit_once(' ').unwrap();
        for good in [line, bare, &format!("{bare} two words"), &format!("{line}\r\n")] {
            assert_eq!(parse_public_key(good).unwrap(), key);
        }
        assert_eq!(parse_public_key(ECDSA), Err(SshSigError::KeyType("ecdsa-sha2-nistp256".into())));
        let blob = STANDARD.decode(bare.split(' ').nth(1).unwrap()).unwrap();
        let of = |kind: &str, blob: &[u8]| format!("{kind} {}", STANDARD.encode(blob));
        let sk =
            |application: &[u8]| of("sk-ssh-ed25519@openssh.com", &encoded(&[SK_ED25519, key.as_bytes(), application]));
        assert_eq!(parse_public_key(&sk(b"ssh:")), Ok(key));
        assert_eq!(parse_public_key(&sk(b"ssh:lab")), Ok(key));
        assert_eq!(parse_public_key(&sk(b"evil.example")), Err(SshSigError::Application("evil.example".into())));
        for wrong in [
            "",
            "ssh-ed25519",
            &format!("{line}\n{line}"),
            &format!("no-pty {line}"),
            &bare.replacen("ssh-ed25519", "ssh-rsa", 1),
            &of("ssh-ed25519", &[blob.as_slice(), b"x"].concat()),
            &of("ssh-ed25519", &blob[..blob.len() - 1]),
            &of("ssh-ed25519", &encoded(&[ED25519, &[7; 33]])),
            &of("sk-ssh-ed25519@openssh.com", &encoded(&[SK_ED25519, key.as_bytes()])),
            &of("ssh-ed25519", &[0; MOST]),
        ] {
            assert_eq!(parse_public_key(wrong), Err(SshSigError::PublicKey), "{wrong}");
        }
    }

    #[test]
    fn malformed_signatures_are_refused() {
        let good = unpem("SSH SIGNATURE", SHA512_SIGNATURE).unwrap();
        // Where the strings are: key, namespace, reserved, hash, signature.
        let mut rest = &good[10..];
        let parts: Vec<_> = std::iter::from_fn(|| string(&mut rest)).collect();
        let with = |at: usize, part: &[u8]| {
            let mut parts = parts.clone();
            parts[at] = part;
            [&good[..10], &encoded(&parts)].concat()
        };
        assert_eq!(with(1, b"unseen"), good);
        let sk_key = encoded(&[SK_ED25519, parse_public_key(PUBLIC).unwrap().as_bytes(), b"ssh:"]);
        let sk_signature = encoded(&[SK_ED25519, &[7; 64]]);
        for (wrong, why) in [
            ([good.as_slice(), b"\0"].concat(), "trailing byte"),
            ([b"SSHSIG\0\0\0\x02".as_slice(), &good[10..]].concat(), "another version"),
            (with(0, b""), "no key"),
            (with(1, b"unseen "), "another namespace"),
            (with(2, b"x"), "something reserved"),
            (with(3, b"sha1"), "another hash"),
            (with(3, b""), "no hash"),
            (with(4, b""), "no signature"),
            (with(4, &encoded(&[ED25519, &[7; 63]])), "a short signature"),
            (with(4, &[parts[4], b"\0"].concat()), "something after the signature"),
            (with(4, &sk_signature), "a security key's signature of a plain key"),
            (with(0, &sk_key), "a plain signature of a security key"),
            (with(0, &vec![0; MOST]), "much too long"),
        ] {
            assert!(SshSignature::from_bytes(&wrong).is_err(), "{why}");
        }
        for length in 0..good.len() {
            assert!(SshSignature::from_bytes(&good[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn an_envelope_may_bear_one() {
        assert_eq!(pre_authentication_encoding("text/plain", b"yes"), MESSAGE);
        let key = parse_public_key(PUBLIC).unwrap();
        let signature = SshSignature::parse_armored(SHA512_SIGNATURE).unwrap();
        let envelope = Envelope::from_ssh("text/plain", b"yes".to_vec(), signature.clone());
        let read = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
        assert_eq!(read, envelope);
        assert!(read.has(|form| matches!(form, crate::signature::Signature::Ssh(_))));
        assert_eq!(
            (read.key_ids().next(), read.verify(&key).unwrap()),
            (Some(key.key_id().as_str()), b"yes".as_slice())
        );
        let json = String::from_utf8(envelope.to_bytes()).unwrap();
        assert!(json.contains(&format!(r#""sig":"{}""#, STANDARD.encode(signature.to_bytes()))));

        let verified = |json: &str| Envelope::from_bytes(json.as_bytes())?.verify(&key).map(drop);
        assert!(matches!(verified(&json.replace("eWVz", "bm8=")), Err(EnvelopeError::Ssh(_))));
        assert!(matches!(verified(&json.replace("text/plain", "text/html")), Err(EnvelopeError::Ssh(_))));
        // Another's signature under this key's name.
        let theirs = VerifyingKey::from_bytes([7; 32]);
        let renamed = json.replace(&key.key_id(), &theirs.key_id());
        assert!(matches!(verified(&renamed), Err(EnvelopeError::OtherKey { .. })));
        let renamed = Envelope::from_bytes(renamed.as_bytes()).unwrap();
        assert!(matches!(renamed.verify(&theirs), Err(EnvelopeError::Ssh(SshSigError::OtherKey { .. }))));
    }
}
