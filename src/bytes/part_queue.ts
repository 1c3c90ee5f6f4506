/**
 * Parts of a body that were received before their reader asked for them. Bodies keep them here while a connection reads
 * ahead of the reader. What is kept is bounded by its bytes, however short the parts are.
 *
 * @module
 */

/** A shorter part is copied: a view costs about as much as this, and holds the whole chunk that it is a view of. */
const SHORT_BYTES = 1024;
/** How much short parts are gathered in. */
const BLOCK_BYTES = 4096;

/** Parts in the order of their arrival. Each push and each take costs the same, however much is kept. */
export class PartQueue {
  #arrived: Uint8Array[] = [];
  /** What is taken next, the first part last. */
  #leaving: Uint8Array[] = [];
  #block: Uint8Array | null = null;
  #filled = 0;

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#leaving.length === 0 && this.#arrived.length === 0 && this.#block === null;
  }

  /** Adds a part at the end; one that is `lent` is copied. */
  push(part: Uint8Array, lent = false): void {
    if (this.#filled + part.length > BLOCK_BYTES || part.length >= SHORT_BYTES) this.#sealBlock();
    if (part.length >= SHORT_BYTES) {
      this.#arrived.push(lent ? part.slice() : part);
    } else {
      this.#block ??= new Uint8Array(BLOCK_BYTES);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
    }
  }

  /** Takes the bytes that have waited longest: a part, or several short ones in one; `undefined` if nothing waits. */
  take(): Uint8Array | undefined {
    if (this.#leaving.length === 0) {
      this.#sealBlock();
      this.#leaving = this.#arrived.reverse();
      this.#arrived = [];
    }
    return this.#leaving.pop();
  }

  /** Nothing is written to a block any more that a reader can get. */
  #sealBlock(): void {
    if (this.#block !== null) this.#arrived.push(this.#block.subarray(0, this.#filled));
    this.#block = null;
    this.#filled = 0;
  }
}
