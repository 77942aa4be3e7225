//! Releases computed on nodes: what their receipts must be.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use unseen_audit::fold::Fold;
use unseen_audit::{named, nodes};
use unseen_evidence::Evidence;
use unseen_ids::{Digest, JobId};
use unseen_policies::event::*;
use unseen_policies::policy::EvidenceRule;
use unseen_policies::receipts::{NodeSaid, Receipt, ReceiptFault, Receipts, node_nonce, receipt_bytes};
use unseen_texts::{Lang, Say};
use unseen_tlog::Signer;

use crate::behind::Machine;
use crate::lab::*;

/// Puts in a release with receipts that do not hold: its entry, and how what is found begins.
pub type Break = fn(&mut Lab) -> (u64, &'static str);

macro_rules! cases {
    ($( $fault:pat => [$($case:ident),+], )*) => {
        /// The cases of this fault. A new one without a case does not compile.
        pub fn cases_of(fault: &ReceiptFault) -> &'static [(&'static str, Break)] {
            match fault { $( $fault => &[$( (stringify!($case), $case) ),+], )* }
        }

        /// All of them.
        pub const ALL: &[(&str, Break)] = &[$($( (stringify!($case), $case) ),+),*];
    };
}

cases! {
    ReceiptFault::Malformed(_) => [
        receipts_that_are_none, receipts_with_blanks, receipts_of_a_later_version, a_part_that_ends_before_it_begins,
        a_part_beyond_the_last_piece, a_wall_that_stands_somehow
    ],
    ReceiptFault::OtherPieces { .. } => [receipts_of_fewer_pieces],
    ReceiptFault::OtherRounds { .. } => [receipts_of_a_round_more, receipts_of_no_round],
    ReceiptFault::Gap { .. } => [a_piece_left_out, the_last_piece_left_out],
    ReceiptFault::Overlap { .. } => [a_piece_twice, a_part_twice],
    ReceiptFault::OtherState { .. } => [two_states_in_a_round],
    ReceiptFault::OtherNode { .. } => [a_part_by_a_stranger, a_part_by_a_person, a_part_by_a_node_revoked_before,
        a_part_by_a_node_enrolled_in_the_run],
    ReceiptFault::NotSigned { .. } => [
        a_part_signed_by_another_node, a_part_signed_for_another_run, a_part_with_another_ciphertext, a_part_not_signed
    ],
    ReceiptFault::NoEvidence { .. } => [a_node_without_evidence, a_node_with_evidence_that_is_none],
    ReceiptFault::Evidence { .. } => [
        a_node_with_the_evidence_of_another_machine, a_node_with_evidence_of_another_run,
        a_node_with_evidence_of_another_node, a_node_that_started_with_other_software, a_node_whose_evidence_cannot_be_read
    ],
    ReceiptFault::OtherNodes => [a_node_not_spoken_of, a_node_spoken_of_for_nothing],
}

const PIECES: u32 = 16;

/// A part of a round, signed for this run.
fn part(run: &Digest, by: u8, round: u32, first: u32, last: u32) -> Receipt {
    let (state, ciphertext) = (Digest::of(b"state"), Digest::of(&[round as u8, first as u8]));
    signed(run, by, Receipt { round, first, last, state, ciphertext, node: public(by), signature: String::new() })
}

/// The part as it stands, signed by some key.
fn signed(run: &Digest, by: u8, part: Receipt) -> Receipt {
    let bytes = receipt_bytes(run, part.round, part.first, part.last, &part.state, &part.ciphertext);
    Receipt { signature: BASE64_STANDARD.encode(key(by).sign(&bytes).unwrap()), ..part }
}

fn said(seed: u8) -> NodeSaid {
    let walls = [("landlock", "holds"), ("seccomp", "partly")].map(|(wall, how)| (wall.to_owned(), how.to_owned()));
    NodeSaid { key: public(seed), build: Digest::of(b"a binary"), walls: walls.into(), evidence: None }
}

/// What is right: two nodes, three parts.
fn good(run: &Digest) -> Receipts {
    let parts = vec![part(run, NODE, 0, 0, 4), part(run, OTHER_NODE, 0, 5, 5), part(run, NODE, 0, 6, 15)];
    let mut nodes = vec![said(NODE), said(OTHER_NODE)];
    nodes.sort_by_key(|node| node.key);
    Receipts { version: 1, pieces: PIECES, nodes, parts }
}

