/**
 * Writes that the system has not taken at once, and the end of our side behind them. `handle_transport.ts` makes this for a handle
 * when there is the first of them, or the end: most writes are taken at once.
 *
 * @module
 */

import { TransportError } from "../../errors/transport_error.ts";
import { transportError } from "../errors.ts";
import {
  type HandleRequest,
  type StreamHandle,
  type StreamHandles,
  streamHandles,
  systemError,
} from "./stream_handle.ts";

/** Where there are none, nothing of this is called. */
const { ShutdownWrap } = (streamHandles ?? {}) as StreamHandles;

/** The transport of the handle. */
export interface LateWritesOwner {
  /** Whether it is closing, or over. */
  readonly leaving: boolean;
  /** Why it is over; `undefined` when it ended as it should, or is not over. */
  readonly reason: unknown;
  /** A system call has failed. */
  fail(code: number, doing: "read" | "write"): void;
}

/** Tells of an end. */
interface Ending {
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/** A write, or the end of our side, that is not done yet. */
interface Pending extends HandleRequest, Ending {
  writes: LateWrites;
}

/** What waits, in the order of the calls. */
export class LateWrites {
  readonly #handle: StreamHandle;
  readonly #owner: LateWritesOwner;
  /** How many writes the system has not taken. */
  #count = 0;
  /** How far the end of our side is. Only this class writes it. */
  end: "none" | "waits" | "begun" | "done" = "none";
  /** Settles the end of our side, as long as that waits for what is written. */
  #ending: Ending | null = null;

  /** Nothing waits yet. */
  constructor(handle: StreamHandle, owner: LateWritesOwner) {
    this.#handle = handle;
    this.#owner = owner;
  }

  /** Whether a write waits. */
  get waiting(): boolean {
    return this.#count > 0;
  }

  /** Whether nothing waits, and the end was not asked for. */
  get idle(): boolean {
    return this.#count === 0 && this.end === "none";
  }

  /** A write waits that has been begun. */
  add(request: HandleRequest, bytes: Uint8Array): Promise<void> {
    this.#count++;
    return new Promise((resolve, reject) => {
      Object.assign(request, {
        handle: this.#handle,
        buffer: bytes,
        writes: this,
        resolve,
        reject,
        oncomplete: onWritten,
      });
    });
  }

  /** Ends our side behind what is written. */
  closeWrite(): Promise<void> {
    this.end = "waits";
    return new Promise((resolve, reject) => {
      this.#ending = { resolve, reject };
      if (this.#count === 0) this.#beginShutdown();
    });
  }

  /** Behind all that was written: a handle that is to be shut down later cannot be reset any more. */
  #beginShutdown(): void {
    this.end = "begun";
    const shutdown = Object.assign(new ShutdownWrap(), this.#ending!) as Pending;
    this.#ending = null;
    Object.assign(shutdown, { handle: this.#handle, writes: this, oncomplete: onShutdown });
    // Behind a reset there is nothing to end, as Node sees it.
    if (this.#handle.shutdown(shutdown) !== 0) onShutdown.call(shutdown);
  }

  /** The transport is over: an end that still waits does not come. Of the writes their own requests tell. */
  refuseEnd(): void {
    this.#ending?.reject(refusal(this.#owner.reason));
    this.#ending = null;
  }

  /** A write is over. */
  onWritten({ resolve, reject }: Ending, status: number): void {
    this.#count--;
    const { leaving, reason } = this.#owner;
    if (leaving) return reject(refusal(reason));
    if (status >= 0) {
      if (this.#count === 0 && this.#ending !== null) this.#beginShutdown();
      return resolve();
    }
    reject(transportError(systemError(status, "write"), "write"));
    this.#owner.fail(status, "write");
  }

  /** Our side has ended. */
  onShutdown({ resolve, reject }: Ending): void {
    this.end = "done";
    const { leaving, reason } = this.#owner;
    if (leaving) reject(refusal(reason));
    else resolve();
  }
}

/** What writes and the end of our side are refused with. */
export function refusal(reason: unknown): unknown {
  return reason ?? new TransportError("closed", "Cannot write: the socket is closed");
}

// One function of each kind for all handles.

function onWritten(this: HandleRequest, status: number): void {
  (this as Pending).writes.onWritten(this as Pending, status);
}

function onShutdown(this: HandleRequest): void {
  (this as Pending).writes.onShutdown(this as Pending);
}
