import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Socket } from "../../../src/duplex/socket.ts";
import { wire } from "../../support/bytes.ts";
import { readAll, readUntil } from "../../support/wire.ts";
import { type Scene, scene, statusOf } from "./scene.ts";

/** Sends a request to the proxy over a connection of its own. */
async function sent(s: Scene, request: string): Promise<Socket> {
  const io = s.client();
  await io.write(wire(request));
  return io;
}

/** The head of what a connection says, and the bytes behind it that came along. */
function head(io: Socket): Promise<string> {
  return readUntil(io, (soFar) => soFar.includes("¶¶"));
}

const get = (url: string, more = "") => `GET ${url} HTTP/1.1¶Host: x¶${more}¶`;

test("a plain request goes on in origin-form, with one Host, without what was meant for the proxy, and comes back [A9, E16, H3]", async (t) => {
  const s = await scene(t, { allow: ["public.test"] });
  const io = await sent(
    s,
    "POST http://PUBLIC.test.:80/a/../b?q=%2e HTTP/1.1¶Proxy-Authorization: Basic eDp5¶Host: evil.test¶X-Tag: 1¶" +
      "Connection: X-Hop, keep-alive¶X-Hop: 1¶Proxy-Connection: keep-alive¶Content-Length: 4¶¶body",
  );
  const target = await s.target();
  const got = await readUntil(target, "body");
  assertEquals(
    got,
    "POST /a/../b?q=%2e HTTP/1.1¶Host: public.test¶X-Tag: 1¶Content-Length: 4¶Via: 1.1 p¶¶body",
  );
  await target.write(wire("HTTP/1.1 201 Made¶X-Answer: yes¶Content-Length: 6¶Keep-Alive: timeout=5¶¶answer"));
  assertEquals(await readUntil(io, "answer"), "HTTP/1.1 201 Made¶X-Answer: yes¶Content-Length: 6¶Via: 1.1 p¶¶answer");
  const [end] = await s.ends(1);
  const { kind, authority, path, method, rule, decision, address, status, sent: up, received, reason, tunnel } = end!;
  assertEquals({ kind, authority, path, method, rule, decision, address, status, up, received, reason, tunnel }, {
    kind: "request",
    authority: "public.test:80",
    path: "/a/../b",
    method: "POST",
    rule: "public.test",
    decision: "allowed",
    address: "192.88.98.7",
    status: 201,
    up: 4,
    received: 6,
    reason: "done",
    tunnel: null,
  });
  assertEquals(s.events.map(({ event, status }) => `${event} ${status}`), ["start 201", "end 201"]);
  assertEquals(s.dialed, ["192.88.98.7:80"]);
});

test("connections to origins are kept for what may use them: the same rule and identity, and no others", async (t) => {
  const basic = (user: string) => `Proxy-Authorization: Basic ${btoa(`${user}:x`)}¶`;
  const s = await scene(t, {
    allow: [{ host: "inside.test", identity: "a", addresses: ["private"] }, "*.test"],
    auth: { basic: { a: "x", b: "x" } },
  });
  const origin = async (): Promise<void> => {
    const target = await s.target();
    for (let i = 0; i < 2; i++) {
      await head(target);
      await target.write(wire("HTTP/1.1 200 OK¶Content-Length: 2¶¶ok"));
    }
  };
  const answering = origin();
  const io = await sent(s, get("http://inside.test/1", basic("a")));
  await readUntil(io, "ok");
  await s.ends(1);
  await io.write(wire(get("http://INSIDE.test/2", basic("a"))));
  await readUntil(io, "ok");
  await answering;
  assertEquals(s.dialed, ["10.0.0.2:80"]);
  // Nobody else gets there by way of a connection that was opened for someone who may.
  const other = await head(await sent(s, get("http://inside.test/3", basic("b"))));
  assertEquals([statusOf(other), other.includes("destination_ip_prohibited")], [403, true]);
  assertEquals(s.dialed, ["10.0.0.2:80"]);
});

test("methods and paths decide about plain requests, in each way to read them", async (t) => {
  const s = await scene(t, { allow: [{ name: "read", host: "public.test", methods: ["GET"], paths: ["/v1/*"] }] });
  for (
    const request of [
      "POST http://public.test/v1/a HTTP/1.1¶Host: a¶Content-Length: 0¶¶",
      get("http://public.test/v2"),
      get("http://public.test/v1/../v2"),
      get("http://public.test/v1/%2e%2e/v2"),
      get("http://public.test"),
      get("http://public.test?/v1/"),
      get("http://public.test:81/v1/a").replace("public", "other"),
    ]
  ) {
    const answer = await head(await sent(s, request));
    assertEquals(statusOf(answer), 403, request);
  }
  const io = await sent(s, get("http://public.test/v1/a?b"));
  const target = await s.target();
  assert((await head(target)).startsWith("GET /v1/a?b HTTP/1.1¶Host: public.test¶"));
  await target.write(wire("HTTP/1.1 204 No Content¶¶"));
  assertEquals(statusOf(await head(io)), 204);
});

