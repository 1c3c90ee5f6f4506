/**
 * Whether work on two inputs at once grows with their sum or with their product, without a clock's numbers.
 *
 * @module
 */

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
 * else the machine does falls out.
 *
 * @param whole Work on both inputs.
 * @param parts The same with one of them large at a time.
 */
export function timesAsLong(whole: () => unknown, parts: readonly (() => unknown)[]): number {
  const [first, ...others] = bestTimes([whole, ...parts]) as [number, ...number[]];
  return first / others.reduce((sum, time) => sum + time, 0);
}

function bestTimes(runs: readonly (() => unknown)[]): number[] {
  const best = runs.map(() => Infinity);
  for (let turn = 0; turn < 9; turn++) {
    for (const [i, run] of runs.entries()) {
      const start = performance.now();
      run();
      best[i] = Math.min(best[i]!, performance.now() - start);
    }
  }
  return best;
}
