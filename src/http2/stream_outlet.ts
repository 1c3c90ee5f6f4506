/**
 * What goes out on one stream: at most one piece waits for the windows, and its sender with it.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import type { Fields } from "../semantics/fields.ts";

/** As much of a machine as is used here. */
export interface StreamMachine {
  /** Sends data; tells whether it is on its way. */
  sendData(streamId: number, bytes: Uint8Array): boolean;
  /** Ends the message. */
  sendEnd(streamId: number, trailers: Fields | null): void;
}

/** Whose stream it is. */
export interface OutletOwner {
  /** Something is ready to be sent. */
  wake(): void;
  /** All of the message is on its way. */
  sent(): void;
}

/** What goes out on one stream. */
export class StreamOutlet {
  /** Whether the end was sent, as far as the sender is concerned. Only this class writes it. */
  ended = false;
  readonly #machine: StreamMachine;
  readonly #streamId: number;
  readonly #owner: OutletOwner;
  #waiting: Deferred<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(machine: StreamMachine, streamId: number, owner: OutletOwner) {
    this.#machine = machine;
    this.#streamId = streamId;
    this.#owner = owner;
  }

  /** Whether a piece waits. */
  get waiting(): boolean {
    return this.#waiting !== null;
  }

  /**
   * Sends a piece.
   *
   * @returns Resolves when it is on its way; `undefined` if it is already. Rejects when the stream is gone.
   * @throws {unknown} The stream is gone; or `StateError` `body-length`.
   */
  send(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== null) throw this.#failure.error;
    const sent = this.#machine.sendData(this.#streamId, bytes);
    this.#owner.wake();
    if (sent) return undefined;
    return (this.#waiting ??= new Deferred<void>()).promise;
  }

  /**
   * Ends the message behind what waits.
   *
   * @throws {unknown} The stream is gone; or `StateError` `body-length`: it is shorter than was announced.
   */
  end(trailers: Fields | null): void {
    if (this.#failure !== null) throw this.#failure.error;
    this.ended = true;
    this.#machine.sendEnd(this.#streamId, trailers);
    this.#owner.wake();
    if (this.#waiting === null) this.#owner.sent();
  }

  /** What waited is on its way. */
  drained(): void {
    this.#waiting?.resolve();
    this.#waiting = null;
    if (this.ended) this.#owner.sent();
  }

  /** The stream is gone. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
