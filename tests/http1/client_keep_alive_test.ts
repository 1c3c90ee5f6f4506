import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import { isPending } from "../support/switching.ts";
import {
  answer,
  dialing,
  EMPTY,
  exchanged,
  GET,
  GET_WIRE,
  HELLO,
  manualStream,
  Recorder,
  rejection,
  streamOf,
} from "../support/client.ts";

test("a connection is ready at once, and once both messages of an exchange are over", async () => {
  const dialed = dialing();
  const { sender, server } = dialed;
  assert(sender.isReady && !sender.isClosed);
  await sender.ready();
  const sending = sender.send(GET);
  assert(!sender.isReady && !sender.isClosed);
  const ready = sender.ready();
  await answer(server, HELLO);
  const response = await sending;
  assert(await isPending(ready), "ready before the body was read");
  assertEquals(await response.body.text(), "hello");
  assert(sender.isReady);
  await ready;
});

test("a connection is ready when a response without a body has come", async () => {
  const { sender, server } = dialing();
  const answered = answer(server, EMPTY);
  await sender.send(GET);
  assert(sender.isReady);
  await answered;
});

test("a connection is not ready while the request is still on its way (hyper: client_flushing_is_not_ready_for_next_request)", async () => {
  const { sender, server } = dialing({}, duplexPair({ capacityBytes: 8, readBytes: 4 }));
  const sending = sender.send({ method: "POST", target: "/", body: "0123456789" });
  await server.read();
  await server.write(wire(EMPTY));
  const response = await sending;
  assert(response.body.over);
  assert(!sender.isReady);
  assert(await isPending(sender.ready()));
  const recorder = new Recorder(server);
  await sender.ready();
  await recorder.until("0123456789");
});

test("a connection is not ready while a stream is still being sent, and goes on after it", async () => {
  const { sender, server } = dialing();
  const recorder = new Recorder(server);
  const { stream, controller } = manualStream();
  const sending = sender.send({ method: "POST", target: "/", body: stream });
  controller.enqueue(wire("foo"));
  await recorder.until("foo¶");
  await server.write(wire(HELLO));
  assertEquals(await (await sending).body.text(), "hello");
  assert(!sender.isReady);
  controller.enqueue(wire("bar"));
  await recorder.until("bar¶");
  controller.close();
  await sender.ready();
  assert(recorder.received.endsWith("3¶foo¶3¶bar¶0¶¶"));
  const again = sender.send(GET);
  await recorder.until(GET_WIRE);
  await server.write(wire(EMPTY));
  assertEquals((await again).status, 200);
});

test("send() refuses a second request before the first is over, and gives it back untouched", async () => {
  const { sender, server } = dialing();
  const first = sender.send(GET);
  const request: OutgoingRequest = { method: "POST", target: "/2", body: streamOf("hello") };
  const error = await rejection(sender.send(request));
  assertInstanceOf(error, UnsentError);
  assertEquals(error.code, "unsent");
  assertStrictEquals(error.request, request);
  assertInstanceOf(error.cause, StateError);
  assertEquals(error.cause.code, "not-ready");
  assert(!(request.body as ReadableStream).locked);
  await answer(server, HELLO);
  assertEquals(await (await first).body.text(), "hello");
  const second = sender.send(error.request);
  const recorder = new Recorder(server);
  await recorder.until("0¶¶");
  await server.write(wire(EMPTY));
  assertEquals((await second).status, 200);
});

test("send() refuses a second request while the body of the first response is unread", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, HELLO);
  assertInstanceOf(await rejection(dialed.sender.send(GET)), UnsentError);
  await response.body.text();
  await exchanged(dialed);
});

const closing: readonly (readonly [what: string, fields: [string, string][], reusable: boolean])[] = [
  ["no Connection", [], true],
  ["Connection: close", [["Connection", "close"]], false],
  ["Connection: CLOSE", [["connection", "CLOSE"]], false],
  ["Connection: keep-alive, close", [["Connection", "keep-alive, close"]], false],
  ["two lines, the last one close", [["Connection", "keep-alive"], ["Connection", "close"]], false],
  ["two lines, the first one close", [["Connection", "close"], ["Connection", "keep-alive"]], false],
  ["Connection: closed", [["Connection", "closed"]], true],
];

