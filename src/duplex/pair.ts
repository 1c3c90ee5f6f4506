/**
 * Two ends of a connection that exists only in memory.
 *
 * @module
 */

import { checkOptions, isBytes, wrongType } from "../bytes/arguments.ts";
import { StateError } from "../errors/state_error.ts";
import { readableOf, writableOf } from "./channel_streams.ts";
import type { ByteChannel, Duplex } from "./duplex.ts";
import { accepted, type HeldChannel, type PeerWatcher } from "./held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";

/** How a pair behaves; the same in both directions. */
export interface DuplexPairOptions {
  /** Bytes that one direction holds before `write()` waits for the reader. 65,536 by default; at least 1. */
  readonly capacityBytes?: number;
  /** The most that one `read()` gives. Unlimited by default; 1 delivers byte by byte. */
  readonly readBytes?: number;
}

/** One end of a {@linkcode duplexPair}. */
export interface PairEnd extends Duplex, ByteChannel, AsyncDisposable {
  /** Resolves when both sides have ended; rejects when the end was aborted. Needs no handler. */
  readonly closed: Promise<void>;
  /** Ends our side and takes nothing more from the peer. */
  close(): Promise<void>;
}

/**
 * Joins two ends in memory: what one writes the other reads, with back-pressure, half-close and aborts as a TCP
 * connection has them.
 *
 * @param options How much it holds, and in which pieces it delivers; for tests of what runs on it.
 * @returns The two ends.
 * @throws {TypeError} An option is no number.
 * @throws {RangeError} An option is below 0.
 *
 * @example
 * ```ts
 * import { duplexPair } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = duplexPair();
 * await a.write(new Uint8Array([1, 2]));
 * await a.closeWrite();
 * assertEquals(await b.read(), new Uint8Array([1, 2]));
 * assertEquals(await b.read(), null);
 * ```
 */
export function duplexPair(options: DuplexPairOptions = {}): [PairEnd, PairEnd] {
  checkOptions(options, { capacityBytes: "number", readBytes: "number" });
  const capacity = Math.max(1, options.capacityBytes ?? 65_536);
  const most = Math.max(1, options.readBytes ?? Infinity);
  const there = new Pipe(capacity, most);
  const back = new Pipe(capacity, most);
  return [new End(back, there), new End(there, back)];
}

/** One direction. */
class Pipe {
  readonly #capacity: number;
  readonly #most: number;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #ended = false;
  #deaf = false;
  #failure: { readonly forReader: unknown; readonly forWriter: unknown } | null = null;
  #reader: Waiter<Uint8Array | null> | null = null;
  #writers: Waiter<void>[] = [];
  /** Settles when the reader is done with this direction. */
  readonly readOver: Waiter<void> = waiter();
  /** Settles when the writer is done with it. */
  readonly writeOver: Waiter<void> = waiter();

