//! A company's own rows: encrypted on its own machine, sent in pieces, imported by the lab, registered with its own
//! signature, and its own to take back.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use served::{Served, agent, get_as, login};
use support::*;
use unseen_ids::Digest;
use unseen_usecases::Folder;
use unseen_usecases::importing::{self, Import};

const IMPORT: [&str; 7] =
    ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];

const UPLOADS: [&str; 4] = ["dataset", "uploads", "--key", "keys/steward.pem"];

/// A lab with a description and rows beside it, and nothing imported.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("firms.csv", firms(40));
    lab.write("firms.toml", FIRMS);
    lab
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a piece of an upload.
fn send(served: &Served, token: &str, digest: &Digest, at: usize, of: usize, piece: &[u8]) -> (u16, Value) {
    let request = agent().patch(format!("{}/v1/uploads/{}", served.url, digest.to_hex()));
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.header("upload-offset", at.to_string()).header("upload-length", of.to_string());
    served.ask(request.send(piece))
}

fn files_of_imports(lab: &Lab) -> Vec<String> {
    let all = tree(&lab.path("lab/incoming")).into_iter();
    all.filter(|name| lab.path(&format!("lab/incoming/{name}")).is_file())
        .filter(|name| name.starts_with("uploads/") || name.starts_with("imports/"))
        .collect()
}

