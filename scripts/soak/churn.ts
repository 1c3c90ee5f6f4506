/**
 * Churn: clients that fetch, upgrade, tunnel, change their mind and leave, at random but repeatably, over real sockets.
 * What counts is what is left afterwards.
 *
 * @module
 */

import { Client, connectResponse, type Handler, serveConnection, type Upgraded, upgradeResponse } from "../../mod.ts";
import { tunnel } from "../../src/proxy/mod.ts";
import { connect, listen, type Listener, type Socket } from "../../src/runtime/mod.ts";

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

const encoder = new TextEncoder();

/** What the server answers: a path for each way to behave. */
const answers: Handler = async (request) => {
  if (request.fields.has("upgrade")) {
    const { response, upgraded } = upgradeResponse(request, "echo");
    upgraded.then(echo).catch(() => {});
    return response;
  }
  switch (request.target) {
    case "/moved":
      return { status: 302, fields: [["location", "/"]] };
    case "/large":
      return { status: 200, body: new Uint8Array(500_000) };
    case "/slow":
      return { status: 200, body: trickle(request.signal) };
    case "/never":
      await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      return { status: 500 };
    case "/hangup":
      throw new Error("hang up");
    default:
      return { status: 200, body: `${(await request.body.bytes()).length}` };
  }
};

async function* trickle(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 20 && !signal.aborted; i++) {
    yield encoder.encode("drop");
    await pause(2);
  }
}

async function echo(io: Upgraded): Promise<void> {
  try {
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(chunk);
    await io.close();
  } catch (error) {
    io.abort(error);
  }
}

/** A CONNECT proxy. */
const forwards: Handler = async (request) => {
  const target = connect(request.target);
  await target.opened;
  const { response, upgraded } = connectResponse(request);
  upgraded.then((io) => tunnel(io, target)).catch(() => target.abort());
  return response;
};

/** A server and what it holds. */
class Counting {
  readonly open: Set<Socket> = new Set();
  readonly listener: Listener;
  readonly #handler: Handler;

  constructor(listener: Listener, handler: Handler) {
    this.listener = listener;
    this.#handler = handler;
  }

  get port(): number {
    return (this.listener.address as { readonly port: number }).port;
  }

  async run(): Promise<void> {
    for await (const socket of this.listener) {
      this.open.add(socket);
      const gone = () => this.open.delete(socket);
      socket.closed.then(gone, gone);
      serveConnection(socket, this.#handler, { idleTimeoutMs: 5000, closeTimeoutMs: 500, writeTimeoutMs: 5000 });
    }
  }
}

/**
 * Does it.
 *
 * @returns What is left once everything has had two seconds to end.
 */
export async function churn({ operations, concurrency = 16, seed = 1 }: ChurnOptions): Promise<Churned> {
  const server = new Counting(await listen({ hostname: "127.0.0.1" }), answers);
  const proxy = new Counting(await listen({ hostname: "127.0.0.1" }), forwards);
  const accepting = [server.run(), proxy.run()];
  const client = new Client({ idleTimeoutMs: 300, maxIdlePerOrigin: 4, proxyTunnel: "always" });
  const counts: Record<string, number> = {};
  const surprises: string[] = [];
  const random = mulberry32(seed);
  let left = operations;
  const worker = async () => {
    while (left-- > 0) {
      const name = pick(Object.keys(things), random);
      counts[name] = (counts[name] ?? 0) + 1;
      const controller = new AbortController();
      const patience = random() < 0.3 ? Math.floor(random() * 20) : name === "never" ? 10 : 10_000;
      const timer = setTimeout(() => controller.abort(new Error("enough")), patience);
      const route = random() < 0.3 ? { proxy: `http://127.0.0.1:${proxy.port}` } : {};
      try {
        const base = `http://127.0.0.1:${server.port}`;
        await things[name]!({ client, base, route, signal: controller.signal, random });
      } catch (error) {
        if (!controller.signal.aborted) surprises.push(`${name}: ${error}`);
      } finally {
        clearTimeout(timer);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await client.close();
  for (let waited = 0; waited < 2000 && server.open.size + proxy.open.size > 0; waited += 50) await pause(50);
  const result = {
    counts,
    surprises,
    clientConnections: client.connections,
    serverSockets: server.open.size + proxy.open.size,
  };
  await server.listener.close();
  await proxy.listener.close();
  await Promise.all(accepting);
  return result;
}

interface Situation {
  readonly client: Client;
  readonly base: string;
  readonly route: { readonly proxy?: string };
  readonly signal: AbortSignal;
  readonly random: () => number;
}

type Thing = (situation: Situation) => Promise<unknown>;

const reading = (path: string): Thing => async ({ client, base, route, signal }) =>
  await (await client.fetch(base + path, { ...route, signal })).bytes();

const things: Readonly<Record<string, Thing>> = {
  get: reading("/"),
  large: reading("/large"),
  slow: reading("/slow"),
  moved: reading("/moved"),
  never: reading("/never"),
  hangup: reading("/hangup"),
  async post({ client, base, route, signal, random }) {
    const length = Math.floor(random() * 200_000);
    const response = await client.fetch(base, { ...route, method: "POST", body: new Uint8Array(length), signal });
    if (await response.text() !== `${length}`) throw new Error("bytes were lost");
  },
  async stream({ client, base, route, signal }) {
    const body = new Blob([new Uint8Array(100_000)]).stream();
    const response = await client.fetch(base, { ...route, method: "PUT", body, signal });
    if (await response.text() !== "100000") throw new Error("bytes were lost");
  },
  async unread({ client, base, route, signal }) {
    const response = await client.fetch(`${base}/large`, { ...route, signal });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
  },
  async upgrade({ client, base, route, signal, random }) {
    const io = await client.upgrade(base, { ...route, protocol: "echo", signal });
    const length = Math.floor(random() * 50_000) + 1;
    const writing = io.write(new Uint8Array(length)).then(() => io.closeWrite());
    let back = 0;
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) back += chunk.length;
    await writing;
    await io.close();
    if (back !== length) throw new Error(`${length} bytes went, ${back} came back`);
  },
  async leave({ client, base, route, signal }) {
    const io = await client.upgrade(base, { ...route, protocol: "echo", signal });
    io.write(new Uint8Array(100_000)).catch(() => {});
    io.abort();
  },
};

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)]!;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
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
