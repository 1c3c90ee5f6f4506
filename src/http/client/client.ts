/**
 * The everyday client: `fetch`, upgrades and tunnels over connections that are used again.
 *
 * @module
 */

import { checkOptions, checkString } from "../../bytes/arguments.ts";
import { handshake } from "../../http1/client_connection.ts";
import { UnsentError } from "../../errors/unsent_error.ts";
import type { OutgoingRequest, SendOptions } from "../../http1/outgoing_request.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import { clientSettings } from "../../http1/options.ts";
import { attachUpgrade, onUpgrade, upgradeOf } from "../../http1/upgrade.ts";
import { UpgradeRejected } from "../../errors/upgrade_rejected.ts";
import { Upgraded } from "../../http1/upgraded.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, hasField } from "../../semantics/fields.ts";
import {
  checkClientOptions,
  checkConnectInit,
  checkFetchInit,
  checkHeaders,
  checkUpgradeInit,
  type ClientOptions,
  type ConnectInit,
  type FetchInit,
  type RouteOptions,
  type UpgradeInit,
} from "./options.ts";
import { type ClientRequest, clientRequest, isReplayable, pairsOf, withDefaults, withoutField } from "./request.ts";
import { type ClientResponse, clientResponse } from "./response.ts";
import { type ConnectorSettings, openRoute, withinTime } from "./way/connector.ts";
import { ACCEPTED_CODINGS, codingsOf } from "./codings.ts";
import { Pool, type Pooled } from "./pool.ts";
import { answerTo, openTunnel } from "./way/proxy_connect.ts";
import { socketsPolled } from "../platform.ts";
import { bareHost, proxyFor } from "./way/proxy_rules.ts";
import { isRedirect, redirected } from "./redirect.ts";
import { protocolId } from "./way/protocol_id.ts";
import { placeOf, type Route, routeTo } from "./way/route.ts";
import { type Leave, Turnstile } from "./turnstile.ts";

/** What an exchange needs besides the request. */
interface Sending extends SendOptions {
  readonly trailers?: OutgoingRequest["trailers"];
  readonly hijack?: boolean | undefined;
  readonly decompress: boolean;
}

/** A response and the connection that it is read from. */
interface Exchanged {
  readonly response: IncomingResponse;
  readonly pooled: Pooled;
}

/** RFC 9110 §9.2.2: what may be sent twice without harm. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** How many ways to origins a client keeps in mind. */
const MAX_KNOWN_ROUTES = 256;

