/**
 * What a body to be sent may be, and the loop that reads it from a stream. Both drivers call it; it gives chunks to what
 * they send with.
 *
 * @module
 */

import { NO_BYTES } from "../bytes/no_bytes.ts";
import { soon } from "../duplex/soon.ts";
import { isBytes, wrongType } from "../bytes/arguments.ts";
import type { BodySize } from "./machine/send_framing.ts";
import { type Field, Fields, type FieldsInit } from "../semantics/fields.ts";
import { Deferred, quietly } from "../duplex/deferred.ts";

/**
 * A body to be sent: text (as UTF-8), bytes, or anything that yields bytes: a web stream, an async iterable, the body
 * of a message that was received. Bytes are not to be changed before the message was sent.
 */
export type OutgoingBody = string | Uint8Array | ByteSource;

/** What yields bytes by and by. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Trailers to be sent, or what makes them once the body is over. */
export type OutgoingTrailers = FieldsInit | (() => FieldsInit | Promise<FieldsInit>);

/** A body, sorted: what is there already, and what must be waited for. */
export type SortedBody =
  | { readonly type: "none" }
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  | { readonly type: "stream"; readonly stream: ByteSource };

const NO_BODY: SortedBody = { type: "none" };
const encoder = new TextEncoder();

/**
 * Sorts a body.
 *
 * @throws {TypeError} It is none of the kinds, or a stream that is locked.
 */
export function sortBody(body: OutgoingBody | null | undefined): SortedBody {
  if (body === null || body === undefined) return NO_BODY;
  if (typeof body === "string") return { type: "bytes", bytes: encodeText(body) };
  if (isBytes(body)) return { type: "bytes", bytes: body };
  if (body instanceof ReadableStream) {
    if (body.locked) throw new TypeError("Cannot send the body: its stream is locked");
    return { type: "stream", stream: body };
  }
  if (typeof body === "object" && Symbol.asyncIterator in body) return { type: "stream", stream: body };
  throw wrongType("body", "text, a Uint8Array, a stream or an async iterable", body);
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
 * The size of the body of a request that trailers follow. They stand behind chunks only, of which even an empty body has a last one
 * (RFC 9112 §7.1.2). A length that the caller gives stays, and leaves no place for them.
 *
 * @param fields Those of the request, not checked yet.
 */
export function sizeBeforeTrailers(body: SortedBody, fields: readonly Field[]): BodySize {
  const given = fields.some((field) => String(field?.[0]).toLowerCase() === "content-length");
  return given ? bodySize(body) : "unknown";
}

/** Takes a chunk; a promise if the next one has to wait. */
type SendChunk = (chunk: Uint8Array) => Promise<void> | undefined;

/**
 * A stream on its way out. It can be stopped from outside at any moment, also while the source is silent or the
 * transport takes nothing; the source is told so.
 */
export class OutgoingStream {
  readonly #source: ByteSource;
  readonly #stopped: Deferred<boolean> = new Deferred<boolean>();
  #chunks: Chunks | null = null;
  #over = false;

  /** Wraps a source and leaves it untouched. */
  constructor(source: ByteSource) {
    this.#source = source;
  }

  /**
   * Gives each chunk to `send`, one at a time. A source that lets wait for its first one gets an empty one in front, so
   * that the head does not wait with it.
   *
   * @returns Whether the source has ended; false as soon as it was stopped.
   * @throws {unknown} What the source or `send` fails with. The source is canceled then.
   */
  run(send: SendChunk): Promise<boolean> {
    return Promise.race([this.#stopped.promise, this.#run(send)]);
  }

  async #run(send: SendChunk): Promise<boolean> {
    const chunks = this.#chunks = chunksOf(this.#source);
    try {
      let first: NextChunk | null = chunks.next();
      // A chunk that is there already leaves with the head; the head waits for no other.
      if (await soon<object>(first) === "later") await send(NO_BYTES);
      while (!this.#over) {
        const { done, value } = await (first ?? chunks.next());
        first = null;
        if (this.#over || done) return !this.#over;
        const sent = send(checkChunk(value));
        if (sent !== undefined) await sent;
      }
      return false;
    } catch (error) {
      if (!this.#over) quietly(() => chunks.cancel(error));
      throw error;
    } finally {
      this.#over = true;
      chunks.release();
    }
  }

  /** Takes no more chunks and cancels the source. Without effect once it is over. */
  stop(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#chunks === null) discardBody(this.#source, reason);
    else quietly(() => this.#chunks!.cancel(reason));
    this.#stopped.resolve(false);
  }
}

type NextChunk = Promise<IteratorResult<unknown>> | Promise<ReadableStreamReadResult<unknown>>;

/** What is alike in a reader and an iterator. */
interface Chunks {
  next(): NextChunk;
  cancel(reason: unknown): unknown;
  release(): void;
}

function chunksOf(source: ByteSource): Chunks {
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return {
      next: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
      release: () => reader.releaseLock(),
    };
  }
  const iterator = source[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    cancel: (reason) => canCancel(source) ? source.cancel(reason) : iterator.return?.(),
    release: () => {},
  };
}

function checkChunk(chunk: unknown): Uint8Array {
  if (isBytes(chunk)) return chunk;
  throw new TypeError("Cannot send the body: a chunk is not a Uint8Array");
}

/** Tells a body that will not be sent so. Its failures are of no use. */
export function discardBody(body: OutgoingBody | null | undefined, reason: unknown): void {
  if (body === null || typeof body !== "object" || isBytes(body)) return;
  if (canCancel(body)) quietly(() => body.cancel(reason));
  else quietly(() => (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.());
}

function canCancel(source: object): source is { cancel(reason: unknown): unknown } {
  return typeof (source as { cancel?: unknown }).cancel === "function";
}

/** Refuses what are no trailers and makes none. */
export function checkTrailers(trailers: OutgoingTrailers, name: string): void {
  if (typeof trailers === "function" || (typeof trailers === "object" && trailers !== null)) return;
  throw wrongType(name, "pairs, a record, Fields or a function", trailers);
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