test("an address that a rule denies to a method is denied to it by name as well, also where a connection is kept", async (t) => {
  const s = await scene(t, {
    allow: [{ host: "inside.test", addresses: ["private"] }],
    deny: [{ name: "no writes", host: "10.0.0.0/8", methods: ["DELETE"] }],
  });
  const io = await sent(s, get("http://inside.test/"));
  const target = await s.target();
  await head(target);
  await target.write(wire("HTTP/1.1 204 No Content¶¶"));
  assertEquals(statusOf(await head(io)), 204);
  const refused = await head(await sent(s, "DELETE http://inside.test/ HTTP/1.1¶Host: a¶¶"));
  assertEquals([statusOf(refused), refused.includes("no writes")], [403, true]);
  assertEquals(s.dialed, ["10.0.0.2:80"]);
});

test("what is no request for a proxy is refused, with a text that says what would be", async (t) => {
  const s = await scene(t, { allow: ["*"] });
  for (
    const request of [
      get("/"),
      get("https://public.test/"),
      get("ftp://public.test/"),
      get("ws://public.test/"),
      get("ws://public.test/", "Connection: upgrade¶Upgrade: echo¶"),
      get("wss://public.test/", "Connection: upgrade¶Upgrade: websocket¶"),
      "OPTIONS * HTTP/1.1¶Host: a¶¶",
    ]
  ) {
    const answer = await head(await sent(s, request));
    assertEquals(statusOf(answer), 400, request);
    assert(answer.includes("Proxy-Status: p; error=http_request_error;"), answer);
  }
  for (const url of ["http://u@public.test/", "http://public.test:99999/", "http://[::1/", "http:///"]) {
    assertEquals(statusOf(await head(await sent(s, get(url)))), 400, url);
  }
  for (const url of ["http://0x7f.1/", "http://[::ffff:7f00:1]:80/", "http://2852039166/latest/meta-data/"]) {
    assertEquals(statusOf(await head(await sent(s, get(url)))), 403, url);
  }
  assertEquals(s.dialed, []);
});

test("a WebSocket may be asked for with its own scheme, ws://host/path: the origin gets the path", async (t) => {
  const s = await scene(t, { allow: ["public.test:80"] });
  const fields = "Connection: Upgrade¶Upgrade: WebSocket¶Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==¶";
  await sent(s, get("WS://public.test/chat?room=1", fields));
  assertEquals(
    await head(await s.target()),
    `GET /chat?room=1 HTTP/1.1¶Host: public.test¶${fields}Via: 1.1 p¶¶`,
  );
  assertEquals(s.dialed, ["192.88.98.7:80"]);
});

test("a request that comes back is refused, and one that may go no farther is answered here (RFC 9110 §7.6)", async (t) => {
  const s = await scene(t, { allow: ["*"] });
  const looped = await head(await sent(s, get("http://public.test/", "Via: 1.1 other, 1.1 p¶")));
  assertEquals([statusOf(looped), looped.includes("proxy_loop_detected")], [502, true]);
  const last = "OPTIONS http://public.test/ HTTP/1.1¶Host: a¶Max-Forwards: 0¶¶";
  assertEquals(statusOf(await head(await sent(s, last))), 204);
  await sent(s, last.replace("0", "3"));
  assert((await head(await s.target())).includes("¶Max-Forwards: 2¶"));
});

test("an upgrade goes through, counts as a tunnel, and takes early bytes along", async (t) => {
  const s = await scene(t, { allow: ["*"], maxTunnels: 1 });
  const upgrade = get("http://public.test/", "Connection: upgrade¶Upgrade: echo¶");
  const io = await sent(s, `${upgrade}early`);
  const target = await s.target();
  const got = await head(target);
  assertEquals(got, "GET / HTTP/1.1¶Host: public.test¶Connection: upgrade¶Upgrade: echo¶Via: 1.1 p¶¶");
  assertEquals(statusOf(await head(await sent(s, upgrade))), 503);
  await target.write(wire("HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶hello"));
  assertEquals(await readUntil(target, "early"), "early");
  const answer = await readUntil(io, "hello");
  assertEquals(statusOf(answer), 101);
  await io.closeWrite();
  assertEquals(await readAll(target), "");
  await target.closeWrite();
  assertEquals(await readAll(io), "");
  const end = (await s.ends(2)).find(({ status }) => status === 101)!;
  assertEquals([end.sent, end.received, end.reason], [5, 5, "done"]);
});

