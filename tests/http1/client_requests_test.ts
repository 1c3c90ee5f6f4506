import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { readUntil, text, turns, wire } from "../support/wire.ts";
import { answer, dialing, exchanged, GET, GET_WIRE, Recorder, rejection, wireOf } from "../support/client.ts";

const targets: readonly (readonly [form: string, method: string, target: string])[] = [
  ["origin-form", "GET", "/a"],
  ["origin-form with a query", "GET", "/foo?key=val&a=%20"],
  ["origin-form with what a URL would change", "GET", "/a/../b//./c;d?e?f=[g]|h"],
  ["absolute-form", "GET", "http://hyper.local/a"],
  ["asterisk-form", "OPTIONS", "*"],
];

for (const [form, method, target] of targets) {
  test(`send() writes ${form} as given and nothing else (RFC 9112 §3.2) [S2]`, async () => {
    assertEquals(await wireOf({ method, target }), `${method} ${target} HTTP/1.1¶¶`);
  });
}

test("send() writes authority-form as given and nothing else (RFC 9112 §3.2.3) [S2, F1]", async () => {
  const dialed = dialing();
  const { sent } = await exchanged(dialed, "HTTP/1.1 403 Forbidden¶Content-Length: 0¶¶", {
    method: "CONNECT",
    target: "[::1]:443",
  });
  assertEquals(sent, "CONNECT [::1]:443 HTTP/1.1¶¶");
});

test("send() keeps the case, the order and the repetitions of fields [S2]", async () => {
  const fields: [string, string][] = [["X-b", "2"], ["HOST", "a"], ["x-B", "1"], ["accept", "*/*"], ["X-b", "3"]];
  assertEquals(
    await wireOf({ method: "GET", target: "/", fields }),
    "GET / HTTP/1.1¶X-b: 2¶HOST: a¶x-B: 1¶accept: */*¶X-b: 3¶¶",
  );
});

test("send() takes fields as pairs, Fields, Headers, a map or a record", async () => {
  const given: OutgoingRequest["fields"][] = [
    [["host", "a"], ["x", "1"]],
    new Fields([["host", "a"], ["x", "1"]]),
    new Headers([["x", "1"], ["host", "a"]]),
    new Map([["host", "a"], ["x", "1"]]),
    { host: "a", x: "1" },
  ];
  for (const fields of given) {
    assertEquals(await wireOf({ method: "GET", target: "/", fields }), "GET / HTTP/1.1¶host: a¶x: 1¶¶");
  }
});

test("send() writes names in title case if asked to", async () => {
  const fields: [string, string][] = [["host", "a"], ["x-test-header", "1"], ["weird--header", "2"]];
  assertEquals(
    await wireOf({ method: "POST", target: "/", fields, body: "x" }, { nameCase: "title" }),
    "POST / HTTP/1.1¶Host: a¶X-Test-Header: 1¶Weird--Header: 2¶Content-Length: 1¶¶x",
  );
});

test("send() writes every octet of a value and no space for an empty one (RFC 9110 §5.5) [A12]", async () => {
  const fields: [string, string][] = [["X", "\x80\xe9\xff\tz"], ["X-Empty", ""], ["X-Padded", "  a b \t"]];
  assertEquals(
    await wireOf({ method: "GET", target: "/", fields }),
    "GET / HTTP/1.1¶X: \x80\xe9\xff\tz¶X-Empty:¶X-Padded: a b¶¶",
  );
});

test("send() writes the version and the method as given; methods are case-sensitive (RFC 9110 §9.1)", async () => {
  const { sender, server } = dialing();
  const answered = answer(server, "HTTP/1.0 200 OK¶Content-Length: 0¶¶");
  await sender.send({ method: "get", target: "/", version: "1.0" });
  assertEquals(await answered, "get / HTTP/1.0¶¶");
});

test("send() writes a head and a short body at once", async () => {
  const { sender, server } = dialing();
  sender.send({ method: "POST", target: "/", body: "hello" }).catch(() => {});
  assertEquals(text((await server.read())!), "POST / HTTP/1.1¶content-length: 5¶¶hello");
});

