/**
 * `reverseProxy()` for clients that speak HTTP/2, in front of servers that speak HTTP/1.1.
 */

import { test } from "node:test";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readRequest } from "../../scripts/conformance/proxies/message.ts";
import type { Peer } from "../../scripts/conformance/proxies/peer.ts";
import type { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { IncomingResponse } from "../../src/http1/incoming.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import type { Http2ClientConnection } from "../../src/http2/client_connection.ts";
import type { Field } from "../../src/semantics/fields.ts";
import { acceptOf } from "../../src/websocket/mod.ts";
import { text, wire } from "../support/bytes.ts";
import { ask } from "../support/http2_ask.ts";
import { type Proxied, proxied, type ProxiedInit } from "../support/reverse.ts";
import { runtimeName } from "../support/runtime.ts";

interface Scene extends Proxied {
  readonly client: Http2ClientConnection;
}

/** A proxy with a client of HTTP/2 in front of it. */
function overHttp2(act: (scene: Scene) => Promise<void>, init: ProxiedInit = {}): Promise<void> {
  const http2 = { h2c: true, connectProtocol: true };
  return proxied(
    { ...init, serve: { http2, ...init.serve } },
    (scene) => act({ ...scene, client: scene.dialHttp2() }),
  );
}

const upgrade = (protocol: string, ...more: Field[]): Field[] => [
  ["connection", "upgrade"],
  ["upgrade", protocol],
  ...more,
];

const WEBSOCKET = upgrade("websocket", ["sec-websocket-version", "13"], ["sec-websocket-protocol", "chat"]);

function pairs(response: IncomingResponse): Field[] {
  return [...response.fields];
}

async function readAll(io: Upgraded): Promise<string> {
  let all = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) all += text(chunk);
  return all;
}

/** Reads the head of a request for a WebSocket, and gives the key that it has. */
async function keyIn(peer: Peer): Promise<{ readonly head: string; readonly key: string }> {
  const head = await peer.through("¶¶");
  const key = /¶sec-websocket-key: ([^¶]*)¶/i.exec(head)?.[1] ?? "";
  return { head: head.replace(key, "KEY"), key };
}

