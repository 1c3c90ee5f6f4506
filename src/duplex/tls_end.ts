/**
 * The end of TLS that was not said: TCP has ended without `close_notify` (RFC 8446 §6.1). `net/` finds it where its runtime tells, and
 * the connections of HTTP ask what it means for them.
 *
 * @module
 */

import type { TransportError } from "../errors/transport_error.ts";

const unsaid: WeakSet<object> = new WeakSet();

/** Remembers that an error says no more than that. */
export function unsaidEnd(error: TransportError): TransportError {
  unsaid.add(error);
  return error;
}

/** Whether an error says no more than that the peer has ended TLS without a word: it may have been cut by others as well. */
export function isUnsaidEnd(error: unknown): boolean {
  return typeof error === "object" && error !== null && unsaid.has(error);
}
