import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { readableOf, writableOf } from "../../src/duplex/channel_streams.ts";
import type { ByteChannel } from "../../src/duplex/duplex.ts";
import { ChunkQueue } from "../../src/net/chunk_queue.ts";
import { text, turns, wire } from "../support/wire.ts";
import { isPending } from "../support/switching.ts";
import { rejection } from "../support/client.ts";

/** A channel that writes down what is asked of it. Its reads and writes are settled by the test. */
class Script implements ByteChannel {
  readonly calls: string[] = [];
  reason: unknown;
  settle: { resolve(chunk?: unknown): void; reject(error: unknown): void } = { resolve: () => {}, reject: () => {} };

  read(): Promise<Uint8Array | null> {
    return this.#call("read");
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#call(`write ${text(bytes)}`);
  }

  closeWrite(): Promise<void> {
    return this.#call("closeWrite");
  }

  abort(reason?: unknown): void {
    this.calls.push("abort");
    this.reason = reason;
  }

  #call<T>(what: string): Promise<T> {
    this.calls.push(what);
    return new Promise<T>((resolve, reject) => {
      this.settle = { resolve: (value) => resolve(value as T), reject };
    });
  }
}

test("readableOf() reads when it is asked to, one chunk for each", async () => {
  const channel = new Script();
  const reader = readableOf(channel).getReader();
  await turns();
  assertEquals(channel.calls, []);
  const first = reader.read();
  assertEquals(channel.calls, ["read"]);
  channel.settle.resolve(wire("x"));
  assertEquals(text((await first).value!), "x");
  await turns();
  assertEquals(channel.calls, ["read"]);
});

test("readableOf() closes at the peer's end and reads no more", async () => {
  const channel = new Script();
  const reader = readableOf(channel).getReader();
  const read = reader.read();
  await turns();
  channel.settle.resolve(null);
  assertEquals((await read).done, true);
  await reader.closed;
  await reader.cancel();
  assertEquals(channel.calls, ["read"]);
});

test("readableOf() errors with what the channel fails with", async () => {
  const reason = new Error("cut");
  const channel = new Script();
  const reader = readableOf(channel).getReader();
  reader.closed.catch(() => {});
  const read = reader.read();
  await turns();
  channel.settle.reject(reason);
  assertStrictEquals(await rejection(read), reason);
  assertStrictEquals(await rejection(reader.read()), reason);
  assertEquals(channel.calls, ["read"]);
});

test("readableOf() aborts the channel when it is canceled, also while a read is pending", async () => {
  const reason = new Error("enough");
  for (const reading of [false, true]) {
    const channel = new Script();
    const stream = readableOf(channel);
    const reader = stream.getReader();
    const read = reading ? reader.read() : null;
    await turns();
    await reader.cancel(reason);
    assertStrictEquals(channel.reason, reason);
    assertEquals((await (read ?? reader.read())).done, true);
    channel.settle.resolve(wire("too late"));
    await turns();
    assertEquals(channel.calls, reading ? ["read", "abort"] : ["abort"]);
  }
});

test("readableOf() is no byte stream", () => {
  assertThrows(() => readableOf(new Script()).getReader({ mode: "byob" }), TypeError);
});

/** A channel that lends what comes, as sockets do. */
class Lender extends Script {
  readonly fastPath: ChunkQueue = new ChunkQueue();

  /** Lends the bytes, in memory that is used again. */
  lend(bytes: Uint8Array): void {
    const memory = bytes.slice();
    if (!this.fastPath.lend(memory)) this.fastPath.push(memory.slice());
    memory.fill(0xee);
  }
}

for (const bytes of [1, 16_383, 16_384, 70_000]) {
  test(`readableOf() gives chunks of ${bytes} bytes that are lent, each in memory of its own`, async () => {
    const channel = new Lender();
    const reader = readableOf(channel).getReader();
    const chunks = Array.from({ length: 4 }, (_, index) => new Uint8Array(bytes).fill(index));
    const [first, second] = [reader.read(), reader.read()];
    for (const chunk of chunks) channel.lend(chunk);
    const read = [await first, await second, await reader.read(), await reader.read()];
    assertEquals(read.map(({ value }) => value), chunks);
    const last = reader.read();
    channel.fastPath.end();
    assertEquals((await last).done, true);
    assertEquals(channel.calls, []);
  });
}

