/**
 * What `serve()` is told, and what it returns: the types that its callers see, and the checks of what they give.
 *
 * @module
 */

import { checkObject, checkOneOf, checkOptions, type Kinds, wrongType } from "../../bytes/arguments.ts";
import { LISTEN } from "../../duplex/check_network.ts";
import type { ServerConnectionOptions, ServerSettings } from "../../http1/options.ts";
import { HTTP2, type Http2Options, type Http2ServerSettings, http2Settings } from "../../http2/options.ts";
import type { ListenOptions, TcpListenOptions } from "../../duplex/network.ts";
import type { SocketAddress } from "../../duplex/socket.ts";
import type { ConnectRequest } from "./connect_request.ts";
import { serverChannels, type ServerTrace } from "./server_trace.ts";
import type { ServeInfo } from "./serve_info.ts";

/** Answers a request; `app.fetch` of the usual frameworks fits. What it throws goes to `onError`. */
export type ServeHandler = (request: Request, info: ServeInfo) => Response | Promise<Response>;

/** Answers a CONNECT: with `connectResponse`, or with a refusal, after which the connection closes (RFC 9931). */
export type ConnectHandler = (request: ConnectRequest, info: ServeInfo) => Response | Promise<Response>;

/** The head of a response that was sent. */
export interface SentResponse {
  /** The final status: 101 for an upgrade that was accepted, also 4xx and 5xx that the server answered by itself. */
  readonly status: number;
}

/** What `serve` can be told: where to listen, what holds for each connection, and what is asked of you. */
export interface ServeOptions
  extends Omit<ListenOptions, "keepAlive">, Omit<ServerConnectionOptions, "onError" | "onResponse"> {
  /** Several places to listen at, instead of `hostname`, `port`, `path` and `tls` above. */
  readonly listen?: readonly ListenOptions[] | undefined;
  /**
   * HTTP/2 beside HTTP/1.1, on the same port, for the same handler: over TLS with clients that ask for it through ALPN, and with `h2c`
   * without TLS as well, where the client begins with it. `false` leaves HTTP/1.1 alone. True by default.
   */
  readonly http2?: boolean | ServeHttp2Options | undefined;
  /** Answers CONNECT; without it: 405, and the connection closes. */
  readonly connect?: ConnectHandler | undefined;
  /** How many connections may be open, upgraded ones included; further ones wait in the backlog. Unlimited. */
  readonly maxConnections?: number | undefined;
  /** After how many requests a connection closes. Unlimited. */
  readonly maxRequestsPerConnection?: number | undefined;
  /**
   * Told of what a handler threw, or a response that could not be sent; a response it returns is sent instead of the 500, or
   * the 502 or 504 that stands for a `TransportError` or a timeout. Without it errors are printed, but for those that only say that a
   * client has left; those of the network without a stack.
   */
  readonly onError?:
    | ((error: unknown, request: Request | null) => Response | void | Promise<Response | void>)
    | undefined;
  /** Told of each final response head; the request is `null` where none could be read. */
  readonly onResponse?: ((request: Request | null, response: SentResponse) => void) | undefined;
  /**
   * Told of connections, requests, heads, switches and ends, when they happen, for telemetry; of those connections that are
   * opened while somebody listens.
   */
  readonly trace?: ServerTrace | undefined;
  /**
   * Whether the global `Request` and `fetch()` of the process take the light request that a handler gets, until this server has
   * finished. False by default.
   *
   * It is for apps that are not to be changed and make requests of requests, `fetch(request)` or `new Request(request, init)`:
   * Node and Deno want a real one there, which `request.clone()` is. Its price: all code of the process gets another `Request`
   * and another `fetch` than before, which do the same otherwise.
   */
  readonly replaceGlobalRequest?: boolean | undefined;
  /**
   * Whether the global `Response` of the process makes light responses, as `LightResponse` is one, until this server has
   * finished. False by default.
   *
   * It makes apps that are not to be changed faster on Node, where the platform's class costs about as much as the rest of
   * a short request. Its price: all code of the process gets another global `Response` than before; `response.constructor`
   * is not that; and functions of the platform that take a `Response`, `caches` and `WebAssembly.instantiateStreaming()`,
   * refuse light ones. `instanceof Response` holds for all. Streams, forms, blobs and subclasses make real ones as before.
   */
  readonly replaceGlobalResponse?: boolean | undefined;
  /** Shuts the server down. */
  readonly signal?: AbortSignal | undefined;
}

/** The same for a server that listens at ports, and at no unix socket. */
export interface ServeTcpOptions extends ServeOptions {
  /** There is none. */
  readonly path?: never;
  /** Several places to listen at, instead of `hostname`, `port` and `tls` above. */
  readonly listen?: readonly TcpListenOptions[] | undefined;
}

/** How a server speaks HTTP/2. */
export interface ServeHttp2Options extends Http2Options {
  /** Whether clients may begin with HTTP/2 where there is no TLS ("prior knowledge", RFC 9113 §3.3). False. */
  readonly h2c?: boolean | undefined;
}

