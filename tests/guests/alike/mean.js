import { Means } from "./shape.js";

export function* contribute(grain) {
  const { flights, planes } = grain;
  const carriers = [...flights.carrier];
  const delays = [...flights.delay];
  let seats = 0;
  for (const cell of planes.seats.valid()) seats += cell;
  for (const carrier of ["东航", "AA", "b?c"]) {
    let sum = 0, count = 0;
    delays.forEach((delay, row) => {
      if (carriers[row] !== carrier || delay === null) return;
      sum += delay;
      count += 1;
    });
    if (count > 0) yield new Means({ carrier, sum, count, seats });
  }
}
