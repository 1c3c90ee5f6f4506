/**
 * The peer broke the WebSocket protocol. The machine and the handshake of `websocket/` make this error.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

/**
 * Which rule was broken; those that begin with `handshake` before the connection was open. Check this,
 * not `instanceof`: two copies of the package still agree on it.
 */
export type WebSocketErrorCode =
  | "handshake-accept"
  | "handshake-upgrade"
  | "handshake-protocol"
  | "handshake-extension"
  | "reserved-bits"
  | "reserved-opcode"
  | "unmasked-frame"
  | "masked-frame"
  | "fragmented-control"
  | "control-too-long"
  | "bad-length"
  | "unexpected-continuation"
  | "unfinished-message"
  | "bad-close-payload"
  | "bad-close-code"
  | "bad-utf8"
  | "message-too-large"
  | "bad-compression";

/** The peer broke the WebSocket protocol; the connection failed (RFC 6455 §7.1.7). */
export class WebSocketProtocolError extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "WebSocketProtocolError";
  /** Which rule was broken. */
  readonly code: WebSocketErrorCode;
  /** What the peer was told: 1002, 1007 or 1009; 1006 where it was told nothing, in the handshake. */
  readonly closeCode: number;
  /** The clause, for example `RFC 6455 §5.2`. */
  readonly rfc: string;

  /**
   * Makes the error.
   *
   * @param code Which rule was broken.
   * @param message For people.
   * @param rfc The clause.
   * @param closeCode What the peer is told; 1002 when left out.
   * @param options `cause` carries what came before.
   */
  constructor(code: WebSocketErrorCode, message: string, rfc: string, closeCode = 1002, options?: ErrorOptions) {
    super(`${message} (${rfc})`, options);
    this.code = code;
    this.closeCode = closeCode;
    this.rfc = rfc;
  }
}
