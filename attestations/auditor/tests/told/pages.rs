//! The page: for a report, and for every verdict that leaves none.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use unseen_audit::CHECKPOINT;
use unseen_audit::bundle::VERIFIER_KEY;

use crate::lab::*;
use crate::{Desk, Done};

#[test]
fn the_page_tells_when_it_was_written_and_what_was_released() {
    let (desk, mut lab) = (Desk::new(), Lab::new());
    let (job, release) = lab.released();
    let time = lab.time.format("%F %T").to_string();
    let bundle = lab.export();
    let day = || chrono::Utc::now().format("%F").to_string();
    let before = day();
    let (done, page) = desk.verify(bundle.path(), "en", &[]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let written = |day: &str| page.contains(&format!("Written on {day} "));
    assert!(written(&before) || written(&day()), "{page}");
    assert!(page.contains(&format!("by Unseen {}.", env!("CARGO_PKG_VERSION"))), "{page}");
    let cells = |cells: &[(&str, &str)]| {
        let cell = |(name, cell): &(&str, &str)| match *name {
            "entry" | "numbers" | "rho" => format!("<td class=\"n\" data-name=\"{name}\">{cell}</td>"),
            _ => format!("<td data-name=\"{name}\">{cell}</td>"),
        };
        cells.iter().map(cell).collect::<String>()
    };
    let job = job.to_string();
    let title = ("title", "Firms by town");
    let about = cells(&[("job", &job), title, ("purpose", "An example"), ("author", "analyst")]);
    assert!(page.contains(&about), "{about}: {page}");
    let released = cells(&[
        ("job", &job),
        title,
        ("entry", &release.to_string()),
        ("time (UTC)", &time),
        ("numbers", "2"),
        ("rho", "0.25"),
    ]);
    assert!(page.contains(&released), "{released}: {page}");
}

/// Nothing is told by colour alone, nothing runs off a telephone, nothing is loaded, and on paper it is all there.
#[test]
fn the_page_is_fit_for_paper_telephones_and_the_colour_blind() {
    let (desk, mut lab) = (Desk::new(), Lab::new());
    lab.released();
    let good = lab.export();
    let (_, better) = desk.verify(good.path(), "en", &["--forget"]);
    lab.puts(OWNER, lab.created());
    let bad = lab.export();
    let (done, page) = desk.verify(bad.path(), "en", &["--forget"]);
    assert_eq!(done.code, 1, "{done:?}");
    for said in [&done.stdout, &page] {
        assert!(said.contains("Get the bundle from the lab once more"), "{said}");
    }
    let chinese = desk.verify(good.path(), "zh", &["--forget"]).1 + &desk.verify(bad.path(), "zh", &["--forget"]).1;
    for (pages, words) in [
        ([page.as_str(), &better].concat(), ["✓ In order", "· To be known", "✗ NOT in order"]),
        (chinese, ["✓ 正常", "· 须知", "✗ 不正常"]),
    ] {
        for word in words {
            assert!(pages.contains(&format!("<span class=\"mark\">{word}</span>")), "{word}: {pages}");
        }
    }
    for rule in
        ["@media print", "@media screen and (max-width", "white-space: nowrap", "overflow-wrap: anywhere", "overflow-x"]
    {
        assert!(page.contains(rule), "{rule}: {page}");
    }
    for loaded in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(loaded), "{loaded}: {page}");
    }
    // What spoils a bundle spoils no page: it is whole.
    assert!(page.ends_with("</body></html>"), "{page}");
}