#[test]
fn rows_are_imported_over_the_network_as_at_the_folder() {
    let (lab, other) = (lab(), lab());
    let served = Served::of(&lab);
    let there = served.ok(&lab, "steward", &IMPORT);
    let here = other.ok(&IMPORT);
    for field in ["dataset", "unit", "domain", "quality", "ignoredColumns", "memory"] {
        assert_eq!(there[field], here[field], "{field}");
    }
    let shown = served.unseen(&lab, "steward", &[&["--lang", "zh"], IMPORT.as_slice()].concat());
    let local = other.unseen(&[&["--lang", "zh"], IMPORT.as_slice()].concat());
    let but_entry =
        |text: &str| text.lines().filter(|line| !line.contains("条目")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((shown.code, but_entry(&shown.stdout)), (0, but_entry(&local.stdout)), "{shown:?}");
    // Jobs run on it as on any other.
    lab.write("job/job.toml", job("rho = 0.25"));
    lab.write("job/target/job.wasm", component("(f64.convert_i32_u (i32.load (local.get $grain)))"));
    let id = text(&served.ok(&lab, "analyst", &["job", "submit", "job"])["job"]);
    for who in ["operator", "second"] {
        served.ok(&lab, who, &["job", "approve", &id]);
    }
    until("it is released", || served.ok(&lab, "owner", &["job", "show", &id])["state"] == "released");
    // What was sent goes once it is registered; and here nothing encrypted is left either.
    until("what was sent is gone", || files_of_imports(&lab).is_empty());
    assert_eq!(tree(&lab.path("cache")).iter().filter(|name| name.ends_with(".age")).count(), 0);
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}

#[test]
fn what_is_wrong_with_rows_their_steward_is_told() {
    let (lab, other) = (lab(), lab());
    let served = Served::of(&lab);
    let wrong = firms(40).replacen("0.5", "one", 1);
    for lab in [&lab, &other] {
        lab.write("firms.csv", &wrong);
    }
    for lang in ["en", "zh"] {
        let args = [&["--lang", lang], IMPORT.as_slice()].concat();
        let (there, here) = (served.unseen(&lab, "steward", &args), other.unseen(&args));
        assert_eq!((there.code, &there.stdout, &there.stderr), (1, &here.stdout, &here.stderr));
    }
    // Its words tell of rows, so the lab keeps them for their steward alone.
    for name in files_of_imports(&lab) {
        let kept = std::fs::read(lab.path(&format!("lab/incoming/{name}"))).unwrap();
        assert!(!kept.windows(3).any(|word| word == b"one") || name.ends_with("wish"), "{name}");
    }
    // What was sent waits for another description, and can be taken back.
    let waiting = served.ok(&lab, "steward", &UPLOADS)["uploads"].clone();
    assert_eq!((waiting.as_array().map(Vec::len), &waiting[0]["whole"]), (Some(1), &json!(true)), "{waiting}");
    let drop = ["--drop", waiting[0]["upload"].as_str().unwrap()];
    assert_eq!(served.ok(&lab, "steward", &[UPLOADS.as_slice(), &drop].concat())["uploads"], json!([]));
    assert_eq!(served.unseen(&lab, "steward", &[UPLOADS.as_slice(), &drop].concat()).code, 1);
    // Put right, the same command does it.
    lab.write("firms.csv", firms(40));
    served.ok(&lab, "steward", &IMPORT);
    // Whoever is no steward sends nothing.
    let refused = served.unseen(&lab, "analyst", &[&IMPORT[..6], &["keys/analyst.pem"]].concat());
    assert!(refused.code == 1 && refused.stderr.contains("may not"), "{refused:?}");
}

/// At a folder and over the network alike, by its own description and by that of the rows it would stand in for.
#[test]
fn a_twin_is_not_taken_for_the_rows_themselves() {
    let lab = lab();
    let served = Served::of(&lab);
    served.ok(&lab, "steward", &IMPORT);
    lab.ok(&["twin", "firms", "--rows", "50", "--out", "twins"]);
    let import = |description| {
        let args = ["dataset", "import", "twins/firms.csv", "--description", description, "--key", "keys/steward.pem"];
        (args, [served.unseen(&lab, "steward", &args), lab.unseen(&args)])
    };
    let before = lab.entries();
    let sent = || served.ok(&lab, "steward", &UPLOADS)["uploads"].as_array().unwrap().clone();
    let sent_before = sent();
    for description in ["twins/firms.dataset.toml", "firms.toml"] {
        for refused in import(description).1 {
            assert!(refused.code == 1 && refused.stderr.contains("it describes a twin"), "{refused:?}");
            assert!(refused.stderr.contains("twins/firms.dataset.toml"), "{refused:?}");
        }
    }
    // Nor described as such, and nothing was sent or written for it.
    let again = ["dataset", "redescribe", "firms", "--description", "twins/firms.dataset.toml"];
    let refused = served.unseen(&lab, "steward", &[&again[..], &["--key", "keys/steward.pem"]].concat());
    assert!(refused.code == 1 && refused.stderr.contains("it describes a twin"), "{refused:?}");
    assert!(sent().iter().all(|upload| sent_before.contains(upload)), "{:?}", sent());
    assert_eq!(lab.entries(), before);
    // A description that reaches the lab in another way.
    let session = login(&served, &lab, "steward");
    let marked = std::fs::read_to_string(lab.path("twins/firms.dataset.toml")).unwrap();
    let wish = json!({ "upload": Digest::of(b"").to_string(), "source": "a", "name": "b.toml", "description": marked });
    let (status, refused) = served.post("/v1/datasets/firms/imports", Some(&session), &wish);
    assert_eq!((status, &refused["code"]), (422, &json!("lab.twin")), "{refused}");
    // Whoever means it says so.
    lab.write("twins/firms.dataset.toml", marked.split_once('\n').unwrap().1);
    assert_eq!(import("firms.toml").1.map(|done| done.code), [0, 0]);
}

#[test]
fn a_file_that_stock_age_has_encrypted_is_sent_in_pieces() {
    if Command::new("age").arg("--version").output().is_err() {
        return skipped("files encrypted by Debian's age, which is not installed");
    }
    let lab = lab();
    let served = Served::of(&lab);
    let recipient = text(&served.ok(&lab, "steward", &["lab", "show"])["uploadTo"]);
    let age = |more: &[&str], out: &str| {
        let mut age = Command::new("age");
        age.args(["-r", &recipient]).args(more).args(["-o", out, "firms.csv"]).current_dir(lab.path("."));
        assert!(age.status().unwrap().success());
        std::fs::read(lab.path(out)).unwrap()
    };
    let sealed = age(&[], "firms.csv.age");
    let (digest, of) = (Digest::of(&sealed), sealed.len());
    let (steward, analyst) = (login(&served, &lab, "steward"), login(&served, &lab, "analyst"));
    let path = format!("/v1/uploads/{}", digest.to_hex());
    assert_eq!(get_as(&served, &steward, &path).0, 404);
    assert_eq!(served.get(&path).0, 401);
    assert_eq!(send(&served, &analyst, &digest, 0, of, &sealed).0, 403);
    assert_eq!(send(&served, &steward, &digest, 0, of, &sealed[..100]).1["received"], 100);
    // Anywhere else than where it ended is refused, and said how far it is.
    let (status, problem) = send(&served, &steward, &digest, 50, of, &sealed[50..]);
    assert_eq!((status, &problem["code"], &problem["data"]["received"]), (409, &json!("upload.offset"), &json!(100)));
    assert_eq!(get_as(&served, &steward, &path).1["received"], 100);
    let done = send(&served, &steward, &digest, 100, of, &sealed[100..]);
    assert_eq!(done, (200, json!({ "upload": digest.to_string(), "received": of, "whole": true })));
    // By hand, as whoever has no `unseen`.
    let wish = |source: &str, upload: &Digest| json!({ "upload": upload.to_string(), "source": source, "name": "firms.toml", "description": FIRMS });
    let imports = "/v1/datasets/firms/imports";
    let (status, begun) = served.post(imports, Some(&steward), &wish("firms.csv.age", &digest));
    assert_eq!(status, 200, "{begun}");
    let at = format!("{imports}/{}", text(&begun["import"]));
    until("it is ready", || get_as(&served, &steward, &at).1["state"] == "ready");
    assert_eq!(get_as(&served, &analyst, &at).0, 403);
    let ready = get_as(&served, &steward, &at).1;
    assert_eq!(ready["quality"]["rows"], firms(40).lines().count() - 1);
    // Typed with `unseen`, the rest of it is done.
    let with = |file: &str| {
        ["dataset", "import", file, "--description", "firms.toml", "--key", "keys/steward.pem"].map(str::to_owned)
    };
    let typed = |file: &str| {
        let args = with(file);
        served.unseen(&lab, "steward", &args.each_ref().map(String::as_str))
    };
    assert_eq!(typed("firms.csv.age").code, 0);
    // In armor, to somebody else, and cut off.
    age(&["-a"], "armored.age");
    let said = typed("armored.age");
    assert!(said.code == 1 && said.stderr.contains("without `-a`"), "{said:?}");
    let other = unseen_age::Identity::generate().unwrap().recipient();
    let mut file = unseen_age::Encrypter::new(Vec::new(), &[other]).unwrap();
    file.write_all(firms(40).as_bytes()).unwrap();
    lab.write("other.age", file.finish().unwrap());
    let said = typed("other.age");
    assert!(said.code == 1 && said.stderr.contains("other.age: the file is not encrypted to this key"), "{said:?}");
    lab.write("cut.age", &sealed[..of - 1]);
    let said = typed("cut.age");
    assert!(said.code == 1 && said.stderr.contains("cut.age: the file was"), "{said:?}");
    // What is not what its address says is gone at once, and one may take back what one sent.
    let nothing = Digest::of(b"nothing");
    assert_eq!(send(&served, &steward, &nothing, 0, 4, b"some").1["code"], "upload.other");
    let nowhere = format!("/v1/uploads/{}", nothing.to_hex());
    assert_eq!(get_as(&served, &steward, &nowhere).0, 404);
    send(&served, &steward, &nothing, 0, 40, b"some");
    let removed =
        agent().delete(format!("{}{nowhere}", served.url)).header("authorization", format!("Bearer {steward}"));
    assert_eq!(served.ask(removed.call()).0, 200);
    assert_eq!(get_as(&served, &steward, &nowhere).0, 404);
    // More than one may send, or more than was said.
    assert_eq!(send(&served, &steward, &nothing, 0, 100 << 30, b"some").1["code"], "upload.too-much");
    assert_eq!(send(&served, &steward, &nothing, 0, 3, b"some").1["code"], "upload.longer");
    assert_eq!(send(&served, &steward, &nothing, 3, 2, b"some").0, 409);
}

#[test]
fn a_service_that_is_killed_in_an_import_begins_it_again() {
    let lab = lab();
    let many = 400_000;
    lab.write("firms.csv", firms(many));
    lab.write("firms.toml", FIRMS.replace("text = 256", &format!("text = 256\nunits = {many}\nrows = 10_000_000")));
    let mut served = Served::of(&lab);
    let mut import = lab.command(&IMPORT);
    import.env("UNSEEN_LAB", &served.url).stdout(Stdio::null()).stderr(Stdio::null());
    let mut import = import.spawn().unwrap();
    until("it has begun", || files_of_imports(&lab).iter().any(|name| name.ends_with("share")));
    served.kill();
    // Whoever waits for it goes on waiting for a while, and so does its process nowhere.
    import.kill().unwrap();
    import.wait().unwrap();
    until("its process ended", || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = all.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
        !lines.any(|line| line.windows(8).any(|word| word == b"__import"))
    });
    let served = Served::of(&lab);
    let done = served.ok(&lab, "steward", &IMPORT);
    assert_eq!(done["quality"]["units"], many);
    assert_eq!(lab.kinds().iter().filter(|kind| *kind == "dataset-registered").count(), 1);
}

