/**
 * What a connection sends: the bytes that its machine has ready, and the time limit for a peer that does not take them.
 * HTTP connections call `flush()`; it takes from the machine and writes to the wire.
 *
 * @module
 */

import { accepted } from "./held_channel.ts";
import { Deadline } from "./clock.ts";
import type { Wire, WriteProgress } from "./wire.ts";
import { notTaken, type WriteLimits } from "./write_limit.ts";

/** As much of a machine as is used here. */
export interface SendingMachine {
  /** Takes the bytes that are to be sent, in order. */
  take(): Uint8Array[];
  /** Lets go of the memory of what was taken; `again` says that it may be used again, since the transport has let go of it. */
  recycle(again: boolean): void;
}

/** A connection. */
export interface OutletOwner {
  /** Ends it at once. */
  abort(reason: unknown): void;
}

/** Sends what a machine has ready. */
export class Outlet implements WriteProgress {
  /** Whether the transport has refused bytes that it could not take on the spot. Only this class writes it. */
  broken = false;
  /** Whether the connection waits for nothing: then no timer stays behind what is sent all the same. */
  quiet = false;
  readonly #machine: SendingMachine;
  readonly #wire: Wire;
  readonly #limits: WriteLimits;
  /** Made when the peer does not take something on the spot. */
  #deadline: Deadline | null = null;
  #onExpired: (() => void) | null = null;
  #stopped = false;
  readonly #owner: OutletOwner;
  #unwritten = 0;

  /** Sends nothing yet. `owner` is aborted when the peer has taken nothing for too long. */
  constructor(machine: SendingMachine, wire: Wire, limits: WriteLimits, owner: OutletOwner) {
    this.#machine = machine;
    this.#wire = wire;
    this.#limits = limits;
    this.#owner = owner;
  }

  /** Whether the transport has bytes that it did not accept yet. */
  get writing(): boolean {
    return this.#unwritten > 0;
  }

  /**
   * Gives what the machine has ready to the transport.
   *
   * @returns Resolves when the transport has room again; `undefined` if it took everything on the spot.
   */
  flush(): Promise<void> | undefined {
    const parts = this.#machine.take();
    if (parts.length === 0) return undefined;
    const written = this.#wire.write(parts, this);
    if (written !== accepted) return this.#awaitWritten(written);
    // Only channels of this package say so, and they do not look at the bytes again. Streams of other makers never do, and may keep them.
    if (this.#unwritten === 0) this.#machine.recycle(true);
    return undefined;
  }

  /** Leaves no timer behind until something is sent again. */
  rest(): void {
    this.#deadline?.rest();
  }

  /** No time limit counts any more. */
  stop(): void {
    this.#stopped = true;
    this.#deadline?.stop();
  }

  /** The peer has taken something: the time limit begins anew. */
  onProgress(): void {
    if (this.#stopped) return;
    this.#deadline ??= new Deadline(this.#limits.clock);
    this.#deadline.set(this.#limits.writeTimeoutMs, this.#onExpired ??= this.#expiring());
  }

  /** A timer that is left may ring in vain, long after: it is cheaper so, and the next one need not be made. */
  #clear(): void {
    if (this.quiet) this.rest();
    else this.#deadline?.clear();
  }

  #expiring(): () => void {
    return () => this.#owner.abort(notTaken());
  }

  async #awaitWritten(written: Promise<void>): Promise<void> {
    this.onProgress();
    this.#unwritten++;
    try {
      await written;
    } catch (error) {
      this.broken = true;
      throw error;
    } finally {
      if (--this.#unwritten === 0) this.#clear();
    }
    if (this.#unwritten === 0 && !this.broken) this.#machine.recycle(this.#wire.returnsMemory);
  }
}
