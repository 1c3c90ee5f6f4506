/**
 * One stream: how far its two messages have come, its windows, and what waits to be sent on it.
 *
 * @module
 */

import { fixedBytes } from "../../bytes/fixed_bytes.ts";
import type { Fields } from "../../semantics/fields.ts";
import { STREAM_STEPS, type StreamState, type StreamStep } from "./stream_state.ts";
import { ReceiveWindow, SendWindow } from "./window.ts";

/** How far a message has come, in either direction. */
export type MessagePart = "head" | "body" | "done";

/** What a stream is told when it begins. */
export interface StreamBegin {
  /** Odd: the client opened it. */
  readonly id: number;
  /** The method of its request. */
  readonly method: string;
  /** How much the peer lets us send on it. */
  readonly sendWindowBytes: number;
  /** How much the peer may send on it. */
  readonly receiveWindowBytes: number;
}

/** What ends a message that is sent: its trailers, or nothing but the end. */
export type MessageEnd = { readonly trailers: Fields | null };

/** One stream that is not closed, or whose data is not consumed. */
export class Stream {
  /** Its number. */
  readonly id: number;
  /** The method of its request. */
  readonly method: string;
  /** How much may be sent. */
  readonly sendWindow: SendWindow;
  /** How much may come. */
  readonly receiveWindow: ReceiveWindow;
  /** What the peer's message has come to. */
  receiving: MessagePart = "head";
  /** What ours has come to. */
  sending: MessagePart = "head";
  /** Bytes of the peer's body that are still to come, if it said how many. */
  expectedBytes: number | null = null;
  /** Bytes of our body that are still to be sent, if we said how many. */
  owedBytes: number | null = null;
  /** Whether CONNECT was accepted: nothing but DATA goes on then (RFC 9113 §8.5). */
  tunnel = false;
  /** Informational responses that have come. */
  informational = 0;
  /** Bytes that were given to the driver, and not consumed. */
  unconsumed = 0;
  /** The urgency of what we send, 0 to 7: RFC 9218 §4.1. */
  urgency = 3;
  /** Whether it shares its turn with others of the same urgency (RFC 9218 §4.2). */
  incremental = true;
  /** How many bytes wait to be sent. */
  queuedBytes = 0;
  /** Made for the first piece that has to wait: most never do. */
  #queue: Uint8Array[] | null = null;
  #end: MessageEnd | null = null;
  #state: StreamState = "idle";

  /** Begins as idle. */
  constructor({ id, method, sendWindowBytes, receiveWindowBytes }: StreamBegin) {
    this.id = id;
    this.method = method;
    this.sendWindow = new SendWindow(sendWindowBytes);
    this.receiveWindow = new ReceiveWindow(receiveWindowBytes);
  }

  /** How far it has come. */
  get state(): StreamState {
    return this.#state;
  }

  /** Whether nothing of either message is missing, or it was reset. */
  get closed(): boolean {
    return this.#state === "closed" || this.#state === "reset-by-peer" || this.#state === "reset-by-us";
  }

  /** Takes a step of the table. */
  step(step: StreamStep): void {
    const next = STREAM_STEPS[this.#state][step];
    if (next === undefined) throw new Error(`A stream that is ${this.#state} cannot take the step ${step}`);
    this.#state = next;
  }

  /** Adds bytes that wait for their turn and for the windows. */
  queue(bytes: Uint8Array): void {
    (this.#queue ??= []).push(fixedBytes(bytes));
    this.queuedBytes += bytes.length;
  }

  /** Whether what waits next is not there any more: its memory was given away. */
  get lost(): boolean {
    return this.#queue![0]!.length === 0;
  }

  /** Says how the message ends behind what waits. */
  queueEnd(end: MessageEnd): void {
    this.#end = end;
  }

  /** Takes the next piece of what waits, at most `limit` bytes. */
  takeQueued(limit: number): Uint8Array {
    const queue = this.#queue!;
    const first = queue[0]!;
    const piece = first.length <= limit ? first : first.subarray(0, limit);
    if (piece === first) queue.shift();
    else queue[0] = first.subarray(limit);
    this.queuedBytes -= piece.length;
    return piece;
  }

  /** How the message ends, if that was said and nothing waits before it. */
  takeEnd(): MessageEnd | null {
    if (this.queuedBytes > 0) return null;
    const end = this.#end;
    this.#end = null;
    return end;
  }

  /** Drops what waits: the stream was reset. */
  dropQueued(): void {
    this.#queue = null;
    this.queuedBytes = 0;
    this.#end = null;
  }
}
