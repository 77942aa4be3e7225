//! What a release says, and when it opens.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../src/testing.rs"]
mod testing;

use testing::{laplace, output, plan, ratio, value};
use unseen_core::coverage::{Counted, Expected};
use unseen_core::release::{CheckError, OpenError, ReleaseError, open_failure, seal_failure};
use unseen_core::{
    Clamper, Derived, ExactTotals, NoiseKey, NoisyTotals, Number, PartialTotals, RawContribution, ReleaseBody,
    RoundNoise, RunIdentity, SealedRelease,
};
use unseen_ids::{JobId, Key, KeyRef};
use unseen_policies::Plan;
use unseen_policies::domain::Domain;
use unseen_policies::event::{Event, Record, Released, RunFailed};
use unseen_policies::plan::Noise;
use unseen_tlog::SigningKey;
use unseen_tlog::merkle::{Hash, leaf_hash, node_hash};
use unseen_tlog::statement::{Statement, Subject};

const JOB: JobId = JobId(12);
const RUN: u64 = 15;

fn small_plan() -> Plan {
    let cents = value("amount", (-300, 500), ratio(1, 100), vec![laplace(ratio(2, 1)), laplace(ratio(40, 1))]);
    let thirds = value(
        "third",
        (0, 9),
        ratio(1, 3),
        vec![Noise::Gaussian { variance: ratio(25, 1) }, Noise::Gaussian { variance: ratio(1, 4) }],
    );
    let hundreds = value("sum", (0, 9), ratio(100, 1), vec![laplace(ratio(1, 1)), laplace(ratio(1, 1))]);
    let mut towns = output("towns", 1, 1, vec![cents, thirds]);
    let keys = ["湖塘", "\"牛塘\""].map(|town| Key::Text(town.into()));
    towns.domain =
        Domain::new(vec![("town".into(), keys.into()), ("bin".into(), vec![Key::Int(-1), Key::Int(7)])]).unwrap();
    let mut total = output("total", 1, 1, vec![hundreds]);
    total.domain = Domain::new(vec![]).unwrap();
    plan(2, vec![towns, total])
}

fn round(plan: &Plan, round: u32) -> NoisyTotals {
    let seed = NoiseKey::new([1; 32])
        .round_seed(&RunIdentity { origin: "lab", entry: RUN, leaf: [2; 32], snapshots: &[[3; 32]] }, round);
    let noise = RoundNoise::draw(plan, seed, 1).unwrap();
    let mut part = PartialTotals::zero(noise.round());
    let mut bucket = part.bucket(0).unwrap();
    let mut clamper = Clamper::new(plan);
    let group = [KeyRef::Text("湖塘"), KeyRef::Int(7)];
    let grain = clamper.clamp([RawContribution { output: 0, group: &group, values: &[-2.5, 1.0] }]);
    bucket.next(b"A01").unwrap().add(grain);
    let counted = vec![Counted { rows: 1, units: 1 }];
    bucket.finish(counted.clone());
    let mut totals = ExactTotals::zero(&noise, Expected::Each(vec![counted]));
    totals.absorb(part).unwrap();
    totals.complete().unwrap().noise(noise)
}

fn sealed(plan: &Plan) -> SealedRelease {
    let table = Derived {
        name: "fit".into(),
        columns: vec!["x".into()],
        rows: [0.1, f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0].map(|x| vec![Number(x)]).into(),
        ..Derived::default()
    };
    SealedRelease::seal(plan, JOB, RUN, &[round(plan, 0), round(plan, 1)], vec![table]).unwrap()
}

fn entry(event: Event) -> Vec<u8> {
    let record = Record { log: "lab".into(), time: Default::default(), nonce: "00".into(), event };
    let (kind, predicate) = record.to_predicate();
    let subject = Subject { name: "release".into(), digest: sealed(&small_plan()).digest() };
    let statement: Statement = Statement::new(vec![subject], &kind, predicate);
    statement.sign(&SigningKey::generate().unwrap()).unwrap().to_bytes()
}

fn announcement(digest: unseen_ids::Digest) -> Released {
    Released {
        job: JOB,
        run: RUN,
        run_leaf: digest.to_string().parse().unwrap(),
        approvals: vec![],
        body: digest.to_string().parse().unwrap(),
        receipts: None,
    }
}

/// A log of two entries, the second of them ours.
fn in_log(entry: &[u8]) -> (Hash, [Hash; 1]) {
    let other = leaf_hash(b"another entry");
    (node_hash(&other, &leaf_hash(entry)), [other])
}

fn open(sealed: SealedRelease, entry: &[u8]) -> Result<unseen_core::Release, OpenError> {
    let (root, proof) = in_log(entry);
    sealed.open(entry, 1, 2, &root, &proof)
}

