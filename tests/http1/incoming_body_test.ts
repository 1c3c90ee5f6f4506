import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type BodySource, bodyTruncated } from "../../src/http1/body_source.ts";
import { IncomingBody } from "../../src/http1/incoming_body.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { text, turns, wire } from "../support/wire.ts";
import { rejection } from "../support/client.ts";

/** A source whose parts the test gives. */
class Source implements BodySource {
  readonly cancellations: unknown[] = [];
  pulls = 0;
  #parts: (Uint8Array | Fields | Error)[];
  #arrived: (() => void) | null = null;

  constructor(...parts: (string | Fields | Error)[]) {
    this.#parts = parts.map((part) => typeof part === "string" ? wire(part) : part);
  }

  give(part: string | Fields | Error): void {
    this.#parts.push(typeof part === "string" ? wire(part) : part);
    this.#arrived?.();
    this.#arrived = null;
  }

  next(): Uint8Array | Fields | null {
    const part = this.#parts.shift();
    if (part === undefined) return null;
    this.pulls++;
    if (part instanceof Error) throw part;
    return part;
  }

  more(): Promise<void> {
    if (this.#arrived !== null) throw new Error("more() was called while a call is pending");
    return new Promise((resolve) => this.#arrived = resolve);
  }

  failed(error: unknown): unknown {
    return error;
  }

  canceled(reason: unknown): void {
    this.cancellations.push(reason);
  }
}

const END = new Fields();
const TRAILERS = new Fields([["sum", "42"]]);

function bodyOf(...parts: (string | Fields | Error)[]): { body: IncomingBody; source: Source } {
  const source = new Source(...parts);
  return { body: new IncomingBody({ type: "chunked" }, source), source };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  assert(error instanceof StateError || error instanceof ProtocolError, `unexpected ${error}`);
  return error.code;
}

test("IncomingBody reads nothing before somebody asks, and no faster than they ask", async () => {
  const { body, source } = bodyOf("foo", "bar", END);
  assert(body.stream instanceof ReadableStream);
  assert(body.trailers instanceof Promise);
  await turns();
  assertEquals(source.pulls, 0);
  assertEquals(text((await body.read())!), "foo");
  await turns();
  assertEquals(source.pulls, 1);
  assert(!body.over);
});

test("IncomingBody.read() gives the parts in order, and null again and again", async () => {
  const { body } = bodyOf("foo", "bar", TRAILERS);
  assertEquals(text((await body.read())!), "foo");
  assertEquals(text((await body.read())!), "bar");
  assertEquals(await body.read(), null);
  assertEquals(await body.read(), null);
  assert(body.over);
});

test("IncomingBody.read() takes several calls at once, in order, one pull at a time", async () => {
  const { body, source } = bodyOf();
  const reads = [body.read(), body.read(), body.read(), body.read()];
  await turns();
  for (const part of ["a", "b", END]) source.give(part);
  const chunks = await Promise.all(reads);
  assertEquals(chunks.map((chunk) => chunk === null ? null : text(chunk)), ["a", "b", null, null]);
});

test("IncomingBody.length is what the peer announced, 0 without a body, else undefined", () => {
  assertEquals(new IncomingBody({ type: "none" }, null).length, 0);
  assertEquals(new IncomingBody({ type: "length", bytes: 0 }, null).length, 0);
  assertEquals(new IncomingBody({ type: "length", bytes: 5 }, new Source()).length, 5);
  assertEquals(new IncomingBody({ type: "chunked" }, new Source()).length, undefined);
  assertEquals(new IncomingBody({ type: "until-close" }, new Source()).length, undefined);
});

test("IncomingBody without a source is over, empty, and can be read in every way", async () => {
  const empty = () => new IncomingBody({ type: "none" }, null);
  assert(empty().over);
  assert(!empty().used);
  assertEquals(await empty().read(), null);
  assertEquals((await empty().bytes()).length, 0);
  assertEquals(await empty().text(), "");
  await assertRejects(() => empty().json(), SyntaxError);
  assertEquals(await new Response(empty().stream).text(), "");
  for await (const _ of empty()) throw new Error("a chunk of nothing");
  assertEquals([...await empty().trailers], []);
  const canceled = empty();
  canceled.cancel();
  assert(!canceled.canceled);
  assertEquals(await canceled.read(), null);
});

test("IncomingBody.used turns true with the first read or cancel, not with a look at it", async () => {
  const untouched = bodyOf("foo", END).body;
  assert(untouched.stream !== null && untouched.trailers !== null && untouched.length === undefined);
  untouched[Symbol.asyncIterator]();
  assert(!untouched.used);

  const touches: ((body: IncomingBody) => unknown)[] = [
    (body) => body.read(),
    (body) => body.bytes(),
    (body) => body.text(),
    (body) => body.cancel(),
    (body) => body[Symbol.asyncIterator]().next(),
    (body) => body.stream.getReader().read(),
    (body) => body.stream.cancel(),
  ];
  for (const touch of touches) {
    const { body } = bodyOf("{}", END);
    await touch(body);
    assert(body.used, String(touch));
  }
});

test("IncomingBody.bytes() keeps short parts by their bytes: no view of each, and nothing of the chunk that it came in", async () => {
  const received = new Uint8Array(65_536); // written again for each part, so that a view tells
  let part = 0;
  const source: BodySource = {
    next() {
      if (part === 10_000) return END;
      received[0] = part++ % 251;
      return received.subarray(0, 1);
    },
    more: () => Promise.resolve(),
    failed: (error) => error,
    canceled() {},
  };
  const whole = await new IncomingBody({ type: "chunked" }, source).bytes();
  assertEquals(whole.subarray(1), Uint8Array.from({ length: 9999 }, (_, i) => (i + 1) % 251));
});

test("IncomingBody.bytes(), text() and json() give the whole body", async () => {
  assertEquals(await bodyOf("foo", "bar", END).body.bytes(), wire("foobar"));
  assertEquals(await bodyOf("foo", END).body.bytes(), wire("foo"));
  assertEquals((await bodyOf(END).body.bytes()).length, 0);
  assertEquals(await bodyOf("\xc3", "\xa9\xff", END).body.text(), "é\ufffd");
  assertEquals(await bodyOf('{"a":', "[1]}", END).body.json(), { a: [1] });
  await assertRejects(() => bodyOf("{", END).body.json(), SyntaxError);
});

test("IncomingBody.bytes() takes exactly the limit and cancels a longer body", async () => {
  assertEquals((await bodyOf("foo", "bar", END).body.bytes(6)).length, 6);
  const read: ((body: IncomingBody) => Promise<unknown>)[] = [
    (body) => body.bytes(5),
    (body) => body.text(5),
    (body) => body.json(5),
  ];
  for (const whole of read) {
    const { body, source } = bodyOf("foo", "bar", "baz", END);
    await assertRejects(() => whole(body), RangeError);
    assertEquals(source.cancellations.length, 1);
    assertEquals(source.pulls, 2);
    assert(body.canceled);
  }
  assertEquals((await bodyOf(END).body.bytes(0)).length, 0);
  await assertRejects(() => bodyOf("f", END).body.bytes(0), RangeError);
});

test("IncomingBody can be read whole once", async () => {
  const ways: ((body: IncomingBody) => Promise<unknown>)[] = [
    (body) => body.bytes(),
    (body) => body.text(),
    (body) => body.json(),
  ];
  const before: ((body: IncomingBody) => unknown)[] = [
    (body) => body.text(),
    (body) => body.read(),
    (body) => body.cancel(),
    (body) => body.stream.getReader().read(),
    (body) => body[Symbol.asyncIterator]().next(),
  ];
  for (const first of before) {
    for (const second of ways) {
      const { body } = bodyOf("1", END);
      await first(body);
      assertEquals(await codeOf(second(body)), "body-used", `${first} then ${second}`);
    }
  }
});

test("IncomingBody gives the rest to another reader", async () => {
  const { body } = bodyOf("a", "b", "c", "d", TRAILERS);
  assertEquals(text((await body.read())!), "a");
  const iterator = body[Symbol.asyncIterator]();
  assertEquals(text((await iterator.next()).value!), "b");
  const reader = body.stream.getReader();
  assertEquals(text((await reader.read()).value!), "c");
  assertEquals(text((await body.read())!), "d");
  assertEquals((await reader.read()).done, true);
  assertEquals((await iterator.next()).done, true);
  assertEquals((await body.trailers).get("sum"), "42");
});

test("IncomingBody.stream is one stream without a queue, that closes and errors as the body does", async () => {
  const { body, source } = bodyOf("foo", END);
  assertStrictEquals(body.stream, body.stream);
  const reader = body.stream.getReader();
  await turns();
  assertEquals(source.pulls, 0);
  assertEquals(text((await reader.read()).value!), "foo");
  assertEquals((await reader.read()).done, true);
  await reader.closed;

  const reason = new Error("cut");
  const failing = bodyOf("foo", reason).body.stream.getReader();
  await failing.read();
  assertStrictEquals(await rejection(failing.read()), reason);
});

test("IncomingBody.stream is no byte stream and has one reader at a time", () => {
  const { stream } = bodyOf("foo", END).body;
  assertThrows(() => stream.getReader({ mode: "byob" }), TypeError);
  stream.getReader();
  assertThrows(() => stream.getReader(), TypeError);
});

test("IncomingBody.stream passes on a cancellation, once", async () => {
  const { body, source } = bodyOf("foo", END);
  await body.stream.cancel("enough");
  body.cancel("again");
  await body.stream.cancel("and again");
  assertEquals(source.cancellations, ["enough"]);
  assert(body.canceled && body.used && !body.over);
});

test("IncomingBody.stream errors when the body is canceled behind its back", async () => {
  const { body } = bodyOf("foo", END);
  const reader = body.stream.getReader();
  body.cancel();
  assertEquals(await codeOf(reader.read()), "body-used");
});

test("IncomingBody's iterator cancels what a loop leaves behind", async () => {
  const { body, source } = bodyOf("foo", "bar", END);
  for await (const chunk of body) {
    assertEquals(text(chunk), "foo");
    break;
  }
  assertEquals(source.cancellations.length, 1);

  const whole = bodyOf("foo", "bar", END);
  let all = "";
  for await (const chunk of whole.body) all += text(chunk);
  assertEquals(all, "foobar");
  assertEquals(whole.source.cancellations.length, 0);
});

test("IncomingBody's iterator cancels the body when the loop throws, and fails as the body does", async () => {
  const { body, source } = bodyOf("foo", "bar", END);
  const reason = new Error("not like this");
  assertStrictEquals(
    await rejection((async () => {
      for await (const _ of body) throw reason;
    })()),
    reason,
  );
  assertEquals(source.cancellations.length, 1);

  const cut = bodyOf("foo", reason);
  let chunks = 0;
  assertStrictEquals(
    await rejection((async () => {
      for await (const _ of cut.body) chunks++;
    })()),
    reason,
  );
  assertEquals(chunks, 1);
  assertEquals(cut.source.cancellations.length, 0);
});

test("IncomingBody.cancel() tells the source once and refuses readers", async () => {
  const { body, source } = bodyOf("foo", "bar", END);
  await body.read();
  body.cancel("enough");
  body.cancel("again");
  assertEquals(source.cancellations, ["enough"]);
  assertEquals(await codeOf(body.read()), "body-used");
  assertEquals(await codeOf(body.bytes()), "body-used");
  assertEquals(await codeOf(body.trailers), "body-used");
});

test("IncomingBody.cancel() after the end changes nothing", async () => {
  const { body, source } = bodyOf("foo", TRAILERS);
  await body.text();
  body.cancel();
  assertEquals(source.cancellations.length, 0);
  assert(!body.canceled);
  assertEquals(await body.read(), null);
  assertEquals((await body.trailers).get("sum"), "42");
});

test("IncomingBody.cancel() drops a part that is on its way", async () => {
  const { body, source } = bodyOf();
  const read = body.read();
  body.cancel();
  source.give("foo");
  assertEquals(await codeOf(read), "body-used");
});

test("IncomingBody.trailers resolves at the end whoever asks when", async () => {
  const early = bodyOf("foo", TRAILERS).body;
  const before = early.trailers;
  assertEquals(await early.text(), "foo");
  assertEquals((await before).get("sum"), "42");
  assertStrictEquals(early.trailers, before);

  const late = bodyOf("foo", TRAILERS).body;
  await late.text();
  assertEquals((await late.trailers).get("sum"), "42");
});

test("IncomingBody fails again and again with what cut it short, behind what came before", async () => {
  const reason = bodyTruncated(new Error("gone"));
  const { body } = bodyOf("foo", reason);
  const trailers = body.trailers;
  assertEquals(text((await body.read())!), "foo");
  assertStrictEquals(await rejection(body.read()), reason);
  assertStrictEquals(await rejection(body.read()), reason);
  assertStrictEquals(await rejection(trailers), reason);
  assertStrictEquals(await rejection(body.trailers), reason);
  assert(body.over);
  assertStrictEquals(await rejection(bodyOf("foo", reason).body.text()), reason);
});

test("IncomingBody.fail() breaks a body that is open, and no other", async () => {
  const reason = bodyTruncated(null);
  const open = bodyOf("foo").body;
  const { trailers } = open;
  open.fail(reason);
  assertStrictEquals(await rejection(open.read()), reason);
  assertStrictEquals(await rejection(trailers), reason);

  const { body: waiting, source } = bodyOf();
  const read = waiting.read();
  waiting.fail(reason);
  waiting.fail(new Error("later"));
  source.give("too late");
  assertStrictEquals(await rejection(read), reason);
  assertStrictEquals(await rejection(waiting.read()), reason);

  const ended = bodyOf(END).body;
  await ended.read();
  ended.fail(reason);
  assertEquals(await ended.read(), null);
});

test("IncomingBody.finish() keeps what nobody has read yet, within bounds", async () => {
  const { body } = bodyOf("foo", "bar", TRAILERS);
  assert(await body.finish(6, true));
  assert(body.over && !body.used);
  assertEquals(await body.text(), "foobar");
  assertEquals((await body.trailers).get("sum"), "42");

  assert(!await bodyOf("foo", "bar", "baz", "x", END).body.finish(5, true));
});

test("IncomingBody.finish() discards a body that nobody wants, within bounds", async () => {
  const { body } = bodyOf("foo", "bar", END);
  assert(await body.finish(6, false));
  assert(body.over && body.canceled);
  assertEquals(await codeOf(body.read()), "body-used");

  assert(!await bodyOf("foo", "bar", "baz", "x", END).body.finish(5, false));
});

test("IncomingBody.finish() counts anew what comes behind a cancellation", async () => {
  const { body } = bodyOf("foo", "bar", "baz", END);
  assert(!await body.finish(5, true));
  body.cancel();
  assert(await body.finish(5, false));
});

test("IncomingBody.finish() rejects with what reading fails with", async () => {
  const reason = new Error("cut");
  assertStrictEquals(await rejection(bodyOf("foo", reason).body.finish(10, true)), reason);
});

test("IncomingBody.cancel() of what finish() has kept does not look like an end", async () => {
  const { body, source } = bodyOf("foo", "bar", END);
  await body.finish(6, true);
  body.cancel();
  assertEquals(await codeOf(body.read()), "body-used");
  assertEquals(source.cancellations.length, 0);
  assert(body.over);
});

test("IncomingBody leaves no rejection to nobody", async () => {
  const reason = new Error("cut");
  const { body } = bodyOf(reason);
  body.read();
  body.text();
  body.stream.getReader();
  assert(body.trailers instanceof Promise);
  await turns();
  const canceled = bodyOf("foo").body;
  assert(canceled.trailers instanceof Promise);
  canceled.cancel();
  canceled.json();
  await turns();
});

test("bodyTruncated() carries its cause", () => {
  const cause = new Error("gone");
  const error = bodyTruncated(cause);
  assertInstanceOf(error, ProtocolError);
  assertEquals(error.code, "truncated");
  assertStrictEquals(error.cause, cause);
});
