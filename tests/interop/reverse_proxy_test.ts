import http from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import express from "express";
import { buildSchema } from "graphql";
import { createClient } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import { WebSocket, WebSocketServer } from "ws";
import { assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";

/** Puts a proxy in front of a server of `node:http`; gives its port. */
async function behindProxy(t: TestContext, server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const proxy = reverseProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const front = serve({ port: 0, hostname: "127.0.0.1" }, proxy);
  t.after(async () => {
    await front[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (await front.listening)[0].port;
}

test(
  "reverseProxy() and Express, which trusts it: address, host and protocol are the client's",
  { timeout: 30_000 },
  async (t) => {
    const app = express();
    app.set("trust proxy", "loopback");
    app.post("/who", (req: express.Request, res: express.Response) => {
      res.cookie("a", "1").json([req.ip, req.hostname, req.protocol, req.originalUrl]);
    });
    const port = await behindProxy(t, http.createServer(app));
    const client = new Client();
    const response = await client.fetch(`http://127.0.0.1:${port}/who?x`, {
      method: "POST",
      headers: { host: "a.example" },
    });
    assertEquals(await response.json(), ["127.0.0.1", "a.example", "http", "/who?x"]);
    assertEquals(response.headers.get("set-cookie"), "a=1; Path=/");
    await client.close();
  },
);

test("reverseProxy() and graphql-ws: a subscription to its end", { timeout: 30_000 }, async (t) => {
  const schema = buildSchema("type Query { a: Int } type Subscription { tick: Int }");
  const server = http.createServer();
  const roots = {
    subscription: {
      tick: async function* () {
        for (const tick of [1, 2, 3]) yield { tick };
      },
    },
  };
  const ending = useServer({ schema, roots }, new WebSocketServer({ server, path: "/graphql" }));
  const port = await behindProxy(t, server);
  const client = createClient({ url: `ws://127.0.0.1:${port}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
  const ticks: unknown[] = [];
  for await (const { data } of client.iterate<{ tick: number }>({ query: "subscription { tick }" })) {
    ticks.push(data?.tick);
  }
  assertEquals(ticks, [1, 2, 3]);
  await client.dispose();
  await ending.dispose();
});
