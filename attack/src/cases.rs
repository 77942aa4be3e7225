//! The cases: what is claimed, and an adversary who loses as much as the claim lets it.

use crate::path::{Answer, Ask, Case, Item};

/// All cases. The names are for people; the order is that of the tables.
pub fn all() -> Vec<Case> {
    let mut cases = vec![];
    for (laplace, small, one, more) in
        [(true, "epsilon = 0.8", "epsilon = 1", "epsilon = 1.5"), (false, "rho = 0.5", "rho = 0.5", "rho = 1")]
    {
        let named = |of_laplace, of_gaussian| if laplace { of_laplace } else { of_gaussian };
        cases.extend(sums(named, small, one, more));
        cases.extend(blocks(named, one));
        cases.extend(shares(named, one));
        cases.extend(rounds(named, one, more));
        cases.extend(extremes(named));
    }
    cases.push(Case { tight_from: u64::MAX, ..mixed() });
    cases
}

/// One round, one unit more.
fn sums(named: impl Fn(&'static str, &'static str) -> &'static str, small: &str, one: &str, more: &str) -> Vec<Case> {
    let unit = "kind = \"unit\"";
    vec![
        still(
            named("laplace: a count", "gaussian: a count"),
            job(unit, one, "", &[output(1, 1, 1, "{ name = \"a\", lower = 0, upper = 1, granularity = 1 }")]),
            None,
            vec![item(0, None, &[INF]), item(0, None, &[1.0])],
        ),
        still(
            named("laplace: either sign, and NaN", "gaussian: either sign, and NaN"),
            job(unit, small, "", &[output(1, 1, 1, "{ name = \"a\", lower = -5, upper = 3, granularity = 0.5 }")]),
            None,
            vec![item(0, None, &[f64::NAN])],
        ),
        still(
            named("laplace: bounds without zero", "gaussian: bounds without zero"),
            job(unit, one, "", &[output(1, 1, 1, "{ name = \"a\", lower = 3, upper = 5, granularity = 1 }")]),
            None,
            vec![item(0, None, &[INF])],
        ),
        still(
            named("laplace: one of two groups", "gaussian: one of two groups"),
            job(unit, one, "", &[output(2, 1, 1, "{ name = \"a\", lower = 0, upper = 1, granularity = 1 }")]),
            None,
            vec![item(0, Some(0), &[INF]), item(0, Some(1), &[INF])],
        ),
        still(
            named("laplace: three of four groups", "gaussian: three of four groups"),
            job(unit, more, "", &[output(4, 3, 1, "{ name = \"a\", lower = -2, upper = 2, granularity = 1 }")]),
            None,
            vec![
                item(0, Some(0), &[INF]),
                item(0, Some(1), &[-INF]),
                item(0, Some(2), &[2.0]),
                item(0, Some(2), &[2.0]),
                item(0, Some(3), &[INF]),
                item(0, Some(4), &[INF]),
                item(0, Some(0), &[INF]),
            ],
        ),
    ]
}

/// The corners of Lemma 2 (b): a block's answer is replaced by another.
fn blocks(named: impl Fn(&'static str, &'static str) -> &'static str, one: &str) -> Vec<Case> {
    let of = |groups, most, lower: i32, upper: i32| {
        let value = format!("{{ name = \"a\", lower = {lower}, upper = {upper}, granularity = 1 }}");
        job("kind = \"blocks\"\ncount = 2", one, "", &[output(groups, most, 1, &value)])
    };
    let at = |group, x: f64| item(0, Some(group), &[x]);
    vec![
        still(
            named("laplace: block, one total", "gaussian: block, one total"),
            of(1, 1, 0, 4),
            Some(vec![]),
            vec![item(0, None, &[INF])],
        ),
        still(
            named("laplace: block, 2m<=n, other groups", "gaussian: block, 2m<=n, other groups"),
            of(4, 1, 0, 3),
            Some(vec![at(0, INF), at(1, INF)]),
            vec![at(1, INF), at(2, INF)],
        ),
        still(
            named("laplace: block, 2m<=n, same groups", "gaussian: block, 2m<=n, same groups"),
            of(4, 1, -3, 3),
            Some(vec![at(0, -INF)]),
            vec![at(0, INF), at(1, INF)],
        ),
        still(
            named("laplace: block, 2m>n, same groups", "gaussian: block, 2m>n, same groups"),
            of(3, 2, -3, 3),
            Some(vec![at(0, f64::NAN), at(1, -INF)]),
            vec![at(0, INF), at(1, INF), at(2, INF)],
        ),
        still(
            named("laplace: block, 2m>n, all groups", "gaussian: block, 2m>n, all groups"),
            of(3, 2, 3, 5),
            Some(vec![at(0, INF), at(1, INF)]),
            vec![at(2, INF)],
        ),
        still(
            named("laplace: block, 2m>n, some of both", "gaussian: block, 2m>n, some of both"),
            of(3, 2, -1, 3),
            Some(vec![at(0, -INF), at(1, INF), at(2, INF)]),
            vec![at(0, INF), at(2, INF), at(1, INF)],
        ),
    ]
}

