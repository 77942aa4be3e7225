// How many units have how much {{value}}: a histogram.

import { Sizes } from "./shape.js";

// Where the first bin begins, and how wide a bin is.
const START = {{start}};
const WIDTH = {{width}};

/** One unit: the mean of its cells falls into one bin. */
export function* contribute(grain) {
  const rows = grain.{{id_dataset}};
  const cells = [...rows.{{id_value}}.valid()];
  if (cells.length === 0) return;
  const mean = cells.reduce((sum, cell) => sum + cell, 0) / cells.length;
  const bin = Math.max(0, Math.min(Math.floor((mean - START) / WIDTH), 19));
{{#group}}
  const [{{id_group}}] = rows.{{id_group}}.valid();
  if ({{id_group}} !== undefined) yield new Sizes({ {{id_group}}, bin, count: 1 });
{{/group}}
{{#whole}}
  yield new Sizes({ bin, count: 1 });
{{/whole}}
}
