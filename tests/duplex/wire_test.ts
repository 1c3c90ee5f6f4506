/**
 * The order of what is written on one transport, where a write of several parts is not through at once.
 */

import { test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { accepted } from "../../src/duplex/held_channel.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { Wire } from "../../src/duplex/wire.ts";
import { TransportError } from "../../src/errors/transport_error.ts";

import { readAll, turns, wire as bytes } from "../support/wire.ts";

const three = () => ["one ", "two ", "three "].map(bytes);

for (const kind of ["a channel", "streams"]) {
  const wireOver = (capacityBytes: number) => {
    const [near, far] = duplexPair({ capacityBytes });
    return { wire: new Wire(kind === "streams" ? { readable: near.readable, writable: near.writable } : near), far };
  };

  test(`Wire.write() waits for the parts that are under way, and the end behind them does, over ${kind}`, async () => {
    const { wire, far } = wireOver(1);
    const progress: number[] = [];
    const all = Promise.all([
      wire.write(three(), { onProgress: () => progress.push(progress.length) }),
      wire.write([bytes("four ")], null),
      wire.write([bytes("five "), bytes("six ")], null),
      wire.closeWrite(),
    ]);
    assertEquals(wire.closeAtOnce(), false);
    await turns();
    assertEquals(await readAll(far), "one two three four five six ");
    await all;
    assertEquals(progress.length, 3);
  });

  test(`Wire.close() waits for the parts that are under way, over ${kind}`, async () => {
    const { wire, far } = wireOver(1);
    const written = wire.write(three(), null);
    const closing = wire.close();
    await turns();
    assertEquals(await readAll(far), "one two three ");
    await far.close();
    await Promise.all([written, closing]);
  });

  test(`Wire.write() fails behind parts that fail, over ${kind}`, async () => {
    const { wire, far } = wireOver(1);
    const all = [wire.write(three(), null), wire.write([bytes("four ")], null), wire.closeWrite()];
    for (const promise of all) promise.catch(() => {});
    far.abort();
    for (const promise of all) await assertRejects(() => promise, TransportError);
    await wire.close();
  });
}

test("Wire.write() tells that several parts were taken on the spot, as it does of one", async () => {
  const [near, far] = duplexPair();
  const wire = new Wire(near);
  assertStrictEquals(wire.write(three(), null), accepted);
  assertStrictEquals(wire.write([bytes("four ")], null), accepted);
  await wire.closeWrite();
  assertEquals(await readAll(far), "one two three four ");
});