/// Several numbers share a budget.
fn shares(named: impl Fn(&'static str, &'static str) -> &'static str, one: &str) -> Vec<Case> {
    let values = "{ name = \"a\", lower = 0, upper = 1, granularity = 1 }, \
                  { name = \"b\", lower = -100, upper = 7, granularity = 1, weight = 3 }";
    let one_value = "{ name = \"a\", lower = 0, upper = 2, granularity = 1 }";
    vec![
        still(
            named("laplace: two values, 1:3", "gaussian: two values, 1:3"),
            job("kind = \"unit\"", one, "", &[output(1, 1, 1, values)]),
            None,
            vec![item(0, None, &[INF, -INF])],
        ),
        still(
            named("laplace: two outputs, 1:2", "gaussian: two outputs, 1:2"),
            job("kind = \"unit\"", one, "", &[output(2, 1, 1, one_value), output(1, 1, 2, one_value)]),
            None,
            vec![item(1, None, &[INF]), item(0, Some(1), &[INF]), item(0, Some(0), &[INF])],
        ),
    ]
}

/// Later rounds, and later jobs, that follow what earlier ones released.
fn rounds(named: impl Fn(&'static str, &'static str) -> &'static str, one: &str, more: &str) -> Vec<Case> {
    let value = "{ name = \"a\", lower = -1, upper = 1, granularity = 1 }";
    let rounds = |budget, weights: &str| job("kind = \"unit\"", budget, weights, &[output(1, 1, 1, value)]);
    let half = if one.starts_with("rho") { "rho = 0.25" } else { "epsilon = 0.5" };
    let either = |mode: usize| if mode == 1 { 1.0 } else { -1.0 };
    vec![
        Case {
            name: named("laplace: two rounds, 1:3", "gaussian: two rounds, 1:3"),
            jobs: vec![rounds(one, "1, 3")],
            modes: 1,
            answers: Box::new(|ask| units(&[0.0, 1.0], ask, if ask.step == 0 { INF } else { -INF })),
            advance: |_, _, _| 0,
            tight_from: 0,
        },
        Case {
            name: named("laplace: two rounds, adaptive", "gaussian: two rounds, adaptive"),
            jobs: vec![rounds(one, "1, 1")],
            modes: 2,
            // Everybody follows the state, and the unit goes against everybody.
            answers: Box::new(move |ask| units(&[either(ask.mode); 12], ask, -either(ask.mode))),
            advance: |_, step, released| usize::from(step == 0 && released[0] > -11.5),
            tight_from: 0,
        },
        Case {
            name: named("laplace: block, two rounds, adaptive", "gaussian: block, two rounds, adaptive"),
            jobs: vec![job("kind = \"blocks\"\ncount = 2", one, "1, 2", &[output(1, 1, 1, value)])],
            modes: 2,
            answers: Box::new(move |ask| {
                let own = if ask.with { either(ask.mode) } else { -either(ask.mode) };
                vec![vec![item(0, None, &[-either(ask.mode)])], hostile(&[item(0, None, &[INF * own])])]
            }),
            advance: |_, _, released| usize::from(released[0] > 0.0),
            tight_from: 0,
        },
        Case {
            name: named("laplace: bisection, three rounds", "gaussian: bisection, three rounds"),
            jobs: vec![rounds(more, "1, 1, 1")],
            modes: 7,
            // State 2^r - 1 + i is piece i of the 2^r pieces of [0, 1]; below its middle is -1, above is 1.
            answers: Box::new(|ask| {
                let rank = |x: f64| if x < middle(ask.mode) { -1.0 } else { 1.0 };
                units(&[0.1, 0.3, 0.6, 0.9].map(rank), ask, rank(0.4))
            }),
            advance: |mode, step, released| match step {
                2 => 0,
                _ => 2 * mode + 1 + usize::from(released[0] > 0.0),
            },
            tight_from: 0,
        },
        Case {
            name: named("laplace: a median, as SQL asks for it", "gaussian: a median, as SQL asks for it"),
            ..median(more)
        },
        Case {
            name: named("laplace: two jobs under one cap", "gaussian: two jobs under one cap"),
            jobs: vec![rounds(half, "1"), rounds(half, "1")],
            modes: 2,
            // The second question depends on the first release; the unit answers each the other way round.
            answers: Box::new(move |ask| units(&[either(ask.mode), 1.0], ask, if ask.step == 0 { INF } else { -INF })),
            advance: |_, _, released| usize::from(released[0] > 0.0),
            tight_from: 0,
        },
    ]
}

