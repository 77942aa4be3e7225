//! Questions without code, from SQL to the numbers: what is said before anything is spent, and that what is refused
//! costs nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::cell::RefCell;

use serde_json::Value;
use support::{FIRMS, ITEMS, Lab, text};

const MEANS: &str = "SELECT town, bin(output, [20], ['small', 'large']) AS size, AVG(output) AS mean, COUNT(*) FROM firms \
                     WHERE output > 2 GROUP BY town, size";

fn asked(lab: &Lab, sql: &str, more: &[&str]) -> Value {
    lab.ok(&[&["ask", sql, "--rows-per-unit", "3", "--release", "now", "--key", "keys/analyst.pem"], more].concat())
}

#[test]
fn a_question_becomes_a_job_and_is_answered() {
    let lab = Lab::with_job();
    let before = lab.entries();
    let draft = asked(&lab, MEANS, &["--rho", "0.25", "--bounds", "output=0..150"]);
    assert_eq!((lab.entries(), &draft["job"], text(&draft["folder"]).as_str()), (before, &Value::Null, "questions/1"));
    let names: Vec<_> = draft["expected"].as_array().unwrap().iter().map(|number| text(&number["name"])).collect();
    assert_eq!(names, ["mean", "output", "count_2", "rows"]);
    let plan = &draft["checked"]["plan"];
    assert_eq!((&plan["rho"], &plan["filter"]), (&"0.25".into(), &"output > 2".into()));

    // The same by hand, and by a yes beforehand.
    lab.ok(&["job", "check", "questions/1"]);
    lab.ok(&["twin", "firms", "--rows", "200", "--out", "twins"]);
    let trial = lab.ok(&["job", "try", "questions/1", "--twins", "twins", "--no-noise"]);
    assert_eq!(trial["failed"], Value::Array(Vec::new()), "{trial}");
    let sent = asked(&lab, MEANS, &["--rho", "0.25", "--bounds", "output=0..150", "--yes"]);
    let job = text(&sent["job"]);
    assert_eq!((text(&sent["folder"]), &sent["manifest"]), ("questions/2".to_owned(), &draft["manifest"]));
    let shown = lab.unseen(&["job", "show", &job]).stdout;
    for said in [
        "Module: ready-made: sum, with expressions of its manifest",
        "Rows that count: output > 2",
        "size = bin(output, [20], ['small', 'large'])",
    ] {
        assert!(shown.contains(said), "no {said} in\n{shown}");
    }
    lab.approve(&job, "operator");
    lab.approve(&job, "second");
    lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
    let found = lab.ok(&["job", "release", &job, "--key", "keys/analyst.pem"]);
    let groups = found["rounds"][0]["outputs"][0]["groups"].as_array().unwrap();
    let keys: Vec<_> =
        groups.iter().map(|group| format!("{}{}", text(&group["keys"][0]), text(&group["keys"][1]))).collect();
    assert_eq!(keys, ["northsmall", "northlarge", "southsmall", "southlarge"]);
    // Forty firms of 0.5 to 41.5 in one to three rows, by town and size, counted here once more.
    let rows = (0..40_u32).flat_map(|unit| (0..=unit % 3).map(move |row| (unit % 2, f64::from(unit + row) + 0.5)));
    let mut truth = [0.0; 4];
    rows.filter(|(_, output)| *output > 2.0)
        .for_each(|(town, output)| truth[town as usize * 2 + usize::from(output >= 20.0)] += 1.0);
    for (group, truth) in groups.iter().zip(truth) {
        let number = |name: &str| text(&group["values"][2][name]).parse::<f64>().unwrap();
        let half = (number("high") - number("low")) / 2.0;
        // Five standard deviations.
        assert!((number("value") - truth).abs() <= half * 2.6, "{truth}: {group}");
    }
    let replayed = lab.ok(&["audit", "replay", &job]);
    assert_eq!(replayed["derived"], replayed["logged"], "{replayed}");
}

