/**
 * Streams of other makers may hold what is written to them for as long as they like, channels until a write has resolved: memory that is
 * used again is not among that. Here it is scribbled on whenever it could be used again.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { giveMemory, takeMemory } from "../../src/bytes/memory_pool.ts";
import type { ByteChannel, Duplex, DuplexLike } from "../../src/duplex/duplex.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import * as http1 from "../../src/http1/mod.ts";
import * as http2 from "../../src/http2/mod.ts";
import { tunnel } from "../../src/proxy/tunnel.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { sameBytes } from "../support/bytes.ts";
import { LendingEnd } from "../support/lending_end.ts";
import { joined, pattern } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

const LENGTHS = [4096, 17_408, 33_792, 66_560, 132_096, 263_168];

/** Writes on all memory that is there to be used again. */
function scribble(): void {
  const taken: Uint8Array[] = [];
  for (const length of LENGTHS) {
    for (let more = 0; more < 3; more++) taken.push(takeMemory(length));
  }
  for (const memory of taken) giveMemory(memory.fill(0xee));
}

/** What was written to an end, and a copy of it as it was then. */
class Kept {
  readonly #kept: { readonly bytes: Uint8Array; readonly before: Uint8Array }[] = [];

  add(bytes: Uint8Array): void {
    this.#kept.push({ bytes, before: bytes.slice() });
  }

  check(): void {
    scribble();
    for (const { bytes, before } of this.#kept) assert(sameBytes(bytes, before), "what was written has changed");
  }
}

interface Keeping {
  readonly io: DuplexLike;
  readonly kept: Kept;
}

/** Streams that keep every chunk for good. They take their time with each. */
function keepingStreams(end: PairEnd, highWaterMark: number): Keeping {
  const kept = new Kept();
  const writable = new WritableStream<Uint8Array>({
    async write(bytes): Promise<void> {
      kept.add(bytes);
      await turns();
      scribble();
      await end.write(bytes);
    },
    close: () => end.closeWrite(),
    abort: (reason) => end.abort(reason),
  }, { highWaterMark });
  return { io: { readable: end.readable, writable }, kept };
}

/** A channel that sends the bytes from where they are, until its writes resolve. */
class KeepingChannel implements Duplex, ByteChannel {
  readonly #end: PairEnd;
  #last: Promise<void> = Promise.resolve();

  constructor(end: PairEnd) {
    this.#end = end;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#end.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#end.writable;
  }

  read(): Promise<Uint8Array | null> {
    return this.#end.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    const kept = new Kept();
    kept.add(bytes);
    return this.#last = this.#last.then(async () => {
      await turns();
      kept.check();
      return this.#end.write(bytes);
    });
  }

  closeWrite(): Promise<void> {
    return this.#last.then(() => this.#end.closeWrite());
  }

  abort(reason?: unknown): void {
    this.#end.abort(reason);
  }
}

const kinds: Readonly<Record<string, (end: PairEnd) => Keeping>> = {
  "streams that keep it": (end) => keepingStreams(end, 1),
  "streams that queue and keep it": (end) => keepingStreams(end, Infinity),
  "a channel of another maker": (end) => ({ io: new KeepingChannel(end), kept: new Kept() }),
};

/** Bodies as they are sent: short, in pieces, and longer than what is copied. */
const BODIES: readonly Uint8Array[] = [0, 5, 3000, 20_000, 65_536, 150_000].map(pattern);

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7000) {
    await null;
    yield bytes.slice(at, at + 7000);
  }
}

async function allOf(body: { read(): Promise<Uint8Array | null> }): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) chunks.push(chunk);
  return joined(...chunks);
}

/** Sends back what it gets: as it comes, or as a whole where the target says so. */
async function echo(request: http1.IncomingRequest): Promise<http1.OutgoingResponse> {
  if (request.target === "/streamed") return { status: 200, body: request.body };
  return { status: 200, body: await allOf(request.body) };
}

interface Sender {
  send(request: http1.OutgoingRequest): Promise<http1.IncomingResponse>;
}

async function converse(sender: Sender, body: Uint8Array, target: string): Promise<void> {
  const outgoing = target === "/streamed" ? inPieces(body) : body;
  const response = await sender.send({ method: "POST", target, fields: [["Host", "a"]], body: outgoing });
  assert(sameBytes(await allOf(response.body), body), `${target}: ${body.length} bytes came back as others`);
}

for (const [kind, keep] of Object.entries(kinds)) {
  const open = () => {
    const [near, far] = duplexPair();
    return [keep(near), keep(far)] as const;
  };

  test(`HTTP/1.1 leaves what it has written to ${kind} as it was`, async () => {
    const [client, server] = open();
    const served = http1.serveConnection(server.io, echo, { pipelineFlush: true });
    const { sender, connection } = http1.handshake(client.io);
    for (const body of BODIES) {
      for (const target of ["/whole", "/streamed"]) await converse(sender, body, target);
    }
    client.kept.check();
    server.kept.check();
    await connection.gracefulShutdown();
    await served.closed;
  });

  test(`HTTP/2 leaves what it has written to ${kind} as it was`, async () => {
    const [client, server] = open();
    const served = http2.serveConnection(server.io, echo);
    const { sender, connection } = http2.handshake(client.io);
    await Promise.all(
      BODIES.flatMap((body) => ["/whole", "/streamed"].map((target) => converse(sender, body, target))),
    );
    client.kept.check();
    server.kept.check();
    await connection.gracefulShutdown();
    await served.closed;
  });

  test(`a WebSocket leaves what it has written to ${kind} as it was`, async () => {
    const [near, far] = open();
    const extensions = "permessage-deflate";
    const client = webSocketOver(near.io, { role: "client", extensions });
    const server = webSocketOver(far.io, { role: "server", extensions });
    const echoing = (async () => {
      for (let message = await server.read(); message !== null; message = await server.read()) {
        await server.write(message);
      }
    })();
    for (const message of [...BODIES, "a text", "a long text ".repeat(20_000)]) {
      const written = client.write(message);
      assertEquals(await client.read(), message);
      await written;
    }
    near.kept.check();
    far.kept.check();
    await client.close();
    await echoing;
  });

  test(`tunnel() leaves what it has written to ${kind} as it was, also of memory that was lent`, async () => {
    const [a, left] = duplexPair();
    const [right, b] = duplexPair();
    const to = keep(right);
    const through = tunnel(new LendingEnd(left), to.io as Duplex);
    const got = allOf(b);
    for (const body of BODIES) await a.write(body);
    await a.closeWrite();
    assertEquals((await got).length, BODIES.reduce((sum, { length }) => sum + length, 0));
    to.kept.check();
    await b.closeWrite();
    await through;
  });

  test(`what was written to ${kind} is left as it was when a connection is cut`, async () => {
    const [client, server] = open();
    const served = http2.serveConnection(server.io, echo);
    const { sender, connection } = http2.handshake(client.io);
    const failed = BODIES.map((body) => converse(sender, body, "/whole").catch(() => "failed"));
    await Promise.resolve();
    connection.abort();
    for (let i = 0; i < 3; i++) {
      await turns();
      client.kept.check();
      server.kept.check();
    }
    await Promise.all(failed);
    await served.closed;
  });
}