/// What the units have whose median is asked for, the one unit last.
pub const COLUMN: [f64; 5] = [1.5, 4.75, 9.5, 14.25, 6.5];

/// `SELECT MEDIAN(c) FROM d` with `c` from 0 to 16, in four rounds for twelve: the map and the bisection that come with
/// the lab. States are those of the bisection above.
fn median(budget: &str) -> Case {
    let value = "{ name = \"rank(0.5)\", lower = -0.5, upper = 0.5, granularity = 0.0001 }";
    let model = "[ready-made.model]\nkind = \"quantile\"\nof = { name = \"c\", lower = 0, upper = 16 }\nshares = [0.5]\n[grain]";
    let manifest = job("kind = \"unit\"", budget, "1, 1, 1, 1", &[output(1, 1, 1, value)]);
    let manifest = manifest.replace("[grain]", model).replace("[job]", "[job]\nmodule = \"ready-made:sum\"");
    Case {
        name: "",
        jobs: vec![manifest],
        modes: 15,
        answers: Box::new(|ask| {
            let shown = if ask.with { &COLUMN[..] } else { &COLUMN[..4] };
            let rank = |x: &f64| if *x <= 16.0 * middle(ask.mode) { 0.5 } else { -0.5 };
            shown.iter().map(|x| vec![item(0, None, &[rank(x)])]).collect()
        }),
        advance: |mode, step, released| match step {
            3 => 0,
            _ => 2 * mode + 1 + usize::from(released[0] < 0.0),
        },
        tight_from: 0,
    }
}

/// Grids and budgets at their ends.
fn extremes(named: impl Fn(&'static str, &'static str) -> &'static str) -> Vec<Case> {
    let laplace = named("epsilon", "rho") == "epsilon";
    let budget = |size: &str| format!("{} = {size}", named("epsilon", "rho"));
    let count = |name, size: &str, lower: &str, upper: &str, step: &str, tight_from| {
        let value = format!("{{ name = \"a\", lower = \"{lower}\", upper = \"{upper}\", granularity = \"{step}\" }}");
        let case = still(
            name,
            job("kind = \"unit\"", &budget(size), "", &[output(1, 1, 1, &value)]),
            None,
            vec![item(0, None, &[INF]), item(0, None, &[INF])],
        );
        Case { tight_from, ..case }
    };
    let one = if laplace { "1" } else { "0.5" };
    let (large, small) = if laplace { ("6", "0.2") } else { ("2", "0.1") };
    let least = if laplace { "1e-6" } else { "1e-12" };
    vec![
        count(named("laplace: a tiny grid", "gaussian: a tiny grid"), one, "0", "1", "1e-9", 0),
        count(named("laplace: a huge grid", "gaussian: a huge grid"), one, "0", "1e12", "1e12", 0),
        count(named("laplace: a grid of thirds", "gaussian: a grid of thirds"), one, "-1/3", "2/3", "1/3", 0),
        count(
            named("laplace: the widest bounds", "gaussian: the widest bounds"),
            one,
            "-4611686018427387904",
            "4611686018427387904",
            "1",
            0,
        ),
        count(named("laplace: a large budget", "gaussian: a large budget"), large, "0", "1", "1", 0),
        count(named("laplace: a small budget", "gaussian: a small budget"), small, "0", "1", "1", 500_000),
        count(named("laplace: the largest budget", "gaussian: the largest budget"), "20", "0", "1", "1", u64::MAX),
        count(named("laplace: the smallest budget", "gaussian: the smallest budget"), least, "0", "1", "1", u64::MAX),
    ]
}

