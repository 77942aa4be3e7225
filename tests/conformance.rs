//! The service before programs of others, which know standards and nothing of us: a client of GA4GH's Task Execution
//! Service, and a tester of what an OpenAPI description promises.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use served::*;
use support::*;
use unseen_ids::Digest;

/// Python with a package by others, or the word that it is not there.
fn python(package: &str) -> Option<Command> {
    let program = verifiers().join("venv/bin/python");
    let found = Command::new(&program).args(["-c", &format!("import {package}")]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        skipped(&format!("{package} is not installed: see scripts/verifiers.sh"));
        return None;
    }
    Some(Command::new(program))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifiers").join(name)
}

/// Somebody's client of the Task Execution Service.
struct Tes {
    process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Tes {
    fn of(served: &Served, token: &str) -> Option<Tes> {
        let mut command = python("tes")?;
        command.arg(script("tasks.py")).arg(&served.url).arg(token);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Some(Tes { process, asks, answers: BufReader::new(answers).lines() })
    }

    fn ask(&mut self, request: Value) -> Value {
        writeln!(self.asks, "{request}").unwrap();
        let line = self.answers.next().unwrap_or_else(|| panic!("no answer to {request}")).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ok(&mut self, request: Value) -> Value {
        let answer = self.ask(request.clone());
        answer.get("ok").cloned().unwrap_or_else(|| panic!("{request}: {answer}"))
    }

    /// The status and the code of a refusal.
    fn refused(&mut self, request: Value) -> (u64, String) {
        let answer = self.ask(request.clone());
        let status = answer["status"].as_u64().unwrap_or_else(|| panic!("{request}: {answer}"));
        (status, text(&answer["body"]["code"]))
    }
}

impl Drop for Tes {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What somebody signs of the draft of a change, in base64.
fn signed(served: &Served, lab: &Lab, who: &str, token: &str, path: &str, change: &Value) -> String {
    let (status, draft) = served.post(&format!("{path}/draft"), Some(token), change);
    assert_eq!(status, 200, "{draft}");
    let to_sign = BASE64_STANDARD.decode(text(&draft["toSign"])).unwrap();
    BASE64_STANDARD.encode(unseen_entries::sign::with_key(&to_sign, &lab.signing_key(who)).unwrap())
}

#[test]
fn a_client_of_the_task_execution_service_sees_jobs_as_tasks() {
    let lab = Lab::with_job();
    let served = Served::of(&lab);
    let token = login(&served, &lab, "analyst");
    let Some(mut tes) = Tes::of(&served, &token) else { return };
    let info = tes.ok(json!(["get_service_info"]));
    assert_eq!((&info["id"], &info["type"]["artifact"]), (&json!(ORIGIN), &json!("tes")), "{info}");
    // A task is what its author has signed, and nothing is taken that nobody has.
    let manifest = job("rho = 0.1");
    let component = std::fs::read(lab.path("job/target/job.wasm")).unwrap();
    let image = Digest::of(&component).to_string();
    let task = |more: Value| {
        let mut parameters = json!({ "manifest": manifest });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({
            "name": "Rows of firms",
            "inputs": [{ "name": "firms", "path": "/firms", "url": snapshot(&lab) }],
            "executors": [{ "image": image, "command": ["contribute"] }],
            "resources": { "cpu_cores": 2, "backend_parameters": parameters },
        })
    };
    let unsigned = tes.ask(json!(["create_task", task(json!({}))]));
    assert_eq!((&unsigned["status"], &unsigned["body"]["code"]), (&json!(400), &json!("request.unsigned-task")));
    assert!(text(&unsigned["body"]["detail"]).contains("/v1/jobs/draft"), "{unsigned}");
    upload(&served, &token, &component);
    let change = json!({ "name": "job.toml", "manifest": manifest, "module": image });
    let entry = signed(&served, &lab, "analyst", &token, "/v1/jobs", &change);
    let signed_task = task(json!({ "entry": entry }));
    let mut other = signed_task.clone();
    other["executors"][0]["command"] = json!(["sh", "-c", "cat /firms"]);
    let before = lab.entries();
    assert_eq!(tes.refused(json!(["create_task", other])), (422, "request.other-task".to_owned()));
    other = signed_task.clone();
    other["resources"]["backend_parameters"]["manifest"] = json!(job("rho = 0.2"));
    assert_eq!(tes.refused(json!(["create_task", other])), (422, "usecase.other-entry".to_owned()));
    assert_eq!(lab.entries(), before);
    let id = text(&tes.ok(json!(["create_task", signed_task])));
    assert_eq!(tes.ok(json!(["create_task", signed_task])), json!(id), "the same again is the same task");
    assert_eq!(lab.entries(), before + 1);
    // What it shows is what it was made of.
    let minimal = tes.ok(json!(["get_task", id, "MINIMAL"]));
    assert_eq!((&minimal["id"], &minimal["state"], minimal.get("name")), (&json!(id), &json!("QUEUED"), None));
    let shown = tes.ok(json!(["get_task", id, "FULL"]));
    assert_eq!(shown["resources"]["backend_parameters"], json!({ "manifest": manifest }));
    for (part, of) in [("name", "/name"), ("image", "/executors/0/image"), ("input", "/inputs/0/url")] {
        assert_eq!(shown.pointer(of), signed_task.pointer(of), "{part}: {shown}");
    }
    // What is not there its client looks for at other addresses too, and tells of the last.
    assert_eq!(tes.refused(json!(["get_task", "j99", "MINIMAL"])).0, 404);
    let (status, problem) = get_as(&served, &token, "/ga4gh/tes/v1/tasks/j99");
    assert_eq!((status, &problem["code"]), (404, &json!("ledger.no-such-job")));
    // Two approvals, and its run: nobody asks for more.
    lab.approve(&id, "operator");
    lab.approve(&id, "second");
    assert_eq!(tes.ok(json!(["wait", id, 60]))["state"], "COMPLETE");
    let done = tes.ok(json!(["get_task", id, "FULL"]));
    assert_eq!(done["logs"][0]["logs"], json!([]), "code has no voice: {done}");
    assert_eq!(done["outputs"][0]["url"], format!("/v1/jobs/{id}/release"));
    // Pages, newest first; another analyst has none of these.
    let second = lab.submit("job");
    let page = tes.ok(json!(["list_tasks", "BASIC", 1]));
    assert_eq!((&page["tasks"][0]["id"], page["tasks"].as_array().unwrap().len()), (&json!(second), 1), "{page}");
    let rest = tes.ok(json!(["list_tasks", "MINIMAL", 1, page["next_page_token"]]));
    assert_eq!((&rest["tasks"][0]["id"], rest.get("next_page_token")), (&json!(id), None), "{rest}");
    let (_, filtered) = get_as(&served, &token, "/ga4gh/tes/v1/tasks?state=COMPLETE&name_prefix=Rows");
    assert_eq!(filtered["tasks"], json!([{ "id": id, "state": "COMPLETE" }]));
    // A session alone cancels nothing.
    assert_eq!(tes.refused(json!(["cancel_task", second])), (403, "request.unsigned-cancel".to_owned()));
    let path = format!("/v1/jobs/{second}/withdrawals");
    let entry = signed(&served, &lab, "analyst", &token, &path, &json!({ "reason": "a mistake" }));
    let cancel = |task: &str| {
        served.post(&format!("/ga4gh/tes/v1/tasks/{task}:cancel"), Some(&token), &json!({ "entry": entry }))
    };
    assert_eq!(cancel(&id).0, 422, "signed for another task");
    assert_eq!(cancel(&second), (200, json!({})));
    let ended = tes.ok(json!(["get_task", second, "FULL"]));
    assert_eq!((&ended["state"], &ended["logs"][0]["system_logs"][0]), (&json!("CANCELED"), &json!("a mistake")));
    // The rules are those of everything else.
    let (status, problem) = served.get("/ga4gh/tes/v1/tasks");
    assert_eq!((status, &problem["code"]), (401, &json!("request.unknown")));
}

/// The name of the snapshot of `firms`.
fn snapshot(lab: &Lab) -> String {
    let digest = text(&lab.ok(&["dataset", "list"])["datasets"][0]["snapshot"]);
    digest.replace("sha256:", "urn:unseen:snapshot:")
}

fn upload(served: &Served, token: &str, bytes: &[u8]) {
    let path = format!("{}/v1/blobs/{}", served.url, Digest::of(bytes).to_hex());
    let sent = agent().put(path).header("authorization", format!("Bearer {token}")).send(bytes);
    assert_eq!(served.ask(sent).0, 201);
}

/// Each way to break a request that the description allows or forbids is tried, then as many as chance finds.
#[test]
fn the_service_does_what_its_description_says() {
    let Some(mut command) = python("schemathesis") else { return };
    let lab = Lab::with_job();
    lab.submit("job");
    let served = Served::of(&lab);
    let token = login(&served, &lab, "operator");
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(script("schemathesis.toml"));
    command.args(["run", &format!("{}/openapi.json", served.url), "--no-color", "--seed", "1"]);
    command.args(["--phases", "coverage,fuzzing", "--max-examples", "5", "--continue-on-failure"]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    // It would end the session that all others need.
    command.args(["--exclude-operation-id", "logOut"]);
    let output = command.current_dir(lab.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let described = served.get("/openapi.json").1["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|at| at.as_object().unwrap().len())
        .sum::<usize>();
    let tested = format!("Tested: {}", described - 1);
    assert!(said.contains(&tested), "not all addresses were tested: {said}");
}

/// The catalogue as others take it, validated with the shapes that its standard's editors publish.
#[test]
fn other_catalogues_take_ours() {
    let Some(_) = python("pyshacl") else { return };
    let lab = Lab::with_job();
    let served = Served::of(&lab);
    let (status, catalog) = get_as(&served, &login(&served, &lab, "analyst"), "/v1/catalog.jsonld");
    assert_eq!((status, catalog["dcat:dataset"].as_array().map(Vec::len)), (200, Some(1)), "{catalog}");
    let conforms = |catalog: &Value, shapes: &str| {
        lab.write("catalog.jsonld", catalog.to_string());
        let mut pyshacl = python("pyshacl").unwrap();
        pyshacl.args(["-m", "pyshacl", "--data-file-format", "json-ld", "--shacl"]).arg(script("dcat-ap").join(shapes));
        let done = pyshacl.arg(lab.path("catalog.jsonld")).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    for shapes in ["shapes.ttl", "range.ttl"] {
        let (code, said) = conforms(&catalog, shapes);
        assert_eq!(code, Some(0), "{shapes}: {said}");
    }
    let mut lacking = catalog.clone();
    lacking["dcat:dataset"][0].as_object_mut().unwrap().remove("dct:title");
    assert_eq!(conforms(&lacking, "shapes.ttl").0, Some(1));
    // Its fields, for office programs.
    let (status, fields) = get_as(&served, &login(&served, &lab, "analyst"), "/v1/datasets/firms/dictionary.csv");
    let fields = fields.as_str().unwrap();
    assert!(status == 200 && fields.starts_with('\u{feff}') && fields.contains("output"), "{fields}");
    assert_eq!(served.get("/v1/catalog.jsonld").0, 401);
}
