//! Scenarios whose unit is a farm, a vehicle, a shop or a household.

use std::collections::BTreeMap;

use super::scenario::Scenario;
use super::truth::bin;
use crate::district::TOWNS;

/// Field sensors outside what the crop wants.
pub const FIELD_SENSORS: Scenario = Scenario {
    name: "field-sensors",
    units: 6_000,
    id: |index| format!("F{index:06}"),
    plain: str::to_owned,
    private: &[("soil-readings", "farm,crop,moisture")],
    reference: &[("crops", "crop,low,high\n水稻,75,100\n小麦,60,80\n葡萄,55,75\n水蜜桃,55,75\n花卉苗木,50,80\n")],
    draw: |unit| {
        let crops = [
            (("水稻", 86.0, 6.0), 30),
            (("小麦", 70.0, 7.0), 26),
            (("葡萄", 64.0, 7.5), 14),
            (("水蜜桃", 63.0, 7.0), 12),
            (("花卉苗木", 66.0, 9.0), 18),
        ];
        let (crop, wanted, spread) = unit.pick(crops);
        // How well a farm is watered is its own.
        let own = wanted + 3.0 * unit.normal();
        for _ in 0..unit.between(8, 20) {
            let moisture = (own + spread * unit.normal()).clamp(0.0, 100.0);
            let moisture = unit.missing(0.04, format!("{moisture:.1}"));
            unit.row(0, &format!("{crop},{moisture}"));
        }
    },
    truth: |tables, truth| {
        let crops = tables.read("crops")?;
        let crops = crops.by_unit();
        let table = tables.read("soil-readings")?;
        let mut spells: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
        for row in table.rows() {
            let wanted = |limit| crops.get(row.text("crop")).and_then(|crop| crop.number(limit));
            let moisture = row.number("moisture");
            let dry = moisture.zip(wanted("low")).is_some_and(|(moisture, low)| moisture < low);
            let wet = moisture.zip(wanted("high")).is_some_and(|(moisture, high)| moisture > high);
            if moisture.is_some() {
                let (spell, longest) = spells.entry((row.unit(), row.text("crop"))).or_default();
                *spell = if dry { *spell + 1 } else { 0 };
                *longest = (*spell).max(*longest);
            }
            let off = moisture.is_none();
            let counted = [("rows", true), ("dry", dry), ("wet", wet), ("off", off)];
            truth.add("anomalies", &[("crop", row.text("crop"))], &counted.map(|(name, is)| (name, f64::from(is))));
        }
        for ((_, crop), (_, longest)) in spells {
            let longest = bin(f64::from(longest), &[1.0, 2.0, 4.0], &["0", "1", "2-3", "4+"]);
            truth.add("spells", &[("crop", crop), ("longest", longest)], &[("farms", 1.0)]);
        }
        truth.ratio("anomalies", "dry_share", ["dry", "rows"], &[]);
        truth.ratio("anomalies", "wet_share", ["wet", "rows"], &[]);
        Ok(())
    },
};

/// Speed and dwell of muck trucks by road and hour.
pub const MUCK_TRUCKS: Scenario = Scenario {
    name: "muck-trucks",
    units: 3_000,
    id: |index| format!("V{index:05}"),
    plain: str::to_owned,
    private: &[("truck-passages", "plate,road,hour,speed,dwell")],
    reference: &[],
    draw: |unit| {
        let roads = [
            (("常武路", 34.0), 20),
            (("武宜路", 38.0), 18),
            (("延政大道", 42.0), 20),
            (("青洋路", 46.0), 16),
            (("长虹西路", 40.0), 14),
            (("大明路", 31.0), 12),
        ];
        let usual = [unit.pick(roads), unit.pick(roads), unit.pick(roads)];
        let busy = unit.log_normal(1.0, 0.3);
        for hour in 0..24 {
            // They may not drive in the rush hours, and some do; most drive at night.
            let share = match hour {
                7..=8 | 17..=18 => 0.5,
                20..=23 | 0..=4 => 2.2,
                _ => 1.4,
            };
            for _ in 0..unit.count(share * busy).min(8) {
                let (road, free) = usual[unit.between(0, 2) as usize];
                let speed = (free + if share > 2.0 { 8.0 } else { 0.0 } + 9.0 * unit.normal()).clamp(3.0, 90.0);
                let dwell = unit.log_normal(3.0, 0.8).min(60.0);
                let speed = unit.missing(0.02, format!("{speed:.1}"));
                unit.row(0, &format!("{road},{hour},{speed},{dwell:.1}"));
            }
        }
    },
    truth: |tables, truth| {
        for row in tables.read("truck-passages")?.rows() {
            let Some(speed) = row.number("speed") else { continue };
            let dwell = row.number("dwell").unwrap_or(0.0);
            let moved = [("rows", 1.0), ("speed", speed)];
            truth.add("hours", &[("hour", row.text("hour"))], &moved);
            let road = [("road", row.text("road"))];
            truth.add("roads", &road, &moved);
            truth.add("roads", &road, &[("dwell", dwell), ("speeding", f64::from(speed > 60.0))]);
        }
        truth.ratio("hours", "mean_speed", ["speed", "rows"], &[]);
        for (name, value) in [("mean_speed", "speed"), ("mean_dwell", "dwell"), ("speeding_share", "speeding")] {
            truth.ratio("roads", name, [value, "rows"], &[]);
        }
        Ok(())
    },
};

