import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { handshake } from "../../src/http1/client_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { Http1Version } from "../../src/semantics/message.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";

/** A body that waits between its parts until the test says so. */
function twoParts(): { readonly body: AsyncIterable<Uint8Array>; goOn(): void } {
  let goOn = (): void => {};
  const waiting = new Promise<void>((resolve) => goOn = resolve);
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield wire("one");
    await waiting;
    yield wire("two");
  }
  return { body: parts(), goOn: () => goOn() };
}

for (
  const [how, version, fields] of [
    ["says close", "1.1", [["Connection", "close"], ["Content-Length", "6"]]],
    ["is HTTP/1.0", "1.0", [["Content-Length", "6"]]],
  ] as [string, Http1Version, [string, string][]][]
) {
  test(`a request that ${how} itself is sent to its end though it is answered before (RFC 9112 §9.5) [C8]`, async () => {
    const [near, server] = duplexPair();
    const { sender, connection } = handshake(near);
    const { body, goOn } = twoParts();
    const sending = sender.send({ method: "POST", target: "/", version, fields, body });
    await readUntil(server, "¶¶one");
    await server.write(wire("HTTP/1.1 200 OK¶Connection: close¶Content-Length: 2¶¶ok"));
    const response = await sending;
    assertEquals(await response.body.text(), "ok");
    goOn();
    assertEquals(await readUntil(server, "two"), "two");
    await connection.closed;
  });
}

test("a request that says close and is one large piece is sent to its end as well (RFC 9112 §9.5) [C8]", async () => {
  const [near, server] = duplexPair({ capacityBytes: 1000, readBytes: 1000 });
  const { sender, connection } = handshake(near);
  const sending = sender.send({
    method: "POST",
    target: "/",
    fields: [["Connection", "close"]],
    body: "x".repeat(300_000),
  });
  await readUntil(server, (soFar) => soFar.includes("¶¶"));
  await server.write(wire("HTTP/1.1 200 OK¶Connection: close¶Content-Length: 2¶¶ok"));
  assertEquals(await (await sending).body.text(), "ok");
  let received = 0;
  for (let chunk = await server.read(); chunk !== null; chunk = await server.read()) received += chunk.length;
  assert(received > 298_000, `only ${received} bytes came behind the first ones`);
  assertEquals(await connection.closed, { reason: "shutdown" });
});

test("a request that is one large piece is given up when the server closes (RFC 9112 §9.5) [C8]", async () => {
  const [near, server] = duplexPair({ capacityBytes: 1000, readBytes: 1000 });
  const { sender, connection } = handshake(near);
  const sending = sender.send({ method: "POST", target: "/", body: "x".repeat(300_000) });
  await readUntil(server, (soFar) => soFar.includes("¶¶"));
  await server.write(wire("HTTP/1.1 413 Content Too Large¶Connection: close¶Content-Length: 3¶¶big"));
  assertEquals(await (await sending).body.text(), "big");
  assertEquals(await connection.closed, { reason: "shutdown" });
});

test("a request that says close is given up when it is answered with an error (RFC 9112 §9.5) [C8]", async () => {
  const [near, server] = duplexPair();
  const { sender, connection } = handshake(near);
  const fields: [string, string][] = [["Connection", "close"], ["Content-Length", "6"]];
  const sending = sender.send({ method: "POST", target: "/", fields, body: twoParts().body });
  await readUntil(server, "¶¶one");
  await server.write(wire("HTTP/1.1 413 Content Too Large¶Connection: close¶Content-Length: 0¶¶"));
  assertEquals((await sending).status, 413);
  await connection.closed;
  assertEquals(await readAll(server), "");
});
