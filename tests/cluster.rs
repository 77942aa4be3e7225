//! Runs that are spread over nodes, through the real binary: the same release as on one machine, whatever happens to
//! nodes and to the lab on the way. The courier is the one without an engine; engines have their own tests
//! (`sandbox/couriers/conformance.py`).
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "s3")]
#[path = "support/moto.rs"]
mod moto;
#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/tpm.rs"]
mod tpm;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use served::Served;
use support::*;
use tpm::Tpm;

/// A lab with nodes, whose agents serve.
struct Cluster {
    lab: Lab,
    nodes: Vec<Node>,
}

/// A node's agent.
struct Node {
    agent: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn couriers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../couriers").canonicalize().unwrap()
}

impl Cluster {
    /// None, said aloud, where there is no Python for the courier.
    fn new(lab: Lab, names: &[&str]) -> Option<Cluster> {
        if Command::new("python3").arg("--version").output().is_err() {
            skipped("a cluster without an engine: python3 is not installed");
            return None;
        }
        let shown = lab.unseen(&["--json", "lab", "show"]).stdout;
        lab.write("lab.json", shown);
        let nodes = names.iter().map(|name| {
            lab.ok(&["--lab", "lab.json", "node", "init", name]);
            let request = format!("{name}/{name}.node");
            lab.ok(&["node", "enroll", &request, "--key", "keys/owner.pem"]);
            let agent = serve(&lab, name, env!("CARGO_BIN_EXE_unseen").as_ref());
            Node { agent }
        });
        let nodes = nodes.collect();
        let sockets: Vec<String> =
            names.iter().map(|name| lab.path(&format!("{name}.sock")).display().to_string()).collect();
        configure(&lab, &sockets);
        Some(Cluster { lab, nodes })
    }

    fn signal(&self, node: usize, signal: Signal) {
        kill_process(Pid::from_raw(self.nodes[node].agent.id() as i32).unwrap(), signal).unwrap();
    }
}

/// Starts an agent, and waits until it listens.
fn serve(lab: &Lab, name: &str, program: &Path) -> Child {
    let socket = lab.path(&format!("{name}.sock"));
    let _ = std::fs::remove_file(&socket);
    let mut command = Command::new(program);
    command.current_dir(lab.path("")).args(["node", "serve", name, "--store", &store(lab), "--socket"]).arg(&socket);
    let agent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !socket.exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "{name} does not serve");
        std::thread::sleep(Duration::from_millis(10));
    }
    agent
}

/// What lab and nodes share: a folder, or what the environment names.
fn store(lab: &Lab) -> String {
    std::env::var("UNSEEN_TEST_STORE").unwrap_or_else(|_| lab.path("store").display().to_string())
}

/// Has runs spread by the courier without an engine.
fn configure(lab: &Lab, sockets: &[String]) {
    let about = std::fs::read_to_string(lab.path("lab/lab.toml")).unwrap();
    let about = about.split("[cluster]").next().unwrap();
    let courier = couriers().join("local_courier.py");
    let argv: Vec<String> =
        ["python3".to_owned(), courier.display().to_string()].into_iter().chain(sockets.iter().cloned()).collect();
    let store = store(lab);
    let cluster = format!(
        "{about}\n[cluster]\ncourier = {argv:?}\nstore = {store:?}\npieces = 2\ntick_seconds = 0\nlate_seconds = 1\n"
    );
    std::fs::write(lab.path("lab/lab.toml"), cluster).unwrap();
}

