//! What the README and the handbook of the service tell people to type, typed as it stands: at a lab that is served.
//!
//! The handbook's server is a folder here; what stands for `sudo`, `useradd` and `systemctl` in it does what a test may
//! do. `systemctl` starts what the unit says that operators install.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/typed.rs"]
mod typed;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::*;
use typed::{Shell, bare, commands, fenced, root};

const HANDBOOK: &str = "docs/serving.md";

/// `unseen serve --demo`, until it is dropped.
struct Demo {
    process: Child,
    https: u16,
}

impl Demo {
    fn start(lab: &Lab) -> Demo {
        let mut command = lab.command(&["serve", "--demo", "demo-served"]);
        command.args(["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]).env_remove("UNSEEN_LAB");
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let https = loop {
            let line = lines.next().expect("the demo ended").unwrap();
            if let Some((_, address)) = line.split_once("connections are taken at ") {
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        std::thread::spawn(move || lines.for_each(|line| eprintln!("demo: {}", line.unwrap_or_default())));
        Demo { process, https }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The links that log people in lead to where the demo is, wherever it was put.
#[test]
fn the_demo_links_to_where_it_listens() {
    let lab = Lab::empty();
    let listen = |places: &[&str]| {
        let mut command = lab.command(&["serve", "--demo", "demo-served"]);
        places.iter().for_each(|place| _ = command.args(["--listen", place]));
        command.env_remove("UNSEEN_LAB").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut process = listen(&["127.0.0.1:0"]);
    let (mut links, mut taken) = (Vec::new(), Vec::new());
    for line in BufReader::new(process.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        links
            .extend(line.split_once("http://").and_then(|(_, rest)| rest.split_once('/')).map(|(at, _)| at.to_owned()));
        taken.extend(line.split_once("connections are taken at ").map(|(_, at)| at.to_owned()));
        if taken.len() == 2 {
            break;
        }
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(links.len(), 5, "{links:?}");
    assert!(links.iter().all(|link| *link == links[0] && taken.contains(link)), "{links:?} {taken:?}");
    assert!(!links[0].ends_with(":8080"), "{links:?}");
    let three = listen(&["127.0.0.1:0"; 3]).wait_with_output().unwrap();
    let said = String::from_utf8(three.stderr).unwrap();
    assert!(!three.status.success() && said.contains("the demo listens at two addresses"), "{said}");
}

#[test]
fn the_tour_over_the_network_goes_on_from_the_served_demo() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skipped("curl is not installed");
    }
    let lab = Lab::empty();
    let demo = Demo::start(&lab);
    let folder = lab.path("demo-served");
    let mut shell = Shell::of(&lab)
        .within("demo-served")
        .with("UNSEEN_CONFIG", folder.join("unseen.toml").to_str().unwrap())
        .where_is("localhost:8443", &format!("localhost:{}", demo.https))
        .waits(Duration::from_secs(60));
    shell.type_all(&commands("README.md", "Over the network"));
    // So do the guides: the analyst reads what an operator has let run; others tell the auditor the log's key.
    let typed = |guide: &str| commands(&format!("docs/guides/{guide}.md"), "At a terminal");
    let (asks, reads) = typed("analyst").split_last().map(|(last, first)| (first.to_vec(), last.clone())).unwrap();
    std::fs::write(
        folder.join("known.vkey"),
        lab.ok(&["lab", "show", "--lab", "demo-served/lab"])["logKey"].as_str().unwrap(),
    )
    .unwrap();
    shell.type_all(&[asks, typed("operator"), vec![reads], typed("steward"), typed("auditor")].concat());
    // The second start finds what the first has made, at whatever address it is then.
    drop(demo);
    let demo = Demo::start(&lab);
    let profiles = std::fs::read_to_string(folder.join("unseen.toml")).unwrap();
    assert!(profiles.contains(&format!("https://localhost:{}", demo.https)), "{profiles}");
}

/// Every section of the handbook that has commands, in the order in which they are typed.
fn sections(document: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join(document)).unwrap();
    let titles = page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned);
    titles.filter(|title| !commands(document, title).is_empty()).collect()
}

#[test]
fn the_handbook_leads_from_an_empty_server_to_an_empty_server() {
    let lab = Lab::empty();
    for tool in ["curl", "install"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let here = lab.path("");
    let server = lab.path("server");
    let port = free_port();
    for folder in ["usr/local/bin", "usr/local/share", "var/lib", "etc/systemd/system", "media/backup"] {
        std::fs::create_dir_all(server.join(folder)).unwrap();
    }
    symlink(root().join("deploy").canonicalize().unwrap(), lab.path("deploy")).unwrap();
    std::fs::create_dir_all(lab.path("target/release")).unwrap();
    symlink(env!("CARGO_BIN_EXE_unseen"), lab.path("target/release/unseen")).unwrap();
    stand_ins(&lab, port);
    let mut shell = Shell::of(&lab)
        .with_programs(&lab.path("stand-ins"))
        .with("UNSEEN_CONFIG", lab.path("config.toml").to_str().unwrap())
        .where_is("lab.example.gov:8443", &format!("localhost:{port}"))
        .where_is("/home/li", here.to_str().unwrap().trim_end_matches('/'))
        .waits(Duration::from_secs(60));
    for folder in ["/usr/local", "/var/lib", "/etc/unseen", "/etc/systemd", "/media/backup"] {
        shell = shell.where_is(folder, &format!("{}{folder}", server.display()));
    }
    lab.write("config.toml", shell.here(&fenced(HANDBOOK, "5. People")));
    // What the steward registers.
    lab.write("firms.csv", firms(40));
    lab.write("firms.toml", FIRMS);
    let stopped = Stopped(&lab);
    for section in sections(HANDBOOK) {
        eprintln!("## {section}");
        shell.type_all(&commands(HANDBOOK, &section));
    }
    drop(stopped);
    assert!(!server.join("var/lib/unseen").exists());
    assert!(server.join("media/backup/last").is_dir());
}

/// Ends what `systemctl` has started, however the test ends.
struct Stopped<'a>(&'a Lab);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let stop = ["stop", "unseen.service"];
        let _ = Command::new(self.0.path("stand-ins/systemctl")).args(stop).current_dir(self.0.path("")).output();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Programs that stand for those that need an administrator, or systemd.
fn stand_ins(lab: &Lab, port: u16) {
    let server = lab.path("server").display().to_string();
    let stand_in = |name: &str, body: &str| {
        let path = lab.write(&format!("stand-ins/{name}"), format!("#!/usr/bin/env bash\nset -eu\n{body}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    // Nothing outside of the test's own folder is touched, whatever the handbook says.
    let here = lab.path("").display().to_string();
    let guard = format!(
        "for word; do case $word in {here}*|/usr/sbin/nologin) ;; /*) echo \"not here: $word\" >&2; exit 1;; esac; done"
    );
    stand_in("sudo", &format!("[ \"$1\" != -u ] || shift 2\n{guard}\nexec \"$@\""));
    for command in ["useradd", "userdel", "chown"] {
        stand_in(command, "");
    }
    stand_in("journalctl", "cat journal");
    // Whose a file is, the test does not change.
    let install = "kept=()\nwhile [ $# -gt 0 ]; do case $1 in -o|-g) shift 2;; *) kept+=(\"$1\"); shift;; esac; done\n\
                   exec /usr/bin/env -i PATH=/usr/bin:/bin install \"${kept[@]}\"";
    stand_in("install", install);
    let systemctl = format!(
        r#"
unit={server}/etc/systemd/system/unseen.service
stop() {{
    [ -e pid ] || return 0
    kill "$(cat pid)" || true
    while kill -0 "$(cat pid)" 2> /dev/null; do sleep 0.1; done
    rm pid
}}
start() {{
    [ ! -e pid ] || return 0
    test -e {server}/etc/systemd/system/unseen.socket
    set -a; . {server}/etc/unseen/serve.conf; set +a
    HOST=localhost:{port} LANG=C
    command=$(sed -n '/^ExecStart=/,/[^\\]$/p' "$unit" | sed 's/^ExecStart=//; s/\\$//' | tr '\n' ' ')
    command=${{command//\/usr\/local/{server}/usr/local}}
    command=${{command//\/var\/lib/{server}/var/lib}}
    command=${{command//\/etc\/unseen/{server}/etc/unseen}}
    (eval "exec $command --listen 127.0.0.1:{port}") < /dev/null > /dev/null 2> journal &
    echo $! > pid
    for _ in $(seq 300); do
        if grep -q 'connections are taken' journal; then return 0; fi
        kill -0 "$(cat pid)" || {{ cat journal >&2; exit 1; }}
        sleep 0.1
    done
    exit 1
}}
case $1 in
    daemon-reload) ;;
    enable|start) start ;;
    disable|stop) stop ;;
    restart) stop; start ;;
    reload) kill -HUP "$(cat pid)"; sleep 0.5; grep -q 'read again' journal ;;
    *) exit 1 ;;
esac"#
    );
    stand_in("systemctl", &systemctl);
}

#[test]
fn the_chinese_handbook_says_the_same() {
    let titles = |document| {
        let page = std::fs::read_to_string(root().join(document)).unwrap();
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect::<Vec<_>>()
    };
    // Comments and pictures are each language's own.
    let settings = |document: &str, title: &str| {
        let lines = fenced(document, title);
        let lines = lines.lines().map(|line| line.split(" #").next().unwrap().trim_end().to_owned());
        lines.filter(|line| line.contains(" = ")).collect::<Vec<_>>()
    };
    for [in_english, in_chinese] in [[HANDBOOK, "docs/serving.zh.md"], ["docs/cluster.md", "docs/cluster.zh.md"]] {
        let (english, chinese) = (titles(in_english), titles(in_chinese));
        assert_eq!(english.len(), chinese.len(), "{in_english}");
        for (english, chinese) in english.iter().zip(&chinese) {
            assert_eq!(bare(in_english, english), bare(in_chinese, chinese), "{english}");
            assert_eq!(settings(in_english, english), settings(in_chinese, chinese), "{english}");
            assert_eq!(english.split_once(". ").map(|of| of.0), chinese.split_once(". ").map(|of| of.0));
        }
    }
}

#[test]
fn a_shell_takes_what_completes_commands() {
    let lab = Lab::empty();
    for lang in ["en", "zh"] {
        let script = format!("source <(unseen completions bash --lang {lang}) && complete -p unseen");
        Shell::of(&lab).type_all(&[script]);
    }
}

/// What systemd itself says of the units.
#[test]
fn the_units_are_good_and_leave_little_open() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skipped("systemd-analyze is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(root().join("deploy/unseen.service")).unwrap();
    // It is to be there, and is elsewhere here.
    let unit = unit.replace("/usr/local/bin/unseen", env!("CARGO_BIN_EXE_unseen"));
    std::fs::write(dir.path().join("unseen.service"), unit).unwrap();
    std::fs::copy(root().join("deploy/unseen.socket"), dir.path().join("unseen.socket")).unwrap();
    let analyze = |args: &[&str], units: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        let done = command.args(args).args(units.iter().map(|unit| dir.path().join(unit))).output().unwrap();
        Done::from(done, args)
    };
    let verified = analyze(&["verify", "--man=no"], &["unseen.service", "unseen.socket"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{verified:?}");
    // In tenths: what is left open is the network, executable memory for the compiler, /proc, and its own cgroups.
    let secure = analyze(&["security", "--offline=true", "--threshold=19", "--no-pager"], &["unseen.service"]);
    assert_eq!(secure.code, 0, "{secure:?}");
}
