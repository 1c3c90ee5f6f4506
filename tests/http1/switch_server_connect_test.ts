import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { connectResponse } from "../../src/http1/switch.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { exchange, readUntil, wire } from "../support/wire.ts";
import { CONNECT, CONNECTED, expectText, OK, serving, switchedServer } from "../support/switching.ts";

const REFUSED = "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶";

test("connectResponse() opens a tunnel; the request says where to (RFC 9110 §9.3.6) [T1]", async () => {
  let request!: IncomingRequest;
  let upgraded!: Promise<Upgraded>;
  const { client } = serving((incoming) => {
    request = incoming;
    const tunnel = connectResponse(incoming, { reason: "Connection established", fields: { via: "1.1 us" } });
    upgraded = tunnel.upgraded;
    return tunnel.response;
  });
  await client.write(wire("CONNECT [::1]:8443 HTTP/1.1¶Host: [::1]:8443¶¶"));
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 200 Connection established¶via: 1.1 us¶¶");
  assertEquals(request.proposal, { type: "connect", authority: { hostname: "::1", port: 8443 } });
  assertEquals(request.authority, "[::1]:8443");
  const { method, target, version, fields } = request;
  const { head } = await upgraded;
  assertEquals({ ...head, fields: [...head.fields] }, { method, target, version, fields: [...fields] });
});

test("serveConnection() adds Date to the answer of a CONNECT (RFC 9110 §6.6.1)", async () => {
  const { head } = await switchedServer(CONNECT, { status: 200 }, { dateHeader: true });
  assert(/^HTTP\/1.1 200 OK¶date: \w{3}, [^¶]+ GMT¶¶$/.test(head));
});

test("serveConnection() goes on after a refused CONNECT if that is allowed [T5]", async () => {
  const options = { leniency: { keepAfterRefusedConnect: true } };
  const { output, closed } = await exchange(`${CONNECT}GET /2 HTTP/1.1¶Host: a¶¶`, (request) => {
    return request.method === "CONNECT" ? { status: 403, body: "no" } : { status: 200, body: "ok" };
  }, options);
  assertEquals(output, `HTTP/1.1 403 Forbidden¶content-length: 2¶¶no${OK}`);
  assertEquals(closed, { reason: "eof" });
});

test("serveConnection() answers 400 to what is no request behind a refused CONNECT, if it goes on [T5]", async () => {
  const options = { leniency: { keepAfterRefusedConnect: true } };
  const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03¶";
  const { output } = await exchange(`${CONNECT}${hello}`, () => ({ status: 403, body: "no" }), options);
  assertEquals(output, `HTTP/1.1 403 Forbidden¶content-length: 2¶¶no${REFUSED}`);
});

for (const fields of ["", "Host: a:443¶", "Connection: keep-alive¶", "Connection: upgrade¶Upgrade: x¶"]) {
  test(`serveConnection() opens a tunnel for HTTP/1.0 with ${JSON.stringify(fields)}, without Connection [T7, T12]`, async () => {
    const { head, io } = await switchedServer(`CONNECT a:443 HTTP/1.0¶${fields}¶EARLY`, { status: 200 });
    assertEquals(head, "HTTP/1.0 200 OK¶¶");
    await expectText(io, "EARLY");
  });
}

test("serveConnection() opens a tunnel whatever Upgrade says [T12]", async () => {
  let proposed = true;
  const { client } = serving((request) => {
    proposed = wantsUpgrade(request);
    return connectResponse(request).response;
  });
  await client.write(wire("CONNECT a:443 HTTP/1.1¶Host: a:443¶Connection: upgrade¶Upgrade: websocket¶¶"));
  await expectText(client, CONNECTED);
  assert(!proposed);
});

for (
  const content of [
    "Content-Length: 5¶¶hello",
    "Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
    "Transfer-Encoding: chunked¶¶0¶¶",
  ]
) {
  test(`serveConnection() answers 400 to a CONNECT with ${content.slice(0, content.indexOf("¶"))} [T8, F11]`, async () => {
    let called = false;
    const request = `CONNECT a:443 HTTP/1.1¶Host: a:443¶${content}EARLY`;
    const { output, closed } = await exchange(request, () => (called = true, { status: 200 }));
    assertEquals(output, REFUSED);
    assertEquals(closed.reason, "error");
    assert(!called);
  });
}

for (
  const target of [
    "/foo",
    "a",
    "a:",
    "a:0",
    "a:00",
    "a:65536",
    "a:99999",
    "a:123456",
    "a:+1",
    "a:-1",
    "a:https",
    ":443",
    "*",
    "http://a:443/",
    "//a:443",
    "u@a:443",
    "a:443/",
    "a:443?x",
    "::1:443",
    "[::1]",
    "[::1:443",
    "[]:443",
  ]
) {
  test(`serveConnection() answers 400 to CONNECT ${target} (RFC 9112 §3.2.3) [T9, F2, A10]`, async () => {
    for (const options of [{}, { compat: "hyper" }] as const) {
      let called = false;
      const request = `CONNECT ${target} HTTP/1.1¶Host: a:443¶¶`;
      const { output } = await exchange(request, () => (called = true, { status: 200 }), options);
      assertEquals(output, REFUSED);
      assert(!called);
    }
  });
}

test("serveConnection() answers 400 to an authority without CONNECT (RFC 9112 §3.2.3) [A10]", async () => {
  const { output } = await exchange("GET a:443 HTTP/1.1¶Host: a:443¶¶", () => ({ status: 200 }));
  assertEquals(output, REFUSED);
});

for (const host of ["", "Host: a:443¶Host: a:443¶"]) {
  test(`serveConnection() answers 400 to a CONNECT with ${host === "" ? "no" : "two"} Host (RFC 9112 §3.2) [A1]`, async () => {
    const { output } = await exchange(`CONNECT a:443 HTTP/1.1¶${host}¶`, () => ({ status: 200 }));
    assertEquals(output, REFUSED);
  });
}

test("serveConnection() takes a CONNECT without Host as hyper does (hyper http_connect)", async () => {
  const { head, io, client } = await switchedServer("CONNECT localhost:80 HTTP/1.1¶¶eagerly optimistic", {
    status: 200,
  }, {
    compat: "hyper",
  });
  assertEquals(head, CONNECTED);
  await expectText(io, "eagerly optimistic");
  await io.write(wire("foo=bar"));
  await expectText(client, "foo=bar");
  await client.write(wire("bar=foo"));
  await expectText(io, "bar=foo");
});

test("serveConnection() opens a tunnel although the request said close [U13]", async () => {
  const { head, io } = await switchedServer("CONNECT a:443 HTTP/1.1¶Host: a:443¶Connection: close¶¶EARLY", {
    status: 200,
  });
  assertEquals(head, CONNECTED);
  await expectText(io, "EARLY");
});

test("serveConnection() opens a tunnel on request 3 of a connection", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client } = serving((request) => {
    if (request.method !== "CONNECT") return { status: 200, body: "ok" };
    upgraded = onUpgrade(request);
    return { status: 200 };
  });
  const plain = "GET / HTTP/1.1¶Host: a¶¶";
  await client.write(wire(`${plain}${plain}${CONNECT}${plain}`));
  await expectText(client, OK + OK + CONNECTED);
  await expectText(await upgraded, plain);
});

test("connectResponse() throws for a request that is no CONNECT", async () => {
  let error: unknown;
  await exchange("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: x¶¶", (request) => {
    error = assertThrows(() => connectResponse(request), StateError);
    return { status: 200 };
  });
  assert(error instanceof StateError && error.code === "no-switch");
});
