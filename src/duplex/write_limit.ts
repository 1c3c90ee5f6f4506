/**
 * The time that a peer has to take what it is sent. `outlet.ts` limits each write of a connection with it. `sentInTime()` limits the
 * last of them: the answers that go out before a hand-over, and what an upgraded connection still sends when its server shuts down.
 *
 * @module
 */

import { TransportError } from "../errors/transport_error.ts";
import { type Clock, Deadline } from "./clock.ts";

/** How long the peer may take nothing. */
export interface WriteLimits {
  /** In milliseconds; 0 or `Infinity` waits without end. */
  readonly writeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** What sends to the peer. */
export interface LimitedSender {
  /** A number that changes as the peer takes something. Missing where that cannot be told. */
  readonly sendMark?: number | undefined;
  /** Ends it at once. */
  abort(reason: unknown): void;
}

/** What a sender is aborted with whose peer has taken nothing in time. */
export function notTaken(): TransportError {
  return new TransportError("timeout", "The peer did not take our bytes in time");
}

/**
 * Aborts a sender whose peer takes nothing for too long, before all is sent. Each progress that the sender tells of begins the time anew.
 *
 * @returns Resolves when it is sent, or cannot be.
 */
export function sentInTime(
  sent: Promise<void>,
  { writeTimeoutMs, clock }: WriteLimits,
  sender: LimitedSender,
): Promise<void> {
  const deadline = new Deadline(clock);
  const begin = (): void => {
    const mark = sender.sendMark;
    deadline.set(writeTimeoutMs, () => sender.sendMark === mark ? sender.abort(notTaken()) : begin());
  };
  begin();
  const stop = (): void => deadline.stop();
  return sent.then(stop, stop);
}
