import http from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Duplex as WebDuplex } from "../../src/duplex/duplex.ts";
import { acceptOf } from "../../src/websocket/machine/handshake.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { talk } from "../support/websocket_talk.ts";

const timeout = { timeout: 30_000 };

test("webSocketOver() takes the socket and the head of node:http's upgrade event", timeout, async () => {
  const server = http.createServer();
  const heads: number[] = [];
  server.on("upgrade", (request, socket, head) => {
    heads.push(head.length);
    const { "sec-websocket-key": key, "sec-websocket-extensions": offered } = request.headers;
    const extensions = offered === undefined ? "" : "permessage-deflate";
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${acceptOf(key!)}\r\nSec-WebSocket-Protocol: chat\r\n` +
        (extensions === "" ? "\r\n" : `Sec-WebSocket-Extensions: ${extensions}\r\n\r\n`),
    );
    const duplex = Duplex.toWeb(socket) as unknown as WebDuplex;
    talk(webSocketOver(duplex, { role: "server", protocol: "chat", extensions, readBuf: head })).catch(() => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const io = await new WebSocketStream(`ws://127.0.0.1:${port}`, { protocols: ["chat"] }).opened;
  for (const message of ["hello", new Uint8Array(300_000).fill(7), "é".repeat(100_000)]) {
    await io.write(message);
    assertEquals(await io.read(), message);
  }
  await io.write("!close 4001 so");
  assertEquals(await io.read(), null);
  assertEquals(await io.closed, { closeCode: 4001, reason: "so", wasClean: true });
  await new Promise((resolve) => server.close(resolve));
});
