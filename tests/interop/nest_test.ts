import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Controller, Get, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { SubscribeMessage, WebSocketGateway, WebSocketServer, WsException } from "@nestjs/websockets";
import { of } from "rxjs";
import { WebSocket as WsClient } from "ws";
import { type GatewayServer, UpgradeAdapter } from "../../scripts/examples/nest_adapter.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import type { WebSocket } from "../../src/websocket/web_socket.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { acceptUpgrade } from "../../src/node_http/accept.ts";
import { say } from "../support/http_server.ts";
import { freePort } from "../support/daemon.ts";

const seen: unknown[] = [];

/** Bundles have no decorators of TypeScript: they are called as what they are, functions. */
function decorate(type: { readonly prototype: object }, methods: Readonly<Record<string, MethodDecorator>>): void {
  for (const [name, decorator] of Object.entries(methods)) {
    decorator(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name)!);
  }
}

class Chat {
  declare server: GatewayServer;

  handleConnection(client: WebSocket, request: Request): void {
    seen.push(["connected", request.headers.get("x-name"), this.server.clients.has(client)]);
    client.send("welcome");
  }

  handleDisconnect(): void {
    seen.push(["disconnected", this.server.clients.size]);
  }

  sum(_client: WebSocket, numbers: readonly number[]): unknown {
    return { event: "sum", data: numbers.reduce((sum, number) => sum + number, 0) };
  }

  count(): unknown {
    return of({ event: "count", data: 1 }, { event: "count", data: 2 });
  }

  all(_client: WebSocket, text: string): void {
    for (const client of this.server.clients.keys()) client.send(text);
  }

  fail(): void {
    throw new WsException("as you wish");
  }
}
decorate(Chat, {
  sum: SubscribeMessage("sum"),
  count: SubscribeMessage("count"),
  all: SubscribeMessage("all"),
  fail: SubscribeMessage("fail"),
});
WebSocketServer()(Chat.prototype, "server");

class Pages {
  hello(): string {
    return "hello from Nest";
  }
}
decorate(Pages, { hello: Get("hello") });
Controller()(Pages);

/** The gateway is where `port` says, or on the application's server. */
function appModule(port?: number): object {
  class Gateway extends Chat {}
  const options = { path: "/chat", deflate: true, protocols: ["v1"] };
  (port === undefined ? WebSocketGateway(options) : WebSocketGateway(port, options))(Gateway);
  class App {}
  Module({ providers: [Gateway], controllers: [Pages] })(App);
  return App;
}

async function started(module: object) {
  const app = await NestFactory.create(module, new ExpressAdapter(), { logger: false });
  app.useWebSocketAdapter(new UpgradeAdapter(app));
  await app.listen(0, "127.0.0.1");
  return { app, port: (app.getHttpServer().address() as AddressInfo).port };
}

test("NestJS: a gateway on WebSockets of this package, on the server of the application", async () => {
  seen.length = 0;
  const { app, port } = await started(appModule());
  assertStringIncludes(await say(port, "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: websocket¶¶"), "404 Not");
  app.getHttpServer().on("upgrade", (...[req, socket, head]: Parameters<typeof acceptUpgrade>) => {
    if (req.url === "/other") acceptUpgrade(req, socket, head, (request) => upgradeWebSocket(request).response);
  });
  assertStringIncludes(await say(port, "GET /hello HTTP/1.1¶Host: a¶Connection: close¶¶"), "hello from Nest");
  const url = `ws://127.0.0.1:${port}/chat`;
  const ann = await new WebSocketStream(url, { protocols: ["v1"], headers: { "x-name": "ann" } }).opened;
  assertEquals([ann.protocol, await ann.read()], ["v1", "welcome"]);
  await ann.write("no JSON");
  await ann.write('{ "event": "unknown" }');
  await ann.write('{ "event": "sum", "data": [1, 2, 3] }');
  assertEquals(await ann.read(), '{"event":"sum","data":6}');
  await ann.write('{ "event": "count" }');
  assertEquals([await ann.read(), await ann.read()], ['{"event":"count","data":1}', '{"event":"count","data":2}']);
  await ann.write('{ "event": "fail" }');
  assertStringIncludes(
    String(await ann.read()),
    '{"event":"exception","data":{"status":"error","message":"as you wish"',
  );
  const bob = new WsClient(url, { headers: { "x-name": "bob" } });
  const heard: string[] = [];
  const over = new Promise<number>((resolve, reject) => {
    bob.on("message", (data: Uint8Array) => heard.push(String(data)) === 1 && bob.send('{"event":"all","data":"hi"}'));
    bob.on("close", resolve);
    bob.on("error", reject);
  });
  assertEquals(await ann.read(), "hi");
  const other = await new WebSocketStream(`ws://127.0.0.1:${port}/other`).opened;
  await other.close();
  await ann.close();
  await app.close();
  assertEquals([await over, heard], [1001, ["welcome", "hi"]]);
  assertEquals(seen, [
    ["connected", "ann", true],
    ["connected", "bob", true],
    ["disconnected", 1],
    ["disconnected", 0],
  ]);
});

test("NestJS: a gateway with a port of its own, on serve()", async () => {
  const own = await freePort();
  const { app } = await started(appModule(own));
  const io = await new WebSocketStream(`ws://127.0.0.1:${own}/chat`).opened;
  assertEquals(await io.read(), "welcome");
  const ended = io.closed;
  const drained = app.close();
  assertEquals(await io.read(), null);
  await drained;
  assertEquals((await ended).closeCode, 1001);
});
