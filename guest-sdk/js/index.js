// Write a job for an Unseen lab in JavaScript.
//
// A job is a module `job.js` with one function. It gets the rows of one grain (all rows of one enterprise, person or
// vehicle, or a whole block of them) and says what the grain adds to which group. The lab clamps, sums over all grains
// and adds noise; only that leaves.
//
//     import { Ages } from "./shape.js"; // written by `unseen job build` from job.toml
//
//     export function* contribute(grain, state) {
//       for (const age of grain.people.age.valid()) yield new Ages({ decade: Math.floor(age / 10), persons: 1 });
//     }
//
// A job of several rounds has a second function, `advance(round, state, noisy)`, which sees noised totals only and
// returns `next(state)` or `done([{ name, columns, rows }])`.
//
// In the lab each grain runs in a component put back to its first state: nothing is remembered between grains, and
// there is no clock, file, network or randomness of the system. What is thrown makes the grain contribute nothing, and
// nobody outside the lab learns of it; `testing.js` and `unseen job try` tell.

export { Column, Grain, Table } from "./grain.js";
export { Contribution, Noisy, done, next } from "./job.js";