#[test]
fn small_files_that_want_to_be_large_end_their_own_import_only() {
    let lab = lab();
    let served = Served::of(&lab);
    // 16 GiB of rows in a few kB.
    let mut bomb = zstd::Encoder::new(Vec::new(), 3).unwrap();
    bomb.write_all(firms(1).lines().next().unwrap().as_bytes()).unwrap();
    let rows = format!("\n{}", firms(1).lines().nth(1).unwrap()).repeat(10_000);
    for _ in 0..((1usize << 30) / rows.len()) {
        bomb.write_all(rows.as_bytes()).unwrap();
    }
    lab.write("firms.csv", bomb.finish().unwrap());
    let said = served.unseen(&lab, "steward", &IMPORT);
    assert!(said.code == 1 && said.stderr.contains("rows"), "{said:?}");
    // One line that never ends.
    let mut bomb = zstd::Encoder::new(Vec::new(), 3).unwrap();
    bomb.write_all(firms(1).as_bytes()).unwrap();
    (0..3 << 10).for_each(|_| bomb.write_all(&vec![b'x'; 1 << 20]).unwrap());
    lab.write("firms.csv", bomb.finish().unwrap());
    let said = served.unseen(&lab, "steward", &IMPORT);
    assert!(said.code == 1, "{said:?}");
    assert_eq!(served.get("/healthz").0, 200);
    lab.write("firms.csv", firms(40));
    served.ok(&lab, "steward", &IMPORT);
}