/// How long sanitation events stay open.
pub const STREET_EVENTS: Scenario = Scenario {
    name: "street-events",
    units: 6_000,
    id: |index| format!("S{index:06}"),
    plain: str::to_owned,
    private: &[("shopfront-events", "shop,street,kind,hours")],
    reference: &[],
    draw: |unit| {
        let (street, slow) = unit.pick([
            (("花园街", 0.8), 18),
            (("广电路", 1.0), 14),
            (("长虹路", 1.2), 14),
            (("人民路", 0.9), 15),
            (("定安路", 1.4), 11),
            (("聚湖路", 1.1), 10),
            (("永胜路", 1.6), 9),
            (("鸣凰街", 1.3), 9),
        ]);
        for _ in 0..unit.count(2.8).min(8) {
            let (kind, long) = unit.pick([
                (("垃圾外溢", 5.0), 38),
                (("占道堆放", 9.0), 30),
                (("油污", 14.0), 20),
                (("破损", 40.0), 12),
            ]);
            let hours = unit.log_normal(long * slow, 0.9).min(240.0);
            let hours = unit.missing(0.06, format!("{hours:.1}"));
            unit.row(0, &format!("{street},{kind},{hours}"));
        }
    },
    truth: |tables, truth| {
        for row in tables.read("shopfront-events")?.rows() {
            let hours = row.number("hours");
            let closed = f64::from(hours.is_some());
            let values = [("rows", 1.0), ("closed", closed), ("hours", hours.unwrap_or(0.0))];
            truth.add("streets", &[("street", row.text("street"))], &values);
            let labels = ["<4", "4-12", "12-24", "24-72", ">=72"];
            let within = hours.map_or("未结", |hours| bin(hours, &[4.0, 12.0, 24.0, 72.0], &labels));
            truth.add("closing", &[("kind", row.text("kind")), ("within", within)], &[("rows", 1.0)]);
        }
        truth.ratio("streets", "mean_hours", ["hours", "closed"], &[]);
        truth.ratio("streets", "closed_share", ["closed", "rows"], &[]);
        Ok(())
    },
};

/// Water by town and time, and suspected leaks.
pub const WATER_USE: Scenario = Scenario {
    name: "water-use",
    units: 8_000,
    id: household,
    plain: str::to_owned,
    private: &[("water-hours", "household,town,hour,litres")],
    reference: &[],
    draw: |unit| {
        let town = unit.pick(TOWNS.map(|(town, share, _)| (town, share)));
        let size = unit.log_normal(1.0, 0.4);
        let leak = if unit.chance(0.06) { unit.log_normal(5.0, 0.4) } else { 0.0 };
        for hour in 0..24 {
            let usual = match hour {
                0..=5 => 0.4,
                6..=8 => 18.0,
                11..=12 => 14.0,
                17..=21 => 22.0,
                _ => 6.0,
            };
            let litres = (leak + usual * size * unit.log_normal(1.0, 0.25)).min(80.0);
            let litres = unit.missing(0.01, format!("{litres:.1}"));
            unit.row(0, &format!("{town},{hour},{litres}"));
        }
    },
    truth: |tables, truth| {
        let table = tables.read("water-hours")?;
        let mut at_night: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for row in table.rows() {
            let (hour, litres) = (row.number("hour").unwrap_or(0.0), row.number("litres").unwrap_or(0.0));
            let part = bin(hour, &[6.0, 12.0, 18.0], &["night", "morning", "afternoon", "evening"]);
            truth.add("hours", &[("hour", row.text("hour"))], &[("litres", litres)]);
            truth.add("towns", &[("town", row.text("town")), ("part", part)], &[("litres", litres)]);
            let night = at_night.entry((row.unit(), row.text("town"))).or_default();
            *night += if (2.0..=4.0).contains(&hour) { litres } else { 0.0 };
        }
        for ((_, town), litres) in at_night {
            let leak = bin(litres, &[9.0], &["none", "suspected"]);
            truth.add("leaks", &[("town", town), ("leak", leak)], &[("units", 1.0)]);
        }
        Ok(())
    },
};

/// Safety classes of self-built houses by use and age.
pub const HOUSE_SAFETY: Scenario = Scenario {
    name: "house-safety",
    units: 15_000,
    id: household,
    plain: str::to_owned,
    private: &[("self-built-houses", "household,purpose,built,storeys,class")],
    reference: &[],
    draw: |unit| {
        let purpose = unit.pick([("餐饮", 22), ("住宿", 8), ("零售", 34), ("仓储", 12), ("出租居住", 24)]);
        let built = (2024.0 - unit.log_normal(24.0, 0.5)).clamp(1960.0, 2024.0).floor();
        let storeys = unit.pick([(1, 12), (2, 40), (3, 34), (4, 11), (5, 3)]);
        let worn = ((2024.0 - built) / 40.0 * unit.log_normal(1.0, 0.5)).min(3.0);
        let class = bin(worn, &[0.45, 1.1, 1.8], &["A", "B", "C", "D"]);
        let built = unit.missing(0.04, built);
        unit.row(0, &format!("{purpose},{built},{storeys},{class}"));
    },
    truth: |tables, truth| {
        for row in tables.read("self-built-houses")?.rows() {
            let labels = ["1985前", "1985-1999", "2000-2009", "2010后"];
            let age = row.number("built").map_or("不详", |built| bin(built, &[1985.0, 2000.0, 2010.0], &labels));
            let tall = f64::from(row.number("storeys").is_some_and(|storeys| storeys >= 3.0));
            truth.add("by-age", &[("age", age), ("class", row.text("class"))], &[("units", 1.0)]);
            let group = [("purpose", row.text("purpose")), ("class", row.text("class"))];
            truth.add("by-use", &group, &[("units", 1.0), ("tall", tall)]);
        }
        truth.ratio("by-use", "tall_share", ["tall", "units"], &[]);
        Ok(())
    },
};

fn household(index: u64) -> String {
    format!("H{index:07}")
}
