/**
 * How a protocol wants its connection closed when the server shuts down: a WebSocket says 1001 first. The protocol sets
 * it with `setPoliteClose()`, and `http/server/switched.ts` calls `closePolitely()`.
 *
 * @module
 */

import { TURN, TURNS } from "../duplex/soon.ts";
import { sentInTime, type WriteLimits } from "../duplex/write_limit.ts";
import type { Upgraded } from "./upgraded.ts";

const politeClose: unique symbol = Symbol("politeClose");

/** A protocol that says good-bye. */
export interface PoliteProtocol {
  /** Ends the connection, and limits its own time. */
  goAway(): void;
}

interface Polite {
  [politeClose]?: PoliteProtocol;
}

/** From now on `protocol` ends the connection. */
export function setPoliteClose(upgraded: object, protocol: PoliteProtocol): void {
  (upgraded as Polite)[politeClose] = protocol;
}

/**
 * Closes a connection as its protocol wants it; at once if the protocol has not said how. What was written before is sent first, but a
 * peer that takes nothing must not hold up the server for ever.
 *
 * @param limits `null` where the transport limits its own time, as a stream of HTTP/2 does.
 */
export function closePolitely(upgraded: Upgraded, limits: WriteLimits | null): void {
  const protocol = (upgraded as Polite)[politeClose];
  if (protocol !== undefined) return protocol.goAway();
  const closing = upgraded.close();
  if (limits !== null) void sentInTime(closing, limits, upgraded);
}

/** The same for one that switches while the server shuts down: its protocol begins by and by, and says how then. */
export async function closeOncePolite(upgraded: Upgraded, limits: WriteLimits | null): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await TURN;
  closePolitely(upgraded, limits);
}
