/**
 * Reads the transport of a connection, chunk after chunk, without a promise where the transport can do without. The driver says when
 * to go on, and is told what has come.
 *
 * @module
 */

import type { ChunkTaker, FastPath } from "../duplex/held_channel.ts";
import type { Wire } from "../duplex/wire.ts";

/** Who is told what has come. */
export interface WireReaderOwner {
  /**
   * A chunk has come; `null` is the peer's end, behind which nothing is read.
   *
   * @param lent Whether its memory is used again as soon as this returns.
   * @returns Whether to go on; else `goOn()` says so later.
   */
  onRead(chunk: Uint8Array | null, lent: boolean): boolean;
  /** The transport has failed. */
  onReadFailed(error: unknown): void;
}

/** Reads. */
export class WireReader implements ChunkTaker {
  readonly #wire: Wire;
  readonly #owner: WireReaderOwner;
  /** An `Upgraded` has none before its first bytes were read. */
  #fastPath: FastPath | null = null;
  #stopped = false;
  /** Whether a chunk is waited for without a promise. */
  #awaits = false;
  /** Made where there is no way past promises. */
  #onResolved: ((chunk: Uint8Array | null) => void) | null = null;
  #onRejected: ((error: unknown) => void) | null = null;

  /** Reads nothing yet. */
  constructor(wire: Wire, owner: WireReaderOwner) {
    this.#wire = wire;
    this.#owner = owner;
  }

  /** Takes what is there, until the owner wants no more, and waits for more. */
  goOn(): void {
    while (!this.#stopped) {
      const fastPath = this.#fastPath ??= this.#wire.fastPath;
      if (fastPath === null) return this.#readByPromise();
      const chunk = fastPath.takeChunk();
      if (chunk === undefined) return this.#await(fastPath);
      if (!this.#received(chunk, false)) return;
    }
  }

  /** Nothing is told any more. What comes is for others to read. */
  stop(): void {
    this.#stopped = true;
    if (this.#awaits) this.#wire.withdraw();
    this.#awaits = false;
  }

  #await(fastPath: FastPath): void {
    this.#wire.turn.renew();
    this.#awaits = true;
    fastPath.awaitChunk(this);
  }

  #readByPromise(): void {
    this.#wire.read().then(this.#onResolved ??= this.#whenRead(), this.#onRejected ??= this.#whenReadFailed());
  }

  #whenRead(): (chunk: Uint8Array | null) => void {
    return (chunk) => {
      if (!this.#stopped && this.#received(chunk, false)) this.goOn();
    };
  }

  #whenReadFailed(): (error: unknown) => void {
    return (error) => this.onReadFailure(error);
  }

  #received(chunk: Uint8Array | null, lent: boolean): boolean {
    try {
      return this.#owner.onRead(chunk, lent) && chunk !== null;
    } catch (error) {
      this.#owner.onReadFailed(error);
      return false;
    }
  }

  /** See {@linkcode ChunkTaker}. */
  onChunk(chunk: Uint8Array, lent: boolean): void {
    this.#awaits = false;
    if (this.#received(chunk, lent)) this.goOn();
  }

  /** See {@linkcode ChunkTaker}. */
  onEnd(): void {
    this.#awaits = false;
    if (!this.#stopped) this.#received(null, false);
  }

  /** See {@linkcode ChunkTaker}. */
  onReadFailure(error: unknown): void {
    this.#awaits = false;
    if (!this.#stopped) this.#owner.onReadFailed(error);
  }
}
