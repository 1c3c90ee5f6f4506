/**
 * Whether work on two inputs at once grows with their sum or with their product, without a clock's numbers.
 *
 * @module
 */

import process from "node:process";

/**
 * How many times as long work takes all at once as in sixteen equal parts: 1 where the time is linear, 16 where it grows
 * with the square. What it makes is kept either way, so that memory costs the same.
 *
 * @param work Called with the amount.
 * @param amount Of one part.
 */
export function timesAsLongAtOnce(work: (amount: number) => unknown, amount: number): number {
  return timesAsLong(() => work(16 * amount), [() => Array.from({ length: 16 }, () => work(amount))]);
}

/**
 * How many times as long `whole` takes as its `parts` together. All take turns, and the best turn of each counts, so what
 * else the machine does falls out; on Linux, where it is exact, time is what the process had of the processors: on a busy
 * machine what is long is interrupted in every turn, and what is short is not.
 *
 * @param whole Work on both inputs.
 * @param parts The same with one of them large at a time.
 */
export function timesAsLong(whole: () => unknown, parts: readonly (() => unknown)[]): number {
  const runs = [whole, ...parts];
  const best = runs.map(() => Infinity);
  let times = Infinity;
  for (let turn = 1; turn <= TURNS && (turn <= FEW_TURNS || times > LINEAR); turn++) {
    for (const [i, run] of runs.entries()) {
      const start = now();
      run();
      best[i] = Math.min(best[i]!, now() - start);
    }
    const [first, ...others] = best as [number, ...number[]];
    times = first / Math.max(SHORT_MS, others.reduce((sum, time) => sum + time, 0));
  }
  return times;
}

const TURNS = 9;

/** If it is linear in the best of a few turns, it is: in more turns each time can only become shorter, and by little. */
const FEW_TURNS = 3;
const LINEAR = 1.5;

/** Parts that take less are too short to be compared: a thousand things that are looked at in pairs take longer. */
const SHORT_MS = 0.5;

function now(): number {
  if (process.platform !== "linux") return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
