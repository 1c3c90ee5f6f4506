import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { WebSocket } from "ws";
import { acceptUpgrade } from "../../src/node_http/accept.ts";
import { toNodeHandler } from "../../src/node_http/node_handler.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { serve } from "../../src/http/server/serve.ts";
import { dial, say } from "../support/http_server.ts";
import { readUntil, wire } from "../support/wire.ts";

async function echo(io: WebSocketConnection): Promise<void> {
  for await (const message of io) await io.write(message);
}

function chat(request: Request): Response {
  if (!request.url.endsWith("/chat")) return new Response("nothing to upgrade here", { status: 404 });
  return upgradeWebSocket(request, { deflate: true }, echo).response;
}

/** What a real client and a raw one see of a server whose upgrades this package answers. */
async function checkChat(server: Server): Promise<void> {
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assertStringIncludes(await say(port, "GET /hello HTTP/1.1¶Host: a¶Connection: close¶¶"), "hello from the framework");
  const refused = await say(port, "GET /other HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: websocket¶¶");
  assertStringIncludes(refused, "404 Not Found");
  assertStringIncludes(refused, "nothing to upgrade here");
  await checkSocket(port);
  await close(server);
}

/** Messages of both lengths to a WebSocket that says them back, and its end. */
async function checkSocket(port: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  const messages: string[] = [];
  const closed = await new Promise((resolve, reject) => {
    socket.on("open", () => socket.send("one"));
    socket.on("message", (data: Uint8Array) => {
      messages.push(String(data));
      if (messages.length === 1) socket.send("x".repeat(100_000));
      else socket.close(1000, "done");
    });
    socket.on("close", resolve);
    socket.on("error", reject);
  });
  assertEquals([messages[0], messages[1]?.length, closed], ["one", 100_000, 1000]);
}

function close(server: Server): Promise<void> {
  return new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections?.();
  });
}

function upgrading(server: Server): Server {
  return server.on("upgrade", (req, socket, head) => void acceptUpgrade(req, socket, head, chat));
}

test("acceptUpgrade() on the server of an Express app", async () => {
  const app = express().get("/hello", (_req: unknown, res: { send(text: string): void }) => {
    res.send("hello from the framework");
  });
  await checkChat(upgrading(createServer(app)));
});

test("acceptUpgrade() on the server of a Fastify app", async () => {
  const app = fastify();
  app.get("/hello", () => "hello from the framework");
  upgrading(app.server);
  await app.listen({ port: 0, host: "127.0.0.1" });
  await checkChat(app.server);
  await app.close();
});

test("acceptUpgrade() on the server of a Koa app", async () => {
  const app = new Koa();
  app.use((context: { body: string }) => void (context.body = "hello from the framework"));
  await checkChat(upgrading(createServer(app.callback())));
});

test("toNodeHandler() puts a Hono app with upgrades beside Express routes", async () => {
  const hono = new Hono();
  hono.get("/chat", (c) => chat(c.req.raw));
  hono.get("/hello", (c) => c.text("hello from the framework"));
  hono.all("*", (c) => c.text("nothing to upgrade here", 404));
  const handler = toNodeHandler(hono.fetch);
  const app = express().get("/express", (_req: unknown, res: { send(text: string): void }) => void res.send("express"));
  app.use(handler);
  const server = createServer(app).on("upgrade", handler.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assertStringIncludes(await say(port, "GET /express HTTP/1.1¶Host: a¶Connection: close¶¶"), "express");
  await checkChat(server);
});

test("toNodeHandler(reverseProxy()) beside Express routes: requests, uploads and WebSockets", async () => {
  const backend = serve({ port: 0, hostname: "127.0.0.1" }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "POST") return new Response(`${(await request.bytes()).length} bytes to ${pathname}`);
    return request.url.endsWith("/hello") ? new Response("hello from behind") : chat(request);
  });
  const proxy = reverseProxy(`http://127.0.0.1:${(await backend.listening)[0].port}`);
  const handler = toNodeHandler(proxy);
  const app = express();
  app.get("/express", (_req: unknown, res: { send(text: string): void }) => void res.send("express"));
  app.use("/api", handler); // the server gets the whole target
  app.use(handler);
  const server = createServer(app).on("upgrade", handler.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assertStringIncludes(await say(port, "GET /express HTTP/1.1¶Host: a¶Connection: close¶¶"), "express");
  const upload = { method: "POST", body: new Uint8Array(3_000_000) };
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/api/up`, upload)).text(), "3000000 bytes to /api/up");
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/hello`)).text(), "hello from behind");
  const raw = dial(port);
  await raw.write(wire("GET /other HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: websocket¶¶"));
  assertStringIncludes(await readUntil(raw, "nothing to upgrade here"), "404 Not Found");
  await raw.close();
  await checkSocket(port);
  await close(server);
  await proxy[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});
