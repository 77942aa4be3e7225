//! Files that were changed, shortened, swapped, lost or put back to an older copy: found and said in
//! one sentence where they are the truth, rebuilt where they are a cache, and never believed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::*;

/// A lab with a released job, one whose result is sealed for an hour, and one that is approved only.
struct Played {
    lab: Lab,
    /// Released.
    first: String,
    /// Sealed until later.
    second: String,
    /// Approved, not run.
    third: String,
}

fn played() -> Played {
    let lab = Lab::with_job();
    // Before anything was spent; and the checkpoint somebody keeps from the middle.
    copy_dir_new(&lab.path("lab/log"), &lab.path("old-log"));
    lab.write("job/job.toml", job("rho = 0.1"));
    let first = lab.approved("job");
    lab.ok(&["job", "run", &first, "--key", "keys/operator.pem"]);
    lab.write("kept.txt", text(&lab.ok(&["log", "checkpoint"])["checkpoint"]));
    lab.write("job/job.toml", job("rho = 0.1").replace("release = \"now\"", "release = \"+1h\""));
    let (second, third) = (lab.approved("job"), lab.approved("job"));
    lab.ok(&["job", "run", &second, "--key", "keys/operator.pem"]);
    lab.ok(&["log", "export", "bundle"]);
    Played { lab, first, second, third }
}

impl Played {
    fn copy(&self) -> Played {
        Played {
            lab: self.lab.copy(),
            first: self.first.clone(),
            second: self.second.clone(),
            third: self.third.clone(),
        }
    }

    /// Derives the first job's release again: reads the log, blobs, the module and every bucket.
    fn replay(&self) -> Done {
        self.lab.unseen(&["--json", "audit", "replay", &self.first])
    }

    fn run(&self, job: &str) -> Done {
        self.lab.unseen(&["job", "run", job, "--key", "keys/operator.pem"])
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.lab.path(name)).unwrap()
    }

    /// The only file of a folder whose name ends so.
    fn one(&self, folder: &str, end: &str) -> String {
        let mut found = tree(&self.lab.path(folder))
            .into_iter()
            .filter(|name| name.ends_with(end) && self.lab.path(folder).join(name).is_file());
        let one = found.next().unwrap_or_else(|| panic!("no {end} in {folder}"));
        assert!(found.next().is_none(), "more than one {end} in {folder}");
        format!("{folder}/{one}")
    }

    /// One more entry, which changes nothing.
    fn add_entry(&self) {
        self.lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    }

    fn charges(&self) -> usize {
        self.lab.kinds().iter().filter(|kind| *kind == "run-started").count()
    }
}

fn copy_dir_new(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    copy_dir(from, to);
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    FlipFirst,
    FlipMiddle,
    FlipLast,
    Halve,
    Empty,
    Remove,
}

fn harm(path: &Path, how: Harm) {
    let mut bytes = std::fs::read(path).unwrap();
    let length = bytes.len();
    let flipped = match how {
        Harm::Remove => return std::fs::remove_file(path).unwrap(),
        Harm::Halve => return std::fs::write(path, &bytes[..length / 2]).unwrap(),
        Harm::Empty => return std::fs::write(path, b"").unwrap(),
        Harm::FlipFirst => 0,
        Harm::FlipMiddle => length / 2,
        Harm::FlipLast => length.saturating_sub(1),
    };
    // Not the highest bit: text stays text, so that more than a check for UTF-8 is asked for.
    if let Some(byte) = bytes.get_mut(flipped) {
        *byte ^= 1;
    }
    std::fs::write(path, bytes).unwrap();
}

/// Exit code 1, nothing on stdout, one sentence, and perhaps a line of advice.
fn sentence(done: &Done) -> String {
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
    let line = done.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("{done:?}"));
    let (said, advice) = line.split_once('\n').unwrap_or((line, ""));
    assert!(!advice.contains('\n') && !line.contains("panicked") && said.len() > 20, "{done:?}");
    said.to_owned()
}

/// The derived numbers, when a replay agrees with the release.
fn agrees(done: &Done) -> String {
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(json["verdict"], "agrees", "{done:?}");
    text(&json["derived"])
}

/// What must become of a file that was harmed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Commands that need it refuse.
    Found,
    /// It is rebuilt, or was not needed.
    Healed,
    /// One or the other, as this command needs it or not; never another number.
    Either,
}

