//! Where each number of a round stands: outputs in the plan's order, groups in the domain's order,
//! values in the output's order.

use unseen_policies::Plan;

pub(crate) struct Layout {
    pub outputs: Vec<OutputLayout>,
    /// Groups of all outputs.
    pub groups: usize,
    /// Numbers of all outputs.
    pub cells: usize,
}

pub(crate) struct OutputLayout {
    pub first_group: usize,
    pub first_cell: usize,
    pub width: usize,
    pub groups: usize,
}

impl Layout {
    pub fn of(plan: &Plan) -> Layout {
        let mut layout = Layout { outputs: Vec::with_capacity(plan.outputs.len()), groups: 0, cells: 0 };
        for output in &plan.outputs {
            let (groups, width) = (output.domain.size(), output.values.len());
            layout.outputs.push(OutputLayout { first_group: layout.groups, first_cell: layout.cells, width, groups });
            layout.groups += groups;
            layout.cells += groups * width;
        }
        layout
    }

    /// The first number of a group.
    pub fn cell(&self, output: usize, group: usize) -> usize {
        let output = &self.outputs[output];
        output.first_cell + group * output.width
    }

    /// (output, group, value) of a number.
    pub fn place(&self, cell: usize) -> (usize, usize, usize) {
        let output = self.outputs.partition_point(|output| output.first_cell + output.groups * output.width <= cell);
        let within = cell - self.outputs[output].first_cell;
        (output, within / self.outputs[output].width, within % self.outputs[output].width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{laplace, output, plan, ratio, value};

    #[test]
    fn every_number_has_one_place() {
        let values = |count| vec![value("x", (0, 1), ratio(1, 1), vec![laplace(ratio(1, 1))]); count];
        let shapes = [(4, 2), (3, 1), (2, 3)];
        let plan = plan(1, shapes.map(|(groups, width)| output("o", groups, 1, values(width))).into());
        let layout = Layout::of(&plan);
        let mut next = 0;
        for (at, (groups, width)) in shapes.into_iter().enumerate() {
            for group in 0..groups as usize {
                for offset in 0..width {
                    assert_eq!(layout.cell(at, group) + offset, next);
                    assert_eq!(layout.place(next), (at, group, offset));
                    next += 1;
                }
            }
        }
        assert_eq!((layout.groups, layout.cells), (4 + 3 + 2, next));
    }
}
