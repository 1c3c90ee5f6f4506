/**
 * The connections to proxies that tunnels are asked for on. One of HTTP/2 is shared by all tunnels through an `https:` proxy, as long
 * as the proxy allows another stream; one of HTTP/1.1 is for one tunnel. `opener.ts` has one of these, `way/proxy_connect.ts` asks.
 *
 * @module
 */

import { unlessAborted } from "../../duplex/abort.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { Http2ClientConnection } from "../../http2/client_connection.ts";
import type { Carrier } from "./carrier.ts";
import { KnownRoutes } from "./known_routes.ts";
import { Openings } from "./opening.ts";
import type { Pooled } from "./pool.ts";
import { type Shared, SharedPool, type SharedSettings } from "./shared_pool.ts";
import type { Opened } from "./way/connector.ts";
import { type ProxyWay, withoutHttp2 } from "./way/route.ts";

/** What opens connections to proxies. */
interface ProxyOpener {
  /** Opens one, until the signal aborts. */
  open(way: ProxyWay, signal: AbortSignal): Promise<Opened>;
  /** The same for all tunnels that wait: it has a time limit of its own, and ends with the client. */
  openForAll(way: ProxyWay, signal: AbortSignal): Promise<Opened>;
  /** Speaks HTTP/1.1 over it. */
  speakHttp1(io: DuplexLike): Pooled;
  /** Speaks HTTP/2 over it. */
  speakHttp2(io: DuplexLike): Http2ClientConnection;
  /** One of HTTP/2 is there. */
  opened(way: ProxyWay, shared: Shared): void;
}

/** A connection to a proxy. */
export interface ProxyCarrier {
  /** Takes a CONNECT. */
  readonly carrier: Carrier;
  /** Whether it was there before. */
  readonly reused: boolean;
}

/** Opens, lends and closes the connections of one client to proxies. */
export class ProxyConnections {
  readonly #opener: ProxyOpener;
  readonly #keepAlive: boolean;
  readonly #shared: SharedPool;
  readonly #openings: Openings = new Openings();
  /** Which proxies speak HTTP/1.1, though HTTP/2 was offered. */
  readonly #oldProxies: KnownRoutes = new KnownRoutes();
  /** Which proxies speak HTTP/2, and give tunnels over HTTP/1.1 alone. */
  readonly #refusing: KnownRoutes = new KnownRoutes();

  /** Opens nothing yet. */
  constructor(settings: SharedSettings, opener: ProxyOpener) {
    this.#opener = opener;
    this.#keepAlive = settings.keepAlive;
    this.#shared = new SharedPool(settings);
  }

  /** How many of HTTP/2 are open. */
  get size(): number {
    return this.#shared.size;
  }

  /**
   * Gives a connection to a proxy. One of HTTP/2 is to be given back by {@linkcode release}, one of HTTP/1.1 is the caller's.
   *
   * @param http1 Whether it is to be one of HTTP/1.1.
   * @param signal Leaves.
   */
  async take(way: ProxyWay, http1: boolean, signal: AbortSignal): Promise<ProxyCarrier> {
    const { key } = way;
    if (way.http2 === "never") return this.#http1(await this.#opener.open(way, signal));
    if (http1 || this.#refusing.has(key)) {
      return this.#http1(await this.#opener.open({ ...way, alpnProtocols: withoutHttp2(way) }, signal));
    }
    while (this.#keepAlive && !this.#oldProxies.has(key)) {
      const shared = this.#shared.take(key);
      if (shared !== null && await this.#hasRoom(shared, signal)) return { carrier: shared, reused: true };
      const first = !this.#openings.has(key);
      const carrier = await this.#openings.join(key, {
        open: async (signal) => this.#speak(way, await this.#opener.openForAll(way, signal)),
        putAway: (carrier) => this.#putAway(carrier),
      }, signal);
      // The others wait until the proxy has told how many it takes.
      if (carrier !== null && (first || carrier.version === "1.1")) return { carrier, reused: false };
    }
    return { carrier: this.#speak(way, await this.#opener.open(way, signal)), reused: false };
  }

  #http1({ io }: Opened): ProxyCarrier {
    return { carrier: this.#opener.speakHttp1(io), reused: false };
  }

  /** Whether the proxy allows another stream, as soon as its SETTINGS tell. */
  async #hasRoom(shared: Shared, signal: AbortSignal): Promise<boolean> {
    if (shared.connection.upgrades === null) await this.#shared.settled(shared, (told) => unlessAborted(told, signal));
    return !isFull(shared);
  }

  /** All tunnels have given up meanwhile. */
  #putAway(carrier: Carrier): void {
    if (carrier.version === "2") this.release(carrier);
    else carrier.connection.gracefulShutdown();
  }

  #speak(way: ProxyWay, { io, alpn }: Opened): Carrier {
    if (alpn !== "h2") {
      this.#oldProxies.add(way.key);
      return this.#opener.speakHttp1(io);
    }
    this.#oldProxies.delete(way.key);
    const shared = this.#shared.add(way.key, this.#opener.speakHttp2(io), io);
    this.#opener.opened(way, shared);
    return shared;
  }

  /** The proxy gives tunnels over HTTP/1.1 alone. */
  noteHttp1({ key }: ProxyWay): void {
    this.#refusing.add(key);
  }

  /** A CONNECT is over. */
  release(shared: Shared): void {
    this.#shared.release(shared);
  }

  /** Closes those without a tunnel; tunnels are their owners', and their connection ends with the last one. */
  close(): Promise<void> {
    return this.#shared.close();
  }

  /** The same, and ends what is asked. */
  abort(reason: unknown): Promise<void> {
    return this.#shared.abort(reason);
  }
}

/** Whether another tunnel would wait for those that are open, which may live long. Where there are none, the proxy may change its mind. */
export function isFull({ connection }: Shared): boolean {
  return !connection.isReady && connection.openStreams > 0;
}
