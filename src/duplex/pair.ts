/**
 * Two ends of a connection that exists only in memory, for tests and for protocols inside of one program. Each end is a
 * channel over two {@linkcode Pipe}s, one for each direction.
 *
 * @module
 */

import { checkOptions, isBytes, wrongType } from "../bytes/arguments.ts";
import { TransportError } from "../errors/transport_error.ts";
import { readableOf, writableOf } from "./channel_streams.ts";
import { unattended } from "./deferred.ts";
import type { ByteChannel, Duplex } from "./duplex.ts";
import type { HeldChannel, PeerWatcher } from "./held_channel.ts";
import { Pipe } from "./pipe.ts";

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

class End implements PairEnd, HeldChannel {
  readonly fastPath: null = null;
  readonly closed: Promise<void>;
  readonly #in: Pipe;
  readonly #out: Pipe;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #watcher: PeerWatcher | null = null;
  #watching = false;

  constructor(input: Pipe, output: Pipe) {
    this.#in = input;
    this.#out = output;
    this.closed = unattended(Promise.all([input.readOver, output.writeOver]).then(() => {}));
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
    return this.#in.withdrawRead();
  }

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
    this.#in.stopReading();
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
