/**
 * Churn: clients that fetch, upgrade, tunnel, end one side, dawdle, change their mind and leave, at random but repeatably,
 * over real sockets. What counts is what is left afterwards.
 *
 * @module
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Client } from "../../mod.ts";
import { pause, startPeers } from "./peers.ts";
import { things } from "./things.ts";

/** What was done and what is left. */
export interface Churned {
  /** How often each thing was done. */
  readonly counts: Readonly<Record<string, number>>;
  /** What failed although nobody gave it up. */
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
}

/**
 * Does it.
 *
 * @returns What is left once everything has had two seconds to end.
 */
export async function churn({ operations, concurrency = 16, seed = 1 }: ChurnOptions): Promise<Churned> {
  const before = openSockets();
  const peers = await startPeers();
  const client = new Client({ idleTimeoutMs: 300, maxIdlePerOrigin: 4, proxyTunnel: "always" });
  const base = `http://127.0.0.1:${peers.port}`;
  const proxy = `http://127.0.0.1:${peers.proxyPort}`;
  const counts: Record<string, number> = {};
  const surprises: string[] = [];
  const random = mulberry32(seed);
  const names = Object.keys(things);
  let left = operations;
  const worker = async () => {
    while (left-- > 0) {
      const name = names[Math.floor(random() * names.length)]!;
      counts[name] = (counts[name] ?? 0) + 1;
      const controller = new AbortController();
      const patience = random() < 0.3 ? Math.floor(random() * 20) : name === "never" ? 10 : 10_000;
      const timer = setTimeout(() => controller.abort(new Error("enough")), patience);
      const route = random() < 0.3 ? { proxy } : {};
      try {
        await things[name]!({ client, base, port: peers.port, proxy, route, signal: controller.signal, random });
      } catch (error) {
        if (!controller.signal.aborted) surprises.push(`${name}: ${error}`);
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

async function within(ms: number, done: () => boolean): Promise<void> {
  for (let waited = 0; waited < ms && !done(); waited += 50) await pause(50);
}

/** The TCP sockets of this process, where the system keeps a list. Runtimes open others for themselves. */
function openSockets(): number {
  try {
    const inodes = new Set(["tcp", "tcp6"].flatMap((protocol) => inodesOf(`/proc/net/${protocol}`)));
    return readdirSync("/proc/self/fd").filter((name) => inodes.has(linkOf(`/proc/self/fd/${name}`))).length;
  } catch {
    return 0;
  }
}

function inodesOf(table: string): string[] {
  const lines = readFileSync(table, "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`);
}

/** The list itself was open while it was read. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Random numbers that can be had again. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296;
  };
}
