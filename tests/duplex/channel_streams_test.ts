import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { readableOf, writableOf } from "../../src/duplex/channel_streams.ts";
import type { ByteChannel } from "../../src/duplex/duplex.ts";

/** A channel that notes what is asked of it. */
class NotedChannel implements ByteChannel {
  readonly calls: string[] = [];
  abortReason: unknown = undefined;
  readonly #chunks: (Uint8Array | null | Error)[];
  readonly #writing: Promise<void>;

  constructor(chunks: (Uint8Array | null | Error)[] = [], writing: Promise<void> = Promise.resolve()) {
    this.#chunks = chunks;
    this.#writing = writing;
  }

  read(): Promise<Uint8Array | null> {
    this.calls.push("read");
    const chunk = this.#chunks.shift() ?? null;
    return chunk instanceof Error ? Promise.reject(chunk) : Promise.resolve(chunk);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.calls.push(`write ${bytes.byteLength}`);
    return this.#writing;
  }

  closeWrite(): Promise<void> {
    this.calls.push("closeWrite");
    return Promise.resolve();
  }

  abort(reason?: unknown): void {
    this.calls.push("abort");
    this.abortReason = reason;
  }
}

test("readableOf() reads nothing before it is asked, and one chunk for each time", async () => {
  const channel = new NotedChannel([Uint8Array.of(1), Uint8Array.of(2)]);
  const reader = readableOf(channel).getReader();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(channel.calls, []);
  assertEquals(await reader.read(), { done: false, value: Uint8Array.of(1) });
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(channel.calls, ["read"]);
});

test("readableOf() ends when the channel does", async () => {
  const reader = readableOf(new NotedChannel([Uint8Array.of(1)])).getReader();
  await reader.read();
  assertEquals((await reader.read()).done, true);
  await reader.closed;
});

test("readableOf() fails with the channel's error", async () => {
  const error = new Error("reset");
  const reader = readableOf(new NotedChannel([error])).getReader();
  assertStrictEquals(await reader.read().catch((reason) => reason), error);
});

test("readableOf() canceled aborts the channel with the reason", async () => {
  const channel = new NotedChannel([Uint8Array.of(1)]);
  const reason = new Error("enough");
  await readableOf(channel).cancel(reason);
  assertEquals(channel.calls, ["abort"]);
  assertStrictEquals(channel.abortReason, reason);
});

test("writableOf() passes chunks on and closes only the write side", async () => {
  const channel = new NotedChannel();
  const writer = writableOf(channel).getWriter();
  await writer.ready;
  await writer.write(new Uint8Array(3));
  await writer.write(new Uint8Array(4));
  await writer.close();
  assertEquals(channel.calls, ["write 3", "write 4", "closeWrite"]);
});

test("writableOf() is not ready while a write is pending", async () => {
  const channel = new NotedChannel([], new Promise(() => {}));
  const writer = writableOf(channel).getWriter();
  writer.write(new Uint8Array(1)).catch(() => {});
  assertEquals(writer.desiredSize, 0);
});

test("writableOf() aborted aborts the channel at once, also under a write that is stuck", async () => {
  const channel = new NotedChannel([], new Promise(() => {}));
  const writer = writableOf(channel).getWriter();
  writer.write(new Uint8Array(1)).catch(() => {});
  writer.closed.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve));
  const reason = new Error("enough");
  writer.abort(reason).catch(() => {});
  assertEquals(channel.calls, ["write 1", "abort"]);
  assertStrictEquals(channel.abortReason, reason);
});

test("writableOf() refuses a chunk that is no Uint8Array and aborts the channel", async () => {
  const channel = new NotedChannel();
  const writer = writableOf(channel).getWriter();
  writer.closed.catch(() => {});
  await assertRejects(() => writer.write("text" as unknown as Uint8Array), TypeError, "Uint8Array");
  assertEquals(channel.calls, ["abort"]);
  assert(channel.abortReason instanceof TypeError);
});
