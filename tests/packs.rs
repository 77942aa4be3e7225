//! Packs for registers, archives and assessors, before programs of others: the bag and the crate by bagit and
//! roc-validator, every proof by the auditor's own program.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use served::*;
use support::*;
use unseen_ids::Digest;

/// What a register asks beside.
const CATALOGUE: &str = "[catalogue]\narea = \"320412\"\norganisation = \"91350100M000100Y43\"\nsubject = \"ZAB01\"\n\
    origin = \"collected\"\nquality = \"B\"\nbasis = \"统计法\"\n\n[bounds]";

/// A lab in which a job was released.
fn released() -> (Lab, String) {
    let lab = Lab::with_job();
    let job = lab.approved("job");
    lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
    (lab, job)
}

type Files = BTreeMap<String, Vec<u8>>;

/// The files of a zip, by their paths below its one folder.
fn files(zip: &[u8]) -> Files {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = Files::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let (_, path) =
            file.name().unwrap().split_once('/').map(|(top, path)| (top.to_owned(), path.to_owned())).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(path, bytes);
    }
    files
}

fn json(files: &Files, path: &str) -> Value {
    serde_json::from_slice(&files[path]).unwrap()
}

fn made(lab: &Lab, args: &[&str]) -> Files {
    let out = lab.path("pack.zip");
    let _ = std::fs::remove_file(&out);
    let done = lab.ok(&[args, &["--out", "pack.zip"]].concat());
    assert_eq!(done["bytes"], std::fs::metadata(&out).unwrap().len());
    files(&std::fs::read(out).unwrap())
}

/// Every proof of a pack, checked with the entry beside it and the key that the lab's people give out.
fn proofs_hold(lab: &Lab, files: &Files, folder: &str) -> usize {
    let key = text(&lab.ok(&["lab", "show"])["logKey"]);
    let proofs: Vec<_> = files.keys().filter(|path| path.ends_with(".tlog-proof")).collect();
    for path in &proofs {
        let entry = path.replace(".tlog-proof", ".json");
        lab.write("entry.json", &files[&entry]);
        lab.write("entry.tlog-proof", &files[*path]);
        let check = ["audit", "proof", "entry.tlog-proof", "--entry", "entry.json", "--log-key", &key];
        assert_eq!(lab.unseen(&check).code, 0, "{folder}{path}");
        // Another entry in its place is found out.
        let mut altered = files[&entry].clone();
        *altered.last_mut().unwrap() = b' ';
        lab.write("entry.json", altered);
        assert_eq!(lab.unseen(&check).code, 1, "{path} holds for an altered entry");
    }
    proofs.len()
}

#[test]
fn a_catalogue_says_what_is_stated_and_what_nobody_says() {
    let lab = Lab::with_job();
    let bare = &lab.ok(&["dataset", "elements"])["datasets"][0];
    assert_eq!((&bare["信息资源名称"], &bare["信息资源分类"]), (&Value::from("企业"), &Value::Null));
    assert_eq!(bare["代码"]["数据来源"]["source"], "not-stated");
    assert_eq!(bare["代码"]["交付方式"]["code"], "004", "rows are delivered to nobody");
    lab.write("words.toml", FIRMS.replacen("[bounds]", CATALOGUE, 1));
    let stated = ["dataset", "redescribe", "firms", "--description", "words.toml", "--key", "keys/steward.pem"];
    lab.ok(&stated);
    let found = &lab.ok(&["dataset", "elements"])["datasets"][0];
    let text = std::fs::read(lab.path("words.toml")).unwrap();
    assert_eq!(found["元数据标识符"], format!("urn:unseen:description:{}", Digest::of(&text).to_hex()));
    let codes = ["数据主题", "数据来源", "数据质量", "安全级别"].map(|name| found["代码"][name]["code"].clone());
    assert_eq!(codes, ["001", "002", "002", "002"].map(Value::from));
    assert_eq!((&found["信息资源分类"], &found["行政区划代码"]), (&"ZAB01".into(), &"320412".into()));
    // The same at an address, for whom the rules let.
    let served = Served::of(&lab);
    let (status, same) = get_as(&served, &login(&served, &lab, "analyst"), "/v1/catalog.gbt21063.json");
    assert_eq!((status, &same["datasets"][0]), (200, found));
    assert_eq!(served.get("/v1/catalog.gbt21063.json").0, 401);
}

