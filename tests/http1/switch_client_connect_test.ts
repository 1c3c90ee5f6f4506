import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { ResponseHead } from "../../src/semantics/message.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { everyCut, readAll, readUntil, wire } from "../support/wire.ts";
import {
  calling,
  CONNECT,
  CONNECT_REQUEST,
  CONNECTED,
  expectText,
  isPending,
  OK,
  rejectedFor,
} from "../support/switching.ts";

/** Sends a CONNECT and answers it with raw bytes. */
async function answered(reply: string, request: OutgoingRequest = CONNECT_REQUEST, options = {}) {
  const { sender, connection, server } = calling(options);
  const sending = sender.send(request);
  const sent = await readUntil(server, "¶¶");
  await server.write(wire(reply));
  return { sent, sending, sender, connection, server };
}

test("handshake() opens a tunnel with CONNECT and reads what is behind the 200 first [F1, F4, E8]", async () => {
  const { sent, sending, connection, server } = await answered(`${CONNECTED}EARLY`);
  assertEquals(sent, CONNECT);
  const response = await sending;
  assertEquals(await response.body.text(), "");
  const io = await onUpgrade(response);
  assertEquals(io.protocol, null);
  assertEquals((io.head as ResponseHead).status, 200);
  await expectText(io, "EARLY");
  assertEquals(await connection.closed, { reason: "upgrade" });
  await io.write(wire("up"));
  await expectText(server, "up");
});

