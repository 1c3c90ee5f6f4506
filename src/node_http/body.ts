/**
 * The body of an `IncomingMessage`, read no further than it is asked for. `receive.ts` and `replay.ts` call it.
 *
 * @module
 */

import { TransportError } from "../errors/transport_error.ts";
import type { IncomingMessage } from "./messages.ts";

const EVENTS = ["readable", "end", "close", "error"];

/**
 * The chunks of a body, each in memory of its own. Not by the stream's own iterator: left early, that would destroy the
 * socket.
 *
 * @throws {TransportError} `closed`: the client has left before the end.
 */
export async function* bodyOf(req: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  let go = (): void => {};
  const wake = (): void => go();
  for (const event of EVENTS) req.on(event, wake);
  try {
    while (!req.readableEnded) {
      const chunk = req.read();
      if (chunk !== null) yield new Uint8Array(chunk);
      else if (req.destroyed && !req.complete) throw new TransportError("closed", "The client has left within a body");
      else if (req.destroyed) return;
      else await new Promise<void>((resolve) => go = resolve);
    }
  } finally {
    for (const event of EVENTS) req.off(event, wake);
    req.on("error", () => {});
  }
}
