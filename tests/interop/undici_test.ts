/**
 * undici, the client behind Node's `fetch`, against our server, our connections and our proxy. It has no server.
 */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Agent, Client, fetch, ProxyAgent, request, upgrade } from "undici";
import { startProxy } from "../support/forward.ts";
import { connectResponse as tunnelResponse, upgradeResponse as switchResponse } from "../../src/http1/switch.ts";
import { type Handler, serveConnection } from "../../src/http1/server_connection.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import type { ServeHandler, ServeOptions } from "../../src/http/server/serve_options.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { listen } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { listening } from "../support/http_server.ts";
import { text } from "../support/wire.ts";

const tls = { cert: serverCert, key: serverKey };
const timeout = { timeout: 30_000 };

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

const answers: ServeHandler = async (request, info) => {
  const { pathname } = new URL(request.url);
  if (wantsUpgrade(request, "echo")) {
    return upgradeResponse(request, "echo", { headers: { "x-a": "1" } }, echo).response;
  }
  if (pathname === "/hints") await info.sendInformational(103, { link: "</a.css>" });
  if (pathname === "/trailers") {
    info.setTrailers({ "x-sum": "9" });
    return new Response("body", { headers: { trailer: "x-sum" } });
  }
  if (pathname === "/moved") return new Response(null, { status: 307, headers: { location: "/" } });
  if (pathname === "/large") return new Response(new Uint8Array(3_000_000));
  return new Response(
    `${request.method} ${pathname} ${request.headers.get("transfer-encoding")} ${await request.text()}`,
  );
};

const options: ServeOptions = { connect: (request) => connectResponse(request, {}, echo).response };

/** One way to reach a server of ours. */
interface Peer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
}

/** The conn level, with the same answers as far as it is asked for them. */
const connAnswers: Handler = async (request) => {
  if (request.method === "CONNECT") {
    const { response, upgraded } = tunnelResponse(request);
    upgraded.then(echo);
    return response;
  }
  if (request.fields.has("upgrade")) {
    const { response, upgraded } = switchResponse(request, "echo", { fields: { "x-a": "1" } });
    upgraded.then(echo);
    return response;
  }
  if (request.target === "/hints") await request.sendInformational(103, { link: "</a.css>" });
  if (request.target === "/trailers") {
    const body = new Blob(["body"]).stream();
    return { status: 200, fields: { trailer: "x-sum" }, body, trailers: { "x-sum": "9" } };
  }
  if (request.target === "/moved") return { status: 307, fields: { location: "/" } };
  if (request.target === "/large") return { status: 200, body: new Uint8Array(3_000_000) };
  const coding = request.fields.get("transfer-encoding");
  return { status: 200, body: `${request.method} ${request.target} ${coding} ${await request.body.text()}` };
};

async function serveConnections(): Promise<Peer> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address;
  (async () => {
    for await (const socket of listener) serveConnection(socket, connAnswers);
  })();
  return { port, origin: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => listener.close() };
}

const peers: readonly { readonly name: string; readonly start: () => Promise<Peer> }[] = [
  { name: "serve()", start: () => listening(answers, options) },
  { name: "serveConnection()", start: serveConnections },
];

/** What a socket of undici's says next. */
function next(socket: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("data", (chunk: Uint8Array) => resolve(text(chunk))).once("error", reject);
  });
}

/** Ends a socket of undici's and waits until the other side has ended as well. */
function ended(socket: NodeJS.ReadableStream & NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("end", () => resolve()).once("error", reject).resume();
    socket.end();
  });
}

for (const { name, start } of peers) {
  test(`${name} and undici's fetch: bodies both ways, redirects, many at once`, timeout, async (t) => {
    const peer = await start();
    t.after(() => peer[Symbol.asyncDispose]());
    const dispatcher = new Agent({ connections: 4 });
    const ask = async (path: string, init = {}) =>
      await (await fetch(peer.origin + path, { dispatcher, ...init })).text();
    assertEquals(await ask("/a"), "GET /a null ");
    assertEquals(await ask("/b", { method: "POST", body: "hi" }), "POST /b null hi");
    const body = new Blob(["hi"]).stream();
    assertEquals(await ask("/c", { method: "PUT", body, duplex: "half" }), "PUT /c chunked hi");
    assertEquals(await ask("/moved", { method: "POST", body: "again" }), "POST / null again");
    assertEquals((await ask("/large")).length, 3_000_000);
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(`/${i}`, { method: "POST", body: `${i}` })),
    );
    assertEquals(many, Array.from({ length: 40 }, (_, i) => `POST /${i} null ${i}`));
    const leaving = await fetch(`${peer.origin}/large`, { dispatcher });
    await leaving.body!.cancel();
    assertEquals(await ask("/after"), "GET /after null ");
    await dispatcher.close();
  });

  test(`${name} and undici's request: 103, trailers, and pipelining`, timeout, async (t) => {
    const peer = await start();
    t.after(() => peer[Symbol.asyncDispose]());
    const seen: string[] = [];
    const dispatcher = new Agent({ connections: 1 });
    const hinted = await request(`${peer.origin}/hints`, {
      dispatcher,
      onInfo: ({ statusCode, headers }) => void seen.push(`${statusCode} ${headers.link}`),
    });
    assertEquals([await hinted.body.text(), ...seen], ["GET /hints null ", "103 </a.css>"]);
    const trailing = await request(`${peer.origin}/trailers`, { dispatcher, headers: { te: "trailers" } });
    assertEquals([await trailing.body.text(), trailing.trailers["x-sum"]], ["body", "9"]);
    await dispatcher.close();
    const client = new Client(peer.origin, { pipelining: 8 });
    const answered = await Promise.all(Array.from({ length: 24 }, async (_, i) => {
      const { body } = await client.request({ path: `/${i}`, method: "GET" });
      return await body.text();
    }));
    assertEquals(answered, Array.from({ length: 24 }, (_, i) => `GET /${i} null `));
    await client.close();
  });

  test(
    `${name} and undici's upgrade and connect: both directions, and the end of each [E1, F3, F6]`,
    timeout,
    async (t) => {
      const peer = await start();
      t.after(() => peer[Symbol.asyncDispose]());
      const dispatcher = new Agent();
      const upgraded = await upgrade(peer.origin, { dispatcher, protocol: "echo" });
      assertEquals([upgraded.headers.upgrade, upgraded.headers["x-a"]], ["echo", "1"]);
      const client = new Client(peer.origin);
      const tunnel = await client.connect({ path: "b.test:443" });
      assertEquals(tunnel.statusCode, 200);
      for (const { socket } of [upgraded, tunnel]) {
        socket.write("ping");
        assertEquals(await next(socket), "ping");
        await ended(socket);
      }
      await client.close();
      await dispatcher.close();
    },
  );
}

