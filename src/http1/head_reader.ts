/**
 * Waits for the bytes of heads, from the second head of a connection on without promises where the transport can do that: for
 * the first one a promise costs less than keeping the async context. `server_connection.ts` makes one for each connection.
 *
 * @module
 */

import type { ChunkTaker } from "../duplex/held_channel.ts";
import { contextOfNow, type InContext } from "../duplex/platform.ts";
import type { Wire } from "../duplex/wire.ts";

/** Short heads are copied out of memory that is lent; of what is longer the memory may go with it. 16 KiB. */
const MAX_COPIED_BYTES = 16_384;

/** Reads for one connection. What it calls back runs in the async context of the first read. */
export class HeadReader implements ChunkTaker {
  readonly #wire: Wire;
  readonly #onRead: (chunk: Uint8Array | null) => void;
  readonly #onFailed: (error: unknown) => void;
  /** Whether the first head was waited for. */
  #begun = false;
  /** Whether the transport is to call back. */
  #waiting = false;
  /** `undefined` until it is needed; `null` where promises carry the context for less. */
  #inContext: InContext | null | undefined = undefined;

  /**
   * Reads nothing yet.
   *
   * @param onRead Gets the bytes, which are its own, or `null` at the end.
   * @param onFailed Is told of a transport that has failed, and of a read that was withdrawn.
   */
  constructor(wire: Wire, onRead: (chunk: Uint8Array | null) => void, onFailed: (error: unknown) => void) {
    this.#wire = wire;
    this.#onRead = onRead;
    this.#onFailed = onFailed;
  }

  /** Takes bytes that have come, or `null` at the end; `undefined` if they are to be waited for. */
  take(): Uint8Array | null | undefined {
    return this.#begun ? this.#wire.fastPath?.takeChunk() : undefined;
  }

  /** Waits for bytes, once, when there are none to be taken. */
  wait(): void {
    const path = this.#begun ? this.#wire.fastPath : null;
    this.#begun = true;
    if (path !== null && this.#inContext === undefined) this.#inContext = contextOfNow();
    if (path === null || this.#inContext === null) {
      this.#wire.read().then(this.#onRead, this.#onFailed);
    } else {
      this.#wire.turn.renew();
      this.#waiting = true;
      path.awaitChunk(this);
    }
  }

  /** Others may read now. A promise of a read that is pending is left to `wire.lastRead`. */
  stop(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#wire.withdraw();
  }

  /** See {@linkcode ChunkTaker}. */
  onChunk(chunk: Uint8Array, lent: boolean): void {
    this.#waiting = false;
    const kept = !lent ? chunk : chunk.length > MAX_COPIED_BYTES ? this.#wire.fastPath!.keep(chunk) : chunk.slice();
    this.#inContext!(this.#onRead, kept);
  }

  /** See {@linkcode ChunkTaker}. */
  onEnd(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#inContext!(this.#onRead, null);
  }

  /** See {@linkcode ChunkTaker}. */
  onReadFailure(error: unknown): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#inContext!(this.#onFailed, error);
  }
}
