/**
 * Which server is asked: in turn, the least busy one, by a text, or where a function says; and which are left alone for a
 * while because they fail (passive health). Pure but for the time of the clock.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import {
  checkUpstream,
  type HealthOptions,
  type ReverseProxyOptions,
  type Upstream,
  type UpstreamChoice,
} from "./options.ts";
import { keyOf, type UpstreamServer } from "./upstream.ts";

/** What of a request decides. */
export interface Asking {
  /** The request. */
  readonly request: Request;
  /** Its connection. */
  readonly info: ServeInfo;
}

/** Servers to choose from. */
export interface Upstreams {
  /** The server for a request; `null` if those that were tried are all there are. */
  choose(asking: Asking, tried: readonly UpstreamServer[]): UpstreamServer | null | Promise<UpstreamServer | null>;
  /** A server has answered. */
  succeeded(server: UpstreamServer): void;
  /** A server has failed. */
  failed(server: UpstreamServer): void;
}

/** Makes a server of what a program has said. */
export type MakeServer = (upstream: Upstream) => UpstreamServer;

/** Several servers that stand for each other, or one. */
export class UpstreamList implements Upstreams {
  readonly #servers: readonly UpstreamServer[];
  readonly #balance: ReverseProxyOptions["balance"];
  readonly #maxFailures: number;
  readonly #restMs: number;
  readonly #clock: Clock;
  #turn = 0;

  /** Begins with all of them well. */
  constructor(
    servers: readonly UpstreamServer[],
    balance: ReverseProxyOptions["balance"],
    health: HealthOptions,
    clock: Clock,
  ) {
    this.#servers = servers;
    this.#balance = balance;
    this.#maxFailures = health.maxFailures ?? 3;
    this.#restMs = health.restMs ?? 10_000;
    this.#clock = clock;
  }

  choose({ request, info }: Asking, tried: readonly UpstreamServer[]): UpstreamServer | null {
    if (this.#servers.length === 1) return tried.length === 0 ? this.#servers[0]! : null;
    const left = this.#servers.filter((server) => !tried.includes(server));
    if (left.length === 0) return null;
    const now = this.#clock.now();
    const well = left.filter((server) => server.restsUntil <= now);
    // If all rest, one of them may be back.
    const candidates = well.length > 0 ? well : left;
    if (typeof this.#balance === "function") return byHash(candidates, this.#balance(request, info));
    // Another attempt takes no turn: else the servers behind one that fails would get all that come to it.
    if (tried.length === 0) this.#turn++;
    return this.#inTurn(this.#balance === "least-connections" ? leastBusy(candidates) : candidates);
  }

  #inTurn(candidates: readonly UpstreamServer[]): UpstreamServer {
    return candidates[(this.#turn - 1) % candidates.length]!;
  }

  succeeded(server: UpstreamServer): void {
    server.failures = 0;
    server.restsUntil = 0;
  }

  failed(server: UpstreamServer): void {
    if (++server.failures >= this.#maxFailures) server.restsUntil = this.#clock.now() + this.#restMs;
  }
}

/** Those that are as little busy as each other. */
function leastBusy(candidates: readonly UpstreamServer[]): readonly UpstreamServer[] {
  const least = Math.min(...candidates.map(({ active }) => active));
  return candidates.filter(({ active }) => active === least);
}

/** How many servers are remembered that a function has named. */
const MAX_KNOWN_SERVERS = 1024;

/** Servers that a function names. It decides by itself what is well, so each request has one. */
export class ChosenUpstreams implements Upstreams {
  readonly #choose: UpstreamChoice;
  readonly #make: MakeServer;
  readonly #known: Map<string, UpstreamServer> = new Map();
  readonly #objects: WeakMap<object, UpstreamServer> = new WeakMap();

  /** Knows none yet. */
  constructor(choose: UpstreamChoice, make: MakeServer) {
    this.#choose = choose;
    this.#make = make;
  }

  choose(
    { request, info }: Asking,
    tried: readonly UpstreamServer[],
  ): UpstreamServer | null | Promise<UpstreamServer | null> {
    if (tried.length > 0) return null;
    const chosen = this.#choose(request, info);
    return chosen instanceof Promise ? chosen.then((upstream) => this.#find(upstream)) : this.#find(chosen);
  }

  succeeded(): void {}

  failed(): void {}

  #find(upstream: Upstream): UpstreamServer {
    if (typeof upstream === "object" && upstream !== null && !(upstream instanceof URL)) {
      return this.#ofObject(upstream);
    }
    return this.#ofKey(upstream);
  }

  #ofObject(upstream: Exclude<Upstream, string | URL>): UpstreamServer {
    const { tls, client } = upstream;
    // What has no identity of its own is the same server, however often it is spelled.
    if (tls === undefined && client === undefined) return this.#ofKey(upstream);
    let server = this.#objects.get(upstream);
    if (server === undefined) this.#objects.set(upstream, server = this.#checked(upstream));
    return server;
  }

  #ofKey(upstream: Upstream): UpstreamServer {
    const key = keyOf(upstream);
    let server = this.#known.get(key);
    if (server === undefined) {
      server = this.#checked(upstream);
      if (this.#known.size === MAX_KNOWN_SERVERS) this.#known.clear();
      this.#known.set(key, server);
    }
    return server;
  }

  #checked(upstream: Upstream): UpstreamServer {
    checkUpstream(upstream, "what target() returns");
    return this.#make(upstream);
  }
}

/**
 * Rendezvous hashing: a server that rests or comes back moves no text but its own (Thaler and Ravishankar, 1998).
 */
export function byHash(candidates: readonly UpstreamServer[], text: string): UpstreamServer {
  let best = candidates[0]!;
  let highest = -1;
  for (const candidate of candidates) {
    const weight = hash(`${text}\n${candidate.key}`);
    if (weight > highest) {
      highest = weight;
      best = candidate;
    }
  }
  return best;
}

/** FNV-1a, with a last mix so that similar texts do not end up near each other. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
