/**
 * What `reverseProxy()` is told: the types that its callers see, and the checks of what they give.
 *
 * @module
 */

import { checkObject, checkOneOf, checkOptions, type Kinds, wrongType } from "../../bytes/arguments.ts";
import { isToken } from "../../bytes/ascii.ts";
import { checkPath, checkTls } from "../../duplex/check_network.ts";
import type { TlsOptions } from "../../duplex/tls_options.ts";
import { Client } from "../../http/client/client.ts";
import { checkHttp2 } from "../../http/client/check_options.ts";
import type { ClientHttp2Options } from "../../http/client/options.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { checkClock, type Clock } from "../../duplex/clock.ts";
import type { Fields } from "../../semantics/fields.ts";
import { parseNetwork } from "../../bytes/ip_address.ts";

/** A server behind the proxy. */
export interface UpstreamInit {
  /**
   * Scheme, host and port, and a path that goes in front of every target. `http:` or `https:`. With `unix` it is
   * `http://localhost` when left out.
   */
  readonly url?: string | URL | undefined;
  /** The path of a unix socket to connect to, instead of host and port. */
  readonly unix?: string | undefined;
  /** TLS with the server, for `https:`; that of the options when left out. */
  readonly tls?: TlsOptions | undefined;
  /** Whose connections are used, without its interceptors; those of the options when left out. It stays yours to close. */
  readonly client?: Client | undefined;
}

/** Where requests go: a URL, or what else is to be said of a server. */
export type Upstream = string | URL | UpstreamInit;

/** Where a request goes, asked for each; another answer for the same request is never asked for. */
export type UpstreamChoice = (request: Request, info: ServeInfo) => Upstream | Promise<Upstream>;

/** Where requests go: to one server, to one of several, or where a function says. */
export type ReverseProxyTarget = Upstream | readonly Upstream[] | UpstreamChoice;

/** How a server learns of the client. */
export interface ForwardedOptions {
  /** `"x-forwarded"`: X-Forwarded-For, -Host and -Proto; `"forwarded"`: Forwarded (RFC 7239); or both. The first. */
  readonly style?: "x-forwarded" | "forwarded" | "both" | undefined;
  /**
   * Whose fields of these names are believed and added to: those of the addresses and networks (`10.0.0.0/8`) that are
   * named, or those for which a function says so; `true` believes everybody. Those of others are replaced. `false`.
   */
  readonly trust?: boolean | readonly string[] | ((address: string, info: ServeInfo) => boolean) | undefined;
}

/** Changes of fields: what a name is set to, `null` removes it; or a function that changes them. */
export type FieldChanges =
  | Readonly<Record<string, string | null>>
  | ((fields: Fields, request: Request, info: ServeInfo) => void);

/** Changes by text: what is found, and what stands in its place; `"*"` finds everything, `""` in its place removes it. */
export type Replacements = string | Readonly<Record<string, string>>;

/** What is changed on the way, in either direction. Everything else passes as it is. */
export interface RewriteOptions {
  /**
   * Changes the target, path and query as they came: by regular expressions and what replaces their first match, or by a
   * function.
   */
  readonly path?:
    | Readonly<Record<string, string>>
    | ((target: string, request: Request, info: ServeInfo) => string)
    | undefined;
  /** The `Host` that the server gets; overrides `changeOrigin`. */
  readonly host?: string | ((host: string, request: Request, info: ServeInfo) => string) | undefined;
  /** Changes of the request's fields, made last. */
  readonly headers?: FieldChanges | undefined;
  /** Changes of the response's fields, made last. */
  readonly responseHeaders?: FieldChanges | undefined;
  /** What the `Domain` of cookies becomes: for all, or by what it is. `""` removes it. */
  readonly cookieDomain?: Replacements | undefined;
  /** What the `Path` of cookies becomes, likewise. */
  readonly cookiePath?: Replacements | undefined;
  /**
   * `true`: a `Location` or `Content-Location` that names the server names the proxy instead, as the client called it, and
   * the path of the server's URL is taken off. A function makes another one of it.
   */
  readonly location?: boolean | ((location: string, request: Request, info: ServeInfo) => string) | undefined;
}

