import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeOptions, Server } from "../../../src/http/server/serve_options.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { handshake } from "../../../src/http2/client_connection.ts";
import { connect, listen, type Socket, startTls, TransportError } from "../../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { rejection } from "../../support/dialing.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { runtimeMajor, runtimeName, skipUnless } from "../../support/runtime.ts";
import { readAll, readUntil, text, turns, wire } from "../../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";
const tls = { cert: serverCert, key: serverKey };
const trusting = { caCerts: [authority], serverName: "localhost" };

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

/** A folder that is removed with the test. */
function folder(t: { after(remove: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "http-upgrade-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("serve() over TLS: https URLs, ALPN and info.tls; HTTP/2 unless it is forbidden (RFC 9113 §3.2)", async (t) => {
  for (const http2 of [undefined, true, false]) {
    const served = await listening((request, info) => {
      return LightResponse.of(`${new URL(request.url).protocol} ${info.tls?.alpn} ${info.head.version}`);
    }, { tls, http2 });
    t.after(() => served[Symbol.asyncDispose]());
    const offers: readonly (readonly [readonly string[] | undefined, string])[] = [
      [["h2", "http/1.1"], http2 === false ? "http/1.1" : "h2"],
      [["http/1.1", "h2"], http2 === false ? "http/1.1" : "h2"],
      [["http/1.1"], "http/1.1"],
      [undefined, "null"],
    ];
    for (const [alpnProtocols, agreed] of offers) {
      const alpn = alpnProtocols === undefined ? {} : { alpnProtocols };
      const socket = connect({ hostname: "127.0.0.1", port: served.port }, { tls: { ...trusting, ...alpn } });
      assertEquals((await socket.opened).alpn, agreed === "null" ? null : agreed);
      if (agreed === "h2") {
        const { sender } = handshake(socket);
        const response = await sender.send({ method: "GET", target: "/", fields: { host: "a" } });
        assertEquals(await response.body.text(), "https: h2 2");
        await sender.gracefulShutdown();
      } else {
        await socket.write(wire(GET));
        await readUntil(socket, `¶¶https: ${agreed} 1.1`);
        await socket.close();
      }
    }
  }
});

test("serve() over TLS turns away who speaks none of its protocols, which alpnProtocols may name (RFC 7301 §3.2)", async (t) => {
  const cases: readonly (readonly [ServeOptions, offer: string, agreed: string | null])[] = [
    [{ http2: false }, "h2", null],
    [{}, "h3", null],
    [{}, "h2", "h2"],
    [{ tls: { ...tls, alpnProtocols: ["http/1.1"] } }, "h2", null],
    [{ tls: { ...tls, alpnProtocols: ["x", "http/1.1"] } }, "http/1.1", "http/1.1"],
    [{ http2: false, tls: { ...tls, alpnProtocols: ["h2", "http/1.1"] } }, "h2", "h2"],
  ];
  for (const [options, offer, agreed] of cases) {
    const served = await listening(() => new Response(), { tls, ...options });
    t.after(() => served[Symbol.asyncDispose]());
    const address = { hostname: "127.0.0.1", port: served.port };
    const socket = connect(address, { tls: { ...trusting, alpnProtocols: [offer] } });
    if (agreed === null) assert(await rejection(socket.opened) instanceof TransportError);
    else assertEquals((await socket.opened).alpn, agreed);
    socket.abort();
  }
});

test("serve() over TLS: fetch, upgrade and a tunnel with TLS in it", async (t) => {
  const served = await listening((request) => {
    return request.headers.has("upgrade") ? upgradeResponse(request, "echo", {}, echo).response : new Response("hello");
  }, {
    tls,
    connect: (request) =>
      connectResponse(request, {}, async (io) => {
        const inner = startTls(io, { isServer: true, ...tls });
        await echo(inner as unknown as Upgraded);
      }).response,
  });
  t.after(() => served[Symbol.asyncDispose]());
  const client = new Client({ tls: trusting, proxyTls: trusting });
  t.after(() => client[Symbol.asyncDispose]());
  const origin = `https://127.0.0.1:${served.port}`;
  assertEquals(await (await client.fetch(origin)).text(), "hello");
  const io = await client.upgrade(origin, { protocol: "echo" });
  await io.write(wire("over TLS"));
  assertEquals(text((await io.read())!), "over TLS");
  await io.close();
  const tunnel = startTls(await client.connect("inner.test:443", { proxy: origin }), trusting);
  await tunnel.write(wire("TLS in TLS"));
  assertEquals(text((await tunnel.read())!), "TLS in TLS");
  await tunnel.closeWrite();
  assertEquals(await tunnel.read(), null);
  await tunnel.close();
});

test("serve() over TLS outlives clients that speak no TLS, trust nobody, or leave in the handshake", async (t) => {
  const served = await listening(() => new Response("hello"), { tls });
  t.after(() => served[Symbol.asyncDispose]());
  const plain = dial(served.port);
  await plain.write(wire(GET));
  assert(!(await readAll(plain).catch(() => "")).includes("HTTP"));
  plain.abort();
  dial(served.port).opened.then(() => {}, () => {});
  const leaving = dial(served.port);
  await leaving.opened;
  leaving.abort();
  const doubting = connect({ hostname: "127.0.0.1", port: served.port }, { tls: { serverName: "localhost" } });
  assert(await rejection(doubting.opened) instanceof TransportError);
  const client = new Client({ tls: trusting });
  t.after(() => client[Symbol.asyncDispose]());
  assertEquals(await (await client.fetch(`https://127.0.0.1:${served.port}`)).text(), "hello");
});

test("serve() at a unix socket: requests, upgrades, info, and no file is left", async (t) => {
  const path = join(folder(t), "http.sock");
  const server = serve({ path, dateHeader: false }, (request, info) => {
    if (request.headers.has("upgrade")) return upgradeResponse(request, "echo", {}, echo).response;
    return LightResponse.of(JSON.stringify([request.url, info.local]));
  });
  assertEquals(await server.listening, [{ path }]);
  const socket = connect({ path });
  await socket.write(wire(GET));
  await readUntil(socket, `¶¶["http://a/",${JSON.stringify({ path })}]`);
  await socket.write(wire(UPGRADE));
  await readUntil(socket, "¶¶");
  await socket.write(wire("through a path"));
  assertEquals(text((await socket.read())!), "through a path");
  await socket.close();
  await server.shutdown();
  assertEquals(existsSync(path), false);
});

test("serve() listens at TCP, TLS and a path at once, and info tells them apart", async (t) => {
  const path = join(folder(t), "http.sock");
  const { server } = await listening((request, info) => {
    return LightResponse.of(`${new URL(request.url).protocol}${info.tls !== null}${"path" in info.local}`);
  }, { listen: [{ hostname: "127.0.0.1" }, { hostname: "127.0.0.1", tls }, { path }] });
  const [plain, secure, local] = await server.listening;
  assertEquals(local, { path });
  const sockets: readonly (readonly [Socket, string])[] = [
    [dial(plain.port!), "http:falsefalse"],
    [connect({ hostname: "127.0.0.1", port: secure!.port! }, { tls: trusting }), "https:truefalse"],
    [connect({ path }), "http:falsetrue"],
  ];
  for (const [socket, told] of sockets) {
    await socket.write(wire(GET));
    await readUntil(socket, `¶¶${told}`);
    await socket.close();
  }
  await server.shutdown();
});

test("info.takeOver() gives the transport over TLS and at a path, with what came behind the head", async (t) => {
  const path = join(folder(t), "http.sock");
  const { server } = await listening(async (_request, info) => {
    const { io, readBuf, ended } = await info.takeOver();
    const writer = io.writable.getWriter();
    writer.write(wire(`${ended}:`)).then(() => writer.write(readBuf)).then(() => writer.close());
    return new Response("never sent");
  }, { listen: [{ hostname: "127.0.0.1", tls }, { path }] });
  const [secure] = await server.listening;
  for (
    const socket of [connect({ hostname: "127.0.0.1", port: secure.port! }, { tls: trusting }), connect({ path })]
  ) {
    await socket.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 9¶¶raw"));
    assertEquals(await readAll(socket), "false:raw");
    await socket.close();
  }
  await server.shutdown();
});

test("request.signal aborts when a client over TLS leaves", async (t) => {
  let left: (reason: unknown) => void = () => {};
  const gone = new Promise<unknown>((resolve) => left = resolve);
  let come: () => void = () => {};
  const arrived = new Promise<void>((resolve) => come = resolve);
  const served = await listening((request) => {
    request.signal.addEventListener("abort", () => left(request.signal.reason));
    come();
    return gone.then(() => new Response("late"));
  }, { tls });
  t.after(() => served[Symbol.asyncDispose]());
  const socket = connect({ hostname: "127.0.0.1", port: served.port }, { tls: trusting });
  await socket.write(wire(GET));
  await arrived;
  await socket.close();
  assert(await gone instanceof TransportError);
});

test("serve() that can listen at one of two places only listens at none", async (t) => {
  const { server, port } = await listening(() => new Response());
  const path = join(folder(t), "http.sock");
  const failed = serve({ listen: [{ path }, { hostname: "127.0.0.1", port }] }, () => new Response());
  const error = await rejection(failed.listening);
  assert(error instanceof TransportError && error.code === "address", `${error}`);
  assertEquals(await rejection(failed.finished), error);
  assertEquals(existsSync(path), false);
  await server.shutdown();
});

const sharesPorts = runtimeName === "bun" || (runtimeName === "node" && runtimeMajor >= 23);

test(
  "serve({ reusePort }) lets two servers share a port",
  skipUnless(sharesPorts, "Deno wants --unstable-net for it, Node 22.12 or newer"),
  async () => {
    const first = await listening(() => new Response("x"), { reusePort: true });
    const second = await listening(() => new Response("x"), { reusePort: true, port: first.port });
    assertEquals(second.port, first.port);
    for (let i = 0; i < 8; i++) assert((await say(first.port, GET)).endsWith("x"));
    await first.server.shutdown();
    assert((await say(second.port, GET)).endsWith("x"));
    await second.server.shutdown();
  },
);

test("serve({ maxConnections }) counts upgraded connections and tunnels", async () => {
  for (const first of [UPGRADE, "CONNECT b:1 HTTP/1.1¶Host: b:1¶¶"]) {
    const { server, port } = await listening((request) => {
      return request.headers.has("upgrade") ? upgradeResponse(request, "echo", {}, echo).response : new Response("x");
    }, { maxConnections: 1, connect: (request) => connectResponse(request, {}, echo).response });
    const switched = dial(port);
    await switched.write(wire(first));
    await readUntil(switched, "¶¶");
    const waiting = dial(port);
    await waiting.write(wire(GET));
    await switched.write(wire("y"));
    assertEquals(text((await switched.read())!), "y");
    await turns();
    assertEquals(server.connections, 1);
    await switched.close();
    await readUntil(waiting, "x");
    assertEquals(server.connections, 1);
    await waiting.close();
    await server.shutdown();
  }
});

test("serve({ maxConnections }) holds for all listeners together", async () => {
  const { server } = await listening((_request, info) => LightResponse.of(`${"port" in info.local}`), {
    listen: [{ hostname: "127.0.0.1" }, { hostname: "127.0.0.1" }],
    maxConnections: 1,
  });
  const [one, two] = await server.listening;
  const sockets = [dial(one.port!), dial(two!.port!), dial(one.port!), dial(two!.port!)];
  await Promise.all(sockets.map((socket) => socket.opened));
  for (const socket of sockets) await socket.write(wire(GET));
  await Promise.all(sockets.map(async (socket) => {
    await readUntil(socket, "true");
    assertEquals(server.connections, 1);
    await socket.close();
  }));
  await server.shutdown();
});

test("serve() refuses limits that are none, before it listens", () => {
  assertThrows(() => serve({ limits: { maxHeadBytes: -1 } }, () => new Response()), RangeError);
  assertThrows(() => serve({ limits: { maxFields: NaN } }, () => new Response()), RangeError);
});

test("server.listening gives a port of its own to each place that asks for none", async () => {
  const { server } = await listening(() => new Response(), {
    listen: [{ hostname: "127.0.0.1" }, { hostname: "127.0.0.1" }],
  });
  const ports = (await server.listening).map(({ port }) => port!);
  assertEquals(new Set(ports).size, 2);
  for (const port of ports) assertMatch(await say(port, GET), /^HTTP\/1\.1 200 OK¶/);
  await server.shutdown();
});

test("TypeScript knows that an address has a port, unless a path is given", async (t) => {
  const [ok, at] = [() => new Response(), { hostname: "127.0.0.1", port: 0 }];
  const one = serve(at, ok);
  const several = serve({ listen: [at, { hostname: "127.0.0.1" }] }, ok);
  const listener = await listen(at);
  const [[{ port }], places] = [await one.listening, await several.listening];
  const ports: readonly number[] = [port, ...places.map((place) => place.port), listener.address.port];
  assert(ports.every((port) => port > 0));
  const somewhere: ServeOptions = { path: join(folder(t), "http.sock") };
  const unix: Server = serve(somewhere, ok);
  const [address] = await unix.listening;
  // @ts-expect-error There may be none.
  const none: number = address.port;
  assertEquals(none, undefined);
  for (const server of [one, several, unix] satisfies readonly Server[]) await server.shutdown();
  await listener.close();
});
