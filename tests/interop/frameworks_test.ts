import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { H3 } from "h3";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import { upgradeResponse } from "../../src/http1/switch.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { handshake } from "../../src/http2/client_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { upgradeWebSocket, webSocketOver } from "../../src/websocket/mod.ts";
import { ask } from "../support/http2_ask.ts";
import { dial, listening, say } from "../support/http_server.ts";
import { text, wire } from "../support/wire.ts";

const UPGRADE =
  "GET /up HTTP/1.1¶Host: a¶Origin: http://b¶Accept-Encoding: gzip¶Connection: upgrade¶Upgrade: echo¶¶early";

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

function honoApp(): Hono {
  const app = new Hono();
  app.use(cors(), etag(), compress(), secureHeaders());
  app.use(async (c, next) => {
    await next();
    c.header("x-after", "1");
    c.res.headers.set("x-later", "2");
  });
  app.get("/up", (c) => upgradeResponse(c.req.raw, "echo", {}, echo).response);
  app.get("/text/:name", (c) => c.text(`hello ${c.req.param("name")} ${c.req.query("q")}`));
  app.get("/json", (c) => c.json({ ua: c.req.header("user-agent") }));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  app.post("/form", async (c) => c.json(await c.req.parseBody()));
  app.post("/limited", bodyLimit({ maxSize: 4 }), async (c) => c.text(await c.req.text()));
  return app;
}

test("an upgrade survives Hono's cors, etag, compress, secureHeaders and headers set after next()", async () => {
  const { server, port } = await listening(honoApp().fetch);
  const output = await say(port, UPGRADE);
  assertMatch(output, /^HTTP\/1\.1 101 Switching Protocols¶/);
  assertStringIncludes(output, "access-control-allow-origin: *¶");
  assertStringIncludes(output, "x-after: 1¶");
  assertStringIncludes(output, "x-later: 2¶");
  assert(output.endsWith("¶¶early"), output);
  await server.shutdown();
});

test("Hono's routes, queries, headers, bodies and forms work through serve()", async () => {
  const { server, port, origin } = await listening(honoApp().fetch);
  assertEquals(await (await fetch(`${origin}/text/tea?q=1`)).text(), "hello tea 1");
  assertEquals(await (await fetch(`${origin}/json`, { headers: { "user-agent": "me" } })).json(), { ua: "me" });
  assertEquals(
    await (await fetch(`${origin}/echo`, { method: "POST", body: "x".repeat(100_000) })).text(),
    "x".repeat(100_000),
  );
  const form = await fetch(`${origin}/form`, { method: "POST", body: new URLSearchParams({ a: "1" }) });
  assertEquals(await form.json(), { a: "1" });
  assertEquals((await fetch(`${origin}/none`)).status, 404);
  const big = await say(port, "POST /limited HTTP/1.1¶Host: a¶Content-Length: 5¶¶12345");
  assertMatch(big, /^HTTP\/1\.1 413 /);
  await server.shutdown();
});

test("Hono's bodyLimit makes a request of the request, which replaceGlobalRequest allows", async () => {
  const { server, port } = await listening(honoApp().fetch, { replaceGlobalRequest: true });
  const chunked = (chunks: string): string =>
    `POST /limited HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶Connection: close¶¶${chunks}0¶¶`;
  assert((await say(port, chunked("2¶te¶1¶a¶"))).endsWith("tea"));
  assertMatch(await say(port, chunked("3¶tea¶3¶pot¶")), /^HTTP\/1\.1 413 /);
  await server.shutdown();
});

function h3App(): H3 {
  const app = new H3();
  app.get("/up", (event) => {
    event.res.headers.set("x-event", "1");
    return upgradeResponse(event.req as Request, "echo", { headers: { "x-init": "1" } }, echo).response;
  });
  app.get("/text", () => "hello");
  app.post("/echo", async (event) => ({ got: await event.req.text() }));
  return app;
}

test("an upgrade survives h3, and its routes work", async () => {
  const app = h3App();
  const { server, port, origin } = await listening((request) => app.fetch(request) as Promise<Response>);
  const output = await say(port, UPGRADE);
  assertMatch(output, /^HTTP\/1\.1 101 .*x-init: 1¶.*¶early$/s);
  assertEquals(await (await fetch(`${origin}/text`)).text(), "hello");
  assertEquals(await (await fetch(`${origin}/echo`, { method: "POST", body: "x" })).json(), { got: "x" });
  await server.shutdown();
});

test("Hono and h3 over HTTP/2: routes, bodies, and upgrades behind middleware, on one connection", async () => {
  const hono = honoApp();
  hono.get("/chat", (c) =>
    upgradeWebSocket(c.req.raw, {}, async (socket) => {
      for await (const message of socket) await socket.write(message);
    }).response);
  const h3 = h3App();
  h3.get("/chat", (event) =>
    upgradeWebSocket(event.req as Request, {}, async (socket) => {
      for await (const message of socket) await socket.write(message);
    }).response);
  const later = { hono: [["x-after", "1"], ["x-later", "2"]], h3: [["x-init", "1"]] };
  const apps = { hono: hono.fetch, h3: (request: Request) => h3.fetch(request) as Promise<Response> };
  for (const name of ["hono", "h3"] as const) {
    const { server, port } = await listening((request) => apps[name](request), {
      http2: { h2c: true, connectProtocol: true },
    });
    const { connection } = handshake(dial(port), { scheme: "http" });
    const authority = "a.example";
    const fields: [string, string][] = [["origin", "http://b"], ["connection", "upgrade"]];
    const upgraded = await ask(connection, { authority, path: "/up", fields: [...fields, ["upgrade", "echo"]] });
    for (const [field, value] of later[name]) assertEquals(upgraded.fields.get(field!), value);
    const webSocket: [string, string][] = [["upgrade", "websocket"], ["sec-websocket-version", "13"]];
    const chat = await ask(connection, { authority, path: "/chat", fields: [...fields, ...webSocket] });
    const socket = webSocketOver(await onUpgrade(chat), { role: "client" });
    const body = "x".repeat(400_000);
    const echoed = await ask(connection, { method: "POST", authority, path: "/echo", body });
    assertEquals(await echoed.body.text(), name === "hono" ? body : JSON.stringify({ got: body }));
    const path = name === "hono" ? "/text/tea?q=1" : "/text";
    assertEquals(
      await (await ask(connection, { authority, path })).body.text(),
      name === "hono" ? "hello tea 1" : "hello",
    );
    assertEquals((await ask(connection, { authority, path: "/none" })).status, 404);
    await socket.write("hello");
    assertEquals(await socket.read(), "hello");
    await socket.close();
    const io = await onUpgrade(upgraded);
    await io.write(wire("early"));
    assertEquals(text((await io.read())!), "early");
    await io.close();
    assertEquals([server.connections, server.stats().requests], [1, 5]);
    await connection.gracefulShutdown();
    await server.shutdown();
  }
});