#[test]
fn every_file_of_a_lab_is_verified_or_made_anew() {
    let played = played();
    let lab = &played.lab;
    let numbers = agrees(&played.replay());
    let shown = lab.ok(&["job", "show", &played.first]);
    let released = lab.ok(&["log", "show", "--entry", &shown["release"].to_string()]);
    let body = text(&released["statement"]["predicate"]["event"]["body"]);
    let blobs = [&text(&shown["manifest"]), &text(&shown["module"]), &body]
        .map(|digest| digest.trim_start_matches("sha256:").to_owned());
    let tiles: Vec<String> = unseen_tlog::tile::files(lab.entries()).map(|tile| format!("log/{tile}")).collect();
    let fate = |name: &str| match name.split('/').next().unwrap() {
        "log" if name.contains("checkpoint") || tiles.iter().any(|tile| tile == name) => Fate::Found,
        "log" if blobs.iter().any(|blob| name.ends_with(blob)) => Fate::Found,
        "snapshots"
            if [".parquet", "manifest.json", "key.wrapped", "dataset.toml"].iter().any(|end| name.ends_with(end)) =>
        {
            Fate::Found
        }
        "state" | "cache" | "sealed" => Fate::Healed,
        _ => Fate::Either,
    };
    let files: Vec<String> = tree(&lab.path("lab"))
        .into_iter()
        .filter(|name| lab.path("lab").join(name).is_file() && !name.starts_with("keys/"))
        .collect();
    let mut found = [0; 2];
    for (number, name) in files.iter().enumerate() {
        // All ways for most files; buckets are many, and take turns.
        let turn = [Harm::FlipFirst, Harm::FlipMiddle, Harm::FlipLast, Harm::Halve, Harm::Empty][number % 5];
        let ways: &[Harm] = match name.contains("bucket-") {
            true => &[turn],
            false => &[Harm::FlipMiddle, Harm::Halve, turn],
        };
        for way in ways {
            let case = played.copy();
            harm(&case.lab.path("lab").join(name), *way);
            let done = case.replay();
            assert!(fate(name) != Fate::Found || done.code == 1, "{name} {way:?} was not noticed");
            match (fate(name), done.code) {
                // The release itself: the replay goes through, and says that this is not it.
                (Fate::Found, _) if name.ends_with(&blobs[2]) && !done.stdout.is_empty() => {
                    let said: Value = serde_json::from_str(&done.stdout).unwrap();
                    assert_eq!(
                        (&said["verdict"], &said["derived"]),
                        (&Value::from("altered"), &said["logged"]),
                        "{said}"
                    );
                    found[0] += 1;
                }
                (Fate::Found, _) | (Fate::Either, 1) => {
                    let sentence = sentence(&done);
                    assert!(!sentence.contains(".rs:"), "{name} {way:?}: {sentence}");
                    found[0] += 1;
                }
                (Fate::Healed | Fate::Either, _) => {
                    assert_eq!(agrees(&done), numbers, "{name} {way:?}");
                    found[1] += 1;
                }
            }
        }
    }
    assert!(found[0] > 30 && found[1] > 10, "{found:?}");
}

