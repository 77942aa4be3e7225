//! Entries that are not what they should be, whatever they say.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use unseen_entries::EntryError;
use unseen_ids::{Digest, Keeping, Role};
use unseen_policies::enrolment::node_bytes;
use unseen_policies::event::*;
use unseen_tlog::dsse::Envelope;
use unseen_tlog::statement::{PAYLOAD_TYPE, Statement, Subject};
use unseen_tlog::{Signer, SigningKey};

use crate::lab::*;

/// Puts in a bad entry: which it is, and how what is found begins.
pub type Break = fn(&mut Lab) -> (u64, &'static str);

macro_rules! cases {
    ($( $error:pat => [$($case:ident),*], )*) => {
        /// The cases of this error. A new kind without a case does not compile.
        pub fn cases_of(error: &EntryError) -> &'static [(&'static str, Break)] {
            match error { $( $error => &[$( (stringify!($case), $case) ),*], )* }
        }

        /// All of them.
        pub const ALL: &[(&str, Break)] = &[$($( (stringify!($case), $case), )*)*];
    };
}

cases! {
    EntryError::Envelope(_) => [
        garbage, a_signature_twice, a_false_second_signature, a_member_of_the_envelope_twice, a_flipped_signature, an_altered_approval,
        a_person_forged_by_the_server, a_signature_cut_short
    ],
    EntryError::Statement(_) => [another_payload_type, a_strange_field_in_the_statement, another_statement_type],
    EntryError::Record(_) => [
        an_unknown_kind, a_newer_approval, a_strange_field, a_strange_field_in_a_run, a_field_left_out,
        an_approval_as_a_rejection,
        a_member_twice
    ],
    EntryError::Subjects => [another_subject, a_subject_more, another_digest_of_itself, the_wrong_one_of_two],
    EntryError::UnknownKey(_) => [approved_by_a_stranger, signed_by_a_stranger_too],
    EntryError::Proof => [
        proved_by_the_operator, proved_for_other_roles, proved_for_another_log, proved_by_nothing, kept_elsewhere,
        a_node_proved_by_the_operator, a_node_proved_for_another_recipient, a_node_proved_for_another_log
    ],
}

