/**
 * Content codings (RFC 9110 §8.4): which are asked for, and how the body of a response is decoded. An exchange asks for
 * them, a response decodes; the platform's inflaters do the work.
 *
 * @module
 */

import { ProtocolError } from "../../errors/protocol_error.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import { type Field, hasField } from "../../semantics/fields.ts";
import { type Coding, CodingError, decompress } from "../platform.ts";

const ACCEPTED_CODINGS = "gzip, deflate, br";

/** No server means to apply more (curl's limit as well). */
const MAX_CODINGS = 5;

const NO_CODINGS: readonly Coding[] = [];
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ["br", "br"],
  ["deflate", "deflate"],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
]);

/**
 * The `Accept-Encoding` of a request that has none, or `null` for no such field. A range of a body that is coded anew
 * for each request is of no use (Fetch standard, "HTTP-network-or-cache fetch").
 */
export function acceptedCodings(fields: readonly Field[], decompress: boolean): string | null {
  if (hasField(fields, "range")) return "identity";
  return decompress ? ACCEPTED_CODINGS : null;
}

/** The codings to undo, the last one applied first; empty where there is none, or one that is not known. */
export function codingsOf(response: IncomingResponse): readonly Coding[] {
  if (response.body.over || response.body.length === 0 || !response.fields.has("content-encoding")) return NO_CODINGS;
  const names = response.fields.list("content-encoding").map((name) => name.toLowerCase());
  const codings = names.flatMap((name) => CODINGS.get(name) ?? []);
  if (codings.length < names.length || codings.length > MAX_CODINGS) return NO_CODINGS;
  return codings.reverse();
}

/**
 * The body without its codings. Fails with a `CodingError`, with what reading the body fails with, or as soon as the signal
 * aborts: what has come already may be decoded for very long.
 */
export function decoded(
  body: AsyncIterable<Uint8Array>,
  codings: readonly Coding[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (const coding of codings) body = decompress(body, coding, signal);
  return body as AsyncGenerator<Uint8Array>;
}

/** What the caller is told of a failure. A body that cannot be decoded came whole: the server is at fault. */
export function decodingFailure(error: unknown): unknown {
  if (!(error instanceof CodingError)) return error;
  const message = `Cannot decode the body: ${error.message}`;
  return new ProtocolError("bad-content-coding", message, "RFC 9110 §8.4", 502, { cause: error });
}