/// A dataset of some size, and a job that reads all of it.
fn lab() -> Lab {
    let lab = Lab::with_job();
    lab.write("firms.csv", firms(4_000));
    lab.ok(&["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]);
    lab
}

fn run(lab: &Lab, job: &str) -> Value {
    lab.ok(&["job", "run", job, "--key", "keys/operator.pem"])
}

/// What was released is what one machine derives, what the auditor finds in order, and what the log says of nodes.
fn holds(cluster: &Cluster, job: &str, of: &[&str]) {
    let lab = &cluster.lab;
    let replay = lab.ok(&["audit", "replay", job]);
    assert_eq!(replay["verdict"], "agrees", "{replay}");
    let bundle = format!("bundle-{job}");
    lab.ok(&["log", "export", &bundle]);
    let audited = lab.ok(&["audit", "verify", &bundle]);
    assert_eq!(audited["violations"], serde_json::json!([]), "{audited}");
    let took_part = receipts(lab);
    assert!(!took_part.is_empty() && took_part.iter().all(|name| of.contains(&name.as_str())), "{took_part:?}");
}

/// The names of the nodes that computed the last release, by its receipts.
fn receipts(lab: &Lab) -> Vec<String> {
    let entries = lab.ok(&["log", "show", "--kind", "released"]);
    let last = entries["entries"].as_array().unwrap().last().unwrap()["entry"].to_string();
    let entry = lab.ok(&["log", "show", "--entry", &last]);
    let digest = text(&entry["statement"]["predicate"]["event"]["receipts"]);
    let hex = digest.strip_prefix("sha256:").unwrap();
    let blob = walk(&lab.path("lab/log"))
        .into_iter()
        .find(|path| path.to_string_lossy().replace('/', "").ends_with(hex))
        .unwrap();
    let receipts: Value = serde_json::from_slice(&std::fs::read(blob).unwrap()).unwrap();
    let nodes = lab.ok(&["node", "list"])["nodes"].as_array().unwrap().clone();
    let name = |key: &Value| text(&nodes.iter().find(|node| node["publicKey"] == *key).unwrap()["name"]);
    receipts["nodes"].as_array().unwrap().iter().map(|node| name(&node["key"])).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn two_nodes_release_what_one_machine_derives() {
    let Some(cluster) = Cluster::new(lab(), &["n1", "n2"]) else { return };
    let job = cluster.lab.approved("job");
    run(&cluster.lab, &job);
    holds(&cluster, &job, &["n1", "n2"]);
    assert_eq!(receipts(&cluster.lab).len(), 2, "both took part");
    for node in cluster.lab.ok(&["node", "list"])["nodes"].as_array().unwrap() {
        assert_eq!((&node["last"]["job"], &node["last"]["walls"]["seccomp"]), (&json!(job), &json!("holds")), "{node}");
    }
    let listed = cluster.lab.unseen(&["--lang", "zh", "node", "list"]).stdout;
    assert!(listed.contains("最近运行") && listed.contains(&job), "{listed}");
    // What was only there for the run is gone, and nothing that could be read ever was.
    assert_eq!(walk(&cluster.lab.path("store/orders")), Vec::<PathBuf>::new());
    assert!(!cluster.lab.path("lab/spool").exists() || walk(&cluster.lab.path("lab/spool")).is_empty());
    for object in walk(&cluster.lab.path("store")) {
        let bytes = std::fs::read(&object).unwrap();
        assert!(!bytes.windows(4).any(|window| window == "湖塘".as_bytes().get(..4).unwrap()), "{}", object.display());
        assert_eq!(unseen_ids::Digest::of(&bytes).to_hex(), object.file_name().unwrap().to_str().unwrap());
    }
}

#[test]
fn rounds_and_blocks_are_spread_too() {
    let Some(cluster) = Cluster::new(lab(), &["n1", "n2"]) else { return };
    let lab = &cluster.lab;
    let blocks = job("rho = 0.01").replace("kind = \"unit\"", "kind = \"blocks\"\ncount = 5");
    lab.write("job/job.toml", &blocks);
    lab.write("job/target/job.wasm", shaped(&component("(f64.const 1)"), &blocks));
    let id = lab.approved("job");
    run(lab, &id);
    holds(&cluster, &id, &["n1", "n2"]);
    // Many rounds, each of which has the state that the one before led to.
    let sql = "SELECT town, MEDIAN(output) AS m FROM firms GROUP BY town";
    let budget = ["--rho", "0.2", "--rows-per-unit", "3", "--release", "now"];
    let asked = lab.ok(&[&["ask", sql, "--key", "keys/analyst.pem", "--yes"], budget.as_slice()].concat());
    let id = text(&asked["job"]);
    lab.approve(&id, "operator");
    lab.approve(&id, "second");
    run(lab, &id);
    holds(&cluster, &id, &["n1", "n2"]);
}

/// The test before this one, in a process whose environment says where the storage is.
#[cfg(feature = "s3")]
#[test]
fn in_a_bucket_nodes_find_what_they_read_too() {
    let Some(moto) = moto::Moto::open(skipped) else { return };
    let mut played = Command::new(std::env::current_exe().unwrap());
    played.args(["--exact", "rounds_and_blocks_are_spread_too"]).env("UNSEEN_TEST_STORE", "s3://unseen/lab");
    let played = played.envs(moto.environment()).output().unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success() && said.contains("1 passed"), "{played:?}");
    let listed = moto.list();
    assert!(listed.contains("<Key>lab/objects/") && !listed.contains("<Key>lab/orders/"), "{listed}");
}

/// What is off by default says so before anything is charged, and so does a node.
#[cfg(not(feature = "s3"))]
#[test]
fn a_build_without_s3_refuses_a_bucket_in_a_sentence() {
    let Some(cluster) = Cluster::new(lab(), &["n1"]) else { return };
    let lab = &cluster.lab;
    let id = lab.approved("job");
    let about = std::fs::read_to_string(lab.path("lab/lab.toml")).unwrap();
    std::fs::write(lab.path("lab/lab.toml"), about.replace(&store(lab), "s3://unseen/lab")).unwrap();
    let says = "this build of unseen keeps no store in S3, as s3://unseen/lab is";
    let said = lab.refuses(&["job", "run", &id, "--key", "keys/operator.pem"]);
    assert!(said.contains(says), "{said}");
    let said = lab.refuses(&["node", "serve", "n1", "--store", "s3://unseen/lab", "--socket", "other.sock"]);
    assert!(said.contains(says), "{said}");
}

#[test]
fn a_node_that_is_killed_or_frozen_holds_nothing_up() {
    let Some(mut cluster) = Cluster::new(lab(), &["n1", "n2"]) else { return };
    for (signal, name) in [(Signal::STOP, "frozen"), (Signal::KILL, "killed")] {
        cluster.lab.write("job/job.toml", job("rho = 0.01").replace("To count.", &format!("To count, {name}.")));
        let id = cluster.lab.approved("job");
        let args = ["job", "run", &id, "--key", "keys/operator.pem"];
        let mut running = cluster.lab.command(&args).stdout(Stdio::null()).spawn().unwrap();
        cluster.signal(1, signal);
        assert!(running.wait().unwrap().success());
        holds(&cluster, &id, &["n1"]);
        cluster.signal(1, if signal == Signal::STOP { Signal::CONT } else { Signal::KILL });
    }
    cluster.nodes.truncate(1);
}

#[test]
fn a_lab_that_is_killed_goes_on_where_it_was() {
    let Some(cluster) = Cluster::new(lab(), &["n1"]) else { return };
    let lab = &cluster.lab;
    let id = lab.approved("job");
    let args = ["job", "run", &id, "--key", "keys/operator.pem"];
    let mut running = lab.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !lab.path("lab/spool").exists() || walk(&lab.path("lab/spool")).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60) && running.try_wait().unwrap().is_none(), "no part came");
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    run(lab, &id);
    assert_eq!(lab.kinds().iter().filter(|kind| *kind == "run-started").count(), 1);
    holds(&cluster, &id, &["n1"]);
    assert_eq!(
        walk(&lab.path("store/orders")),
        Vec::<PathBuf>::new(),
        "the orders of the lab that was killed are left"
    );
}

