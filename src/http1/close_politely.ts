/**
 * How a protocol wants its connection closed when the server shuts down: a WebSocket says 1001 first. The protocol sets
 * it with `setPoliteClose()`, and `http/server/switched.ts` calls `closePolitely()`.
 *
 * @module
 */

import type { Upgraded } from "./upgraded.ts";

const politeClose: unique symbol = Symbol("politeClose");

interface Polite {
  [politeClose]?: () => void;
}

/** From now on `close` ends the connection; it limits its own time. */
export function setPoliteClose(upgraded: object, close: () => void): void {
  (upgraded as Polite)[politeClose] = close;
}

/** Closes a connection as its protocol wants it; at once if the protocol has not said how. */
export function closePolitely(upgraded: Upgraded): void {
  const close = (upgraded as Polite)[politeClose];
  if (close === undefined) upgraded.close();
  else close();
}
