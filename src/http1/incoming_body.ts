/**
 * The body of a message that is being received, read on demand. Programs and `http/` read it; a connection is its source,
 * and tells it to take the rest in, or that it has failed.
 *
 * @module
 */

import { checkNumber } from "../bytes/arguments.ts";
import { concat } from "../bytes/concat.ts";
import { PartQueue } from "../bytes/part_queue.ts";
import { StateError } from "../errors/state_error.ts";
import { Fields } from "../semantics/fields.ts";
import type { BodySource } from "./body_source.ts";
import type { BodyFraming } from "./machine/framing.ts";
import { chunkStream } from "../duplex/chunk_stream.ts";
import { Deferred, unattended } from "../duplex/deferred.ts";

type State =
  | { readonly at: "open" }
  | { readonly at: "canceled"; readonly reason: unknown }
  | { readonly at: "ended"; readonly trailers: Fields | null }
  | { readonly at: "failed"; readonly error: unknown };

const OPEN: State = { at: "open" };
const EMPTY: State = { at: "ended", trailers: null };
const END: Promise<null> = Promise.resolve(null);
/** 64 MiB. */
const MAX_WHOLE_BYTES = 67_108_864;

/** A body that is read whole. The first part is kept as it is: most bodies have no other. */
interface Whole {
  first: Uint8Array | null;
  others: PartQueue | null;
  readonly maxBytes: number;
  bytes: number;
}

/** The whole body, as {@linkcode IncomingBody.bytes}: a promise only if it must be waited for. Throws instead of rejecting. */
export let wholeBody: (body: IncomingBody, maxBytes: number) => Uint8Array | Promise<Uint8Array>;

/** Whether a body broke before its end. */
export let hasFailed: (body: IncomingBody) => boolean;

/**
 * Whether a reader wants what is left: one that has begun, or that holds the stream, which asks for data a moment later
 * than its reader does. That counts as used from now on.
 */
export let isWanted: (body: IncomingBody) => boolean;

/** Whether all of it was read, also if its reader was not told so yet: the end may have come with the last bytes. */
export let isReadToEnd: (body: IncomingBody) => boolean;

/** Whether something is a body itself, or its stream. */
export let isBodyOf: (candidate: unknown, body: IncomingBody) => boolean;

/**
 * The body as bytes, if it has arrived completely, has no trailers and is not longer; else `null`, and it is read as
 * before. Never waits.
 */
export let arrivedBody: (body: IncomingBody, maxBytes: number) => Uint8Array | null;

