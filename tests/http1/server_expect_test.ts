import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { converse, conversing, expectConversation } from "../support/serving.ts";
import { expectText, isPending, OK, transports } from "../support/switching.ts";
import { readAll, readUntil, turns, wire } from "../support/wire.ts";

const CONTINUE = "HTTP/1.1 100 Continue¶¶";
const HEAD = "POST /foo HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 5¶";
const OK_CLOSE = "HTTP/1.1 200 OK¶content-length: 2¶connection: close¶¶ok";
const reading = async ({ body }: IncomingRequest) => ({ status: 200, body: await body.text() });

for (const expectation of ["100-continue", "100-Continue", "100-CONTINUE"]) {
  for (const { over, open } of transports) {
    test(`serveConnection() sends 100 to ${expectation} when the body is read, over ${over} (RFC 9110 §10.1.1) [D1]`, async () => {
      const { client, connection } = conversing(reading, {}, { open });
      await client.write(wire(HEAD.replace("100-continue", expectation) + "Connection: Close¶¶"));
      await expectText(client, CONTINUE);
      await client.write(wire("hello"));
      assertEquals(await readAll(client), "HTTP/1.1 200 OK¶content-length: 5¶connection: close¶¶hello");
      await client.closeWrite();
      assertEquals((await connection.closed).reason, "shutdown");
    });
  }
}

test("serveConnection() sends 100 once, whatever is read first, and goes on [D1]", async () => {
  const { client, connection, clock } = conversing(async ({ body }) => {
    const reader = body.stream.getReader();
    let all = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) all += part.value.length;
    return { status: 200, body: all };
  });
  for (const head of [HEAD, HEAD.replace("Content-Length: 5", "Transfer-Encoding: chunked")]) {
    await client.write(wire(head + "¶"));
    await expectText(client, CONTINUE);
    const parts = head === HEAD ? ["hel", "lo"] : ["3¶hel¶", "2¶lo¶0¶¶"];
    for (const part of parts) {
      await client.write(wire(part));
      await turns();
    }
    await expectText(client, "HTTP/1.1 200 OK¶content-length: 2¶¶32");
  }
  await client.closeWrite();
  assertEquals([(await connection.closed).reason, clock.pending], ["eof", 0]);
});

test("serveConnection() sends no 100 before somebody reads (RFC 9110 §10.1.1)", async () => {
  let read!: () => void;
  const { client } = conversing(async (request) => {
    await new Promise<void>((resolve) => read = resolve);
    return await reading(request);
  });
  await client.write(wire(HEAD + "¶"));
  const first = readUntil(client, CONTINUE);
  assertEquals(await isPending(first), true);
  read();
  assertEquals(await first, CONTINUE);
  await client.close();
});

test("serveConnection() answers without 100 when the body is not wanted, and closes (RFC 9110 §10.1.1) [D1, C3]", async () => {
  for (const treat of [() => {}, ({ body }: IncomingRequest) => body.cancel()]) {
    const { client, connection, clock } = conversing((request) => {
      treat(request);
      return { status: 417 };
    });
    await client.write(wire(HEAD + "¶"));
    assertEquals(await readAll(client), "HTTP/1.1 417 Expectation Failed¶content-length: 0¶connection: close¶¶");
    await client.closeWrite();
    assertEquals(await connection.closed, { reason: "shutdown" });
    assertEquals(clock.pending, 0);
  }
});

test("serveConnection() takes nothing for a request that a client sends behind a refused expectation (RFC 9112 §9.3)", async () => {
  const { client, connection } = conversing(() => ({ status: 200, body: "ok" }));
  await client.write(wire(HEAD + "¶"));
  await expectText(client, OK_CLOSE);
  await client.write(wire("helloGET / HTTP/1.1¶Host: a¶¶")).catch(() => {});
  await client.closeWrite();
  assertEquals([await readAll(client), (await connection.closed).reason], ["", "shutdown"]);
});

test("serveConnection() sends no 100 where the body has come with the head (RFC 9110 §10.1.1)", async () => {
  const bytes = wire(HEAD + "¶hello");
  const { output, closed } = await converse([bytes], reading);
  assertEquals([output, closed.reason], ["HTTP/1.1 200 OK¶content-length: 5¶¶hello", "eof"]);
});

