/**
 * The way to an origin: where to connect, through which proxy, with what TLS. `Client` finds one for each request, and
 * requests of one route share connections; `proxy_rules.ts` decides on the proxy.
 *
 * @module
 */

import type { ClientOptions, Dial, ProxyChoice, RouteOptions } from "../options.ts";
import { bareHost, portOf, proxyFor, type ProxyServer } from "./proxy_rules.ts";
import type { TlsOptions } from "../../../duplex/tls_options.ts";

/**
 * How HTTP/2 comes about: by ALPN if the server agrees, from the beginning (RFC 9113 §3.3), or not at all.
 */
export type Http2Use = "agreed" | "assumed" | "never";

/** How a proxy is reached that gives tunnels. */
export interface ProxyWay {
  /** The same for the same way: the place of the connections that tunnels share. */
  readonly key: string;
  /** The proxy. */
  readonly proxy: ProxyServer;
  /** Whether it may be spoken to in HTTP/2. */
  readonly http2: Exclude<Http2Use, "assumed">;
  /** What is offered to it by ALPN. */
  readonly alpnProtocols: readonly string[];
  /** Opens the transport. */
  readonly dial: Dial | undefined;
}

/** How a place is reached. */
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
  /** Where a tunnel is asked for, or `null`. */
  readonly tunnel: ProxyWay | null;
  /** TLS with the server. */
  readonly tls: TlsOptions | undefined;
  /** Whether requests may go over HTTP/2. */
  readonly http2: Http2Use;
  /** What is offered by ALPN where the requests' TLS is: with the server, or with the proxy that is sent the requests. */
  readonly alpnProtocols: readonly string[];
  /** Opens the transport. */
  readonly dial: Dial | undefined;
}

/** What decides on versions. */
type VersionOptions = Pick<ClientOptions, "http2" | "proxyTls">;

function routeTo(url: URL, choice: RouteOptions, tunnel: boolean, options: VersionOptions): Route {
  const { http2 = true, proxyTls } = options;
  const secure = url.protocol === "https:";
  const proxy = proxyFor(url, choice.proxy, choice.noProxy);
  const forward = proxy !== null && proxy.scheme !== "socks5" && !secure && !tunnel;
  const authority = `${url.hostname}:${portOf(url)}`;
  const means = `${idOf(choice.tls)} ${idOf(choice.dial)}`;
  const alpnProtocols = (forward ? proxyTls : choice.tls)?.alpnProtocols ?? (http2 === false ? HTTP_1 : BOTH);
  const overTls = forward ? proxy.scheme === "https" : secure;
  const assumed = !overTls && !forward && typeof http2 === "object" && http2.h2c === true;
  const agreed = overTls && http2 !== false && alpnProtocols.includes("h2");
  return {
    key: forward ? `${proxy.key} ${means}` : `${url.protocol}${authority} ${proxy?.key ?? ""} ${means}`,
    secure,
    hostname: bareHost(url.hostname),
    port: portOf(url),
    authority,
    host: url.host,
    proxy,
    forward,
    tunnel: proxy === null || forward ? null : proxyWay(proxy, choice.dial, options),
    http2: assumed ? "assumed" : agreed ? "agreed" : "never",
    alpnProtocols,
    tls: choice.tls,
    dial: choice.dial,
  };
}

function proxyWay(
  proxy: ProxyServer,
  dial: Dial | undefined,
  { http2 = true, proxyTls }: VersionOptions,
): ProxyWay {
  const alpnProtocols = proxyTls?.alpnProtocols ?? (http2 === false ? HTTP_1 : BOTH);
  const agreed = proxy.scheme === "https" && http2 !== false && alpnProtocols.includes("h2");
  return { key: `${proxy.key} ${idOf(dial)}`, proxy, http2: agreed ? "agreed" : "never", alpnProtocols, dial };
}

/**
 * The way to a tunnel that was asked for by itself.
 *
 * @param authority Where to: `host:port`, `[v6]:port`.
 * @param options Those of the client.
 * @throws {TypeError} The authority is none, or there is no proxy to ask.
 */
export function tunnelRoute(
  authority: string,
  choice: ProxyChoice | undefined,
  options: VersionOptions & Pick<ClientOptions, "dial">,
): Route {
  const url = authorityUrl(authority);
  const proxy = proxyFor(url, choice, undefined);
  if (proxy === null) throw new TypeError("Cannot connect: there is no proxy to ask");
  const port = Number(authority.slice(authority.lastIndexOf(":") + 1));
  return {
    key: "",
    secure: false,
    hostname: bareHost(url.hostname),
    port,
    authority: `${url.hostname}:${port}`,
    host: url.host,
    proxy,
    forward: false,
    tunnel: proxyWay(proxy, options.dial, options),
    http2: "never",
    alpnProtocols: HTTP_1,
    tls: undefined,
    dial: options.dial,
  };
}

/** The authority as a URL, in which the platform has checked the host. */
function authorityUrl(authority: string): URL {
  // A backslash is a slash for URLs: what stands behind it would be a path, and another host be asked for.
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/\\?#@\[\]]+):(\d{1,5})$/.exec(authority)?.[1];
  if (port === undefined || Number(port) === 0 || Number(port) > 65535) {
    throw new TypeError(`Cannot use authority ${JSON.stringify(authority)}: it is no host:port`);
  }
  return new URL(`https://${authority}/`);
}

/** How many ways to origins a client keeps in mind. */
const MAX_KNOWN_ROUTES = 256;

/** The ways of one client: found once for an origin, unless the request or a function has a say in it. */
export class Routes {
  readonly #options: ClientOptions;
  readonly #known: Map<string, Route> = new Map();
  readonly #knownTunnels: Map<string, Route> = new Map();

  /** Knows no way yet. */
  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /**
   * The way to a URL.
   *
   * @param init What the request says of it; the client's options say the rest.
   * @param tunnel Whether a plain request is tunneled as well.
   * @throws {TypeError} The proxy's URL cannot be used.
   */
  find(url: URL, init: RouteOptions, tunnel: boolean): Route {
    const { proxy, noProxy, tls, dial } = init;
    const own = proxy === undefined && noProxy === undefined && tls === undefined && dial === undefined;
    if (!own || typeof this.#options.proxy === "function") return this.#find(url, init, tunnel);
    const known = tunnel ? this.#knownTunnels : this.#known;
    const { origin } = url;
    let route = known.get(origin);
    if (route === undefined) {
      if (known.size === MAX_KNOWN_ROUTES) known.clear();
      known.set(origin, route = this.#find(url, init, tunnel));
    }
    return route;
  }

  #find(url: URL, init: RouteOptions, tunnel: boolean): Route {
    const options = this.#options;
    const choice: RouteOptions = {
      proxy: init.proxy === undefined ? options.proxy : init.proxy,
      noProxy: init.noProxy ?? options.noProxy,
      tls: init.tls ?? options.tls,
      dial: init.dial ?? options.dial,
    };
    return routeTo(url, choice, tunnel || options.proxyTunnel === "always", options);
  }
}

/** What ALPN offers for HTTP/1.1 alone. */
export const HTTP_1: readonly string[] = ["http/1.1"];
const BOTH: readonly string[] = ["h2", "http/1.1"];

/** What is offered on a way for requests that HTTP/2 is no use for. */
export function withoutHttp2({ http2, alpnProtocols }: Pick<Route, "http2" | "alpnProtocols">): readonly string[] {
  if (http2 === "never") return alpnProtocols;
  const others = alpnProtocols.filter((protocol) => protocol !== "h2");
  return others.length > 0 ? others : HTTP_1;
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
