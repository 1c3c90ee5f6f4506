/**
 * What a Close frame says (RFC 6455 §5.5.1): checked, written and read.
 *
 * @module
 */

import { checkString, wrongType } from "../../bytes/arguments.ts";
import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
import { type CloseInfo, MAX_REASON_BYTES, mayBeSent, NO_STATUS_RECEIVED } from "./close_code.ts";
import { badUtf8 } from "./text_gatherer.ts";
import { readUtf8, utf8Length, writeUtf8 } from "./utf8.ts";

/**
 * Checks what a Close frame is to say.
 *
 * @throws {RangeError} The code may not be sent, the reason is too long, or there is one without a code.
 */
export function checkClose(closeCode: number | null, reason: string): void {
  if (closeCode !== null && typeof closeCode !== "number") throw wrongType("closeCode", "a number", closeCode);
  checkString(reason, "reason");
  if (closeCode !== null && !mayBeSent(closeCode)) throw new RangeError(`Cannot close with code ${closeCode}`);
  if (closeCode === null && reason !== "") throw new RangeError("Cannot close with a reason and no code");
  if (utf8Length(reason) > MAX_REASON_BYTES) {
    throw new RangeError(`Cannot close: the reason is longer than ${MAX_REASON_BYTES} bytes`);
  }
}

/** The payload of a Close frame; empty without a code. */
export function writeClosePayload(closeCode: number | null, reason: string): Uint8Array {
  if (closeCode === null) return new Uint8Array(0);
  const payload = new Uint8Array(2 + utf8Length(reason));
  payload[0] = closeCode >> 8;
  payload[1] = closeCode & 0xff;
  writeUtf8(payload, 2, reason);
  return payload;
}

/**
 * Reads the payload of a Close frame.
 *
 * @throws {WebSocketProtocolError} `bad-close-payload`, `bad-close-code` or `bad-utf8`.
 */
export function readClosePayload(payload: Uint8Array): CloseInfo {
  if (payload.length === 0) return { closeCode: NO_STATUS_RECEIVED, reason: "" };
  if (payload.length === 1) {
    throw new WebSocketProtocolError("bad-close-payload", "A Close frame has half a code", "RFC 6455 §5.5.1");
  }
  const closeCode = payload[0]! << 8 | payload[1]!;
  if (!mayBeSent(closeCode)) {
    throw new WebSocketProtocolError("bad-close-code", `Close code ${closeCode} may not be sent`, "RFC 6455 §7.4");
  }
  const reason = readUtf8(payload.subarray(2));
  if (reason === null) throw badUtf8();
  return { closeCode, reason };
}

/** The code of the Close frame that answers one with this code, which is echoed. */
export function echoOf(closeCode: number): number | null {
  return closeCode === NO_STATUS_RECEIVED ? null : closeCode;
}
