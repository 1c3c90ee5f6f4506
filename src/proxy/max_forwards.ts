/**
 * `Max-Forwards`: how many hops TRACE and OPTIONS may go on (RFC 9110 §7.6.2).
 *
 * @module
 */

import type { RequestHead } from "../semantics/message.ts";

/** How many hops a request may still go on, or `null` where nothing limits that. */
export function forwardsLeft({ method, fields }: RequestHead): number | null {
  if (method !== "TRACE" && method !== "OPTIONS") return null;
  const value = fields.get("max-forwards");
  return value !== null && /^[0-9]{1,9}$/.test(value) ? Number(value) : null;
}
