import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";
import {
  calling,
  expectText,
  isPending,
  rejectedFor,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const PLAIN_REQUEST: OutgoingRequest = { method: "GET", target: "/2", fields: [["Host", "a"]] };

/** Sends a request and answers it with raw bytes. */
async function answered(request: OutgoingRequest, reply: string, options = {}) {
  const { sender, connection, server } = calling(options);
  const sending = sender.send(request);
  const sent = await readUntil(server, "¶¶");
  await server.write(wire(reply));
  return { sent, sending, sender, connection, server };
}

const unacceptable: readonly { what: string; request: OutgoingRequest; reply: string }[] = [
  { what: "a 101 to a plain GET [R1, E9]", request: PLAIN_REQUEST, reply: SWITCHED },
  {
    what: "a 101 without Upgrade [R1, E9]",
    request: UPGRADE_REQUEST,
    reply: "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶¶",
  },
  { what: "a 101 with an empty Upgrade [R1, E9]", request: UPGRADE_REQUEST, reply: "HTTP/1.1 101 Go¶Upgrade:¶¶" },
  {
    what: "a 101 to another protocol [R1, E9]",
    request: UPGRADE_REQUEST,
    reply: "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: other¶¶",
  },
  {
    what: "a 101 to another version of the protocol [R1, E9]",
    request: UPGRADE_REQUEST,
    reply: "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: foobar/2¶¶",
  },
  {
    what: "a 101 to an offered protocol and another one [R1, E9]",
    request: UPGRADE_REQUEST,
    reply: "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: foobar, other¶¶",
  },
  { what: "a 101 from HTTP/1.0 [R5, E3]", request: UPGRADE_REQUEST, reply: SWITCHED.replace("1.1", "1.0") },
  {
    what: "a 101 to Upgrade without Connection: upgrade [R1, E9]",
    request: { ...UPGRADE_REQUEST, fields: [["Host", "a"], ["Upgrade", "foobar"]] },
    reply: SWITCHED,
  },
  {
    what: "a 101 to Upgrade in HTTP/1.0 [R1, E3]",
    request: { ...UPGRADE_REQUEST, version: "1.0" },
    reply: SWITCHED,
  },
  {
    what: "a 101 to CONNECT [T6]",
    request: { method: "CONNECT", target: "a:443", fields: [["Host", "a:443"]] },
    reply: SWITCHED,
  },
];
for (const { what, request, reply } of unacceptable) {
  test(`handshake() refuses ${what} and closes (RFC 9110 §7.8)`, async () => {
    const { sending, connection, server } = await answered(request, `${reply}EARLY`);
    const error = await assertRejects(() => sending, ProtocolError);
    assert(error instanceof ProtocolError && error.code === "unexpected-upgrade");
    assertEquals(await connection.closed, { reason: "error", error });
    await assertRejects(() => server.read());
  });
}

for (
  const { what, request, reply } of [
    {
      what: "to a plain GET (hyper conn::upgrade)",
      request: PLAIN_REQUEST,
      reply: "HTTP/1.1 101 Switching Protocols¶Upgrade: foobar¶¶",
    },
    { what: "without fields", request: UPGRADE_REQUEST, reply: "HTTP/1.1 101 Switching Protocols¶¶" },
    { what: "to another protocol", request: UPGRADE_REQUEST, reply: "HTTP/1.1 101 Go¶Upgrade: other¶¶" },
    { what: "from HTTP/1.0", request: UPGRADE_REQUEST, reply: SWITCHED.replace("1.1", "1.0") },
  ]
) {
  test(`handshake() takes a 101 ${what} as hyper does, if that is allowed [R1, R5]`, async () => {
    for (const options of [{ compat: "hyper" }, { leniency: { unaskedUpgrade: true } }] as const) {
      const { sending, connection } = await answered(request, `${reply}foobar=ready`, options);
      const response = await sending;
      const io = await onUpgrade(response);
      await expectText(io, "foobar=ready");
      assertEquals(io.protocol, response.fields.get("upgrade") ?? null);
      assertEquals(await connection.closed, { reason: "upgrade" });
    }
  });
}

test("handshake() refuses a 101 to CONNECT whatever is allowed [T6]", async () => {
  const request: OutgoingRequest = { method: "CONNECT", target: "a:443", fields: { host: "a:443" } };
  const { sending } = await answered(request, SWITCHED, { compat: "hyper" });
  await assertRejects(() => sending, ProtocolError);
});

test("handshake() gives a refused upgrade as an ordinary response and goes on [R2, E15]", async () => {
  const { sending, sender, connection, server } = await answered(
    UPGRADE_REQUEST,
    "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok",
  );
  const response = await sending;
  const rejected = await rejectedFor("refused", onUpgrade(response));
  assertEquals(rejected.status, 200);
  assertStrictEquals(rejected.response, response);
  assertEquals(await response.body.text(), "ok");
  await sender.ready();
  const next = sender.send(UPGRADE_REQUEST);
  await expectText(server, UPGRADE);
  await server.write(wire(`${SWITCHED}EARLY`));
  await expectText(await onUpgrade(await next), "EARLY");
  assertEquals(await connection.closed, { reason: "upgrade" });
});

for (
  const { reason, request } of [
    { reason: "no-connection-token", request: { ...UPGRADE_REQUEST, fields: { host: "a", upgrade: "foobar" } } },
    { reason: "http10", request: { ...UPGRADE_REQUEST, version: "1.0" } },
  ] as const
) {
  test(`onUpgrade() says ${reason} for a response to a request that proposed in vain [E3]`, async () => {
    const { sending } = await answered(request, "HTTP/1.1 200 OK¶Content-Length: 0¶¶");
    await rejectedFor(reason, onUpgrade(await sending));
  });
}

for (const field of ["Content-Length: 4", "Transfer-Encoding: chunked", "Content-Length: x", "Trailer: a"]) {
  test(`handshake() ignores ${field} in a 101 (RFC 9112 §6.3) [R3, B6]`, async () => {
    const { sending, server } = await answered(UPGRADE_REQUEST, SWITCHED.replace("¶¶", `¶${field}¶¶DATAmore`));
    const response = await sending;
    assertEquals(await response.body.text(), "");
    const io = await onUpgrade(response);
    await server.closeWrite();
    assertEquals(await readAll(io), "DATAmore");
  });
}

for (const method of ["HEAD", "OPTIONS", "POST"]) {
  test(`handshake() switches on ${method} as on GET [R6]`, async () => {
    const { sending } = await answered({ ...UPGRADE_REQUEST, method }, `${SWITCHED}EARLY`);
    await expectText(await onUpgrade(await sending), "EARLY");
  });
}

test("handshake() accepts the protocol in any case, and as one of several (RFC 9110 §7.8) [E9]", async () => {
  const request: OutgoingRequest = {
    ...UPGRADE_REQUEST,
    fields: [["Host", "a"], ["Upgrade", "foo/2, WebSocket"], ["Connection", "keep-alive, Upgrade"]],
  };
  for (const protocol of ["websocket", "FOO/2"]) {
    const reply = `HTTP/1.1 101 Switching Protocols¶upgrade: ${protocol}¶connection: Upgrade¶¶`;
    const { sending } = await answered(request, reply);
    assertEquals((await onUpgrade(await sending)).protocol, protocol);
  }
});

test("handshake() switches although the request or the 101 says close [U13]", async () => {
  const request: OutgoingRequest = {
    ...UPGRADE_REQUEST,
    fields: [["Host", "a"], ["Upgrade", "foobar"], ["Connection", "close, upgrade"]],
  };
  const { sending } = await answered(request, `${SWITCHED.replace("upgrade", "close, upgrade")}EARLY`);
  await expectText(await onUpgrade(await sending), "EARLY");
});

test("handshake() sends the whole request before it switches, also when the 101 comes early [E10]", async () => {
  const { sender, server } = calling();
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  const sending = sender.send({ ...UPGRADE_REQUEST, method: "POST", body: body.readable });
  await readUntil(server, "¶¶");
  await server.write(wire(`${SWITCHED}EARLY`));
  assert(await isPending(sending));
  writer.write(wire("slow"));
  await expectText(server, "4¶slow¶");
  assert(await isPending(sending));
  writer.close();
  await expectText(server, "0¶¶");
  const io = await onUpgrade(await sending);
  await io.write(wire("up"));
  await expectText(server, "up");
  await expectText(io, "EARLY");
});

for (const hint of ["a 100", "nothing"]) {
  test(`handshake() sends a held back body when ${hint} comes before the 101 (RFC 9110 §10.1.1) [U17]`, async () => {
    const { sender, server } = calling();
    const fields = [...UPGRADE_REQUEST.fields as [string, string][], ["Expect", "100-continue"]] as [string, string][];
    const sending = sender.send({ ...UPGRADE_REQUEST, method: "POST", fields, body: "hello" });
    await readUntil(server, "¶¶");
    if (hint === "a 100") {
      await server.write(wire("HTTP/1.1 100 Continue¶¶"));
      await expectText(server, "hello");
      await server.write(wire(SWITCHED));
    } else {
      await server.write(wire(SWITCHED));
      await expectText(server, "hello");
    }
    const io = await onUpgrade(await sending);
    await io.write(wire("up"));
    await expectText(server, "up");
  });
}

test("Sender.ready() and send() reject as soon as the connection has switched [R13]", async () => {
  const { sending, sender } = await answered(UPGRADE_REQUEST, SWITCHED);
  await sending;
  assert(sender.isClosed && !sender.isReady);
  const error = await assertRejects(() => sender.ready(), StateError);
  assert(error instanceof StateError && error.code === "closed");
  await assertRejects(() => sender.send(PLAIN_REQUEST), UnsentError);
});

test("Sender.ready() that waits rejects when the connection switches [R13]", async () => {
  const { sender, server } = calling();
  const sending = sender.send(UPGRADE_REQUEST);
  const ready = sender.ready();
  await readUntil(server, "¶¶");
  assert(await isPending(ready));
  await server.write(wire(SWITCHED));
  await sending;
  await assertRejects(() => ready, StateError);
});

test("IncomingResponse disposed without onUpgrade() closes the connection [R12]", async () => {
  const { sending, server } = await answered(UPGRADE_REQUEST, SWITCHED);
  const response = await sending;
  await response[Symbol.asyncDispose]();
  assertEquals(await server.read(), null);
});

test("IncomingResponse disposed leaves alone what withoutShutdown() has taken [R12, U20]", async () => {
  const { sender, connection, server } = calling();
  const taking = connection.withoutShutdown();
  const sending = sender.send(UPGRADE_REQUEST);
  await readUntil(server, "¶¶");
  await server.write(wire(SWITCHED));
  const response = await sending;
  const { io } = await taking;
  await response[Symbol.asyncDispose]();
  const writer = io.writable.getWriter();
  await writer.write(wire("up"));
  await expectText(server, "up");
});

for (const call of ["gracefulShutdown", "abort", "dispose"] as const) {
  test(`ClientConnection: ${call}() after the switch leaves the new protocol alone`, async () => {
    const { sending, connection, server } = await answered(UPGRADE_REQUEST, SWITCHED);
    const response = await sending;
    if (call === "gracefulShutdown") assertEquals(await connection.gracefulShutdown(), { reason: "upgrade" });
    else if (call === "abort") connection.abort();
    else await connection[Symbol.asyncDispose]();
    const io = await onUpgrade(response);
    await io.write(wire("up"));
    await expectText(server, "up");
    assertEquals(await connection.closed, { reason: "upgrade" });
  });
}
