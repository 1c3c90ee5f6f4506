/**
 * What the proxy decides without waiting: where a request leads, whether it may, and how a failure is told.
 *
 * @module
 */

import { type Authority, type IncomingRequest, parseAuthority, ProtocolError } from "../../src/http1/mod.ts";
import { TransportError } from "../../src/net/mod.ts";

/** A request that is not carried out, with the reason for people and for programs (Proxy-Status, RFC 9209 §2.3). */
export class Refusal extends Error {
  /** What the client is answered. */
  readonly status: number;
  /** The type of error in Proxy-Status. */
  readonly type: string;

  constructor(status: number, type: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.type = type;
  }
}

/**
 * What went wrong on the way to the server, as the client is told.
 *
 * @throws {unknown} The error itself, when it is not the server's and not the request's.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof TransportError) return transportRefusal(error);
  if (!(error instanceof ProtocolError)) throw error;
  if (error.code === "bad-target") return new Refusal(400, "http_request_error", error.message);
  return new Refusal(502, "http_protocol_error", `The server does not speak HTTP/1.1: ${error.message}`);
}

function transportRefusal(error: TransportError): Refusal {
  const { code, message } = error;
  switch (code) {
    case "refused":
      return new Refusal(502, "connection_refused", message);
    case "unreachable":
      return new Refusal(502, "destination_unavailable", message);
    case "timeout":
      return new Refusal(504, "connection_timeout", message);
    default:
      return new Refusal(502, "connection_terminated", message);
  }
}

/** Host and port of an `http` target; port 80 when it names none. */
export function authorityOf(hostAndPort: string): Authority {
  return parseAuthority(/:[0-9]+$/.test(hostAndPort) ? hostAndPort : `${hostAndPort.replace(/:$/, "")}:80`);
}

/** Whether a rule covers a destination: `host`, `host:port`, `*.example.com`, `*:443`, `*`; addresses as themselves. */
export function covers(rule: string, { hostname, port }: Authority): boolean {
  const [, host, only] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(rule) ?? [rule, rule];
  if (only !== undefined && Number(only) !== port) return false;
  const pattern = host!.replace(/^\[|\]$/g, "").toLowerCase();
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return pattern === "*" || pattern === name || (pattern.startsWith("*.") && name.endsWith(pattern.slice(1)));
}

/** How many more proxies an OPTIONS or TRACE may pass; `null` without such a limit (RFC 9110 §7.6.2). */
export function hopsLeft({ method, fields }: IncomingRequest): number | null {
  const limit = method === "OPTIONS" || method === "TRACE" ? fields.get("max-forwards") : null;
  return limit !== null && /^[0-9]{1,9}$/.test(limit) ? Number(limit) : null;
}
