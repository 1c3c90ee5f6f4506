/**
 * `Client` through proxies of other people that take CONNECT over HTTP/2, to servers of other people inside of the tunnels.
 */

import http2 from "node:http2";
import net from "node:net";
import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { Client } from "../../src/http/client/client.ts";
import type { ClientTraceEvents } from "../../src/http/client/client_trace.ts";
import { listen } from "../../src/net/mod.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { rejection } from "../support/dialing.ts";
import { listening } from "../support/http_server.ts";
import { tunnelProxies } from "../support/http2_proxies.ts";
import { runtimeName, skipUnless, unlessNoTlsOverStreams } from "../support/runtime.ts";
import { tracing } from "../support/tracing.ts";
import { readUntil, turns, wire } from "../support/wire.ts";
import { noise } from "../support/websocket_talk.ts";

const trusting = { caCerts: [authority] };

/** As much of a test as is used. */
interface Test {
  after(fn: () => PromiseLike<void>): void;
}

/** A TCP server that sends back what it gets, and ends when its client does. */
async function echo(t: Test): Promise<number> {
  const listener = await listen({ hostname: "127.0.0.1" });
  (async () => {
    for await (const socket of listener) socket.readable.pipeTo(socket.writable).catch(() => {});
  })();
  t.after(() => listener.close());
  return listener.address.port;
}

/** What goes over one proxy: requests over HTTP/2 and HTTP/1.1 inside, tunnels at once with their ends, a refusal, what is cut. */
async function everything(t: Test, proxyPort: number, passesEnds = true): Promise<void> {
  const versions = new Set<string>();
  const answer = async (request: Request) => new Response(await request.arrayBuffer());
  const [inTwo, inOne] = [
    await listening(answer, { tls: { cert: serverCert, key: serverKey } }),
    await listening(answer, { tls: { cert: serverCert, key: serverKey }, http2: false }),
  ];
  for (const site of [inTwo, inOne]) t.after(() => site[Symbol.asyncDispose]());
  const echoPort = await echo(t);
  const { trace, told } = tracing<ClientTraceEvents>(["connectionOpened"]);
  const client = new Client({
    proxy: `https://localhost:${proxyPort}`,
    proxyTls: trusting,
    tls: trusting,
    trace,
  });
  t.after(() => client.abort());
  const body = noise(300_000);
  await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    const { port } = i % 2 === 0 ? inTwo : inOne;
    const response = await client.fetch(`https://localhost:${port}/`, { method: "POST", body: body as BodyInit });
    versions.add(response.head.version);
    assertEquals(await response.bytes(), body);
  }));
  assertEquals([...versions].toSorted(), ["1.1", "2"]);
  const tunnels = await Promise.all(Array.from({ length: 30 }, () => client.connect(`localhost:${echoPort}`)));
  await Promise.all(tunnels.map(async (io, i) => {
    await io.write(wire(`to and fro ${i};`));
    await readUntil(io, `to and fro ${i};`);
    if (i % 3 === 0 || !passesEnds) return io.abort();
    await io.closeWrite();
    assertEquals(await io.read(), null);
    await io.closed;
  }));
  const refused = await rejection(client.connect("forbidden.test:443"));
  assertInstanceOf(refused, UpgradeRejected);
  assertEquals([refused.code, refused.status], ["proxy-refused", 403]);
  await (refused.response as Response).body?.cancel();
  const opened = told.map(([, event]) => (event as ClientTraceEvents["connectionOpened"]).connection);
  assertEquals(opened.flatMap(({ port, version }) => port === proxyPort ? [version] : []), ["2"]);
  await client.close();
  assertEquals(client.connections, 0);
}

for (const { name, found, passesEnds, start } of tunnelProxies) {
  test(
    `Client through ${name}: tunnels on one connection of HTTP/2, with TLS and both versions inside (RFC 9113 §8.5)`,
    { ...unlessNoTlsOverStreams, ...skipUnless(found !== undefined, `${name} is not installed`), timeout: 60_000 },
    async (t) => {
      const rules = forwardProxy({ allow: [{ host: "localhost", addresses: ["loopback"] }] });
      const behind = await listening(rules.handler, { connect: rules.connect });
      t.after(() => behind[Symbol.asyncDispose]());
      const proxy = await start(behind.port);
      t.after(() => proxy[Symbol.asyncDispose]());
      await everything(t, proxy.port, passesEnds);
    },
  );
}

const onNode = { ...skipUnless(runtimeName === "node", "node:http2 is Node's own only there"), timeout: 60_000 };

