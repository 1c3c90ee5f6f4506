import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { accepted, type HeldChannel } from "../../src/duplex/held_channel.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import { TransportError, type TransportErrorCode } from "../../src/errors/transport_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { readAll, text, turns, wire } from "../support/wire.ts";
import { isPending } from "../support/switching.ts";
import { rejection } from "../support/client.ts";

async function failsWith(code: TransportErrorCode, promise: Promise<unknown>): Promise<TransportError> {
  const error = await rejection(promise);
  assertInstanceOf(error, TransportError);
  assertEquals(error.code, code);
  return error;
}

async function readText(end: PairEnd): Promise<string | null> {
  const chunk = await end.read();
  return chunk === null ? null : text(chunk);
}

test("duplexPair() gives each end what the other one writes, in order", async () => {
  const [a, b] = duplexPair();
  a.write(wire("one"));
  a.write(wire("two"));
  b.write(wire("back"));
  assertEquals(await readText(b), "one");
  assertEquals(await readText(b), "two");
  assertEquals(await readText(a), "back");
  const waiting = readText(a);
  await b.write(wire("later"));
  assertEquals(await waiting, "later");
});

test("duplexPair() sends nothing for empty bytes", async () => {
  const [a, b] = duplexPair();
  await a.write(new Uint8Array(0));
  await a.write(wire("x"));
  assertEquals(await readText(b), "x");
});

test("duplexPair() copies: bytes may change once they are accepted, and are the reader's own", async () => {
  const [a, b] = duplexPair();
  const bytes = wire("abc");
  await a.write(bytes);
  bytes.fill(0);
  const read = (await b.read())!;
  assertEquals(text(read), "abc");
  read.fill(1);
  assertEquals(bytes, new Uint8Array(3));
});

test("PairEnd.closeWrite() ends one direction and leaves the other alone", async () => {
  const [a, b] = duplexPair();
  await a.write(wire("last words"));
  await a.closeWrite();
  await a.closeWrite();
  assertEquals(await readText(b), "last words");
  assertEquals(await b.read(), null);
  assertEquals(await b.read(), null);
  await failsWith("closed", a.write(wire("more")));
  await failsWith("closed", a.write(new Uint8Array(0)));
  await b.write(wire("still here"));
  assertEquals(await readText(a), "still here");
  assert(await isPending(a.closed));
  await b.closeWrite();
  assertEquals(await a.read(), null);
  await Promise.all([a.closed, b.closed]);
});

test("PairEnd.closeWrite() ends a read that is pending", async () => {
  const [a, b] = duplexPair();
  const read = b.read();
  await a.closeWrite();
  assertEquals(await read, null);
});

test("PairEnd.read() refuses a second call while one is pending", async () => {
  const [a, b] = duplexPair();
  const first = readText(b);
  const error = await rejection(b.read());
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "busy");
  await a.write(wire("x"));
  assertEquals(await first, "x");
});

test("PairEnd.write() waits while the direction is full, and says so when it is not", async () => {
  const [a, b] = duplexPair({ capacityBytes: 4 });
  assertStrictEquals(a.write(wire("abc")), accepted);
  const second = a.write(wire("def"));
  const third = a.write(wire("g"));
  assert(await isPending(second) && await isPending(third));
  assertEquals(await readText(b), "abc");
  assert(await isPending(second), "resolved although the direction is still full");
  assertEquals(await readText(b), "def");
  await second;
  await third;
  assertEquals(await readText(b), "g");
  assertStrictEquals(a.write(wire("abc")), accepted);
});

test("PairEnd.write() does not wait when a reader does", async () => {
  const [a, b] = duplexPair({ capacityBytes: 1 });
  const read = readText(b);
  assertStrictEquals(a.write(wire("abc")), accepted);
  assertEquals(await read, "abc");
});

test("duplexPair() holds 64 KiB unless told otherwise, and at least one byte", async () => {
  const [a] = duplexPair();
  assertStrictEquals(a.write(new Uint8Array(65_535)), accepted);
  assert(await isPending(a.write(new Uint8Array(1))));
  const [c, d] = duplexPair({ capacityBytes: 0, readBytes: 0 });
  const written = c.write(wire("xy"));
  assert(await isPending(written));
  assertEquals([await readText(d), await readText(d)], ["x", "y"]);
  await written;
});

test("duplexPair() delivers in pieces of at most readBytes", async () => {
  for (const readBytes of [1, 2, 3, 7]) {
    const [a, b] = duplexPair({ readBytes });
    await a.write(wire("hello"));
    await a.write(wire(" world"));
    await a.closeWrite();
    let all = "";
    for (let piece = await readText(b); piece !== null; piece = await readText(b)) {
      assert(piece.length > 0 && piece.length <= readBytes);
      all += piece;
    }
    assertEquals(all, "hello world");
  }
});

test("PairEnd.abort() fails this end with the reason and the peer with a reset", async () => {
  const reason = new Error("enough");
  const [a, b] = duplexPair({ capacityBytes: 4 });
  await b.write(wire("xy"));
  assertEquals(await readText(a), "xy");
  const mine = [a.read(), a.write(wire("full up"))];
  const theirs = [b.write(wire("z")).then(() => b.write(wire("full up")))];
  await turns();
  a.abort(reason);
  a.abort(new Error("later"));
  assertStrictEquals(await rejection(mine[1]!), reason);
  for (const call of [a.read(), a.write(wire("x")), a.closed]) assertStrictEquals(await rejection(call), reason);
  await Promise.allSettled([mine[0]!, ...theirs]);
  for (const call of [b.read(), b.write(wire("x")), b.closed]) {
    assertStrictEquals((await failsWith("reset", call)).cause, reason);
  }
});