#[test]
fn a_release_opens_with_the_proof_of_its_own_entry_and_with_nothing_else() {
    let plan = small_plan();
    let digest = sealed(&plan).digest();
    let good = entry(announcement(digest).into());
    let release = open(sealed(&plan), &good).unwrap();
    assert_eq!(unseen_ids::Digest::of(release.bytes()), digest);
    release.body().check(&plan, JOB, RUN).unwrap();

    let (root, proof) = in_log(&good);
    assert!(matches!(sealed(&plan).open(&good, 0, 2, &root, &proof), Err(OpenError::NotInTheLog(_))));
    assert!(matches!(sealed(&plan).open(&good, 1, 2, &[0; 32], &proof), Err(OpenError::NotInTheLog(_))));
    assert!(matches!(sealed(&plan).open(&good, 1, 2, &root, &[]), Err(OpenError::NotInTheLog(_))));
    assert!(matches!(sealed(&plan).open(b"another entry", 1, 2, &root, &proof), Err(OpenError::NotInTheLog(_))));
    assert!(matches!(open(sealed(&plan), b"not an envelope"), Err(OpenError::NotAnAnnouncement(_))));
    // An entry of another kind whose subject is this very digest.
    let failed = entry(RunFailed { job: JOB, run: RUN, reason: "no".into() }.into());
    assert!(matches!(open(sealed(&plan), &failed), Err(OpenError::NotAnAnnouncement(_))));
    for other in [
        announcement(unseen_ids::Digest::of(b"another body")),
        Released { job: JobId(13), ..announcement(digest) },
        Released { run: 16, ..announcement(digest) },
    ] {
        assert!(matches!(open(sealed(&plan), &entry(other.into())), Err(OpenError::OtherRelease)));
    }
}

#[test]
fn sealed_bytes_come_back_only_whole_and_with_their_key() {
    let plan = small_plan();
    let (digest, bytes) = (sealed(&plan).digest(), sealed(&plan).into_sealed_bytes(&[7; 32]));
    assert_eq!(bytes, sealed(&plan).into_sealed_bytes(&[7; 32]), "a resumed run rewrites the same file");
    assert_eq!(SealedRelease::from_sealed_bytes(&[7; 32], &bytes).unwrap().digest(), digest);
    assert!(!bytes.windows(5).any(|window| window == b"towns"));
    assert!(SealedRelease::from_sealed_bytes(&[8; 32], &bytes).is_err());
    for at in [0, 30, 40, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(SealedRelease::from_sealed_bytes(&[7; 32], &changed).is_err(), "byte {at}");
    }
    for length in [0, 20, 30, bytes.len() - 1] {
        assert!(SealedRelease::from_sealed_bytes(&[7; 32], &bytes[..length]).is_err());
    }
}

#[test]
fn why_a_job_failed_comes_back_with_its_key_and_is_no_release() {
    let (why, release) = ("总数 is 7", sealed(&small_plan()).into_sealed_bytes(&[7; 32]));
    let failure = seal_failure(why, &[7; 32]);
    assert_eq!(open_failure(&[7; 32], &failure).as_deref(), Some(why));
    assert_eq!(open_failure(&[8; 32], &failure), None);
    assert_eq!(open_failure(&[7; 32], &release), None);
    assert!(SealedRelease::from_sealed_bytes(&[7; 32], &failure).is_err());
}

#[test]
fn the_body_is_these_bytes() {
    let plan = small_plan();
    let one = Plan { rounds: 1, outputs: vec![plan.outputs[0].clone()], ..plan.clone() };
    let totals: NoisyTotals =
        serde_json::from_str(r#"{"round":0,"cells":["-7","4","0","-5","123456789012345678901234567890","3","5","0"]}"#)
            .unwrap();
    let seal = || {
        let table = Derived {
            name: "t".into(),
            columns: vec!["x".into()],
            rows: vec![vec![Number(1.5), Number(f64::INFINITY)]],
            ..Derived::default()
        };
        // A model's has keys.
        let keyed =
            Derived { keys: vec!["town".into()], groups: vec![vec![Key::Text("湖塘".into())]], ..table.clone() };
        SealedRelease::seal(&one, JOB, RUN, std::slice::from_ref(&totals), vec![table, keyed]).unwrap()
    };
    let release = open(seal(), &entry(announcement(seal().digest()).into())).unwrap();
    let text = std::str::from_utf8(release.bytes()).unwrap();
    let golden = r#"{"format":"unseen-release-v1","job":12,"run":15,"rounds":[{"round":0,"outputs":[{"name":"towns","keys":["town","bin"],"values":["amount","third"],"groups":[
{"keys":["湖塘",-1],"values":[{"value":"-0.07","standardDeviation":0.0279918,"low":"-0.13","high":"-0.01"},{"value":"4/3","standardDeviation":1.66667,"low":"-2","high":"14/3"}]},
{"keys":["湖塘",7],"values":[{"value":"0.00","standardDeviation":0.0279918,"low":"-0.06","high":"0.06"},{"value":"-5/3","standardDeviation":1.66667,"low":"-5","high":"5/3"}]},
{"keys":["\"牛塘\"",-1],"values":[{"value":"1234567890123456789012345678.90","standardDeviation":0.0279918,"low":"1234567890123456789012345678.84","high":"1234567890123456789012345678.96"},{"value":"1","standardDeviation":1.66667,"low":"-7/3","high":"13/3"}]},
{"keys":["\"牛塘\"",7],"values":[{"value":"0.05","standardDeviation":0.0279918,"low":"-0.01","high":"0.11"},{"value":"0","standardDeviation":1.66667,"low":"-10/3","high":"10/3"}]}
]}]}],"postProcessing":[{"name":"t","columns":["x"],"rows":[[1.5,"Infinity"]]},
{"name":"t","columns":["x"],"rows":[[1.5,"Infinity"]],"keys":["town"],"groups":[["湖塘"]]}]}"#;
    assert_eq!(text, golden.replace('\n', ""));
    release.body().check(&one, JOB, RUN).unwrap();
    assert_eq!(ReleaseBody::parse(text.as_bytes()).unwrap(), *release.body());
}

