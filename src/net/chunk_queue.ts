/**
 * From events to reads: a source pushes chunks in, one reader at a time takes them out. `NetSocket` has one between its
 * transport and its reader; it asks the transport to pause when too much waits.
 *
 * @module
 */

import { concat } from "../bytes/concat.ts";
import { pooledCopy } from "../bytes/memory_pool.ts";
import { sharedCopy } from "../bytes/shared_memory.ts";
import { keepSettlers, lastReject, lastResolve, type Settle } from "../duplex/deferred.ts";
import { type ChunkTaker, failLater, type FastPath } from "../duplex/held_channel.ts";
import { StateError } from "../errors/state_error.ts";

/** Where chunks come from. */
export interface ChunkSource {
  /**
   * A reader waits and nothing is queued, or the queue that made the source pause has been worked off. Called for
   * every read that has to wait, so it must cost nothing when chunks are coming already.
   */
  resume(): void;
  /** Too much is queued. Chunks that come nevertheless are kept. */
  pause(): void;
  /** See `FastPath`. Only for the chunk that is being lent. */
  keep(chunk: Uint8Array): Uint8Array;
}

/** 128 KiB: two of the 64 KiB chunks that libuv and Bun read at most at once, so that bulk data does not stop and go. */
const HIGH_WATER_BYTES = 128 * 1024;
/** 32 KiB: the source is asked to go on while there is still something for the reader to do. */
const LOW_WATER_BYTES = 32 * 1024;
/** What a chunk counts for at least. A peer that sends single bytes must not queue a hundred thousand objects. */
const LEAST_CHUNK_BYTES = 512;

/** 16 KiB: a chunk that is lent and shorter is copied into memory of its own length, a longer one may come with its memory. */
const LONG_BYTES = 16_384;

const END: Promise<null> = Promise.resolve(null);
/** What a queue holds before its first chunk: most readers are faster than their peer. */
const NONE: Uint8Array[] = [];

/** Chunks in the order of their arrival, then the end or an error. */
export class ChunkQueue implements FastPath {
  /** Whether so much is queued that the source was asked to pause. Only this class writes it. */
  paused = false;
  /** Whether `end()` was called. Only this class writes it. */
  ended = false;
  #source: ChunkSource | null;
  #chunks: Uint8Array[] = NONE;
  #next = 0;
  #queuedBytes = 0;
  #resolve: Settle<Uint8Array | null> | null = null;
  #reject: Settle<unknown> | null = null;
  /** Whether the pending `read()` takes memory that is shared. */
  #sharing = false;
  /** A reader that waits without a promise. */
  #taker: ChunkTaker | null = null;
  #failed = false;
  #reason: unknown = undefined;

  /** Makes an empty queue. There is no source until {@linkcode attach}. */
  constructor(source: ChunkSource | null = null) {
    this.#source = source;
  }

  /** Whether a `read()` is pending. */
  get waiting(): boolean {
    return this.#resolve !== null || this.#taker !== null;
  }

  /** Whether nothing is queued. */
  get empty(): boolean {
    return this.#next === this.#chunks.length;
  }

  /** Sets or takes away the source. A read that waits already resumes it. */
  attach(source: ChunkSource | null): void {
    this.#source = source;
    this.paused = false;
    if (this.waiting) source?.resume();
  }

