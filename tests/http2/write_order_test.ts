/**
 * What is said while a write of several parts is under way comes behind it, over every kind of transport: a GOAWAY never stands within
 * a frame, and nothing is lost.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { DuplexLike } from "../../src/duplex/duplex.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import { serveConnection } from "../../src/http2/server_connection.ts";
import { GET, headers, PREFACE, settings, settingsAck, TYPES } from "../support/h2_wire.ts";
import { LendingEnd } from "../support/lending_end.ts";
import { joined } from "../support/switching.ts";
import { FakeClock, turns } from "../support/wire.ts";

/** Kinds of transports. A peer that reads nothing lets none of them take more than a byte. */
const transports: Readonly<Record<string, (end: PairEnd) => DuplexLike>> = {
  "a channel": (end) => end,
  "streams": (end) => ({ readable: end.readable, writable: end.writable }),
  "what lends": (end) => new LendingEnd(end),
};

const MAX_FRAME_SIZE = 5;
const ONE_MIB = 1 << 20;
/** The field of a head that is one frame, and takes several parts. */
const LONG = "x".repeat(700_000);

const TYPE_NAMES = Object.keys(TYPES);

/** All that comes: the types of the frames, and what is no whole frame. */
async function framesOf(end: PairEnd): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await end.read(); chunk !== null; chunk = await end.read()) chunks.push(chunk);
  const all = joined(...chunks);
  const frames: string[] = [];
  let at = 0;
  while (all.length - at >= 9) {
    const length = all[at]! << 16 | all[at + 1]! << 8 | all[at + 2]!;
    frames.push(TYPE_NAMES[all[at + 3]!] ?? "?");
    at += 9 + length;
  }
  if (at !== all.length) frames.push(`${all.length - at} bytes more`);
  return frames;
}

for (const [kind, over] of Object.entries(transports)) {
  test(`a server's GOAWAY comes behind a head that is being written over ${kind} (RFC 9113 §4.3)`, async () => {
    const [client, far] = duplexPair({ capacityBytes: 1 });
    const clock = new FakeClock();
    const connection = serveConnection(over(far), () => ({ status: 200, fields: [["x", LONG]] }), {
      clock,
      dateHeader: false,
      headTimeoutMs: 1000,
    });
    const sent = client.write(
      joined(PREFACE, settings([MAX_FRAME_SIZE, ONE_MIB]), settingsAck, headers(1, GET), headers(3, GET, "unfinished")),
    );
    await turns();
    await clock.advance(1000);
    await turns();
    assertEquals(await framesOf(client), ["SETTINGS", "WINDOW_UPDATE", "SETTINGS", "HEADERS", "GOAWAY"]);
    await sent;
    await client.closeWrite();
    assertEquals((await connection.closed).reason, "error");
  });
}
