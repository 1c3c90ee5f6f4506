/**
 * `reverseProxy()` in front of servers of HTTP/2 that others have written, and behind proxies of theirs.
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import http2 from "node:http2";
import type net from "node:net";
import { test, type TestContext } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { handshake } from "../../src/http2/client_connection.ts";
import type { ReverseProxyOptions } from "../../src/proxy/reverse/options.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket, webSocketOver } from "../../src/websocket/mod.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { ask } from "../support/http2_ask.ts";
import { dial, type Listening, listening } from "../support/http_server.ts";
import { frontProxies, type FrontProxy } from "../support/http2_proxies.ts";
import { runtimeName, skipUnless, unlessTlsIsRefused } from "../support/runtime.ts";
import { text, wire } from "../support/wire.ts";
import { noise } from "../support/websocket_talk.ts";

const onNode = { ...skipUnless(runtimeName === "node", "node:http2 is Node's own only there"), timeout: 30_000 };
const h2c = { http2: { h2c: true, connectProtocol: true } };

/** A proxy in front of a server, on a port of its own. */
async function proxying(t: TestContext, to: string, options: ReverseProxyOptions): Promise<Listening> {
  const proxy = reverseProxy(to, options);
  const front = await listening(proxy, h2c);
  t.after(async () => {
    await front.server[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  return front;
}

/** A server of node:http2 that answers with what it is asked, and takes `echo`. */
async function nodeServer(t: TestContext): Promise<number> {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    if (headers[":protocol"] !== undefined) {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
      return;
    }
    stream.additionalHeaders({ ":status": 103, link: "</a>" });
    stream.respond({ "x-asked": `${headers[":method"]} ${headers[":path"]} ${headers.cookie}` }, {
      waitForTrailers: true,
    });
    let sum = "none";
    stream.on("trailers", (trailers) => sum = `${trailers["x-sum"]}`);
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": sum }));
    stream.pipe(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const session of sessions) session.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as net.AddressInfo).port;
}

const body: Buffer = Buffer.from(noise(700_001));

test(
  "reverseProxy() and a server of node:http2: bodies and trailers both ways, 103, for clients of both versions",
  onNode,
  async (t) => {
    const front = await proxying(t, `http://127.0.0.1:${await nodeServer(t)}`, { http2: { h2c: true } });
    for (const http2 of [false, { h2c: true }]) {
      const client = new Client({ http2, decompress: false });
      const informational: number[] = [];
      const answers = await Promise.all(Array.from({ length: 10 }, async (_, i) => {
        const response = await client.fetch(`${front.origin}/${i}?q`, {
          method: "PUT",
          headers: [["cookie", "a=1; b=2"], ["te", "trailers"], ["trailer", "x-sum"]],
          body: (async function* () {
            yield body.subarray(0, 1000);
            yield await Promise.resolve(body.subarray(1000));
          })(),
          trailers: () => ({ "x-sum": `${i}` }),
          onInformational: ({ status }) => informational.push(status),
        });
        assertEquals(Buffer.compare(Buffer.from(await response.bytes()), body), 0);
        return [response.headers.get("x-asked"), (await response.trailers).get("x-sum")];
      }));
      assertEquals(answers, Array.from({ length: 10 }, (_, i) => [`PUT /${i}?q a=1; b=2`, `${i}`]));
      assertEquals(informational, Array(10).fill(103));
      await client.close();
    }
  },
);

test(
  "reverseProxy() and a server of node:http2: an upgrade of either version is an extended CONNECT (RFC 8441 §4)",
  onNode,
  async (t) => {
    const front = await proxying(t, `http://127.0.0.1:${await nodeServer(t)}`, { http2: { h2c: true } });
    for (const http2 of [false, { h2c: true }]) {
      const client = new Client({ http2 });
      const io = await client.upgrade(`${front.origin}/`, { protocol: "echo" });
      let back = "";
      for (const part of ["one", "two"]) {
        await io.write(wire(part));
        back += text((await io.read())!);
      }
      await io.closeWrite();
      assertEquals([back, await io.read()], ["onetwo", null]);
      await client.close();
    }
  },
);

test(
  "reverseProxy() and a server of node:http2 that leaves between requests (GOAWAY): none is lost",
  onNode,
  async (t) => {
    const server = http2.createServer();
    let [count, sessions] = [0, 0];
    server.on("session", () => sessions++);
    server.on("stream", (stream: http2.ServerHttp2Stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      stream.end("ok");
      if (++count % 25 === 0) stream.session!.close();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const { port } = server.address() as net.AddressInfo;
    const front = await proxying(t, `http://127.0.0.1:${port}`, { http2: { h2c: true } });
    const client = new Client();
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 50; i++) assertEquals(await (await client.fetch(`${front.origin}/`)).text(), "ok");
    }));
    await client.close();
    assert(sessions > 4, `${sessions}`);
  },
);

/** What the option says, what a client speaks, and what the server is spoken to in. */
const versions: readonly (readonly [option: boolean | undefined, client: "1.1" | "2", server: string])[] = [
  [undefined, "1.1", "1.1"],
  [undefined, "2", "2"],
  [true, "1.1", "2"],
  [true, "2", "2"],
  [false, "1.1", "1.1"],
  [false, "2", "1.1"],
];