/**
 * Fetches, upgrades and tunnels. Connections are kept for the next request to the same place, and closed by
 * {@linkcode close}, by leaving an `await using` scope, or when they have waited for `idleTimeoutMs`.
 *
 * Read the body of each response, or cancel it: its connection is busy until then, or until the garbage collector finds
 * a response that nobody has read.
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
  readonly #pool: Pool;
  readonly #turnstile: Turnstile;
  readonly #connector: ConnectorSettings;
  readonly #defaults: readonly Field[];
  readonly #dialing: Map<AbortController, Promise<unknown>> = new Map();
  readonly #routes: Map<string, Route> = new Map();
  readonly #tunnelRoutes: Map<string, Route> = new Map();
  #closed = false;
  #aborted: { readonly reason: unknown } | null = null;

  /**
   * Makes a client that is not connected to anything.
   *
   * @param options Proxy, TLS, limits; and the options of its connections.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} A number is below 0 or NaN.
   */
  constructor(options: ClientOptions = {}) {
    const { clock } = clientSettings(options);
    checkClientOptions(options);
    this.#options = options;
    this.#pool = new Pool({
      maxIdlePerOrigin: options.maxIdlePerOrigin ?? 6,
      idleTimeoutMs: options.idleTimeoutMs ?? 15_000,
      clock,
    });
    this.#turnstile = new Turnstile(options.maxConnectionsPerOrigin ?? Infinity);
    this.#connector = {
      proxyTls: options.proxyTls,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      clock,
      openTunnel: (open, proxy, authority, signal) => this.#openTunnel(open, proxy, authority, [], signal),
    };
    this.#defaults = this.#completed(typeof options.headers === "function" ? undefined : options.headers);
  }

  /** The fields of requests that do not have them. */
  #completed(headers: HeadersInit | undefined): Field[] {
    const fields = pairsOf(headers);
    if (!hasField(fields, "accept")) fields.push(["accept", "*/*"]);
    if (!hasField(fields, "user-agent")) fields.push(["user-agent", "http-upgrade"]);
    if (this.#options.keepAlive === false && !hasField(fields, "connection")) fields.push(["connection", "close"]);
    return fields;
  }

  /** How many connections are open, idle ones among them; those that were upgraded do not count. */
  get connections(): number {
    return this.#pool.size;
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
    checkFetchInit(init);
    this.#checkOpen();
    const given = typeof input === "object" && input !== null && "redirect" in input ? input.redirect : "follow";
    const mode = init.redirect ?? given;
    const prepared = clientRequest(input, init);
    let request = this.#withFixed(prepared instanceof Promise ? await prepared : prepared);
    const sending = this.#sendingOf(init, request);
    if (init.expectContinueTimeoutMs !== undefined && request.body !== null && !hasField(request.fields, "expect")) {
      request = { ...request, fields: [...request.fields, ["expect", "100-continue"]] };
    }
    for (let redirects = 0;; redirects++) {
      const exchanged = await this.#exchange(this.#withChosen(request), this.#route(request.url, init, false), sending);
      const { response } = exchanged;
      const leads = isRedirect(response.status) && mode !== "manual" && response.fields.has("location");
      if (!leads) return this.#wrap(response, request, redirects > 0, sending.decompress);
      const following = this.#follow(request, response, mode, redirects);
      await discard(exchanged);
      request = following;
    }
  }

  /** The client's own fields that are the same for every URL go where the request's own go, and no farther. */
  #withFixed(request: ClientRequest): ClientRequest {
    return typeof this.#options.headers === "function" ? request : withDefaults(request, this.#defaults);
  }

  /** Those that a function chooses are for this URL. */
  #withChosen(request: ClientRequest): ClientRequest {
    const { headers } = this.#options;
    if (typeof headers !== "function") return request;
    const chosen = headers(new URL(request.url));
    checkHeaders(chosen, "what headers() returns");
    return withDefaults(request, this.#completed(chosen));
  }

  #follow(
    request: ClientRequest,
    response: IncomingResponse,
    mode: string,
    redirects: number,
  ): ClientRequest {
    try {
      if (mode === "error") throw new TypeError("Cannot fetch: the answer is a redirect");
      if (redirects === (this.#options.maxRedirects ?? 20)) {
        throw new TypeError(`Cannot fetch: more than ${redirects} redirects`);
      }
      return redirected(request, response.status, response.fields.getAll("location"));
    } catch (error) {
      response.body.cancel(error);
      throw error;
    }
  }

  /**
   * Sends a request that offers protocols, and waits for the server to take one. Through an HTTP proxy it goes in a
   * tunnel. Redirects are not followed.
   *
   * @param input A URL of http or https, or a `Request`.
   * @param init The protocols, and the rest of the request.
   * @returns The connection, which is the caller's from then on; `protocol` says which one was taken.
   * @throws {UpgradeRejected} `refused`: the server gave another answer; `response` is a `Response` with its body. Or
   * `proxy-refused`, as {@linkcode fetch} does.
   * @throws {unknown} What {@linkcode fetch} throws.
   */
  async upgrade(input: string | URL | Request, init: UpgradeInit): Promise<Upgraded> {
    checkUpgradeInit(init);
    this.#checkOpen();
    const protocols = typeof init.protocol === "string" ? [init.protocol] : init.protocol;
    const prepared = await clientRequest(input, init);
    const kept = prepared.fields.filter(([name]) => !/^(?:connection|upgrade)$/i.test(name));
    const fields: Field[] = [["connection", "Upgrade"], ["upgrade", protocols.join(", ")], ...kept];
    const request = this.#withChosen(this.#withFixed({ ...prepared, fields }));
    const sending = { ...this.#sendingOf({ ...init, decompress: undefined }, request), hijack: init.hijack };
    const { response } = await this.#exchange(request, this.#route(request.url, init, true), sending);
    try {
      return await onUpgrade(response);
    } catch (error) {
      if (!(error instanceof UpgradeRejected) || error.code !== "refused") throw error;
      const answer = this.#wrap(response, request, false, sending.decompress);
      throw new UpgradeRejected("refused", { status: response.status, response: answer });
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
    checkConnectInit(init);
    this.#checkOpen();
    const url = authorityUrl(authority);
    const choice = init.proxy === undefined ? this.#options.proxy : init.proxy;
    const proxy = proxyFor(url, choice, undefined);
    if (proxy === null) throw new TypeError("Cannot connect: there is no proxy to ask");
    const port = Number(authority.slice(authority.lastIndexOf(":") + 1));
    const route: Route = {
      ...routeTo(url, { proxy: null, tunnel: true, dial: this.#options.dial }),
      secure: false,
      hostname: bareHost(url.hostname),
      port,
      authority: `${url.hostname}:${port}`,
      proxy,
    };
    const fields = pairsOf(init.headers);
    if (init.alpn !== undefined) fields.push(["alpn", init.alpn.map(protocolId).join(", ")]);
    const connector: ConnectorSettings = {
      ...this.#connector,
      openTunnel: (open, proxy, target, signal) => this.#openTunnel(open, proxy, target, fields, signal),
    };
    const io = await this.#dial(route, init.signal ?? undefined, (signal) => openRoute(route, connector, signal));
    return io instanceof Upgraded ? io : new Upgraded(io, new Uint8Array(0), { protocol: null });
  }

  /**
   * Takes no more requests, turns away those that wait for a connection, closes idle ones, lets exchanges end that are
   * under way; those whose body nobody reads go on until somebody does, or until `signal` aborts. Upgraded connections
   * are their owners'. Idempotent.
   *
   * @param options `signal` ends the patience: whatever is open then is cut.
   * @returns Resolves when every connection is closed.
   */
  async close(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptions(options, { signal: "signal" });
    const { signal } = options;
    this.#closed = true;
    this.#turnstile.close(new StateError("closed", "Cannot send: the client was closed"));
    if (signal?.aborted) return await this.abort(signal.reason);
    const cut = () => void this.abort(signal!.reason);
    signal?.addEventListener("abort", cut, { once: true });
    do {
      await this.#pool.close();
      await Promise.all(this.#dialing.values());
    } while (this.#pool.size > 0);
    signal?.removeEventListener("abort", cut);
  }

  /**
   * Ends everything at once but upgraded connections; what is under way fails with `reason`.
   *
   * @returns Resolves when every connection is closed.
   */
  async abort(reason: unknown = new StateError("closed", "The client was closed")): Promise<void> {
    this.#closed = true;
    this.#aborted ??= { reason };
    this.#turnstile.close(reason);
    for (const controller of this.#dialing.keys()) controller.abort(reason);
    do {
      await this.#pool.abort(reason);
      await Promise.all(this.#dialing.values());
    } while (this.#pool.size > 0);
  }

  /** {@linkcode abort}: leaving a scope does not wait for anybody. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StateError("closed", "Cannot send: the client is closed");
  }

  /** The way to a URL; found once for an origin, unless the request or a function has a say in it. */
  #route(url: URL, init: RouteOptions, tunnel: boolean): Route {
    const { proxy, noProxy, tls, dial } = init;
    const own = proxy === undefined && noProxy === undefined && tls === undefined && dial === undefined;
    if (!own || typeof this.#options.proxy === "function") return this.#findRoute(url, init, tunnel);
    const routes = tunnel ? this.#tunnelRoutes : this.#routes;
    const { origin } = url;
    let route = routes.get(origin);
    if (route === undefined) {
      if (routes.size === MAX_KNOWN_ROUTES) routes.clear();
      routes.set(origin, route = this.#findRoute(url, init, tunnel));
    }
    return route;
  }

  #findRoute(url: URL, init: RouteOptions, tunnel: boolean): Route {
    const options = this.#options;
    return routeTo(url, {
      proxy: init.proxy === undefined ? options.proxy : init.proxy,
      noProxy: init.noProxy ?? options.noProxy,
      tls: init.tls ?? options.tls,
      dial: init.dial ?? options.dial,
      tunnel: tunnel || options.proxyTunnel === "always",
    });
  }

  #sendingOf(init: FetchInit, request: ClientRequest): Sending {
    return {
      signal: request.signal,
      onInformational: init.onInformational,
      continueTimeoutMs: init.expectContinueTimeoutMs,
      trailers: init.trailers,
      decompress: init.decompress ?? this.#options.decompress ?? true,
    };
  }

  /** One request and its response; sent again where that is what the answer is for. */
  async #exchange(request: ClientRequest, route: Route, sending: Sending): Promise<Exchanged> {
    const authorization = route.forward ? route.proxy!.authorization : null;
    const exchanged = await this.#send(request, route, sending, authorization);
    const { response } = exchanged;
    if (response.status === 417 && hasField(request.fields, "expect") && isReplayable(request.body)) {
      await discard(exchanged);
      return await this.#exchange(withoutField(request, "expect"), route, sending);
    }
    const { onProxyChallenge } = this.#options;
    if (response.status === 407 && route.forward && onProxyChallenge !== undefined && isReplayable(request.body)) {
      const answer = await challenged(response, onProxyChallenge, sending.signal);
      if (answer !== null) {
        await discard(exchanged);
        return await this.#send(withoutField(request, "proxy-authorization"), route, sending, answer);
      }
    }
    return exchanged;
  }

  async #send(
    request: ClientRequest,
    route: Route,
    sending: Sending,
    proxyAuthorization: string | null,
  ): Promise<Exchanged> {
    const { signal } = sending;
    const message = this.#message(request, route, sending, proxyAuthorization);
    const repeatable = IDEMPOTENT.has(request.method) && isReplayable(request.body);
    for (let fresh = false;;) {
      signal?.throwIfAborted();
      const entered = this.#turnstile.enter(route.key, signal);
      const leave = typeof entered === "function" ? entered : await entered;
      const waiting = fresh ? null : this.#pool.take(route.key);
      const pooled = waiting ?? await this.#open(route, signal, leave);
      try {
        // What cannot be sent again is not risked on a connection whose end has come already and was not seen yet.
        if (waiting !== null && !repeatable) await socketsPolled();
        const response = await pooled.sender.send(message, sending);
        noteKeepAlive(pooled, response);
        return { response, pooled };
      } catch (error) {
        if (waiting === null || signal?.aborted === true) throw error;
        if (error instanceof UnsentError) continue;
        if (pooled.sender.heard || !repeatable || !isGone(error)) throw error;
        fresh = true;
      } finally {
        this.#pool.release(pooled, leave);
      }
    }
  }

  #message(
    request: ClientRequest,
    route: Route,
    sending: Sending,
    proxyAuthorization: string | null,
  ): OutgoingRequest {
    const { method, url, body } = request;
    const path = url.pathname + url.search;
    const fields: Field[] = hasField(request.fields, "host") ? [] : [["host", route.host]];
    for (const field of request.fields) fields.push(field);
    const coding = hasField(request.fields, "accept-encoding")
      ? null
      : acceptedCoding(request.fields, sending.decompress);
    if (coding !== null) fields.push(["accept-encoding", coding]);
    if (proxyAuthorization !== null && !hasField(request.fields, "proxy-authorization")) {
      fields.push(["proxy-authorization", proxyAuthorization]);
    }
    const target = route.forward ? `http://${route.host}${path}` : path;
    return { method, target, fields, body, trailers: sending.trailers, hijack: sending.hijack };
  }

  async #open(route: Route, signal: AbortSignal | undefined, leave: Leave): Promise<Pooled> {
    try {
      return await this.#dial(route, signal, async (signal) => {
        const io = await openRoute(route, this.#connector, signal);
        return this.#pool.add(route.key, handshake(io, this.#options), io);
      });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Keeps track of what is being opened, so that nothing is left when the client is closed. */
  async #dial<T>(route: Route, signal: AbortSignal | undefined, open: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#aborted !== null) throw this.#aborted.reason;
    const controller = new AbortController();
    const dialing = withinTime(placeOf(route), this.#connector, controller, signal, open);
    this.#dialing.set(controller, dialing.then(() => {}, () => {}));
    try {
      return await dialing;
    } finally {
      this.#dialing.delete(controller);
    }
  }

  #openTunnel(
    open: () => Promise<DuplexLike>,
    proxy: NonNullable<Route["proxy"]>,
    authority: string,
    fields: readonly Field[],
    signal: AbortSignal,
  ): Promise<Upgraded> {
    return openTunnel({
      open: async () => {
        const io = await open();
        return this.#pool.add("", handshake(io, this.#options), io);
      },
      authority,
      fields: hasField(fields, "user-agent") ? fields : [...this.#defaults.filter(isUserAgent), ...fields],
      proxy,
      onProxyChallenge: this.#options.onProxyChallenge,
      signal,
    });
  }

  #wrap(
    incoming: IncomingResponse,
    { url, method, signal }: ClientRequest,
    redirected: boolean,
    decode: boolean,
  ): ClientResponse {
    const codings = decode ? codingsOf(incoming) : [];
    const response = clientResponse(incoming, { url, redirected, bodiless: method === "HEAD", codings, signal });
    const pending = upgradeOf(incoming);
    if (pending !== undefined) attachUpgrade(response, pending);
    return response;
  }
}

/** What is answered to a 407; if the answer fails, the connection is free again. */
async function challenged(
  response: IncomingResponse,
  onProxyChallenge: NonNullable<ClientOptions["onProxyChallenge"]>,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  try {
    return await answerTo(response, onProxyChallenge, signal);
  } catch (error) {
    response.body.cancel(error);
    throw error;
  }
}

/** Gives up a body and waits until its connection is free again, or closed: both come within `closeTimeoutMs`. */
async function discard({ response, pooled }: Exchanged): Promise<void> {
  response.body.cancel();
  try {
    await pooled.sender.ready();
  } catch {
    return;
  }
}

/** A range of a body that is coded anew for each request is of no use (Fetch standard, "HTTP-network-or-cache fetch"). */
function acceptedCoding(fields: readonly Field[], decompress: boolean): string | null {
  if (hasField(fields, "range")) return "identity";
  return decompress ? ACCEPTED_CODINGS : null;
}

function isUserAgent([name]: Field): boolean {
  return name.toLowerCase() === "user-agent";
}

/** Whether the connection went away, as kept ones do. */
function isGone(error: unknown): boolean {
  if (error instanceof ProtocolError) return error.code === "truncated";
  return error instanceof TransportError && (error.code === "reset" || error.code === "closed");
}

/** Servers say how long they wait; asking just before they hang up is lost labour. */
function noteKeepAlive(pooled: Pooled, response: IncomingResponse): void {
  const said = response.fields.get("keep-alive");
  if (said === null) return;
  const seconds = /(?:^|[,;\s])timeout=(\d{1,9})/i.exec(said)?.[1];
  if (seconds !== undefined) pooled.hintMs = Math.max(0, Number(seconds) * 1000 - 1000);
}

/** The authority as a URL, in which the platform has checked the host. */
function authorityUrl(authority: string): URL {
  const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+):(\d{1,5})$/.exec(authority)?.[1];
  if (port === undefined || Number(port) === 0 || Number(port) > 65535) {
    throw new TypeError(`Cannot use authority ${JSON.stringify(authority)}: it is no host:port`);
  }
  return new URL(`https://${authority}/`);
}
