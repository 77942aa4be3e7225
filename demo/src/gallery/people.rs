//! Scenarios whose unit is a person.

use super::scenario::{Scenario, person};
use super::truth::bin;
use crate::district::TOWNS;

/// Seekers for the vacancies of each skill.
pub const JOB_SEEKERS: Scenario = Scenario {
    name: "job-seekers",
    units: 20_000,
    id: person,
    plain: str::to_owned,
    private: &[("seekers", "person,skill,wage"), ("certificates", "person,certified")],
    reference: &[(
        "vacancies",
        "skill,posts,offered\n数控加工,3200,7200\n焊接,2100,7600\n电工,1800,6800\n工业机器人,2600,9000\n\
         软件开发,900,11000\n护理,1500,6200\n物流调度,1100,6000\n电商运营,700,6500\n",
    )],
    draw: |unit| {
        let skills = [
            (("数控加工", 7200.0), 12),
            (("焊接", 7600.0), 9),
            (("电工", 6800.0), 13),
            (("工业机器人", 9000.0), 4),
            (("软件开发", 11000.0), 18),
            (("护理", 6200.0), 12),
            (("物流调度", 6000.0), 14),
            (("电商运营", 6500.0), 18),
        ];
        let (skill, offered) = unit.pick(skills);
        let wage = unit.log_normal(offered, 0.2).clamp(2000.0, 20000.0);
        let wage = unit.missing(0.05, format!("{wage:.0}"));
        unit.row(0, &format!("{skill},{wage}"));
        if unit.chance(0.55) {
            let (other, _) = unit.pick(skills);
            let certified = if unit.chance(0.7) { skill } else { other };
            unit.row(1, certified);
        }
    },
    truth: |tables, truth| {
        let (certificates, vacancies) = (tables.read("certificates")?, tables.read("vacancies")?);
        let (certificates, vacancies) = (certificates.by_unit(), vacancies.by_unit());
        for row in tables.read("seekers")?.rows() {
            let skill = row.text("skill");
            let certificate = match certificates.get(row.unit()).map(|row| row.text("certified")) {
                None => "无证书",
                Some(certified) if certified == skill => "本技能",
                Some(_) => "其他技能",
            };
            truth.add("seekers", &[("skill", skill), ("certificate", certificate)], &[("units", 1.0)]);
            let offered = vacancies.get(skill).and_then(|row| row.number("offered"));
            if let (Some(wage), Some(offered)) = (row.number("wage"), offered) {
                let wish = bin(wage / offered, &[0.9, 1.1, 1.3], &["<0.9", "0.9-1.1", "1.1-1.3", ">=1.3"]);
                truth.add("wages", &[("skill", skill), ("wish", wish)], &[("units", 1.0)]);
            }
        }
        Ok(())
    },
};

/// Visits, waits and referrals.
pub const HOSPITAL_VISITS: Scenario = Scenario {
    name: "hospital-visits",
    units: 20_000,
    id: person,
    plain: str::to_owned,
    private: &[("visits", "person,hospital,department,wait,referred_to")],
    reference: &[],
    draw: |unit| {
        const PEOPLES: &str = "武进人民医院";
        const TRADITIONAL: &str = "武进中医医院";
        let departments = [(("内科", 1.0), 40), (("外科", 0.9), 22), (("儿科", 1.2), 20), (("急诊", 0.5), 18)];
        let (hospital, slow, refers) = unit.pick([
            ((PEOPLES, 46.0, 0.02), 32),
            ((TRADITIONAL, 38.0, 0.05), 24),
            (("湖塘社区卫生服务中心", 16.0, 0.18), 22),
            (("洛阳镇卫生院", 18.0, 0.16), 12),
            (("嘉泽镇卫生院", 14.0, 0.20), 10),
        ]);
        let to = if hospital == PEOPLES { TRADITIONAL } else { PEOPLES };
        // Two departments at the most, here and where one was referred to: four groups.
        let of_person = [unit.pick(departments), unit.pick(departments)];
        for _ in 0..unit.count(2.4).min(8) {
            let (department, share) = if unit.chance(0.7) { of_person[0] } else { of_person[1] };
            let referred = unit.chance(refers);
            let mut visit = |hospital: &str, slow: f64, to: &str| {
                let wait = unit.log_normal(slow * share, 0.5).min(150.0);
                let wait = unit.missing(0.03, format!("{wait:.0}"));
                unit.row(0, &format!("{hospital},{department},{wait},{to}"));
            };
            visit(hospital, slow, if referred { to } else { "" });
            if referred {
                visit(to, 30.0, "");
            }
        }
    },
    truth: |tables, truth| {
        for row in tables.read("visits")?.rows() {
            let (hospital, wait) = (row.text("hospital"), row.number("wait"));
            let timed = f64::from(wait.is_some());
            let group = [("hospital", hospital), ("department", row.text("department"))];
            truth.add("waits", &group, &[("rows", 1.0), ("timed", timed), ("wait", wait.unwrap_or(0.0))]);
            if !row.text("referred_to").is_empty() {
                truth.unit("flows", &[("hospital", hospital), ("referred_to", row.text("referred_to"))], row.unit());
            }
        }
        truth.ratio("waits", "mean_wait", ["wait", "timed"], &[]);
        Ok(())
    },
};

