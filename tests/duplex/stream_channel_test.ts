import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import type { ByteChannel, Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { holdChannel, offersChannel } from "../../src/duplex/hold_channel.ts";
import { TransportError, type TransportErrorCode } from "../../src/errors/transport_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { readAll, text, turns, wire } from "../support/wire.ts";
import { isPending, streamPair } from "../support/switching.ts";
import { rejection } from "../support/client.ts";

async function failsWith(code: TransportErrorCode, promise: Promise<unknown>): Promise<TransportError> {
  const error = await rejection(promise);
  assertInstanceOf(error, TransportError);
  assertEquals(error.code, code);
  return error;
}

/** A pair of streams whose ends are in the test's hands. */
function scripted(sink: UnderlyingSink<Uint8Array> = {}) {
  let source!: ReadableStreamDefaultController<Uint8Array>;
  let canceled: unknown = "not canceled";
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => void (source = controller),
    cancel: (reason) => void (canceled = reason),
  });
  const writable = new WritableStream<Uint8Array>(sink);
  return { duplex: { readable, writable }, source, canceled: () => canceled };
}

test("offersChannel() knows a byte channel by its four methods", () => {
  const [end] = duplexPair();
  assert(offersChannel(end));
  const [streams] = streamPair();
  assert(!offersChannel(streams));
  const conn = { ...streams, read: () => {}, write: () => {}, closeWrite: () => {}, close: () => {} };
  assert(!offersChannel(conn), "a Deno.Conn is none: its read() takes a buffer");
  assert(offersChannel({ ...conn, abort: () => {} }));
});

test("holdChannel() prefers the channel and leaves the streams untouched", async () => {
  const [near, far] = duplexPair();
  const guarded: Duplex & ByteChannel = {
    get readable(): never {
      throw new Error("touched");
    },
    get writable(): never {
      throw new Error("touched");
    },
    read: () => near.read(),
    write: (bytes) => near.write(bytes),
    closeWrite: () => near.closeWrite(),
    abort: (reason) => near.abort(reason),
  };
  const channel = holdChannel(guarded);
  await channel.write(wire("there"));
  assertEquals(text((await far.read())!), "there");
  await far.write(wire("back"));
  assertEquals(text((await channel.read())!), "back");
  assert(!channel.withdrawRead());
  channel.unlock?.();
  await channel.close();
  await rejection(far.read().then((chunk) => chunk ?? Promise.reject(chunk)));
  await failsWith("reset", far.write(wire("x")));
});

test("holdChannel() refuses locked streams and leaves the other one unlocked", () => {
  const [first] = streamPair();
  first.readable.getReader();
  assertThrows(() => holdChannel(first), TypeError);
  assert(!first.writable.locked);
  const [second] = streamPair();
  second.writable.getWriter();
  assertThrows(() => holdChannel(second), TypeError);
  assert(!second.readable.locked);
});

test("a channel over streams carries bytes and ends both ways", async () => {
  const [near, far] = streamPair();
  const [a, b] = [holdChannel(near), holdChannel(far)];
  const there = a.write(wire("there")).then(() => a.closeWrite());
  assertEquals(await readAll(b), "there");
  await there;
  assertEquals(await b.read(), null);
  const back = b.write(wire("back")).then(() => b.closeWrite());
  assertEquals(await readAll(a), "back");
  await back;
});

test("a channel over streams skips empty chunks and writes none", async () => {
  const written: string[] = [];
  const { duplex, source } = scripted({ write: (chunk) => void written.push(text(chunk)) });
  const channel = holdChannel(duplex);
  for (const chunk of ["", "x", ""]) source.enqueue(wire(chunk));
  source.close();
  assertEquals(await readAll(channel), "x");
  for (const chunk of ["", "y", ""]) await channel.write(wire(chunk));
  assertEquals(written, ["y"]);
});

test("a channel over streams refuses a second read while one is pending", async () => {
  const { duplex, source } = scripted();
  const channel = holdChannel(duplex);
  const first = channel.read();
  const error = await rejection(channel.read());
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "busy");
  source.enqueue(wire("x"));
  assertEquals(text((await first)!), "x");
});

test("a channel over streams refuses what is no Uint8Array", async () => {
  const { duplex, source } = scripted();
  const channel = holdChannel(duplex);
  source.enqueue("text" as unknown as Uint8Array);
  assertInstanceOf(await rejection(channel.read()), TypeError);
});