#[test]
fn a_replay_says_what_was_replaced() {
    let played = played();
    let shown = played.lab.ok(&["job", "show", &played.first]);
    let hex = |digest: &Value| text(digest).trim_start_matches("sha256:").to_owned();
    let blob = |hex: &str| format!("lab/log/blobs/sha256/{}/{hex}", &hex[..2]);
    let body = hex(&played.lab.ok(&["audit", "replay", &played.first])["logged"]);

    // One digit of the release.
    let case = played.copy();
    let released = String::from_utf8(case.read(&blob(&body))).unwrap();
    let value = released.split("\"value\":\"").nth(1).unwrap().split('"').next().unwrap();
    let digit = if value.ends_with('7') { "3" } else { "7" };
    let altered = format!("{}{digit}", &value[..value.len() - 1]);
    case.lab
        .write(&blob(&body), released.replacen(&format!("\"value\":\"{value}"), &format!("\"value\":\"{altered}"), 1));
    let done = case.replay();
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    let found = &said["differences"][0];
    assert_eq!((done.code, &found["kept"], &found["derived"]), (1, &altered.as_str().into(), &value.into()), "{said}");
    let plain = case.lab.unseen(&["audit", "replay", &case.first]);
    assert!(plain.stdout.contains("ALTERED") && plain.stdout.contains("rows"), "{plain:?}");

    // The module, the snapshot, the noise key.
    let case = played.copy();
    case.lab.write(&blob(&hex(&shown["module"])), component("(f64.const 9)"));
    assert!(sentence(&case.replay()).contains("the module that is there is not the one that was approved"));
    let case = played.copy();
    let snapshot = hex(&shown["reads"][0]["snapshot"]);
    case.lab.write("other.csv", firms(41));
    case.lab.ok(&["dataset", "import", "other.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]);
    let newer =
        hex(&case.lab.ok(&["log", "show", "--entry", &(case.lab.entries() - 1).to_string()])["statement"]["predicate"]
            ["event"]["snapshot"]);
    let folder = |root: &str| case.lab.path(&format!("lab/snapshots/firms/{root}"));
    std::fs::remove_dir_all(folder(&snapshot)).unwrap();
    std::fs::rename(folder(&newer), folder(&snapshot)).unwrap();
    assert!(sentence(&case.replay()).contains("the snapshot of `firms` cannot be used"));
    let case = played.copy();
    restore(&case.lab, "lab/keys/noise.key", &[7; 32]);
    assert!(sentence(&case.replay()).contains("noise key is not the one the log began with"));

    // A lab that logs another result than its run derives: no number of the derived one is shown.
    let case = played.copy();
    case.lab.write("job/job.toml", job("rho = 0.1"));
    let forged = case.lab.approved("job");
    forge_release(&case.lab, &forged, &released);
    let done = case.lab.unseen(&["--json", "audit", "replay", &forged]);
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &said["numbers"], &said["differences"]), (1, &0.into(), &serde_json::json!([])), "{said}");
    assert_ne!(said["derived"], said["logged"]);
}

/// Starts a run and logs, with the lab's own key, a result that was made up.
fn forge_release(lab: &Lab, job: &str, like: &str) {
    use unseen_ids::{Digest, JobId};
    use unseen_policies::event::Released;
    let id: JobId = job.parse().unwrap();
    let run = start(lab, job, Digest::from_bytes([1; 32]), chrono::TimeDelta::zero());
    let mut open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
    let approvals: Vec<u64> = open.ledger().job(id).unwrap().approvals.iter().map(|(entry, _)| *entry).collect();
    let start = like.find("\"job\":").unwrap();
    let rest = &like[like.find(",\"rounds\"").unwrap()..];
    let body = format!("{}\"job\":{},\"run\":{run}{rest}", &like[..start], id.0);
    let service = unseen_lab::read_signing_key(&lab.path("lab/keys/service.pem")).unwrap();
    let run_leaf = open.ledger().job(id).unwrap().run.clone().unwrap().leaf;
    let body_digest = Digest::of(body.as_bytes());
    let released = Released { job: id, run, run_leaf, approvals, body: body_digest, receipts: None };
    open.sign_and_accept(released, &service, &[body.as_bytes()]).unwrap();
}

#[test]
fn every_file_of_a_bundle_is_verified() {
    let Played { lab, .. } = played();
    let key = text(&lab.ok(&["lab", "show"])["logKey"]);
    let verify =
        |bundle: &str| lab.unseen(&["--json", "audit", "verify", bundle, "--log-key", &key, "--since", "kept.txt"]);
    let good: Value = serde_json::from_str(&verify("bundle").stdout).unwrap();
    assert_eq!(good["violations"], serde_json::json!([]), "{good}");
    for name in tree(&lab.path("bundle")) {
        if !lab.path("bundle").join(&name).is_file() || name == "log.vkey" {
            continue;
        }
        for way in [Harm::FlipFirst, Harm::FlipMiddle, Harm::FlipLast, Harm::Halve, Harm::Empty, Harm::Remove] {
            copy_dir_new(&lab.path("bundle"), &lab.path("forged"));
            harm(&lab.path("forged").join(&name), way);
            let done = verify("forged");
            assert_eq!(done.code, 1, "{name} {way:?}: {done:?}");
            assert!(!done.stderr.contains("panicked"), "{name} {way:?}: {done:?}");
            if done.stderr.is_empty() {
                // Read to its end, with the entry that the damage belongs to.
                let report: Value = serde_json::from_str(&done.stdout).unwrap();
                assert!(!report["violations"].as_array().unwrap().is_empty(), "{name} {way:?}: {report}");
            }
            std::fs::remove_dir_all(lab.path("forged")).unwrap();
        }
    }
    // The verifier key of the bundle itself is not believed blindly either.
    let other = text(
        &{
            let other = Lab::empty();
            other.ok(&["lab", "init", "lab", "--origin", ORIGIN, "--owner", "keys/owner.pem"])
        }["logKey"],
    );
    lab.write("bundle/log.vkey", format!("{other}\n"));
    assert!(sentence(&lab.unseen(&["audit", "verify", "bundle"])).contains("signature"));
}

