/**
 * Everything that a `Client` does through an `https:` proxy that speaks HTTP/2: `serve()` with a `forwardProxy()`, on loopback.
 */

import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientOptions } from "../../../src/http/client/options.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeHandler, ServeOptions, Server } from "../../../src/http/server/serve_options.ts";
import type { Socket } from "../../../src/duplex/socket.ts";
import { connect, listen, startTls } from "../../../src/net/mod.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import type { ForwardProxyOptions } from "../../../src/proxy/forward/options.ts";
import { upgradeWebSocket } from "../../../src/websocket/mod.ts";
import { WebSocketStream } from "../../../src/websocket/web_socket_stream.ts";
import { text, wire } from "../../support/bytes.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { rejection } from "../../support/dialing.ts";
import { unlessNoTlsOverStreams } from "../../support/runtime.ts";
import { readAll, readUntil, turns } from "../../support/wire.ts";

const tls = { cert: serverCert, key: serverKey };
const trusting = { caCerts: [authority] };
const limited = { ...unlessNoTlsOverStreams, timeout: 60_000 };

/** As much of a test as is used. */
interface Test {
  after(fn: () => Promise<void>): void;
}

async function portOf(server: Server): Promise<number> {
  const [{ port = 0 }] = await server.listening;
  return port;
}

/** An origin over TLS. */
async function origin(
  t: Test,
  handler: ServeHandler,
  options: ServeOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = serve({ hostname: "127.0.0.1", port: 0, tls, ...options }, handler);
  t.after(() => server.shutdown({ upgraded: "close" }));
  return { server, port: await portOf(server) };
}

/** A proxy over TLS, and a client that goes through it. */
async function behindProxy(
  t: Test,
  options: ClientOptions = {},
  rules: Partial<ForwardProxyOptions> = {},
  serving: ServeOptions = {},
): Promise<{ readonly server: Server; readonly client: Client; readonly port: number }> {
  const proxy = forwardProxy({ allow: [{ host: "localhost", addresses: ["127.0.0.0/8", "::1"] }], ...rules });
  const server = serve(
    { hostname: "127.0.0.1", port: 0, tls, connect: proxy.connect, ...serving },
    proxy.handler,
  );
  const port = await portOf(server);
  const client = new Client({
    proxy: `https://us:pw@localhost:${port}`,
    proxyTls: trusting,
    tls: trusting,
    ...options,
  });
  t.after(async () => {
    await client.abort();
    await proxy.close();
    await server.shutdown({ upgraded: "close" });
  });
  return { server, client, port };
}

for (const [inside, http2] of [["2", true], ["1.1", false]] as const) {
  test(
    `Client speaks HTTP/${inside} with https: origins through one connection of HTTP/2 to the proxy`,
    limited,
    async (t) => {
      const { port } = await origin(
        t,
        async (request, { head }) => new Response(`${head.version} ${await request.text()}`),
        { http2 },
      );
      const { client, server } = await behindProxy(t);
      const texts = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
        const response = await client.fetch(`https://localhost:${port}/`, { method: "POST", body: `${i}` });
        return await response.text();
      }));
      assertEquals(texts, Array.from({ length: 20 }, (_, i) => `${inside} ${i}`));
      assertEquals(server.connections, 1);
      await client.close();
      assertEquals(client.connections, 0);
    },
  );
}

test(
  "Client carries 1 MB each way through tunnels over HTTP/2, five at once, TLS and HTTP/2 inside",
  limited,
  async (t) => {
    const { port } = await origin(t, (request) => new Response(request.body));
    const { client, server } = await behindProxy(t);
    const upload = Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251);
    const bodies = await Promise.all(Array.from({ length: 5 }, async () => {
      return await (await client.fetch(`https://localhost:${port}/`, { method: "POST", body: upload })).bytes();
    }));
    for (const body of bodies) assert(body.length === upload.length && body.every((byte, i) => byte === i % 251));
    assertEquals(server.connections, 1);
    await client.close();
  },
);

/** A TCP server that sends back what it gets, ends when its client does, and greets. */
async function echoing(t: Test): Promise<number> {
  const listener = await listen({ hostname: "127.0.0.1" });
  (async () => {
    for await (const socket of listener) {
      (async () => {
        await socket.write(wire("hello,"));
        await socket.readable.pipeTo(socket.writable);
      })().catch(() => {});
    }
  })();
  t.after(() => listener.close());
  return (listener.address as { port: number }).port;
}

