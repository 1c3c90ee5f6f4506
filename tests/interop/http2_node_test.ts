import { Buffer } from "node:buffer";
import { once } from "node:events";
import http2 from "node:http2";
import type net from "node:net";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "undici";
import { handshake } from "../../src/http2/client_connection.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { connect } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { ask } from "../support/http2_ask.ts";
import { http2Site } from "../support/http2_site.ts";
import { runtimeName, skipUnless, unlessTlsIsRefused } from "../support/runtime.ts";

const onNode = { ...skipUnless(runtimeName === "node", "node:http2 is Node's own only there"), timeout: 30_000 };

const handler: Handler = (request) => {
  if (request.method === "GET") return { status: 200, fields: { "x-path": request.target }, body: "hello" };
  return {
    status: 200,
    body: request.body,
    trailers: async () => ({ "x-sum": (await request.body.trailers).get("x-sum") ?? "none" }),
  };
};

const body: Buffer = Buffer.from(Array.from({ length: 700_001 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24));

async function textOf(stream: http2.ClientHttp2Stream): Promise<string> {
  return (await bytesOf(stream)).toString();
}

async function bytesOf(stream: http2.ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function closed(session: http2.ClientHttp2Session): Promise<unknown> {
  session.close();
  return once(session, "close");
}

for (const over of ["tcp", "tls"] as const) {
  test(
    `node:http2 as a client over ${over}: requests at once, bodies and trailers both ways, PING`,
    onNode,
    async () => {
      const site = await http2Site(over, handler);
      const session = http2.connect(site.origin, { ca: authority });
      const texts = await Promise.all(Array.from({ length: 90 }, async (_, i) => {
        const stream = session.request({ ":path": `/${i}` });
        const [headers] = await once(stream, "response");
        return [headers["x-path"], await textOf(stream)];
      }));
      assertEquals(texts, Array.from({ length: 90 }, (_, i) => [`/${i}`, "hello"]));
      const stream = session.request({ ":method": "POST" }, { waitForTrailers: true });
      const trailers = once(stream, "trailers");
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "12" }));
      stream.end(body);
      assert(body.equals(await bytesOf(stream)));
      assertEquals((await trailers)[0]["x-sum"], "12");
      const payload = Buffer.from("12345678");
      const pong = await new Promise((resolve) => session.ping(payload, (_error, _ms, answer) => resolve(answer)));
      assertEquals(pong, payload);
      await closed(session);
      await site.close();
    },
  );
}

test("node:http2 as a client: streams it resets end their handlers, others go on", onNode, async () => {
  const aborted: Promise<unknown>[] = [];
  const site = await http2Site("tcp", (request) => {
    if (request.target === "/") return { status: 200, body: "hello" };
    aborted.push(new Promise((resolve) => request.signal.addEventListener("abort", resolve)));
    return new Promise(() => {});
  });
  const session = http2.connect(site.origin);
  const streams = Array.from({ length: 20 }, () => session.request({ ":path": "/never" }));
  assertEquals(await textOf(session.request({ ":path": "/" })), "hello");
  await Promise.all(streams.map((stream) => {
    stream.close(http2.constants.NGHTTP2_CANCEL);
    return once(stream, "close");
  }));
  await Promise.all(aborted);
  assertEquals(aborted.length, 20);
  await closed(session);
  await site.close();
});

test("node:http2 as a client: a shutdown lets its streams end", onNode, async () => {
  let goOn = () => {};
  let tellBegun = () => {};
  const begun = new Promise<void>((resolve) => tellBegun = resolve);
  const site = await http2Site("tcp", async () => {
    tellBegun();
    await new Promise<void>((resolve) => goOn = resolve);
    return { status: 200, body: "late" };
  });
  const session = http2.connect(site.origin);
  const goaway = once(session, "goaway");
  const text = textOf(session.request({ ":path": "/" }));
  await begun;
  const over = site.close();
  await goaway;
  goOn();
  assertEquals(await text, "late");
  await over;
});

/** A server of `node:http2` that echoes, with trailers. */
async function nodeServer(over: "tcp" | "tls") {
  const server = over === "tcp"
    ? http2.createServer()
    : http2.createSecureServer({ cert: serverCert, key: serverKey, allowHTTP1: false });
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    if (headers[":path"] === "/reset") return stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    if (headers[":path"] === "/inform") stream.additionalHeaders({ ":status": 103, "link": "</a>" });
    if (headers[":method"] === "GET") {
      stream.respond({ ":status": 200, "x-path": headers[":path"], "set-cookie": ["a=1", "b=2"] });
      return stream.end("hello");
    }
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "1" }));
    stream.pipe(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const tls = { caCerts: [authority], alpnProtocols: ["h2"] };
  const socket = connect({ hostname: "127.0.0.1", port }, over === "tls" ? { tls } : {});
  return {
    server,
    client: handshake(socket, { scheme: over === "tls" ? "https" : "http" }).connection,
    host: `127.0.0.1:${port}`,
  };
}

for (const over of ["tcp", "tls"] as const) {
  test(`node:http2 as a server over ${over}: requests at once, bodies and trailers, 103, resets`, onNode, async () => {
    const { server, client, host: authority } = await nodeServer(over);
    const paths = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const response = await ask(client, { authority, path: `/${i}` });
      assertEquals(await response.body.text(), "hello");
      assertEquals(response.fields.getAll("set-cookie"), ["a=1", "b=2"]);
      return response.fields.get("x-path");
    }));
    assertEquals(paths, Array.from({ length: 200 }, (_, i) => `/${i}`));
    const echo = await ask(client, { method: "POST", authority, body });
    assert(body.equals(await echo.body.bytes()));
    assertEquals((await echo.body.trailers).get("x-end"), "1");
    const statuses: number[] = [];
    const onInformational = ({ status }: { readonly status: number }) => void statuses.push(status);
    const informed = await ask(client, { authority, path: "/inform", onInformational });
    assertEquals([await informed.body.text(), statuses], ["hello", [103]]);
    const reset = await ask(client, { authority, path: "/reset" }).catch((error) => error);
    assertEquals([reset.code, reset.message], ["reset", "The peer has reset the stream: enhance-your-calm"]);
    assertEquals((await client.gracefulShutdown()).reason === "error", false);
    server.close();
    await once(server, "close");
  });
}

test("undici with allowH2: requests at once and an upload that comes back", unlessTlsIsRefused, async () => {
  const site = await http2Site("tls", handler);
  const client = new Client(site.origin, { allowH2: true, connect: { ca: authority }, pipelining: 50 });
  const texts = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const { headers, body } = await client.request({ method: "GET", path: `/${i}` });
    return [headers["x-path"], await body.text()];
  }));
  assertEquals(texts, Array.from({ length: 60 }, (_, i) => [`/${i}`, "hello"]));
  const echo = await client.request({ method: "POST", path: "/", body });
  assert(body.equals(Buffer.from(await echo.body.arrayBuffer())));
  assertEquals(site.connections, 1);
  await client.close();
  await site.close();
});
