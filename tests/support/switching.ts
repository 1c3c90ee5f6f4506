/**
 * What the tests of the switch share: the messages, the transports they run over, and questions to promises.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair, type DuplexPairOptions, type PairEnd } from "../../src/duplex/pair.ts";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import { holdChannel } from "../../src/duplex/hold_channel.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { UpgradeRejected, type UpgradeRejection } from "../../src/errors/upgrade_rejected.ts";
import { type ClientConnection, handshake, type Sender } from "../../src/http1/client_connection.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import type { ClientConnectionOptions, ServerConnectionOptions } from "../../src/http1/options.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readUntil, type Served, serving as servingInRealTime, text, turns, wire } from "./wire.ts";

/** A request that offers `foobar`, as hyper's own tests spell it. */
export const UPGRADE = "GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶Connection: upgrade¶¶";
/** What `upgradeResponse(request, "foobar")` answers, without Date. */
export const SWITCHED = "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: foobar¶¶";
/** A request for a tunnel. */
export const CONNECT = "CONNECT a:443 HTTP/1.1¶Host: a:443¶¶";
/** What `connectResponse(request)` answers, without Date. */
export const CONNECTED = "HTTP/1.1 200 OK¶¶";
/** How a server of ours says that it failed. */
export const FAILED = "HTTP/1.1 500 Internal Server Error¶content-length: 0¶connection: close¶¶";
/** The response that a plain request is answered with in these tests: `{ status: 200, body: "ok" }`. */
export const OK = "HTTP/1.1 200 OK¶content-length: 2¶¶ok";

/** `serving()` with a clock that stands still, so that what a test leaves open leaves no timer. */
export function serving(
  handler: Handler,
  options: ServerConnectionOptions = {},
  pair: DuplexPairOptions = {},
): Served {
  return servingInRealTime(handler, { clock: new FakeClock(), ...options }, pair);
}

/** A switch as a server, with the client's raw end in the test's hands. */
export interface SwitchedServer extends Served {
  /** What the client got: the head of the answer. */
  readonly head: string;
  /** The server's side of the new protocol. */
  readonly io: Upgraded;
}

/** Serves one proposal, which `respond` accepts. */
export async function switchedServer(
  request: string,
  respond: OutgoingResponse,
  options: ServerConnectionOptions = {},
): Promise<SwitchedServer> {
  let upgraded!: Promise<Upgraded>;
  const served = serving((incoming) => {
    upgraded = onUpgrade(incoming);
    return respond;
  }, options);
  await served.client.write(wire(request));
  const head = await readUntil(served.client, "¶¶");
  return { ...served, head, io: await upgraded };
}

/** A client's connection with the server's raw end in the test's hands. */
export interface Called {
  readonly sender: Sender;
  readonly connection: ClientConnection;
  /** The server's end. */
  readonly server: PairEnd;
}

/** A client on one end of a pair, with a clock that stands still. */
export function calling(options: ClientConnectionOptions = {}, pair: DuplexPairOptions = {}): Called {
  const [near, server] = duplexPair(pair);
  return { ...handshake(near, { clock: new FakeClock(), ...options }), server };
}

/** The request behind {@linkcode UPGRADE}. */
export const UPGRADE_REQUEST: OutgoingRequest = {
  method: "GET",
  target: "/",
  fields: [["Host", "a"], ["Upgrade", "foobar"], ["Connection", "upgrade"]],
};
/** The request behind {@linkcode CONNECT}. */
export const CONNECT_REQUEST: OutgoingRequest = { method: "CONNECT", target: "a:443", fields: [["Host", "a:443"]] };

/** Something to read from. */
export interface Readable {
  /** The next bytes, or `null`. */
  read(): Promise<Uint8Array | null>;
}

/** The next bytes as text, exactly as many; fails if there are fewer, or if the chunk that has the last has more. */
export async function readExactly(end: Readable, length: number): Promise<string> {
  let all = "";
  while (all.length < length) {
    const chunk = await end.read();
    if (chunk === null) throw new Error(`The peer ended after ${JSON.stringify(all)}`);
    all += text(chunk).replaceAll("¶", "\r\n");
  }
  if (all.length > length) throw new Error(`More came than expected: ${JSON.stringify(all)}`);
  return all.replaceAll("\r\n", "¶");
}

/** Expects exactly this text next. */
export async function expectText(end: Readable, expected: string): Promise<void> {
  const found = await readExactly(end, expected.replaceAll("¶", "\r\n").length);
  if (found !== expected) throw new Error(`Expected ${JSON.stringify(expected)}, got ${JSON.stringify(found)}`);
}

/** Whether a promise is still pending when everything that is ready has run. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = () => settled = true;
  promise.then(mark, mark);
  await turns();
  return !settled;
}

/** The rejection of an upgrade, which must have this reason. */
export async function rejectedFor(code: UpgradeRejection, upgraded: Promise<unknown>): Promise<UpgradeRejected> {
  const error: unknown = await upgraded.then(() => null, (rejection) => rejection);
  assert(error instanceof UpgradeRejected, `expected an UpgradeRejected, got ${error}`);
  assert(error.code === code, `expected the code ${code}, got ${error.code}: ${error.message}`);
  return error;
}

/** Two ends that are nothing but web streams; chunks are cut to `mostBytes`. */
export function streamPair(mostBytes: number = Infinity): [Duplex, Duplex] {
  const there = cutting(mostBytes);
  const back = cutting(mostBytes);
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ];
}

function cutting(mostBytes: number): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller): void {
      for (let at = 0; at < chunk.length; at += mostBytes) controller.enqueue(chunk.slice(at, at + mostBytes));
    },
  });
}

/** A way to join two ends. */
export interface Transport {
  /** For the names of tests. */
  readonly over: string;
  /** Whether it delivers byte by byte; too slow for much data. */
  readonly bytewise: boolean;
  /** Opens both ends. */
  open(): [Duplex, Duplex];
}

/** The ways that every test of the whole path is run over. */
export const transports: readonly Transport[] = [
  { over: "channels", bytewise: false, open: () => duplexPair() },
  { over: "channels of one byte", bytewise: true, open: () => duplexPair({ capacityBytes: 1, readBytes: 1 }) },
  { over: "streams", bytewise: false, open: () => streamPair() },
  { over: "streams of one byte", bytewise: true, open: () => streamPair(1) },
];

/** The raw end of a transport, for the side that a test plays itself. */
export function rawEnd(duplex: Duplex): HeldChannel {
  return holdChannel(duplex);
}

/** Bytes of which no neighbours, and no pages, look alike. */
export function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff;
  return bytes;
}

/** All bytes in a row. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Expects exactly these bytes and then the end. */
export async function expectBytes(end: Readable, expected: Uint8Array): Promise<void> {
  let at = 0;
  for (let chunk = await end.read(); chunk !== null; chunk = await end.read()) {
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] !== expected[at + i]) throw new Error(`Byte ${at + i} of ${expected.length} is another one`);
    }
    at += chunk.length;
  }
  if (at !== expected.length) throw new Error(`The peer ended after ${at} of ${expected.length} bytes`);
}
