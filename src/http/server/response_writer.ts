/**
 * A handler's `Response` as a message of the connection below. `exchanges.ts` calls it with what a handler has returned.
 *
 * @module
 */

import { ignore } from "../../duplex/deferred.ts";
import { soon } from "../../duplex/soon.ts";
import { headerLines } from "../../http1/header_lines.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { LightResponse } from "../../http1/light_response.ts";
import type { OutgoingBody, OutgoingTrailers } from "../../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../../http1/outgoing_response.ts";
import { fieldPairs, hasField } from "../../semantics/fields.ts";

/**
 * Turns a real response into what the connection sends. A body that is over with its first chunk goes out with the head
 * in one write.
 *
 * @throws {TypeError} The body was used already.
 */
export function outgoing(response: Response): OutgoingResponse | Promise<OutgoingResponse> {
  const real = LightResponse.real(response);
  // In this order: on Bun 1.4 the headers of a blob lack its type once its stream was asked for.
  const fields = headerLines(response.headers);
  const { status, statusText, body } = real;
  const head = { status, reason: statusText === "" ? undefined : statusText, fields };
  if (body === null) return head;
  if (real.bodyUsed || body.locked) throw new TypeError("Cannot send the response: its body was used");
  return hasField(fields, "content-length") ? { ...head, body } : firstChunk(head, body);
}

/** Adds trailers, for which the body goes out in chunks where the client takes them. */
export async function withTrailers(
  request: IncomingRequest,
  response: OutgoingResponse | Promise<OutgoingResponse>,
  trailers: OutgoingTrailers,
): Promise<OutgoingResponse> {
  const message = await response;
  const fields = [...fieldPairs(message.fields ?? [])];
  const wanted = request.fields.hasToken("te", "trailers") && hasField(fields, "trailer");
  if (wanted && !hasField(fields, "transfer-encoding")) fields.push(["transfer-encoding", "chunked"]);
  return { ...message, fields, trailers };
}

type Chunk = ReadableStreamReadResult<Uint8Array>;

/** A body that is over with its first chunk goes out with the head; the head waits for nothing that is yet to come. */
async function firstChunk(head: OutgoingResponse, body: ReadableStream<Uint8Array>): Promise<OutgoingResponse> {
  const reader = body.getReader();
  const begun = [reader.read(), reader.read()];
  const second = await soon(begun[1]!);
  if (second === "later") begun[0]!.catch(ignore); // `rest()` comes to it
  else if (second === "failed") await begun[0]; // throws if nothing has come: nothing is sent yet
  else if (second.done) {
    const first = await begun[0]!;
    if (first.done) return { ...head, body: new Uint8Array(0) };
    if (first.value instanceof Uint8Array) return { ...head, body: first.value };
  }
  return { ...head, body: rest(reader, begun) };
}

/** A body of which the first reads have begun already. */
function rest(reader: ReadableStreamDefaultReader<Uint8Array>, begun: Promise<Chunk>[]): OutgoingBody {
  const chunks = { next: () => (begun.shift() ?? reader.read()) as Promise<IteratorResult<Uint8Array>> };
  return { [Symbol.asyncIterator]: () => chunks, cancel: (reason: unknown) => reader.cancel(reason) } as OutgoingBody;
}
