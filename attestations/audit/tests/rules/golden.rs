//! A log that was made once and is kept in `tests/golden`: every kind of entry, by every kind of key. What
//! is read, written and judged today must be what it was on the day it was made.

use std::path::{Path, PathBuf};

use unseen_audit::bundle::Known;
use unseen_entries::{Keys, sign};
use unseen_log::LogReader;
use unseen_policies::event::Event;
use unseen_tlog::dsse::Envelope;
use unseen_tlog::note::NoteKey;
use unseen_tlog::statement::Statement;

use crate::lab::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn reader() -> LogReader {
    let key: NoteKey = std::fs::read_to_string(golden().join("log/log.vkey")).unwrap().trim().parse().unwrap();
    LogReader::open(golden().join("log"), &key).unwrap()
}

#[test]
fn the_golden_log_is_judged_as_ever() {
    let report = audit(&golden().join("log"), &Known::default()).unwrap();
    assert_eq!(violations(&report), []);
    let kinds: Vec<&str> = report.kinds.keys().map(String::as_str).collect();
    let mut all: Vec<&str> = Event::KINDS.iter().copied().filter(|kind| !LATER.contains(kind)).collect();
    all.sort_unstable();
    assert_eq!(kinds, all, "every kind of entry of its day");
    let mut report = serde_json::to_value(&report).unwrap();
    let mut kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(golden().join("report.json")).unwrap()).unwrap();
    // What a program without SM2 says of SM2 is that it did not check.
    if !unseen_audit::sm2::BUILT {
        report["sm2"].take();
        kept["sm2"].take();
    }
    assert_eq!(report, kept);
}

/// Kinds of entry that there are since.
const LATER: &[&str] = &[
    "dataset-status",
    "dataset-described",
    "dataset-deleted",
    "job-withdrawn",
    "job-prioritized",
    "access-log-recorded",
    "console-served",
    "node-enrolled",
    "node-revoked",
];

/// The bytes that would be signed today for what each entry says are the bytes that were signed.
#[test]
fn the_golden_log_would_be_signed_as_ever() {
    let (log, mut keys, mut odd) = (reader(), Keys::default(), Vec::new());
    for (index, entry) in (0..).zip(log.entries(0)) {
        let entry = entry.unwrap();
        let opened = keys.open(&entry, None).unwrap();
        keys.learn_from(&opened.record.event);
        let signed = sign::to_sign(&opened.record).unwrap();
        let envelope = Envelope::from_bytes(&entry).unwrap();
        if !signed.ends_with(envelope.unverified_payload()) {
            odd.push(index);
            let as_it_was: Statement = Statement::open_unverified(&envelope).unwrap();
            assert!(signed.ends_with(&as_it_was.payload().unwrap()), "entry {index} says the same in another order");
        }
        assert_eq!(envelope.to_bytes(), entry);
    }
    // One is as the first versions wrote it: the members of the statement in their own order.
    assert_eq!(odd, [OLD_ORDER]);
}

/// The entry that was signed as versions before 0.2.0 did.
const OLD_ORDER: u64 = 8;

/// How it was made. The keys of a machine, of a witness and of SM2 are gone: nobody makes it again.
#[cfg(feature = "sm2")]
mod made {
    use std::fs;
    use std::sync::Arc;

    use base64::{Engine, prelude::BASE64_STANDARD};
    use chrono::TimeDelta;
    use unseen_audit::bundle::VERIFIER_KEY;
    use unseen_ids::{Digest, JobId, PublicKey, Role};
    use unseen_log::Log;
    use unseen_policies::event::*;
    use unseen_tlog::cosignature::cosign;
    use unseen_tlog::signature::sshsig::SshSignature;
    use unseen_tlog::sm2::{Sm2Envelope, Sm2NoteKey, Sm2NoteSigner, Sm2SigningKey};
    use unseen_tlog::statement::PAYLOAD_TYPE;
    use unseen_tlog::{Signer, SigningKey};

