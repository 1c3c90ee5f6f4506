/**
 * Memory that was given back is used again, where it fits, and no more than 4 MiB of it is kept.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { giveMemory, takeMemory } from "../../src/bytes/memory_pool.ts";

const KIB = 1024;

test("takeMemory() gives at least what is asked for, in sizes that double", () => {
  const sizes = [1, 16_383, 16_384, 65 * KIB, 65 * KIB + 1, 129 * KIB + 1, 1025 * KIB, 1025 * KIB + 1, 3_000_000];
  assertEquals(sizes.map((bytes) => takeMemory(bytes).length), [
    1,
    16_383,
    65 * KIB,
    65 * KIB,
    129 * KIB,
    257 * KIB,
    1025 * KIB,
    1025 * KIB + 1,
    3_000_000,
  ]);
});

test("takeMemory() gives a piece to one owner at a time, the last one that was given back first", () => {
  const [first, second] = [takeMemory(20_000), takeMemory(20_000)];
  assert(first !== second);
  giveMemory(first!);
  giveMemory(second!);
  assertStrictEquals(takeMemory(60_000), second);
  assertStrictEquals(takeMemory(60_000), first);
  assert(![first, second].includes(takeMemory(60_000)));
});

test("takeMemory() wastes no piece that is more than four times as long as asked for", () => {
  const long = takeMemory(500 * KIB);
  giveMemory(long);
  assert(takeMemory(20_000) !== long);
  assertStrictEquals(takeMemory(129 * KIB), long);
});

test("giveMemory() keeps 4 MiB at most, and nothing that is short or very long", () => {
  const pieces = Array.from({ length: 6 }, () => takeMemory(1025 * KIB));
  for (const piece of pieces) giveMemory(piece);
  const again = Array.from({ length: 6 }, () => takeMemory(1025 * KIB));
  assertEquals(again.filter((piece) => pieces.includes(piece)).length, 3);
  for (const bytes of [1000, 2_000_000]) {
    const piece = takeMemory(bytes);
    giveMemory(piece);
    assert(takeMemory(bytes) !== piece);
  }
});
