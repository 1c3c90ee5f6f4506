import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { duplexPair, handshake, onUpgrade, serve, webSocketOver, WebSocketStream } from "../../mod.ts";
import { connect, listen, TransportError } from "../../src/net/mod.ts";
import { wire } from "../support/wire.ts";

test("README: promises that tell how something went need no handler", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  try {
    const taken = await listen({ hostname: "127.0.0.1" });
    const { port } = taken.address;
    const failing = () => serve({ hostname: "127.0.0.1", port }, () => new Response());
    const server = failing();
    void server.listening;
    void server.finished;
    await assertRejects(() => failing().finished, TransportError);
    await taken.close();

    const socket = connect({ hostname: "127.0.0.1", port });
    void socket.opened;
    const stream = new WebSocketStream(`ws://127.0.0.1:${port}/`);
    void stream.opened;
    const [near, far] = duplexPair();
    const webSocket = webSocketOver(near, { role: "client" });
    void webSocket.write("lost");
    void webSocket.ping();
    far.abort();

    const [client, peer] = duplexPair();
    const { sender } = handshake(client);
    const sent = sender.send({ method: "GET", target: "/", fields: [["Host", "a"]] });
    await peer.write(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶ab"));
    const { body } = await sent;
    void body.trailers;
    void onUpgrade(await sent);
    peer.abort();
    await assertRejects(() => connect({ hostname: "127.0.0.1", port }).opened, TransportError);
    assertEquals([(await webSocket.closed).closeCode, (await stream.closed).closeCode], [1006, 1006]);
    await new Promise((resolve) => setTimeout(resolve, 0)); // unhandled rejections are told behind the microtasks
  } finally {
    process.off("unhandledRejection", listener);
  }
  assertEquals(unhandled, []);
});