/// A job that runs in a lab with two nodes, and a leaf of the run.
fn running(lab: &mut Lab) -> (JobId, Digest) {
    lab.does(OWNER, node(NODE, "n1"));
    lab.does(OWNER, node(OTHER_NODE, "n2"));
    started(lab)
}

fn started(lab: &mut Lab) -> (JobId, Digest) {
    let (job, _) = lab.running();
    (job, lab.job(job).run.clone().unwrap().leaf)
}

/// Announces the job's good body with these receipts.
fn released(lab: &mut Lab, job: JobId, receipts: impl AsRef<[u8]>) -> u64 {
    let result = lab.result(job);
    let receipts = Some(lab.put(receipts));
    lab.does(SERVICE, Released { receipts, ..result })
}

fn with(lab: &mut Lab, change: impl FnOnce(&Digest, &mut Receipts)) -> u64 {
    let (job, run) = running(lab);
    let mut receipts = good(&run);
    change(&run, &mut receipts);
    released(lab, job, receipts.to_bytes())
}

/// A run of which evidence of both nodes is asked for. One of them brings the document that `evidence` makes of its
/// machine and the nonce.
fn vouched(lab: &mut Lab, evidence: impl FnOnce(&Machine, &Digest, &Digest) -> Option<Vec<u8>>) -> u64 {
    let machines = [Machine::new(), Machine::new(), Machine::new()];
    let [n1, n2] = [0, 1].map(|at| machines[at].rule().key);
    let nodes = [("n1".to_owned(), n1), ("n2".to_owned(), n2)].into();
    lab.evidence_by(EvidenceRule { nodes, ..machines[2].rule() });
    let (job, run) = running(lab);
    let of_lab = lab.put(machines[2].quote(lab.job(job).run.clone().unwrap().statement, [7; 32]));
    let entry = lab.job(job).run.clone().unwrap().entry;
    lab.does(SERVICE, EvidenceRecorded { job, run: entry, evidence: of_lab });
    let mut receipts = good(&run);
    let document = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    for said in &mut receipts.nodes {
        let nonce = node_nonce(&run, &said.key);
        said.evidence = match said.key == public(OTHER_NODE) {
            true => Some(document(machines[1].quote(nonce, [7; 32]))),
            false => None,
        };
    }
    let said = receipts.nodes.iter_mut().find(|said| said.key == public(NODE)).unwrap();
    said.evidence = evidence(&machines[0], &run, &node_nonce(&run, &said.key)).map(document);
    released(lab, job, receipts.to_bytes())
}

#[test]
fn nodes_are_vouched_for_where_the_policy_asks() {
    let mut lab = Lab::new();
    vouched(&mut lab, |machine, _, nonce| Some(machine.quote(*nonce, [7; 32])));
    let report = lab.audit();
    assert_eq!(violations(&report), []);
    assert!(report.jobs[0].parts.as_ref().unwrap().nodes.iter().all(|node| node.evidence));
}

fn a_node_without_evidence(lab: &mut Lab) -> (u64, &'static str) {
    (vouched(lab, |_, _, _| None), "there is no evidence of the machine of n1")
}

fn a_node_with_evidence_that_is_none(lab: &mut Lab) -> (u64, &'static str) {
    let none = |_: &Machine, _: &Digest, _: &Digest| Evidence::None.to_bytes().ok();
    (vouched(lab, none), "there is no evidence of the machine of n1")
}

const DOES_NOT_HOLD: &str = "the evidence of the machine of n1 does not hold: ";

fn a_node_with_the_evidence_of_another_machine(lab: &mut Lab) -> (u64, &'static str) {
    (vouched(lab, |_, _, nonce| Some(Machine::new().quote(*nonce, [7; 32]))), DOES_NOT_HOLD)
}

fn a_node_with_evidence_of_another_run(lab: &mut Lab) -> (u64, &'static str) {
    let other = |machine: &Machine, _: &Digest, _: &Digest| {
        Some(machine.quote(node_nonce(&Digest::of(b"another"), &public(NODE)), [7; 32]))
    };
    (vouched(lab, other), DOES_NOT_HOLD)
}

fn a_node_with_evidence_of_another_node(lab: &mut Lab) -> (u64, &'static str) {
    let other = |machine: &Machine, run: &Digest, _: &Digest| {
        Some(machine.quote(node_nonce(run, &public(OTHER_NODE)), [7; 32]))
    };
    (vouched(lab, other), DOES_NOT_HOLD)
}