    use super::*;
    use crate::behind::Machine;

    const BY_SSH: u8 = 30;
    const BY_TOUCH: u8 = 31;

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat()).collect()
    }

    /// What `ssh-keygen -Y sign` makes with a key in a file, or with one that has to be touched.
    fn ssh(key: &SigningKey, touch: bool, message: &[u8]) -> SshSignature {
        let hash = ring::digest::digest(&ring::digest::SHA512, message);
        let mut signed = [b"SSHSIG", strings(&[b"unseen", b"", b"sha512", hash.as_ref()]).as_slice()].concat();
        let name: &[u8] = if touch { b"sk-ssh-ed25519@openssh.com" } else { b"ssh-ed25519" };
        let mut public = strings(&[name, key.verifying_key().as_bytes()]);
        let mut trailer = Vec::new();
        if touch {
            public.extend(strings(&[b"ssh:"]));
            trailer = [&[1][..], &7_u32.to_be_bytes()].concat();
            signed = [Digest::of(b"ssh:").as_bytes(), trailer.as_slice(), Digest::of(&signed).as_bytes()].concat();
        }
        let signature = [strings(&[name, &key.sign(&signed).unwrap()]), trailer].concat();
        let rest = strings(&[&public, b"unseen", b"", b"sha512", &signature]);
        SshSignature::from_bytes(&[b"SSHSIG\0\0\0\x01", rest.as_slice()].concat()).unwrap()
    }

    fn enrol(lab: &mut Lab, who: u8, touch: bool, name: &str) {
        let (roles, key) = (vec![Role::Operator], public(who));
        let asked = enrolment_bytes(ORIGIN, name, &roles, &key, None);
        let proof = BASE64_STANDARD.encode(ssh(&super::key(who), touch, &asked).to_bytes());
        lab.does(OWNER, PersonEnrolled { name: name.into(), roles, key, kept: None, proof });
    }

    fn approve(lab: &mut Lab, who: u8, touch: bool, job: JobId) {
        let record = lab.record(lab.approval(job));
        let asked = sign::to_sign(&record).unwrap();
        let entry = sign::with_ssh(&asked, ssh(&key(who), touch, &asked)).unwrap();
        lab.push(entry);
    }

    fn in_old_order(lab: &mut Lab) {
        let event = lab.dataset("schools", Some("person"));
        let record = lab.record(DatasetRegistered { open_to: vec!["analyst".into()], ..event });
        let payload: serde_json::Value = {
            let signed = sign::to_sign(&record).unwrap();
            let at = signed.windows(2).position(|pair| pair == b" {").unwrap();
            serde_json::from_slice(&signed[at + 1..]).unwrap()
        };
        let text = format!(
            r#"{{"_type":{},"subject":{},"predicateType":{},"predicate":{}}}"#,
            payload["_type"], payload["subject"], payload["predicateType"], payload["predicate"]
        );
        let entry = Envelope::sign(&key(STEWARD), PAYLOAD_TYPE, text.into_bytes()).unwrap().to_bytes();
        assert_eq!(lab.push(entry), OLD_ORDER);
    }

    fn story(sm2: &Sm2NoteKey) -> Lab {
        let mut lab = Lab::new();
        in_old_order(&mut lab);
        enrol(&mut lab, BY_SSH, false, "by file");
        enrol(&mut lab, BY_TOUCH, true, "by touch");
        lab.rules(|policy| policy.caps.analyst = policy.caps.dataset);
        let rejected = lab.submit();
        approve(&mut lab, BY_SSH, false, rejected);
        lab.does(SECOND, JobRejected { job: rejected, reason: "too \"wide\"\u{2028}\n👀".into() });
        let (failed, run) = lab.running();
        lab.wait(TimeDelta::hours(1));
        lab.does(SERVICE, RunFailed { job: failed, run, reason: "the component failed".into() });
        let (job, release) = lab.released();
        lab.does(ANALYST, ReleaseRead { job, release });
        lab.hand_over(NEXT_LOG_KEY);

        // Under a policy that asks for witnesses, for evidence of the machine, and for SM2.
        let machine = Machine::new();
        lab.witnessed_by_two();
        lab.rules(|policy| {
            policy.evidence = Some(machine.rule());
            policy.sm2_key = Some(sm2.to_string());
            policy.delta = 1.25e-7;
        });
        let waiting = lab.submit();
        approve(&mut lab, BY_SSH, false, waiting);
        approve(&mut lab, BY_TOUCH, true, waiting);
        let run = lab.does(OWNER, lab.start(waiting));
        let statement = lab.job(waiting).run.as_ref().unwrap().statement;
        let evidence = lab.put(machine.quote(statement, [7; 32]));
        lab.does(SERVICE, EvidenceRecorded { job: waiting, run, evidence });
        let result = lab.result(waiting);
        let release = lab.does(SERVICE, result);
        let mut note = lab.checkpoint(NEXT_LOG_KEY);
        [WITNESS, OTHER_WITNESS].into_iter().for_each(|seed| add_cosignature(&mut note, seed, lab.time));
        let witnessing = lab.witnessing(waiting, &note, &[WITNESS, OTHER_WITNESS]);
        lab.does(SERVICE, witnessing);
        lab.does(AUDITOR, ReleaseRead { job: waiting, release });
        lab.does(OWNER, PersonRevoked { key: PublicKey::from(key(BY_SSH).verifying_key()), reason: "lost".into() });
        lab
    }

    #[test]
    #[ignore = "made once, and kept"]
    fn make_the_golden_log() {
        assert!(!golden().exists(), "it is there already, and nothing may take its place");
        let sm2 = Sm2SigningKey::generate().unwrap();
        let again = Sm2SigningKey::from_pem(&sm2.to_pem().unwrap()).unwrap();
        let signer = Sm2NoteSigner::new(ORIGIN, again).unwrap();
        let lab = story(signer.note_key());
        let folder = golden().join("log");
        let mut log = Log::create(&folder, ORIGIN, Arc::new(key(LOG_KEY))).unwrap();
        let (at, to) = lab.handovers.first_key_value().unwrap();
        log.append_batch(&lab.entries[..*at]).unwrap();
        log.hand_over(&lab.entries[*at], Arc::new(key(*to))).unwrap();
        log.countersign(Arc::new(signer));
        log.append_batch(&lab.entries[*at + 1..]).unwrap();
        lab.blobs.iter().for_each(|(digest, bytes)| assert_eq!(log.put_blob(bytes).unwrap(), *digest));
        let release = lab.ledger().jobs().values().filter_map(|job| job.release).next_back().unwrap().0;
        let entry = Envelope::from_bytes(&lab.entries[usize::try_from(release).unwrap()]).unwrap();
        let payload = entry.unverified_payload().to_vec();
        let second = Sm2Envelope::sign(&sm2, entry.payload_type(), payload).unwrap();
        log.put_sm2_envelope(release, second.to_bytes()).unwrap();
        let time = u64::try_from(lab.time.timestamp()).unwrap();
        let cosigned = [WITNESS, OTHER_WITNESS]
            .map(|seed| cosign(witness(seed).name(), &key(seed), log.note().text(), time).unwrap());
        log.publish_cosigned(&cosigned).unwrap();
        fs::write(folder.join(VERIFIER_KEY), format!("{}\n", log.verifier())).unwrap();
        // An export has what is published, and not the writer's own copy.
        fs::remove_file(folder.join("checkpoint.lock")).unwrap();
        let report = serde_json::to_string_pretty(&audit(&folder, &Known::default()).unwrap()).unwrap();
        fs::write(golden().join("report.json"), report + "\n").unwrap();
    }
}
