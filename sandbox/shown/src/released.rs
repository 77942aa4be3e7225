//! A release as people read it: first what is mostly wanted of it (ratios, averages over blocks, what the job
//! computed), then the noised totals themselves.

mod chart;
mod computed;
pub mod csv;
mod lines;
pub mod page;
pub mod parquet;
pub mod receipt;

use unseen_core::release::{Derived, ReleasedOutput, ReleasedValue};
use unseen_ids::Key;
use unseen_terminal::output::{bars, bold, clean, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::named_table;
use unseen_texts::{Lang, Say, Sentence, Text, say, text};
use unseen_usecases::estimates::{Divisor, Estimates, number};
use unseen_usecases::plan::{Grain, Plan};
use unseen_usecases::release::Numbers;

use crate::figures::{bound, brief, rounded};

/// Every table of the last round, with errors and bars.
pub fn text(numbers: &Numbers, lang: Lang) -> String {
    let mut text = String::new();
    if numbers.rounds.len() > 1 {
        let rounds = text!("Rounds; the last one is shown", "轮数（显示最后一轮）");
        text.push_str(&facts(lang, &[(rounds, numbers.rounds.len().to_string())]));
    }
    for shown in estimated(numbers) {
        let title = titled(&shown.name, &shown.what.told(lang), lang);
        text.push_str(&format!("\n{title}\n{}\n", figures(&shown, lang)));
    }
    for derived in &computed::tables(numbers, lang) {
        let by = text!("computed by the job from the noised totals", "由作业根据加噪总数计算").to(lang);
        let title = titled(&derived.name, by, lang);
        text.push_str(&format!("\n{title}\n{}\n", derived_table(derived, lang)));
    }
    for shown in totals(numbers) {
        let title = titled(&shown.name, &shown.what.told(lang), lang);
        text.push_str(&format!("\n{title}\n{}\n", figures(&shown, lang)));
    }
    for line in how_to_read(numbers) {
        text.push_str(line.to(lang));
        text.push('\n');
    }
    text
}

/// What a release cost, and what one unit could add to it.
pub fn bounds(plan: &Plan) -> Vec<Sentence> {
    let values = plan.outputs.iter().flat_map(|output| output.values.iter().map(move |value| (output, value)));
    let bounds = values.map(|(output, value)| {
        let (lower, upper) = (bound(value.lower), bound(value.upper));
        let (name, most) = (format!("{}.{}", output.name, value.name), output.max_groups_per_unit);
        match plan.grain {
            Grain::Unit => say!(
                "{name}: one unit adds {lower} to {upper}, in at most {most} of {groups} groups",
                "{name}：单个单元贡献 {lower} 至 {upper}，至多计入 {groups} 组中的 {most} 组",
                groups = output.groups
            ),
            Grain::Blocks { count } => say!(
                "{name}: one block of {count} adds {lower} to {upper}, in at most {most} of {groups} groups; one unit changes the answer of one block",
                "{name}：{count} 个分块中每块贡献 {lower} 至 {upper}，至多计入 {groups} 组中的 {most} 组；单个单元只改变一个分块的结果",
                groups = output.groups
            ),
        }
    });
    bounds.collect()
}

/// A table of figures.
pub struct Shown {
    /// The output.
    pub name: String,
    /// What they are.
    pub what: Sentence,
    /// Names of the key columns.
    pub keys: Vec<String>,
    /// The keys of each row.
    pub rows: Vec<Vec<Key>>,
    /// The columns of figures, each as long as `rows`.
    pub series: Vec<Series>,
}

/// A column of figures.
pub struct Series {
    /// Its name.
    pub name: String,
    /// Half the width of the 95 % interval, where it is one number for all.
    pub half_width: Option<f64>,
    /// One for each row.
    pub figures: Vec<Figure>,
}

/// A number with its 95 % interval.
pub struct Figure {
    /// As it is written.
    pub text: String,
    /// The number.
    pub value: f64,
    /// The lower limit; NaN where none is stated.
    pub low: f64,
    /// The upper limit; NaN where none is stated.
    pub high: f64,
}

/// Ratios and averages: those of one output over the same groups stand in one table.
pub fn estimated(numbers: &Numbers) -> Vec<Shown> {
    let together = |one: &Estimates, other: &Estimates| {
        let kind = |found: &Estimates| matches!(found.by, Divisor::Blocks { .. });
        one.output == other.output && one.keys == other.keys && kind(one) == kind(other)
    };
    let tables = numbers.estimates.chunk_by(together).filter_map(|found| {
        let first = found.first()?;
        let what = match first.by {
            Divisor::Blocks { count } => say!("the average over {count} blocks", "{count} 个分块的平均值"),
            Divisor::Value { .. } => {
                let quotient = |found: &Estimates| match &found.by {
                    Divisor::Value { name } => format!("{} = {} / {name}", found.name, found.numerator),
                    Divisor::Blocks { .. } => String::new(),
                };
                found.iter().map(quotient).collect::<Vec<_>>().join(", ").into()
            }
        };
        Some(Shown {
            name: first.output.clone(),
            what,
            keys: first.keys.clone(),
            rows: first.groups.iter().map(|group| group.keys.clone()).collect(),
            series: found.iter().map(series).collect(),
        })
    });
    tables.collect()
}

/// The noised totals of the last round, output by output.
pub fn totals(numbers: &Numbers) -> Vec<Shown> {
    let Some(last) = numbers.rounds.last() else { return Vec::new() };
    last.outputs.iter().map(total).collect()
}

fn total(output: &ReleasedOutput) -> Shown {
    let series = output.values.iter().enumerate().map(|(at, name)| {
        let values = output.groups.iter().filter_map(|group| group.values.get(at));
        let figure = |value: &ReleasedValue| {
            let [number, low, high] = [&value.value, &value.low, &value.high].map(|text| number(text));
            let is_fraction = value.value.contains('/');
            let text = if is_fraction { rounded(number, (high - low) / 2.0) } else { value.value.clone() };
            Figure { text, value: number, low, high }
        };
        Series::new(name, values.map(figure).collect())
    });
    Shown {
        name: output.name.clone(),
        what: text!("the noised totals", "加噪总数").into(),
        keys: output.keys.clone(),
        rows: output.groups.iter().map(|group| group.keys.clone()).collect(),
        series: series.collect(),
    }
}

fn series(found: &Estimates) -> Series {
    let figures = found.groups.iter().map(|group| {
        let [value, low, high] = [group.value, group.low, group.high].map(|number| number.unwrap_or(f64::NAN));
        let text = if value.is_finite() { rounded(value, (high - low) / 2.0) } else { "—".to_owned() };
        Figure { text, value, low, high }
    });
    Series::new(&found.name, figures.collect())
}

impl Series {
    fn new(name: &str, figures: Vec<Figure>) -> Series {
        let half = |figure: &Figure| (figure.high - figure.low) / 2.0;
        let first = figures.first().map_or(f64::NAN, half);
        let is_one = |figure: &Figure| {
            let middle = (figure.high + figure.low) / 2.0;
            let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * (figure.value.abs() + first);
            near(half(figure), first) && near(middle, figure.value)
        };
        Series { name: name.to_owned(), half_width: figures.iter().all(is_one).then_some(first), figures }
    }

    /// Its name, with its error where that is one number.
    fn title(&self) -> String {
        match self.half_width {
            Some(half) if half > 0.0 => format!("{} ± {}", self.name, brief(half)),
            _ => self.name.clone(),
        }
    }
}

impl Figure {
    /// The limits as they are written.
    fn interval(&self) -> String {
        let limit = |number: f64| rounded(number, (self.high - self.low) / 2.0);
        if self.low.is_finite() { format!("{} .. {}", limit(self.low), limit(self.high)) } else { "—".to_owned() }
    }
}

/// What the reader of these tables must know.
pub fn how_to_read(numbers: &Numbers) -> Vec<Text> {
    let mut lines = vec![text!(
        "± is half the 95 % interval of the noise; clamping of contributions comes on top.",
        "± 是噪声 95 % 区间的一半，不含贡献截断造成的偏差。"
    )];
    let is_ratio = |found: &&Estimates| matches!(found.by, Divisor::Value { .. });
    if numbers.estimates.iter().any(|found| is_ratio(&found)) {
        lines.push(text!(
            "A ratio is formed of two noised totals; its 95 % interval is Fieller's. Where it says —, the noise leaves open whether the divisor is zero.",
            "比值由两个加噪总数相除得出，95 % 区间按 Fieller 方法计算。显示“—”处，噪声使除数可能为零。"
        ));
    }
    if numbers.estimates.iter().any(|found| !is_ratio(&found)) {
        lines.push(text!(
            "An average over blocks counts a block that failed or said nothing of a group as zero.",
            "分块平均值把失败或未提及该组的分块按零计。"
        ));
    }
    lines
}

/// More groups than this are cut, with a word about it.
const MOST_GROUPS: usize = 60;
const BAR: usize = 24;

fn titled(name: &str, what: &str, lang: Lang) -> String {
    let (name, what) = (bold(name), clean(what));
    if lang == Lang::Zh { format!("{name}（{what}）") } else { format!("{name} ({what})") }
}

fn figures(shown: &Shown, lang: Lang) -> String {
    let mut header: Vec<_> = shown.keys.iter().cloned().map(Left).collect();
    for series in &shown.series {
        header.push(Right(series.title()));
        if series.half_width.is_none() {
            header.push(Right("95 %".to_owned()));
        }
    }
    header.push(Left(String::new()));
    // Bars are of the first column, where there is something to compare.
    let bars = shown.series.first().filter(|_| shown.rows.len() > 1).map_or(Vec::new(), |series| {
        let values: Vec<f64> = series.figures.iter().take(MOST_GROUPS).map(|figure| figure.value).collect();
        bars(&values, BAR)
    });
    let rows = shown.rows.iter().take(MOST_GROUPS).enumerate().map(|(at, keys)| {
        let mut row: Vec<String> = keys.iter().map(Key::to_string).collect();
        for series in &shown.series {
            let Some(figure) = series.figures.get(at) else { continue };
            row.push(figure.text.clone());
            if series.half_width.is_none() {
                row.push(figure.interval());
            }
        }
        row.push(bars.get(at).cloned().unwrap_or_default());
        row
    });
    let mut text = named_table(lang, &header, rows);
    if let Some(more @ 1..) = shown.rows.len().checked_sub(MOST_GROUPS) {
        let said = say!(
            "{more} more groups are in the release; --csv, --html and --json show all.",
            "另有 {more} 组未显示，用 --csv、--html 或 --json 查看全部。"
        );
        text.push_str(&format!("\n{}", said.told(lang)));
    }
    if let ([first, _, ..], [_, _, ..]) = (&shown.series[..], &shown.rows[..]) {
        let said = say!("The bars are of `{name}`.", "条形表示 `{name}`。", name = first.name.clone());
        text.push_str(&format!("\n{}", said.told(lang)));
    }
    text
}

fn derived_table(derived: &Derived, lang: Lang) -> String {
    let keys = derived.keys.iter().cloned().map(Left);
    let header: Vec<_> = keys.chain(derived.columns.iter().cloned().map(Right)).collect();
    let rows = derived.rows.iter().enumerate().map(|(at, row)| {
        let keys = derived.groups.get(at).into_iter().flatten().map(Key::to_string);
        keys.chain(row.iter().map(|number| brief(number.0))).collect()
    });
    named_table(lang, &header, rows)
}
