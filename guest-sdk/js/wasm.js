// What the lab calls: the job contract as componentize-qjs has it. It exists inside a component only.

import { Contribution, Noisy } from "./job.js";
import { close } from "./walls.js";

/** The functions of the contract, made of a job's module and its `shape.js`. */
export function world(job, shape) {
  close();
  return {
    contribute(grain, state) {
      return told(() => {
        const column = ({ cells, validity }) => [cellsOf(cells), validity, cells.tag === "ints"];
        const tables = grain.map(({ rows, columns }) => [rows, columns.map(column)]);
        return Array.from(job.contribute(new shape.Grain(tables), Array.from(state)) ?? [], contribution);
      });
    },
    advance(round, state, noisy) {
      return told(() => verdict(job.advance(round, Array.from(state), new Noisy(new Map(noisy.map(totals))))));
    },
  };
}

function cellsOf({ tag, val }) {
  if (tag === "bools") return Array.from(val, (byte) => byte !== 0);
  if (tag !== "texts") return val;
  return Array.from({ length: Math.max(val.offsets.length - 1, 0) }, (_, row) =>
    utf8(val.bytes, val.offsets[row], val.offsets[row + 1]));
}

function contribution(item) {
  if (!(item instanceof Contribution)) throw new TypeError("contribute gives the contributions that shape.js names");
  const { keys, values } = item.said();
  return { output: item.constructor.PLACE, group: keys, values };
}

function totals({ output, groups, values }) {
  const columns = [...groups.map(({ keys }) => cellsOf(keys)), ...values.map(({ totals }) => totals)];
  const rows = columns.length === 0 ? 0 : columns[0].length;
  return [output, Array.from({ length: rows }, (_, row) => columns.map((column) => column[row]))];
}

function verdict(said) {
  if (said?.tag === "next") return { tag: "next", val: said.val.map(Number) };
  if (said?.tag !== "done") throw new TypeError("advance returns next(...) or done(...)");
  const tables = said.val.map(({ name, columns, rows }) => ({ name, columns, rows: rows.map((row) => row.map(Number)) }));
  return { tag: "done", val: tables };
}

/** What is thrown becomes the contract's error, with its place: `job.js:7: TypeError: not a function`. */
function told(work) {
  try {
    return work();
  } catch (error) {
    throw where(error);
  }
}

function where(error) {
  if (!(error instanceof Error)) return String(error);
  const lines = String(error.stack).split("\n").filter((line) => !line.includes("unseen-guest"));
  const place = lines.map((line) => line.match(/([^/(\s:]+):(\d+)(?::\d+)?\)?\s*$/)).find(Boolean);
  return `${place ? `${place[1]}:${place[2]}: ` : ""}${error.name}: ${error.message}`;
}

// QuickJS has no TextDecoder. The host's texts are valid UTF-8.
function utf8(bytes, start, end) {
  let text = "";
  for (let at = start; at < end; ) {
    const first = bytes[at++];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let code = first & (0x3f >> more);
    for (let count = 0; count < more; count++) code = (code << 6) | (bytes[at++] & 0x3f);
    text += String.fromCodePoint(code);
  }
  return text;
}
