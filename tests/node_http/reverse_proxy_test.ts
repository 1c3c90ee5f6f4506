import type { RequestListener } from "node:http";
import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { readRequest, readResponse } from "../../scripts/conformance/proxies/message.ts";
import { type Backend, dialPeer, listenPeers, type Peer } from "../../scripts/conformance/proxies/peer.ts";
import { StateError } from "../../src/errors/state_error.ts";
import type { AcceptOptions } from "../../src/node_http/accept.ts";
import { type NodeHandler, toNodeHandler } from "../../src/node_http/node_handler.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { nodeServer } from "../support/node_server.ts";

interface Mounted {
  readonly client: Peer;
  readonly backend: Backend;
}

/** A proxy on a server of `node:http`, in front of a raw server. */
async function mounted(
  act: (mounted: Mounted) => Promise<void>,
  options: AcceptOptions = {},
  listener: (handler: NodeHandler) => RequestListener = (handler) => handler,
): Promise<void> {
  const backend = await listenPeers();
  const proxy = reverseProxy(`http://127.0.0.1:${backend.port}`, { name: "p", forwarded: false });
  const handler = toNodeHandler(proxy, { dateHeader: false, ...options });
  const node = await nodeServer({ request: listener(handler), upgrade: handler.upgrade });
  const client = await dialPeer(node.port);
  try {
    await act({ client, backend });
  } finally {
    client.close();
    await backend.close(); // an upgraded connection lasts until both of its ends are over
    await proxy[Symbol.asyncDispose]();
    await node.close();
  }
}

test("toNodeHandler(reverseProxy()) passes target, fields, body and trailers on as they came", async () => {
  await mounted(async ({ client, backend }) => {
    client.send("PUT /a/../%2e//b? HTTP/1.1¶hOST: a¶X-B: 1¶x-a: 2¶X-B: 3¶Transfer-Encoding: chunked¶¶");
    client.send("3¶abc¶0¶X-Sum: 7¶¶");
    const server = await backend.next();
    assertEquals(await readRequest(server), {
      head: "PUT /a/../%2e//b? HTTP/1.1¶hOST: a¶X-B: 1¶x-a: 2¶X-B: 3¶Transfer-Encoding: chunked¶Via: 1.1 p¶¶",
      body: "abc",
      trailers: "X-Sum: 7¶",
    });
  });
});

test("toNodeHandler(reverseProxy()) passes a body of GET on, which its Request has not", async () => {
  await mounted(async ({ client, backend }) => {
    client.send("GET / HTTP/1.1¶Host: a¶Content-Length: 3¶¶abc");
    const { body } = await readRequest(await backend.next());
    assertEquals(body, "abc");
  });
});

test("toNodeHandler(reverseProxy()) passes a response back: reason, spelling, cookies, body and trailers", async () => {
  await mounted(async ({ client, backend }) => {
    client.send("GET / HTTP/1.1¶Host: a¶¶");
    const server = await backend.next();
    await readRequest(server);
    server.send(
      "HTTP/1.1 203 Fine¶dATE: now¶X-b: 1¶Set-Cookie: a=1¶Set-Cookie: b=2¶Transfer-Encoding: chunked¶¶3¶abc¶",
    );
    await client.through("abc");
    server.send("2¶de¶0¶X-Sum: 7¶¶");
    assertEquals(await client.through("X-Sum: 7¶"), "¶2¶de¶0¶X-Sum: 7¶");
  });
});

test("toNodeHandler(reverseProxy()) passes early hints on", async () => {
  await mounted(async ({ client, backend }) => {
    client.send("GET / HTTP/1.1¶Host: a¶¶");
    const server = await backend.next();
    await readRequest(server);
    server.send("HTTP/1.1 103 Early Hints¶Link: </a.css>; rel=preload¶¶HTTP/1.1 200 OK¶Content-Length: 1¶¶a");
    const { head, body } = await readResponse(client, "GET");
    assertMatch(head, /^HTTP\/1\.1 103 Early Hints¶Link: <\/a\.css>; rel=preload¶¶HTTP\/1\.1 200 OK¶/i);
    assertEquals(body, "a");
  });
});

test("toNodeHandler(reverseProxy()).upgrade joins both connections, with what comes early (RFC 9110 §7.8)", async () => {
  await mounted(async ({ client, backend }) => {
    client.send("GET //up?%2e HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
    const server = await backend.next();
    assertEquals(
      await server.through("¶¶"),
      "GET //up?%2e HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶Via: 1.1 p¶¶",
    );
    server.send("HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶hello");
    await client.through("¶¶hello");
    assertEquals(await server.take(5), "early");
  });
});

test("toNodeHandler(reverseProxy()) ends the request to the server when the client leaves", async () => {
  await mounted(async ({ client, backend }) => {
    client.send("GET / HTTP/1.1¶Host: a¶¶");
    const server = await backend.next();
    await readRequest(server);
    client.close();
    assertMatch(`${await server.untilEnd()}`, /^(end|reset)$/);
  }, { onError() {} });
});

test("toNodeHandler(reverseProxy()) answers 502 where the server is gone (RFC 9209 §2.3)", async () => {
  await mounted(async ({ client, backend }) => {
    await backend.close();
    client.send("POST / HTTP/1.1¶Host: a¶Content-Length: 3¶¶abc");
    const { head } = await readResponse(client, "POST");
    assertMatch(head, /^HTTP\/1\.1 502 .*¶Proxy-Status: p; ?error=connection_refused¶/is);
  });
});

test("toNodeHandler(reverseProxy()) does not pass a body on without its bytes: other middleware has read them", async () => {
  const told: unknown[] = [];
  await mounted(
    async ({ client }) => {
      client.send("POST / HTTP/1.1¶Host: a¶Content-Length: 3¶¶abc");
      const { head } = await readResponse(client, "POST");
      assertMatch(head, /^HTTP\/1\.1 500 /);
      assertEquals(told.map((error) => error instanceof StateError && error.code), ["body-used"]);
    },
    { onError: (error) => void told.push(error) },
    (handler) => (req, res) => void req.resume().on("end", () => setImmediate(handler, req, res)),
  );
});
