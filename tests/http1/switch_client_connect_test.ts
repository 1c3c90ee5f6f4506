import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";
import { calling, CONNECT_REQUEST, CONNECTED, expectText, isPending, rejectedFor } from "../support/switching.ts";

/** Sends a CONNECT and answers it with raw bytes. */
async function answered(reply: string, request: OutgoingRequest = CONNECT_REQUEST, options = {}) {
  const { sender, connection, server } = calling(options);
  const sending = sender.send(request);
  const sent = await readUntil(server, "¶¶");
  await server.write(wire(reply));
  return { sent, sending, sender, connection, server };
}

for (
  const field of [
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
    "HTTP/1.0 200 Connection established",
    "HTTP/1.1 200",
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

test("handshake() opens a tunnel with HTTP/1.0 as well [T7]", async () => {
  const { sent, sending } = await answered("HTTP/1.0 200 OK¶¶EARLY", { ...CONNECT_REQUEST, version: "1.0" });
  assertEquals(sent, "CONNECT a:443 HTTP/1.0¶Host: a:443¶¶");
  await expectText(await onUpgrade(await sending), "EARLY");
});