/** A proxy of `node:http2` over TLS. */
async function nodeProxy(t: Test, onSession: (session: http2.ServerHttp2Session) => void = () => {}): Promise<number> {
  const server = http2.createSecureServer({ cert: serverCert, key: serverKey });
  server.on("session", onSession);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on("error", () => {});
    const { hostname, port } = new URL(`tcp://${headers[":authority"]}`);
    if (headers[":method"] !== "CONNECT" || hostname !== "localhost") {
      stream.respond({ ":status": 403 });
      return stream.end("no");
    }
    const socket = net.connect({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true }, () => {
      stream.respond({ ":status": 200 });
      stream.pipe(socket).pipe(stream);
    });
    socket.on("error", () => stream.close(http2.constants.NGHTTP2_CONNECT_ERROR));
    stream.on("close", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as net.AddressInfo).port;
}

test(
  "Client through node:http2: tunnels on one connection of HTTP/2, with TLS and both versions inside",
  onNode,
  async (t) => {
    await everything(t, await nodeProxy(t));
  },
);

test(
  "Client through node:http2 that shuts down gracefully after each tunnel: the next one opens another connection, old ones live",
  onNode,
  async (t) => {
    const sessions: http2.ServerHttp2Session[] = [];
    const proxyPort = await nodeProxy(t, (session) => sessions.push(session));
    const echoPort = await echo(t);
    const client = new Client({ proxy: `https://localhost:${proxyPort}`, proxyTls: trusting });
    const tunnels = [];
    for (let i = 0; i < 5; i++) {
      tunnels.push(await client.connect(`localhost:${echoPort}`));
      sessions[i]!.close();
      while (client.connections <= i) await turns();
      for (const io of tunnels) {
        await io.write(wire("still;"));
        await readUntil(io, "still;");
      }
    }
    assertEquals(sessions.length, 5);
    for (const io of tunnels) await io.close();
    await client.close();
  },
);

test("Client through node:http2 that resets the stream of a CONNECT says so, with both names", onNode, async (t) => {
  const client = new Client({ proxy: `https://localhost:${await nodeProxy(t)}`, proxyTls: trusting });
  const error = await rejection(client.connect("localhost:1"));
  assert(
    /^TransportError: Cannot connect to localhost:1 through localhost:\d+: The peer has reset the stream: connect$/
      .test(`${error}`),
    `${error}`,
  );
  await client.close();
});

test(
  "Client through node:http2 speaks HTTP/2 with a server of node:http2 inside of a tunnel, 50 requests at once",
  onNode,
  async (t) => {
    const origin = http2.createSecureServer({ cert: serverCert, key: serverKey });
    const sessions = new Set<http2.ServerHttp2Session>();
    origin.on("session", (session) => sessions.add(session));
    origin.on("stream", (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      stream.respond({ ":status": 200, "x-path": headers[":path"]! });
      stream.pipe(stream);
    });
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
    t.after(async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => origin.close(resolve));
    });
    const { port } = origin.address() as net.AddressInfo;
    const client = new Client({ proxy: `https://localhost:${await nodeProxy(t)}`, proxyTls: trusting, tls: trusting });
    const body = noise(100_000);
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const response = await client.fetch(`https://localhost:${port}/${i}`, { method: "POST", body: body as BodyInit });
      assertEquals([response.head.version, response.headers.get("x-path"), await response.bytes()], [
        "2",
        `/${i}`,
        body,
      ]);
    }));
    assertEquals([sessions.size, client.connections], [1, 2]);
    await client.close();
  },
);

test(
  "Client speaks HTTP/2 with Deno.serve() inside of a tunnel of HTTP/2",
  { ...unlessNoTlsOverStreams, ...skipUnless(runtimeName === "deno", "Deno.serve() is Deno's"), timeout: 60_000 },
  async (t) => {
    const origin = Deno.serve(
      { port: 0, hostname: "127.0.0.1", cert: serverCert, key: serverKey, onListen() {} },
      async (request) => new Response(await request.arrayBuffer()),
    );
    t.after(() => origin.shutdown());
    const rules = forwardProxy({ allow: [{ host: "localhost", addresses: ["loopback"] }] });
    const proxy = await listening(rules.handler, {
      connect: rules.connect,
      tls: { cert: serverCert, key: serverKey },
    });
    t.after(() => proxy[Symbol.asyncDispose]());
    const client = new Client({ proxy: `https://localhost:${proxy.port}`, proxyTls: trusting, tls: trusting });
    const body = noise(100_000);
    await Promise.all(Array.from({ length: 50 }, async () => {
      const response = await client.fetch(`https://localhost:${origin.addr.port}/`, {
        method: "POST",
        body: body as BodyInit,
      });
      assertEquals([response.head.version, await response.bytes()], ["2", body]);
    }));
    assertEquals(client.connections, 2);
    await client.close();
  },
);