test("handshake() understands a 200 to CONNECT that is cut anywhere, with the bytes behind it [H4, E8]", async () => {
  for (const { how, chunks } of everyCut(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶helloEARLY"))) {
    const { sender, server } = calling();
    const sending = sender.send(CONNECT_REQUEST);
    await readUntil(server, "¶¶");
    for (const chunk of chunks) await server.write(chunk);
    const io = await onUpgrade(await sending);
    await server.closeWrite();
    assertEquals(await readAll(io), "helloEARLY", how);
  }
});

for (
  const field of [
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Content-Length: x",
    "Content-Length: 5¶Content-Length: 6",
    "Content-Length: 5¶Transfer-Encoding: chunked",
  ]
) {
  test(`handshake() ignores ${field} in a 2xx to CONNECT, and shows it (RFC 9110 §9.3.6) [R7, F4]`, async () => {
    const { sending, server } = await answered(`HTTP/1.1 200 OK¶${field}¶¶hello`);
    const response = await sending;
    assertEquals(await response.body.text(), "");
    const [name, value] = field.split("¶")[0]!.split(": ") as [string, string];
    assertEquals(response.fields.get(name)?.startsWith(value), true);
    const io = await onUpgrade(response);
    await server.closeWrite();
    assertEquals(await readAll(io), "hello");
  });
}

for (
  const head of [
    "HTTP/1.1 201 Created",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 299 ",
    "HTTP/1.0 200 Connection established",
    "HTTP/1.1 200",
    "HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶¶HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK¶Connection: close",
    "HTTP/1.1 200 OK¶Connection: upgrade¶Upgrade: x",
  ]
) {
  test(`handshake() opens a tunnel with ${head} (RFC 9110 §9.3.6) [R8, R9, F5]`, async () => {
    const { sending, connection } = await answered(`${head}¶¶DATA`);
    const io = await onUpgrade(await sending);
    assertEquals(io.protocol, null);
    await expectText(io, "DATA");
    assertEquals(await connection.closed, { reason: "upgrade" });
  });
}

test("handshake() gives a 407 with its body and sends again on the same connection [R10]", async () => {
  const refusal = "HTTP/1.1 407 Proxy Authentication Required¶Proxy-Authenticate: Basic¶Content-Length: 2¶¶no";
  const { sending, sender, server, connection } = await answered(refusal);
  const response = await sending;
  const rejected = await rejectedFor("refused", onUpgrade(response));
  assertEquals(rejected.status, 407);
  assertStrictEquals(rejected.response, response);
  assertEquals(await response.body.text(), "no");
  await sender.ready();
  const again = sender.send({
    ...CONNECT_REQUEST,
    fields: [["Host", "a:443"], ["Proxy-Authorization", "Basic eDp5"]],
  });
  await expectText(server, `${CONNECT.slice(0, -1)}Proxy-Authorization: Basic eDp5¶¶`);
  await server.write(wire(`${CONNECTED}EARLY`));
  await expectText(await onUpgrade(await again), "EARLY");
  assertEquals(await connection.closed, { reason: "upgrade" });
});

test("handshake() sends a GET behind a refused CONNECT if the server goes on [R10]", async () => {
  const { sending, sender, server } = await answered("HTTP/1.1 403 Forbidden¶Content-Length: 0¶¶");
  await (await sending).body.text();
  await sender.ready();
  const next = sender.send({ method: "GET", target: "/", fields: [["Host", "a"]] });
  await expectText(server, "GET / HTTP/1.1¶Host: a¶¶");
  await server.write(wire(OK));
  assertEquals(await (await next).body.text(), "ok");
});

test("handshake() is over after a 407 that closes: the retry needs another connection (RFC 9931) [F10]", async () => {
  const refusal = "HTTP/1.1 407 Proxy Authentication Required¶Connection: close¶Content-Length: 2¶¶no";
  const { sending, sender, connection, server } = await answered(refusal);
  const response = await sending;
  assertEquals(await response.body.text(), "no");
  assertEquals(await connection.closed, { reason: "shutdown" });
  assert(sender.isClosed);
  assertEquals(await server.read(), null);
});

test("handshake() reads a 407 without a length to the end of the connection [R11]", async () => {
  const { sending, sender, server } = await answered("HTTP/1.1 407 Proxy Authentication Required¶¶no");
  const response = await sending;
  assertEquals((await rejectedFor("refused", onUpgrade(response))).status, 407);
  const body = response.body.text();
  assert(await isPending(body));
  await server.closeWrite();
  assertEquals(await body, "no");
  await assertRejects(() => sender.ready(), StateError);
});

for (const status of [300, 302, 304, 404, 500]) {
  test(`handshake() takes a ${status} to CONNECT as an ordinary response (RFC 9110 §9.3.6) [F5]`, async () => {
    const { sending } = await answered(`HTTP/1.1 ${status} No¶Content-Length: 0¶¶`);
    const response = await sending;
    assertEquals(response.status, status);
    assertEquals((await rejectedFor("refused", onUpgrade(response))).status, status);
  });
}

for (const [what, body] of [["text", "x"], ["a stream", new Blob(["x"]).stream()]] as const) {
  test(`Sender.send() refuses a CONNECT with ${what} as its body, and the connection goes on (RFC 9110 §9.3.6) [T8]`, async () => {
    const { sender, server } = calling();
    const error = await assertRejects(() => sender.send({ ...CONNECT_REQUEST, body }), StateError);
    assert(error instanceof StateError && error.code === "upgrade-body");
    const sending = sender.send(CONNECT_REQUEST);
    await expectText(server, CONNECT);
    await server.write(wire(`${CONNECTED}EARLY`));
    await expectText(await onUpgrade(await sending), "EARLY");
  });
}

for (const target of ["[::1]:443", "a:0", "a", "//x"]) {
  test(`Sender.send() writes CONNECT ${target} as it is given [F1]`, async () => {
    const { sent, sending } = await answered(`${CONNECTED}EARLY`, {
      method: "CONNECT",
      target,
      fields: { Host: target },
    });
    assertEquals(sent, `CONNECT ${target} HTTP/1.1¶Host: ${target}¶¶`);
    await expectText(await onUpgrade(await sending), "EARLY");
  });
}

test("Sender.send() leaves Content-Length and Transfer-Encoding out of a CONNECT (RFC 9110 §9.3.6)", async () => {
  const fields: [string, string][] = [["Host", "a:443"], ["Content-Length", "0"], ["Transfer-Encoding", "chunked"]];
  const { sent } = await answered(CONNECTED, { ...CONNECT_REQUEST, fields });
  assertEquals(sent, CONNECT);
});

test("handshake() puts nothing on the wire between a CONNECT and its 200 (RFC 9931) [O1, O2, E10]", async () => {
  const { sender, server } = calling();
  const sending = sender.send(CONNECT_REQUEST);
  assertEquals(await readUntil(server, "¶¶"), CONNECT);
  const more = server.read();
  assert(await isPending(more));
  await server.write(wire(CONNECTED));
  const io = await onUpgrade(await sending);
  assert(await isPending(more));
  await io.write(wire("up"));
  assertEquals((await more)!.length, 2);
});

test("handshake() opens a tunnel with HTTP/1.0 as well [T7]", async () => {
  const { sent, sending } = await answered("HTTP/1.0 200 OK¶¶EARLY", { ...CONNECT_REQUEST, version: "1.0" });
  assertEquals(sent, "CONNECT a:443 HTTP/1.0¶Host: a:443¶¶");
  await expectText(await onUpgrade(await sending), "EARLY");
});
