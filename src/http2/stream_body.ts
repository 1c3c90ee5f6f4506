/**
 * A body going out on a stream, and what follows it: what is there already at once, a source chunk by chunk. The streams of both roles
 * send with it.
 *
 * @module
 */

import { ignore } from "../duplex/deferred.ts";
import type { BodyListener } from "../http1/exchange_listener.ts";
import { makeTrailers, type OutgoingStream, type OutgoingTrailers, type SortedBody } from "../http1/outgoing_body.ts";
import type { StreamOutlet } from "./stream_outlet.ts";

/** Is told how long each part is. */
type SentListener = Pick<BodyListener, "onBodySent"> | null;

/**
 * Sends a body that is there already, its trailers and the end of the message. Without trailers that costs no promise.
 *
 * @returns Resolves when all is on its way; `undefined` if there is nothing to wait for.
 * @throws {unknown} The stream is gone; what the trailers fail with; `StateError` `body-length`.
 */
export function sendWhole(
  outlet: StreamOutlet,
  body: Exclude<SortedBody, { readonly type: "stream" }>,
  trailers: OutgoingTrailers | undefined,
  listener: SentListener,
): Promise<void> | undefined {
  if (body.type === "bytes") sendChunk(outlet, body.bytes, listener)?.catch(ignore);
  if (trailers !== undefined) return endWith(outlet, trailers);
  outlet.end(null);
  return undefined;
}

/**
 * Sends what a source yields, the trailers and the end of the message.
 *
 * @returns Resolves when all is on its way, or the source was stopped.
 * @throws {unknown} The stream is gone; what the source or the trailers fail with; `StateError` `body-length`.
 */
export async function sendSource(
  outlet: StreamOutlet,
  source: OutgoingStream,
  trailers: OutgoingTrailers | undefined,
  listener: SentListener,
): Promise<void> {
  if (await source.run((chunk) => sendChunk(outlet, chunk, listener))) outlet.end(await makeTrailers(trailers));
}

function sendChunk(outlet: StreamOutlet, chunk: Uint8Array, listener: SentListener): Promise<void> | undefined {
  listener?.onBodySent(chunk.length);
  return outlet.send(chunk);
}

async function endWith(outlet: StreamOutlet, trailers: OutgoingTrailers | undefined): Promise<void> {
  outlet.end(await makeTrailers(trailers));
}