#[test]
fn a_register_gets_what_the_log_proves_and_what_is_missing() {
    let (lab, job) = released();
    let files = made(&lab, &["dataset", "pack", "firms"]);
    let found = json(&files, "registration.json");
    assert_eq!((&found["lawfulSource"], &found["subject"]["steward"]), (&Value::Null, &"steward".into()));
    assert!(found["missing"].as_array().unwrap().iter().any(|what| text(&what["en"]).contains("catalogue.basis")));
    assert_eq!((&found["products"][0]["job"], &found["scenes"][0]), (&job.clone().into(), &"To count.".into()));
    assert_eq!(found["risk"]["budget"]["spent"], "0.25");
    assert_eq!(found["records"][0]["kind"], "dataset-registered");
    assert_eq!(proofs_hold(&lab, &files, ""), 1);
    // How many rows there are is in none of it.
    let page = String::from_utf8(files["registration.zh.html"].clone()).unwrap();
    assert!(page.contains("四、存证情况") && page.contains("实际数量不公开"), "{page}");
    // Other words have an entry of their own; what a steward writes draws no page.
    let words = FIRMS.replacen("企业", "<script>企业", 1).replacen("[bounds]", CATALOGUE, 1);
    lab.write("words.toml", words);
    lab.ok(&["dataset", "redescribe", "firms", "--description", "words.toml", "--key", "keys/steward.pem"]);
    let files = made(&lab, &["dataset", "pack", "firms"]);
    let found = json(&files, "registration.json");
    assert_eq!((&found["lawfulSource"], &found["records"][1]["kind"]), (&"统计法".into(), &"dataset-described".into()));
    assert_eq!(proofs_hold(&lab, &files, ""), 2);
    let page = String::from_utf8(files["registration.zh.html"].clone()).unwrap();
    assert!(page.contains("&lt;script&gt;企业") && !page.contains("<script"), "{page}");
}

#[test]
fn evidence_says_what_the_service_does_not_show() {
    let (lab, _) = released();
    let made_here = made(&lab, &["audit", "pack"]);
    let found = json(&made_here, "evidence.json");
    let of = |clause: &str| {
        let all = found["requirements"].as_array().unwrap();
        all.iter().find(|one| one["clause"] == clause).unwrap_or_else(|| panic!("{clause}")).clone()
    };
    assert_eq!(
        (of("8.1.4.9")["standing"].clone(), of("8.1.4.4")["standing"].clone()),
        ("not-shown".into(), "not-shown".into())
    );
    assert_eq!(of("8.1.4.3")["standing"], "partly");
    let roles = of("8.1.5");
    assert!(roles["against"].to_string().contains("does not keep operators"), "{roles}");
    assert_eq!(roles["standing"], "partly", "what speaks against it is not called shown");
    assert_eq!(of("3.1.06")["count"], 3, "two approvals and a release");
    let deleted = of("3.1.10");
    assert_eq!((&deleted["count"], deleted["entries"].as_array().unwrap().len()), (&0.into(), 0));
    assert_eq!(
        proofs_hold(&lab, &made_here, ""),
        made_here.keys().filter(|path| path.starts_with("log/") && path.ends_with(".json")).count()
    );
    // By address it is the same, byte for byte, and one reading of the log however many entries were proved. The service
    // has put its console on record meanwhile.
    let served = Served::of(&lab);
    let token = login(&served, &lab, "operator");
    let sent =
        agent().get(format!("{}/v1/evidence-pack", served.url)).header("authorization", format!("Bearer {token}"));
    let bytes = sent.call().unwrap().body_mut().read_to_vec().unwrap();
    assert!(made_here.keys().all(|file| !file.ends_with(".html") || files(&bytes).contains_key(file)));
    let readings = || lab.ok(&["log", "access", "--action", "readLog"])["lines"].as_array().unwrap().len();
    let wait = std::time::Instant::now();
    while readings() == 0 && wait.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(readings(), 1);
    let by_client = |who: &str| served.unseen(&lab, who, &["audit", "pack", "--out", &format!("{who}.zip")]);
    assert_eq!(by_client("operator").code, 0);
    assert!(bytes == std::fs::read(lab.path("operator.zip")).unwrap());
    // Nobody gets what they may not see.
    assert_eq!(by_client("analyst").code, 1);
    assert_eq!(get_as(&served, &login(&served, &lab, "analyst"), "/v1/evidence-pack").0, 403);
    assert_eq!(served.get("/v1/evidence-pack").0, 401);
}