#[test]
fn noisy_totals_survive_json_and_become_the_guests_doubles() {
    let plan = small_plan();
    assert_eq!([0, 1].map(|number| round(&plan, number).round()), [0, 1]);
    let totals = round(&plan, 1);
    let json = serde_json::to_string(&totals).unwrap();
    assert_eq!(serde_json::from_str::<NoisyTotals>(&json).unwrap(), totals);
    let widest = format!(r#"{{"round":0,"cells":["{}","{}","0","0","0","0","0","0","-3"]}}"#, i128::MAX, i128::MIN);
    let widest: NoisyTotals = serde_json::from_str(&widest).unwrap();
    assert_eq!(widest.steps()[..2], [i128::MAX, i128::MIN]);
    let doubles = widest.as_f64(&plan).unwrap();
    assert_eq!((doubles[0].len(), doubles[0][2], doubles[1][0]), (8, 0.0, -300.0));
    let short: NoisyTotals = serde_json::from_str(r#"{"round":0,"cells":["1"]}"#).unwrap();
    assert!(short.as_f64(&plan).is_err());
    assert!(matches!(SealedRelease::seal(&plan, JOB, RUN, &[short], vec![]), Err(ReleaseError::OtherPlan)));
    for wrong in [vec![], vec![round(&plan, 1)], vec![round(&plan, 0), round(&plan, 0)]] {
        assert!(matches!(SealedRelease::seal(&plan, JOB, RUN, &wrong, vec![]), Err(ReleaseError::Rounds(_))));
    }
}

#[test]
fn the_auditor_sees_every_departure_from_the_plan() {
    let plan = small_plan();
    let digest = sealed(&plan).digest();
    let release = open(sealed(&plan), &entry(announcement(digest).into())).unwrap();
    type Change = fn(&mut ReleaseBody);
    let changes: [(&str, Change); 14] = [
        ("a round left out", |body| drop(body.rounds.remove(0))),
        ("a round too many", |body| body.rounds.extend(body.rounds.clone())),
        ("no rounds", |body| body.rounds.clear()),
        ("an output left out", |body| drop(body.rounds[0].outputs.pop())),
        ("an output renamed", |body| body.rounds[0].outputs[0].name.push('x')),
        ("a key column renamed", |body| body.rounds[0].outputs[0].keys[0].push('x')),
        ("an empty group left out", |body| drop(body.rounds[1].outputs[0].groups.remove(2))),
        ("groups in another order", |body| body.rounds[0].outputs[0].groups.swap(0, 1)),
        ("a value left out", |body| drop(body.rounds[0].outputs[0].groups[0].values.pop())),
        ("a number off its grid", |body| body.rounds[0].outputs[0].groups[0].values[0].value.push('1')),
        ("a fraction off its grid", |body| body.rounds[0].outputs[0].groups[0].values[1].value = "1/7".into()),
        ("a smaller deviation", |body| body.rounds[0].outputs[0].groups[0].values[0].standard_deviation *= 0.999),
        ("no deviation", |body| body.rounds[0].outputs[0].groups[0].values[0].standard_deviation = f64::NAN),
        ("a shorter interval", |body| {
            body.rounds[1].outputs[0].groups[3].values[0].low =
                body.rounds[1].outputs[0].groups[3].values[0].value.clone()
        }),
    ];
    for (what, change) in changes {
        let mut body = release.body().clone();
        change(&mut body);
        assert!(matches!(body.check(&plan, JOB, RUN), Err(CheckError::Differs(_))), "{what}");
    }
    for (job, run) in [(JobId(JOB.0 + 1), RUN), (JOB, RUN + 1)] {
        assert!(matches!(release.body().check(&plan, job, run), Err(CheckError::OtherRun)));
        assert!(matches!(sealed(&plan).check(&plan, job, run), Err(CheckError::OtherRun)));
    }
    assert!(sealed(&plan).check(&plan, JOB, RUN).is_ok_and(|numbers| numbers > 0));
    let text = std::str::from_utf8(release.bytes()).unwrap();
    assert!(ReleaseBody::parse(text.replacen("release-v1", "release-v2", 1).as_bytes()).is_err());
    assert!(ReleaseBody::parse(text.replacen("\"job\"", "\"jobs\"", 1).as_bytes()).is_err());
}
