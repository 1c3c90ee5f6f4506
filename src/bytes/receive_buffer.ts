/**
 * The bytes that were received and not yet understood: the only such place in a connection.
 *
 * Holds one contiguous run. A chunk that arrives while nothing is left is adopted as it is; otherwise it is copied
 * behind the rest, into memory that doubles, so a message that comes byte by byte costs linear time. Memory that was
 * handed out as a view is never written again, but for that of a chunk that was lent.
 *
 * @module
 */

const EMPTY: Uint8Array = new Uint8Array(0);

/** See the module. */
export class ReceiveBuffer {
  /** The memory; only `[start, end)` of it is meant. */
  bytes: Uint8Array = EMPTY;
  /** The first byte that was not taken. */
  start = 0;
  /** Behind the last byte. */
  end = 0;
  #owned = false;
  #lent = false;

  /** How many bytes wait. */
  get length(): number {
    return this.end - this.start;
  }

  /**
   * Adds bytes at the end. The buffer may keep `chunk` itself: the caller gives it away, or lends it until
   * {@linkcode own}.
   */
  push(chunk: Uint8Array, lent = false): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#owned = false;
      this.#lent = lent;
      return;
    }
    const needed = this.end - this.start + chunk.length;
    if (!this.#owned || this.end + chunk.length > this.bytes.length) this.#move(needed);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Moves the rest into memory of its own with room for `needed` bytes and as many again. */
  #move(needed: number): void {
    const grown = new Uint8Array(Math.max(1024, needed * 2));
    grown.set(this.bytes.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
    this.bytes = grown;
    this.#owned = true;
    this.#lent = false;
  }

  /** Copies what is left of a chunk that was lent. */
  own(): void {
    if (!this.#lent) return;
    this.bytes = this.bytes.slice(this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    this.#lent = false;
  }

  /** Takes at most `limit` bytes from the front, as a view. */
  take(limit: number): Uint8Array {
    const from = this.start;
    const to = limit < this.end - from ? from + limit : this.end;
    this.start = to;
    if (from === 0 && to === this.bytes.length) return this.bytes;
    return this.bytes.subarray(from, to);
  }

  /** Takes everything and lets go of the memory. */
  takeAll(): Uint8Array {
    const rest = this.take(this.length);
    this.release();
    return rest;
  }

  /** Lets go of the memory if nothing waits in it, so that whoever is idle holds no message of the past. */
  release(): void {
    if (this.start !== this.end) return;
    this.bytes = EMPTY;
    this.start = this.end = 0;
    this.#owned = this.#lent = false;
  }
}
