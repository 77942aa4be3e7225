// The job's logic, on rows made up here: `node --test`.

import assert from "node:assert/strict";
import test from "node:test";

import * as job from "./job.js";
import { Grain, Sizes } from "./shape.js";
import { contributions, grainOf } from "./vendor/unseen-guest/testing.js";

test("a unit counts once in the bin of its mean", () => {
  const rows = {
{{#group}}
    "{{group}}": ["{{key}}", "{{key}}", "{{key}}"],
{{/group}}
    "{{value}}": [{{cell_3}}, null, {{cell_5}}],
  };
  const added = contributions(job, grainOf(Grain, { "{{dataset}}": rows }));
{{#group}}
  assert.deepEqual(added, [new Sizes({ {{id_group}}: "{{key}}", bin: 4, count: 1 })]);
{{/group}}
{{#whole}}
  assert.deepEqual(added, [new Sizes({ bin: 4, count: 1 })]);
{{/whole}}
});
