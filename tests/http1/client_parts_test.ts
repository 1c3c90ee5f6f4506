import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { type ClientConnection, handshake } from "../../src/http1/client_connection.ts";
import type { Parts } from "../../src/http1/parts.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import type { ByteChannel, Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { holdChannel } from "../../src/duplex/hold_channel.ts";
import { readUntil, text, turns, wire } from "../support/wire.ts";
import { expectText, isPending, streamPair, transports } from "../support/switching.ts";
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
} from "../support/client.ts";

const LAST = "HTTP/1.1 200 OK¶Connection: close¶Content-Length: 5¶¶hello";

/** The transports without those that go byte by byte: nothing is left over there. */
const whole = transports.filter(({ bytewise }) => !bytewise);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  assert(error instanceof StateError || error instanceof ProtocolError, `unexpected ${error}`);
  return error.code;
}

/** Speaks in both directions over what was given back. */
async function speak({ io }: Parts, server: ReturnType<typeof holdChannel>): Promise<void> {
  const channel = holdChannel(io);
  const there = channel.write(wire("foo=bar"));
  await expectText(server, "foo=bar");
  await there;
  const back = server.write(wire("bar=foo"));
  await expectText(channel, "bar=foo");
  await back;
}

for (const { over, open } of whole) {
  test(`withoutShutdown() gives the transport back behind a last response, with what came along, over ${over} [S4]`, async () => {
    const ends = open();
    const { sender, connection, server } = dialing({}, ends);
    const parts = connection.withoutShutdown();
    const answered = answer(server, `${LAST}more`);
    const response = await sender.send({ ...GET, fields: [["Host", "a"]] });
    assert(await isPending(parts));
    assertThrows(() => connection.intoParts(), StateError);
    assertEquals(await response.body.text(), "hello");
    await answered;
    const given = await parts;
    assertStrictEquals(given.io, ends[0]);
    assertEquals(text(given.readBuf), "more");
    assertEquals(given.ended, false);
    assertStrictEquals(connection.intoParts(), given);
    assertStrictEquals(await connection.withoutShutdown(), given);
    assertEquals(await connection.closed, { reason: "shutdown" });
    await speak(given, server);
  });

  test(`withoutShutdown() gives the transport of an idle connection back when it is shut down, over ${over} [S3, S4]`, async () => {
    for (const used of [false, true]) {
      const ends = open();
      const dialed = dialing({}, ends);
      if (used) await (await exchanged(dialed, HELLO)).response.body.text();
      const parts = dialed.connection.withoutShutdown();
      assertEquals(await dialed.connection.gracefulShutdown(), { reason: "shutdown" });
      const given = await parts;
      assertStrictEquals(given.io, ends[0]);
      assertEquals(given.readBuf.length, 0);
      assertEquals(given.ended, false);
      assert(dialed.sender.isClosed);
      await speak(given, dialed.server);
    }
  });

  test(`withoutShutdown() gives the transport back when the server has ended its side, over ${over} [S4]`, async () => {
    const dialed = dialing({}, open());
    const parts = dialed.connection.withoutShutdown();
    await exchanged(dialed, EMPTY);
    await dialed.server.closeWrite();
    const given = await parts;
    assertEquals(given.readBuf.length, 0);
    assertEquals(given.ended, true);
    assertEquals(await dialed.connection.closed, { reason: "eof" });
    const channel = holdChannel(given.io);
    assertEquals(await channel.read(), null);
    const there = channel.write(wire("still here"));
    await expectText(dialed.server, "still here");
    await there;
  });

  test(`withoutShutdown() gives the transport back behind a body that the end of the connection ends, over ${over}`, async () => {
    const dialed = dialing({}, open());
    const parts = dialed.connection.withoutShutdown();
    const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶¶hello");
    await dialed.server.closeWrite();
    assertEquals(await response.body.text(), "hello");
    const given = await parts;
    assertEquals(given.ended, true);
    assertEquals(given.readBuf.length, 0);
  });
}

test("withoutShutdown() may be called within an exchange, and waits for its end", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, HELLO);
  const parts = dialed.connection.withoutShutdown();
  dialed.connection.gracefulShutdown();
  assert(await isPending(parts));
  assertEquals(await response.body.text(), "hello");
  await speak(await parts, dialed.server);
});

test("withoutShutdown() lets requests go on until the connection is shut down", async () => {
  const dialed = dialing();
  const parts = dialed.connection.withoutShutdown();
  for (let i = 0; i < 3; i++) await (await exchanged(dialed, HELLO)).response.body.text();
  assert(await isPending(parts));
  dialed.connection.gracefulShutdown();
  await speak(await parts, dialed.server);
});

test("withoutShutdown() gives nothing back of a connection that is over", async () => {
  const shut = dialing();
  await shut.connection.gracefulShutdown();
  assertEquals(await codeOf(shut.connection.withoutShutdown()), "closed");
  assertThrows(() => shut.connection.intoParts(), StateError);

  const failed = dialing();
  failed.connection.abort(new Error("enough"));
  assertEquals(await codeOf(failed.connection.withoutShutdown()), "closed");
});