#[test]
fn a_wished_error_has_its_price_and_noise_is_said_beforehand() {
    let lab = Lab::with_job();
    let sql = "SELECT town, COUNT(DISTINCT code) FROM firms GROUP BY town";
    let rho = |error: &str| {
        let found = asked(&lab, sql, &["--error", error]);
        let expected = &found["expected"][0];
        (text(&found["checked"]["plan"]["rho"]).parse::<f64>().unwrap(), expected["halfWidth"].as_f64().unwrap())
    };
    let (cheap, wide) = rho("100 for north");
    let (dear, narrow) = rho("20");
    assert!(wide <= 100.0 && wide > 98.0 && narrow <= 20.0 && narrow > 19.0, "{wide} {narrow}");
    assert!(dear > 23.0 * cheap && dear < 27.0 * cheap, "{cheap} {dear}");
    let said = lab.unseen(&["ask", sql, "--rho", "0.00000001", "--release", "now", "--key", "keys/analyst.pem"]);
    assert!(
        said.code == 0 && said.stdout.contains("mostly noise") && said.stdout.contains("Nothing was submitted"),
        "{said:?}"
    );
    let chinese = lab.unseen(&["--lang", "zh", "ask", sql, "--rho", "0.00000001", "--key", "keys/analyst.pem"]);
    assert!(chinese.stdout.contains("大部分是噪声") && chinese.stdout.contains("假定"), "{chinese:?}");
    assert!(
        lab.refuses(&["ask", sql, "--error", "5 % for east"]).ends_with("there is no group `east` in this question")
    );
    assert!(lab.refuses(&["ask", sql, "--error", "0.001"]).contains("no budget makes `units` that exact"));
}

#[test]
fn what_cannot_be_asked_is_underlined_and_costs_nothing() {
    let lab = Lab::with_job();
    lab.write("items.toml", ITEMS);
    lab.write("items.csv", "who,n,code\nfirm-1,1,a\n");
    lab.ok(&["dataset", "import", "items.csv", "--description", "items.toml", "--key", "keys/steward.pem"]);
    let before = lab.entries();
    let neither = lab.refuses(&["ask", "SELECT COUNT(*) FROM firms", "--key", "keys/analyst.pem"]);
    assert!(neither.contains("--error \"5 %\"") && neither.contains("--rho 0.05"), "{neither}");
    for (sql, underlined, said) in [
        (
            "SELECT town, SUM(n) FROM firms GROUP BY town",
            "                 ^",
            "`items` has one, about the same unit: write JOIN items ON firms.code = items.who",
        ),
        ("SELECT * FROM firms", "       ^", "`*` names every column"),
        ("SELECT town, RANK() OVER () FROM firms", "                    ^^^^", "a window function"),
        ("SELECT SUM(town) FROM firms", "           ^^^^", "`town` holds texts, and these cannot be summed"),
        (
            "SELECT SUM(n) FROM firms JOIN items ON firms.town = items.code",
            "                                       ^^^^^^^^^^^^^^^^^^^^^^^",
            "rows are brought together by their unit only: write ON firms.code = items.who",
        ),
        ("SELECT COUNT(*) FROM farms", "                     ^^^^^", "there is no dataset `farms`"),
    ] {
        let done = lab.unseen(&["ask", sql, "--rho", "0.1", "--yes", "--key", "keys/analyst.pem"]);
        assert!(done.code == 1 && done.stdout.is_empty() && done.stderr.contains(said), "{done:?}");
        assert!(done.stderr.contains(&format!("\n{sql}\n{underlined}\n")), "{done:?}");
        let chinese = lab.unseen(&["--lang", "zh", "ask", sql, "--rho", "0.1", "--key", "keys/analyst.pem"]);
        assert!(chinese.stderr.contains("个字符：") && chinese.stderr.contains(underlined), "{chinese:?}");
    }
    // The same without SQL: a manifest that sums what cannot be summed.
    lab.ok(&["ask", "SELECT SUM(output) FROM firms", "--rho", "0.1", "--out", "sums"]);
    let manifest = std::fs::read_to_string(lab.path("sums/job.toml")).unwrap();
    lab.write("sums/job.toml", manifest.replace("\"output\"", "\"town\""));
    for (lang, said) in
        [("en", "the value `town` cannot be summed: its column holds texts"), ("zh", "无法对 `town` 求和：该列是文本")]
    {
        for verb in [&["job", "check", "sums"][..], &["job", "submit", "sums", "--key", "keys/analyst.pem"]] {
            let done = lab.unseen(&[&["--lang", lang], verb].concat());
            assert!(done.code == 1 && done.stderr.contains(said), "{done:?}");
        }
    }
    assert_eq!(lab.entries(), before);
    assert!(!lab.path("questions").exists());
    let found = lab.ok(&["job", "suggest", "firms", "--rows-per-unit", "3"]);
    let columns = found["columns"].as_array().unwrap();
    assert_eq!(columns[1]["group"], "{ name = \"town\", keys = [\"north\", \"south\"] }");
    assert_eq!(columns[2]["value"], "{ name = \"output\", lower = 0, upper = 3000, granularity = 1 }");
    // Closer bounds have a price, which the question that finds them names.
    assert_eq!(columns[1]["measure"], Value::Null);
    lab.ok(&["ask", &text(&columns[2]["measure"]["sql"]), "--rho", "0.01", "--out", "ends"]);
    assert!(std::fs::read_to_string(lab.path("ends/job.toml")).unwrap().contains("shares = [0.02, 0.98]"));
}