for (const [option, spoken, expected] of versions) {
  test(
    `reverseProxy({ http2: ${option} }) speaks HTTP/${expected} with an https: server of both for a client of HTTP/${spoken} (RFC 9113 §3.2)`,
    { ...unlessTlsIsRefused, timeout: 30_000 },
    async (t) => {
      const site = await listening((request, { head }) => {
        if (!request.headers.has("upgrade")) return new Response(head.version);
        return upgradeWebSocket(request, { deflate: false }, async (socket) => {
          for await (const message of socket) await socket.write(`${message} over ${head.version}`);
        }).response;
      }, { tls: { cert: serverCert, key: serverKey }, http2: { connectProtocol: true } });
      t.after(() => site[Symbol.asyncDispose]());
      const options = { tls: { caCerts: [authority] }, ...(option === undefined ? {} : { http2: option }) };
      const front = await proxying(t, `https://localhost:${site.port}`, options);
      const client = new Client({ http2: spoken === "2" && { h2c: true } });
      assertEquals(await (await client.fetch(`${front.origin}/`)).text(), expected);
      const socket = await new WebSocketStream(`ws://127.0.0.1:${front.port}/`, { client, deflate: false }).opened;
      await socket.write("hello");
      assertEquals(await socket.read(), `hello over ${expected}`);
      await socket.close();
      await client.close();
    },
  );
}

async function expectEcho(socket: WebSocketConnection): Promise<void> {
  for (const message of ["", "hé", noise(1000), noise(300_000)]) {
    await socket.write(message);
    assertEquals(await socket.read(), message);
  }
  await socket.close({ closeCode: 3001 });
  assertEquals((await socket.closed).closeCode, 3001);
}

/** Bodies and WebSockets through a chain that begins at a port, by clients of both versions. */
async function expectAll(port: number, versions: Set<string>): Promise<void> {
  const body = noise(1_000_000);
  for (const spoken of ["1.1", "2"] as const) {
    versions.clear();
    if (spoken === "1.1") {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: body as BodyInit });
      assertEquals(new Uint8Array(await response.arrayBuffer()), body);
      await expectEcho(await new WebSocketStream(`ws://127.0.0.1:${port}/`, { deflate: false }).opened);
    } else {
      const { connection } = handshake(dial(port), { scheme: "http" });
      const bodies = await Promise.all(Array.from({ length: 5 }, async () => {
        const response = await ask(connection, { method: "POST", authority: "a", body });
        return await response.body.bytes();
      }));
      for (const back of bodies) assertEquals(back, body);
      const fields: [string, string][] = [
        ["connection", "upgrade"],
        ["upgrade", "websocket"],
        ["sec-websocket-version", "13"],
      ];
      await Promise.all(Array.from({ length: 3 }, async () => {
        const response = await ask(connection, { authority: "a", fields });
        await expectEcho(webSocketOver(await onUpgrade(response), { role: "client" }));
      }));
      await connection.gracefulShutdown();
    }
    assertEquals([...versions], ["2"]);
  }
}

function site(versions: Set<string>): Promise<Listening> {
  return listening((request, { head }) => {
    versions.add(head.version);
    if (!request.headers.has("upgrade")) return new Response(request.body);
    return upgradeWebSocket(request, { deflate: false }, async (socket) => {
      for await (const message of socket) await socket.write(message);
    }).response;
  }, h2c);
}

for (const { name, found, start } of frontProxies satisfies readonly FrontProxy[]) {
  const options = { ...skipUnless(found !== undefined, `${name} is not installed`), timeout: 60_000 };

  test(
    `reverseProxy() in front of ${name}, HTTP/2 between them and behind: bodies both ways and WebSockets`,
    options,
    async (t) => {
      const versions = new Set<string>();
      const server = await site(versions);
      t.after(() => server[Symbol.asyncDispose]());
      const program = await start("2", "2", server.port);
      t.after(() => program[Symbol.asyncDispose]());
      const front = await proxying(t, `http://127.0.0.1:${program.port}`, { http2: { h2c: true } });
      await expectAll(front.port, versions);
    },
  );

  test(
    `reverseProxy() behind ${name}, HTTP/2 between them and behind: bodies both ways and WebSockets`,
    options,
    async (t) => {
      const versions = new Set<string>();
      const server = await site(versions);
      t.after(() => server[Symbol.asyncDispose]());
      const front = await proxying(t, `http://127.0.0.1:${server.port}`, { http2: { h2c: true } });
      const program = await start("2", "2", front.port);
      t.after(() => program[Symbol.asyncDispose]());
      const { connection } = handshake(dial(program.port), { scheme: "http" });
      const body = noise(1_000_000);
      const response = await ask(connection, { method: "POST", authority: "a", body });
      assertEquals(await response.body.bytes(), body);
      const fields: [string, string][] = [["connection", "upgrade"], ["upgrade", "websocket"], [
        "sec-websocket-version",
        "13",
      ]];
      const upgraded = await ask(connection, { authority: "a", fields });
      await expectEcho(webSocketOver(await onUpgrade(upgraded), { role: "client" }));
      await connection.gracefulShutdown();
      assertEquals([...versions], ["2"]);
    },
  );
}
