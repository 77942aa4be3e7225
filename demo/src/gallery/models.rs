//! Scenarios whose job runs in several rounds: each sees the noised totals of the one before.

use std::io;

use super::scenario::{Scenario, enterprise};
use super::truth::{Row, Tables, Truth};

/// Kinds of enterprises by k-means, and which sectors they are in.
pub const INDUSTRY_MAP: Scenario = Scenario {
    name: "industry-map",
    units: 10_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("enterprise-profiles", "uscc,sector,research,exported,per_head")],
    reference: &[],
    draw: |unit| {
        // Shares of: processors, exporters, innovators, leaders.
        let (sector, shares) = unit.pick([
            (("装备制造", [40, 20, 28, 12]), 26),
            (("电子电气", [22, 34, 26, 18]), 20),
            (("新材料", [34, 16, 34, 16]), 16),
            (("新能源", [18, 26, 24, 32]), 12),
            (("纺织服装", [48, 38, 8, 6]), 16),
            (("生物医药", [16, 14, 46, 24]), 10),
        ]);
        let [processors, exporters, innovators, leaders] = shares;
        let (research, exported, per_head) = unit.pick([
            ((1.6, 12.0, 70.0), processors),
            ((2.6, 66.0, 85.0), exporters),
            ((7.2, 24.0, 145.0), innovators),
            ((9.4, 52.0, 235.0), leaders),
        ]);
        let research = (research + 0.7 * unit.normal()).clamp(0.0, 15.0);
        let exported = (exported + 8.0 * unit.normal()).clamp(0.0, 100.0);
        let per_head = (per_head + 16.0 * unit.normal()).clamp(5.0, 300.0);
        let research = unit.missing(0.01, format!("{research:.2}"));
        unit.row(0, &format!("{sector},{research},{exported:.1},{per_head:.1}"));
    },
    truth: industry_map,
};

const SECTORS: [&str; 6] = ["装备制造", "电子电气", "新材料", "新能源", "纺织服装", "生物医药"];
/// Where the job begins, in its columns' own units, and how often it moves.
const FIRST: [[f64; 3]; 4] = [[1.5, 20.0, 60.0], [1.5, 60.0, 60.0], [6.0, 20.0, 150.0], [9.0, 60.0, 240.0]];
const MOVES: usize = 8;
/// Its measures: what counts as equally far.
const SCALE: [f64; 3] = [15.0, 100.0, 300.0];

/// Lloyd's algorithm, with rows in the open. What is published is what the last move was made of.
fn industry_map(tables: &Tables, truth: &mut Truth) -> io::Result<()> {
    let table = tables.read("enterprise-profiles")?;
    let point = |row: &Row| {
        Some((
            [row.number("research")?, row.number("exported")?, row.number("per_head")?],
            row.text("sector").to_owned(),
        ))
    };
    let points: Vec<([f64; 3], String)> = table.rows().filter_map(|row| point(&row)).collect();
    let mut centres = FIRST;
    let mut sectors = [[0.0; 4]; 6];
    let mut counts = [0.0; 4];
    for _ in 0..MOVES {
        let mut sums = [[0.0; 3]; 4];
        (counts, sectors) = ([0.0; 4], [[0.0; 4]; 6]);
        for (point, sector) in &points {
            let distance =
                |centre: &[f64; 3]| -> f64 { (0..3).map(|at| ((point[at] - centre[at]) / SCALE[at]).powi(2)).sum() };
            let nearest = (0..4).min_by(|a, b| distance(&centres[*a]).total_cmp(&distance(&centres[*b]))).unwrap_or(0);
            counts[nearest] += 1.0;
            (0..3).for_each(|at| sums[nearest][at] += point[at]);
            if let Some(sector) = SECTORS.iter().position(|known| known == sector) {
                sectors[sector][nearest] += 1.0;
            }
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums.iter().zip(counts)) {
            *centre = sum.map(|sum| sum / f64::max(count, 1.0));
        }
    }
    for (row, ([research, exported, per_head], count)) in centres.iter().zip(counts).enumerate() {
        let columns =
            [("enterprises", count), ("research", *research), ("exported", *exported), ("per_head", *per_head)];
        truth.computed("clusters", row, &columns, 0.3);
    }
    for (row, sector) in sectors.iter().enumerate() {
        let columns: Vec<(&str, f64)> =
            ["processors", "exporters", "innovators", "leaders"].into_iter().zip(*sector).collect();
        truth.computed("sectors", row, &columns, 1.0);
    }
    Ok(())
}

