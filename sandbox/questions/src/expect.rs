//! How exact an answer will be, and what a wished exactness costs, from public numbers alone: the noise, and group
//! sizes as large as the description allows and all alike.

use std::str::FromStr;

use unseen_texts::{Sentence, say, text};

use unseen_policies::manifest::ModelKind;

use crate::draft::{Draft, GroupKeys, Value};

/// How far a number of a group will be from the true one.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The value, or the ratio.
    pub name: String,
    /// Half the width of its 95 % interval; of a ratio, where its groups are as supposed.
    pub half_width: f64,
    /// What the number would be in a group as supposed, with rows in the middle of their bounds.
    pub supposed: f64,
}

/// The exactness that an asker wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Half the width of a 95 % interval, as a share of the number or as a number.
    pub size: Size,
    /// The value or the ratio; the first ratio, else the first value, when left out.
    pub of: Option<String>,
    /// The group.
    pub group: Option<String>,
}

/// How large an error may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// A share of the number: 0.05 is 5 %.
    Share(f64),
    /// In the unit of the number.
    Absolute(f64),
}

/// Budgets that a manifest may have.
const LEAST_RHO: f64 = 1e-12;
const MOST_RHO: f64 = 20.0;

impl Expected {
    /// The error as a share of the number; infinite where that is 0.
    pub fn share(&self) -> f64 {
        if self.half_width == 0.0 { 0.0 } else { self.half_width / self.supposed.abs() }
    }

    /// Whether half of such a number or more would be noise.
    pub fn is_mostly_noise(&self) -> bool {
        self.share() >= 0.5
    }
}

impl Draft {
    /// What to expect of each ratio and each value in a usual group, given half the widths of the values' 95 %
    /// intervals, in order.
    pub fn expected(&self, half_widths: &[f64]) -> Vec<Expected> {
        self.expected_of(self.units_per_group, half_widths)
    }

    /// The keys in whose groups a number would be mostly noise, by the sizes that the steward gives.
    pub fn noisy(&self, name: &str, half_widths: &[f64]) -> Vec<String> {
        let is_noisy = |units: f64| {
            let found = self.expected_of(units, half_widths);
            found.iter().any(|expected| expected.name == name && expected.is_mostly_noise())
        };
        self.sizes.iter().filter(|(_, units)| is_noisy(*units)).map(|(key, _)| key.clone()).collect()
    }

    fn expected_of(&self, units: f64, half_widths: &[f64]) -> Vec<Expected> {
        match self.model {
            Some(ModelKind::Quantile { .. }) => return self.ranks(units, half_widths),
            Some(ModelKind::Linear { .. } | ModelKind::Logistic { .. } | ModelKind::KMeans { .. }) => {
                return Vec::new();
            }
            Some(ModelKind::Top { .. }) | None => {}
        }
        let totals: Vec<Expected> = self
            .values
            .iter()
            .zip(half_widths)
            .map(|(value, half_width)| {
                let middle = (value.row.0 + value.row.1) / 2.0;
                // What is counted once for each row, or for each unit, is known; of the rest the middle is supposed.
                let row = if value.row == (0.0, 1.0) { 1.0 } else { middle };
                let rows = if value.name == "units" { 1.0 } else { self.rows_per_unit };
                Expected { name: value.name.clone(), half_width: *half_width, supposed: units * rows * row }
            })
            .collect();
        let find = |name: &str| totals.iter().find(|total| total.name == name);
        let ratios = self.ratios.iter().filter_map(|ratio| {
            let (above, below) = (find(&ratio.numerator)?, find(&ratio.denominator)?);
            let supposed = above.supposed / below.supposed;
            let error =
                (above.half_width.powi(2) + (supposed * below.half_width).powi(2)).sqrt() / below.supposed.abs();
            Some(Expected { name: ratio.name.clone(), half_width: error, supposed })
        });
        ratios.chain(totals.iter().cloned()).collect()
    }