/// What the pack says is built in, is.
#[test]
fn evidence_tells_of_sessions_and_locks_as_they_are() {
    let source =
        |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap();
    let sessions = source("sandbox/server/src/sessions.rs");
    assert!(
        sessions.contains("IDLE: TimeDelta = TimeDelta::minutes(30)")
            && sessions.contains("LIFE: TimeDelta = TimeDelta::hours(12)")
    );
    let locks = source("sandbox/accesslog/src/lockout.rs");
    assert!(locks.contains("most: 5, within: Duration::from_mins(10), locked: Duration::from_mins(15)"));
    assert!(source("sandbox/accesslog/src/log.rs").contains("KEPT_AT_LEAST: u32 = 180"));
    let said = source("sandbox/packs/src/controls.rs");
    for text in
        ["five failures in ten minutes lock for fifteen", "30 idle minutes and after 12 hours", "180 days at least"]
    {
        assert!(said.contains(text), "{text}");
    }
}

#[test]
fn cells_of_a_pack_are_no_formulas() {
    let lab = Lab::new();
    lab.ok(&["key", "new", "bad.pem"]);
    let who = ["person", "enroll", "--name", "=HYPERLINK(1)", "--role", "analyst", "--new-key", "bad.pem"];
    lab.ok(&[&who[..], &["--key", "keys/owner.pem"]].concat());
    let files = made(&lab, &["audit", "pack"]);
    let people = String::from_utf8(files["people.csv"].clone()).unwrap();
    assert!(people.starts_with('\u{feff}') && people.contains("'=HYPERLINK(1)"), "{people}");
}

/// Verifies a crate with programs of others: none if they are not installed.
fn verdict(lab: &Lab, zip: &[u8]) -> Option<(bool, String)> {
    let python = verifiers().join("venv/bin/python");
    let found = Command::new(&python).args(["-c", "import rocrate_validator, bagit"]).output();
    let context = verifiers().join("node/node_modules/ro-crate/lib/context.json");
    if !found.is_ok_and(|done| done.status.success()) || !context.exists() {
        skipped("roc-validator, bagit or the context of RO-Crate is not installed: see scripts/verifiers.sh");
        return None;
    }
    let zip = lab.write("crate.zip", zip);
    let scripts: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifiers");
    let mut command = Command::new(python);
    command.arg(scripts.join("crate.py")).arg(context).arg(scripts.join("five-safes")).arg(zip);
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}{}", String::from_utf8_lossy(&done.stderr));
    Some((done.status.success(), said))
}

/// A bag with another crate in it, with right sums.
fn bag(files: &Files, metadata: &Value) -> Vec<u8> {
    let mut files = files.clone();
    files.insert("data/ro-crate-metadata.json".into(), metadata.to_string().into());
    let sum = |bytes: &[u8]| ring_sum(bytes);
    let lines = |of: &[&str]| -> Vec<u8> {
        of.iter().map(|path| format!("{}  {path}\n", sum(&files[*path]))).collect::<String>().into()
    };
    let payload: Vec<&str> = files.keys().map(String::as_str).filter(|path| path.starts_with("data/")).collect();
    let (count, length) = (payload.len(), payload.iter().map(|path| files[*path].len()).sum::<usize>());
    let manifest = lines(&payload);
    let info =
        format!("External-Identifier: urn:uuid:9796155a-fe44-4614-89b8-71945f718ffb\nPayload-Oxum: {length}.{count}\n");
    files.insert("manifest-sha512.txt".into(), manifest);
    files.insert("bag-info.txt".into(), info.into());
    files.remove("tagmanifest-sha512.txt");
    zipped(&files)
}

