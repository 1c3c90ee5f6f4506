/**
 * What carries a request: a connection of its own for that long, or one that many requests share. `Connections` lends them,
 * exchanges send over them.
 *
 * @module
 */

import type { Pooled } from "./pool.ts";
import type { Shared } from "./shared_pool.ts";

/** A connection that takes a request. Its `version` tells which one it is. */
export type Carrier = Pooled | Shared;

/** Whether nothing is under way on it: its end may have come meanwhile. */
export function isIdle(carrier: Carrier): boolean {
  return carrier.version === "1.1" || carrier.connection.openStreams === 0;
}