/// An entry as JSON, and back.
fn edited(entry: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json = serde_json::from_slice(entry).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

/// The second operator's approval of a new job, which would be good.
fn approval(lab: &mut Lab) -> Vec<u8> {
    let job = lab.submit();
    lab.seal(SECOND, lab.approval(job))
}

/// An entry with another payload, signed by the same person.
fn respelt(entry: &[u8], who: &SigningKey, from: &str, to: &str) -> Vec<u8> {
    let payload = String::from_utf8(Envelope::from_bytes(entry).unwrap().unverified_payload().to_vec()).unwrap();
    assert!(payload.contains(from), "{from}: {payload}");
    Envelope::sign(who, PAYLOAD_TYPE, payload.replacen(from, to, 1).into_bytes()).unwrap().to_bytes()
}

fn garbage(lab: &mut Lab) -> (u64, &'static str) {
    (lab.push(b"not an envelope".to_vec()), "the entry's envelope is refused: this is not a DSSE envelope")
}

fn a_signature_twice(lab: &mut Lab) -> (u64, &'static str) {
    let entry = edited(&approval(lab), |json| {
        let first = json["signatures"][0].clone();
        json["signatures"].as_array_mut().unwrap().push(first);
    });
    (lab.push(entry), "the entry's envelope is refused: the envelope has no signature, more than it may have")
}

/// A change that two operators have signed, they say.
fn a_false_second_signature(lab: &mut Lab) -> (u64, &'static str) {
    lab.rules(|policy| policy.changes_need = Some(2));
    let revocation = PersonRevoked { key: public(AUDITOR), reason: "left".into() };
    let entry = lab.seal_by(&[OWNER, STRANGER], revocation);
    let second = key(SECOND).verifying_key().key_id();
    let entry = edited(&entry, |json| json["signatures"][1]["keyid"] = second.into());
    (lab.push(entry), "the entry's envelope is refused: the envelope was altered or forged")
}

fn signed_by_a_stranger_too(lab: &mut Lab) -> (u64, &'static str) {
    let revocation = PersonRevoked { key: public(AUDITOR), reason: "left".into() };
    let entry = lab.seal_by(&[OWNER, STRANGER], revocation);
    (lab.push(entry), "the signer's key ")
}

fn a_member_of_the_envelope_twice(lab: &mut Lab) -> (u64, &'static str) {
    let entry = String::from_utf8(approval(lab)).unwrap().replacen('{', "{\"payload\":\"\",", 1);
    (lab.push(entry.into_bytes()), "the entry's envelope is refused: this is not a DSSE envelope")
}

fn with_signature(lab: &mut Lab, change: impl FnOnce(&mut Vec<u8>)) -> u64 {
    let entry = edited(&approval(lab), |json| {
        let mut signature = BASE64_STANDARD.decode(json["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        change(&mut signature);
        json["signatures"][0]["sig"] = BASE64_STANDARD.encode(signature).into();
    });
    lab.push(entry)
}

fn a_flipped_signature(lab: &mut Lab) -> (u64, &'static str) {
    (with_signature(lab, |bytes| bytes[40] ^= 1), "the entry's envelope is refused: the envelope was altered or forged")
}

fn a_signature_cut_short(lab: &mut Lab) -> (u64, &'static str) {
    (with_signature(lab, |bytes| bytes.truncate(63)), "the entry's envelope is refused: the envelope's signature is")
}

fn an_altered_approval(lab: &mut Lab) -> (u64, &'static str) {
    let entry = approval(lab);
    let other = respelt(&entry, &key(SECOND), "\"operator\"", "\"steward\"");
    let other: Value = serde_json::from_slice(&other).unwrap();
    let entry = edited(&entry, |json| json["payload"] = other["payload"].clone());
    (lab.push(entry), "the entry's envelope is refused: the envelope was altered or forged")
}

/// The server has its own key and everybody's public ones.
fn a_person_forged_by_the_server(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.submit();
    let entry = lab.seal(SERVICE, lab.approval(job));
    let entry = edited(&entry, |json| json["signatures"][0]["keyid"] = key(SECOND).verifying_key().key_id().into());
    (lab.push(entry), "the entry's envelope is refused: the envelope was altered or forged")
}

fn another_payload_type(lab: &mut Lab) -> (u64, &'static str) {
    let entry = Envelope::from_bytes(&approval(lab)).unwrap();
    let entry = Envelope::sign(&key(SECOND), "text/plain", entry.unverified_payload().to_vec()).unwrap();
    (lab.push(entry.to_bytes()), "the entry's statement is refused: the envelope holds \"text/plain\"")
}

fn another_statement_type(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "Statement/v1", "Statement/v0.1");
    (lab.push(entry), "the entry's statement is refused: this is not an in-toto statement")
}

fn a_strange_field_in_the_statement(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "\"subject\":", "\"more\":1,\"subject\":");
    (lab.push(entry), "the entry's statement is refused: this is not an in-toto statement")
}

fn an_unknown_kind(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "urn:unseen:Approval/v1", "urn:unseen:Wish/v1");
    (lab.push(entry), "`urn:unseen:Wish/v1` is not a kind of entry that this version knows")
}

fn a_newer_approval(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "urn:unseen:Approval/v1", "urn:unseen:Approval/v2");
    (lab.push(entry), "`urn:unseen:Approval/v2` is not a kind of entry that this version knows")
}

fn a_strange_field(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "\"role\":", "\"onBehalfOf\":\"owner\",\"role\":");
    (lab.push(entry), "the entry does not have the form of its kind: unknown field `onBehalfOf`")
}

fn a_strange_field_in_a_run(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.approved();
    let start = lab.seal(OWNER, lab.start(job));
    let entry = respelt(&start, &key(OWNER), "\"approvals\":", "\"dryRun\":true,\"approvals\":");
    (
        lab.push(entry),
        "the entry does not have the form of its kind: `/buildDefinition/externalParameters/dryRun` is not part of a run's provenance",
    )
}

/// Most readers of JSON take the last, some the first.
fn a_member_twice(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.submit();
    let rejection = lab.seal(OWNER, JobRejected { job, reason: "too wide".into() });
    let entry = respelt(&rejection, &key(OWNER), "\"reason\":", "\"reason\":\"none at all\",\"reason\":");
    (lab.push(entry), "the entry does not have the form of its kind: the member `reason` is there twice")
}

fn a_field_left_out(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "\"role\":\"operator\",", "");
    (lab.push(entry), "the entry does not have the form of its kind: missing field `role`")
}

fn an_approval_as_a_rejection(lab: &mut Lab) -> (u64, &'static str) {
    let entry = respelt(&approval(lab), &key(SECOND), "urn:unseen:Approval/v1", "urn:unseen:Rejection/v1");
    (lab.push(entry), "the entry does not have the form of its kind: ")
}

