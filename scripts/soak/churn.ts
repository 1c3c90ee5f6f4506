/**
 * Churn: clients that fetch, upgrade, tunnel, end one side, dawdle, change their mind and leave, at random but repeatably,
 * over real sockets. What counts is what is left afterwards.
 *
 * @module
 */

import { Client } from "../../mod.ts";
import { authority } from "../../tests/support/certificates.ts";
import { mulberry32, openSockets, within } from "./measure.ts";
import { startPeers } from "./peers.ts";
import { things } from "./things.ts";

/** What was done and what is left. */
export interface Churned {
  /** How often each thing was done. */
  readonly counts: Readonly<Record<string, number>>;
  /** Things that failed although their client had not given them up. */
  readonly surprises: readonly string[];
  /** Connections that the client still holds. */
  readonly clientConnections: number;
  /** Connections that the servers still hold. */
  readonly serverSockets: number;
  /** TCP sockets of the process that were not there before, as the system counts them; 0 where it does not say. */
  readonly sockets: number;
}

/** How much of it. */
export interface ChurnOptions {
  /** How many things are done. */
  readonly operations: number;
  /** How many at a time. 16. */
  readonly concurrency?: number;
  /** Where the random numbers begin. 1. */
  readonly seed?: number;
  /** Whether `Client` and server speak HTTP/2 with each other, and with the proxy over TLS. False. */
  readonly http2?: boolean;
}

/**
 * Does it.
 *
 * @returns What is left once everything has had two seconds to end.
 */
export async function churn({ operations, concurrency = 16, seed = 1, http2 = false }: ChurnOptions): Promise<Churned> {
  const before = openSockets();
  const peers = await startPeers(http2);
  const client = new Client({
    idleTimeoutMs: 300,
    maxIdlePerOrigin: 4,
    proxyTunnel: "always",
    proxyTls: { caCerts: [authority] },
    http2: { h2c: http2 },
  });
  const base = `http://127.0.0.1:${peers.port}`;
  const proxy = `${http2 ? "https" : "http"}://127.0.0.1:${peers.proxyPort}`;
  const counts: Record<string, number> = {};
  const surprises: string[] = [];
  const random = mulberry32(seed);
  const names = Object.keys(things);
  let left = operations;
  let exchange = 0;
  const worker = async () => {
    while (left-- > 0) {
      const name = names[Math.floor(random() * names.length)]!;
      counts[name] = (counts[name] ?? 0) + 1;
      const controller = new AbortController();
      const patience = random() < 0.3 ? Math.floor(random() * 20) : name === "never" ? 10 : 10_000;
      const timer = setTimeout(() => controller.abort(new Error("enough")), patience);
      const route = random() < 0.3 ? { proxy } : {};
      const { signal } = controller;
      try {
        await things[name]!({ client, base, port: peers.port, proxy, route, signal, random, exchange: exchange++ });
      } catch (error) {
        if (!signal.aborted) surprises.push(`${name}: ${error}`);
      } finally {
        clearTimeout(timer);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await client.close();
  await within(2000, () => peers.open === 0);
  const remaining = { clientConnections: client.connections, serverSockets: peers.open };
  await peers[Symbol.asyncDispose]();
  await within(2000, () => openSockets() <= before);
  return { counts, surprises, ...remaining, sockets: Math.max(0, openSockets() - before) };
}
