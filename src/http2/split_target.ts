/**
 * A request-target of HTTP/1.1 in the three parts that HTTP/2 has for it (RFC 9113 §8.3.1).
 *
 * @module
 */

import { ABSOLUTE_FORM } from "../semantics/target.ts";

/** The parts; `null` where the target does not say. */
export interface TargetParts {
  /** In lower case. */
  readonly scheme: string | null;
  /** The host, with its port if there is one. */
  readonly authority: string | null;
  /** The path and the query, or `*`. */
  readonly path: string;
}

/** Splits a target in origin-form, absolute-form or asterisk-form. */
export function splitTarget(target: string): TargetParts {
  const match = target.charCodeAt(0) === 0x2f ? null : ABSOLUTE_FORM.exec(target);
  if (match === null) return { scheme: null, authority: null, path: target };
  const path = match[3]!;
  return {
    scheme: match[1]!.toLowerCase(),
    authority: match[2]!,
    path: path.charCodeAt(0) === 0x2f ? path : `/${path}`,
  };
}
