/**
 * Two hours of churn, compressed: `deno run -A --v8-flags=--expose-gc scripts/soak/main.ts [rounds] [--http2]`; on other runtimes
 * from a bundle: `deno bundle -o soak.mjs scripts/soak/main.ts && node --expose-gc soak.mjs`. With `--http2` over HTTP/2.
 *
 * What wears a server out is not time but connections that come and go. A busy process sees about ten a second, which
 * makes 36 000 an hour. A round has as many things done as six such minutes, 3600, sixteen at a time and without the
 * pauses in between; twenty rounds are two hours. They take two minutes on two idle cores.
 *
 * After each round everything has ended, so nothing may be left: no connection of the client, none of the servers, no
 * socket of the process; over HTTP/2 no stream, timer or listener either. Memory is looked at after a garbage collection; the first five rounds are to warm up, and the
 * mean of the last five may not be more than a tenth and 2 MB above that of the five after the warm-up. The exit code is
 * 1 if anything is left, memory grows, or something fails that nobody gave up.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import process from "node:process";
import { setInterval } from "node:timers";
import { Progress, say } from "../testing/progress.ts";
import { churn } from "./churn.ts";
import { http2Churn } from "./http2_churn.ts";

const ROUNDS_OF_TWO_HOURS = 20;
const OPERATIONS_OF_SIX_MINUTES = 3600;
const WARM_UP = 5;

const given = process.argv.slice(2);
const play = given.includes("--http2") ? http2Churn : churn;
const rounds = Number(given.find((argument) => !argument.startsWith("--")) ?? ROUNDS_OF_TWO_HOURS);
const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(sync: boolean): void } };
const heaps: number[] = [];
const begun = performance.now();
let clean = true;
let longestPause = 0;
let last = begun;
setInterval(() => {
  const now = performance.now();
  longestPause = Math.max(longestPause, now - last - 50);
  last = now;
}, 50).unref();

let round = 1;
const progress = new Progress(() => `round ${round} of ${rounds}`);
for (; round <= rounds; round++) {
  const { surprises, counts: _, ...left } = await play({ operations: OPERATIONS_OF_SIX_MINUTES, seed: round });
  gc?.();
  Bun?.gc(true);
  const { heapUsed, rss } = process.memoryUsage();
  heaps.push(heapUsed / 1e6);
  say(
    `round ${round}: left ${JSON.stringify(left)}; ${surprises.length} surprises, longest pause ${
      longestPause.toFixed(0)
    } ms; ${descriptors()} descriptors; heap ${(heapUsed / 1e6).toFixed(1)} MB, resident ${(rss / 1e6).toFixed(0)} MB`,
  );
  longestPause = 0;
  for (const surprise of new Set(surprises)) say(`  ${surprise}`);
  clean &&= surprises.length === 0 && Object.values(left).every((count) => count === 0);
}
progress.stop();

const seconds = (performance.now() - begun) / 1000;
const operations = rounds * OPERATIONS_OF_SIX_MINUTES;
console.log(`${operations} operations in ${seconds.toFixed(0)} s, ${(operations / seconds).toFixed(0)} a second`);
if (rounds >= WARM_UP + 10) {
  const early = mean(heaps.slice(WARM_UP, WARM_UP + 5));
  const late = mean(heaps.slice(-5));
  console.log(`heap: ${early.toFixed(1)} MB after the warm-up, ${late.toFixed(1)} MB in the end`);
  clean &&= late <= early * 1.1 + 2;
}
process.exitCode = clean ? 0 : 1;

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** How many files and sockets the process has open, where the system tells. */
function descriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
