/**
 * Two connections become one, for as long as the limits of tunnels let them: behind a CONNECT, and behind an upgrade.
 *
 * @module
 */

import { type Clock, Deadline } from "../../duplex/clock.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { abandon } from "../../http/client/way/connector.ts";
import { joined } from "../tunnel.ts";
import type { EndReason, Exchange } from "./audit.ts";
import type { Settings } from "./settings.ts";

/** What limits it. */
export interface CopyLimits {
  readonly settings: Pick<Settings, "maxTunnelBytes" | "maxTunnelMs" | "tunnelIdleTimeoutMs">;
  readonly clock: Clock;
}

/** Copies both ways until it is over, and tells the exchange why that is. Never rejects. */
export async function copy(
  near: DuplexLike,
  far: DuplexLike,
  exchange: Exchange,
  { settings, clock }: CopyLimits,
): Promise<void> {
  const { maxTunnelBytes, maxTunnelMs, tunnelIdleTimeoutMs } = settings;
  const limit = new TunnelLimit(maxTunnelMs, maxTunnelBytes, clock);
  try {
    await joined(near, far, {
      idleTimeoutMs: tunnelIdleTimeoutMs,
      signal: limit.signal,
      clock,
      onBytes(sent, received) {
        exchange.count(sent, received);
        limit.count(sent + received);
      },
    });
    exchange.end("done");
  } catch (error) {
    abandon(near, error);
    abandon(far, error);
    exchange.end(limit.reason ?? reasonOf(error));
  } finally {
    limit.stop();
  }
}

function reasonOf(error: unknown): EndReason {
  return error instanceof TransportError && error.code === "timeout" ? "idle-timeout" : "cut";
}

/** How long a tunnel may be, in time and in bytes. */
export class TunnelLimit {
  /** Aborts when the time is up; `undefined` where there is no limit. */
  readonly signal: AbortSignal | undefined;
  /** Which limit was reached. */
  reason: EndReason | null = null;
  readonly #maxBytes: number;
  readonly #deadline: Deadline | null = null;

  constructor(maxMs: number, maxBytes: number, clock: Clock) {
    this.#maxBytes = maxBytes;
    if (maxMs === 0 || maxMs === Infinity) return;
    this.#deadline = new Deadline(clock);
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#deadline.set(maxMs, () => {
      this.reason = "time-limit";
      controller.abort(new TransportError("closed", `The tunnel was open for ${maxMs} ms`));
    });
  }

  /** Counts all that went through. Throws where that is too much. */
  count(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    this.reason = "byte-limit";
    throw new TransportError("closed", `More than ${this.#maxBytes} bytes went through the tunnel`);
  }

  /** No timer is left. */
  stop(): void {
    this.#deadline?.stop();
  }
}
