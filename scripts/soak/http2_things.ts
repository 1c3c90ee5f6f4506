/**
 * The things that clients of HTTP/2 do on streams of connections that they share: fetch, upgrade, tunnel, end one side, dawdle, keep
 * their windows shut, change their mind, cut a connection under all others.
 *
 * @module
 */

import { webSocketOver } from "../../mod.ts";
import {
  type Field,
  handshake,
  Http2ClientMachine,
  type IncomingBody,
  type IncomingResponse,
  onUpgrade,
  type OutgoingRequest,
} from "../../src/http2/mod.ts";
import { connect, type Socket } from "../../src/net/mod.ts";
import { Comparison, contents, expectContents, expectCount, expectEcho, readResponse, writeOnce } from "./contents.ts";
import type { Connections } from "./http2_connections.ts";
import { pause } from "./measure.ts";

/** What a thing is done with. */
export interface Http2Situation {
  /** Sends a request to the server on one of the connections to it, which other things use as well. */
  send(request: Partial<OutgoingRequest>): Promise<IncomingResponse>;
  /** The same to the server for tunnels. */
  sendToProxy(request: Partial<OutgoingRequest>): Promise<IncomingResponse>;
  /** All connections to the server, to shut one down or to cut it. */
  readonly connections: Connections;
  /** All to the server for tunnels. */
  readonly proxyConnections: Connections;
  /** The server's port. */
  readonly port: number;
  /** Changes its mind. */
  readonly signal: AbortSignal;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Its number and the three behind it: whose bytes they are. */
  readonly exchange: number;
}

/** Does it; fails where bytes were lost or are not those that were sent. */
export type Http2Thing = (situation: Http2Situation) => Promise<unknown>;

const answered = (target: string, status = 200): Http2Thing => async ({ send }) => {
  const response = await send({ target });
  expect(response.status, status, target);
  await response.body.bytes();
};

const reading = (target: string, bytes: number): Http2Thing => async ({ send, exchange }) => {
  const { body } = await send({ target: `${target}?${exchange}` });
  expectContents(await body.bytes(), exchange, bytes, target);
};

