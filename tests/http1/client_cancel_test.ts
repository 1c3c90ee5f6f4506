import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import { streamPair, transports } from "../support/switching.ts";
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

/** A signal that counts its listeners. */
class CountedAbort extends AbortController {
  listeners = 0;

  constructor() {
    super();
    const { signal } = this;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      this.listeners++;
      return addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      this.listeners--;
      return removeEventListener.apply(signal, args);
    };
  }
}

const REASONS: readonly unknown[] = [new Error("enough"), "a text", null];

test("send() rejects with the reason of a signal that has aborted before, and sends nothing", async () => {
  for (const reason of REASONS) {
    const dialed = dialing();
    const body = streamOf("hello");
    const sending = dialed.sender.send({ method: "POST", target: "/", body }, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await rejection(sending), reason);
    assert(dialed.sender.isReady);
    assert(!body.locked);
    assertEquals((await exchanged(dialed)).sent, GET_WIRE);
  }
});

interface Moment {
  readonly when: string;
  readonly request: () => OutgoingRequest;
  /** Goes on until the moment; what the server says after the request's head. */
  readonly response?: string;
  readonly transport?: () => ReturnType<typeof duplexPair>;
  readonly responseSeen?: boolean;
}

const silent = () => manualStream().stream;

const moments: readonly Moment[] = [
  { when: "before a response comes", request: () => GET },
  {
    when: "while a body waits for a 100",
    request: () => ({ ...GET, method: "POST", fields: [["Expect", "100-continue"]], body: "x" }),
  },
  { when: "while a body is silent", request: () => ({ method: "POST", target: "/", body: silent() }) },
  {
    when: "while the transport takes nothing",
    request: () => ({ method: "POST", target: "/", body: "x".repeat(100_000) }),
    transport: () => duplexPair({ capacityBytes: 100 }),
  },
  { when: "behind a 1xx", request: () => GET, response: "HTTP/1.1 103 Early Hints¶¶" },
  { when: "within a head", request: () => GET, response: "HTTP/1.1 200 OK¶Conte" },
];

for (const { when, request, response = "", transport = duplexPair } of moments) {
  test(`a signal ${when} rejects with its reason and cuts the connection`, async () => {
    for (const reason of REASONS) {
      const clock = new FakeClock();
      const { sender, connection, server } = dialing({ clock }, transport());
      const abort = new CountedAbort();
      const outcome = rejection(sender.send(request(), { signal: abort.signal }));
      assertEquals(abort.listeners, 1);
      await readUntil(server, (soFar) => soFar.includes("¶¶"));
      await server.write(wire(response));
      await turns();
      abort.abort(reason);
      assertStrictEquals(await outcome, reason);
      assertEquals(await connection.closed, { reason: "error", error: reason });
      assertEquals(abort.listeners, 0);
      assertEquals(clock.pending, 0);
      assert(sender.isClosed);
      const recorder = new Recorder(server);
      await recorder.ended;
      assertInstanceOf(recorder.cut, TransportError);
      assertEquals(recorder.cut.code, "reset");
    }
  });
}

test("a signal cancels the body that is being sent, with its reason", async () => {
  const reason = new Error("enough");
  for (const chunks of [[], ["foo"]]) {
    const { sender, server } = dialing();
    const { stream, controller, canceled } = manualStream();
    for (const chunk of chunks) controller.enqueue(wire(chunk));
    const abort = new AbortController();
    const outcome = rejection(sender.send({ ...GET, method: "POST", body: stream }, { signal: abort.signal }));
    if (chunks.length > 0) await readUntil(server, (soFar) => soFar.endsWith("foo¶"));
    abort.abort(reason);
    assertStrictEquals(await canceled, reason);
    assertStrictEquals(await outcome, reason);
    await turns();
    assert(!stream.locked);
  }
});

test("a signal ends a generator that is being sent", async () => {
  const { sender, server } = dialing();
  let ended = false;
  let go!: () => void;
  const waiting = new Promise<void>((resolve) => go = resolve);
  const body = (async function* () {
    try {
      yield wire("foo");
      await waiting;
      yield wire("bar");
    } finally {
      ended = true;
    }
  })();
  const abort = new AbortController();
  const outcome = rejection(sender.send({ ...GET, method: "POST", body }, { signal: abort.signal }));
  await readUntil(server, (soFar) => soFar.endsWith("foo¶"));
  abort.abort("enough");
  assertEquals(await outcome, "enough");
  go();
  await turns();
  assert(ended);
});

