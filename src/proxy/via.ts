/**
 * `Via`: which hops a message has passed, and whether it has been here before (RFC 9110 §7.6.3).
 *
 * The clause decides what gets it. A proxy must add it to each message that it forwards: `forwardProxy()` does, to requests,
 * responses and 1xx alike. A gateway must add it to requests and may add it to responses: `reverseProxy()` leaves responses
 * as they are.
 *
 * @module
 */

import type { Field, Fields } from "../semantics/fields.ts";
import type { Version } from "../semantics/message.ts";

/** The line that a hop of this name adds to a message that it has received. */
export function viaField(version: Version, by: string): Field {
  return ["Via", `${version} ${by}`];
}

/** Whether a message has passed a hop of this name: then forwarding it again may never end. Names compare by case. */
export function hasPassed(fields: Fields, by: string): boolean {
  if (!fields.has("via")) return false;
  return fields.list("via").some((hop) => /^\S+[ \t]+([^\s(]+)/.exec(hop)?.[1] === by);
}

/** How a proxy calls itself without a name: each has one of its own, so that two in a row are no loop. */
export function pseudonym(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `http-upgrade-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
