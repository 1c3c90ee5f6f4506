import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";

test("server.shutdown() that closes what was upgraded says so to WebSockets: 1001 (RFC 6455 §7.4.1)", async () => {
  const server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => {
    const { response, socket } = upgradeWebSocket(request);
    socket.opened.then(({ readable, writable }) => readable.pipeTo(writable)).catch(() => {});
    return response;
  });
  const [address] = await server.listening;
  const socket = new WebSocketStream(`ws://127.0.0.1:${"port" in address ? address.port : 0}/`);
  const io = await socket.opened;
  await io.write("hello");
  assertEquals(await io.read(), "hello");
  const finished = server.shutdown({ upgraded: "close" });
  assertEquals(await io.read(), null);
  assertEquals(await socket.closed, { closeCode: 1001, reason: "", wasClean: true });
  await finished;
  assertEquals(server.connections, 0);
});

for (const h2c of [false, true]) {
  const over = h2c ? "HTTP/2" : "HTTP/1.1";
  test(`server.shutdown() that closes what was upgraded says 1001 to a WebSocket over ${over} that is accepted meanwhile (RFC 6455 §7.4.1)`, async () => {
    let accept = (): void => {};
    const accepted = new Promise<void>((resolve) => accept = resolve);
    let ask = (): void => {};
    const asked = new Promise<void>((resolve) => ask = resolve);
    const options = { port: 0, hostname: "127.0.0.1", http2: { h2c, connectProtocol: true } };
    const server = serve(options, async (request) => {
      ask();
      await accepted;
      return upgradeWebSocket(request, {}, async (io) => {
        for await (const message of io) await io.write(message);
      }).response;
    });
    const [address] = await server.listening;
    const client = new Client({ http2: { h2c } });
    const socket = new WebSocketStream(`ws://127.0.0.1:${"port" in address ? address.port : 0}/`, { client });
    await asked;
    const finished = server.shutdown({ upgraded: "close" });
    accept();
    await socket.opened;
    assertEquals(await socket.closed, { closeCode: 1001, reason: "", wasClean: true });
    await finished;
    await client.close();
    assertEquals(server.connections, 0);
  });
}
