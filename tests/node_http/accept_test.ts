import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Deferred } from "../../src/duplex/deferred.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { acceptConnect, type AcceptOptions, acceptUpgrade } from "../../src/node_http/accept.ts";
import { connect } from "../../src/net/mod.ts";
import { everyCut } from "../support/bytes.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { dial, say } from "../support/http_server.ts";
import { type NodeServer, nodeServer } from "../support/node_server.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";

const UPGRADE = "GET /up?q=%2e HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: foo, echo¶¶";

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

/** A server of `node:http` whose proposals this package answers. */
function accepting(handler: ServeHandler, options: AcceptOptions = {}, server = createServer()): Promise<NodeServer> {
  return nodeServer({
    request: (_req, res) => void res.end("from node:http"),
    upgrade: (req, socket, head) => {
      acceptUpgrade(req, socket, head, handler, { dateHeader: false, onError() {}, ...options });
    },
  }, server);
}

test("acceptUpgrade() gives early bytes first, echoes to the end of the client's side, and ends [E7]", async () => {
  const node = await accepting((request) => upgradeResponse(request, "echo", {}, echo).response);
  assertEquals(
    await say(node.port, UPGRADE + "early"),
    "HTTP/1.1 101 Switching Protocols¶connection: upgrade¶upgrade: echo¶¶early",
  );
  await node.close();
});

test("acceptUpgrade() leaves requests that propose nothing to node:http", async () => {
  const node = await accepting(() => new Response("never"));
  assertStringIncludes(await say(node.port, "GET / HTTP/1.1¶Host: a¶Connection: close¶¶"), "from node:http");
  await node.close();
});

test("acceptUpgrade() hands the handler the request as it stood on the wire", async () => {
  const node = await accepting((request, info) => {
    const { target, fields } = info.head;
    const names = [...fields].map(([name]) => name).join();
    return new Response(`${request.method} ${request.url} ${target} ${names} ${info.tls} ${"hostname" in info.remote}`);
  });
  const answer = await say(node.port, "GET /up?q=%2e HTTP/1.1¶HOST: a¶X-a: é¶Connection: upgrade¶UPGRADE: echo¶¶");
  assertMatch(answer, /¶GET http:\/\/a\/up\?q=%2e \/up\?q=%2e HOST,X-a,Connection,UPGRADE null true$/);
  await node.close();
});

test("acceptUpgrade() sends a refusal with its body, says close, and closes [E4]", async () => {
  let refused: Promise<unknown> = Promise.resolve();
  const node = await accepting((request) => {
    refused = onUpgrade(request);
    return new Response("not today", { status: 403, headers: { "x-why": "1" } });
  });
  const answer = await say(node.port, UPGRADE + "GET /2 HTTP/1.1¶Host: a¶¶");
  assertMatch(answer, /^HTTP\/1\.1 403 Forbidden¶/);
  assertStringIncludes(answer, "connection: close¶");
  assert(answer.endsWith("¶¶not today"), answer);
  assertEquals((await assertRejects(() => refused, UpgradeRejected)).status, 403);
  await node.close();
});

test("acceptUpgrade() answers what the handler throws with 500, and tells onError", async () => {
  const told: unknown[] = [];
  const boom = new Error("boom");
  const node = await accepting(() => Promise.reject(boom), { onError: (error) => void told.push(error) });
  assertMatch(await say(node.port, UPGRADE), /^HTTP\/1\.1 500 /);
  assertEquals(told, [boom]);
  await node.close();
});

test("acceptUpgrade() refuses with 400 what the parser of node:http let pass", async () => {
  const lenient = createServer({ insecureHTTPParser: true });
  const node = await accepting(() => new Response("never"), {}, lenient);
  const answer = await say(node.port, "GET / HTTP/1.1¶Host: a¶Host: b¶Connection: upgrade¶Upgrade: echo¶¶");
  assertMatch(answer, /^HTTP\/1\.1 400 /);
  await node.close();
});