#[test]
fn an_older_copy_of_the_log_is_refused() {
    let played = played();
    let lab = &played.lab;
    let (charged, entries) = (lab.ok(&["budget", "--dataset", "firms"]), lab.entries());
    // The whole log put back: the lab itself remembers more.
    std::fs::rename(lab.path("lab/log"), lab.path("new-log")).unwrap();
    copy_dir_new(&lab.path("old-log"), &lab.path("lab/log"));
    let said = sentence(&lab.unseen(&["budget"]));
    assert!(said.contains("ROLLBACK"), "{said}");
    // Its memory taken away too: whoever kept a checkpoint finds out.
    let forgetful = played.copy();
    std::fs::remove_dir_all(forgetful.lab.path("lab/state")).unwrap();
    forgetful.lab.ok(&["log", "export", "rolled-back"]);
    let said = sentence(&forgetful.lab.unseen(&["audit", "verify", "rolled-back", "--since", "kept.txt"]));
    assert!(said.contains("ROLLBACK"), "{said}");
    // Another history of the same length is no better.
    while forgetful.lab.entries() < entries {
        forgetful.add_entry();
    }
    std::fs::remove_dir_all(forgetful.lab.path("rolled-back")).unwrap();
    forgetful.lab.ok(&["log", "export", "rolled-back"]);
    let said = sentence(&forgetful.lab.unseen(&["audit", "verify", "rolled-back", "--since", "kept.txt"]));
    assert!(said.contains("FORK"), "{said}");
    std::fs::remove_dir_all(lab.path("lab/log")).unwrap();
    copy_dir_new(&forgetful.lab.path("lab/log"), &lab.path("lab/log"));
    let said = sentence(&lab.unseen(&["budget"]));
    assert!(said.contains("FORK"), "{said}");
    // The true log is as good as before.
    std::fs::remove_dir_all(lab.path("lab/log")).unwrap();
    copy_dir_new(&lab.path("new-log"), &lab.path("lab/log"));
    assert_eq!(lab.ok(&["budget", "--dataset", "firms"]), charged);
    // Only the checkpoint that counts put back, or gone, or both gone.
    let lock = played.read("lab/log/checkpoint.lock");
    played.add_entry();
    lab.write("lab/log/checkpoint.lock", lock);
    let write = || sentence(&lab.unseen(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]));
    assert!(write().contains("ROLLBACK"));
    std::fs::remove_dir_all(lab.path("lab/state")).unwrap();
    assert!(write().contains("ROLLBACK"), "what was published tells as well");
    std::fs::remove_file(lab.path("lab/log/checkpoint.lock")).unwrap();
    assert!(write().contains("checkpoint.lock is missing"));
    std::fs::remove_file(lab.path("lab/log/checkpoint")).unwrap();
    assert!(sentence(&lab.unseen(&["budget"])).contains("no log here"));
    assert!(!lab.path("lab/log/checkpoint.lock").exists(), "a new log was made");
}

#[test]
fn damaged_rows_stop_a_run_which_stays_charged_once() {
    let played = played();
    let lab = &played.lab;
    let charges = played.charges();
    for end in ["bucket-0007.parquet", "manifest.json", "key.wrapped"] {
        let name = played.one("lab/snapshots", end);
        let good = played.read(&name);
        harm(&lab.path(&name), Harm::FlipMiddle);
        let said = sentence(&played.run(&played.third));
        assert!(said.contains(end) || end == "key.wrapped" && said.contains("key"), "{said}");
        assert_eq!(played.charges(), charges + 1, "charged before the first row, and once");
        lab.write(&name, good);
    }
    let quality = played.one("lab/snapshots", "quality.sealed");
    harm(&lab.path(&quality), Harm::FlipMiddle);
    let said = sentence(&lab.unseen(&["dataset", "quality", "firms", "--key", "keys/steward.pem"]));
    assert!(said.contains("quality"), "{said}");
    assert_eq!(played.run(&played.third).code, 0);
    assert_eq!(played.charges(), charges + 1);
}

