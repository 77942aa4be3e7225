// The longest run of late flights, on the same day or the next.

import { Chains } from "./shape.js";

const DAY = 86_400_000;

export function contribute(grain) {
  const { flights } = grain;
  if (flights.length === 0) throw new RangeError("a plane without flights");
  const days = flights.day.dates();
  let longest = 0, length = 0, before = null;
  [...flights.delay].forEach((delay, row) => {
    const day = days[row];
    const follows = before !== null && day !== null && day - before >= 0 && day - before <= DAY;
    const isLate = delay !== null && delay > 15;
    length = isLate ? (follows ? length + 1 : 1) : 0;
    longest = Math.max(longest, length);
    before = day;
  });
  return [new Chains({ length: longest, planes: 1 })];
}
