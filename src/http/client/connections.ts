/**
 * The connections of a client: one that waits in the pool, one of HTTP/2 that requests share, or a new one through proxy and TLS,
 * within the limit for each place. Exchanges and `Client` call it; `pool.ts`, `shared_pool.ts`, `proxy_connections.ts`,
 * `opening.ts`, `turnstile.ts` and `way/` do the parts.
 *
 * @module
 */

import { onAbort, unlessAborted } from "../../duplex/abort.ts";
import { handshake } from "../../http1/client_connection.ts";
import { clientSettings } from "../../http1/options.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, hasField } from "../../semantics/fields.ts";
import { Http2ClientConnection } from "../../http2/client_connection.ts";
import type { Http2ClientConnectionOptions, Http2Options } from "../../http2/options.ts";
import type { Carrier } from "./carrier.ts";
import { Tracing } from "../trace.ts";
import { clientChannels, type ClientTraceEvents, type TracedClientConnection } from "./client_trace.ts";
import { type ExchangeTrace, tracedConnection } from "./exchange_trace.ts";
import { KnownRoutes } from "./known_routes.ts";
import { Openings } from "./opening.ts";
import type { ClientOptions } from "./options.ts";
import { Pool, type Pooled } from "./pool.ts";
import { ProxyConnections } from "./proxy_connections.ts";
import { type Shared, SharedPool } from "./shared_pool.ts";
import { type Leave, noPlace, Turnstile } from "./turnstile.ts";
import { TlsSessions } from "../../duplex/tls_session.ts";
import { type ConnectorSettings, type Opened, openProxy, openRoute, withinTime } from "./way/connector.ts";
import { openTunnel } from "./way/proxy_connect.ts";
import { placeOf, type Route, withoutHttp2 } from "./way/route.ts";

/** 1 MiB and 16 MiB: responses that are not read share the latter, and must not stop the others. */
const WINDOWS: Http2Options["limits"] = { streamWindowBytes: 1_048_576, connectionWindowBytes: 16_777_216 };

/** Which versions a request may go over. */
interface Speaking<C extends Carrier> {
  /** What is offered by ALPN. */
  offered(route: Route): readonly string[];
  /** Makes a connection of HTTP of what was opened. */
  speak(route: Route, opened: Opened, leave: Leave): C;
}

/** Opens, lends and closes the connections of one client. */
export class Connections {
  /** Who is told of what happens. */
  readonly tracing: Tracing<ClientTraceEvents>;
  readonly #options: ClientOptions;
  readonly #settings: Omit<ConnectorSettings, "openTunnel">;
  readonly #userAgent: readonly Field[];
  readonly #pool: Pool;
  readonly #shared: SharedPool;
  readonly #proxies: ProxyConnections;
  readonly #keepAlive: boolean;
  /** What is being opened for all requests of a route. */
  readonly #openings: Openings = new Openings();
  /** Which routes have led to servers of HTTP/1.1, though HTTP/2 was offered. */
  readonly #oldServers: KnownRoutes = new KnownRoutes();
  /** Which routes lead to servers of HTTP/2 that take no upgrades over it. */
  readonly #refusing: KnownRoutes = new KnownRoutes();
  readonly #turnstile: Turnstile;
  /** What is waited for outside of a connection, so that nothing is left when the client is closed. */
  readonly #pending: Map<AbortController, Promise<unknown>> = new Map();
  #aborted: { readonly reason: unknown } | null = null;

  /** Opens nothing yet. A proxy is told `userAgent` with each CONNECT. */
  constructor(options: ClientOptions, userAgent: readonly Field[]) {
    const { clock } = clientSettings(options);
    this.#options = options;
    this.tracing = new Tracing(clientChannels, options.trace, (error) => console.error(error));
    const { proxyTls, connectTimeoutMs = 10_000 } = options;
    this.#settings = { proxyTls, sessions: new TlsSessions(), connectTimeoutMs, clock };
    this.#userAgent = userAgent;
    const { maxIdlePerOrigin = 6, idleTimeoutMs = 15_000, keepAlive = true } = options;
    this.#keepAlive = keepAlive;
    this.#pool = new Pool({ maxIdlePerOrigin, idleTimeoutMs, clock });
    const sharing = { keepAlive, idleTimeoutMs: maxIdlePerOrigin < 1 ? null : idleTimeoutMs, clock };
    this.#shared = new SharedPool(sharing);
    this.#proxies = new ProxyConnections(sharing, {
      open: (way, signal) => openProxy(way, this.#settings, signal),
      openForAll: (way, signal) =>
        this.#within(way.proxy.address, signal, (signal) => openProxy(way, this.#settings, signal)),
      speakHttp1: (io) => this.#add("", io, noPlace),
      speakHttp2: (io) => new Http2ClientConnection(io, this.#http2("https")),
      opened: ({ proxy: { hostname, port } }, shared) =>
        this.#tell(shared, { hostname, port, secure: true, proxy: null, version: "2" }),
    });
    this.#turnstile = new Turnstile(options.maxConnectionsPerOrigin ?? Infinity);
  }

