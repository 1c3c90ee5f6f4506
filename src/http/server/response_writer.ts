/**
 * A handler's `Response` as a message of the connection below. `exchanges.ts` calls it with what a handler has returned.
 *
 * @module
 */

import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { ignore } from "../../duplex/deferred.ts";
import { TURN, TURNS } from "../../duplex/soon.ts";
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
  if (request.version === "2") return { ...message, trailers };
  const fields = [...fieldPairs(message.fields ?? [])];
  const wanted = request.fields.hasToken("te", "trailers") && hasField(fields, "trailer");
  if (wanted && !hasField(fields, "transfer-encoding")) fields.push(["transfer-encoding", "chunked"]);
  return { ...message, fields, trailers };
}

type Read = Promise<ReadableStreamReadResult<Uint8Array>>;

/** In so many turns a body that was given as text or bytes is over: one more than Node, Deno and Bun need. */
const TURNS_TO_CLOSE = 3;

/** A body that is over with its first chunk goes out with the head; the head waits for nothing that is yet to come. */
async function firstChunk(head: OutgoingResponse, body: ReadableStream<Uint8Array>): Promise<OutgoingResponse> {
  const reader = body.getReader();
  const first = reader.read();
  const begun = [first];
  let end: "later" | "over" | "more" | "failed" = "later";
  const fail = (): void => void (end = "failed");
  // A stream may end with what the second read gets: only that read tells then.
  const over = (): void => {
    if (begun.length === 1) end = "over";
  };
  reader.closed.then(over, fail);
  for (let turn = 0; turn < TURNS && end === "later"; turn++) {
    if (turn === TURNS_TO_CLOSE) {
      // Other bodies must be asked, which costs as much as the first read.
      const second = reader.read();
      begun.push(second);
      second.then(({ done }) => end = done ? "over" : "more", fail);
    }
    await TURN;
  }
  switch (end as typeof end | "over" | "more" | "failed") {
    case "over": {
      const { done, value } = await first; // throws if nothing has come: nothing is sent yet
      if (done) return { ...head, body: NO_BYTES };
      if (value instanceof Uint8Array) return { ...head, body: value };
      break;
    }
    case "failed":
      await first;
      break;
    case "later":
      first.catch(ignore); // `rest()` comes to it
  }
  return { ...head, body: rest(reader, begun) };
}

/** A body of which the first reads have begun already. */
function rest(reader: ReadableStreamDefaultReader<Uint8Array>, begun: Read[]): OutgoingBody {
  const chunks = { next: () => (begun.shift() ?? reader.read()) as Promise<IteratorResult<Uint8Array>> };
  return { [Symbol.asyncIterator]: () => chunks, cancel: (reason: unknown) => reader.cancel(reason) } as OutgoingBody;
}