const SUBJECTS: &str = "the entry's subjects are not those of what it says";

/// An event with other subjects than its own.
fn about(lab: &mut Lab, who: u8, event: impl Into<Event>, subjects: &[(&str, Digest)]) -> u64 {
    let (kind, predicate) = lab.record(event).to_predicate();
    let subjects = subjects.iter().map(|(name, digest)| Subject { name: (*name).to_owned(), digest: *digest });
    let statement: Statement = Statement::new(subjects.collect(), &kind, predicate);
    lab.push(statement.sign(&key(who)).unwrap().to_bytes())
}

fn another_subject(lab: &mut Lab) -> (u64, &'static str) {
    let (job, _) = lab.running();
    let result = lab.result(job);
    (about(lab, SERVICE, result, &[("release", other_digest())]), SUBJECTS)
}

fn a_subject_more(lab: &mut Lab) -> (u64, &'static str) {
    let (job, _) = lab.running();
    let result = lab.result(job);
    let body = result.body;
    (about(lab, SERVICE, result, &[("release", body), ("audit report", other_digest())]), SUBJECTS)
}

fn another_digest_of_itself(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.submit();
    let rejection = JobRejected { job, reason: "too wide".into() };
    (about(lab, OWNER, rejection, &[("predicate", other_digest())]), SUBJECTS)
}

fn the_wrong_one_of_two(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.submit();
    let approval = lab.approval(job);
    let JobApproved { submission, module, .. } = approval.clone();
    let subjects = [("submission", submission), ("manifest", other_digest()), ("module", module)];
    (about(lab, SECOND, approval, &subjects), SUBJECTS)
}

fn approved_by_a_stranger(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.submit();
    (lab.puts(STRANGER, lab.approval(job)), "the signer's key ")
}

/// An enrolment with another proof.
fn proved(lab: &mut Lab, proof: String) -> (u64, &'static str) {
    let enrolment = PersonEnrolled { proof, ..enrolment(NEWCOMER, "newcomer", vec![Role::Operator]) };
    (lab.puts(OWNER, enrolment), "the new key did not sign this enrolment")
}

fn proved_by_the_operator(lab: &mut Lab) -> (u64, &'static str) {
    let bytes = enrolment_bytes(ORIGIN, "newcomer", &[Role::Operator], &public(NEWCOMER), None);
    proved(lab, BASE64_STANDARD.encode(key(OWNER).sign(&bytes).unwrap()))
}

fn proved_for_other_roles(lab: &mut Lab) -> (u64, &'static str) {
    proved(lab, unseen_entries::sign::prove_enrolment(&key(NEWCOMER), ORIGIN, "newcomer", &[Role::Auditor]).unwrap())
}

/// The key said nothing of where it is kept, or something else.
fn kept_elsewhere(lab: &mut Lab) -> (u64, &'static str) {
    let enrolment = enrolment(NEWCOMER, "newcomer", vec![Role::Operator]);
    (
        lab.puts(OWNER, PersonEnrolled { kept: Some(Keeping::Passkey), ..enrolment }),
        "the new key did not sign this enrolment",
    )
}

fn proved_for_another_log(lab: &mut Lab) -> (u64, &'static str) {
    let proof =
        unseen_entries::sign::prove_enrolment(&key(NEWCOMER), "other.example/log", "newcomer", &[Role::Operator]);
    proved(lab, proof.unwrap())
}

fn proved_by_nothing(lab: &mut Lab) -> (u64, &'static str) {
    proved(lab, String::new())
}

/// A node's enrolment with a proof by this key, of this log and recipient.
fn node_proved(lab: &mut Lab, by: u8, log: &str, recipient: &str) -> (u64, &'static str) {
    let bytes = node_bytes(log, "n1", &public(NODE), recipient);
    let proof = BASE64_STANDARD.encode(key(by).sign(&bytes).unwrap());
    (lab.puts(OWNER, NodeEnrolled { proof, ..node(NODE, "n1") }), "the new key did not sign this enrolment")
}

fn a_node_proved_by_the_operator(lab: &mut Lab) -> (u64, &'static str) {
    node_proved(lab, OWNER, ORIGIN, RECIPIENT)
}

fn a_node_proved_for_another_recipient(lab: &mut Lab) -> (u64, &'static str) {
    node_proved(lab, NODE, ORIGIN, &RECIPIENT.replace("age1q", "age1p"))
}

fn a_node_proved_for_another_log(lab: &mut Lab) -> (u64, &'static str) {
    node_proved(lab, NODE, "other.example/log", RECIPIENT)
}
