/**
 * `serve()` speaks HTTP/2 beside HTTP/1.1 on one port: over TLS by ALPN, without TLS by the preface; the same handlers, info, hooks,
 * switches and shutdown.
 */

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import type { ServeHandler, ServeOptions, Server } from "../../../src/http/server/serve_options.ts";
import { serve } from "../../../src/http/server/serve.ts";
import { handshake as handshakeHttp1 } from "../../../src/http1/client_connection.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import { handshake, type Http2ClientConnection } from "../../../src/http2/client_connection.ts";
import { connect } from "../../../src/net/mod.ts";
import { upgradeWebSocket, webSocketOver } from "../../../src/websocket/mod.ts";
import { text } from "../../support/bytes.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { headers, PREFACE, settings, Speller } from "../../support/h2_wire.ts";
import { ask } from "../../support/http2_ask.ts";
import { joined } from "../../support/switching.ts";
import { unlessTlsIsRefused } from "../../support/runtime.ts";
import { readAll, turns, wire } from "../../support/wire.ts";

function signal<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((fulfil) => resolve = fulfil);
  return { promise, resolve };
}

const H2C = { http2: { h2c: true, connectProtocol: true } } as const;

interface Served {
  readonly server: Server;
  readonly client: Http2ClientConnection;
  readonly port: number;
}

async function served(handler: ServeHandler, options: ServeOptions = {}): Promise<Served> {
  const server = serve({ hostname: "127.0.0.1", port: 0, ...H2C, ...options }, handler);
  const port = (await server.listening)[0].port!;
  return { server, port, client: handshake(connect({ hostname: "127.0.0.1", port }), { scheme: "http" }).connection };
}

test("serve({ http2: { h2c: true } }) answers HTTP/2 and HTTP/1.1 on one port", async () => {
  const { server, client, port } = await served(async (request, { head, remote }) =>
    new Response(`${head.version} ${request.method} ${request.url} ${await request.text()} ${"hostname" in remote}`)
  );
  const two = await ask(client, { method: "POST", authority: "a.example", path: "/x?y", body: "hello" });
  assertEquals(await two.body.text(), "2 POST http://a.example/x?y hello true");
  const { sender, connection } = handshakeHttp1(connect({ hostname: "127.0.0.1", port }));
  const one = await sender.send({ method: "GET", target: "/x", fields: [["Host", "a.example"]] });
  assertEquals(await one.body.text(), "1.1 GET http://a.example/x  true");
  assertEquals([server.connections, server.stats().requests], [2, 2]);
  await Promise.all([connection.gracefulShutdown(), client.gracefulShutdown()]);
  await server.shutdown();
});

test("serve() refuses the preface of HTTP/2 where that is not asked for", async () => {
  const { server, client } = await served(() => new Response("never"), { http2: false });
  await assertRejects(() => ask(client, { authority: "a" }));
  await server.shutdown();
});

for (const [offered, agreed] of [["h2", "2"], ["http/1.1", "1.1"]] as const) {
  test(`serve({ tls }) agrees on ${offered} through ALPN`, unlessTlsIsRefused, async () => {
    const server = serve(
      { hostname: "127.0.0.1", port: 0, tls: { cert: serverCert, key: serverKey } },
      (request, { head, tls }) => new Response(`${head.version} ${request.url} ${tls?.alpn}`),
    );
    const port = (await server.listening)[0].port!;
    const tls = { caCerts: [authority], serverName: "localhost", alpnProtocols: [offered] };
    const socket = connect({ hostname: "127.0.0.1", port }, { tls });
    const sender = offered === "h2" ? handshake(socket).connection : handshakeHttp1(socket).sender;
    const response = await sender.send({ method: "GET", target: "/x", fields: [["Host", "a.example"]] });
    assertEquals(await response.body.text(), `${agreed} https://a.example/x ${offered}`);
    await sender.gracefulShutdown();
    await server.shutdown();
  });
}