#[test]
fn what_is_missing_is_said_before_anything_is_charged() {
    let Some(cluster) = Cluster::new(lab(), &["n1"]) else { return };
    let lab = &cluster.lab;
    let id = lab.approved("job");
    let args = ["job", "run", &id, "--key", "keys/operator.pem"];
    // The doctor says of each what a run would: the state of a wall, and why it does not hold.
    let wall = |name: &str| {
        let found: Value = serde_json::from_str(&lab.unseen(&["--json", "doctor"]).stdout).unwrap();
        let all = found["protections"].as_array().unwrap().clone();
        let wall = all.into_iter().find(|wall| wall["name"] == name).unwrap();
        assert!(found["good"] != true || wall["state"] == "holds", "{found}");
        wall
    };
    for name in ["nodes", "store", "engine"] {
        assert_eq!(wall(name)["state"], "holds");
    }
    // Nobody at the address.
    configure(lab, &["/nowhere/node.sock".to_owned()]);
    let said = lab.refuses(&args);
    assert!(said.contains("no agent of a node listens at /nowhere/node.sock"), "{said}");
    assert!(text(&wall("engine")["why"]).contains("no agent of a node listens at /nowhere/node.sock"));
    // What cannot be read is told by its line.
    let about = std::fs::read_to_string(lab.path("lab/lab.toml")).unwrap();
    std::fs::write(lab.path("lab/lab.toml"), format!("{about}slice_bytes = \"many\"\n")).unwrap();
    let said = lab.refuses(&args);
    assert!(said.contains(&format!("lab.toml, line {}: ", about.lines().count() + 1)), "{said}");
    // No such program.
    std::fs::write(lab.path("lab/lab.toml"), about.replace("\"python3\"", "\"/nowhere/python\"")).unwrap();
    let said = lab.refuses(&args);
    assert!(said.contains("`/nowhere/python` cannot be started"), "{said}");
    // A store that cannot be written.
    std::fs::write(lab.path("lab/lab.toml"), about.replace("/store\"", "/lab.json\"")).unwrap();
    let said = lab.refuses(&args);
    assert!(said.contains("of the store cannot be used"), "{said}");
    assert!(text(&wall("store")["why"]).contains("of the store cannot be used"));
    // No node that is not revoked.
    configure(lab, &[lab.path("n1.sock").display().to_string()]);
    lab.ok(&["node", "revoke", "n1", "--reason", "sold", "--key", "keys/owner.pem"]);
    let said = lab.refuses(&args);
    assert!(said.contains("no node is enrolled"), "{said}");
    assert_eq!(wall("nodes")["state"], "missing");
}

