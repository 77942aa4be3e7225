//! Trials on synthetic rows as people see them.

use unseen_terminal::output::facts;
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, text};
use unseen_usecases::tally::Tally;
use unseen_usecases::trial::{Failed, Fuel, Trial};

use crate::figures::brief;
use crate::released;

/// What a trial gave, and what it says about fuel.
pub fn trial(trial: &Trial, lang: Lang) -> String {
    format!(
        "{}\n{}{}{}{}",
        text!(
            "This is a trial on synthetic rows: the numbers mean nothing.",
            "这是在合成数据上的试运行：数字没有实际意义。"
        )
        .to(lang),
        released::text(&trial.numbers, lang),
        tally(&trial.tally, lang),
        failures(&trial.failed, lang),
        fuel(&trial.fuel, lang)
    )
}

/// What a lab would drop and change, without a word to anybody.
fn tally(tally: &Tally, lang: Lang) -> String {
    let dropped = [
        (text!("Dropped, no such output", "丢弃：没有这个输出"), tally.unknown_output),
        (
            text!("Dropped, another number of keys or values than declared", "丢弃：键或值的个数与声明不符"),
            tally.malformed,
        ),
        (text!("Dropped, group outside the domain", "丢弃：分组不在声明的范围内"), tally.outside_domain),
        (text!("Dropped, past max_groups_per_unit", "丢弃：超过 max_groups_per_unit"), tally.past_max_groups),
    ];
    let mut lines = vec![(text!("Contributions that count", "计入的贡献数"), tally.counted.to_string())];
    lines.extend(dropped.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())));
    let mut text = format!("\n\n{}", facts(lang, &lines));
    if tally.counted == 0 {
        text.push_str(
            text!("NOTHING counts: the release would hold noise alone.", "没有任何贡献计入：发布结果将只有噪声。")
                .to(lang),
        );
        return text;
    }
    let changed = tally.values.iter().filter(|value| value.low + value.high + value.nan > 0);
    let rows: Vec<_> = changed
        .map(|value| {
            let bent = (value.counts - value.said) / value.said.abs() * 100.0;
            let bent = if bent.is_finite() { format!("{bent:+.1} %") } else { brief(value.counts - value.said) };
            vec![
                format!("{}.{}", value.output, value.value),
                value.low.to_string(),
                value.high.to_string(),
                value.nan.to_string(),
                bent,
            ]
        })
        .collect();
    if !rows.is_empty() {
        let header = [
            Left(text!("clamped", "被截断的值")),
            Right(text!("below", "低于下界")),
            Right(text!("above", "高于上界")),
            Right(text!("NaN", "非数（NaN）")),
            Right(text!("bends the sum by", "使总和改变")),
        ];
        text.push_str(&table(lang, &header, rows));
    }
    text
}

/// Grains that failed; nothing where none did.
pub fn failures(failed: &[Failed], lang: Lang) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let rows = failed.iter().map(|failed| vec![failed.grains.to_string(), failed.failure.told(lang)]);
    let title =
        text!("Grains that failed and counted as contributing nothing:", "运行失败、按无贡献处理的数据粒：").to(lang);
    format!("\n\n{title}\n{}", table(lang, &[Right(text!("grains", "数据粒数")), Left(text!("why", "原因"))], rows))
}

fn fuel(fuel: &Fuel, lang: Lang) -> String {
    let Some(proposed) = fuel.proposed else { return String::new() };
    let used = facts(
        lang,
        &[(text!("Fuel of the hungriest grain", "最耗燃料的数据粒"), format!("{} / {}", fuel.most, fuel.limit))],
    );
    if fuel.most >= fuel.limit {
        return format!(
            "\n\n{used}{}",
            text!(
                "A grain used it all: raise limits.fuel in job.toml and try again.",
                "有数据粒用完了全部燃料：请在 job.toml 中调高 limits.fuel 后再试。"
            )
            .to(lang)
        );
    }
    // The slot of the run is as long as this limit lets it be.
    format!(
        "\n\n{used}{}",
        facts(
            lang,
            &[(
                text!("Proposed for job.toml, in [limits]", "建议写入 job.toml 的 [limits]"),
                format!("fuel = {proposed}")
            )]
        )
    )
}
