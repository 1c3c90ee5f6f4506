/**
 * What a handler's failure means: whose doing it is, and what the client is told.
 *
 * @module
 */

import { ProtocolError } from "../http1/errors.ts";

const departures: WeakSet<object> = new WeakSet();

/** Remembers that an error says no more than that the client of a connection has left. */
export function departed<Failure>(error: Failure): Failure {
  if (typeof error === "object" && error !== null) departures.add(error);
  return error;
}

/** Whether an error, or what caused it, says no more than that the client has left. */
export function isDeparture(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  return departures.has(error) || isDeparture((error as { readonly cause?: unknown }).cause);
}

/**
 * Whether another machine has failed, or the way to it, and no code of ours. Names are asked, since two copies of the
 * package have classes of their own.
 */
export function isPeersDoing(error: unknown): boolean {
  const { name } = Object(error) as { readonly name?: unknown };
  if (name === "TransportError" || name === "ProtocolError" || name === "UnsentError") return true;
  return name === "TimeoutError" || isRejectedByPeer(error);
}

/** Whether a server or a proxy has refused to switch; only clients have its response. */
function isRejectedByPeer(error: unknown): boolean {
  const { name, response } = Object(error) as { readonly name?: unknown; readonly response?: unknown };
  return name === "UpgradeRejected" && response !== undefined;
}

/**
 * What a client is told when its handler has passed on a failure: 504 and 502 when that is one of a server behind it (RFC
 * 9110 §15.6.3, §15.6.5), the status of a `ProtocolError` if it is a refusal, else 500.
 */
export function statusOf(error: unknown): number {
  if (error instanceof ProtocolError) return isRefusal(error.status) ? error.status : 500;
  const { name, code, cause } = Object(error) as { readonly [key in "name" | "code" | "cause"]?: unknown };
  if (name === "TransportError") return code === "timeout" ? 504 : 502;
  if (name === "TimeoutError") return 504;
  if (isRejectedByPeer(error)) return 502;
  return name === "UnsentError" && cause !== undefined ? statusOf(cause) : 500;
}

function isRefusal(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 599;
}