const PLANTS: &str = r#"
name = "plants"
kind = "private"
provider = "Statistics Bureau"
classification = "internal"
update_cycle = "once"
sharing = "conditional"
title = { zh = "工厂", en = "Plants" }
unit = { column = "code", domain = "enterprise" }
bounds = { units = 2000, rows = 2000, text = 32 }
column = [
    { name = "code", type = "text", nullable = false },
    { name = "town", type = "text", domain = ["a", "b", "c", "d"] },
    { name = "size", type = "float", min = 0, max = 100 },
    { name = "output", type = "float", min = 0, max = 1000 },
    { name = "level", type = "int", min = 0, max = 100 },
    { name = "late", type = "bool" },
]
"#;

/// Two thousand: sizes lie evenly, output is 50 more than six times as much, levels are in three heaps, and the larger a
/// plant is the more often it is late.
fn plants() -> String {
    let rows = (0..2_000_u32).map(|unit| {
        let size = f64::from(unit * 37 % 1_000) / 10.0;
        let town = ["a", "a", "a", "a", "b", "b", "b", "c", "c", "d"][unit as usize % 10];
        let level = [10, 50, 90][unit as usize % 3] + unit % 7;
        let late = f64::from(unit * 7_919 % 101) < size;
        format!("p{unit:05},{town},{size},{},{level},{late}\n", 50.0 + 6.0 * size)
    });
    format!("code,town,size,output,level,late\n{}", rows.collect::<String>())
}

