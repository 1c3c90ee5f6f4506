/**
 * The options of a client and of its requests. `Client` takes them, `check_options.ts` checks them.
 *
 * @module
 */

import type { ClientConnectionOptions } from "../../http1/options.ts";
import type { OutgoingTrailers } from "../../http1/outgoing_body.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { TlsOptions } from "../../duplex/tls_options.ts";
import type { ClientTrace } from "./client_trace.ts";
import type { Http2Options } from "../../http2/options.ts";
import type { ResponseHead } from "../../semantics/message.ts";

/** Where a connection is to lead: the server itself, or the proxy in front of it. */
export interface DialAddress {
  /** A name or an IP address, without brackets. */
  readonly hostname: string;
  /** 1–65535. */
  readonly port: number;
}

/**
 * Opens the transport below a connection, without TLS: the client adds that. Called with where the connection is to
 * lead, and with a signal that aborts when it is not wanted any more.
 */
export type Dial = (
  address: DialAddress,
  options: { readonly signal: AbortSignal },
) => DuplexLike | Promise<DuplexLike>;

/**
 * Which proxy a URL is reached through: `http://`, `https://` (TLS to the proxy itself) or `socks5://`, with `user:pw@`
 * where the proxy asks for that; `null` for none. A function is asked for each URL.
 */
export type ProxyChoice = string | URL | null | ((url: URL) => string | URL | null);

/** What decides over which connection a request goes. */
export interface RouteOptions {
  /** The proxy; none by default. The environment is only asked through `proxyFromEnv()`. */
  readonly proxy?: ProxyChoice | undefined;
  /**
   * What is reached without the proxy, separated by commas: names (`example.com` means its subdomains as well), IP
   * addresses, networks (`10.0.0.0/8`), each with or without a port, or `*`.
   */
  readonly noProxy?: string | undefined;
  /** TLS to the server, for `https:`. */
  readonly tls?: TlsOptions | undefined;
  /** Opens transports; TCP by default. What it gives is the client's from then on. */
  readonly dial?: Dial | undefined;
}

/** How a client speaks HTTP/2. */
export interface ClientHttp2Options {
  /**
   * Bounds on what a server may send; see `DEFAULT_HTTP2_LIMITS`. Other than there, `streamWindowBytes` is 1 MiB and
   * `connectionWindowBytes` 16 MiB: responses that are not read share that, and must not stop the others.
   */
  readonly limits?: Http2Options["limits"];
  /** Whether servers of `http:` URLs, which no HTTP/1.1 proxy stands in front of, are spoken to in HTTP/2 from the beginning. False. */
  readonly h2c?: boolean | undefined;
}

/** What a client can be told. All time limits are in milliseconds; 0 switches one off. */
export interface ClientOptions extends RouteOptions, ClientConnectionOptions {
  /** TLS to an `https:` proxy. Without `alpnProtocols` HTTP/2 is offered before HTTP/1.1, unless `http2` is false. */
  readonly proxyTls?: TlsOptions | undefined;
  /**
   * What goes through a tunnel (CONNECT) of an HTTP proxy: `"https"`, the default, asks the proxy itself for `http:` URLs;
   * `"always"` tunnels these too. Upgrades are tunneled in any case.
   */
  readonly proxyTunnel?: "https" | "always" | undefined;
  /**
   * Answers a 407 that came in spite of the credentials in the proxy's URL, or without any: given the values of
   * `Proxy-Authenticate`, returns a `Proxy-Authorization`, or `null` to give up. Asked once for each request.
   */
  readonly onProxyChallenge?:
    | ((challenges: readonly string[]) => string | null | Promise<string | null>)
    | undefined;
  /**
   * Fields of every request that does not have them itself. When a redirect leaves the origin, credentials and `Host` among
   * them are left out, as those of the request are. A function is asked for each URL, those of redirects among them, and
   * decides by itself which of them gets what.
   */
  readonly headers?: HeadersInit | ((url: URL) => HeadersInit) | undefined;
  /** Whether connections are used again. True. */
  readonly keepAlive?: boolean | undefined;
  /** How many connections to one place wait for another request. 6, as browsers. */
  readonly maxIdlePerOrigin?: number | undefined;
  /**
   * How many connections to one place may be at work or wait; further requests wait in their order. Unlimited, as with
   * undici and hyper. Upgraded ones do not count, nor do those of HTTP/2, which take many requests. A response that is not
   * read keeps its place.
   */
  readonly maxConnectionsPerOrigin?: number | undefined;
  /**
   * How long a connection waits for another request. 15,000; less if the server's `Keep-Alive: timeout=` says so, minus
   * a second for the way. It keeps no program alive.
   */
  readonly idleTimeoutMs?: number | undefined;
  /** How long connecting may take, the handshakes with proxy and TLS included. 10,000, as undici. */
  readonly connectTimeoutMs?: number | undefined;
  /** Whether bodies in gzip, deflate and br are asked for and decoded. True. */
  readonly decompress?: boolean | undefined;
  /** Told of connections, requests, heads, switches, ends, waits and retries, when they happen, for telemetry. */
  readonly trace?: ClientTrace | undefined;
  /**
   * Whether HTTP/2 is spoken with servers that agree to it: it is offered by ALPN, before HTTP/1.1, wherever `alpnProtocols` does not
   * say what is. One connection takes all requests to an origin then, and upgrades if the server takes them over HTTP/2 (RFC 8441).
   * True; an object says more of it.
   */
  readonly http2?: boolean | ClientHttp2Options | undefined;
  /** How many redirects are followed. 20 (Fetch standard). */
  readonly maxRedirects?: number | undefined;
}

