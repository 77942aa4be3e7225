// A job has no clock and no randomness of the system. What asks for one in a component stops it without a word; after
// `close()` it throws instead, so that the line is known.

/** From now on what does not exist is said to be missing. */
export function close() {
  const Real = globalThis.Date;
  globalThis.Date = new Proxy(Real, {
    construct: (target, given, made) => (given.length === 0 ? noClock() : Reflect.construct(target, given, made)),
    apply: noClock,
    get: (target, name) => (name === "now" ? noClock : Reflect.get(target, name)),
  });
  Math.random = numbers(0x9e3779b9);
  globalThis.console = Object.fromEntries(["log", "info", "warn", "error", "debug"].map((name) => [name, () => {}]));
}

/** Random numbers from a seed (xorshift32, Marsaglia 2003): QuickJS begins with the moment in which a job is built. */
function numbers(state) {
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function noClock() {
  throw new Error("a job has no clock (`Date`): a moment is a column's cell, and not the present one");
}
