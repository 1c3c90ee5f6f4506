/**
 * Flow control (RFC 9113 §5.2 and §6.9): how much may still be sent, and how much may still be received. A connection has one
 * window for each direction, and so has each stream.
 *
 * @module
 */

/** What a window may hold at most (RFC 9113 §6.9.1). */
export const MAX_WINDOW_BYTES: number = 2 ** 31 - 1;
/** What it holds at first (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW_BYTES = 65_535;

/** What the peer lets us send. */
export class SendWindow {
  /** How many bytes; below 0 once the peer's SETTINGS took some back (RFC 9113 §6.9.2). */
  bytes: number;

  /** Holds so many bytes. */
  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** Adds what a WINDOW_UPDATE or SETTINGS gives, or takes it away; tells whether that is not too much (RFC 9113 §6.9.1). */
  grow(bytes: number): boolean {
    this.bytes += bytes;
    return this.bytes <= MAX_WINDOW_BYTES;
  }
}

/**
 * What we let the peer send. It opens again as the reader reads, never because something was received: then a slow reader
 * slows down the peer.
 */
export class ReceiveWindow {
  #left: number;
  #size: number;
  /** What was read, and not yet told the peer. */
  #consumed = 0;

  /** Holds so many bytes. */
  constructor(bytes: number) {
    this.#left = bytes;
    this.#size = bytes;
  }

  /** Takes what has come; tells whether that was allowed. */
  receive(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /**
   * So many bytes were read.
   *
   * @returns What to tell the peer by WINDOW_UPDATE: 0, until it is half of the window, so that few of them are sent.
   */
  consume(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed === 0 || this.#consumed * 2 < this.#size) return 0;
    const increment = this.#consumed;
    this.#consumed = 0;
    this.#left += increment;
    return increment;
  }

  /** Makes the window smaller: the peer has acknowledged SETTINGS that say so. */
  shrink(bytes: number): void {
    this.#left -= bytes;
    this.#size -= bytes;
  }
}
