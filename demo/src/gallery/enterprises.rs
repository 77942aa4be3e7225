//! Scenarios whose unit is an enterprise.

use std::collections::BTreeMap;
use std::io;

use super::scenario::{Scenario, Unit, enterprise};
use super::truth::{Tables, Truth, bin};

/// Output and tax by sector and month against last year.
pub const ECONOMY_TREND: Scenario = Scenario {
    name: "economy-trend",
    units: 8_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("sector-reports", "uscc,sector,day,output,tax")],
    reference: &[],
    draw: |unit| {
        let (sector, growth, season) = unit.pick([
            (("装备制造", 0.06, 1.0), 30),
            (("电子电气", 0.09, 0.8), 22),
            (("新材料", 0.05, 0.7), 18),
            (("新能源", 0.16, 1.1), 12),
            (("纺织服装", -0.03, 1.5), 18),
        ]);
        let (size, rate) = (unit.log_normal(180.0, 0.8), unit.log_normal(0.035, 0.35));
        let growth = growth + 0.1 * unit.normal();
        for month in 0..24_u32 {
            let season = crate::district::SEASON[month as usize % 12].powf(season);
            let chance = 0.12 * unit.normal();
            let output = (size * season * (growth * f64::from(month) / 12.0 + chance).exp()).min(1500.0);
            let tax = (output * rate * unit.log_normal(1.0, 0.3)).min(90.0);
            let output = unit.missing(0.005, format!("{output:.1}"));
            let tax = unit.missing(0.01, format!("{tax:.2}"));
            if !unit.chance(0.01) {
                unit.row(0, &format!("{sector},{}-{:02}-01,{output},{tax}", 2024 + month / 12, month % 12 + 1));
            }
        }
    },
    truth: |tables, truth| {
        for row in tables.read("sector-reports")?.rows() {
            let (year, month) = year_and_month(row.text("day"));
            let group = [("sector", row.text("sector")), ("month", month.trim_start_matches('0'))];
            for of in ["output", "tax"] {
                let value = format!("{of}_{year}");
                truth.add("trend", &group, &[(value.as_str(), row.number(of).unwrap_or(0.0))]);
            }
        }
        truth.ratio("trend", "output_growth", ["output_2025", "output_2024"], &[]);
        truth.ratio("trend", "tax_growth", ["tax_2025", "tax_2024"], &[]);
        Ok(())
    },
};

/// Who draws the policies they are eligible for.
pub const POLICY_REACH: Scenario = Scenario {
    name: "policy-reach",
    units: 12_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("entitlements", "uscc,policy,drew,amount"), ("business-register", "uscc,size")],
    reference: &[],
    draw: |unit| {
        let (size, rank) =
            unit.pick([(("微型", 0.0), 450), (("小型", 1.0), 400), (("中型", 2.0), 110), (("大型", 3.0), 40)]);
        if !unit.chance(0.01) {
            unit.row(1, size);
        }
        for (policy, eligible, drawn, amount) in [
            ("研发加计扣除", 0.25, 0.70, 12.0),
            ("稳岗返还", 0.80, 0.75, 1.5),
            ("技改补贴", 0.20, 0.45, 15.0),
            ("首台套奖励", 0.12, 0.50, 20.0),
            ("用电补贴", 0.50, 0.60, 3.0),
            ("融资贴息", 0.35, 0.30, 4.0),
        ] {
            // Small enterprises know less of what they may draw.
            let (drew, mean) = (unit.chance(drawn - 0.25 + 0.12 * rank), amount * (0.5 * rank).exp());
            let amount = if drew { unit.log_normal(mean, 0.6).min(100.0) } else { 0.0 };
            let amount = if drew { unit.missing(0.02, format!("{amount:.2}")) } else { String::new() };
            if unit.chance(eligible) {
                unit.row(0, &format!("{policy},{drew},{amount}"));
            }
        }
    },
    truth: |tables, truth| {
        let register = tables.read("business-register")?;
        let sizes = register.by_unit();
        for row in tables.read("entitlements")?.rows() {
            let Some(size) = sizes.get(row.unit()) else { continue };
            let group = [("policy", row.text("policy")), ("size", size.text("size"))];
            truth.unit("reach", &group, row.unit());
            let amount = row.number("amount").unwrap_or(0.0);
            truth.add("reach", &group, &[("drawn", row.flag("drew")), ("amount", amount)]);
        }
        truth.ratio("reach", "share", ["drawn", "units"], &[]);
        truth.ratio("reach", "mean_amount", ["amount", "drawn"], &[]);
        Ok(())
    },
};

