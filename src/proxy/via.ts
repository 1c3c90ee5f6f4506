/**
 * `Via`: which hops a message has passed, and whether it has been here before (RFC 9110 §7.6.3).
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
