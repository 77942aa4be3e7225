//! A release as one page: how to read it, its tables with charts, what it cost and what one unit could add.

use maud::{Markup, html};
use unseen_core::release::Derived;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, page, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::release::Release;

use super::{Figure, Series, Shown, bounds, estimated, how_to_read, totals};
use crate::figures::brief;
use crate::jobs::{cost, witnesses};

/// More groups than this make a page that no browser likes.
const MOST_GROUPS: usize = 5_000;

const STYLE: &str = ".bar{fill:#4477aa}.error{stroke:#1b1f24;stroke-width:1.5}.zero{stroke:#8a8f98}\
svg{display:block;width:10rem;max-width:60vw}.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;overflow-wrap:anywhere}";

/// The page, whole.
pub fn html(release: &Release, lang: Lang) -> String {
    page(lang, &format!("{}: {}", release.job, release.title), STYLE, &body(release, lang))
}

/// What is on it below its title.
pub fn body(release: &Release, lang: Lang) -> Markup {
    let numbers = &release.numbers;
    let mut about = vec![
        (text!("Purpose", "用途"), release.plan.purpose.clone()),
        (text!("Datasets", "数据集"), release.plan.datasets.join(", ")),
        (text!("Cost, rho", "开销 rho"), cost(&release.plan, lang)),
        (text!("Released by entry", "发布条目"), release.entry.to_string()),
        (text!("Digest of the release", "发布结果的摘要"), release.body.to_string()),
    ];
    about.extend(witnesses(release.witnessed.as_ref(), lang).map(|said| (text!("Witnessed by", "见证方"), said)));
    html! {
        (facts(lang, &about))
        h2 { (text!("How to read it", "如何阅读").to(lang)) }
        ul {
            li { (text!("Every number carries noise that protects each single unit. A line through the end of a bar is its 95 % interval: do not read a difference where two lines overlap.", "每个数字都加了噪声，以保护每一个单元。条形末端的横线是其 95 % 区间：两条横线重叠时，不要认为两者有差别。").to(lang)) }
            @for line in how_to_read(numbers) { li { (line.to(lang)) } }
        }
        @for shown in estimated(numbers) { (figures(&shown, lang)) }
        @for derived in &numbers.derived { (computed(derived, lang)) }
        @for shown in totals(numbers) { (figures(&shown, lang)) }
        h2 { (text!("What one unit could add", "单个单元至多贡献多少").to(lang)) }
        ul { @for line in bounds(&release.plan) { li { (clean(&line.told(lang))) } } }
    }
}

fn figures(shown: &Shown, lang: Lang) -> Markup {
    let mut header: Vec<_> = shown.keys.iter().cloned().map(Left).collect();
    let scales: Vec<_> = shown.series.iter().map(Scale::of).collect();
    for series in &shown.series {
        header.push(Right(series.title()));
        if series.half_width.is_none() {
            header.push(Right("95 %".to_owned()));
        }
        header.push(Left(text!("picture", "图示").told(lang)));
    }
    let row = |(at, keys): (usize, &Vec<unseen_ids::Key>)| {
        let mut row: Vec<_> = keys.iter().map(|key| html! { (clean(&key.to_string())) }).collect();
        for (series, scale) in shown.series.iter().zip(&scales) {
            let Some(figure) = series.figures.get(at) else { continue };
            row.push(html! { (figure.text) });
            if series.half_width.is_none() {
                row.push(html! { (figure.interval()) });
            }
            row.push(scale.chart(figure));
        }
        row
    };
    html! {
        h2 { (clean(&say!("{name}: {what}", "{name}：{what}", name = shown.name, what = shown.what).told(lang))) }
        (rows(&header, shown.rows.iter().take(MOST_GROUPS).enumerate().map(row)))
        @if let Some(more @ 1..) = shown.rows.len().checked_sub(MOST_GROUPS) {
            p { (say!("{more} more groups are in the release: take --csv.", "另有 {more} 组未显示：请用 --csv。").told(lang)) }
        }
    }
}

fn computed(derived: &Derived, lang: Lang) -> Markup {
    let header: Vec<_> = derived.columns.iter().cloned().map(Right).collect();
    let row = |row: &Vec<unseen_core::release::Number>| row.iter().map(|number| html! { (brief(number.0)) }).collect();
    html! {
        h2 { (clean(&derived.name)) ": " (text!("computed by the job from the noised totals", "由作业根据加噪总数计算").to(lang)) }
        (rows(&header, derived.rows.iter().map(row)))
    }
}

/// How the bars of one column are drawn.
struct Scale {
    least: f64,
    most: f64,
}

/// The size of a chart.
const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 18.0;

impl Scale {
    fn of(series: &Series) -> Scale {
        let ends = series.figures.iter().flat_map(|figure| [figure.low, figure.high, figure.value]);
        let ends = ends.filter(|end| end.is_finite());
        let (least, most) = ends.fold((0.0_f64, 0.0_f64), |(least, most), end| (least.min(end), most.max(end)));
        Scale { least, most }
    }

    /// A bar from zero to the number, and a line over its 95 % interval.
    fn chart(&self, figure: &Figure) -> Markup {
        let width = self.most - self.least;
        if !figure.value.is_finite() || width.is_nan() || width <= 0.0 {
            return html! {};
        }
        let at = |number: f64| (number - self.least) / width * WIDTH;
        let place = |number: f64| format!("{:.1}", at(number));
        let (from, to) = (at(figure.value.min(0.0)), at(figure.value.max(0.0)));
        html! {
            svg height=(HEIGHT) preserveAspectRatio="none" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) aria-hidden="true" {
                rect .bar x=(format!("{from:.1}")) y="3" width=(format!("{:.1}", to - from)) height="12" {}
                line .zero x1=(place(0.0)) x2=(place(0.0)) y1="0" y2=(HEIGHT) {}
                @if figure.low.is_finite() && figure.high > figure.low {
                    line .error x1=(place(figure.low)) x2=(place(figure.high)) y1="9" y2="9" {}
                    @for end in [figure.low, figure.high] { line .error x1=(place(end)) x2=(place(end)) y1="5" y2="13" {} }
                }
            }
        }
    }
}