test("withoutShutdown() rejects with what the connection fails with, and its transport is cut", async () => {
  const reason = new Error("enough");
  const failures: readonly ((connection: ClientConnection, server: ReturnType<typeof holdChannel>) => unknown)[] = [
    (connection) => connection.abort(reason),
    (_, server) => server.write(wire("unasked")),
    (_, server) => server.abort(reason),
  ];
  for (const fail of failures) {
    const { connection, server } = dialing();
    const parts = connection.withoutShutdown();
    await fail(connection, server);
    const closed = await connection.closed;
    assert(closed.reason === "error");
    assertStrictEquals(await rejection(parts), closed.error);
    const recorder = new Recorder(server);
    await recorder.ended;
    assert(recorder.cut !== null);
  }
});

test("withoutShutdown() gives nothing back in the middle of a message", async () => {
  const canceled = dialing({ maxDrainBytes: 2 });
  const parts = canceled.connection.withoutShutdown();
  const { response } = await exchanged(canceled, "HTTP/1.1 200 OK¶Content-Length: 100¶¶hello");
  response.body.cancel();
  assertEquals(await codeOf(parts), "closed");
  assertEquals(await canceled.connection.closed, { reason: "shutdown" });

  const writing = dialing({}, duplexPair({ capacityBytes: 64, readBytes: 16 }));
  const stuck = writing.connection.withoutShutdown();
  const sending = writing.sender.send({ ...GET, method: "POST", body: "x".repeat(1000) });
  await writing.server.read();
  await writing.server.write(wire("HTTP/1.1 413 Too Large¶Connection: close¶Content-Length: 0¶¶"));
  assertEquals((await sending).status, 413);
  assertEquals(await codeOf(stuck), "closed");
});

test("withoutShutdown() gives nothing back of a transport whose pending read cannot be withdrawn", async () => {
  const [near, far] = duplexPair();
  const plain: Duplex & ByteChannel = {
    readable: near.readable,
    writable: near.writable,
    read: () => near.read(),
    write: (bytes) => near.write(bytes),
    closeWrite: () => near.closeWrite(),
    abort: (reason) => near.abort(reason),
  };
  const { connection } = handshake(plain);
  const parts = connection.withoutShutdown();
  assertEquals(await connection.gracefulShutdown(), { reason: "shutdown" });
  assertEquals(await codeOf(parts), "closed");
  const recorder = new Recorder(far);
  await recorder.ended;
});

test("withoutShutdown() unlocks the streams, and HTTP can begin anew on them", async () => {
  const [near, far] = streamPair();
  const server = holdChannel(far);
  for (let i = 0; i < 3; i++) {
    const { sender, connection } = handshake(near);
    assert(near.readable.locked && near.writable.locked);
    const answered = answer(server, HELLO);
    assertEquals(await (await sender.send(GET)).body.text(), "hello");
    await answered;
    const parts = connection.withoutShutdown();
    connection.gracefulShutdown();
    assertStrictEquals((await parts).io, near);
    assert(!near.readable.locked && !near.writable.locked);
  }
});

test("withoutShutdown() that nobody waits for leaves no error to nobody", async () => {
  const { connection } = dialing();
  connection.withoutShutdown();
  connection.abort(new Error("unseen"));
  await turns();
});

test("handshake() refuses a locked stream and locks none", () => {
  const [near] = streamPair();
  const reader = near.readable.getReader();
  assertThrows(() => handshake(near), TypeError);
  assert(!near.writable.locked);
  reader.releaseLock();
  const writer = near.writable.getWriter();
  assertThrows(() => handshake(near), TypeError);
  assert(!near.readable.locked);
  writer.releaseLock();
  handshake(near).connection.abort();
});

test("HTTP runs inside a tunnel: over what withoutShutdown() and a last response leave", async () => {
  const { sender, connection, server } = dialing();
  const parts = connection.withoutShutdown();
  const answered = answer(server, LAST);
  await (await sender.send(GET)).body.text();
  await answered;
  const inner = handshake((await parts).io);
  const again = inner.sender.send({ ...GET, target: "/inner" });
  assertEquals(await readUntil(server, "¶¶"), GET_WIRE.replace("/", "/inner"));
  await server.write(wire(HELLO));
  assertEquals(await (await again).body.text(), "hello");
});

test("a request that is still being sent when its last response is over ends with the parts", async () => {
  const dialed = dialing();
  const parts = dialed.connection.withoutShutdown();
  const { stream, canceled } = manualStream();
  const { response } = await exchanged(dialed, LAST, { ...GET, method: "POST", body: stream });
  await response.body.text();
  assertInstanceOf(await canceled, StateError);
  assertEquals((await parts).ended, false);
});
