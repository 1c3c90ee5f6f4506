import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { handshake } from "../../src/http1/client_connection.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { FakeClock, turns, wire } from "../support/wire.ts";
import { transports } from "../support/switching.ts";
import { dialing, EMPTY, failing, HELLO, manualStream, Recorder, rejection, streamOf } from "../support/client.ts";

const HEAD = "POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶";
const FIXED = `${HEAD}content-length: 5¶¶`;
const STREAMED = `${HEAD}transfer-encoding: chunked¶¶`;

function expecting(body: OutgoingRequest["body"]): OutgoingRequest {
  return { method: "POST", target: "/", fields: [["Host", "a"], ["Expect", "100-continue"]], body };
}

for (const { over, open } of transports) {
  test(`send() holds a body back until a 100 comes, over ${over} (RFC 9110 §10.1.1) [D5]`, async () => {
    const { sender, server } = dialing({ clock: new FakeClock() }, open());
    const recorder = new Recorder(server);
    const sending = sender.send(expecting("hello"));
    await recorder.until(FIXED);
    await turns();
    assertEquals(recorder.received, FIXED);
    await server.write(wire("HTTP/1.1 100 Continue¶¶"));
    await recorder.until(`${FIXED}hello`);
    const answered = server.write(wire(HELLO));
    assertEquals(await (await sending).body.text(), "hello");
    await answered;
    await sender.ready();
  });
}

for (const body of ["hello", "a stream"]) {
  test(`send() sends ${body} after a 100, also where the answer comes along with it (RFC 9110 §10.1.1) [D5]`, async () => {
    const { sender, server } = dialing({ clock: new FakeClock() });
    const recorder = new Recorder(server);
    const sending = sender.send(expecting(body === "hello" ? body : streamOf("hello")));
    const head = body === "hello" ? FIXED : STREAMED;
    await recorder.until(head);
    const answered = server.write(wire(`HTTP/1.1 100 Continue¶¶${HELLO}`));
    await recorder.until(body === "hello" ? `${head}hello` : `${head}5¶hello¶0¶¶`);
    assertEquals(await (await sending).body.text(), "hello");
    await answered;
    await sender.ready();
  });
}

test("send() does not touch a stream before a 100 comes (RFC 9110 §10.1.1)", async () => {
  const { sender, server } = dialing({ clock: new FakeClock() });
  const recorder = new Recorder(server);
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller): void {
      if (++pulls === 1) controller.enqueue(wire("hello"));
      else controller.close();
    },
  }, { highWaterMark: 0 });
  const sending = sender.send(expecting(body));
  await recorder.until(STREAMED);
  await turns();
  assertEquals(pulls, 0);
  assert(!body.locked);
  await server.write(wire("HTTP/1.1 100 Continue¶¶"));
  await recorder.until(`${STREAMED}5¶hello¶0¶¶`);
  await server.write(wire(EMPTY));
  await sending;
  assert(sender.isReady);
});

test("send() goes on without a 100 when time is up (RFC 9110 §10.1.1) [D5]", async () => {
  const clock = new FakeClock();
  const { sender, server } = dialing({ clock, continueTimeoutMs: 700 });
  const recorder = new Recorder(server);
  const sending = sender.send(expecting("hello"));
  await recorder.until(FIXED);
  await clock.advance(699);
  assertEquals(recorder.received, FIXED);
  await clock.advance(1);
  assertEquals(recorder.received, `${FIXED}hello`);
  await server.write(wire(`HTTP/1.1 100 Continue¶¶${EMPTY}`));
  assertEquals((await sending).status, 200);
  assert(sender.isReady);
  assertEquals(clock.pending, 0);
});

test("send() waits a second for a 100, or without end if the limit is 0", async () => {
  for (const [options, patience] of [[{}, 1000], [{ continueTimeoutMs: 0 }, Infinity]] as const) {
    const clock = new FakeClock();
    const { sender, connection, server } = dialing({ clock, ...options });
    const recorder = new Recorder(server);
    sender.send(expecting("hello")).catch(() => {});
    await recorder.until(FIXED);
    await clock.advance(999);
    assertEquals(recorder.received, FIXED);
    await clock.advance(1_000_000);
    assertEquals(recorder.received, patience === Infinity ? FIXED : `${FIXED}hello`);
    connection.abort();
  }
});

test("send() does not send a body after a final response instead of the 100, and closes (RFC 9110 §10.1.1) [D5]", async () => {
  const clock = new FakeClock();
  const { sender, connection, server } = dialing({ clock });
  const recorder = new Recorder(server);
  const { stream, canceled } = manualStream();
  const sending = sender.send(expecting(stream));
  await recorder.until(STREAMED);
  await server.write(wire("HTTP/1.1 403 Forbidden¶Content-Length: 2¶¶no"));
  const response = await sending;
  assertEquals(response.status, 403);
  assertEquals(await response.body.text(), "no");
  assert(await canceled instanceof Error);
  assertEquals(await connection.closed, { reason: "shutdown" });
  assertEquals(await recorder.ended, STREAMED);
  assertEquals(clock.pending, 0);
});

test("send() leaves a stream untouched after a 417: the request is to be repeated without Expect (RFC 9110 §10.1.1) [D5]", async () => {
  const { sender, connection, server } = dialing({ clock: new FakeClock() });
  const recorder = new Recorder(server);
  const body = streamOf("hello");
  const sending = sender.send(expecting(body));
  await recorder.until(STREAMED);
  await server.write(wire("HTTP/1.1 417 Expectation Failed¶Content-Length: 0¶¶"));
  assertEquals((await sending).status, 417);
  assertEquals(await connection.closed, { reason: "shutdown" });
  assertEquals(await recorder.ended, STREAMED);
  assert(!body.locked);
  assertEquals(await new Response(body).text(), "hello");
});

