//! What the release of a fit says of its dataset.

use std::collections::HashSet;

use unseen_data::Description;
use unseen_data::description::{ColumnSpec, ColumnType};
use unseen_data::twin::{Bin, Fitted, FittedColumn};
use unseen_ids::Key;
use unseen_policies::release::{ReleasedGroup, ReleasedOutput};
use unseen_texts::{Sentence, say};

use super::{NULL, Names, counted, is_named};
use crate::day;

/// Standard deviations of its noise beyond which a number is no noise: of a dozen, one in thousands of fits.
const CLEAR: f64 = 4.0;

/// What the release of such a job says of its dataset: `filter` and `made` are the job's, as its manifest has them.
///
/// # Errors
/// It is of another job, or of a dataset that has been described otherwise.
pub fn fitted(
    dataset: &Description,
    filter: Option<&str>,
    made: &[(&str, &str)],
    outputs: &[ReleasedOutput],
) -> Result<Fitted, Sentence> {
    let names = Names::new(dataset);
    let other = || {
        say!(
            "this release is not that of a `dataset fit` of `{name}` as it is described now",
            "该发布结果不是按 `{name}` 当前的描述用 `dataset fit` 拟合得到的",
            name = dataset.name.clone()
        )
    };
    let find = |group: &String| {
        let at = (0..dataset.columns.len()).find(|at| is_named(dataset, *at, group));
        at.map(|at| &dataset.columns[at]).ok_or_else(other)
    };
    let own = super::made(&counted(dataset).0, &names);
    if filter.is_some() || !own.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(made.iter().copied()) {
        return Err(other());
    }
    let mut fitted = Fitted::default();
    for output in outputs {
        let counts_units = matches!(&output.keys[..], [group] if *group == names.rows);
        if output.values != [if counts_units { "units" } else { names.share.as_str() }] {
            return Err(other());
        }
        match &output.keys[..] {
            [group] if *group == names.rows => {
                let bins = bins(output, 0, |key| whole(key).map(|(low, high)| Bin::Between(low, high)));
                fitted.rows_of_unit = bins.ok_or_else(other)?.into_iter().zip(clear(&output.groups)).collect();
            }
            [group] => {
                let spec = find(group)?;
                let bins = bins(output, 0, |key| bin(spec, key)).ok_or_else(other)?;
                let weights = settled(&numbers(&output.groups));
                fitted.columns.push(FittedColumn { column: spec.name.clone(), bins, weights, given: None });
            }
            [first, second] => {
                let (first, second) = (find(first)?, find(second)?);
                let given = bins(output, 0, |key| bin(first, key)).ok_or_else(other)?;
                let bins = bins(output, 1, |key| bin(second, key)).ok_or_else(other)?;
                let of = |name: &str| fitted.columns.iter().position(|column| column.column == name);
                let (from, to) = of(&first.name).zip(of(&second.name)).ok_or_else(other)?;
                if fitted.columns[from].bins != given || fitted.columns[to].bins != bins {
                    return Err(other());
                }
                let shares = output.groups.chunks(bins.len().max(1)).map(|row| settled(&numbers(row))).collect();
                fitted.columns[to].given = Some((first.name.clone(), shares));
            }
            _ => return Err(other()),
        }
    }
    if fitted.columns.is_empty() { Err(other()) } else { Ok(fitted) }
}

