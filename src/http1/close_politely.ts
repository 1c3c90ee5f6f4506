/**
 * How a protocol wants its connection closed when the server shuts down: a WebSocket says 1001 first. The protocol sets
 * it with `setPoliteClose()`, and `http/server/switched.ts` calls `closePolitely()`.
 *
 * @module
 */

import { Deadline } from "../duplex/clock.ts";
import type { OutletLimits } from "../duplex/outlet.ts";
import { TURN, TURNS } from "../duplex/soon.ts";
import { TransportError } from "../errors/transport_error.ts";
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
 * Closes a connection as its protocol wants it; at once if the protocol has not said how.
 *
 * @param limits `null` where the transport limits its own time, as a stream of HTTP/2 does.
 */
export function closePolitely(upgraded: Upgraded, limits: OutletLimits | null): void {
  const protocol = (upgraded as Polite)[politeClose];
  if (protocol !== undefined) protocol.goAway();
  else closeInTime(upgraded, limits);
}

/** What was written before is sent first: a peer that takes nothing must not hold up the server for ever. */
function closeInTime(upgraded: Upgraded, limits: OutletLimits | null): void {
  const closing = upgraded.close();
  if (limits === null) return;
  const deadline = new Deadline(limits.clock);
  deadline.set(limits.writeTimeoutMs, () => {
    upgraded.abort(new TransportError("timeout", "The peer did not take our bytes in time"));
  });
  const stop = (): void => deadline.stop();
  closing.then(stop, stop);
}

/** The same for one that switches while the server shuts down: its protocol begins by and by, and says how then. */
export async function closeOncePolite(upgraded: Upgraded, limits: OutletLimits | null): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await TURN;
  closePolitely(upgraded, limits);
}
