/**
 * The heads of messages, as they stand on the wire.
 *
 * @module
 */

import { checkObject, wrongType } from "../bytes/arguments.ts";
import type { Fields } from "./fields.ts";

/** The versions whose messages are text. */
export type Http1Version = "1.0" | "1.1";

/** The versions this package speaks. */
export type Version = Http1Version | "2";

/** A request's start line and fields. */
export interface RequestHead {
  /** Case-sensitive. */
  readonly method: string;
  /** Exactly as received: origin-form, absolute-form, authority-form or `*`. */
  readonly target: string;
  /** The version that the peer named. */
  readonly version: Version;
  /** The field lines. */
  readonly fields: Fields;
}

/** A response's status line and fields. */
export interface ResponseHead {
  /** 100–999. */
  readonly status: number;
  /** As received, possibly empty. */
  readonly reason: string;
  /** The version that the peer named. */
  readonly version: Version;
  /** The field lines. */
  readonly fields: Fields;
}

/** Whether a final response has no content, whatever its fields say: RFC 9110 §6.4.1, but for that of CONNECT. */
export function isBodiless(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 304;
}

/** Refuses what has no fields of ours. */
export function checkHead(head: { readonly fields: Fields }, name = "head"): void {
  checkObject(head, name);
  // Not by `getAll`, which Bun's `Headers` have as well (seen on 1.4.5).
  if (typeof head.fields?.hasToken !== "function") throw wrongType(`${name}.fields`, "Fields", head.fields);
}
