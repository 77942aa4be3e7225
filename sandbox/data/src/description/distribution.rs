//! How numbers are spread, as a steward says publicly.

use unseen_texts::say;

use super::nearest;
use super::section::{Read, Section};

/// How numbers are spread, in the column's own unit; cut off at its `min` and `max`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Distribution {
    /// From `min` to `max`, all alike.
    #[default]
    Uniform,
    /// The normal one.
    Normal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        sd: f64,
    },
    /// One whose logarithm is normal.
    LogNormal {
        /// Its median.
        median: f64,
        /// The standard deviation of its natural logarithm.
        sigma: f64,
    },
    /// One that falls off from `from`.
    Exponential {
        /// Where it begins: the column's `min`, or 0.
        from: f64,
        /// The mean distance from there.
        mean: f64,
    },
}

impl Distribution {
    /// Less than this share of a distribution on the right side of an end is none.
    const SOME: f64 = 0.001;

    /// `least` and `most` are the ends at which values are cut off.
    pub(super) fn read(section: &Section, [least, most]: [Option<f64>; 2]) -> Read<Option<Distribution>> {
        let Some(table) = section.section("distribution")? else { return Ok(None) };
        let from = least.unwrap_or(0.0);
        let number = |key: &str| table.required(key, table.number(key)?);
        let positive = |key: &str| match number(key)? {
            number if number > 0.0 => Ok(number),
            _ => Err(table.fault(key, say!("`{key}` is more than 0", "`{key}` 须大于 0"))),
        };
        let (known, distribution): (&[&str], _) = match table.required("kind", table.text("kind")?)? {
            "uniform" => (&["kind"], Distribution::Uniform),
            "normal" => (&["kind", "mean", "sd"], Distribution::Normal { mean: number("mean")?, sd: positive("sd")? }),
            "log-normal" => {
                let (median, sigma) = (positive("median")?, positive("sigma")?);
                (&["kind", "median", "sigma"], Distribution::LogNormal { median, sigma })
            }
            "exponential" => (&["kind", "mean"], Distribution::Exponential { from, mean: positive("mean")? }),
            other => {
                let words = ["uniform", "normal", "log-normal", "exponential"];
                let hint = nearest(other, words.into_iter());
                let words = words.join(", ");
                return Err(table.fault(
                    "kind",
                    say!(
                        "there is no distribution {other:?}{hint}; there are {words}",
                        "没有分布 {other:?}{hint}；可用的有 {words}"
                    ),
                ));
            }
        };
        table.only(known)?;
        let beyond = match (least, most) {
            _ if distribution == Distribution::Uniform => None,
            (_, Some(most)) if distribution.below(most) < Self::SOME => Some(("max", most)),
            (Some(least), _) if 1.0 - distribution.below(least) < Self::SOME => Some(("min", least)),
            _ => None,
        };
        match beyond {
            None => Ok(Some(distribution)),
            Some((end, at)) => Err(section.fault(
                "distribution",
                say!(
                    "of this distribution less than one value in a thousand lies on this side of `{end}` ({at}), at which all others are cut off: correct one of the two",
                    "此分布只有不到千分之一的值未超出 `{end}`（{at}），其余都会被截断：请更正其中之一"
                ),
            )),
        }
    }

    pub(super) fn write(&self) -> Option<String> {
        match self {
            Distribution::Uniform => None,
            Distribution::Normal { mean, sd } => Some(format!("{{ kind = \"normal\", mean = {mean:?}, sd = {sd:?} }}")),
            Distribution::LogNormal { median, sigma } => {
                Some(format!("{{ kind = \"log-normal\", median = {median:?}, sigma = {sigma:?} }}"))
            }
            Distribution::Exponential { mean, .. } => Some(format!("{{ kind = \"exponential\", mean = {mean:?} }}")),
        }
    }
}
