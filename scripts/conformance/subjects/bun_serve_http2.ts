/**
 * `Bun.serve` that speaks HTTP/2 as well.
 *
 * @module
 */

import type { ServerUnderTest } from "../probe.ts";
import { server as serverWith } from "./bun_serve.ts";

/** `Bun.serve`. */
export function server(): Promise<ServerUnderTest> {
  return serverWith({ http2: true });
}
