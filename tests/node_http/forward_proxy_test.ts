import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { acceptConnect } from "../../src/node_http/accept.ts";
import { toNodeHandler } from "../../src/node_http/node_handler.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import { listening, say } from "../support/http_server.ts";
import { nodeServer } from "../support/node_server.ts";
import { readUntil, wire } from "../support/wire.ts";

test("forwardProxy() on a server of node:http: requests, tunnels, upgrades and refusals", async () => {
  const { server, port } = await listening(async (request) => {
    if (request.headers.has("upgrade")) {
      return upgradeResponse(request, "echo", {}, async (io) => {
        await io.write((await io.read())!);
        await io.close();
      }).response;
    }
    return new Response(`${request.method} ${request.headers.get("via")} ${await request.text()}`);
  });
  const proxy = forwardProxy({ name: "p", allow: [{ host: `127.0.0.1:${port}`, addresses: ["127.0.0.1"] }] });
  const handler = toNodeHandler(proxy.handler, { dateHeader: false });
  const node = await nodeServer({
    request: handler,
    upgrade: handler.upgrade,
    connect: (req, socket, head) => void acceptConnect(req, socket, head, proxy.connect, { dateHeader: false }),
  });

  const forwards = new Client({ proxy: `http://127.0.0.1:${node.port}` });
  const asked = await forwards.fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "hello" });
  assertEquals(await asked.text(), "POST 1.1 p hello");
  const tunnels = new Client({ proxy: `http://127.0.0.1:${node.port}`, proxyTunnel: "always" });
  const inside = await tunnels.fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "hello" });
  assertEquals(await inside.text(), "POST null hello");
  const io = await tunnels.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo" });
  await io.write(wire("through a tunnel"));
  await readUntil(io, "through a tunnel");
  await io.close();

  const head = `GET http://127.0.0.1:${port}/ HTTP/1.1¶Host: 127.0.0.1:${port}¶`;
  const switched = await say(node.port, `${head}Connection: upgrade¶Upgrade: echo¶¶early`);
  assertStringIncludes(switched, "HTTP/1.1 101");
  assertStringIncludes(switched, "¶¶early");
  assertStringIncludes(await say(node.port, "CONNECT 127.0.0.1:1 HTTP/1.1¶Host: 127.0.0.1:1¶¶"), "HTTP/1.1 403");
  const refused = await say(node.port, "GET http://127.0.0.1:1/ HTTP/1.1¶Host: 127.0.0.1:1¶Connection: close¶¶");
  assertStringIncludes(refused, "HTTP/1.1 403");

  await forwards.close();
  await tunnels.close();
  await proxy.close();
  await node.close();
  await server.shutdown({ upgraded: "close" });
});