  /** How many are open; see {@linkcode Client.connections}. */
  get size(): number {
    return this.#pool.size + this.#shared.size + this.#proxies.size;
  }

  /**
   * Gives a connection of this route that can send. Give it back by {@linkcode release}.
   *
   * @param fresh Whether it must be a new one, if it is for one request at a time.
   * @param trace Is told if it waits for a place.
   * @returns A promise where it must be waited for.
   */
  take(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null = null,
  ): Carrier | Promise<Carrier> {
    if (route.http2 === "never") return this.takeHttp1(route, fresh, signal, trace);
    if (!this.#keepAlive || this.#oldServers.has(route.key)) {
      return this.#take(route, fresh, signal, trace, this.#anyVersion);
    }
    return this.#shared.take(route.key) ?? this.#join(route, fresh, signal, trace);
  }

  /** The same for a request that HTTP/2 is no use for. */
  takeHttp1(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null = null,
  ): Pooled | Promise<Pooled> {
    return this.#take(route, fresh, signal, trace, this.#http1);
  }

  /**
   * The same for a request that proposes an upgrade to one protocol: one of HTTP/2 whose server takes upgrades (RFC 8441 §3), and
   * else one of HTTP/1.1. That a server of HTTP/2 takes none is remembered. Send at once: one of HTTP/2 counts its upgrades.
   */
  takeForUpgrade(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null = null,
  ): Carrier | Promise<Carrier> {
    if (route.http2 === "never" || this.#refusing.has(route.key)) return this.takeHttp1(route, fresh, signal, trace);
    const taken = this.take(route, fresh, signal, trace);
    if (!(taken instanceof Promise)) {
      if (taken.version === "1.1") return taken;
      if (taken.connection.upgrades === true && this.#shared.grants(taken)) return taken;
    }
    return this.#forUpgrade(taken, route, fresh, signal, trace);
  }

  async #forUpgrade(
    taken: Carrier | Promise<Carrier>,
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null,
  ): Promise<Carrier> {
    const carrier = await taken;
    if (carrier.version === "1.1") return carrier;
    if (await this.#mayUpgrade(carrier, route, signal)) {
      return this.#shared.grantsSoon(carrier) ? carrier : await this.takeForUpgrade(route, fresh, signal, trace);
    }
    this.#refusing.add(route.key);
    this.release(carrier);
    return await this.takeHttp1(route, fresh, signal, trace);
  }

  /** Whether the server takes upgrades, as soon as its SETTINGS tell. A connection that takes no more requests may fail as it does. */
  async #mayUpgrade(shared: Shared, route: Route, signal: AbortSignal | undefined): Promise<boolean> {
    const { connection } = shared;
    await this.#shared.settled(
      shared,
      (told) => this.#within(placeOf(route), signal, (signal) => unlessAborted(told, signal)),
    );
    if (connection.upgrades === null && connection.why?.reason === "error") throw connection.why.error;
    return connection.upgrades !== false;
  }

  /** Waits for the connection that is being opened; begins that if none is. */
  async #join(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null,
  ): Promise<Carrier> {
    const open = async (signal: AbortSignal): Promise<Carrier> => {
      const leave = await this.#turnstile.enter(route.key, signal);
      return await this.#open(route, signal, leave, this.#anyVersion);
    };
    const putAway = (carrier: Carrier): void => this.release(carrier);
    const joined = await this.#openings.join(route.key, { open, putAway }, signal);
    return joined ?? await this.take(route, fresh, signal, trace);
  }

  #take<C extends Carrier>(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null,
    speaking: Speaking<C>,
  ): Pooled | C | Promise<Pooled | C> {
    const leave = this.#turnstile.enter(route.key, signal);
    if (typeof leave !== "function") {
      trace?.wait();
      return leave.then((leave) => {
        trace?.endWait();
        return this.#takeOrOpen(route, fresh, signal, leave, speaking);
      });
    }
    return this.#takeOrOpen(route, fresh, signal, leave, speaking);
  }

  /** A connection of this route that waits for a request; `null` if none does, or no more may be at work. */
  takeKept(route: Route): Pooled | null {
    const leave = this.#turnstile.enterNow(route.key);
    if (leave === null) return null;
    const kept = this.#pool.take(route.key, leave);
    if (kept === null) leave();
    return kept;
  }

  #takeOrOpen<C extends Carrier>(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    leave: Leave,
    speaking: Speaking<C>,
  ): Pooled | C | Promise<C> {
    const waiting = fresh ? null : this.#pool.take(route.key, leave);
    return waiting ?? this.#open(route, signal, leave, speaking);
  }

  /** The connection is free for another request when its exchange is over; one of HTTP/2 is in any case. */
  release(carrier: Carrier): void {
    if (carrier.version === "1.1") this.#pool.release(carrier);
    else this.#shared.release(carrier);
  }

  async #open<C extends Carrier>(
    route: Route,
    signal: AbortSignal | undefined,
    leave: Leave,
    speaking: Speaking<C>,
  ): Promise<C> {
    try {
      const alpnProtocols = speaking.offered(route);
      return await this.#dial(route, alpnProtocols, signal, [], (opened) => speaking.speak(route, opened, leave));
    } catch (error) {
      leave();
      throw error;
    }
  }

  readonly #http1: Speaking<Pooled> = {
    offered: withoutHttp2,
    speak: (route, { io }, leave) => this.#opened(route, this.#add(route.key, io, leave)),
  };

  /** The version that was agreed on, or assumed. */
  readonly #anyVersion: Speaking<Carrier> = {
    offered: ({ alpnProtocols }) => alpnProtocols,
    speak: (route, opened, leave) => this.#speak(route, opened, leave),
  };

  #speak(route: Route, opened: Opened, leave: Leave): Carrier {
    if (route.http2 === "agreed" && opened.alpn !== "h2") {
      this.#oldServers.add(route.key);
      return this.#http1.speak(route, opened, leave);
    }
    this.#oldServers.delete(route.key);
    const scheme = route.secure ? "https" : "http";
    const shared = this.#shared.add(
      route.key,
      new Http2ClientConnection(opened.io, this.#http2(scheme)),
      opened.io,
    );
    leave(); // all requests go over this one: there is nothing to be limited
    return this.#opened(route, shared);
  }

  #http2(scheme: "http" | "https"): Http2ClientConnectionOptions {
    const { http2, limits: _limits, ...options } = this.#options;
    const limits = typeof http2 === "object" ? http2.limits : undefined;
    return { ...options, scheme, limits: { ...WINDOWS, ...limits } };
  }

  #opened<C extends Carrier>(route: Route, carrier: C): C {
    if (this.tracing.active !== null) this.#tell(carrier, tracedConnection(route, carrier.version));
    return carrier;
  }

  #tell(carrier: Carrier, connection: TracedClientConnection): void {
    const tracing = this.tracing.active;
    if (tracing === null) return;
    carrier.traced = connection;
    tracing.tell("connectionOpened", { connection });
    carrier.connection.closed.then((why) => tracing.tell("connectionClosed", { connection, why }));
  }

  #add(key: string, io: DuplexLike, leave: Leave): Pooled {
    return this.#pool.add(key, handshake(io, this.#options).connection, io, leave);
  }

  /** Opens a way that is the caller's from then on, with further fields of a CONNECT on it. */
  dial(route: Route, signal: AbortSignal | undefined, tunnelFields: readonly Field[]): Promise<DuplexLike> {
    return this.#dial(route, route.alpnProtocols, signal, tunnelFields, ({ io }) => io);
  }

  #dial<T>(
    route: Route,
    alpnProtocols: readonly string[],
    signal: AbortSignal | undefined,
    tunnelFields: readonly Field[],
    opened: (opened: Opened) => T,
  ): Promise<T> {
    const settings: ConnectorSettings = {
      ...this.#settings,
      openTunnel: (way, authority, signal) =>
        openTunnel({
          connections: this.#proxies,
          way,
          authority,
          fields: hasField(tunnelFields, "user-agent") ? tunnelFields : [...this.#userAgent, ...tunnelFields],
          onProxyChallenge: this.#options.onProxyChallenge,
          signal,
        }),
    };
    return this.#within(
      placeOf(route),
      signal,
      async (signal) => opened(await openRoute(route, alpnProtocols, settings, signal)),
    );
  }

  /** Opens something within the client's time and life. */
  #within<T>(
    place: string,
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.whileOpen(signal, (controller) => withinTime(place, this.#settings, controller, open));
  }

  /** Runs what no connection waits for, until `signal` aborts or the client ends: its controller tells it so. */
  async whileOpen<T>(
    signal: AbortSignal | undefined,
    run: (controller: AbortController) => Promise<T>,
  ): Promise<T> {
    if (this.#aborted !== null) throw this.#aborted.reason;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const unlisten = onAbort(signal, () => controller.abort(signal!.reason));
    const running = run(controller);
    this.#pending.set(controller, running.then(() => {}, () => {}));
    try {
      return await running;
    } finally {
      this.#pending.delete(controller);
      unlisten();
    }
  }

  /** See {@linkcode Client.close}. */
  async close(signal: AbortSignal | undefined): Promise<void> {
    this.#turnstile.close(new StateError("closed", "Cannot send: the client was closed"));
    if (signal?.aborted) return await this.abort(signal.reason);
    const unlisten = onAbort(signal, () => void this.abort(signal!.reason));
    await this.#allGone(async () => {
      await Promise.all([this.#pool.close(), this.#shared.close()]);
      await this.#proxies.close(); // what went through them has ended
    });
    unlisten();
  }

  /** See {@linkcode Client.abort}. */
  async abort(reason: unknown): Promise<void> {
    this.#aborted ??= { reason };
    this.#turnstile.close(reason);
    for (const controller of this.#pending.keys()) controller.abort(reason);
    await this.#allGone(async () => {
      await Promise.all([this.#pool.abort(reason), this.#shared.abort(reason)]);
      await this.#proxies.abort(reason);
    });
  }

  /** What is being opened may come into the pool when that has been emptied already. */
  async #allGone(empty: () => Promise<unknown>): Promise<void> {
    do {
      await empty();
      await Promise.all(this.#pending.values());
    } while (this.size > 0);
  }
}