/// What a node is asked that it must not do, it says in a sentence; the run is cut short, charged once, and may be tried
/// again.
#[test]
fn a_node_refuses_what_it_cannot_vouch_for() {
    let Some(mut cluster) = Cluster::new(lab(), &["n1"]) else { return };
    let id = cluster.lab.approved("job");
    let args = ["job", "run", &id, "--key", "keys/operator.pem"];
    // Another build: the same program, and a byte behind it.
    let other = cluster.lab.path("unseen-other");
    std::fs::copy(env!("CARGO_BIN_EXE_unseen"), &other).unwrap();
    std::io::Write::write_all(&mut std::fs::File::options().append(true).open(&other).unwrap(), b"\n").unwrap();
    cluster.nodes[0].agent.kill().unwrap();
    cluster.nodes[0].agent.wait().unwrap();
    cluster.nodes[0].agent = serve(&cluster.lab, "n1", &other);
    let done = cluster.lab.unseen(&args);
    assert!(done.code == 1 && done.stderr.contains("another build of unseen"), "{done:?}");
    // Rows that were altered where they lie.
    cluster.nodes[0].agent.kill().unwrap();
    cluster.nodes[0].agent.wait().unwrap();
    cluster.nodes[0].agent = serve(&cluster.lab, "n1", env!("CARGO_BIN_EXE_unseen").as_ref());
    let objects = walk(&cluster.lab.path("store/objects"));
    let whole: Vec<Vec<u8>> = objects.iter().map(|object| std::fs::read(object).unwrap()).collect();
    for (object, bytes) in objects.iter().zip(&whole) {
        let mut bent = bytes.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        std::fs::write(object, bent).unwrap();
    }
    let done = cluster.lab.unseen(&args);
    assert!(done.code == 1 && done.stderr.contains("the worker failed"), "{done:?}");
    for (object, bytes) in objects.iter().zip(&whole) {
        std::fs::write(object, bytes).unwrap();
    }
    run(&cluster.lab, &id);
    assert_eq!(cluster.lab.kinds().iter().filter(|kind| *kind == "run-started").count(), 1);
    holds(&cluster, &id, &["n1"]);
}

