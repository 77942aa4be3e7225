//! What an auditor, a witness or a lab reads of a log that somebody else wrote.

use std::path::{Path, PathBuf};

use unseen_audit::bundle::{self, Known};
use unseen_audit::public_values::PublicValues;
use unseen_entries::{EntryError, Keys};
use unseen_evidence::{
    Blob, Chain, Evidence, EvidenceError, Expected, ExpectedSevSnp, ExpectedTpm2, Pcrs, Product, SevSnp, Tpm2,
    attestation_key_digest,
};
use unseen_ids::{Role, canonical, hex};
use unseen_policies::enrolment::parse_enrolment;
use unseen_policies::event::{Record, enrolment_bytes};
use unseen_tlog::cosignature::{WitnessKey, cosign};
use unseen_tlog::dsse::{Envelope, parse_pre_authentication_encoding, pre_authentication_encoding};
use unseen_tlog::merkle;
use unseen_tlog::note::{Checkpoint, Note, NoteKey, Signature};
use unseen_tlog::proof::EntryProof;
use unseen_tlog::signature::sshsig::{SshSignature, parse_public_key};
use unseen_tlog::signature::webauthn::Assertion;
use unseen_tlog::sm2::{Sm2Envelope, Sm2NoteKey, Sm2SigningKey, Sm2VerifyingKey};
use unseen_tlog::statement::Statement;
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
    if let Ok(time) = witness().verify(&note) {
        assert!(time <= i64::MAX as u64, "a time that is none");
    }
    true
}

/// The last has a cosignature of a witness that is known.
pub fn notes() -> Vec<Vec<u8>> {
    let mut cosigned = Note::parse(CHECKPOINT).unwrap();
    let line = cosign(witness().name(), &signing_key(), cosigned.text(), 1_700_000_000).unwrap();
    cosigned.add(line);
    vec![CHECKPOINT.to_vec(), HANDOVER.to_vec(), cosigned.to_string().into_bytes()]
}

/// An index, a size, an older size, and hashes: the leaf, the two roots, the proof.
pub fn merkle_proof(bytes: &[u8]) -> bool {
    let Some((numbers, hashes)) = bytes.split_at_checked(24) else { return false };
    let [index, size, old] = [0, 8, 16].map(|at| u64::from_le_bytes(numbers[at..at + 8].try_into().unwrap()));
    let (hashes, rest) = hashes.as_chunks::<32>();
    let [leaf, root, old_root, proof @ ..] = hashes else { return false };
    let included = merkle::verify_inclusion(index, size, leaf, proof, root).is_ok();
    let extends = merkle::verify_consistency(old, size, proof, old_root, root).is_ok();
    assert!(!included || index < size, "a leaf that is not in the tree");
    assert!(!extends || old <= size && (old != size || old_root == root), "a tree that shrinks or differs");
    rest.is_empty() && (included || extends)
}

/// Trees of one and two leaves, and one that grows.
pub fn merkle_proofs() -> Vec<Vec<u8>> {
    let seed =
        |numbers: [u64; 3], hashes: &[merkle::Hash]| [numbers.map(u64::to_le_bytes).concat(), hashes.concat()].concat();
    let (a, b) = (merkle::leaf_hash(b"a"), merkle::leaf_hash(b"b"));
    let ab = merkle::node_hash(&a, &b);
    vec![seed([0, 1, 0], &[a, a, a]), seed([1, 2, 9], &[b, ab, a, a]), seed([9, 2, 1], &[b, ab, a, b])]
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
    [VERIFIER_KEY.trim().to_owned(), witness().to_string(), key.to_string()].map(String::into_bytes).to_vec()
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

/// What an entry states, without its envelope; or what a new key signs to be enrolled.
pub fn record(bytes: &[u8]) -> bool {
    if parse_enrolment(bytes).is_some() {
        return true;
    }
    let Ok(statement) = serde_json::from_slice::<Statement>(bytes) else { return false };
    let Ok(record) = Record::from_predicate(&statement.predicate_type, statement.predicate) else { return false };
    let (kind, predicate) = record.to_predicate();
    assert_eq!(Record::from_predicate(&kind, predicate).unwrap(), record, "a record is written as it was read");
    let _ = record.subjects();
    true
}

pub fn records() -> Vec<Vec<u8>> {
    let statement = |entry: &Vec<u8>| Envelope::from_bytes(entry).unwrap().unverified_payload().to_vec();
    let mut seeds: Vec<_> = entries().iter().map(statement).collect();
    let key = signing_key().verifying_key().into();
    seeds.push(enrolment_bytes("lab.example/log", "li", &[Role::Analyst, Role::Auditor], &key, None));
    seeds
}

/// One file of the golden log, which the first byte picks, in the place of the true one.
pub fn bundle(bytes: &[u8]) -> bool {
    let Some((at, content)) = bytes.split_first() else { return false };
    let (files, dir) = (bundle_files(), tempfile::tempdir().unwrap());
    let at = usize::from(*at) % files.len();
    for (index, (path, own)) in files.iter().enumerate() {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, if index == at { content } else { own.as_slice() }).unwrap();
    }
    let Ok(report) = bundle::verify(dir.path(), &Known::default()) else { return false };
    let (path, own) = &files[at];
    let named = path.starts_with("blobs") || path.ends_with("tile/entries/000.p/38");
    assert!(!named || content == own || !report.violations.is_empty(), "{} can be changed", path.display());
    true
}

pub fn bundles() -> Vec<Vec<u8>> {
    let seed = |(at, (_, content)): (usize, (PathBuf, Vec<u8>))| [&[at as u8], content.as_slice()].concat();
    bundle_files().into_iter().enumerate().map(seed).collect()
}

