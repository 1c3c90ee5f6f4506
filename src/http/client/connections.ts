/**
 * The connections of a client: which one a request gets, within the limit for each place. One that waits in the pool, one of HTTP/2
 * that requests share, or a new one. Exchanges and `Client` call it; `pool.ts`, `shared_pool.ts`, `opening.ts`, `opener.ts` and
 * `turnstile.ts` do the parts.
 *
 * @module
 */

import { onAbort, unlessAborted } from "../../duplex/abort.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { StateError } from "../../errors/state_error.ts";
import { clientSettings } from "../../http1/options.ts";
import type { Field } from "../../semantics/fields.ts";
import { Tracing } from "../trace.ts";
import type { Carrier } from "./carrier.ts";
import { clientChannels, type ClientTraceEvents } from "./client_trace.ts";
import type { ExchangeTrace } from "./exchange_trace.ts";
import { KnownRoutes } from "./known_routes.ts";
import { Opener, type Speaking } from "./opener.ts";
import { Openings } from "./opening.ts";
import type { ClientOptions } from "./options.ts";
import { Pending } from "./pending.ts";
import { Pool, type Pooled } from "./pool.ts";
import { type Shared, SharedPool } from "./shared_pool.ts";
import { type Leave, Turnstile } from "./turnstile.ts";
import { placeOf, type Route } from "./way/route.ts";

/** Lends and closes the connections of one client. */
export class Connections {
  /** Who is told of what happens. */
  readonly tracing: Tracing<ClientTraceEvents>;
  readonly #pending: Pending = new Pending();
  readonly #pool: Pool;
  readonly #shared: SharedPool;
  readonly #opener: Opener;
  readonly #turnstile: Turnstile;
  readonly #keepAlive: boolean;
  /** What is being opened for all requests of a route. */
  readonly #openings: Openings = new Openings();
  /** Which routes lead to servers of HTTP/2 that take no upgrades over it. */
  readonly #refusing: KnownRoutes = new KnownRoutes();

  /** Opens nothing yet. A proxy is told `userAgent` with each CONNECT. */
  constructor(options: ClientOptions, userAgent: readonly Field[]) {
    const { clock } = clientSettings(options);
    const { maxIdlePerOrigin = 6, idleTimeoutMs = 15_000, keepAlive = true } = options;
    const sharing = { keepAlive, idleTimeoutMs: maxIdlePerOrigin < 1 ? null : idleTimeoutMs, clock };
    const tracing = new Tracing(clientChannels, options.trace, (error) => console.error(error));
    const pool = new Pool({ maxIdlePerOrigin, idleTimeoutMs, clock });
    const shared = new SharedPool(sharing);
    this.tracing = tracing;
    this.#pool = pool;
    this.#shared = shared;
    this.#opener = new Opener({ options, userAgent, clock, tracing, pending: this.#pending, pool, shared, sharing });
    this.#turnstile = new Turnstile(options.maxConnectionsPerOrigin ?? Infinity);
    this.#keepAlive = keepAlive;
  }

  /** How many are open; see {@linkcode Client.connections}. */
  get size(): number {
    return this.#pool.size + this.#shared.size + this.#opener.proxies.size;
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
    if (!this.#keepAlive || this.#opener.isOld(route)) {
      return this.#take(route, fresh, signal, trace, this.#opener.anyVersion);
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
    return this.#take(route, fresh, signal, trace, this.#opener.http1);
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
      (told) => this.#opener.within(placeOf(route), signal, (signal) => unlessAborted(told, signal)),
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
      return await this.#opener.open(route, signal, leave, this.#opener.anyVersion);
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
    return waiting ?? this.#opener.open(route, signal, leave, speaking);
  }

  /** The connection is free for another request when its exchange is over; one of HTTP/2 is in any case. */
  release(carrier: Carrier): void {
    if (carrier.version === "1.1") this.#pool.release(carrier);
    else this.#shared.release(carrier);
  }

  /** Opens a way that is the caller's from then on, with further fields of a CONNECT on it. */
  dial(route: Route, signal: AbortSignal | undefined, tunnelFields: readonly Field[]): Promise<DuplexLike> {
    return this.#opener.dial(route, signal, tunnelFields);
  }

  /** Runs what no connection waits for, until `signal` aborts or the client ends: its controller tells it so. */
  whileOpen<T>(signal: AbortSignal | undefined, run: (controller: AbortController) => Promise<T>): Promise<T> {
    return this.#pending.run(signal, run);
  }

  /** See {@linkcode Client.close}. */
  async close(signal: AbortSignal | undefined): Promise<void> {
    this.#turnstile.close(new StateError("closed", "Cannot send: the client was closed"));
    if (signal?.aborted) return await this.abort(signal.reason);
    const unlisten = onAbort(signal, () => void this.abort(signal!.reason));
    await this.#allGone(async () => {
      await Promise.all([this.#pool.close(), this.#shared.close()]);
      await this.#opener.proxies.close(); // what went through them has ended
    });
    unlisten();
  }

  /** See {@linkcode Client.abort}. */
  async abort(reason: unknown): Promise<void> {
    this.#turnstile.close(reason);
    this.#pending.abort(reason);
    await this.#allGone(async () => {
      await Promise.all([this.#pool.abort(reason), this.#shared.abort(reason)]);
      await this.#opener.proxies.abort(reason);
    });
  }

  /** What is being opened may come into the pool when that has been emptied already. */
  async #allGone(empty: () => Promise<unknown>): Promise<void> {
    do {
      await empty();
      await this.#pending.over();
    } while (this.size > 0);
  }
}
