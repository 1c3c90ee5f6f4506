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

/** Ends a connection politely within `timeoutMs`. Never rejects. */
export async function linger(wire: Wire, peerEnded: boolean, timeoutMs: number, clock: Clock): Promise<void> {
  const deadline = new Deadline(clock);
  deadline.set(timeoutMs, () => wire.abort());
  try {
    await wire.closeWrite();
    let left = peerEnded ? 0 : MAX_LINGER_BYTES;
    while (left > 0) {
      const chunk = await wire.read();
      left = chunk === null ? 0 : left - chunk.length;
    }
    await wire.close();
  } catch {
    wire.abort();
  } finally {
    deadline.stop();
  }
}