test(
  "serve() and undici's upgrade that is refused: an error there, a connection that goes on here [E15]",
  timeout,
  async (t) => {
    let requests = 0;
    const peer = await listening(() => {
      requests++;
      return new Response("no", { status: 426, headers: { upgrade: "other" } });
    });
    t.after(() => peer[Symbol.asyncDispose]());
    const dispatcher = new Agent();
    await assertRejects(() => upgrade(peer.origin, { dispatcher, protocol: "echo" }));
    const { statusCode } = await request(peer.origin, { dispatcher }).then(async (answer) => {
      await answer.body.text();
      return answer;
    });
    assertEquals([statusCode, requests], [426, 2]);
    await dispatcher.close();
  },
);

test("serve() over TLS and undici: keep-alive, and an upgrade", timeout, async (t) => {
  const peer = await listening(answers, { tls });
  t.after(() => peer[Symbol.asyncDispose]());
  const dispatcher = new Agent({ connect: { ca: authority, servername: "localhost" } });
  const origin = `https://127.0.0.1:${peer.port}`;
  for (let i = 0; i < 3; i++) {
    const answer = await fetch(`${origin}/a`, { dispatcher, method: "POST", body: `${i}` });
    assertEquals(await answer.text(), `POST /a null ${i}`);
  }
  const { socket } = await upgrade(origin, { dispatcher, protocol: "echo" });
  socket.write("over TLS");
  assertEquals(await next(socket), "over TLS");
  await ended(socket);
  await dispatcher.close();
});

test(
  "the forward proxy and undici's ProxyAgent: CONNECT with TLS inside, and plain http both ways",
  timeout,
  async (t) => {
    const lines: string[] = [];
    const proxy = await startProxy({ log: (line) => lines.push(line) });
    const plain = await listening(answers);
    t.after(() => plain[Symbol.asyncDispose]());
    const secure = await listening(answers, { tls });
    t.after(() => secure[Symbol.asyncDispose]());
    for (const proxyTunnel of [true, false]) {
      const dispatcher = new ProxyAgent({
        uri: `http://127.0.0.1:${proxy.port}`,
        requestTls: { ca: authority },
        proxyTunnel,
      });
      for (const origin of [plain.origin, `https://localhost:${secure.port}`]) {
        for (let i = 0; i < 2; i++) {
          const answer = await fetch(`${origin}/a`, { dispatcher, method: "POST", body: "hi" });
          assertEquals(await answer.text(), "POST /a null hi");
        }
        assertEquals((await (await fetch(`${origin}/large`, { dispatcher })).arrayBuffer()).byteLength, 3_000_000);
      }
      await dispatcher.destroy();
    }
    await proxy.close();
    assert(lines.some((line) => line.startsWith(`CONNECT localhost:${secure.port} 200`)), lines.join("\n"));
    assert(lines.some((line) => line.startsWith(`CONNECT 127.0.0.1:${plain.port} 200`)), lines.join("\n"));
  },
);

test("serve({ connect }) and undici's ProxyAgent: 407 with and without credentials, 403 [F9]", timeout, async (t) => {
  const proxy = await listening(() => new Response("never"), {
    connect: (request) => {
      if (request.headers.get("proxy-authorization") !== `Basic ${btoa("us:pw")}`) {
        return new Response("who?", { status: 407, headers: { "proxy-authenticate": "Basic realm=x" } });
      }
      return new Response("no", { status: 403 });
    },
  });
  t.after(() => proxy[Symbol.asyncDispose]());
  for (const [token, status] of [[undefined, 407], [`Basic ${btoa("us:pw")}`, 403]] as const) {
    const dispatcher = new ProxyAgent({ uri: proxy.origin, ...(token === undefined ? {} : { token }) });
    const error = await assertRejects(() => request("https://a.test/", { dispatcher }), Error);
    assertMatch(error.message, new RegExp(`\\(${status}\\)`));
    await dispatcher.destroy();
  }
});