#[test]
fn what_is_kept_no_longer_is_destroyed_by_the_lab_and_on_record() {
    let lab = lab();
    lab.write("job/job.toml", job("rho = 0.25"));
    lab.write("job/target/job.wasm", component("(f64.convert_i32_u (i32.load (local.get $grain)))"));
    let desk = Folder { folder: lab.path("lab"), program: env!("CARGO_BIN_EXE_unseen").into() };
    let keep_until = Some(Utc::now() + TimeDelta::seconds(5));
    let (source, description) = (lab.path("firms.csv"), lab.path("firms.toml"));
    let import = Import { source, description, open_to: vec![], keep_until, buckets: None };
    importing::import(&desk, &import, &lab.signing_key("steward"), &mut |_| ()).unwrap();
    let waits = lab.submit("job");
    let served = Served::of(&lab);
    let history = || served.ok(&lab, "steward", &["dataset", "history", "firms"]);
    let snapshot = text(&history()["snapshots"][0]["snapshot"]);
    let place = lab.path(&format!("lab/snapshots/firms/{}", snapshot.strip_prefix("sha256:").unwrap()));
    assert!(place.exists());
    until("it is destroyed", || history()["snapshots"][0]["gone"] == "deleted");
    // The entry comes first, the files go after it.
    until("its files are gone", || !place.exists());
    let entries = lab.ok(&["log", "show"])["entries"].as_array().unwrap().clone();
    let deleted = entries.iter().find(|entry| entry["kind"] == "dataset-deleted").unwrap();
    assert_eq!(deleted["signer"], Value::Null, "the lab itself");
    let refused = lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]);
    assert!(refused.contains("kept until its time"), "{refused}");
    let job = lab.ok(&["job", "show", &waits]);
    assert_ne!(job["state"], "released");
    // The day is told before it has come, and one that is past is refused.
    let again = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];
    let past = lab.refuses(&[again.as_slice(), &["--keep-until", "2020-01-01"]].concat());
    assert_eq!(past, "--keep-until 2020-01-01 is past: name a day to come");
    lab.ok(&[again.as_slice(), &["--keep-until", "2199-12-31"]].concat());
    let shown = served.unseen(&lab, "steward", &["dataset", "history", "firms"]).stdout;
    assert!(shown.contains("kept until 2199-12-31"), "{shown}");
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}