test("send() cancels a stream that had begun when a 417 comes too late", async () => {
  const clock = new FakeClock();
  const { sender, connection, server } = dialing({ clock });
  const recorder = new Recorder(server);
  const { stream, controller, canceled } = manualStream();
  controller.enqueue(wire("hello"));
  const sending = sender.send(expecting(stream));
  await recorder.until(STREAMED);
  await clock.advance(1000);
  assertEquals(recorder.received, `${STREAMED}5¶hello¶`);
  await server.write(wire("HTTP/1.1 417 Expectation Failed¶Connection: close¶Content-Length: 0¶¶"));
  assertEquals((await sending).status, 417);
  await canceled;
  assertEquals(await connection.closed, { reason: "shutdown" });
});

test("send() does not wait where there is no body to hold back (RFC 9110 §10.1.1) [D5]", async () => {
  const bodies: readonly (readonly [OutgoingRequest["body"], string])[] = [
    [undefined, `${HEAD}¶`],
    [null, `${HEAD}¶`],
    ["", `${HEAD}content-length: 0¶¶`],
  ];
  for (const [body, sent] of bodies) {
    const clock = new FakeClock();
    const { sender, server } = dialing({ clock });
    const recorder = new Recorder(server);
    const sending = sender.send(expecting(body));
    await recorder.until(sent);
    await server.write(wire(EMPTY));
    assertEquals((await sending).status, 200);
    assert(sender.isReady, "closed for a body that was never owed");
    assertEquals(clock.pending, 0);
  }
});

test("send() knows the expectation in any case, and no other", async () => {
  const expectations: readonly (readonly [[string, string], boolean])[] = [
    [["EXPECT", "100-Continue"], true],
    [["Expect", "200-ok"], false],
    [["Expected", "100-continue"], false],
  ];
  for (const [field, waits] of expectations) {
    const { sender, connection, server } = dialing({ clock: new FakeClock() });
    const recorder = new Recorder(server);
    sender.send({ method: "POST", target: "/", fields: [field], body: "hello" }).catch(() => {});
    await recorder.until((soFar) => soFar.includes("¶¶"));
    await turns();
    assertEquals(recorder.received.endsWith("hello"), !waits, field.join(": "));
    connection.abort();
  }
});

test("send() takes a 100 that nobody waits for, and more than one (RFC 9110 §15.2.1)", async () => {
  const { sender, server } = dialing({ clock: new FakeClock() });
  const recorder = new Recorder(server);
  for (const request of [expecting("hello"), { ...expecting("hello"), fields: [] }]) {
    const sending = sender.send(request);
    await recorder.until((soFar) => soFar.includes("¶¶"));
    await server.write(wire("HTTP/1.1 100 Continue¶¶HTTP/1.1 100 Continue¶¶"));
    await recorder.until("hello");
    await server.write(wire(`HTTP/1.1 100 Continue¶¶${EMPTY}`));
    assertEquals((await sending).status, 200);
    assert(sender.isReady);
  }
});

test("send() is told of another 1xx while a body is held back, and holds on", async () => {
  const { sender, server } = dialing({ clock: new FakeClock() });
  const recorder = new Recorder(server);
  const seen: number[] = [];
  const sending = sender.send(expecting("hello"), { onInformational: ({ status }) => void seen.push(status) });
  await recorder.until(FIXED);
  await server.write(wire("HTTP/1.1 102 Processing¶¶"));
  await turns();
  assertEquals(recorder.received, FIXED);
  await server.write(wire("HTTP/1.1 100 Continue¶¶"));
  await recorder.until(`${FIXED}hello`);
  await server.write(wire(EMPTY));
  await sending;
  assertEquals(seen, [102, 100]);
});

test("send() gives up a held-back body with its connection", async () => {
  const reason = new Error("gone");
  const ends: readonly ((dialed: ReturnType<typeof dialing>) => void)[] = [
    ({ connection }) => connection.abort(reason),
    ({ server }) => server.abort(reason),
    ({ server }) => void server.close(),
  ];
  for (const end of ends) {
    const clock = new FakeClock();
    const dialed = dialing({ clock });
    const recorder = new Recorder(dialed.server);
    const { stream, canceled } = manualStream();
    const outcome = rejection(dialed.sender.send(expecting(stream)));
    await recorder.until(STREAMED);
    end(dialed);
    const error = await outcome;
    assertStrictEquals(await canceled, error);
    assertEquals(await dialed.connection.closed, { reason: "error", error });
    assertEquals(clock.pending, 0);
  }
});

test("send() and serveConnection() agree on 100-continue [D1, D5]", async () => {
  const [near, far] = duplexPair();
  const clock = new FakeClock();
  serveConnection(far, async (request) => {
    if (request.target === "/refused") return { status: 413 };
    return { status: 200, body: await request.body.text() };
  }, { clock });
  const { sender, connection } = handshake(near, { clock });
  for (const body of ["hello", streamOf("hello")]) {
    const response = await sender.send(expecting(body));
    assertEquals(await response.body.text(), "hello");
  }
  const { stream, canceled } = manualStream();
  const refused = await sender.send({ ...expecting(stream), target: "/refused" });
  assertEquals(refused.status, 413);
  await canceled;
  await connection.closed;
});

test("send() fails with what a held-back body fails with once it may go", async () => {
  const reason = new Error("disk on fire");
  const clock = new FakeClock();
  const failingLater = failing(
    expecting((async function* () {
      yield wire("foo");
      throw reason;
    })()),
    { clock },
  );
  await turns();
  await clock.advance(1000);
  const { error, sent } = await failingLater;
  assertStrictEquals(error, reason);
  assertEquals(sent, `${STREAMED}3¶foo¶`);
});
