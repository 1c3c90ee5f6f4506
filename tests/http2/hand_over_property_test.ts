/**
 * Many streams of one connection switch at once, with any cuts of the transport, any windows, and ends and resets at any point: what
 * one side writes is what the other reads, whole, once and in order. RFC 8441 §4, RFC 9113 §5.2 and §8.5.
 *
 * What was written is overwritten as soon as that has resolved: it is the writer's again, and may not be what is sent. What was read is
 * compared when all has come, for it is the reader's, and nobody else writes there.
 *
 * A run plays about 50 exchanges; `FUZZ=200` makes it 10,000 on each runtime, in a minute and a half.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { duplexPair } from "../../src/duplex/pair.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { handshake, type Http2ClientConnection } from "../../src/http2/client_connection.ts";
import { serveConnection } from "../../src/http2/server_connection.ts";
import { sameBytes } from "../support/bytes.ts";
import { handedIn, RELIABLE_TRANSPORT } from "../support/foreign_transport.ts";
import { ask } from "../support/http2_ask.ts";
import { rounds } from "../support/rounds.ts";
import { FakeClock, turns } from "../support/wire.ts";

/** What one side of a stream does. */
interface Side {
  /** The lengths of what it writes. */
  readonly writes: readonly number[];
  /** How it leaves when all is written. */
  readonly end: "closeWrite" | "close" | "abort";
  /** Whether it waits for each write. */
  readonly waits: boolean;
  /** How it reads. `tries` takes each read back once before it reads. */
  readonly reads: "calls" | "stream" | "tries";
  /** How many turns it lets pass before it reads, and before it writes. */
  readonly pause: number;
}

interface Exchange {
  readonly how: "upgrade" | "tunnel" | "refused";
  /** Turns until the handler answers. */
  readonly late: number;
  readonly near: Side;
  readonly far: Side;
}

const side: fc.Arbitrary<Side> = fc.record({
  writes: fc.array(fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(150_000)), { maxLength: 4 }),
  end: fc.oneof({ weight: 6, arbitrary: fc.constant("closeWrite" as const) }, fc.constantFrom("close", "abort")),
  waits: fc.boolean(),
  reads: fc.constantFrom("calls", "stream", "tries"),
  pause: fc.nat(3),
});

const exchange: fc.Arbitrary<Exchange> = fc.record({
  how: fc.constantFrom("upgrade", "tunnel", "refused"),
  late: fc.nat(3),
  near: side,
  far: side,
});

const limits = fc.record({
  streamWindowBytes: fc.constantFrom(1000, 5000, 262_144),
  connectionWindowBytes: fc.constantFrom(65_535, 1_048_576),
});

const end = fc.record({ limits, transport: RELIABLE_TRANSPORT });

const setting = fc.record({
  exchanges: fc.array(exchange, { minLength: 1, maxLength: 12, size: "max" }),
  near: end,
  far: end,
  readBytes: fc.constantFrom(7, 1000, 65_536),
  capacityBytes: fc.constantFrom(100, 65_536),
});

/** Bytes that tell whose they are and where they stand. */
function bytesOf({ writes }: Side, seed: number): Uint8Array {
  const length = writes.reduce((sum, each) => sum + each, 0);
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + seed * 7919, 2_654_435_761) >>> 24);
}

/** Plays one side; gives what it has read, and whether that came to its end. */
async function play(io: Upgraded, own: Side, seed: number): Promise<{ read: Uint8Array[]; ended: boolean }> {
  const writing = (async () => {
    for (let turn = 0; turn < own.pause; turn++) await null;
    const all = bytesOf(own, seed);
    let at = 0;
    const written: Promise<void>[] = [];
    for (const length of own.writes) {
      const piece = all.subarray(at, at += length);
      const write = io.write(piece).then(() => void piece.fill(0xee));
      write.catch(() => {}); // told where it is waited for, if it is
      if (own.waits) await write;
      else written.push(write);
    }
    if (own.end === "abort") io.abort();
    else if (own.end === "closeWrite") await io.closeWrite();
    else await Promise.all([io.close(), ...written]);
    await Promise.all(written);
  })().catch(() => {}); // the other side may leave at any time
  const read: Uint8Array[] = [];
  let ended = false;
  try {
    for (let turn = 0; turn < own.pause; turn++) await turns();
    for await (const chunk of chunksOf(io, own)) read.push(chunk);
    ended = true;
  } catch {
    ended = false;
  }
  await writing;
  return { read, ended };
}

