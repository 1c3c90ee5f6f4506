/**
 * A message as one frame of a server, made once to be sent to many. `SharedMessage` makes it, `WebSocketMachine.sendFrame()`
 * sends it.
 *
 * @module
 */

import { BINARY, frameHeaderBytes, TEXT, writeFrameHeader } from "./frame.ts";
import type { MessageKind } from "./web_socket_event.ts";

/** Makes the frame, in memory of its own. */
export function wholeFrame(kind: MessageKind, compressed: boolean, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const size = frameHeaderBytes(length, false);
  const frame = new Uint8Array(size + length);
  writeFrameHeader(frame, 0, { fin: true, compressed, opcode: kind === "text" ? TEXT : BINARY, length, key: 0 }, false);
  frame.set(payload, size);
  return frame;
}
