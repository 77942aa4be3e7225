//! What people are told of a job and its release: before it is approved, when it failed, and in every form in
//! which its numbers are read.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{FIRMS, Lab, POLICY, component, firms, job, shaped, text};

/// Sums and counts of firms by town, for the lab's own map, with their quotient.
const MEANS: &str = r#"[job]
title = "Output by town"
purpose = "The mean output of a firm."
release = "now"
module = "ready-made:sum"

[[input]]
dataset = "firms"
columns = ["town", "output"]

[grain]
kind = "unit"

[[output]]
name = "by_town"
groups = [{ name = "town", keys = ["north", "south"] }]
values = [
  { name = "output", lower = -50, upper = 100, granularity = 0.5 },
  { name = "units", lower = 0, upper = 1, granularity = 1 },
]
ratios = [
  { name = "mean", numerator = "output", denominator = "units" },
  { name = "overall", numerator = "output", denominator = "units", by = [] },
]

[privacy]
mechanism = "gaussian"
rho = 0.25

[limits]
memory = "4MiB"
"#;

/// Ratios first, with their intervals; errors of a column in its heading; a line for each number in the CSV file;
/// a chart for each in the page. No file is overwritten.
#[test]
fn a_release_is_read_in_every_form() {
    let lab = Lab::with_job();
    lab.write("means/job.toml", MEANS);
    let id = lab.approved("means");
    lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    let found = lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    let estimates = found["estimates"].as_array().unwrap();
    let names: Vec<_> = estimates.iter().map(|found| text(&found["name"])).collect();
    assert_eq!(names, ["mean", "overall"]);
    let group = |table: usize, at: usize| &estimates[table]["groups"][at];
    assert_eq!((&group(0, 1)["keys"][0], group(1, 0)["keys"].as_array().unwrap().len()), (&"south".into(), 0));
    // Twenty firms in each town, whose output is 0.5 to 129 in one to three rows.
    for estimate in [group(0, 0), group(0, 1), group(1, 0)] {
        let of = |name: &str| estimate[name].as_f64().unwrap();
        assert!(of("low") < of("value") && of("value") < of("high"), "{estimate}");
        assert!(of("low") < 80.0 && of("high") > 20.0, "{estimate}");
    }
    assert_eq!(
        (&found["plan"]["rho"], &found["plan"]["outputs"][0]["values"][0]["upper"]),
        (&"0.25".into(), &100.0.into())
    );

    let args = ["job", "release", &id, "--csv", "r.csv", "--html", "r.html", "--key", "keys/analyst.pem"];
    let shown = lab.unseen(&args).stdout;
    let place = |what: &str| shown.find(what).unwrap_or_else(|| panic!("no {what} in\n{shown}"));
    assert!(place("mean = output / units") < place("by_town (the noised totals)"), "{shown}");
    assert!(place("by_town.output: one unit adds -50 to 100, in at most 1 of 2 groups") < place("mean = "), "{shown}");
    let half = found["rounds"][0]["outputs"][0]["groups"][0]["values"][0].clone();
    let width = |name: &str| text(&half[name]).parse::<f64>().unwrap();
    assert!(shown.contains(&format!("output ± {}", (width("high") - width("low")) / 2.0)), "{shown}");
    assert!(shown.contains("The bars are of `output`."), "{shown}");

    let csv = std::fs::read_to_string(lab.path("r.csv")).unwrap();
    let lines: Vec<_> = csv.strip_prefix('\u{feff}').unwrap().lines().collect();
    assert_eq!(lines[0], "table,kind,round,row,town,value,number,low,high,standard_deviation");
    assert_eq!(lines.len(), 1 + 2 + 1 + 4, "{csv}");
    assert!(
        lines[1].starts_with("by_town,ratio,0,0,north,mean,") && lines[3].starts_with("by_town,ratio,0,0,,overall,")
    );
    let number = text(&half["value"]);
    assert!(lines[4].starts_with(&format!("by_town,total,0,0,north,output,{number},")), "{csv}");
    // The same lines with types.
    lab.ok(&["job", "release", &id, "--parquet", "r.parquet", "--key", "keys/analyst.pem"]);
    let file = std::fs::File::open(lab.path("r.parquet")).unwrap();
    let mut read = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = read.next().unwrap().unwrap();
    let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names.join(","), [lines[0], ",exact"].concat());
    let doubles = batch.column_by_name("number").unwrap().as_primitive::<Float64Type>();
    let listed: Vec<f64> = lines[1..].iter().map(|line| line.split(',').nth(6).unwrap().parse().unwrap()).collect();
    assert_eq!(doubles.values().to_vec(), listed);
    assert_eq!(batch.column_by_name("exact").unwrap().as_string::<i32>().value(3), number);
    let page = std::fs::read_to_string(lab.path("r.html")).unwrap();
    assert!(
        page.matches("<figure class=\"chart\"").count() == 3 && page.contains("<svg") && !page.contains("<script"),
        "{page}"
    );
    assert!(page.contains("The mean output of a firm.") && page.contains("Fieller"), "{page}");
    let same = ["job", "release", &id, "--csv", "s", "--html", "s", "--key", "keys/analyst.pem"];
    assert!(lab.refuses(&same).starts_with("--csv and --html both name s") && !lab.path("s").exists());
    assert!(lab.refuses(&args).ends_with("r.csv exists already and is never overwritten: choose another name"));
    let chinese =
        lab.unseen(&["--lang", "zh", "job", "release", &id, "--html", "zh.html", "--key", "keys/analyst.pem"]);
    assert!(chinese.stdout.contains("加噪总数") && chinese.stdout.contains("已写入：zh.html"), "{chinese:?}");
    assert!(std::fs::read_to_string(lab.path("zh.html")).unwrap().contains("如何阅读"));
}

