//! Jobs, plans and releases as people see them.

use unseen_core::release::{Derived, ReleasedOutput};
use unseen_ids::Key;
use unseen_policies::ledger::span;
use unseen_usecases::jobs::{JobShown, Jobs};
use unseen_usecases::labs::{AtWork, Work};
use unseen_usecases::plan::{Grain, Plan};
use unseen_usecases::release::Numbers;
use unseen_usecases::trial::{Failed, Fuel, Trial};

use unseen_terminal::i18n::tr;
use unseen_terminal::output::{bar, bold, facts, named_table, table};

/// A release: every output of the last round as a table with intervals and bars, then the tables the
/// job computed from them.
pub fn numbers(numbers: &Numbers) -> String {
    let mut text = String::new();
    if numbers.rounds.len() > 1 {
        text.push_str(&facts(&[("Rounds; the last one is shown", numbers.rounds.len().to_string())]));
    }
    for output in numbers.rounds.iter().rev().take(1).flat_map(|round| &round.outputs) {
        text.push_str(&format!("\n{}\n{}\n", bold(&output.name), output_table(output)));
    }
    for derived in &numbers.derived {
        text.push_str(&format!(
            "\n{} ({})\n{}\n",
            bold(&derived.name),
            tr("computed by the job from the noised totals"),
            derived_table(derived)
        ));
    }
    text.push_str(&tr("± is the 95 % interval of the noise; clamping of contributions comes on top."));
    text
}

/// More groups than this are cut, with a word about it.
const MOST_GROUPS: usize = 60;

fn output_table(output: &ReleasedOutput) -> String {
    let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    // Bars follow the first value.
    let most = output
        .groups
        .iter()
        .filter_map(|group| group.values.first())
        .map(|value| number(&value.value))
        .fold(0.0, f64::max);
    let mut header: Vec<String> = output.keys.clone();
    header.extend(output.values.iter().flat_map(|name| [format!(">{name}"), ">±".to_owned()]));
    header.push(String::new());
    let rows = output.groups.iter().take(MOST_GROUPS).map(|group| {
        let mut row: Vec<String> = group.keys.iter().map(Key::to_string).collect();
        for value in &group.values {
            let half = (number(&value.high) - number(&value.low)) / 2.0;
            row.extend([value.value.clone(), brief(half)]);
        }
        row.push(group.values.first().map_or(String::new(), |value| bar(number(&value.value), most, 24)));
        row
    });
    let mut text = named_table(&header, rows);
    if output.groups.len() > MOST_GROUPS {
        text.push_str(&format!(
            "\n{}: {}",
            tr("More groups are in the release; --json shows all"),
            output.groups.len() - MOST_GROUPS
        ));
    }
    text
}

fn derived_table(derived: &Derived) -> String {
    let header: Vec<String> = derived.columns.iter().map(|name| format!(">{name}")).collect();
    named_table(&header, derived.rows.iter().map(|row| row.iter().map(|number| brief(number.0)).collect()))
}

/// Bytes in the largest unit that keeps them whole or nearly so.
fn bytes(count: u64) -> String {
    match count {
        0..0x10_0000 => format!("{} KiB", count.div_ceil(1 << 10)),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", count.div_ceil(1 << 20)),
        _ => format!("{} GiB", count.div_ceil(1 << 30)),
    }
}