test("serve() takes WebSockets, upgrades and tunnels over HTTP/2 by the functions that take them over HTTP/1.1", async () => {
  const { server, client } = await served((request) => {
    if (new URL(request.url).pathname === "/chat") {
      return upgradeWebSocket(request, {}, async (socket) => {
        for await (const message of socket) await socket.write(message);
      }).response;
    }
    const { response } = upgradeResponse(request, "echo", {}, (io) => io.readable.pipeTo(io.writable));
    return response;
  }, {
    connect: (request) => connectResponse(request, {}, (io) => io.readable.pipeTo(io.writable)).response,
  });
  const fields = [["connection", "upgrade"], ["upgrade", "echo"]] as [string, string][];
  const webSocket = [["connection", "upgrade"], ["upgrade", "websocket"], ["sec-websocket-version", "13"]];
  const responses = [
    await ask(client, { authority: "a", path: "/up", fields }),
    await client.send({ method: "CONNECT", target: "b:1" }),
  ];
  const socket = webSocketOver(
    await onUpgrade(await ask(client, { authority: "a", path: "/chat", fields: webSocket as [string, string][] })),
    { role: "client" },
  );
  await socket.write("hello");
  assertEquals(await socket.read(), "hello");
  for (const response of responses) {
    const io = await onUpgrade(response);
    await io.write(wire("hello"));
    await io.closeWrite();
    let all = "";
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) all += text(chunk);
    assertEquals(all, "hello");
  }
  assertEquals([server.connections, server.stats().upgraded], [1, 1]);
  const closed = socket.closed;
  const shutdown = server.shutdown({ upgraded: "close" });
  await socket.read().catch(() => {});
  assertEquals((await closed).closeCode, 1001);
  await shutdown;
});

test("serve() sends trailers and informational responses over HTTP/2, without TE", async () => {
  const { server, client } = await served(async (_request, info) => {
    await info.sendInformational(103, { link: "</a>" });
    info.setTrailers({ "x-sum": "1" });
    return new Response("body");
  });
  const informational: number[] = [];
  const response = await ask(client, { authority: "a", onInformational: ({ status }) => informational.push(status) });
  assertEquals(await response.body.text(), "body");
  assertEquals([informational, (await response.body.trailers).get("x-sum")], [[103], "1"]);
  await client.gracefulShutdown();
  await server.shutdown();
});

test("serve() answers failures of handlers over HTTP/2 as over HTTP/1.1, and tells onError and onResponse", async () => {
  const told: unknown[] = [];
  const { server, client } = await served((request) => {
    if (request.url.endsWith("/502")) throw new TransportError("refused", "no one there");
    throw new Error("mine");
  }, {
    onError: (error) => void told.push((error as Error).message),
    onResponse: (request, { status }) => void told.push(new URL(request!.url).pathname, status),
  });
  for (const [path, status] of [["/500", 500], ["/502", 502]] as const) {
    assertEquals((await ask(client, { authority: "a", path })).status, status);
  }
  assertEquals(told, ["mine", "/500", 500, "no one there", "/502", 502]);
  await client.gracefulShutdown();
  await server.shutdown();
});

test("serve(): info.takeOver() is refused over HTTP/2, and the request's signal aborts when its stream is reset", async () => {
  const aborted = signal<unknown>();
  const { server, client } = await served(async (request, info) => {
    if (request.url.endsWith("/take")) {
      const error = await assertRejects(() => info.takeOver(), StateError);
      return new Response(error.code);
    }
    request.signal.addEventListener("abort", () => aborted.resolve(request.signal.reason));
    return new Promise<Response>(() => {});
  });
  assertEquals(await (await ask(client, { authority: "a", path: "/take" })).body.text(), "no-switch");
  const controller = new AbortController();
  const response = ask(client, { authority: "a", signal: controller.signal });
  await ask(client, { authority: "a", path: "/take" });
  controller.abort();
  await assertRejects(() => response);
  assert(await aborted.promise instanceof TransportError);
  await client.gracefulShutdown();
  await server.shutdown();
});

test("serve().shutdown() lets streams of HTTP/2 finish, loses none that it took, and ends", async () => {
  let open = 0;
  const begun = signal<void>();
  const goOn = signal<void>();
  const { server, client } = await served(async () => {
    if (++open === 20) begun.resolve();
    await goOn.promise;
    return new Response("done");
  });
  const responses = Array.from({ length: 20 }, () => ask(client, { authority: "a" }));
  await begun.promise;
  const shutdown = server.shutdown();
  goOn.resolve();
  for (const response of responses) assertEquals(await (await response).body.text(), "done");
  await shutdown;
  assertEquals((await client.closed).reason, "shutdown");
});