fn a_node_that_started_with_other_software(lab: &mut Lab) -> (u64, &'static str) {
    (vouched(lab, |machine, _, nonce| Some(machine.quote(*nonce, [8; 32]))), DOES_NOT_HOLD)
}

fn a_node_whose_evidence_cannot_be_read(lab: &mut Lab) -> (u64, &'static str) {
    (vouched(lab, |_, _, _| Some(b"{}".to_vec())), DOES_NOT_HOLD)
}

#[test]
fn receipts_that_hold_are_in_the_report() {
    let mut lab = Lab::new();
    let (job, run) = running(&mut lab);
    // A node that is revoked while the run goes on took part all the same.
    lab.does(OWNER, NodeRevoked { key: public(OTHER_NODE), reason: "sold".into() });
    released(&mut lab, job, good(&run).to_bytes());
    let report = lab.audit();
    assert_eq!(violations(&report), []);
    let nodes: Vec<_> = report.nodes.iter().map(|node| (node.name.as_str(), node.revoked.is_some())).collect();
    assert_eq!(nodes, [("n1", false), ("n2", true)]);
    let parts = report.jobs[0].parts.as_ref().unwrap();
    assert_eq!((parts.parts, parts.pieces), (3, PIECES));
    let mut took: Vec<_> = parts.nodes.iter().map(|node| (node.name.as_str(), node.parts)).collect();
    took.sort_unstable();
    assert_eq!(took, [("n1", 2), ("n2", 1)]);
}

/// The same by the kind of fault, of the function that the lab asks too.
#[test]
fn every_fault_has_its_cases() {
    for (case, provoke) in ALL {
        let mut lab = Lab::new();
        let (entry, _) = provoke(&mut lab);
        let mut fold = Fold::default();
        lab.entries[..entry as usize].iter().for_each(|bytes| drop(fold.next(bytes).unwrap()));
        let Event::Released(released) = fold.open(&lab.entries[entry as usize]).unwrap().record.event else { panic!() };
        let (ledger, receipts) = (fold.ledger(), &lab.blobs[&released.receipts.unwrap()]);
        let (_, plan) = named::plan(&ledger.job(released.job).unwrap().submitted, &lab).unwrap();
        let fault = nodes::check(receipts, ledger, released.job, &plan, Some(2)).unwrap_err();
        assert!(cases_of(&fault).iter().any(|(name, _)| name == case), "{case} is no case of {fault:?}");
    }
}

/// While a release is sealed its rounds are unknown, and all else is asked; once it is open all is.
#[test]
fn receipts_are_looked_at_when_a_release_is_sealed_and_again_when_it_opens() {
    for (rounds, expected) in [(1, None), (2, Some("the receipts are of 2 rounds, and the release has 1"))] {
        let mut lab = Lab::new();
        lab.witnessed_by_two();
        let many = MANIFEST.to_owned() + "[limits]\nrounds = 3\nfuel = 1_000_000\n";
        let mut submission = lab.submission();
        submission.manifest = lab.put(many);
        let (manifest, plan) = named::plan(&submission, &lab).unwrap();
        submission.need = named::need(lab.ledger(), &manifest, &plan);
        submission.rho = plan.charge.rho;
        lab.does(OWNER, node(NODE, "n1"));
        lab.does(OWNER, node(OTHER_NODE, "n2"));
        let job = JobId(lab.does(ANALYST, submission));
        lab.approve(job);
        lab.does(OWNER, lab.start(job));
        let run = lab.job(job).run.clone().unwrap().leaf;
        let mut receipts = good(&run);
        (1..rounds).for_each(|round| receipts.parts.push(part(&run, NODE, round, 0, PIECES - 1)));
        let result = lab.result(job);
        let body = lab.blobs.remove(&result.body).unwrap();
        let receipts = Some(lab.put(receipts.to_bytes()));
        lab.does(SERVICE, Released { receipts, ..result });
        assert_eq!(violations(&lab.audit()), [], "sealed");
        assert_eq!(lab.audit().jobs[0].parts.as_ref().unwrap().parts, 2 + rounds as u64);
        lab.put(body);
        let note = lab.cosigned(&[WITNESS, OTHER_WITNESS]);
        let witnessing = lab.witnessing(job, &note, &[WITNESS, OTHER_WITNESS]);
        let entry = lab.does(SERVICE, witnessing);
        let report = lab.audit();
        assert_eq!(violations(&report), expected.map(|what| (entry, what)).into_iter().collect::<Vec<_>>());
    }
}