async function* chunksOf(io: Upgraded, { reads }: Side): AsyncGenerator<Uint8Array> {
  if (reads === "stream") {
    const reader = io.readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    return;
  }
  for (;;) {
    if (reads === "tries") {
      const read = io.read();
      const taken = io.withdrawRead();
      const chunk = await read.catch((error) =>
        taken && error instanceof StateError ? undefined : Promise.reject(error)
      );
      if (chunk === null) return;
      if (chunk !== undefined) yield chunk;
    }
    const chunk = await io.read();
    if (chunk === null) return;
    yield chunk;
  }
}

/** What was read is what was written, or, if a side has left early, its beginning. */
function check({ read, ended }: { read: Uint8Array[]; ended: boolean }, own: Side, from: Side, seed: number): void {
  const expected = bytesOf(from, seed);
  let at = 0;
  for (const chunk of read) {
    assert(sameBytes(chunk, expected.subarray(at, at + chunk.length)), `at ${at}`);
    at += chunk.length;
  }
  if (own.end === "closeWrite" && from.end === "closeWrite") assertEquals([at, ended], [expected.length, true]);
}

async function begin(client: Http2ClientConnection, { how }: Exchange, nth: number): Promise<Upgraded | null> {
  const fields = [["connection", "upgrade"], ["upgrade", "echo"], ["x-nth", `${nth}`]] as const;
  const response = how === "tunnel"
    ? await client.send({ method: "CONNECT", target: "b:1", fields: [["x-nth", `${nth}`]] })
    : await ask(client, { authority: "a", fields });
  if (how !== "refused") return await onUpgrade(response);
  assertEquals([response.status, await response.body.text()], [403, "no"]);
  return null;
}

test("any streams that switch at once lose no byte and double none, however they are cut and whenever they end", async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ exchanges, near, far, ...pair }) => {
      const [left, right] = duplexPair(pair);
      const clock = new FakeClock();
      const fars: Promise<void>[] = [];
      const server = serveConnection(handedIn(right, far.transport), async (request) => {
        const nth = Number(request.fields.get("x-nth"));
        const { how, late, near: from, far: own } = exchanges[nth]!;
        for (let turn = 0; turn < late; turn++) await turns();
        if (how === "refused") return { status: 403, body: "no" };
        const { response, upgraded } = how === "tunnel" ? connectResponse(request) : upgradeResponse(request, "echo");
        fars.push(upgraded.then(async (io) => check(await play(io, own, 2 * nth), own, from, 2 * nth + 1)));
        return response;
      }, { connectProtocol: true, limits: far.limits, clock });
      const client = handshake(handedIn(left, near.transport), { limits: near.limits, clock }).connection;
      await Promise.all(exchanges.map(async (each, nth) => {
        const io = await begin(client, each, nth);
        if (io !== null) check(await play(io, each.near, 2 * nth + 1), each.near, each.far, 2 * nth);
      }));
      await Promise.all(fars);
      assertEquals([client.openStreams, server.idle], [0, true]);
      const [nearWhy, farWhy] = await Promise.all([client.gracefulShutdown(), server.closed]);
      assertEquals([nearWhy.reason, farWhy.reason === "error"], ["shutdown", false]);
      await turns();
      assertEquals(clock.pending, 0);
    }),
    rounds(8),
  );
});
