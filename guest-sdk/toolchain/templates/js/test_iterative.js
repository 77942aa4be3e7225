// The job's logic, on rows made up here: `node --test`.

import assert from "node:assert/strict";
import test from "node:test";

import * as job from "./job.js";
import { Grain } from "./shape.js";
import { grainOf, sums } from "./vendor/unseen-guest/testing.js";

function unit(x) {
  const cells = { "{{value}}": [x, x].map((x) => x * job.X_SCALE), "{{other}}": [x, x].map((x) => 0.8 * x * job.Y_SCALE) };
  return grainOf(Grain, { "{{dataset}}": cells });
}

test("the slope is found", () => {
  const units = Array.from({ length: 20 }, (_, number) => unit(number / 10 - 1));
  let verdict = { tag: "next", val: [] };
  let round = 0;
  while (verdict.tag === "next") verdict = job.advance(round++, verdict.val, sums(job, units, verdict.val));
  assert.equal(round, job.ROUNDS);
  const [[slope]] = verdict.val[0].rows;
  assert.ok(slope > 0.3 && slope < 0.8, String(slope));
});