    /// By how many rows each quantile may be off in rank, of those supposed: no bisection goes wrong beyond three
    /// standard deviations of one round, 19 times of 20 for all rounds together (privacy model, section 2.6).
    fn ranks(&self, units: f64, half_widths: &[f64]) -> Vec<Expected> {
        let supposed = units * self.rows_per_unit;
        let of = |(value, half_width): (&Value, &f64)| Expected {
            name: value.name.clone(),
            half_width: half_width * 3.0 / 1.96,
            supposed,
        };
        self.values.iter().zip(half_widths).map(of).collect()
    }

    /// The smallest budget, to three digits, with which what was wished is kept, in a group of the steward's size or in
    /// a usual one; `half_widths` are those of rho = 1.
    ///
    /// # Errors
    /// A group or a value that there is none of, or an exactness that no budget buys.
    pub fn budget(&self, target: &Target, half_widths: &[f64]) -> Result<String, Sentence> {
        let sized = self.sizes.iter().find(|(key, _)| target.group.as_ref() == Some(key));
        let at_one = self.expected_of(sized.map_or(self.units_per_group, |(_, units)| *units), half_widths);
        if let Some(group) = &target.group {
            let is = |keys: &GroupKeys| match keys {
                GroupKeys::Listed(keys) => keys.iter().any(|key| key.to_string() == *group),
                GroupKeys::Range(first, last) => group.parse().is_ok_and(|key| (*first..=*last).contains(&key)),
                GroupKeys::Reference { .. } => true,
            };
            if !self.groups.iter().any(|(_, keys)| is(keys)) {
                return Err(say!(
                    "there is no group `{group}` in this question",
                    "此问题没有分组 `{group}`",
                    group = group.clone()
                ));
            }
        }
        if at_one.is_empty() {
            return Err(text!(
                "how exact this will be depends on the rows, which nobody knows beforehand: say what it may cost instead, as in --rho 0.5",
                "这类结果有多准取决于数据本身，事先无从得知：请改为说明可以花费多少，如 --rho 0.5"
            )
            .into());
        }
        let alias = |name: &String| {
            let known = self.aliases.iter().find(|(alias, _)| alias == name);
            known.map_or(name.clone(), |(_, value)| value.clone())
        };
        let of = match target.of.as_ref().map(alias) {
            Some(name) => at_one.iter().find(|expected| expected.name == name).ok_or_else(|| {
                let known = at_one.iter().map(|expected| expected.name.as_str()).collect::<Vec<_>>().join(", ");
                say!(
                    "there is no number `{name}` in this question: there are {known}",
                    "此问题没有名为 `{name}` 的数：有 {known}"
                )
            })?,
            None => at_one.first().ok_or(text!("this question has no numbers", "此问题没有数"))?,
        };
        let wanted = match target.size {
            Size::Share(share) => share * of.supposed.abs(),
            Size::Absolute(size) => size,
        };
        // Noise falls with the square root of the budget.
        let rho = (of.half_width / wanted).powi(2).max(LEAST_RHO);
        if rho.is_nan() || rho > MOST_RHO {
            let best = of.half_width / MOST_RHO.sqrt();
            return Err(say!(
                "no budget makes `{name}` that exact: with the largest it is ± {best}; ask for fewer groups, narrower bounds or a larger error",
                "没有预算能使 `{name}` 如此精确：最大预算下为 ± {best}；请减少分组、收紧范围或放宽误差",
                name = of.name.clone(),
                best = format!("{best:.3e}")
            ));
        }
        let step = 10_f64.powi(rho.log10().floor() as i32 - 2);
        let places = usize::try_from(2 - rho.log10().floor() as i32).unwrap_or(0);
        Ok(format!("{:.places$}", ((rho / step - 1e-9).ceil() * step).min(MOST_RHO)))
    }
}

impl FromStr for Target {
    type Err = Sentence;

