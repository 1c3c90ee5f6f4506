/**
 * Installs what a run of all tests takes from npm, unless it is there: `deno run -A scripts/testing/prepare.ts`. A run does so
 * itself; this is for what has the processors busy meanwhile, as downloads wait for the network.
 *
 * @module
 */

import { installTools } from "./artefact.ts";
import { killChildrenOnInterrupt } from "./process.ts";
import { prepare, type RuntimeName } from "./runtimes.ts";
import { installUnbundled } from "./unbundled.ts";

const names: readonly RuntimeName[] = [
  ...["bun", "node", "node24", "node22", "node20"] as const,
  ...["least-deno", "least-bun", "least-node"] as const,
];

killChildrenOnInterrupt();
const installed = await Promise.allSettled([...names.map(prepare), installUnbundled(), installTools()]);
for (const { reason } of installed.filter((one) => one.status === "rejected")) console.error(`${reason}`);
