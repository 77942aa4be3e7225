//! The demo district: Wujin, with enterprises in twelve towns and ten industries and their monthly
//! reports for two years, as a register would hold them, faults included.
//!
//! | file | one row is | columns |
//! |---|---|---|
//! | `enterprises.csv` | an enterprise | `uscc`, `town`, `industry`, `ownership`, `above_scale`, `land` (mu), `founded` |
//! | `monthly.csv` | a month of an enterprise, months in order | `uscc`, `month`, `output` (10,000 yuan), `energy` (tce), `tax` (10,000 yuan), `jobs` (persons) |
//! | `industries.csv` | an industry | `code`, `name`, `sector` |
//!
//! Beside each lies its description, `enterprises.toml` and so on.
//!
//! Shapes: land is log-normal with a Pareto tail; output follows land, industry, a yearly trend,
//! the season (a deep dip at the Spring Festival, a lift before the year ends) and chance; energy,
//! tax and jobs follow output. Faults, at the rates of [`faults`]: missing cells and reports,
//! missing and mistyped codes, output reported in yuan. Each row is drawn from its own random
//! numbers, so memory does not grow with the district.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::numbers;
use crate::uscc::{self, Code};

/// Towns of Wujin, each with its share of the enterprises (out of 100) and a factor on yields.
pub const TOWNS: [(&str, u32, f64); 12] = [
    ("湖塘镇", 20, 1.25),
    ("牛塘镇", 9, 1.00),
    ("洛阳镇", 8, 0.95),
    ("遥观镇", 10, 1.10),
    ("横林镇", 11, 0.90),
    ("横山桥镇", 8, 1.05),
    ("雪堰镇", 6, 0.80),
    ("前黄镇", 6, 0.85),
    ("礼嘉镇", 7, 0.90),
    ("嘉泽镇", 5, 0.70),
    ("湟里镇", 5, 0.80),
    ("南夏墅街道", 5, 1.40),
];

/// An industry of the district.
#[derive(Clone, Copy, Debug)]
pub struct Industry {
    /// Code of GB/T 4754-2017, such as `C34`.
    pub code: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// The group of industries the district counts it to.
    pub sector: &'static str,
    share: u32,
    /// Median output per mu and year, in 10,000 yuan.
    pub yield_per_mu: f64,
    /// Median energy per output, in tonnes of coal equivalent per 10,000 yuan.
    pub intensity: f64,
    /// Median tax per output.
    pub tax: f64,
    /// Median output per person and year, in 10,000 yuan.
    pub productivity: f64,
    /// How strongly it follows the seasons.
    pub season: f64,
}

/// The ten industries, with shares out of 100.
pub const INDUSTRIES: [Industry; 10] = {
    #[allow(clippy::too_many_arguments)]
    const fn industry(
        code: &'static str,
        name: &'static str,
        sector: &'static str,
        share: u32,
        yield_per_mu: f64,
        intensity: f64,
        tax: f64,
        productivity: f64,
        season: f64,
    ) -> Industry {
        Industry { code, name, sector, share, yield_per_mu, intensity, tax, productivity, season }
    }
    [
        industry("C17", "纺织业", "传统产业", 14, 180.0, 0.120, 0.028, 60.0, 1.5),
        industry("C20", "木材加工和木、竹、藤、棕、草制品业", "传统产业", 10, 150.0, 0.060, 0.026, 65.0, 1.2),
        industry("C26", "化学原料和化学制品制造业", "材料产业", 6, 420.0, 0.350, 0.046, 160.0, 0.7),
        industry("C29", "橡胶和塑料制品业", "材料产业", 11, 260.0, 0.100, 0.034, 85.0, 0.9),
        industry("C31", "黑色金属冶炼和压延加工业", "材料产业", 3, 520.0, 0.750, 0.030, 210.0, 0.6),
        industry("C33", "金属制品业", "装备产业", 16, 230.0, 0.090, 0.035, 80.0, 1.0),
        industry("C34", "通用设备制造业", "装备产业", 18, 300.0, 0.050, 0.042, 90.0, 1.0),
        industry("C36", "汽车制造业", "装备产业", 6, 450.0, 0.040, 0.045, 110.0, 0.9),
        industry("C38", "电气机械和器材制造业", "电子电气", 10, 480.0, 0.040, 0.040, 120.0, 0.8),
        industry("C39", "计算机、通信和其他电子设备制造业", "电子电气", 6, 620.0, 0.050, 0.038, 105.0, 0.8),
    ]
};