test(
  "Client opens 100 tunnels on one connection of HTTP/2, each with its own ends, and the 101st on a second one",
  limited,
  async (t) => {
    const port = await echoing(t);
    const { client, server } = await behindProxy(t);
    const tunnels = await Promise.all(Array.from({ length: 100 }, () => client.connect(`localhost:${port}`)));
    assertEquals([server.connections, client.connections], [1, 1]);
    const more = await client.connect(`localhost:${port}`);
    assertEquals([server.connections, client.connections], [2, 2]);
    const said = await Promise.all([...tunnels, more].map(async (io, i) => {
      await io.write(wire(`${i}`.repeat(1000)));
      await io.closeWrite();
      let all = "";
      for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) all += text(chunk);
      await io.closed;
      return all;
    }));
    assertEquals(said, Array.from({ length: 101 }, (_, i) => `hello,${`${i}`.repeat(1000)}`));
    while (server.connections > 1 || client.connections > 1) await turns();
    await client.close();
    assertEquals(client.connections, 0);
  },
);

test("tunnels over HTTP/2 that are not read, twenty of them with 1 MB each, stop no other one", limited, async (t) => {
  const listener = await listen({ hostname: "127.0.0.1" });
  t.after(() => listener.close());
  (async () => {
    for await (const socket of listener) {
      socket.write(new Uint8Array(2_000_000)).catch(() => {});
      socket.readable.pipeTo(new WritableStream()).catch(() => {});
    }
  })();
  const port = await echoing(t);
  const { client, server } = await behindProxy(t);
  const to = `localhost:${(listener.address as { port: number }).port}`;
  const unread = await Promise.all(Array.from({ length: 20 }, () => client.connect(to)));
  while (unread.some(({ receivedBytes }) => receivedBytes < 1_000_000)) await turns();
  const io = await client.connect(`localhost:${port}`);
  assertEquals(text((await io.read())!), "hello,");
  assertEquals(server.connections, 1);
  for (const each of [...unread, io]) each.abort();
  await client.close();
});

test(
  "Client through a proxy of HTTP/2: a refusal says which proxy and why, and a 407 is answered",
  limited,
  async (t) => {
    const port = await echoing(t);
    const { client, server, port: proxyPort } = await behindProxy(t, {}, { auth: { basic: { us: "pw" } } });
    const refused = await rejection(client.fetch("https://localhost.test/"));
    assertInstanceOf(refused, UpgradeRejected);
    assertEquals([refused.code, refused.status], ["proxy-refused", 403]);
    assertEquals(
      await (refused.response as Response).text(),
      "This proxy does not lead to localhost.test:443: no rule allows it\n",
    );
    const asking = new Client({
      proxy: `https://localhost:${proxyPort}`,
      proxyTls: trusting,
      onProxyChallenge: ([challenge]) => challenge!.startsWith("Basic") ? `Basic ${btoa("us:pw")}` : null,
    });
    const io = await asking.connect(`localhost:${port}`);
    assertEquals([text((await io.read())!), server.connections], ["hello,", 2]);
    io.abort();
    await asking.close();
  },
);

test(
  "Client through a proxy of HTTP/2: http: with proxyTunnel, upgrades and WebSockets go in tunnels of one connection",
  limited,
  async (t) => {
    const handler: ServeHandler = (request) => {
      if (!request.headers.has("upgrade")) return new Response(new URL(request.url).pathname);
      return upgradeWebSocket(request, {}, async (socket) => {
        for await (const message of socket) await socket.write(message);
      }).response;
    };
    const secure = await origin(t, handler, { http2: { connectProtocol: true } });
    const plain = serve({ hostname: "127.0.0.1", port: 0 }, handler);
    t.after(() => plain.shutdown({ upgraded: "close" }));
    const { client, server } = await behindProxy(t, { proxyTunnel: "always" });
    assertEquals(await (await client.fetch(`http://localhost:${await portOf(plain)}/plain`)).text(), "/plain");
    for (const url of [`wss://localhost:${secure.port}/`, `ws://localhost:${await portOf(plain)}/`]) {
      const socket = await new WebSocketStream(url, { client }).opened;
      await socket.write("to and fro");
      assertEquals(await socket.read(), "to and fro");
      await socket.close();
    }
    assertEquals(server.connections, 1);
    await client.close();
  },
);

