/**
 * Bytes to be sent leave in their order, joined where they are small, in memory that is never written twice.
 */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { SendBuffer } from "../../src/bytes/send_buffer.ts";
import { text, wire } from "../support/bytes.ts";

test("SendBuffer joins small pieces to one part", () => {
  const buffer = new SendBuffer();
  assertEquals(buffer.text("a"), true);
  buffer.bytes(wire("b"));
  assertEquals(buffer.field("C", "d"), true);
  assertEquals(buffer.take().map(text), ["abC: d¶"]);
  assertEquals(buffer.take(), []);
});

test("SendBuffer keeps a large piece where it is, in its place, and gives at most 256 KiB of it at once", () => {
  const large = Uint8Array.from({ length: 600_000 }, (_, i) => i);
  for (const [length, count] of [[65_537, 1], [262_144, 1], [262_145, 2], [600_000, 3]] as const) {
    const buffer = new SendBuffer();
    buffer.text("a");
    buffer.bytes(large.subarray(0, length));
    buffer.text("b");
    const parts = buffer.take();
    assertEquals([parts.length, text(parts[0]!), text(parts.at(-1)!)], [2 + count, "a", "b"]);
    let at = 0;
    for (const part of parts.slice(1, -1)) {
      assertStrictEquals(part.buffer, large.buffer);
      assertEquals(part.byteOffset, at);
      at += part.length;
    }
    assertEquals(at, length);
  }
});

test("SendBuffer copies a small piece, so that the caller may change it", () => {
  const buffer = new SendBuffer();
  const piece = wire("a");
  buffer.bytes(piece);
  piece[0] = 0x62;
  buffer.bytes(new Uint8Array(0));
  assertEquals(buffer.take().map(text), ["a"]);
});

test("SendBuffer.text() and field() add nothing when they refuse", () => {
  const buffer = new SendBuffer();
  buffer.text("a");
  assertEquals([buffer.text("b\u0100"), buffer.field("X", "\n"), buffer.field("X y", "z")], [false, false, false]);
  assertEquals([buffer.field("", "z"), buffer.field("X", "\u0130"), buffer.field("\u0130", "z")], [
    false,
    false,
    false,
  ]);
  buffer.text("c");
  assertEquals(buffer.take().map(text), ["ac"]);
});

test("SendBuffer.rewind() drops what came since mark(), also across a larger slab", () => {
  const buffer = new SendBuffer();
  buffer.text("kept");
  const mark = buffer.mark();
  buffer.text("x".repeat(10_000));
  buffer.rewind(mark);
  buffer.text("!");
  assertEquals(buffer.take().map(text), ["kept!"]);
  const empty = buffer.mark();
  buffer.text("y");
  buffer.rewind(empty);
  assertEquals(buffer.take(), []);
});

test("SendBuffer never writes again where it gave a part", () => {
  const buffer = new SendBuffer();
  const parts: Uint8Array[] = [];
  let expected = "";
  for (let i = 0; i < 2000; i++) {
    const piece = String.fromCharCode(65 + i % 26).repeat(i % 50);
    buffer.text(piece);
    expected += piece;
    const mark = buffer.mark();
    buffer.text("dropped");
    buffer.rewind(mark);
    if (i % 7 === 0) parts.push(...buffer.take());
  }
  parts.push(...buffer.take());
  assertEquals(parts.map(text).join(""), expected);
});

test("SendBuffer.recycle() uses memory again that was taken, and nothing that waits", () => {
  const buffer = new SendBuffer();
  buffer.text("first");
  const [first] = buffer.take();
  buffer.text("second");
  buffer.recycle();
  assertEquals([buffer.take().map(text), text(first!)], [["second"], "first"]);
  buffer.recycle();
  buffer.text("third");
  const [third] = buffer.take();
  assertEquals([text(third!), third!.byteOffset, third!.buffer === first!.buffer], ["third", 0, true]);
});

test("SendBuffer.recycle() leaves long memory to others, once nobody holds it", () => {
  const [one, other, third] = [new SendBuffer(), new SendBuffer(), new SendBuffer()];
  one.text("x".repeat(60_000));
  const [taken] = one.take();
  other.text("y".repeat(60_000));
  const [ofOther] = other.take();
  assert(taken!.buffer !== ofOther!.buffer);
  one.recycle();
  third.text("z".repeat(60_000));
  const [ofThird] = third.take();
  assertEquals([ofThird!.buffer === taken!.buffer, text(ofThird!), text(ofOther!)], [
    true,
    "z".repeat(60_000),
    "y".repeat(60_000),
  ]);
  one.recycle();
  one.text("1".repeat(60_000));
  assertEquals([text(ofThird!), one.take().map(text)], ["z".repeat(60_000), ["1".repeat(60_000)]]);
});

test("SendBuffer.recycle() lets go of long memory that others may still hold, and gives it to nobody", () => {
  const [one, other] = [new SendBuffer(), new SendBuffer()];
  one.text("x".repeat(60_000));
  const [taken] = one.take();
  one.recycle(false);
  for (const buffer of [one, other]) {
    buffer.text("y".repeat(60_000));
    assert(buffer.take()[0]!.buffer !== taken!.buffer);
  }
  assertEquals(text(taken!), "x".repeat(60_000));
});

test("SendBuffer.added() refuses what was not written into room()", () => {
  const buffer = new SendBuffer();
  const { memory, at } = buffer.room(10);
  assertThrows(() => buffer.added(memory.length - at + 1), RangeError);
});

test("SendBuffer keeps its memory to itself while something of it is on its way, or waits", () => {
  const buffer = new SendBuffer();
  buffer.text("x".repeat(60_000));
  const [first] = buffer.take();
  buffer.text("y".repeat(60_000));
  buffer.recycle();
  const other = new SendBuffer();
  other.text("z".repeat(60_000));
  other.take();
  assertEquals([text(first!), ...buffer.take().map(text)], ["x".repeat(60_000), "y".repeat(60_000)]);
});

test("SendBuffer copies a number of bytes that is linear in what is added and not taken", () => {
  const { set } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (source: ArrayLike<number>, offset?: number) {
    copied += source.length;
    return set.call(this, source, offset);
  };
  try {
    const buffer = new SendBuffer();
    for (let i = 0; i < 100_000; i++) buffer.text("0123456789");
    assertEquals(buffer.take().reduce((sum, part) => sum + part.length, 0), 1_000_000);
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert(copied < 3_000_000, `${copied} bytes copied for 1000000`);
});
