/**
 * Which version `Client` speaks over TLS: what ALPN agrees on, what the options forbid, and what it remembers of a server.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientOptions } from "../../../src/http/client/options.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeHandler, ServeOptions, Server } from "../../../src/http/server/serve_options.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { startProxy } from "../../support/forward.ts";
import { unlessTlsIsRefused } from "../../support/runtime.ts";
import { readUntil, wire } from "../../support/wire.ts";

const tls = { cert: serverCert, key: serverKey };
const trusting = { caCerts: [authority] };

/** A server over TLS that tells the version of each request. */
async function site(
  options: ServeOptions = {},
  handler: ServeHandler = (_, { head }) => new Response(head.version),
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = serve({ hostname: "127.0.0.1", port: 0, tls, http2: true, ...options }, handler);
  const [{ port }] = await server.listening;
  return { server, url: `https://localhost:${port}/` };
}

async function textOf(client: Client, url: string): Promise<string> {
  return await (await client.fetch(url)).text();
}

const choices: readonly (readonly [how: string, options: ClientOptions, server: ServeOptions, version: string])[] = [
  ["HTTP/2 by ALPN with a server that speaks it", {}, {}, "2"],
  ["HTTP/1.1 with a server that does not", {}, { http2: false }, "1.1"],
  ["HTTP/1.1 where http2 is false", { http2: false }, {}, "1.1"],
  ["HTTP/1.1 where alpnProtocols offer that alone", { tls: { ...trusting, alpnProtocols: ["http/1.1"] } }, {}, "1.1"],
  ["HTTP/2 where alpnProtocols offer that alone", { tls: { ...trusting, alpnProtocols: ["h2"] } }, {}, "2"],
  ["HTTP/1.1 with a server that knows no ALPN", {}, { tls: { ...tls, alpnProtocols: [] }, http2: false }, "1.1"],
];

for (const [how, options, serverOptions, version] of choices) {
  test(`Client speaks ${how} (RFC 9113 §3.2)`, unlessTlsIsRefused, async () => {
    const { server, url } = await site(serverOptions);
    const client = new Client({ tls: trusting, ...options });
    assertEquals(await Promise.all([1, 2, 3].map(() => textOf(client, url))), [version, version, version]);
    assertEquals(client.connections, version === "2" ? 1 : 3);
    await client.close();
    assertEquals(client.connections, 0);
    await server.shutdown();
  });
}

test(
  "Client opens no second connection over TLS while the first one may turn out to be of HTTP/2",
  unlessTlsIsRefused,
  async () => {
    const { server, url } = await site();
    const client = new Client({ tls: trusting });
    const texts = await Promise.all(Array.from({ length: 20 }, () => textOf(client, url)));
    assertEquals([new Set(texts), server.connections], [new Set(["2"]), 1]);
    await client.close();
    await server.shutdown();
  },
);

test(
  "Client reads large bodies over TLS and HTTP/2, several at once, with a body that is sent meanwhile",
  unlessTlsIsRefused,
  async () => {
    const { server, url } = await site({}, (request) => new Response(request.body ?? new Uint8Array(3_000_000)));
    const client = new Client({ tls: trusting });
    const upload = Uint8Array.from({ length: 1_500_000 }, (_, i) => i % 251);
    const bodies = await Promise.all([
      client.fetch(url).then((response) => response.bytes()),
      client.fetch(url, { method: "POST", body: upload }).then((response) => response.bytes()),
      client.fetch(url, { method: "POST", body: new Blob([upload]).stream() }).then((response) => response.bytes()),
    ]);
    assertEquals(bodies.map(({ length }) => length), [3_000_000, 1_500_000, 1_500_000]);
    assertEquals(bodies.slice(1).every((body) => body.every((byte, i) => byte === i % 251)), true);
    assertEquals(client.connections, 1);
    await client.close();
    await server.shutdown();
  },
);

const toEcho: ServeHandler = (request) => {
  if (!request.headers.has("upgrade")) return new Response("ok");
  return upgradeResponse(request, "echo", {}, (io) => io.readable.pipeTo(io.writable).catch(() => {})).response;
};

const upgrades:
  readonly (readonly [how: string, http2: ServeOptions["http2"], version: string, connections: number])[] = [
    ["on the connection of HTTP/2 where the server takes that (RFC 8441 §3)", { connectProtocol: true }, "2", 1],
    ["on another connection, of HTTP/1.1, where the server does not", true, "1.1", 1],
    ["on a connection of HTTP/1.1 where the server speaks nothing else", false, "1.1", 0],
  ];

for (const [how, http2, version, connections] of upgrades) {
  test(`Client.upgrade() over TLS goes ${how}`, unlessTlsIsRefused, async () => {
    const { server, url } = await site({ http2 }, toEcho);
    const client = new Client({ tls: trusting });
    for (let turn = 0; turn < 2; turn++) {
      const io = await client.upgrade(url, { protocol: "echo" });
      assertEquals([io.head.version, client.connections], [version, connections]);
      await io.write(wire("hello"));
      assertEquals(await readUntil(io, "hello"), "hello");
      await io.close();
    }
    assertEquals(await textOf(client, url), "ok");
    await client.close();
    await server.shutdown();
  });
}

test(
  "upgrades through a tunnel of a proxy share the connection of HTTP/2 that is inside of it",
  unlessTlsIsRefused,
  async () => {
    const { server, url } = await site({ http2: { connectProtocol: true } }, toEcho);
    const proxy = await startProxy();
    const client = new Client({ tls: trusting, proxy: `http://127.0.0.1:${proxy.port}` });
    const ios = await Promise.all([1, 2, 3].map(() => client.upgrade(url, { protocol: "echo" })));
    for (const io of ios) {
      await io.write(wire("hello"));
      assertEquals([await readUntil(io, "hello"), io.head.version], ["hello", "2"]);
      await io.close();
    }
    assertEquals([await textOf(client, url), server.connections, client.connections], ["ok", 1, 1]);
    await client.close();
    await proxy.close();
    await server.shutdown();
  },
);