#[test]
fn models_are_asked_for_in_sql_and_computed_of_noised_totals() {
    let lab = Lab::new();
    lab.write("plants.toml", PLANTS);
    lab.write("plants.csv", plants());
    lab.ok(&["dataset", "import", "plants.csv", "--description", "plants.toml", "--key", "keys/steward.pem"]);
    let last = RefCell::new(String::new());
    // Its tables by name: keys and numbers of each row.
    let answered = |sql: &str| {
        let sent = lab.ok(&["ask", sql, "--rho", "0.05", "--release", "now", "--yes", "--key", "keys/analyst.pem"]);
        let job = text(&sent["job"]);
        last.replace(job.clone());
        let shown = lab.unseen(&["job", "show", &job]).stdout;
        assert!(shown.contains("with the model of its manifest") && shown.contains("Computed of the noised totals"));
        lab.approve(&job, "operator");
        lab.approve(&job, "second");
        lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
        let found = lab.ok(&["job", "release", &job, "--csv", &format!("{job}.csv"), "--key", "keys/analyst.pem"]);
        let replayed = lab.ok(&["audit", "replay", &job]);
        assert_eq!(replayed["derived"], replayed["logged"], "{replayed}");
        let tables = found["derived"].as_array().unwrap().clone();
        let rows = |table: &Value| -> Vec<(String, Vec<f64>)> {
            let numbers = |row: &Value| row.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
            let rows = table["rows"].as_array().unwrap().iter();
            let keys = |at: usize| match &table["groups"][at] {
                Value::Array(keys) => {
                    keys.iter().map(|key| key.to_string().replace('"', "")).collect::<Vec<_>>().join("/")
                }
                _ => String::new(),
            };
            rows.enumerate().map(|(at, row)| (keys(at), numbers(row))).collect()
        };
        (text(&tables[0]["name"]), rows(&tables[0]), std::fs::read_to_string(lab.path(&format!("{job}.csv"))).unwrap())
    };

    let (name, rows, csv) = answered(
        "SELECT town, MEDIAN(output), PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY output) FROM plants GROUP BY town",
    );
    assert!(name == "quantiles of output" && csv.contains("quantiles of output,job,11,1,a,value,"), "{name}\n{csv}");
    // Of 800, 600, 400 and 200 plants: sizes lie alike in all towns.
    let expected = ["a", "b", "c", "d"].into_iter().flat_map(|town| [(town, 0.5, 350.0), (town, 0.9, 590.0)]);
    for ((town, row), (expected, share, truth)) in rows.iter().zip(expected) {
        let near = (row[1] - truth).abs() < 100.0 && row[2] <= truth + 10.0 && truth - 10.0 <= row[3];
        assert!(town == expected && row[0] == share && near, "{town} {truth}: {row:?}");
    }

    let (name, rows, csv) =
        answered("SELECT town, COUNT(DISTINCT code) AS n FROM plants GROUP BY town ORDER BY n DESC LIMIT 2");
    let first: Vec<_> = rows.iter().map(|(town, row)| (town.as_str(), row[0])).collect();
    assert!(name == "top 2 by units" && first == [("a", 1.0), ("b", 2.0)], "{name}: {rows:?}");
    // All groups are there to be seen, and the ranked number is the noised one.
    assert!(csv.contains("n,total,0,3,d,units,"), "{csv}");
    assert!(csv.contains(&format!("n,total,0,0,a,units,{},", rows[0].1[1])), "{csv}");

    // A term is called by what it is made of, and the question by what its asker called it.
    let (name, rows, _) = answered("SELECT LINEAR_REGRESSION(output, size / 2) AS slopes FROM plants");
    assert_eq!(name, "coefficients");
    for ((term, row), (expected, truth)) in rows.iter().zip([("intercept", 50.0), ("size / 2", 12.0)]) {
        assert!(term == expected && (row[0] - truth).abs() < 5.0 * row[1] + 0.01, "{term}: {row:?}");
    }

    let read =
        |lang| lab.unseen(&["--lang", lang, "job", "release", &last.borrow(), "--key", "keys/analyst.pem"]).stdout;
    let (en, zh) = (read("en"), read("zh"));
    assert!(en.contains("slopes: coefficients (computed by the job") && en.contains("intercept"), "{en}");
    assert!(zh.contains("slopes：系数（由作业") && zh.contains("截距") && zh.contains("size / 2"), "{zh}");

    let (name, rows, _) = answered("SELECT LOGISTIC_REGRESSION(late, size) FROM plants");
    assert!(name == "coefficients" && rows[1].0 == "size" && rows[1].1[0] > 5.0 * rows[1].1[1], "{name}: {rows:?}");

    let (name, rows, _) = answered("SELECT KMEANS(3, level) FROM plants");
    let mut centres: Vec<(f64, f64)> = rows.iter().map(|(_, row)| (row[1], row[0])).collect();
    centres.sort_by(|one, other| one.0.total_cmp(&other.0));
    for ((centre, count), truth) in centres.iter().zip([13.0, 53.0, 93.0]) {
        assert!(name == "centres" && (centre - truth).abs() < 6.0 && (count - 667.0).abs() < 120.0, "{rows:?}");
    }

    let refused =
        lab.refuses(&["ask", "SELECT KMEANS(3, level) FROM plants", "--error", "5 %", "--key", "keys/analyst.pem"]);
    assert!(refused.contains("depends on the rows") && refused.contains("--rho 0.5"), "{refused}");
}

