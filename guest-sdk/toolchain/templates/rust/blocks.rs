//! The median of `{{value}}`. A median is not a sum, so it is taken in each of 100 blocks of units, and the blocks' medians
//! are averaged: sample and aggregate.

use unseen_guest::{Contributions, Grain, Job, job};

// The names of job.toml: `unseen job build` writes this file.
#[rustfmt::skip]
mod shape;
use shape::{Inputs, Medians};

struct Median;

impl Job for Median {
    /// One block: all rows of about one hundredth of the units.
    fn contribute(block: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let rows = block.{{id_dataset}}();
        let cells = rows.{{id_value}}().{{cells}}()?;
{{#group}}
        let groups = rows.{{id_group}}().texts()?;
        for key in [{{keys}}] {
            let of_group = groups.iter().zip(cells.iter()).filter(|(group, _)| *group == Some(key));
            if let Some(median) = median(of_group.filter_map(|(_, cell)| cell{{map_float}})) {
                out.add(Medians { {{id_group}}: key, median });
            }
        }
{{/group}}
{{#whole}}
        if let Some(median) = median(cells.valid(){{map_float}}) {
            out.add(Medians { median });
        }
{{/whole}}
        Ok(())
    }
}

fn median(cells: impl Iterator<Item = f64>) -> Option<f64> {
    let mut cells: Vec<f64> = cells.collect();
    cells.sort_by(f64::total_cmp);
    let last = cells.len().checked_sub(1)?;
    Some((cells[last / 2] + cells[last.div_ceil(2)]) / 2.0)
}

job!(Median);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, contribute};

    #[test]
    fn a_block_gives_its_median() {
        let rows = Rows::new()
{{#group}}
            .texts("{{group}}", ["{{key}}", "{{key}}", "{{key}}"])
{{/group}}
            .{{cells}}("{{value}}", [Some({{cell_3}}), None, Some({{cell_5}})]);
        let added = contribute::<Median>(&Unit::new(&SHAPE).table("{{dataset}}", rows), &[]).unwrap();
{{#group}}
        let median = Medians { {{id_group}}: "{{key}}".into(), median: {{float_4}} };
{{/group}}
{{#whole}}
        let median = Medians { median: {{float_4}} };
{{/whole}}
        assert_eq!(added.of::<Medians>(), [median]);
    }
}