/// Steps that no decimal writes: the release says fractions, and people and spreadsheets get decimals.
#[test]
fn thirds_are_read_as_decimals() {
    let lab = Lab::with_job();
    lab.write("means/job.toml", MEANS.replace("granularity = 0.5", "granularity = \"1/3\""));
    let id = lab.approved("means");
    lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    let shown = lab.unseen(&["job", "release", &id, "--csv", "r.csv", "--html", "r.html", "--key", "keys/analyst.pem"]);
    let csv = std::fs::read_to_string(lab.path("r.csv")).unwrap();
    let page = std::fs::read_to_string(lab.path("r.html")).unwrap();
    assert!(shown.code == 0 && shown.stdout.contains("output ± "), "{shown:?}");
    for said in [&shown.stdout, &csv, &page] {
        assert!(!said.contains("NaN") && !said.contains("/3") && !said.contains(">—<"), "{said}");
    }
    assert_eq!(page.matches("<figure class=\"chart\"").count(), 3, "{page}");
}

/// What an approver decides by stands on one page.
#[test]
fn an_approver_sees_what_there_is_to_decide() {
    let lab = Lab::with_job();
    lab.write("means/job.toml", MEANS);
    let (first, second) = (lab.submit("job"), lab.submit("means"));
    lab.ok(&["job", "approve", &second, "--key", "keys/operator.pem"]);
    let found = lab.ok(&["job", "show", &second]);
    let read = &found["reads"][0];
    assert_eq!((&read["dataset"], &read["classification"]), (&"firms".into(), &"internal".into()));
    let columns: Vec<_> = read["columns"].as_array().unwrap().iter().map(|column| text(&column["name"])).collect();
    assert_eq!(columns, ["town", "output"]);
    let by = &found["plan"]["outputs"][0]["by"][0];
    assert_eq!(by["isRange"], false);
    assert_eq!(
        (&by["name"], &by["count"], &by["first"]),
        (&"town".into(), &2.into(), &serde_json::json!(["north", "south"]))
    );
    // Dataset, and the analyst's share of it: the other job that waits wants as much of both.
    let budget: Vec<_> =
        found["budget"].as_array().unwrap().iter().map(|line| (&line["after"], &line["others"])).collect();
    let quarter = Value::from("0.25");
    assert_eq!(budget, [(&Value::from("0.75"), &quarter), (&quarter, &quarter)]);
    let jobs = |field: &str| found[field].as_array().unwrap().iter().map(|job| text(&job["job"])).collect::<Vec<_>>();
    assert_eq!((jobs("earlier"), jobs("waiting")), (vec![first.clone()], vec![first.clone()]));

    let shown = lab.unseen(&["job", "show", &second]).stdout;
    for said in [
        "Approvals: 1 of 2: operator",
        "Module: ready-made: sum",
        "Purpose: The mean output of a firm.",
        "Groups of by_town: town (2: north, south)",
        "Earlier jobs of analyst: 1; the last 1, newest first",
        "Other jobs that wait",
    ] {
        assert!(shown.contains(said), "no {said} in\n{shown}");
    }
    assert!(lab.unseen(&["job", "show", &first]).stdout.contains("Approvals: 0 of 2\n"));
    // Both may be submitted, and only one can be paid: whoever approves is told.
    lab.write("tight.toml", support::POLICY.replace("analyst = \"0.5\"", "analyst = \"0.4\""));
    lab.ok(&["policy", "set", "tight.toml", "--key", "keys/owner.pem"]);
    let (third, _) = (lab.submit("job"), lab.submit("means"));
    let shown = lab.unseen(&["job", "show", &third]).stdout;
    assert!(shown.contains("0.25: TOO MUCH TOGETHER"), "{shown}");
}