  constructor(capacity: number, most: number) {
    this.#capacity = capacity;
    this.#most = most;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#reader !== null) {
      return Promise.reject(new StateError("busy", "Cannot read: a read is pending"));
    }
    if (this.#failure !== null) return Promise.reject(this.#failure.forReader);
    if (this.#deaf) return Promise.reject(closedHere());
    if (this.#chunks.length > 0) return Promise.resolve(this.#shift());
    if (this.#ended) return Promise.resolve(null);
    this.#reader = waiter();
    return this.#reader.promise;
  }

  #shift(): Uint8Array {
    let chunk = this.#chunks.shift()!;
    if (chunk.length > this.#most) {
      this.#chunks.unshift(chunk.subarray(this.#most));
      chunk = chunk.subarray(0, this.#most);
    }
    this.#held -= chunk.length;
    if (this.#held < this.#capacity) { for (const writer of this.#writers.splice(0)) writer.resolve(); }
    this.#settle();
    return chunk;
  }

  withdraw(): boolean {
    if (this.#reader === null) return false;
    this.#reader.reject(new StateError("canceled", "The read was withdrawn"));
    this.#reader = null;
    return true;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.forWriter);
    if (this.#ended) return Promise.reject(new TransportError("closed", "Cannot write: this side has ended"));
    if (bytes.length === 0) return accepted;
    if (this.#deaf) return Promise.reject(new TransportError("reset", "Cannot write: the peer is gone"));
    this.#chunks.push(new Uint8Array(bytes));
    this.#held += bytes.length;
    this.#feed();
    if (this.#held < this.#capacity) return accepted;
    const writer = waiter<void>();
    this.#writers.push(writer);
    return writer.promise;
  }

  #feed(): void {
    const reader = this.#reader;
    if (reader === null) return;
    if (this.#chunks.length === 0 && !this.#ended) return;
    this.#reader = null;
    reader.resolve(this.#chunks.length > 0 ? this.#shift() : null);
  }

  end(): void {
    if (this.#ended || this.#failure !== null) return;
    this.#ended = true;
    this.#watcher?.onPeerEnd(this.#chunks.length > 0);
    this.#feed();
    this.#settle();
  }

  #watcher: PeerWatcher | null = null;

  /** Tells the reader's side of the writer's end. */
  watch(watcher: PeerWatcher | null): void {
    this.#watcher = watcher;
    if (watcher === null || !this.#ended) return;
    queueMicrotask(() => {
      if (watcher === this.#watcher) watcher.onPeerEnd(this.#chunks.length > 0);
    });
  }

  /** The reader takes no more. */
  ignore(): void {
    this.#deaf = true;
    this.#chunks = [];
    this.#held = 0;
    for (const writer of this.#writers.splice(0)) writer.resolve();
    this.#reader?.reject(closedHere());
    this.#reader = null;
    this.#over();
  }

  /** Breaks this direction; each side is told its own reason. */
  fail(forReader: unknown, forWriter: unknown): void {
    if (this.#failure !== null || this.#deaf || (this.#ended && this.#chunks.length === 0)) return;
    this.#failure = { forReader, forWriter };
    this.#chunks = [];
    this.#reader?.reject(forReader);
    this.#reader = null;
    for (const writer of this.#writers.splice(0)) writer.reject(forWriter);
    this.readOver.reject(forReader);
    this.writeOver.reject(forWriter);
  }

  #settle(): void {
    if (this.#ended && this.#chunks.length === 0) this.#over();
  }

  #over(): void {
    this.readOver.resolve();
    this.writeOver.resolve();
  }
}

function closedHere(): TransportError {
  return new TransportError("closed", "Cannot read: this end was closed");
}

class End implements PairEnd, HeldChannel {
  readonly fastPath: null = null;
  readonly closed: Promise<void>;
  readonly #in: Pipe;
  readonly #out: Pipe;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  constructor(input: Pipe, output: Pipe) {
    this.#in = input;
    this.#out = output;
    this.closed = Promise.all([input.readOver.promise, output.writeOver.promise]).then(() => {});
    this.closed.catch(() => {});
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  read(): Promise<Uint8Array | null> {
    return this.#in.read();
  }

  withdrawRead(): boolean {
    return this.#in.withdraw();
  }

  #watcher: PeerWatcher | null = null;
  #watching = false;

  watchPeer(watcher: PeerWatcher | null): boolean {
    this.#watcher = watcher;
    this.#in.watch(watcher);
    if (watcher === null || this.#watching) return true;
    this.#watching = true;
    this.closed.catch((error) => this.#watcher?.onPeerFailure(error));
    return true;
  }

  probePeer(): boolean {
    return false;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (!isBytes(bytes)) return Promise.reject(wrongType("bytes", "a Uint8Array", bytes));
    return this.#out.write(bytes);
  }

  closeWrite(): Promise<void> {
    this.#out.end();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#out.end();
    this.#in.ignore();
    return this.closed.catch(() => {});
  }

  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    const there = new TransportError("reset", "The peer aborted the connection", { cause: reason });
    this.#in.fail(reason, there);
    this.#out.fail(there, reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

interface Waiter<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

function waiter<T>(): Waiter<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
