/**
 * What a driver tells: the streams of its connection what comes on them, and its role what heads mean and when all is over.
 *
 * @module
 */

import type { Fields } from "../semantics/fields.ts";
import type { ResetEvent } from "./machine/events.ts";

/** A request and its response, on a connection of either role. */
export interface DriverStream {
  /** Its number. */
  readonly id: number;
  /**
   * Data has come.
   *
   * @param lent Whether its memory is used again as soon as this returns.
   * @returns Whether another protocol gets it, behind a switch: it may answer at once.
   */
  onData(bytes: Uint8Array, lent: boolean): boolean;
  /** The peer's message is complete. */
  onEnd(trailers: Fields): void;
  /** What waited to be sent is on its way. */
  onDrained(): void;
  /**
   * The stream is gone before its messages were over: what is under way fails.
   *
   * @param how What has reset it; `null` if that was this side, or the end of the connection.
   */
  onGone(reason: unknown, how: ResetEvent | null): void;
}

/** What a role does its own way. */
export interface DriverRole<Event> {
  /** A head has come, or something about the connection. */
  onEvent(event: Event): void;
  /** All events were taken: there may be room for another stream. */
  onTaken(): void;
  /** The connection has ended; its streams have failed. */
  onOver(): void;
}