for (const { over, bytewise, open } of transports) {
  if (bytewise) continue;
  test(`a signal within a response body rejects every reader with its reason, over ${over}`, async () => {
    for (const reason of REASONS) {
      const { sender, connection, server } = dialing({}, open());
      const abort = new CountedAbort();
      const sending = sender.send(GET, { signal: abort.signal });
      await answer(server, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
      const { body } = await sending;
      const { trailers } = body;
      assertEquals((await body.read())!.length, 5);
      const read = body.read();
      const streamed = body.stream.getReader().read();
      await turns();
      abort.abort(reason);
      for (const reader of [read, streamed, body.read(), trailers, body.trailers]) {
        assertStrictEquals(await rejection(reader), reason);
      }
      assertEquals(await connection.closed, { reason: "error", error: reason });
      assertEquals(abort.listeners, 0);
    }
  });
}

test("a signal breaks a body that nobody is reading just now", async () => {
  const reason = new Error("enough");
  const { sender, connection, server } = dialing();
  const abort = new AbortController();
  const sending = sender.send(GET, { signal: abort.signal });
  await answer(server, HELLO);
  const { body } = await sending;
  abort.abort(reason);
  assertEquals(await connection.closed, { reason: "error", error: reason });
  assertStrictEquals(await rejection(body.text()), reason);
});

test("a signal counts while a request is still being sent behind its response", async () => {
  const reason = new Error("enough");
  const { sender, connection, server } = dialing();
  const abort = new CountedAbort();
  const { stream, canceled } = manualStream();
  const sending = sender.send({ ...GET, method: "POST", body: stream }, { signal: abort.signal });
  await answer(server, EMPTY);
  assert((await sending).body.over);
  assertEquals(abort.listeners, 1);
  abort.abort(reason);
  assertStrictEquals(await canceled, reason);
  assertEquals(await connection.closed, { reason: "error", error: reason });
  assertEquals(abort.listeners, 0);
});

test("a signal has no effect once its exchange is over, and no listener is left on it", async () => {
  const { sender, server } = dialing();
  const abort = new CountedAbort();
  for (let i = 0; i < 3; i++) {
    const sending = sender.send(GET, { signal: abort.signal });
    await answer(server, HELLO);
    const response = await sending;
    assertEquals(abort.listeners, 1);
    assertEquals(await response.body.text(), "hello");
    assertEquals(abort.listeners, 0);
  }
  const sending = sender.send(GET, { signal: abort.signal });
  await answer(server, EMPTY);
  await sending;
  assertEquals(abort.listeners, 0);
  abort.abort();
  await turns();
  assert(sender.isReady);
});

test("no listener is left on a signal whose exchange failed, was refused, or was canceled", async () => {
  const refused = new CountedAbort();
  const dialed = dialing();
  await rejection(dialed.sender.send({ ...GET, target: "" }, { signal: refused.signal }));
  assertEquals(refused.listeners, 0);

  const cut = new CountedAbort();
  const outcome = rejection(dialed.sender.send(GET, { signal: cut.signal }));
  const busy = new CountedAbort();
  await rejection(dialed.sender.send(GET, { signal: busy.signal }));
  assertEquals(busy.listeners, 0);
  dialed.server.abort();
  await outcome;
  assertEquals(cut.listeners, 0);

  const canceled = new CountedAbort();
  const other = dialing();
  const sending = other.sender.send(GET, { signal: canceled.signal });
  await answer(other.server, "HTTP/1.1 200 OK¶Connection: close¶Content-Length: 10¶¶hello");
  (await sending).body.cancel();
  await other.connection.closed;
  assertEquals(canceled.listeners, 0);
});

test("abort() fails what is under way with its reason, at every moment, once", async () => {
  const reason = new Error("enough");
  const idle = dialing();
  idle.connection.abort(reason);
  idle.connection.abort(new Error("later"));
  assertEquals(await idle.connection.closed, { reason: "error", error: reason });

  const sent = dialing();
  const outcome = rejection(sent.sender.send(GET));
  const ready = rejection(sent.sender.ready());
  sent.connection.abort(reason);
  assertStrictEquals(await outcome, reason);
  assertStrictEquals(await ready, reason);

  const reading = dialing();
  const { response } = await exchanged(reading, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
  await response.body.read();
  const read = rejection(response.body.read());
  reading.connection.abort(reason);
  assertStrictEquals(await read, reason);
});

test("abort() without a reason is a TransportError (hyper: dropped_conn_sends_incomplete_body_error)", async () => {
  const { connection } = dialing();
  connection.abort();
  const closed = await connection.closed;
  assert(closed.reason === "error");
  assertInstanceOf(closed.error, TransportError);
  assertEquals(closed.error.code, "closed");
});

test("cancel() of a response body lets the rest go by, if it is small, and the connection goes on", async () => {
  for (const give of ["cancel", "dispose", "stream", "loop"]) {
    const clock = new FakeClock();
    const dialed = dialing({ clock });
    const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
    if (give === "cancel") response.body.cancel();
    if (give === "dispose") await response[Symbol.asyncDispose]();
    if (give === "stream") await response.body.stream.cancel();
    if (give === "loop") { for await (const _ of response.body) break; }
    assert(!dialed.sender.isReady);
    await dialed.server.write(wire("world"));
    await dialed.sender.ready();
    await turns();
    assertEquals(clock.pending, 0);
    assertEquals((await exchanged(dialed)).sent, GET_WIRE);
  }
});

test("cancel() of a chunked body looks for its end", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶");
  response.body.cancel();
  await dialed.server.write(wire("6¶ world¶0¶a: b¶¶"));
  await dialed.sender.ready();
});

test("cancel() of a response body takes exactly the limit, and closes beyond it", async () => {
  for (const [rest, reusable] of [[100, true], [101, false]] as const) {
    const dialed = dialing({ maxDrainBytes: 100 });
    const { response } = await exchanged(dialed, `HTTP/1.1 200 OK¶Content-Length: ${rest + 5}¶¶hello`);
    await response.body.read();
    response.body.cancel();
    await dialed.server.write(new Uint8Array(rest)).catch(() => {});
    if (reusable) await dialed.sender.ready();
    else assertEquals(await dialed.connection.closed, { reason: "shutdown" });
  }
});

test("cancel() of a body that only the end of the connection ends closes it", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶¶hello");
  response.body.cancel();
  assertEquals(await dialed.connection.closed, { reason: "shutdown" });
  const recorder = new Recorder(dialed.server);
  await recorder.ended;
  assertEquals(recorder.cut, null);
});

