import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import { isPending, streamPair, transports } from "../support/switching.ts";
import { dialing, EMPTY, GET, GET_WIRE, HELLO, manualStream, Recorder, rejection } from "../support/client.ts";

const POST = "POST / HTTP/1.1¶transfer-encoding: chunked¶¶";
const TOO_LARGE = "HTTP/1.1 413 Content Too Large¶Connection: close¶Content-Length: 3¶¶big";

/** A body that never ends, and how much of it was taken. */
function endless(): { readonly stream: ReadableStream<Uint8Array>; readonly taken: () => number; canceled: boolean } {
  const chunk = new Uint8Array(1024);
  let taken = 0;
  const body = {
    stream: new ReadableStream<Uint8Array>({
      pull(controller): void {
        taken++;
        controller.enqueue(chunk);
      },
      cancel(): void {
        body.canceled = true;
      },
    }, { highWaterMark: 0 }),
    taken: () => taken,
    canceled: false,
  };
  return body;
}

for (const { over, open } of transports) {
  test(`a response that comes before the request is over lets it go on, over ${over} (hyper: early response)`, async () => {
    const { sender, server } = dialing({}, open());
    const recorder = new Recorder(server);
    const { stream, controller } = manualStream();
    const sending = sender.send({ method: "POST", target: "/", body: stream });
    controller.enqueue(wire("foo"));
    await recorder.until(`${POST}3¶foo¶`);
    const answered = server.write(wire(HELLO));
    const response = await sending;
    controller.enqueue(wire("bar"));
    await recorder.until(`${POST}3¶foo¶3¶bar¶`);
    assertEquals(await response.body.text(), "hello");
    await answered;
    controller.close();
    await sender.ready();
    await recorder.until(`${POST}3¶foo¶3¶bar¶0¶¶`);
    const again = sender.send(GET);
    await recorder.until(GET_WIRE);
    await server.write(wire(EMPTY));
    assertEquals((await again).status, 200);
  });
}

test("an exchange is a conversation: each chunk is answered before the next one is sent", async () => {
  const { sender, server } = dialing();
  const { stream, controller } = manualStream();
  const sending = sender.send({ method: "POST", target: "/", body: stream });
  controller.enqueue(wire("0"));
  await readUntil(server, "1¶0¶");
  await server.write(wire("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶"));
  const { body } = await sending;
  for (let i = 1; i < 20; i++) {
    await server.write(wire("1¶x¶"));
    assertEquals((await body.read())!.length, 1);
    controller.enqueue(wire(`${i % 10}`));
    await readUntil(server, `1¶${i % 10}¶`);
  }
  controller.close();
  await server.write(wire("0¶¶"));
  assertEquals(await body.read(), null);
  await sender.ready();
});

test("a last response stops the request at once, also while its source is silent (RFC 9112 §9.5) [C8]", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const { stream, controller, canceled } = manualStream();
  const sending = sender.send({ method: "POST", target: "/", body: stream });
  controller.enqueue(wire("foo"));
  await recorder.until(`${POST}3¶foo¶`);
  await server.write(wire(TOO_LARGE));
  const response = await sending;
  assertEquals(response.status, 413);
  assertInstanceOf(await canceled, Error);
  assertEquals(await response.body.text(), "big");
  assertEquals(await connection.closed, { reason: "shutdown" });
  assertEquals(await recorder.ended, `${POST}3¶foo¶`);
  assertEquals(recorder.cut, null);
});

test("a last response stops the request, and its body can be read long after", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const { stream, controller, canceled } = manualStream();
  const sending = sender.send({ method: "POST", target: "/", body: stream });
  controller.enqueue(wire("foo"));
  await recorder.until(`${POST}3¶foo¶`);
  await server.write(wire("HTTP/1.1 200 OK¶¶hello"));
  const { body } = await sending;
  await canceled;
  assert(await isPending(connection.closed));
  await server.write(wire(" world"));
  await server.closeWrite();
  assertEquals(await body.text(), "hello world");
  assertEquals(await connection.closed, { reason: "eof" });
});

test("a server that answers and stops reading does not hold the request up (RFC 9112 §9.5) [C8]", async () => {
  const clock = new FakeClock();
  const { sender, connection, server } = dialing({ clock }, duplexPair({ capacityBytes: 2048 }));
  const body = endless();
  const sending = sender.send({ method: "POST", target: "/", body: body.stream });
  await server.read();
  await turns();
  const { taken } = body;
  const before = taken();
  await server.write(wire(TOO_LARGE));
  const response = await sending;
  assertEquals(await response.body.text(), "big");
  assertEquals(await connection.closed, { reason: "shutdown" });
  await turns();
  assert(body.canceled);
  assertEquals(taken(), before);
  assertEquals(clock.pending, 0);
});