/// A verdict that leaves no report: a bundle, options, and what the page must say in either language.
struct Case {
    bundle: TempDir,
    options: Vec<String>,
    says: [&'static str; 2],
    seen: Option<u64>,
}

impl Case {
    fn new(lab: &Lab, says: [&'static str; 2]) -> Case {
        Case { bundle: lab.export(), options: vec!["--forget".into()], says, seen: None }
    }

    fn with(mut self, options: &[String]) -> Case {
        self.options.extend(options.iter().cloned());
        self
    }

    fn spoilt(self, change: impl FnOnce(&Path)) -> Case {
        change(self.bundle.path());
        self
    }
}

#[test]
fn there_is_a_page_for_every_verdict() {
    let desk = Desk::new();
    let short = Lab::new();
    let (mut long, mut fork) = (short.clone(), short.clone());
    long.submit();
    fork.rules(|policy| policy.approvals = 1);
    let since = |lab: &Lab, name: &str| ["--since".to_owned(), desk.write(name, lab.checkpoint(LOG_KEY).to_string())];
    let (of_long, of_fork) = (since(&long, "long"), since(&fork, "fork"));
    let damaged = ["DAMAGED", "已损坏"];
    let not_signed = ["NOT SIGNED", "并非由所指密钥签名"];
    let entries = "tile/entries/000.p";
    let cases = [
        Case { seen: Some(long.size()), ..Case::new(&short, ["ROLLBACK", "日志回退"]).with(&of_long) },
        Case { seen: Some(fork.size()), ..Case::new(&long, ["FORK", "日志分叉"]).with(&of_fork) },
        Case::new(&short, ["UNWITNESSED", "未经见证"]).with(&["--witness".into(), witness(WITNESS).to_string()]),
        Case::new(&short, ["ANOTHER LOG", "并非您所知"]).with(&["--log-key".into(), verifier(STRANGER).to_string()]),
        // The checkpoint is another key's, is altered, is no note, is not there.
        Case::new(&short, not_signed).spoilt(|bundle| {
            fs::write(bundle.join(CHECKPOINT), short.checkpoint(STRANGER).to_string()).unwrap();
        }),
        Case::new(&short, not_signed).spoilt(|bundle| {
            let size = |lab: &Lab| format!("\n{}\n", lab.size());
            let note = short.checkpoint(LOG_KEY).to_string().replace(&size(&short), &size(&long));
            fs::write(bundle.join(CHECKPOINT), note).unwrap();
        }),
        Case::new(&short, damaged).spoilt(|bundle| fs::write(bundle.join(CHECKPOINT), "<script>").unwrap()),
        Case::new(&short, damaged).spoilt(|bundle| fs::remove_file(bundle.join(CHECKPOINT)).unwrap()),
        // The tile is not there, or is another one; the key is none.
        Case::new(&short, damaged).spoilt(|bundle| fs::remove_dir_all(bundle.join(entries)).unwrap()),
        Case::new(&short, damaged).spoilt(|bundle| {
            let tile = bundle.join(entries).join(short.size().to_string());
            let mut bytes = fs::read(&tile).unwrap();
            bytes[100] ^= 1;
            fs::write(tile, bytes).unwrap();
        }),
        Case::new(&short, damaged).spoilt(|bundle| fs::write(bundle.join(VERIFIER_KEY), "no key").unwrap()),
        Case::new(&short, damaged).spoilt(|bundle| fs::remove_file(bundle.join(VERIFIER_KEY)).unwrap()),
    ];
    for Case { bundle, options, says, seen } in &cases {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        for (lang, says, to_do) in [("en", says[0], "What to do"), ("zh", says[1], "该怎么做")] {
            let (done, page) = desk.verify(bundle.path(), lang, &options);
            assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
            let verdict = format!("<p class=\"verdict bad\">{says}");
            assert!(page.contains(&verdict) && page.contains(to_do), "{verdict}: {done:?}\n{page}");
            let error = done.stderr.lines().next().unwrap().split_once([':', '：']).unwrap().1.trim().to_owned();
            assert!(page.contains(&escaped(&error)), "{error}: {page}");
            assert!(!page.contains("<script") && page.ends_with("</body></html>"), "{page}");
            // Both checkpoints, as far as there are two, to show to others.
            if let Some(seen) = seen {
                for size in [*seen, entries_in(bundle.path())] {
                    assert!(page.contains(&format!("<dd>{size}</dd>")), "{size}: {page}");
                }
                assert_eq!(page.matches("<pre>").count(), 2, "{page}");
            }
        }
    }
}

/// What the program remembers serves as well as a file that was kept, and a page that is there is never overwritten.
#[test]
fn a_log_that_was_seen_longer_is_told_with_both_checkpoints() {
    let (desk, short) = (Desk::new(), Lab::new());
    let mut long = short.clone();
    long.submit();
    assert_eq!(desk.verify(long.export().path(), "en", &[]).0.code, 0);
    let bundle = short.export();
    let (done, page) = desk.verify(bundle.path(), "en", &[]);
    assert!(done.code == 1 && done.stderr.starts_with("error: ROLLBACK"), "{done:?}");
    for lab in [&short, &long] {
        let note = lab.checkpoint(LOG_KEY).to_string();
        assert!(note.lines().all(|line| page.contains(&escaped(line))), "{note}: {page}");
    }
    let Done { code, stderr, .. } = desk.run(&["verify", &bundle.path().display().to_string(), "--html", "page.html"]);
    assert!(code == 1 && stderr.contains("never overwritten"), "{stderr}");
}

/// What was typed wrong is no verdict on the log, so nothing is written.
#[test]
fn a_mistyped_key_makes_no_page() {
    let (desk, lab) = (Desk::new(), Lab::new());
    for options in [["--log-key", "nonsense"], ["--witness", "nonsense"], ["--since", "nowhere"]] {
        let (done, page) = desk.verify(lab.export().path(), "en", &options);
        assert!(done.code == 1 && page.is_empty(), "{done:?} {page}");
    }
    let (done, page) = desk.verify(Path::new("nowhere"), "en", &[]);
    assert!(done.code == 1 && page.is_empty(), "{done:?} {page}");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn entries_in(bundle: &Path) -> u64 {
    fs::read_to_string(bundle.join(CHECKPOINT)).unwrap().lines().nth(1).unwrap().parse().unwrap()
}