/// How often what is wrong or missing, as shares. A missing cell is empty; a missing code is `NA`.
pub mod faults {
    /// Enterprises whose code was mistyped when they were registered: the same wrong code stands in
    /// both tables.
    pub const WRONG_CODE: f64 = 0.003;
    /// Rows of `enterprises.csv` without a code.
    pub const NO_CODE_REGISTERED: f64 = 0.0005;
    /// Rows of `monthly.csv` without a code.
    pub const NO_CODE_REPORTED: f64 = 0.002;
    /// Rows of `monthly.csv` whose code was mistyped in that month only.
    pub const WRONG_CODE_REPORTED: f64 = 0.001;
    /// Enterprises whose land is not known.
    pub const NO_LAND: f64 = 0.01;
    /// Monthly reports that were never filed.
    pub const NO_REPORT: f64 = 0.01;
    /// Reports without output.
    pub const NO_OUTPUT: f64 = 0.005;
    /// Reports without energy: of enterprises above scale, and of the others.
    pub const NO_ENERGY: (f64, f64) = (0.02, 0.06);
    /// Reports without tax.
    pub const NO_TAX: f64 = 0.01;
    /// Reports without jobs.
    pub const NO_JOBS: f64 = 0.02;
    /// Reports whose output is in yuan where 10,000 yuan was asked for.
    pub const WRONG_MEASURE: f64 = 0.0002;
}

/// First year of the reports.
const FIRST_YEAR: u32 = 2024;
/// Factors of the months, January first.
pub(crate) const SEASON: [f64; 12] = [0.92, 0.68, 1.04, 1.02, 1.00, 1.03, 0.96, 0.97, 1.06, 1.04, 1.10, 1.18];
/// Annual output, in 10,000 yuan, from which an enterprise counts as above scale.
const SCALE: f64 = 2000.0;

/// Streams of random numbers, one for each kind of thing drawn.
const ENTERPRISES: u32 = 1;
const REPORTS: u32 = 2;

/// A district to be made.
#[derive(Clone, Copy, Debug)]
pub struct District {
    /// Everything follows from it.
    pub seed: u64,
    /// How many enterprises; at most [`uscc::CODES`].
    pub enterprises: u64,
    /// How many months from January 2024.
    pub months: u32,
}

/// One enterprise.
#[derive(Clone, Debug)]
pub struct Enterprise {
    index: u64,
    /// Its code as the registers have it: wrong for a few.
    pub code: Code,
    /// Whether the code is missing from `enterprises.csv`.
    pub code_missing: bool,
    /// Index in [`TOWNS`].
    pub town: usize,
    /// Index in [`INDUSTRIES`].
    pub industry: usize,
    /// Who owns it.
    pub ownership: &'static str,
    /// Industrial land, in mu.
    pub land: f64,
    /// Whether the land is missing.
    pub land_missing: bool,
    /// Year, month and day.
    pub founded: (u32, u32, u32),
    /// Month of the reports, from 0, in which it had closed.
    closed: Option<u32>,
    /// Output a month at the start, in 10,000 yuan.
    output: f64,
    /// Growth a year, as a logarithm.
    trend: f64,
    intensity: f64,
    tax: f64,
    jobs: f64,
}

/// One row of `monthly.csv`. None is a missing cell.
#[derive(Clone, Debug)]
pub struct Report {
    /// The code as reported.
    pub code: Option<Code>,
    /// In 10,000 yuan; in yuan for a few.
    pub output: Option<f64>,
    /// In tonnes of coal equivalent.
    pub energy: Option<f64>,
    /// In 10,000 yuan; negative after a refund.
    pub tax: Option<f64>,
    /// Persons.
    pub jobs: Option<u32>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows of `enterprises.csv`.
    pub enterprises: u64,
    /// Rows of `monthly.csv`.
    pub reports: u64,
}

