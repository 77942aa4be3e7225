// Runs jobs in tests: natively, on rows made up there. No WebAssembly is involved.
//
//     const grain = grainOf(Grain, { enterprises: { town: ["湖塘镇", null], land: [20, 15.5] } });
//     assert.deepEqual(contributions(job, grain), [new Sizes({ town: "湖塘镇", bin: 3, count: 1 })]);
//
// Tables and columns go by their names in job.toml, in any order.

import { Noisy } from "./job.js";

/** A grain of `Grain` in shape.js. Inputs that are left out have no rows. `Date`s are cells too, of columns of dates. */
export function grainOf(Grain, tables) {
  const known = Grain.INPUTS.map((input) => input.NAME);
  for (const name of Object.keys(tables)) {
    if (!known.includes(name)) throw new Error(`job.toml has no input \`${name}\`, but ${known.join(", ")}`);
  }
  return new Grain(Grain.INPUTS.map(({ NAME, COLUMNS }) => {
    const given = tables[NAME] ?? Object.fromEntries(COLUMNS.map((column) => [column, []]));
    if (Object.keys(given).sort().join() !== [...COLUMNS].sort().join()) {
      throw new Error(`\`${NAME}\` has the columns ${COLUMNS.join(", ")}, not ${Object.keys(given).join(", ")}`);
    }
    const lengths = new Set(COLUMNS.map((column) => given[column].length));
    if (lengths.size > 1) throw new Error(`the columns of \`${NAME}\` have different lengths`);
    return [Math.max(0, ...lengths), COLUMNS.map((column) => columnOf(given[column]))];
  }));
}

/** What one grain adds, as the lab would get it. */
export function contributions(job, grain, state = []) {
  const said = [...(job.contribute(grain, state) ?? [])];
  said.forEach((item) => item.said());
  return said;
}

/**
 * What all grains add together, as `advance` would see it without noise, for the groups to which something was added.
 * Nothing is clamped and no group is dropped: this shows what the job means to say.
 */
export function sums(job, grains, state = []) {
  const outputs = new Map();
  for (const grain of grains) {
    for (const item of contributions(job, grain, state)) {
      const { keys, values } = item.said();
      const { NAME } = item.constructor;
      if (!outputs.has(NAME)) outputs.set(NAME, new Map());
      const plain = keys.map(({ val }) => val);
      const [, total] = outputs.get(NAME).get(JSON.stringify(plain)) ?? [plain, values.map(() => 0)];
      outputs.get(NAME).set(JSON.stringify(plain), [plain, total.map((sum, at) => sum + values[at])]);
    }
  }
  const rows = (groups) => [...groups.entries()].sort().map(([, [keys, totals]]) => [...keys, ...totals]);
  return new Noisy(new Map([...outputs].map(([name, groups]) => [name, rows(groups)])));
}

function columnOf(cells) {
  const kind = cells.find((cell) => cell !== null);
  const empty = typeof kind === "string" ? "" : typeof kind === "boolean" ? false : 0;
  const plain = (cell) => (cell === null ? empty : cell instanceof Date ? Math.floor(cell / 86_400_000) : cell);
  const validity = cells.map((cell) => Number(cell !== null));
  return [cells.map(plain), validity.includes(0) ? validity : []];
}
