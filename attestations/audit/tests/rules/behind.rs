//! Entries that the ledger takes, but that do not agree with the blobs or the tree they name.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use unseen_evidence::{Blob, Evidence, PcrBank, Pcrs, Tpm2, attestation_key_digest};
use unseen_ids::{Digest, hex};
use unseen_policies::Need;
use unseen_policies::event::*;
use unseen_policies::policy::{EvidenceRule, Witness, Witnesses};
use unseen_tlog::cosignature::cosign;
use unseen_tlog::note::{Note, Signature};

use crate::lab::*;

/// Puts in an entry or a blob that is wrong: at which entry it is found, and how what is found begins.
pub type Break = fn(&mut Lab) -> (u64, &'static str);

macro_rules! cases {
    ($( $(#[$when:meta])* $case:ident ),* $(,)?) => {
        /// All of them.
        pub const ALL: &[(&str, Break)] = &[$( $(#[$when])* (stringify!($case), $case) ),*];
    };
}

cases![
    a_witness_without_a_key,
    #[cfg(feature = "sm2")]
    a_mistyped_sm2_key,
    a_mistyped_log_key,
    no_description,
    no_new_description,
    another_description_under_its_name,
    no_public_values,
    no_manifest,
    a_manifest_that_is_no_text,
    a_manifest_that_says_nothing,
    public_values_that_are_none,
    a_column_of_public_values_twice,
    another_title,
    another_component,
    another_release_time,
    datasets_in_another_order,
    a_smaller_charge,
    an_epsilon_more,
    a_smaller_need,
    approved_on_another_history,
    due_before_the_manifest_allows,
    no_body,
    a_body_altered_under_its_name,
    a_body_that_is_none,
    a_body_of_another_job,
    a_body_of_another_run,
    a_body_released_before,
    a_number_off_its_grid,
    a_group_left_out,
    a_smaller_deviation,
    a_round_more,
    no_checkpoint,
    a_checkpoint_that_is_none,
    a_checkpoint_by_a_strange_key,
    a_checkpoint_of_another_tree,
    a_checkpoint_before_the_release,
    a_checkpoint_of_a_log_to_come,
    a_forged_cosignature,
    a_cosignature_by_another_key,
    a_cosignature_left_out,
    a_cosignature_of_the_future,
    no_evidence,
    evidence_that_is_none,
    evidence_that_says_none,
    evidence_in_another_spelling,
    evidence_bound_to_another_run,
    evidence_by_another_key,
    evidence_of_another_machine,
];

fn a_witness_without_a_key(lab: &mut Lab) -> (u64, &'static str) {
    let witness = Witness { key: "witness.example+12345678+AAAA".into(), url: "https://witness.example".into() };
    let rule = Witnesses { quorum: 1, required: true, witness: vec![witness] };
    (lab.rules(|policy| policy.witnesses = Some(rule)), "the policy's witness: ")
}

#[cfg(feature = "sm2")]
fn a_mistyped_sm2_key(lab: &mut Lab) -> (u64, &'static str) {
    let key = format!("{ORIGIN}+12345678+/3NtMi13aXRoLXNtMwQ=");
    (lab.rules(|policy| policy.sm2_key = Some(key)), "the policy's sm2_key: ")
}

fn a_mistyped_log_key(lab: &mut Lab) -> (u64, &'static str) {
    let entry = lab.does(OWNER, LogKeyChanged { log_key: format!("{ORIGIN}+x") });
    (entry, "the log's verifier key is malformed")
}

fn no_description(lab: &mut Lab) -> (u64, &'static str) {
    let dataset = DatasetRegistered { description: other_digest(), ..lab.dataset("taxes", None) };
    (lab.does(STEWARD, dataset), "the blob sha256:")
}

fn no_new_description(lab: &mut Lab) -> (u64, &'static str) {
    let described = DatasetDescribed { name: "firms".into(), description: other_digest() };
    (lab.does(STEWARD, described), "the blob sha256:")
}

fn another_description_under_its_name(lab: &mut Lab) -> (u64, &'static str) {
    let dataset = DatasetRegistered { description: lab.put("mine"), ..lab.dataset("taxes", None) };
    lab.blobs.insert(dataset.description, b"yours".to_vec());
    (lab.does(STEWARD, dataset), "blobs/sha256/")
}

fn no_public_values(lab: &mut Lab) -> (u64, &'static str) {
    let dataset = DatasetRegistered { values: Some(other_digest()), ..lab.dataset("taxes", None) };
    (lab.does(STEWARD, dataset), "the blob sha256:")
}

fn submitted(lab: &mut Lab, change: impl FnOnce(&mut Lab, &mut JobSubmitted)) -> u64 {
    let mut submission = lab.submission();
    change(lab, &mut submission);
    lab.does(ANALYST, submission)
}

fn no_manifest(lab: &mut Lab) -> (u64, &'static str) {
    (submitted(lab, |_, job| job.manifest = other_digest()), "the blob sha256:")
}

fn a_manifest_that_is_no_text(lab: &mut Lab) -> (u64, &'static str) {
    (submitted(lab, |lab, job| job.manifest = lab.put([0xff])), "the manifest is not text")
}

fn a_manifest_that_says_nothing(lab: &mut Lab) -> (u64, &'static str) {
    (submitted(lab, |lab, job| job.manifest = lab.put("")), "the manifest: ")
}

fn public_values_that_are_none(lab: &mut Lab) -> (u64, &'static str) {
    let towns = DatasetRegistered { values: Some(lab.put("[1]")), ..lab.dataset("towns", None) };
    lab.does(STEWARD, towns);
    (submitted(lab, |_, _| ()), "invalid type: ")
}

fn a_column_of_public_values_twice(lab: &mut Lab) -> (u64, &'static str) {
    let values = lab.put(r#"{"town":["湖塘"],"town":["湖塘","牛塘"]}"#);
    let towns = DatasetRegistered { values: Some(values), ..lab.dataset("towns", None) };
    lab.does(STEWARD, towns);
    (submitted(lab, |_, _| ()), "the member `town` is there twice")
}

/// The approver reads the manifest, and the manifest names a component.
fn another_component(lab: &mut Lab) -> (u64, &'static str) {
    let named = |digest: Digest| MANIFEST.replacen("release =", &format!("module = \"{digest}\"\nrelease ="), 1);
    let good = submitted(lab, |lab, job| job.manifest = lab.put(named(job.module)));
    let entry = submitted(lab, |lab, job| job.manifest = lab.put(named(other_digest())));
    assert_eq!(good + 1, entry);
    (entry, "the submission and its manifest differ in the component")
}

fn another_title(lab: &mut Lab) -> (u64, &'static str) {
    (submitted(lab, |_, job| job.title.push('!')), "the submission and its manifest differ in the title")
}

fn another_release_time(lab: &mut Lab) -> (u64, &'static str) {
    let entry = submitted(lab, |_, job| job.release = "+1800s".into());
    (entry, "the submission and its manifest differ in the release time")
}

fn datasets_in_another_order(lab: &mut Lab) -> (u64, &'static str) {
    (submitted(lab, |_, job| job.datasets.reverse()), "the submission and its manifest differ in the datasets")
}

fn a_smaller_charge(lab: &mut Lab) -> (u64, &'static str) {
    let entry = submitted(lab, |_, job| job.rho = "0.2".parse().unwrap());
    (entry, "the submission and its manifest differ in the charge")
}

fn an_epsilon_more(lab: &mut Lab) -> (u64, &'static str) {
    let entry = submitted(lab, |_, job| job.pure_epsilon = Some("1".into()));
    (entry, "the submission and its manifest differ in epsilon")
}

fn a_smaller_need(lab: &mut Lab) -> (u64, &'static str) {
    let submission = lab.submission();
    let need = submission.need.map(|need| Need { seconds: need.seconds - 1, ..need });
    (lab.does(ANALYST, JobSubmitted { need, ..submission }), "the submission and its manifest differ in what")
}

fn approved_on_another_history(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.submit();
    let mut approval = lab.approval(job);
    approval.seen.root = other_digest();
    (lab.does(SECOND, approval), "FORK: the approver saw another log of ")
}

fn due_before_the_manifest_allows(lab: &mut Lab) -> (u64, &'static str) {
    let job = lab.approved();
    let start = RunStarted { release_at: lab.time + TimeDelta::minutes(54), ..lab.start(job) };
    (lab.does(OWNER, start), "the release time is earlier than the manifest allows")
}

/// Releases a body other than the run's own.
fn released(lab: &mut Lab, change: impl FnOnce(&mut Lab, Vec<u8>) -> Digest) -> u64 {
    let (job, _) = lab.running();
    let body = lab.body(job);
    let body = change(lab, body);
    lab.wait(TimeDelta::hours(1));
    lab.does(SERVICE, lab.announce(job, body))
}

/// The body with another text in some place.
fn respelt(body: Vec<u8>, change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut json = serde_json::from_slice(&body).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

fn no_body(lab: &mut Lab) -> (u64, &'static str) {
    (released(lab, |_, body| Digest::of(&body)), "the blob sha256:")
}

fn a_body_altered_under_its_name(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| {
        let digest = lab.put(&body);
        let altered = String::from_utf8(body).unwrap().replacen("湖塘", "牛塘", 1);
        lab.blobs.insert(digest, altered.into_bytes());
        digest
    });
    (entry, "blobs/sha256/")
}

fn a_body_that_is_none(lab: &mut Lab) -> (u64, &'static str) {
    (released(lab, |lab, _| lab.put("{}")), "this is not a release body")
}

const DIFFERS: &str = "the release differs from its plan: ";

fn a_body_of_another_job(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| lab.put(respelt(body, |json| json["job"] = 3.into())));
    (entry, "the release body is that of another run")
}

fn a_body_of_another_run(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| lab.put(respelt(body, |json| json["run"] = 3.into())));
    (entry, "the release body is that of another run")
}

fn a_body_released_before(lab: &mut Lab) -> (u64, &'static str) {
    let (other, _) = lab.released();
    let (_, body) = lab.job(other).release.unwrap();
    (released(lab, |_, _| body), "the release body is that of another run")
}

fn a_number_off_its_grid(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| {
        lab.put(respelt(body, |json| {
            json["rounds"][0]["outputs"][0]["groups"][0]["values"][0]["value"] = "0.005".into()
        }))
    });
    (entry, DIFFERS)
}

fn a_group_left_out(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| {
        lab.put(respelt(body, |json| drop(json["rounds"][0]["outputs"][0]["groups"].as_array_mut().unwrap().pop())))
    });
    (entry, DIFFERS)
}

fn a_smaller_deviation(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| {
        lab.put(respelt(body, |json| {
            json["rounds"][0]["outputs"][0]["groups"][0]["values"][0]["standardDeviation"] = 0.001.into();
        }))
    });
    (entry, DIFFERS)
}

fn a_round_more(lab: &mut Lab) -> (u64, &'static str) {
    let entry = released(lab, |lab, body| {
        lab.put(respelt(body, |json| {
            let first = json["rounds"][0].clone();
            json["rounds"].as_array_mut().unwrap().push(first);
        }))
    });
    (entry, DIFFERS)
}

/// Records that both witnesses have cosigned this.
fn witnessed(lab: &mut Lab, note: impl FnOnce(&mut Lab) -> Note) -> u64 {
    lab.witnessed_by_two();
    let (job, _) = lab.released();
    let note = note(lab);
    let witnessing = lab.witnessing(job, &note, &[WITNESS, OTHER_WITNESS]);
    lab.does(SERVICE, witnessing)
}

fn with_checkpoint(lab: &mut Lab, checkpoint: Digest) -> u64 {
    lab.witnessed_by_two();
    let (job, _) = lab.released();
    let note = lab.cosigned(&[WITNESS, OTHER_WITNESS]);
    let witnessing = ReleaseWitnessed { checkpoint, ..lab.witnessing(job, &note, &[WITNESS, OTHER_WITNESS]) };
    lab.does(SERVICE, witnessing)
}

/// A checkpoint with true cosignatures of both witnesses.
fn cosigned(mut note: Note, lab: &Lab) -> Note {
    [WITNESS, OTHER_WITNESS].into_iter().for_each(|seed| add_cosignature(&mut note, seed, lab.time));
    note
}

fn no_checkpoint(lab: &mut Lab) -> (u64, &'static str) {
    (with_checkpoint(lab, other_digest()), "the blob sha256:")
}

fn a_checkpoint_that_is_none(lab: &mut Lab) -> (u64, &'static str) {
    let checkpoint = lab.put("no note");
    (with_checkpoint(lab, checkpoint), "this is not a signed note")
}

fn a_checkpoint_by_a_strange_key(lab: &mut Lab) -> (u64, &'static str) {
    (witnessed(lab, |lab| cosigned(lab.checkpoint(STRANGER), lab)), "the note bears no signature of ")
}

fn a_checkpoint_of_another_tree(lab: &mut Lab) -> (u64, &'static str) {
    let entry = witnessed(lab, |lab| {
        let mut other = lab.clone();
        other.entries.pop();
        other.push(b"what the witnesses were shown".to_vec());
        cosigned(other.checkpoint(LOG_KEY), lab)
    });
    (entry, "FORK: witnesses cosigned another log of ")
}

fn a_checkpoint_before_the_release(lab: &mut Lab) -> (u64, &'static str) {
    let entry = witnessed(lab, |lab| {
        let mut before = lab.clone();
        before.entries.pop();
        cosigned(before.checkpoint(LOG_KEY), lab)
    });
    (entry, "the cosigned checkpoint has ")
}

fn a_checkpoint_of_a_log_to_come(lab: &mut Lab) -> (u64, &'static str) {
    let entry = witnessed(lab, |lab| {
        let mut later = lab.clone();
        later.entries.resize(99, vec![]);
        cosigned(later.checkpoint(LOG_KEY), lab)
    });
    (entry, "99 is beyond the end of this log")
}

const NOT_TRUE: &str = "the checkpoint bears no true cosignature of witness.example/21";

fn a_forged_cosignature(lab: &mut Lab) -> (u64, &'static str) {
    let entry = witnessed(lab, |lab| {
        let mut note = lab.cosigned(&[WITNESS]);
        let mut true_one = lab.cosigned(&[OTHER_WITNESS]).signatures()[1].to_string();
        // Another character in the last bytes of the signature.
        let at = true_one.len() - 6;
        let other = if &true_one[at..=at] == "A" { "B" } else { "A" };
        true_one.replace_range(at..=at, other);
        note.add(Signature::parse(true_one.trim_end()).unwrap());
        note
    });
    (entry, NOT_TRUE)
}

fn a_cosignature_by_another_key(lab: &mut Lab) -> (u64, &'static str) {
    let entry = witnessed(lab, |lab| {
        let mut note = lab.cosigned(&[WITNESS]);
        let time = u64::try_from(lab.time.timestamp()).unwrap();
        note.add(cosign(witness(OTHER_WITNESS).name(), &key(STRANGER), note.text(), time).unwrap());
        note
    });
    (entry, NOT_TRUE)
}

fn a_cosignature_left_out(lab: &mut Lab) -> (u64, &'static str) {
    (witnessed(lab, |lab| lab.cosigned(&[WITNESS])), NOT_TRUE)
}

fn a_cosignature_of_the_future(lab: &mut Lab) -> (u64, &'static str) {
    let entry = witnessed(lab, |lab| {
        let mut note = lab.cosigned(&[WITNESS]);
        add_cosignature(&mut note, OTHER_WITNESS, lab.time + TimeDelta::minutes(6));
        note
    });
    (entry, "the cosignature of witness.example/21 is of a time still to come")
}

/// A machine's key outside of any TPM.
pub struct Machine(EcdsaKeyPair);

impl Machine {
    pub fn new() -> Machine {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Machine(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
    }

    /// A policy that names this machine, with a value for PCR 7.
    pub fn rule(&self) -> EvidenceRule {
        let key = attestation_key_digest(&self.pem()).unwrap();
        EvidenceRule {
            provider: "tpm2".into(),
            required: true,
            key,
            pcrs: [("7".into(), hex::encode(&[7; 32]))].into(),
            nodes: Default::default(),
        }
    }

    /// A quote of PCR 7 with this value, bound to this statement (TPM 2.0 Library, part 2, 10.12).
    pub fn quote(&self, statement: Digest, value: [u8; 32]) -> Vec<u8> {
        let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let clock = [&[0; 16][..], &[1], &[0; 8]].concat();
        let selection = [0, 0, 0, 1, 0, 0x0b, 3, 0x80, 0, 0];
        let attest = [
            &[0xff, 0x54, 0x43, 0x47, 0x80, 0x18][..],
            &sized(&[5; 34]),
            &sized(&statement.to_bytes()),
            &clock,
            &selection,
            &sized(&Digest::of(&value).to_bytes()),
        ]
        .concat();
        let signature = self.0.sign(&SystemRandom::new(), &attest).unwrap();
        let (r, s) = signature.as_ref().split_at(32);
        let signature = [&[0, 0x18, 0, 0x0b][..], &sized(r), &sized(s)].concat();
        let (attest, signature) = (Blob(attest), Blob(signature));
        let (pcr_bank, pcrs) = (PcrBank::Sha256, Pcrs::from([(7, value)]));
        let quote = Tpm2 { attest, signature, attestation_key: self.pem(), pcr_bank, pcrs, event_log: None };
        Evidence::Tpm2(quote).to_bytes().unwrap()
    }

    fn pem(&self) -> String {
        let head: [u8; 26] = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let spki = BASE64_STANDARD.encode([&head, self.0.public_key().as_ref()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
    }
}

/// Records evidence of a run under a policy that asks for this machine's.
fn recorded(lab: &mut Lab, evidence: impl FnOnce(&mut Lab, &Machine, Digest) -> Digest) -> u64 {
    let machine = Machine::new();
    lab.evidence_by(machine.rule());
    let (job, run) = lab.running();
    let statement = lab.job(job).run.as_ref().unwrap().statement;
    let evidence = evidence(lab, &machine, statement);
    lab.does(SERVICE, EvidenceRecorded { job, run, evidence })
}

fn no_evidence(lab: &mut Lab) -> (u64, &'static str) {
    (recorded(lab, |_, _, _| other_digest()), "the blob sha256:")
}

fn evidence_that_is_none(lab: &mut Lab) -> (u64, &'static str) {
    (recorded(lab, |lab, _, _| lab.put("no document")), "the evidence is not the document")
}

fn evidence_that_says_none(lab: &mut Lab) -> (u64, &'static str) {
    let entry = recorded(lab, |lab, _, _| lab.put(Evidence::None.to_bytes().unwrap()));
    (entry, "the entry names evidence, and there is none in it")
}

fn evidence_in_another_spelling(lab: &mut Lab) -> (u64, &'static str) {
    let entry = recorded(lab, |lab, machine, statement| {
        let spaced = [machine.quote(statement, [7; 32]), b" ".to_vec()].concat();
        lab.put(spaced)
    });
    (entry, "the evidence is not in its one spelling")
}

fn evidence_bound_to_another_run(lab: &mut Lab) -> (u64, &'static str) {
    let entry = recorded(lab, |lab, machine, _| lab.put(machine.quote(other_digest(), [7; 32])));
    (entry, "the evidence is bound to another nonce")
}

fn evidence_by_another_key(lab: &mut Lab) -> (u64, &'static str) {
    let entry = recorded(lab, |lab, _, statement| lab.put(Machine::new().quote(statement, [7; 32])));
    (entry, "the attestation key is not the one the policy names")
}

fn evidence_of_another_machine(lab: &mut Lab) -> (u64, &'static str) {
    let entry = recorded(lab, |lab, machine, statement| lab.put(machine.quote(statement, [8; 32])));
    (entry, "PCR 7 is not in the quote with the value the policy names")
}