/// The risk of older people living alone.
pub const ELDERLY_ALONE: Scenario = Scenario {
    name: "elderly-alone",
    units: 30_000,
    id: person,
    plain: str::to_owned,
    private: &[("elderly", "person,town,age,alone,relief"), ("health-records", "person,chronic,stays")],
    reference: &[],
    draw: |unit| {
        let town = unit.pick(TOWNS.map(|(town, share, _)| (town, share)));
        let age = (65.0 + unit.log_normal(8.0, 0.7)).min(105.0).floor();
        let alone = unit.chance(0.12 + 0.008 * (age - 65.0));
        let relief = unit.chance(0.06);
        unit.row(0, &format!("{town},{age},{alone},{relief}"));
        if !unit.chance(0.08) {
            let (chronic, stays) = (unit.count(1.2 + 0.03 * (age - 65.0)).min(6), unit.count(0.25).min(8));
            unit.row(1, &format!("{chronic},{stays}"));
        }
    },
    truth: |tables, truth| {
        let records = tables.read("health-records")?;
        let records = records.by_unit();
        for row in tables.read("elderly")?.rows().filter(|row| row.text("alone") == "true") {
            let age = row.number("age").unwrap_or(0.0);
            let by_age: f64 = bin(age, &[75.0, 85.0], &["0", "2", "3"]).parse().unwrap_or(0.0);
            let record = records.get(row.unit());
            let band = match record.and_then(|record| Some((record.number("chronic")?, record.number("stays")?))) {
                None => "无档案",
                Some((chronic, stays)) => {
                    let score = by_age + chronic.min(3.0) + (2.0 * stays).min(4.0) + row.flag("relief");
                    bin(score, &[3.0, 6.0], &["一般", "关注", "重点"])
                }
            };
            truth.add("bands", &[("town", row.text("town")), ("band", band)], &[("units", 1.0)]);
        }
        Ok(())
    },
};

/// When the school run is dangerous.
pub const SCHOOL_RUN: Scenario = Scenario {
    name: "school-run",
    units: 15_000,
    id: person,
    plain: str::to_owned,
    private: &[("school-trips", "pupil,area,slot,mode,near_misses")],
    reference: &[],
    draw: |unit| {
        let (area, danger) = unit.pick([
            (("湖塘城区", 1.3), 34),
            (("武进高新区", 1.0), 22),
            (("西太湖", 0.7), 12),
            (("东部乡镇", 1.1), 18),
            (("南部乡镇", 0.9), 14),
        ]);
        let (mode, exposed) =
            unit.pick([(("步行", 1.1), 25), (("电动车", 1.8), 38), (("私家车", 0.6), 27), (("校车", 0.2), 10)]);
        // Two quarters of an hour in the morning and two in the afternoon, at the most.
        let (morning, afternoon) = (unit.between(0, 2) as usize, unit.between(0, 2) as usize);
        for (quarters, first) in [
            ([("07:00", 0.6), ("07:15", 1.0), ("07:30", 1.6), ("07:45", 1.9)], morning),
            ([("16:15", 0.8), ("16:30", 1.5), ("16:45", 1.2), ("17:00", 0.7)], afternoon),
        ] {
            for _ in 0..5 {
                let (slot, rush) = quarters[first + usize::from(unit.chance(0.4))];
                let near_misses = unit.count(0.09 * danger * exposed * rush).min(3);
                let near_misses = unit.missing(0.02, near_misses);
                unit.row(0, &format!("{area},{slot},{mode},{near_misses}"));
            }
        }
    },
    truth: |tables, truth| {
        for row in tables.read("school-trips")?.rows() {
            let values = [("rows", 1.0), ("near_misses", row.number("near_misses").unwrap_or(0.0))];
            truth.add("hours", &[("area", row.text("area")), ("slot", row.text("slot"))], &values);
            truth.add("modes", &[("mode", row.text("mode"))], &values);
        }
        for output in ["hours", "modes"] {
            truth.ratio(output, "danger", ["near_misses", "rows"], &[]);
        }
        Ok(())
    },
};
