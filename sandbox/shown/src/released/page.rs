//! A release as one page: how to read it, its tables with charts, what it cost and what one unit could add.

use maud::{Markup, html};
use unseen_core::release::Derived;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, page, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::release::Release;

use super::chart::chart;
use super::{Shown, bounds, computed, estimated, how_to_read, totals};
use crate::figures::brief;
use crate::jobs::{cost, made, witnesses};

/// More groups than this make a page that no browser likes.
const MOST_GROUPS: usize = 5_000;

const STYLE: &str = ".chart{margin:.75rem 0;max-width:36rem}svg{display:block;width:100%;height:auto}.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;overflow-wrap:anywhere}";

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
    about.extend(made(&release.plan));
    about.extend(witnesses(release.witnessed.as_ref(), lang).map(|said| (text!("Witnessed by", "见证方"), said)));
    html! {
        (facts(lang, &about))
        h2 { (text!("How to read it", "如何阅读").to(lang)) }
        ul {
            li { (text!("Every number carries noise that protects each single unit. The line over the end of a bar is its 95 % interval: do not read a difference where two lines overlap.", "每个数字都加了噪声，以保护每一个单元。条形末端上的横线是其 95 % 区间：两条横线重叠时，不要认为两者有差别。").to(lang)) }
            @for line in how_to_read(numbers) { li { (line.to(lang)) } }
        }
        @for shown in estimated(numbers) { (figures(&shown, lang)) }
        @for derived in &computed::tables(numbers, lang) { (computed_table(derived, lang)) }
        @for shown in totals(numbers) { (figures(&shown, lang)) }
        h2 { (text!("What one unit could add", "单个单元至多贡献多少").to(lang)) }
        ul { @for line in bounds(&release.plan) { li { (clean(&line.told(lang))) } } }
    }
}

fn figures(shown: &Shown, lang: Lang) -> Markup {
    let mut header: Vec<_> = shown.keys.iter().cloned().map(Left).collect();
    for series in &shown.series {
        header.push(Right(series.title()));
        if series.half_width.is_none() {
            header.push(Right("95 %".to_owned()));
        }
    }
    let row = |(at, keys): (usize, &Vec<unseen_ids::Key>)| {
        let mut row: Vec<_> = keys.iter().map(|key| html! { (clean(&key.to_string())) }).collect();
        for series in &shown.series {
            let Some(figure) = series.figures.get(at) else { continue };
            row.push(html! { (figure.text) });
            if series.half_width.is_none() {
                row.push(html! { (figure.interval()) });
            }
        }
        row
    };
    html! {
        h2 { (clean(&say!("{name}: {what}", "{name}：{what}", name = shown.name, what = shown.what).told(lang))) }
        (rows(&header, shown.rows.iter().take(MOST_GROUPS).enumerate().map(row)))
        @for series in &shown.series {
            @if let Some(drawn) = chart(shown, series, lang) {
                @if shown.series.len() > 1 { h3 { (clean(&series.name)) } }
                (drawn)
            }
        }
        @if let Some(more @ 1..) = shown.rows.len().checked_sub(MOST_GROUPS) {
            p { (say!("{more} more groups are in the CSV file.", "另有 {more} 组见 CSV 文件。").told(lang)) }
        }
    }
}

fn computed_table(derived: &Derived, lang: Lang) -> Markup {
    let keys = derived.keys.iter().cloned().map(Left);
    let header: Vec<_> = keys.chain(derived.columns.iter().cloned().map(Right)).collect();
    let row = |(at, row): (usize, &Vec<unseen_core::release::Number>)| {
        let keys = derived.groups.get(at).into_iter().flatten().map(|key| html! { (clean(&key.to_string())) });
        keys.chain(row.iter().map(|number| html! { (brief(number.0)) })).collect()
    };
    html! {
        h2 { (clean(&derived.name)) ": " (text!("computed by the job from the noised totals", "由作业根据加噪总数计算").to(lang)) }
        (rows(&header, derived.rows.iter().enumerate().map(row)))
    }
}