#[test]
fn a_sealed_result_is_made_again_when_it_is_not_its_own() {
    let played = played();
    let lab = &played.lab;
    let (second, third) = (format!("lab/sealed/{}", played.second), format!("lab/sealed/{}", played.third));
    assert_eq!(played.run(&played.third).code, 0);
    let (charges, own) = (played.charges(), [played.read(&second), played.read(&third)]);
    assert_ne!(own[0], own[1]);
    for how in 0..5 {
        match how {
            0 => harm(&lab.path(&second), Harm::FlipMiddle),
            1 => harm(&lab.path(&second), Harm::Halve),
            2 => harm(&lab.path(&second), Harm::Remove),
            3 => drop(std::fs::copy(lab.path(&third), lab.path(&second)).unwrap()),
            _ => {
                // The key that seals it was lost: sealed anew, under the new one.
                lab.write("lab/keys/seal.key", [7; 32]);
                assert_eq!(played.run(&played.second).code, 0);
                assert_ne!(played.read(&second), own[0]);
                continue;
            }
        }
        assert_eq!(played.run(&played.second).code, 0);
        assert!(played.read(&second) == own[0], "way {how}: not bit for bit as before");
    }
    assert_eq!(played.charges(), charges);
    agrees(&played.replay());
}

#[test]
fn a_compiled_module_that_the_lab_did_not_make_is_never_run() {
    let played = played();
    let lab = &played.lab;
    let numbers = agrees(&played.replay());
    let cached = played.one("lab/cache", ".cwasm");
    let own = played.read(&cached);
    // Another job's code, compiled and authenticated by this very lab, under the first one's name.
    lab.write("job/target/job.wasm", component("(f64.const 9)"));
    lab.submit("job");
    let others = tree(&lab.path("lab/cache")).into_iter().map(|name| format!("lab/cache/{name}"));
    let other = others.filter(|name| name.ends_with(".cwasm") && *name != cached).collect::<Vec<_>>();
    assert_eq!(other.len(), 1);
    let other = played.read(&other[0]);
    let mut grafted = own[..32].to_vec();
    grafted.extend(&other[32..]);
    let mut flipped = own.clone();
    flipped[own.len() / 2] ^= 1;
    for planted in [other, grafted, flipped, own[..own.len() / 2].to_vec(), own[..16].to_vec(), Vec::new()] {
        lab.write(&cached, &planted);
        assert_eq!(agrees(&played.replay()), numbers);
        assert!(played.read(&cached) == own, "it was not compiled again");
    }
}

/// Of which build a run is on record, nobody says but the lab.
#[test]
fn a_digest_of_the_program_that_the_lab_did_not_make_is_not_believed() {
    let played = played();
    agrees(&played.replay());
    let kept = "lab/cache/program.digest";
    let own = played.read(kept);
    let mut flipped = own.clone();
    flipped[own.len() - 1] ^= 1;
    for planted in [flipped, own[..own.len() - 1].to_vec(), own[32..].to_vec(), Vec::new()] {
        played.lab.write(kept, &planted);
        agrees(&played.replay());
        assert!(played.read(kept) == own, "it was not computed again");
    }
}

