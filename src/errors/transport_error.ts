/**
 * How a transport fails, in the same words on every runtime. The adapters of `net/` translate the errors of their runtime
 * to this one, and the drivers throw it when a time is up.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

/**
 * What happened to the wire.
 *
 * - `refused`: nothing listens at the address.
 * - `unreachable`: the name or the address cannot be reached.
 * - `timeout`: the attempt or the peer took too long.
 * - `reset`: the peer or the network cut the connection (RST, broken pipe).
 * - `closed`: this side had closed it before.
 * - `tls`: the TLS handshake or a TLS record failed.
 * - `address`: the local address cannot be used (taken, forbidden).
 */
export type TransportErrorCode = "refused" | "unreachable" | "timeout" | "reset" | "closed" | "tls" | "address";

/** The transport failed; nothing is said about the protocol that ran on it. */
export class TransportError extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "TransportError";
  /** What happened. */
  readonly code: TransportErrorCode;
  /** The SOCKS proxy that said so, `host:port`; `undefined` where this side has seen it, which is not printed. */
  declare readonly proxy: string | undefined;

  /**
   * Makes the error.
   *
   * @param code What happened.
   * @param message For people.
   * @param options `cause` carries the platform's own error.
   */
  constructor(code: TransportErrorCode, message: string, options?: TransportErrorOptions) {
    super(message, options);
    this.code = code;
    if (options?.proxy !== undefined) this.proxy = options.proxy;
  }
}

/** What is known of a failure beyond its code. */
export interface TransportErrorOptions extends ErrorOptions {
  /** The SOCKS proxy that said so, `host:port`. */
  readonly proxy?: string | undefined;
}
