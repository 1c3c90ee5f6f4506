/**
 * The connections of a client: one that waits in the pool, or a new one through proxy and TLS, within the limit for each
 * place. Exchanges and `Client` call it; `pool.ts`, `turnstile.ts` and `way/` do the parts.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import { handshake } from "../../http1/client_connection.ts";
import { clientSettings } from "../../http1/options.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, hasField } from "../../semantics/fields.ts";
import { Tracing } from "../trace.ts";
import { clientChannels, type ClientTraceEvents } from "./client_trace.ts";
import { type ExchangeTrace, tracedConnection } from "./exchange_trace.ts";
import type { ClientOptions } from "./options.ts";
import { Pool, type Pooled } from "./pool.ts";
import { type Leave, noPlace, Turnstile } from "./turnstile.ts";
import { TlsSessions } from "../../duplex/tls_session.ts";
import { type ConnectorSettings, openRoute, withinTime } from "./way/connector.ts";
import { openTunnel } from "./way/proxy_connect.ts";
import { placeOf, type Route } from "./way/route.ts";

/** Opens, lends and closes the connections of one client. */
export class Connections {
  /** Who is told of what happens. */
  readonly tracing: Tracing<ClientTraceEvents>;
  readonly #options: ClientOptions;
  readonly #settings: Omit<ConnectorSettings, "openTunnel">;
  readonly #userAgent: readonly Field[];
  readonly #pool: Pool;
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
    this.#pool = new Pool({
      maxIdlePerOrigin: options.maxIdlePerOrigin ?? 6,
      idleTimeoutMs: options.idleTimeoutMs ?? 15_000,
      clock,
    });
    this.#turnstile = new Turnstile(options.maxConnectionsPerOrigin ?? Infinity);
  }

  /** How many are open; see {@linkcode Client.connections}. */
  get size(): number {
    return this.#pool.size;
  }

  /**
   * Gives a connection of this route that can send. Give it back by {@linkcode release}.
   *
   * @param fresh Whether it must be a new one.
   * @param trace Is told if it waits for a place.
   * @returns A promise where it must be waited for.
   */
  take(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    trace: ExchangeTrace | null = null,
  ): Pooled | Promise<Pooled> {
    const leave = this.#turnstile.enter(route.key, signal);
    if (typeof leave !== "function") {
      trace?.wait();
      return leave.then((leave) => {
        trace?.endWait();
        return this.#takeOrOpen(route, fresh, signal, leave);
      });
    }
    return this.#takeOrOpen(route, fresh, signal, leave);
  }

  /** A connection of this route that waits for a request; `null` if none does, or no more may be at work. */
  takeKept(route: Route): Pooled | null {
    const leave = this.#turnstile.enterNow(route.key);
    if (leave === null) return null;
    const kept = this.#pool.take(route.key, leave);
    if (kept === null) leave();
    return kept;
  }

  #takeOrOpen(
    route: Route,
    fresh: boolean,
    signal: AbortSignal | undefined,
    leave: Leave,
  ): Pooled | Promise<Pooled> {
    const waiting = fresh ? null : this.#pool.take(route.key, leave);
    return waiting ?? this.#open(route, signal, leave);
  }

  /** The connection is free for another request when its exchange is over. */
  release(pooled: Pooled): void {
    this.#pool.release(pooled);
  }

  async #open(route: Route, signal: AbortSignal | undefined, leave: Leave): Promise<Pooled> {
    try {
      return await this.#dial(route, signal, [], (io) => this.#opened(route, io, leave));
    } catch (error) {
      leave();
      throw error;
    }
  }

  #opened(route: Route, io: DuplexLike, leave: Leave): Pooled {
    const pooled = this.#add(route.key, io, leave);
    const tracing = this.tracing.active;
    if (tracing !== null) {
      const connection = pooled.traced = tracedConnection(route);
      tracing.tell("connectionOpened", { connection });
      pooled.connection.closed.then((why) => tracing.tell("connectionClosed", { connection, why }));
    }
    return pooled;
  }

  #add(key: string, io: DuplexLike, leave: Leave): Pooled {
    return this.#pool.add(key, handshake(io, this.#options).connection, io, leave);
  }

  /** Opens a way that is the caller's from then on, with further fields of a CONNECT on it. */
  dial(route: Route, signal: AbortSignal | undefined, tunnelFields: readonly Field[]): Promise<DuplexLike> {
    return this.#dial(route, signal, tunnelFields, (io) => io);
  }

  #dial<T>(
    route: Route,
    signal: AbortSignal | undefined,
    tunnelFields: readonly Field[],
    opened: (io: DuplexLike) => T,
  ): Promise<T> {
    const settings: ConnectorSettings = {
      ...this.#settings,
      openTunnel: (open, proxy, authority, signal) =>
        openTunnel({
          open: async () => this.#add("", await open(), noPlace).connection,
          authority,
          fields: hasField(tunnelFields, "user-agent") ? tunnelFields : [...this.#userAgent, ...tunnelFields],
          proxy,
          onProxyChallenge: this.#options.onProxyChallenge,
          signal,
        }),
    };
    return this.whileOpen(
      signal,
      (controller) =>
        withinTime(
          placeOf(route),
          settings,
          controller,
          async (signal) => opened(await openRoute(route, settings, signal)),
        ),
    );
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
    await this.#allGone(() => this.#pool.close());
    unlisten();
  }

  /** See {@linkcode Client.abort}. */
  async abort(reason: unknown): Promise<void> {
    this.#aborted ??= { reason };
    this.#turnstile.close(reason);
    for (const controller of this.#pending.keys()) controller.abort(reason);
    await this.#allGone(() => this.#pool.abort(reason));
  }

  /** What is being opened may come into the pool when that has been emptied already. */
  async #allGone(empty: () => Promise<void>): Promise<void> {
    do {
      await empty();
      await Promise.all(this.#pending.values());
    } while (this.#pool.size > 0);
  }
}
