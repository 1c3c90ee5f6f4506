/**
 * Memory that was given back is used again, where it fits, and no more than 4 MiB of it is kept from the garbage collector.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { collectGarbage } from "../support/garbage.ts";
import { giveMemory, takeMemory } from "../../src/bytes/memory_pool.ts";
import { nextImmediate } from "../support/turns.ts";

const KIB = 1024;

test("takeMemory() gives at least what is asked for, in sizes that double", () => {
  const sizes = [1, 4096, 4097, 17 * KIB, 17 * KIB + 1, 65 * KIB, 65 * KIB + 1, 1025 * KIB, 1025 * KIB + 1, 3_000_000];
  const lengths = sizes.map((bytes) => takeMemory(bytes).length);
  assertEquals(lengths.slice(0, 8).map((length) => length / KIB), [4, 4, 17, 17, 33, 65, 129, 1025]);
  assertEquals(lengths.slice(8), [1025 * KIB + 1, 3_000_000]);
});

test("takeMemory() gives a piece to one owner at a time, the last one that was given back first", () => {
  const [first, second] = [takeMemory(40_000), takeMemory(40_000)];
  assert(first !== second);
  giveMemory(first!);
  giveMemory(second!);
  assertStrictEquals(takeMemory(60_000), second);
  assertStrictEquals(takeMemory(60_000), first);
  assert(![first, second].includes(takeMemory(60_000)));
});

test("giveMemory() keeps 256 short pieces at most", () => {
  const pieces = Array.from({ length: 300 }, () => takeMemory(100));
  assertEquals(new Set(pieces).size, 300);
  for (const piece of pieces) giveMemory(piece);
  assertEquals(
    Array.from({ length: 300 }, () => takeMemory(100)).filter((piece) => pieces.includes(piece)).length,
    256,
  );
});

test("takeMemory() wastes no piece that is more than four times as long as asked for", () => {
  const long = takeMemory(500 * KIB);
  giveMemory(long);
  assert(takeMemory(20_000) !== long);
  assertStrictEquals(takeMemory(129 * KIB), long);
});

/** Those that can be collected are, once no frame of this function refers to them. */
function referencesToGivenBack(pieces: number, bytes: number): WeakRef<Uint8Array>[] {
  const taken = Array.from({ length: pieces }, () => takeMemory(bytes));
  for (const piece of taken) giveMemory(piece);
  return taken.map((piece) => new WeakRef(piece));
}

test("giveMemory() leaves what is more than 4 MiB of long pieces to the collector", async () => {
  const references = referencesToGivenBack(40, 1025 * KIB);
  while (references.filter((reference) => reference.deref() !== undefined).length > 8) {
    await nextImmediate(); // what was looked at is kept until the turn ends
    collectGarbage();
  }
  takeAll(1025 * KIB);
});

/** What waits to be used again is for tests behind this one. */
function takeAll(bytes: number): void {
  for (let taken = 0; taken < 8; taken++) takeMemory(bytes);
}

test("takeMemory() gives again what was not collected yet, and nothing that is very long", () => {
  const pieces = Array.from({ length: 60 }, () => takeMemory(1025 * KIB));
  for (const piece of pieces) giveMemory(piece);
  const again = new Set(Array.from({ length: 60 }, () => takeMemory(1025 * KIB)));
  assertEquals(pieces.filter((piece) => again.has(piece)).length, 60);
  const piece = takeMemory(2_000_000);
  giveMemory(piece);
  assert(takeMemory(2_000_000) !== piece);
});