/// The files of the golden log, in order of their paths.
fn bundle_files() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/log");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.strip_prefix(&root).unwrap().to_owned(), std::fs::read(&path).unwrap())),
            }
        }
    }
    files.sort();
    files
}

pub fn public_values(bytes: &[u8]) -> bool {
    let Ok(values) = serde_json::from_slice::<PublicValues>(bytes) else { return false };
    let again = canonical::to_vec(&values).unwrap();
    assert_eq!(serde_json::from_slice::<PublicValues>(&again).unwrap(), values);
    true
}

pub fn public_values_of_tables() -> Vec<Vec<u8>> {
    vec![br#"{"code":["C13",7,-1],"name":["\u6e56\u5858"]}"#.to_vec(), b"{}".to_vec()]
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

pub fn passkey_signature(bytes: &[u8]) -> bool {
    let Ok(assertion) = Assertion::from_bytes(bytes) else { return false };
    assert_eq!(assertion.to_bytes(), bytes, "an assertion has one form");
    let _ = assertion.verify(&signing_key().verifying_key(), b"a message");
    true
}

pub fn passkey_signatures() -> Vec<Vec<u8>> {
    let client = br#"{"type":"webauthn.get","challenge":"hm0rM7XfhnAB2tTjpQdrWsHEuWKjYp2QuJMfANEbbA0","origin":"https://lab.example","crossOrigin":false}"#;
    let mut blob = b"WEBAUTHN".to_vec();
    for part in [[5; 37].as_slice(), client, &[7; 64]] {
        blob.extend((part.len() as u32).to_be_bytes());
        blob.extend(part);
    }
    vec![blob]
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
    let _ = (measured(&evidence), unseen_evidence::verify(&evidence, NONCE, &Expected::None));
    true
}

pub fn evidences() -> Vec<Vec<u8>> {
    let mut seeds = TPM2.map(|json| json.trim_ascii_end().to_vec()).to_vec();
    seeds.push(Evidence::SevSnp(sev_snp()).to_bytes().unwrap());
    seeds
}

/// One part of true evidence, which the first byte picks, as bytes: what a signature covers cannot be changed.
pub fn evidence_part(bytes: &[u8]) -> bool {
    let Some((at, part)) = bytes.split_first() else { return false };
    let at = usize::from(*at) % 9;
    let part = Blob(part.to_vec());
    let (evidence, signed) = match at {
        0..6 => {
            let mut quote = quotes().swap_remove(at % 2);
            let place = match at / 2 {
                0 => &mut quote.attest,
                1 => &mut quote.signature,
                _ => quote.event_log.get_or_insert(Blob(Vec::new())),
            };
            let signed = at / 2 == 0 && *place != part;
            *place = part;
            (Evidence::Tpm2(quote), signed)
        }
        _ => {
            let mut report = sev_snp();
            let place = match at {
                6 => &mut report.report,
                7 => &mut report.vcek,
                _ => &mut report.chain.ask,
            };
            let signed = *place != part;
            *place = part;
            (Evidence::SevSnp(report), signed)
        }
    };
    let holds = measured(&evidence);
    assert!(!(holds && signed), "part {at} of signed evidence can be changed");
    holds
}

pub fn evidence_parts() -> Vec<Vec<u8>> {
    let quotes = quotes().into_iter().enumerate().flat_map(|(at, quote)| {
        let parts = [(at, Some(quote.attest)), (at + 2, Some(quote.signature)), (at + 4, quote.event_log)];
        parts.into_iter().filter_map(|(at, part)| Some((at, part?)))
    });
    let report = sev_snp();
    let report = [(6, report.report), (7, report.vcek), (8, report.chain.ask)];
    quotes.chain(report).map(|(at, part)| [&[at as u8], part.0.as_slice()].concat()).collect()
}

const NONCE: &[u8; 32] = b"the nonce of the captured quotes";

/// Whether evidence holds, up to the nonce of a report, which is another.
fn measured(evidence: &Evidence) -> bool {
    let expected = match evidence {
        Evidence::None => Expected::None,
        Evidence::Tpm2(quote) => {
            let key = attestation_key_digest(&quote.attestation_key).ok().and_then(|key| hex::decode(&key));
            Expected::Tpm2(ExpectedTpm2 { key: key.unwrap_or([0; 32]), pcrs: Pcrs::new() })
        }
        Evidence::SevSnp(_) => {
            let (product, allow_debug) = (Product::Milan, true);
            Expected::SevSnp(ExpectedSevSnp { product, measurement: None, minimum_tcb: None, allow_debug })
        }
    };
    matches!(unseen_evidence::verify(evidence, NONCE, &expected), Ok(_) | Err(EvidenceError::Nonce))
}

fn quotes() -> Vec<Tpm2> {
    let read = |json: &[u8]| match Evidence::parse(json.trim_ascii_end()) {
        Ok(Evidence::Tpm2(quote)) => Some(quote),
        _ => None,
    };
    TPM2.into_iter().filter_map(read).collect()
}

fn sev_snp() -> SevSnp {
    let data = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../attestations/evidence/tests/data/");
        Blob(std::fs::read(folder.to_owned() + name).unwrap())
    };
    let chain = Chain { ask: data("ask-milan.der"), ark: data("ark-milan.der") };
    SevSnp { report: data("report-milan.bin"), vcek: data("vcek-milan.der"), chain }
}

fn witness() -> WitnessKey {
    WitnessKey::new("witness.example/w1", signing_key().verifying_key()).unwrap()
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_seed([9; 32]).unwrap()
}
