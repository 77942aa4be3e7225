// Logistic regression whose steps see noised sums alone: what late filing goes with.

import { Gradient, done, next } from "./shape.js";

// Rounds, as in job.toml.
const ROUNDS = 8;
// The Hessian of a logistic loss is at most a quarter of that of squares, so a step of four gradients never overshoots.
const RATE = 4;
// Public guesses of mean and deviation, which bring the measures to one scale: a wrong guess costs accuracy, never
// privacy. An agent files or does not: 1 or -1.
const SCALE = { staff: [2.9, 1], missed: [0.7, 0.85], agent: [0.5, 0.5] };

export function* contribute(grain, state) {
  const rows = grain.tax_filings;
  const [[staff], [missed], [agent], [late]] = [rows.staff, rows.missed, rows.agent, rows.late].map((column) => [...column]);
  if ([staff, missed, agent, late].includes(null)) return;
  const features = [scaled(Math.log(staff), SCALE.staff), scaled(missed, SCALE.missed), scaled(agent ? 1 : 0, SCALE.agent)];
  const [intercept, ...weights] = state.length === 4 ? state : [0, 0, 0, 0];
  const odds = weights.reduce((sum, weight, at) => sum + weight * features[at], intercept);
  const miss = (late ? 1 : 0) - 1 / (1 + Math.exp(-odds));
  const [by_staff, by_missed, by_agent] = features.map((feature) => miss * feature);
  yield new Gradient({ enterprises: 1, intercept: miss, staff: by_staff, missed: by_missed, agent: by_agent });
}

export function advance(round, state, noisy) {
  const [sum] = Gradient.of(noisy);
  const gradient = [sum.intercept, sum.staff, sum.missed, sum.agent];
  const weights = gradient.map((total, at) => (state[at] ?? 0) + (RATE * total) / Math.max(sum.enterprises, 1));
  if (round + 1 < ROUNDS) return next(weights);
  // Brought back from the common scale.
  const scales = [SCALE.staff, SCALE.missed, SCALE.agent];
  const slopes = scales.map(([, deviation], at) => weights[at + 1] / deviation);
  const intercept = scales.reduce((left, [mean], at) => left - slopes[at] * mean, weights[0]);
  return done([{ name: "model", columns: ["intercept", "ln_staff", "missed", "agent"], rows: [[intercept, ...slopes]] }]);
}

function scaled(number, [mean, deviation]) {
  return Math.min(Math.max((number - mean) / deviation, -3), 3);
}