/// Shops in a register: four in five are in the north and small, the others in the south and large.
fn shops(lab: &Lab) {
    let described = FIRMS.replace("name = \"firms\"", "name = \"shops\"");
    let described = described.replace("text = 256", "units = 2_000\nrows = 2_000\ntext = 256");
    lab.write("shops.toml", described.replace("name = \"town\"", "name = \"town\"\nper_unit = true"));
    let row = |unit: u32| match unit % 5 {
        0 => format!("s{unit:05},south,{}\n", 900 + unit % 60),
        _ => format!("s{unit:05},north,{}\n", unit % 60),
    };
    lab.write("shops.csv", format!("code,town,output\n{}", (0..2_000).map(row).collect::<String>()));
    lab.ok(&["dataset", "import", "shops.csv", "--description", "shops.toml", "--key", "keys/steward.pem"]);
}

/// The share of a twin's rows in the north, and of those the share of small ones.
fn shares(lab: &Lab, out: &str) -> (f64, f64) {
    let rows = std::fs::read_to_string(lab.path(&format!("{out}/shops.csv"))).unwrap();
    let rows: Vec<Vec<&str>> = rows.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let north: Vec<_> = rows.iter().filter(|row| row[1] == "north").collect();
    let small = north.iter().filter(|row| row[2].parse::<f64>().is_ok_and(|output| output < 63.0));
    (north.len() as f64 / rows.len() as f64, small.count() as f64 / north.len() as f64)
}

