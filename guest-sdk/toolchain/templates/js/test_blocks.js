// The job's logic, on rows made up here: `node --test`.

import assert from "node:assert/strict";
import test from "node:test";

import * as job from "./job.js";
import { Grain, Medians } from "./shape.js";
import { contributions, grainOf } from "./vendor/unseen-guest/testing.js";

test("a block gives its median", () => {
  const rows = {
{{#group}}
    "{{group}}": ["{{key}}", "{{key}}", "{{key}}"],
{{/group}}
    "{{value}}": [{{cell_3}}, null, {{cell_5}}],
  };
  const added = contributions(job, grainOf(Grain, { "{{dataset}}": rows }));
{{#group}}
  assert.deepEqual(added, [new Medians({ {{id_group}}: "{{key}}", median: {{float_4}} })]);
{{/group}}
{{#whole}}
  assert.deepEqual(added, [new Medians({ median: {{float_4}} })]);
{{/whole}}
});
