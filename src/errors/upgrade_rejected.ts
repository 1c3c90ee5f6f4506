/**
 * There is no upgrade. The drivers of `http1/` reject the promise of an upgrade with this error, and so do the clients of
 * `http/` and `websocket/`.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

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

/**
 * There is no upgrade: the connection goes on with HTTP, or it is gone.
 *
 * @typeParam Answer What `response` is: `IncomingResponse` where `handshake()` has made the connection, `Response` from
 * `Client`, `WebSocket` and `WebSocketStream`.
 *
 * @example What a server says that does not switch
 * ```ts
 * import { Client, serve, UpgradeRejected } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, () => new Response("no", { status: 403 }));
 * const [{ port }] = await server.listening;
 * await using client = new Client();
 * try {
 *   await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo" });
 * } catch (error) {
 *   if (!(error instanceof UpgradeRejected)) throw error;
 *   const { code, response }: UpgradeRejected<Response> = error;
 *   assertEquals([code, await response?.text()], ["refused", "no"]);
 * }
 * ```
 */
export class UpgradeRejected<Answer = unknown> extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "UpgradeRejected";
  /** Why. */
  readonly code: UpgradeRejection;
  /** The clause that the request does not keep to, where it proposes no upgrade. */
  readonly rfc: string | undefined;
  /** The status of the answer, where there was one. */
  readonly status: number | undefined;
  /**
   * The answer itself with its body, on a client: the server's, or with `proxy-refused` the proxy's. Read the body or
   * cancel it: its connection is busy until then.
   */
  readonly response: Answer | undefined;
  /** The proxy that refused, `host:port`; `undefined` where the server did. */
  readonly proxy: string | undefined;

  /**
   * Makes the error.
   *
   * @param code Why.
   * @param options What is known beyond that.
   */
  constructor(code: UpgradeRejection, options: UpgradeRejectedOptions<Answer> = {}) {
    super(explain(code, options), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.rfc = proposesNothing(code) ? SWITCHING : undefined;
    this.status = options.status;
    this.response = options.response;
    this.proxy = options.proxy;
  }

  /** The same as `code`, under its name in versions before. */
  get reason(): UpgradeRejection {
    return this.code;
  }
}

/** What is known of a rejection beyond its code. */
export interface UpgradeRejectedOptions<Answer = unknown> {
  /** The status of the answer. */
  readonly status?: number | undefined;
  /** The answer itself. */
  readonly response?: Answer | undefined;
  /** The proxy that refused, `host:port`. */
  readonly proxy?: string | undefined;
  /** What came before. */
  readonly cause?: unknown;
}

/** The clause on Upgrade. */
const SWITCHING = "RFC 9110 §7.8";

function proposesNothing(code: UpgradeRejection): code is NoProposal {
  return code === "not-requested" || code === "http10" || code === "no-connection-token";
}

function explain(code: UpgradeRejection, { status, proxy }: UpgradeRejectedOptions): string {
  switch (code) {
    case "not-requested":
      return `No upgrade: the message proposed none (${SWITCHING}), or is a copy of the one that was received`;
    case "http10":
      return `No upgrade: Upgrade means nothing in HTTP/1.0 (${SWITCHING})`;
    case "no-connection-token":
      return `No upgrade: Connection does not hold the option upgrade (${SWITCHING})`;
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
      return code satisfies never;
  }
}
