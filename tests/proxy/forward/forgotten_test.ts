import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeInfo } from "../../../src/http/server/serve_info.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import { reverseProxy } from "../../../src/proxy/reverse/reverse_proxy.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { nextImmediate } from "../../support/turns.ts";
import { turns } from "../../support/wire.ts";

const loopback = { port: 0, hostname: "127.0.0.1" };

/** Collects garbage, and lets those hear of it who are told. */
async function collected(): Promise<void> {
  collectGarbage();
  await turns();
  for (let i = 0; i < 20; i++) await nextImmediate(); // for what comes from the network
}

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
  while (proxy.open.length > 0) await collected();
  assertEquals(proxy.open, []);
  await client.close();
  await server.shutdown();
  await proxy.close();
  await origin.shutdown();
});

test("reverseProxy(): a response that the program lets go of ends its exchange, also if its stream was looked at", async () => {
  for (const idleTimeoutMs of [0, 60_000]) {
    let canceled = false;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => void (canceled = true),
      });
    const origin = serve(loopback, () => new Response(endless()));
    const [{ port }] = await origin.listening;
    const reverse = reverseProxy(`http://127.0.0.1:${port}`, { idleTimeoutMs });
    const server = serve(loopback, async (request, info) => {
      const { body } = await reverse(request, info);
      return new Response(`${body === null}`);
    });
    const [at] = await server.listening;
    const client = new Client();
    assertEquals(await (await client.fetch(`http://127.0.0.1:${at.port}/`)).text(), "false");
    while (!canceled) await collected();
    assertEquals(canceled, true, `idleTimeoutMs: ${idleTimeoutMs}`);
    await client.close();
    await server.shutdown();
    await reverse.close();
    await origin.shutdown();
  }
});

/** A handler that keeps nothing of the response of another one but its stream, for some time. */
function streaming(handler: ServeHandler) {
  const bodyOf = async (request: Request, info: ServeInfo) => (await handler(request, info)).body;
  return async (request: Request, info: ServeInfo) => {
    const body = await bodyOf(request, info);
    for (let i = 0; i < 10; i++) await collected();
    return new Response(body);
  };
}

test("ForwardProxy.handler and reverseProxy(): the stream of a response is read to its end although the response was let go of", async () => {
  const long = "tea ".repeat(50_000); // more than goes on in one piece with its head
  const origin = serve(loopback, () => new Response(long));
  const [{ port }] = await origin.listening;
  const forward = forwardProxy({ allow: ["127.0.0.1"] });
  const reverse = reverseProxy(`http://127.0.0.1:${port}`);
  const servers = [serve(loopback, streaming(forward.handler)), serve(loopback, streaming(reverse))];
  const [behind, before] = await Promise.all(servers.map(async ({ listening }) => (await listening)[0].port));
  const proxied = new Client({ proxy: `http://127.0.0.1:${behind}` });
  const direct = new Client();
  assertEquals(await (await proxied.fetch(`http://127.0.0.1:${port}/`)).text() === long, true, "forward");
  assertEquals(await (await direct.fetch(`http://127.0.0.1:${before}/`)).text() === long, true, "reverse");
  await Promise.all([proxied.close(), direct.close()]);
  await Promise.all(servers.map((server) => server.shutdown()));
  await Promise.all([forward.close(), reverse.close()]);
  await origin.shutdown();
});
