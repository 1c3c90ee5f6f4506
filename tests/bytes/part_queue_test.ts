import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { concat } from "../../src/bytes/concat.ts";
import { PartQueue } from "../../src/bytes/part_queue.ts";

const part = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => first + i);

function takeAll(queue: PartQueue): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (let bytes = queue.take(); bytes !== undefined; bytes = queue.take()) taken.push(bytes);
  return taken;
}

test("PartQueue gives all bytes in order, whatever the lengths and the turns of pushing and taking", () => {
  const lengths = [1, 1023, 1024, 5, 4096, 4095, 1, 1, 3000, 700, 700, 700, 700, 700, 700, 2];
  for (let every = 1; every <= lengths.length; every++) {
    const queue = new PartQueue();
    const pushed = lengths.map((length, i) => part(length, i));
    const taken: Uint8Array[] = [];
    for (const [i, bytes] of pushed.entries()) {
      queue.push(bytes);
      assert(!queue.empty);
      if (i % every === 0) taken.push(queue.take()!);
    }
    taken.push(...takeAll(queue));
    assert(queue.empty);
    assertEquals(queue.take(), undefined);
    assertEquals(concat(taken), concat(pushed));
  }
});

test("PartQueue gives a long part as it is, and never writes again what it gave", () => {
  const queue = new PartQueue();
  const long = part(1024);
  queue.push(long);
  assertStrictEquals(queue.take(), long);
  queue.push(part(3));
  const short = queue.take()!;
  queue.push(part(3, 100));
  assertEquals(short, part(3));
  assertEquals(queue.take(), part(3, 100));
});

test("PartQueue gathers short parts: what it holds is bounded by the bytes, not by their number", () => {
  const queue = new PartQueue();
  for (let i = 0; i < 65_536; i++) queue.push(Uint8Array.of(i & 0xff));
  const taken = takeAll(queue);
  assertEquals(taken.length, 16);
  assertEquals(taken.reduce((total, { buffer }) => total + buffer.byteLength, 0), 65_536);
});
