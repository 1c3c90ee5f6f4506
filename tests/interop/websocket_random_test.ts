/**
 * Sessions with `ws` whose messages, fragments, Pings and compression are drawn at random, in both roles.
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { DeflateOptions } from "../../src/websocket/machine/permessage_deflate.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { sameBytes } from "../support/bytes.ts";
import { listening } from "../support/http_server.ts";
import { rounds } from "../support/rounds.ts";
import { noise, textOf, zeros } from "../support/websocket_talk.ts";
import { WsClient, type WsDeflate, WsServer, type WsSocket } from "../support/ws.ts";

const SESSIONS = rounds(6).numRuns;
const MESSAGES = 40;
const timeout = { timeout: 30_000 };
const decoder = new TextDecoder();

/** The same numbers in every run. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(this.#state / 2 ** 32 * limit);
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }
}

type Message = string | Uint8Array;

/** Mostly short, sometimes longer than what is compressed at once. */
function drawMessage(random: Random): Message {
  const size = random.below(random.one([2, 130, 5000, 70_000, 300_000]));
  return random.one<(size: number) => Message>([textOf, noise, zeros])(size);
}

function drawParts<Part extends Message>(random: Random, message: Part): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < message.length;) {
    let end = Math.min(message.length, at + 1 + random.below(message.length));
    if (typeof message === "string" && /[\ud800-\udbff]$/.test(message.slice(at, end))) end++;
    parts.push(message.slice(at, end) as Part);
    at = end;
  }
  return parts;
}

function drawDeflate(random: Random): { ours: boolean | DeflateOptions; theirs: boolean | WsDeflate } {
  const limits = {
    serverNoContextTakeover: random.one([true, false]),
    clientNoContextTakeover: random.one([true, false]),
    ...random.one([{}, { serverMaxWindowBits: 9 + random.below(7), clientMaxWindowBits: 9 + random.below(7) }]),
  };
  const bytes = random.one([0, 64, 4096]);
  const wish = random.one(["ours", "theirs", "none", "off"]);
  if (wish === "off") return { ours: random.one([true, false]), theirs: false };
  return {
    ours: { ...(wish === "ours" ? limits : {}), thresholdBytes: bytes, level: random.below(10) },
    theirs: { ...(wish === "theirs" ? limits : {}), threshold: bytes },
  };
}

/** Sends what is drawn, everything at once, and expects it from the other end in this order. */
async function session(seed: number, ours: WebSocketConnection, theirs: WsSocket): Promise<void> {
  const random = new Random(seed);
  const messages = Array.from({ length: MESSAGES }, () => drawMessage(random));
  const theirMessages = received(theirs, MESSAGES);
  const pings: Promise<void>[] = [];
  for (const message of messages) {
    if (random.below(3) === 0) pings.push(ours.ping());
    if (random.below(3) === 0) theirs.ping(noise(random.below(126)));
    if (message.length > 0 && random.below(2) === 0) void ours.writeParts(partsOf(drawParts(random, message)));
    else void ours.write(message);
    const parts = random.below(2) === 0 ? drawParts(random, message) : [message];
    if (parts.length === 0) parts.push(message);
    parts.forEach((part, index) =>
      theirs.send(part, { fin: index === parts.length - 1, binary: part !== String(part) })
    );
  }
  for (const message of messages) expectSame(await ours.read(), message, `seed ${seed}, to us`);
  for (const [at, found] of (await theirMessages).entries()) expectSame(found, messages[at]!, `seed ${seed}, to ws`);
  await Promise.all(pings);
  assertEquals((await ours.close({ closeCode: 1000 })).wasClean, true);
}

function partsOf(parts: Message[]): AsyncGenerator<string> {
  return (async function* () {
    yield* parts as string[];
  })();
}

function received(socket: WsSocket, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (data, binary) => {
      messages.push(binary ? new Uint8Array(data) : decoder.decode(data));
      if (messages.length === count) resolve(messages);
    });
  });
}

function expectSame(found: Message | null, sent: Message, what: string): void {
  assertEquals([typeof found, found?.length], [typeof sent, sent.length], what);
  if (typeof sent === "string") assert(found === sent, what);
  else assert(sameBytes(found as Uint8Array, sent), what);
}

test("WebSocketStream and a server of ws: random sessions at once", timeout, async () => {
  await Promise.all(Array.from({ length: SESSIONS }, async (_, seed) => {
    const { ours, theirs } = drawDeflate(new Random(seed));
    const server = http.createServer();
    const connected = new Promise<WsSocket>((resolve) => {
      new WsServer({ server, perMessageDeflate: theirs }).on("connection", resolve);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const io = await new WebSocketStream(`ws://127.0.0.1:${port}`, { deflate: ours }).opened;
    await session(seed, io, await connected);
    await new Promise((resolve) => server.close(resolve));
  }));
});

test("upgradeWebSocket() and the client of ws: random sessions at once", timeout, async () => {
  const drawn = Array.from({ length: SESSIONS }, (_, seed) => drawDeflate(new Random(100 + seed)));
  const opened: Promise<WebSocketConnection>[] = [];
  const { server, port } = await listening((request) => {
    const seed = Number(new URL(request.url).pathname.slice(1));
    const { response, socket } = upgradeWebSocket(request, { deflate: drawn[seed]!.ours });
    opened[seed] = socket.opened;
    return response;
  });
  await Promise.all(drawn.map(async ({ theirs }, seed) => {
    const socket = new WsClient(`ws://127.0.0.1:${port}/${seed}`, [], { perMessageDeflate: theirs });
    await new Promise<void>((resolve, reject) => socket.on("open", resolve).on("error", reject));
    await session(100 + seed, await opened[seed]!, socket);
  }));
  await server.shutdown();
});
