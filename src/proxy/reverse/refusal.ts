/**
 * What the proxy answers by itself: that a server has failed, that it will not forward, or what it was asked as the last hop.
 *
 * @module
 */

import type { IncomingRequest } from "../../http1/incoming.ts";
import { LightResponse } from "../../http1/light_response.ts";
import type { Field } from "../../semantics/fields.ts";
import { formatProxyStatus, type ProxyError, statusOfProxyError } from "../proxy_status.ts";

/** What clients are told: not what stands behind the proxy. */
const TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  411: "Length Required",
  413: "Content Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/**
 * An answer of the proxy, with the reason in `Proxy-Status`.
 *
 * @param proxy The proxy's name.
 * @param status Its status; the one that goes with the reason when left out.
 */
export function refusal(proxy: string, error: ProxyError, status: number = statusOfProxyError(error)): Response {
  const body = TEXT[status] ?? "";
  const fields: Field[] = [
    ["Proxy-Status", formatProxyStatus({ proxy, error })],
    ["Content-Type", "text/plain;charset=UTF-8"],
  ];
  return LightResponse.of(body, { status, headers: fields as [string, string][] });
}

/** What a TRACE must not show to a script (RFC 9110 §9.3.8). */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** The answer of the last hop that `Max-Forwards` lets a request reach (RFC 9110 §7.6.2). */
export function lastHop({ method, target, version, fields }: IncomingRequest): Response {
  if (method === "OPTIONS") return LightResponse.of(null, { status: 204 });
  const lines = [...fields].filter(([name]) => !SECRET.has(name.toLowerCase()));
  const head = `${method} ${target} HTTP/${version}\r\n${
    lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  }\r\n`;
  const bytes = Uint8Array.from(head, (character) => character.charCodeAt(0));
  return LightResponse.of(bytes, { headers: { "content-type": "message/http" } });
}
