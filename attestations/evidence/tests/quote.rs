//! Quotes, without a TPM: two that a TPM made, and as many as one likes by a key that signs anything.
#![allow(clippy::unwrap_used, clippy::panic)]

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use ring::{
    digest, rand,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use unseen_evidence::{
    Blob, Evidence, EvidenceError, Expected, ExpectedTpm2, MAX_BYTES, PcrBank, Pcrs, Provider, Tpm2,
    attestation_key_digest, parts, verify,
};
use unseen_ids::hex;

/// Quotes of PCRs 0, 7 and 16 over this nonce by an ECC and an RSA key; `tests/swtpm.rs` writes them anew.
const NONCE: [u8; 32] = *b"the nonce of the captured quotes";
const ECC: &[u8] = include_bytes!("data/tpm2-ecc.json");
const RSA: &[u8] = include_bytes!("data/tpm2-rsa.json");

fn captured(json: &[u8]) -> (Tpm2, ExpectedTpm2) {
    let Evidence::Tpm2(quote) = Evidence::parse(json.trim_ascii_end()).unwrap() else { panic!("not a quote") };
    let expected = named(&quote);
    (quote, expected)
}

/// A policy that names this quote's key and all of its values.
fn named(quote: &Tpm2) -> ExpectedTpm2 {
    let key = hex::decode(&attestation_key_digest(&quote.attestation_key).unwrap()).unwrap();
    ExpectedTpm2 { key, pcrs: quote.pcrs.clone() }
}

fn check(quote: &Tpm2, nonce: &[u8; 32], expected: &ExpectedTpm2) -> Result<(), EvidenceError> {
    let proven = verify(&Evidence::Tpm2(quote.clone()), nonce, &Expected::Tpm2(expected.clone()))?;
    assert_eq!(proven.provider, Provider::Tpm2);
    Ok(())
}

#[test]
fn captured_quotes_hold() {
    for json in [ECC, RSA] {
        let (quote, mut expected) = captured(json);
        assert_eq!(check(&quote, &NONCE, &expected), Ok(()));
        assert_eq!(quote.pcrs.keys().copied().collect::<Vec<_>>(), [0, 7, 16]);
        expected.pcrs.retain(|index, _| *index == 7);
        assert_eq!(check(&quote, &NONCE, &expected), Ok(()), "a policy may name fewer");
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    for json in [ECC, RSA] {
        let (good, expected) = captured(json);
        // What the quote itself lists, so that only the signature can tell.
        let unlisted = ExpectedTpm2 { pcrs: Pcrs::new(), ..expected.clone() };
        for mask in [0x01, 0x80, 0xff] {
            for i in 0..good.attest.0.len() {
                let mut quote = good.clone();
                quote.attest.0[i] ^= mask;
                assert_eq!(check(&quote, &NONCE, &unlisted), Err(EvidenceError::Signature(parts::QUOTE)), "attest {i}");
            }
            for i in 0..good.signature.0.len() {
                let mut quote = good.clone();
                quote.signature.0[i] ^= mask;
                assert!(check(&quote, &NONCE, &unlisted).is_err(), "signature {i}");
            }
            for i in 0..32 {
                let mut nonce = NONCE;
                nonce[i] ^= mask;
                assert_eq!(check(&good, &nonce, &unlisted), Err(EvidenceError::Nonce));
                for index in good.pcrs.keys() {
                    let mut quote = good.clone();
                    quote.pcrs.get_mut(index).unwrap()[i] ^= mask;
                    assert_eq!(check(&quote, &NONCE, &unlisted), Err(EvidenceError::PcrDigest));
                    let mut expected = expected.clone();
                    expected.pcrs.get_mut(index).unwrap()[i] ^= mask;
                    assert_eq!(check(&good, &NONCE, &expected), Err(EvidenceError::PcrValue(*index)));
                }
            }
        }
        for i in 0..good.attestation_key.len() {
            let mut quote = good.clone();
            quote.attestation_key.replace_range(i..=i, "#");
            let refused = check(&quote, &NONCE, &unlisted);
            assert!(refused.is_err(), "key {i}");
        }
    }
}

#[test]
fn other_lengths_are_refused() {
    type Part = fn(&mut Tpm2) -> &mut Vec<u8>;
    for json in [ECC, RSA] {
        let (good, expected) = captured(json);
        let parts: [(&str, Part); 2] =
            [("attest", |quote| &mut quote.attest.0), ("signature", |quote| &mut quote.signature.0)];
        for (name, part) in parts {
            let whole = part(&mut good.clone()).clone();
            for length in 0..whole.len() {
                let mut quote = good.clone();
                part(&mut quote).truncate(length);
                assert!(check(&quote, &NONCE, &expected).is_err(), "{name} of {length} bytes");
            }
            let mut quote = good.clone();
            part(&mut quote).push(0);
            assert!(check(&quote, &NONCE, &expected).is_err(), "{name} with a byte more");
        }
    }
}

#[test]
fn another_key_is_refused() {
    let ((ecc, of_ecc), (rsa, of_rsa)) = (captured(ECC), captured(RSA));
    assert_eq!(check(&ecc, &NONCE, &of_rsa), Err(EvidenceError::OtherKey(hex::encode(&of_ecc.key))));
    assert_eq!(check(&rsa, &NONCE, &of_ecc), Err(EvidenceError::OtherKey(hex::encode(&of_rsa.key))));
    // The key that the policy names, under a quote by another one.
    let stolen = Tpm2 { attestation_key: ecc.attestation_key.clone(), ..rsa };
    assert_eq!(check(&stolen, &NONCE, &of_ecc), Err(EvidenceError::Scheme));
    let forger = Forger::new();
    let stolen = Tpm2 { attestation_key: ecc.attestation_key, ..forger.quote(&Parts::good()) };
    assert_eq!(check(&stolen, &NONCE, &of_ecc), Err(EvidenceError::Signature(parts::QUOTE)));
}

#[test]
fn evidence_is_of_the_provider_that_the_policy_names() {
    let (quote, expected) = captured(ECC);
    let quote = Evidence::Tpm2(quote);
    let refused = EvidenceError::Provider { given: Provider::Tpm2, named: Provider::None };
    assert_eq!(verify(&quote, &NONCE, &Expected::None), Err(refused));
    for expected in [Expected::None, Expected::Tpm2(expected)] {
        let proven = verify(&Evidence::None, &NONCE, &expected).unwrap();
        assert_eq!((proven.provider, proven.established.len()), (Provider::None, 0));
    }
}

/// Everything behind the signature, field by field: a key that signs anything shows that each check
/// is made, since nothing else would refuse these.
#[test]
fn each_field_of_a_signed_quote_is_checked() {
    let forger = Forger::new();
    let good = Parts::good();
    let refused = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::good();
        change(&mut parts);
        let quote = forger.quote(&parts);
        check(&quote, &NONCE, &named(&forger.quote(&good)))
    };
    let malformed = Err(EvidenceError::Malformed(parts::QUOTE));
    assert_eq!(refused(&|_| ()), Ok(()));
    assert_eq!(refused(&|parts| parts.magic = 0xff54_4346), malformed);
    assert_eq!(refused(&|parts| parts.kind = 0x8017), malformed, "a certification");
    assert_eq!(refused(&|parts| parts.name = vec![0; 67]), malformed, "a name that is too long");
    assert_eq!(refused(&|parts| parts.extra = vec![0; 65]), malformed);
    assert_eq!(refused(&|parts| parts.safe = 2), malformed);
    assert_eq!(refused(&|parts| parts.after = vec![0]), malformed, "a byte more");
    assert_eq!(refused(&|parts| parts.extra = b"an older run's nonce, 32 bytes..".to_vec()), Err(EvidenceError::Nonce));
    assert_eq!(refused(&|parts| parts.extra.truncate(31)), Err(EvidenceError::Nonce));
    assert_eq!(refused(&|parts| parts.extra.push(0)), Err(EvidenceError::Nonce));
    assert_eq!(refused(&|parts| parts.extra.clear()), Err(EvidenceError::Nonce));
    assert_eq!(refused(&|parts| parts.bits = vec![0x80, 0]), malformed, "two bytes of bits");
    assert_eq!(refused(&|parts| parts.bits = vec![0x80, 0, 0, 0, 0]), malformed);
    assert_eq!(refused(&|parts| parts.bits.push(0)), Ok(()), "four bytes of bits");
    let selection = Err(EvidenceError::PcrSelection);
    assert_eq!(refused(&|parts| parts.bits[2] = 1), selection, "PCR 16 too");
    assert_eq!(refused(&|parts| parts.bits[0] = 0x81), selection, "PCR 0 too");
    assert_eq!(refused(&|parts| parts.bits[0] = 0x40), selection, "PCR 6 instead of 7");
    assert_eq!(refused(&|parts| parts.bits[0] = 0), selection);
    assert_eq!(refused(&|parts| parts.bank = 0x0004), selection, "the SHA-1 bank");
    assert_eq!(refused(&|parts| parts.banks = 2), selection);
    assert_eq!(refused(&|parts| parts.banks = 0), selection);
    assert_eq!(refused(&|parts| parts.pcrs = Pcrs::from([(7, [8; 32]), (9, [9; 32])])), selection);
    assert_eq!(refused(&|parts| parts.digest = Some(vec![0; 32])), Err(EvidenceError::PcrDigest));
    assert_eq!(refused(&|parts| parts.digest = Some(vec![])), Err(EvidenceError::PcrDigest));
    assert_eq!(refused(&|parts| parts.pcrs = Pcrs::from([(7, [8; 32])])), Err(EvidenceError::PcrValue(7)));
    assert_eq!(
        refused(&|parts| {
            parts.pcrs.clear();
            parts.bits = vec![0; 3];
        }),
        selection,
        "a quote of nothing"
    );
    assert_eq!(refused(&|parts| parts.hash = 0x000c), Err(EvidenceError::Scheme), "SHA-384");
    assert_eq!(refused(&|parts| parts.scheme = 0x0014), Err(EvidenceError::Scheme), "RSASSA by an ECC key");
    assert_eq!(refused(&|parts| parts.scheme = 0x0016), Err(EvidenceError::Scheme), "RSAPSS");
    let refused = check(
        &forger.quote(&good),
        &NONCE,
        &ExpectedTpm2 { pcrs: Pcrs::from([(7, [7; 32]), (8, [0; 32])]), ..named(&forger.quote(&good)) },
    );
    assert_eq!(refused, Err(EvidenceError::PcrValue(8)), "not in the quote");
}

#[test]
fn event_logs_are_replayed() {
    let forger = Forger::new();
    let with = |log: Vec<u8>, pcrs: &[(u8, [u8; 32])]| {
        let mut parts = Parts { pcrs: pcrs.iter().copied().collect(), ..Parts::good() };
        parts.bits = vec![0; 3];
        pcrs.iter().for_each(|(index, _)| parts.bits[usize::from(index / 8)] |= 1 << (index % 8));
        let quote = Tpm2 { event_log: Some(Blob(log)), ..forger.quote(&parts) };
        check(&quote, &NONCE, &named(&quote))
    };
    let extend = |old: [u8; 32], digest: [u8; 32]| sha256(&[old, digest].concat());
    let seven = extend(extend([0; 32], [1; 32]), [2; 32]);
    let log = |events: &[Vec<u8>]| [vec![header(&[(4, 20), (0xb, 32)], b"")], events.to_vec()].concat().concat();
    let events = [event(7, 1, [1; 32], b""), event(0, 3, [9; 32], b"ignored"), event(7, 8, [2; 32], b"x")];
    let good = log(&events);
    assert_eq!(with(good.clone(), &[(7, seven)]), Ok(()));
    assert_eq!(with(good.clone(), &[(0, [0; 32]), (7, seven), (17, [0xff; 32])]), Ok(()), "untouched ones");
    assert_eq!(with(good.clone(), &[(7, [7; 32])]), Err(EvidenceError::EventLog(7)));
    assert_eq!(with(good.clone(), &[(7, seven), (11, [7; 32])]), Err(EvidenceError::EventLog(11)));
    assert_eq!(with(log(&events[..2]), &[(7, seven)]), Err(EvidenceError::EventLog(7)));
    let [one, other, two] = events;
    assert_eq!(with(log(&[two.clone(), other.clone(), one.clone()]), &[(7, seven)]), Err(EvidenceError::EventLog(7)));

    let locality = |byte: u8| event(0, 3, [0; 32], &[b"StartupLocality\0".as_slice(), &[byte]].concat());
    let mut start = [0; 32];
    start[31] = 3;
    let zero = extend(start, [1; 32]);
    let one_zero = event(0, 1, [1; 32], b"");
    assert_eq!(with(log(&[locality(3), one_zero.clone()]), &[(0, zero)]), Ok(()));
    assert_eq!(with(log(&[locality(0), one_zero.clone()]), &[(0, zero)]), Err(EvidenceError::EventLog(0)));
    let late = log(&[one_zero, locality(3)]);
    assert_eq!(with(late, &[(0, extend([0; 32], [1; 32]))]), Ok(()), "too late to start from there");

    let malformed = Err(EvidenceError::Malformed(parts::EVENT_LOG));
    let twice =
        [&le32(7)[..], &le32(1), &le32(2), &[[0xb, 0].as_slice(), &[1; 32]].concat().repeat(2), &le32(0)].concat();
    let wrong: [(&str, Vec<u8>); 9] = [
        ("SHA-256 twice", [header(&[(0xb, 32)], b""), twice].concat()),
        ("empty", vec![]),
        ("no header", one.clone()),
        ("the older format", [&good[..32], b"Spec ID Event02\0".as_slice(), &good[48..]].concat()),
        ("more in the header than it says", [header(&[(4, 20), (0xb, 32)], b"x"), one.clone()].concat()),
        ("no such PCR", log(&[event(24, 1, [1; 32], b"")])),
        ("an algorithm that the header lacks", [header(&[(0xb, 32)], b""), one.clone()].concat()),
        ("no SHA-256", [header(&[(4, 20)], b""), only_sha1()].concat()),
        ("SHA-256 of 31 bytes", [header(&[(4, 20), (0xb, 31)], b""), one].concat()),
    ];
    for (why, log) in wrong {
        assert_eq!(with(log, &[(7, seven)]), malformed, "{why}");
    }
    for length in 0..good.len() {
        assert!(with(good[..length].to_vec(), &[(7, seven)]).is_err(), "{length} bytes");
    }
}

#[test]
fn documents_have_one_spelling() {
    for json in [ECC, RSA, b"{\"provider\":\"none\"}"] {
        let json = json.trim_ascii_end();
        let evidence = Evidence::parse(json).unwrap();
        assert_eq!(evidence.to_bytes().unwrap(), json);
        let text = std::str::from_utf8(json).unwrap();
        let wrong = [
            format!("{text}\n"),
            text.replace("\":\"", "\": \""),
            text.replace('}', ",\"more\":1}"),
            text.replacen('{', "{\"provider\":\"none\",", 1),
            text.replace("none", "sgx").replace("tpm2", "tpm1"),
            format!("{text}{text}"),
            format!("[{text}]"),
        ];
        for wrong in wrong.iter().filter(|wrong| *wrong != text) {
            assert!(Evidence::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
    let text = std::str::from_utf8(ECC.trim_ascii_end()).unwrap();
    for (from, to) in [
        ("\"7\":", "\"07\":"),
        ("\"7\":", "\"24\":"),
        ("\"7\":", "\"-7\":"),
        ("\"7\":", "\"0\":"),
        ("sha256", "sha1"),
        ("\"pcrs\":{", "\"pcrs\":{\"1\":\"00\","),
        ("BEGIN PUBLIC", "BEGIN\\u0020PUBLIC"),
    ] {
        assert!(text.contains(from) && Evidence::parse(text.replace(from, to).as_bytes()).is_err(), "{from} -> {to}");
    }
    assert_eq!(Evidence::parse(&vec![b' '; MAX_BYTES + 1]), Err(EvidenceError::TooLong(MAX_BYTES + 1)));
    let (mut quote, _) = captured(ECC);
    quote.event_log = Some(Blob(vec![0; MAX_BYTES]));
    assert!(matches!(Evidence::Tpm2(quote).to_bytes(), Err(EvidenceError::TooLong(_))));
}

proptest! {
    /// Whatever bytes a key signs and whatever log goes with them, reading ends, and nothing holds.
    #[test]
    fn garbage_never_holds(attest: Vec<u8>, log: Vec<u8>, start in 0_usize..80) {
        let forger = Forger::new();
        let attest = [&Parts::good().attest()[..start], &attest].concat();
        let quote = Tpm2 { attest: Blob(attest), event_log: Some(Blob(log.clone())), ..forger.quote(&Parts::good()) };
        let quote = forger.sign(quote, &Parts::good());
        prop_assert!(check(&quote, &NONCE, &named(&quote)).is_err());
        let log = [header(&[(0xb, 32)], b""), log].concat();
        let quote = Tpm2 { event_log: Some(Blob(log)), ..forger.quote(&Parts::good()) };
        prop_assert!(check(&quote, &NONCE, &named(&quote)).is_err());
    }
}

/// The fields of a TPMS_ATTEST and of the document around it.
struct Parts {
    magic: u32,
    kind: u16,
    name: Vec<u8>,
    extra: Vec<u8>,
    safe: u8,
    banks: u32,
    bank: u16,
    bits: Vec<u8>,
    digest: Option<Vec<u8>>,
    after: Vec<u8>,
    pcrs: Pcrs,
    scheme: u16,
    hash: u16,
}

impl Parts {
    fn good() -> Parts {
        Parts {
            magic: 0xff54_4347,
            kind: 0x8018,
            name: vec![5; 34],
            extra: NONCE.to_vec(),
            safe: 1,
            banks: 1,
            bank: 0x000b,
            bits: vec![0x80, 0, 0],
            digest: None,
            after: vec![],
            pcrs: Pcrs::from([(7, [7; 32])]),
            scheme: 0x0018,
            hash: 0x000b,
        }
    }

    fn attest(&self) -> Vec<u8> {
        let values: Vec<_> = self.pcrs.values().copied().collect();
        let digest = self.digest.clone().unwrap_or(sha256(&values.concat()).to_vec());
        [
            self.magic.to_be_bytes().to_vec(),
            self.kind.to_be_bytes().to_vec(),
            tpm2b(&self.name),
            tpm2b(&self.extra),
            vec![0; 16],
            vec![self.safe],
            vec![0; 8],
            self.banks.to_be_bytes().to_vec(),
            self.bank.to_be_bytes().to_vec(),
            vec![u8::try_from(self.bits.len()).unwrap()],
            self.bits.clone(),
            tpm2b(&digest),
            self.after.clone(),
        ]
        .concat()
    }
}

/// A key outside of any TPM.
struct Forger(EcdsaKeyPair);

impl Forger {
    fn new() -> Forger {
        let random = rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Forger(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    fn quote(&self, parts: &Parts) -> Tpm2 {
        let spki: [u8; 26] = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let spki = STANDARD.encode([&spki, self.0.public_key().as_ref()].concat());
        let quote = Tpm2 {
            attest: Blob(parts.attest()),
            signature: Blob(vec![]),
            attestation_key: format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"),
            pcr_bank: PcrBank::Sha256,
            pcrs: parts.pcrs.clone(),
            event_log: None,
        };
        self.sign(quote, parts)
    }

    fn sign(&self, quote: Tpm2, parts: &Parts) -> Tpm2 {
        let signature = self.0.sign(&rand::SystemRandom::new(), &quote.attest.0).unwrap();
        let (r, s) = signature.as_ref().split_at(32);
        let head = [parts.scheme.to_be_bytes(), parts.hash.to_be_bytes()].concat();
        Tpm2 { signature: Blob([head, tpm2b(r), tpm2b(s)].concat()), ..quote }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
}

fn tpm2b(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// The first event of a log.
fn header(algorithms: &[(u16, u16)], after: &[u8]) -> Vec<u8> {
    let mut id = [b"Spec ID Event03\0".as_slice(), &[0, 0, 0, 0, 0, 2, 0, 2], &le32(algorithms.len())].concat();
    for (algorithm, size) in algorithms {
        id.extend([algorithm.to_le_bytes(), size.to_le_bytes()].concat());
    }
    id.push(0);
    id.extend(after);
    [&le32(0)[..], &le32(3), &[0; 20], &le32(id.len()), &id].concat()
}

/// An event with a digest of SHA-1, which counts for nothing, and one of SHA-256.
fn event(index: usize, kind: usize, digest: [u8; 32], data: &[u8]) -> Vec<u8> {
    let digests = [&[4, 0][..], &[0x55; 20], &[0xb, 0], &digest].concat();
    [&le32(index)[..], &le32(kind), &le32(2), &digests, &le32(data.len()), data].concat()
}

fn only_sha1() -> Vec<u8> {
    [&le32(7)[..], &le32(1), &le32(1), &[4, 0], &[0x55; 20], &le32(0)].concat()
}

fn le32(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}