test("serve().shutdown() ends a connection whose client is within the preface of HTTP/2 (RFC 9113 §3.4)", async () => {
  const server = serve({ hostname: "127.0.0.1", port: 0, ...H2C }, () => new Response("never"));
  const socket = connect({ hostname: "127.0.0.1", port: (await server.listening)[0].port! });
  await socket.write(PREFACE.subarray(0, 10));
  while (server.stats().active === 0) await turns();
  const finished = server.shutdown();
  await socket.write(PREFACE.subarray(10));
  await readAll(socket);
  await socket.close();
  await finished;
});

test("serve({ trace }) tells each exchange of HTTP/2 apart, and what its stream carried behind a switch", async () => {
  const told: unknown[] = [];
  const path = (exchange: { readonly head: { readonly target: string } } | null) => exchange?.head.target;
  const { server, client } = await served(async (request) => {
    if (request.headers.has("upgrade")) {
      return upgradeResponse(request, "echo", {}, (io) => io.readable.pipeTo(io.writable)).response;
    }
    return new Response(await request.text());
  }, {
    trace: {
      connectionOpened: () => told.push("open"),
      requestBegun: ({ exchange }) => told.push(`begun ${path(exchange)}`),
      headDecided: ({ exchange, status }) => told.push(`head ${path(exchange)} ${status}`),
      switched: ({ exchange, protocol }) => told.push(`switched ${path(exchange)} ${protocol}`),
      exchangeEnded: ({ exchange, requestBodyBytes, responseBodyBytes }) =>
        told.push(`ended ${path(exchange)} ${requestBodyBytes} ${responseBodyBytes}`),
      upgradedClosed: ({ exchange, receivedBytes, sentBytes }) =>
        told.push(`closed ${path(exchange)} ${receivedBytes} ${sentBytes}`),
      connectionClosed: ({ why }) => told.push(`over ${why.reason}`),
    },
  });
  assertEquals(
    await (await ask(client, { method: "POST", authority: "a", path: "/1", body: "hello" })).body.text(),
    "hello",
  );
  const fields = [["connection", "upgrade"], ["upgrade", "echo"]] as [string, string][];
  const io = await onUpgrade(await ask(client, { authority: "a", path: "/2", fields }));
  await io.write(wire("hi"));
  await io.closeWrite();
  while (await io.read() !== null);
  await client.gracefulShutdown();
  await server.shutdown();
  assertEquals(told, [
    "open",
    "begun /1",
    "head /1 200",
    "ended /1 5 5",
    "begun /2",
    "head /2 200",
    "switched /2 echo",
    "ended /2 0 0",
    "closed /2 2 2",
    "over eof",
  ]);
});

test("serve() answers all requests that came with the preface of HTTP/2, however many, and none twice", async () => {
  const goOn = signal<void>();
  const paths: string[] = [];
  const { server, client, port } = await served(async (request) => {
    paths.push(new URL(request.url).pathname);
    if (paths.length === 90) goOn.resolve();
    await goOn.promise;
    return new Response("x");
  });
  const ids = Array.from({ length: 90 }, (_, i) => 2 * i + 1);
  const requests = ids.map((id) => headers(id, [":method: GET", ":scheme: http", `:path: /${id}`, ":authority: a"]));
  const socket = connect({ hostname: "127.0.0.1", port });
  await socket.write(joined(PREFACE, settings(), ...requests));
  const speller = new Speller(false);
  const ended: string[] = [];
  while (ended.length < 90) {
    ended.push(...speller.spell((await socket.read())!).filter((frame) => / END /.test(frame)));
  }
  assertEquals(ended.toSorted(), ids.map((id) => `DATA ${id} END x`).toSorted());
  assertEquals(paths, ids.map((id) => `/${id}`));
  socket.abort();
  client.abort();
  await server.shutdown();
});

test("serve().shutdown() closes a stream behind a switch as it closes a connection: a read that waits ends with the client's side", async () => {
  const told: unknown[] = [];
  const { server, client } = await served((request) =>
    upgradeResponse(request, "echo", {}, async (io) => {
      while (await io.read() !== null);
      told.push("end");
    }).response, { onError: (error) => void told.push(error) });
  const fields = [["connection", "upgrade"], ["upgrade", "echo"]] as [string, string][];
  const io = await onUpgrade(await ask(client, { authority: "a", fields }));
  const shutdown = server.shutdown({ upgraded: "close" });
  assertEquals(await io.read(), null);
  await io.closeWrite();
  await shutdown;
  assertEquals(told, ["end"]);
});
