/**
 * Received bytes stay what they are, in their order, in memory that is never written twice, at a cost that is linear.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { ReceiveBuffer } from "../../src/bytes/receive_buffer.ts";
import { isShared, sharedCopy } from "../../src/bytes/shared_memory.ts";
import { text, wire } from "../support/bytes.ts";

test("ReceiveBuffer gives bytes in the order they came", () => {
  const buffer = new ReceiveBuffer();
  let taken = "";
  for (const chunk of ["a", "bcd", "", "efgh", "i"]) {
    buffer.push(wire(chunk));
    taken += text(buffer.take(2));
  }
  assertEquals([taken + text(buffer.takeAll()), buffer.length], ["abcdefghi", 0]);
});

test("ReceiveBuffer adopts a chunk when it is empty, and gives it back without a copy", () => {
  const buffer = new ReceiveBuffer();
  const chunk = wire("hello");
  buffer.push(chunk);
  assertStrictEquals(buffer.take(9), chunk);
  buffer.push(chunk);
  const part = buffer.take(2);
  assertEquals([text(part), part.buffer === chunk.buffer, buffer.length], ["he", true, 3]);
  assertStrictEquals(buffer.takeAll().buffer, chunk.buffer);
});

test("ReceiveBuffer never writes into a chunk that it adopted", () => {
  const memory = wire("hello world");
  const buffer = new ReceiveBuffer();
  buffer.push(memory.subarray(0, 5));
  buffer.take(1);
  buffer.push(wire("XXXXXX"));
  assertEquals([text(memory), text(buffer.takeAll())], ["hello world", "elloXXXXXX"]);
});

test("ReceiveBuffer never writes again where it gave a view", () => {
  const buffer = new ReceiveBuffer();
  const views: Uint8Array[] = [];
  let expected = "";
  for (let i = 0; i < 3000; i++) {
    const chunk = String.fromCharCode(65 + i % 26).repeat(1 + i % 7);
    buffer.push(wire(chunk));
    expected += chunk;
    if (i % 3 > 0) views.push(buffer.take(i % 11));
  }
  views.push(buffer.takeAll());
  assertEquals(views.map(text).join(""), expected);
});

test("ReceiveBuffer lets go of its memory with takeAll()", () => {
  const buffer = new ReceiveBuffer();
  buffer.push(new Uint8Array(100_000));
  buffer.takeAll();
  assertEquals([buffer.bytes.length, buffer.start, buffer.end, buffer.takeAll().length], [0, 0, 0, 0]);
});

test("ReceiveBuffer.release() lets go of memory in which nothing waits, and of no other", () => {
  const buffer = new ReceiveBuffer();
  buffer.push(new Uint8Array(100_000));
  buffer.take(99_999);
  buffer.release();
  assertEquals([buffer.length, buffer.bytes.length], [1, 100_000]);
  buffer.push(wire("x"));
  assertEquals([...buffer.take(2)], [0, 0x78]);
  buffer.release();
  assertEquals([buffer.length, buffer.bytes.length], [0, 0]);
  buffer.push(wire("y"));
  assertEquals(text(buffer.takeAll()), "y");
});

/** How many bytes `work` copies with `Uint8Array.prototype.set`. */
function copiedBy(work: () => void): number {
  const { set } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (source: ArrayLike<number>, offset?: number) {
    copied += source.length;
    return set.call(this, source, offset);
  };
  try {
    work();
  } finally {
    Uint8Array.prototype.set = set;
  }
  return copied;
}

test("ReceiveBuffer copies a number of bytes that is linear in what comes, byte by byte", () => {
  for (const total of [10_000, 100_000]) {
    const buffer = new ReceiveBuffer();
    const copied = copiedBy(() => {
      for (let i = 0; i < total; i++) buffer.push(Uint8Array.of(i));
    });
    assert(copied < 4 * total, `${copied} bytes copied for ${total}`);
    assertEquals(buffer.length, total);
    assert(buffer.bytes.length <= 4 * total, "memory");
  }
});

test("ReceiveBuffer copies little when bytes are taken as they come, with some always left", () => {
  const buffer = new ReceiveBuffer();
  buffer.push(new Uint8Array(1000));
  const copied = copiedBy(() => {
    for (let i = 0; i < 10_000; i++) {
      buffer.push(new Uint8Array(100));
      buffer.take(100);
    }
  });
  assert(copied < 4 * 1_000_000, `${copied} bytes copied for 1000000`);
  assert(buffer.bytes.length < 10_000, `${buffer.bytes.length} bytes of memory for 1000`);
});

test("ReceiveBuffer.own() copies what is left of a chunk that was lent, and nothing else", () => {
  const buffer = new ReceiveBuffer();
  const lent = wire("abcdef");
  buffer.push(lent, true);
  buffer.take(2);
  buffer.own();
  lent.fill(0);
  buffer.push(wire("gh"));
  assertEquals(text(buffer.takeAll()), "cdefgh");
  const given = wire("ij");
  buffer.push(given);
  buffer.own();
  assertStrictEquals(buffer.takeAll(), given);
});

test("ReceiveBuffer gives no view of memory that is shared, and reads it in place", () => {
  const buffer = new ReceiveBuffer();
  const shared = sharedCopy(wire("abcd"))!;
  assert(isShared(shared));
  buffer.pushShared(shared);
  assertStrictEquals(buffer.bytes, shared);
  buffer.start = 1;
  for (const expected of ["bc", "d"]) {
    const taken = buffer.take(2);
    assertEquals(text(taken), expected);
    assert(!isShared(taken));
  }
  assertEquals(sharedCopy(new Uint8Array(4096)), null);
});

test("ReceiveBuffer copies a chunk that is lent behind bytes that wait", () => {
  const buffer = new ReceiveBuffer();
  const lent = wire("cd");
  buffer.push(wire("ab"));
  buffer.push(lent, true);
  lent.fill(0);
  assertEquals(text(buffer.takeAll()), "abcd");
});

test("ReceiveBuffer.takeAll() gives memory of its own where there is nothing to take: its caller may transfer it", () => {
  const empty = [new ReceiveBuffer(), new ReceiveBuffer()].map((buffer) => buffer.takeAll());
  for (const { buffer } of empty) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  assertEquals(empty.map(({ length }) => length), [0, 0]);
});