impl District {
    /// Writes the three tables and their descriptions into `dir`, which is made if need be; files
    /// of the same names are replaced.
    pub fn write(&self, dir: &Path) -> io::Result<Written> {
        fs::create_dir_all(dir)?;
        let mut written = Written { enterprises: 0, reports: 0 };

        let bounded = |description: &str| {
            // The descriptions are those of a district of the usual size.
            let enterprises = description.replace("20_000", &self.enterprises.to_string());
            let codes = enterprises.replace("25_000", &(self.enterprises + self.enterprises / 4).to_string());
            codes.replace("480_000", &(self.enterprises * u64::from(self.months)).to_string())
        };
        let mut file = table(dir, "enterprises.csv", &bounded(include_str!("../datasets/enterprises.toml")))?;
        writeln!(file, "uscc,town,industry,ownership,above_scale,land,founded")?;
        for index in 0..self.enterprises {
            self.enterprise(index).write(&mut file)?;
            written.enterprises += 1;
        }
        file.flush()?;

        let mut file = table(dir, "monthly.csv", &bounded(include_str!("../datasets/monthly.toml")))?;
        writeln!(file, "uscc,month,output,energy,tax,jobs")?;
        for month in 0..self.months {
            for index in 0..self.enterprises {
                if let Some(report) = self.report(&self.enterprise(index), month) {
                    report.write(month, &mut file)?;
                    written.reports += 1;
                }
            }
        }
        file.flush()?;

        let mut file = table(dir, "industries.csv", include_str!("../datasets/industries.toml"))?;
        writeln!(file, "code,name,sector")?;
        for Industry { code, name, sector, .. } in INDUSTRIES {
            writeln!(file, "{code},{name},{sector}")?;
        }
        file.flush()?;
        Ok(written)
    }

    /// Draws the enterprise with this index, below [`District::enterprises`].
    pub fn enterprise(&self, index: u64) -> Enterprise {
        let numbers = &mut numbers(self.seed, ENTERPRISES, index);
        // A step prime to 31 visits every code once, so that no two enterprises share one.
        let serial = (index.wrapping_add(self.seed) % uscc::CODES * 318_914_387) % uscc::CODES;
        let mut code = uscc::code(serial);
        if numbers.random_bool(faults::WRONG_CODE) {
            mistype(&mut code, numbers);
        }
        let town = pick(TOWNS.iter().map(|town| town.1), numbers);
        let industry = pick(INDUSTRIES.iter().map(|industry| industry.share), numbers);
        let kind = INDUSTRIES[industry];
        let ownership = ["民营", "外资", "港澳台资", "国有"][pick([82, 9, 6, 3].into_iter(), numbers)];

        let land = match numbers.random_bool(0.04) {
            true => pareto(25.0, 1.5, numbers).min(1500.0),
            false => log_normal(4.0, 0.8, numbers),
        };
        let output = land * kind.yield_per_mu * TOWNS[town].2 * log_normal(1.0, 0.6, numbers) / 12.0;
        let trend = 0.04 + 0.12 * normal(numbers);
        let age = pareto(2.0, 0.9, numbers).min(40.0) as u32;
        let founded = match numbers.random_bool(0.02) {
            true => {
                (FIRST_YEAR + numbers.random_range(0..2), numbers.random_range(1..=12), numbers.random_range(1..=28))
            }
            false => (FIRST_YEAR - age.max(1), numbers.random_range(1..=12), numbers.random_range(1..=28)),
        };
        let closed = numbers.random_bool(0.015).then(|| numbers.random_range(1..24));
        Enterprise {
            index,
            code,
            code_missing: numbers.random_bool(faults::NO_CODE_REGISTERED),
            town,
            industry,
            ownership,
            land,
            land_missing: numbers.random_bool(faults::NO_LAND),
            founded,
            closed,
            output,
            trend,
            intensity: log_normal(kind.intensity, 0.45, numbers),
            tax: log_normal(kind.tax, 0.5, numbers),
            jobs: (output * 12.0 / log_normal(kind.productivity, 0.4, numbers)).max(1.0),
        }
    }

