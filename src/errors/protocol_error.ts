/**
 * The peer broke HTTP. The parsers of `http1/machine/` make this error, and the drivers answer with its status.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

/**
 * Why a message was refused. Check this, not `instanceof`: two copies of the package still agree on it.
 *
 * A server answers with 400, but 413 to `chunk-extensions-too-large`; 414 to `target-too-long`; 417 to
 * `unknown-expectation`; 431 to `head-too-large`, `too-many-fields` and `trailers-too-large`; 501 to `method-too-long`
 * and `unsupported-transfer-coding`; 505 to `http2-preface`, and to a `bad-version` of another major number.
 * What a client throws has 502, which a gateway answers with (RFC 9110 §15.6.3).
 */
export type ProtocolErrorCode =
  | "bad-method"
  | "bad-target"
  | "bad-version"
  | "http2-preface"
  | "bad-status"
  | "bad-reason"
  | "bad-line-end"
  | "bad-field-name"
  | "bad-field-value"
  | "obsolete-fold"
  | "bad-host"
  | "bad-content-length"
  | "bad-transfer-encoding"
  | "unsupported-transfer-coding"
  | "framing-conflict"
  | "head-too-large"
  | "too-many-fields"
  | "target-too-long"
  | "method-too-long"
  | "bad-chunk-size"
  | "bad-chunk-end"
  | "chunk-extensions-too-large"
  | "trailers-too-large"
  | "connect-content"
  | "unknown-expectation"
  | "too-many-informational"
  | "unexpected-upgrade"
  | "unexpected-message"
  | "truncated"
  | "bad-content-coding";

/** The peer broke HTTP. */
export class ProtocolError extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "ProtocolError";
  /** Which rule was broken. */
  readonly code: ProtocolErrorCode;
  /** The status that a server answers with. */
  readonly status: number;
  /** The clause, for example `RFC 9112 §6.3`. */
  readonly rfc: string;

  /**
   * Makes the error.
   *
   * @param code Which rule was broken.
   * @param message For people.
   * @param rfc The clause.
   * @param status What a server answers; 400 when left out.
   * @param options `cause` carries what came before.
   */
  constructor(code: ProtocolErrorCode, message: string, rfc: string, status = 400, options?: ErrorOptions) {
    super(`${message} (${rfc})`, options);
    this.code = code;
    this.status = status;
    this.rfc = rfc;
  }
}