/// A trial runs in the process of whoever types it: its code is kept under a key of theirs, and is theirs or is not run.
#[test]
fn a_trial_runs_no_code_that_its_person_did_not_compile() {
    let lab = Lab::with_job();
    lab.ok(&["twin", "firms", "--rows", "50", "--out", "twins"]);
    let trial = || lab.ok(&["job", "try", "job", "--twins", "twins", "--no-noise"]);
    let kept = || tree(&lab.path("cache/unseen/compiled")).into_iter().filter(|name| name.ends_with(".cwasm"));
    let numbers = trial();
    let [file] = &kept().collect::<Vec<_>>()[..] else { panic!("not one: {:?}", kept().collect::<Vec<_>>()) };
    let file = format!("cache/unseen/compiled/{file}");
    let read = || std::fs::read(lab.path(&file)).unwrap();
    let own = read();
    // Another component of the same shape, under the same key.
    let first = std::fs::read(lab.path("job/target/job.wasm")).unwrap();
    lab.write("job/target/job.wasm", component("(f64.const 9)"));
    assert_ne!(trial()["rounds"], numbers["rounds"]);
    lab.write("job/target/job.wasm", first);
    let other = kept().map(|name| format!("cache/unseen/compiled/{name}")).find(|name| *name != file).unwrap();
    let other = std::fs::read(lab.path(&other)).unwrap();
    let mut flipped = own.clone();
    flipped[own.len() / 2] ^= 1;
    for planted in [other.clone(), [&own[..32], &other[32..]].concat(), flipped, own[..16].to_vec()] {
        lab.write(&file, &planted);
        assert_eq!(trial()["rounds"], numbers["rounds"]);
        assert!(read() == own, "it was not compiled again");
    }
    // What is kept is taken, by `job check` too.
    let untouched = |age| File::open(lab.path(&file)).unwrap().set_modified(SystemTime::now() - age).unwrap();
    untouched(Duration::from_secs(3_600));
    lab.ok(&["job", "check", "job", "--twins", "twins"]);
    let used = std::fs::metadata(lab.path(&file)).unwrap().modified().unwrap().elapsed().unwrap();
    assert!(used < Duration::from_secs(3_000) && read() == own, "{used:?}");
    // A key that others may read vouches for nothing: then nothing is kept, and a trial is what it was.
    let key = lab.path("cache/unseen/compiled/key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    lab.write(&file, &other);
    assert_eq!(trial()["rounds"], numbers["rounds"]);
    assert!(read() == other);
}

#[test]
fn the_folded_state_is_rebuilt_from_the_log() {
    let played = played();
    let lab = &played.lab;
    let truth = [lab.ok(&["budget"]), lab.ok(&["job", "list"]), lab.ok(&["person", "list"])];
    let said = |lab: &Lab| [lab.ok(&["budget"]), lab.ok(&["job", "list"]), lab.ok(&["person", "list"])];
    for name in tree(&lab.path("lab/state")) {
        for way in [Harm::FlipFirst, Harm::FlipMiddle, Harm::FlipLast, Harm::Halve, Harm::Empty, Harm::Remove] {
            let case = played.copy();
            let path = case.lab.path("lab/state").join(&name);
            if path.is_file() {
                harm(&path, way);
                assert_eq!(said(&case.lab), truth, "{name} {way:?}");
            }
        }
    }
    // Every byte of it someone else's.
    let case = played.copy();
    for name in tree(&case.lab.path("lab/state")) {
        let path = case.lab.path("lab/state").join(&name);
        if path.is_file() {
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            std::fs::write(&path, (0..length).map(|at| (at * 37 % 251) as u8).collect::<Vec<u8>>()).unwrap();
        }
    }
    assert_eq!(said(&case.lab), truth);
    // An older state of the same lab is brought up to the log.
    let case = played.copy();
    let older = played.copy();
    case.lab.ok(&["job", "reject", &played.third, "--reason", "changed", "--key", "keys/owner.pem"]);
    std::fs::remove_dir_all(case.lab.path("lab/state")).unwrap();
    copy_dir_new(&older.lab.path("lab/state"), &case.lab.path("lab/state"));
    let jobs = case.lab.ok(&["job", "list"]);
    let third = jobs["jobs"].as_array().unwrap().iter().find(|job| job["job"] == played.third.as_str()).unwrap();
    assert_eq!(third["state"], "rejected", "{third}");
    std::fs::remove_dir_all(case.lab.path("lab/state")).unwrap();
    std::fs::write(case.lab.path("lab/state"), "no folder").unwrap();
    let done = case.lab.unseen(&["budget"]);
    assert!(done.code <= 1 && !done.stderr.contains("panicked"), "{done:?}");
}

#[test]
fn keys_that_are_not_the_labs_own_are_refused() {
    let played = played();
    let lab = &played.lab;
    let other = Lab::empty();
    other.ok(&["lab", "init", "lab", "--origin", ORIGIN, "--owner", "keys/owner.pem"]);
    let cases = [
        ("noise.key", "noise key is not the one the log began with"),
        ("data.key", "key"),
        ("log.pem", "the note bears no signature"),
    ];
    for (name, says) in cases {
        let name = format!("lab/keys/{name}");
        let own = played.read(&name);
        for way in [Harm::FlipMiddle, Harm::Halve, Harm::Empty, Harm::Remove] {
            harm(&lab.path(&name), way);
            let done = played.replay();
            // Half of a base64 letter's bits may lie outside the key: then nothing has changed.
            assert!(done.code == 1 || name.ends_with(".pem") && done.code == 0, "{name} {way:?}: {done:?}");
            assert!(!done.stderr.contains("panicked"), "{name} {way:?}: {done:?}");
            restore(lab, &name, &own);
        }
        std::fs::copy(other.path(&name), lab.path(&name)).unwrap();
        let said = sentence(&played.replay());
        assert!(said.contains(says), "{name}: {said}");
        restore(lab, &name, &own);
    }
    agrees(&played.replay());
}

fn restore(lab: &Lab, name: &str, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    let path = lab.write(name, bytes);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
