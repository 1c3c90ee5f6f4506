/**
 * Our own network on the runtime at hand.
 *
 * @module
 */

import type { Network } from "../../../src/duplex/network.ts";
import { bun, deno } from "./platform.ts";

/** Loads the runtime's module. */
export async function network(): Promise<Network> {
  if (deno !== null) return await import("../../../src/runtime/deno.ts");
  if (bun !== null) return await import("../../../src/runtime/bun.ts");
  return await import("../../../src/runtime/node.ts");
}
