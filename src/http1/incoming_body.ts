/**
 * The body of a message that is being received, read on demand.
 *
 * @module
 */

import { checkNumber } from "../bytes/arguments.ts";
import { concat } from "../bytes/concat.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { StateError } from "../errors/state_error.ts";
import { Fields } from "../semantics/fields.ts";
import type { BodyFraming } from "./machine/framing.ts";
import { Deferred, unattended } from "../duplex/deferred.ts";

/** Where an {@linkcode IncomingBody} gets its parts. */
export interface BodySource {
  /** The next data, or the trailers once the body is over. Never called while a call is pending. */
  pull(): Promise<Uint8Array | Fields>;
  /** The reader wants no more of it. */
  canceled(reason: unknown): void;
}

type State =
  | { readonly at: "open" }
  | { readonly at: "canceled"; readonly reason: unknown }
  | { readonly at: "ended"; readonly trailers: Fields | null }
  | { readonly at: "failed"; readonly error: unknown };

const OPEN: State = { at: "open" };
const EMPTY: State = { at: "ended", trailers: null };
const NOTHING: Uint8Array[] = [];
const END: Promise<null> = Promise.resolve(null);

/**
 * The body of a received message.
 *
 * Nothing is read from the transport before somebody asks, and no faster than they ask. A body that is cut short
 * fails with `truncated`; it never just ends. Use one way of reading: `read()`, `stream`, the iterator, or one of
 * `bytes()`, `text()`, `json()`.
 */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  /** How the peer delimited it. */
  readonly framing: BodyFraming;
  readonly #source: BodySource | null;
  #state: State;
  #queue: Uint8Array[];
  #pulling: Deferred<void> | null = null;
  #used = false;
  #stream: ReadableStream<Uint8Array> | null = null;
  #over: Deferred<Fields> | null = null;

  /**
   * Wraps a source; without one the body is empty.
   *
   * @param framing How it is delimited.
   * @param source Where it comes from.
   */
  constructor(framing: BodyFraming, source: BodySource | null) {
    this.framing = framing;
    this.#source = source;
    this.#state = source === null ? EMPTY : OPEN;
    this.#queue = source === null ? NOTHING : [];
  }

  /** Whether somebody has begun to read or has canceled it. */
  get used(): boolean {
    return this.#used;
  }

  /** Whether the reader gave it up. */
  get canceled(): boolean {
    return this.#state.at === "canceled";
  }

  /** Its length in bytes where the peer announced one, else `undefined`. An absent body has 0. */
  get length(): number | undefined {
    if (this.framing.type === "none") return 0;
    return this.framing.type === "length" ? this.framing.bytes : undefined;
  }

  /** Whether everything has come in, or nothing more will. */
  get over(): boolean {
    return this.#complete || this.#state.at === "ended" || this.#state.at === "failed";
  }

  /** The trailer fields; empty for most bodies. Resolves when the body was read to its end. Needs no handler. */
  get trailers(): Promise<Fields> {
    this.#over ??= new Deferred<Fields>();
    this.#announce();
    return this.#over.promise;
  }

  /** The body as a stream of views; nothing is read ahead. */
  get stream(): ReadableStream<Uint8Array> {
    return this.#stream ??= new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await this.read();
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => this.cancel(reason),
    }, { highWaterMark: 0 });
  }

  /**
   * The next data, as a view of received bytes that is the caller's from then on, or `null` at the end. A rejection
   * needs no handler.
   *
   * @throws {ProtocolError} The body is malformed or `truncated`.
   * @throws {TransportError} The transport failed.
   * @throws {StateError} `body-used`: it was canceled, or discarded because nobody had asked for it.
   */
  read(): Promise<Uint8Array | null> {
    this.#used = true;
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    return this.#ended ? END : unattended(this.#readOn());
  }

  #take(): Uint8Array | undefined {
    const chunk = this.#queue.shift();
    if (chunk === undefined) return undefined;
    this.#unread -= chunk.length;
    this.#onTaken?.();
    return chunk;
  }

  async #readOn(): Promise<Uint8Array | null> {
    while (true) {
      if (this.#state.at === "failed") throw this.#state.error;
      if (this.#state.at === "canceled") throw new StateError("body-used", "Cannot read the body: it was canceled");
      await this.#pull();
      const chunk = this.#take();
      if (chunk !== undefined) return chunk;
      if (this.#ended) return null;
    }
  }

  get #ended(): boolean {
    return this.#state.at === "ended";
  }

  /** The data, part by part. Leaving the loop early cancels the body. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    let finished = false;
    try {
      for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk;
      finished = true;
    } finally {
      if (!finished) this.cancel();
    }
  }

  /**
   * The whole body. A rejection needs no handler.
   *
   * @param maxBytes The most to take; 64 MiB when left out.
   * @throws {RangeError} The body is longer; the rest is canceled.
   */
  bytes(maxBytes: number = 67_108_864): Promise<Uint8Array> {
    return unattended(this.#bytes(maxBytes));
  }

  async #bytes(maxBytes: number): Promise<Uint8Array> {
    checkNumber(maxBytes, "maxBytes");
    if (this.#used) throw new StateError("body-used", "Cannot read the body: it was used before");
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of this) {
      total += chunk.length;
      if (total > maxBytes) throw new RangeError(`Cannot take a body of more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0]! : concat(chunks);
  }

  /** The whole body as UTF-8 text; malformed sequences become U+FFFD. Limits as in {@linkcode bytes}. */
  text(maxBytes?: number): Promise<string> {
    return unattended(this.bytes(maxBytes).then((bytes) => new TextDecoder().decode(bytes)));
  }

  /** The whole body as JSON. Limits as in {@linkcode bytes}. */
  json(maxBytes?: number): Promise<unknown> {
    return unattended(this.text(maxBytes).then((text) => JSON.parse(text)));
  }

  /** Gives up the rest. The connection discards a bounded amount of it, or closes. Idempotent. */
  cancel(reason?: unknown): void {
    this.#used = true;
    const open = this.#state.at === "open";
    if (!open && this.#queue.length === 0) return;
    this.#queue = NOTHING;
    this.#unread = 0;
    this.#complete ||= !open;
    this.#state = { at: "canceled", reason };
    this.#announce();
    if (open) this.#source?.canceled(reason);
  }

  /**
   * Takes the rest in, for a connection that must get behind it: kept for a reader if it was not canceled. A reader who
   * is slower than the peer sets the pace.
   *
   * @param maxBytes The most to keep that nobody has read, or to discard.
   * @param keep Whether what nobody has read yet is kept.
   * @param onTaken Called whenever the reader takes some of it.
   * @returns Whether the end was reached.
   * @throws {unknown} What reading fails with.
   */
  async finish(maxBytes: number, keep: boolean, onTaken: (() => void) | null = null): Promise<boolean> {
    this.#onTaken = onTaken;
    if (!keep && !this.#used) this.cancel();
    while (!this.over) {
      if (this.#unread <= maxBytes) await this.#pull();
      else if (this.canceled || !this.#used) return false;
      else await this.trailers.catch(() => {});
    }
    if (this.#state.at === "failed") throw this.#state.error;
    return true;
  }

  /** Whether the end has come, also of a body that nobody wants: to its reader that has not ended, but is canceled. */
  #complete = false;

  #onTaken: (() => void) | null = null;

  /** The number of bytes that came in and that nobody has read, discarded ones included. */
  #unread = 0;

  /** Waits for the next part, or until the body has failed: no part may come then for a long time. */
  #pull(): Promise<void> {
    if (this.#pulling !== null) return this.#pulling.promise;
    const pulling = this.#pulling = new Deferred<void>();
    this.#pullOnce(pulling);
    return pulling.promise;
  }

  async #pullOnce(pulling: Deferred<void>): Promise<void> {
    try {
      const part = await this.#source!.pull();
      const open = this.#state.at === "open";
      if (part instanceof Fields) {
        this.#complete = true;
        if (open) this.#state = { at: "ended", trailers: part };
      } else {
        this.#unread += part.length;
        if (open) this.#queue.push(part);
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#pulling = null;
      this.#announce();
      pulling.resolve();
    }
  }

  #announce(): void {
    if (this.#over === null) return;
    if (this.#state.at === "ended") this.#over.resolve(this.#state.trailers ?? new Fields());
    if (this.#state.at === "failed") this.#over.reject(this.#state.error);
    if (this.#state.at === "canceled") {
      this.#over.reject(new StateError("body-used", "Cannot give trailers: the body was canceled"));
    }
  }

  /** Breaks a body that is still open, when its connection ends. */
  fail(error: unknown): void {
    if (this.#state.at !== "open" && this.#state.at !== "canceled") return;
    this.#state = { at: "failed", error };
    this.#announce();
    this.#pulling?.resolve();
  }
}

/** The error of a body whose connection ended under it. */
export function bodyTruncated(cause: unknown): ProtocolError {
  const error = new ProtocolError("truncated", "Cannot read the body: the connection ended", "RFC 9112 §8");
  error.cause = cause;
  return error;
}
