//! What an auditor, a witness or a lab reads of a log that somebody else wrote.

use unseen_entries::{EntryError, Keys};
use unseen_evidence::{
    Blob, Chain, Evidence, Expected, ExpectedSevSnp, ExpectedTpm2, Pcrs, Product, SevSnp, attestation_key_digest,
};
use unseen_ids::hex;
use unseen_tlog::cosignature::WitnessKey;
use unseen_tlog::dsse::{Envelope, parse_pre_authentication_encoding, pre_authentication_encoding};
use unseen_tlog::note::{Checkpoint, Note, NoteKey, Signature};
use unseen_tlog::proof::EntryProof;
use unseen_tlog::sm2::{Sm2Envelope, Sm2NoteKey, Sm2SigningKey, Sm2VerifyingKey};
use unseen_tlog::sshsig::{SshSignature, parse_public_key};
use unseen_tlog::tile::{self, Tile};
use unseen_tlog::{Signer, SigningKey, VerifyingKey};
use unseen_witness::decide::Request;

use crate::text;

const CHECKPOINT: &[u8] = include_bytes!("../../tests/golden/log/checkpoint");
const HANDOVER: &[u8] = include_bytes!("../../tests/golden/log/handover/26");
const VERIFIER_KEY: &str = include_str!("../../tests/golden/log/log.vkey");
const BUNDLE: &[u8] = include_bytes!("../../tests/golden/log/tile/entries/000.p/38");
const SM2: &[u8] = include_bytes!("../../tests/golden/log/sm2/34.json");
const TPM2: [&[u8]; 2] = [
    include_bytes!("../../attestations/evidence/tests/data/tpm2-ecc.json"),
    include_bytes!("../../attestations/evidence/tests/data/tpm2-rsa.json"),
];

pub fn note(bytes: &[u8]) -> bool {
    if let Some(line) = text(bytes)
        && let Ok(signature) = Signature::parse(line)
    {
        assert_eq!(signature.to_string().trim_end(), line.trim_end());
    }
    let Ok(note) = Note::parse(bytes) else { return false };
    assert_eq!(note.to_string().as_bytes(), bytes, "a note has one form");
    let Ok(checkpoint) = Checkpoint::parse(note.text()) else { return true };
    let log: NoteKey = VERIFIER_KEY.trim().parse().unwrap();
    if let Ok(opened) = Checkpoint::open(&note, &log) {
        assert_eq!(opened, checkpoint);
    }
    true
}

pub fn notes() -> Vec<Vec<u8>> {
    vec![CHECKPOINT.to_vec(), HANDOVER.to_vec()]
}

pub fn verifier_key(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let written = [
        text.parse::<NoteKey>().map(|key| key.to_string()).ok(),
        text.parse::<WitnessKey>().map(|key| key.to_string()).ok(),
        text.parse::<Sm2NoteKey>().map(|key| key.to_string()).ok(),
        text.parse::<VerifyingKey>().map(|key| key.to_string()).ok(),
    ];
    let read = written.iter().any(Option::is_some);
    for written in written.into_iter().flatten() {
        assert_eq!(written, text, "a key has one form");
    }
    read
}

pub fn verifier_keys() -> Vec<Vec<u8>> {
    let key = signing_key().verifying_key();
    let witness = WitnessKey::new("witness.example/w1", key).unwrap().to_string();
    [VERIFIER_KEY.trim().to_owned(), witness, key.to_string()].map(String::into_bytes).to_vec()
}

pub fn entry_proof(bytes: &[u8]) -> bool {
    let Ok(proof) = EntryProof::parse(bytes) else { return false };
    assert_eq!(EntryProof::parse(proof.to_string().as_bytes()).unwrap(), proof);
    let log: NoteKey = VERIFIER_KEY.trim().parse().unwrap();
    let _ = proof.verify(&log, b"an entry");
    true
}

pub fn entry_proofs() -> Vec<Vec<u8>> {
    let checkpoint = Note::parse(CHECKPOINT).unwrap();
    let proof = |extra| EntryProof { index: 7, path: vec![[1; 32]; 5], extra, checkpoint: checkpoint.clone() };
    [proof(None), proof(Some(b"more".to_vec()))].map(|proof| proof.to_string().into_bytes()).to_vec()
}

/// The first byte says how wide, less one.
pub fn tile(bytes: &[u8]) -> bool {
    if let Some(tile) = text(bytes).and_then(Tile::parse) {
        assert_eq!(Some(tile.to_string().as_str()), text(bytes), "a tile has one path");
        return true;
    }
    let Some((width, content)) = bytes.split_first() else { return false };
    let width = usize::from(*width) + 1;
    let (hashes, entries) = (tile::decode_hashes(content, width), tile::decode_bundle(content, width));
    if let Some(hashes) = &hashes {
        assert_eq!(tile::encode_hashes(hashes), content);
    }
    if let Some(entries) = &entries {
        assert_eq!(tile::encode_bundle(entries).unwrap(), content);
    }
    hashes.is_some() || entries.is_some()
}

pub fn tiles() -> Vec<Vec<u8>> {
    let bundle = [&[37], BUNDLE].concat();
    let hashes = [[2].as_slice(), &[5; 96]].concat();
    vec![bundle, hashes, b"tile/0/x001/234.p/5".to_vec(), b"tile/entries/x001/234".to_vec()]
}

pub fn envelope(bytes: &[u8]) -> bool {
    if let Some((kind, payload)) = parse_pre_authentication_encoding(bytes) {
        assert_eq!(pre_authentication_encoding(kind, payload), bytes, "what is signed has one form");
        return true;
    }
    let envelope = Envelope::from_bytes(bytes);
    if let Ok(envelope) = &envelope {
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()).unwrap().to_bytes(), envelope.to_bytes());
        let _ = envelope.verify(&signing_key().verifying_key());
    }
    envelope.is_ok() || Sm2Envelope::from_bytes(bytes).is_ok()
}

