//! The console in a real browser, and what its cookie is good for.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use served::{Served, agent, login};
use support::*;

/// What somebody would write who wants it to be more than text.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\\\"'`${1}";

#[test]
fn every_role_does_its_work_in_a_browser() {
    let modules = verifiers().join("node/node_modules");
    let Some(chromium) = which("chromium").filter(|_| modules.join("playwright-core").exists()) else {
        return skipped("the console in a browser: playwright-core or Chromium is not installed");
    };
    let lab = Lab::with_job();
    unseen_lab::write_new_key(&lab.path("keys/auditor.pem")).unwrap();
    let auditor = ["--name", "auditor", "--role", "auditor", "--new-key", "keys/auditor.pem"];
    lab.ok(&[["person", "enroll"].as_slice(), &auditor, &["--key", "keys/owner.pem"]].concat());
    lab.write("hostile/job.toml", job("rho = 0.01").replace("Rows of firms", HOSTILE));
    lab.write("hostile/target/job.wasm", std::fs::read(lab.path("job/target/job.wasm")).unwrap());
    let hostile = lab.submit("hostile");
    // The same in what a steward writes of a dataset, and in somebody's name.
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let both = format!("{{ zh = {quoted}, en = {quoted} }}");
    let described = FIRMS
        .replace("name = \"firms\"", "name = \"hostile\"")
        .replace("\"Statistics Bureau\"", &quoted)
        .replace("{ zh = \"企业\", en = \"Firms\" }", &format!("{both}\ndescription = {both}"))
        .replace("[bounds]", &format!("[catalogue]\nbasis = {quoted}\ncontact = {quoted}\n\n[bounds]"))
        .replace("domain = [\"north\", \"south\"]", &format!("zh = {quoted}\nen = {quoted}"));
    lab.write("hostile.toml", described);
    let import = ["dataset", "import", "firms.csv", "--description", "hostile.toml", "--key", "keys/steward.pem"];
    lab.ok(&import);
    unseen_lab::write_new_key(&lab.path("keys/hostile.pem")).unwrap();
    let named = ["--name", "<img src=x onerror=alert(1)>", "--role", "analyst", "--new-key", "keys/hostile.pem"];
    lab.ok(&[["person", "enroll"].as_slice(), &named, &["--key", "keys/owner.pem"]].concat());
    let request = |lang: &str| {
        let (name, key, out) = (format!("new-{lang}"), format!("keys/{lang}.pem"), format!("{lang}.json"));
        unseen_lab::write_new_key(&lab.path(&key)).unwrap();
        let who = ["person", "request", "--name", &name, "--role", "analyst", "--new-key", &key];
        lab.ok(&[who.as_slice(), &["--origin", "lab.example/test", "--out", &out]].concat());
        lab.path(&out)
    };
    let requests = json!({ "zh": request("zh"), "en": request("en") });
    let served = Served::of(&lab);
    let keys = ["analyst", "operator", "second", "steward", "auditor"];
    let keys: Value = keys.iter().map(|who| ((*who).to_owned(), json!(lab.path(&format!("keys/{who}.pem"))))).collect();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    let _ = std::fs::remove_dir_all(&out);
    // Its own rows, encrypted to the lab as stock age does.
    let recipient = text(&served.ok(&lab, "steward", &["lab", "show"])["uploadTo"]);
    let mut sealed = unseen_age::Encrypter::new(Vec::new(), &[recipient.parse().unwrap()]).unwrap();
    std::io::Write::write_all(&mut sealed, firms(60).as_bytes()).unwrap();
    lab.write("own.csv.age", sealed.finish().unwrap());
    let asked = json!({
        "rows": lab.path("own.csv.age"), "manifestFile": lab.path("job/job.toml"), "description": FIRMS,
        "url": served.url, "keys": keys, "out": out, "modules": modules, "chromium": chromium, "hostile": hostile, "requests": requests,
        "manifest": job("rho = 0.1"), "component": lab.path("job/target/job.wasm"),
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/console/journeys.mjs");
    let done = Command::new("node").arg(script).arg(asked.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    println!("pictures are in {}: {said}", out.display());
    // What was signed in the browser is in the log like all else.
    drop(served);
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}

#[test]
fn a_cookie_counts_for_pages_of_the_service_and_for_nobody_elses() {
    let lab = Lab::with_job();
    let id = lab.submit("job");
    let served = Served::of(&lab);
    let cookie = format!("unseen-session={}", login(&served, &lab, "operator"));
    let post = |path: &str, from: Option<&str>| {
        let request = agent().post(format!("{}{path}", served.url)).header("cookie", &cookie);
        let request = request.header("content-type", "application/json");
        let request = match from {
            Some(from) => request.header("sec-fetch-site", from),
            None => request,
        };
        request.send("{}").unwrap().status().as_u16()
    };
    let draft = format!("/v1/jobs/{id}/approvals/draft");
    assert_eq!(post(&draft, Some("same-origin")), 200);
    for from in [None, Some("same-site"), Some("cross-site"), Some("none")] {
        assert_eq!(post(&draft, from), 401, "{from:?}");
    }
    // Pages say what may run on them, and that nobody shows them within their own.
    let page = agent().get(format!("{}/zh/", served.url)).header("cookie", &cookie).call().unwrap();
    let header = |name: &str| page.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff".into(), "no-store".into()));
    let body = page.into_body().read_to_string().unwrap();
    assert!(body.contains("lang=\"zh-CN\"") && body.contains("operator") && body.contains("待审批"), "{body}");
    assert!(!body.contains("style=") && !body.contains("onclick"), "{body}");
    // Whoever is nobody sees the log, and is told so elsewhere.
    let (status, page) = served.get("/en/log");
    assert!(status == 200 && page.as_str().unwrap().contains("checkpoint"), "{page}");
    let (status, page) = served.get(&format!("/en/jobs/{id}"));
    assert!(status == 401 && page.as_str().unwrap().contains("say who you are"), "{page}");
    assert_eq!(served.get("/en/nothing").0, 404);
    assert_eq!(served.get("/assets/0000000000000000/sign.js").0, 404);
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.exists())
}