/// The bins of an output's groups along one of its key columns.
fn bins(output: &ReleasedOutput, axis: usize, read: impl Fn(&str) -> Option<Bin>) -> Option<Vec<Bin>> {
    let mut seen = HashSet::new();
    let keys = output.groups.iter().map(|group| match group.keys.get(axis) {
        Some(Key::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let keys = keys.collect::<Option<Vec<_>>>()?;
    keys.into_iter().filter(|key| seen.insert(*key)).map(read).collect()
}

/// What a key of a column's groups stands for.
pub(super) fn bin(spec: &ColumnSpec, key: &str) -> Option<Bin> {
    if key == NULL && spec.nullable && !spec.domain.iter().any(|text| text == NULL) {
        return Some(Bin::Null);
    }
    match &spec.kind {
        ColumnType::Text => spec.domain.iter().position(|text| text == key).map(Bin::Text),
        ColumnType::Bool => ["true", "false"].iter().position(|text| *text == key).map(Bin::Text),
        ColumnType::Date { .. } => period(key).map(|(first, last)| Bin::Between(first as f64, last as f64)),
        ColumnType::Timestamp { .. } => {
            let (first, last) = period(key)?;
            Some(Bin::Between((first * day::DAY) as f64, ((last + 1) * day::DAY - 1) as f64))
        }
        _ => whole(key).map(|(low, high)| Bin::Between(low, high)),
    }
}

/// The first and the last day of a month or a year.
fn period(key: &str) -> Option<(i64, i64)> {
    let next = match key.split_once('-') {
        None => format!("{:04}", key.parse::<u32>().ok()? + 1),
        Some((year, "12")) => format!("{:04}-01", year.parse::<u32>().ok()? + 1),
        Some((year, month)) => format!("{year}-{:02}", month.parse::<u32>().ok()? + 1),
    };
    let next = day::day(&next).or_else(|| day::day("9999-12-31"))?;
    Some((day::day(key)?, next - 1))
}

/// Both ends of a bin.
fn whole(key: &str) -> Option<(f64, f64)> {
    let (low, high) = key.split_once("..")?;
    let (low, high): (f64, f64) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high && low.is_finite() && high.is_finite()).then_some((low, high))
}

fn numbers(groups: &[ReleasedGroup]) -> Vec<f64> {
    groups.iter().map(|group| group.values.first().and_then(|value| value.value.parse().ok()).unwrap_or(0.0)).collect()
}

/// The numbers that are no noise, and 0 for the others. One unit of a thousand rows that noise has made up would take
/// the rows of all others.
fn clear(groups: &[ReleasedGroup]) -> Vec<f64> {
    let is_clear = |group: &ReleasedGroup, number: f64| {
        group.values.first().is_some_and(|value| number > CLEAR * value.standard_deviation)
    };
    let numbers = numbers(groups).into_iter().zip(groups);
    numbers.map(|(number, group)| if is_clear(group, number) { number } else { 0.0 }).collect()
}

/// The nearest weights that are not negative and have the same sum; all 0 where that is not above 0.
fn settled(noisy: &[f64]) -> Vec<f64> {
    let total: f64 = noisy.iter().sum();
    if total <= 0.0 {
        return vec![0.0; noisy.len()];
    }
    let mut falling = noisy.to_vec();
    falling.sort_by(|one, other| other.total_cmp(one));
    let (mut sum, mut cut) = (0.0, 0.0);
    for (count, number) in (1..).map(f64::from).zip(falling) {
        sum += number;
        let next = (sum - total) / count;
        if number <= next {
            break;
        }
        cut = next;
    }
    noisy.iter().map(|number| (number - cut).max(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use unseen_policies::Manifest;
    use unseen_policies::manifest::Keys;
    use unseen_policies::release::ReleasedValue;

    use super::super::tests::{FIRMS, heading};
    use super::*;

    /// What a job would be read as whose every number is 1.
    fn read(dataset: &Description, manifest: &str) -> Result<Fitted, Sentence> {
        let manifest = Manifest::parse(manifest).unwrap();
        let outputs = manifest.outputs.iter().map(|output| {
            let mut groups = vec![Vec::new()];
            for group in &output.groups {
                let Keys::Listed(keys) = &group.keys else { panic!("{group:?}") };
                let longer =
                    |of: &Vec<Key>| keys.iter().map(|key| [of, std::slice::from_ref(key)].concat()).collect::<Vec<_>>();
                groups = groups.iter().flat_map(longer).collect();
            }
            let value = ReleasedValue { value: "1".into(), standard_deviation: 0.1, low: "1".into(), high: "1".into() };
            ReleasedOutput {
                name: output.name.clone(),
                keys: output.groups.iter().map(|group| group.name.clone()).collect(),
                values: output.values.iter().map(|value| value.name.clone()).collect(),
                groups: groups.into_iter().map(|keys| ReleasedGroup { keys, values: vec![value.clone()] }).collect(),
            }
        });
        let question = manifest.question.as_ref().unwrap();
        let made: Vec<_> = question.columns.iter().map(|(name, made)| (name.as_str(), made.text.as_str())).collect();
        let filter = question.filter.as_ref().map(|filter| filter.text.as_str());
        fitted(dataset, filter, &made, &outputs.collect::<Vec<_>>())
    }

    /// With a filter, or something else under the names of a fit, the numbers are those of other rows.
    #[test]
    fn other_jobs_are_no_fits() {
        let dataset = Description::parse(FIRMS).unwrap();
        let pair = [("town".to_owned(), "land".to_owned())];
        let good = super::super::fit(&dataset, &pair, &heading()).unwrap().manifest;
        assert_eq!(read(&dataset, &good).unwrap().columns.len(), 10);
        let filter = "[ready-made]\nwhere = \"big\"\n[ready-made.columns]";
        let other_value = |name: &str, step: &str| {
            (
                format!("name = \"{name}\", lower = 0, upper = 1, granularity = {step}"),
                format!("name = \"rows\", lower = 0, upper = 1, granularity = {step}"),
            )
        };
        for (from, to) in [
            ("[ready-made.columns]".to_owned(), filter.to_owned()),
            ("1 / total(1)".to_owned(), "1 / total(2)".to_owned()),
            ("THEN 'true' WHEN".to_owned(), "THEN 'false' WHEN".to_owned()),
            other_value("units", "1"),
            other_value("share_of_rows_", "0.001"),
        ] {
            let other = good.replace(&from, &to);
            assert_ne!(other, good, "{from}");
            let refused = read(&dataset, &other).err().unwrap_or_else(|| panic!("{to}"));
            assert!(refused.to_string().contains("is not that of a `dataset fit`"), "{refused}");
        }
    }

    #[test]
    fn noise_below_zero_is_taken_from_the_others() {
        assert_eq!(settled(&[5.0, 3.0, -2.0]), [4.0, 2.0, 0.0]);
        assert_eq!(settled(&[-1.0, -2.0]), [0.0, 0.0]);
        let [one, two, three] = settled(&[0.1, 10.0, -0.4])[..] else { panic!("three") };
        assert!(one == 0.0 && three == 0.0 && (two - 9.7).abs() < 1e-12);
    }
}