/**
 * The body of a received message.
 *
 * Nothing is read from the transport before a reader asks, and no faster than it asks. A body that is cut short fails
 * with `truncated`; it never just ends. Use one way of reading: `read()`, `stream`, the iterator, or one of `bytes()`,
 * `text()`, `json()`.
 */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  /** How the peer delimited it. */
  readonly framing: BodyFraming;
  readonly #source: BodySource | null;
  #state: State;
  /** What came before its reader asked, while the connection gets behind the body. */
  #kept: PartQueue | null = null;
  /** The number of bytes that came in and were not read, discarded ones included. */
  #unread = 0;
  /** Whether the end of the message has come, which a reader may not know yet or, after `cancel()`, never learns. */
  #complete = false;
  /** Settled when more has arrived or the body has failed. */
  #arrival: Deferred<void> | null = null;
  #used = false;
  #stream: ReadableStream<Uint8Array> | null = null;
  #trailers: Deferred<Fields> | null = null;
  #onTaken: (() => void) | null = null;

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
  }

  /** Whether reading has begun, or the body was canceled. */
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

  /**
   * The trailer fields; empty for most bodies. Resolves when the body was read to its end, and rejects when that cannot be any more.
   * Needs no handler.
   */
  get trailers(): Promise<Fields> {
    if (this.#trailers === null) {
      const trailers = this.#trailers = new Deferred<Fields>();
      this.#announceEnd();
      if (this.#state.at === "open") this.#source?.whenLost?.((error) => trailers.reject(error));
    }
    return this.#trailers.promise;
  }

  /** The body as a stream. Each chunk is the reader's, who may transfer it. Nothing is read ahead. */
  get stream(): ReadableStream<Uint8Array> {
    return this.#stream ??= chunkStream(() => this.read(), (reason) => this.cancel(reason));
  }

  /**
   * The next data, or `null` at the end. It is a view of received bytes, which are not written again; but others stand beside them, so
   * its buffer is not to be transferred. A rejection needs no handler.
   *
   * @throws {ProtocolError} The body is malformed or `truncated`.
   * @throws {TransportError} The transport failed.
   * @throws {StateError} `body-used`: it was canceled, or discarded because it was not read in time.
   */
  read(): Promise<Uint8Array | null> {
    this.#used = true;
    return this.#state.at === "ended" && this.#unread === 0 ? END : unattended(this.#read());
  }

  async #read(): Promise<Uint8Array | null> {
    while (true) {
      const chunk = this.#take();
      if (chunk !== undefined) return chunk;
      await this.#arrived();
    }
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
  bytes(maxBytes: number = MAX_WHOLE_BYTES): Promise<Uint8Array> {
    return unattended(this.#promised(maxBytes));
  }

  #promised(maxBytes?: number): Promise<Uint8Array> {
    return new Promise((resolve) => resolve(this.#whole(maxBytes)));
  }

  #whole(maxBytes: number = MAX_WHOLE_BYTES): Uint8Array | Promise<Uint8Array> {
    checkNumber(maxBytes, "maxBytes");
    if (this.#used) throw new StateError("body-used", "Cannot read the body: it was used before");
    this.#used = true;
    const whole: Whole = { first: null, others: null, bytes: 0, maxBytes };
    return this.#gather(whole) ? joined(whole) : this.#gatherLater(whole);
  }

  async #gatherLater(whole: Whole): Promise<Uint8Array> {
    do await this.#arrived(); while (!this.#gather(whole));
    return joined(whole);
  }

  /** Adds what has arrived. Returns whether that was the end. */
  #gather(whole: Whole): boolean {
    while (true) {
      const chunk = this.#take();
      if (!chunk) return chunk === null;
      if (whole.first === null) whole.first = chunk;
      else (whole.others ??= new PartQueue()).push(chunk);
      whole.bytes += chunk.length;
      if (whole.bytes <= whole.maxBytes) continue;
      this.cancel();
      throw new RangeError(`Cannot take a body of more than ${whole.maxBytes} bytes`);
    }
  }

  /** The whole body as UTF-8 text; malformed sequences become U+FFFD. Limits as in {@linkcode bytes}. */
  text(maxBytes?: number): Promise<string> {
    return unattended(this.#promised(maxBytes).then((bytes) => new TextDecoder().decode(bytes)));
  }

  /** The whole body as JSON. Limits as in {@linkcode bytes}. */
  json(maxBytes?: number): Promise<unknown> {
    return unattended(this.text(maxBytes).then((text) => JSON.parse(text)));
  }

  /**
   * Gives up the rest. The connection discards a bounded amount of it, or closes. Idempotent. The request of a response that is given up
   * goes on over HTTP/1.1, as far as it is not sent; over HTTP/2 its stream is reset.
   */
  cancel(reason?: unknown): void {
    this.#used = true;
    const open = this.#state.at === "open";
    if (!open && (this.#kept === null || this.#kept.empty)) return;
    this.#kept = null;
    this.#unread = 0;
    this.#complete ||= !open;
    this.#become({ at: "canceled", reason });
    if (open) this.#source?.canceled(reason);
  }

  /**
   * Takes the rest in, for a connection that must get behind it: kept for a reader if it was not canceled. A reader that
   * is slower than the peer sets the pace.
   *
   * @param maxBytes The most to keep unread, or to discard.
   * @param keep Whether an unused body is kept.
   * @param onTaken Called whenever the reader takes some of it.
   * @returns Whether the end was reached.
   * @throws {unknown} What reading fails with.
   */
  async finish(maxBytes: number, keep: boolean, onTaken: (() => void) | null = null): Promise<boolean> {
    this.#onTaken = onTaken;
    if (!keep && !this.#used) this.cancel();
    while (!this.over) {
      if (this.#unread <= maxBytes) {
        const part = this.#next();
        if (part === undefined) await this.#arrived();
        else if (part !== null) this.#keep(part);
      } else if (this.canceled || !this.#used) return false;
      else await this.trailers.catch(() => {});
    }
    if (this.#state.at === "failed") throw this.#state.error;
    return true;
  }

  /** Breaks a body that is still open, when its connection ends. */
  fail(error: unknown): void {
    if (this.#state.at !== "open" && this.#state.at !== "canceled") return;
    this.#become({ at: "failed", error });
    this.#arrival?.resolve();
  }

  /**
   * What a reader gets now: data, `null` at the end, `undefined` if it has to wait for more.
   *
   * @throws {unknown} What reading fails with.
   */
  #take(): Uint8Array | null | undefined {
    const kept = this.#kept?.take();
    if (kept !== undefined) {
      this.#unread -= kept.length;
      this.#onTaken?.();
      return kept;
    }
    const part = this.#state.at === "open" ? this.#next() : null;
    if (this.#state.at === "failed") throw this.#state.error;
    if (this.#state.at === "canceled") throw new StateError("body-used", "Cannot read the body: it was canceled");
    if (part) this.#onTaken?.();
    return part;
  }

  /** The next data from the source, `null` when the body has come to its end or failed, `undefined` if none is there. */
  #next(): Uint8Array | null | undefined {
    if (this.#arrival !== null) return undefined;
    try {
      const part = this.#source!.next();
      if (part === null) return undefined;
      if (!(part instanceof Fields)) return part;
      this.#complete = true;
      if (this.#state.at === "open") this.#become({ at: "ended", trailers: part });
    } catch (error) {
      this.fail(this.#source!.failed(error));
    }
    return null;
  }

  #arrivedWhole(maxBytes: number): Uint8Array | null {
    if (this.#used || (this.length ?? 0) > maxBytes) return null;
    while (this.#state.at === "open" && this.#unread <= maxBytes) {
      const part = this.#next();
      if (part === undefined) return null;
      if (part !== null) this.#keep(part);
    }
    const state = this.#state;
    if (state.at !== "ended" || this.#unread > maxBytes || (state.trailers?.size ?? 0) > 0) return null;
    const chunks: Uint8Array[] = [];
    this.#used = true;
    for (let chunk = this.#take(); chunk; chunk = this.#take()) chunks.push(chunk);
    return chunks.length === 1 ? chunks[0]! : concat(chunks);
  }

  #readToEnd(): boolean {
    const part = this.#state.at === "open" && this.#unread === 0 ? this.#next() : null;
    if (part) this.#keep(part);
    return this.#state.at === "ended" && this.#unread === 0;
  }

  #keep(part: Uint8Array): void {
    this.#unread += part.length;
    if (this.#state.at === "open") (this.#kept ??= new PartQueue()).push(part);
  }

  /** Waits until more has arrived, or the body has failed: nothing may arrive then for a long time. */
  #arrived(): Promise<void> {
    if (this.#arrival !== null) return this.#arrival.promise;
    const { promise } = this.#arrival = new Deferred<void>();
    this.#source!.more().then(() => this.#wakeReaders(), (error) => {
      this.fail(this.#source!.failed(error));
      this.#wakeReaders();
    });
    return promise;
  }

  #wakeReaders(): void {
    this.#arrival!.resolve();
    this.#arrival = null;
  }

  static {
    wholeBody = (body, maxBytes) => body.#whole(maxBytes);
    hasFailed = (body) => body.#state.at === "failed";
    isWanted = (body) => {
      body.#used ||= body.#stream?.locked === true;
      return body.#used && !body.canceled;
    };
    isReadToEnd = (body) => body.#readToEnd();
    isBodyOf = (candidate, body) => candidate === body || (body.#stream !== null && candidate === body.#stream);
    arrivedBody = (body, maxBytes) => body.#arrivedWhole(maxBytes);
  }

  #become(state: State): void {
    this.#state = state;
    this.#announceEnd();
  }

  #announceEnd(): void {
    if (this.#trailers === null) return;
    if (this.#state.at === "ended") this.#trailers.resolve(this.#state.trailers ?? new Fields());
    if (this.#state.at === "failed") this.#trailers.reject(this.#state.error);
    if (this.#state.at === "canceled") {
      this.#trailers.reject(new StateError("body-used", "Cannot give trailers: the body was canceled"));
    }
  }
}

function joined({ first, others }: Whole): Uint8Array {
  if (first === null) return new Uint8Array(0);
  if (others === null) return first;
  const parts = [first];
  for (let part = others.take(); part !== undefined; part = others.take()) parts.push(part);
  return concat(parts);
}