test("serveConnection() sends no 100 behind the head of a response, and closes (RFC 9110 §15)", async () => {
  const { client, connection } = conversing(({ body }) => ({
    status: 200,
    body: (async function* () {
      yield wire("ok");
      yield await body.bytes();
    })(),
  }));
  await client.write(wire(HEAD + "¶"));
  await expectText(client, "HTTP/1.1 200 OK¶transfer-encoding: chunked¶connection: close¶¶2¶ok¶");
  await turns();
  await client.write(wire("hello"));
  assertEquals(await readAll(client), "5¶hello¶0¶¶");
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "shutdown");
});

test("serveConnection() sends a 100 before an answer whose body is the request's (RFC 9110 §10.1.1) [D1]", async () => {
  for (const bodyOf of [({ body }: IncomingRequest) => body, ({ body }: IncomingRequest) => body.stream]) {
    const { client } = conversing((request) => ({ status: 200, body: bodyOf(request) }));
    await client.write(wire(HEAD + "¶"));
    await expectText(client, CONTINUE);
    await client.write(wire("hello"));
    await expectText(client, "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶5¶hello¶0¶¶");
    await client.close();
  }
});

test("serveConnection() ignores an expectation where there is no body (RFC 9110 §10.1.1) [D2]", async () => {
  for (const fields of ["", "Content-Length: 0¶"]) {
    const { client } = conversing(reading);
    await client.write(wire(`POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶${fields}¶`));
    await expectText(client, "HTTP/1.1 200 OK¶content-length: 0¶¶");
    await client.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
    await expectText(client, "HTTP/1.1 200 OK¶content-length: 0¶¶");
    await client.close();
  }
});

for (const expectation of ["foo", "100-continue, foo", '100-continue="a"', "100-continue; q=1"]) {
  test(`serveConnection() answers 417 to ${expectation} and does not call the handler (RFC 9110 §10.1.1) [D3]`, async () => {
    let called = false;
    await expectConversation({
      input: `POST / HTTP/1.1¶Host: a¶Expect: ${expectation}¶Content-Length: 2¶¶ok`,
      output: "HTTP/1.1 417 Expectation Failed¶content-length: 0¶connection: close¶¶",
      closed: "error",
    }, () => () => {
      called = true;
      return { status: 200 };
    });
    assertEquals(called, false);
  });
}

test("serveConnection() serves as if nothing was expected when the field is empty", () =>
  expectConversation({
    input: "POST / HTTP/1.1¶Host: a¶Expect:¶Content-Length: 2¶¶okGET / HTTP/1.1¶Host: a¶¶",
    output: OK + OK,
  }, () => () => ({ status: 200, body: "ok" })));

test("sendInformational(100) asks for the body, and reading it does not ask again [D1]", async () => {
  const { client, connection } = conversing(async (request) => {
    await request.sendInformational(100);
    return await reading(request);
  });
  await client.write(wire(HEAD + "¶"));
  await expectText(client, CONTINUE);
  await client.write(wire("hello"));
  await expectText(client, "HTTP/1.1 200 OK¶content-length: 5¶¶hello");
  await client.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
  await expectText(client, CONTINUE + "HTTP/1.1 200 OK¶content-length: 0¶¶");
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "eof");
});

test("sendInformational(100) lets the connection go on behind a body that is not read", async () => {
  const { client } = conversing(async (request) => {
    await request.sendInformational(100);
    return { status: 200, body: "ok" };
  });
  await client.write(wire(HEAD + "¶"));
  await expectText(client, CONTINUE);
  await client.write(wire("helloGET / HTTP/1.1¶Host: a¶¶"));
  await expectText(client, OK + CONTINUE + OK);
  await client.close();
});

test("serveConnection() answers 400 to a body that breaks behind its 100", async () => {
  const { client, connection } = conversing(reading);
  await client.write(wire(HEAD.replace("Content-Length: 5", "Transfer-Encoding: chunked") + "¶"));
  await expectText(client, CONTINUE);
  await client.write(wire("x¶"));
  assertEquals(await readAll(client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "error");
});
