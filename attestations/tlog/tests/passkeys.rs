//! Signatures of passkeys: one that a browser made, and those of a device that is played here, by sections 5.8.1 and
//! 6.1 of Web Authentication, Level 3.
#![allow(clippy::unwrap_used, clippy::panic)]

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use unseen_ids::{Digest, hex};
use unseen_tlog::{
    KeyError, Signer, SigningKey, VerifyingKey,
    dsse::{Envelope, EnvelopeError, pre_authentication_encoding},
    signature::Signature,
    signature::webauthn::{Assertion, PasskeyError},
};

const MESSAGE: &[u8] = b"DSSEv1 10 text/plain 3 yes";

/// Chromium 156, with its virtual authenticator (CTAP 2), asked to sign the digest of [`MESSAGE`].
const KEY: &str = "22cdbf33fba50682ab5b871abdf9dcd6da2e931438c9b17ca2425a43a7f4bb40";
const AUTHENTICATOR: &str = "49960de5880e8c687434170f6476605b8fe4aeb9a28632c7995cf3ba831d97630500000002";
const CLIENT: &str = r#"{"type":"webauthn.get","challenge":"-SHFrRiJa4cey_DsnlDVHnBCzIG1rAAJXuHB50Ev9zg","origin":"http://localhost:41309","crossOrigin":false}"#;
const SIGNATURE: &str = "5add4d250328e2f3e745a72bac2f8d47e65ef4625021985f663e468fa3812166be15991e8f02205703cff1d4bad079ffbc9e2f6812dcb7633e5e6a473fe21a02";

fn strings(parts: [&[u8]; 3]) -> Vec<u8> {
    let string = |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat();
    [b"WEBAUTHN".to_vec(), parts.iter().flat_map(string).collect()].concat()
}

fn golden() -> (VerifyingKey, Vec<u8>) {
    let (authenticator, signature) = (hex::decode::<37>(AUTHENTICATOR).unwrap(), hex::decode::<64>(SIGNATURE).unwrap());
    let key = VerifyingKey::from_bytes(hex::decode(KEY).unwrap());
    (key, strings([&authenticator, CLIENT.as_bytes(), &signature]))
}

/// An authenticator, and what it and the browser say.
#[derive(Clone)]
struct Device {
    flags: u8,
    kind: &'static str,
    more: &'static str,
    tail: &'static [u8],
}

impl Device {
    const HONEST: Device = Device { flags: 0x05, kind: "webauthn.get", more: r#","crossOrigin":false"#, tail: b"" };

    fn key() -> SigningKey {
        SigningKey::from_seed([7; 32]).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let challenge = URL_SAFE_NO_PAD.encode(Digest::of(message).as_bytes());
        let Device { flags, kind, more, tail } = self;
        let client = format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"https://lab.example"{more}}}"#);
        let site = Digest::of(b"lab.example");
        let authenticator = [site.as_bytes(), [*flags].as_slice(), &7_u32.to_be_bytes(), tail].concat();
        let signed = [authenticator.as_slice(), Digest::of(client.as_bytes()).as_bytes()].concat();
        strings([&authenticator, client.as_bytes(), &Device::key().sign(&signed).unwrap()])
    }
}

fn verify(key: &VerifyingKey, bytes: &[u8], message: &[u8]) -> Result<(), PasskeyError> {
    Assertion::from_bytes(bytes)?.verify(key, message)
}