/// Where the policy says whose evidence counts of which node, a node brings it, or computes nothing.
#[test]
fn a_node_is_vouched_for_where_the_policy_asks() {
    let Some(cluster) = Cluster::new(lab(), &["n1", "n2", "n3"]) else { return };
    let lab = &cluster.lab;
    let Some(tpm) = Tpm::start(lab) else { return skipped("swtpm and tpm2-tools are not here, so no quote is made") };
    let [of_lab, of_n1, of_n2] =
        ["0x81010002", "0x81010003", "0x81010004"].map(|handle| tpm.attestation_key(lab, handle));
    let zero = "0".repeat(64);
    let rule = format!(
        "{POLICY}[evidence]\nprovider = \"tpm2\"\nrequired = true\nkey = \"{of_lab}\"\n\
         [evidence.pcrs]\n16 = \"{zero}\"\n[evidence.nodes]\nn1 = \"{of_n1}\"\nn2 = \"{of_n2}\"\n"
    );
    lab.write("evidence.policy", rule);
    lab.ok(&["policy", "set", "evidence.policy", "--key", "keys/owner.pem"]);
    lab.write("lab/evidence.toml", tpm.evidence_toml("0x81010002"));
    let id = lab.approved("job");
    let args = ["job", "run", &id, "--key", "keys/operator.pem"];
    // Nobody has any: the run ends, charged once.
    let done = lab.unseen(&args);
    assert!(done.code == 1 && done.stderr.contains("there is no evidence of this node's machine"), "{done:?}");
    // One has that of another machine, and is no longer asked; one has its own; the third is not named.
    lab.write("n1/evidence.toml", tpm.evidence_toml("0x81010003"));
    lab.write("n2/evidence.toml", tpm.evidence_toml("0x81010002"));
    run(lab, &id);
    holds(&cluster, &id, &["n1"]);
    assert_eq!(lab.kinds().iter().filter(|kind| *kind == "run-started").count(), 1);
    let audited = lab.ok(&["audit", "verify", &format!("bundle-{id}")]);
    let nodes = &audited["jobs"][0]["parts"]["nodes"];
    assert_eq!((&nodes[0]["name"], &nodes[0]["evidence"]), (&json!("n1"), &json!(true)), "{audited}");
    // So it is with an import: the one node does it, and without its evidence nobody.
    let rows = firms(600);
    lab.write("firms.csv", &rows);
    in_slices(lab, rows.len() / 4);
    let importing = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];
    lab.ok(&importing);
    std::fs::remove_file(lab.path("n1/evidence.toml")).unwrap();
    let done = lab.unseen(&importing);
    assert!(done.code == 1 && done.stderr.contains("evidence"), "{done:?}");
}

/// Imports that are longer than a slice go to nodes, and give what this machine gives.
#[test]
fn imports_are_spread_too() {
    let alone = Lab::with_job();
    let rows = firms(6_000);
    alone.write("firms.csv", &rows);
    let importing = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];
    let wanted = alone.ok(&importing);
    // In two slices.
    let bad = rows.replacen("f05000,north,", "f05000,north,x", 1).replacen("f05900,north,", "f05900,north,x", 1);
    alone.write("firms.csv", &bad);
    let refused = alone.unseen(&importing).stderr;
    assert!(refused.contains("do not fit: 2"), "{refused}");

    let Some(mut cluster) = Cluster::new(Lab::with_job(), &["n1", "n2"]) else { return };
    let lab = &cluster.lab;
    in_slices(lab, rows.len() / 20);
    // A row that cannot be read is named by its place in the whole file, and nothing is left.
    lab.write("firms.csv", &bad);
    assert_eq!(lab.unseen(&importing).stderr, refused);
    assert_eq!((parts(lab), walk(&lab.path("store"))), (0, Vec::new()));

    // Killed whenever something new has come, the lab goes on with what it has, and so does the other node.
    lab.write("firms.csv", &rows);
    let (mut had, mut number) = (0, None);
    for _ in 0..3 {
        let mut running = lab.command(&importing).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while parts(lab) <= had && running.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(120), "no part came");
            std::thread::sleep(Duration::from_millis(1));
        }
        running.kill().unwrap();
        running.wait().unwrap();
        assert!(parts(lab) >= had, "what was there is gone");
        had = parts(lab);
        let imports: Vec<_> =
            std::fs::read_dir(lab.path("store/imports")).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(imports.len(), 1);
        assert_eq!(number.get_or_insert_with(|| imports[0].clone()), &imports[0], "it was begun anew");
    }
    assert!(had >= 3);
    for file in walk(&lab.path("store")).into_iter().chain(walk(&lab.path("lab/spool"))) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"f03000"), "{}", file.display());
    }
    kill_process(Pid::from_raw(cluster.nodes[1].agent.id() as i32).unwrap(), Signal::KILL).unwrap();
    cluster.nodes.truncate(1);
    let lab = &cluster.lab;
    let done = lab.ok(&importing);
    assert_eq!((&done["quality"], &done["buckets"]), (&wanted["quality"], &wanted["buckets"]));
    assert_eq!((parts(lab), walk(&lab.path("store"))), (0, Vec::new()));

    // Runs read what nodes have written.
    let job = lab.approved("job");
    run(lab, &job);
    holds(&cluster, &job, &["n1"]);
}