test("reverseProxy() passes a request of HTTP/2 on as it is: body, trailers, cookies in one line, no fields of the connection (RFC 9113 §8)", () =>
  overHttp2(async ({ client, backend }) => {
    const asked = ask(client, {
      method: "PATCH",
      authority: "A.example:81",
      path: "/a/../%2e?q=%20;x",
      fields: [["Cookie", "a=1"], ["x-Two", "1"], ["te", "trailers"], ["cookie", "b=2"], ["x-two", "2"]],
      body: (async function* () {
        yield wire("hel");
        yield await Promise.resolve(wire("lo"));
      })(),
      trailers: { "x-sum": "5" },
    });
    const peer = await backend.next();
    const { head, body, trailers } = await readRequest(peer);
    assertEquals(
      head,
      "PATCH /a/../%2e?q=%20;x HTTP/1.1¶host: A.example:81¶cookie: a=1; b=2¶x-two: 1¶te: trailers¶x-two: 2¶" +
        "Connection: TE¶Via: 2 p¶transfer-encoding: chunked¶¶",
    );
    assertEquals([body, trailers], ["hello", "x-sum: 5¶"]);
    peer.send(
      "HTTP/1.1 201 Made¶X-Answer: a, b¶Set-Cookie: a=1¶Set-Cookie: b=2¶Connection: close, X-Hop¶X-Hop: 1¶Keep-Alive: a¶" +
        "Transfer-Encoding: chunked¶Trailer: X-Sum¶¶3¶abc¶0¶X-Sum: 3¶¶",
    );
    const response = await asked;
    assertEquals([response.status, pairs(response)], [201, [
      ["x-answer", "a, b"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["trailer", "X-Sum"],
    ]]);
    assertEquals(await response.body.text(), "abc");
    assertEquals([...await response.body.trailers], [["x-sum", "3"]]);
  }));

test("reverseProxy() passes requests of HTTP/2 with a length, without a body, and HEAD on with the same framing (RFC 9112 §6)", () =>
  overHttp2(async ({ client, backend }) => {
    for (const [method, body, framing] of [["GET", null, ""], ["PUT", "hello", "content-length: 5¶"]] as const) {
      const fields = body === null ? [] : [["content-length", "5"]] as Field[];
      const asked = ask(client, { method, authority: "a", fields, body });
      const peer = await backend.next();
      const got = await readRequest(peer);
      assertEquals([got.head, got.body], [
        `${method} / HTTP/1.1¶host: a¶${framing}Via: 2 p¶¶`,
        body ?? "",
      ]);
      peer.send("HTTP/1.1 200 OK¶Content-Length: 2¶¶ok");
      const response = await asked;
      assertEquals([pairs(response), await response.body.text()], [[["content-length", "2"]], "ok"]);
      backend.again(peer);
    }
    const asked = ask(client, { method: "HEAD", authority: "a" });
    const peer = await backend.next();
    assertEquals(await peer.through("¶¶"), "HEAD / HTTP/1.1¶host: a¶Via: 2 p¶¶");
    peer.send("HTTP/1.1 200 OK¶Content-Length: 12345¶¶");
    const response = await asked;
    assertEquals([pairs(response), await response.body.text()], [[["content-length", "12345"]], ""]);
  }));

test("reverseProxy() sends OPTIONS * of HTTP/2 on as it is (RFC 9113 §8.3.1)", () =>
  overHttp2(async ({ client, backend }) => {
    const asked = ask(client, { method: "OPTIONS", authority: "a", path: "*" });
    const peer = await backend.next();
    assertEquals(await peer.through("¶¶"), "OPTIONS * HTTP/1.1¶host: a¶Via: 2 p¶¶");
    peer.send("HTTP/1.1 204 OK¶¶");
    assertEquals((await asked).status, 204);
  }));

test("reverseProxy() passes 1xx on to a client of HTTP/2, and Expect to the server (RFC 9110 §10.1.1)", () =>
  overHttp2(async ({ client, backend }) => {
    const informational: unknown[] = [];
    const asked = ask(client, {
      method: "POST",
      authority: "a",
      fields: [["expect", "100-continue"], ["content-length", "2"]],
      body: "hi",
      onInformational: (head) => informational.push([head.status, [...head.fields]]),
    });
    const peer = await backend.next();
    assertEquals(
      await peer.through("¶¶"),
      "POST / HTTP/1.1¶host: a¶expect: 100-continue¶content-length: 2¶Via: 2 p¶¶",
    );
    peer.send("HTTP/1.1 103 Early Hints¶Link: </a>¶Connection: X-Hop¶X-Hop: 1¶¶HTTP/1.1 100 Continue¶¶");
    assertEquals(await peer.take(2), "hi");
    peer.send("HTTP/1.1 204 No Content¶¶");
    assertEquals((await asked).status, 204);
    assertEquals(informational, [[103, [["link", "</a>"]]], [100, []]]);
  }));

test("reverseProxy() passes server-sent events on to a client of HTTP/2 one by one, and ends them when it leaves", () =>
  overHttp2(async ({ client, backend }) => {
    const controller = new AbortController();
    const asked = ask(client, { authority: "a", signal: controller.signal });
    const peer = await backend.next();
    await peer.through("¶¶");
    peer.send("HTTP/1.1 200 OK¶Content-Type: text/event-stream¶Transfer-Encoding: chunked¶¶");
    const { body } = await asked;
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      peer.send(`${event.length.toString(16)}¶${event}¶`);
      assertEquals(text((await body.read())!), event);
    }
    controller.abort();
    await peer.untilEnd();
    await assertRejects(() => body.read());
    const [next, other] = [ask(client, { authority: "a" }), await backend.next()];
    await other.through("¶¶");
    other.send("HTTP/1.1 200 OK¶Content-Length: 0¶¶");
    assertEquals((await next).status, 200);
  }));