fn ring_sum(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA512, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn zipped(files: &Files) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        archive.start_file(format!("bag/{path}"), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn others_take_the_crate_of_a_release() {
    let (lab, job) = released();
    let before = lab.entries();
    let closed = made(&lab, &["job", "crate", &job]);
    assert_eq!(lab.entries(), before, "nothing was opened");
    assert!(!closed.keys().any(|path| path.starts_with("data/outputs/")), "{:?}", closed.keys());
    let zip = std::fs::read(lab.path("pack.zip")).unwrap();
    let again = made(&lab, &["job", "crate", &job]);
    assert!(again == closed && std::fs::read(lab.path("pack.zip")).unwrap() == zip, "the same bytes");
    // A submission, two approvals, the policy, the run and the release.
    assert_eq!(proofs_hold(&lab, &closed, "data/"), 6);
    // With its numbers: byte for byte what the log names, and the reading is on record.
    let opened = made(&lab, &["job", "crate", &job, "--numbers", "--key", "keys/analyst.pem"]);
    assert_eq!(lab.kinds().last().unwrap(), "release-read");
    let body = text(&lab.ok(&["job", "release", &job, "--key", "keys/analyst.pem"])["body"]);
    assert_eq!(Digest::of(&opened["data/outputs/release.json"]).to_string(), body);
    let metadata = json(&opened, "data/ro-crate-metadata.json");
    let graph = metadata["@graph"].as_array().unwrap();
    let approved = graph.iter().filter(|entity| entity["additionalType"]["@id"] == "https://w3id.org/shp#SignOff");
    assert_eq!(approved.count(), 2, "one for each approver");
    lab.ok(&["key", "new", "stranger.pem"]);
    let refused = lab.unseen(&["job", "crate", &job, "--numbers", "--out", "x.zip", "--key", "stranger.pem"]);
    assert_eq!(refused.code, 1, "{refused:?}");

    let Some((good, said)) = verdict(&lab, &zip) else { return };
    assert!(good, "{said}");
    let opened_zip = std::fs::read(lab.path("pack.zip")).unwrap();
    assert!(verdict(&lab, &opened_zip).unwrap().0);
    // A byte that is another is found by its sum; what the profile asks for, by its shapes.
    let mut altered = opened.clone();
    altered.get_mut("data/outputs/release.csv").unwrap().push(b' ');
    let (good, said) = verdict(&lab, &zipped(&altered)).unwrap();
    assert!(!good && said.starts_with("BAG "), "{said}");
    let broken = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut metadata = metadata.clone();
        change(metadata["@graph"].as_array_mut().unwrap());
        verdict(&lab, &bag(&opened, &metadata)).unwrap()
    };
    let whole = broken(&|_| ());
    assert!(whole.0, "what is built here is a good bag: {whole:?}");
    let is = |entity: &Value, kind: &str| entity["additionalType"]["@id"] == format!("https://w3id.org/shp#{kind}");
    for kind in ["SignOff", "DisclosureCheck"] {
        let (good, said) = broken(&|graph| graph.retain(|entity| !is(entity, kind)));
        assert!(!good && said.contains(kind), "without {kind}: {said}");
    }
    let (good, said) = broken(&|graph| {
        let root = graph.iter_mut().find(|entity| entity["@id"] == "./").unwrap();
        root.as_object_mut().unwrap().remove("sourceOrganization");
    });
    assert!(!good && said.contains("Project"), "{said}");
}

#[test]
fn a_crate_is_of_what_was_released_and_seen_by_who_may() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    let refused = lab.unseen(&["--json", "job", "crate", &job, "--out", "x.zip"]);
    assert!(refused.code == 1 && refused.stderr.contains("pack.not-released"), "{refused:?}");
    assert!(!lab.path("x.zip").exists());
    let served = Served::of(&lab);
    let path = format!("/v1/jobs/{job}/ro-crate");
    let (status, problem) = get_as(&served, &login(&served, &lab, "analyst"), &path);
    assert_eq!((status, &problem["code"]), (409, &"pack.not-released".into()));
    assert_eq!(served.get(&path).0, 401);
    assert_eq!(get_as(&served, &login(&served, &lab, "analyst"), "/v1/jobs/x/ro-crate").0, 404);
}
