import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { converse, expectConversation, streamOf } from "../support/serving.ts";
import { readAll, wire } from "../support/wire.ts";

const KEEP = "GET / HTTP/1.0¶Host: a¶Connection: keep-alive¶¶";
const KEPT = "HTTP/1.0 200 OK¶content-length: 2¶connection: keep-alive¶¶ok";
const LAST = "HTTP/1.0 200 OK¶content-length: 2¶¶ok";
const ok = (): Handler => () => ({ status: 200, body: "ok" });

test("serveConnection() answers HTTP/1.0 in HTTP/1.0 and closes (RFC 9112 §9.3) [C6]", () =>
  expectConversation({
    input: "GET / HTTP/1.0¶¶GET / HTTP/1.0¶¶",
    output: "HTTP/1.0 200 OK¶content-length: 0¶¶",
    closed: "shutdown",
  }, () => () => ({ status: 200 })));

test("serveConnection() keeps HTTP/1.0 alive on request, and says so (RFC 9112 §9.3) [C6]", () =>
  expectConversation({
    input: `${KEEP}${KEEP.replace("keep-alive", "foo, Keep-Alive")}GET / HTTP/1.0¶¶${KEEP}`,
    output: KEPT + KEPT + LAST,
    closed: "shutdown",
  }, ok));

test("serveConnection() does not repeat a handler's own keep-alive to HTTP/1.0", () =>
  expectConversation({
    input: KEEP,
    output: "HTTP/1.0 204 No Content¶Connection: Keep-Alive¶¶",
  }, () => () => ({ status: 204, fields: [["Connection", "Keep-Alive"]] })));

test("serveConnection() lets close win over keep-alive in HTTP/1.0 (RFC 9112 §9.3)", () =>
  expectConversation({
    input: `GET / HTTP/1.0¶Connection: keep-alive¶Connection: close¶¶${KEEP}`,
    output: LAST,
    closed: "shutdown",
  }, ok));

test("serveConnection() takes back a handler's keep-alive to HTTP/1.0 when it will close (RFC 9112 §9.6)", () =>
  expectConversation({
    input: "GET / HTTP/1.0¶¶",
    output: "HTTP/1.0 200 OK¶Connection: keep-alive¶content-length: 2¶connection: close¶¶ok",
    closed: "shutdown",
  }, () => () => ({ status: 200, fields: [["Connection", "keep-alive"]], body: "ok" })));

test("serveConnection() says close to HTTP/1.0 if a handler does, and closes (RFC 9112 §9.6)", () =>
  expectConversation({
    input: KEEP + KEEP,
    output: "HTTP/1.0 200 OK¶Connection: close¶content-length: 2¶¶ok",
    closed: "shutdown",
  }, () => () => ({ status: 200, fields: [["Connection", "close"]], body: "ok" })));

test("serveConnection() closes HTTP/1.0 with keepAlive: false, without promising more", () =>
  expectConversation({ input: KEEP + KEEP, output: LAST, closed: "shutdown", options: { keepAlive: false } }, ok));

test("serveConnection() ends a stream to HTTP/1.0 with the connection, whatever was asked (RFC 9112 §6.3) [B14]", () =>
  expectConversation({
    input: KEEP + KEEP,
    output: "HTTP/1.0 200 OK¶¶foobar",
    closed: "shutdown",
  }, () => () => ({ status: 200, body: streamOf(["foo", "bar"]) })));

test("serveConnection() keeps HTTP/1.0 alive behind a stream of known length (RFC 9112 §6.3)", () =>
  expectConversation({
    input: KEEP + "GET / HTTP/1.0¶¶",
    output: "HTTP/1.0 200 OK¶Content-Length: 6¶connection: keep-alive¶¶foobar" +
      "HTTP/1.0 200 OK¶Content-Length: 6¶¶foobar",
    closed: "shutdown",
  }, () => () => ({ status: 200, fields: [["Content-Length", "6"]], body: streamOf(["foo", "bar"]) })));

test("serveConnection() reads the body of HTTP/1.0 by its length (RFC 9112 §6.3)", () =>
  expectConversation({
    input: `POST / HTTP/1.0¶Connection: keep-alive¶Content-Length: 2¶¶ok${KEEP}`,
    output: KEPT + "HTTP/1.0 200 OK¶content-length: 0¶connection: keep-alive¶¶",
  }, () => async ({ body }) => ({ status: 200, body: await body.text() })));

test("serveConnection() refuses a coding in HTTP/1.0 (RFC 9112 §6.1) [B5]", () =>
  expectConversation({
    input: "POST / HTTP/1.0¶Transfer-Encoding: chunked¶¶2¶ok¶0¶¶",
    output: "HTTP/1.0 400 Bad Request¶content-length: 0¶¶",
    closed: "error",
  }, ok));

test("serveConnection() ignores an expectation in HTTP/1.0 (RFC 9110 §10.1.1) [D2]", () =>
  expectConversation({
    input: "POST / HTTP/1.0¶Expect: 100-continue¶Content-Length: 5¶¶hello",
    output: "HTTP/1.0 200 OK¶content-length: 5¶¶hello",
    closed: "shutdown",
  }, () => async ({ body }) => ({ status: 200, body: await body.text() })));

test("sendInformational() refuses HTTP/1.0, and writes nothing (RFC 9110 §15.2) [D6]", async () => {
  const codes: string[] = [];
  await expectConversation({ input: "GET / HTTP/1.0¶¶", output: LAST, closed: "shutdown" }, () => async (request) => {
    for (const status of [100, 103]) {
      codes.push((await assertRejects(() => request.sendInformational(status), StateError)).code);
    }
    return { status: 200, body: "ok" };
  });
  assertEquals(new Set(codes), new Set(["http10"]));
});

test("serveConnection() sends no trailers to HTTP/1.0 (RFC 9112 §7.1.2)", () =>
  expectConversation({
    input: "GET / HTTP/1.0¶TE: trailers¶¶",
    output: "HTTP/1.0 200 OK¶¶foo",
    closed: "shutdown",
  }, () => () => ({ status: 200, fields: [["Trailer", "A"]], body: streamOf(["foo"]), trailers: { A: "b" } })));

test("serveConnection() serves both versions on one connection, each in its own (RFC 9110 §2.5)", () =>
  expectConversation({
    input: `${KEEP}GET / HTTP/1.1¶Host: a¶¶${KEEP}`,
    output: `${KEPT}HTTP/1.1 200 OK¶content-length: 2¶¶ok${KEPT}`,
  }, ok));

test("IncomingRequest says which version the client speaks (RFC 9110 §2.5)", async () => {
  const seen: string[] = [];
  const handler = async (request: IncomingRequest) => {
    seen.push(`${request.version} ${request.authority} ${await readAll(request.body)}`);
    return { status: 200 };
  };
  await converse([wire(`GET / HTTP/1.0¶Connection: keep-alive¶¶GET / HTTP/1.1¶Host: b¶¶`)], handler);
  assertEquals(seen, ["1.0  ", "1.1 b "]);
});