test("a server that answers and stops reading does not hold the request up, over streams [C8]", async () => {
  const { sender, connection, server } = dialing({ clock: new FakeClock() }, streamPair());
  const body = endless();
  const sending = sender.send({ method: "POST", target: "/", body: body.stream });
  await server.read();
  await server.write(wire(TOO_LARGE));
  const response = await sending;
  assertEquals(await response.body.text(), "big");
  assertEquals(await connection.closed, { reason: "shutdown" });
  await turns();
  assert(body.canceled);
});

for (const [how, leave] of [["closes", "close"], ["resets", "abort"]] as const) {
  test(`a server that answers, takes no more and ${how} has its response delivered (RFC 9112 §9.6) [C7]`, async () => {
    const { sender, connection, server } = dialing();
    const { stream, controller, canceled } = manualStream();
    const sending = sender.send({ method: "POST", target: "/", body: stream });
    controller.enqueue(wire("foo"));
    await readUntil(server, `${POST}3¶foo¶`);
    await server.write(wire("HTTP/1.1 413 Content Too Large¶Content-Length: 3¶¶big"));
    server[leave]();
    controller.enqueue(wire("bar"));
    const response = await sending;
    assertEquals(response.status, 413);
    assertEquals(await response.body.text(), "big");
    const reason = await canceled;
    assertInstanceOf(reason, TransportError);
    assertEquals(reason.code, "reset");
    assertEquals(await connection.closed, { reason: "error", error: reason });
    assert(sender.isClosed);
  });
}

test("a response behind which the transport takes no more is delivered in pieces as well [C7]", async () => {
  const { sender, connection, server } = dialing({}, duplexPair({ readBytes: 1 }));
  const body = endless();
  const sending = sender.send({ method: "POST", target: "/", body: body.stream });
  await server.read();
  await server.write(wire(TOO_LARGE));
  server.close();
  const response = await sending;
  assertEquals(response.status, 413);
  assertEquals(await response.body.text(), "big");
  await connection.closed;
  await turns();
  assert(body.canceled);
});

test("a request that nobody answers fails with what ended the connection, and so does its body", async () => {
  for (const [leave, expected] of [["close", "truncated"], ["abort", "reset"]] as const) {
    const { sender, connection, server } = dialing();
    const { stream, controller, canceled } = manualStream();
    const outcome = rejection(sender.send({ method: "POST", target: "/", body: stream }));
    controller.enqueue(wire("foo"));
    await readUntil(server, `${POST}3¶foo¶`);
    server[leave]();
    const error = await outcome;
    assert(error instanceof TransportError || error instanceof ProtocolError);
    assertEquals(error.code, expected);
    assertStrictEquals(await canceled, error);
    assertEquals(await connection.closed, { reason: "error", error });
  }
});

test("a server that half-closes while a request is open costs nothing until the body goes on (hyper #4085)", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const { stream, controller } = manualStream();
  const sending = sender.send({ method: "POST", target: "/", body: stream });
  controller.enqueue(wire("foo"));
  await recorder.until(`${POST}3¶foo¶`);
  await server.write(wire("HTTP/1.1 200 OK¶Content-Length: 2¶¶ok"));
  await server.closeWrite();
  assertEquals(await (await sending).body.text(), "ok");
  assert(await isPending(connection.closed));
  controller.enqueue(wire("bar"));
  controller.close();
  assertEquals(await connection.closed, { reason: "eof" });
  assertEquals(await recorder.ended, `${POST}3¶foo¶3¶bar¶0¶¶`);
  assertEquals(recorder.cut, null);
});

test("a body that fails after its response has come breaks the response, read or not", async () => {
  const reason = new Error("disk on fire");
  for (const reading of [true, false]) {
    const { sender, connection, server } = dialing();
    const recorder = new Recorder(server);
    const { stream, controller } = manualStream();
    const sending = sender.send({ method: "POST", target: "/", body: stream });
    controller.enqueue(wire("foo"));
    await recorder.until(`${POST}3¶foo¶`);
    await server.write(wire("HTTP/1.1 200 OK¶Content-Length: 9¶¶hello"));
    const { body } = await sending;
    if (reading) await body.read();
    const read = reading ? body.read() : null;
    controller.error(reason);
    assertEquals(await connection.closed, { reason: "error", error: reason });
    assertEquals(await (read ?? body.text()).then(() => null, (error) => error), reason);
    assertEquals(await recorder.ended, `${POST}3¶foo¶`);
    assert(recorder.cut !== null);
  }
});