/** What a request's body may be: what `fetch()` takes, and anything that yields bytes by and by. */
export type ClientBody = NonNullable<ConstructorParameters<typeof Response>[0]> | AsyncIterable<Uint8Array>;

/** What `client.fetch()` takes besides the URL: what `fetch()` takes, and more. */
export interface FetchInit extends RouteOptions {
  /** `GET` when left out. */
  readonly method?: string | undefined;
  /** The fields; `Host` may be among them. */
  readonly headers?: HeadersInit | undefined;
  /** The body. A stream cannot be sent twice, as some redirects need. */
  readonly body?: ClientBody | null | undefined;
  /** Gives up, at any moment until the body of the response is read. */
  readonly signal?: AbortSignal | null | undefined;
  /** `"follow"` by default; `"manual"` gives the redirect itself; `"error"` rejects. */
  readonly redirect?: "follow" | "manual" | "error" | undefined;
  /** Fields behind the body, which may be empty; they must be announced in `Trailer`. None with `GET` and `HEAD`. */
  readonly trailers?: OutgoingTrailers | undefined;
  /** Called with each 1xx but 101. */
  readonly onInformational?: ((head: ResponseHead) => void) | undefined;
  /** Asks the server before the body is sent (`Expect: 100-continue`), and sends it after this time in any case. */
  readonly expectContinueTimeoutMs?: number | undefined;
  /** As the client's option, for this request. */
  readonly decompress?: boolean | undefined;
  /** `"half"`, as `fetch()` wants it for streams. Not needed here. */
  readonly duplex?: "half" | undefined;
}

/** What `client.upgrade()` takes besides the URL. */
export interface UpgradeInit extends RouteOptions {
  /** What is offered, the preferred one first; the server takes one of them. */
  readonly protocol: string | readonly string[];
  /** `GET` when left out. */
  readonly method?: string | undefined;
  /** The fields. `Connection` and `Upgrade` are added. */
  readonly headers?: HeadersInit | undefined;
  /** The body, sent completely before the connection can switch. */
  readonly body?: ClientBody | null | undefined;
  /** Gives up, until the connection has switched. */
  readonly signal?: AbortSignal | null | undefined;
  /** Called with each 1xx but 101. */
  readonly onInformational?: ((head: ResponseHead) => void) | undefined;
  /**
   * Takes a 200 of no announced length for the switch, as old Docker daemons mean it. Off by default: bytes of a body
   * would be taken for those of the protocol.
   */
  readonly hijack?: boolean | undefined;
}

/** What `client.connect()` takes besides the authority. */
export interface ConnectInit {
  /** The proxy to ask; the client's own by default. */
  readonly proxy?: ProxyChoice | undefined;
  /** Further fields of the CONNECT request. */
  readonly headers?: HeadersInit | undefined;
  /**
   * The ALPN identifiers of what will be spoken in the tunnel, `h2` or `http/1.1`, for proxies that decide by them: the
   * field `ALPN` (RFC 7639). Not sent when left out.
   */
  readonly alpn?: readonly string[] | undefined;
  /** Gives up, until the tunnel stands. */
  readonly signal?: AbortSignal | null | undefined;
}
