//! A good manifest reads as it is written; a bad one is refused at its place, with advice.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;
use unseen_policies::manifest::{GrainKind, Key, Keys, Limits, Manifest, Mechanism, ModuleRef, Release};
use unseen_policies::plan::References;
use unseen_policies::policy::Machine;
use unseen_policies::rational::parse_decimal;
use unseen_policies::{Bounds, Need, Plan};

const GOOD: &str = r#"[job]
title = "亩均产出"
purpose = "yearly evaluation"
module = "target/job.wasm"
release = "+2h"

[[input]]
dataset = "firms"
columns = ["town", "output"]
  [[input.lookup]]
  reference = "airports"
  on = "dest"
  key = "faa"
  columns = ["tz"]

[grain]
kind = "blocks"
count = 100

[[output]]
name = "by-town"
max_groups_per_unit = 2
values = [{ name = "sum", lower = -0.5, upper = 100, granularity = 0.01 }, { name = "n", lower = 1, upper = 1, granularity = "1/3", weight = 0.5 }]
groups = [{ name = "town", keys = ["湖塘", "牛塘"] }, { name = "bin", range = [0, 19] }, { name = "dest", reference = "airports", column = "faa" }]

[privacy]
mechanism = "gaussian"
rho = 0.1
round_weights = [1, "1/2"]

[limits]
fuel = 1_000
memory = "64MiB"
rounds = 2
"#;

/// What a case puts ratios after.
const RATIO: &str = "column = \"faa\" }]";

fn ratio(ratio: &str) -> String {
    format!("{RATIO}\nratios = [{ratio}]")
}

