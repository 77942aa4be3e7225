//! What people write: names, numbers, manifests, policies, rules of access; and what a job says of itself.

use unseen_access::{Action, Context, Principal, Resource, Rules, Session};
use unseen_ids::{Digest, JobId, Key, PublicKey, Role, canonical};
use unseen_policies::plan::References;
use unseen_policies::policy::Policy;
use unseen_policies::rational::parse_decimal;
use unseen_policies::receipts::{NodeSaid, OfRun, Receipt, Receipts, VERSION};
use unseen_policies::release::ReleaseBody;
use unseen_policies::{Manifest, Plan, Rho, Shape};

use crate::text;

const MANIFEST: &str = include_str!(
    "../../tests/golden/log/blobs/sha256/1a/1a3ae399a974eebbe20bfd706b70d33aef9d7c481a1dbd4d3b9ad9643ac37f6b"
);
const BODIES: [&[u8]; 2] = [
    include_bytes!(
        "../../tests/golden/log/blobs/sha256/6a/6a5f48330c6058d32b73c02f195190f8d2b394173aeb1ab1be8d4664372dd642"
    ),
    include_bytes!(
        "../../tests/golden/log/blobs/sha256/a1/a1f9b4532ab5a2d0f8b052acc00ef1dd072f5a928c70b4a1b8d0209ac2d83416"
    ),
];

pub fn word(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let written = [
        text.parse::<Digest>().map(|digest| digest.to_string()).ok(),
        text.parse::<PublicKey>().map(|key| key.to_string()).ok(),
    ];
    let digest = written.iter().any(Option::is_some);
    for written in written.into_iter().flatten() {
        assert_eq!(written, text, "a digest has one form");
    }
    if let Ok(id) = text.parse::<JobId>() {
        assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
    }
    if let Ok(role) = text.parse::<Role>() {
        assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
    }
    if let Ok(rho) = text.parse::<Rho>() {
        assert_eq!(rho.to_string().parse::<Rho>().unwrap(), rho);
    }
    digest || parse_decimal(text).is_ok() || text.parse::<JobId>().is_ok() || text.parse::<Role>().is_ok()
}

pub fn words() -> Vec<Vec<u8>> {
    let digest = Digest::of(b"").to_string();
    let hex = digest.trim_start_matches("sha256:");
    ["j8", "operator", &digest, hex, "0.25", "1/3", "1e-9", "-12.50"].map(|word| word.as_bytes().to_vec()).to_vec()
}

pub fn json(bytes: &[u8]) -> bool {
    let _ = unseen_entries::json::no_member_twice(bytes);
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return false };
    let read_again = serde_json::to_vec(&value).unwrap();
    assert_eq!(unseen_entries::json::no_member_twice(&read_again), Ok(()), "what was read has each member once");
    if let Ok(canonical) = canonical::to_vec(&value) {
        let again: serde_json::Value = serde_json::from_slice(&canonical).unwrap();
        assert_eq!(canonical::to_vec(&again).unwrap(), canonical, "the canonical form of a document is its own");
    }
    true
}

pub fn documents() -> Vec<Vec<u8>> {
    let small = br#"{"b":[1,-2.5,true,null,"\u00e9\n"],"a":{"":1e300}}"#.to_vec();
    vec![small, BODIES[0].to_vec(), include_bytes!("../../tests/golden/report.json").to_vec()]
}

pub fn policy(bytes: &[u8]) -> bool {
    let read = [
        serde_json::from_slice::<Policy>(bytes).ok(),
        text(bytes).and_then(|text| toml::from_str::<Policy>(text).ok()),
    ];
    let sound: Vec<_> = read.into_iter().flatten().filter(|policy| policy.check().is_ok()).collect();
    for policy in &sound {
        let again: Policy = serde_json::from_slice(&canonical::to_vec(policy).unwrap()).unwrap();
        assert_eq!(again, *policy);
    }
    !sound.is_empty()
}

pub fn policies() -> Vec<Vec<u8>> {
    let policy = Policy::default();
    vec![serde_json::to_vec(&policy).unwrap(), toml::to_string(&policy).unwrap().into_bytes()]
}

/// A public table of three keys under every name.
struct Three;

impl References for Three {
    fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
        Some(vec![Key::Int(1), Key::Text("a".into()), Key::Int(3)])
    }
}

