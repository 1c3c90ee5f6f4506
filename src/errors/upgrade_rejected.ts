/**
 * There is no upgrade.
 *
 * @module
 */

/** Why a request proposes no switch. */
export type NoProposal = "not-requested" | "http10" | "no-connection-token";

/**
 * Why there is no upgrade.
 *
 * - `not-requested`: the message proposed none; or it is a copy of the one that did, which middleware has made.
 * - `http10`: `Upgrade` came with HTTP/1.0, where it means nothing.
 * - `no-connection-token`: `Upgrade` came without `Connection: upgrade`.
 * - `refused`: the answer was another one; `status` says which.
 * - `proxy-refused`: the proxy gave no tunnel, and the server was never asked; `proxy` says which proxy, `status` and
 *   `response` what it answered. A SOCKS proxy's refusal is a `TransportError` with `proxy`.
 * - `upgrade-body`: the answer had a body, which a switch cannot have.
 * - `request-body`: the request's body did not end within the limits.
 * - `timeout`: the answer was not decided in time.
 * - `low-level`: `withoutShutdown()` took the transport.
 * - `canceled`: the connection ended before; `cause` says why.
 */
export type UpgradeRejection =
  | NoProposal
  | "refused"
  | "proxy-refused"
  | "upgrade-body"
  | "request-body"
  | "timeout"
  | "low-level"
  | "canceled";

/** The connection stays what it was, or is gone: no upgrade. */
export class UpgradeRejected extends Error {
  /** The name, for logs. */
  override readonly name = "UpgradeRejected";
  /** Why. */
  readonly reason: UpgradeRejection;
  /** The status of the answer, where there was one. */
  readonly status: number | undefined;
  /** The answer itself with its body, on a client: the server's, or with `proxy-refused` the proxy's. */
  readonly response: unknown;
  /** The proxy that refused, `host:port`; `undefined` where the server did. */
  readonly proxy: string | undefined;

  /**
   * Makes the error.
   *
   * @param reason Why.
   * @param options What is known beyond that.
   */
  constructor(reason: UpgradeRejection, options: UpgradeRejectedOptions = {}) {
    super(explain(reason, options), options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.status = options.status;
    this.response = options.response;
    this.proxy = options.proxy;
  }
}

/** What is known of a rejection beyond its reason. */
export interface UpgradeRejectedOptions {
  /** The status of the answer. */
  readonly status?: number | undefined;
  /** The answer itself. */
  readonly response?: unknown;
  /** The proxy that refused, `host:port`. */
  readonly proxy?: string | undefined;
  /** What came before. */
  readonly cause?: unknown;
}

function explain(reason: UpgradeRejection, { status, proxy }: UpgradeRejectedOptions): string {
  switch (reason) {
    case "not-requested":
      return "No upgrade: the message proposed none (RFC 9110 §7.8), or is a copy of the one that was received";
    case "http10":
      return "No upgrade: Upgrade means nothing in HTTP/1.0 (RFC 9110 §7.8)";
    case "no-connection-token":
      return "No upgrade: Connection does not hold the option upgrade (RFC 9110 §7.8)";
    case "refused":
      return `No upgrade: the answer was ${status}`;
    case "proxy-refused":
      return `No tunnel: the proxy ${proxy} answered ${status}`;
    case "upgrade-body":
      return `No upgrade: a body is not allowed with ${status}`;
    case "request-body":
      return "No upgrade: the body of the request did not end within the limits";
    case "timeout":
      return "No upgrade: the answer was not decided in time";
    case "low-level":
      return "No upgrade: withoutShutdown() took the transport";
    case "canceled":
      return "No upgrade: the connection ended before";
    default:
      return reason satisfies never;
  }
}