/// Some entries, and what is signed of one.
pub fn envelopes() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = entries().into_iter().step_by(9).collect();
    seeds.extend([SM2.to_vec(), pre_authentication_encoding("text/plain", b"payload")]);
    seeds
}

pub fn entry(bytes: &[u8]) -> bool {
    // Only the first entry of a log brings its key with it; of the others the form is read.
    match Keys::default().open(bytes, None) {
        Ok(_) | Err(EntryError::UnknownKey(_)) => true,
        Err(_) => false,
    }
}

/// Entries of every kind.
pub fn entries() -> Vec<Vec<u8>> {
    tile::decode_bundle(BUNDLE, 38).unwrap().into_iter().map(<[u8]>::to_vec).collect()
}

pub fn ssh_signature(bytes: &[u8]) -> bool {
    if let Ok(signature) = SshSignature::from_bytes(bytes) {
        assert_eq!(signature.to_bytes(), bytes, "an SSH signature has one form");
        let _ = signature.verify(&signature.public_key(), b"a message");
        return true;
    }
    text(bytes).is_some_and(|text| SshSignature::parse_armored(text).is_ok() || parse_public_key(text).is_ok())
}

pub fn ssh_signatures() -> Vec<Vec<u8>> {
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsaFmLkKqK8iE+jPy1SwgWqxXt7DcPZKr7Ydl6fjMUp someone";
    let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
    let field = |blob: &mut Vec<u8>, bytes: &[u8]| {
        blob.extend((bytes.len() as u32).to_be_bytes());
        blob.extend(bytes);
    };
    let (mut key, mut signature) = (Vec::new(), Vec::new());
    [b"ssh-ed25519".as_slice(), &[9; 32]].iter().for_each(|part| field(&mut key, part));
    [b"ssh-ed25519".as_slice(), &[7; 64]].iter().for_each(|part| field(&mut signature, part));
    for part in [&key, b"unseen".as_slice(), b"", b"sha512", &signature] {
        field(&mut blob, part);
    }
    let armored = unseen_ids::pem::encode("SSH SIGNATURE", &blob);
    vec![blob, armored.into_bytes(), line.into()]
}

pub fn key_file(bytes: &[u8]) -> bool {
    if let Ok(key) = SigningKey::from_pkcs8(bytes) {
        assert!(SigningKey::from_pkcs8(&key.to_pkcs8()).is_ok());
        return true;
    }
    let Some(text) = text(bytes) else { return false };
    let _ = (Sm2SigningKey::from_pem(text), Sm2VerifyingKey::from_pem(text), attestation_key_digest(text));
    let (public, private) = (VerifyingKey::from_pem(text), SigningKey::from_pem(text));
    if let Ok(key) = &public {
        assert_eq!(VerifyingKey::from_pem(&key.to_pem()).unwrap(), *key);
    }
    if let Ok(key) = &private {
        assert!(SigningKey::from_pem(&key.to_pem()).is_ok());
    }
    public.is_ok() || private.is_ok()
}

pub fn key_files() -> Vec<Vec<u8>> {
    let key = signing_key();
    let pem = [key.to_pem().to_string(), key.verifying_key().to_pem()].map(String::into_bytes);
    [pem.to_vec(), vec![key.to_pkcs8().to_vec()]].concat()
}

pub fn witness_request(bytes: &[u8]) -> bool {
    let Ok(request) = Request::parse(bytes) else { return false };
    let body = Request::body(request.old, &request.proof, &request.note);
    assert_eq!(Request::parse(body.as_bytes()).unwrap(), request);
    true
}

pub fn witness_requests() -> Vec<Vec<u8>> {
    let note = Note::parse(CHECKPOINT).unwrap();
    vec![Request::body(5, &[[3; 32]; 4], &note).into_bytes(), Request::body(0, &[], &note).into_bytes()]
}

pub fn evidence(bytes: &[u8]) -> bool {
    let Ok(evidence) = Evidence::parse(bytes) else { return false };
    let again = evidence.to_bytes().unwrap();
    assert_eq!(Evidence::parse(&again).unwrap(), evidence);
    let (nonce, key) = (*b"the nonce of the captured quotes", [0; 32]);
    let tpm2 = match &evidence {
        Evidence::Tpm2(quote) => attestation_key_digest(&quote.attestation_key).ok().and_then(|key| hex::decode(&key)),
        _ => None,
    };
    let tpm2 = ExpectedTpm2 { key: tpm2.unwrap_or(key), pcrs: Pcrs::new() };
    let sev = ExpectedSevSnp { product: Product::Milan, measurement: None, minimum_tcb: None, allow_debug: true };
    for expected in [Expected::None, Expected::Tpm2(tpm2), Expected::SevSnp(sev)] {
        let _ = unseen_evidence::verify(&evidence, &nonce, &expected);
    }
    true
}

pub fn evidences() -> Vec<Vec<u8>> {
    let data = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../attestations/evidence/tests/data/");
        Blob(std::fs::read(folder.to_owned() + name).unwrap())
    };
    let chain = Chain { ask: data("ask-milan.der"), ark: data("ark-genoa.der") };
    let report = SevSnp { report: data("report-milan.bin"), vcek: data("vcek-milan.der"), chain };
    let mut seeds = TPM2.map(|json| json.trim_ascii_end().to_vec()).to_vec();
    seeds.push(Evidence::SevSnp(report).to_bytes().unwrap());
    seeds
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed([9; 32]).unwrap()
}