/// Rules of access: each is written again as it is read, and a visitor changes nothing by any.
pub fn rules(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let Ok(rules) = Rules::parse(text) else { return false };
    let sources: Vec<_> = rules.explain().iter().map(|rule| rule.source.as_str()).collect();
    let again = Rules::parse(&sources.join("\n")).unwrap();
    assert_eq!(again.explain(), rules.explain());
    assert_eq!(rules.diff(&again), []);
    let context = Context { session: Session::None, signed: true };
    assert!(!rules.decide(&Principal::Visitor, Action::SetPolicy, &Resource::Lab, &context).allowed);
    true
}

/// The last is short, so that many changes are to what matters.
pub fn texts_of_rules() -> Vec<Vec<u8>> {
    let short = r#"@id("ops") @en("operators set the policy") @zh("运行管理员设定实验室规则")
permit (principal in Role::"operator", action == Action::"setPolicy", resource) when { context.signed };"#;
    [Rules::DEFAULT, short].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub fn manifest(bytes: &[u8]) -> bool {
    let Some(manifest) = text(bytes).and_then(|text| Manifest::parse(text).ok()) else { return false };
    let shape = Shape::of(&manifest);
    assert!(shape.check(Some(&shape.to_bytes())).is_ok());
    if let Ok(plan) = Plan::new(&manifest, &Three) {
        let _ = plan.digest();
        for value in plan.outputs.iter().flat_map(|output| &output.values) {
            let _ = (value.standard_deviation(0), value.half_width_95(0));
        }
    }
    true
}

pub fn manifests() -> Vec<Vec<u8>> {
    let example = include_str!("../../guest-sdk/examples/regression/job.toml");
    [MANIFEST, example].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub fn shape(bytes: &[u8]) -> bool {
    let shape = Shape::of(&Manifest::parse(MANIFEST).unwrap());
    let fits = shape.check(Some(bytes)).is_ok();
    if fits {
        assert_eq!(serde_json::from_slice::<Shape>(bytes).unwrap(), shape);
    }
    fits
}

pub fn shapes() -> Vec<Vec<u8>> {
    vec![Shape::of(&Manifest::parse(MANIFEST).unwrap()).to_bytes()]
}

pub fn release(bytes: &[u8]) -> bool {
    let Ok(body) = ReleaseBody::parse(bytes) else { return false };
    if let Ok(plan) = Plan::new(&Manifest::parse(MANIFEST).unwrap(), &Three) {
        let (job, run) = (body.job, body.run);
        let _ = body.check(&plan, job, run);
    }
    true
}

pub fn releases() -> Vec<Vec<u8>> {
    BODIES.map(<[u8]>::to_vec).to_vec()
}

/// The receipts of nodes. Where they cover a run, they cover each of its pieces once.
pub fn receipts(bytes: &[u8]) -> bool {
    let Ok(receipts) = Receipts::parse(bytes) else { return false };
    assert_eq!(receipts.to_bytes(), bytes, "receipts have one form");
    let leaf = Digest::of(b"run");
    let run = OfRun { leaf: &leaf, rounds: None, most_rounds: 1_000, pieces: receipts.pieces };
    if receipts.check(&run, &|_| true, &|_, _, _| true).is_ok() {
        let rounds = receipts.parts.last().map_or(0, |part| u64::from(part.round) + 1);
        let covered = receipts.parts.iter().map(|part| u64::from(part.last - part.first) + 1).sum::<u64>();
        assert_eq!(covered, rounds * u64::from(receipts.pieces));
    }
    true
}

pub fn receipts_of_runs() -> Vec<Vec<u8>> {
    let (node, digest) = (PublicKey::from_bytes([1; 32]), Digest::of(b"x"));
    let part = |round, first, last| {
        let signature = "AAAA".to_owned();
        Receipt { round, first, last, state: digest, ciphertext: digest, node, signature }
    };
    let nodes =
        vec![NodeSaid { key: node, build: digest, walls: [("seccomp".into(), "holds".into())].into(), evidence: None }];
    let parts = vec![part(0, 0, 4), part(0, 5, 15), part(1, 0, 15)];
    vec![Receipts { version: VERSION, pieces: 16, nodes, parts }.to_bytes()]
}