test("handshake() sends nothing before the first request", async () => {
  const { connection, server } = dialing();
  const recorder = new Recorder(server);
  await turns();
  assertEquals(recorder.received, "");
  await connection.gracefulShutdown();
  assertEquals(await recorder.ended, "");
});

const unwritable: readonly (readonly [what: string, request: Partial<OutgoingRequest>])[] = [
  ["an empty method", { method: "" }],
  ["a method that is no token", { method: "GE T" }],
  ["a method with a line end", { method: "GET / HTTP/1.1\r\nX: y\r\n\r\nGET" }],
  ["an empty target", { target: "" }],
  ["a target with a space", { target: "/ HTTP/1.1" }],
  ["a target with a line end", { target: "/\r\nX: y" }],
  ["a target with a fragment", { target: "/a#b" }],
  ["a target outside of ASCII", { target: "/é" }],
  ["a name that is no token", { fields: [["a b", "c"]] }],
  ["a name with a line end", { fields: [["a\r\nb", "c"]] }],
  ["an empty name", { fields: [["", "c"]] }],
  ["a value with a line end", { fields: [["a", "b\r\nc: d"]] }],
  ["a value with a lone LF", { fields: [["a", "b\nc: d"]] }],
  ["a value with a NUL", { fields: [["a", "b\0"]] }],
  ["a value above U+00FF", { fields: [["a", "☃"]] }],
  ["a body that is none", { method: "POST", body: 5 as unknown as string }],
  ["a body that is a plain object", { method: "POST", body: {} as unknown as string }],
];

for (const [what, request] of unwritable) {
  test(`send() refuses ${what} and leaves the connection as it was (RFC 9112 §11.1) [H1]`, async () => {
    const dialed = dialing();
    await assertRejects(() => dialed.sender.send({ ...GET, ...request }), TypeError);
    assert(dialed.sender.isReady);
    const { sent } = await exchanged(dialed);
    assertEquals(sent, GET_WIRE);
  });
}

test("send() refuses a locked stream before it writes anything", async () => {
  const dialed = dialing();
  const stream = new ReadableStream<Uint8Array>();
  const reader = stream.getReader();
  await assertRejects(() => dialed.sender.send({ method: "POST", target: "/", body: stream }), TypeError, "locked");
  reader.releaseLock();
  assertEquals((await exchanged(dialed)).sent, GET_WIRE);
});

test("send() carries 200 requests, one after the other, on one connection [C5]", async () => {
  const { sender, connection, server } = dialing();
  const serving = (async () => {
    for (let i = 0; i < 200; i++) {
      assertEquals(await readUntil(server, `${i}¶¶`), `GET /${i} HTTP/1.1¶X: ${i}¶¶`);
      const body = `answer ${i}`;
      await server.write(wire(`HTTP/1.1 200 OK¶Content-Length: ${body.length}¶¶${body}`));
    }
  })();
  for (let i = 0; i < 200; i++) {
    const response = await sender.send({ method: "GET", target: `/${i}`, fields: [["X", `${i}`]] });
    assertEquals(await response.body.text(), `answer ${i}`);
    assert(sender.isReady, `not ready after request ${i}`);
  }
  await serving;
  assertEquals(await connection.gracefulShutdown(), { reason: "shutdown" });
});

test("send() does not look at the Host or the target of a request it is given", async () => {
  assertEquals(
    await wireOf({ method: "GET", target: "no-form-at-all", fields: [["Host", "a"], ["host", "b"]] }),
    "GET no-form-at-all HTTP/1.1¶Host: a¶host: b¶¶",
  );
});

test("send() refuses content with CONNECT and leaves the connection as it was (RFC 9110 §9.3.6)", async () => {
  const dialed = dialing();
  const error = await rejection(dialed.sender.send({ method: "CONNECT", target: "a:443", body: "hello" }));
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "upgrade-body");
  assertEquals((await exchanged(dialed)).sent, GET_WIRE);
});
