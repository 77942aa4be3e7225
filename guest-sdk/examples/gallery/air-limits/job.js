// Days above the limit, and an enterprise's most days in a row.

import { Means, Runs } from "./shape.js";

/** One enterprise: rows stand pollutant by pollutant, day by day. */
export function* contribute(grain) {
  const rows = grain.emissions;
  const [stations, pollutants, means, limits] = [rows.station, rows.pollutant, rows.mean, rows.most].map((column) => [...column]);
  const of = new Map();
  let [run, longest, last] = [0, 0, null];
  for (let at = 0; at < means.length; at += 1) {
    if (pollutants[at] !== last) run = 0;
    last = pollutants[at];
    if (means[at] === null) {
      run = 0; // A day on which it did not run ends the row.
      continue;
    }
    const counted = of.get(last) ?? { days: 0, above: 0 };
    of.set(last, counted);
    const above = means[at] > limits[at];
    counted.days += 1;
    counted.above += above ? 1 : 0;
    run = above ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  const station = stations[0];
  for (const [pollutant, { days, above }] of of) yield new Means({ station, pollutant, days, above });
  if (of.size > 0) yield new Runs({ station, running: named(longest), enterprises: 1 });
}

function named(days) {
  return days >= 4 ? "4+" : days >= 2 ? "2-3" : String(days);
}
