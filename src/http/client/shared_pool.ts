/**
 * The connections of a client that speak HTTP/2: one for a route takes all requests, until either side says that it takes no
 * more. `opener.ts` fills it, `Connections` takes from it.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import { Deferred } from "../../duplex/deferred.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import { StateError } from "../../errors/state_error.ts";
import type { Http2ClientConnection } from "../../http2/client_connection.ts";
import { socketsPolled } from "../platform.ts";
import type { TracedClientConnection } from "./client_trace.ts";
import { IdleTime } from "./idle_time.ts";
import { untilClosed } from "./pool.ts";

/** What holds for all of them. */
export interface SharedSettings {
  /** Whether one takes a second request. */
  readonly keepAlive: boolean;
  /** How long one waits without a request, in milliseconds; `null`: not at all. */
  readonly idleTimeoutMs: number | null;
  /** The source of time. */
  readonly clock: Clock;
}

/** One connection, for many requests at once. */
export interface Shared {
  /** Tells it from one of HTTP/1.1. */
  readonly version: "2";
  /** The key of its route. */
  readonly key: string;
  /** Sends requests, and can be ended. */
  readonly connection: Http2ClientConnection;
  /** What it is spoken over. */
  readonly io: DuplexLike;
  /** How long it waits. */
  readonly idle: IdleTime;
  /** How many upgrades, or tunnels, wait to know whether the server takes them. */
  asking: number;
  /** How many upgrades were granted a stream and are about to be sent. */
  granted: number;
  /** What traces know it as; `null` before the first one of it. */
  traced: TracedClientConnection | null;
}

/** All connections of HTTP/2 of a client. */
export class SharedPool {
  readonly #settings: SharedSettings;
  /** Those that take requests. */
  readonly #taking: Map<string, Shared> = new Map();
  /** Those that are the client's: what settles when they are not any more. */
  readonly #open: Map<Shared, Deferred<void>> = new Map();
  #closing = false;

  /** Makes an empty pool. */
  constructor(settings: SharedSettings) {
    this.#settings = settings;
  }

  /** How many connections are open. */
  get size(): number {
    return this.#open.size;
  }

  /** The one that takes requests of this route, or `null`. */
  take(key: string): Shared | null {
    const shared = this.#taking.get(key);
    if (shared === undefined) return null;
    if (!shared.connection.isClosed) {
      shared.idle.end();
      return shared;
    }
    this.#retire(shared);
    return null;
  }

  /** Takes a new connection in, for requests that are waiting. */
  add(key: string, connection: Http2ClientConnection, io: DuplexLike): Shared {
    const idle = new IdleTime(this.#settings.clock, connection, () => this.#retire(shared));
    const shared: Shared = { version: "2", key, connection, io, idle, asking: 0, granted: 0, traced: null };
    this.#open.set(shared, new Deferred<void>());
    if (this.#settings.keepAlive) {
      const former = this.#taking.get(key);
      if (former !== undefined) this.#retire(former);
      this.#taking.set(key, shared);
    }
    connection.tellStreams({ onStreamOver: () => this.release(shared) });
    connection.closed.then(() => this.#gone(shared));
    return shared;
  }

  /**
   * Waits until the server's SETTINGS have come, or the connection has ended. It does not end for want of requests meanwhile.
   *
   * @param limited Waits no longer than its caller wants.
   * @throws {unknown} What `limited` fails with.
   */
  async settled(shared: Shared, limited: (told: Promise<unknown>) => Promise<unknown>): Promise<void> {
    shared.asking++;
    try {
      await limited(shared.connection.takesUpgrades());
      shared.asking--;
    } catch (error) {
      shared.asking--;
      this.release(shared);
      throw error;
    }
  }

  /**
   * Whether an upgrade may be sent over this one, at once. Upgrades may live long: they leave half of the streams that the server
   * allows to requests. One that cannot take another, or any request beside it, takes no further ones.
   */
  grants(shared: Shared): boolean {
    const { openUpgrades, maxStreams } = shared.connection;
    const upgrades = openUpgrades + shared.granted;
    const grants = upgrades === 0 || upgrades < maxStreams / 2;
    if (!grants || upgrades + 1 >= maxStreams) this.#setAside(shared);
    return grants;
  }

  /** The same for one that is sent by and by, before the event loop turns. */
  grantsSoon(shared: Shared): boolean {
    if (!this.grants(shared)) return false;
    shared.granted++;
    socketsPolled().then(() => shared.granted--);
    return true;
  }

  /** Fewer requests are under way: without any, it waits for the next one. */
  release(shared: Shared): void {
    const { connection, asking } = shared;
    if (asking > 0) return;
    if (connection.openRequests > 0) {
      if (!this.#settings.keepAlive) connection.gracefulShutdown();
    } else if (connection.openStreams === 0) this.#wait(shared);
    else if (this.#closing) {
      this.#retire(shared);
      this.#forget(shared); // what has switched is its owners'
    }
  }

  /** Lets requests end that are under way and closes what is without any; resolves when none is left. */
  async close(): Promise<void> {
    this.#beginEnd();
    const reason = new StateError("closed", "Cannot send: the client was closed");
    for (const shared of this.#open.keys()) {
      shared.connection.turnAway(reason);
      if (shared.asking === 0) this.#retire(shared);
      this.release(shared);
    }
    await this.#allGone();
  }

  /** Ends all requests at once. */
  async abort(reason: unknown): Promise<void> {
    this.#beginEnd();
    for (const shared of this.#open.keys()) {
      const { connection } = shared;
      connection.abortRequests(reason);
      if (connection.openStreams === 0) connection.leave();
      this.#retire(shared);
      this.release(shared);
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
    while (this.#open.size > 0) await Promise.all([...this.#open.values()].map(({ promise }) => promise));
  }

  #wait(shared: Shared): void {
    const { idleTimeoutMs } = this.#settings;
    const takes = this.#taking.get(shared.key) === shared;
    if (this.#closing || !takes || idleTimeoutMs === null) this.#retire(shared);
    else shared.idle.begin(idleTimeoutMs);
  }

  /** It takes no further request, and ends with the last one that it has. */
  #retire(shared: Shared): void {
    this.#setAside(shared);
    shared.connection.gracefulShutdown();
  }

  /** It takes no further request. */
  #setAside(shared: Shared): void {
    if (this.#taking.get(shared.key) === shared) this.#taking.delete(shared.key);
  }

  async #gone(shared: Shared): Promise<void> {
    shared.idle.stop();
    this.#retire(shared);
    await untilClosed(shared.io);
    this.#forget(shared);
  }

  #forget(shared: Shared): void {
    this.#open.get(shared)?.resolve();
    this.#open.delete(shared);
  }
}