#[test]
fn one_steward_neither_takes_nor_ends_what_another_imports() {
    let lab = lab();
    let enrol = ["person", "enroll", "--name", "other", "--role", "steward", "--new-key", "keys/other.pem"];
    unseen_lab::write_new_key(&lab.path("keys/other.pem")).unwrap();
    lab.ok(&[enrol.as_slice(), &["--key", "keys/owner.pem"]].concat());
    let served = Served::of(&lab);
    let (steward, other) = (login(&served, &lab, "steward"), login(&served, &lab, "other"));
    let imports = "/v1/datasets/firms/imports";
    let ask = |token: &str, rows: &str| {
        let digest = Digest::of(rows.as_bytes());
        assert_eq!(send(&served, token, &digest, 0, rows.len(), rows.as_bytes()).0, 200);
        let wish = json!({ "upload": digest.to_string(), "source": "f.csv", "name": "f.toml", "description": FIRMS });
        let at = format!("{imports}/{}", text(&served.post(imports, Some(token), &wish).1["import"]));
        until("it has ended", || {
            ["ready", "failed"].map(Value::from).contains(&get_as(&served, token, &at).1["state"])
        });
        at
    };
    let own = ask(&steward, &firms(40));
    // Another of the same name is beside it, whether or not it comes to anything.
    ask(&other, &firms(50));
    ask(&other, "code,town,output\n");
    assert_eq!(get_as(&served, &steward, &own).1["state"], "ready");
    assert_eq!(get_as(&served, &other, &own).0, 404);
    // With the number and the words of it, it is still not theirs to sign.
    let number = own.rsplit('/').next().unwrap();
    let wish = json!({ "import": number, "description": FIRMS });
    let key = |who: &str| unseen_ids::PublicKey::from(unseen_tlog::Signer::verifying_key(&lab.signing_key(who)));
    let draft = |token: &str, who: &str| {
        let at = format!("/v1/datasets/firms/registrations/draft?signer={}", key(who));
        served.post(&at, Some(token), &wish)
    };
    assert_eq!(draft(&other, "other").1["code"], "lab.no-import");
    let (status, drafted) = draft(&steward, "steward");
    assert_eq!(status, 200, "{drafted}");
    let to_sign = BASE64_STANDARD.decode(text(&drafted["toSign"])).unwrap();
    let hand_in = |token: &str, who: &str| {
        let entry = unseen_entries::sign::with_key(&to_sign, &lab.signing_key(who)).unwrap();
        let body = json!({ "change": wish, "entry": BASE64_STANDARD.encode(entry) });
        served.post("/v1/datasets/firms/registrations", Some(token), &body)
    };
    assert_eq!(hand_in(&other, "other").1["code"], "lab.no-import");
    assert_eq!(hand_in(&steward, "steward").0, 201);
}

