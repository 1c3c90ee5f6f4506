/**
 * How many tunnels may be open, for each client and in all. Those that are being opened count: a target that does not answer
 * holds its place as well.
 *
 * @module
 */

import { Refusal } from "./refusal.ts";

/** What is let in. */
export interface TunnelLimits {
  /** How many tunnels may be open. */
  readonly maxTunnels: number;
  /** How many of them may be one client's. */
  readonly maxTunnelsPerClient: number;
}

/** Counts tunnels. */
export class TunnelCount {
  readonly #byClient: Map<string, number> = new Map();
  #all = 0;

  /** How many are open. */
  get size(): number {
    return this.#all;
  }

  /**
   * Lets one in.
   *
   * @param client An identity, or an address where there is none.
   * @returns Lets it out; to be called once.
   * @throws {Refusal} There is no room: 503, or 429 where it is the client's own.
   */
  enter(client: string, { maxTunnels, maxTunnelsPerClient }: TunnelLimits): () => void {
    const own = this.#byClient.get(client) ?? 0;
    if (own >= maxTunnelsPerClient) {
      const message = `This proxy holds ${maxTunnelsPerClient} tunnels for a client, and all of them are open`;
      throw new Refusal("connection_limit_reached", message, { status: 429, by: "maxTunnelsPerClient" });
    }
    if (this.#all >= maxTunnels) {
      const message = `This proxy holds ${maxTunnels} tunnels, and all of them are open`;
      throw new Refusal("connection_limit_reached", message, { by: "maxTunnels" });
    }
    this.#all++;
    this.#byClient.set(client, own + 1);
    return () => this.#leave(client);
  }

  #leave(client: string): void {
    this.#all--;
    const own = this.#byClient.get(client)! - 1;
    if (own === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, own);
  }
}
