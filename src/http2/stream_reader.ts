/**
 * The reader of a stream behind a switch: one read at a time, with a promise or without. What comes goes straight to a reader that waits,
 * else it waits in the stream's intake.
 *
 * @module
 */

import { pooledCopy } from "../bytes/memory_pool.ts";
import { ownBytes } from "../bytes/own_bytes.ts";
import { unattended } from "../duplex/deferred.ts";
import { type ChunkTaker, failLater, type FastPath } from "../duplex/held_channel.ts";
import { StateError } from "../errors/state_error.ts";
import { Fields } from "../semantics/fields.ts";
import type { StreamIntake } from "./stream_intake.ts";

/** A read that waits. */
interface PendingRead {
  resolve(chunk: Uint8Array | null): void;
  reject(error: unknown): void;
}

/** Reads one stream. */
export class StreamReader implements FastPath {
  /** What has come, whether it was read or not. Only this class writes it. */
  receivedBytes = 0;
  /** See {@linkcode FastPath}. */
  readonly severalInTurn = true;
  readonly #intake: StreamIntake;
  #read: PendingRead | null = null;
  /** A reader that waits without a promise. */
  #taker: ChunkTaker | null = null;
  /** Whether the end was read. */
  #over = false;

  /** Reads nothing yet. */
  constructor(intake: StreamIntake) {
    this.#intake = intake;
  }

  /** See `ByteChannel`. */
  read(): Promise<Uint8Array | null> {
    if (this.#waiting) return unattended(Promise.reject(busy()));
    return unattended(
      new Promise((resolve, reject) => {
        this.#read = { resolve, reject };
        this.#serveRead();
      }),
    );
  }

  get #waiting(): boolean {
    return this.#read !== null || this.#taker !== null;
  }

  /** See {@linkcode FastPath}. */
  get empty(): boolean {
    return !this.#intake.hasBytes;
  }

  /** See {@linkcode FastPath}. */
  takeChunk(): Uint8Array | null | undefined {
    const intake = this.#intake;
    if (this.#over) return null;
    if (!intake.hasBytes && (!intake.over || intake.failure !== null)) return undefined;
    const part = intake.next();
    if (part instanceof Uint8Array) return part;
    this.#over = true;
    return null;
  }

  /** See {@linkcode FastPath}. Nothing may wait. */
  awaitChunk(taker: ChunkTaker): void {
    if (this.#waiting) return failLater(taker, busy());
    this.#taker = taker;
    this.#serveTaker(taker);
  }

  /** See {@linkcode FastPath}. */
  keep(chunk: Uint8Array): Uint8Array {
    return pooledCopy(chunk);
  }

  /** See {@linkcode FastPath}. A frame is a piece of what was read at once, with other frames. */
  own(chunk: Uint8Array, lent: boolean): Uint8Array {
    return lent ? chunk.slice() : ownBytes(chunk);
  }

  /**
   * Data has come.
   *
   * @param lent Whether its memory is used again as soon as this returns.
   */
  received(bytes: Uint8Array, lent: boolean): void {
    this.receivedBytes += bytes.length;
    const intake = this.#intake;
    const taker = this.#taker;
    if (intake.discards || !this.#waiting) return intake.push(bytes, lent);
    intake.pass(bytes.length);
    if (taker !== null) {
      this.#taker = null;
      taker.onChunk(bytes, lent);
    } else {
      const read = this.#read!;
      this.#read = null;
      read.resolve(this.own(bytes, lent));
    }
  }

  /** Something else than data has come, maybe the end, or a failure. */
  arrived(): void {
    this.#serveRead();
    if (this.#taker !== null) this.#serveTaker(this.#taker);
  }

  #serveRead(): void {
    const read = this.#read;
    if (read === null) return;
    try {
      const part = this.#over ? null : this.#intake.next();
      if (part === null && !this.#over) return;
      this.#read = null;
      if (part instanceof Fields || part === null) this.#over = true;
      read.resolve(part instanceof Fields || part === null ? null : this.own(part, false));
    } catch (error) {
      this.#read = null;
      read.reject(error);
    }
  }

  #serveTaker(taker: ChunkTaker): void {
    const intake = this.#intake;
    if (!this.#over && !intake.over) return;
    this.#taker = null;
    const { failure } = intake;
    if (failure !== null && !this.#over) return failLater(taker, failure.error);
    this.#over = true;
    queueMicrotask(() => taker.onEnd());
  }

  /** Takes back the read that waits; tells whether there was one. */
  withdraw(): boolean {
    const read = this.#read;
    const taker = this.#taker;
    this.#read = this.#taker = null;
    if (read === null && taker === null) return false;
    const error = new StateError("canceled", "The read was taken back");
    read?.reject(error);
    if (taker !== null) failLater(taker, error);
    return true;
  }
}

function busy(): StateError {
  return new StateError("busy", "Cannot read: a read is pending");
}