/// Over the network too, by the process that a served lab imports in.
#[test]
fn a_served_lab_imports_on_nodes_too() {
    let Some(cluster) = Cluster::new(Lab::with_job(), &["n1", "n2"]) else { return };
    let lab = &cluster.lab;
    let rows = firms(3_000);
    lab.write("firms.csv", &rows);
    let sockets = ["n1", "n2"].map(|name| lab.path(&format!("{name}.sock")).display().to_string());
    configure(lab, &["/nowhere/node.sock".to_owned()]);
    in_slices(lab, 20_000);
    let served = Served::of(lab);
    let importing = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];
    let refused = served.unseen(lab, "steward", &importing);
    assert!(refused.code == 1 && refused.stderr.contains("no agent of a node listens at /nowhere"), "{refused:?}");
    // Put right, the same command does it.
    configure(lab, &sockets);
    in_slices(lab, 20_000);
    let done = served.ok(lab, "steward", &importing);
    assert_eq!(done["quality"]["rows"], rows.lines().count() - 1, "{done}");
    assert_eq!((parts(lab), walk(&lab.path("store"))), (0, Vec::new()));
}

/// A node without room says so, and another does its part.
#[test]
fn a_full_disk_on_a_node_is_said_and_holds_nothing_up() {
    struct Mounted(PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        }
    }
    let Some(mut cluster) = Cluster::new(Lab::with_job(), &["n1", "n2"]) else { return };
    let (folder, aside) = (cluster.lab.path("n2"), cluster.lab.path("aside"));
    cluster.nodes[1].agent.kill().unwrap();
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::create_dir(&folder).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k,mode=700", "none"]).arg(&folder).stderr(Stdio::null());
    if !mount.status().is_ok_and(|status| status.success()) {
        return skipped("no small disk may be mounted here, so no node's disk is full");
    }
    let _mounted = Mounted(folder.clone());
    for file in walk(&aside) {
        std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    cluster.nodes[1].agent = serve(&cluster.lab, "n2", env!("CARGO_BIN_EXE_unseen").as_ref());
    let lab = &cluster.lab;
    let rows = firms(6_000);
    lab.write("firms.csv", &rows);
    in_slices(lab, 60_000);
    let importing = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];
    lab.ok(&importing);
    configure(lab, &[lab.path("n2.sock").display().to_string()]);
    in_slices(lab, 60_000);
    let said = lab.refuses(&importing);
    assert!(said.starts_with("slices ") && said.contains("`n2`") && said.contains("No space left"), "{said}");
}

/// Nodes import what is longer than so many bytes.
fn in_slices(lab: &Lab, bytes: usize) {
    let about = std::fs::read_to_string(lab.path("lab/lab.toml")).unwrap();
    std::fs::write(lab.path("lab/lab.toml"), format!("{about}slice_bytes = {bytes}\n")).unwrap();
}

/// How many parts of an import the lab has.
fn parts(lab: &Lab) -> usize {
    let spool = lab.path("lab/spool");
    let files = if spool.exists() { walk(&spool) } else { Vec::new() };
    files.iter().filter(|path| path.extension().is_some_and(|end| end == "part")).count()
}

/// The engine that is quickest to have carries as every courier must, with nodes killed and frozen.
#[test]
fn an_engine_is_carried_to_as_couriers_must() {
    let target = Path::new(env!("CARGO_BIN_EXE_unseen")).ancestors().nth(2).unwrap();
    if !target.join("engines/dask").exists() {
        skipped("couriers with an engine: scripts/engine.sh dask has not been run");
        return;
    }
    let mut test = Command::new("python3");
    test.arg(couriers().join("conformance.py")).arg("dask").env("CARGO_TARGET_DIR", target);
    let done = test.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}");
    assert!(done.status.success() && said.trim_end().ends_with("0 failed"), "{done:?}");
}
