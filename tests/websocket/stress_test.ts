/**
 * Many WebSockets at once over bad transports, with ends that leave at any moment: what is received is what was sent, in
 * order and from the beginning; all of it if the end was clean; and nothing is left behind.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import type { WebSocketClosed } from "../../src/websocket/close_handshake.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import type { MessageParts } from "../../src/websocket/outgoing_message.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { listening } from "../support/http_server.ts";
import { FakeClock, turns } from "../support/wire.ts";

/** Numbers below `max`, always the same ones for a seed. */
type Draw = (max: number) => number;

function drawFrom(seed: number): Draw {
  let state = seed;
  return (max) => {
    state = (Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state >>> 3) % max;
  };
}

/** A message that no other place has: short, of some KiB, or so long that zlib is given it on another thread. */
function messageOf(draw: Draw, name: string): string | Uint8Array {
  const size = [0, 30, 2000, 70_000, 200_000][[0, 1, 1, 1, 1, 2, 2, 3, 4][draw(9)]!]!;
  const text = name + "·" + `${name}${draw(1000)}é`.repeat(size / 10);
  return draw(2) === 0 ? text : new TextEncoder().encode(text);
}

/** A message as something that can be compared and printed. */
function spelled(message: string | Uint8Array): string {
  const text = typeof message === "string" ? message : new TextDecoder().decode(message);
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i) | 0;
  return `${typeof message} ${text.slice(0, text.indexOf("·"))} ${text.length} ${hash}`;
}

/** Carries one direction in pieces, with pauses; and after some bytes ends it, or cuts everything. */
async function carry(from: PairEnd, to: PairEnd, draw: Draw, fault: "none" | "fin" | "cut"): Promise<void> {
  let left = fault === "none" ? Infinity : draw(draw(2) === 0 ? 200 : 100_000);
  try {
    for (let chunk = await from.read(); chunk !== null; chunk = await from.read()) {
      for (let at = 0; at < chunk.length;) {
        const most = draw(4) === 0 ? 1 + draw(20) : 1 + draw(50_000);
        const piece = chunk.subarray(at, at + Math.min(most, left));
        if (draw(6) === 0) await turns();
        await to.write(piece);
        at += piece.length;
        left -= piece.length;
        if (left <= 0 && fault === "cut") throw new Error("cut");
        if (left <= 0) return void await to.closeWrite();
      }
    }
    await to.closeWrite();
  } catch (error) {
    from.abort(error);
    to.abort(error);
  }
}

/** What became of one end. */
interface Told {
  /** What was given to be sent. */
  readonly sent: string[];
  /** What was sent, as far as the sender was told. */
  readonly accepted: string[];
  readonly received: string[];
  readonly closed: WebSocketClosed;
}

async function live(io: WebSocketConnection, draw: Draw, name: string): Promise<Told> {
  const sent: string[] = [];
  const accepted: string[] = [];
  const received: string[] = [];
  const receiving = receive(io, draw, received).catch(() => {});
  const writing: Promise<unknown>[] = [];
  const count = draw(12);
  for (let i = 0; i < count; i++) {
    const message = messageOf(draw, `${name}${i}`);
    const kind = draw(12);
    if (kind === 0) io.ping().catch(() => {});
    if (kind === 1 && draw(4) === 0) io.abort(new Error("on purpose"));
    if (kind === 2 && draw(4) === 0) void io.close({ closeCode: 4000 + i });
    const place = sent.push(spelled(message)) - 1;
    const written = kind === 3 && message.length > 0
      ? io.writeParts(partsOf(message, draw) as MessageParts)
      : io.write(message);
    writing.push(written.then(() => accepted[place] = sent[place]!, () => {}));
    if (draw(3) === 0) await written.catch(() => {});
    if (draw(6) === 0) await turns();
  }
  if (draw(8) === 0) io.abort(new Error("on purpose"));
  else if (draw(2) === 0) void io.close({ closeCode: 1000 });
  else await io.writable.close().catch(() => {});
  const closed = await io.closed;
  await Promise.all([receiving, ...writing]);
  return { sent, accepted: accepted.filter(() => true), received, closed };
}

async function receive(io: WebSocketConnection, draw: Draw, received: string[]): Promise<void> {
  for await (const message of draw(2) === 0 ? io : io.readable) {
    received.push(spelled(message));
    if (draw(8) === 0) await turns();
  }
}