test("PairEnd.abort() rejects what is pending on both sides", async () => {
  const [a, b] = duplexPair({ capacityBytes: 1 });
  const read = a.read();
  const theirRead = b.read();
  a.abort();
  await failsWith("closed", read);
  await failsWith("reset", theirRead);

  const [c, d] = duplexPair({ capacityBytes: 1 });
  const write = c.write(wire("full"));
  const theirWrite = d.write(wire("full"));
  c.abort();
  await failsWith("closed", write);
  await failsWith("reset", theirWrite);
});

test("PairEnd.abort() drops what is unread", async () => {
  const [a, b] = duplexPair();
  await a.write(wire("lost"));
  await a.closeWrite();
  a.abort();
  await failsWith("reset", b.read());
});

test("PairEnd.abort() does not take back an end that the peer has seen", async () => {
  const [a, b] = duplexPair();
  await a.closeWrite();
  assertEquals(await b.read(), null);
  a.abort();
  assertEquals(await b.read(), null);
  await failsWith("reset", b.write(wire("x")));
});

test("PairEnd.abort() after both sides have ended changes nothing", async () => {
  const [a, b] = duplexPair();
  await a.closeWrite();
  await b.closeWrite();
  assertEquals(await a.read(), null);
  assertEquals(await b.read(), null);
  await a.closed;
  a.abort();
  assertEquals(await a.read(), null);
  assertEquals(await b.read(), null);
  await b.closed;
});

test("PairEnd.close() sends what is written, ends both sides and takes nothing more", async () => {
  const [a, b] = duplexPair();
  await b.write(wire("unread"));
  await a.write(wire("last words"));
  const closing = a.close();
  await failsWith("closed", a.read());
  await failsWith("closed", a.write(wire("x")));
  assertEquals(await readAll(b), "last words");
  await closing;
  await a.close();
  await a.closed;
  await failsWith("reset", b.write(wire("too late")));
  await b.closeWrite();
  await b.closed;
});

test("PairEnd.close() ends what is pending: its own read fails, the peer's write is let go", async () => {
  const [a, b] = duplexPair({ capacityBytes: 1 });
  const write = b.write(wire("full"));
  assert(await isPending(write));
  a.close();
  await write;
  await failsWith("reset", b.write(wire("more")));

  const [c] = duplexPair();
  const read = c.read();
  c.close();
  await failsWith("closed", read);
});

test("PairEnd's disposal closes and does not wait for the peer", async () => {
  const [a, b] = duplexPair();
  await a.write(wire("last words"));
  await a[Symbol.asyncDispose]();
  assertEquals(await readAll(b), "last words");
});

test("PairEnd.withdrawRead() takes a pending read back and loses nothing", async () => {
  const [a, b] = duplexPair();
  const end = b as PairEnd & HeldChannel;
  assert(!end.withdrawRead());
  const read = b.read();
  assert(end.withdrawRead());
  assert(!end.withdrawRead());
  const error = await rejection(read);
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "canceled");
  await a.write(wire("kept"));
  assertEquals(await readText(b), "kept");
});

test("PairEnd leaves no rejection to nobody", async () => {
  const [a, b] = duplexPair({ capacityBytes: 1 });
  a.write(wire("full"));
  b.read();
  b.read().catch(() => {});
  a.abort(new Error("unseen"));
  await turns();
  assert(a.closed instanceof Promise && b.closed instanceof Promise);
});

test("PairEnd's streams carry bytes, ends and back-pressure", async () => {
  const [a, b] = duplexPair({ capacityBytes: 4 });
  const echoing = b.readable.pipeTo(b.writable);
  const writer = a.writable.getWriter();
  const reader = a.readable.getReader();
  for (const word of ["hello", "world"]) {
    const written = writer.write(wire(word));
    assertEquals(text((await reader.read()).value!), word);
    await written;
  }
  await writer.close();
  assertEquals((await reader.read()).done, true);
  await echoing;
  await Promise.all([a.closed, b.closed]);
  assertStrictEquals(a.readable, a.readable);
  assertStrictEquals(a.writable, a.writable);
});

test("PairEnd's readable canceled, or its writable aborted, cuts the connection", async () => {
  const reason = new Error("enough");
  const cuts: readonly ((end: PairEnd) => Promise<void>)[] = [
    (end) => end.readable.cancel(reason),
    (end) => end.writable.abort(reason),
  ];
  for (const cut of cuts) {
    const [a, b] = duplexPair();
    await cut(a);
    assertStrictEquals((await failsWith("reset", b.read())).cause, reason);
    await failsWith("reset", b.write(wire("x")));
    assertStrictEquals(await rejection(a.closed), reason);
  }
});

test("PairEnd's writable refuses what is no Uint8Array and cuts the connection", async () => {
  for (const chunk of ["text", new ArrayBuffer(1), [1], null, undefined, new Uint16Array(1)]) {
    const [a, b] = duplexPair();
    const writer = a.writable.getWriter();
    writer.closed.catch(() => {});
    const error = await rejection(writer.write(chunk as unknown as Uint8Array));
    assertInstanceOf(error, TypeError);
    assertStrictEquals((await failsWith("reset", b.read())).cause, error);
  }
});

test("PairEnd's readable is no byte stream, and each stream has one holder", () => {
  const [a] = duplexPair();
  assertThrows(() => a.readable.getReader({ mode: "byob" }), TypeError);
  a.readable.getReader();
  assertThrows(() => a.readable.getReader(), TypeError);
  a.writable.getWriter();
  assertThrows(() => a.writable.getWriter(), TypeError);
});
