/**
 * One direction of a pair in memory: what one end has written and the other end has not read yet. `pair.ts` makes two.
 *
 * @module
 */

import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { Deferred } from "./deferred.ts";
import { accepted, type PeerWatcher } from "./held_channel.ts";

/** Bytes from one writer to one reader. */
export class Pipe {
  readonly #capacityBytes: number;
  readonly #readBytes: number;
  readonly #readOver: Deferred<void> = new Deferred();
  readonly #writeOver: Deferred<void> = new Deferred();
  #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  /** Whether the writer has ended. */
  #ended = false;
  /** Whether the reader takes no more. */
  #unread = false;
  #failure: { readonly forReader: unknown; readonly forWriter: unknown } | null = null;
  #reader: Deferred<Uint8Array | null> | null = null;
  #writers: Deferred<void>[] = [];
  #watcher: PeerWatcher | null = null;

  /** Holds `capacityBytes` before a write waits for the reader; one read gives `readBytes` at most. */
  constructor(capacityBytes: number, readBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#readBytes = readBytes;
  }

  /** Resolves when the reader is done with this direction. */
  get readOver(): Promise<void> {
    return this.#readOver.promise;
  }

  /** Resolves when the writer is done with it. */
  get writeOver(): Promise<void> {
    return this.#writeOver.promise;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#reader !== null) return Promise.reject(new StateError("busy", "Cannot read: a read is pending"));
    if (this.#failure !== null) return Promise.reject(this.#failure.forReader);
    if (this.#unread) return Promise.reject(closedHere());
    if (this.#chunks.length > 0) return Promise.resolve(this.#shift());
    if (this.#ended) return Promise.resolve(null);
    this.#reader = new Deferred();
    return this.#reader.promise;
  }

  withdrawRead(): boolean {
    return this.#refuseRead(new StateError("canceled", "The read was withdrawn"));
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.forWriter);
    if (this.#ended) return Promise.reject(new TransportError("closed", "Cannot write: this side has ended"));
    if (bytes.length === 0) return accepted;
    if (this.#unread) return Promise.reject(new TransportError("reset", "Cannot write: the peer is gone"));
    this.#chunks.push(new Uint8Array(bytes));
    this.#heldBytes += bytes.length;
    this.#giveReader();
    if (this.#heldBytes < this.#capacityBytes) return accepted;
    const writer = new Deferred<void>();
    this.#writers.push(writer);
    return writer.promise;
  }

  /** The writer ends. */
  end(): void {
    if (this.#ended || this.#failure !== null) return;
    this.#ended = true;
    this.#watcher?.onPeerEnd(this.#chunks.length > 0);
    this.#giveReader();
    this.#endIfEmpty();
  }

  /** Tells the reader's side of the writer's end. */
  watch(watcher: PeerWatcher | null): void {
    this.#watcher = watcher;
    if (watcher === null || !this.#ended) return;
    queueMicrotask(() => {
      if (watcher === this.#watcher) watcher.onPeerEnd(this.#chunks.length > 0);
    });
  }

  /** The reader takes no more. */
  stopReading(): void {
    this.#unread = true;
    this.#chunks = [];
    this.#heldBytes = 0;
    this.#letWritersGoOn();
    this.#refuseRead(closedHere());
    this.#finish();
  }

  /** Breaks this direction; each side is told its own reason. */
  fail(forReader: unknown, forWriter: unknown): void {
    if (this.#failure !== null || this.#unread || (this.#ended && this.#chunks.length === 0)) return;
    this.#failure = { forReader, forWriter };
    this.#chunks = [];
    this.#refuseRead(forReader);
    for (const writer of this.#writers.splice(0)) writer.reject(forWriter);
    this.#readOver.reject(forReader);
    this.#writeOver.reject(forWriter);
  }

  #shift(): Uint8Array {
    let chunk = this.#chunks.shift()!;
    if (chunk.length > this.#readBytes) {
      this.#chunks.unshift(chunk.subarray(this.#readBytes));
      chunk = chunk.subarray(0, this.#readBytes);
    }
    this.#heldBytes -= chunk.length;
    if (this.#heldBytes < this.#capacityBytes) this.#letWritersGoOn();
    this.#endIfEmpty();
    return chunk;
  }

  #giveReader(): void {
    const reader = this.#reader;
    if (reader === null || (this.#chunks.length === 0 && !this.#ended)) return;
    this.#reader = null;
    reader.resolve(this.#chunks.length > 0 ? this.#shift() : null);
  }

  #refuseRead(reason: unknown): boolean {
    const reader = this.#reader;
    this.#reader = null;
    reader?.reject(reason);
    return reader !== null;
  }

  #letWritersGoOn(): void {
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #endIfEmpty(): void {
    if (this.#ended && this.#chunks.length === 0) this.#finish();
  }

  #finish(): void {
    this.#readOver.resolve();
    this.#writeOver.resolve();
  }
}

function closedHere(): TransportError {
  return new TransportError("closed", "Cannot read: this end was closed");
}
