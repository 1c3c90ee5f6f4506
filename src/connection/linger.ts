/**
 * The staged end of a connection: our side first, then what the peer still sends, then both (RFC 9112 §9.6). Closing at
 * once could reset the connection and take our last answer with it.
 *
 * @module
 */

import { type Clock, Deadline } from "./clock.ts";
import type { Wire } from "./wire.ts";

/** What the peer may still send into nothing. 1 MiB. */
const MAX_LINGER_BYTES = 1_048_576;

/** How long each stage may take. */
export interface LingerLimits {
  /** For the peer to end its side. */
  readonly closeTimeoutMs: number;
  /** For the peer to take what is written. */
  readonly writeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** Ends a connection politely. A read may be pending; whoever waits for it gets no other. Never rejects. */
export async function linger(wire: Wire, limits: LingerLimits): Promise<void> {
  const { closeTimeoutMs, writeTimeoutMs, clock } = limits;
  const deadline = new Deadline(clock);
  const ended = wire.closeWrite();
  const heard = readToEnd(wire);
  // Streams that Node makes of a socket have not ended before the peer has, too.
  let orderly = await within(deadline, writeTimeoutMs, Promise.race([ended, heard]));
  if (orderly) {
    await within(deadline, closeTimeoutMs, heard);
    orderly = await within(deadline, writeTimeoutMs, wire.close());
  }
  if (!orderly) wire.abort();
  deadline.stop();
}

/** The same, but the peer gets the time to end its side first. */
export async function lingerBehindPeer(wire: Wire, limits: LingerLimits): Promise<void> {
  const deadline = new Deadline(limits.clock);
  await within(deadline, limits.closeTimeoutMs, readToEnd(wire));
  deadline.stop();
  await linger(wire, limits);
}

async function readToEnd(wire: Wire): Promise<void> {
  let left = MAX_LINGER_BYTES;
  for (let chunk = await wire.lastRead; chunk !== null && left > 0; chunk = await wire.read()) left -= chunk.length;
}

/** Whether a task comes to a good end in time. */
function within(deadline: Deadline, ms: number, task: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    deadline.set(ms, () => resolve(false));
    task.then(() => resolve(true), () => resolve(false));
  });
}
