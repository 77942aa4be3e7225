import { Delays } from "./shape.js";

export function* contribute(grain) {
  const { flights } = grain;
  for (let row = 0; row < flights.length; row++) {
    const [carrier, delay] = [flights.carrier.at(row), flights.delay.at(row)];
    if (carrier === null || delay === null) continue;
    const bin = Math.max(-2, Math.min(Math.floor(delay / 15), 9));
    yield new Delays({ carrier, bin, flights: 1, cancelled: flights.cancelled.at(row) === true });
  }
}