test("a failing stream is a transport that failed, whatever it fails with", async () => {
  for (const cause of [new Error("EPIPE"), new TypeError("SocketError: gone"), "a text", undefined]) {
    const { duplex, source } = scripted({ write: () => Promise.reject(cause) });
    const channel = holdChannel(duplex);
    source.error(cause);
    assertStrictEquals((await failsWith("reset", channel.read())).cause, cause);
    assertStrictEquals((await failsWith("reset", channel.write(wire("x")))).cause, cause);
    assertStrictEquals((await failsWith("reset", channel.write(wire("y")))).cause, cause);
  }
  const timeout = new TransportError("timeout", "too slow");
  const { duplex, source } = scripted();
  source.error(timeout);
  assertStrictEquals(await rejection(holdChannel(duplex).read()), timeout);
});

test("a pair that was never opened says why, whatever its streams fail with [Q1]", async () => {
  const stream = new Error("the stream was canceled");
  const failed = async (opened: Promise<unknown>): Promise<[TransportError, TransportError]> => {
    opened.catch(() => {});
    const { duplex, source } = scripted({ write: () => Promise.reject(stream) });
    const channel = holdChannel({ ...duplex, opened } as Duplex);
    const reading = rejection(channel.read());
    const writing = rejection(channel.write(wire("x")));
    source.error(stream);
    return [await reading as TransportError, await writing as TransportError];
  };
  const refused = new Error("nobody listens");
  for (const error of await failed(turns().then(() => Promise.reject(refused)))) {
    assertEquals([error.code, error.cause], ["unreachable", refused]);
  }
  const own = new TransportError("refused", "nobody listens");
  for (const error of await failed(Promise.reject(own))) assertStrictEquals(error, own);
  for (const error of await failed(Promise.resolve())) assertEquals([error.code, error.cause], ["reset", stream]);
});

test("a channel over streams writes when the sink takes it", async () => {
  let take!: () => void;
  const { duplex } = scripted({ write: () => new Promise<void>((resolve) => take = resolve) });
  const channel = holdChannel(duplex);
  const written = channel.write(wire("x"));
  assert(await isPending(written));
  take();
  await written;
});

test("closeWrite() closes the writable stream once, and later writes are refused", async () => {
  let closes = 0;
  const { duplex, source } = scripted({ close: () => void closes++ });
  const channel = holdChannel(duplex);
  await Promise.all([channel.closeWrite(), channel.closeWrite()]);
  assertEquals(closes, 1);
  await failsWith("closed", channel.write(wire("x")));
  source.enqueue(wire("still here"));
  assertEquals(text((await channel.read())!), "still here");
});

test("closeWrite() fails as the stream does", async () => {
  const cause = new Error("EPIPE");
  const { duplex } = scripted({ close: () => Promise.reject(cause) });
  assertStrictEquals((await failsWith("reset", holdChannel(duplex).closeWrite())).cause, cause);
});

test("abort() rejects what is pending with its reason, also where the streams are stuck", async () => {
  const reason = new Error("enough");
  const never = () => new Promise<void>(() => {});
  const { duplex, canceled } = scripted({ write: never });
  const channel = holdChannel(duplex);
  const pending = [channel.read(), channel.write(wire("x")), channel.write(wire("y"))];
  await turns();
  channel.abort(reason);
  channel.abort(new Error("later"));
  const calls = [...pending, channel.read(), channel.write(wire("z")), channel.closeWrite()];
  for (const error of await Promise.all(calls.map(rejection))) assertStrictEquals(error, reason);
  assertStrictEquals(canceled(), reason);

  const closing = scripted({ close: never });
  const other = holdChannel(closing.duplex);
  const closed = other.closeWrite();
  await turns();
  other.abort(reason);
  assertStrictEquals(await rejection(closed), reason);
});

test("abort() errors both streams of the peer", async () => {
  const reason = new Error("enough");
  const [near, far] = streamPair();
  const [a, b] = [holdChannel(near), holdChannel(far)];
  a.abort(reason);
  assertStrictEquals((await failsWith("reset", b.read())).cause, reason);
  assertStrictEquals((await failsWith("reset", b.write(wire("x")))).cause, reason);
});

test("close() ends both sides and refuses reads from then on", async () => {
  const steps: string[] = [];
  const { duplex, canceled } = scripted({ close: () => void steps.push("close writable") });
  const channel = holdChannel({ ...duplex, close: () => void steps.push("close") } as Duplex);
  const read = channel.read();
  await channel.close();
  assertEquals(steps, ["close writable", "close"]);
  assertStrictEquals(canceled(), undefined);
  await failsWith("closed", read);
  await failsWith("closed", channel.read());
  await failsWith("closed", channel.write(wire("x")));
});

