//! A column of a release as a picture: a bar for each group, with a line over its 95 % interval.

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;
use unseen_ids::Key;
use unseen_terminal::output::clean;
use unseen_texts::{Lang, say};

use super::{Series, Shown};
use crate::figures::brief;

/// With fewer groups there is nothing to compare, with more nothing to see.
const GROUPS: std::ops::RangeInclusive<usize> = 2..=60;
/// In pixels, where a page has room for it.
const WIDTH: u32 = 480;
const ROW: u32 = 24;
const NAMES: u32 = 130;
/// The most letters of a group's name that have room.
const LETTERS: usize = 16;
const BAR: RGBColor = RGBColor(68, 119, 170);

/// The picture; none where it would tell nothing.
pub(super) fn chart(shown: &Shown, series: &Series, lang: Lang) -> Option<Markup> {
    let drawn = GROUPS.contains(&shown.rows.len()).then(|| draw(shown, series).ok()).flatten()?;
    // What is black in it takes the colour of the text round it.
    let drawn = drawn.replace("=\"#000000\"", "=\"currentColor\"");
    let said = say!(
        "{series} of each group, with its 95 % interval: the numbers are in the table",
        "各组的 {series} 及其 95 % 区间：数字见表格",
        series = clean(&series.name)
    );
    Some(html! { figure .chart role="img" aria-label=(said.to(lang)) { (PreEscaped(drawn)) } })
}

fn draw(shown: &Shown, series: &Series) -> Result<String, Box<dyn std::error::Error>> {
    let count = i32::try_from(series.figures.len())?;
    let ends = series.figures.iter().flat_map(|figure| [figure.low, figure.high, figure.value]);
    let (least, most) =
        ends.filter(|end| end.is_finite()).fold((0.0_f64, 0.0_f64), |(a, b), end| (a.min(end), b.max(end)));
    if most <= least {
        return Err("nothing to draw".into());
    }
    let room = (most - least) * 0.03;
    let mut text = String::new();
    {
        let size = (WIDTH, ROW * u32::try_from(count)? + 40);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let mut builder = ChartBuilder::on(&area);
        builder.margin(6).margin_right(14).y_label_area_size(NAMES).x_label_area_size(24);
        let across = least - if least < 0.0 { room } else { 0.0 }..most + room;
        let mut chart = builder.build_cartesian_2d(across, (0..count).into_segmented())?;
        // The first group stands at the top.
        let at = |row: i32| count - 1 - row;
        let name = |row: &SegmentValue<i32>| match row {
            SegmentValue::CenterOf(row) => {
                usize::try_from(at(*row)).ok().and_then(|at| shown.rows.get(at)).map(|keys| named(keys))
            }
            _ => None,
        };
        let font = ("sans-serif", 13);
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_labels(5)
            .y_labels(series.figures.len())
            .label_style(font)
            .x_label_formatter(&|number| brief(*number))
            .y_label_formatter(&|row| name(row).unwrap_or_default())
            .draw()?;
        let rows = || (0..count).zip(&series.figures).filter(|(_, figure)| figure.value.is_finite());
        chart.draw_series(rows().map(|(row, figure)| {
            let corners = [(0.0, SegmentValue::Exact(at(row))), (figure.value, SegmentValue::Exact(at(row) + 1))];
            let mut bar = Rectangle::new(corners, BAR.filled());
            bar.set_margin(4, 4, 0, 0);
            bar
        }))?;
        let known = rows().filter(|(_, figure)| figure.low.is_finite() && figure.high > figure.low);
        chart.draw_series(known.map(|(row, figure)| {
            let row = SegmentValue::CenterOf(at(row));
            ErrorBar::new_horizontal(row, figure.low, figure.value, figure.high, BLACK.filled(), 8)
        }))?;
        area.present()?;
    }
    Ok(text)
}

/// A group's keys in one line, cut where there is no room.
fn named(keys: &[Key]) -> String {
    let all = clean(&keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" · "));
    match all.chars().count() > LETTERS {
        true => all.chars().take(LETTERS - 1).chain(['…']).collect(),
        false => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::released::Figure;

    fn shown(rows: &[&str], figures: &[[f64; 3]]) -> (Shown, Series) {
        let rows = rows.iter().map(|key| vec![Key::Text((*key).to_owned())]).collect();
        let name = "mean".to_owned();
        let figures = figures.iter().map(|[low, value, high]| Figure {
            text: String::new(),
            value: *value,
            low: *low,
            high: *high,
        });
        let series = Series { name, half_width: None, figures: figures.collect() };
        (Shown { name: "t".into(), what: say!("w", "甲"), keys: vec!["k".into()], rows, series: Vec::new() }, series)
    }

    #[test]
    fn a_bar_and_its_interval_for_each_group_and_no_element_out_of_a_name() {
        let (table, series) = shown(
            &["牛塘镇", "<image href=x onerror=alert(1)>", "a name that has no room in any picture"],
            &[[8.0, 10.0, 12.0], [-6.0, -4.0, -2.0], [f64::NAN, 3.0, f64::NAN]],
        );
        let drawn = chart(&table, &series, Lang::En).unwrap().into_string();
        assert_eq!(drawn.matches("#4477AA").count(), 3, "{drawn}");
        assert!(!drawn.contains("<image") && drawn.contains("&lt;image") && drawn.contains("牛塘镇"), "{drawn}");
        assert!(drawn.contains("a name that has…") && !drawn.contains("style="), "{drawn}");
        let nothing = [[f64::NAN, f64::NAN, f64::NAN]; 2];
        for (rows, figures) in [(&["one"][..], &[[1.0, 2.0, 3.0]][..]), (&["one", "two"], &nothing)] {
            let (table, series) = shown(rows, figures);
            assert!(chart(&table, &series, Lang::En).is_none());
        }
    }
}
