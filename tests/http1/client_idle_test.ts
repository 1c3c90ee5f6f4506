import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { turns, wire } from "../support/wire.ts";
import { transports } from "../support/switching.ts";
import {
  answer,
  type Dialed,
  dialing,
  EMPTY,
  exchanged,
  GET,
  GET_WIRE,
  HELLO,
  Recorder,
  rejection,
} from "../support/client.ts";

/** The two moments at which a connection waits for its next request. */
const moments: readonly (readonly [when: string, reach: (dialed: Dialed) => Promise<unknown>])[] = [
  ["before the first request", () => Promise.resolve()],
  ["between requests", async (dialed) => {
    const { response } = await exchanged(dialed, HELLO);
    await response.body.text();
    await dialed.sender.ready();
  }],
];

async function refusal(dialed: Dialed): Promise<unknown> {
  const error = await rejection(dialed.sender.send(GET));
  assertInstanceOf(error, UnsentError);
  assertStrictEquals(error.request, GET);
  return error.cause;
}

for (const [when, reach] of moments) {
  for (const { over, bytewise, open } of transports) {
    if (bytewise) continue;
    test(`a server that leaves ${when} ends the connection, and requests are handed back, over ${over}`, async () => {
      const dialed = dialing({}, open());
      await reach(dialed);
      await dialed.server.closeWrite();
      assertEquals(await dialed.connection.closed, { reason: "eof" });
      assert(dialed.sender.isClosed && !dialed.sender.isReady);
      const cause = await refusal(dialed);
      assertInstanceOf(cause, StateError);
      assertEquals(cause.code, "closed");
    });

    test(`a server that cuts the connection ${when} fails it, and requests are handed back, over ${over}`, async () => {
      const dialed = dialing({}, open());
      await reach(dialed);
      dialed.server.abort();
      const closed = await dialed.connection.closed;
      assert(closed.reason === "error");
      assertInstanceOf(closed.error, TransportError);
      if (over === "channels") assertEquals(closed.error.code, "reset");
      assertStrictEquals(await refusal(dialed), closed.error);
    });

    test(`bytes ${when} are no response: the connection closes, over ${over} (RFC 9112 §9.2) [B15]`, async () => {
      const dialed = dialing({}, open());
      await reach(dialed);
      await dialed.server.write(wire(EMPTY));
      const closed = await dialed.connection.closed;
      assert(closed.reason === "error");
      assertInstanceOf(closed.error, ProtocolError);
      assertEquals(closed.error.code, "unexpected-message");
      assertStrictEquals(await refusal(dialed), closed.error);
      const recorder = new Recorder(dialed.server);
      assertEquals(await recorder.ended, "");
      assert(recorder.cut !== null);
    });
  }

  test(`bytes that come ${when}, just before a request, are not its response (hyper: client_read_bytes_before_writing_request) [B15]`, async () => {
    const dialed = dialing();
    await reach(dialed);
    dialed.server.write(wire(HELLO));
    await Promise.resolve();
    const cause = await refusal(dialed);
    assertInstanceOf(cause, ProtocolError);
    assertEquals(cause.code, "unexpected-message");
  });

  test(`ready() rejects once a server has left ${when}`, async () => {
    const dialed = dialing();
    await reach(dialed);
    await dialed.server.closeWrite();
    await dialed.connection.closed;
    assertInstanceOf(await rejection(dialed.sender.ready()), StateError);
  });
}

test("bytes that come together with a response, beyond its end, are no response (hyper: client_pipeline_responses_extra) [B15]", async () => {
  const extras: readonly (readonly [response: string, extra: string])[] = [
    [HELLO, HELLO],
    [EMPTY, EMPTY],
    [EMPTY, "¶"],
    [HELLO, " world"],
    ["HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶", "0¶¶"],
    ["HTTP/1.1 204 No Content¶¶", "x"],
    [EMPTY, "HTTP/1.1 100 Continue¶¶"],
  ];
  for (const [response, extra] of extras) {
    const { sender, connection, server } = dialing();
    const answered = answer(server, response + extra);
    const received = await sender.send(GET);
    await received.body.text();
    await answered;
    const closed = await connection.closed;
    assert(closed.reason === "error", extra);
    assertInstanceOf(closed.error, ProtocolError);
    assertEquals(closed.error.code, "unexpected-message", extra);
    assertInstanceOf(await rejection(sender.send(GET)), UnsentError);
  }
});

test("bytes that come beyond a response to HEAD are no body and no response [B6, B15]", async () => {
  const { sender, connection, server } = dialing();
  const answered = answer(server, "HTTP/1.1 200 OK¶content-Length: 11¶¶Hello World");
  const response = await sender.send({ ...GET, method: "HEAD" });
  assertEquals(await response.body.text(), "");
  await answered;
  const closed = await connection.closed;
  assert(closed.reason === "error" && closed.error instanceof ProtocolError);
  assertEquals(closed.error.code, "unexpected-message");
});

test("a server that leaves right behind a response ends the connection", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, HELLO);
  await dialed.server.closeWrite();
  assertEquals(await response.body.text(), "hello");
  assertEquals(await dialed.connection.closed, { reason: "eof" });
  assertInstanceOf(await rejection(dialed.sender.send(GET)), UnsentError);
});

test("a server that leaves while a request is on its way fails it with truncated, not as unsent", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const outcome = rejection(sender.send(GET));
  await recorder.until(GET_WIRE);
  await server.closeWrite();
  const error = await outcome;
  assertInstanceOf(error, ProtocolError);
  assertEquals(error.code, "truncated");
  assertEquals(await connection.closed, { reason: "error", error });
});

test("an ended connection ends our side as well and lets the server's last words go", async () => {
  const { connection, server } = dialing();
  const recorder = new Recorder(server);
  await server.closeWrite();
  await connection.closed;
  assertEquals(await recorder.ended, "");
  assertEquals(recorder.cut, null);
});

test("an idle connection that nobody looks at leaves no error to nobody", async () => {
  for (
    const leave of [
      (dialed: Dialed) => dialed.server.closeWrite(),
      (dialed: Dialed) => Promise.resolve(dialed.server.abort()),
      (dialed: Dialed) => dialed.server.write(wire("x")),
      (dialed: Dialed) => Promise.resolve(dialed.connection.abort(new Error("unseen"))),
    ]
  ) {
    const dialed = dialing();
    await leave(dialed);
    await turns();
    assert(dialed.sender.isClosed);
  }
});
