/**
 * The bytes that were received and not yet understood: the only such place in a connection. The machines put in what was
 * read and take out heads and bodies.
 *
 * Holds one contiguous run. A chunk that arrives while nothing is left is adopted as it is; otherwise it is copied
 * behind the rest, into memory that doubles, so a message that comes byte by byte costs linear time. Memory that was
 * handed out as a view is never written again, but for that of a chunk that was lent.
 *
 * @module
 */

import { NO_BYTES } from "./no_bytes.ts";

/** One contiguous run of bytes: added at its end, taken from its front. */
export class ReceiveBuffer {
  /** The memory; only `[start, end)` of it is meant. */
  bytes: Uint8Array = NO_BYTES;
  /** The first byte that was not taken. */
  start = 0;
  /** Behind the last byte. */
  end = 0;
  #owned = false;
  #lent = false;
  /** Whether the memory is that of others as well: see `shared_memory.ts`. */
  #shared = false;

  /** Whether what was taken last is of a chunk that is lent. */
  get lent(): boolean {
    return this.#lent;
  }

  /** How many bytes wait. */
  get length(): number {
    return this.end - this.start;
  }

  /**
   * Adds bytes at the end. The buffer may keep `chunk` itself: it is the buffer's from now on, or, if it is `lent`, until
   * {@linkcode own} is called.
   */
  push(chunk: Uint8Array, lent = false): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#owned = this.#shared = false;
      this.#lent = lent;
      return;
    }
    const needed = this.end - this.start + chunk.length;
    if (!this.#owned || this.end + chunk.length > this.bytes.length) this.#move(needed);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** As {@linkcode push}, a chunk in memory that is shared: no view of it is handed out. */
  pushShared(chunk: Uint8Array): void {
    this.push(chunk);
    if (this.bytes === chunk) this.#shared = true;
  }

  /** Moves the rest into memory of its own with room for `needed` bytes and as many again. */
  #move(needed: number): void {
    const grown = new Uint8Array(Math.max(1024, needed * 2));
    grown.set(this.bytes.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
    this.bytes = grown;
    this.#owned = true;
    this.#lent = this.#shared = false;
  }

  /** Copies what is left of a chunk that was lent: its memory may be written again now. */
  own(): void {
    if (this.#lent) this.#copyRest();
  }

  #copyRest(): void {
    this.bytes = this.bytes.slice(this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    this.#lent = this.#shared = false;
  }

  /** Takes at most `limit` bytes from the front, as a view. */
  take(limit: number): Uint8Array {
    if (this.#shared) this.#copyRest();
    const from = this.start;
    const to = limit < this.end - from ? from + limit : this.end;
    this.start = to;
    if (from === 0 && to === this.bytes.length) return this.bytes;
    return this.bytes.subarray(from, to);
  }

  /** Takes everything and lets go of the memory. What is taken is the caller's. */
  takeAll(): Uint8Array {
    const rest = this.length === 0 ? new Uint8Array(0) : this.take(this.length);
    this.release();
    return rest;
  }

  /** Lets go of the memory if nothing waits in it, so that an idle connection holds no message of the past. */
  release(): void {
    if (this.start !== this.end) return;
    this.bytes = NO_BYTES;
    this.start = this.end = 0;
    this.#owned = this.#lent = this.#shared = false;
  }
}
