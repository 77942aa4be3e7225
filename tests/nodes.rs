//! Machines that carry out parts of runs: made on the machine, enrolled and revoked in the lab.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::json;
use served::Served;
use support::*;

const OWNER: [&str; 2] = ["--key", "keys/owner.pem"];

/// A node's folder beside the lab, and its request.
fn node(lab: &Lab, name: &str) -> String {
    lab.write("lab.json", lab.unseen(&["--json", "lab", "show"]).stdout);
    text(&lab.ok(&["node", "init", name, "--lab", "lab.json"])["request"])
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

#[test]
fn a_node_is_made_enrolled_listed_and_revoked() {
    let lab = Lab::new();
    let shown = lab.ok(&["lab", "show"]);
    assert_eq!(shown["nodes"], 0);
    assert_eq!(lab.ok(&["node", "list"])["nodes"], json!([]));
    let request = node(&lab, "n7");
    assert_eq!(request, "n7/n7.node");
    assert_eq!(mode(&lab.path("n7")), 0o700);
    for file in ["node.pem", "node.age", "node.toml", "n7.node"] {
        assert_eq!(mode(&lab.path("n7").join(file)), 0o600, "{file}");
    }
    let config: toml::Table = std::fs::read_to_string(lab.path("n7/node.toml")).unwrap().parse().unwrap();
    assert_eq!(config["name"].as_str(), Some("n7"));
    assert_eq!(config["origin"].as_str(), Some(ORIGIN));
    assert_eq!(config["log_key"].as_str(), shown["logKey"].as_str());
    assert_eq!(config["service_key"].as_str(), shown["serviceKey"].as_str());
    let asked: toml::Table = std::fs::read_to_string(lab.path(&request)).unwrap().parse().unwrap();
    let public = text(&lab.ok(&["key", "show", "n7/node.pem"])["publicKey"]);
    assert_eq!(asked["key"].as_str(), Some(public.as_str()));
    let secret = std::fs::read_to_string(lab.path("n7/node.age")).unwrap();
    let identity = unseen_age::Identity::from_secret(secret.trim_end()).unwrap();
    assert_eq!(asked["recipient"].as_str(), Some(identity.recipient().to_string().as_str()));

    // Nothing is overwritten.
    let before = std::fs::read(lab.path("n7/node.pem")).unwrap();
    assert_eq!(
        lab.refuses(&["node", "init", "n7", "--lab", "lab.json"]),
        "n7 exists already and is never overwritten: choose another name"
    );
    assert_eq!(std::fs::read(lab.path("n7/node.pem")).unwrap(), before);

    let enrolled = lab.ok(&[&["node", "enrol", &request], OWNER.as_slice()].concat());
    assert_eq!((text(&enrolled["name"]), text(&enrolled["publicKey"])), ("n7".into(), public.clone()));
    assert_eq!(lab.ok(&["lab", "show"])["nodes"], 1);
    let listed = lab.ok(&["node", "list"])["nodes"].clone();
    let since = &enrolled["entry"];
    let recipient = identity.recipient().to_string();
    let node = json!({ "name": "n7", "publicKey": public, "recipient": recipient, "since": since });
    let (known, now) = (node.as_object().unwrap(), listed[0].as_object().unwrap());
    assert!(known.iter().all(|(name, value)| now[name] == *value), "{listed}");
    assert_eq!((listed.as_array().unwrap().len(), &now["revoked"], &now["last"]), (1, &json!(null), &json!(null)));
    assert!(lab.unseen(&["node", "list"]).stdout.contains("n7"));

    // The same key, and the same name with another key.
    let again = [&["node", "enroll", &request], OWNER.as_slice()].concat();
    assert_eq!(lab.refuses(&again), "this key is in the log already");
    lab.ok(&["node", "init", "other", "--name", "n7", "--lab", "lab"]);
    let same_name = [&["node", "enroll", "other/n7.node"], OWNER.as_slice()].concat();
    assert_eq!(lab.refuses(&same_name), "the name `n7` is that of an enrolled node already");

    let revoke = |reason: &str| [&["node", "revoke", "n7", "--reason", reason], OWNER.as_slice()].concat().join("|");
    let run = |line: String| lab.refuses(&line.split('|').collect::<Vec<_>>());
    assert_eq!(run(revoke("")), "a reason is a text of 1 to 1000 characters, all of which show");
    let revoked = lab.ok(&revoke("sold").split('|').collect::<Vec<_>>());
    assert_eq!(text(&revoked["publicKey"]), public);
    let entry = &revoked["entry"];
    assert_eq!(run(revoke("sold")), format!("the node n7 was revoked by entry {entry}"));
    assert_eq!(lab.refuses(&again), "this key is in the log already");
    lab.ok(&same_name);
    assert_eq!(lab.ok(&["lab", "show"])["nodes"], 1);
    let nobody = [&["node", "revoke", "n9", "--reason", "sold"], OWNER.as_slice()].concat();
    assert_eq!(lab.refuses(&nobody), "no enrolled node has the name or key `n9`");

    // An auditor sees the same.
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle"]);
    assert_eq!(report["violations"], json!([]));
    let nodes = report["nodes"].as_array().unwrap();
    assert_eq!(nodes.iter().map(|node| &node["revoked"]).collect::<Vec<_>>(), [entry, &json!(null)]);
    assert_eq!(nodes[0]["key"], public);
    assert_eq!(lab.kinds().iter().filter(|kind| kind.starts_with("node-")).count(), 3);
    let shown = lab.ok(&["log", "show", "--kind", "node-enrolled"]);
    assert_eq!(shown["entries"].as_array().unwrap().len(), 2);
}

#[test]
fn requests_that_are_none_or_for_another_lab_are_refused() {
    let lab = Lab::new();
    let request = node(&lab, "n7");
    let enroll = |lab: &Lab, file: &str| lab.refuses(&[&["node", "enroll", file], OWNER.as_slice()].concat());
    let good = std::fs::read_to_string(lab.path(&request)).unwrap();
    for (content, said) in [
        ("", "x.node is not a node's request: `name` is missing"),
        ("{}", "x.node is not a node's request: "),
        (&format!("{good}more = 1\n"), "x.node is not a node's request: there is no key `more`: "),
        (&good.replace("\"n7\"", "\"n8\""), "the new key did not sign this enrolment"),
        (&good.replace(ORIGIN, "lab.example/other"), "the entry was signed for the log `lab.example/other`, not for "),
        (&good.replace("\"age1", "\"age2"), "`age2"),
    ] {
        lab.write("x.node", content);
        let refused = enroll(&lab, "x.node");
        assert!(refused.starts_with(said), "{said}\n{refused}");
    }
    // A slip of the pen in the recipient has its shape, and not its checksum.
    let asked: toml::Table = good.parse().unwrap();
    let recipient = asked["recipient"].as_str().unwrap();
    let last = if recipient.ends_with('q') { "p" } else { "q" };
    lab.write("x.node", good.replace(recipient, &format!("{}{last}", &recipient[..recipient.len() - 1])));
    assert!(enroll(&lab, "x.node").ends_with("is not an age recipient: one is `age1` and 58 more letters and digits"));
    assert!(enroll(&lab, "nowhere.node").starts_with("nowhere.node: "));
    // Neither a person's key nor a person's right.
    assert!(lab.refuses(&["node", "enroll", &request, "--key", "keys/steward.pem"]).contains("is not an operator"));

    // A node needs a lab, and a name that can be that of a file.
    lab.write("lab.json", "{}");
    assert!(
        lab.refuses(&["node", "init", "n9", "--lab", "lab.json"]).starts_with("lab.json is not what a lab says of")
    );
    assert!(!lab.path("n9").exists());
    for name in ["", "a/b", ".n", "the lab", "n "] {
        let refused = lab.refuses(&["node", "init", "n9", "--name", name]);
        assert!(refused.contains("name"), "{name}: {refused}");
        assert!(!lab.path("n9").exists(), "{name}");
    }
    // An empty folder is taken, and one with something in it is not.
    std::fs::create_dir(lab.path("n9")).unwrap();
    lab.ok(&["node", "init", "n9"]);
    lab.write("n10/file", "mine");
    assert_eq!(
        lab.refuses(&["node", "init", "n10"]),
        "n10 exists already and is never overwritten: choose another name"
    );
    assert_eq!(std::fs::read_dir(lab.path("n10")).unwrap().count(), 1);
}

#[test]
fn where_changes_need_two_nodes_need_two() {
    let lab = Lab::new();
    let request = node(&lab, "n7");
    lab.write("two.toml", format!("changes_need = 2\n{POLICY}"));
    lab.ok(&[&["policy", "set", "two.toml"], OWNER.as_slice()].concat());
    let alone = [&["node", "enroll", &request], OWNER.as_slice()].concat();
    assert_eq!(lab.refuses(&alone), "1 of the 2 people have signed whom the policy asks for");
    let both = |change: &[&str]| {
        let _ = std::fs::remove_file(lab.path("change"));
        lab.ok(&[change, OWNER.as_slice(), &["--out", "change"]].concat());
        assert!(lab.refuses(&["receive", "change"]).starts_with("1 of the 2 people"));
        lab.ok(&["countersign", "change", "--key", "keys/second.pem"]);
        lab.ok(&["receive", "change"])
    };
    let enrolled = both(&["node", "enroll", &request]);
    assert_eq!(enrolled["name"], "n7");
    let revoked = both(&["node", "revoke", "n7", "--reason", "sold"]);
    assert_eq!(revoked["publicKey"], enrolled["publicKey"]);
    assert_eq!(lab.ok(&["node", "list"])["nodes"][0]["revoked"], revoked["entry"]);
}

/// The same at an address, for whom the rules let enrol people.
#[test]
fn a_served_lab_enrols_nodes_for_whom_it_lets_enrol_people() {
    let lab = Lab::new();
    let served = Served::of(&lab);
    served.ok(&lab, "owner", &["node", "init", "n7"]);
    for who in ["analyst", "steward"] {
        let denied = served.unseen(&lab, who, &["--json", "node", "enroll", "n7/n7.node"]);
        let said = ["\"request.denied\"", "\"ledger.wrong-role\""].iter().any(|code| denied.stderr.contains(code));
        assert!(denied.code == 1 && said, "{denied:?}");
    }
    let enrolled = served.ok(&lab, "owner", &["node", "enroll", "n7/n7.node"]);
    assert_eq!(enrolled["name"], "n7");
    assert_eq!(served.get("/v1/nodes").0, 401, "whoever may see people");
    assert_eq!(served.ok(&lab, "operator", &["node", "list"])["nodes"][0]["publicKey"], enrolled["publicKey"]);
    let key = text(&enrolled["publicKey"]);
    let revoked = served.ok(&lab, "operator", &["node", "revoke", &key, "--reason", "sold"]);
    assert_eq!(revoked["publicKey"], enrolled["publicKey"]);
    let again = served.unseen(&lab, "operator", &["--json", "node", "revoke", "n7", "--reason", "sold"]);
    assert!(again.stderr.contains("ledger.node-revoked"), "{again:?}");
    let nobody = served.unseen(&lab, "operator", &["--json", "node", "revoke", "n8", "--reason", "sold"]);
    assert!(nobody.stderr.contains("ledger.no-such-node"), "{nobody:?}");
}
