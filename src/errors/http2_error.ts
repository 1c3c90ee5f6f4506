/**
 * The peer broke HTTP/2. The machine of `http2/` makes this error.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

/** What was wrong: the error codes of RFC 9113 §7. */
export type Http2ErrorCode =
  | "no-error"
  | "protocol"
  | "internal"
  | "flow-control"
  | "settings-timeout"
  | "stream-closed"
  | "frame-size"
  | "refused-stream"
  | "cancel"
  | "compression"
  | "connect"
  | "enhance-your-calm"
  | "inadequate-security"
  | "http-1.1-required";

/** The same as numbers of the wire. */
export const HTTP2_ERROR_CODES: Readonly<Record<Http2ErrorCode, number>> = {
  "no-error": 0x0,
  "protocol": 0x1,
  "internal": 0x2,
  "flow-control": 0x3,
  "settings-timeout": 0x4,
  "stream-closed": 0x5,
  "frame-size": 0x6,
  "refused-stream": 0x7,
  "cancel": 0x8,
  "compression": 0x9,
  "connect": 0xa,
  "enhance-your-calm": 0xb,
  "inadequate-security": 0xc,
  "http-1.1-required": 0xd,
};

/** The peer broke a rule of HTTP/2: of a stream, which is reset, or of the connection, which ends (RFC 9113 §5.4). */
export class Http2Error extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "Http2Error";
  /** What was wrong. */
  readonly code: Http2ErrorCode;
  /** The stream that is meant; 0 where it is the connection. */
  readonly streamId: number;
  /** The clause, for example `RFC 9113 §6.5`. */
  readonly rfc: string;

  /**
   * Makes the error.
   *
   * @param code What was wrong.
   * @param message For people.
   * @param rfc The clause.
   * @param streamId The stream that is meant; 0, the connection, when left out.
   */
  constructor(code: Http2ErrorCode, message: string, rfc: string, streamId = 0) {
    super(`${message} (${rfc})`);
    this.code = code;
    this.streamId = streamId;
    this.rfc = rfc;
  }
}
