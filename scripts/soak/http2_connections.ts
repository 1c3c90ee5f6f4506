/**
 * The connections of clients of HTTP/2 to one server, which those who ask share.
 *
 * @module
 */

import type { Clock } from "../../src/duplex/clock.ts";
import { handshake, type Http2ClientConnection } from "../../src/http2/mod.ts";
import { connect } from "../../src/net/mod.ts";

/** One of them. */
export interface Shared {
  /** The connection. */
  readonly connection: Http2ClientConnection;
  /** Whether it was cut: what is under way on it fails, and nothing is wrong with that. */
  cut: boolean;
}

/** The limits that connections have: some have small windows. */
const windows = [1000, 60_000, 262_144] as const;

/** Connections to one port, at most six at once, but for those that others take away. */
export class Connections {
  readonly #port: number;
  readonly #clock: Clock;
  readonly #all: Set<Shared> = new Set();

  /** Opens none. */
  constructor(port: number, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  /** How many are there. */
  get size(): number {
    return this.#all.size;
  }

  /** How many streams they have. */
  get streams(): number {
    return [...this.#all].reduce((sum, { connection }) => sum + connection.openStreams, 0);
  }

  /** One of them, or a new one. */
  any(random: () => number): Shared {
    const usable = [...this.#all].filter(({ connection }) => !connection.isClosed);
    const choice = Math.floor(random() * 6);
    return usable[choice] ?? this.#open(windows[Math.floor(random() * windows.length)]!);
  }

  #open(streamWindowBytes: number): Shared {
    const io = connect({ hostname: "127.0.0.1", port: this.#port });
    const { connection } = handshake(io, {
      scheme: "http",
      clock: this.#clock,
      limits: { streamWindowBytes },
      closeTimeoutMs: 500,
      unclaimedUpgradeTimeoutMs: 100,
    });
    const shared: Shared = { connection, cut: false };
    this.#all.add(shared);
    connection.closed.then(() => this.#all.delete(shared));
    return shared;
  }

  /** Cuts one, whatever is under way on it. */
  cut(random: () => number): void {
    const shared = this.any(random);
    shared.cut = true;
    shared.connection.abort(new Error("cut on purpose"));
  }

  /** Shuts all of them down. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map(({ connection }) => connection.gracefulShutdown()));
  }
}
