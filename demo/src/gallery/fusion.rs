//! Scenarios that join a department's register with what an enterprise uploads of its own.

use super::scenario::{Scenario, Unit, enterprise};
use super::truth::bin;

/// Output, tax and energy per mu, where the energy is known to the power company alone. Codes are written alike.
pub const LAND_YIELD: Scenario = Scenario {
    name: "land-yield",
    units: 9_000,
    id: enterprise,
    plain: str::to_owned,
    private: &[("industrial-land", "uscc,town,industry,land,output,tax"), ("power-sales", "uscc,kwh")],
    reference: &[],
    draw: |unit| {
        let (town, factor) = unit.pick([
            (("湖塘镇", 1.25), 24),
            (("牛塘镇", 1.0), 16),
            (("洛阳镇", 0.95), 15),
            (("遥观镇", 1.1), 17),
            (("横林镇", 0.9), 18),
            (("南夏墅街道", 1.4), 10),
        ]);
        let (industry, per_mu, rate, intensity) = unit.pick([
            (("装备制造", 420.0, 0.034, 0.09), 26),
            (("电子电气", 600.0, 0.030, 0.07), 18),
            (("新材料", 500.0, 0.038, 0.16), 16),
            (("纺织服装", 260.0, 0.026, 0.12), 15),
            (("家居建材", 220.0, 0.028, 0.10), 15),
            (("生物医药", 700.0, 0.052, 0.06), 10),
        ]);
        let land = unit.log_normal(11.0, 0.7).clamp(1.0, 60.0);
        let output = (land * factor * unit.log_normal(per_mu, 0.45)).min(30_000.0);
        let tax = (output * unit.log_normal(rate, 0.3)).min(1_200.0);
        let kwh = (output * unit.log_normal(intensity, 0.25)).min(3_000.0);
        let output = unit.missing(0.005, format!("{output:.0}"));
        let tax = unit.missing(0.01, format!("{tax:.1}"));
        unit.row(0, &format!("{town},{industry},{land:.1},{output},{tax}"));
        // Some have no meter of their own.
        if !unit.chance(0.04) {
            unit.row(1, &format!("{kwh:.1}"));
        }
    },
    truth: |tables, truth| {
        let power = tables.read("power-sales")?;
        let power = power.by_unit();
        for row in tables.read("industrial-land")?.rows() {
            let (industry, tax) = (row.text("industry"), row.number("tax"));
            let land = row.number("land").unwrap_or(0.0);
            let kwh = power.get(row.unit()).and_then(|row| row.number("kwh"));
            let metered = if kwh.is_some() { land } else { 0.0 };
            let sums = [
                ("land", land),
                ("output", row.number("output").unwrap_or(0.0)),
                ("tax", tax.unwrap_or(0.0)),
                ("metered", metered),
                ("kwh", kwh.unwrap_or(0.0)),
            ];
            truth.add("yields", &[("town", row.text("town")), ("industry", industry)], &sums);
            if let Some(tax) = tax {
                let grade = bin(tax / land, &[5.0, 12.0, 25.0], &["D", "C", "B", "A"]);
                truth.add("grades", &[("industry", industry), ("grade", grade)], &[("units", 1.0)]);
            }
        }
        for (per_mu, of, land) in
            [("output_per_mu", "output", "land"), ("tax_per_mu", "tax", "land"), ("kwh_per_mu", "kwh", "metered")]
        {
            truth.ratio("yields", per_mu, [of, land], &[]);
        }
        Ok(())
    },
};

