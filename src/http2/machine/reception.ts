/**
 * May this frame come now? Asks the table of `stream_state.ts`; the `receive_*.ts` ask here before they take anything.
 *
 * @module
 */

import { Http2Error } from "../../errors/http2_error.ts";
import type { Connection } from "./connection.ts";
import { RECEPTION, type StreamFrame } from "./stream_state.ts";

/**
 * What the frame means in the state of its stream.
 *
 * @returns Whether it is to be taken.
 * @throws {Http2Error} It must not come in this state (RFC 9113 §5.1).
 */
export function mayReceive(connection: Connection, streamId: number, frame: StreamFrame): boolean {
  const state = connection.streams.stateOf(streamId);
  const reception = RECEPTION[state][frame];
  switch (reception) {
    case "take":
      return true;
    case "ignore":
      return false;
    case "stream-closed":
    case "connection-stream-closed": {
      const streamError = reception === "stream-closed";
      throw new Http2Error(
        "stream-closed",
        `A frame of type ${frame} is for a stream that is ${state}`,
        "RFC 9113 §5.1",
        streamError ? streamId : 0,
      );
    }
    case "connection-protocol":
      throw new Http2Error("protocol", `A frame of type ${frame} is for a stream that is ${state}`, "RFC 9113 §5.1");
    default:
      return reception satisfies never;
  }
}

/** A stream waits for itself: an error of it, or of the connection if it is not open. */
export function dependsOnItself(connection: Connection, streamId: number): Http2Error {
  const open = connection.streams.get(streamId) !== undefined;
  return new Http2Error("protocol", "A stream depends on itself", "RFC 7540 §5.3.1", open ? streamId : 0);
}