test("a function changes the fields that go on, with what the client never sees", async (t) => {
  const s = await scene(t, {
    allow: ["*"],
    headers: async (fields, { hostname }) => {
      await Promise.resolve();
      if (hostname === "public.test") fields.set("Authorization", "Bearer secret");
      fields.delete("X-Client");
    },
  });
  const io = await sent(s, get("http://public.test/", "X-Client: 1¶"));
  const target = await s.target();
  assertEquals(await head(target), "GET / HTTP/1.1¶Host: public.test¶Via: 1.1 p¶Authorization: Bearer secret¶¶");
  await target.write(wire("HTTP/1.1 200 OK¶Content-Length: 0¶¶"));
  assertEquals(await head(io), "HTTP/1.1 200 OK¶Content-Length: 0¶Via: 1.1 p¶¶");
  assertEquals(JSON.stringify(s.events).includes("secret"), false);
});

test("bodies stream both ways, trailers and 1xx among them, and end the exchange when they are over", async (t) => {
  const s = await scene(t, { allow: ["*"] });
  const io = await sent(
    s,
    "PUT http://public.test/ HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶TE: trailers¶Trailer: T¶¶3¶abc¶",
  );
  const target = await s.target();
  await readUntil(target, "3¶abc¶");
  await target.write(wire("HTTP/1.1 103 Early Hints¶Link: </a>¶¶"));
  assertEquals(await head(io), "HTTP/1.1 103 Early Hints¶Link: </a>¶Via: 1.1 p¶¶");
  await io.write(wire("2¶de¶0¶T: 1¶¶"));
  await readUntil(target, "2¶de¶0¶T: 1¶¶");
  await target.write(wire("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Trailer: D¶¶1¶x¶"));
  await readUntil(io, "1¶x¶");
  assertEquals(s.proxy.open.map(({ sent, received, status }) => [sent, received, status]), [[5, 1, 200]]);
  await target.write(wire("0¶D: 2¶¶"));
  await readUntil(io, "0¶D: 2¶¶");
  const [end] = await s.ends(1);
  assertEquals([end!.sent, end!.received, end!.reason], [5, 1, "done"]);
});

test("an origin that says nothing is 504", async (t) => {
  const s = await scene(t, { allow: ["*"], responseTimeoutMs: 30 });
  const silent = await sent(s, get("http://public.test/"));
  await head(await s.target());
  const late = await head(silent);
  assertEquals([statusOf(late), late.includes("error=http_response_timeout;")], [504, true]);
  const [end] = await s.ends(1);
  assertEquals(`${end!.decision} ${end!.reason}`, "allowed failed");
  assertEquals(s.proxy.open, []);
});

test("an origin that leaves is 502, one that breaks the protocol too", async (t) => {
  const s = await scene(t, { allow: ["*"] });
  const left = await sent(s, "POST http://public.test/ HTTP/1.1¶Host: a¶Content-Length: 0¶¶");
  const target = await s.target();
  await head(target);
  await target.close();
  assertEquals(statusOf(await head(left)), 502);
  const broken = await sent(s, get("http://public.test/"));
  const strange = await s.target();
  await head(strange);
  await strange.write(wire("SSH-2.0-x¶"));
  assertEquals(statusOf(await head(broken)), 502);
  assertEquals((await s.ends(2)).map(({ decision, reason }) => `${decision} ${reason}`), [
    "allowed failed",
    "allowed failed",
  ]);
  assertEquals(s.proxy.open, []);
});

test("a client that leaves ends its request at the origin", async (t) => {
  const s = await scene(t, { allow: ["*"] });
  const io = await sent(s, get("http://public.test/"));
  const target = await s.target();
  await head(target);
  io.abort();
  assertEquals(await readAll(target).catch(() => ""), "");
  const [end] = await s.ends(1);
  assertEquals(end!.reason, "client-left");
});

test("forwardProxy() adds Via to 1xx as well: to each message that it forwards (RFC 9110 §7.6.3)", async (t) => {
  const s = await scene(t, { allow: [{ host: "public.test" }] });
  const io = s.client();
  await io.write(wire("GET http://public.test/ HTTP/1.1¶Host: public.test¶¶"));
  const target = await s.target();
  await readUntil(target, "¶¶");
  await target.write(wire("HTTP/1.1 103 Early Hints¶Link: </a>¶¶HTTP/1.0 204 None¶¶"));
  const answer = await readUntil(io, "Via: 1.0 p¶¶");
  assertEquals(answer, "HTTP/1.1 103 Early Hints¶Link: </a>¶Via: 1.1 p¶¶HTTP/1.1 204 None¶Via: 1.0 p¶¶");
});