    /// Draws an enterprise's report of a month, counted from 0 at January 2024; none when there is
    /// no report.
    pub fn report(&self, enterprise: &Enterprise, month: u32) -> Option<Report> {
        let (year, founding_month, _) = enterprise.founded;
        if year * 12 + founding_month > FIRST_YEAR * 12 + month
            || enterprise.closed.is_some_and(|closed| month >= closed)
        {
            return None;
        }
        let numbers = &mut numbers(self.seed, REPORTS, u64::from(month) << 40 | enterprise.index);
        if numbers.random_bool(faults::NO_REPORT) {
            return None;
        }
        let kind = INDUSTRIES[enterprise.industry];
        let season = SEASON[month as usize % 12].powf(kind.season);
        let shock = 0.12 * normal(numbers);
        let output = enterprise.output * season * (enterprise.trend * f64::from(month) / 12.0 + shock).exp();
        // Part of the energy is for the site, whatever it makes: little output, much per output.
        let site = 0.15 * enterprise.output;
        let energy = (0.85 * output + site) * enterprise.intensity * (0.06 * normal(numbers)).exp();
        let tax = output
            * enterprise.tax
            * log_normal(1.0, 0.3, numbers)
            * if numbers.random_bool(0.012) { -0.8 } else { 1.0 };
        let jobs = (enterprise.jobs * (1.0 + 0.03 * normal(numbers))).max(1.0).round() as u32;

        let code = match numbers.random::<f64>() {
            chance if chance < faults::NO_CODE_REPORTED => None,
            chance if chance < faults::NO_CODE_REPORTED + faults::WRONG_CODE_REPORTED => {
                let mut code = enterprise.code;
                mistype(&mut code, numbers);
                Some(code)
            }
            _ => Some(enterprise.code),
        };
        let measure = if numbers.random_bool(faults::WRONG_MEASURE) { 10_000.0 } else { 1.0 };
        let (above, below) = faults::NO_ENERGY;
        let mut unless = |share| !numbers.random_bool(share);
        Some(Report {
            code,
            output: unless(faults::NO_OUTPUT).then_some(output * measure),
            energy: unless(if enterprise.above_scale() { above } else { below }).then_some(energy),
            tax: unless(faults::NO_TAX).then_some(tax),
            jobs: unless(faults::NO_JOBS).then_some(jobs),
        })
    }
}

impl Enterprise {
    /// Whether its output makes it an enterprise above scale.
    pub fn above_scale(&self) -> bool {
        self.output * 12.0 >= SCALE
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (year, month, day) = self.founded;
        write!(to, "{},{},", text((!self.code_missing).then_some(&self.code)), TOWNS[self.town].0)?;
        write!(to, "{},{},{},", INDUSTRIES[self.industry].code, self.ownership, self.above_scale())?;
        if !self.land_missing {
            write!(to, "{:.2}", self.land)?;
        }
        writeln!(to, ",{year}-{month:02}-{day:02}")
    }
}

impl Report {
    fn write(&self, month: u32, to: &mut impl Write) -> io::Result<()> {
        write!(to, "{},{}-{:02}-01", text(self.code.as_ref()), FIRST_YEAR + month / 12, month % 12 + 1)?;
        for (cell, places) in [(self.output, 2), (self.energy, 3), (self.tax, 2), (self.jobs.map(f64::from), 0)] {
            match cell {
                Some(cell) => write!(to, ",{cell:.places$}")?,
                None => write!(to, ",")?,
            }
        }
        writeln!(to)
    }
}

/// Opens a table for writing, with its description beside it.
fn table(dir: &Path, name: &str, description: &str) -> io::Result<BufWriter<File>> {
    fs::write(dir.join(name).with_extension("toml"), description)?;
    Ok(BufWriter::with_capacity(1 << 20, File::create(dir.join(name))?))
}

fn text(code: Option<&Code>) -> &str {
    code.and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("NA")
}

/// Replaces one character by another of the alphabet.
fn mistype(code: &mut Code, numbers: &mut impl Rng) {
    let place = numbers.random_range(0..code.len());
    let old = uscc::ALPHABET.iter().position(|&known| known == code[place]).unwrap_or(0);
    code[place] = uscc::ALPHABET[(old + numbers.random_range(1..31)) % 31];
}

/// Picks an index by shares out of 100.
fn pick(shares: impl Iterator<Item = u32>, numbers: &mut impl Rng) -> usize {
    let mut left = numbers.random_range(0..100);
    let mut picked = 0;
    for (index, share) in shares.enumerate() {
        picked = index;
        if left < share {
            break;
        }
        left -= share;
    }
    picked
}

fn normal(numbers: &mut impl Rng) -> f64 {
    StandardNormal.sample(numbers)
}

fn log_normal(median: f64, sigma: f64, numbers: &mut impl Rng) -> f64 {
    median * (sigma * normal(numbers)).exp()
}

