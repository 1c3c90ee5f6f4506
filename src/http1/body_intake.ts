/**
 * A body coming in, of either role: what the machine has of it. `request_intake.ts` and `client_exchange.ts`, the sources of
 * an `IncomingBody`, ask for it and read more when it has nothing.
 *
 * @module
 */

import { PART_COST } from "../duplex/turn.ts";
import type { Fields } from "../semantics/fields.ts";
import { bodyTruncated } from "./body_source.ts";
import type { ConnectionCore, CoreMachine } from "./connection_core.ts";

/** A machine, as far as the body goes that it receives. */
interface BodyReader extends CoreMachine {
  /** Goes one step on in what was received. */
  next():
    | { readonly type: "data"; readonly bytes: Uint8Array }
    | { readonly type: "end"; readonly trailers: Fields }
    | { readonly type: "need-data" | "request" | "informational" | "response" | "switched" | "paused" | "closed" };
}

/**
 * The next part of a body, or its trailers; `null` if more must be read, or other connections must have their turn first.
 *
 * @throws {ProtocolError} The body is malformed, or `truncated` by the end of the connection.
 */
export function nextPart(core: ConnectionCore<BodyReader>): Uint8Array | Fields | null {
  const { machine, wire: { turn } } = core;
  if (core.over) throw bodyTruncated(core.cause);
  if (turn.over) return null;
  const event = machine.next();
  switch (event.type) {
    case "need-data":
      return null;
    case "data":
      turn.spend(PART_COST);
      if (core.listener !== null) core.listener.onBodyReceived(event.bytes.length);
      return event.bytes;
    case "end":
      return event.trailers;
    default:
      throw bodyTruncated(core.cause);
  }
}