async function* partsOf<Part extends string | Uint8Array>(whole: Part, draw: Draw): AsyncGenerator<Part> {
  const size = 1 + draw(whole.length);
  for (let at = 0; at < whole.length; at += size) {
    if (draw(3) === 0) await turns();
    // A text is cut between characters: there are none here that take two of its units.
    yield whole.slice(at, at + size) as Part;
  }
}

function expectPrefix(from: Told, to: Told, clean: boolean, what: string): void {
  assertEquals(to.received, from.sent.slice(0, to.received.length), `${what}: received what was not sent so`);
  if (clean) assertEquals(to.received, from.accepted, `${what}: lost something`);
}

test("whatever the transport and the ends do: in order, from the beginning, all of it where the end is clean [W17, L3]", async () => {
  const clock = new FakeClock();
  let clean = 0;
  const meet = async (seed: number): Promise<void> => {
    const draw = drawFrom(seed);
    const options = {
      clock,
      extensions: ["", "permessage-deflate", "permessage-deflate; server_no_context_takeover"][draw(3)]!,
      deflate: { thresholdBytes: draw(2) * 1024 },
      pingIntervalMs: draw(2) * 3000,
    };
    const capacity = (): { capacityBytes: number } => ({ capacityBytes: [10, 5000, 65_536, 10_000_000][draw(4)]! });
    const [near, nearWire] = duplexPair(capacity());
    const [farWire, far] = duplexPair(capacity());
    const fault = (): "none" | "fin" | "cut" => (["none", "none", "none", "none", "fin", "cut"] as const)[draw(6)]!;
    const carrying = [carry(nearWire, farWire, draw, fault()), carry(farWire, nearWire, draw, fault())];
    const client = webSocketOver(near, { ...options, role: "client" });
    const server = webSocketOver(far, { ...options, role: "server" });
    const [one, other] = await Promise.all([live(client, draw, "c"), live(server, draw, "s")]);
    const both = one.closed.wasClean && other.closed.wasClean;
    if (both) clean++;
    const what = `seed ${seed} ${JSON.stringify([one.closed, other.closed])}`;
    expectPrefix(one, other, both, `${what} client to server`);
    expectPrefix(other, one, both, `${what} server to client`);
    await Promise.all(carrying);
  };
  const count = 200;
  let met = 0;
  const meeting = Promise.all(Array.from({ length: count }, (_, i) => meet(i * 7919 + 1).then(() => met++)));
  let failed = false;
  meeting.catch(() => failed = true);
  // Compressing takes real time, of which the clock knows nothing: it goes slowly.
  for (let i = 0; met < count && !failed; i++) await clock.advance(i < 3000 ? 1 : 100);
  await meeting;
  assertEquals(clock.pending, 0);
  assert(clean > count / 5, `only ${clean} of ${count} ended cleanly`);
});

test("many WebSockets at once over sockets: none gets what is another's, and the server has no connection left [W17]", async () => {
  const ends: Promise<Told>[] = [];
  const served = await listening((request) => {
    const seed = Number(new URL(request.url).searchParams.get("seed"));
    const { response, socket } = upgradeWebSocket(request, { deflate: { thresholdBytes: 100 }, closeTimeoutMs: 2000 });
    ends[seed] = socket.opened.then((io) => live(io, drawFrom(seed + 1000), `s${seed}-`));
    return response;
  });
  const meet = async (seed: number): Promise<boolean> => {
    const url = `ws://127.0.0.1:${served.port}/?seed=${seed}`;
    const socket = new WebSocketStream(url, { deflate: { thresholdBytes: 100 }, closeTimeoutMs: 2000 });
    const one = await live(await socket.opened, drawFrom(seed), `c${seed}-`);
    const other = await ends[seed]!;
    const both = one.closed.wasClean && other.closed.wasClean;
    expectPrefix(one, other, both, `seed ${seed} client to server`);
    expectPrefix(other, one, both, `seed ${seed} server to client`);
    return both;
  };
  try {
    const clean = (await Promise.all(Array.from({ length: 60 }, (_, seed) => meet(seed)))).filter(Boolean).length;
    assert(clean > 10, `only ${clean} ended cleanly`);
  } finally {
    await served[Symbol.asyncDispose]();
  }
});