for (const [what, fields, reusable] of closing) {
  test(`a request with ${what} ${reusable ? "is not" : "is"} the last one (RFC 9112 §9.6) [C2]`, async () => {
    const dialed = dialing();
    const { response } = await exchanged(dialed, HELLO, { ...GET, fields });
    assertEquals(await response.body.text(), "hello");
    await turns();
    assertEquals(dialed.sender.isReady, reusable);
    if (!reusable) assertEquals(await dialed.connection.closed, { reason: "shutdown" });
  });
}

test("a request of HTTP/1.0 is the last one unless it says otherwise (RFC 9112 §9.3)", async () => {
  for (const fields of [[], [["Connection", "keep-alive"]]] as [string, string][][]) {
    const dialed = dialing();
    await exchanged(dialed, EMPTY, { ...GET, version: "1.0", fields });
    await turns();
    assertEquals(dialed.sender.isReady, fields.length > 0);
  }
});

test("a connection that closes after a response ends its side and rejects what waits", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const sending = sender.send(GET);
  const ready = sender.ready();
  await recorder.until(GET_WIRE);
  await server.write(wire("HTTP/1.1 200 OK¶Connection: close¶Content-Length: 5¶¶hello"));
  assertEquals(await (await sending).body.text(), "hello");
  const error = await rejection(ready);
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "closed");
  assertEquals(await connection.closed, { reason: "shutdown" });
  assertEquals(await recorder.ended, GET_WIRE);
  assertEquals(recorder.cut, null);
  assert(sender.isClosed && !sender.isReady);
});

test("a closed connection hands requests back (hyper: test_try_send_request)", async () => {
  const { sender, connection } = dialing();
  await connection.gracefulShutdown();
  const request: OutgoingRequest = { method: "POST", target: "/", body: streamOf("hello") };
  const error = await rejection(sender.send(request));
  assertInstanceOf(error, UnsentError);
  assertStrictEquals(error.request, request);
  assertInstanceOf(error.cause, StateError);
  assertEquals(error.cause.code, "closed");
  assertEquals(await new Response(request.body as ReadableStream).text(), "hello");
  const notReady = await rejection(sender.ready());
  assertInstanceOf(notReady, StateError);
  assertEquals(notReady.code, "closed");
});

test("gracefulShutdown() ends an idle connection at once, in any order and number of calls", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const calls = [connection.gracefulShutdown(), connection.gracefulShutdown()];
  assert(sender.isClosed && !sender.isReady);
  assertEquals(await Promise.all(calls), [{ reason: "shutdown" }, { reason: "shutdown" }]);
  connection.abort(new Error("too late"));
  assertEquals(await connection.gracefulShutdown(), { reason: "shutdown" });
  assertEquals(await connection.closed, { reason: "shutdown" });
  assertEquals(await recorder.ended, "");
  assertEquals(recorder.cut, null);
});

test("gracefulShutdown() lets an exchange end, whatever it has come to", async () => {
  const steps = ["sent", "head", "body"] as const;
  for (const when of steps) {
    const { sender, connection, server } = dialing();
    const recorder = new Recorder(server);
    let over: Promise<unknown> | null = null;
    const shutDown = (step: string) => {
      if (step === when) over = connection.gracefulShutdown();
    };
    const sending = sender.send(GET);
    await recorder.until(GET_WIRE);
    const ready = sender.ready();
    shutDown("sent");
    if (when === "sent") assertInstanceOf(await rejection(ready), StateError);
    assertInstanceOf(await rejection(sender.send(GET)), UnsentError);
    await server.write(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶"));
    const response = await sending;
    shutDown("head");
    await server.write(wire("he"));
    await response.body.read();
    shutDown("body");
    assert(await isPending(over!), when);
    assert(sender.isClosed && !sender.isReady);
    await server.write(wire("llo"));
    assertEquals((await response.body.read())!.length, 3);
    assertEquals(await response.body.read(), null);
    assertEquals(await over, { reason: "shutdown" });
    assertEquals(await recorder.ended, GET_WIRE);
    assertEquals(recorder.cut, null);
  }
});

test("gracefulShutdown() lets a request end whose response came early", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const { stream, controller } = manualStream();
  const sending = sender.send({ method: "POST", target: "/", body: stream });
  controller.enqueue(wire("foo"));
  await recorder.until("foo¶");
  await server.write(wire(EMPTY));
  await sending;
  const over = connection.gracefulShutdown();
  assert(await isPending(over));
  controller.close();
  assertEquals(await over, { reason: "shutdown" });
  assert((await recorder.ended).endsWith("3¶foo¶0¶¶"));
  assertEquals(recorder.cut, null);
});

