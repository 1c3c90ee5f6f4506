/**
 * The way to an origin: where to connect, through which proxy, with what TLS. Requests of one route share connections.
 *
 * @module
 */

import type { Dial, RouteOptions } from "../options.ts";
import { bareHost, portOf, proxyFor, type ProxyServer } from "./proxy_rules.ts";
import type { TlsOptions } from "../../../duplex/tls_options.ts";

/** See the module. */
export interface Route {
  /** The same for the same way: the place of the connections in the pool. */
  readonly key: string;
  /** Whether there is TLS with the server. */
  readonly secure: boolean;
  /** The server's, without brackets. */
  readonly hostname: string;
  /** The server's. */
  readonly port: number;
  /** `host:port`, with brackets where needed: the target of a CONNECT. */
  readonly authority: string;
  /** The value of `Host`: without a default port. */
  readonly host: string;
  /** The proxy, or `null`. */
  readonly proxy: ProxyServer | null;
  /** Whether requests are sent to the proxy in absolute-form, instead of through a tunnel. */
  readonly forward: boolean;
  /** TLS with the server. */
  readonly tls: TlsOptions | undefined;
  /** Opens the transport. */
  readonly dial: Dial | undefined;
}

/** What decides besides the URL. */
export interface RouteChoice extends RouteOptions {
  /** Whether a plain request is tunneled as well. */
  readonly tunnel: boolean;
}

/**
 * Finds the way to a URL.
 *
 * @throws {TypeError} The proxy's URL cannot be used.
 */
export function routeTo(url: URL, choice: RouteChoice): Route {
  const secure = url.protocol === "https:";
  const proxy = proxyFor(url, choice.proxy, choice.noProxy);
  const forward = proxy !== null && proxy.scheme !== "socks5" && !secure && !choice.tunnel;
  const authority = `${url.hostname}:${portOf(url)}`;
  const means = `${idOf(choice.tls)} ${idOf(choice.dial)}`;
  return {
    key: forward ? `${proxy.key} ${means}` : `${url.protocol}${authority} ${proxy?.key ?? ""} ${means}`,
    secure,
    hostname: bareHost(url.hostname),
    port: portOf(url),
    authority,
    host: url.host,
    proxy,
    forward,
    tls: choice.tls,
    dial: choice.dial,
  };
}

/** Where a route leads, for messages. */
export function placeOf({ authority, proxy }: Route): string {
  return proxy === null ? authority : `${authority} through ${proxy.hostname}:${proxy.port}`;
}

const ids: WeakMap<object, number> = new WeakMap();
let lastId = 0;

/** Two connections are alike only if the very same objects made them. */
function idOf(object: object | undefined): number {
  if (object === undefined) return 0;
  let id = ids.get(object);
  if (id === undefined) ids.set(object, id = ++lastId);
  return id;
}