/// What became of each year's projects.
pub const PROJECT_COHORTS: Scenario = Scenario {
    name: "project-cohorts",
    units: 6_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("projects", "uscc,signed,chain,agreed,paid,alive")],
    reference: &[],
    draw: |unit| {
        let year = unit.pick([(2019, 14), (2020, 11), (2021, 18), (2022, 16), (2023, 20), (2024, 21)]);
        let (chain, loss) = unit.pick([
            (("智能装备", 0.06), 30),
            (("新能源", 0.09), 22),
            (("新材料", 0.07), 18),
            (("生命健康", 0.08), 12),
            (("现代服务", 0.13), 18),
        ]);
        let age = f64::from(2025 - year);
        let agreed = unit.log_normal(30.0, 0.9).clamp(1.0, 500.0);
        let alive = !unit.chance(1.0 - (1.0_f64 - loss).powf(age));
        let done = if alive { 1.0 - (-0.6 * age).exp() } else { 0.2 };
        let paid = (agreed * done * unit.log_normal(1.0, 0.2)).min(600.0);
        let paid = unit.missing(0.02, format!("{paid:.1}"));
        let (month, day) = (unit.between(1, 12), unit.between(1, 28));
        unit.row(0, &format!("{year}-{month:02}-{day:02},{chain},{agreed:.1},{paid},{alive}"));
    },
    truth: |tables, truth| {
        for row in tables.read("projects")?.rows() {
            let (cohort, _) = year_and_month(row.text("signed"));
            let counts = [("units", 1.0), ("living", row.flag("alive"))];
            truth.add("chains", &[("chain", row.text("chain")), ("cohort", cohort)], &counts);
            truth.add("cohorts", &[("cohort", cohort)], &counts);
            for of in ["agreed", "paid"] {
                truth.add("cohorts", &[("cohort", cohort)], &[(of, row.number(of).unwrap_or(0.0))]);
            }
        }
        truth.ratio("cohorts", "survival", ["living", "units"], &[]);
        truth.ratio("cohorts", "paid_share", ["paid", "agreed"], &[]);
        truth.ratio("chains", "survival", ["living", "units"], &["chain"]);
        Ok(())
    },
};

/// Alarms by month and kind, and their tail.
pub const SAFETY_ALARMS: Scenario = Scenario {
    name: "safety-alarms",
    units: 8_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("alarms", "uscc,day,kind,minutes")],
    reference: &[],
    draw: |unit| {
        let mean = unit.log_normal(6.0, 0.8).min(30.0);
        for month in 1..=12_u32 {
            // Heat brings alarms.
            let season = if (6..=9).contains(&month) { 1.4 } else { 0.8 };
            for _ in 0..unit.count(mean / 12.0 * season).min(15) {
                let (kind, slow) = unit.pick([
                    (("可燃气体", 20.0), 26),
                    (("有毒气体", 15.0), 14),
                    (("液位", 35.0), 20),
                    (("温度", 30.0), 24),
                    (("视频识别", 50.0), 16),
                ]);
                let minutes = unit.log_normal(slow, 0.9).min(2880.0);
                let minutes = unit.missing(0.03, format!("{minutes:.0}"));
                let day = unit.between(1, 28);
                unit.row(0, &format!("2025-{month:02}-{day:02},{kind},{minutes}"));
            }
        }
    },
    truth: |tables, truth| {
        let table = tables.read("alarms")?;
        let mut of_site: BTreeMap<&str, f64> = BTreeMap::new();
        for row in table.rows() {
            let month = row.text("day").get(..7).unwrap_or("");
            let late = f64::from(row.number("minutes").is_none_or(|minutes| minutes > 60.0));
            truth.add("by-month", &[("month", month)], &[("rows", 1.0)]);
            truth.add("by-kind", &[("kind", row.text("kind"))], &[("rows", 1.0), ("late", late)]);
            *of_site.entry(row.unit()).or_default() += 1.0;
        }
        for alarms in of_site.into_values() {
            let alarms = bin(alarms, &[5.0, 10.0, 20.0, 40.0], &["1-4", "5-9", "10-19", "20-39", "40+"]);
            truth.add("tail", &[("alarms", alarms)], &[("units", 1.0)]);
        }
        truth.ratio("by-kind", "late_share", ["late", "rows"], &[]);
        Ok(())
    },
};