/// A register at the lab and a company's own upload write the same people in two ways, and only the declared form brings
/// them together. Told are a steward whose dataset would not meet another, and whoever checks a job that joins the two.
#[test]
fn codes_of_an_upload_meet_those_of_a_register_in_their_form() {
    const FORM: &str = "normalize = [\"width\", \"blanks\", \"case\", \"resident-id\"]";
    let described = |name: &str, form: &str, value: &str| {
        format!(
            "name = \"{name}\"\nkind = \"private\"\nprovider = \"p\"\nclassification = \"internal\"\nupdate_cycle = \"once\"\n\
             sharing = \"none\"\nunit = {{ column = \"id\", domain = \"person\" }}\n[[column]]\nname = \"id\"\ntype = \"text\"\n\
             check = \"resident-id\"\n{form}\n[[column]]\nname = \"{value}\"\ntype = \"int\"\n"
        )
    };
    let job = "[job]\ntitle = \"Orders of the insured\"\npurpose = \"To join.\"\nmodule = \"ready-made:sum\"\nrelease = \"now\"\n\
        [[input]]\ndataset = \"couriers\"\ncolumns = [\"orders\"]\n[[input]]\ndataset = \"insured\"\ncolumns = [\"since\"]\n\
        [ready-made.columns]\ncover = \"CASE WHEN since IS NULL THEN 'none' ELSE 'some' END\"\n[grain]\nkind = \"unit\"\n\
        [[output]]\nname = \"cover\"\ngroups = [{ name = \"cover\", keys = [\"some\", \"none\"] }]\n\
        values = [{ name = \"units\", lower = 0, upper = 1, granularity = 1 }]\n[privacy]\nmechanism = \"gaussian\"\nrho = 0.25\n\
        [limits]\nfuel = 1\nmemory = \"1MiB\"\n";
    // Three hundred people, of whom the register has the first two hundred, each twice in the company's file.
    let day = |at: u32| format!("{}{:02}{:02}", 1950 + at % 30, 1 + at / 30 % 12, 1 + at % 28);
    let id = |at: u32| {
        let body = format!("320412{}{:03}", day(at), at + 1);
        let fits = |end: &char| {
            unseen_data::cell::passes(&format!("{body}{end}"), &unseen_data::description::Check::ResidentId)
        };
        format!("{body}{}", "0123456789X".chars().find(fits).unwrap())
    };
    let wide = |id: &str| id.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect::<String>();
    let lab = Lab::new();
    let short = |id: String| format!("{}{}", &id[..6], &id[8..17]);
    let insured: String =
        (0..200).map(|at| format!("{},2020\n", if at % 2 == 0 { id(at) } else { short(id(at)) })).collect();
    let couriers: String = (0..300)
        .map(|at| format!("{},5\n{} {},7\n", wide(&id(at).to_lowercase()), &id(at)[..6], &id(at)[6..]))
        .collect();
    lab.write("insured.csv", format!("id,since\n{insured}"));
    lab.write("couriers.csv", format!("id,orders\n{couriers}"));
    lab.write("job/job.toml", job);
    let served = Served::of(&lab);
    let register = |name: &str, form: &str, value: &str| {
        lab.write("described.toml", described(name, form, value));
        let file = format!("{name}.csv");
        served.ok(&lab, "steward", &["dataset", "import", &file, "--description", "described.toml"])
    };
    let normalized = |found: &Value| found["quality"]["columns"][0]["normalized"].as_u64().unwrap();
    let first = register("insured", FORM, "since");
    assert_eq!((normalized(&first), &first["quality"]["units"], &first["hints"]), (100, &json!(200), &json!([])));
    // As they are written, they would not meet: that is said, and nothing is refused.
    let raw = register("couriers", "", "orders");
    assert_eq!((normalized(&raw), &raw["quality"]["units"]), (0, &json!(600)));
    assert!(text(&raw["hints"][0]).contains("`normalize` of the unit column `id` is not that of insured"), "{raw}");
    let checked = served.ok(&lab, "analyst", &["job", "check", "job"]);
    assert!(text(&checked["hints"][0]).contains("`couriers` and `insured` are in different forms"), "{checked}");
    let formed = register("couriers", FORM, "orders");
    assert_eq!((normalized(&formed), &formed["quality"]["units"], &formed["hints"]), (600, &json!(300), &json!([])));
    assert_eq!(served.ok(&lab, "analyst", &["job", "check", "job"])["hints"], json!([]));
    // What an import counted is for its steward: the log, and other people's answers, have the form and no count.
    let shown = served.ok(&lab, "analyst", &["dataset", "show", "couriers"]);
    assert_eq!(shown["columns"][0]["normalize"], json!(["width", "blanks", "case", "resident-id"]));
    assert!(served.unseen(&lab, "analyst", &["dataset", "quality", "couriers"]).code == 1);
    lab.ok(&["log", "export", "bundle"]);
    let logged =
        tree(&lab.path("bundle")).into_iter().map(|name| lab.path("bundle").join(name)).filter(|path| path.is_file());
    for path in logged {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(10).any(|word| word == b"normalized"), "{}", path.display());
    }
    // The people on both lists are one unit each.
    let sent = text(&served.ok(&lab, "analyst", &["job", "submit", "job"])["job"]);
    for who in ["operator", "second"] {
        served.ok(&lab, who, &["job", "approve", &sent]);
    }
    until("it is released", || served.ok(&lab, "owner", &["job", "show", &sent])["state"] == "released");
    let found = served.ok(&lab, "analyst", &["job", "release", &sent]);
    let groups = found["rounds"][0]["outputs"][0]["groups"].as_array().unwrap();
    let number = |at: usize, name: &str| text(&groups[at]["values"][0][name]).parse::<f64>().unwrap();
    for (at, truth) in [(0, 200.0), (1, 100.0)] {
        let half = (number(at, "high") - number(at, "low")) / 2.0;
        assert!((number(at, "value") - truth).abs() < 5.0 * half && half < 5.0, "{found}");
    }
}

