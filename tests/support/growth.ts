/**
 * Whether work on two inputs at once grows with their sum or with their product, without a clock's numbers.
 *
 * @module
 */

/**
 * How many times as long `whole` takes as its `parts` together. All take turns, and the best turn of each counts, so what
 * else the machine does falls out.
 *
 * @param whole Work on both inputs.
 * @param parts The same with one of them large at a time.
 */
export function timesAsLong(whole: () => unknown, parts: readonly (() => unknown)[]): number {
  const runs = [whole, ...parts];
  const best = runs.map(() => Infinity);
  for (let turn = 0; turn < 9; turn++) {
    for (const [i, run] of runs.entries()) {
      const start = performance.now();
      run();
      best[i] = Math.min(best[i]!, performance.now() - start);
    }
  }
  const [first, ...others] = best as [number, ...number[]];
  return first / others.reduce((sum, time) => sum + time, 0);
}
