/**
 * The body of a client's request: whatever `fetch()` takes, as what a connection can send. `clientRequest()` calls it.
 *
 * @module
 */

import type { OutgoingBody } from "../../http1/outgoing_body.ts";
import type { ClientBody } from "./options.ts";

/** A body that a connection can send, and what its fields must say of it. */
export interface RequestBody {
  readonly body: OutgoingBody;
  /** The `content-type` that it has by itself, or `null`. */
  readonly type: string | null;
  /** Its length in bytes, where the connection cannot see it. */
  readonly length?: number;
}

/** Whether a body can be sent twice. */
export function isReplayable(body: OutgoingBody | null): boolean {
  return body === null || typeof body === "string" || body instanceof Uint8Array || body instanceof BlobBody;
}

/**
 * Makes a body that can be sent.
 *
 * @throws {TypeError} It is a stream that is locked.
 */
export function requestBody(body: ClientBody): RequestBody | Promise<RequestBody> {
  if (typeof body === "string") return { body, type: "text/plain;charset=UTF-8" };
  if (body instanceof Uint8Array) return { body, type: null };
  if (body instanceof ReadableStream) return { body: checkFree(body), type: null };
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body), type: null };
  if (ArrayBuffer.isView(body)) {
    return { body: new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength), type: null };
  }
  if (body instanceof URLSearchParams) {
    return { body: body.toString(), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (body instanceof Blob) {
    return { body: new BlobBody(body), type: body.type === "" ? null : body.type, length: body.size };
  }
  if (body instanceof FormData) return encodeForm(body);
  if (typeof body === "object" && Symbol.asyncIterator in body) {
    return { body: body as AsyncIterable<Uint8Array>, type: null };
  }
  return { body: String(body), type: "text/plain;charset=UTF-8" };
}

function checkFree(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  if (stream.locked) throw new TypeError("Cannot send the body: its stream is locked");
  return stream;
}

/** The platform encodes it. All of it is kept, so that length and boundary are known and a redirect can repeat it. */
async function encodeForm(form: FormData): Promise<RequestBody> {
  const encoded = new Response(form);
  return { type: encoded.headers.get("content-type"), body: new Uint8Array(await encoded.arrayBuffer()) };
}

/** A blob, which can be sent again: each time it is read anew. */
class BlobBody implements AsyncIterable<Uint8Array> {
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const reader = this.#blob.stream().getReader();
    let over = false;
    try {
      while (true) {
        const { done, value } = await reader.read();
        over = done;
        if (done) return;
        yield value;
      }
    } finally {
      if (!over) await reader.cancel();
    }
  }
}