test("startTls() over a tunnel of HTTP/2 by hand", limited, async (t) => {
  const { port } = await origin(t, () => new Response("inside"), { http2: false });
  const { client } = await behindProxy(t);
  const tunnel = await client.connect(`localhost:${port}`);
  const inside = startTls(tunnel, { serverName: "localhost", ...trusting });
  await inside.write(wire("GET / HTTP/1.1¶Host: a¶Connection: close¶¶"));
  assert((await readUntil(inside, "inside")).startsWith("HTTP/1.1 200 "));
  await inside.close();
  await client.close();
});

test(
  "a connection of HTTP/2 to a proxy that is cut fails what it carries, and the next tunnel opens another one",
  limited,
  async (t) => {
    const port = await echoing(t);
    const { server, port: proxyPort } = await behindProxy(t);
    const relay = await relaying(t, proxyPort);
    const client = new Client({ proxy: `https://localhost:${relay.port}`, proxyTls: trusting });
    for (let round = 0; round < 5; round++) {
      const tunnels = await Promise.all(Array.from({ length: 5 }, () => client.connect(`localhost:${port}`)));
      const ends = tunnels.map((io) => rejection(readAll(io)));
      const connecting = client.connect(`localhost:${port}`).catch(() => null);
      relay.cut();
      for (const end of ends) assertInstanceOf(await end, TransportError);
      (await connecting)?.abort();
    }
    await client.close();
    while (server.connections > 0) await turns();
  },
);

test(
  "a connection of HTTP/2 to a proxy that ends after any number of bytes fails what it carries with a typed error, and leaves nothing",
  limited,
  async (t) => {
    const inside = await origin(t, async (request) => new Response(await request.arrayBuffer()));
    const { server, port: proxyPort } = await behindProxy(t);
    const relay = await relaying(t, proxyPort);
    const outcomes = new Set<boolean>();
    for (let bytes = 200; bytes < 24_000; bytes += bytes < 6000 ? 331 : 2003) {
      relay.cutAfter(bytes);
      const client = new Client({ proxy: `https://localhost:${relay.port}`, proxyTls: trusting, tls: trusting });
      const exchange = async () => {
        const init = { method: "POST", body: new Uint8Array(3000) };
        return await (await client.fetch(`https://localhost:${inside.port}/`, init)).bytes();
      };
      const answers = Array.from({ length: 3 }, () => exchange().catch((error: unknown) => error));
      for (const answer of await Promise.all(answers)) {
        outcomes.add(answer instanceof Uint8Array);
        if (answer instanceof Uint8Array) assertEquals(answer.length, 3000);
        else assert(["TransportError", "UnsentError"].includes((answer as Error).name), `${bytes}: ${answer}`);
      }
      await client.close();
      assertEquals(client.connections, 0);
    }
    assertEquals(outcomes, new Set([true, false]));
    while (server.connections > 0 || inside.server.connections > 0) await turns();
  },
);

/** A relay of TCP, all of whose connections can be cut at once, or each when so many bytes have come from the server. */
async function relaying(
  t: Test,
  port: number,
): Promise<{ readonly port: number; cut(): void; cutAfter(bytes: number): void }> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const open: Socket[] = [];
  let most = Infinity;
  const cut = () => {
    for (const socket of open.splice(0)) socket.abort();
  };
  (async () => {
    for await (const near of listener) {
      const far = connect({ hostname: "127.0.0.1", port });
      open.push(near, far);
      near.readable.pipeTo(far.writable).catch(() => {});
      let left = most;
      const counting = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          controller.enqueue(chunk.subarray(0, left));
          left -= chunk.length;
          if (left <= 0) near.abort();
        },
      });
      far.readable.pipeThrough(counting).pipeTo(near.writable).catch(() => far.abort());
    }
  })();
  t.after(async () => {
    cut();
    await listener.close();
  });
  return { port: (listener.address as { port: number }).port, cut, cutAfter: (bytes) => most = bytes };
}
