import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { defineWebSocketHandler, H3 } from "h3";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { crosswsAdapter, type Upgrading } from "../../scripts/examples/crossws.ts";
import { listening, say } from "../support/http_server.ts";

const closed: unknown[] = [];

function chatApp(): H3 {
  const app = new H3();
  app.get("/text", () => "hello");
  app.get(
    "/chat/:room",
    defineWebSocketHandler({
      upgrade(request) {
        if (request.headers.get("authorization") !== "Bearer t") return new Response("who are you?", { status: 401 });
        return { headers: { "x-welcome": "1" }, context: { name: new URL(request.url).searchParams.get("name") } };
      },
      open(peer) {
        peer.send(`welcome ${peer.context.name}`);
        peer.subscribe("all");
        peer.publish("all", { joined: peer.context.name, there: peer.peers.size });
      },
      message(peer, message) {
        if (message.text() === "leave") peer.close(4000, "as you wish");
        else peer.publish("all", message.uint8Array());
      },
      close(peer, { code }) {
        closed.push([peer.context.name, code]);
      },
    }),
  );
  return app;
}

test("examples/crossws.ts runs h3's WebSocket handlers: contexts, topics, refusals, closes", async () => {
  const app = chatApp();
  const sockets = crosswsAdapter(async (request) => (await app.fetch(request) as Upgrading).crossws);
  const { server, port } = await listening((request, info) => {
    return wantsUpgrade(request) ? sockets(request, info) : app.fetch(request) as Promise<Response>;
  });
  const join = async (room: string, name: string) => {
    const url = `ws://127.0.0.1:${port}/chat/${room}?name=${name}`;
    return await new WebSocketStream(url, { headers: { authorization: "Bearer t" } }).opened;
  };
  assertStringIncludes(await say(port, "GET /text HTTP/1.1¶Host: a¶Connection: close¶¶"), "hello");
  const refused = await say(port, "GET /chat/a HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: websocket¶¶");
  assertStringIncludes(refused, "HTTP/1.1 401");
  assertStringIncludes(refused, "who are you?");
  const ann = await join("a", "ann");
  assertEquals(await ann.read(), "welcome ann");
  const other = await join("b", "bob");
  assertEquals(await other.read(), "welcome bob");
  const cid = await join("a", "cid");
  assertEquals(await cid.read(), "welcome cid");
  assertEquals(await ann.read(), '{"joined":"cid","there":2}');
  await ann.write("hello");
  assertEquals(new TextDecoder().decode(await cid.read() as Uint8Array), "hello");
  await cid.write("leave");
  assertEquals(await cid.read(), null);
  const { closeCode, reason } = await cid.closed;
  assertEquals([closeCode, reason], [4000, "as you wish"]);
  await Promise.all([ann.close({ closeCode: 1000 }), other.close({ closeCode: 1000 })]);
  await server.shutdown();
  assertEquals(closed.sort(), [["ann", 1000], ["bob", 1000], ["cid", 4000]]);
});
