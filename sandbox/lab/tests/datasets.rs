//! The lives of datasets in a lab's folder: described anew, and destroyed whenever the log says so.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use unseen_entries::sign::prove_enrolment;
use unseen_ids::{Digest, PublicKey, Role};
use unseen_lab::{Lab, LabError};
use unseen_policies::event::*;
use unseen_policies::ledger::Refusal;
use unseen_tlog::{Signer, SigningKey};

const DESCRIPTION: &str = r#"name = "firms"
kind = "private"
provider = "Statistics Bureau"
classification = "sensitive"
update_cycle = "monthly"
sharing = "conditional"

[title]
zh = "企业"
en = "Firms"

[unit]
column = "code"
domain = "enterprise"

[[column]]
name = "code"
type = "text"

[[column]]
name = "staff"
type = "int"
"#;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

/// A lab with a steward.
fn lab() -> (TempDir, Lab, SigningKey) {
    let (folder, owner, steward) = (tempfile::tempdir().unwrap(), key(1), key(2));
    let mut lab = Lab::init(&folder.path().join("lab"), "lab.example/log", "owner", &owner).unwrap();
    let roles = vec![Role::Steward];
    let proof = prove_enrolment(&steward, "lab.example/log", "steward", &roles).unwrap();
    let enrolled =
        PersonEnrolled { name: "steward".into(), roles, key: steward.verifying_key().into(), kept: None, proof };
    lab.sign_and_accept(enrolled, &owner, &[]).unwrap();
    (folder, lab, steward)
}

/// Imports a snapshot with so many people; where it lies.
fn import(lab: &mut Lab, folder: &Path, steward: &SigningKey, staff: u32) -> (Digest, PathBuf) {
    let (source, description) = (folder.join("firms.csv"), folder.join("firms.toml"));
    fs::write(&source, format!("code,staff\na,{staff}\nb,2\n")).unwrap();
    fs::write(&description, DESCRIPTION).unwrap();
    let key = PublicKey::from(steward.verifying_key());
    let text = fs::read_to_string(&description).unwrap();
    let rows = unseen_lab::Rows { file: source.clone(), called: source };
    let import = lab.begin_import(rows, "firms.toml", text, unseen_lab::Terms::default(), None, &key).unwrap();
    let done = import.carry_out(&mut |_| ()).unwrap();
    lab.finish_import(done, steward).unwrap();
    let root = lab.ledger().datasets()["firms"].registered.snapshot;
    (root, folder.join("lab/snapshots/firms").join(root.to_hex()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_deleted_snapshot_is_destroyed_after_a_crash_too() {
    let (folder, mut lab, steward) = lab();
    let (old, place) = import(&mut lab, folder.path(), &steward, 1);
    assert!(place.join("key.wrapped").exists());
    let (new, kept) = import(&mut lab, folder.path(), &steward, 3);
    copy(&place, &folder.path().join("copy"));
    let deletion = |snapshot| DatasetDeleted { name: "firms".into(), snapshots: vec![snapshot], reason: "old".into() };
    let present = lab.sign_and_accept(deletion(new), &steward, &[]);
    assert!(matches!(present, Err(LabError::Refused(Refusal::DatasetIs { .. }))), "{present:?}");
    lab.sign_and_accept(deletion(old), &steward, &[]).unwrap();
    assert!(!place.exists() && kept.exists());
    lab.quality("firms", &unseen_tlog::Signer::verifying_key(&steward).into()).unwrap();

    // As if the lab had been killed between the entry and the files, or somebody had put them back.
    drop(lab);
    copy(&folder.path().join("copy"), &place);
    fs::remove_file(place.join("key.wrapped")).unwrap();
    let mut lab = Lab::open(&folder.path().join("lab")).unwrap();
    assert!(!place.exists() && kept.exists());

    let status = DatasetStatus { name: "firms".into(), status: Status::Withdrawn, reason: "asked to".into() };
    lab.sign_and_accept(status, &steward, &[]).unwrap();
    assert!(kept.exists(), "what is withdrawn is there");
    lab.sign_and_accept(deletion(new), &steward, &[]).unwrap();
    assert!(!kept.exists());
    let gone = lab.quality("firms", &unseen_tlog::Signer::verifying_key(&steward).into()).map(drop);
    assert!(matches!(gone, Err(LabError::Refused(Refusal::SnapshotGone { .. }))), "{gone:?}");
}

#[test]
fn only_what_people_are_told_of_a_dataset_changes_without_an_import() {
    let (folder, mut lab, steward) = lab();
    import(&mut lab, folder.path(), &steward, 1);
    let mut describe = |from: &str, to: &str| {
        let text = DESCRIPTION.replacen(from, to, 1);
        assert_ne!(text, DESCRIPTION);
        let event = DatasetDescribed { name: "firms".into(), description: Digest::of(text.as_bytes()) };
        lab.sign_and_accept(event, &steward, &[text.as_bytes()])
    };
    for (from, to) in [
        ("\"code\"", "\"staff\""),
        ("\"enterprise\"", "\"person\""),
        ("\"int\"", "\"float\""),
        ("[[column]]", "[bounds]\nunits = 5\n\n[[column]]"),
        ("name = \"firms\"", "name = \"others\""),
    ] {
        let refused = describe(from, to);
        assert!(matches!(refused, Err(LabError::OtherData(_) | LabError::Description(_))), "{to}: {refused:?}");
    }
    for (from, to) in [
        ("\"Firms\"", "\"Firms of the district\""),
        ("\"sensitive\"", "\"internal\""),
        ("type = \"int\"", "type = \"int\"\nen = \"People\""),
    ] {
        describe(from, to).unwrap();
    }
    let (described, _) = lab.description("firms").unwrap();
    assert_eq!(described.columns[1].description.en, "People");
}