#[test]
fn a_twin_is_fitted_to_a_release_that_was_paid_for() {
    let lab = Lab::with_job();
    shops(&lab);
    let fit = |pair, out| {
        lab.unseen(&[
            "--json",
            "dataset",
            "fit",
            "shops",
            "--rho",
            "0.25",
            "--pair",
            pair,
            "--release",
            "now",
            "--out",
            out,
        ])
    };
    for (pair, said) in [
        ("town,twon", "no column `twon`"),
        ("code,town", "`code` is not counted"),
        ("output,town", "write --pair town,output"),
    ] {
        let refused = fit(pair, "none");
        assert!(refused.code == 1 && refused.stderr.contains(said) && !lab.path("none").exists(), "{refused:?}");
    }
    let drafted: Value = serde_json::from_str(&fit("town,output", "fit").stdout).unwrap();
    assert_eq!((&drafted["checked"]["plan"]["rho"], &drafted["folder"]), (&"0.25".into(), &"fit".into()));
    let job = lab.approved("fit");
    let twin = |of: &str, out: &str, key: &str| {
        let options = ["--fitted", of, "--out", out, "--key", key];
        lab.unseen(&[&["--json", "twin", "shops", "--rows", "5000"][..], &options].concat())
    };
    assert_eq!(twin(&job, "twins", "keys/analyst.pem").code, 1, "there is no release yet");
    lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
    lab.ok(&["key", "new", "keys/stranger.pem"]);
    let refused = twin(&job, "twins", "keys/stranger.pem");
    assert!(refused.code == 1 && !lab.path("twins").exists(), "{refused:?}");

    let done = twin(&job, "twins", "keys/analyst.pem");
    let written: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    let release = lab.ok(&["job", "release", &job, "--key", "keys/analyst.pem"]);
    let fitted = &written["fitted"];
    assert_eq!(
        (&fitted["job"], &fitted["release"], &fitted["rho"]),
        (&release["job"], &release["body"], &"0.25".into())
    );
    assert!(written["notes"].to_string().contains("2000 rows were made, and not 5000"), "{written}");
    let headed = std::fs::read_to_string(lab.path("twins/shops.dataset.toml")).unwrap();
    let head = format!("# FITTED: made by the release of {job} ({}), which cost rho 0.25", text(&release["body"]));
    assert!(headed.starts_with(&head) && headed.ends_with(&std::fs::read_to_string(lab.path("shops.toml")).unwrap()));
    // What was released is four fifths in the north, nearly all of them small; the description knows nothing of it.
    let (north, small) = shares(&lab, "twins");
    assert!((north - 0.8).abs() < 0.05 && small > 0.9, "{north} {small}");
    lab.ok(&["twin", "shops", "--rows", "2000", "--out", "plain"]);
    let (north, small) = shares(&lab, "plain");
    assert!((north - 0.5).abs() < 0.05 && small < 0.1, "{north} {small}");
    let trial = lab.ok(&["job", "try", "fit", "--twins", "twins"]);
    assert_eq!(trial["failed"], Value::Array(Vec::new()), "{trial}");

    // The same of a file, if it is what was released.
    lab.write("release.json", release.to_string());
    assert_eq!(twin("release.json", "of-file", "keys/analyst.pem").code, 0);
    assert_eq!(shares(&lab, "of-file"), shares(&lab, "twins"));
    let mut other = release.clone();
    other["rounds"][0]["outputs"][0]["groups"][0]["values"][0]["value"] = "1".into();
    lab.write("release.json", other.to_string());
    let refused = twin("release.json", "no", "keys/analyst.pem");
    assert!(refused.stderr.contains("another digest") && !lab.path("no").exists(), "{refused:?}");
}

#[test]
fn a_made_up_table_says_what_is_missing() {
    let lab = Lab::with_job();
    let table = "name = \"kinds\"\nkind = \"reference\"\nkey = \"code\"\nprovider = \"p\"\nclassification = \"public\"\n\
        update_cycle = \"irregular\"\nsharing = \"none\"\n[[column]]\nname = \"code\"\ntype = \"text\"\n";
    lab.write("kinds.toml", table);
    lab.write("kinds.csv", "code\nnorth\nsouth\n");
    lab.ok(&["dataset", "import", "kinds.csv", "--description", "kinds.toml", "--key", "keys/steward.pem"]);
    let job = support::job("rho = 0.25").replace(
        "[privacy]",
        "groups = [{ name = \"town\", reference = \"kinds\", column = \"code\" }, { name = \"n\", range = [1, 999] }]\n[privacy]",
    );
    lab.write("by-kind/job.toml", job);
    lab.ok(&["job", "check", "by-kind"]);
    lab.ok(&["twin", "firms", "--out", "twins"]);

    // The lab has its rows, and a lab that describes it otherwise has others.
    let own = lab.ok(&["twin", "kinds.toml", "--out", "twins"]);
    assert_eq!(std::fs::read_to_string(lab.path("twins/kinds.csv")).unwrap(), "code\nnorth\nsouth\n", "{own}");
    lab.ok(&["job", "check", "by-kind", "--twins", "twins"]);
    lab.write("kinds.toml", table.replace("provider = \"p\"", "provider = \"q\""));
    let made_up = lab.ok(&["twin", "kinds.toml", "--out", "twins"]);
    assert!(made_up["notes"].to_string().contains("its rows here are made up, keys too"), "{made_up}");
    let refused = lab.refuses(&["job", "check", "by-kind", "--twins", "twins"]);
    assert!(refused.contains("groups") && refused.contains("`unseen twin kinds` writes its own rows"), "{refused}");
}
