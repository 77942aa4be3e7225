// The median of {{value}}. A median is not a sum, so it is taken in each of 100 blocks of units, and the blocks' medians
// are averaged: sample and aggregate.

import { Medians } from "./shape.js";

/** One block: all rows of about one hundredth of the units. */
export function* contribute(block) {
  const rows = block.{{id_dataset}};
{{#group}}
  const groups = new Map();
  const cells = [...rows.{{id_value}}];
  [...rows.{{id_group}}].forEach((key, row) => {
    if (key === null || cells[row] === null) return;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(cells[row]);
  });
  for (const [{{id_group}}, cells] of groups) yield new Medians({ {{id_group}}, median: median(cells) });
{{/group}}
{{#whole}}
  const cells = [...rows.{{id_value}}.valid()];
  if (cells.length > 0) yield new Medians({ median: median(cells) });
{{/whole}}
}

function median(cells) {
  cells.sort((one, other) => one - other);
  const last = cells.length - 1;
  return (cells[Math.floor(last / 2)] + cells[Math.ceil(last / 2)]) / 2;
}
