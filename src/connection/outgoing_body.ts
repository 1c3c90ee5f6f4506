/**
 * What a body to be sent may be, and the one loop that sends it.
 *
 * @module
 */

import type { BodySize } from "../http1/send_framing.ts";
import { Fields, type FieldsInit } from "../http1/fields.ts";

/**
 * A body to be sent: text (as UTF-8), bytes, or anything that yields bytes: a web stream, an async iterable, the body
 * of a message that was received. Bytes are not to be changed before the message was sent.
 */
export type OutgoingBody = string | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Trailers to be sent, or what makes them once the body is over. */
export type OutgoingTrailers = FieldsInit | (() => FieldsInit | Promise<FieldsInit>);

/** A body, sorted: what is there already, and what must be waited for. */
export type SortedBody =
  | { readonly type: "none" }
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  | { readonly type: "stream"; readonly stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> };

const NO_BODY: SortedBody = { type: "none" };
const encoder = new TextEncoder();

/**
 * Sorts a body.
 *
 * @throws {TypeError} It is none of the kinds.
 */
export function sortBody(body: OutgoingBody | null | undefined): SortedBody {
  if (body === null || body === undefined) return NO_BODY;
  if (typeof body === "string") return { type: "bytes", bytes: encodeText(body) };
  if (body instanceof Uint8Array) return { type: "bytes", bytes: body };
  if (body instanceof ReadableStream || Symbol.asyncIterator in body) return { type: "stream", stream: body };
  throw new TypeError("Cannot send the body: it is no text, no Uint8Array, no stream and no async iterable");
}

/** Short ASCII costs less here than in the platform's encoder. */
function encodeText(text: string): Uint8Array {
  if (text.length > 128) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}

/** The size, as far as it is known. */
export function bodySize(body: SortedBody): BodySize {
  if (body.type === "none") return "none";
  return body.type === "bytes" ? body.bytes.length : "unknown";
}

/**
 * Gives each chunk of a stream to `send`, one at a time. If `send` fails, or `stop` says so, the stream is canceled.
 *
 * @throws {unknown} What the stream or `send` fails with.
 */
export async function eachChunk(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  send: (chunk: Uint8Array) => Promise<void> | undefined,
  stop: () => boolean,
): Promise<void> {
  if (stream instanceof ReadableStream) return await eachOfReader(stream, send, stop);
  for await (const chunk of stream) {
    if (stop()) return;
    await send(checkChunk(chunk));
  }
}

async function eachOfReader(
  stream: ReadableStream<Uint8Array>,
  send: (chunk: Uint8Array) => Promise<void> | undefined,
  stop: () => boolean,
): Promise<void> {
  const reader = stream.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      if (stop()) return await reader.cancel();
      await send(checkChunk(value));
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    reader.releaseLock();
  }
}

function checkChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError("Cannot send the body: a chunk is not a Uint8Array");
}

/** Tells a body that will not be sent so. */
export function discardBody(body: OutgoingBody | null | undefined, reason: unknown): void {
  if (body instanceof ReadableStream) {
    if (!body.locked) body.cancel(reason).catch(() => {});
  } else if (body !== null && typeof body === "object" && Symbol.asyncIterator in body) {
    const canceled = (body as { cancel?(reason: unknown): unknown }).cancel;
    if (typeof canceled === "function") canceled.call(body, reason);
    else body[Symbol.asyncIterator]().return?.().catch(() => {});
  }
}

/**
 * The trailers, made now.
 *
 * @throws {TypeError} One of them cannot be sent.
 */
export async function makeTrailers(trailers: OutgoingTrailers | undefined): Promise<Fields | null> {
  if (trailers === undefined) return null;
  const init = typeof trailers === "function" ? await trailers() : trailers;
  return init instanceof Fields ? init : new Fields(init);
}
