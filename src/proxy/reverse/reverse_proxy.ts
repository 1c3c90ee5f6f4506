/**
 * `reverseProxy()`: a handler for `serve()` that answers with what a server behind it says. The parts are in the files
 * beside: `upstreams.ts` chooses a server, `onward.ts` makes the request for it, `exchange.ts` sends that, `answer.ts` makes
 * the response of what comes back, `refusal.ts` says what went wrong.
 *
 * ```text
 *  client ─ request ─▶ serve() ─▶ reverseProxy() ─ choose ─▶ onward ─▶ exchange ─▶ server
 *  client ◀ response ─ serve() ◀─ answer, switch or refusal ◀──────────────────── server
 * ```
 *
 * @module
 */

import { TransportError } from "../../errors/transport_error.ts";
import { onAbort } from "../../duplex/abort.ts";
import { type Clock, systemClock } from "../../duplex/clock.ts";
import { Client } from "../../http/client/client.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { isDeparture } from "../../http1/failure.ts";
import { endWithClient, IncomingRequest, type IncomingResponse } from "../../http1/incoming.ts";
import { hasFailed } from "../../http1/incoming_body.ts";
import { messageOf } from "../../http1/stand_in.ts";
import { wrongType } from "../../bytes/arguments.ts";
import { forwardsLeft } from "../max_forwards.ts";
import { proxyErrorOf, type ProxyPhase } from "../proxy_failure.ts";
import { hasPassed, pseudonym } from "../via.ts";
import { Answers } from "./answer.ts";
import { mayTryAnother, UpstreamExchange } from "./exchange.ts";
import { checkWebSocketAccept, looksLikeSwitch } from "./translation.ts";
import { Onward } from "./onward.ts";
import { checkReverseProxyOptions, checkTarget, type ReverseProxyOptions, type ReverseProxyTarget } from "./options.ts";
import { lastHop, refusal } from "./refusal.ts";
import { BodyRefused } from "./relay.ts";
import { responseFields } from "./response_fields.ts";
import { TimeLimit } from "../../duplex/time_limit.ts";
import { UpstreamServer } from "./upstream.ts";
import { type Asking, ChosenUpstreams, UpstreamList, type Upstreams } from "./upstreams.ts";

/** A reverse proxy: a handler for `serve()`, or for a route of a framework. Made by {@linkcode reverseProxy}. */
export interface ReverseProxy extends AsyncDisposable {
  /**
   * Answers a request with what a server says.
   *
   * @param request As `serve()` or `toNodeHandler()` gave it.
   * @param info Likewise.
   * @returns The server's response, or one of the proxy's own with `Proxy-Status` (RFC 9209).
   * @throws {TypeError} The request is none of `serve()` or `toNodeHandler()`, or a copy of one.
   * @throws {unknown} What a function of the options throws.
   */
  (request: Request, info: ServeInfo): Promise<Response>;

