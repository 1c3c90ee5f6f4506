import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { tunnel } from "../../../src/proxy/tunnel.ts";
import { connect } from "../../../src/net/mod.ts";
import * as node from "../../../src/net/node/mod.ts";
import { upgradeWebSocket } from "../../../src/websocket/upgrade.ts";
import { dial, listening } from "../../support/http_server.ts";
import { readUntil, turns, wire } from "../../support/wire.ts";

const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";
const WEB_SOCKET = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶¶";

function target(reasons: unknown[]) {
  return { abort: (reason?: unknown) => void reasons.push(reason) };
}

test("connectResponse() owns the target of a tunnel whose client cuts the connection at any moment", async () => {
  const reached = await listening(() => new Promise(() => {}));
  const proxy = await listening(() => new Response(null, { status: 405 }), {
    async connect(request) {
      const target = connect(request);
      await target.opened;
      return connectResponse(request, { owns: target }, async (io) => void await tunnel(io, target)).response;
    },
  });
  const head = wire(`CONNECT 127.0.0.1:${reached.port} HTTP/1.1¶Host: 127.0.0.1:${reached.port}¶¶`);
  for (let waits = 0; waits < 20; waits++) {
    // A `Deno.Conn` cannot be cut.
    const client = node.connect({ hostname: "127.0.0.1", port: proxy.port });
    await client.write(head);
    for (let i = 0; i < waits; i++) await turns();
    client.abort();
  }
  while (proxy.server.connections > 0 || reached.server.connections > 0) await turns();
  await Promise.all([proxy.server.shutdown(), reached.server.shutdown()]);
});

test("upgradeResponse() aborts what it owns when middleware sends another response, or the callback fails", async () => {
  for (const how of ["another response", "the callback"]) {
    const reasons: unknown[] = [];
    const failure = new Error("a bug");
    const { server, port } = await listening((request) => {
      const { response } = upgradeResponse(request, "echo", { owns: target(reasons) }, () => {
        throw failure;
      });
      return how === "the callback" ? response : new Response("no", { status: 403 });
    });
    const socket = dial(port);
    await socket.write(wire(UPGRADE));
    await readUntil(socket, how === "the callback" ? "¶¶" : "no");
    while (reasons.length === 0) await turns();
    socket.abort();
    await server.shutdown();
    assertEquals(reasons.length, 1);
    assertEquals(reasons[0] === failure, how === "the callback");
  }
});

test("upgradeWebSocket() aborts what it owns when it refuses, when another response is sent, and when onOpen fails", async () => {
  for (const how of ["refuses", "another response", "onOpen"]) {
    const reasons: unknown[] = [];
    const { server, port } = await listening((request) => {
      const { response } = upgradeWebSocket(request, { owns: target(reasons) }, () => {
        throw new Error("a bug");
      });
      return how === "another response" ? new Response("no") : response;
    });
    const socket = dial(port);
    await socket.write(wire(how === "refuses" ? WEB_SOCKET.replace("13", "12") : WEB_SOCKET));
    while (reasons.length === 0) await turns();
    socket.abort();
    await server.shutdown();
    assertEquals(new Set(reasons).size, 1, how);
  }
});