/** When a server that fails is left alone for a while. It counts only where there are several. */
export interface HealthOptions {
  /** After how many failures without a success between them. 3. */
  readonly maxFailures?: number | undefined;
  /** How long it rests, in milliseconds. If all rest, all are asked. 10,000, as nginx. */
  readonly restMs?: number | undefined;
}

/** What a reverse proxy can be told. All time limits are in milliseconds; 0 switches one off. */
export interface ReverseProxyOptions {
  /**
   * How the proxy calls itself in `Via` and `Proxy-Status`, and knows a request that comes back to it: a host, optionally
   * with a port, or a pseudonym. One of its own for each proxy when left out; proxies that stand for each other share one.
   */
  readonly name?: string | undefined;
  /** Whether `Host` becomes that of the server's URL. False: the client's passes. */
  readonly changeOrigin?: boolean | undefined;
  /** The opposite of `changeOrigin`, for those who know it by this name. True. */
  readonly preserveHost?: boolean | undefined;
  /** How the server learns of the client; `false` passes what the client says of itself. X-Forwarded, believing nobody. */
  readonly forwarded?: false | ForwardedOptions | undefined;
  /** What is changed on the way. */
  readonly rewrite?: RewriteOptions | undefined;
  /** TLS with `https:` servers. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Whose connections are used, without its interceptors; the proxy has a client of its own when left out. It stays yours to
   * close.
   */
  readonly client?: Client | undefined;
  /**
   * Which requests go over HTTP/2, where an `https:` server agrees to it by ALPN: when left out, those that have come over it; with
   * `true`, or an object that says more, all of them; with `false` none. Not with a client of yours, whose option says so.
   */
  readonly http2?: boolean | ClientHttp2Options | undefined;
  /** How long connecting may take, TLS included. 10,000. Not with a client of yours. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long the head of a response may take once the request is sent. 60,000, as nginx. */
  readonly responseTimeoutMs?: number | undefined;
  /** How long a body may pause, in either direction. 0. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long both directions of an upgraded connection may be silent. 0. */
  readonly upgradedIdleTimeoutMs?: number | undefined;
  /** The longest body of a request; a longer one is a 413. Unlimited. */
  readonly maxRequestBytes?: number | undefined;
  /** How many connections one server may have at work or waiting; requests wait in their order. Unlimited. */
  readonly maxConnections?: number | undefined;
  /**
   * Which of several servers is asked: in turn, the one with the fewest requests at work, or by what a function returns:
   * the same text leads to the same server for as long as that is well. In turn.
   */
  readonly balance?: "round-robin" | "least-connections" | ((request: Request, info: ServeInfo) => string) | undefined;
  /** How many other servers are asked where nothing was sent to the first, or the method is safe. All of them. */
  readonly retries?: number | undefined;
  /** When a server that fails is left alone. */
  readonly health?: HealthOptions | undefined;
  /**
   * Told of each failure of a server, and answers in place of the 502 or 504 if it returns a response. Not told of clients
   * that leave.
   */
  readonly onError?:
    | ((error: unknown, request: Request) => Response | void | Promise<Response | void>)
    | undefined;
  /** Closes the proxy when it aborts, as {@linkcode ReverseProxy.close} does. */
  readonly signal?: AbortSignal | undefined;
  /** The source of time. The platform's by default. */
  readonly clock?: Clock | undefined;
}