test("readableOf() keeps the chunk of a reader that has left, lent or not, for the next one", async () => {
  const channel = new Lender();
  const stream = readableOf(channel);
  const leaving = stream.getReader();
  const left = leaving.read();
  await turns();
  leaving.releaseLock();
  await rejection(left);
  channel.lend(wire("first"));
  channel.lend(wire("second"));
  const reader = stream.getReader();
  assertEquals(text((await reader.read()).value!), "first");
  assertEquals(text((await reader.read()).value!), "second");
});

test("readableOf() drops what is lent behind cancel(), and errors with what a waiting reader is refused with", async () => {
  const canceled = new Lender();
  const stream = readableOf(canceled);
  const reader = stream.getReader();
  const read = reader.read();
  await turns();
  await reader.cancel();
  assertEquals((await read).done, true);
  canceled.lend(wire("too late"));
  assertEquals(canceled.calls, ["abort"]);
  const failing = new Lender();
  const waiting = readableOf(failing).getReader().read();
  const reason = new Error("cut");
  failing.fastPath.fail(reason);
  assertStrictEquals(await rejection(waiting), reason);
});

test("readableOf() can be piped, iterated and teed", async () => {
  const gives = (...texts: string[]): ByteChannel => {
    const channel = new Script();
    channel.read = () => Promise.resolve(texts.length === 0 ? null : wire(texts.shift()!));
    return channel;
  };
  assertEquals(await new Response(readableOf(gives("foo", "bar"))).text(), "foobar");
  let all = "";
  for await (const chunk of readableOf(gives("foo", "bar"))) all += text(chunk);
  assertEquals(all, "foobar");
  const [left, right] = readableOf(gives("foo", "bar")).tee();
  assertEquals(await Promise.all([new Response(left).text(), new Response(right).text()]), ["foobar", "foobar"]);
});

test("writableOf() writes one chunk at a time and waits for each", async () => {
  const channel = new Script();
  const writer = writableOf(channel).getWriter();
  await writer.ready;
  const first = writer.write(wire("one"));
  const second = writer.write(wire("two"));
  await turns();
  assertEquals(channel.calls, ["write one"]);
  assertEquals(writer.desiredSize, -1);
  assert(await isPending(first));
  channel.settle.resolve();
  await first;
  await turns();
  assertEquals(channel.calls, ["write one", "write two"]);
  channel.settle.resolve();
  await second;
  assertEquals(writer.desiredSize, 1);
});

test("writableOf() ends our side when it is closed, behind everything written", async () => {
  const channel = new Script();
  const writer = writableOf(channel).getWriter();
  const written = writer.write(wire("x"));
  const closing = writer.close();
  await turns();
  assertEquals(channel.calls, ["write x"]);
  channel.settle.resolve();
  await written;
  await turns();
  assertEquals(channel.calls, ["write x", "closeWrite"]);
  assert(await isPending(closing));
  channel.settle.resolve();
  await closing;
  assert(!channel.calls.includes("abort"));
});

test("writableOf() errors with what the channel fails with", async () => {
  const reason = new Error("cut");
  const channel = new Script();
  const writer = writableOf(channel).getWriter();
  writer.closed.catch(() => {});
  const written = writer.write(wire("x"));
  await turns();
  channel.settle.reject(reason);
  assertStrictEquals(await rejection(written), reason);
  assertStrictEquals(await rejection(writer.write(wire("y"))), reason);
  assertStrictEquals(await rejection(writer.closed), reason);
  assertEquals(channel.calls.filter((call) => call.startsWith("write")), ["write x"]);
});

test("writableOf() aborts the channel at once, also while a write is stuck", async () => {
  const reason = new Error("enough");
  for (const stuck of [false, true]) {
    const channel = new Script();
    const writer = writableOf(channel).getWriter();
    writer.closed.catch(() => {});
    await writer.ready;
    const written = stuck ? writer.write(wire("x")) : null;
    written?.catch(() => {});
    await turns();
    writer.abort(reason).catch(() => {});
    assertStrictEquals(channel.reason, reason);
    assertEquals(channel.calls.filter((call) => call === "abort").length, 1);
  }
});

test("writableOf() refuses what is no Uint8Array and aborts the channel", async () => {
  const channel = new Script();
  const writer = writableOf(channel).getWriter();
  writer.closed.catch(() => {});
  const error = await rejection(writer.write("text" as unknown as Uint8Array));
  assertInstanceOf(error, TypeError);
  assertStrictEquals(channel.reason, error);
  assertEquals(channel.calls, ["abort"]);
});
