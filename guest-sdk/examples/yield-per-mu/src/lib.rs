//! The yearly evaluation of industrial enterprises by yield per mu: what each enterprise makes, pays
//! and burns on its land, by town and industry, and how many get which grade. The means are `ratios` of
//! `job.toml`: formed of the noised totals, which costs nothing.

use unseen_guest::{Contributions, Floats, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Grades, Inputs, Yield};

const YEAR: i64 = 2025;

struct YieldPerMu;

impl Job for YieldPerMu {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let (register, monthly) = (grain.enterprises(), grain.monthly());
        let town = register.town().texts()?.get(0);
        let land = register.land().floats()?.get(0).filter(|&land| land > 0.1);
        let industry = register.name().texts()?.get(0);
        let (Some(town), Some(land), Some(industry)) = (town, land, industry) else { return Ok(()) };

        let months = monthly.month().dates()?;
        let year = |cells: Floats| {
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
            (count >= 6).then(|| sum * 12.0 / f64::from(count))
        };
        let output = year(monthly.output().floats()?);
        let (energy, tax) = (year(monthly.energy().floats()?), year(monthly.tax().floats()?));
        let (Some(output), Some(energy), Some(tax)) = (output, energy, tax) else { return Ok(()) };
        if output <= 0.0 {
            return Ok(());
        }
        let (output_per_mu, energy_per_output, tax_per_mu) = (output / land, energy / output, tax / land);
        let grade = grade(output_per_mu, energy_per_output, tax_per_mu);
        out.add(Yield { town, industry, enterprises: 1.0, output_per_mu, energy_per_output, tax_per_mu });
        out.add(Grades { town, grade, enterprises: 1.0 });
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

job!(YieldPerMu);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, contribute};

    const JANUARY_2025: i64 = 20_089;

    fn unit(town: &str, land: Option<f64>, months: usize) -> Unit {
        let days = (0..months as i64).map(|month| JANUARY_2025 + 31 * month);
        let cells = |cell: f64| vec![cell; months];
        let register = Rows::new().texts("town", [town]).floats("land", [land]).texts("name", ["纺织业"]);
        let monthly = Rows::new()
            .ints("month", days)
            .floats("output", cells(50.0))
            .floats("energy", cells(5.0))
            .floats("tax", cells(2.0));
        Unit::new(&SHAPE).table("enterprises", register).table("monthly", monthly)
    }

    #[test]
    fn a_full_year_gives_ratios_and_a_grade() {
        let added = contribute::<YieldPerMu>(&unit("洛阳镇", Some(2.0), 10), &[]).unwrap();
        let [cell] = &added.of::<Yield>()[..] else { panic!() };
        assert_eq!((cell.output_per_mu, cell.energy_per_output, cell.tax_per_mu), (300.0, 0.1, 12.0));
        assert_eq!(added.of::<Grades>(), [Grades { town: "洛阳镇".into(), grade: "C".into(), enterprises: 1.0 }]);
    }

    #[test]
    fn without_land_or_with_few_months_an_enterprise_is_left_out() {
        for (land, months) in [(None, 12), (Some(0.0), 12), (Some(2.0), 5)] {
            assert!(contribute::<YieldPerMu>(&unit("洛阳镇", land, months), &[]).unwrap().is_empty());
        }
    }

    #[test]
    fn grades_fall_with_energy_and_rise_with_tax() {
        assert_eq!(
            [grade(900.0, 0.05, 30.0), grade(600.0, 0.4, 10.0), grade(200.0, 0.2, 4.0), grade(50.0, 0.9, 1.0)],
            ["A", "B", "C", "D"]
        );
    }
}
