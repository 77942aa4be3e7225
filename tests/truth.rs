//! Real public data: what is released lies about the truth as closely as it says. The truth is
//! counted here in plain code, straight from the files.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::*;
use unseen_core::coverage::Expected;
use unseen_core::seed::{NoiseKey, RunIdentity};
use unseen_core::{ExactTotals, RoundNoise};
use unseen_policies::plan::References;
use unseen_policies::{Manifest, Plan};

/// One unit's rows for a table: the columns asked for, by name.
struct Csv {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    fn parse(text: &str) -> Csv {
        let mut lines = text.lines().map(fields);
        Csv { names: lines.next().unwrap(), rows: lines.collect() }
    }

    fn column(&self, name: &str) -> usize {
        self.names.iter().position(|found| found == name).unwrap()
    }
}

/// The fields of one line; quoted ones may hold commas.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

/// A folder of public data.
fn data(what: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(what)
}

fn unpacked(file: &Path) -> String {
    let output = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/examples").join(name)
}

/// Puts an example's job into the lab's folder, compiled, and its dataset descriptions.
fn prepare(lab: &Lab, name: &str) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
    let component = unseen_toolchain::build_package(&example(""), name, &target).unwrap();
    lab.write(&format!("{name}/target/job.wasm"), component);
    let text = std::fs::read_to_string(example(name).join("job.toml")).unwrap();
    lab.write(&format!("{name}/job.toml"), &text);
    text
}

fn import(lab: &Lab, description: PathBuf, rows: &str) {
    lab.write("rows.csv", rows);
    lab.ok(&[
        "dataset",
        "import",
        "rows.csv",
        "--description",
        description.to_str().unwrap(),
        "--key",
        "keys/steward.pem",
    ]);
}