test("reverseProxy() resets the stream of a response whose server leaves in the midst of it (RFC 9113 §8.1)", () =>
  overHttp2(async ({ client, backend }) => {
    for (const framing of ["Content-Length: 9", "Transfer-Encoding: chunked"]) {
      const asked = ask(client, { authority: "a" });
      const peer = await backend.next();
      await peer.through("¶¶");
      peer.send(`HTTP/1.1 200 OK¶${framing}¶¶4¶abcd`);
      const { body } = await asked;
      peer.close();
      await assertRejects(() => body.text());
    }
  }, { serve: { onError: () => {} } }));

test("reverseProxy() leaves out what HTTP/2 forbids in 1xx, responses and trailers, whatever the server says there (RFC 9113 §8.2.2)", () =>
  overHttp2(async ({ client, backend }) => {
    const informational: unknown[] = [];
    const asked = ask(client, {
      authority: "a",
      onInformational: (head) => informational.push([head.status, [...head.fields]]),
    });
    const peer = await backend.next();
    await peer.through("¶¶");
    const hop = "TE: gzip¶Keep-Alive: 1¶Proxy-Connection: a¶";
    peer.send(
      `HTTP/1.1 103 Early Hints¶Link: </a>¶${hop}¶` +
        `HTTP/1.1 200 OK¶${hop}Upgrade: h2c¶Transfer-Encoding: chunked¶¶1¶a¶0¶X-Sum: 1¶${hop}Connection: x¶Upgrade: y¶¶`,
    );
    const response = await asked;
    assertEquals([pairs(response), await response.body.text()], [[], "a"]);
    assertEquals([...await response.body.trailers], [["x-sum", "1"]]);
    assertEquals(informational, [[103, [["link", "</a>"]]]]);
  }));

test("reverseProxy() tells the server of a client of HTTP/2 as of any other (RFC 7239)", () =>
  overHttp2(async ({ client, backend }) => {
    const asked = ask(client, { authority: "a.example", fields: [["x-forwarded-for", "1.2.3.4"]] });
    const peer = await backend.next();
    assertEquals(
      await peer.through("¶¶"),
      "GET / HTTP/1.1¶host: a.example¶X-Forwarded-For: 127.0.0.1¶X-Forwarded-Host: a.example¶X-Forwarded-Proto: http¶" +
        `Forwarded: for=127.0.0.1;host="a.example";proto=http¶Via: 2 p¶¶`,
    );
    peer.send("HTTP/1.1 204 OK¶¶");
    await asked;
  }, { options: { forwarded: { style: "both" } } }));

test("reverseProxy() makes extended CONNECT for a WebSocket an Upgrade with a key of its own, and keeps the accept (RFC 8441 §5)", () =>
  overHttp2(async ({ client, backend }) => {
    const asked = ask(client, { authority: "a", path: "/chat", fields: WEBSOCKET });
    const peer = await backend.next();
    const { head, key } = await keyIn(peer);
    assertEquals(
      head,
      "GET /chat HTTP/1.1¶host: a¶connection: upgrade¶upgrade: websocket¶sec-websocket-version: 13¶" +
        "sec-websocket-protocol: chat¶Sec-WebSocket-Key: KEY¶Via: 2 p¶¶",
    );
    assertEquals(atob(key).length, 16);
    peer.send(
      `HTTP/1.1 101 Switching¶Upgrade: websocket¶Connection: Upgrade¶Sec-WebSocket-Accept: ${acceptOf(key)}¶` +
        "Sec-WebSocket-Protocol: chat¶¶early",
    );
    const response = await asked;
    assertEquals([response.status, pairs(response)], [200, [["sec-websocket-protocol", "chat"]]]);
    const io = await onUpgrade(response);
    await io.write(wire("hello"));
    assertEquals(await peer.take(5), "hello");
    await io.closeWrite();
    assertEquals(await peer.rest(), "");
    peer.send(" and late");
    peer.end();
    assertEquals(await readAll(io), "early and late");
  }));

