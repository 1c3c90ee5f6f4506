/**
 * The everyday client: `fetch`, upgrades and tunnels. Programs make one, and `websocket/` does for its handshakes. Each
 * request is an `Exchange` over one of its `Connections`; `final_answer.ts` follows redirects.
 *
 * @module
 */

import { checkFunction, checkGiven, checkOptions, checkString, wrongType } from "../../bytes/arguments.ts";
import { systemClock } from "../../duplex/clock.ts";
import { type ClientConnectionOptions, clientSettings } from "../../http1/options.ts";
import { onUpgrade } from "../../http1/upgrade.ts";
import { UpgradeRejected } from "../../errors/upgrade_rejected.ts";
import { Upgraded } from "../../http1/upgraded.ts";
import { StateError } from "../../errors/state_error.ts";
import type { Field } from "../../semantics/fields.ts";
import { responseTo } from "./answer.ts";
import { checkProtocol, CLIENT, CONNECT, FETCH, UPGRADE } from "./check_options.ts";
import { Connections } from "./connections.ts";
import { Exchange, type ExchangeInit, exchangeInit } from "./exchange.ts";
import { type Asking, finalAnswer } from "./final_answer.ts";
import type { Interceptor } from "./interceptor.ts";
import { Interceptors } from "./interceptors.ts";
import type { ClientOptions, ConnectInit, FetchInit, RouteOptions, UpgradeInit } from "./options.ts";
import { OwnFields } from "./own_fields.ts";
import type { RedirectRules } from "./redirect.ts";
import { type ClientRequest, clientRequest, pairsOf, withExpectation } from "./request.ts";
import type { ClientResponse } from "./response.ts";
import { protocolId } from "./way/protocol_id.ts";
import { Routes, tunnelRoute } from "./way/route.ts";

/** No switch: the server gave another answer, or an interceptor did, which knows of no switch. */
const REFUSALS: ReadonlySet<string> = new Set(["refused", "not-requested"]);

/** An upgrade goes to no other place than the one that was asked for. */
const NO_REDIRECTS: RedirectRules = { redirect: "manual", maxRedirects: 0 };

/** What a client sends over, for those who send requests of their own making. */
export interface ClientParts {
  /** What the client was told. */
  readonly options: ClientOptions;
  /** Its connections. */
  readonly connections: Connections;
  /** Its ways to origins. */
  readonly routes: Routes;
}

/**
 * The parts of a client.
 *
 * @throws {StateError} `closed`: it is.
 * @throws {TypeError} It is no client of this copy of the package.
 */
export let partsOf: (client: Client) => ClientParts;

/**
 * Fetches, upgrades and tunnels. Connections are kept for the next request to the same place, and closed by
 * {@linkcode close}, by leaving an `await using` scope, or when they have waited for `idleTimeoutMs`.
 *
 * Read the body of each response, or cancel it: its connection is busy until then, or until the garbage collector finds
 * a response that was not read.
 *
 * @example
 * ```ts
 * import { Client, duplexPair, serveConnection } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const dial = () => {
 *   const [near, far] = duplexPair();
 *   serveConnection(far, (request) => ({ status: 200, body: `you asked for ${request.target}` }));
 *   return near;
 * };
 * await using client = new Client({ dial });
 * const response = await client.fetch("http://example.com/tea");
 * assertEquals(await response.text(), "you asked for /tea");
 * ```
 */
export class Client implements AsyncDisposable {
  readonly #options: ClientOptions;
  readonly #connections: Connections;
  readonly #routes: Routes;
  readonly #own: OwnFields;
  /** `null` as long as there are none: requests cost nothing for them then. */
  #interceptors: Interceptors | null = null;
  #closed = false;

  /**
   * Makes a client that is not connected to anything.
   *
   * @param options Proxy, TLS, limits; and the options of its connections.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} A number is below 0 or NaN.
   */
  constructor(options: ClientOptions = {}) {
    clientSettings(options);
    checkOptions<Omit<ClientOptions, keyof ClientConnectionOptions>>(options, CLIENT);
    this.#options = options;
    this.#own = new OwnFields(options);
    this.#connections = new Connections(options, this.#own.userAgent);
    this.#routes = new Routes(options);
  }