/// Four significant digits.
fn brief(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = (3 - number.abs().log10().floor() as i32).clamp(0, 12);
    let text = format!("{number:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// What a job costs, what its run may need, and how exact its numbers will be.
pub fn plan(plan: &Plan) -> String {
    let grain = match plan.grain {
        Grain::Unit => tr("one unit").into_owned(),
        Grain::Blocks { count } => format!("{count} {}", tr("blocks of units")),
    };
    let epsilon = match &plan.pure_epsilon {
        Some(epsilon) => format!("{} (ε {epsilon})", plan.rho),
        None => format!("{} (ε {:.3}, δ {:e})", plan.rho, plan.epsilon, plan.delta),
    };
    let mut text = facts(&[
        ("Purpose", plan.purpose.clone()),
        ("Reads", plan.datasets.join(", ")),
        ("The code sees at a time", grain),
        ("Rounds", plan.rounds.to_string()),
        ("Costs, rho", epsilon),
        ("Release", plan.release.clone()),
        ("Fuel a grain", plan.fuel.to_string()),
        ("Memory a grain", bytes(plan.memory)),
    ]);
    if let Some(need) = plan.need {
        text.push_str(&facts(&[
            ("The run takes at most", span(need.seconds).to_string()),
            ("The run's memory, at most", bytes(need.memory)),
            ("Each further thread adds", bytes(need.thread)),
        ]));
    }
    let rows = plan.outputs.iter().flat_map(|output| {
        output.values.iter().map(|value| {
            vec![
                format!("{}.{}", output.name, value.name),
                output.groups.to_string(),
                output.max_groups_per_unit.to_string(),
                format!("{} .. {}", brief(value.lower), brief(value.upper)),
                value.standard_deviation.last().copied().map_or_else(String::new, brief),
                value.half_width_95.last().map_or_else(String::new, |half| format!("± {}", brief(*half))),
            ]
        })
    });
    text.push_str(&table(&["value", ">groups", ">groups a unit", ">one unit adds", ">deviation", ">95 %"], rows));
    text.push('\n');
    text
}

/// All jobs, and what goes on: whoever lists jobs while one runs wants to know.
pub fn jobs(found: &Jobs) -> String {
    let rows = found.jobs.iter().map(|job| {
        vec![
            job.job.to_string(),
            job.title.clone(),
            job.author.clone(),
            tr(job.state.name()).into_owned(),
            job.rho.to_string(),
            job.submitted.format("%F %R").to_string(),
        ]
    });
    let shown = table(&["job", "title", "author", "state", ">rho", "submitted (UTC)"], rows);
    if found.at_work.is_empty() { shown } else { format!("{shown}\n{}", at_work(&found.at_work)) }
}

/// A job with its plan.
pub fn job(found: &JobShown) -> String {
    let job = &found.job;
    let mut text = facts(&[
        ("Job", format!("{} {}", job.job, job.title)),
        ("Author", job.author.clone()),
        ("State", tr(job.state.name()).into_owned()),
        ("Approved by", found.approved_by.join(", ")),
        ("Manifest", found.manifest.to_string()),
        ("Module", found.module.to_string()),
        ("Datasets", found.plan.datasets.join(", ")),
    ]);
    if let Some(reason) = &found.reason {
        text.push_str(&facts(&[("Reason", reason.clone())]));
    }
    text.push_str(&plan(&found.plan));
    text
}

/// What goes on in the lab at this moment, a line each.
pub fn at_work(work: &[AtWork]) -> String {
    let lines = work.iter().map(|work| {
        let holder = format!("process {} ({})", work.pid, work.command);
        let said = match work.what {
            Work::Run => format!("a job runs: {holder}"),
            Work::Import => format!("`{}` is imported: {holder}", work.dataset.as_deref().unwrap_or_default()),
        };
        facts(&[("At work", tr(&said).into_owned())])
    });
    lines.collect()
}

/// What a trial gave, and what it says about fuel.
pub fn trial(trial: &Trial) -> String {
    format!(
        "{}\n{}{}{}",
        tr("This is a trial on synthetic rows: the numbers mean nothing."),
        numbers(&trial.numbers),
        failures(&trial.failed),
        fuel(&trial.fuel)
    )
}

/// Grains that failed; nothing where none did.
pub fn failures(failed: &[Failed]) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let rows = failed.iter().map(|failed| vec![failed.grains.to_string(), failed.failure.to_string()]);
    let title = tr("Grains that failed and counted as contributing nothing:");
    format!("\n\n{title}\n{}", table(&[">grains", "why"], rows))
}

fn fuel(fuel: &Fuel) -> String {
    let Some(proposed) = fuel.proposed else { return String::new() };
    let used = facts(&[("Fuel of the hungriest grain", format!("{} / {}", fuel.most, fuel.limit))]);
    if fuel.most >= fuel.limit {
        return format!("\n\n{used}{}", tr("A grain used it all: raise limits.fuel in job.toml and try again."));
    }
    // The slot of the run is as long as this limit lets it be.
    format!("\n\n{used}{}", facts(&[("Proposed for job.toml, in [limits]", format!("fuel = {proposed}"))]))
}