#[test]
fn what_a_browser_made_is_a_signature_of_its_message_only() {
    let (key, bytes) = golden();
    assert_eq!(verify(&key, &bytes, MESSAGE), Ok(()));
    assert_eq!(Assertion::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    assert_eq!(verify(&key, &bytes, b"DSSEv1 10 text/plain 2 no"), Err(PasskeyError::Challenge));
    let other = Device::key().verifying_key();
    assert_eq!(verify(&other, &bytes, MESSAGE), Err(PasskeyError::Key(KeyError::Signature)));
    for length in 0..bytes.len() {
        assert!(Assertion::from_bytes(&bytes[..length]).is_err(), "cut to {length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&key, &flipped, MESSAGE).is_err(), "bit {bit}");
    }
}

#[test]
fn an_envelope_may_bear_one() {
    let (key, bytes) = golden();
    assert_eq!(pre_authentication_encoding("text/plain", b"yes"), MESSAGE);
    let json = format!(
        r#"{{"payload":"eWVz","payloadType":"text/plain","signatures":[{{"keyid":"{}","sig":"{}"}}]}}"#,
        key.key_id(),
        STANDARD.encode(&bytes)
    );
    let verified = |json: &str| Envelope::from_bytes(json.as_bytes())?.verify(&key).map(<[u8]>::to_vec);
    assert_eq!(verified(&json).unwrap(), b"yes");
    assert_eq!(Envelope::from_bytes(json.as_bytes()).unwrap().to_bytes(), json.as_bytes());
    assert!(matches!(verified(&json.replace("eWVz", "bm8=")), Err(EnvelopeError::Passkey(PasskeyError::Challenge))));
    assert!(verified(&json.replace("text/plain", "text/html")).is_err());
    let other = Device::key().verifying_key();
    let renamed = Envelope::from_bytes(json.replace(&key.key_id(), &other.key_id()).as_bytes()).unwrap();
    assert!(renamed.verify(&other).is_err(), "another's signature under this key's name");
}

#[test]
fn only_an_owner_who_was_asked_here_signs() {
    let key = Device::key().verifying_key();
    let of = |device: Device| verify(&key, &device.sign(MESSAGE), MESSAGE);
    let honest = Device::HONEST;
    assert_eq!(of(honest.clone()), Ok(()));
    // Kept by a cloud (BE, BS), an older browser, and one that says more (section 5.8.1: clients may).
    assert_eq!(of(Device { flags: 0x1d, ..honest.clone() }), Ok(()));
    assert_eq!(of(Device { more: "", ..honest.clone() }), Ok(()));
    assert_eq!(of(Device { more: r#","crossOrigin":false,"other":{"a":[1]}"#, ..honest.clone() }), Ok(()));
    for flags in [0x00, 0x01, 0x04] {
        assert_eq!(of(Device { flags, ..honest.clone() }), Err(PasskeyError::NotVerified), "{flags}");
    }
    for flags in [0x45, 0x85] {
        assert_eq!(of(Device { flags, ..honest.clone() }), Err(PasskeyError::Extended), "{flags}");
    }
    assert_eq!(of(Device { flags: 0x85, tail: b"\xa0", ..honest.clone() }), Err(PasskeyError::Extended));
    for kind in ["webauthn.create", "payment.get", ""] {
        assert_eq!(of(Device { kind, ..honest.clone() }), Err(PasskeyError::Purpose), "{kind}");
    }
    let inside_another = r#","crossOrigin":true,"topOrigin":"https://evil.example""#;
    assert_eq!(of(Device { more: inside_another, ..honest.clone() }), Err(PasskeyError::Purpose));
    for more in [r#","type":"webauthn.get""#, r#","challenge":"""#, r#","crossOrigin":1"#, "}{"] {
        assert!(matches!(of(Device { more, ..honest.clone() }), Err(PasskeyError::Malformed(_))), "{more}");
    }
    let long = strings([&[5; 37], &[b' '; 2048], &[0; 64]]);
    assert!(matches!(Assertion::from_bytes(&long), Err(PasskeyError::Malformed(_))));
    let mut more = honest.sign(MESSAGE);
    more.push(0);
    assert!(matches!(Assertion::from_bytes(&more), Err(PasskeyError::Malformed(_))));
}

proptest! {
    /// Whatever a passkey signed, as an envelope, a log-in, an enrolment: it is a signature of nothing else, and of no
    /// other form.
    #[test]
    fn a_signature_is_of_one_message(
        message in prop::collection::vec(any::<u8>(), 0..80),
        other in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let key = Device::key().verifying_key();
        let bytes = Device::HONEST.sign(&message);
        let signature = Signature::from_bytes(&bytes).unwrap();
        prop_assert!(matches!(signature, Signature::Passkey(_)));
        prop_assert_eq!(signature.to_bytes(), bytes.clone());
        prop_assert!(signature.verify(&key, &message).is_ok());
        prop_assert_eq!(signature.verify(&key, &other).is_ok(), message == other);
        // The same 64 bytes by themselves sign neither the message nor its digest.
        let bare = Signature::from_bytes(&bytes[bytes.len() - 64..]).unwrap();
        prop_assert!(bare.verify(&key, &message).is_err());
        prop_assert!(bare.verify(&key, Digest::of(&message).as_bytes()).is_err());
    }

    /// Nothing panics, and what is read is what would be written.
    #[test]
    fn any_bytes_may_come(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0..300_usize,
        at in 0..300_usize,
    ) {
        let good = Device::HONEST.sign(MESSAGE);
        let behind = [&good[..cut.min(good.len())], &bytes].concat();
        let mut filled = good.clone();
        for (to, from) in filled.iter_mut().skip(at).zip(&bytes) {
            *to = *from;
        }
        for blob in [&bytes, &behind, &filled] {
            if let Ok(assertion) = Assertion::from_bytes(blob) {
                prop_assert_eq!(&assertion.to_bytes(), blob);
                let _ = assertion.verify(&Device::key().verifying_key(), MESSAGE);
            }
        }
    }
}