    /// Reads `5 %`, `20`, `5 % of mean for 湖塘镇`.
    fn from_str(text: &str) -> Result<Target, Sentence> {
        let wrong = || {
            say!(
                "`{text}` is not an error: write it as \"5 %\", \"20\" or \"5 % of NAME for GROUP\"",
                "`{text}` 不是误差：请写成 \"5 %\"、\"20\" 或 \"5 % of 名称 for 分组\"",
                text = text.to_owned()
            )
        };
        let (rest, group) = match text.split_once(" for ") {
            Some((rest, group)) => (rest, Some(group.trim().to_owned())),
            None => (text, None),
        };
        let (size, of) = match rest.split_once(" of ") {
            Some((size, of)) => (size, Some(of.trim().to_owned())),
            None => (rest, None),
        };
        let size = size.trim().trim_start_matches('±').trim();
        let (number, is_share) = match size.strip_suffix('%') {
            Some(share) => (share.trim(), true),
            None => (size, false),
        };
        let number: f64 =
            number.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0).ok_or_else(wrong)?;
        let size = if is_share { Size::Share(number / 100.0) } else { Size::Absolute(number) };
        Ok(Target { size, of, group })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Ratio, Value};

    fn draft() -> Draft {
        let values = vec![
            Value::new("output".into(), (0.0, 1_000.0), false, (0.0, 100.0)),
            Value::new("rows".into(), (0.0, 10.0), true, (0.0, 1.0)),
        ];
        let ratios = vec![Ratio { name: "mean".into(), numerator: "output".into(), denominator: "rows".into() }];
        let groups = vec![("town".to_owned(), GroupKeys::Range(1, 9))];
        Draft { values, ratios, groups, units_per_group: 50.0, rows_per_unit: 10.0, ..Draft::default() }
    }

    #[test]
    fn a_wished_error_has_its_price() {
        let found = draft().expected(&[500.0, 5.0]);
        let names: Vec<_> = found.iter().map(|expected| (expected.name.as_str(), expected.supposed)).collect();
        assert_eq!(names, [("mean", 50.0), ("output", 25_000.0), ("rows", 500.0)]);
        // 500 of 25,000 and 5 of 500: sqrt(0.02² + 0.01²) of 50.
        assert!((found[0].half_width - 50.0 * 0.05_f64.sqrt() / 10.0).abs() < 1e-9, "{found:?}");
        let budget = |wish: &str| draft().budget(&wish.parse().unwrap(), &[500.0, 5.0]);
        // Twice as exact costs four times as much.
        assert_eq!(budget("1 % of rows").unwrap(), "1.00");
        assert_eq!(budget("0.5 % of rows for 3").unwrap(), "4.00");
        assert_eq!(budget("± 500 of rows").unwrap(), "0.000100");
        assert!(budget("0.1 % of rows").unwrap_err().to_string().contains("no budget makes `rows` that exact"));
        assert!(budget("5 % for 10").unwrap_err().to_string().contains("no group `10`"));
        assert!(budget("5 % of sum").unwrap_err().to_string().contains("there are mean, output, rows"));
    }

    #[test]
    fn errors_are_read_as_people_write_them() {
        for (text, size, of, group) in [
            ("5%", Size::Share(0.05), None, None),
            ("± 20", Size::Absolute(20.0), None, None),
            ("5 % of mean for 湖塘镇", Size::Share(0.05), Some("mean"), Some("湖塘镇")),
        ] {
            let target = Target { size, of: of.map(str::to_owned), group: group.map(str::to_owned) };
            assert_eq!(text.parse(), Ok(target));
        }
        for text in ["", "%", "-5", "nan", "five"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_mostly_noise_is_said() {
        let sizes = vec![("north".to_owned(), 400.0), ("south".to_owned(), 1.0)];
        let sized = Draft { sizes, groups: vec![("town".to_owned(), GroupKeys::Listed(Vec::new()))], ..draft() };
        assert_eq!(sized.noisy("rows", &[500.0, 5.0]), ["south"]);
        assert_eq!(sized.noisy("rows", &[500.0, 4.9]), Vec::<String>::new());
        let found = draft().expected(&[500.0, 400.0]);
        assert_eq!(found.iter().map(Expected::is_mostly_noise).collect::<Vec<_>>(), [true, false, true]);
    }
}