/// What a run would find out only once it is charged: that a lookup is by another column than the key, or by another
/// type; and a value that the lab's own map does not know.
#[test]
fn a_job_that_could_never_have_a_result_is_refused_before_it_costs() {
    let lab = Lab::with_job();
    lab.write("towns.csv", "name,code,share\nnorth,1,0.5\nsouth,2,0.5\n");
    let towns = "name = \"towns\"\nkind = \"reference\"\nprovider = \"p\"\nclassification = \"public\"\nupdate_cycle = \"once\"\n\
                 sharing = \"unconditional\"\nkey = \"name\"\ncolumn = [{ name = \"name\", type = \"text\", nullable = false }, \
                 { name = \"code\", type = \"int\" }, { name = \"share\", type = \"float\" }]\n";
    lab.write("towns.toml", towns);
    lab.ok(&["dataset", "import", "towns.csv", "--description", "towns.toml", "--key", "keys/steward.pem"]);
    let good = MEANS.replace(
        "columns = [\"town\", \"output\"]",
        "columns = [\"town\", \"output\"]\n[[input.lookup]]\nreference = \"towns\"\non = \"town\"\nkey = \"name\"\ncolumns = [\"code\"]",
    );
    lab.write("means/job.toml", &good);
    lab.submit("means");
    for (from, to, said) in [
        ("key = \"name\"", "key = \"code\"", "line 13, column 7: the key of `towns` is `name`: look up by that"),
        (
            "on = \"town\"",
            "on = \"output\"",
            "line 12, column 6: `output` cannot be looked up in `towns`: its type is not the key's",
        ),
        (
            "\"units\", lower = 0, upper = 1",
            "\"units\", lower = 0, upper = 2",
            "the value `units` counts units: set lower = 0 and upper = 1",
        ),
    ] {
        lab.write("means/job.toml", good.replace(from, to));
        for command in ["job check means", "job submit means --key keys/analyst.pem"] {
            let refused = lab.refuses(&command.split(' ').collect::<Vec<_>>());
            assert!(refused.ends_with(said), "{command}: {refused}");
        }
    }
}