/// Runs the job of this folder; returns the released outputs: numbers with their intervals, by output
/// and value, each by its group.
fn released(lab: &Lab, job: &str) -> Numbers<[f64; 3]> {
    let id = lab.approved(job);
    lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    let body = lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    assert_eq!(lab.ok(&["audit", "replay", &id])["verdict"], "agrees");
    let mut found = Numbers::new();
    for output in body["rounds"][0]["outputs"].as_array().unwrap() {
        for group in output["groups"].as_array().unwrap() {
            let keys: Vec<String> = group["keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned))
                .collect();
            for (name, value) in output["values"].as_array().unwrap().iter().zip(group["values"].as_array().unwrap()) {
                let number = |field: &str| decimal(&value[field]);
                let place = (text(&output["name"]), text(name));
                found.entry(place).or_default().insert(keys.clone(), [number("low"), number("value"), number("high")]);
            }
        }
    }
    found
}

fn decimal(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Something for each number of a release, by output and value, and then by group.
type Numbers<T> = BTreeMap<(String, String), BTreeMap<Vec<String>, T>>;

/// Exact totals; a group that is missing has 0.
type Truth = Numbers<f64>;

fn add(truth: &mut Truth, output: &str, value: &str, group: &[&str], number: f64) {
    let group = group.iter().map(|key| (*key).to_owned()).collect();
    *truth.entry((output.to_owned(), value.to_owned())).or_default().entry(group).or_default() += number;
}

/// How many of all numbers of one release hold the truth in their interval.
fn share_held(released: &Numbers<[f64; 3]>, truth: &Truth) -> (usize, usize) {
    let (mut held, mut all) = (0, 0);
    for (place, groups) in released {
        let none = BTreeMap::new();
        let known = truth.get(place).unwrap_or(&none);
        assert!(
            known.keys().all(|group| groups.contains_key(group)),
            "{place:?}: a group of the truth is not in the domain"
        );
        for (group, [low, value, high]) in groups {
            let truth = known.get(group).copied().unwrap_or(0.0);
            assert!(low <= value && value <= high);
            // Eleven standard deviations off is no bad luck.
            assert!((value - truth).abs() <= 5.5 * (high - low) / 2.0, "{place:?} {group:?}: {value} for {truth}");
            held += usize::from((*low..=*high).contains(&truth));
            all += 1;
        }
    }
    (held, all)
}

/// 200 seeded draws of the whole noise of a job, against the half widths that its releases state:
/// `total + noise` lies within `half width` of `total` exactly when the noise does, and that a
/// release is `total + noise` was seen in the one above.
fn coverage(plan: &Plan) {
    const RUNS: u32 = 200;
    let widths: Vec<f64> =
        plan.outputs
            .iter()
            .flat_map(|output| std::iter::repeat_n(output, output.domain.size()))
            .flat_map(|output| {
                output.values.iter().map(|value| {
                    value.half_width_95(0).unwrap() / unseen_policies::approximate::to_f64(&value.granularity)
                })
            })
            .collect();
    let mut held = vec![0_u32; widths.len()];
    for run in 0..RUNS {
        let key = NoiseKey::new(std::array::from_fn(|at| (run >> (8 * (at % 4))) as u8));
        let identity = RunIdentity { origin: ORIGIN, entry: u64::from(run), leaf: [7; 32], snapshots: &[] };
        let noise = RoundNoise::draw(plan, key.round_seed(&identity, 0), 0).unwrap();
        let noisy = ExactTotals::zero(&noise, Expected::Each(vec![])).complete().unwrap().noise(noise);
        for ((held, steps), width) in held.iter_mut().zip(noisy.steps()).zip(&widths) {
            *held += u32::from((*steps as f64).abs() <= *width);
        }
    }
    // Of all draws together: 95 %, within four standard deviations below, and no wider than need be.
    let all = f64::from(RUNS) * widths.len() as f64;
    let share = f64::from(held.iter().sum::<u32>()) / all;
    let slack = 4.0 * (0.95 * 0.05 / all).sqrt();
    assert!(share > 0.95 - slack && share < 0.97 + slack, "{share} of {all} numbers lie in their intervals");
    // And of each number by itself, in its 200 runs.
    assert!(held.iter().all(|held| *held >= 173), "{:?}", held.iter().min());
}

/// Domains are listed in these jobs.
struct NoTables;

impl References for NoTables {
    fn column(&self, _: &str, _: &str) -> Option<Vec<unseen_ids::Key>> {
        None
    }
}

fn plan(manifest: &str) -> Plan {
    Plan::new(&Manifest::parse(manifest).unwrap(), &NoTables).unwrap()
}

#[test]
fn flights_delays_and_chains_of_aircraft() {
    let data = data("nycflights13");
    let lab = Lab::new();
    let manifest = prepare(&lab, "flights");
    let flights = unpacked(&data.join("flights.csv.gz"));
    let (planes, airports) = (
        std::fs::read_to_string(data.join("planes.csv")).unwrap(),
        std::fs::read_to_string(data.join("airports.csv")).unwrap(),
    );
    let described = |name: &str| example("flights/datasets").join(name);
    import(&lab, described("flights.toml"), &flights);
    import(&lab, described("planes.toml"), &planes);
    import(&lab, described("airports.toml"), &airports);

    let (flights, planes, airports) = (Csv::parse(&flights), Csv::parse(&planes), Csv::parse(&airports));
    assert_eq!(flights.rows.len(), 33_904);
    let place = |csv: &Csv, key: &str, value: &str| -> BTreeMap<String, String> {
        let (key, value) = (csv.column(key), csv.column(value));
        csv.rows.iter().map(|row| (row[key].clone(), row[value].clone())).collect()
    };
    let (seats, zones) = (place(&planes, "tailnum", "seats"), place(&airports, "faa", "tzone"));
    let mut truth = Truth::new();
    let at = ["tailnum", "carrier", "arr_delay", "dest", "dep_delay", "month", "day", "sched_dep_time"]
        .map(|name| flights.column(name));
    let mut aircraft: BTreeMap<&str, Vec<[i64; 4]>> = BTreeMap::new();
    for row in &flights.rows {
        let [tail, carrier, arrival, dest, departure, month, day, scheduled] = at.map(|column| row[column].as_str());
        if tail == "NA" || tail.is_empty() {
            continue;
        }
        let departures = aircraft.entry(tail).or_default();
        if let Ok(delay) = arrival.parse::<i64>() {
            let bin = [-30, -15, 0, 15, 30, 60, 120].iter().filter(|end| delay >= **end).count();
            add(&mut truth, "carriers", "flights", &[carrier], 1.0);
            add(&mut truth, "carriers", "delay", &[carrier], delay as f64);
            add(&mut truth, "delays", "flights", &[carrier, &bin.to_string()], 1.0);
        }
        if let Some(zone) = zones.get(dest).filter(|zone| *zone != "NA") {
            add(&mut truth, "zones", "flights", &[zone], 1.0);
        }
        if let Ok(delay) = departure.parse() {
            departures.push([month.parse().unwrap(), day.parse().unwrap(), scheduled.parse().unwrap(), delay]);
        }
    }
    let units = aircraft.len();
    for (tail, mut departures) in aircraft {
        departures.sort_unstable();
        let mut longest = 0;
        for one_day in departures.chunk_by(|a, b| a[..2] == b[..2]) {
            let chains = one_day.split(|departure| departure[3] < 16);
            longest = longest.max(chains.map(<[_]>::len).max().unwrap_or(0));
        }
        let size = match seats.get(tail).map(|seats| seats.parse::<u32>().unwrap()) {
            None => "unknown",
            Some(seats) if seats < 100 => "small",
            Some(_) => "large",
        };
        if longest <= 6 {
            add(&mut truth, "chains", "aircraft", &[size, &longest.to_string()], 1.0);
        }
    }
    // Two files were co-grouped and one looked up: as many units as either names.
    assert!(
        lab.ok(&["dataset", "quality", "flights", "--key", "keys/steward.pem"])["units"].as_u64().unwrap()
            == units as u64
    );

    let released = released(&lab, "flights");
    let (held, all) = share_held(&released, &truth);
    assert!(all > 150 && held as f64 >= 0.88 * all as f64, "{held} of {all} intervals hold the truth");
    coverage(&plan(&manifest));
}

#[test]
fn hours_and_median_age_of_adults() {
    let data = data("adult");
    let lab = Lab::new();
    lab.write(
        "policy.toml",
        POLICY.replace("dataset = \"1\"", "dataset = \"9\"").replace("analyst = \"0.5\"", "analyst = \"9\""),
    );
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    let manifests = ["adult-hours", "adult-median-age"].map(|name| prepare(&lab, name));
    let numbered = numbered(&unpacked(&data.join("adult.csv.gz")));
    import(&lab, example("adult-hours/datasets").join("adult.toml"), &numbered);

    let adult = Csv::parse(&numbered);
    let [education, hours, sex, age] = ["education", "hr_per_week", "sex", "age"].map(|name| adult.column(name));
    let mut truth = Truth::new();
    let mut ages: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in &adult.rows {
        add(&mut truth, "hours", "persons", &[&row[education]], 1.0);
        add(&mut truth, "hours", "hours", &[&row[education]], row[hours].parse().unwrap());
        ages.entry(&row[sex]).or_default().push(row[age].parse().unwrap());
    }
    let found = released(&lab, "adult-hours");
    let (held, all) = share_held(&found, &truth);
    assert!(all == 32 && held >= 26, "{held} of {all} intervals hold the truth");
    // A mean is off by no more than its sum and its count together, in each group of some size.
    let of = |value: &str| &found[&("hours".to_owned(), value.to_owned())];
    for (group, [low, persons, high]) in of("persons").iter().filter(|(_, [_, persons, _])| *persons > 400.0) {
        let [sum_low, sum, sum_high] = of("hours")[group];
        let truth = |value: &str| truth[&("hours".to_owned(), value.to_owned())][group];
        let (mean, true_mean) = (sum / persons, truth("hours") / truth("persons"));
        let error = (sum_high - sum_low) / 2.0 / persons + mean * (high - low) / 2.0 / persons;
        assert!(
            (mean - true_mean).abs() < 1.5 * error && error < 5.0,
            "{group:?}: {mean} for {true_mean}, error {error}"
        );
    }
    // The average of 100 blocks' medians, to its noise and the little that a median of 300 is off.
    let found = released(&lab, "adult-median-age");
    for (group, [low, value, high]) in &found[&("median".to_owned(), "years_over_40".to_owned())] {
        let ages = ages.get_mut(group[0].as_str()).unwrap();
        ages.sort_by(f64::total_cmp);
        let median = ages[ages.len() / 2];
        let (released, noise) = (40.0 + value / 100.0, (high - low) / 200.0);
        assert!((released - median).abs() < 1.0 + 2.0 * noise, "{group:?}: {released} for {median}");
    }
    manifests.iter().for_each(|manifest| coverage(&plan(manifest)));
}

/// The examples in Python: their own tests, a trial on a twin, and one on the real rows, which `job try` takes as it
/// takes a twin. Without noise it says what the job means, to the last flight.
#[test]
fn python_on_flights_and_adults() {
    let tools = verifiers().join("venv/bin");
    if !tools.join("componentize-py").exists() {
        return skipped("componentize-py is not installed: see scripts/verifiers.sh");
    }
    let (lab, folders) = (Lab::empty(), [data("nycflights13"), data("adult")]);
    let flights = unpacked(&folders[0].join("flights.csv.gz"));
    let adult = numbered(&unpacked(&folders[1].join("adult.csv.gz")));
    let described = |at: &str| std::fs::read_to_string(example(at)).unwrap();
    lab.write("real/flights.csv", &flights);
    lab.write("real/flights.dataset.toml", described("flights/datasets/flights.toml"));
    lab.write("real/adult.csv", &adult);
    lab.write("real/adult.dataset.toml", described("adult-hours/datasets/adult.toml"));

    let found = tried_in_python(&lab, &tools, "flights-recovery");
    let flights = Csv::parse(&flights);
    let at = ["tailnum", "carrier", "dep_delay", "arr_delay", "dest"].map(|name| flights.column(name));
    let (mut truth, mut reach) = (Truth::new(), BTreeMap::<&str, std::collections::BTreeSet<&str>>::new());
    for row in &flights.rows {
        let [tail, carrier, departure, arrival, dest] = at.map(|column| row[column].as_str());
        if tail == "NA" || tail.is_empty() {
            continue;
        }
        reach.entry(tail).or_default().insert(dest);
        if let (Ok(departure @ 16..), Ok(arrival)) = (departure.parse::<i64>(), arrival.parse::<i64>()) {
            add(&mut truth, "recovery", "late", &[carrier], 1.0);
            add(&mut truth, "recovery", "made_up", &[carrier], (departure - arrival) as f64);
        }
    }
    for places in reach.values() {
        let named = match places.len() {
            ..=4 => "1-4",
            5..=9 => "5-9",
            10..=19 => "10-19",
            _ => "20+",
        };
        add(&mut truth, "reach", "aircraft", &[named], 1.0);
    }
    for (place, groups) in &truth {
        assert!(groups.values().any(|number| *number > 10.0), "{place:?}: {groups:?}");
        for (group, number) in &found[place] {
            assert_eq!(*number, groups.get(group).copied().unwrap_or(0.0), "{place:?} {group:?}");
        }
    }

    let found = tried_in_python(&lab, &tools, "adult-quartiles");
    let adult = Csv::parse(&adult);
    let [income, age] = ["income", "age"].map(|name| adult.column(name));
    for (group, sum) in &found[&("quartiles".to_owned(), "years_over_40".to_owned())] {
        let of_income = adult.rows.iter().filter(|row| row[income] == group[0]);
        let mut ages: Vec<f64> = of_income.map(|row| row[age].parse().unwrap()).collect();
        ages.sort_by(f64::total_cmp);
        let quartile = ages[ages.len() * group[1].parse::<usize>().unwrap() / 100];
        // The blocks' own quartiles differ from it, and little on the average.
        assert!((40.0 + sum / 100.0 - quartile).abs() < 1.0, "{group:?}: {} for {quartile}", 40.0 + sum / 100.0);
    }
}

/// Rows with their number in front, from 1.
fn numbered(text: &str) -> String {
    let named = |(number, line): (usize, &str)| match number {
        0 => format!("row,{line}\n"),
        _ => format!("{number},{line}\n"),
    };
    text.lines().enumerate().map(named).collect()
}

/// Builds an example in Python and runs its own tests; then the totals, without noise, of the rows in the folder `real`.
fn tried_in_python(lab: &Lab, tools: &Path, name: &str) -> Numbers<f64> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([tools.to_owned()].into_iter().chain(std::env::split_paths(&rest))).unwrap();
    let run = |command: &mut Command| {
        let done = command.env("PATH", &path).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&done.stderr));
        said
    };
    run(&mut lab.command(&["job", "new", name, "--lang", "python"]));
    for file in ["job.toml", "job.py", "test_job.py"] {
        lab.write(&format!("{name}/{file}"), std::fs::read(example(name).join(file)).unwrap());
    }
    run(&mut lab.command(&["job", "build", name]));
    run(Command::new("python3").args(["-m", "unittest"]).current_dir(lab.path(name)));
    let dataset = if name.starts_with("adult") { "adult" } else { "flights" };
    let description = format!("real/{dataset}.dataset.toml");
    lab.ok(&["twin", &description, "--out", "twins", "--rows", "2000"]);
    let trial = |folder| lab.ok(&["job", "try", name, "--twins", folder, "--no-noise"]);
    assert_eq!(trial("twins")["failed"], serde_json::json!([]));
    let found = trial("real");
    assert_eq!(found["failed"], serde_json::json!([]));
    let mut numbers = Numbers::new();
    for output in found["rounds"][0]["outputs"].as_array().unwrap() {
        for group in output["groups"].as_array().unwrap() {
            let key = |key: &Value| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            let keys: Vec<String> = group["keys"].as_array().unwrap().iter().map(key).collect();
            for (value, number) in output["values"].as_array().unwrap().iter().zip(group["values"].as_array().unwrap())
            {
                let place = (text(&output["name"]), text(value));
                numbers.entry(place).or_insert_with(BTreeMap::new).insert(keys.clone(), decimal(&number["value"]));
            }
        }
    }
    numbers
}
