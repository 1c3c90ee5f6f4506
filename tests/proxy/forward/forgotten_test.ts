import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { serve } from "../../../src/http/server/serve.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { turns } from "../../support/wire.ts";

const loopback = { port: 0, hostname: "127.0.0.1" };

test("ForwardProxy.handler: a response that the program lets go of ends its exchange, as with reverseProxy()", async () => {
  const origin = serve(loopback, () => new Response("tea"));
  const [{ port }] = await origin.listening;
  const proxy = forwardProxy({ allow: ["127.0.0.1"] });
  const server = serve(loopback, async (request, info) => {
    const { status } = await proxy.handler(request, info);
    return new Response(`${status}`, { status: 203 });
  });
  const [at] = await server.listening;
  const client = new Client({ proxy: `http://127.0.0.1:${at.port}` });
  const response = await client.fetch(`http://127.0.0.1:${port}/`);
  assertEquals(await response.text(), "200");
  for (let i = 0; i < 100 && proxy.open.length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
    await turns();
  }
  assertEquals(proxy.open, []);
  await client.close();
  await server.shutdown();
  await proxy.close();
  await origin.shutdown();
});
