//! People sign on at their office's identity provider: in a browser, and at a terminal.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/office.rs"]
mod office;
#[path = "support/served.rs"]
mod served;
mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use office::{Browser, Office};
use served::{Served, agent};
use support::*;

/// A lab whose operator and steward `li` the provider knows as an operator only.
fn lab(office: &Office, client: &str, secret: bool) -> (Lab, Served) {
    let lab = Lab::with_job();
    unseen_lab::write_new_key(&lab.path("keys/li.pem")).unwrap();
    let li = ["--name", "li", "--role", "operator", "--role", "steward", "--new-key", "keys/li.pem"];
    lab.ok(&[["person", "enroll"].as_slice(), &li, &["--key", "keys/owner.pem"]].concat());
    lab.write("shops.toml", FIRMS.replace("\"firms\"", "\"shops\""));
    lab.ok(&["dataset", "import", "firms.csv", "--description", "shops.toml", "--key", "keys/li.pem"]);
    lab.write("secret", "se:cr%t and +\n");
    let secret = if secret { "secret_file = \"secret\"\n" } else { "" };
    lab.write(
        "sign-on.toml",
        format!(
            "issuer = \"{}\"\nclient_id = \"{client}\"\n{secret}url = \"https://lab.example\"\n[claims]\n\
             name_claim = \"preferred_username\"\nroles = [{{ claim = \"groups\", has = \"lab-operators\", role = \"operator\" }}]\n",
            office.issuer
        ),
    );
    let served = Served::with(&lab, &["--sign-on", "sign-on.toml"]);
    (lab, served)
}

#[test]
fn at_a_terminal_one_types_a_code_and_then_reads() {
    let Some(office) = Office::open(skipped) else { return };
    let (lab, served) = lab(&office, "EdDSA", false);
    let job = lab.submit("job");
    let mut command = lab.command(&["login", "--office"]);
    command.env("UNSEEN_LAB", &served.url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = command.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(login.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let (at, code) = said.trim().strip_prefix("Open ").unwrap().split_once(" and type the code ").unwrap();
    let mut browser = Browser::of("li");
    code.trim_end_matches('.').clone_into(&mut browser.code);
    browser.visit(at);
    assert!(login.wait().unwrap().success());
    // No key is named from here on.
    let ask = |args: &[&str]| Done::from(lab.command(args).env("UNSEEN_LAB", &served.url).output().unwrap(), args);
    assert!(ask(&["job", "list"]).stdout.contains(&job));
    // The provider says operator and not steward; but what one signs counts by one's key alone.
    let closed = ask(&["dataset", "close", "shops", "--reason", "x", "--key", "keys/li.pem"]);
    assert_eq!(closed.code, 0, "{closed:?}");
    let said = ask(&["job", "approve", &job]);
    assert!(said.code == 1 && said.stderr.contains("say who signs"), "a session signed: {said:?}");
    ask(&["logout"]);
    assert_eq!(ask(&["job", "list"]).code, 1);
}

#[test]
fn in_a_browser_one_goes_there_and_comes_back() {
    let Some(office) = Office::open(skipped) else { return };
    let (_lab, served) = lab(&office, "RS256", true);
    let away = agent().get(format!("{}/v1/login/office", served.url)).call().unwrap();
    let header = |name: &str| away.headers().get(name).unwrap().to_str().unwrap().to_owned();
    let (to, cookie) = (header("location"), header("set-cookie").split(';').next().unwrap().to_owned());
    let back = Browser::of("li").visit(&to);
    let query = back.strip_prefix("https://lab.example/v1/login/office/back?").unwrap_or_else(|| panic!("{back}"));
    let come = |cookie: &str| {
        let url = format!("{}/v1/login/office/back?{query}", served.url);
        agent().get(url).header("cookie", cookie).call().unwrap()
    };
    // Somebody else's browser is not logged in by it.
    assert_eq!(come("unseen-away=0").status().as_u16(), 401);
    let session = come(&cookie);
    assert_eq!(session.status().as_u16(), 303);
    let session = session.headers().get("set-cookie").unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    let read = |path: &str| agent().get(format!("{}{path}", served.url)).header("cookie", &session).call().unwrap();
    assert_eq!(read("/v1/jobs").status().as_u16(), 200);
    assert_eq!(read("/v1/datasets/firms/quality").status().as_u16(), 403, "the steward's role was not given");
    // And once only.
    assert_eq!(come(&cookie).status().as_u16(), 401);
    // A page of somebody else's cannot change anything with the cookie that goes along.
    let mut posted = agent().post(format!("{}/v1/checks", served.url)).header("cookie", &session);
    posted = posted.header("content-type", "application/json");
    assert_eq!(posted.send("{\"name\":\"job.toml\",\"manifest\":\"\"}").unwrap().status().as_u16(), 401);
}
