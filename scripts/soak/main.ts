/**
 * Churn for as long as one likes, and the memory in between: `deno run -A scripts/soak/main.ts [rounds]`; on other runtimes
 * from a bundle: `deno bundle -o soak.mjs scripts/soak/main.ts && node --expose-gc soak.mjs`. The exit code is 1 if
 * anything is left, or memory has grown by more than a quarter and 16 MB since the third round.
 *
 * @module
 */

import process from "node:process";
import { churn } from "./churn.ts";

const rounds = Number(process.argv[2] ?? 10);
const operationsPerRound = 3000;
const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(sync: boolean): void } };
let settled = 0;
let bad = false;

for (let round = 1; round <= rounds; round++) {
  const { surprises, clientConnections, serverSockets } = await churn({ operations: operationsPerRound, seed: round });
  gc?.();
  Bun?.gc(true);
  const heap = process.memoryUsage().heapUsed;
  if (round === 3) settled = heap;
  const grown = round > 3 && heap > settled * 1.25 + 16e6;
  console.log(
    `round ${round}: ${operationsPerRound} operations, ${clientConnections} + ${serverSockets} connections left,`,
    `${surprises.length} surprises, ${(heap / 1e6).toFixed(1)} MB`,
  );
  for (const surprise of new Set(surprises)) console.log(`  ${surprise}`);
  bad ||= grown || surprises.length > 0 || clientConnections + serverSockets > 0;
}
process.exitCode = bad ? 1 : 0;