/// A job in blocks is cut by its blocks, whatever buckets there are.
#[test]
fn pieces_of_a_job_in_blocks_are_its_blocks() {
    let mut lab = Lab::new();
    let blocks = MANIFEST.replace("kind = \"unit\"", "kind = \"blocks\"\ncount = 3");
    let mut submission = lab.submission();
    submission.manifest = lab.put(blocks);
    let (manifest, plan) = named::plan(&submission, &lab).unwrap();
    submission.need = named::need(lab.ledger(), &manifest, &plan);
    lab.does(OWNER, node(NODE, "n1"));
    let job = JobId(lab.does(ANALYST, submission));
    lab.approve(job);
    lab.does(OWNER, lab.start(job));
    let run = lab.job(job).run.clone().unwrap().leaf;
    let parts = vec![part(&run, NODE, 0, 0, 1), part(&run, NODE, 0, 2, 2)];
    let receipts = Receipts { version: 1, pieces: 3, nodes: vec![said(NODE)], parts };
    released(&mut lab, job, receipts.to_bytes());
    assert_eq!(violations(&lab.audit()), []);
}

#[test]
fn a_blob_of_receipts_must_be_there_and_unaltered() {
    for (altered, says) in [(false, "the blob sha256:"), (true, "blobs/sha256/")] {
        let mut lab = Lab::new();
        let (job, run) = running(&mut lab);
        let mut result = lab.result(job);
        let receipts = lab.put(good(&run).to_bytes());
        result.receipts = Some(receipts);
        let entry = lab.does(SERVICE, result);
        match altered {
            true => drop(lab.blobs.insert(receipts, b"{}".to_vec())),
            false => drop(lab.blobs.remove(&receipts)),
        }
        let report = lab.audit();
        let found = violations(&report);
        assert!(found.len() == 1 && found[0].0 == entry && found[0].1.starts_with(says), "{found:?}");
    }
}

#[test]
fn what_is_wrong_with_receipts_is_told_in_both_languages() {
    let mut lab = Lab::new();
    let (entry, what) = a_piece_left_out(&mut lab);
    let report = lab.audit();
    assert_eq!(violations(&report), [(entry, what)]);
    assert_eq!(report.violations[0].what.to(Lang::Zh), "第 0 轮没有回执涵盖分片 5");
    assert_eq!(ReceiptFault::OtherNodes.told(Lang::Zh), "回执所列的计算节点与签署者不一致");
}

fn receipts_that_are_none(lab: &mut Lab) -> (u64, &'static str) {
    let (job, _) = running(lab);
    (released(lab, job, "{}"), "these are not receipts of nodes: ")
}

fn receipts_with_blanks(lab: &mut Lab) -> (u64, &'static str) {
    let (job, run) = running(lab);
    let bytes = [good(&run).to_bytes(), b"\n".to_vec()].concat();
    (released(lab, job, bytes), "these are not receipts of nodes: they are not written in the canonical form")
}

fn receipts_of_a_later_version(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |_, receipts| receipts.version = 2);
    (entry, "these are not receipts of nodes: their version is 2, not 1")
}

fn a_part_that_ends_before_it_begins(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts[1] = part(run, OTHER_NODE, 0, 5, 4));
    (entry, "these are not receipts of nodes: a part ends before it begins")
}

fn a_part_beyond_the_last_piece(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts[2] = part(run, NODE, 0, 6, u32::MAX));
    (entry, "these are not receipts of nodes: a part ends before it begins, or beyond the last piece")
}

fn a_wall_that_stands_somehow(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |_, receipts| {
        receipts.nodes[0].walls.insert("seccomp".into(), "well".into());
    });
    (entry, "these are not receipts of nodes: `well` says nothing of a wall")
}

fn receipts_of_fewer_pieces(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| {
        receipts.pieces = 15;
        receipts.parts[2] = part(run, NODE, 0, 6, 14);
    });
    (entry, "the receipts are of 15 pieces, and the run has 16")
}

fn receipts_of_a_round_more(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts.push(part(run, NODE, 1, 0, PIECES - 1)));
    (entry, "the receipts are of 2 rounds, and the release has 1")
}

