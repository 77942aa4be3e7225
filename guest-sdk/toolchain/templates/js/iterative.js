// A private linear regression by gradient descent: {{other}} on {{value}}, in a few rounds.
//
// `contribute` sees rows and the state, and adds one gradient. `advance` sees the noised sum of all gradients, never
// rows, and takes a step.

import { Gradient, done, next } from "./shape.js";

// Rounds, as `rounds` in job.toml.
export const ROUNDS = 5;
// How far a step goes.
const RATE = 0.5;
// Make the columns numbers of about one.
export const X_SCALE = {{x_scale}};
export const Y_SCALE = {{y_scale}};

export function* contribute(grain, state) {
  const [slope, intercept] = weights(state);
  const table = grain.{{id_dataset}};
  const ys = [...table.{{id_other}}];
  let rows = 0, by_slope = 0, by_intercept = 0;
  [...table.{{id_value}}].forEach((x, row) => {
    if (x === null || ys[row] === null) return;
    const error = slope * (x / X_SCALE) + intercept - ys[row] / Y_SCALE;
    rows += 1;
    by_slope += error * (x / X_SCALE);
    by_intercept += error;
  });
  if (rows > 0) yield new Gradient({ units: 1, by_slope: by_slope / rows, by_intercept: by_intercept / rows });
}

export function advance(round, state, noisy) {
  const [total] = Gradient.of(noisy);
  let [slope, intercept] = weights(state);
  const units = Math.max(total.units, 1);
  slope -= (RATE * total.by_slope) / units;
  intercept -= (RATE * total.by_intercept) / units;
  if (round + 1 < ROUNDS) return next([slope, intercept]);
  return done([{ name: "model", columns: ["slope", "intercept"], rows: [[slope, intercept]] }]);
}

/** The state is empty in the first round. */
function weights(state) {
  return state.length === 2 ? state : [0, 0];
}
