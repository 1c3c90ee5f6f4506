/**
 * A read that begins before its bytes are needed: its listener is told what it comes to, and the next read goes on with it.
 */

import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import { Wire } from "../../src/duplex/wire.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { LendingEnd } from "../support/lending_end.ts";
import { text, turns, wire as bytes } from "../support/wire.ts";

for (const kind of ["a channel", "a channel that lends", "streams"]) {
  const readingAhead = () => {
    const [near, far] = duplexPair();
    const io = kind === "a channel"
      ? near
      : kind === "streams"
      ? { readable: near.readable, writable: near.writable }
      : new LendingEnd(near);
    const wire = new Wire(io);
    const told: string[] = [];
    const begin = () =>
      wire.readAhead({
        onAhead: (chunk) => void told.push(chunk === null ? "end" : text(chunk)),
        onAheadFailure: (error) => void told.push((error as Error).name),
      });
    begin();
    return { wire, far, told, begin };
  };

  test(`Wire.read() goes on with a read ahead that is pending, which is not told then, over ${kind}`, async () => {
    const { wire, far, told, begin } = readingAhead();
    const reading = wire.read();
    assertEquals(wire.reading, true);
    await far.write(bytes("one"));
    assertEquals(text((await reading)!), "one");
    await turns();
    assertEquals([wire.reading, told], [false, []]);
    begin();
    await far.write(bytes("two"));
    await turns();
    assertEquals(told, ["two"]);
  });

  test(`Wire.read() gives once what was read ahead and told, over ${kind}`, async () => {
    const { wire, far, told } = readingAhead();
    await far.write(bytes("one"));
    await turns();
    assertEquals([wire.reading, told], [false, ["one"]]);
    assertEquals(text((await wire.read())!), "one");
    await far.write(bytes("two"));
    assertEquals(text((await wire.read())!), "two");
    assertEquals(told, ["one"]);
  });

  test(`Wire.lastRead is what is read ahead, once, over ${kind}`, async () => {
    const { wire, far } = readingAhead();
    await far.write(bytes("one"));
    assertEquals(text((await wire.lastRead)!), "one");
    await far.write(bytes("two"));
    assertEquals(text((await wire.read())!), "two");
  });

  test(`Wire.takeArrived() takes what was read ahead, over ${kind}`, async () => {
    const { wire, far, told } = readingAhead();
    assertEquals(wire.takeArrived(), undefined);
    await far.write(bytes("one"));
    await turns();
    assertEquals([text(wire.takeArrived()!), wire.takeArrived(), told], ["one", undefined, ["one"]]);
  });

  test(`Wire.readAhead() tells the end, and read() gives it too, over ${kind}`, async () => {
    const { wire, far, told } = readingAhead();
    await far.closeWrite();
    await turns();
    assertEquals([told, await wire.read()], [["end"], null]);
  });

  test(`Wire.readAhead() tells a failure, and read() rejects with it, over ${kind}`, async () => {
    const { wire, far, told } = readingAhead();
    far.abort();
    await turns();
    assertEquals([wire.reading, told], [false, ["TransportError"]]);
    await assertRejects(() => wire.read(), TransportError);
  });

  if (kind === "streams") continue; // their reads cannot be taken back

  test(`Wire.withdraw() ends a read ahead, taken or not, and loses nothing, over ${kind}`, async () => {
    const { wire, far, told, begin } = readingAhead();
    assertEquals([wire.withdraw(), wire.reading], [true, false]);
    await turns();
    begin();
    const reading = wire.read();
    assertEquals(wire.withdraw(), true);
    await assertRejects(() => reading, StateError, "withdrawn");
    await far.write(bytes("one"));
    await turns();
    assertEquals([text((await wire.channel.read())!), told], ["one", []]);
  });
}