const UPSTREAM: Kinds<UpstreamInit> = { url: checkUrl, unix: checkPath, tls: checkTls, client: checkClient };
const FORWARDED: Kinds<ForwardedOptions> = {
  style: (value, name) => checkOneOf(value, name, ["x-forwarded", "forwarded", "both"]),
  trust: checkTrust,
};
const REWRITE: Kinds<RewriteOptions> = {
  path: checkTexts,
  host: (value, name) => typeof value === "function" || checkText(value, name),
  headers: checkChanges,
  responseHeaders: checkChanges,
  cookieDomain: checkReplacements,
  cookiePath: checkReplacements,
  location: (value, name) => {
    if (typeof value !== "boolean" && typeof value !== "function") {
      throw wrongType(name, "a boolean or a function", value);
    }
  },
};
const HEALTH: Kinds<HealthOptions> = { maxFailures: "number", restMs: "number" };
const OPTIONS: Kinds<ReverseProxyOptions> = {
  name: checkName,
  changeOrigin: "boolean",
  preserveHost: "boolean",
  forwarded: (value, name) => value === false || checkOptions(value as ForwardedOptions, FORWARDED, name),
  rewrite: (value, name) => checkOptions(value as RewriteOptions, REWRITE, name),
  tls: checkTls,
  client: checkClient,
  http2: checkHttp2,
  connectTimeoutMs: "number",
  responseTimeoutMs: "number",
  idleTimeoutMs: "number",
  upgradedIdleTimeoutMs: "number",
  maxRequestBytes: "number",
  maxConnections: "number",
  balance: (value, name) => {
    if (typeof value === "function" || value === "round-robin" || value === "least-connections") return;
    throw wrongType(name, '"round-robin", "least-connections" or a function', value);
  },
  retries: "number",
  health: (value, name) => checkOptions(value as HealthOptions, HEALTH, name),
  onError: "function",
  signal: "signal",
  clock: checkClock,
};

/** Refuses options that `reverseProxy()` does not take. */
export function checkReverseProxyOptions(options: ReverseProxyOptions): void {
  checkOptions(options, OPTIONS);
  if (options.changeOrigin !== undefined && options.changeOrigin === options.preserveHost) {
    throw wrongType("options.preserveHost", "the opposite of changeOrigin", options.preserveHost);
  }
}

/** Refuses what is no target. */
export function checkTarget(target: ReverseProxyTarget): void {
  if (typeof target === "function") return;
  if (!Array.isArray(target)) return checkUpstream(target as Upstream, "target");
  if (target.length === 0) throw wrongType("target", "a URL, or several", target);
  target.forEach((each, i) => checkUpstream(each, `target[${i}]`));
}

/** Refuses what is no server. */
export function checkUpstream(upstream: Upstream, name: string): void {
  if (typeof upstream === "string" || upstream instanceof URL) return checkUrl(upstream, name);
  checkObject(upstream, name);
  checkOptions(upstream, UPSTREAM, name);
  if (upstream.url === undefined && upstream.unix === undefined) checkUrl(upstream.url, `${name}.url`);
}

function checkUrl(value: unknown, name: string): void {
  const url = urlOf(value);
  if (url === null) throw wrongType(name, "an absolute URL of http or https", value);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw wrongType(name, "a URL without credentials, query and fragment", value);
  }
}

/** The message of the platform would show what stands in the URL. */
function urlOf(value: unknown): URL | null {
  if (typeof value !== "string" && !(value instanceof URL)) return null;
  try {
    const url = new URL(value);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

function checkClient(value: unknown, name: string): void {
  if (!(value instanceof Client)) throw wrongType(name, "a Client", value);
}

/** A received-by of Via: a token, or a host with a port (RFC 9110 §7.6.3). */
function checkName(value: unknown, name: string): void {
  const valid = typeof value === "string" &&
    (isToken(value) || /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d+$/.test(value));
  if (!valid) throw wrongType(name, "a host, a host with a port, or a pseudonym", value);
}

function checkTrust(value: unknown, name: string): void {
  if (typeof value === "boolean" || typeof value === "function") return;
  if (!Array.isArray(value)) throw wrongType(name, "a boolean, a list of addresses or a function", value);
  value.forEach((each, i) => {
    if (typeof each !== "string" || parseNetwork(each) === null) {
      throw wrongType(`${name}[${i}]`, "an address or a network", each);
    }
  });
}

function checkText(value: unknown, name: string): void {
  if (typeof value !== "string") throw wrongType(name, "a string or a function", value);
}

function checkTexts(value: unknown, name: string): void {
  if (typeof value === "function") return;
  checkObject(value, name);
  for (const [key, text] of Object.entries(value as object)) checkText(text, `${name}.${key}`);
}

function checkChanges(value: unknown, name: string): void {
  if (typeof value === "function") return;
  checkObject(value, name);
  for (const [key, text] of Object.entries(value as object)) {
    if (text !== null) checkText(text, `${name}.${key}`);
  }
}

function checkReplacements(value: unknown, name: string): void {
  if (typeof value === "string") return;
  if (typeof value === "function") checkObject(value, name);
  checkTexts(value, name);
}