test("acceptUpgrade() reads the body of a request that proposes a switch, then its early bytes", async () => {
  const node = await accepting(async (request) => {
    const body = await request.text();
    return upgradeResponse(request, "echo", { headers: { "x-body": body } }, echo).response;
  });
  for (
    const [framing, body] of [["Content-Length: 4", "body"], ["Transfer-Encoding: chunked", "4¶body¶0¶¶"]] as const
  ) {
    const answer = await say(node.port, UPGRADE.replace("GET", "POST").replace("¶¶", `¶${framing}¶¶`) + body + "early");
    assertMatch(answer, /^HTTP\/1\.1 101 .*¶x-body: body¶¶early$/s);
  }
  await node.close();
});

test("acceptUpgrade() loses no byte at any cut of head and early bytes", async () => {
  const node = await accepting((request) => upgradeResponse(request, "echo", {}, echo).response);
  for (const { chunks } of everyCut(wire(UPGRADE + "early bytes"))) {
    const socket = dial(node.port);
    for (const chunk of chunks) await socket.write(chunk);
    await socket.closeWrite();
    assert((await readAll(socket)).endsWith("¶¶early bytes"));
    await socket.close();
  }
  await node.close();
});

test("acceptUpgrade() gives bytes back that came while other code was deciding", async () => {
  const node = await nodeServer({
    upgrade: (req, socket, head) => {
      setImmediate(() => {
        acceptUpgrade(req, socket, head, (request) => upgradeResponse(request, "echo", {}, echo).response);
      });
    },
  });
  assert((await say(node.port, UPGRADE + "early")).endsWith("¶¶early"));
  await node.close();
});

test("acceptUpgrade() ends with reset or end when the client leaves before the answer", async () => {
  const gone = new Deferred<void>();
  const asked = new Deferred<void>();
  const node = await accepting(async (request) => {
    request.signal.addEventListener("abort", () => gone.resolve());
    asked.resolve();
    await gone.promise;
    return new Response("too late");
  });
  const client = dial(node.port);
  await client.write(wire(UPGRADE));
  await asked.promise;
  client.abort();
  await gone.promise;
  await node.close();
});

test("acceptUpgrade() over TLS says so, and https is the scheme", async () => {
  const server = createTlsServer({ cert: serverCert, key: serverKey });
  const node = await accepting(
    (request, info) => {
      if (info.tls === null || !request.url.startsWith("https:")) return new Response("not TLS", { status: 500 });
      return upgradeResponse(request, "echo", {}, echo).response;
    },
    {},
    server as unknown as ReturnType<typeof createServer>,
  );
  const client = connect({ hostname: "127.0.0.1", port: node.port }, {
    tls: { serverName: "localhost", caCerts: [authority] },
  });
  await client.write(wire(UPGRADE + "early"));
  assertMatch(await readUntil(client, "early"), /^HTTP\/1\.1 101 /);
  await client.close();
  await node.close();
});

test("acceptConnect() answers a CONNECT, with the bytes behind it first", async () => {
  const node = await nodeServer({
    connect: (req, socket, head) => {
      acceptConnect(req, socket, head, (request) => {
        if (request.authority !== "a:1") return new Response("no", { status: 403 });
        return connectResponse(request, {}, echo).response;
      }, { dateHeader: false });
    },
  });
  assertEquals(await say(node.port, "CONNECT a:1 HTTP/1.1¶Host: a:1¶¶early"), "HTTP/1.1 200 OK¶¶early");
  assertMatch(
    await say(node.port, "CONNECT b:1 HTTP/1.1¶Host: b:1¶¶early"),
    /^HTTP\/1\.1 403 .*connection: close¶.*no$/s,
  );
  await node.close();
});

test("acceptUpgrade() leaves the socket as it is when an option is wrong", async () => {
  const node = await nodeServer({
    upgrade: (req, socket, head) => {
      const handler: ServeHandler = () => new Response("ok");
      assertThrows(() => acceptUpgrade(req, socket, head, handler, { headTimeoutMs: -1 }), RangeError);
      acceptUpgrade(req, socket, head, handler);
    },
  });
  assert((await say(node.port, UPGRADE)).endsWith("ok"));
  await node.close();
});
