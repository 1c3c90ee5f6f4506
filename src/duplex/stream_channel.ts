/**
 * Any pair of web streams seen as a channel. `hold_channel.ts` makes one where a transport offers nothing better; its
 * streams are locked until `unlock()`.
 *
 * @module
 */

import { isBytes, wrongType } from "../bytes/arguments.ts";
import { fixedBytes } from "../bytes/fixed_bytes.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { ignore, quietly } from "./deferred.ts";
import type { DuplexLike } from "./duplex.ts";
import { accepted, type HeldChannel, type PeerWatcher } from "./held_channel.ts";

type Reader = ReturnType<DuplexLike["readable"]["getReader"]>;
type Result = Awaited<ReturnType<Reader["read"]>>;
type Writer = ReturnType<DuplexLike["writable"]["getWriter"]>;

const NOTHING_LATE: Promise<undefined> = Promise.resolve(undefined);

/** A channel over the streams of a pair. */
export class StreamChannel implements HeldChannel {
  readonly fastPath: null = null;
  readonly #duplex: DuplexLike & { close?(): unknown; closeWrite?(): unknown };
  #reader: Reader;
  readonly #writer: Writer;
  readonly #rejectPending: Set<(reason: unknown) => void> = new Set();
  #reading = false;
  /** What the reader was asked for last. */
  #asked: Promise<Result> | null = null;
  /** What it was asked for when a read was withdrawn: a chunk may have been on its way already. */
  #late: Promise<Result> | null = null;
  #unlocked = false;
  #ended = false;
  #closed = false;
  #aborted: { readonly reason: unknown } | null = null;
  #lastWrite: Promise<void> = accepted;
  #writeEnded: Promise<void> | null = null;
  #watcher: PeerWatcher | null = null;
  /** The reader whose end is told. */
  #watched: Reader | null = null;

  /**
   * Locks the streams.
   *
   * @throws {TypeError} One of them is locked; the other one is left as it was.
   */
  constructor(duplex: DuplexLike) {
    this.#duplex = duplex;
    if (duplex.writable.locked) throw new TypeError("Cannot take the streams: the writable one is locked");
    this.#reader = duplex.readable.getReader();
    this.#writer = duplex.writable.getWriter();
    this.#reader.closed.catch(ignore);
    this.#writer.closed.catch(ignore);
    this.#writer.ready.catch(ignore);
  }

