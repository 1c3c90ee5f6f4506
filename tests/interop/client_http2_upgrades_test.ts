/**
 * Upgrades and WebSockets of `Client` over HTTP/2, with servers that others made: `node:http2` by its streams, by its
 * compatible API and without upgrades, and `ws` on a stream.
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import http2 from "node:http2";
import type net from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { WebSocket as Ws } from "ws";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { Client } from "../../src/http/client/client.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { rejection } from "../support/dialing.ts";
import { runtimeName, skipUnless } from "../support/runtime.ts";
import { noise } from "../support/websocket_talk.ts";
import { readUntil, wire } from "../support/wire.ts";

const onNode = { ...skipUnless(runtimeName === "node", "node:http2 is Node's own only there"), timeout: 30_000 };
const tls = { caCerts: [authority] };

/** A server of `node:http2` over TLS, which counts its connections. */
async function nodeSite(options: http2.SecureServerOptions, prepare: (server: http2.Http2SecureServer) => void) {
  const server = http2.createSecureServer({ cert: serverCert, key: serverKey, ...options });
  const sockets = new Set<Duplex>();
  let connections = 0;
  server.on("secureConnection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  prepare(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `https://localhost:${port}/`,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const connectProtocol = { settings: { enableConnectProtocol: true } };

async function expectEcho(client: Client, url: string): Promise<void> {
  const io = await client.upgrade(url, { protocol: "echo" });
  assertEquals([io.protocol, io.head.version], ["echo", "2"]);
  await io.write(wire("hello"));
  assertEquals(await readUntil(io, "hello"), "hello");
  await io.closeWrite();
  assertEquals(await io.read(), null);
  await io.closed;
}

test("upgrades to node:http2 by its streams, many at once, beside requests and a refusal", onNode, async () => {
  const asked: unknown[] = [];
  const site = await nodeSite(
    connectProtocol,
    (server) =>
      server.on("stream", (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
        stream.on("error", () => {});
        if (headers[":method"] !== "CONNECT") {
          stream.respond({ ":status": 200 });
          return stream.end("hello");
        }
        const { ":protocol": protocol, ":path": path, ":scheme": scheme } = headers;
        asked.push([protocol, path, scheme, headers["upgrade"], headers["connection"], headers["host"]]);
        stream.respond({ ":status": protocol === "echo" ? 200 : 501 });
        if (protocol === "echo") stream.pipe(stream);
        else stream.end("no");
      }),
  );
  const client = new Client({ tls });
  await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    if (i % 2 === 0) await expectEcho(client, site.url);
    else assertEquals(await (await client.fetch(site.url)).text(), "hello");
  }));
  assertEquals(asked[0], ["echo", "/", "https", undefined, undefined, undefined]);
  const error = await rejection(client.upgrade(site.url, { protocol: "other" }));
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.status, await (error.response as Response).text()], [501, "no"]);
  assertEquals([site.connections, client.connections], [1, 1]);
  await client.close();
  await site.close();
});

test("an upgrade to node:http2 by its compatible API", onNode, async () => {
  const site = await nodeSite(connectProtocol, (server) => {
    server.on("connect", (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
      response.writeHead(200, { "x-path": request.url });
      request.pipe(response);
    });
    server.on("request", (_, response) => response.end("hello"));
  });
  const client = new Client({ tls });
  await expectEcho(client, site.url);
  assertEquals(await (await client.fetch(site.url)).text(), "hello");
  assertEquals(site.connections, 1);
  await client.close();
  await site.close();
});

test("upgrades to node:http2 that takes none go over HTTP/1.1, which it speaks beside HTTP/2", onNode, async () => {
  const site = await nodeSite({ allowHTTP1: true }, (server) => {
    server.on("request", (request, response) => response.end(request.httpVersion));
    server.on("upgrade", (_request: unknown, socket: Duplex) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
      socket.pipe(socket);
    });
  });
  const client = new Client({ tls });
  for (let turn = 0; turn < 3; turn++) {
    const io = await client.upgrade(site.url, { protocol: "echo" });
    assertEquals(io.head.version, "1.1");
    await io.write(wire("hello"));
    assertEquals(await readUntil(io, "hello"), "hello");
    await io.close();
    assertEquals(await (await client.fetch(site.url)).text(), "2.0");
  }
  assertEquals(site.connections, 4);
  await client.close();
  await site.close();
});

test("WebSockets to ws on streams of node:http2, several on one connection beside requests", onNode, async () => {
  const site = await nodeSite(
    connectProtocol,
    (server) =>
      server.on("stream", (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
        stream.on("error", () => {});
        if (headers[":protocol"] !== "websocket") {
          stream.respond({ ":status": 200 });
          return stream.end("hello");
        }
        assertEquals(headers["sec-websocket-key"], undefined);
        stream.respond({ ":status": 200, "sec-websocket-protocol": "chat" });
        const socket = new Ws(null as unknown as string, undefined, {});
        const transport = Object.assign(stream, { setNoDelay() {}, setKeepAlive() {} });
        const options = { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true };
        (socket as unknown as { _isServer: boolean })._isServer = true;
        (socket as unknown as { setSocket(...given: unknown[]): void }).setSocket(transport, Buffer.alloc(0), options);
        socket.on("message", (message: Buffer, binary: boolean) => socket.send(message, { binary }));
      }),
  );
  const client = new Client({ tls });
  const url = site.url.replace("https", "wss");
  await Promise.all(Array.from({ length: 5 }, async () => {
    const io = await new WebSocketStream(url, { client, protocols: ["chat"] }).opened;
    assertEquals([io.protocol, io.extensions], ["chat", ""]);
    for (const message of ["", "hé", noise(1000), noise(300_000)]) {
      await io.write(message);
      assertEquals(await (await client.fetch(site.url)).text(), "hello");
      assertEquals(await io.read(), message);
    }
    await io.close({ closeCode: 3001 });
    const { closeCode, wasClean } = await io.closed;
    assertEquals([closeCode, wasClean], [3001, true]);
  }));
  assertEquals(site.connections, 1);
  await client.close();
  await site.close();
});