  /** How many connections are open, idle ones among them; those that were upgraded do not count. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Adds an interceptor: a function that sees each request of {@linkcode fetch} and {@linkcode upgrade} that goes to an
   * origin, and its response. The one that was added first is the first to see a request and the last to see its response.
   *
   * Each request of a redirect is seen, and the redirect as a response; it is made of the caller's request, so that fields
   * that an interceptor has added do not follow by themselves. {@linkcode connect} goes to no origin and is not seen. Requests
   * that are on their way do not meet what is added.
   *
   * @param interceptor Gets the request and hands it on by `next(request)`: changed, again, or not at all.
   * @returns The client itself.
   * @throws {TypeError} It is no function.
   *
   * @example
   * ```ts
   * import { Client, duplexPair, retry, serveConnection } from "@http-upgrade/http-upgrade";
   * import { assertEquals } from "@std/assert";
   *
   * const dial = () => {
   *   const [near, far] = duplexPair();
   *   serveConnection(far, ({ fields }) => ({ status: 200, body: `hello ${fields.get("authorization")}` }));
   *   return near;
   * };
   * await using client = new Client({ dial });
   * client.use(retry()).use((request, next) => {
   *   request.fields.set("Authorization", "Bearer t");
   *   return next(request);
   * });
   * assertEquals(await (await client.fetch("http://example.com/")).text(), "hello Bearer t");
   * ```
   */
  use(interceptor: Interceptor): this {
    checkFunction(interceptor, "interceptor");
    this.#interceptors ??= new Interceptors(this.#options.clock ?? systemClock);
    this.#interceptors.add(interceptor);
    return this;
  }

  /**
   * Fetches, as the platform's `fetch()` does: redirects are followed, codings undone.
   *
   * Other than there: `Host` can be given; a decoded body has neither `Content-Encoding` nor `Content-Length`; the headers
   * of the response can be changed, and its body is no byte stream (BYOB); a request with `Connection: upgrade` and
   * `Upgrade` may get a 101, after which {@linkcode onUpgrade} of the response gives the connection.
   *
   * @param input A URL of http or https, or a `Request`.
   * @param init Overrides the request's properties.
   * @returns The response, as soon as its head is there.
   * @throws {TypeError} The request cannot be sent, or a redirect cannot be followed.
   * @throws {TransportError} There is no connection, or it failed.
   * @throws {ProtocolError} The response breaks the protocol.
   * @throws {UpgradeRejected} `proxy-refused`: the proxy gave no tunnel, so that the server was never asked. `proxy` says
   * which one, `response` is its answer.
   * @throws {StateError} `closed`: the client is.
   * @throws {unknown} The reason of the signal.
   */
  async fetch(input: string | URL | Request, init: FetchInit = {}): Promise<ClientResponse> {
    checkGiven(init, FETCH, "init");
    this.#checkOpen();
    const given = typeof input === "object" && input !== null && "redirect" in input ? input.redirect : "follow";
    const redirect = init.redirect ?? given;
    const prepared = clientRequest(input, init);
    const own = this.#own.withFixed(prepared instanceof Promise ? await prepared : prepared);
    const first = init.expectContinueTimeoutMs === undefined ? own : withExpectation(own);
    const { onProxyChallenge, maxRedirects = 20 } = this.#options;
    const decompress = init.decompress ?? this.#options.decompress;
    const sending = exchangeInit(init, first.signal, decompress, onProxyChallenge, false);
    const ask = (request: ClientRequest, redirected: boolean): Asking => this.#ask(request, init, sending, redirected);
    const { answer, request, redirected } = await finalAnswer(first, ask, { redirect, maxRedirects });
    return responseTo(request, answer, redirected, sending.decompress);
  }