  async read(): Promise<Uint8Array | null> {
    this.#throwIfOver();
    if (this.#reading) throw new StateError("busy", "Cannot read: a read is pending");
    if (this.#ended) return null;
    const reader = this.#reader;
    this.#reading = true;
    let chunk: unknown;
    try {
      chunk = await this.#nextChunk(reader);
    } catch (error) {
      if (reader === this.#reader) this.#reading = false;
      this.#throwIfOver();
      if (reader !== this.#reader) throw new StateError("canceled", "The read was withdrawn");
      throw await this.#explain(error, "The readable stream failed");
    }
    if (chunk === null) return null;
    if (isBytes(chunk)) return plain(chunk);
    throw new TypeError("Cannot read: a chunk is not a Uint8Array");
  }

  async #nextChunk(reader: Reader): Promise<unknown> {
    while (true) {
      const late = this.#late;
      const result = late === null ? await (this.#asked = reader.read()) : await late.catch(() => null);
      this.#throwIfOver();
      const given = this.#unlocked && this.#late !== null; // there is no next read
      if (reader !== this.#reader && !given) throw new StateError("canceled", "The read was withdrawn");
      this.#late = this.#asked = null;
      if (result === null || (result.value instanceof Uint8Array && result.value.length === 0)) continue;
      this.#reading = false; // what has come cannot be taken back
      this.#ended = result.done;
      return result.done ? null : result.value;
    }
  }

  #throwIfOver(): void {
    if (this.#aborted !== null) throw this.#aborted.reason;
    if (this.#closed) throw new TransportError("closed", "Cannot read: this end was closed");
  }

  /**
   * Giving the lock back rejects the pending read; what arrives stays in the stream (Streams standard §4.4.4). A chunk
   * that it has just given is for the next read, or for this one once the streams are unlocked.
   */
  withdrawRead(): boolean {
    if (!this.#reading) return false;
    try {
      this.#reader.releaseLock();
    } catch {
      // Early versions of Bun 1.2 refuse while a read is pending (oven-sh/bun#17081).
      return false;
    }
    this.#reading = false;
    this.#late ??= this.#asked;
    this.#asked = null;
    this.#reader = this.#duplex.readable.getReader();
    this.#reader.closed.catch(ignore);
    if (this.#watched !== null) this.#watchReader();
    return true;
  }

  /** Early versions of Bun 1.2 take no lock back while a read is pending. */
  get keepsReading(): boolean {
    return this.#reading;
  }

  /** Streams tell of an error at once, and of an end that lies behind bytes when those are read. */
  watchPeer(watcher: PeerWatcher | null): boolean {
    this.#watcher = watcher;
    if (watcher === null) return false;
    if (this.#watched === null) this.#writer.closed.catch((error) => this.#tellFailure(error));
    this.#watchReader();
    return false;
  }

  #watchReader(): void {
    const reader = this.#reader;
    if (reader === this.#watched) return;
    this.#watched = reader;
    reader.closed.then(() => this.#watcher?.onPeerEnd(false), (error) => {
      if (reader === this.#reader) this.#tellFailure(error);
    });
  }

  async #tellFailure(error: unknown): Promise<void> {
    if (this.#aborted !== null || this.#closed || this.#watcher === null) return;
    const reason = await this.#explain(error, "The streams failed");
    this.#watcher?.onPeerFailure(reason);
  }

  probePeer(): boolean {
    return false;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (!isBytes(bytes)) return Promise.reject(wrongType("bytes", "a Uint8Array", bytes));
    if (this.#aborted !== null) return Promise.reject(this.#aborted.reason);
    if (this.#writeEnded !== null) {
      return Promise.reject(new TransportError("closed", "Cannot write: this side has ended"));
    }
    if (bytes.length === 0) return Promise.resolve();
    return this.#unlessAborted(this.#lastWrite = this.#writer.write(fixedBytes(bytes)));
  }

  closeWrite(): Promise<void> {
    if (this.#aborted !== null) return Promise.reject(this.#aborted.reason);
    if (this.#writeEnded === null) {
      this.#writeEnded = this.#unlessAborted(this.#endWriting());
      this.#writeEnded.catch(ignore);
    }
    return this.#writeEnded;
  }

  /** A `Deno.Conn` whose `writable` is closed is closed as a whole: what can end its side alone is asked to. */
  async #endWriting(): Promise<void> {
    if (typeof this.#duplex.closeWrite !== "function") return await this.#writer.close();
    await this.#lastWrite;
    await this.#duplex.closeWrite();
  }

  /** Settles as a write does, or when `abort()` is called: a sink that never settles must not hold that up. */
  #unlessAborted(written: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#rejectPending.add(reject);
      written.then(() => {
        this.#rejectPending.delete(reject);
        resolve();
      }, async (error) => {
        const reason = await this.#explain(error, "The writable stream failed");
        this.#rejectPending.delete(reject);
        reject(reason);
      });
    });
  }

  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    if (this.#aborted !== null) return;
    this.#aborted = { reason };
    this.#reader.cancel(reason).catch(ignore);
    this.#writer.abort(reason).catch(ignore);
    for (const reject of this.#rejectPending) reject(reason);
    this.#rejectPending.clear();
    this.#closeDuplex();
  }

  /** Streams of a connection that was never made tell little; the pair may know more (`opened` of WinterTC's sockets). */
  async #explain(error: unknown, message: string): Promise<unknown> {
    if (error instanceof TransportError) return error;
    try {
      await (this.#duplex as { readonly opened?: unknown }).opened;
    } catch (cause) {
      if (cause instanceof TransportError) return cause;
      return new TransportError("unreachable", "There is no connection", { cause });
    }
    return new TransportError("reset", message, { cause: error });
  }

  async close(): Promise<void> {
    await this.closeWrite().catch(ignore);
    this.#closed = true;
    if (!this.#ended && this.#aborted === null) await this.#reader.cancel().catch(ignore);
    this.#closeDuplex();
  }

  unlock(): Promise<Uint8Array | null | undefined> {
    this.#unlocked = true;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    return this.#late?.then(bytesOf, () => undefined) ?? NOTHING_LATE;
  }

  /** A transport may hold more than its streams; one that is closed already may say so by throwing. */
  #closeDuplex(): void {
    quietly(() => this.#duplex.close?.());
  }
}

/** What a read came to that was withdrawn: bytes, or `null` for the end. */
function bytesOf({ done, value }: Result): Uint8Array | null | undefined {
  if (done) return null;
  return isBytes(value) && value.length > 0 ? plain(value) : undefined;
}

/** The same memory as a Uint8Array and nothing else: the `slice()` of Node's Buffers copies nothing. */
function plain(chunk: Uint8Array): Uint8Array {
  if (chunk.constructor === Uint8Array) return chunk;
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
