/**
 * What goes out on one stream: at most one piece waits for the windows, and its sender with it.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import type { TimeLimit, Wait, Waiting } from "../duplex/time_limit.ts";
import { notTaken } from "../duplex/write_limit.ts";
import type { Fields } from "../semantics/fields.ts";

/** As much of a machine as is used here. */
export interface StreamMachine {
  /** Sends data; tells whether it is on its way. */
  sendData(streamId: number, bytes: Uint8Array): boolean;
  /** Ends the message. */
  sendEnd(streamId: number, trailers: Fields | null): void;
  /** Changes when the peer lets data go on that waits. */
  sendMark(streamId: number): number;
}

/** As much of the driver as is used here. */
export interface OutletDriver {
  /** The machine. */
  readonly machine: StreamMachine;
  /** How long the peer may let nothing go. */
  readonly writeLimit: TimeLimit;
  /** Something is ready to be sent. */
  soon(): void;
  /** The same behind a switch. */
  soonOrAtOnce(): void;
}

/** Whose stream it is. */
export interface OutletOwner {
  /** All of the message is on its way. */
  sent(): void;
  /** Ends the stream at once. */
  resetWith(code: "cancel", error: unknown): void;
}

/** What goes out on one stream. */
export class StreamOutlet implements Waiting {
  /** Whether the end was sent, as far as the sender is concerned. Its owner sets it where the head was all. */
  ended = false;
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  readonly #driver: OutletDriver;
  readonly #streamId: number;
  readonly #owner: OutletOwner;
  /** Whether another protocol sends: the peer takes its own time for that, and nothing is known to follow. */
  #switched = false;
  /** What tells whether it has let something go. */
  #mark = 0;
  #waiting: Deferred<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  /** Sends nothing yet. */
  constructor(driver: OutletDriver, streamId: number, owner: OutletOwner) {
    this.#driver = driver;
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
    const sent = this.#driver.machine.sendData(this.#streamId, bytes);
    const waiting = sent ? undefined : this.#wait();
    if (this.#switched) this.#driver.soonOrAtOnce();
    else this.#driver.soon();
    return waiting;
  }

  /** Waits until what was given is on its way. */
  #wait(): Promise<void> {
    if (this.#waiting === null) {
      this.#waiting = new Deferred<void>();
      this.#mark = this.#driver.machine.sendMark(this.#streamId);
      if (!this.#switched) this.#driver.writeLimit.begin(this);
    }
    return this.#waiting.promise;
  }

  /** See {@linkcode Waiting}. */
  expired(): void {
    if (this.goesOn()) return this.#driver.writeLimit.begin(this);
    this.#owner.resetWith("cancel", notTaken());
  }

  /** Whether the peer has let something go since this was asked last, or began to wait. */
  goesOn(): boolean {
    const before = this.#mark;
    this.#mark = this.#driver.machine.sendMark(this.#streamId);
    return this.#mark !== before;
  }

  /** Another protocol sends from now on. */
  switch(): void {
    this.#driver.writeLimit.end(this);
    this.#switched = true;
  }

  /**
   * Ends the message behind what waits.
   *
   * @throws {unknown} The stream is gone; or `StateError` `body-length`: it is shorter than was announced.
   */
  end(trailers: Fields | null): void {
    if (this.#failure !== null) throw this.#failure.error;
    this.ended = true;
    this.#driver.machine.sendEnd(this.#streamId, trailers);
    this.#driver.soon();
    if (this.#waiting === null) this.#owner.sent();
  }

  /** What waited is on its way. */
  drained(): void {
    this.#driver.writeLimit.end(this);
    this.#waiting?.resolve();
    this.#waiting = null;
    if (this.ended) this.#owner.sent();
  }

  /** The stream is gone. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#driver.writeLimit.end(this);
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
