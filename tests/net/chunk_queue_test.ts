import { test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { ChunkTaker } from "../../src/duplex/held_channel.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { ChunkQueue, type ChunkSource } from "../../src/net/chunk_queue.ts";

const KiB = 1024;

/** Whoever waits without a promise, and notes what comes. */
class NotedTaker implements ChunkTaker {
  readonly told: unknown[] = [];
  onChunk(chunk: Uint8Array, lent: boolean): void {
    this.told.push([...chunk, lent]);
  }
  onEnd(): void {
    this.told.push("end");
  }
  onReadFailure(error: unknown): void {
    this.told.push(error);
  }
}

/** A source that notes what is asked of it. */
class NotedSource implements ChunkSource {
  readonly calls: string[] = [];
  resume(): void {
    this.calls.push("resume");
  }
  pause(): void {
    this.calls.push("pause");
  }
  keep(chunk: Uint8Array): Uint8Array {
    this.calls.push("keep");
    return chunk;
  }
}

test("ChunkQueue gives a chunk straight to the reader that waits", async () => {
  const source = new NotedSource();
  const queue = new ChunkQueue(source);
  const reading = queue.read();
  assertEquals([queue.waiting, source.calls], [true, ["resume"]]);
  const chunk = Uint8Array.of(1);
  queue.push(chunk);
  assertEquals([queue.waiting, queue.empty], [false, true]);
  assertStrictEquals(await reading, chunk);
});

test("ChunkQueue gives queued chunks in order, then the end, again and again", async () => {
  const queue = new ChunkQueue();
  for (let i = 0; i < 300; i++) queue.push(Uint8Array.of(i & 0xff, i >> 8));
  queue.end();
  queue.push(Uint8Array.of(9));
  for (let i = 0; i < 300; i++) assertEquals(await queue.read(), Uint8Array.of(i & 0xff, i >> 8));
  assertEquals([await queue.read(), await queue.read()], [null, null]);
});

test("ChunkQueue tells an error behind the queued chunks, and to the reader that waits", async () => {
  const error = new Error("reset");
  const queue = new ChunkQueue();
  queue.push(Uint8Array.of(1));
  queue.fail(error);
  queue.end();
  assertEquals(await queue.read(), Uint8Array.of(1));
  assertStrictEquals(await queue.read().catch((reason) => reason), error);
  const waiting = new ChunkQueue();
  const reading = waiting.read();
  waiting.fail(error);
  assertStrictEquals(await reading.catch((reason) => reason), error);
});

test("ChunkQueue refuses a second reader", async () => {
  const queue = new ChunkQueue();
  const reading = queue.read();
  await assertRejects(() => queue.read(), StateError, "pending");
  queue.end();
  assertEquals(await reading, null);
});

test("ChunkQueue pauses its source at 128 KiB and resumes it at 32 KiB", async () => {
  const source = new NotedSource();
  const queue = new ChunkQueue(source);
  for (let i = 0; i < 7; i++) queue.push(new Uint8Array(16 * KiB));
  assertEquals(source.calls, []);
  queue.push(new Uint8Array(16 * KiB));
  queue.push(new Uint8Array(16 * KiB));
  assertEquals(source.calls, ["pause"]);
  for (let i = 0; i < 6; i++) await queue.read();
  assertEquals(source.calls, ["pause"]);
  await queue.read();
  assertEquals(source.calls, ["pause", "resume"]);
});

test("ChunkQueue counts small chunks for more than their bytes", () => {
  const source = new NotedSource();
  const queue = new ChunkQueue(source);
  for (let i = 0; i < 256; i++) queue.push(Uint8Array.of(i));
  assertEquals(source.calls, ["pause"]);
});

test("ChunkQueue.withdrawRead() keeps what comes for the next reader", async () => {
  const queue = new ChunkQueue();
  assertEquals(queue.withdrawRead(), false);
  const reading = queue.read();
  assertEquals(queue.withdrawRead(), true);
  assertEquals((await reading.catch((reason) => reason)).code, "canceled");
  queue.push(Uint8Array.of(1));
  assertEquals(await queue.read(), Uint8Array.of(1));
});

test("ChunkQueue.takeAll() joins what is left", async () => {
  const queue = new ChunkQueue();
  assertEquals(queue.takeAll(), new Uint8Array(0));
  for (const byte of [1, 2, 3]) queue.push(Uint8Array.of(byte, byte));
  await queue.read();
  assertEquals(queue.takeAll(), Uint8Array.of(2, 2, 3, 3));
  assertEquals(queue.empty, true);
});

test("ChunkQueue.attach() resumes a source for the reader that waits already", () => {
  const source = new NotedSource();
  const queue = new ChunkQueue();
  queue.read().catch(() => {});
  queue.attach(source);
  assertEquals(source.calls, ["resume"]);
});

test("ChunkQueue gives queued chunks without a promise, then tells once of what comes, lent or not", () => {
  const source = new NotedSource();
  const queue = new ChunkQueue(source);
  const taker = new NotedTaker();
  queue.push(Uint8Array.of(1));
  assertEquals([queue.takeChunk(), queue.takeChunk(), queue.lend(Uint8Array.of(0))], [
    Uint8Array.of(1),
    undefined,
    false,
  ]);
  queue.awaitChunk(taker);
  assertEquals([queue.waiting, source.calls], [true, ["resume"]]);
  queue.push(Uint8Array.of(2));
  queue.push(Uint8Array.of(3));
  assertEquals([taker.told, queue.takeChunk()], [[[2, false]], Uint8Array.of(3)]);
  queue.awaitChunk(taker);
  assertEquals([queue.lend(Uint8Array.of(4)), queue.waiting, taker.told], [true, false, [[2, false], [4, true]]]);
  queue.end();
  assertEquals(queue.takeChunk(), null);
});

test("ChunkQueue tells of the end, a failure and a withdrawal behind whatever caused them", async () => {
  const error = new Error("reset");
  for (
    const [act, expected] of [
      [(queue: ChunkQueue) => queue.end(), "end"],
      [(queue: ChunkQueue) => queue.fail(error), error],
    ] as const
  ) {
    const queue = new ChunkQueue();
    const taker = new NotedTaker();
    queue.awaitChunk(taker);
    act(queue);
    assertEquals(taker.told, []);
    await Promise.resolve();
    assertEquals([taker.told, queue.waiting], [[expected], false]);
  }
  const queue = new ChunkQueue();
  const [first, second, third] = [new NotedTaker(), new NotedTaker(), new NotedTaker()];
  queue.awaitChunk(first);
  queue.awaitChunk(second);
  await assertRejects(() => queue.read(), StateError, "pending");
  assertEquals([(second.told[0] as StateError).code, queue.withdrawRead(), queue.withdrawRead()], [
    "busy",
    true,
    false,
  ]);
  await Promise.resolve();
  assertEquals([(first.told[0] as StateError).code, queue.lend(Uint8Array.of(1))], ["canceled", false]);
  queue.fail(error);
  queue.awaitChunk(third);
  await Promise.resolve();
  assertEquals(third.told, [error]);
});