test("cancel() of a body whose rest does not come closes the connection when time is up", async () => {
  const clock = new FakeClock();
  const dialed = dialing({ clock, closeTimeoutMs: 500 });
  const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
  const { trailers } = response.body;
  response.body.cancel();
  await clock.advance(499);
  assert(!dialed.sender.isClosed);
  await clock.advance(1);
  assertEquals(await dialed.connection.closed, { reason: "shutdown" });
  assertEquals(clock.pending, 0);
  const error = await rejection(trailers);
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "body-used");
});

test("cancel() of a body that breaks on the way closes the connection", async () => {
  for (const rest of ["x¶", null]) {
    const dialed = dialing();
    const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶");
    response.body.cancel();
    if (rest === null) await dialed.server.closeWrite();
    else await dialed.server.write(wire(rest));
    const closed = await dialed.connection.closed;
    assert(closed.reason === "error");
    assertInstanceOf(closed.error, ProtocolError);
  }
});

test("cancel() while a read is pending refuses that read and goes on", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶Content-Length: 5¶¶");
  const read = rejection(response.body.read());
  response.body.cancel();
  await dialed.server.write(wire("hello"));
  assertInstanceOf(await read, StateError);
  await dialed.sender.ready();
});

test("cancel() while the request is still being sent lets both messages end", async () => {
  const { sender, server } = dialing();
  const recorder = new Recorder(server);
  const { stream, controller } = manualStream();
  const sending = sender.send({ ...GET, method: "POST", body: stream });
  await turns();
  controller.enqueue(wire("foo"));
  await recorder.until((soFar) => soFar.endsWith("foo¶"));
  await server.write(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶"));
  (await sending).body.cancel();
  await server.write(wire("hello"));
  await turns();
  assert(!sender.isReady);
  controller.close();
  await sender.ready();
});

test("a response that is never read keeps the connection busy until it is disposed of", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, HELLO);
  await turns();
  assert(!dialed.sender.isReady && !dialed.sender.isClosed);
  await response[Symbol.asyncDispose]();
  await response[Symbol.asyncDispose]();
  await dialed.sender.ready();
  await response[Symbol.asyncDispose]();
  assert(dialed.sender.isReady);
});

test("disposing of a response that was read changes nothing", async () => {
  const dialed = dialing({}, streamPair());
  const { response } = await exchanged(dialed, HELLO);
  assertEquals(await response.body.text(), "hello");
  await response[Symbol.asyncDispose]();
  assertEquals(await response.body.read(), null);
  assert(dialed.sender.isReady);
});
