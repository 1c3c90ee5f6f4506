/**
 * Channels of `node:diagnostics_channel`, on which programs listen to libraries that they did not start. `http/trace.ts`
 * publishes on them.
 *
 * @module
 */

import { builtinModule } from "./builtin_module.ts";

/** As much of a channel as is used. */
export interface DiagnosticsChannel {
  /** Whether anybody listens now. */
  readonly hasSubscribers: boolean;
  /** Tells those who listen, one after the other. What they throw goes to the process, not to the caller. */
  publish(message: unknown): void;
}

/** The channel of this name, always the same; `null` where there is no `node:diagnostics_channel`. */
export function diagnosticsChannel(name: string): DiagnosticsChannel | null {
  const module = builtinModule("node:diagnostics_channel") as
    | { channel(name: string): DiagnosticsChannel }
    | undefined;
  return module?.channel(name) ?? null;
}