fn pareto(scale: f64, shape: f64, numbers: &mut impl Rng) -> f64 {
    let exponential: f64 = Exp1.sample(numbers);
    scale * (exponential / shape).exp()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const SMALL: District = District { seed: 7, enterprises: 3000, months: 24 };

    #[test]
    fn the_same_seed_writes_the_same_bytes_and_another_seed_others() {
        let district = District { enterprises: 50, months: 3, ..SMALL };
        let write = |district: District| {
            let dir = tempfile::tempdir().unwrap();
            let written = district.write(dir.path()).unwrap();
            let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
            let (enterprises, monthly) = (read("enterprises.csv"), read("monthly.csv"));
            assert_eq!(enterprises.lines().count() as u64, written.enterprises + 1);
            assert_eq!(monthly.lines().count() as u64, written.reports + 1);
            assert_eq!(read("industries.csv").lines().count(), 11);
            for lines in [&enterprises, &monthly] {
                let commas = |line: &str| line.matches(',').count();
                assert!(lines.lines().all(|line| commas(line) == commas(lines.lines().next().unwrap())));
            }
            (enterprises, monthly)
        };
        assert_eq!(write(district), write(district));
        assert_ne!(write(district), write(District { seed: 8, ..district }));
    }

    #[test]
    fn codes_are_unique_and_wrong_only_where_planted() {
        let mut seen = HashSet::new();
        let mut wrong = 0;
        for index in 0..SMALL.enterprises {
            let Enterprise { code, .. } = SMALL.enterprise(index);
            assert!(seen.insert(code));
            wrong += u32::from(!uscc::is_valid(std::str::from_utf8(&code).unwrap()));
        }
        expect_share(wrong, SMALL.enterprises, faults::WRONG_CODE);
    }

    #[test]
    fn faults_stand_at_their_rates() {
        let (mut all, mut enterprises) = (0, 0);
        let mut faults_seen: HashMap<&str, u32> = HashMap::new();
        for enterprise in (0..SMALL.enterprises).map(|index| SMALL.enterprise(index)) {
            enterprises += 1;
            *faults_seen.entry("land").or_default() += u32::from(enterprise.land_missing);
            for report in (0..24).filter_map(|month| SMALL.report(&enterprise, month)) {
                all += 1;
                let mut count = |name, is: bool| *faults_seen.entry(name).or_default() += u32::from(is);
                count("no code", report.code.is_none());
                count("other code", report.code.is_some_and(|code| code != enterprise.code));
                count("output", report.output.is_none());
                count("tax", report.tax.is_none());
                count("jobs", report.jobs.is_none());
                count("energy", report.energy.is_none());
            }
        }
        assert!((0.95..0.99).contains(&(all as f64 / (enterprises * 24) as f64)), "{all}");
        expect_share(faults_seen["land"], enterprises, faults::NO_LAND);
        expect_share(faults_seen["no code"], all, faults::NO_CODE_REPORTED);
        expect_share(faults_seen["other code"], all, faults::WRONG_CODE_REPORTED);
        expect_share(faults_seen["output"], all, faults::NO_OUTPUT);
        expect_share(faults_seen["tax"], all, faults::NO_TAX);
        expect_share(faults_seen["jobs"], all, faults::NO_JOBS);
        let energy = f64::from(faults_seen["energy"]) / all as f64;
        assert!(faults::NO_ENERGY.0 < energy && energy < faults::NO_ENERGY.1, "{energy}");
    }

    #[test]
    fn the_district_has_long_tails_seasons_and_every_town_and_industry() {
        let mut output: Vec<f64> = Vec::new();
        let (mut by_month, mut places) = ([0.0; 24], HashSet::new());
        for enterprise in (0..SMALL.enterprises).map(|index| SMALL.enterprise(index)) {
            places.insert((enterprise.town, enterprise.industry));
            let mut sum = 0.0;
            for month in 0..24 {
                let cell = SMALL
                    .report(&enterprise, month)
                    .and_then(|report| report.output)
                    .filter(|&output| output < 100.0 * enterprise.output)
                    .unwrap_or(0.0);
                by_month[month as usize] += cell;
                sum += cell;
            }
            output.push(sum);
        }
        assert_eq!(places.len(), TOWNS.len() * INDUSTRIES.len());
        output.sort_by(f64::total_cmp);
        let top: f64 = output[output.len() * 99 / 100..].iter().sum();
        let share = top / output.iter().sum::<f64>();
        assert!((0.1..0.5).contains(&share), "the top hundredth makes {share}");
        assert!(by_month[1] < 0.85 * by_month[0] && by_month[13] < 0.85 * by_month[12] && by_month[11] > by_month[10]);
    }

    /// Within five standard deviations of the share.
    fn expect_share(count: u32, of: u64, share: f64) {
        let mean = of as f64 * share;
        assert!((f64::from(count) - mean).abs() < 5.0 * mean.sqrt(), "{count} where {mean} were to be expected");
    }
}
