/**
 * Raw bytes in, raw bytes out: what tests of machines and connections share.
 *
 * @module
 */

import { duplexPair, type DuplexPairOptions, type PairEnd } from "../../src/duplex/pair.ts";
import { type Handler, serveConnection, type ServerConnection } from "../../src/http1/server_connection.ts";
import type { Closed, ServerConnectionOptions } from "../../src/http1/options.ts";
import type { Clock } from "../../src/duplex/clock.ts";
import { latin1, wire } from "./bytes.ts";

export { everyCut, text, wire } from "./bytes.ts";

/** Everything that an end gives until the peer ends its side. */
export async function readAll(end: { read(): Promise<Uint8Array | null> }): Promise<string> {
  let all = "";
  for (let chunk = await end.read(); chunk !== null; chunk = await end.read()) {
    all += latin1(chunk);
  }
  return all.replaceAll("\r\n", "¶");
}

/** What an end gives until the text so far satisfies `done`; fails if the peer ends before. */
export async function readUntil(
  end: { read(): Promise<Uint8Array | null> },
  done: string | ((soFar: string) => boolean),
): Promise<string> {
  let raw = "";
  let all = "";
  const satisfied = typeof done === "string" ? (soFar: string) => soFar.endsWith(done) : done;
  while (!satisfied(all)) {
    const chunk = await end.read();
    if (chunk === null) throw new Error(`The peer ended after ${JSON.stringify(all)}`);
    raw += latin1(chunk);
    all = raw.replaceAll("\r\n", "¶");
  }
  return all;
}

/** A served connection with the client's raw end in the test's hands. */
export interface Served {
  /** The client's end. */
  readonly client: PairEnd;
  /** The server's connection. */
  readonly connection: ServerConnection;
}

/** Serves one end of a pair; the other one is the client's. No Date unless asked for. */
export function serving(
  handler: Handler,
  options: ServerConnectionOptions = {},
  pair: DuplexPairOptions = {},
): Served {
  const [client, server] = duplexPair(pair);
  const connection = serveConnection(server, handler, { dateHeader: false, ...options });
  return { client, connection };
}

/** Writes chunks, ends the client's side, and gives all that the server said and why it ended. */
export async function exchange(
  input: string | readonly Uint8Array[],
  handler: Handler,
  options: ServerConnectionOptions = {},
): Promise<{ readonly output: string; readonly closed: Closed }> {
  const { client, connection } = serving(handler, options);
  const output = readAll(client);
  for (const chunk of typeof input === "string" ? [wire(input)] : input) await client.write(chunk).catch(() => {});
  await client.closeWrite();
  return { output: await output, closed: await connection.closed };
}

/** Time that passes only when a test says so. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  #timers = new Map<number, { readonly at: number; readonly callback: () => void }>();
  #next = 1;

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, ms: number): unknown {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, callback });
    return id;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass and calls what is due, in order; then lets promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    while (true) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#now = due[1].at;
      due[1].callback();
      await turns();
    }
    this.#now = end;
    await turns();
  }
}

/**
 * Lets everything that is ready run: enough turns of the microtask queue, as a transport of one byte takes several for each,
 * and one of the event loop. Once `node:timers` is loaded, Deno (2.9.6) tells of messages of ports before promises have settled.
 */
export async function turns(): Promise<void> {
  for (let i = 0; i < 500; i++) await Promise.resolve();
  await new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