/// One unit more in one total, with this budget.
pub fn count(budget: &str) -> Case {
    let value = "{ name = \"a\", lower = 0, upper = 1, granularity = 1 }";
    let manifest = job("kind = \"unit\"", budget, "", &[output(1, 1, 1, value)]);
    still("a count", manifest, None, vec![item(0, None, &[INF])])
}

/// A pure job and a concentrated one under one cap of rho.
fn mixed() -> Case {
    let value = "{ name = \"a\", lower = 0, upper = 1, granularity = 1 }";
    let of = |budget| job("kind = \"unit\"", budget, "", &[output(1, 1, 1, value)]);
    Case {
        name: "both: two jobs under one cap",
        jobs: vec![of("epsilon = 1"), of("rho = 0.5")],
        modes: 1,
        answers: Box::new(|ask| units(&[1.0], ask, INF)),
        advance: |_, _, _| 0,
        tight_from: u64::MAX,
    }
}

const INF: f64 = f64::INFINITY;

/// The adversary does the same whatever it sees. `old` is what the block said before, or `None` where a unit is new.
fn still(name: &'static str, manifest: String, old: Option<Answer>, new: Answer) -> Case {
    let answers = move |ask: Ask| {
        let answer = if ask.with { Some(&new) } else { old.as_ref() };
        // Whatever the shape, one of four is right.
        let other = |x: f64| {
            [None, Some(0)].iter().flat_map(|group| [item(0, *group, &[x]), item(0, *group, &[x, x])]).collect()
        };
        let others: [Answer; 3] = [0.0, 1.0, 4.0].map(other);
        others.into_iter().take(if old.is_some() { 1 } else { 3 }).chain(answer.map(|answer| hostile(answer))).collect()
    };
    Case { name, jobs: vec![manifest], modes: 1, answers: Box::new(answers), advance: |_, _, _| 0, tight_from: 0 }
}

/// Units of one total: these, and the one who may be there.
fn units(others: &[f64], ask: Ask, own: f64) -> Vec<Answer> {
    let own = ask.with.then(|| hostile(&[item(0, None, &[own])]));
    others.iter().map(|x| vec![item(0, None, &[*x])]).chain(own).collect()
}

/// The same between things that must be dropped: outputs, groups and values that there are none of.
fn hostile(answer: &[Item]) -> Answer {
    let strange =
        [item(9, None, &[INF]), item(0, Some(1 << 40), &[INF]), item(0, None, &[INF; 7]), item(0, Some(0), &[])];
    let between = answer.iter().flat_map(|item| [item.clone(), self::item(7, item.group, &[INF])]);
    strange.into_iter().chain(between).collect()
}

fn item(output: u32, group: Option<i64>, values: &[f64]) -> Item {
    Item { output, group, values: values.to_vec() }
}

/// The middle of the piece of [0, 1] that a state of the bisection stands for.
fn middle(mode: usize) -> f64 {
    let pieces = (mode + 1).next_power_of_two() / if (mode + 1).is_power_of_two() { 1 } else { 2 };
    ((mode + 1 - pieces) as f64 + 0.5) / pieces as f64
}

fn output(groups: u32, most: u32, weight: u32, values: &str) -> String {
    let keys = match groups {
        1 => String::new(),
        _ => format!("groups = [{{ name = \"g\", range = [0, {}] }}]\n", groups - 1),
    };
    format!("max_groups_per_unit = {most}\nweight = {weight}\n{keys}values = [{values}]\n")
}

/// A manifest. `weights` has one number for each round.
fn job(grain: &str, budget: &str, weights: &str, outputs: &[String]) -> String {
    let mechanism = if budget.starts_with("rho") { "gaussian" } else { "laplace" };
    let rounds = weights.split(',').count();
    let weights = if weights.is_empty() { String::new() } else { format!("round_weights = [{weights}]\n") };
    let outputs = (0..).zip(outputs).map(|(i, output)| format!("[[output]]\nname = \"o{i}\"\n{output}"));
    format!(
        "[job]\ntitle = \"t\"\npurpose = \"p\"\nrelease = \"+1h\"\n[[input]]\ndataset = \"d\"\ncolumns = [\"c\"]\n\
         [grain]\n{grain}\n{outputs}[privacy]\nmechanism = \"{mechanism}\"\n{budget}\n{weights}[limits]\nrounds = {rounds}\n",
        outputs = outputs.collect::<String>(),
    )
}