#[test]
fn ratios_are_of_the_outputs_own_values_and_groups() {
    let with = GOOD.replace(RATIO, &ratio(r#"{ name = "mean", numerator = "sum", denominator = "n", by = ["bin"] }, { name = "all", numerator = "n", denominator = "sum" }"#));
    let manifest = Manifest::parse(&with).unwrap();
    let [mean, all] = &manifest.outputs[0].ratios[..] else { panic!("two ratios") };
    assert_eq!((mean.numerator.as_str(), mean.denominator.as_str()), ("sum", "n"));
    assert_eq!((&mean.by[..], all.by.len()), (&["bin".to_owned()][..], 3));
}

#[test]
fn a_good_manifest_reads_as_it_is_written() {
    let manifest = Manifest::parse(GOOD).unwrap();
    assert_eq!(manifest.job.module, Some(ModuleRef::Path("target/job.wasm".into())));
    assert_eq!(manifest.job.release, Release::After(Duration::from_secs(7200)));
    assert_eq!(manifest.inputs[0].lookups[0].columns, ["tz"]);
    assert_eq!(manifest.grain, GrainKind::Blocks { count: 100 });
    assert_eq!(manifest.limits, Limits { fuel: 1_000, memory: 64 << 20, rows: 1_000_000, rounds: 2 });
    assert_eq!(manifest.privacy.mechanism, Mechanism::Gaussian { rho: parse_decimal("1/10").unwrap() });
    assert_eq!(manifest.references(), ["airports"]);
    let output = &manifest.outputs[0];
    assert_eq!(output.groups[0].keys, Keys::Listed(vec![Key::Text("湖塘".into()), Key::Text("牛塘".into())]));
    assert_eq!(output.groups[1].keys, Keys::Range { first: 0, last: 19 });
    let steps: Vec<_> = output.values.iter().map(|value| (value.lower_steps, value.upper_steps)).collect();
    assert_eq!(steps, [(-50, 10_000), (3, 3)]);
    assert_eq!(output.values[0].granularity, parse_decimal("1/100").unwrap());

    let bare =
        Manifest::parse(&GOOD[..GOOD.find("[limits]").unwrap()].replace("round_weights = [1, \"1/2\"]", "")).unwrap();
    assert_eq!(bare.limits, Limits { fuel: 1_000_000_000, memory: 256 << 20, rows: 1_000_000, rounds: 1 });
}

#[test]
fn every_mistake_is_named_where_it_stands() {
    let cases: &[(&str, &str, &str)] = &[
        // What is replaced, by what, and the error.
        ("[job]", "[job", "1:5 this is not valid TOML"),
        ("count = 100", "cuont = 100", "18:1 `grain` has no key `cuont`: did you mean `count`?"),
        ("[limits]", "[fee]", "31:2 `job.toml` has no key `fee`: there are job, input"),
        ("rounds = 2", "", "29:17 `round_weights` must have one number per round, which is 1, and has 2"),
        ("title = \"亩均产出\"\n", "", "1:1 `job` has no `title`: add it"),
        ("title = \"亩均产出\"", "title = 3", "2:9 `title` is a whole number: write a text"),
        ("title = \"亩均产出\"", "title = \" \"", "2:9 `title` must have 1 to 200 characters"),
        ("yearly", "\\u001b[2J", "3:11 `purpose` holds the character \\u{1b}, which does not show"),
        ("yearly", "\u{202e}", "3:11 `purpose` holds the character \\u{202e}, which does not show"),
        ("target/job.wasm", "sha256:AB", "4:10 `sha256:AB` is not a digest"),
        ("+2h", "tomorrow", "5:11 `tomorrow` is not a release time: write \"now\""),
        ("\"+2h\"", "2027-01-31T08:00:00", "5:11 `2027-01-31T08:00:00` is not a release time"),
        ("[\"town\", \"output\"]", "[\"town\", \"town\"]", "9:20 the column `town` stands here twice"),
        ("[\"town\", \"output\"]", "[]", "9:11 `columns` is empty"),
        (
            "[grain]",
            "[[input]]\ndataset = \"firms\"\ncolumns = [\"a\"]\n[grain]",
            "17:11 the dataset `firms` stands here twice",
        ),
        ("\"blocks\"", "\"block\"", "17:8 `block` is not a grain"),
        ("\"blocks\"", "\"unit\"", "18:9 a unit grain has no `count`"),
        ("count = 100", "count = 0", "18:9 `count` is 0: write a whole number from 1 to 10000"),
        ("count = 100", "count = 10_001", "18:9 `count` is 10001"),
        ("count = 100", "count = 1.5", "18:9 `count` is a number: write a whole number"),
        ("count = 100", "count = 99999999999999999999", "18:9 `count` is 99999999999999999999"),
        ("per_unit = 2", "per_unit = 0", "22:23 `max_groups_per_unit` is 0"),
        ("lower = -0.5", "lower = 100.01", "23:35 `lower` is above `upper` for value `sum`"),
        ("lower = -0.5", "lower = nan", "23:35 `lower`: `nan` is not a finite number"),
        ("upper = 100", "upper = inf", "23:49 `upper`: `inf` is not a finite number"),
        ("lower = -0.5", "lower = true", "23:35 `lower` is true or false: write a decimal number"),
        ("granularity = 0.01", "granularity = 0", "23:68 `granularity` must be above 0"),
        ("granularity = 0.01", "granularity = -0.01", "23:68 `granularity` must be above 0"),
        ("granularity = 0.01", "granularity = nan", "23:68 `granularity`: `nan`"),
        ("granularity = 0.01", "granularity = 1000", "23:68 no multiple of `granularity` other than 0"),
        ("granularity = 0.01", "granularity = 1e-17", "23:49 `upper` divided by `granularity` overflows 2^62 steps"),
        ("lower = -0.5, upper = 100", "lower = 0, upper = 0.0", "23:65 no multiple of `granularity`"),
        ("\"n\"", "\"sum\"", "23:85 the name in this output `sum` stands here twice"),
        ("\"bin\"", "\"sum\"", "23:20 the name in this output `sum` stands here twice"),
        ("weight = 0.5", "weight = 0", "23:142 `weight` is 0: write a number from 1e-6 to 1000000"),
        ("\"牛塘\"", "\"湖塘\"", "24:42 the key `湖塘` stands here twice"),
        ("\"牛塘\"", "7", "24:42 the key `7` is of another type than the first"),
        ("[\"湖塘\", \"牛塘\"]", "[]", "24:35 a group needs at least one key"),
        ("[0, 19]", "[19, 0]", "24:80 the range ends at 0, before it starts at 19"),
        ("[0, 19]", "[19]", "24:75 `range` needs two whole numbers"),
        (
            "range = [0, 19]",
            "range = [0, 19], keys = [1]",
            "24:60 a group needs exactly one of `keys`, `range`, and `reference`",
        ),
        ("range = [0, 19]", "range = [0, 19], column = \"x\"", "24:93 `column` goes with `reference` only"),
        ("[0, 19]", "[0, 1_000_000]", "21:8 output `by-town` has more than 100000 groups"),
        ("[0, 19]", "[-9223372036854775808, 9223372036854775807]", "21:8 output `by-town` has more than 100000 groups"),
        (
            RATIO,
            &ratio(r#"{ name = "mean", numerator = "sun", denominator = "n" }"#),
            "25:40 `numerator` is `sun`, and there is none of that name here: did you mean `sum`?",
        ),
        (
            RATIO,
            &ratio(r#"{ name = "mean", numerator = "sum", denominator = "sum" }"#),
            "25:61 `sum` cannot be divided by itself",
        ),
        (
            RATIO,
            &ratio(r#"{ name = "n", numerator = "sum", denominator = "n" }"#),
            "25:20 the name in this output `n` stands here twice",
        ),
        (
            RATIO,
            &ratio(r#"{ name = "mean", numerator = "sum", denominator = "n", by = ["sum"] }"#),
            "25:72 `by` is `sum`, and there is none of that name here",
        ),
        (
            RATIO,
            &ratio(r#"{ name = "mean", numerator = "sum", denominator = "n", by = ["bin", "bin"] }"#),
            "25:79 the group `bin` stands here twice",
        ),
        (
            "rounds = 2",
            "rounds = 2\n[[output]]\nname = \"by-town\"\nvalues = [{name = \"a\", lower = 0, upper = 1, granularity = 1}]",
            "36:8 the output `by-town` stands here twice",
        ),
        ("rounds = 2", "rounds = 2\n[[output]]\nname = \"big\"\nvalues = []", "37:10 `values` is empty"),
        ("gaussian", "laplace", "28:7 laplace noise is paid in epsilon"),
        ("gaussian", "normal", "27:13 `normal` is not a mechanism"),
        ("rho = 0.1", "epsilon = 0.1", "28:11 gaussian noise has no pure epsilon"),
        ("rho = 0.1", "rho = 0.1\nepsilon = 1", "29:11 both `rho` and `epsilon` are given"),
        ("rho = 0.1\n", "", "27:13 the budget is missing: add `rho`"),
        ("rho = 0.1", "rho = 0", "28:7 `rho` is 0: write a number from 1e-12 to 20"),
        ("rho = 0.1", "rho = -0.1", "28:7 `rho` is -1/10: write"),
        ("rho = 0.1", "rho = nan", "28:7 `rho`: `nan` is not a finite number"),
        ("rho = 0.1", "rho = 1e9", "28:7 `rho` is 1000000000: write"),
        ("rho = 0.1", "rho = 1e-13", "28:7 `rho` is 1/10000000000000"),
        ("[1, \"1/2\"]", "[1, 0]", "29:21 `round_weights` is 0"),
        ("rounds = 2", "rounds = 0", "34:10 `rounds` is 0: write a whole number from 1 to 1000"),
        ("fuel = 1_000", "fuel = 1_000_000_000_001", "32:8 `fuel` is 1000000000001"),
        ("64MiB", "5GiB", "33:10 `memory` is `5GiB`: write 64KiB to 4GiB"),
        ("64MiB", "64 MB", "33:10 `memory` is `64 MB`"),
    ];
    let mut wrong = String::new();
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = Manifest::parse(&GOOD.replacen(from, to, 1)).err().unwrap_or_else(|| panic!("accepted: {to}"));
        let stated = format!("{}:{} {}", error.line, error.column, error.message);
        if !stated.starts_with(expected) || stated.contains('\n') {
            wrong += &format!("{to}\n  states  {stated}\n  not     {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn too_many_cells_and_groups_are_refused_before_tables_are_read() {
    let error = |text: &str| Manifest::parse(text).unwrap_err().message;
    let alone = GOOD.replace(", { name = \"dest\", reference = \"airports\", column = \"faa\" }", "");
    assert!(
        error(&alone.replace("per_unit = 2", "per_unit = 41")).to_string().contains("has 40 groups: write at most 40")
    );
    let many = alone.replace("[0, 19]", "[0, 49_999]");
    assert!(
        error(&many.replace("rounds = 2", "rounds = 6").replace("[1, \"1/2\"]", "[1,1,1,1,1,1]"))
            .to_string()
            .contains("releases 1200000 numbers")
    );
    assert!(Manifest::parse(&many).is_ok());
    assert!(Manifest::parse(&GOOD.replace("per_unit = 2", "per_unit = 41")).is_ok(), "a reference may hold more keys");
}

#[test]
fn release_times_read_back_as_themselves() {
    for (text, shown) in [
        ("now", "now"),
        ("+90s", "+90s"),
        ("+1d12h", "+129600s"),
        ("+PT1H30M", "+5400s"),
        ("+P2DT1S", "+172801s"),
        ("2027-01-31T08:00:00+08:00", "2027-01-31T08:00:00+08:00"),
        ("2027-01-31T08:00:00.5Z", "2027-01-31T08:00:00.500Z"),
    ] {
        let release: Release = text.parse().unwrap();
        assert_eq!(release.to_string(), shown);
        assert_eq!(shown.parse::<Release>().unwrap(), release);
    }
    for bad in [
        "",
        "+",
        "+P",
        "+PT",
        "+0s",
        "+2",
        "+h",
        "+1m2h",
        "+P1M",
        "+367d",
        "+99999999999999999999s",
        "2h",
        "-2h",
        "+1µ",
        "2027-01-31",
        "2027-02-30T00:00:00Z",
    ] {
        assert!(bad.parse::<Release>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic(cut in 0usize..1_200, splice in ".{0,12}", skip in 0usize..40) {
        let text: Vec<char> = GOOD.chars().collect();
        let cut = cut.min(text.len());
        let damaged: String = text[..cut].iter().copied().chain(splice.chars()).chain(text[(cut + skip).min(text.len())..].iter().copied()).collect();
        let _ = Manifest::parse(&damaged);
    }
}

#[test]
fn a_ready_made_job_may_say_what_it_makes_of_rows() {
    let ready = GOOD.replace("target/job.wasm", "ready-made:sum");
    let with = |section: &str| ready.replace("[grain]", &format!("[ready-made]\n{section}\n\n[grain]"));
    let manifest =
        Manifest::parse(&with("where = \"output > 0\"\ncolumns = { per = \"output / 2\", \"镇\" = \"town\" }"))
            .unwrap();
    let question = manifest.question.unwrap();
    assert_eq!(question.filter.as_ref().map(|filter| filter.text.as_str()), Some("output > 0"));
    let columns: Vec<_> = question.columns.iter().map(|(name, made)| (name.as_str(), made.text.as_str())).collect();
    assert_eq!(columns, [("per", "output / 2"), ("镇", "town")]);
    assert!(Manifest::parse(&ready).unwrap().question.is_none());
    let many = (0..65).map(|at| format!("c{at} = \"1\"")).collect::<Vec<_>>().join(", ");
    for (text, line, column, said) in [
        (
            GOOD.replace("[grain]", "[ready-made]\nwhere = \"a\"\n\n[grain]"),
            16,
            1,
            "goes with module = \"ready-made:sum\" only",
        ),
        (with("wher = \"a\""), 17, 1, "`ready-made` has no key `wher`: did you mean `where`?"),
        (with("where = 1"), 17, 9, "`where` is a whole number: write an expression"),
        (with("where = \" \""), 17, 9, "1 to 2000 characters, not all blank"),
        (with(&format!("where = \"{}\"", "a".repeat(2_001))), 17, 9, "1 to 2000 characters"),
        (with("where = \"a\\u0000\""), 17, 9, "which does not show"),
        (with("columns = [\"a\"]"), 17, 11, "`columns` is a list: write a table"),
        (with("columns = { a = 1 }"), 17, 17, "`a` is a whole number"),
        (with("columns = { \"\" = \"1\" }"), 17, 13, "must have 1 to 64 characters"),
        (with(&format!("columns = {{ {many} }}")), 17, 11, "65 columns are made of others; at most 64"),
    ] {
        let error = Manifest::parse(&text).unwrap_err();
        let place = (error.line, error.column);
        assert!(place == (line, column) && error.message.to_string().contains(said), "{place:?} {error}");
    }
}

/// A section, the groups and values of the one output, and how many rounds.
fn modelled(section: &str, output: &str, rounds: u32) -> String {
    format!(
        "[job]\ntitle = \"t\"\npurpose = \"p\"\nmodule = \"ready-made:sum\"\nrelease = \"+2h\"\n\
         [[input]]\ndataset = \"firms\"\ncolumns = [\"x\", \"y\"]\n[grain]\nkind = \"unit\"\n\
         [privacy]\nmechanism = \"gaussian\"\nrho = 0.1\n[limits]\nrounds = {rounds}\n\
         [[output]]\nname = \"o\"\n{output}\n[ready-made.model]\n{section}\n"
    )
}

fn values(names: &[&str]) -> String {
    let value = |name: &&str| format!("{{ name = \"{name}\", lower = -1, upper = 1, granularity = 0.1 }}");
    format!("values = [{}]", names.iter().map(value).collect::<Vec<_>>().join(", "))
}

#[test]
fn a_model_says_which_values_it_reads() {
    const X: &str = "{ name = \"x\", lower = 0, upper = 9 }";
    const Y: &str = "{ name = \"y\", lower = -1, upper = 1 }";
    let quantile = |shares: &str| format!("kind = \"quantile\"\nof = {X}\nshares = {shares}");
    let fitted = |kind: &str, target: &str, features: &str| {
        format!("kind = \"{kind}\"\ntarget = {target}\nfeatures = {features}")
    };
    let k_means = |clusters: u32| format!("kind = \"k-means\"\nclusters = {clusters}\nfeatures = [{X}, {Y}]");
    let groups = |last: u32| format!("groups = [{{ name = \"cluster\", range = [1, {last}] }}]\n");
    let top = |by: &str, most: u32| format!("kind = \"top\"\nby = \"{by}\"\nmost = {most}");
    let bounded = |name: &str, lower: &str, upper: &str, step: &str| {
        format!("values = [{{ name = \"{name}\", lower = {lower}, upper = {upper}, granularity = {step} }}]")
    };
    let linear = ["rows", "[x]", "[y]", "[x]*[x]", "[x]*[y]"];
    let logistic = ["gradient", "gradient[x]", "hessian", "hessian[x]", "hessian[x]*[x]"];
    for (section, output, rounds) in [
        (quantile("[0.5, \"1/3\"]"), values(&["rank(0.5)", "rank(0.3333333333333333)"]), 12),
        (top("units", 1), values(&["units"]), 1),
        (fitted("linear", Y, &format!("[{X}]")), values(&linear), 1),
        (fitted("logistic", "\"late\"", &format!("[{X}]")), values(&logistic), 6),
        (k_means(3), groups(3) + &values(&["rows", "[x]", "[y]", "more"]), 8),
    ] {
        let manifest = Manifest::parse(&modelled(&section, &output, rounds)).unwrap();
        let model = manifest.question.unwrap().model.unwrap();
        let reads = model.kind.reads();
        let all: Vec<_> = manifest.outputs[0].values.iter().map(|value| &value.name).collect();
        assert!(reads.iter().eq(all.into_iter().filter(|name| *name != "more")), "{reads:?}");
    }
    let ranks = values(&["rank(0.5)"]);
    for (section, output, rounds, said) in [
        (
            quantile("[0.5]"),
            values(&["rank(0.25)"]),
            12,
            "computed from the value `rank(0.5)`, and output `o` has none",
        ),
        (quantile("[0.5]"), ranks.clone(), 19, "takes 1 to 18 rounds, and `limits` has 19"),
        (quantile("[1.5]"), ranks.clone(), 12, "the share 3/2 is not between 0 and 1"),
        (quantile("[0]"), ranks.clone(), 12, "the share 0 is not between 0 and 1"),
        (quantile("[0.5, \"1/2\"]"), ranks.clone(), 12, "the share `0.5` stands here twice"),
        (quantile("[]"), ranks.clone(), 12, "there are 0 shares"),
        (
            quantile("[0.5]").replace("upper = 9", "upper = 0"),
            ranks.clone(),
            12,
            "`upper` must lie above `lower` for `x`",
        ),
        (quantile("[0.5]").replace("upper = 9", "upper = 1e16"), ranks.clone(), 12, "between -1e15 and 1e15"),
        (quantile("[0.5]").replace(", upper = 9", ""), ranks.clone(), 12, "`of` has no `upper`"),
        (quantile("[0.5]") + "\nclusters = 2", ranks.clone(), 12, "`model` has no key `clusters`"),
        (top("units", 0), values(&["units"]), 1, "`most` is 0: write a whole number from 1 to 1000"),
        (top("n", 3), values(&["units"]), 1, "`top` is computed from the value `n`"),
        (k_means(1), groups(1) + &values(&["rows", "[x]", "[y]"]), 8, "write a whole number from 2 to 64"),
        (k_means(1000), groups(1) + &values(&["rows", "[x]", "[y]"]), 8, "write a whole number from 2 to 64"),
        (
            k_means(3),
            groups(4) + &values(&["rows", "[x]", "[y]"]),
            8,
            "write groups = [{ name = \"cluster\", range = [1, 3] }]",
        ),
        (k_means(3), values(&["rows", "[x]", "[y]"]), 8, "the groups of k-means are its clusters"),
        (fitted("linear", Y, &format!("[{X}]")), values(&linear), 2, "takes 1 to 1 rounds"),
        (fitted("linear", X, &format!("[{X}]")), values(&linear), 1, "the column `x` stands here twice"),
        (fitted("linear", Y, &format!("[{}]", vec![X; 17].join(", "))), values(&linear), 1, "17 features; at most 16"),
        (fitted("ridge", Y, &format!("[{X}]")), values(&linear), 1, "`ridge` is not a model: write \"quantile\""),
        (fitted("logistic", "\"late\"", "[]"), values(&logistic), 6, "`features` is empty"),
        // Bounds that cut off what one row has would move the answer.
        (quantile("[0.5]"), bounded("rank(0.5)", "-0.5", "0.1", "0.1"), 12, "`rank(0.5)` lies between -0.5 and 0.5"),
        (quantile("[0.5]"), bounded("rank(0.5)", "0.2", "0.5", "0.1"), 12, "`rank(0.5)` lies between -0.5 and 0.5"),
        (quantile("[0.5]"), bounded("rank(0.5)", "-0.5", "0.5", "0.3"), 12, "a granularity that divides them"),
        (
            fitted("linear", Y, &format!("[{X}]")),
            values(&linear).replace("\"[x]*[x]\", lower = -1", "\"[x]*[x]\", lower = 0.5"),
            1,
            "`[x]*[x]` lies between 0 and 1",
        ),
    ] {
        let error = Manifest::parse(&modelled(&section, &output, rounds)).unwrap_err();
        assert!(error.message.to_string().contains(said), "{section}: {error}");
    }
    let blocks = modelled(&top("units", 1), &values(&["units"]), 1).replace("\"unit\"", "\"blocks\"\ncount = 9");
    assert!(Manifest::parse(&blocks).unwrap_err().message.to_string().contains("from one output and by unit"));
}

#[test]
fn a_model_takes_time_for_every_row_of_every_round() {
    let model = "kind = \"k-means\"\nclusters = 64\nfeatures = [{ name = \"x\", lower = 0, upper = 9 }]";
    let output = "groups = [{ name = \"cluster\", range = [1, 64] }]\n".to_owned() + &values(&["rows", "[x]"]);
    let need = |text: &str| {
        let manifest = Manifest::parse(text).unwrap();
        let plan = Plan::new(&manifest, &NoTables).unwrap();
        let bounds = Bounds { units: 10, rows: 1_000_000, text: 0 };
        Need::new(&manifest, &plan, &|_| bounds, &Machine::with_memory(1 << 30)).seconds
    };
    let with = |rounds: u32| modelled(model, &output, rounds);
    let without = |rounds: u32| with(rounds).split("[ready-made.model]").next().unwrap().to_owned();
    // 1 us to find its state, 0.4 and 0.05 us for the column, and 64 times 5 ns: of a million rows.
    for rounds in [1, 10] {
        let more = need(&with(rounds)) - need(&without(rounds));
        assert!((rounds * 17 / 10..=rounds * 18 / 10 + 1).contains(&u32::try_from(more).unwrap()), "{rounds} {more}");
    }
}

struct NoTables;

impl References for NoTables {
    fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
        None
    }
}