  /**
   * Sends a request that offers protocols, and waits for the server to take one. Through an HTTP proxy it goes in a
   * tunnel. Redirects are not followed. A single protocol is offered over HTTP/2 to servers that take upgrades there (RFC 8441):
   * the connection is a stream then.
   *
   * @param input A URL of http or https, or a `Request`.
   * @param init The protocols, and the rest of the request.
   * @returns The connection, which is the caller's from then on; `protocol` says which one was taken, `head.version` over what.
   * @throws {UpgradeRejected} `refused`: the server gave another answer; `response` is a `Response` with its body. Or
   * `proxy-refused`, as {@linkcode fetch} does.
   * @throws {unknown} What {@linkcode fetch} throws.
   */
  async upgrade(input: string | URL | Request, init: UpgradeInit): Promise<Upgraded> {
    checkGiven(init, UPGRADE, "init");
    checkProtocol(init.protocol, "init.protocol");
    this.#checkOpen();
    const protocols = typeof init.protocol === "string" ? [init.protocol] : init.protocol;
    const prepared = await clientRequest(input, init);
    const kept = prepared.fields.filter(([name]) => !/^(?:connection|upgrade)$/i.test(name));
    const fields: Field[] = [["connection", "Upgrade"], ["upgrade", protocols.join(", ")], ...kept];
    const first = this.#own.withFixed({ ...prepared, fields });
    const { decompress, onProxyChallenge } = this.#options;
    const sending = exchangeInit(init, first.signal, decompress, onProxyChallenge, true);
    const ask = (request: ClientRequest): Asking => this.#ask(request, init, sending, false);
    const { answer, request } = await finalAnswer(first, ask, NO_REDIRECTS);
    try {
      return await onUpgrade(answer);
    } catch (error) {
      if (!(error instanceof UpgradeRejected) || !REFUSALS.has(error.reason)) throw error;
      const response = responseTo(request, answer, false, sending.decompress);
      throw new UpgradeRejected("refused", { status: answer.status, response });
    }
  }

  /**
   * Asks the proxy for a tunnel.
   *
   * @param authority Where to: `host:port`, `[v6]:port`.
   * @param init The proxy, if not the client's own; fields; a signal.
   * @returns The tunnel, which is the caller's from then on. What the target says first is not lost.
   * @throws {TypeError} The authority is none, or there is no proxy to ask.
   * @throws {UpgradeRejected} `proxy-refused`: `response` is the proxy's answer.
   * @throws {TransportError} The proxy cannot be reached.
   */
  async connect(authority: string, init: ConnectInit = {}): Promise<Upgraded> {
    checkString(authority, "authority");
    checkOptions(init, CONNECT, "init");
    this.#checkOpen();
    const { proxy } = this.#options;
    const route = tunnelRoute(authority, init.proxy === undefined ? proxy : init.proxy, this.#options);
    const fields = pairsOf(init.headers);
    if (init.alpn !== undefined) fields.push(["alpn", init.alpn.map(protocolId).join(", ")]);
    const io = await this.#connections.dial(route, init.signal ?? undefined, fields);
    return io instanceof Upgraded ? io : new Upgraded(io, new Uint8Array(0), { protocol: null });
  }

  /**
   * Takes no more requests, turns away those that wait for a connection, closes idle ones, lets exchanges end that are
   * under way; those whose body is not read go on until it is, or until `signal` aborts. Upgraded connections
   * are their owners'. Idempotent.
   *
   * @param options `signal` ends the patience: whatever is open then is cut.
   * @returns Resolves when every connection is closed.
   */
  async close(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptions(options, { signal: "signal" });
    this.#closed = true;
    this.#interceptors?.close(new StateError("closed", "Cannot wait: the client was closed"));
    await this.#connections.close(options.signal);
  }

  /**
   * Ends everything at once but upgraded connections; what is under way fails with `reason`.
   *
   * @returns Resolves when every connection is closed.
   */
  async abort(reason: unknown = new StateError("closed", "The client was closed")): Promise<void> {
    this.#closed = true;
    this.#interceptors?.close(reason);
    await this.#connections.abort(reason);
  }

  /** {@linkcode abort}: leaving a scope does not wait for exchanges under way. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  static {
    partsOf = (client) => {
      if (!(#connections in client)) throw wrongType("client", "a Client of this package", client);
      client.#checkOpen();
      return { options: client.#options, connections: client.#connections, routes: client.#routes };
    };
  }

  /** How a request of a call is sent: through the interceptors, if there are any. */
  #ask(wanted: ClientRequest, init: RouteOptions, sending: ExchangeInit, redirected: boolean): Asking {
    const request = this.#own.withChosen(wanted);
    if (this.#interceptors === null) return this.#exchange(request, init, sending);
    return this.#interceptors.pass(request, {
      redirected,
      begin: (request) => {
        this.#checkOpen();
        return this.#exchange(request, init, { ...sending, signal: request.signal });
      },
      respond: (request, incoming) => responseTo(request, incoming, redirected, sending.decompress),
    });
  }

  #exchange(request: ClientRequest, init: RouteOptions, sending: ExchangeInit): Exchange {
    const route = this.#routes.find(request.url, init, sending.upgrade);
    return new Exchange(this.#connections, request, route, sending);
  }

  #checkOpen(): void {
    if (this.#closed) throw new StateError("closed", "Cannot send: the client is closed");
  }
}
