// What a job says: contributions after each grain, a verdict after each round.

/**
 * What one grain adds to one group of an output. `shape.js` gives each output a class of its own, made of its group
 * columns and values: `new Sizes({ town: "湖塘镇", bin: 3, count: 1 })`. The lab clamps each value to its declared
 * bounds, drops groups outside the declared domain and those past `max_groups_per_unit` (the first named stay); what is
 * added to one group several times is summed up first.
 */
export class Contribution {
  /** The output's name. */
  static NAME = "";
  /** The output's place in job.toml. */
  static PLACE = 0;
  /** The group columns, in their order. */
  static GROUPS = [];
  /** The values, in their order. */
  static VALUES = [];

  constructor(fields) {
    const names = [...this.constructor.GROUPS, ...this.constructor.VALUES];
    for (const name of Object.keys(fields)) {
      if (!names.includes(name)) throw new TypeError(`\`${this.constructor.NAME}\` has no \`${name}\`, but ${names.join(", ")}`);
    }
    for (const name of names) {
      if (!Object.hasOwn(fields, name)) throw new TypeError(`\`${this.constructor.NAME}\` needs \`${name}\``);
      this[name] = fields[name];
    }
  }

  /** Every group of this output, with its noised totals. */
  static of(noisy) {
    const names = [...this.GROUPS, ...this.VALUES];
    return noisy.rows(this.NAME).map((row) => new this(Object.fromEntries(names.map((name, at) => [name, row[at]]))));
  }

  /** Keys and numbers, in their order, as they go to the lab. */
  said() {
    const { GROUPS, VALUES } = this.constructor;
    return { keys: GROUPS.map((name) => key(name, this[name])), values: VALUES.map((name) => number(name, this[name])) };
  }
}

/** The noised totals of every output: a row for each group of its declared domain, in that order, keys first. */
export class Noisy {
  constructor(outputs) {
    this.outputs = outputs;
  }

  /** The rows of one output, by its name. `shape.js` reads them as `Sizes.of(noisy)`. */
  rows(output) {
    return this.outputs.get(output) ?? [];
  }
}

/** Run another round with this state, a list of numbers. */
export function next(state) {
  return { tag: "next", val: Array.from(state) };
}

/** Stop, and publish these tables, `{ name, columns, rows }`, beside the noised totals. */
export function done(tables = []) {
  return { tag: "done", val: tables };
}

function key(name, key) {
  if (typeof key === "string") return { tag: "text", val: key };
  if (typeof key === "boolean" || Number.isSafeInteger(key)) return { tag: "int", val: Number(key) };
  throw new TypeError(`group column \`${name}\` takes a whole number or a text, not ${String(key)}`);
}

function number(name, value) {
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  throw new TypeError(`value \`${name}\` takes a number, not ${String(value)}`);
}