test("close() and abort() pass over what the transport's own close() says", async () => {
  const closes: readonly (() => unknown)[] = [
    () => {
      throw new Error("closed already");
    },
    () => Promise.reject(new Error("closed already")),
  ];
  for (const close of closes) {
    await holdChannel({ ...scripted().duplex, close } as Duplex).close();
    holdChannel({ ...scripted().duplex, close } as Duplex).abort();
    await turns();
  }
});

test("close() of a channel that cannot close ends its side and aborts", async () => {
  for (const failing of [false, true]) {
    const calls: string[] = [];
    const channel = {
      ...scripted().duplex,
      read: () => Promise.resolve(null),
      write: () => Promise.resolve(),
      closeWrite: () => {
        calls.push("closeWrite");
        return failing ? Promise.reject(new Error("EPIPE")) : Promise.resolve();
      },
      abort: () => void calls.push("abort"),
    };
    await holdChannel(channel).close().catch(() => {});
    assertEquals(calls, ["closeWrite", "abort"]);
  }
});

test("unlock() unlocks the streams for others", async () => {
  const { duplex, source } = scripted();
  const channel = holdChannel(duplex);
  assert(duplex.readable.locked && duplex.writable.locked);
  source.enqueue(wire("one"));
  assertEquals(text((await channel.read())!), "one");
  channel.unlock?.();
  assert(!duplex.readable.locked && !duplex.writable.locked);
  source.enqueue(wire("two"));
  assertEquals(text((await duplex.readable.getReader().read()).value!), "two");
});

test("withdrawRead() takes a pending read back and loses nothing", async () => {
  const { duplex, source } = scripted();
  const channel = holdChannel(duplex);
  assert(!channel.withdrawRead());
  for (let i = 0; i < 3; i++) {
    const read = channel.read();
    assert(channel.withdrawRead());
    assert(!channel.withdrawRead());
    const error = await rejection(read);
    assertInstanceOf(error, StateError);
    assertEquals(error.code, "canceled");
    source.enqueue(wire(`kept ${i}`));
    assertEquals(text((await channel.read())!), `kept ${i}`);
  }
  const read = channel.read();
  assert(channel.withdrawRead());
  channel.unlock?.();
  await rejection(read);
  source.close();
  assertEquals((await duplex.readable.getReader().read()).done, true);
});

test("withdrawRead() loses no chunk that was on its way, and no end", async () => {
  for (let hops = 0; hops < 8; hops++) {
    const { duplex, source } = scripted();
    const channel = holdChannel(duplex);
    let got = "";
    const read = async (arrive = () => {}) => {
      const reading = channel.read().then((chunk) => got += chunk === null ? "." : text(chunk));
      await turns();
      arrive();
      for (let i = 0; i < hops; i++) await null;
      if (channel.withdrawRead()) assertEquals((await rejection(reading) as StateError).code, "canceled");
      else await reading;
    };
    for (const one of "abc") {
      await read(() => source.enqueue(wire(one)));
      if (!got.endsWith(one)) {
        channel.read().catch(() => {});
        channel.withdrawRead(); // twice in a row
        await read();
      }
    }
    await read(() => source.close());
    if (!got.endsWith(".")) await read();
    assertEquals(got, "abc.", `after ${hops}`);
  }
});

test("unlock() behind withdrawRead() loses no chunk that was on its way: the read gives it, or the stream", async () => {
  for (let hops = 0; hops < 8; hops++) {
    const { duplex, source } = scripted();
    const channel = holdChannel(duplex);
    const reading = channel.read().catch(() => null);
    await turns();
    source.enqueue(wire("on its way"));
    for (let i = 0; i < hops; i++) await null;
    channel.withdrawRead();
    channel.unlock?.();
    const read = await reading;
    source.enqueue(wire("."));
    const { value } = await duplex.readable.getReader().read();
    assertEquals([text(read ?? new Uint8Array(0)), text(value!)], ["on its way", "."], `after ${hops}`);
  }
});

test("a channel over streams leaves no rejection to nobody", async () => {
  const cause = new Error("unseen");
  const { duplex, source } = scripted({ close: () => Promise.reject(cause) });
  const channel = holdChannel(duplex);
  channel.closeWrite();
  source.error(cause);
  await turns();
  channel.abort();
  await turns();
});
