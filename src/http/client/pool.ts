/**
 * The connections of a client that speak HTTP/1.1: those that wait for another request, by route, and those at work.
 * `opener.ts` fills it, `Connections` takes from it; each entry is a connection of `http1/` with its time limit.
 *
 * @module
 */

import type { ClientConnection } from "../../http1/client_connection.ts";
import type { ReadyListener } from "../../http1/exchange_listener.ts";
import type { Clock } from "../../duplex/clock.ts";
import { quietly } from "../../duplex/deferred.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { TracedClientConnection } from "./client_trace.ts";
import { IdleTime } from "./idle_time.ts";
import type { Leave } from "./turnstile.ts";

/** The limits of a pool. */
interface PoolSettings {
  /** The most connections of one route that wait. */
  readonly maxIdlePerOrigin: number;
  /** How long one waits, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** The source of time. */
  readonly clock: Clock;
}

/** One connection, for one request at a time. */
export class Pooled implements ReadyListener {
  /** Tells it from one of HTTP/2. */
  readonly version = "1.1";
  /** The key of its route. */
  readonly key: string;
  /** Sends requests, and can be ended. */
  readonly connection: ClientConnection;
  /** What it is spoken over. */
  readonly io: DuplexLike;
  /** How long it waits. */
  readonly idle: IdleTime;
  /** What the server said about how long it waits, in milliseconds; `Infinity` if nothing. */
  hintMs: number = Infinity;
  /** Whether it has waited in the pool: the server may have closed it meanwhile. */
  reused = false;
  /** What traces know it as; `null` before the first one of it. */
  traced: TracedClientConnection | null = null;
  /** Gives up its place among the connections of its route. */
  leave: Leave;
  readonly #pool: Pool;

  /** It is at work, for the request that has opened it. */
  constructor(pool: Pool, key: string, connection: ClientConnection, io: DuplexLike, clock: Clock, leave: Leave) {
    this.#pool = pool;
    this.key = key;
    this.connection = connection;
    this.io = io;
    this.idle = new IdleTime(clock, connection, () => void connection.gracefulShutdown());
    this.leave = leave;
  }

  /** Waits for the next request, for so long. */
  wait(ms: number): void {
    this.reused = true;
    this.idle.begin(ms);
  }

  /** See {@linkcode ReadyListener}. The exchange is over, for which it was taken. */
  onReadiness(ready: boolean): void {
    if (ready) this.#pool.keep(this);
    this.leave();
  }
}

/** All connections of HTTP/1.1 of a client but those that were upgraded. */
export class Pool {
  readonly #settings: PoolSettings;
  readonly #waiting: Map<string, Pooled[]> = new Map();
  /** Everything that is not closed, with a promise for the moment when its transport is. */
  readonly #open: Map<Pooled, Promise<unknown>> = new Map();
  #closing = false;

  /** Makes an empty pool. */
  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  /** How many connections are open. */
  get size(): number {
    return this.#open.size;
  }

  /** The connection of this route that was used last and can be used again, or `null`. */
  take(key: string, leave: Leave): Pooled | null {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return null;
    for (let pooled = waiting.pop(); pooled !== undefined; pooled = waiting.pop()) {
      pooled.idle.end();
      if (!pooled.connection.isReady) continue;
      pooled.leave = leave;
      return pooled;
    }
    this.#waiting.delete(key);
    return null;
  }

  /** Takes a new connection in; it is at work until {@linkcode release}. */
  add(key: string, connection: ClientConnection, io: DuplexLike, leave: Leave): Pooled {
    const pooled = new Pooled(this, key, connection, io, this.#settings.clock, leave);
    this.#open.set(pooled, connection.closed.then((closed) => this.#gone(pooled, io, closed.reason === "upgrade")));
    return pooled;
  }

  /** Its user begins no further request: it waits for the next one as soon as its exchange is over. */
  release(pooled: Pooled): void {
    pooled.connection.tellReady(pooled);
  }

  /** It can send another request: it waits for that, unless enough others do. */
  keep(pooled: Pooled): void {
    const { maxIdlePerOrigin, idleTimeoutMs } = this.#settings;
    const waiting = this.#waiting.get(pooled.key) ?? [];
    const waitMs = idleTimeoutMs > 0 ? Math.min(idleTimeoutMs, pooled.hintMs) : pooled.hintMs;
    if (this.#closing || waiting.length >= maxIdlePerOrigin || waitMs <= 0) {
      pooled.connection.gracefulShutdown();
    } else {
      if (waiting.push(pooled) === 1) this.#waiting.set(pooled.key, waiting);
      pooled.wait(waitMs);
    }
  }

  /** Lets what is under way end and closes the rest; resolves when everything is closed. */
  async close(): Promise<void> {
    this.#beginEnd();
    for (const waiting of this.#waiting.values()) {
      for (const { connection } of waiting) connection.gracefulShutdown();
    }
    await this.#allGone();
  }

  /** Ends everything at once. */
  async abort(reason: unknown): Promise<void> {
    this.#beginEnd();
    for (const { connection } of this.#open.keys()) {
      if (connection.isReady) connection.gracefulShutdown();
      else connection.abort(reason);
    }
    await this.#allGone();
  }

  /** The program waits until all are closed. */
  #beginEnd(): void {
    this.#closing = true;
    for (const { idle, connection } of this.#open.keys()) {
      idle.end();
      connection.holdProgram(true);
    }
  }

  async #allGone(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open.values());
  }

  async #gone(pooled: Pooled, io: DuplexLike, switched: boolean): Promise<void> {
    pooled.idle.stop();
    const waiting = this.#waiting.get(pooled.key);
    const at = waiting?.indexOf(pooled) ?? -1;
    if (at !== -1) waiting!.splice(at, 1);
    if (waiting?.length === 0) this.#waiting.delete(pooled.key);
    if (!switched) await untilClosed(io);
    this.#open.delete(pooled);
  }
}

/** A connection has closed its transport: waits for that, where the transport can tell. */
export async function untilClosed(io: DuplexLike): Promise<void> {
  await quietly(() => (io as DuplexLike & { close?(): Promise<void> }).close?.());
}