/// Which insurance a platform's couriers have. The register and the platform write the numbers of identity cards each
/// in their own ways, which only a declared form brings together.
pub const COURIER_COVER: Scenario = Scenario {
    name: "courier-cover",
    units: 20_000,
    id: resident,
    plain: plain_resident,
    private: &[("couriers", "id,orders,hours"), ("insured", "id,cover")],
    reference: &[],
    draw: |unit| {
        // Twelve in twenty work for the platform; of these two thirds are in the register.
        let works = unit.chance(0.6);
        if works {
            let orders = unit.log_normal(620.0, 0.7).clamp(1.0, 2_400.0);
            let hours = (orders * unit.log_normal(0.25, 0.2)).min(360.0);
            let id = written(unit, true);
            unit.row_as(0, &id, &format!("{orders:.0},{hours:.0}"));
        }
        if !works || unit.chance(0.66) {
            let cover = unit.pick([("职工保险", 30), ("灵活就业", 38), ("居民保险", 32)]);
            let id = written(unit, false);
            unit.row_as(1, &id, cover);
        }
    },
    truth: |tables, truth| {
        let insured = tables.read("insured")?;
        let insured = insured.by_unit();
        for row in tables.read("couriers")?.rows() {
            let scheme = insured.get(row.unit()).map_or("未参保", |row| row.text("cover"));
            let orders = row.number("orders").unwrap_or(0.0);
            let band = bin(orders, &[300.0, 700.0, 1200.0], &["<300", "300-699", "700-1199", ">=1200"]);
            let hours = row.number("hours").unwrap_or(0.0);
            truth.add("cover", &[("scheme", scheme), ("band", band)], &[("units", 1.0), ("hours", hours)]);
        }
        truth.ratio("cover", "mean_hours", ["hours", "units"], &[]);
        Ok(())
    },
};

/// The number of the identity card of the person with this index, born from 1970 to 2006 (GB 11643-1999).
fn resident(index: u64) -> String {
    let (year, rest) = (1970 + index % 37, index / 37);
    let (month, rest) = (1 + rest % 12, rest / 12);
    let (day, serial) = (1 + rest % 28, 1 + rest / 28 % 995);
    with_check(&format!("320412{year}{month:02}{day:02}{serial:03}"))
}

/// The number with its last character, by which the sum of all, each with its weight, is 1 modulo 11.
fn with_check(body: &str) -> String {
    let weights = (2..=18).rev().map(|place| (1_u32 << (place - 1)) % 11);
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = match (12 - sum % 11) % 11 {
        10 => "X".to_owned(),
        digit => digit.to_string(),
    };
    format!("{body}{check}")
}

/// The unit's number as a clerk of the platform types it, or one of the register.
fn written(unit: &mut Unit, platform: bool) -> String {
    let id = unit.id().to_owned();
    // Cards of 15 digits were given out until 1999, to whoever was sixteen by then.
    let old = id[6..10] < *"1984" && unit.chance(if platform { 0.6 } else { 0.4 });
    let id = if old { format!("{}{}", &id[..6], &id[8..17]) } else { id };
    let id = if unit.chance(0.5) { id.to_lowercase() } else { id };
    let in_parts = |mark: &str| format!("{}{mark}{}{mark}{}", &id[..6], &id[6..id.len() - 4], &id[id.len() - 4..]);
    let wide = || id.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap_or(c)).collect();
    match (platform, unit.between(0, 99)) {
        (true, 0..25) => in_parts(" "),
        (true, 25..45) => wide(),
        (true, 45..60) => in_parts("-"),
        (true, 60..70) => format!("{id}\u{3000}"),
        (false, 0..20) => format!("{id}  "),
        (false, 20..25) => in_parts("\u{3000}"),
        _ => id,
    }
}

/// The number in one form, told apart by rules of its own: what an import makes of it is tested against this.
fn plain_resident(written: &str) -> String {
    let typed = written.chars().filter(|c| !matches!(c, ' ' | '\u{3000}' | '-'));
    let narrow = typed.map(|c| if c > '\u{ff00}' { char::from_u32(c as u32 - 0xfee0).unwrap_or(c) } else { c });
    let id: String = narrow.map(|c| c.to_ascii_uppercase()).collect();
    if id.len() == 15 { with_check(&format!("{}19{}", &id[..6], &id[6..])) } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_those_of_the_standard_and_different() {
        assert_eq!(with_check("11010519491231002"), "11010519491231002X");
        assert_eq!(plain_resident("440524 18800101-001４"), "440524188001010014");
        assert_eq!(plain_resident("370802940221002"), "370802199402210029");
        let ids: HashSet<String> = (0..40_000).map(resident).collect();
        assert_eq!(ids.len(), 40_000);
        assert!(ids.iter().all(|id| plain_resident(id) == *id));
        assert!(ids.iter().any(|id| id.ends_with('X')));
    }
}
