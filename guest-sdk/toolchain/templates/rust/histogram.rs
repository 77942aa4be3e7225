//! How many units have how much `{{value}}`: a histogram.

use unseen_guest::{Contributions, Grain, Job, job};

// The names of job.toml: `unseen job build` writes this file.
#[rustfmt::skip]
mod shape;
use shape::{Inputs, Sizes};

/// Where the first bin begins, and how wide a bin is.
const START: f64 = {{start}};
const WIDTH: f64 = {{width}};

struct Histogram;

impl Job for Histogram {
    /// One unit: the mean of its cells falls into one bin.
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let rows = grain.{{id_dataset}}();
        let (mut sum, mut count) = (0.0, 0.0);
        for cell in rows.{{id_value}}().{{cells}}()?.valid() {
            sum += cell{{as_float}};
            count += 1.0;
        }
        if count == 0.0 {
            return Ok(());
        }
        let bin = ((sum / count - START) / WIDTH).floor().clamp(0.0, 19.0) as i64;
{{#group}}
        if let Some({{id_group}}) = rows.{{id_group}}().texts()?.valid().next() {
            out.add(Sizes { {{id_group}}, bin, count: 1.0 });
        }
{{/group}}
{{#whole}}
        out.add(Sizes { bin, count: 1.0 });
{{/whole}}
        Ok(())
    }
}

job!(Histogram);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, contribute};

    #[test]
    fn a_unit_counts_once_in_the_bin_of_its_mean() {
        let rows = Rows::new()
{{#group}}
            .texts("{{group}}", ["{{key}}", "{{key}}", "{{key}}"])
{{/group}}
            .{{cells}}("{{value}}", [Some({{cell_3}}), None, Some({{cell_5}})]);
        let added = contribute::<Histogram>(&Unit::new(&SHAPE).table("{{dataset}}", rows), &[]).unwrap();
{{#group}}
        let counted = Sizes { {{id_group}}: "{{key}}".into(), bin: 4.into(), count: 1.0 };
{{/group}}
{{#whole}}
        let counted = Sizes { bin: 4.into(), count: 1.0 };
{{/whole}}
        assert_eq!(added.of::<Sizes>(), [counted]);
    }
}
