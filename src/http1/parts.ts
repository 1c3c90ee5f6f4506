/**
 * The transport that is given back: `withoutShutdown()` and `intoParts()` of both roles. A connection gives it when HTTP
 * is over (`hand_over.ts` does at a switch), or says why it cannot.
 *
 * @module
 */

import { concat } from "../bytes/concat.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { Duplex } from "../duplex/duplex.ts";
import type { Wire } from "../duplex/wire.ts";
import { StateError } from "../errors/state_error.ts";

/** A transport that is given back, and what was read from it already. */
export interface Parts<Io extends object = Duplex> {
  /** The transport, exactly the object that was handed in. */
  readonly io: Io;
  /** The bytes that were read and not used: they come before all that `io` will give. Possibly empty. */
  readonly readBuf: Uint8Array;
  /** Whether the peer had ended its side right behind `readBuf`: leftover and end travel together. */
  readonly ended: boolean;
}

/** What a machine had received beyond HTTP. */
export interface Trailing {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** Whether the peer ended its side behind them. */
  readonly eof: boolean;
}

/** The parts of a wire on which HTTP is over, and that was not read. The locks of its streams are released. */
export function partsOf(wire: Wire, trailing: Trailing): Parts {
  wire.channel.unlock?.();
  return { io: wire.io as Duplex, readBuf: trailing.bytes, ended: trailing.eof };
}

/** As {@linkcode partsOf}, for a wire whose read was taken back: what that had been given already is behind the rest. */
export async function reclaimedParts(wire: Wire, { bytes, eof }: Trailing): Promise<Parts> {
  const late = await wire.channel.unlock?.();
  const readBuf = late instanceof Uint8Array ? concat([bytes, late]) : bytes;
  return { io: wire.io as Duplex, readBuf, ended: eof || late === null };
}

/** Whether a caller wants the transport of one connection back, and what the caller got. */
export class PartsClaim {
  #promise: Deferred<Parts> | null = null;
  #given: Parts | null = null;

  /** Whether `withoutShutdown()` was called. */
  get wanted(): boolean {
    return this.#promise !== null;
  }

  /** Whether the caller has got it. */
  get given(): boolean {
    return this.#given !== null;
  }

  /**
   * See `withoutShutdown()`.
   *
   * @param over Whether the connection is over: then there is nothing to give.
   * @returns The same promise at every call. Its rejection needs no handler.
   */
  claim(over: boolean): Promise<Parts> {
    if (this.#promise === null) {
      this.#promise = new Deferred<Parts>();
      if (over) this.end();
    }
    return this.#promise.promise;
  }

  /**
   * See `intoParts()`.
   *
   * @throws {StateError} `busy`: nothing was given.
   */
  take(): Parts {
    if (this.#given === null) throw new StateError("busy", "Cannot give parts: await withoutShutdown() first");
    return this.#given;
  }

  /** Gives the transport to the caller of `withoutShutdown()`. */
  give(parts: Parts): void {
    this.#given = parts;
    this.#promise!.resolve(parts);
  }

  /** The transport cannot be given. */
  refuse(reason: unknown): void {
    this.#promise?.reject(reason);
  }

  /** The connection is over: what was not given by now never is. */
  end(): void {
    if (this.#promise === null || this.#given !== null) return;
    this.refuse(new StateError("closed", "Cannot give parts: the connection is over"));
  }
}