test("gracefulShutdown() lets a body that waits for a 100 go, and the rest of an unwanted response", async () => {
  const waiting = dialing({ clock: new FakeClock() });
  const recorder = new Recorder(waiting.server);
  const sending = waiting.sender.send({ ...GET, method: "POST", fields: [["Expect", "100-continue"]], body: "hello" });
  await recorder.until((soFar) => soFar.endsWith("¶¶"));
  const over = waiting.connection.gracefulShutdown();
  await waiting.server.write(wire("HTTP/1.1 100 Continue¶¶"));
  await recorder.until("¶¶hello");
  await waiting.server.write(wire(EMPTY));
  assertEquals((await sending).status, 200);
  assertEquals(await over, { reason: "shutdown" });
  assertEquals((await recorder.ended).endsWith("¶¶hello"), true);

  const draining = dialing({ clock: new FakeClock() });
  const { response } = await exchanged(draining, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
  response.body.cancel();
  const drained = draining.connection.gracefulShutdown();
  assert(await isPending(drained));
  await draining.server.write(wire("world"));
  assertEquals(await drained, { reason: "shutdown" });
  const seen = new Recorder(draining.server);
  await seen.ended;
  assertEquals(seen.cut, null);
});

test("disposing of an idle connection shuts it down, and of a busy one cuts it", async () => {
  const idle = dialing();
  const seen = new Recorder(idle.server);
  await idle.connection[Symbol.asyncDispose]();
  await idle.connection[Symbol.asyncDispose]();
  assertEquals(await idle.connection.closed, { reason: "shutdown" });
  await seen.ended;
  assertEquals(seen.cut, null);

  const busy = dialing();
  const recorder = new Recorder(busy.server);
  const outcome = rejection(busy.sender.send(GET));
  await recorder.until(GET_WIRE);
  await busy.connection[Symbol.asyncDispose]();
  const closed = await busy.connection.closed;
  assert(closed.reason === "error");
  assertStrictEquals(await outcome, closed.error);
  await recorder.ended;
  assert(recorder.cut !== null);
});

test("an idle connection has no timer", async () => {
  const clock = new FakeClock();
  const { sender, server } = dialing({ clock }, duplexPair({ capacityBytes: 1 }));
  assertEquals(clock.pending, 0);
  for (let i = 0; i < 2; i++) {
    const sending = sender.send({ method: "POST", target: "/", body: streamOf("foo", "bar") });
    await turns();
    assertEquals(clock.pending, 1, "nothing limits a write that the server does not take");
    await readUntil(server, "0¶¶");
    await server.write(wire(EMPTY));
    await sending;
    await sender.ready();
    assertEquals(clock.pending, 0);
  }
});

test("a connection leaves no timer behind, whatever ends it", async () => {
  const ends: readonly ((dialed: ReturnType<typeof dialing>) => Promise<unknown>)[] = [
    ({ connection }) => connection.gracefulShutdown(),
    ({ connection }) => connection[Symbol.asyncDispose](),
    ({ connection }) => Promise.resolve(connection.abort()),
    ({ server }) => server.closeWrite(),
    ({ server }) => server.write(wire("unasked")),
    ({ server }) => Promise.resolve(server.abort()),
  ];
  for (const end of ends) {
    const clock = new FakeClock();
    const dialed = dialing({ clock }, duplexPair({ capacityBytes: 1 }));
    const sending = dialed.sender.send({ method: "POST", target: "/", body: streamOf("foo", "bar") });
    await turns();
    const recorder = new Recorder(dialed.server);
    await recorder.until("0¶¶");
    await dialed.server.write(wire(EMPTY));
    await (await sending).body.text();
    await dialed.sender.ready();
    await end(dialed);
    await dialed.connection.closed;
    assertEquals(clock.pending, 0, String(end));
  }
});