/// Rows are dealt into other buckets without their file, by whoever may register them; jobs that were submitted read what
/// they name, and what a job would join has one number of buckets.
#[test]
fn rows_are_dealt_into_other_buckets_at_the_folder_and_over_the_network() {
    let lab = lab();
    assert_eq!(lab.ok(&IMPORT)["buckets"], 16);
    std::fs::remove_file(lab.path("firms.csv")).unwrap();
    lab.write("job/job.toml", job("rho = 0.1"));
    lab.write("job/target/job.wasm", component("(f64.convert_i32_u (i32.load (local.get $grain)))"));
    let waits = lab.submit("job");
    let rebucket = |buckets| ["dataset", "rebucket", "firms", "--buckets", buckets, "--key", "keys/steward.pem"];
    let refused = |done: Done, words: &str| assert!(done.code != 0 && done.stderr.contains(words), "{words}: {done:?}");
    refused(lab.unseen(&rebucket("16")), "`firms` has 16 buckets already");
    refused(lab.unseen(&rebucket("0")), "write a number from 1 to 65536");
    refused(
        lab.unseen(&["dataset", "rebucket", "farms", "--buckets", "4", "--key", "keys/steward.pem"]),
        "not registered",
    );
    refused(lab.unseen(&[&rebucket("64")[..6], &["keys/analyst.pem"]].concat()), "is not a steward");
    let before = lab.ok(&["dataset", "quality", "firms", "--key", "keys/steward.pem"]);
    let done = lab.ok(&rebucket("64"));
    assert_eq!(done["buckets"], 64);
    let found = done["quality"].as_object().unwrap();
    assert!(found.len() > 5 && found.iter().all(|(name, value)| before[name] == *value), "{done} {before}");
    assert_eq!(lab.ok(&["dataset", "show", "firms"])["buckets"], 64);
    // What was submitted before reads the snapshot that it names, and what comes after the new one.
    let comes = lab.submit("job");
    for job in [&waits, &comes] {
        for who in ["operator", "second"] {
            lab.approve(job, who);
        }
        lab.ok(&["job", "run", job, "--key", "keys/operator.pem"]);
        assert_eq!(lab.ok(&["audit", "replay", job])["verdict"], "agrees");
    }

    // Another dataset of the domain is dealt alike, unless something else is said; and then no job joins the two.
    let served = Served::of(&lab);
    lab.write("taxes.csv", firms(40));
    lab.write("taxes.toml", FIRMS.replace("\"firms\"", "\"taxes\""));
    let import = ["dataset", "import", "taxes.csv", "--description", "taxes.toml"];
    assert_eq!(served.ok(&lab, "steward", &import)["buckets"], 64);
    assert_eq!(served.ok(&lab, "steward", &[&import[..], &["--buckets", "3"]].concat())["buckets"], 3);
    let both = job("rho = 0.1")
        .replace("release = \"now\"", "release = \"now\"\nmodule = \"ready-made:sum\"")
        .replace("\"town\", ", "")
        .replace("[grain]", "[[input]]\ndataset = \"taxes\"\ncolumns = [\"town\"]\n\n[grain]");
    lab.write("job/job.toml", both);
    refused(served.unseen(&lab, "analyst", &["job", "submit", "job"]), "`firms` has 64 buckets and `taxes` has 3");
    refused(served.unseen(&lab, "analyst", &["dataset", "rebucket", "taxes", "--buckets", "64"]), "may not");
    refused(
        served.unseen(&lab, "steward", &["dataset", "rebucket", "taxes", "--buckets", "3"]),
        "has 3 buckets already",
    );
    let over = served.ok(&lab, "steward", &["dataset", "rebucket", "taxes", "--buckets", "64"]);
    assert_eq!((&over["buckets"], &over["dataset"]), (&json!(64), &json!("taxes")));
    served.ok(&lab, "analyst", &["job", "submit", "job"]);
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}