/** How a server ends. */
export interface ShutdownOptions {
  /**
   * What becomes of upgraded connections and tunnels: `"wait"`, the default, until they end by themselves; `"close"`
   * them, WebSockets with 1001, and cut those whose clients take nothing of what was sent for `writeTimeoutMs`; or `"ignore"` them,
   * which leaves them open.
   */
  readonly upgraded?: "wait" | "close" | "ignore" | undefined;
  /** Cuts what is still open when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** Where a server listens; `port` is there for TCP, and always there if `serve()` was told no path. */
export type ServerAddress = SocketAddress & { readonly port?: number };

/**
 * What a server is doing: `open` is the sum of `opening`, `idle`, `active` and `upgraded`, less the streams of HTTP/2 among the last:
 * their connections are counted already.
 */
export interface ServerStats {
  /** Connections that are open, upgraded ones included. */
  readonly open: number;
  /** Those that wait for the end of their TLS handshake. */
  readonly opening: number;
  /** Those that wait for a request of which nothing has come. */
  readonly idle: number;
  /** Those in the middle of a request, of its answer, or of their end. */
  readonly active: number;
  /** Those that have switched protocols, streams of HTTP/2 as well, and are not over, or have a callback that still runs. */
  readonly upgraded: number;
  /** Requests so far, CONNECT and upgrades included, of all connections. Those with a head that could not be read are not. */
  readonly requests: number;
  /** What came so far on all connections, upgraded ones included; above TLS. */
  readonly receivedBytes: number;
  /** What was sent so far likewise. */
  readonly sentBytes: number;
}

/**
 * A server; made by {@linkcode serve}.
 *
 * @typeParam Address `TcpAddress` where it was told no path.
 */
export interface Server<Address extends ServerAddress = ServerAddress> extends AsyncDisposable {
  /** Resolves with the addresses once connections are taken. Rejects if that fails; needs no handler. */
  readonly listening: Promise<readonly [Address, ...Address[]]>;
  /** Resolves when the server is shut down and everything it promised is done. Rejects if it could not listen. */
  readonly finished: Promise<void>;
  /** How many connections are open, upgraded ones included. */
  readonly connections: number;

  /**
   * Counts what the server is doing now, and what it has done. It looks at each connection when it is asked. Meanwhile the
   * sockets add up their bytes, and nothing else.
   */
  stats(): ServerStats;

  /**
   * Stops listening, lets each connection finish the exchange at hand, and closes; idle ones close at once.
   *
   * @param options What becomes of upgraded connections, and when to cut what is still open.
   * @returns The same as `finished`.
   * @throws {TypeError} An option is of another kind.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;

  /** Shuts down and closes upgraded connections. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `shutdown()` takes. */
export const SHUTDOWN: Kinds<ShutdownOptions> = {
  upgraded: (value, name) => checkOneOf(value, name, ["wait", "close", "ignore"]),
  signal: "signal",
};

/** The options of connections are checked where those begin. */
type ServersOwn = Omit<ServeOptions, Exclude<keyof ServerConnectionOptions, "onError" | "onResponse">>;

const SERVE: Kinds<ServersOwn> = {
  ...LISTEN,
  listen: checkPlaces,
  http2: checkHttp2,
  connect: "function",
  maxConnections: "number",
  maxRequestsPerConnection: "number",
  onError: "function",
  onResponse: "function",
  trace: (value, name) => serverChannels.check(value, name),
  replaceGlobalRequest: "boolean",
  replaceGlobalResponse: "boolean",
  signal: "signal",
};

/**
 * Refuses what `serve()` does not take.
 *
 * @throws {TypeError} An argument is missing or in the wrong place, or an option is of another kind.
 * @throws {RangeError} A number is out of range.
 */
export function checkServe(options: ServeOptions, handler: ServeHandler): void {
  const asIn = "as in serve({ port: 8080 }, handler)";
  if (typeof options === "function") throw wrongType("options", `an object, ${asIn}`, options);
  checkObject(options, "options");
  if (typeof handler !== "function") throw wrongType("handler", `a function, ${asIn}`, handler);
  checkOptions<ServersOwn>(options, SERVE);
}

function checkHttp2(value: unknown, name: string): void {
  if (typeof value !== "boolean") checkOptions(value as ServeHttp2Options, { ...HTTP2, h2c: "boolean" }, name);
}

/** What holds for connections of HTTP/2. */
export interface ServeHttp2 {
  /** See {@linkcode ServeHttp2Options}. */
  readonly h2c: boolean;
  /** Everything else. */
  readonly settings: Http2ServerSettings;
}

/** Fills in what `http2` leaves out; `null` if that is not spoken. */
export function serveHttp2(http2: ServeOptions["http2"] = true, server: ServerSettings): ServeHttp2 | null {
  if (http2 === false) return null;
  const { h2c = false, ...options } = http2 === true ? {} : http2;
  return { h2c, settings: http2Settings(server, options) };
}

function checkPlaces(value: unknown, name: string): void {
  if (!Array.isArray(value) || value.length === 0) throw wrongType(name, "an array of places to listen at", value);
  value.forEach((place, i) => checkOptions(place, LISTEN, `${name}[${i}]`));
}
