//! The yearly evaluation of industrial enterprises by yield per mu: what each enterprise makes, pays
//! and burns on its land, by town and industry, and how many get which grade. The means are formed
//! from the noised totals, in `advance`: that costs nothing.

use unseen_guest::{Contributions, Derived, Grain, IterativeJob, Job, Totals, Verdict, iterative_job};

/// Inputs and their columns, in the order of `job.toml`.
const REGISTER: usize = 0;
const TOWN: usize = 0;
const LAND: usize = 1;
const INDUSTRY: usize = 2; // looked up
const MONTHLY: usize = 1;
const MONTH: usize = 0;
const OUTPUT: usize = 1;
const ENERGY: usize = 2;
const TAX: usize = 3;

const YEAR: i64 = 2025;

/// Groups of the first output are towns times industries, in this order.
const TOWNS: [&str; 12] =
    ["湖塘", "牛塘", "洛阳", "遥观", "横林", "横山桥", "雪堰", "前黄", "礼嘉", "嘉泽", "湟里", "南夏墅"];
const INDUSTRIES: [&str; 10] = ["纺织", "木材", "化工", "橡塑", "钢铁", "金属制品", "通用设备", "汽车", "电气", "电子"];
/// Its values after the first, which counts enterprises.
const MEANS: [&str; 3] = ["output per mu", "energy per output", "tax per mu"];

struct YieldPerMu;

impl Job for YieldPerMu {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let (register, monthly) = (grain.table(REGISTER), grain.table(MONTHLY));
        let town = register.texts(TOWN)?.get(0);
        let land = register.floats(LAND)?.get(0).filter(|&land| land > 0.1);
        let industry = register.texts(INDUSTRY)?.get(0);
        let (Some(town), Some(land), Some(industry)) = (town, land, industry) else { return Ok(()) };

        let months = monthly.dates(MONTH)?;
        let year = |column: usize| -> Result<Option<f64>, String> {
            let cells = monthly.floats(column)?;
            let (mut sum, mut count) = (0.0, 0);
            for (month, cell) in months.iter().zip(cells.iter()) {
                if let (Some(month), Some(cell)) = (month, cell)
                    && month.year == YEAR
                {
                    sum += cell;
                    count += 1;
                }
            }
            // Half a year must be there; what is missing is taken to be like the rest.
            Ok((count >= 6).then(|| sum * 12.0 / f64::from(count)))
        };
        let (Some(output), Some(energy), Some(tax)) = (year(OUTPUT)?, year(ENERGY)?, year(TAX)?) else { return Ok(()) };
        if output <= 0.0 {
            return Ok(());
        }
        let (output_per_mu, energy_per_output, tax_per_mu) = (output / land, energy / output, tax / land);
        out.add(0, (town, industry), [1.0, output_per_mu, energy_per_output, tax_per_mu]);
        out.add(1, (town, grade(output_per_mu, energy_per_output, tax_per_mu)), [1.0]);
        Ok(())
    }
}

/// Up to 40 points for output per mu (full at 8 million yuan a year), 40 for tax per mu (full at
/// 350,000 yuan), 20 for thrift (none from half a tonne of coal equivalent per 10,000 yuan).
fn grade(output_per_mu: f64, energy_per_output: f64, tax_per_mu: f64) -> &'static str {
    let part = |share: f64| share.clamp(0.0, 1.0);
    let points = 40.0 * part(output_per_mu / 800.0)
        + 40.0 * part(tax_per_mu / 35.0)
        + 20.0 * part(1.0 - energy_per_output / 0.5);
    match points {
        75.0.. => "A",
        45.0.. => "B",
        25.0.. => "C",
        _ => "D",
    }
}

impl IterativeJob for YieldPerMu {
    fn advance(_: u32, _: &[f64], noisy: &[Totals]) -> Result<Verdict, String> {
        let totals = noisy.first().ok_or("the first output is missing")?;
        let (towns, industries) = (0..TOWNS.len(), 0..INDUSTRIES.len());
        let mut tables = Vec::new();
        for (index, name) in MEANS.iter().enumerate() {
            // A mean over some groups: their sum over their count.
            let mean = |groups: &mut dyn Iterator<Item = usize>| {
                let groups = groups.filter_map(|group| totals.group(group, 1 + MEANS.len()));
                let (count, sum) =
                    groups.fold((0.0, 0.0), |(count, sum), values| (count + values[0], sum + values[1 + index]));
                sum / count.max(1.0)
            };
            let of_town = |town| mean(&mut industries.clone().map(|industry| town * INDUSTRIES.len() + industry));
            let of_industry = |industry| mean(&mut towns.clone().map(|town| town * INDUSTRIES.len() + industry));
            tables.push(table(format!("{name} by town"), &TOWNS, towns.clone().map(of_town)));
            tables.push(table(format!("{name} by industry"), &INDUSTRIES, industries.clone().map(of_industry)));
        }
        Ok(Verdict::Done(tables))
    }
}

/// One row of numbers under their names.
fn table(name: String, columns: &[&str], row: impl Iterator<Item = f64>) -> Derived {
    Derived { name, columns: columns.iter().map(|&name| name.into()).collect(), rows: vec![row.collect()] }
}

iterative_job!(YieldPerMu);

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_guest::testing::{Rows, Unit, contribute};

    const JANUARY_2025: i64 = 20_089;

    fn unit(land: Option<f64>, months: usize) -> Unit {
        let days = (0..months as i64).map(|month| JANUARY_2025 + 31 * month);
        let cells = |cell: f64| vec![cell; months];
        Unit::new()
            .table(Rows::new().texts(["洛阳镇"]).floats([land]).texts(["纺织业"]))
            .table(Rows::new().ints(days).floats(cells(50.0)).floats(cells(5.0)).floats(cells(2.0)))
    }

    #[test]
    fn a_full_year_gives_ratios_and_a_grade() {
        let added = contribute::<YieldPerMu>(&unit(Some(2.0), 10), &[]).unwrap();
        assert_eq!(added[0].values, [1.0, 300.0, 0.1, 12.0]);
        assert_eq!(added[1].group, vec!["洛阳镇".into(), "C".into()]);
    }

    #[test]
    fn without_land_or_with_few_months_an_enterprise_is_left_out() {
        for unit in [unit(None, 12), unit(Some(0.0), 12), unit(Some(2.0), 5)] {
            assert!(contribute::<YieldPerMu>(&unit, &[]).unwrap().is_empty());
        }
    }

    #[test]
    fn means_are_sums_over_counts() {
        let mut values = vec![0.0; 480];
        values[..8].copy_from_slice(&[3.0, 900.0, 0.3, 30.0, 1.0, 100.0, 0.1, 2.0]);
        let Verdict::Done(tables) = YieldPerMu::advance(0, &[], &[Totals::new(&values)]).unwrap() else { panic!() };
        assert_eq!((tables.len(), tables[0].rows[0].len(), tables[1].rows[0].len()), (6, 12, 10));
        assert_eq!((tables[0].name.as_str(), tables[0].rows[0][0]), ("output per mu by town", 250.0));
        assert_eq!(tables[1].rows[0][..3], [300.0, 100.0, 0.0]);
        assert_eq!(tables[4].rows[0][0], 8.0);
    }

    #[test]
    fn grades_fall_with_energy_and_rise_with_tax() {
        assert_eq!(
            [grade(900.0, 0.05, 30.0), grade(600.0, 0.4, 10.0), grade(200.0, 0.2, 4.0), grade(50.0, 0.9, 1.0)],
            ["A", "B", "C", "D"]
        );
    }
}
