/**
 * The end of a pair in memory that reads as a socket does: into memory that is used again.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Deferred } from "../../src/duplex/deferred.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { accepted, type FastPath, type HeldChannel, type PeerWatcher } from "../../src/duplex/held_channel.ts";
import type { PairEnd } from "../../src/duplex/pair.ts";
import { ChunkQueue, type ChunkSource } from "../../src/net/chunk_queue.ts";

const READ_BYTES = 1 << 16;

/**
 * Lends every chunk that somebody waits for, and overwrites it when that has been used. What is written must stay as it is
 * until the write has resolved.
 */
export class LendingEnd implements Duplex, HeldChannel, ChunkSource {
  readonly #end: PairEnd & HeldChannel;
  readonly #queue: ChunkQueue = new ChunkQueue(this);
  #memory: Uint8Array = new Uint8Array(READ_BYTES);
  #flowing = false;
  /** Set while reading is paused. */
  #paused: Deferred<void> | null = null;

  /** Takes an end. */
  constructor(end: PairEnd) {
    this.#end = end as PairEnd & HeldChannel;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#end.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#end.writable;
  }

  get closed(): Promise<void> {
    return this.#end.closed;
  }

  get fastPath(): FastPath {
    return this.#queue;
  }

  read(): Promise<Uint8Array | null> {
    return this.#queue.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#end.write(bytes);
    if (written === accepted) return accepted;
    const before = bytes.slice();
    return written.then(() => assertEquals(bytes, before));
  }

  closeWrite(): Promise<void> {
    return this.#end.closeWrite();
  }

  close(): Promise<void> {
    return this.#end.close();
  }

  abort(reason?: unknown): void {
    this.#queue.fail(reason);
    this.#end.abort(reason);
  }

  withdrawRead(): boolean {
    return this.#queue.withdrawRead();
  }

  watchPeer(watcher: PeerWatcher | null): boolean {
    return this.#end.watchPeer(watcher);
  }

  probePeer(): boolean {
    return false;
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = null;
    if (this.#flowing) return;
    this.#flowing = true;
    this.#flow().then(() => this.#queue.end(), (error) => this.#queue.fail(error)).finally(() => this.#flowing = false);
  }

  pause(): void {
    this.#paused ??= new Deferred();
  }

  keep(chunk: Uint8Array): Uint8Array {
    this.#memory = new Uint8Array(READ_BYTES);
    return chunk;
  }

  async #flow(): Promise<void> {
    for (let bytes = await this.#end.read(); bytes !== null; bytes = await this.#end.read()) {
      for (let from = 0; from < bytes.length; from += READ_BYTES) this.#give(bytes.subarray(from, from + READ_BYTES));
      await this.#paused?.promise;
    }
  }

  #give(bytes: Uint8Array): void {
    const memory = this.#memory;
    memory.set(bytes);
    if (!this.#queue.lend(memory.subarray(0, bytes.length))) this.#queue.push(bytes.slice());
    if (memory === this.#memory) memory.fill(0xee);
  }
}
