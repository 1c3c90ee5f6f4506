/**
 * haproxy and nghttpx in front of `serve()`, which speak HTTP/2 or HTTP/1.1 with clients and with the server.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { handshake } from "../../src/http2/client_connection.ts";
import { upgradeWebSocket, webSocketOver } from "../../src/websocket/mod.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";

import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { ask } from "../support/http2_ask.ts";
import { dial, listening } from "../support/http_server.ts";
import { frontProxies } from "../support/http2_proxies.ts";
import { skipUnless } from "../support/runtime.ts";
import { noise } from "../support/websocket_talk.ts";

async function expectEcho(socket: WebSocketConnection): Promise<void> {
  for (const message of ["", "hé", noise(1000), noise(300_000)]) {
    await socket.write(message);
    assertEquals(await socket.read(), message);
  }
  await socket.close({ closeCode: 3001 });
  assertEquals((await socket.closed).closeCode, 3001);
}

const upgrade: [string, string][] = [
  ["connection", "upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
];

for (const { name, found, start } of frontProxies) {
  for (const [client, server] of [["1.1", "2"], ["2", "2"], ["2", "1.1"]] as const) {
    test(
      `${name} in front of serve(), HTTP/${client} to HTTP/${server}: bodies both ways and WebSockets`,
      { ...skipUnless(found !== undefined, `${name} is not installed`), timeout: 60_000 },
      async (t) => {
        const versions = new Set<string>();
        const site = await listening((request, { head }) => {
          versions.add(head.version);
          if (!request.headers.has("upgrade")) return new Response(request.body);
          return upgradeWebSocket(request, { deflate: false }, async (socket) => {
            for await (const message of socket) await socket.write(message);
          }).response;
        }, { http2: { h2c: true, connectProtocol: true } });
        t.after(() => site[Symbol.asyncDispose]());
        const proxy = await start(client, server, site.port);
        t.after(() => proxy[Symbol.asyncDispose]());
        const body = noise(1_000_000);
        if (client === "1.1") {
          const response = await fetch(`http://127.0.0.1:${proxy.port}/`, { method: "POST", body: body as BodyInit });
          assertEquals(new Uint8Array(await response.arrayBuffer()), body);
          await expectEcho(await new WebSocketStream(`ws://127.0.0.1:${proxy.port}/`, { deflate: false }).opened);
        } else {
          const { connection } = handshake(dial(proxy.port), { scheme: "http" });
          const bodies = await Promise.all(Array.from({ length: 5 }, async () => {
            const response = await ask(connection, { method: "POST", authority: "a", body });
            return await response.body.bytes();
          }));
          for (const back of bodies) assertEquals(back, body);
          assert(await connection.takesUpgrades());
          await Promise.all(Array.from({ length: 3 }, async () => {
            const response = await ask(connection, { authority: "a", fields: upgrade });
            await expectEcho(webSocketOver(await onUpgrade(response), { role: "client" }));
          }));
          await connection.gracefulShutdown();
          const everyday = new Client({ http2: { h2c: true } });
          await Promise.all(Array.from({ length: 3 }, async () => {
            const { opened } = new WebSocketStream(`ws://127.0.0.1:${proxy.port}/`, {
              client: everyday,
              deflate: false,
            });
            await expectEcho(await opened);
            const response = await everyday.fetch(`http://127.0.0.1:${proxy.port}/`, {
              method: "POST",
              body: body as BodyInit,
            });
            assertEquals([response.head.version, await response.bytes()], ["2", body]);
          }));
          assertEquals(everyday.connections, 1);
          await everyday.close();
        }
        assertEquals([...versions], [server]);
      },
    );
  }
}
