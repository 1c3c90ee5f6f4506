/**
 * Content codings of a response.
 *
 * @module
 */

import type { IncomingResponse } from "../../http1/incoming.ts";
import type { Coding } from "../platform.ts";

/** What is asked for. */
export const ACCEPTED_CODINGS = "gzip, deflate, br";

/** More than that is no server's intention (curl's limit as well). */
const MOST_CODINGS = 5;

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ["br", "br"],
  ["deflate", "deflate"],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
]);

/** The codings to undo, the last one applied first; empty where there is none, or one that is not known. */
export function codingsOf(response: IncomingResponse): readonly Coding[] {
  if (response.body.over || response.body.length === 0 || !response.fields.has("content-encoding")) return [];
  const names = response.fields.list("content-encoding").map((name) => name.toLowerCase());
  const codings = names.flatMap((name) => CODINGS.get(name) ?? []);
  if (codings.length < names.length || codings.length > MOST_CODINGS) return [];
  return codings.reverse();
}