/// The load curve of a day.
pub const PARK_ENERGY: Scenario = Scenario {
    name: "park-energy",
    units: 3_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("meter-readings", "uscc,hour,days,kwh")],
    reference: &[],
    draw: |unit| {
        let size = unit.log_normal(60.0, 0.7);
        // Some run day and night, most one shift, some two.
        let (first, last, base) = unit.pick([((0, 23, 0.9), 20), ((8, 17, 0.15), 55), ((6, 22, 0.2), 25)]);
        let weekend = if unit.chance(0.3) { 0.9 } else { 0.25 };
        for (days, share) in [("工作日", 1.0), ("周末", weekend)] {
            for hour in 0..24 {
                let on = if (first..=last).contains(&hour) { 1.0 } else { base };
                let kwh = (size * share * on * unit.log_normal(1.0, 0.1)).min(400.0);
                let kwh = unit.missing(0.01, format!("{kwh:.1}"));
                unit.row(0, &format!("{hour},{days},{kwh}"));
            }
        }
    },
    truth: |tables, truth| {
        for row in tables.read("meter-readings")?.rows() {
            let group = [("days", row.text("days")), ("hour", row.text("hour"))];
            truth.add("load", &group, &[("kwh", row.number("kwh").unwrap_or(0.0))]);
        }
        Ok(())
    },
};

/// Days above the limit by station class.
pub const AIR_LIMITS: Scenario = Scenario {
    name: "air-limits",
    units: 2_500,
    id: enterprise,
    plain: str::to_owned,
    private: &[("emissions", "uscc,station,pollutant,mean")],
    reference: &[("limits", "pollutant,most\n颗粒物,20\n二氧化硫,50\n氮氧化物,150\n")],
    draw: |unit: &mut Unit| {
        let (station, level) = unit.pick([(("重点", 0.55), 20), (("一般", 0.45), 45), (("简易", 0.65), 35)]);
        for (pollutant, limit, share) in [("颗粒物", 20.0, 0.9), ("二氧化硫", 50.0, 0.5), ("氮氧化物", 150.0, 0.7)]
        {
            let own = unit.log_normal(limit * level, 0.3);
            if unit.chance(share) {
                for _ in 0..31 {
                    let mean = unit.log_normal(own, 0.25).min(600.0);
                    let mean = unit.missing(0.05, format!("{mean:.1}"));
                    unit.row(0, &format!("{station},{pollutant},{mean}"));
                }
            }
        }
    },
    truth: air_limits,
};

fn air_limits(tables: &Tables, truth: &mut Truth) -> io::Result<()> {
    let limits = tables.read("limits")?;
    let limits = limits.by_unit();
    let table = tables.read("emissions")?;
    let mut longest: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let (mut of, mut run) = (("", ""), 0);
    for row in table.rows() {
        let (station, pollutant) = (row.text("station"), row.text("pollutant"));
        if of != (row.unit(), pollutant) {
            (of, run) = ((row.unit(), pollutant), 0);
        }
        let most = limits.get(pollutant).and_then(|limit| limit.number("most"));
        let (Some(mean), Some(most)) = (row.number("mean"), most) else {
            run = 0;
            continue;
        };
        let above = mean > most;
        let group = [("station", station), ("pollutant", pollutant)];
        truth.add("means", &group, &[("days", 1.0), ("above", f64::from(above))]);
        run = if above { run + 1 } else { 0 };
        let longest = longest.entry((row.unit(), station)).or_default();
        *longest = run.max(*longest);
    }
    for ((_, station), days) in longest {
        let running = bin(f64::from(days), &[1.0, 2.0, 4.0], &["0", "1", "2-3", "4+"]);
        truth.add("runs", &[("station", station), ("running", running)], &[("enterprises", 1.0)]);
    }
    truth.ratio("means", "above_share", ["above", "days"], &[]);
    Ok(())
}

/// The year and the month of a date, as texts.
fn year_and_month(date: &str) -> (&str, &str) {
    (date.get(..4).unwrap_or(""), date.get(5..7).unwrap_or(""))
}