  /** Lets the source go on without a reader, while there is room. */
  readAhead(): void {
    if (!this.paused && !this.ended && !this.#failed) this.#source?.resume();
  }

  /** See `ByteChannel.read()`. */
  read(): Promise<Uint8Array | null> {
    if (this.waiting) return Promise.reject(busy());
    if (this.#next < this.#chunks.length) return Promise.resolve(this.#shift());
    if (this.ended) return END;
    if (this.#failed) return Promise.reject(this.#reason);
    const promise = new Promise<Uint8Array | null>(keepSettlers);
    this.#resolve = lastResolve as Settle<Uint8Array | null>;
    this.#reject = lastReject;
    this.#sharing = false;
    this.#source?.resume();
    return promise;
  }

  /** See `HeldChannel`. */
  readShared(): Promise<Uint8Array | null> {
    if (this.waiting) return this.read();
    const reading = this.read();
    this.#sharing = this.#resolve !== null;
    return reading;
  }

  /** See `FastPath`. */
  takeChunk(): Uint8Array | null | undefined {
    if (this.#next < this.#chunks.length) return this.#shift();
    return this.ended ? null : undefined;
  }

  /** See `FastPath`. Nothing may be queued. */
  awaitChunk(taker: ChunkTaker): void {
    if (this.waiting) return failLater(taker, busy());
    if (this.#failed) return failLater(taker, this.#reason);
    this.#taker = taker;
    this.#source?.resume();
  }

  /** See `FastPath`. */
  keep(chunk: Uint8Array): Uint8Array {
    return this.#source === null ? pooledCopy(chunk) : this.#source.keep(chunk);
  }

  /** See `FastPath`. */
  own(chunk: Uint8Array, lent: boolean): Uint8Array {
    if (!lent) return chunk;
    return chunk.length < LONG_BYTES ? chunk.slice() : this.keep(chunk);
  }

  /** See `HeldChannel`. */
  withdrawRead(): boolean {
    return this.#refuse(new StateError("canceled", "The read was withdrawn"));
  }

  /**
   * Moves what is queued, and the end behind it, to a queue in which nothing is yet.
   *
   * @param reason What reads of this queue fail with from now on. A pending one is withdrawn.
   */
  moveTo(successor: ChunkQueue, reason: unknown): void {
    this.withdrawRead();
    [this.#chunks, successor.#chunks] = [successor.#chunks, this.#chunks];
    [this.#next, successor.#next] = [0, this.#next];
    [this.#queuedBytes, successor.#queuedBytes] = [0, this.#queuedBytes];
    [this.ended, successor.ended] = [false, this.ended];
    this.#failed = true;
    this.#reason = reason;
  }

  /** Refuses the pending read, if there is one. */
  #refuse(reason: unknown): boolean {
    const reject = this.#reject;
    const taker = this.#taker;
    this.#resolve = this.#reject = this.#taker = null;
    reject?.(reason);
    if (taker !== null) failLater(taker, reason);
    return reject !== null || taker !== null;
  }

  /**
   * Takes a chunk whose memory the source uses again.
   *
   * @returns Whether a reader was waiting and has used it by now; else it has not been taken.
   */
  lend(chunk: Uint8Array): boolean {
    const taker = this.#taker;
    if (taker === null) return this.#share(chunk);
    this.#taker = null;
    taker.onChunk(chunk, true);
    return true;
  }

  #share(chunk: Uint8Array): boolean {
    const resolve = this.#resolve;
    const copy = this.#sharing && resolve !== null ? sharedCopy(chunk) : null;
    if (copy === null) return false;
    this.#resolve = this.#reject = null;
    resolve!(copy);
    return true;
  }

  /** Takes a chunk, which must not be empty. After the end or a failure it is dropped. */
  push(chunk: Uint8Array): void {
    const resolve = this.#resolve;
    if (resolve !== null) {
      this.#resolve = this.#reject = null;
      resolve(chunk);
      return;
    }
    const taker = this.#taker;
    if (taker !== null) {
      this.#taker = null;
      taker.onChunk(chunk, false);
      return;
    }
    if (this.ended || this.#failed) return;
    if (this.#chunks === NONE) this.#chunks = [];
    this.#chunks.push(chunk);
    this.#queuedBytes += Math.max(chunk.byteLength, LEAST_CHUNK_BYTES);
    if (this.#queuedBytes >= HIGH_WATER_BYTES && !this.paused) {
      this.paused = true;
      this.#source?.pause();
    }
  }

  /** Says that no chunk follows. Nothing happens when it has ended or failed before. */
  end(): void {
    if (this.ended || this.#failed) return;
    this.ended = true;
    const resolve = this.#resolve;
    const taker = this.#taker;
    this.#resolve = this.#reject = this.#taker = null;
    resolve?.(null);
    if (taker !== null) queueMicrotask(() => taker.onEnd());
  }

  /** Says that no chunk follows because of an error, which is told behind the queued chunks. */
  fail(reason: unknown): void {
    if (this.ended || this.#failed) return;
    this.#failed = true;
    this.#reason = reason;
    this.#refuse(reason);
  }

  /**
   * Takes everything that is queued, for the next owner of the source.
   *
   * @returns One array, which is empty when nothing was queued.
   */
  takeAll(): Uint8Array {
    const chunks = this.#next === 0 ? this.#chunks : this.#chunks.slice(this.#next);
    this.#chunks = NONE;
    this.#next = 0;
    this.#queuedBytes = 0;
    return chunks.length < 2 ? chunks[0] ?? new Uint8Array(0) : concat(chunks);
  }

  #shift(): Uint8Array {
    const chunk = this.#chunks[this.#next++]!;
    if (this.#next === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#next = 0;
    } else if (this.#next === 64) {
      this.#chunks.splice(0, 64);
      this.#next = 0;
    }
    this.#queuedBytes -= Math.max(chunk.byteLength, LEAST_CHUNK_BYTES);
    if (this.paused && this.#queuedBytes <= LOW_WATER_BYTES) {
      this.paused = false;
      this.#source?.resume();
    }
    return chunk;
  }
}

function busy(): StateError {
  return new StateError("busy", "Cannot read: another read is pending");
}
