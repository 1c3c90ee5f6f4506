/**
 * How a client opens a connection: the way to its origin, within the time for that, and the HTTP that is spoken over it then.
 * `connections.ts` decides when; `way/` leads there, and the pools take what was opened.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { TlsSessions } from "../../duplex/tls_session.ts";
import { handshake } from "../../http1/client_connection.ts";
import { Http2ClientConnection } from "../../http2/client_connection.ts";
import type { Http2ClientConnectionOptions, Http2Options } from "../../http2/options.ts";
import { type Field, hasField } from "../../semantics/fields.ts";
import type { Tracing } from "../trace.ts";
import type { Carrier } from "./carrier.ts";
import type { ClientTraceEvents, TracedClientConnection } from "./client_trace.ts";
import { tracedConnection } from "./exchange_trace.ts";
import { KnownRoutes } from "./known_routes.ts";
import type { ClientOptions } from "./options.ts";
import type { Pending } from "./pending.ts";
import type { Pool, Pooled } from "./pool.ts";
import { ProxyConnections } from "./proxy_connections.ts";
import type { SharedPool, SharedSettings } from "./shared_pool.ts";
import { type Leave, noPlace } from "./turnstile.ts";
import { type ConnectorSettings, type Opened, openProxy, openRoute, withinTime } from "./way/connector.ts";
import { openTunnel } from "./way/proxy_connect.ts";
import { placeOf, type Route, withoutHttp2 } from "./way/route.ts";

/** 1 MiB and 16 MiB: responses that are not read share the latter, and must not stop the others. */
const WINDOWS: Http2Options["limits"] = { streamWindowBytes: 1_048_576, connectionWindowBytes: 16_777_216 };

/** Which versions a request may go over. */
export interface Speaking<C extends Carrier> {
  /** What is offered by ALPN. */
  offered(route: Route): readonly string[];
  /** Makes a connection of HTTP of what was opened. */
  speak(route: Route, opened: Opened, leave: Leave): C;
}

/** What an opener has of its client. */
interface OpenerParts {
  /** What the client was told. */
  readonly options: ClientOptions;
  /** What a proxy is told with each CONNECT. */
  readonly userAgent: readonly Field[];
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told of what happens. */
  readonly tracing: Tracing<ClientTraceEvents>;
  /** What is waited for. */
  readonly pending: Pending;
  /** Takes connections of HTTP/1.1. */
  readonly pool: Pool;
  /** Takes those of HTTP/2. */
  readonly shared: SharedPool;
  /** How those are shared. */
  readonly sharing: SharedSettings;
}

/** Opens the connections of one client. */
export class Opener {
  /** The connections to proxies. */
  readonly proxies: ProxyConnections;
  /** HTTP/1.1, and nothing else. */
  readonly http1: Speaking<Pooled> = {
    offered: withoutHttp2,
    speak: (route, { io }, leave) => this.#opened(route, this.#add(route.key, io, leave)),
  };
  /** The version that was agreed on, or assumed. */
  readonly anyVersion: Speaking<Carrier> = {
    offered: ({ alpnProtocols }) => alpnProtocols,
    speak: (route, opened, leave) => this.#speak(route, opened, leave),
  };
  readonly #parts: OpenerParts;
  readonly #settings: Omit<ConnectorSettings, "openTunnel">;
  /** Which routes have led to servers of HTTP/1.1, though HTTP/2 was offered. */
  readonly #oldServers: KnownRoutes = new KnownRoutes();

  /** Opens nothing yet. */
  constructor(parts: OpenerParts) {
    this.#parts = parts;
    const { proxyTls, connectTimeoutMs = 10_000 } = parts.options;
    this.#settings = { proxyTls, sessions: new TlsSessions(), connectTimeoutMs, clock: parts.clock };
    this.proxies = new ProxyConnections(parts.sharing, {
      open: (way, signal) => openProxy(way, this.#settings, signal),
      openForAll: (way, signal) =>
        this.within(way.proxy.address, signal, (signal) => openProxy(way, this.#settings, signal)),
      speakHttp1: (io) => this.#add("", io, noPlace),
      speakHttp2: (io) => new Http2ClientConnection(io, this.#http2("https")),
      opened: ({ proxy: { hostname, port } }, shared) =>
        this.#tell(shared, { hostname, port, secure: true, proxy: null, version: "2" }),
    });
  }

  /** Whether the server of a route is known to speak HTTP/1.1, though HTTP/2 was offered. */
  isOld(route: Route): boolean {
    return this.#oldServers.has(route.key);
  }

  /** Opens a connection of this route, and speaks HTTP over it. Without success its place is given up. */
  async open<C extends Carrier>(
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

  #speak(route: Route, opened: Opened, leave: Leave): Carrier {
    if (route.http2 === "agreed" && opened.alpn !== "h2") {
      this.#oldServers.add(route.key);
      return this.http1.speak(route, opened, leave);
    }
    this.#oldServers.delete(route.key);
    const scheme = route.secure ? "https" : "http";
    const connection = new Http2ClientConnection(opened.io, this.#http2(scheme));
    const shared = this.#parts.shared.add(route.key, connection, opened.io);
    leave(); // all requests go over this one: there is nothing to be limited
    return this.#opened(route, shared);
  }

  #http2(scheme: "http" | "https"): Http2ClientConnectionOptions {
    const { http2, limits: _limits, ...options } = this.#parts.options;
    const limits = typeof http2 === "object" ? http2.limits : undefined;
    return { ...options, scheme, limits: { ...WINDOWS, ...limits } };
  }

  #opened<C extends Carrier>(route: Route, carrier: C): C {
    if (this.#parts.tracing.active !== null) this.#tell(carrier, tracedConnection(route, carrier.version));
    return carrier;
  }

  #tell(carrier: Carrier, connection: TracedClientConnection): void {
    const tracing = this.#parts.tracing.active;
    if (tracing === null) return;
    carrier.traced = connection;
    tracing.tell("connectionOpened", { connection });
    carrier.connection.closed.then((why) => tracing.tell("connectionClosed", { connection, why }));
  }

  #add(key: string, io: DuplexLike, leave: Leave): Pooled {
    return this.#parts.pool.add(key, handshake(io, this.#parts.options).connection, io, leave);
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
          connections: this.proxies,
          way,
          authority,
          fields: hasField(tunnelFields, "user-agent") ? tunnelFields : [...this.#parts.userAgent, ...tunnelFields],
          onProxyChallenge: this.#parts.options.onProxyChallenge,
          signal,
        }),
    };
    return this.within(
      placeOf(route),
      signal,
      async (signal) => opened(await openRoute(route, alpnProtocols, settings, signal)),
    );
  }

  /** Opens something within the client's time and life. */
  within<T>(place: string, signal: AbortSignal | undefined, open: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#parts.pending.run(signal, (controller) => withinTime(place, this.#settings, controller, open));
  }
}