test("reverseProxy() refuses a server's 101 that does not answer the key: 502, and the server's connection ends (RFC 6455 §4.1)", () =>
  overHttp2(async ({ client, backend }) => {
    for (const accept of ["", "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=¶"]) {
      const asked = ask(client, { authority: "a", fields: WEBSOCKET });
      const peer = await backend.next();
      await peer.through("¶¶");
      peer.send(`HTTP/1.1 101 Switching¶Upgrade: websocket¶Connection: Upgrade¶${accept}¶`);
      const response = await asked;
      assertEquals(response.status, 502);
      assertEquals(response.fields.get("proxy-status"), "p; error=http_upgrade_failed");
      await peer.untilEnd();
    }
  }));

test("reverseProxy() makes extended CONNECT for any protocol an Upgrade to it, without a key (RFC 9110 §7.8)", () =>
  overHttp2(async ({ client, backend }) => {
    const asked = ask(client, { authority: "a", fields: upgrade("Echo", ["x-more", "1"]) });
    const peer = await backend.next();
    assertEquals(
      await peer.through("¶¶"),
      "GET / HTTP/1.1¶host: a¶connection: upgrade¶upgrade: Echo¶x-more: 1¶Via: 2 p¶¶",
    );
    peer.send("HTTP/1.1 101 Switching¶Upgrade: Echo¶Connection: Upgrade¶X-More: 2¶¶");
    const response = await asked;
    assertEquals(pairs(response), [["x-more", "2"]]);
    const io = await onUpgrade(response);
    peer.send("bye");
    peer.end();
    assertEquals(await readAll(io), "bye");
    await io.write(wire("late"));
    await io.closeWrite();
    assertEquals(await peer.rest(), "late");
  }));

test("reverseProxy() passes a refused upgrade on with its body to a client of HTTP/2 (RFC 8441 §5)", () =>
  overHttp2(async ({ client, backend }) => {
    const asked = ask(client, { authority: "a", fields: WEBSOCKET });
    const peer = await backend.next();
    await peer.through("¶¶");
    peer.send("HTTP/1.1 403 No¶X-Why: so¶Content-Length: 2¶¶no");
    const response = await asked;
    assertEquals([response.status, response.fields.get("x-why")], [403, "so"]);
    assertEquals(await response.body.text(), "no");
    const { code } = await assertRejects(() => onUpgrade(response)) as UpgradeRejected;
    assertEquals(code, "refused");
  }));

test("reverseProxy() never lets a 2xx without a switch look like one to a client of HTTP/2: 502 (RFC 8441 §4)", () =>
  overHttp2(async ({ client, backend }) => {
    for (const fields of [WEBSOCKET, upgrade("h2c")]) {
      const asked = ask(client, { authority: "a", fields });
      const peer = await backend.next();
      await peer.through("¶¶");
      peer.send("HTTP/1.1 200 OK¶Content-Length: 4¶¶page");
      const response = await asked;
      assertEquals([response.status, response.fields.get("proxy-status")], [502, "p; error=http_upgrade_failed"]);
      await assertRejects(() => onUpgrade(response));
      backend.again(peer);
    }
  }));

test("reverseProxy() passes a cut behind a switch on in both directions: RST_STREAM and RST", {
  skip: runtimeName === "deno" && "Deno has no way to reset a connection",
}, () =>
  overHttp2(async ({ client, backend }) => {
    for (const who of ["client", "server"] as const) {
      const asked = ask(client, { authority: "a", fields: upgrade("echo") });
      const peer = await backend.next();
      await peer.through("¶¶");
      peer.send("HTTP/1.1 101 Switching¶Upgrade: echo¶Connection: Upgrade¶¶");
      const io = await onUpgrade(await asked);
      if (who === "client") {
        io.abort();
        assertEquals(await peer.untilEnd(), "reset");
      } else {
        peer.reset();
        await assertRejects(() => io.read());
      }
    }
    const asked = ask(client, { authority: "a" });
    const peer = await backend.next();
    assertMatch(await peer.through("¶¶"), /^GET/);
    peer.send("HTTP/1.1 204 OK¶¶");
    assertEquals((await asked).status, 204);
  }));
