//! Plans and releases as people see them.

use serde_json::json;
use unseen_core::release::{Derived, ReleaseBody, ReleasedOutput};
use unseen_ids::Key;
use unseen_policies::ledger::span;
use unseen_policies::manifest::{GrainKind, Manifest};
use unseen_policies::plan::Plan;
use unseen_policies::rational::to_f64;
use unseen_policies::{Need, accounting};

use unseen_terminal::i18n::tr;
use unseen_terminal::output::{bar, bold, facts, named_table, table};

/// A release: every output of the last round as a table with intervals and bars, then the tables the
/// job computed from them.
pub fn release(body: &ReleaseBody) -> String {
    let mut text = String::new();
    if body.rounds.len() > 1 {
        text.push_str(&facts(&[("Rounds; the last one is shown", body.rounds.len().to_string())]));
    }
    for output in body.rounds.iter().rev().take(1).flat_map(|round| &round.outputs) {
        text.push_str(&format!("\n{}\n{}\n", bold(&output.name), output_table(output)));
    }
    for derived in &body.derived {
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

/// What a job costs, what its run may need, and how exact its numbers will be. The need is known where
/// there is a lab.
pub fn plan(manifest: &Manifest, plan: &Plan, need: Option<&Need>, delta: f64) -> String {
    let grain = match plan.grain {
        GrainKind::Unit => tr("one unit").into_owned(),
        GrainKind::Blocks { count } => format!("{count} {}", tr("blocks of units")),
    };
    let epsilon = match &plan.charge.pure_epsilon {
        Some(epsilon) => format!("{} (ε {epsilon})", plan.charge.rho),
        None => format!("{} (ε {:.3}, δ {delta:e})", plan.charge.rho, accounting::epsilon(plan.charge.rho, delta)),
    };
    let mut text = facts(&[
        ("Purpose", manifest.job.purpose.clone()),
        ("Reads", manifest.datasets().join(", ")),
        ("The code sees at a time", grain),
        ("Rounds", plan.rounds.to_string()),
        ("Costs, rho", epsilon),
        ("Release", manifest.job.release.to_string()),
        ("Fuel a grain", plan.limits.fuel.to_string()),
        ("Memory a grain", bytes(plan.limits.memory)),
    ]);
    if let Some(need) = need {
        text.push_str(&facts(&[
            ("The run takes at most", span(need.seconds)),
            ("The run's memory, at most", bytes(need.memory)),
            ("Each further thread adds", bytes(need.thread)),
        ]));
    }
    let rows = plan.outputs.iter().flat_map(|output| {
        output.values.iter().map(|value| {
            let unit = to_f64(&value.granularity);
            let last = plan.rounds.saturating_sub(1) as usize;
            vec![
                format!("{}.{}", output.name, value.name),
                output.domain.size().to_string(),
                output.max_groups.to_string(),
                format!("{} .. {}", brief(value.lower as f64 * unit), brief(value.upper as f64 * unit)),
                value.standard_deviation(last).map_or(String::new(), brief),
                value.half_width_95(last).map_or(String::new(), |half| format!("± {}", brief(half))),
            ]
        })
    });
    text.push_str(&table(&["value", ">groups", ">groups a unit", ">one unit adds", ">deviation", ">95 %"], rows));
    text.push('\n');
    text
}

/// The same for programs.
pub fn plan_json(plan: &Plan, need: Option<&Need>, delta: f64) -> serde_json::Value {
    let outputs: Vec<_> = plan.outputs.iter().map(|output| {
        let values: Vec<_> = output.values.iter().map(|value| {
            let unit = to_f64(&value.granularity);
            let deviations: Vec<_> = (0..plan.rounds as usize).filter_map(|round| value.standard_deviation(round)).collect();
            let halves: Vec<_> = (0..plan.rounds as usize).filter_map(|round| value.half_width_95(round)).collect();
            json!({ "name": value.name, "lower": value.lower as f64 * unit, "upper": value.upper as f64 * unit, "granularity": unit,
                "standardDeviation": deviations, "halfWidth95": halves })
        }).collect();
        json!({ "name": output.name, "groups": output.domain.size(), "maxGroupsPerUnit": output.max_groups, "values": values })
    }).collect();
    json!({
        "rho": plan.charge.rho,
        "pureEpsilon": plan.charge.pure_epsilon.as_ref().map(ToString::to_string),
        "epsilon": accounting::epsilon(plan.charge.rho, delta),
        "delta": delta,
        "rounds": plan.rounds,
        "fuel": plan.limits.fuel,
        "memory": plan.limits.memory,
        "rows": plan.limits.rows,
        "need": need,
        "outputs": outputs,
    })
}