  /**
   * Takes no more requests (503), lets those at work end, and closes the connections to servers. Upgraded connections
   * are those of the server that `serve()` has made. Idempotent.
   *
   * @param options `signal` cuts what is still at work.
   * @returns Resolves when all connections are closed but those of a client of yours.
   */
  close(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;

  /** Cuts what is at work, and closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes a handler for `serve()` that passes requests on to a server, and its responses back.
 *
 * Everything passes as it is: method, target, the order and spelling of fields, bodies and trailers in both directions
 * as they come, 1xx, upgrades of every protocol but h2c. What belongs to one connection does not (RFC 9110 §7.6), and
 * `Via` and X-Forwarded-For, -Host and -Proto are added. A client that leaves ends its request to the server, and the
 * other way round. Clients and servers may speak HTTP/1.1 or HTTP/2, each its own; see `http2`.
 *
 * @param target Where to: the URL of a server, several of them, or a function that says so for each request.
 * @param options What to do differently.
 * @throws {TypeError} An argument is of another kind.
 * @throws {RangeError} A number is below 0 or NaN.
 *
 * @example
 * ```ts
 * import { Client, serve } from "@http-upgrade/http-upgrade";
 * import { reverseProxy } from "@http-upgrade/http-upgrade/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const loopback = { port: 0, hostname: "127.0.0.1" };
 * await using server = serve(loopback, (request) => new Response(`hello from ${new URL(request.url).pathname}`));
 * const [{ port }] = await server.listening;
 *
 * await using proxy = reverseProxy(`http://127.0.0.1:${port}`);
 * await using front = serve(loopback, proxy);
 * const [at] = await front.listening;
 *
 * await using client = new Client();
 * const response = await client.fetch(`http://127.0.0.1:${at.port}/tea`);
 * assertEquals(await response.text(), "hello from /tea");
 * ```
 */
export function reverseProxy(target: ReverseProxyTarget, options: ReverseProxyOptions = {}): ReverseProxy {
  checkTarget(target);
  checkReverseProxyOptions(options);
  const proxy = new Proxying(target, options);
  onAbort(options.signal, () => void proxy.close({}));
  return Object.assign((request: Request, info: ServeInfo) => proxy.handle(request, info), {
    close: (how: { readonly signal?: AbortSignal | undefined } = {}) => proxy.close(how),
    [Symbol.asyncDispose]: () => proxy.abort(),
  });
}

/** How many connections wait for a request at each server. Those of a busy proxy come and go in hundreds. */
const MAX_IDLE = 256;

/** What a proxy has and does. */
class Proxying {
  readonly #options: ReverseProxyOptions;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #upstreams: Upstreams;
  readonly #onward: Onward;
  readonly #answers: Answers;
  readonly #firstByte: TimeLimit;
  readonly #silence: TimeLimit;
  /** The client that is the proxy's own; `null` if the program has brought one. */
  readonly #client: Client | null;
  #closed = false;

  constructor(target: ReverseProxyTarget, options: ReverseProxyOptions) {
    this.#options = options;
    this.#name = options.name ?? pseudonym();
    this.#clock = options.clock ?? systemClock;
    this.#client = options.client === undefined ? ownClient(options) : null;
    const shared = { tls: options.tls, client: options.client ?? this.#client! };
    const make = (upstream: ConstructorParameters<typeof UpstreamServer>[0]): UpstreamServer =>
      new UpstreamServer(upstream, shared);
    this.#upstreams = typeof target === "function" ? new ChosenUpstreams(target, make) : new UpstreamList(
      (Array.isArray(target) ? target : [target]).map(make),
      options.balance,
      options.health ?? {},
      this.#clock,
    );
    this.#firstByte = new TimeLimit(options.responseTimeoutMs ?? 60_000, this.#clock);
    this.#silence = new TimeLimit(options.idleTimeoutMs ?? 0, this.#clock);
    this.#onward = new Onward(options, this.#name, this.#silence);
    this.#answers = new Answers(options, this.#silence, this.#clock);
  }

  async handle(request: Request, info: ServeInfo): Promise<Response> {
    const incoming = messageOf(request);
    if (!(incoming instanceof IncomingRequest)) {
      throw wrongType("request", "one that serve() or toNodeHandler() gave out", request);
    }
    return this.#withoutServer(incoming) ?? await this.#forward(incoming, { request, info });
  }

  /** What no server is asked about, or `null`. */
  #withoutServer(incoming: IncomingRequest): Response | null {
    if (this.#closed) return refusal(this.#name, "destination_unavailable");
    if (hasPassed(incoming.fields, this.#name)) return refusal(this.#name, "proxy_loop_detected");
    if (forwardsLeft(incoming) === 0) return lastHop(incoming);
    const { maxRequestBytes = Infinity } = this.#options;
    return (incoming.body.length ?? 0) > maxRequestBytes ? refusal(this.#name, "http_request_error", 413) : null;
  }

  async #forward(incoming: IncomingRequest, asking: Asking): Promise<Response> {
    const tried: UpstreamServer[] = [];
    for (let next = this.#upstreams.choose(asking, tried);;) {
      const server = (next instanceof Promise ? await next : next)!;
      tried.push(server);
      const exchange = new UpstreamExchange(server, incoming, {
        firstByte: this.#firstByte,
        fieldsBack: responseFields,
      });
      try {
        return await this.#attempt(server, exchange, incoming, asking);
      } catch (error) {
        this.#rethrowUnlessServers(error, incoming, exchange);
        if (error instanceof BodyRefused) return refusal(this.#name, "http_request_error", error.status);
        if (!isUndelimited(error)) this.#upstreams.failed(server);
        next = this.#another(error, exchange.phase, incoming, asking, tried);
        if (next === null) return await this.#refuse(error, exchange.phase, asking.request);
        await this.#options.onError?.(error, asking.request);
      }
    }
  }

  /** The server for another attempt, or `null`. */
  #another(
    error: unknown,
    phase: ProxyPhase,
    incoming: IncomingRequest,
    asking: Asking,
    tried: readonly UpstreamServer[],
  ): ReturnType<Upstreams["choose"]> {
    const { retries = Infinity } = this.#options;
    if (tried.length > retries || !mayTryAnother(incoming, phase, error)) return null;
    return this.#upstreams.choose(asking, tried);
  }

  async #attempt(
    server: UpstreamServer,
    exchange: UpstreamExchange,
    incoming: IncomingRequest,
    asking: Asking,
  ): Promise<Response> {
    const message = this.#onward.requestTo(server, incoming, asking, (awaited) => exchange.uploadPaused(awaited));
    endWithClient(incoming, exchange);
    server.active++;
    try {
      const response = await exchange.send(message);
      checkWebSocketAccept(incoming, message, response);
      this.#upstreams.succeeded(server);
      if (looksLikeSwitch(incoming, response)) return this.#noSwitch(response);
      return await this.#answers.answer(response, { server, exchange, incoming, asking });
    } finally {
      server.active--;
    }
  }

  /** The server is well: it only takes no such upgrade. */
  #noSwitch({ body }: IncomingResponse): Response {
    body.cancel();
    return refusal(this.#name, "http_upgrade_failed");
  }

  /** Passes on what is the client's doing, or that of the proxy's own code. */
  #rethrowUnlessServers(error: unknown, incoming: IncomingRequest, exchange: UpstreamExchange): void {
    if (exchange.left !== null || isDeparture(error) || hasFailed(incoming.body)) throw error;
    if (error instanceof BodyRefused || isUndelimited(error)) return;
    if (proxyErrorOf(error, exchange.phase) === "proxy_internal_error") throw error;
  }

  async #refuse(error: unknown, phase: ProxyPhase, request: Request): Promise<Response> {
    const answer = await this.#options.onError?.(error, request);
    if (answer instanceof Response) return answer;
    if (isUndelimited(error)) return refusal(this.#name, "http_request_error", 411);
    return refusal(this.#name, proxyErrorOf(error, phase));
  }

  async close(how: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    this.#closed = true;
    await this.#client?.close(how);
    this.#stopTimers();
  }

  async abort(): Promise<void> {
    this.#closed = true;
    await this.#client?.abort(new TransportError("closed", "The proxy was closed"));
    this.#stopTimers();
  }

  #stopTimers(): void {
    this.#firstByte.stop();
    this.#silence.stop();
  }
}

function ownClient(options: ReverseProxyOptions): Client {
  const { connectTimeoutMs, maxConnections, http2, clock } = options;
  return new Client({
    http2,
    connectTimeoutMs,
    maxConnectionsPerOrigin: maxConnections,
    maxIdlePerOrigin: MAX_IDLE,
    clock,
  });
}

/** A server that speaks HTTP/1.0 gets no body whose length is not known before (RFC 9112 §6.1). */
function isUndelimited(error: unknown): boolean {
  const { name, code } = Object(error) as { readonly name?: unknown; readonly code?: unknown };
  return name === "StateError" && code === "body-length";
}
