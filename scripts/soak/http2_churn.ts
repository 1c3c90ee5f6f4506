/**
 * Churn over HTTP/2: clients that share connections, on which they fetch, upgrade, tunnel, dawdle, keep windows shut, change their mind
 * and leave, at random but repeatably, over real sockets; and connections that are shut down, cut and broken under them. What counts is
 * what is left afterwards.
 *
 * @module
 */

import { UnsentError } from "../../mod.ts";
import type { IncomingResponse, OutgoingRequest } from "../../src/http2/mod.ts";
import type { ChurnOptions } from "./churn.ts";
import { Connections, type Shared } from "./http2_connections.ts";
import { startHttp2Peers } from "./http2_peers.ts";
import { http2Things } from "./http2_things.ts";
import { CountedSignals, CountingClock, mulberry32, openSockets, within } from "./measure.ts";

/** What was done and what is left. */
export interface Http2Churned {
  /** How often each thing was done; `again`: requests that were sent again, since the server had not looked at them. */
  readonly counts: Readonly<Record<string, number>>;
  /** Things that failed although their client had not given them up, and errors that a server reported as its own fault. */
  readonly surprises: readonly string[];
  /** Streams and connections that clients still have. */
  readonly clientStreams: number;
  readonly clientConnections: number;
  /** Exchanges, connections that servers still have. */
  readonly serverExchanges: number;
  readonly serverConnections: number;
  /** Timers of both sides. */
  readonly timers: number;
  /** Listeners of signals that never aborted. */
  readonly listeners: number;
  /** TCP sockets of the process that were not there before, as the system counts them; 0 where it does not say. */
  readonly sockets: number;
}

/** So many exchanges a thing may have. */
const EXCHANGES_OF_A_THING = 4;
/** Things that wait until they are given up. */
const WITHOUT_END: ReadonlySet<string> = new Set(["never", "unclaimed"]);

/**
 * Does it.
 *
 * @returns What is left once everything has had two seconds to end.
 */
export async function http2Churn({ operations, concurrency = 16, seed = 1 }: ChurnOptions): Promise<Http2Churned> {
  const before = openSockets();
  const clock = new CountingClock();
  const signals = new CountedSignals();
  const peers = await startHttp2Peers(clock);
  const connections = new Connections(peers.port, clock);
  const proxyConnections = new Connections(peers.proxyPort, clock);
  const counts: Record<string, number> = {};
  const surprises: string[] = [];
  const random = mulberry32(seed);
  const names = Object.keys(http2Things);
  let left = operations;
  let exchange = 0;
  const worker = async () => {
    while (left-- > 0) {
      const name = names[Math.floor(random() * names.length)]!;
      counts[name] = (counts[name] ?? 0) + 1;
      const controller = signals.controller();
      const { signal } = controller;
      const patience = random() < 0.3 ? Math.floor(random() * 20) : WITHOUT_END.has(name) ? 10 : 10_000;
      const timer = setTimeout(() => controller.abort(new Error("enough")), patience);
      const used: Shared[] = [];
      const sendOn = (to: Connections) => async (request: Partial<OutgoingRequest>): Promise<IncomingResponse> => {
        for (;;) {
          const shared = to.any(random);
          used.push(shared);
          try {
            const whole = { method: "GET", target: "/", fields: [["Host", "a"]] as [string, string][], ...request };
            return await shared.connection.send(whole, { signal });
          } catch (error) {
            if (!(error instanceof UnsentError) || shared.cut) throw error;
            counts.again = (counts.again ?? 0) + 1;
          }
        }
      };
      try {
        await http2Things[name]!({
          send: sendOn(connections),
          sendToProxy: sendOn(proxyConnections),
          connections,
          proxyConnections,
          port: peers.port,
          signal,
          random,
          exchange: EXCHANGES_OF_A_THING * exchange++,
        });
      } catch (error) {
        if (!signal.aborted && !used.some(({ cut }) => cut)) surprises.push(`${name}: ${error}`);
      } finally {
        clearTimeout(timer);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await within(2000, () => connections.streams + proxyConnections.streams + peers.exchanges === 0);
  const clientStreams = connections.streams + proxyConnections.streams;
  const serverExchanges = peers.exchanges;
  await Promise.all([connections.close(), proxyConnections.close()]);
  await within(2000, () => peers.open === 0);
  const remaining = {
    clientStreams,
    serverExchanges,
    clientConnections: connections.size + proxyConnections.size,
    serverConnections: peers.open,
  };
  await peers[Symbol.asyncDispose]();
  await within(2000, () => openSockets() <= before && clock.pending + signals.listeners === 0);
  surprises.push(...peers.faults.map((fault) => `a server: ${fault}`));
  const sockets = Math.max(0, openSockets() - before);
  return { counts, surprises, ...remaining, timers: clock.pending, listeners: signals.listeners, sockets };
}