/// What late filing of tax returns goes with, by logistic regression.
pub const LATE_FILING: Scenario = Scenario {
    name: "late-filing",
    units: 10_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("tax-filings", "uscc,staff,missed,agent,late")],
    reference: &[],
    draw: |unit| {
        let staff = unit.log_normal(18.0, 1.0).clamp(1.0, 2_000.0).round();
        let missed = unit.count(0.7).min(4);
        let agent = unit.chance(0.45);
        let odds = 0.9 - 0.7 * staff.ln() + 0.8 * f64::from(missed) - 0.9 * f64::from(u8::from(agent));
        let late = unit.chance(1.0 / (1.0 + (-odds).exp()));
        let staff = unit.missing(0.01, format!("{staff:.0}"));
        unit.row(0, &format!("{staff},{missed},{agent},{late}"));
    },
    truth: late_filing,
};

/// The most likely coefficients, by Newton's method with rows in the open.
fn late_filing(tables: &Tables, truth: &mut Truth) -> io::Result<()> {
    let table = tables.read("tax-filings")?;
    let row = |row: &Row| {
        let (staff, missed) = (row.number("staff")?, row.number("missed")?);
        Some(([1.0, staff.ln(), missed, row.flag("agent")], row.flag("late")))
    };
    let rows: Vec<([f64; 4], f64)> = table.rows().filter_map(|found| row(&found)).collect();
    let mut weights = [0.0; 4];
    for _ in 0..25 {
        // The Hessian, and beside it the gradient.
        let mut system = [[0.0; 5]; 4];
        for (features, late) in &rows {
            let odds: f64 = features.iter().zip(weights).map(|(feature, weight)| feature * weight).sum();
            let likely = 1.0 / (1.0 + (-odds).exp());
            for (line, one) in system.iter_mut().zip(features) {
                for (cell, other) in line.iter_mut().zip(features) {
                    *cell += likely * (1.0 - likely) * one * other;
                }
                line[4] += (late - likely) * one;
            }
        }
        weights.iter_mut().zip(solved(system)).for_each(|(weight, step)| *weight += step);
    }
    let columns: Vec<(&str, f64)> = ["intercept", "ln_staff", "missed", "agent"].into_iter().zip(weights).collect();
    truth.computed("model", 0, &columns, 0.25);
    Ok(())
}

/// Gauss's elimination of a system whose last column is the right-hand side; it is definite, so no pivot is zero.
fn solved(mut system: [[f64; 5]; 4]) -> [f64; 4] {
    for pivot in 0..4 {
        let line = system[pivot].map(|cell| cell / system[pivot][pivot]);
        for (_, other) in system.iter_mut().enumerate().filter(|(at, _)| *at != pivot) {
            let times = other[pivot];
            other.iter_mut().zip(line).for_each(|(cell, of)| *cell -= times * of);
        }
        system[pivot] = line;
    }
    system.map(|line| line[4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let system = [
            [4.0, 1.0, 0.0, 0.0, 6.0],
            [1.0, 3.0, 0.0, 1.0, 11.0],
            [0.0, 0.0, 2.0, 0.0, 6.0],
            [0.0, 1.0, 0.0, 5.0, 22.0],
        ];
        for (found, wanted) in solved(system).into_iter().zip([1.0, 2.0, 3.0, 4.0]) {
            assert!((found - wanted).abs() < 1e-9, "{found} for {wanted}");
        }
    }
}