/// A job whose `advance` fails on the noised totals: everybody it concerns is told its text.
#[test]
fn a_failed_job_says_why() {
    let lab = Lab::with_job();
    let module = r#"(module
  (memory (export "memory") 4)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
  (func (export "contribute") (param i32 i32 i32 i32) (result i32) (i32.const 128))
  (data (i32.const 896) "\01\00\00\00\00\04\00\00\15\00\00\00")
  (data (i32.const 1024) "the slope is infinite")
  (func (export "advance") (param i32 i32 i32 i32 i32) (result i32) (i32.const 896)))"#;
    let component = unseen_toolchain::componentize(&wat::parse_str(module).unwrap()).unwrap();
    lab.write("job/target/job.wasm", shaped(&component, &job("rho = 0.25")));
    let id = lab.approved("job");
    let done = lab.unseen(&["job", "run", &id, "--key", "keys/operator.pem"]);
    let why = "the job's `advance` failed in round 0: the guest answered with an error: the slope is infinite";
    assert!(done.code == 1 && done.stdout.contains(&format!("Reason: {why}\n")), "{done:?}");
    let found = lab.ok(&["job", "show", &id]);
    assert_eq!((&found["state"], &found["reason"]), (&"failed".into(), &why.into()));
    let refused = lab.refuses(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    assert_eq!(refused, format!("{id} is failed and has no result: {why}"));
    // Until its time comes it is sealed, as a result would be.
    lab.write("job/job.toml", job("rho = 0.25").replace("\"now\"", "\"+1h\""));
    let later = lab.approved("job");
    lab.ok(&["job", "run", &later, "--key", "keys/operator.pem"]);
    let kept = std::fs::read(lab.path("lab/sealed").join(format!("{later}.failed"))).unwrap();
    assert!(kept.starts_with(b"unseen sealed failure v1\n") && !String::from_utf8_lossy(&kept).contains("slope"));
}

/// Where one unit at a time takes too long, blocks that would fit are named, with their time.
#[test]
fn blocks_are_proposed_where_one_unit_at_a_time_takes_too_long() {
    let lab = Lab::new();
    lab.write("scheduled.toml", POLICY.replace("release_now = true", "release_now = false"));
    lab.ok(&["policy", "set", "scheduled.toml", "--key", "keys/owner.pem"]);
    lab.write("firms.csv", firms(40));
    lab.write("firms.toml", FIRMS.replace("text = 256", "text = 256\nunits = 1_000_000"));
    lab.ok(&["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]);
    lab.write("job/target/job.wasm", component("(f64.const 1)"));
    let checked = |manifest: &str| {
        lab.write("job/job.toml", manifest.replace("release = \"now\"", "release = \"+1h\""));
        let done = lab.unseen(&["--json", "job", "check", "job"]);
        serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap()
    };
    let unit = checked(&job("rho = 0.25"));
    assert_eq!(unit["refusalCode"], "ledger.too-long", "{unit}");
    let count = unit["blocks"]["count"].as_u64().unwrap();
    let told = lab.unseen(&["job", "check", "job", "--lang", "zh"]).stdout;
    assert!(told.contains(&format!("count = {count} 时最长需要")), "{told}");
    // They are what a job of blocks is told, and the job is taken.
    let blocks = checked(&job("rho = 0.25").replace("\"unit\"", &format!("\"blocks\"\ncount = {count}")));
    assert_eq!((&blocks["refusal"], &blocks["blocks"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!(blocks["plan"]["need"]["seconds"], unit["blocks"]["seconds"]);
    // Too many blocks are told how many would fit, and by how much noise grows.
    let of_blocks = |count: u64| {
        let job = job("rho = 0.25").replace("fuel = 1_000_000", "fuel = 1_000_000_000");
        checked(&job.replace("\"unit\"", &format!("\"blocks\"\ncount = {count}")))
    };
    let many = of_blocks(9_000);
    let fewer = many["blocks"]["count"].as_u64().unwrap();
    assert_eq!(many["refusalCode"], "ledger.too-long", "{many}");
    assert_eq!(many["blocks"]["noise"].as_f64().unwrap(), 9_000.0 / fewer as f64);
    let told = lab.unseen(&["job", "check", "job"]).stdout;
    assert!(told.contains(&format!("What would fit: count = {fewer} would take at most")), "{told}");
    assert!(told.contains("times as wide then"), "{told}");
    assert_eq!(of_blocks(fewer)["refusal"], serde_json::Value::Null);
    // Where blocks would not fit either, none are named.
    let never = checked(&job("rho = 0.25").replace("fuel = 1_000_000", "fuel = 100_000_000_000"));
    assert_eq!((&never["refusalCode"], &never["blocks"]), (&unit["refusalCode"], &serde_json::Value::Null));
}
