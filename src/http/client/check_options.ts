/**
 * What the options of a client and of its requests may be. `Client` checks them first in every method, so that a wrong
 * argument fails at once and by its name.
 *
 * @module
 */

import { checkKind, checkOneOf, checkOptions, checkSignal, type Kinds, wrongType } from "../../bytes/arguments.ts";
import { checkTls } from "../../duplex/check_network.ts";
import type { ClientConnectionOptions } from "../../http1/options.ts";
import { checkTrailers, type OutgoingTrailers } from "../../http1/outgoing_body.ts";
import { protocolList } from "../../http1/proposing.ts";
import { HTTP2 } from "../../http2/options.ts";
import { clientChannels } from "./client_trace.ts";
import type {
  ClientHttp2Options,
  ClientOptions,
  ConnectInit,
  FetchInit,
  RouteOptions,
  UpgradeInit,
} from "./options.ts";

/** What a way is checked for, wherever it is described. */
export const ROUTE: Kinds<RouteOptions> = { proxy: checkProxy, noProxy: "string", tls: checkTls, dial: "function" };

/** What `new Client()` takes; the options of its connections are checked with those. */
export const CLIENT: Kinds<Omit<ClientOptions, keyof ClientConnectionOptions>> = {
  ...ROUTE,
  proxyTls: checkTls,
  proxyTunnel: (value, name) => checkOneOf(value, name, ["https", "always"]),
  onProxyChallenge: "function",
  headers: checkClientHeaders,
  keepAlive: "boolean",
  maxIdlePerOrigin: "number",
  maxConnectionsPerOrigin: "number",
  idleTimeoutMs: "number",
  connectTimeoutMs: "number",
  decompress: "boolean",
  maxRedirects: "number",
  http2: checkHttp2,
  trace: (value, name) => clientChannels.check(value, name),
};

const CLIENT_HTTP2: Kinds<ClientHttp2Options> = { limits: HTTP2.limits, h2c: "boolean" };

/** What `fetch()` takes. */
export const FETCH: Kinds<FetchInit> = {
  ...ROUTE,
  method: "string",
  headers: checkHeaders,
  body: "any",
  signal: checkSignalOrNull,
  redirect: (value, name) => checkOneOf(value, name, ["follow", "manual", "error"]),
  trailers: (value, name) => checkTrailers(value as OutgoingTrailers, name),
  onInformational: "function",
  expectContinueTimeoutMs: "number",
  decompress: "boolean",
  duplex: "any",
};

/** What `upgrade()` takes. */
export const UPGRADE: Kinds<UpgradeInit> = {
  ...ROUTE,
  protocol: checkProtocol,
  method: "string",
  headers: checkHeaders,
  body: "any",
  signal: checkSignalOrNull,
  onInformational: "function",
  hijack: "boolean",
};

/** What `connect()` takes. */
export const CONNECT: Kinds<ConnectInit> = {
  proxy: checkProxy,
  headers: checkHeaders,
  alpn: "strings",
  signal: checkSignalOrNull,
};

/** Refuses what are no headers. Names and values are checked when they are written. */
export function checkHeaders(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null) throw wrongType(name, "Headers, pairs or a record", value);
  if (!Array.isArray(value)) return;
  for (const pair of value) {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrongType(name, "made of pairs [name, value]", value);
  }
}

function checkClientHeaders(value: unknown, name: string): void {
  if (typeof value !== "function") checkHeaders(value, name);
}

/** Refuses what says nothing of HTTP/2. */
export function checkHttp2(value: unknown, name: string): void {
  if (typeof value === "object" && value !== null) checkOptions<ClientHttp2Options>(value, CLIENT_HTTP2, name);
  else checkKind(value, "boolean", name);
}

function checkProxy(value: unknown, name: string): void {
  if (value === null || value instanceof URL || typeof value === "string" || typeof value === "function") return;
  throw wrongType(name, "a URL, null or a function", value);
}

function checkSignalOrNull(value: unknown, name: string): void {
  if (value !== null) checkSignal(value, name);
}

/** Refuses what names no protocol. */
export function checkProtocol(value: unknown, name: string): void {
  const protocols = protocolList(value as string | readonly string[], name);
  if (protocols.length === 0 || protocols.includes("")) throw wrongType(name, "a protocol, or several", value);
}