/** By name. */
export const http2Things: Readonly<Record<string, Http2Thing>> = {
  get: answered("/"),
  large: reading("/large", 500_000),
  streamed: reading("/streamed", 500_000),
  slow: reading("/slow", 200_000),
  never: answered("/never"),
  failing: answered("/failing", 500),
  async head({ send }) {
    const response = await send({ method: "HEAD", target: "/large" });
    expect((await response.body.bytes()).length, 0, "HEAD");
  },
  async broken({ send, signal, exchange }) {
    const response = await send({ target: `/broken?${exchange}` });
    const whole = await response.body.bytes().then(() => true, () => signal.throwIfAborted());
    if (whole === true) throw new Error("a body that was cut looks whole");
  },
  async trailers({ send, exchange }) {
    const response = await send({ target: `/trailers?${exchange}` });
    expectContents(await response.body.bytes(), exchange, 30_000, "a body with trailers");
    expect(Number((await response.body.trailers).get("x-sum")), 1, "trailers");
  },
  async post({ send, random, exchange }) {
    const length = Math.floor(random() * 200_000);
    const response = await send({ method: "POST", target: `/?${exchange}`, body: contents(exchange, length) });
    expectCount(await response.body.text(), length);
  },
  async stream({ send, exchange }) {
    const trailers = { "x-sum": "1" };
    const response = await send({ method: "PUT", target: `/?${exchange}`, body: pieces(exchange, 20), trailers });
    expectCount(await response.body.text(), 100_000);
  },
  async unread({ send, exchange }) {
    const response = await send({ method: "POST", target: "/unread", body: pieces(exchange, 100) });
    expect(response.status, 413, "a body that is not read");
    await response.body.text();
  },
  async cancel({ send, exchange }) {
    const { body } = await send({ target: `/large?${exchange}` });
    await body.read();
    body.cancel();
  },
  async dawdle({ send, random, exchange }) {
    const { body } = await send({ target: `/large?${exchange}` });
    await slowly(body, random, new Comparison(exchange, "a slow reader"));
  },
  async shut({ send, random, exchange }) {
    const { body } = await send({ target: `/streamed?${exchange}` });
    await pause(random() * 30); // the window is shut by now
    if (random() < 0.5) return body.cancel();
    expectContents(await body.bytes(), exchange, 500_000, "behind a window that was shut");
  },
  async upgrade({ send, random, exchange }) {
    const io = await onUpgrade(await send(upgradeTo("echo", random() < 0.5 ? "/" : "/late")));
    await expectEcho(io, exchange, Math.floor(random() * 200_000) + 1, random);
    await io.close();
  },
  async refused({ send }) {
    const response = await send(upgradeTo("echo", "/refused"));
    expect(response.status, 403, "an upgrade that is refused");
    expect((await response.body.text()).length, 2, "the body of a refusal");
  },
  async leave({ send, exchange }) {
    const io = await onUpgrade(await send(upgradeTo("echo")));
    io.write(contents(exchange, 500_000)).catch(() => {});
    io.abort();
  },
  async close({ send, exchange }) {
    const io = await onUpgrade(await send(upgradeTo("echo")));
    io.write(contents(exchange, 10_000)).catch(() => {});
    await io.close();
  },
  async unclaimed({ send, signal }) {
    await send(upgradeTo("echo"));
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  },
  async webSocket({ send, random, exchange }) {
    const io = await onUpgrade(await send(upgradeTo("websocket", "/", [["Sec-WebSocket-Version", "13"]])));
    const socket = webSocketOver(io, { role: "client" });
    const lengths = Array.from({ length: 3 }, () => Math.floor(random() * 100_000));
    const writing = Promise.all(lengths.map((length, nth) => writeOnce(socket, contents(exchange + nth, length))));
    writing.catch(() => {}); // if reading fails, that tells
    for (const [nth, length] of lengths.entries()) {
      expectContents(await socket.read() as Uint8Array, exchange + nth, length, "a WebSocket");
    }
    await writing;
    await socket.close();
  },
  async tunnel({ sendToProxy, port, exchange }) {
    const io = await onUpgrade(await sendToProxy({ method: "CONNECT", target: `127.0.0.1:${port}` }));
    await io.write(bytesOf(`GET /large?${exchange} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`));
    await io.closeWrite();
    await readResponse(io, exchange, 500_000, "a tunnel");
    await io.close();
  },
  async nested({ sendToProxy, port, random, exchange }) {
    const io = await onUpgrade(await sendToProxy({ method: "CONNECT", target: `127.0.0.1:${port}` }));
    const { connection } = handshake(io, { scheme: "http" });
    const ask = async (target: string, bytes: number, nth: number) => {
      const fields: Field[] = [["Host", "a"]];
      const { body } = await connection.send({ method: "GET", target: `${target}?${nth}`, fields });
      expectContents(await body.bytes(), nth, bytes, "HTTP/2 in a tunnel");
    };
    await Promise.all([ask("/large", 500_000, exchange), ask("/slow", 200_000, exchange + 1)]);
    if (random() < 0.5) await connection.gracefulShutdown();
    else connection.abort();
  },
  async dropTunnel({ sendToProxy, port }) {
    const io = await onUpgrade(await sendToProxy({ method: "CONNECT", target: `127.0.0.1:${port}` }));
    await io.write(bytesOf("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
    io.abort();
  },
  async retire({ connections, random }) {
    await connections.any(random).connection.gracefulShutdown();
  },
  async cut({ connections, proxyConnections, random }) {
    (random() < 0.5 ? connections : proxyConnections).cut(random);
    await pause(0);
  },
  async goAway({ sendToProxy }) {
    expect((await (await sendToProxy({ target: "/goodbye" })).body.text()).length, 7, "the answer before GOAWAY");
  },
  async vanish({ port, random }) {
    const machine = new Http2ClientMachine();
    const bytes: Uint8Array[] = [];
    for (const path of ["/large", "/never", "/"]) {
      machine.sendRequest({ ...GET, path }, true);
      bytes.push(...machine.take().map((each) => each.slice()));
    }
    const all = new Uint8Array(await new Blob(bytes as BlobPart[]).arrayBuffer());
    const socket = await dial(port);
    await socket.write(all.subarray(0, 1 + Math.floor(random() * all.length)));
    socket.abort();
  },
  async silent({ port, random }) {
    const socket = await dial(port);
    await socket.write(bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".slice(0, 1 + Math.floor(random() * 24))));
    // The server hangs up after its headTimeoutMs, for which only some wait.
    if (random() < 0.05) await endOf(socket);
    await socket.close();
  },
  async noise({ port, random }) {
    const socket = await dial(port);
    await socket.write(bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    await socket.write(Uint8Array.from({ length: 64 }, () => Math.floor(random() * 256)));
    await socket.closeWrite();
    await endOf(socket).catch(() => {});
    await socket.close();
  },
};

const GET = { method: "GET", scheme: "http", authority: "a", path: "/", protocol: null, fields: [] };

function upgradeTo(protocol: string, target = "/", more: readonly Field[] = []): Partial<OutgoingRequest> {
  return { target, fields: [["Host", "a"], ["Connection", "Upgrade"], ["Upgrade", protocol], ...more] };
}

function expect(found: number, wanted: number, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`);
}

/** So many times 5000 bytes. */
async function* pieces(exchange: number, count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    if (i % 7 === 0) await pause(0);
    yield contents(exchange, 5000, 5000 * i);
  }
}

async function slowly(body: IncomingBody, random: () => number, comparison: Comparison): Promise<void> {
  for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) {
    comparison.add(chunk);
    if (random() < 0.1) await pause(1);
  }
  comparison.end(500_000);
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ hostname: "127.0.0.1", port });
  await socket.opened;
  return socket;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function endOf(io: { read(): Promise<Uint8Array | null> }): Promise<number> {
  let bytes = 0;
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) bytes += chunk.length;
  return bytes;
}