fn receipts_of_no_round(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |_, receipts| {
        receipts.parts.clear();
        receipts.nodes.clear();
    });
    (entry, "the receipts are of 0 rounds, and the release has 1")
}

fn a_piece_left_out(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |_, receipts| drop(receipts.parts.remove(1)));
    (entry, "in round 0 no receipt covers piece 5")
}

fn the_last_piece_left_out(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts[2] = part(run, NODE, 0, 6, 14));
    (entry, "in round 0 no receipt covers piece 15")
}

fn a_piece_twice(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts[2] = part(run, NODE, 0, 5, 15));
    (entry, "in round 0 two receipts cover piece 5")
}

fn a_part_twice(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts.push(part(run, OTHER_NODE, 0, 6, 15)));
    (entry, "in round 0 two receipts cover piece 6")
}

fn two_states_in_a_round(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| {
        let other = Receipt { state: other_digest(), ..receipts.parts[1].clone() };
        receipts.parts[1] = signed(run, OTHER_NODE, other);
    });
    (entry, "the parts of round 0 were computed with different states")
}

const NO_NODE: &str = "the receipt of round 0 from piece 5 on is by ";

fn by_another(lab: &mut Lab, seed: u8) -> (u64, &'static str) {
    let (job, run) = started(lab);
    (released_by(lab, job, run, seed), NO_NODE)
}

/// The second part is another's.
fn released_by(lab: &mut Lab, job: JobId, run: Digest, seed: u8) -> u64 {
    let mut receipts = good(&run);
    receipts.parts[1] = part(&run, seed, 0, 5, 5);
    receipts.nodes = vec![said(NODE), said(seed)];
    receipts.nodes.sort_by_key(|node| node.key);
    released(lab, job, receipts.to_bytes())
}

fn a_part_by_a_stranger(lab: &mut Lab) -> (u64, &'static str) {
    lab.does(OWNER, node(NODE, "n1"));
    by_another(lab, STRANGER)
}

fn a_part_by_a_person(lab: &mut Lab) -> (u64, &'static str) {
    lab.does(OWNER, node(NODE, "n1"));
    by_another(lab, OWNER)
}

fn a_part_by_a_node_revoked_before(lab: &mut Lab) -> (u64, &'static str) {
    lab.does(OWNER, node(NODE, "n1"));
    lab.does(OWNER, node(OTHER_NODE, "n2"));
    lab.does(OWNER, NodeRevoked { key: public(OTHER_NODE), reason: "sold".into() });
    by_another(lab, OTHER_NODE)
}

fn a_part_by_a_node_enrolled_in_the_run(lab: &mut Lab) -> (u64, &'static str) {
    lab.does(OWNER, node(NODE, "n1"));
    let (job, run) = started(lab);
    lab.does(OWNER, node(OTHER_NODE, "n2"));
    lab.wait(TimeDelta::seconds(1));
    (released_by(lab, job, run, OTHER_NODE), NO_NODE)
}

const NOT_SIGNED: &str = "the receipt of round 0 from piece 5 on does not bear the signature of ";

fn a_part_signed_by_another_node(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts[1] = signed(run, NODE, receipts.parts[1].clone()));
    (entry, NOT_SIGNED)
}

fn a_part_signed_for_another_run(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |_, receipts| receipts.parts[1] = part(&other_digest(), OTHER_NODE, 0, 5, 5));
    (entry, NOT_SIGNED)
}

fn a_part_with_another_ciphertext(lab: &mut Lab) -> (u64, &'static str) {
    (with(lab, |_, receipts| receipts.parts[1].ciphertext = other_digest()), NOT_SIGNED)
}

fn a_part_not_signed(lab: &mut Lab) -> (u64, &'static str) {
    (with(lab, |_, receipts| receipts.parts[1].signature.clear()), NOT_SIGNED)
}

const OTHER_NODES: &str = "the nodes that the receipts speak of are not those that signed them";

fn a_node_not_spoken_of(lab: &mut Lab) -> (u64, &'static str) {
    (with(lab, |_, receipts| drop(receipts.nodes.pop())), OTHER_NODES)
}

fn a_node_spoken_of_for_nothing(lab: &mut Lab) -> (u64, &'static str) {
    let entry = with(lab, |run, receipts| receipts.parts[1] = part(run, NODE, 0, 5, 5));
    (entry, OTHER_NODES)
}
